/** Who sent a request: reads its signature, verifies it where the key is known or must be, and says no in the words of the protocol. */
import { AwsError } from "../kernel/errors.ts";
import type { Protocol } from "./protocols.ts";
import { type ClaimV2, readClaimV2, stringToSignV2, verifyTextV2, verifyV2 } from "./sigv2.ts";
import {
  type Claim,
  readClaim,
  readFormClaim,
  type SignableRequest,
  type Signed,
  signedTime,
  type Verification,
  verifySignature,
  verifyText,
} from "./sigv4.ts";

/** What is known of an access key. `Who` is the platform's affair. */
export interface Identity<Who> {
  readonly secretAccessKey: string;
  readonly who: Who;
  /** Present for temporary credentials. */
  readonly sessionToken?: string;
  readonly expiresMs?: number;
}

export interface Authenticator<Who> {
  /** False: any credentials are let in, and only keys that are known are verified. */
  readonly required: boolean;
  find(accessKeyId: string): Identity<Who> | undefined;
  /** Who an unknown key is, where any credentials are let in. */
  stranger(accessKeyId: string): Who;
  /** Who a request without a signature is; undefined where it is refused. */
  unsigned(service: string): Who | undefined;
}

export interface Authentication<Who> {
  readonly who: Who;
  /** Undefined for unsigned requests. */
  readonly region: string | undefined;
  /** What the chunks of a signed stream are verified with; undefined where signatures are not. */
  readonly verification: Verification | undefined;
  readonly signed: Signed | undefined;
}

/** A signature may be this far from the clock. */
const SKEW_MS_MAX = 15 * 60_000;

/**
 * @param claim what the request says of its signature, where that was read already
 * @param payloadHash called only when a signature has to be verified
 * @throws AwsError in the service's words, in AWS's order: shape, key, token, time, signature
 */
export function authenticate<Who>(
  request: SignableRequest,
  service: string,
  protocol: Protocol,
  authenticator: Authenticator<Who>,
  nowMs: number,
  payloadHash: () => string,
  claim: Claim = readClaim(request),
): Authentication<Who> {
  if (claim.kind === "malformed") throw refusals(protocol).malformed(claim.message, claim.presigned);
  if (claim.kind === "unsigned") {
    const older = service === "s3" ? readClaimV2(request) : undefined;
    if (older) return authenticateV2(request, older, authenticator, nowMs);
    const who = authenticator.unsigned(service);
    if (who === undefined) throw refusals(protocol).unsigned();
    return { who, region: undefined, verification: undefined, signed: undefined };
  }
  const { signed } = claim;
  const { signedMs } = signed;
  if (signed.presigned && signedMs + signed.expiresSeconds! * 1000 < nowMs)
    throw refusals(protocol).expiredRequest(signedMs + signed.expiresSeconds! * 1000, nowMs);
  const identity = authenticator.find(signed.accessKeyId);
  if (!identity) {
    if (authenticator.required) throw refusals(protocol).unknownKey(signed.accessKeyId);
    return { who: authenticator.stranger(signed.accessKeyId), region: signed.region, verification: undefined, signed };
  }
  const refuse = refusals(protocol);
  if (identity.sessionToken !== signed.sessionToken) throw refuse.badToken();
  if (identity.expiresMs !== undefined && identity.expiresMs <= nowMs) throw refuse.expiredToken();
  const skewMs = nowMs - signedMs;
  if (signed.presigned ? skewMs < -SKEW_MS_MAX : Math.abs(skewMs) > SKEW_MS_MAX)
    throw refuse.skewed(signed.timestamp, nowMs);
  const verification = verifySignature(request, signed, identity.secretAccessKey, payloadHash());
  if (!verification.ok || signed.timestamp.slice(0, 8) !== signed.date || !signed.signedHeaders.includes("host")) {
    throw refuse.mismatch(signed, verification);
  }
  return { who: identity.who, region: signed.region, verification, signed };
}

/** A presigned URL of signature version 2. */
function authenticateV2<Who>(
  request: SignableRequest,
  claim: ClaimV2,
  authenticator: Authenticator<Who>,
  nowMs: number,
): Authentication<Who> {
  const refuse = refusals("restXml");
  const expiresMs = Number(claim.expires) * 1000;
  if (expiresMs < nowMs) throw refuse.expiredRequest(expiresMs, nowMs);
  const nothingMore = { region: undefined, verification: undefined, signed: undefined };
  const identity = authenticator.find(claim.accessKeyId);
  if (!identity) {
    if (authenticator.required) throw refuse.unknownKey(claim.accessKeyId);
    return { who: authenticator.stranger(claim.accessKeyId), ...nothingMore };
  }
  if (identity.sessionToken !== claim.sessionToken) throw refuse.badToken();
  if (identity.expiresMs !== undefined && identity.expiresMs <= nowMs) throw refuse.expiredToken();
  if (!verifyV2(request, claim, identity.secretAccessKey)) {
    throw new AwsError("SignatureDoesNotMatch", S3_MISMATCH, 403, {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: stringToSignV2(request, claim),
      SignatureProvided: claim.signature,
    });
  }
  return { who: identity.who, ...nothingMore };
}

/**
 * A form with which a browser uploads to S3. Its policy is what is signed, in either version; a form without one is a stranger's. Whether the
 * policy has expired is for whoever reads it.
 * @param fields by lower-case name
 */
export function authenticateForm<Who>(
  fields: Readonly<Record<string, string>>,
  authenticator: Authenticator<Who>,
  nowMs: number,
): Who {
  const refuse = refusals("restXml");
  const policy = fields["policy"];
  const claim = readFormClaim(fields);
  if (claim.kind === "malformed") throw refuse.malformed(claim.message, true);
  const older = fields["awsaccesskeyid"];
  const accessKeyId = claim.kind === "signed" ? claim.signed.accessKeyId : older;
  if (policy === undefined || accessKeyId === undefined) {
    const who = authenticator.unsigned("s3");
    if (who === undefined) throw refuse.unsigned();
    return who;
  }
  const identity = authenticator.find(accessKeyId);
  if (!identity) {
    if (authenticator.required) throw refuse.unknownKey(accessKeyId);
    return authenticator.stranger(accessKeyId);
  }
  if (identity.sessionToken !== fields["x-amz-security-token"]) throw refuse.badToken();
  if (identity.expiresMs !== undefined && identity.expiresMs <= nowMs) throw refuse.expiredToken();
  const { secretAccessKey, who } = identity;
  const holds =
    claim.kind === "signed"
      ? verifyText(policy, claim.signed, secretAccessKey)
      : verifyTextV2(policy, fields["signature"] ?? "", secretAccessKey);
  if (!holds) {
    throw new AwsError("SignatureDoesNotMatch", S3_MISMATCH, 403, {
      AWSAccessKeyId: accessKeyId,
      StringToSign: policy,
      SignatureProvided: claim.kind === "signed" ? claim.signed.signature : fields["signature"],
    });
  }
  return who;
}

const S3_MISMATCH =
  "The request signature we calculated does not match the signature you provided. Check your key and signing method.";

const iso = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}/, "");
const basic = (ms: number): string => iso(ms).replace(/[-:]/g, "");

const MISMATCH =
  "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

/**
 * The words of each family of protocols.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
 */
function refusals(protocol: Protocol) {
  if (protocol === "restXml") {
    return {
      malformed: (message: string, presigned: boolean) =>
        new AwsError(
          presigned
            ? "AuthorizationQueryParametersError"
            : message.startsWith("The authorization mechanism")
              ? "InvalidRequest"
              : "AuthorizationHeaderMalformed",
          message,
        ),
      unsigned: () => new AwsError("AccessDenied", "Access Denied", 403),
      unknownKey: (AWSAccessKeyId: string) =>
        new AwsError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403, {
          AWSAccessKeyId,
        }),
      badToken: () => new AwsError("InvalidToken", "The provided token is malformed or otherwise invalid."),
      expiredToken: () => new AwsError("ExpiredToken", "The provided token has expired."),
      expiredRequest: (expiresMs: number, nowMs: number) =>
        new AwsError("AccessDenied", "Request has expired", 403, { Expires: iso(expiresMs), ServerTime: iso(nowMs) }),
      skewed: (RequestTime: string, nowMs: number) =>
        new AwsError(
          "RequestTimeTooSkewed",
          "The difference between the request time and the current time is too large.",
          403,
          { RequestTime, ServerTime: iso(nowMs), MaxAllowedSkewMilliseconds: SKEW_MS_MAX },
        ),
      mismatch: (signed: Signed, { stringToSign, canonicalRequest }: Verification) =>
        new AwsError("SignatureDoesNotMatch", S3_MISMATCH, 403, {
          AWSAccessKeyId: signed.accessKeyId,
          StringToSign: stringToSign,
          SignatureProvided: signed.signature,
          CanonicalRequest: canonicalRequest,
        }),
    };
  }
  const query = protocol === "awsQuery";
  const refusal = (
    queryCode: string,
    jsonCode: string,
    message: string,
    status = query ? 403 : protocol === "restJson1" ? 403 : 400,
  ) => new AwsError(query ? queryCode : jsonCode, message, status);
  const signature = (message: string) => refusal("SignatureDoesNotMatch", "InvalidSignatureException", message);
  return {
    malformed: (message: string) => refusal("IncompleteSignature", "IncompleteSignatureException", message),
    unsigned: () =>
      refusal(
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        query ? "Request is missing Authentication Token" : "Missing Authentication Token",
      ),
    unknownKey: (_accessKeyId: string) =>
      refusal(
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
      ),
    badToken: () =>
      refusal(
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
      ),
    expiredToken: () =>
      refusal("ExpiredToken", "ExpiredTokenException", "The security token included in the request is expired"),
    expiredRequest: (expiresMs: number, nowMs: number) =>
      signature(`Signature expired: ${basic(expiresMs)} is now earlier than ${basic(nowMs)}`),
    skewed: (timestamp: string, nowMs: number) =>
      signedTime(timestamp)! < nowMs
        ? signature(
            `Signature expired: ${timestamp} is now earlier than ${basic(nowMs - SKEW_MS_MAX)} (${basic(nowMs)} - 15 min.)`,
          )
        : signature(
            `Signature not yet current: ${timestamp} is still later than ${basic(nowMs + SKEW_MS_MAX)} (${basic(nowMs)} + 15 min.)`,
          ),
    mismatch: () => signature(MISMATCH),
  };
}
