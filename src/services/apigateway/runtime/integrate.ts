/** From a request to its integration and back: which template, which integration response, which headers. */

import { AwsError } from "../../../kernel/errors.ts";
import { CALLER_CREDENTIALS, type Callers, functionArnOf } from "../../apigateway-common/caller.ts";
import { DeadlineExceeded, withDeadline } from "../../apigateway-common/deadline.ts";
import { invokeFunction } from "../../apigateway-common/lambda.ts";
import type { ApigatewayPorts } from "../../apigateway-common/ports.ts";
import { HOP_BY_HOP, headersOf } from "../../apigateway-common/replies.ts";
import { own } from "../../apigateway-common/request.ts";
import type { HttpResponse, Principal } from "../../service.ts";
import { callAws } from "./aws.ts";
import type { CompiledResponse } from "./compile.ts";
import { isBinary, proxyEvent, readProxyAnswer } from "./event.ts";
import { contextVariable, type Exchange, methodArn, requestValues, templateScope } from "./exchange.ts";
import { GatewayError, internalServerError, malformedProxyResponse } from "./gateway.ts";
import { callHttp, proxyHttp } from "./http.ts";
import { evaluateRequest, evaluateResponse, type ResponseValues } from "./parameters.ts";
import { renderTemplate, type Template, TemplateError } from "./vtl.ts";

/** What is sent to a backend that is not a proxy. */
export interface BackendRequest {
  readonly headers: readonly (readonly [string, string])[];
  readonly query: readonly (readonly [string, string])[];
  readonly path: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What came back. */
export interface BackendResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** What selection patterns are matched with: the status, or a function's error message. Undefined selects the default response. */
  readonly selector: string | undefined;
}

export type Integrate = (exchange: Exchange) => Promise<HttpResponse>;

export function createIntegrate(ports: ApigatewayPorts, callers: Callers): Integrate {
  return async (exchange) => {
    const { flow } = exchange;
    const { integration } = exchange.target!;
    try {
      return await withDeadline(flow.clock, integration.timeoutInMillis, (signal) =>
        integrate(exchange, signal, ports, callers),
      );
    } catch (error) {
      if (error instanceof DeadlineExceeded)
        throw new GatewayError("INTEGRATION_TIMEOUT", "Endpoint request timed out");
      if (error instanceof AwsError || error instanceof TemplateError) {
        flow.log.warn("An API integration failed", {
          apiId: exchange.apiId,
          resource: exchange.target!.resource.path,
          error: error.message,
        });
        throw internalServerError();
      }
      throw error;
    }
  };
}

async function integrate(
  exchange: Exchange,
  signal: AbortSignal,
  ports: ApigatewayPorts,
  callers: Callers,
): Promise<HttpResponse> {
  const { integration } = exchange.target!;
  switch (integration.type) {
    case "AWS_PROXY":
      return callProxyFunction(exchange, signal, callers);
    case "HTTP_PROXY":
      return proxyHttp(exchange, mappedParameters(exchange), signal, ports);
    case "MOCK":
      return respond(exchange, callMock(exchange));
    case "HTTP":
      return respond(exchange, await callHttp(exchange, backendRequest(exchange), signal, ports));
    case "AWS": {
      const request = backendRequest(exchange);
      const uri = resolvedUri(exchange, integration.uri ?? "");
      const principal = await principalOf(exchange, callers);
      const functionArn = functionArnOf(uri);
      return respond(
        exchange,
        functionArn
          ? await callFunction(exchange, functionArn, request, principal, signal)
          : await callAws(exchange, uri, request, principal, ports),
      );
    }
  }
  throw internalServerError();
}

function principalOf(exchange: Exchange, callers: Callers): Promise<Principal> {
  const { flow } = exchange;
  const { credentials } = exchange.target!.integration;
  if (credentials === CALLER_CREDENTIALS && flow.principal.type === "anonymous") throw internalServerError();
  const sourceArn = methodArn(exchange, exchange.target!.resource.path);
  return callers.resolve(flow, credentials, sourceArn, flow.accountId);
}

/** `${stageVariables.x}` within a URI. */
export function resolvedUri(exchange: Exchange, uri: string): string {
  return uri.replaceAll(
    /\$\{stageVariables\.([A-Za-z0-9_]+)\}/g,
    (_, name: string) => own(exchange.stage.variables, name) ?? "",
  );
}

async function callProxyFunction(exchange: Exchange, signal: AbortSignal, callers: Callers): Promise<HttpResponse> {
  const functionArn = functionArnOf(resolvedUri(exchange, exchange.target!.integration.uri ?? ""));
  if (!functionArn) throw internalServerError();
  const principal = await principalOf(exchange, callers);
  const answer = await invokeFunction(exchange.flow, { functionArn, event: proxyEvent(exchange), principal, signal });
  if (answer.kind === "refused") throw answer.error;
  if (answer.kind === "throttled") throw internalServerError();
  if (answer.kind === "too-large") throw new GatewayError("REQUEST_TOO_LARGE", "Request Too Long");
  const response = answer.kind === "ok" ? readProxyAnswer(exchange, answer.text) : undefined;
  if (response) return response;
  if (answer.kind === "ok") {
    exchange.flow.log.warn("A function's answer is no response that API Gateway understands", {
      apiId: exchange.apiId,
      resource: exchange.target!.resource.path,
      functionArn,
    });
  }
  throw malformedProxyResponse();
}

/** Headers, query and path that the integration's request parameters and overrides ask for. */
export function mappedParameters(exchange: Exchange): Omit<BackendRequest, "body"> {
  const values = requestValues(exchange);
  const headers: [string, string][] = [];
  const query: [string, string][] = [];
  const path: Record<string, string> = {};
  for (const [name, expression] of Object.entries(exchange.target!.integration.requestParameters ?? {})) {
    const [, place, key = ""] = /^integration\.request\.(header|querystring|path)\.(.+)$/s.exec(name) ?? [];
    for (const value of evaluateRequest(expression, values)) {
      if (place === "header") headers.push([key, value]);
      else if (place === "querystring") query.push([key, value]);
      else path[key] = value;
    }
  }
  return { headers, query, path };
}

function backendRequest(exchange: Exchange): BackendRequest {
  const body = requestBody(exchange);
  const mapped = mappedParameters(exchange);
  const overrides = exchange.context["requestOverride"];
  const replaced = (pairs: readonly (readonly [string, string])[], by: Record<string, unknown>) => {
    const names = new Set(Object.keys(by).map((name) => name.toLowerCase()));
    return [
      ...pairs.filter(([name]) => !names.has(name.toLowerCase())),
      ...Object.entries(by).flatMap(([name, value]) =>
        [value].flat().map((one): [string, string] => [name, String(one)]),
      ),
    ];
  };
  const headers = replaced(mapped.headers, overrides.header);
  const typed = headers.some(([name]) => name.toLowerCase() === "content-type");
  return {
    headers: typed ? headers : [...headers, ["Content-Type", body.type]],
    query: replaced(mapped.query, overrides.querystring),
    path: {
      ...mapped.path,
      ...Object.fromEntries(Object.entries(overrides.path).map(([name, one]) => [name, String(one)])),
    },
    body: body.bytes,
  };
}

/**
 * The payload for the backend: through the template of the request's content type, or passed through as the integration allows.
 * @throws GatewayError UNSUPPORTED_MEDIA_TYPE
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html
 */
function requestBody(exchange: Exchange): { bytes: Buffer; type: string } {
  const { templates, integration } = exchange.target!;
  const given = exchange.request.headers["content-type"];
  const type = (given ?? "application/json").split(";")[0]!.trim().toLowerCase();
  const binary = isBinary(given, exchange.stage.binaryMediaTypes);
  const template = templates.get(type);
  if (template && !(binary && integration.contentHandling === undefined)) {
    const text =
      binary && integration.contentHandling === "CONVERT_TO_TEXT"
        ? exchange.body.toString("base64")
        : exchange.body.toString("utf8");
    return { bytes: Buffer.from(render(exchange, template, text)), type: "application/json" };
  }
  const passes =
    integration.passthroughBehavior === "WHEN_NO_MATCH" ||
    (integration.passthroughBehavior === "WHEN_NO_TEMPLATES" && templates.size === 0);
  if (!passes) throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type");
  let bytes = exchange.body;
  if (binary && integration.contentHandling === "CONVERT_TO_TEXT") bytes = Buffer.from(bytes.toString("base64"));
  if (!binary && integration.contentHandling === "CONVERT_TO_BINARY")
    bytes = Buffer.from(bytes.toString("utf8"), "base64");
  return { bytes, type: given ?? "application/json" };
}

function render(exchange: Exchange, template: Template, body: string): string {
  return renderTemplate(template, templateScope(exchange, body));
}

/** The request template says which status comes back: `{"statusCode": 200}`, which need not be strict JSON (the CDK writes `{ statusCode: 200 }`). */
function callMock(exchange: Exchange): BackendResponse {
  const text = requestBody(exchange).bytes.toString("utf8");
  const status = /^\s*\{[^{}]*?(["']?)statusCode\1\s*:\s*(["']?)(\d{3})\2\s*[,}]/s.exec(text)?.[3];
  if (status === undefined) throw internalServerError();
  return { status: Number(status), headers: [], body: Buffer.alloc(0), selector: status };
}

async function callFunction(
  exchange: Exchange,
  functionArn: string,
  request: BackendRequest,
  principal: Principal,
  signal: AbortSignal,
): Promise<BackendResponse> {
  const type = request.headers.find(([name]) => name.toLowerCase() === "x-amz-invocation-type")?.[1];
  const event = request.body.length === 0 ? "{}" : request.body.toString("utf8");
  const answer = await invokeFunction(exchange.flow, {
    functionArn,
    event,
    principal,
    signal,
    invocationType: type === "Event" ? "Event" : "RequestResponse",
  });
  if (answer.kind === "refused") throw answer.error;
  if (answer.kind === "too-large") throw new GatewayError("REQUEST_TOO_LARGE", "Request Too Long");
  if (answer.kind === "throttled") {
    return {
      status: 429,
      headers: [],
      body: Buffer.from(
        '{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}',
      ),
      selector: "Rate Exceeded.",
    };
  }
  const body = Buffer.from(answer.text);
  if (answer.kind === "ok") return { status: type === "Event" ? 202 : 200, headers: [], body, selector: undefined };
  let message: unknown;
  try {
    message = JSON.parse(answer.text).errorMessage;
  } catch {
    message = undefined;
  }
  return { status: 200, headers: [], body, selector: message === undefined ? "" : String(message) };
}

/** @throws GatewayError API_CONFIGURATION_ERROR when no integration response fits */
function respond(exchange: Exchange, backend: BackendResponse): HttpResponse {
  const chosen = choose(exchange.target!.responses, backend.selector);
  if (!chosen) throw internalServerError();
  const { response } = chosen;
  const { contentHandling } = response;
  const [type, template] = chosenTemplate(chosen, exchange.request.headers["accept"]);
  const text = backend.body.toString(
    contentHandling === "CONVERT_TO_TEXT" && !isUtf8(backend.body) ? "base64" : "utf8",
  );
  let body: string | Buffer = template ? render(exchange, template, text) : backend.body;
  if (!template && contentHandling === "CONVERT_TO_TEXT") body = text;
  if (contentHandling === "CONVERT_TO_BINARY") body = Buffer.from(body.toString("utf8"), "base64");
  const pairs: [string, string][] = [];
  const values: ResponseValues = {
    header: (name) =>
      backend.headers.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, value]) => value),
    bodyText: () => backend.body.toString("utf8"),
    context: (name) => contextVariable(exchange, name),
    stageVariable: (name) => exchange.stage.variables[name],
  };
  for (const [name, expression] of Object.entries(response.responseParameters ?? {})) {
    const header = name.slice("method.response.header.".length);
    for (const value of evaluateResponse(expression, values)) pairs.push([header, value]);
  }
  const override = exchange.context["responseOverride"];
  const overridden = new Set(Object.keys(override.header).map((name) => name.toLowerCase()));
  const kept = pairs.filter(([name]) => !overridden.has(name.toLowerCase()) && !HOP_BY_HOP.has(name.toLowerCase()));
  for (const [name, value] of Object.entries(override.header)) {
    for (const one of [value].flat()) kept.push([name, String(one)]);
  }
  if (!kept.some(([name]) => name.toLowerCase() === "content-type"))
    kept.push(["Content-Type", type ?? "application/json"]);
  const status = Number(override.status ?? response.statusCode);
  return {
    status: Number.isInteger(status) && status >= 100 && status <= 599 ? status : 500,
    headers: headersOf(kept),
    body,
  };
}

function isUtf8(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString("utf8")).equals(bytes);
}

function choose(responses: readonly CompiledResponse[], selector: string | undefined): CompiledResponse | undefined {
  const fallback = responses.find((one) => one.pattern === undefined);
  if (selector === undefined) return fallback;
  return responses.find((one) => one.pattern?.test(selector)) ?? fallback;
}

function chosenTemplate(
  { templates }: CompiledResponse,
  accept: string | undefined,
): readonly [string, Template] | readonly [undefined, undefined] {
  const wanted = accept?.split(",")[0]?.split(";")[0]?.trim().toLowerCase();
  const exact = wanted === undefined ? undefined : templates.get(wanted);
  if (exact) return [wanted!, exact];
  const json = templates.get("application/json");
  if (json) return ["application/json", json];
  const [first] = templates;
  return first ?? [undefined, undefined];
}
