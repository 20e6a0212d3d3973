import assert from "node:assert/strict";
import { test } from "node:test";
import { type Authenticator, authenticate } from "./authenticate.ts";
import { EMPTY_SHA256, readClaim, verifySignature } from "./sigv4.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const NOW_MS = Date.UTC(2013, 4, 24);

// The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html
const GET_OBJECT = {
  method: "GET",
  path: "/test.txt",
  query: "",
  headers: {
    host: "examplebucket.s3.amazonaws.com",
    range: "bytes=0-9",
    "x-amz-content-sha256": EMPTY_SHA256,
    "x-amz-date": "20130524T000000Z",
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
};
const PRESIGNED = {
  method: "GET",
  path: "/test.txt",
  query:
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  headers: { host: "examplebucket.s3.amazonaws.com" },
};

function verify(request: Parameters<typeof readClaim>[0], payloadHash: string): boolean {
  const claim = readClaim(request);
  assert.equal(claim.kind, "signed");
  return claim.kind === "signed" && verifySignature(request, claim.signed, SECRET, payloadHash).ok;
}

test("AWS's own examples verify, and nothing changed does", () => {
  assert.ok(verify(GET_OBJECT, EMPTY_SHA256));
  assert.ok(verify(PRESIGNED, "UNSIGNED-PAYLOAD"));
  assert.ok(!verify({ ...GET_OBJECT, path: "/test2.txt" }, EMPTY_SHA256));
  assert.ok(!verify({ ...GET_OBJECT, headers: { ...GET_OBJECT.headers, range: "bytes=0-10" } }, EMPTY_SHA256));
  assert.ok(!verify({ ...PRESIGNED, query: PRESIGNED.query.replace("86400", "86401") }, "UNSIGNED-PAYLOAD"));
});

const keys = (required: boolean): Authenticator<string> => ({
  required,
  find: (id) => (id === "AKIAIOSFODNN7EXAMPLE" ? { secretAccessKey: SECRET, who: "ada" } : undefined),
  stranger: () => "stranger",
  unsigned: () => (required ? undefined : "nobody"),
});
const ask = (
  request: Parameters<typeof readClaim>[0],
  nowMs = NOW_MS,
  required = true,
  protocol: "restXml" | "awsJson1_0" | "awsQuery" = "restXml",
) =>
  authenticate(request, protocol === "restXml" ? "s3" : "sqs", protocol, keys(required), nowMs, () =>
    request.query ? "UNSIGNED-PAYLOAD" : EMPTY_SHA256,
  ).who;

test("who signed is known; clocks may differ by a quarter of an hour", () => {
  assert.equal(ask(GET_OBJECT), "ada");
  assert.equal(ask(GET_OBJECT, NOW_MS + 899_000), "ada");
  assert.throws(() => ask(GET_OBJECT, NOW_MS + 901_000), { code: "RequestTimeTooSkewed", status: 403 });
  assert.throws(() => ask(GET_OBJECT, NOW_MS - 901_000), { code: "RequestTimeTooSkewed" });
  assert.throws(() => ask(GET_OBJECT, NOW_MS + 901_000, true, "awsJson1_0"), {
    code: "InvalidSignatureException",
    message: /^Signature expired: 20130524T000000Z/,
  });
});

test("a presigned request lives as long as it says, whoever signed it", () => {
  assert.equal(ask(PRESIGNED, NOW_MS + 86_399_000), "ada");
  assert.throws(() => ask(PRESIGNED, NOW_MS + 86_401_000), { code: "AccessDenied", message: "Request has expired" });
  const unknown = { ...PRESIGNED, query: PRESIGNED.query.replace("AKIAIOSFODNN7EXAMPLE", "AKIAUNKNOWN") };
  assert.equal(ask(unknown, NOW_MS, false), "stranger");
  assert.throws(() => ask(unknown, NOW_MS + 86_401_000, false), { code: "AccessDenied" });
});

test("refusals are worded as each protocol words them", () => {
  const forged = {
    ...GET_OBJECT,
    headers: { ...GET_OBJECT.headers, authorization: GET_OBJECT.headers.authorization.replace(/.$/, "0") },
  };
  const unknown = {
    ...GET_OBJECT,
    headers: {
      ...GET_OBJECT.headers,
      authorization: GET_OBJECT.headers.authorization.replace("AKIAIOSFODNN7EXAMPLE", "AKIAUNKNOWN"),
    },
  };
  const unsigned = { ...GET_OBJECT, headers: { host: "x" } };
  for (const [request, codes] of [
    [forged, ["SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch"]],
    [unknown, ["InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId"]],
    [unsigned, ["AccessDenied", "MissingAuthenticationTokenException", "MissingAuthenticationToken"]],
  ] as const) {
    for (const [index, protocol] of (["restXml", "awsJson1_0", "awsQuery"] as const).entries()) {
      assert.throws(() => ask(request, NOW_MS, true, protocol), { code: codes[index] }, `${protocol} ${codes[index]}`);
    }
  }
  assert.equal(ask(unknown, NOW_MS, false), "stranger");
  assert.throws(() => ask(forged, NOW_MS, false), { code: "SignatureDoesNotMatch" });
});
