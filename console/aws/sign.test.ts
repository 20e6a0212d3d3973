import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { hex, hmac, sha256, utf8 } from "./sha256.ts";
import { sign } from "./sign.ts";

test("SHA-256 and HMAC agree with Node's at every length around a block", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const message = Uint8Array.from({ length }, (_, i) => (i * 31) & 255);
    assert.equal(hex(sha256(message)), createHash("sha256").update(message).digest("hex"), `${length}`);
    for (const key of [new Uint8Array(3), message])
      assert.equal(hex(hmac(key, message)), createHmac("sha256", key).update(message).digest("hex"), `${length}`);
  }
});

test("AWS's own example of a signature", () => {
  // The suite "get-vanilla-query-order-key-case" of AWS's Signature Version 4 test suite.
  const headers = sign(
    {
      method: "GET",
      path: "/",
      query: [
        ["Param2", "value2"],
        ["Param1", "value1"],
      ],
      headers: {},
      body: utf8(""),
    },
    { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" },
    { service: "service", region: "us-east-1", host: "example.amazonaws.com", nowMs: Date.UTC(2015, 7, 30, 12, 36) },
  );
  assert.equal(
    headers["authorization"],
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  );
});
