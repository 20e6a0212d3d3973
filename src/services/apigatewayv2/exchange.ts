/** One request on its way through an HTTP API: what was asked, by whom, and what `$context` knows of it. */

import { commonLogTime, extendedRequestId, traceId } from "../apigateway-common/replies.ts";
import { decodePath, grouped, own, parseQuery, portOf } from "../apigateway-common/request.ts";
import type { FlowContext, HttpRequest } from "../service.ts";
import type { CompiledRoute, CompiledStage } from "./compile.ts";
import type { MappingScope } from "./mapping.ts";

export interface Exchange {
  readonly flow: FlowContext;
  readonly apiId: string;
  readonly stage: CompiledStage;
  readonly request: HttpRequest;
  readonly requestId: string;
  readonly traceId: string;
  readonly nowMs: number;
  /** Percent-encoded, without the stage. */
  readonly path: string;
  /** Decoded, with the stage unless it is `$default`. */
  readonly rawPath: string;
  readonly domainName: string;
  readonly query: readonly (readonly [string, string])[];
  route: CompiledRoute;
  pathParameters: Readonly<Record<string, string>>;
  body: Buffer;
  authorization: Authorization;
}

/** What the route's authorizer found out; it becomes `requestContext.authorizer`. */
export type Authorization =
  | { readonly kind: "none" }
  | {
      readonly kind: "jwt";
      readonly claims: Readonly<Record<string, unknown>>;
      readonly scopes: readonly string[] | null;
    }
  | { readonly kind: "lambda"; readonly context: Readonly<Record<string, unknown>>; readonly principalId?: string }
  | {
      readonly kind: "iam";
      readonly accountId: string;
      readonly callerId: string;
      readonly userArn: string;
      readonly userId: string;
      readonly accessKey: string;
    };

export function beginExchange(
  flow: FlowContext,
  apiId: string,
  stage: CompiledStage,
  path: string,
  request: HttpRequest,
): Omit<Exchange, "route" | "pathParameters" | "body" | "authorization"> {
  const nowMs = flow.clock.nowMs();
  return {
    flow,
    apiId,
    stage,
    request,
    requestId: extendedRequestId(flow.random),
    traceId: traceId(flow),
    nowMs,
    path,
    rawPath: (stage.name === "$default" ? "" : `/${stage.name}`) + decodePath(path),
    domainName: (request.headers["host"] ?? request.host).replace(/:\d+$/, ""),
    query: parseQuery(request.query),
  };
}

/** The headers that a backend sees: lower case, several values joined, with what API Gateway adds. Cookies are left out when the format has a place of its own for them. */
export function forwardedHeaders(exchange: Exchange, cookies: "keep" | "drop"): Record<string, string> {
  const { request } = exchange;
  const headers = new Map<string, string>();
  for (const [sent, value] of request.rawHeaders) {
    const name = sent.toLowerCase();
    if (name === "cookie" && cookies === "drop") continue;
    if (name === "connection" || name === "keep-alive" || name === "transfer-encoding") continue;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ","}${value}`);
  }
  const forwardedFor = request.headers["x-forwarded-for"];
  headers.set("content-length", String(exchange.body.length));
  headers.set("x-amzn-trace-id", request.headers["x-amzn-trace-id"] ?? exchange.traceId);
  headers.set("x-forwarded-for", forwardedFor ? `${forwardedFor}, ${request.sourceIp}` : request.sourceIp);
  headers.set("x-forwarded-port", portOf(request));
  headers.set("x-forwarded-proto", "http");
  return Object.fromEntries(headers);
}

/** `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path`: what policies of functions and authorizers name. */
export function routeArn(exchange: Exchange, methodAndPath: string): string {
  const { accountId, region } = exchange.flow;
  return `arn:aws:execute-api:${region}:${accountId}:${exchange.apiId}/${exchange.stage.name}/${methodAndPath}`;
}

/** The `$context` variables. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html */
export function contextVariable(exchange: Exchange, name: string): string | undefined {
  const { flow, request, authorization } = exchange;
  const [head = "", ...rest] = name.split(".");
  switch (head) {
    case "accountId":
      return flow.accountId;
    case "apiId":
      return exchange.apiId;
    case "domainName":
      return exchange.domainName;
    case "domainPrefix":
      return exchange.domainName.split(".")[0];
    case "extendedRequestId":
    case "requestId":
      return exchange.requestId;
    case "httpMethod":
      return request.method;
    case "path":
      return exchange.rawPath;
    case "protocol":
      return request.protocol;
    case "requestTime":
      return commonLogTime(exchange.nowMs);
    case "requestTimeEpoch":
      return String(exchange.nowMs);
    case "routeKey":
      return exchange.route.routeKey;
    case "stage":
      return exchange.stage.name;
    case "identity":
      return identityVariable(exchange, rest.join("."));
    case "authorizer": {
      if (authorization.kind === "jwt" && rest[0] === "claims")
        return claimText(own(authorization.claims, rest.slice(1).join(".")));
      if (authorization.kind !== "lambda") return undefined;
      if (rest[0] === "principalId") return authorization.principalId;
      return claimText(own(authorization.context, rest.join(".")));
    }
    default:
      return undefined;
  }
}

function identityVariable({ request, authorization }: Exchange, name: string): string | undefined {
  if (name === "sourceIp") return request.sourceIp;
  if (name === "userAgent") return request.headers["user-agent"];
  if (authorization.kind !== "iam") return undefined;
  const { accountId, callerId, userArn, userId } = authorization;
  return own({ accountId, caller: callerId, user: userId, userArn }, name);
}

/** Claims are text in events and mappings: lists in brackets, separated by spaces. */
export function claimText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return `[${value.map(String).join(" ")}]`;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function mappingScope(exchange: Exchange): MappingScope {
  let json: { value: unknown } | undefined;
  const query = grouped(exchange.query);
  return {
    header: (name) => own(exchange.request.headers, name.toLowerCase()),
    query: (name) => query.get(name)?.join(","),
    path: () => decodePath(exchange.path),
    pathParameter: (name) => own(exchange.pathParameters, name),
    bodyText: () => exchange.body.toString("utf8"),
    bodyJson() {
      json ??= { value: parsed(exchange.body) };
      return json.value;
    },
    context: (name) => contextVariable(exchange, name),
    stageVariable: (name) => own(exchange.stage.variables, name),
  };
}

export function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
