/** Functions as targets: the request as an event, the result as an answer. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html */
import type { FlowContext, HttpRequest, HttpResponse } from "../../service.ts";
import { attribute } from "../attributes.ts";
import { errorPage } from "./answers.ts";
import type { Group } from "./snapshot.ts";
import type { HeaderPairs } from "./target-http.ts";

/** Of a request's body, and of an answer. */
const BYTES_MAX = 1024 * 1024;
const TEXT = /^(?:text\/.*|application\/(?:json|javascript|xml))(?:;|$)/i;

export async function askFunction(
  flow: FlowContext,
  group: Group,
  functionArn: string,
  request: HttpRequest,
  headers: HeaderPairs,
): Promise<HttpResponse> {
  const multi = attribute("lambda", group.record.attributes, "lambda.multi_value_headers.enabled") === "true";
  const tooLarge = new Error("the body is too large");
  let body: Buffer;
  try {
    body = await request.readBody(BYTES_MAX, () => tooLarge);
  } catch (error) {
    if (error !== tooLarge) throw error;
    return errorPage(413);
  }
  const event = eventOf(group, request, headers, body, multi);
  try {
    const { Payload, FunctionError } = await flow.call(
      "lambda",
      "Invoke",
      { FunctionName: functionArn, Payload: Buffer.from(JSON.stringify(event)) },
      {
        principal: {
          type: "service",
          service: "elasticloadbalancing.amazonaws.com",
          sourceArn: group.arn,
          sourceAccount: group.record.accountId,
        },
      },
    );
    if (FunctionError !== undefined || (Payload?.length ?? 0) > BYTES_MAX) return errorPage(502);
    return answerOf(Buffer.from(Payload ?? []).toString("utf8"), multi);
  } catch {
    // Throttled, gone, or not allowed.
    return errorPage(502);
  }
}

function eventOf(group: Group, request: HttpRequest, headers: HeaderPairs, body: Buffer, multi: boolean): unknown {
  const lower = headers.map(([name, value]) => [name.toLowerCase(), value] as const);
  // As sent, still encoded.
  const query = request.query
    .split("&")
    .filter((part) => part !== "")
    .map((part): readonly [string, string] => {
      const at = part.indexOf("=");
      return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    });
  const contentType = request.headers["content-type"];
  const isText =
    request.headers["content-encoding"] === undefined && (contentType === undefined || TEXT.test(contentType));
  return {
    requestContext: { elb: { targetGroupArn: group.arn } },
    httpMethod: request.method,
    path: request.path,
    ...(multi
      ? { multiValueQueryStringParameters: grouped(query), multiValueHeaders: grouped(lower) }
      : { queryStringParameters: Object.fromEntries(query), headers: Object.fromEntries(lower) }),
    body: body.toString(isText ? "utf8" : "base64"),
    isBase64Encoded: !isText,
  };
}

function grouped(pairs: HeaderPairs): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  for (const [name, value] of pairs) (groups[name] ??= []).push(value);
  return groups;
}

/** With multi-value headers AWS reads those alone, without them the others alone. */
function answerOf(text: string, multi: boolean): HttpResponse {
  let result: Record<string, unknown>;
  try {
    result = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return errorPage(502);
  }
  const status = Number(result?.["statusCode"]);
  if (!Number.isInteger(status) || status < 200 || status > 599) return errorPage(502);
  const given = (multi ? result["multiValueHeaders"] : result["headers"]) ?? {};
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(given as Record<string, unknown>)) {
    if (/^(?:content-length|connection|transfer-encoding)$/i.test(name)) continue;
    headers[name.toLowerCase()] = Array.isArray(value) ? value.map(String) : String(value);
  }
  headers["content-type"] ??= "application/octet-stream";
  const body = typeof result["body"] === "string" ? result["body"] : "";
  return { status, headers, body: result["isBase64Encoded"] === true ? Buffer.from(body, "base64") : body };
}
