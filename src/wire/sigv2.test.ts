import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticate } from "./authenticate.ts";

// Made by botocore 1.43.11's HmacV1QueryAuth at 2026-01-01T00:00:00Z for key AKIDEXAMPLE, secret wJalrXUtnFEMI.
const GET = {
  method: "GET",
  path: "/bucket/a%20b.txt",
  query:
    "response-content-type=x%2Fy&versionId=3&AWSAccessKeyId=AKIDEXAMPLE&Signature=LXKjuUfp4oXLEDCYbrM8J4qtOTo%3D&Expires=1767229200",
  headers: { host: "localhost:4566" },
};
const PUT = {
  method: "PUT",
  path: "/k",
  query:
    "AWSAccessKeyId=AKIDEXAMPLE&Signature=QyLmIzsONQa06Y0oCgMXqesBNnw%3D&content-type=text%2Fplain&x-amz-acl=private&x-amz-security-token=TOKEN&Expires=1767229200",
  headers: { host: "photos.s3.localhost:4566", "content-type": "text/plain" },
};
const NOW_MS = Date.UTC(2026, 0, 1);

const check = (request: typeof GET, sessionToken?: string, nowMs = NOW_MS, secretAccessKey = "wJalrXUtnFEMI") =>
  authenticate<string>(
    request,
    "s3",
    "restXml",
    {
      required: true,
      find: (key) =>
        key === "AKIDEXAMPLE" ? { secretAccessKey, who: "me", ...(sessionToken && { sessionToken }) } : undefined,
      stranger: () => "stranger",
      unsigned: () => "nobody",
    },
    nowMs,
    () => "UNSIGNED-PAYLOAD",
  );

test("presigned URLs of version 2 are verified, path and host style, with and without a token", () => {
  assert.equal(check(GET).who, "me");
  assert.equal(check(PUT, "TOKEN").who, "me");
});

test("a changed, expired or foreign URL is refused", () => {
  assert.throws(() => check({ ...GET, method: "DELETE" }), { code: "SignatureDoesNotMatch" });
  assert.throws(() => check({ ...GET, path: "/bucket/other" }), { code: "SignatureDoesNotMatch" });
  assert.throws(() => check({ ...GET, query: GET.query.replace("versionId=3", "versionId=4") }), {
    code: "SignatureDoesNotMatch",
  });
  assert.throws(() => check(GET, undefined, NOW_MS, "another"), { code: "SignatureDoesNotMatch" });
  assert.throws(() => check(GET, undefined, NOW_MS + 3_601_000), {
    code: "AccessDenied",
    message: "Request has expired",
  });
  assert.throws(() => check(PUT), { code: "InvalidToken" });
  assert.throws(() => check({ ...GET, query: GET.query.replace("AKIDEXAMPLE", "AKIDOTHER") }), {
    code: "InvalidAccessKeyId",
  });
  assert.equal(check({ ...GET, query: "versionId=3" }).who, "nobody");
});
