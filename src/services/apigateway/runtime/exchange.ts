/** One request on its way through a REST API: what was asked, by whom, and what `$context` knows of it. */
import { commonLogTime, extendedRequestId, traceId } from "../../apigateway-common/replies.ts";
import { decodePath, grouped, own, parseQuery, portOf } from "../../apigateway-common/request.ts";
import type { FlowContext, HttpRequest } from "../../service.ts";
import type { CompiledMethod, CompiledStage } from "./compile.ts";
import type { RequestValues } from "./parameters.ts";
import type { TemplateScope } from "./vtl.ts";

export interface Exchange {
  readonly flow: FlowContext;
  readonly apiId: string;
  readonly stage: CompiledStage;
  readonly request: HttpRequest;
  /** A UUID. */
  readonly requestId: string;
  readonly extendedRequestId: string;
  readonly traceId: string;
  readonly nowMs: number;
  /** Percent-encoded, without the stage. */
  readonly path: string;
  readonly domainName: string;
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** Names as sent, with what API Gateway adds. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** `$context` as templates see it; what they set in its overrides is read back. */
  readonly context: Record<string, any>;
  target: CompiledMethod | undefined;
  pathParameters: Readonly<Record<string, string>>;
  body: Buffer;
  /** What a Lambda authorizer returned: strings, as integrations get them. */
  authorizer: Readonly<Record<string, unknown>> | undefined;
}

export function beginExchange(
  flow: FlowContext,
  apiId: string,
  stage: CompiledStage,
  path: string,
  request: HttpRequest,
): Exchange {
  const nowMs = flow.clock.nowMs();
  const trace = request.headers["x-amzn-trace-id"] ?? traceId(flow);
  const domainName = (request.headers["host"] ?? request.host).replace(/:\d+$/, "");
  const requestId = flow.random.uuid();
  const extended = extendedRequestId(flow.random);
  const fullPath = `/${stage.name}${decodePath(path)}`;
  const context = {
    accountId: flow.accountId,
    apiId,
    deploymentId: stage.deploymentId,
    domainName,
    domainPrefix: domainName.split(".")[0]!,
    extendedRequestId: extended,
    httpMethod: request.method,
    identity: {
      sourceIp: request.sourceIp,
      userAgent: request.headers["user-agent"] ?? "",
    },
    path: fullPath,
    protocol: request.protocol,
    requestId,
    requestTime: commonLogTime(nowMs),
    requestTimeEpoch: nowMs,
    stage: stage.name,
    requestOverride: { header: {}, path: {}, querystring: {} },
    responseOverride: { header: {} },
  };
  return {
    flow,
    apiId,
    stage,
    request,
    requestId,
    extendedRequestId: extended,
    traceId: trace,
    nowMs,
    path,
    domainName,
    query: grouped(parseQuery(request.query)),
    headers: forwardedHeaders(request, trace),
    context,
    target: undefined,
    pathParameters: {},
    body: Buffer.alloc(0),
    authorizer: undefined,
  };
}

function forwardedHeaders(request: HttpRequest, trace: string): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  const spelling = new Map<string, string>();
  for (const [name, value] of request.rawHeaders) {
    const lower = name.toLowerCase();
    if (["connection", "keep-alive", "transfer-encoding", "content-length"].includes(lower)) continue;
    if (lower.startsWith("x-forwarded-") || lower === "x-amzn-trace-id") continue;
    const known = spelling.get(lower);
    if (known) headers.get(known)!.push(value);
    else {
      const shown = lower === "host" ? "Host" : name;
      spelling.set(lower, shown);
      headers.set(shown, [value]);
    }
  }
  const before = request.headers["x-forwarded-for"];
  headers.set("X-Amzn-Trace-Id", [trace]);
  headers.set("X-Forwarded-For", [before ? `${before}, ${request.sourceIp}` : request.sourceIp]);
  headers.set("X-Forwarded-Port", [portOf(request)]);
  headers.set("X-Forwarded-Proto", ["http"]);
  return headers;
}

export function headerValues(exchange: Exchange, name: string): readonly string[] {
  const lower = name.toLowerCase();
  for (const [other, values] of exchange.headers) if (other.toLowerCase() === lower) return values;
  return [];
}

/** `context.identity.sourceIp` without the first step; undefined for what is not there. */
export function contextVariable(exchange: Exchange, name: string): string | undefined {
  let at: any = exchange.context;
  for (const step of name.split("."))
    at = typeof at === "object" && at !== null && Object.hasOwn(at, step) ? at[step] : undefined;
  if (at === undefined || at === null) return undefined;
  return typeof at === "object" ? JSON.stringify(at) : String(at);
}

export function requestValues(exchange: Exchange): RequestValues {
  return {
    header: (name) => headerValues(exchange, name),
    query: (name) => exchange.query.get(name) ?? [],
    path: (name) => own(exchange.pathParameters, name),
    bodyText: () => exchange.body.toString("utf8"),
    context: (name) => contextVariable(exchange, name),
    stageVariable: (name) => own(exchange.stage.variables, name),
  };
}

/** @param body what `$input` is about: the request's payload, or the integration's */
export function templateScope(exchange: Exchange, body: string): TemplateScope {
  const lasts = (groups: ReadonlyMap<string, readonly string[]>) =>
    Object.fromEntries([...groups].map(([name, values]) => [name, values.at(-1)!]));
  return {
    body,
    params: {
      path: exchange.pathParameters,
      querystring: lasts(exchange.query),
      header: lasts(exchange.headers),
    },
    context: exchange.context,
    stageVariables: exchange.stage.variables,
  };
}

/** `arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/path`: what policies of functions and authorizers name. */
export function methodArn(exchange: Exchange, path: string): string {
  const { accountId, region } = exchange.flow;
  const { apiId, stage, request } = exchange;
  return `arn:aws:execute-api:${region}:${accountId}:${apiId}/${stage.name}/${request.method}${path}`;
}
