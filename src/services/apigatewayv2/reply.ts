/**
 * What a function's answer means: response formats 1.0 and 2.0.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html#http-api-develop-integrations-lambda.response
 */
import { type HeaderPair, HOP_BY_HOP, headersOf } from "../apigateway-common/replies.ts";
import type { HttpResponse } from "../service.ts";

const TEXT_PLAIN = "text/plain;charset=UTF-8";

/** Undefined when the answer is malformed, which the caller hears as an Internal Server Error. */
export function readReply(text: string, format: "1.0" | "2.0"): HttpResponse | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isResponse =
    typeof answer === "object" && answer !== null && (answer as Record<string, unknown>)["statusCode"] !== undefined;
  if (isResponse) return structured(answer as Record<string, unknown>, format);
  if (format === "1.0") return undefined;
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: typeof answer === "string" ? answer : text,
  };
}

function structured(answer: Record<string, unknown>, format: "1.0" | "2.0"): HttpResponse | undefined {
  const status = Number(answer["statusCode"]);
  if (!Number.isInteger(status) || status < 100 || status > 599) return undefined;
  const { body, headers, multiValueHeaders, cookies } = answer;
  if (body !== undefined && body !== null && typeof body !== "string") return undefined;
  const pairs: HeaderPair[] = [];
  const add = (name: string, value: unknown): boolean => {
    if (typeof value === "object" && value !== null) return false;
    if (value !== null && value !== undefined) pairs.push([name.toLowerCase(), String(value)]);
    return true;
  };
  const multiple = format === "1.0" && isRecord(multiValueHeaders) ? multiValueHeaders : {};
  const overridden = new Set(Object.keys(multiple).map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(isRecord(headers) ? headers : {})) {
    if (!overridden.has(name.toLowerCase()) && !add(name, value)) return undefined;
  }
  for (const [name, values] of Object.entries(multiple)) {
    if (!Array.isArray(values)) return undefined;
    for (const value of values) if (!add(name, value)) return undefined;
  }
  if (format === "2.0" && Array.isArray(cookies)) for (const cookie of cookies) add("set-cookie", cookie);
  const kept = pairs.filter(([name]) => !HOP_BY_HOP.has(name) && name !== "content-length");
  if (!kept.some(([name]) => name === "content-type")) kept.push(["content-type", TEXT_PLAIN]);
  const bytes =
    typeof body === "string" ? (answer["isBase64Encoded"] === true ? Buffer.from(body, "base64") : body) : "";
  return { status, headers: headersOf(kept), body: bytes };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
