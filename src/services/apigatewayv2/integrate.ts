/** Backends of HTTP APIs: functions, HTTP servers, and AWS operations by first-class integration. */
import { AwsError } from "../../kernel/errors.ts";
import { type Callers, functionArnOf } from "../apigateway-common/caller.ts";
import { DeadlineExceeded, withDeadline } from "../apigateway-common/deadline.ts";
import { invokeFunction } from "../apigateway-common/lambda.ts";
import type { ApigatewayPorts } from "../apigateway-common/ports.ts";
import { HOP_BY_HOP, headersOf, jsonMessage } from "../apigateway-common/replies.ts";
import { grouped, own } from "../apigateway-common/request.ts";
import type { HttpResponse } from "../service.ts";
import type { CompiledIntegration } from "./compile.ts";
import { eventV1, eventV2 } from "./event.ts";
import { type Exchange, forwardedHeaders, mappingScope, parsed, routeArn } from "./exchange.ts";
import { applyMapping, compileTemplate, type Mapping, type MappingScope } from "./mapping.ts";
import { readReply } from "./reply.ts";
import { PAYLOAD_BYTES_MAX } from "./rules.ts";
import { ParameterError, SUBTYPES, subtypeForm } from "./subtypes.ts";

export type Integrate = (exchange: Exchange, integration: CompiledIntegration) => Promise<HttpResponse>;

const serverError = () => jsonMessage(500, "Internal Server Error");
const unavailable = () => jsonMessage(503, "Service Unavailable");

export function createIntegrate(ports: ApigatewayPorts, callers: Callers): Integrate {
  return async (exchange, compiled) => {
    const { integration } = compiled;
    const { flow } = exchange;
    const call =
      integration.IntegrationSubtype !== undefined
        ? callAws
        : integration.IntegrationType === "HTTP_PROXY"
          ? callHttp
          : callFunction;
    let response: HttpResponse;
    try {
      response = await withDeadline(flow.clock, integration.TimeoutInMillis, (signal) =>
        call(exchange, compiled, signal, ports, callers),
      );
    } catch (error) {
      if (error instanceof DeadlineExceeded) return unavailable();
      if (!(error instanceof AwsError)) throw error;
      flow.log.warn("An API integration was refused", {
        apiId: exchange.apiId,
        route: exchange.route.routeKey,
        code: error.code,
        message: error.message,
      });
      return serverError();
    }
    const mappings = compiled.response.get(response.status);
    return mappings ? mapResponse(exchange, response, mappings) : response;
  };
}

type CallBackend = (
  exchange: Exchange,
  compiled: CompiledIntegration,
  signal: AbortSignal,
  ports: ApigatewayPorts,
  callers: Callers,
) => Promise<HttpResponse>;

/** What a function's policy is asked about: the route, or `$default`. */
function sourceArnOf(exchange: Exchange): string {
  const { route } = exchange;
  return routeArn(exchange, route.path === "" ? "$default" : `${exchange.request.method}${route.path}`);
}

const callFunction: CallBackend = async (exchange, { integration, request }, signal, _ports, callers) => {
  const { flow } = exchange;
  const uri = compileUri(integration.IntegrationUri ?? "", mappingScope(exchange));
  const functionArn = functionArnOf(uri);
  if (!functionArn) return serverError();
  const principal = await callers.resolve(flow, integration.CredentialsArn, sourceArnOf(exchange), flow.accountId);
  const event = integration.PayloadFormatVersion === "2.0" ? eventV2(exchange) : eventV1(exchange);
  if (request.length > 0) mapEvent(exchange, event, request);
  const answer = await invokeFunction(flow, { functionArn, event, principal, signal });
  switch (answer.kind) {
    case "ok":
      return readReply(answer.text, integration.PayloadFormatVersion) ?? malformed(exchange, functionArn);
    case "function-error":
      return serverError();
    case "throttled":
      return unavailable();
    case "too-large":
      return jsonMessage(413, "Request Entity Too Large");
    case "refused":
      throw answer.error;
  }
};

function malformed(exchange: Exchange, functionArn: string): HttpResponse {
  exchange.flow.log.warn("A function's answer is no response that API Gateway understands", {
    apiId: exchange.apiId,
    route: exchange.route.routeKey,
    functionArn,
  });
  return serverError();
}

/** `${stageVariables.x}` and `$stageVariables.x` within a URI. */
function compileUri(uri: string, scope: MappingScope): string {
  if (!uri.includes("$")) return uri;
  return (compileTemplate(uri)(scope) ?? "").replaceAll(
    /\$stageVariables\.([A-Za-z0-9_]+)/g,
    (_, name: string) => scope.stageVariable(name) ?? "",
  );
}

/** Parameter mappings change what the function sees of headers, query and path. */
function mapEvent(exchange: Exchange, event: Record<string, unknown>, mappings: readonly Mapping[]): void {
  const scope = mappingScope(exchange);
  let headers = Object.entries((event["headers"] ?? {}) as Record<string, string>);
  let query = exchange.query.map(([name, value]): [string, string] => [name, value]);
  for (const mapping of mappings) {
    if (mapping.place === "header") headers = applyMapping(headers, mapping, scope);
    else if (mapping.place === "querystring") query = applyMapping(query, mapping, scope);
    else event[event["version"] === "2.0" ? "rawPath" : "path"] = mapping.value(scope) ?? "";
  }
  const join = (pairs: [string, string][], lists: false | true): Record<string, unknown> => {
    const groups = [...grouped(pairs)];
    return Object.fromEntries(lists ? groups : groups.map(([name, values]) => [name, values.join(",")]));
  };
  event["headers"] = join(headers, false);
  if (event["version"] === "2.0") {
    event["rawQueryString"] = new URLSearchParams(query).toString();
    if (query.length > 0) event["queryStringParameters"] = join(query, false);
    else delete event["queryStringParameters"];
  } else {
    event["multiValueHeaders"] = join(headers, true);
    event["queryStringParameters"] = query.length > 0 ? Object.fromEntries(query) : null;
    event["multiValueQueryStringParameters"] = query.length > 0 ? join(query, true) : null;
  }
}

const callHttp: CallBackend = async (exchange, { integration, request: mappings }, signal, ports) => {
  const scope = mappingScope(exchange);
  let target = compileUri(integration.IntegrationUri ?? "", scope);
  for (const [name, value] of Object.entries(exchange.pathParameters)) {
    target = target.replaceAll(`{${name}}`, value.split("/").map(encodeURIComponent).join("/"));
  }
  let url: URL;
  try {
    url = new URL(target);
  } catch {
    return serverError();
  }
  if (exchange.route.path === "") url.pathname = url.pathname.replace(/\/$/, "") + exchange.path;
  let headers = Object.entries(forwardedHeaders(exchange, "keep")).filter(
    ([name]) =>
      !HOP_BY_HOP.has(name) && name !== "host" && name !== "content-length" && !name.startsWith("x-forwarded-"),
  );
  let query: [string, string][] = [
    ...url.searchParams,
    ...exchange.query.map(([name, value]) => [name, value] as [string, string]),
  ];
  for (const mapping of mappings) {
    if (mapping.place === "header") headers = applyMapping(headers, mapping, scope);
    else if (mapping.place === "querystring") query = applyMapping(query, mapping, scope);
    else url.pathname = mapping.value(scope) ?? "/";
  }
  url.search = new URLSearchParams(query).toString();
  const method = integration.IntegrationMethod === "ANY" ? exchange.request.method : integration.IntegrationMethod!;
  const { sourceIp, headers: asked } = exchange.request;
  const answer = await ports
    .sendHttp({
      method,
      url,
      headers: [
        ...headers,
        ["host", url.host],
        ["content-length", String(exchange.body.length)],
        ["forwarded", `by=${url.hostname};for=${sourceIp};host=${asked["host"] ?? ""};proto=http`],
        ["via", "HTTP/1.1 AmazonAPIGateway"],
      ],
      body: exchange.body,
      signal,
      responseBytesMax: PAYLOAD_BYTES_MAX,
    })
    .catch((error: unknown) => {
      if (signal.aborted) throw error;
      exchange.flow.log.warn("An HTTP integration could not be reached", { url: url.href, error: String(error) });
      return undefined;
    });
  if (!answer) return unavailable();
  const kept = answer.headers
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !HOP_BY_HOP.has(name) && name !== "content-length");
  return { status: answer.status, headers: headersOf(kept), body: answer.body };
};

const callAws: CallBackend = async (exchange, { integration, parameters }, _signal, ports, callers) => {
  const { flow } = exchange;
  const subtype = own(SUBTYPES, integration.IntegrationSubtype!);
  if (!subtype) return serverError();
  const scope = mappingScope(exchange);
  const values = new Map<string, string>();
  for (const [name, template] of parameters) {
    const value = template(scope);
    if (value !== undefined) values.set(name, value);
    else if (subtype.required.includes(name)) {
      return jsonMessage(400, `Parameter ${name} is required by the integration but the request does not have it`);
    }
  }
  let form: URLSearchParams;
  try {
    form = subtypeForm(subtype, values);
  } catch (error) {
    if (!(error instanceof ParameterError)) throw error;
    return jsonMessage(400, error.message);
  }
  const principal = await callers.resolve(flow, integration.CredentialsArn, sourceArnOf(exchange), flow.accountId);
  const answer = await ports.dispatchAws(
    flow,
    {
      service: subtype.service,
      method: "POST",
      path: "/",
      query: "",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: Buffer.from(form.toString()),
    },
    { principal, accountId: flow.accountId, region: values.get("Region") ?? flow.region },
  );
  const headers: Record<string, string> = {};
  for (const name of ["content-type", "x-amzn-requestid"]) {
    const value = answer.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  return { status: answer.status, headers, body: answer.body };
};

function mapResponse(exchange: Exchange, response: HttpResponse, mappings: readonly Mapping[]): HttpResponse {
  const body =
    typeof response.body === "string" ? Buffer.from(response.body) : Buffer.from((response.body as Buffer) ?? "");
  let pairs = Object.entries(response.headers).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one): [string, string] => [name, one]),
  );
  const before = pairs;
  let status = response.status;
  const scope: MappingScope = {
    ...mappingScope(exchange),
    response: {
      header: (name) =>
        before
          .filter(([other]) => other.toLowerCase() === name.toLowerCase())
          .map(([, value]) => value)
          .join(",") || undefined,
      bodyText: () => body.toString("utf8"),
      bodyJson: () => parsed(body),
    },
  };
  for (const mapping of mappings) {
    if (mapping.place === "header") pairs = applyMapping(pairs, mapping, scope);
    else {
      const given = Number(mapping.value(scope));
      if (Number.isInteger(given) && given >= 200 && given <= 599) status = given;
    }
  }
  return { status, headers: headersOf(pairs), body };
}
