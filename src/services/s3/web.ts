/**
 * What S3 does with HTTP beside its operations: answers to cross-origin preflights, the cross-origin headers of replies, the digests of
 * requests whose body is a document.
 */
import { createHash } from "node:crypto";
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { HttpFront, HttpResponse } from "../service.ts";
import { CHECKSUM_ALGORITHMS, CHECKSUM_MEMBERS, hasherFor, statedChecksum, verifyChecksum } from "./checksums.ts";
import { corsHeaders, preflight } from "./cors.ts";
import { invalidRequest, s3Error } from "./errors.ts";

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
export const escapeXml = (text: string) => text.replace(/[&<>]/g, (character) => ENTITIES[character]!);

/** An error as S3 writes it, where no operation does. */
export function errorResponse(error: AwsError, resource: string, requestId: string): HttpResponse {
  const { $headers, ...elements } = error.detail;
  const all = { Code: error.code, Message: error.message, ...elements, Resource: resource, RequestId: requestId };
  const body = Object.entries(all).map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`);
  return {
    status: error.status,
    headers: { "content-type": "application/xml", ...($headers as Record<string, string> | undefined) },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${body.join("")}</Error>`,
  };
}

/** `photos.s3.localhost`, `photos.s3.eu-west-1.amazonaws.com`, `photos.localhost` */
export const BUCKET_HOST =
  /^(?:(?<bucket>[a-z0-9.-]{3,63})\.s3(?:[.-][a-z]{2}(?:-[a-z]+)+-\d)?\.(?:localhost|amazonaws\.com)|(?<label>[a-z0-9-]{3,63})\.localhost)$/i;
const BUCKET_PATH = /^\/(?<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?=\/|$)/;

const answerPreflight: HttpFront["handle"] = async (flow, request, groups) => {
  const bucket = (groups["bucket"] ?? groups["label"])!;
  try {
    const objectName = request.path === "/" ? undefined : request.path.slice(1);
    const headers = await flow.write((tx) => preflight(tx, bucket, objectName, request.headers));
    return { status: 200, headers, body: "" };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return errorResponse(error, `/${bucket}${request.path}`, flow.requestId);
  }
};

/** Nobody signs a preflight, and no operation answers it. */
export const preflightFronts: readonly HttpFront[] = [
  { name: "s3 preflight", method: /^OPTIONS$/, host: BUCKET_HOST, handle: answerPreflight },
  { name: "s3 preflight by path", method: /^OPTIONS$/, path: BUCKET_PATH, handle: answerPreflight },
];

/** The cross-origin headers of a reply to an API call; undefined where there are none. */
export function replyHeaders(
  tx: Transaction,
  call: {
    readonly bucket: string | undefined;
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
  },
): Record<string, string> | undefined {
  return call.bucket === undefined ? undefined : corsHeaders(tx, call.bucket, call);
}

/**
 * Checks the digests that a request states of the document in its body.
 * @throws InvalidDigest, BadDigest; InvalidRequest where an operation demands a digest and has none
 */
export function checkDocument(call: {
  readonly operation: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly trailers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}): void {
  const { headers, body } = call;
  const md5 = headers["content-md5"];
  if (md5 !== undefined) {
    if (Buffer.from(md5, "base64").length !== 16) throw s3Error("InvalidDigest", { "Content-MD5": md5 });
    const CalculatedDigest = createHash("md5").update(body).digest("base64");
    if (md5 !== CalculatedDigest) throw s3Error("BadDigest", { ExpectedDigest: md5, CalculatedDigest });
  }
  const members = Object.fromEntries(
    CHECKSUM_ALGORITHMS.map((algorithm) => [
      CHECKSUM_MEMBERS[algorithm],
      headers[`x-amz-checksum-${algorithm.toLowerCase()}`],
    ]),
  );
  const stated = statedChecksum(members, headers);
  if (stated) {
    const hasher = hasherFor(stated.algorithm);
    hasher.update(body);
    verifyChecksum(stated, hasher.digest(), call.trailers);
  } else if (md5 === undefined && call.operation === "DeleteObjects") {
    throw invalidRequest("Missing required header for this request: Content-MD5");
  }
}
