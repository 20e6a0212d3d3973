/**
 * Cross-origin rules of a bucket: keeping them, answering preflights, and the headers that a cross-origin answer carries.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
 */
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { requireBucket } from "./buckets.ts";
import { invalidRequest, s3Error } from "./errors.ts";
import { bucketKey, buckets, settingKey, settings } from "./state.ts";

const RULES_MAX = 100;
const METHODS = ["GET", "PUT", "HEAD", "POST", "DELETE"];

export interface CorsRule {
  readonly ID?: string;
  readonly AllowedHeaders?: readonly string[];
  readonly AllowedMethods: readonly string[];
  readonly AllowedOrigins: readonly string[];
  readonly ExposeHeaders?: readonly string[];
  readonly MaxAgeSeconds?: number;
}

/** @throws MalformedXML, InvalidRequest */
export function putBucketCors(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketCors">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketCors"> {
  const bucket = requireBucket(tx, context, input);
  const rules = input.CORSConfiguration?.CORSRules ?? [];
  if (rules.length === 0) throw s3Error("MalformedXML");
  if (rules.length > RULES_MAX)
    throw invalidRequest(`The number of CORS rules should not exceed allowed limit of ${RULES_MAX} rules.`);
  for (const rule of rules) checkRule(rule);
  settings.put(tx, settingKey(bucket.name, "cors"), rules);
  return {};
}

function checkRule(
  rule: NonNullable<NonNullable<InputOf<"s3", "PutBucketCors">["CORSConfiguration"]>["CORSRules"]>[number],
): void {
  if (!rule.AllowedMethods?.length || !rule.AllowedOrigins?.length) throw s3Error("MalformedXML");
  if ((rule.ID?.length ?? 0) > 255) throw s3Error("MalformedXML");
  for (const method of rule.AllowedMethods) {
    if (!METHODS.includes(method)) {
      throw invalidRequest(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
    }
  }
  for (const [name, values] of [
    ["AllowedOrigin", rule.AllowedOrigins],
    ["AllowedHeader", rule.AllowedHeaders ?? []],
  ] as const) {
    for (const value of values) {
      if (value.split("*").length > 2) throw invalidRequest(`${name} "${value}" can not have more than one wildcard.`);
    }
  }
  for (const header of rule.ExposeHeaders ?? []) {
    if (header.includes("*")) {
      throw invalidRequest(
        `ExposeHeader "${header}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
      );
    }
  }
}

/** @throws NoSuchCORSConfiguration */
export function getBucketCors(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketCors">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketCors"> {
  const bucket = requireBucket(tx, context, input);
  const rules = settings.get(tx, settingKey(bucket.name, "cors"));
  if (!rules) throw s3Error("NoSuchCORSConfiguration", { BucketName: bucket.name });
  return { CORSRules: rules as OutputOf<"s3", "GetBucketCors">["CORSRules"] };
}

export function deleteBucketCors(
  tx: Transaction,
  input: InputOf<"s3", "DeleteBucketCors">,
  context: OperationContext,
): OutputOf<"s3", "DeleteBucketCors"> {
  const bucket = requireBucket(tx, context, input);
  tx.delete(settingKey(bucket.name, "cors"));
  return {};
}

/** The first rule under which a page of `origin` may send such a request. */
export function matchingRule(
  rules: readonly CorsRule[],
  origin: string,
  method: string,
  headers: readonly string[] = [],
): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.AllowedOrigins.some((pattern) => matches(pattern, origin)) &&
      rule.AllowedMethods.includes(method) &&
      headers.every((header) => rule.AllowedHeaders?.some((pattern) => matches(pattern.toLowerCase(), header))),
  );
}

function matches(pattern: string, text: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === text;
  const head = pattern.slice(0, star);
  const tail = pattern.slice(star + 1);
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail);
}

const VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

/** What tells the browser that it may: on the preflight's answer and on the real one. */
export function ruleHeaders(rule: CorsRule, origin: string, headers: readonly string[] = []): Record<string, string> {
  const anyone = rule.AllowedOrigins.includes("*");
  return {
    "access-control-allow-origin": anyone ? "*" : origin,
    "access-control-allow-methods": rule.AllowedMethods.join(", "),
    ...(headers.length > 0 && { "access-control-allow-headers": headers.join(", ") }),
    ...(rule.ExposeHeaders?.length && { "access-control-expose-headers": rule.ExposeHeaders.join(", ") }),
    ...(rule.MaxAgeSeconds !== undefined && { "access-control-max-age": String(rule.MaxAgeSeconds) }),
    ...(!anyone && { "access-control-allow-credentials": "true" }),
    vary: VARY,
  };
}

/**
 * The headers that an answer to a cross-origin request carries; none when the bucket's rules do not let its page see it.
 * @param request of the API call; `origin` is what makes it cross-origin
 */
export function corsHeaders(
  tx: Transaction,
  bucket: string,
  request: { readonly method: string; readonly headers: Readonly<Record<string, string>> },
): Record<string, string> {
  const origin = request.headers["origin"];
  if (origin === undefined) return {};
  const rules = settings.get(tx, settingKey(bucket, "cors")) as readonly CorsRule[] | undefined;
  const rule = rules && matchingRule(rules, origin, request.method);
  return rule ? ruleHeaders(rule, origin) : {};
}

/**
 * Answers `OPTIONS`. Nobody signs a preflight.
 * @returns the headers of the 200
 * @throws BadRequest, AccessForbidden
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
 */
export function preflight(
  tx: Transaction,
  bucket: string,
  objectName: string | undefined,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const origin = headers["origin"];
  const method = headers["access-control-request-method"];
  if (origin === undefined) {
    throw new AwsError("BadRequest", "Insufficient information. Origin request header needed.", 400);
  }
  if (method === undefined || !METHODS.includes(method)) {
    throw new AwsError("BadRequest", `Invalid Access-Control-Request-Method: ${method ?? "null"}`, 400);
  }
  const refused = (message: string) =>
    new AwsError("AccessForbidden", message, 403, {
      Method: method,
      ResourceType: objectName === undefined ? "BUCKET" : "OBJECT",
    });
  const rules = buckets.read(tx, bucketKey(bucket))
    ? (settings.get(tx, settingKey(bucket, "cors")) as readonly CorsRule[] | undefined)
    : undefined;
  if (!rules) throw refused("CORSResponse: CORS is not enabled for this bucket.");
  const wanted = (headers["access-control-request-headers"] ?? "")
    .split(",")
    .map((header) => header.trim().toLowerCase())
    .filter((header) => header !== "");
  const rule = matchingRule(rules, origin, method, wanted);
  if (!rule) {
    throw refused(
      "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  return ruleHeaders(rule, origin, wanted);
}
