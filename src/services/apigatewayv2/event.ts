/**
 * The events that HTTP APIs hand to functions: payload formats 1.0 and 2.0.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
import { commonLogTime } from "../apigateway-common/replies.ts";
import { grouped, parseCookies } from "../apigateway-common/request.ts";
import { type Authorization, claimText, type Exchange, forwardedHeaders } from "./exchange.ts";

const TEXT = /^(text\/|application\/(json|xml|javascript)\b|application\/[^;]*\+(json|xml)\b)/i;

/** Whether a body of this content type travels as text; any other is base64. */
export function isText(contentType: string | undefined, contentEncoding: string | undefined): boolean {
  if (contentEncoding && contentEncoding.toLowerCase() !== "identity") return false;
  return contentType !== undefined && TEXT.test(contentType);
}

/** @param type what the event is for: a function behind a route, or a Lambda authorizer (which does not get the body) */
export function eventV2(exchange: Exchange): Record<string, unknown> {
  const { flow, request, stage, route } = exchange;
  const headers = forwardedHeaders(exchange, "drop");
  const cookies = parseCookies(request.headers["cookie"]);
  const text = isText(request.headers["content-type"], request.headers["content-encoding"]);
  const authorizer = authorizerV2(exchange.authorization);
  return {
    version: "2.0",
    routeKey: route.routeKey,
    rawPath: exchange.rawPath,
    rawQueryString: request.query,
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(exchange.query.length > 0 && { queryStringParameters: joinedQuery(exchange) }),
    requestContext: {
      accountId: flow.accountId,
      apiId: exchange.apiId,
      ...(authorizer && { authorizer }),
      domainName: exchange.domainName,
      domainPrefix: exchange.domainName.split(".")[0],
      http: {
        method: request.method,
        path: exchange.rawPath,
        protocol: request.protocol,
        sourceIp: request.sourceIp,
        userAgent: request.headers["user-agent"] ?? "",
      },
      requestId: exchange.requestId,
      routeKey: route.routeKey,
      stage: stage.name,
      time: commonLogTime(exchange.nowMs),
      timeEpoch: exchange.nowMs,
    },
    ...(Object.keys(exchange.pathParameters).length > 0 && { pathParameters: exchange.pathParameters }),
    ...(Object.keys(stage.variables).length > 0 && { stageVariables: stage.variables }),
    ...(exchange.body.length > 0 && { body: exchange.body.toString(text ? "utf8" : "base64") }),
    isBase64Encoded: exchange.body.length > 0 && !text,
  };
}

function joinedQuery(exchange: Exchange): Record<string, string> {
  return Object.fromEntries([...grouped(exchange.query)].map(([name, values]) => [name, values.join(",")]));
}

function authorizerV2(authorization: Authorization): object | undefined {
  switch (authorization.kind) {
    case "none":
      return undefined;
    case "jwt":
      return { jwt: { claims: claimTexts(authorization.claims), scopes: authorization.scopes } };
    case "lambda":
      return { lambda: authorization.context };
    case "iam":
      return {
        iam: {
          accessKey: authorization.accessKey,
          accountId: authorization.accountId,
          callerId: authorization.callerId,
          cognitoIdentity: null,
          principalOrgId: null,
          userArn: authorization.userArn,
          userId: authorization.userId,
        },
      };
  }
}

function claimTexts(claims: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(claims)) {
    const text = claimText(value);
    if (text !== undefined) texts[name] = text;
  }
  return texts;
}

/** Header names that API Gateway sets itself keep their usual capitals in format 1.0. */
const CAPITALS: Readonly<Record<string, string>> = {
  "content-length": "Content-Length",
  host: "Host",
  "user-agent": "User-Agent",
  "x-amzn-trace-id": "X-Amzn-Trace-Id",
  "x-forwarded-for": "X-Forwarded-For",
  "x-forwarded-port": "X-Forwarded-Port",
  "x-forwarded-proto": "X-Forwarded-Proto",
};

export function eventV1(exchange: Exchange): Record<string, unknown> {
  const { flow, request, stage, route } = exchange;
  const multiValueHeaders: Record<string, string[]> = {};
  const sent = grouped(request.rawHeaders.map(([name, value]) => [name.toLowerCase(), value] as const));
  for (const [name, value] of Object.entries(forwardedHeaders(exchange, "keep"))) {
    const values = sent.get(name);
    const kept = values && values.length > 1 && !name.startsWith("x-forwarded-") ? values : [value];
    multiValueHeaders[CAPITALS[name] ?? name] = kept;
  }
  const query = grouped(exchange.query);
  const text = isText(request.headers["content-type"], request.headers["content-encoding"]);
  const authorizer = authorizerV1(exchange.authorization);
  const { authorization } = exchange;
  const iam = authorization.kind === "iam" ? authorization : undefined;
  const resource = route.routeKey === "$default" ? "$default" : route.path;
  return {
    version: "1.0",
    resource,
    path: exchange.rawPath,
    httpMethod: request.method,
    headers: lastValues(multiValueHeaders),
    multiValueHeaders,
    queryStringParameters: query.size > 0 ? lastValues(Object.fromEntries(query)) : null,
    multiValueQueryStringParameters: query.size > 0 ? Object.fromEntries(query) : null,
    requestContext: {
      accountId: flow.accountId,
      apiId: exchange.apiId,
      ...(authorizer && { authorizer }),
      domainName: exchange.domainName,
      domainPrefix: exchange.domainName.split(".")[0],
      extendedRequestId: exchange.requestId,
      httpMethod: request.method,
      identity: {
        accessKey: iam?.accessKey ?? null,
        accountId: iam?.accountId ?? null,
        caller: iam?.callerId ?? null,
        cognitoAmr: null,
        cognitoAuthenticationProvider: null,
        cognitoAuthenticationType: null,
        cognitoIdentityId: null,
        cognitoIdentityPoolId: null,
        principalOrgId: null,
        sourceIp: request.sourceIp,
        user: iam?.userId ?? null,
        userAgent: request.headers["user-agent"] ?? "",
        userArn: iam?.userArn ?? null,
      },
      path: exchange.rawPath,
      protocol: request.protocol,
      requestId: exchange.requestId,
      requestTime: commonLogTime(exchange.nowMs),
      requestTimeEpoch: exchange.nowMs,
      resourceId: route.routeKey,
      resourcePath: resource,
      stage: stage.name,
    },
    pathParameters: Object.keys(exchange.pathParameters).length > 0 ? exchange.pathParameters : null,
    stageVariables: Object.keys(stage.variables).length > 0 ? stage.variables : null,
    body: exchange.body.length > 0 ? exchange.body.toString(text ? "utf8" : "base64") : null,
    isBase64Encoded: exchange.body.length > 0 && !text,
  };
}

function lastValues(groups: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(groups).map(([name, values]) => [name, values[values.length - 1]!]));
}

function authorizerV1(authorization: Authorization): object | undefined {
  if (authorization.kind === "jwt") {
    return { claims: claimTexts(authorization.claims), scopes: authorization.scopes };
  }
  if (authorization.kind === "lambda") {
    return {
      ...authorization.context,
      ...(authorization.principalId !== undefined && { principalId: authorization.principalId }),
    };
  }
  return undefined;
}
