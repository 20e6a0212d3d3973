/**
 * The event that REST APIs hand to functions behind a Lambda proxy, and what such a function's answer means.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 */
import { type HeaderPair, HOP_BY_HOP, headersOf } from "../../apigateway-common/replies.ts";
import { decodePath } from "../../apigateway-common/request.ts";
import type { HttpResponse } from "../../service.ts";
import type { Exchange } from "./exchange.ts";

type Groups = ReadonlyMap<string, readonly string[]>;

const lasts = (groups: Groups) =>
  groups.size === 0 ? null : Object.fromEntries([...groups].map(([name, values]) => [name, values.at(-1)!]));
const lists = (groups: Groups) => (groups.size === 0 ? null : Object.fromEntries(groups));
const orNull = (record: Readonly<Record<string, string>>) => (Object.keys(record).length === 0 ? null : record);

export function requestContext(exchange: Exchange): Record<string, unknown> {
  const { context } = exchange;
  const identity = context["identity"];
  return {
    resourceId: exchange.target!.resource.id,
    ...(exchange.authorizer && { authorizer: exchange.authorizer }),
    resourcePath: exchange.target!.resource.path,
    httpMethod: context["httpMethod"],
    extendedRequestId: exchange.extendedRequestId,
    requestTime: context["requestTime"],
    path: context["path"],
    accountId: context["accountId"],
    protocol: context["protocol"],
    stage: context["stage"],
    domainPrefix: context["domainPrefix"],
    requestTimeEpoch: context["requestTimeEpoch"],
    requestId: exchange.requestId,
    identity: {
      cognitoIdentityPoolId: null,
      accountId: identity.accountId ?? null,
      cognitoIdentityId: null,
      caller: identity.caller ?? null,
      sourceIp: identity.sourceIp,
      principalOrgId: null,
      accessKey: identity.accessKey ?? null,
      ...(identity.apiKey !== undefined && { apiKey: identity.apiKey, apiKeyId: identity.apiKeyId }),
      cognitoAuthenticationType: null,
      cognitoAuthenticationProvider: null,
      userArn: identity.userArn ?? null,
      userAgent: identity.userAgent || null,
      user: identity.user ?? null,
    },
    domainName: exchange.domainName,
    deploymentId: exchange.stage.deploymentId,
    apiId: exchange.apiId,
  };
}

/** What a request is made of, without its body: authorizers of type REQUEST get this too. */
export function requestEvent(exchange: Exchange): Record<string, unknown> {
  return {
    resource: exchange.target!.resource.path,
    path: decodePath(exchange.path),
    httpMethod: exchange.request.method,
    headers: lasts(exchange.headers),
    multiValueHeaders: lists(exchange.headers),
    queryStringParameters: lasts(exchange.query),
    multiValueQueryStringParameters: lists(exchange.query),
    pathParameters: orNull(exchange.pathParameters),
    stageVariables: orNull(exchange.stage.variables),
    requestContext: requestContext(exchange),
  };
}

export function proxyEvent(exchange: Exchange): Record<string, unknown> {
  const binary = isBinary(exchange.request.headers["content-type"], exchange.stage.binaryMediaTypes);
  return {
    ...requestEvent(exchange),
    body: exchange.body.length === 0 ? null : exchange.body.toString(binary ? "base64" : "utf8"),
    isBase64Encoded: binary && exchange.body.length > 0,
  };
}

/** Whether a media type is among the API's binary ones, wildcards included. */
export function isBinary(type: string | undefined, binaryMediaTypes: readonly string[]): boolean {
  if (binaryMediaTypes.length === 0) return false;
  if (binaryMediaTypes.includes("*/*")) return true;
  const bare = (type ?? "").split(";")[0]!.trim().toLowerCase();
  if (!bare) return false;
  return binaryMediaTypes.some((one) => {
    const pattern = one.toLowerCase();
    return pattern === bare || (pattern.endsWith("/*") && bare.startsWith(pattern.slice(0, -1)));
  });
}

/** Undefined when the answer is malformed. */
export function readProxyAnswer(exchange: Exchange, text: string): HttpResponse | undefined {
  let answer: any;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return undefined;
  const known = [
    "statusCode",
    "headers",
    "multiValueHeaders",
    "body",
    "isBase64Encoded",
    "statusDescription",
    "cookies",
  ];
  if (Object.keys(answer).some((name) => !known.includes(name))) return undefined;
  const { statusCode, headers, multiValueHeaders, body, isBase64Encoded } = answer;
  const status = Number(statusCode ?? 200);
  if (!Number.isInteger(status) || status < 100 || status > 599) return undefined;
  if (body !== undefined && body !== null && typeof body !== "string") return undefined;
  const pairs: HeaderPair[] = [];
  const multiple = new Map<string, unknown>(Object.entries(multiValueHeaders ?? {}));
  const overridden = new Set([...multiple.keys()].map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (typeof value === "object" && value !== null) return undefined;
    if (value !== null && !overridden.has(name.toLowerCase())) pairs.push([name, String(value)]);
  }
  for (const [name, values] of multiple) {
    if (!Array.isArray(values)) return undefined;
    for (const value of values) pairs.push([name, String(value)]);
  }
  const kept = pairs.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && name.toLowerCase() !== "content-length");
  if (!kept.some(([name]) => name.toLowerCase() === "content-type")) kept.push(["content-type", "application/json"]);
  // A base64 body is decoded for clients that accept one of the API's binary types first of all.
  const accepted = exchange.request.headers["accept"]?.split(",")[0];
  const decode = isBase64Encoded === true && isBinary(accepted, exchange.stage.binaryMediaTypes);
  return { status, headers: headersOf(kept), body: decode ? Buffer.from(body ?? "", "base64") : (body ?? "") };
}
