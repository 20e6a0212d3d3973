/** Signature Version 4, in headers. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
import { hex, hmac, sha256, utf8 } from "./sha256.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Unsigned {
  readonly method: string;
  /** As it is sent: percent-encoded, without query. */
  readonly path: string;
  /** Decoded names and values. */
  readonly query: readonly (readonly [string, string])[];
  readonly headers: Readonly<Record<string, string>>;
  /** What is hashed; undefined: the body is not part of the signature, and a header says so. */
  readonly body: Uint8Array | undefined;
}

export interface Scope {
  readonly service: string;
  readonly region: string;
  readonly host: string;
  readonly nowMs: number;
}

/** RFC 3986: what encodeURIComponent leaves alone and AWS does not. */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

export const queryString = (query: Unsigned["query"]): string =>
  query
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");

/** The headers to send, the signature among them. */
export function sign(request: Unsigned, credentials: Credentials, scope: Scope): Record<string, string> {
  const timestamp = new Date(scope.nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = timestamp.slice(0, 8);
  const isS3 = scope.service === "s3";
  const hash = request.body === undefined ? "UNSIGNED-PAYLOAD" : hex(sha256(request.body));
  const headers: Record<string, string> = {
    ...request.headers,
    "x-amz-date": timestamp,
    ...(isS3 || request.body === undefined ? { "x-amz-content-sha256": hash } : {}),
    ...(credentials.sessionToken ? { "x-amz-security-token": credentials.sessionToken } : {}),
  };
  const signed = { ...headers, host: scope.host };
  const names = Object.keys(signed).sort();
  const canonical = [
    request.method,
    // S3 signs the path as it is sent; every other service encodes it once more.
    isS3 ? request.path : request.path.split("/").map(encode).join("/"),
    queryString(request.query),
    ...names.map((name) => `${name}:${(signed as Record<string, string>)[name]!.trim().replace(/ +/g, " ")}`),
    "",
    names.join(";"),
    hash,
  ].join("\n");
  const place = `${date}/${scope.region}/${scope.service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", timestamp, place, hex(sha256(utf8(canonical)))].join("\n");
  let key = utf8(`AWS4${credentials.secretAccessKey}`);
  for (const part of place.split("/")) key = hmac(key, utf8(part));
  const signature = hex(hmac(key, utf8(text)));
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${place}, SignedHeaders=${names.join(";")}, Signature=${signature}`,
  };
}
