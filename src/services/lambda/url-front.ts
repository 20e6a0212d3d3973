/**
 * What answers at a function URL: CORS, who may, the event, the function, and its answer as HTTP.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
import { AwsError } from "../../kernel/errors.ts";
import { commonLogTime, type HeaderPair, HOP_BY_HOP, headersOf, traceId } from "../apigateway-common/replies.ts";
import { grouped, parseCookies, parseQuery, portOf } from "../apigateway-common/request.ts";
import { authorize } from "../policy-common/evaluate.ts";
import type { FlowContext, HttpFront, HttpRequest, HttpResponse, Principal } from "../service.ts";
import { transferred } from "../usage-common/transfer.ts";
import { type Execution, execute, resolveTarget, type Target } from "./execution.ts";
import { functionArn } from "./names.ts";
import { resourcePolicy } from "./permissions.ts";
import { LIMITS } from "./rules.ts";
import { type UrlCors, type UrlRecord, urlAddresses, urlAddressKey, urlKey, urls } from "./state.ts";
import type { Functions } from "./stored.ts";
import { executeStreaming, HTTP_INTEGRATION, type Prelude, type Streamed, takePrelude } from "./streaming.ts";

const TEXT = /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded)\b|application\/[^;]*\+(json|xml)\b)/i;

/** `ID.lambda-url.REGION.localhost`, and `/_aws/lambda-url/ID/…` for who cannot resolve that. */
export function urlFronts(functions: Functions): HttpFront[] {
  const handle: HttpFront["handle"] = (flow, request, groups) =>
    answer(functions, flow, request, groups.urlId!.toLowerCase());
  return [
    { name: "lambda-url", host: /^(?<urlId>[a-z0-9]{32})\.lambda-url\./i, handle },
    { name: "lambda-url-path", path: /^\/_aws\/lambda-url\/(?<urlId>[a-z0-9]{32})(?=\/|$)/i, handle },
  ];
}

interface Found {
  readonly url: UrlRecord;
  readonly target: Target;
  readonly isAllowed: boolean;
}

async function answer(
  functions: Functions,
  flow: FlowContext,
  request: HttpRequest,
  urlId: string,
): Promise<HttpResponse> {
  const found = await flow.write((tx, context): Found | undefined => {
    const address = urlAddresses.get(tx, urlAddressKey(urlId));
    const url = address && urls.get(tx, urlKey(address, address.name, address.qualifier));
    if (!address || !url) return undefined;
    const at = { ...address, qualifier: address.qualifier === "$LATEST" ? undefined : address.qualifier };
    const resource = functionArn(at, at.qualifier);
    const question = {
      action: "lambda:InvokeFunctionUrl",
      resource,
      conditions: { "lambda:FunctionUrlAuthType": url.authType },
      nowMs: context.nowMs,
      resourcePolicy: resourcePolicy(tx, resource),
    };
    const isAllowed =
      url.authType === "NONE"
        ? authorize({ ...question, principal: { type: "anonymous" }, identityPolicies: [] }).allowed
        : functions.ports.mayCallUrl(tx, { ...question, principal: context.principal });
    return { url, target: resolveTarget(tx, at, context), isAllowed };
  });
  if (!found) return message(404, "Not Found");
  const { url, target, isAllowed } = found;
  const cors = corsHeaders(url.cors, request);
  if (request.method === "OPTIONS" && url.cors && request.headers["access-control-request-method"] !== undefined) {
    return { status: 200, headers: { ...cors, ...preflightHeaders(url.cors) } };
  }
  const withCors = (response: HttpResponse): HttpResponse => ({
    ...response,
    headers: { ...response.headers, ...cors },
  });
  if (!isAllowed) return withCors(message(403, "Forbidden"));
  try {
    const body = await request.readBody(LIMITS.syncPayloadBytes, () => new AwsError("RequestEntityTooLarge", "", 413));
    const caller = url.authType === "AWS_IAM" ? flow.principal : undefined;
    const event = eventOf(flow, request, body, { urlId, caller });
    const scope = flow.as({ accountId: target.at.accountId, region: target.at.region });
    const invocation = { payload: Buffer.from(JSON.stringify(event)), requestId: flow.requestId };
    const response = url.streams
      ? await streamedResponse(await executeStreaming(functions, scope, target, invocation))
      : responseOf(await execute(functions, scope, target, invocation));
    return transferred(scope, functionArn(target.at), request, withCors(response));
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.status === 429) return withCors(message(429, "Rate Exceeded."));
    if (error.status === 413) return withCors(message(413, "Request Entity Too Large"));
    return withCors(message(502, "Internal Server Error"));
  }
}

const message = (status: number, text: string): HttpResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ Message: text }),
});

function corsHeaders(cors: UrlCors | undefined, request: HttpRequest): Record<string, string> {
  const { origin } = request.headers;
  if (!cors || origin === undefined) return {};
  const origins = cors.AllowOrigins ?? [];
  if (!origins.includes("*") && !origins.includes(origin)) return {};
  return {
    "access-control-allow-origin": origins.includes("*") && !cors.AllowCredentials ? "*" : origin,
    ...(origins.includes("*") && !cors.AllowCredentials ? {} : { vary: "Origin" }),
    ...(cors.AllowCredentials ? { "access-control-allow-credentials": "true" } : {}),
    ...(cors.ExposeHeaders?.length ? { "access-control-expose-headers": cors.ExposeHeaders.join(",") } : {}),
  };
}

function preflightHeaders(cors: UrlCors): Record<string, string> {
  return {
    ...(cors.AllowMethods?.length ? { "access-control-allow-methods": cors.AllowMethods.join(",") } : {}),
    ...(cors.AllowHeaders?.length ? { "access-control-allow-headers": cors.AllowHeaders.join(",") } : {}),
    ...(cors.MaxAge === undefined ? {} : { "access-control-max-age": String(cors.MaxAge) }),
  };
}

/** Payload format 2.0, as function URLs fill it. */
function eventOf(
  flow: FlowContext,
  request: HttpRequest,
  body: Buffer,
  { urlId, caller }: { readonly urlId: string; readonly caller: Principal | undefined },
): unknown {
  const nowMs = flow.clock.nowMs();
  const query = parseQuery(request.query);
  const cookies = parseCookies(request.headers.cookie);
  const isText = request.headers["content-encoding"] === undefined && TEXT.test(request.headers["content-type"] ?? "");
  const rawPath = decoded(request.path);
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString: request.query,
    ...(cookies.length > 0 ? { cookies } : {}),
    headers: headersIn(request, traceId(flow)),
    ...(query.length > 0
      ? {
          queryStringParameters: Object.fromEntries(
            [...grouped(query)].map(([name, values]) => [name, values.join(",")]),
          ),
        }
      : {}),
    requestContext: {
      accountId: caller && "accountId" in caller ? caller.accountId : "anonymous",
      apiId: urlId,
      ...(caller === undefined ? {} : { authorizer: { iam: iamOf(caller) } }),
      domainName: request.host,
      domainPrefix: urlId,
      http: {
        method: request.method,
        path: rawPath,
        protocol: request.protocol,
        sourceIp: request.sourceIp,
        userAgent: request.headers["user-agent"] ?? "",
      },
      requestId: flow.requestId,
      routeKey: "$default",
      stage: "$default",
      time: commonLogTime(nowMs),
      timeEpoch: nowMs,
    },
    ...(body.length > 0 ? { body: body.toString(isText ? "utf8" : "base64") } : {}),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function headersIn(request: HttpRequest, trace: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, values] of grouped(
    request.rawHeaders.map(([name, value]) => [name.toLowerCase(), value] as const),
  )) {
    if (!HOP_BY_HOP.has(name)) headers[name] = values.join(",");
  }
  return {
    ...headers,
    "x-amzn-trace-id": headers["x-amzn-trace-id"] ?? trace,
    "x-forwarded-for": request.sourceIp,
    "x-forwarded-port": portOf(request),
    "x-forwarded-proto": "http",
  };
}

function iamOf(caller: Principal): unknown {
  const accountId = "accountId" in caller ? caller.accountId : null;
  const id =
    caller.type === "user"
      ? caller.userId
      : caller.type === "assumed-role"
        ? `${caller.roleId}:${caller.sessionName}`
        : accountId;
  return {
    accessKey: null,
    accountId,
    callerId: id,
    cognitoIdentity: null,
    principalOrgId: null,
    userArn: "arn" in caller ? caller.arn : null,
    userId: id,
  };
}

/** Status and headers are what the function put before its body, if it says that it did; without, the body is all there is. */
async function streamedResponse({ body, contentType, outcome }: Streamed): Promise<HttpResponse> {
  // An error before the first byte can still be told; later, the answer is cut off.
  if (contentType === undefined && (await outcome).functionError !== undefined) {
    body.destroy();
    return message(502, "Internal Server Error");
  }
  void outcome.then(
    ({ functionError }) => {
      if (functionError !== undefined) body.destroy(new Error("The function failed while it streamed its response."));
    },
    () => {},
  );
  const prelude = contentType === HTTP_INTEGRATION ? await takePrelude(body) : {};
  const head =
    prelude && headOf(prelude, contentType === HTTP_INTEGRATION ? undefined : (contentType ?? "application/json"));
  if (head === undefined) {
    body.destroy();
    return message(502, "Internal Server Error");
  }
  return { ...head, body };
}

/** A result without `statusCode` is the body itself, as JSON. */
function responseOf(execution: Execution): HttpResponse {
  if (execution.functionError !== undefined) return message(502, "Internal Server Error");
  const text = execution.payload.toString("utf8");
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch {
    return message(502, "Internal Server Error");
  }
  if (typeof result !== "object" || result === null || (result as { statusCode?: unknown }).statusCode === undefined) {
    return {
      status: 200,
      headers: { "content-type": "application/json" },
      body: typeof result === "string" ? result : text,
    };
  }
  const { body, isBase64Encoded } = result as Record<string, unknown>;
  const head = headOf(result as Prelude, undefined);
  if (head === undefined) return message(502, "Internal Server Error");
  const content = body === undefined || body === null ? "" : typeof body === "string" ? body : JSON.stringify(body);
  return { ...head, body: isBase64Encoded === true ? Buffer.from(content, "base64") : content };
}

/** @returns undefined when the function's status is none */
function headOf(
  { statusCode = 200, headers, cookies }: Prelude,
  contentType: string | undefined,
): Pick<HttpResponse, "status" | "headers"> | undefined {
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 100 || status > 599) return undefined;
  const pairs: HeaderPair[] = Object.entries((headers ?? {}) as Record<string, unknown>)
    .map(([name, value]): HeaderPair => [name.toLowerCase(), String(value)])
    .filter(([name]) => !HOP_BY_HOP.has(name) && name !== "content-length");
  for (const cookie of Array.isArray(cookies) ? (cookies as unknown[]) : []) pairs.push(["set-cookie", String(cookie)]);
  if (!pairs.some(([name]) => name === "content-type")) pairs.push(["content-type", contentType ?? "application/json"]);
  return { status, headers: headersOf(pairs) };
}
