/**
 * Presigned URLs of signature version 2 (`AWSAccessKeyId`, `Signature`, `Expires`), which boto3 and the AWS CLI still make for S3 where they are
 * given an endpoint and no signature version. Only in the query, only for S3.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { bucketOfHost, hostName } from "./hosts.ts";
import type { SignableRequest } from "./sigv4.ts";

export interface ClaimV2 {
  readonly accessKeyId: string;
  readonly signature: string;
  /** Seconds since the epoch, as sent. */
  readonly expires: string;
  readonly sessionToken: string | undefined;
  readonly query: URLSearchParams;
}

/** Undefined when the request does not claim such a signature. */
export function readClaimV2(request: SignableRequest): ClaimV2 | undefined {
  if (!request.query.includes("AWSAccessKeyId=")) return undefined;
  const query = new URLSearchParams(request.query);
  const accessKeyId = query.get("AWSAccessKeyId");
  const signature = query.get("Signature");
  const expires = query.get("Expires");
  if (!accessKeyId || !signature || !expires || !/^\d{1,12}$/.test(expires)) return undefined;
  return { accessKeyId, signature, expires, sessionToken: query.get("x-amz-security-token") ?? undefined, query };
}

/** Query parameters that are part of the resource that is signed. */
const SUBRESOURCES = new Set([
  "accelerate",
  "acl",
  "analytics",
  "cors",
  "delete",
  "encryption",
  "inventory",
  "lifecycle",
  "location",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "ownershipControls",
  "partNumber",
  "policy",
  "policyStatus",
  "publicAccessBlock",
  "replication",
  "requestPayment",
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
  "restore",
  "select",
  "select-type",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versionId",
  "versioning",
  "versions",
  "website",
]);

export function stringToSignV2(request: SignableRequest, claim: ClaimV2): string {
  const { headers } = request;
  const amazon = new Map<string, string>();
  for (const [name, value] of claim.query) if (name.startsWith("x-amz-")) amazon.set(name, value);
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("x-amz-") && value !== undefined) amazon.set(name, value.trim());
  }
  const bucket = bucketOfHost(hostName(headers["host"]));
  const subresources = [...claim.query]
    .filter(([name]) => SUBRESOURCES.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`));
  return [
    request.method,
    headers["content-md5"] ?? claim.query.get("content-md5") ?? "",
    headers["content-type"] ?? claim.query.get("content-type") ?? "",
    claim.expires,
    ...[...amazon].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}:${value}`),
    (bucket === undefined ? "" : `/${bucket}`) +
      request.path +
      (subresources.length > 0 ? `?${subresources.join("&")}` : ""),
  ].join("\n");
}

export function verifyV2(request: SignableRequest, claim: ClaimV2, secretAccessKey: string): boolean {
  return verifyTextV2(stringToSignV2(request, claim), claim.signature, secretAccessKey);
}

/** @param signature base64 */
export function verifyTextV2(text: string, signature: string, secretAccessKey: string): boolean {
  const expected = createHmac("sha1", secretAccessKey).update(text).digest();
  const given = Buffer.from(signature, "base64");
  return given.length === expected.length && timingSafeEqual(given, expected);
}
