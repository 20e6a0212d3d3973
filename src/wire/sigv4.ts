/**
 * Signature Version 4: reads what a request claims (header or presigned query) and verifies it against a secret.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export interface Signed {
  readonly accessKeyId: string;
  /** yyyymmdd */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** yyyymmddThhmmssZ */
  readonly timestamp: string;
  /** The same in milliseconds since the epoch. */
  readonly signedMs: number;
  readonly sessionToken: string | undefined;
  readonly presigned: boolean;
  /** Of a presigned request, in seconds. */
  readonly expiresSeconds: number | undefined;
}

/** The request as it was sent. */
export interface SignableRequest {
  readonly method: string;
  /** As sent, percent-encoded, without query. */
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export type Claim =
  | { readonly kind: "signed"; readonly signed: Signed }
  | { readonly kind: "unsigned" }
  /** A signature of another scheme or in pieces. */
  | { readonly kind: "malformed"; readonly message: string; readonly presigned: boolean };

const ALGORITHM = "AWS4-HMAC-SHA256";
const HEADER = /^AWS4-HMAC-SHA256\s+(.*)$/;

/** What a request says of its signature. Verifies nothing. */
export function readClaim(request: SignableRequest): Claim {
  const authorization = request.headers["authorization"];
  if (authorization !== undefined) {
    const match = HEADER.exec(authorization);
    if (!match) {
      return authorization.startsWith("AWS")
        ? {
            kind: "malformed",
            message: "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            presigned: false,
          }
        : { kind: "unsigned" };
    }
    const fields: Record<string, string> = {};
    for (const field of match[1]!.split(",")) {
      const equals = field.indexOf("=");
      if (equals > 0) fields[field.slice(0, equals).trim()] = field.slice(equals + 1).trim();
    }
    const timestamp = request.headers["x-amz-date"] ?? toBasic(request.headers["date"]);
    for (const name of ["Credential", "SignedHeaders", "Signature"]) {
      if (!fields[name])
        return {
          kind: "malformed",
          message: `Authorization header requires '${name}' parameter. Authorization=${authorization.slice(0, 200)}`,
          presigned: false,
        };
    }
    if (!timestamp)
      return {
        kind: "malformed",
        message: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        presigned: false,
      };
    return claim(
      fields["Credential"]!,
      fields["SignedHeaders"]!,
      fields["Signature"]!,
      timestamp,
      request.headers["x-amz-security-token"],
      undefined,
      false,
    );
  }
  if (request.query.includes("X-Amz-")) {
    const query = new URLSearchParams(request.query);
    const algorithm = query.get("X-Amz-Algorithm");
    if (algorithm === null && query.get("X-Amz-Signature") === null) return { kind: "unsigned" };
    const missing = [
      "X-Amz-Algorithm",
      "X-Amz-Credential",
      "X-Amz-Signature",
      "X-Amz-Date",
      "X-Amz-SignedHeaders",
      "X-Amz-Expires",
    ].filter((name) => !query.get(name));
    if (missing.length > 0) {
      return {
        kind: "malformed",
        message:
          "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        presigned: true,
      };
    }
    if (algorithm !== ALGORITHM)
      return { kind: "malformed", message: `X-Amz-Algorithm only supports "${ALGORITHM}"`, presigned: true };
    const expires = Number(query.get("X-Amz-Expires"));
    if (!Number.isInteger(expires))
      return { kind: "malformed", message: "X-Amz-Expires should be a number", presigned: true };
    if (expires < 0) return { kind: "malformed", message: "X-Amz-Expires must be non-negative", presigned: true };
    if (expires > 604_800)
      return {
        kind: "malformed",
        message: "X-Amz-Expires must be less than a week (in seconds) that is 604800",
        presigned: true,
      };
    return claim(
      query.get("X-Amz-Credential")!,
      query.get("X-Amz-SignedHeaders")!,
      query.get("X-Amz-Signature")!,
      query.get("X-Amz-Date")!,
      query.get("X-Amz-Security-Token") ?? undefined,
      expires,
      true,
    );
  }
  return { kind: "unsigned" };
}

function claim(
  credential: string,
  signedHeaders: string,
  signature: string,
  timestamp: string,
  sessionToken: string | undefined,
  expiresSeconds: number | undefined,
  presigned: boolean,
): Claim {
  const parts = credential.split("/");
  // The access key id may itself hold a slash.
  const [date, region, service, terminator] = parts.slice(-4);
  if (parts.length < 5 || terminator !== "aws4_request" || !/^\d{8}$/.test(date!)) {
    return {
      kind: "malformed",
      message: `The Credential is malformed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
      presigned,
    };
  }
  const signedMs = signedTime(timestamp);
  if (signedMs === undefined)
    return {
      kind: "malformed",
      message: `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`,
      presigned,
    };
  return {
    kind: "signed",
    signed: {
      accessKeyId: parts.slice(0, -4).join("/"),
      date: date!,
      region: region!,
      service: service!,
      signedHeaders: signedHeaders.toLowerCase().split(";"),
      signature,
      timestamp,
      signedMs,
      sessionToken,
      presigned,
      expiresSeconds,
    },
  };
}

/**
 * What a browser's form says of its signature, which is over its policy field.
 * @param fields by lower-case name
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html
 */
export function readFormClaim(fields: Readonly<Record<string, string>>): Claim {
  if (fields["x-amz-signature"] === undefined) return { kind: "unsigned" };
  return claim(
    fields["x-amz-credential"] ?? "",
    "",
    fields["x-amz-signature"],
    fields["x-amz-date"] ?? "",
    fields["x-amz-security-token"],
    undefined,
    true,
  );
}

export function verifyText(text: string, signed: Signed, secret: string): boolean {
  return equalHex(hmac(signingKey(secret, signed), text).toString("hex"), signed.signature);
}

/** `Tue, 24 Nov 2026 …` → `20261124T…Z` */
function toBasic(date: string | undefined): string | undefined {
  if (date === undefined) return undefined;
  if (/^\d{8}T\d{6}Z$/.test(date)) return date;
  const parsed = Date.parse(date);
  return Number.isNaN(parsed) ? undefined : new Date(parsed).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

/** Milliseconds since the epoch; undefined when it is not a time. */
export function signedTime(timestamp: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const hmac = (secret: string | Buffer, text: string): Buffer => createHmac("sha256", secret).update(text).digest();
export const sha256Hex = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** Signing keys by secret and scope: deriving one costs four hashes, and a client uses the same all day. */
const SIGNING_KEYS_MAX = 1000;
const signingKeys = new Map<string, Buffer>();

function signingKey(secret: string, { date, region, service }: Signed): Buffer {
  const id = `${secret}/${date}/${region}/${service}`;
  let derived = signingKeys.get(id);
  if (!derived) {
    derived = hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), "aws4_request");
    if (signingKeys.size >= SIGNING_KEYS_MAX) signingKeys.delete(signingKeys.keys().next().value!);
    signingKeys.set(id, derived);
  }
  return derived;
}

/** RFC 3986: everything but unreserved characters. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalPath(path: string, service: string): string {
  if (service === "s3") {
    // Once, whatever the client escaped: decode what is escaped and encode again.
    return (
      path
        .split("/")
        .map((segment) => encode(safeDecode(segment)))
        .join("/") || "/"
    );
  }
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else segments.push(encode(segment));
  }
  const trailing = path.length > 1 && path.endsWith("/") && segments.length > 0 ? "/" : "";
  return `/${segments.join("/")}${trailing}`;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function canonicalQuery(query: string, presigned: boolean): string {
  if (query === "") return "";
  const pairs: string[] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    // A plus sign in a query is a plus sign here: clients escape spaces as %20.
    const name = encode(safeDecode(equals < 0 ? pair : pair.slice(0, equals)));
    if (presigned && name === "X-Amz-Signature") continue;
    pairs.push(`${name}=${equals < 0 ? "" : encode(safeDecode(pair.slice(equals + 1)))}`);
  }
  return pairs.sort(byNameThenValue).join("&");
}

function byNameThenValue(left: string, right: string): number {
  const [leftName, rightName] = [left.slice(0, left.indexOf("=")), right.slice(0, right.indexOf("="))];
  if (leftName !== rightName) return leftName < rightName ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}

export interface Verification {
  readonly ok: boolean;
  readonly stringToSign: string;
  readonly canonicalRequest: string;
  /** For the chunks of a signed stream. */
  readonly signingKey: Buffer;
  readonly scope: string;
}

/** @param payloadHash hex SHA-256 of the body, or the literal that stands for it */
export function verifySignature(
  request: SignableRequest,
  signed: Signed,
  secret: string,
  payloadHash: string,
): Verification {
  const headers = signed.signedHeaders
    .map((name) => `${name}:${(request.headers[name] ?? "").trim().replace(/ +/g, " ")}\n`)
    .join("");
  const canonicalRequest = [
    request.method,
    canonicalPath(request.path, signed.service),
    canonicalQuery(request.query, signed.presigned),
    headers,
    signed.signedHeaders.join(";"),
    payloadHash,
  ].join("\n");
  const scope = `${signed.date}/${signed.region}/${signed.service}/aws4_request`;
  const stringToSign = `${ALGORITHM}\n${signed.timestamp}\n${scope}\n${sha256Hex(canonicalRequest)}`;
  const key = signingKey(secret, signed);
  return {
    ok: equalHex(hmac(key, stringToSign).toString("hex"), signed.signature),
    stringToSign,
    canonicalRequest,
    signingKey: key,
    scope,
  };
}

export function equalHex(expected: string, given: string): boolean {
  return expected.length === given.length && timingSafeEqual(Buffer.from(expected), Buffer.from(given));
}

/** The signature of one chunk of a signed stream, or of its trailer. */
export function chunkSignature(
  kind: "PAYLOAD" | "TRAILER",
  key: Buffer,
  timestamp: string,
  scope: string,
  previous: string,
  data: Buffer,
): string {
  const hashed = kind === "PAYLOAD" ? `${EMPTY_SHA256}\n${sha256Hex(data)}` : sha256Hex(data);
  return hmac(key, `${ALGORITHM}-${kind}\n${timestamp}\n${scope}\n${previous}\n${hashed}`).toString("hex");
}

export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
