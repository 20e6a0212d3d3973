/** The data plane of REST APIs: from a request to the answer of its method's integration. */
import { AwsError } from "../../../kernel/errors.ts";
import { findApi } from "../../apigateway-common/addresses.ts";
import { createCallers } from "../../apigateway-common/caller.ts";
import { meteredRequest, type TimeIntegration } from "../../apigateway-common/metering.ts";
import type { ApigatewayPorts, DataPlane } from "../../apigateway-common/ports.ts";
import { canBeSent, jsonMessage } from "../../apigateway-common/replies.ts";
import { decodePath } from "../../apigateway-common/request.ts";
import type { FlowContext, HttpRequest, HttpResponse } from "../../service.ts";
import { createAuthorize } from "./authorize.ts";
import { type CompiledApi, type CompiledStage, compileApi } from "./compile.ts";
import { beginExchange, type Exchange } from "./exchange.ts";
import { GatewayError, gatewayResponse, internalServerError, malformedProxyResponse } from "./gateway.ts";
import { PAYLOAD_BYTES_MAX } from "./http.ts";
import { createIntegrate } from "./integrate.ts";
import { validateRequest } from "./validate.ts";

const COMPILED_MAX = 500;

/** Keeps compiled APIs, each as long as its revision is the current one. One per platform. */
export function createRestApiPlane(ports: ApigatewayPorts): DataPlane {
  const compiled = new Map<string, CompiledApi>();
  const callers = createCallers();
  const authorize = createAuthorize(ports, callers, (apiId) => compiled.get(apiId)?.revision ?? 0);
  const integrate = createIntegrate(ports, callers);

  async function current(flow: FlowContext, apiId: string, revision: number): Promise<CompiledApi | undefined> {
    const known = compiled.get(apiId);
    if (known?.revision === revision) return known;
    const fresh = await flow.write((tx) => {
      const address = findApi(tx, apiId);
      return address && compileApi(tx, address, apiId, address.revision);
    });
    if (compiled.size >= COMPILED_MAX) compiled.clear();
    if (fresh) compiled.set(apiId, fresh);
    return fresh;
  }

  async function answer(exchange: Exchange, timed: TimeIntegration): Promise<HttpResponse> {
    const { request, stage } = exchange;
    // A slash at the end makes no difference.
    const path = exchange.path.length > 1 ? exchange.path.replace(/\/$/, "") : exchange.path;
    const match = stage.router.match(request.method, path);
    if (!match) throw new GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token");
    const target = match.value;
    exchange.target = target;
    exchange.pathParameters = match.parameters;
    Object.assign(exchange.context, { resourceId: target.resource.id, resourcePath: target.resource.path });
    exchange.body = await request.readBody(PAYLOAD_BYTES_MAX, tooLarge);
    await authorize(exchange);
    if (target.throttle && !target.throttle.take(exchange.nowMs))
      throw new GatewayError("THROTTLED", "Too Many Requests");
    validateRequest(exchange);
    return timed(() => integrate(exchange));
  }

  return async (caller, address, request) => {
    const flow = caller.as({ accountId: address.accountId, region: address.region });
    const api = await current(flow, address.apiId, address.revision);
    const full = request.path === "" ? "/" : request.path;
    const end = full.indexOf("/", 1);
    const stage = api?.stages.get(decodePath(end < 0 ? full.slice(1) : full.slice(1, end)));
    if (!api || api.disabled || !stage) {
      return jsonMessage(403, "Forbidden", {
        "x-amzn-RequestId": flow.random.uuid(),
        "x-amzn-ErrorType": "ForbiddenException",
      });
    }
    const metered = { kind: "REST", apiId: address.apiId, apiName: api.name, stage: stage.name } as const;
    return meteredRequest(flow, metered, request, (timed) =>
      respond(flow, address, stage, end < 0 ? "/" : full.slice(end), request, timed),
    );
  };

  async function respond(
    flow: FlowContext,
    address: Parameters<DataPlane>[1],
    stage: CompiledStage,
    path: string,
    request: HttpRequest,
    timed: TimeIntegration,
  ): Promise<HttpResponse> {
    const exchange = beginExchange(flow, address.apiId, stage, path, request);
    let response: HttpResponse;
    try {
      response = await answer(exchange, timed);
      if (!canBeSent(response)) {
        flow.log.warn("A backend's answer has a status or a header that HTTP cannot carry", { apiId: address.apiId });
        throw exchange.target!.integration.type === "AWS_PROXY" ? malformedProxyResponse() : internalServerError();
      }
    } catch (error) {
      if (error instanceof GatewayError) response = gatewayResponse(exchange, error);
      else if (error instanceof AwsError && error.code === TOO_LARGE) {
        response = gatewayResponse(exchange, new GatewayError("REQUEST_TOO_LARGE", "Request Too Long"));
      } else throw error;
    }
    return {
      ...response,
      headers: {
        ...response.headers,
        "x-amzn-RequestId": exchange.requestId,
        "x-amz-apigw-id": exchange.extendedRequestId,
        "X-Amzn-Trace-Id": exchange.traceId,
      },
    };
  }
}

const TOO_LARGE = "RequestEntityTooLargeException";
const tooLarge = () => new AwsError(TOO_LARGE, "Request Too Long", 413);
