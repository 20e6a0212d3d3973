/** The data plane of HTTP APIs: from a request to the answer of its route's backend. */
import { AwsError } from "../../kernel/errors.ts";
import { findApi } from "../apigateway-common/addresses.ts";
import { createCallers } from "../apigateway-common/caller.ts";
import { createJwtVerifier } from "../apigateway-common/jwt.ts";
import { meteredRequest, type TimeIntegration } from "../apigateway-common/metering.ts";
import type { ApigatewayPorts, DataPlane } from "../apigateway-common/ports.ts";
import { canBeSent, jsonMessage } from "../apigateway-common/replies.ts";
import { decodePath } from "../apigateway-common/request.ts";
import type { FlowContext, HttpRequest, HttpResponse } from "../service.ts";
import { createAuthorize } from "./authorize.ts";
import { type CompiledApi, type CompiledStage, compileApi } from "./compile.ts";
import { isPreflight, preflight, withCors } from "./cors.ts";
import { beginExchange, type Exchange } from "./exchange.ts";
import { createIntegrate } from "./integrate.ts";
import { PAYLOAD_BYTES_MAX } from "./rules.ts";

const COMPILED_MAX = 500;

/** Keeps compiled APIs, each as long as its revision is the current one. One per platform. */
export function createHttpApiPlane(ports: ApigatewayPorts): DataPlane {
  const compiled = new Map<string, CompiledApi>();
  const callers = createCallers();
  const authorize = createAuthorize(
    ports,
    callers,
    createJwtVerifier(ports),
    (apiId) => compiled.get(apiId)?.revision ?? 0,
  );
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

  return async (caller, address, request) => {
    const flow = caller.as({ accountId: address.accountId, region: address.region });
    const api = await current(flow, address.apiId, address.revision);
    const target = api && !api.disabled ? selectStage(api, request.path) : undefined;
    if (!target) return jsonMessage(404, "Not Found");
    const { stage, path } = target;
    const metered = { kind: "HTTP", apiId: address.apiId, apiName: address.apiId, stage: stage.name } as const;
    return meteredRequest(flow, metered, request, (timed) => respond(flow, address, stage, path, request, timed));
  };

  async function respond(
    flow: FlowContext,
    address: Parameters<DataPlane>[1],
    stage: CompiledStage,
    path: string,
    request: HttpRequest,
    timed: TimeIntegration,
  ): Promise<HttpResponse> {
    const begun = beginExchange(flow, address.apiId, stage, path, request);
    let response: HttpResponse;
    if (stage.cors && isPreflight(request)) response = preflight(stage.cors, request);
    else {
      response = await answer(begun, request, timed);
      if (stage.cors) response = withCors(stage.cors, request, response);
    }
    if (!canBeSent(response)) {
      flow.log.warn("A backend's answer has a status or a header that HTTP cannot carry", { apiId: address.apiId });
      response = jsonMessage(500, "Internal Server Error");
    }
    return { ...response, headers: { ...response.headers, "apigw-requestid": begun.requestId } };
  }

  async function answer(
    begun: ReturnType<typeof beginExchange>,
    request: HttpRequest,
    timed: TimeIntegration,
  ): Promise<HttpResponse> {
    const match = begun.stage.router.match(request.method, begun.path);
    const integration = match?.value.integration;
    if (!match || !integration) return jsonMessage(404, "Not Found");
    const route = match.value;
    if (route.throttle && !route.throttle.take(begun.nowMs)) return jsonMessage(429, "Too Many Requests");
    let body: Buffer;
    try {
      body = await request.readBody(PAYLOAD_BYTES_MAX, tooLarge);
    } catch (error) {
      if (error instanceof AwsError && error.code === TOO_LARGE) return jsonMessage(413, "Request Entity Too Large");
      throw error;
    }
    const exchange: Exchange = {
      ...begun,
      route,
      pathParameters: match.parameters,
      body,
      authorization: { kind: "none" },
    };
    const verdict = await authorize(exchange);
    if (!verdict.allowed) return verdict.response;
    exchange.authorization = verdict.authorization;
    return timed(() => integrate(exchange, integration));
  }
}

const TOO_LARGE = "RequestEntityTooLargeException";
const tooLarge = () => new AwsError(TOO_LARGE, "Request Entity Too Large", 413);

/** The first path segment if it names a stage, else `$default`. */
function selectStage(api: CompiledApi, path: string): { stage: CompiledStage; path: string } | undefined {
  const full = path === "" ? "/" : path;
  const end = full.indexOf("/", 1);
  const first = decodePath(end < 0 ? full.slice(1) : full.slice(1, end));
  const named = first === "" ? undefined : api.stages.get(first);
  if (named) return { stage: named, path: end < 0 ? "/" : full.slice(end) };
  const fallback = api.stages.get("$default");
  return fallback && { stage: fallback, path: full };
}
