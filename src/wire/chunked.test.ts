import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { AwsChunkedDecoder, type ChunkSigning } from "./chunked.ts";
import { chunkSignature } from "./sigv4.ts";

// The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
const SCOPE = "20130524/us-east-1/s3/aws4_request";
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const key = ["20130524", "us-east-1", "s3", "aws4_request"].reduce<string | Buffer>(
  (secret, part) => hmac(secret, part),
  "AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
) as Buffer;
const signing: ChunkSigning = {
  key,
  timestamp: "20130524T000000Z",
  scope: SCOPE,
  seed: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
  trailer: false,
};
const FIRST = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
const SECOND = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
const LAST = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
const example = (first = FIRST, second = SECOND, last = LAST) =>
  `10000;chunk-signature=${first}\r\n${"a".repeat(65_536)}\r\n400;chunk-signature=${second}\r\n${"a".repeat(1024)}\r\n0;chunk-signature=${last}\r\n\r\n`;

/** Decodes a body that arrives in pieces of this size. */
async function decode(body: string, pieceBytes: number, decodedBytes?: number, signed?: ChunkSigning) {
  const bytes = Buffer.from(body, "latin1");
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, n) =>
    bytes.subarray(n * pieceBytes, (n + 1) * pieceBytes),
  );
  const decoder = new AwsChunkedDecoder(decodedBytes, signed);
  const decoded = Buffer.concat(await Readable.from(pieces).compose(decoder).toArray());
  return { text: decoded.toString("latin1"), trailers: decoder.trailers };
}

describe("signed chunks", () => {
  for (const pieceBytes of [1000, 1 << 20]) {
    test(`AWS's own example, arriving ${pieceBytes} bytes at a time`, async () => {
      assert.equal((await decode(example(), pieceBytes, 66_560, signing)).text, "a".repeat(66_560));
    });
  }

  test("a wrong signature of any chunk, the last too, and a missing one", async () => {
    const wrong = "0".repeat(64);
    for (const body of [example(wrong), example(FIRST, wrong), example(FIRST, SECOND, wrong)]) {
      await assert.rejects(decode(body, 4096, 66_560, signing), { code: "SignatureDoesNotMatch" });
    }
    await assert.rejects(decode("5\r\nhello\r\n0\r\n\r\n", 100, 5, signing), { code: "SignatureDoesNotMatch" });
  });

  test("nothing of a chunk is passed on before its signature is known", async () => {
    const decoder = new AwsChunkedDecoder(66_560, signing);
    decoder.on("error", () => {});
    decoder.write(Buffer.from(example("0".repeat(64)).slice(0, 60_000), "latin1"));
    assert.equal(decoder.read(), null);
  });

  test("trailers are signed too, where they were announced", async () => {
    const data = Buffer.from("hello");
    const first = chunkSignature("PAYLOAD", key, signing.timestamp, SCOPE, signing.seed, data);
    const last = chunkSignature("PAYLOAD", key, signing.timestamp, SCOPE, first, Buffer.alloc(0));
    const trailer = "x-amz-checksum-crc32:NhCmhg==";
    const signature = chunkSignature("TRAILER", key, signing.timestamp, SCOPE, last, Buffer.from(`${trailer}\n`));
    const body = (text: string, end: string) =>
      `5;chunk-signature=${first}\r\nhello\r\n0;chunk-signature=${last}\r\n${text}\r\n${end}\r\n`;
    const announced = { ...signing, trailer: true };
    const { text, trailers } = await decode(body(trailer, `x-amz-trailer-signature:${signature}\r\n`), 7, 5, announced);
    assert.equal(text, "hello");
    assert.deepEqual({ ...trailers }, { "x-amz-checksum-crc32": "NhCmhg==" });
    assert.equal(
      (await decode(body(`${trailer}\r\n`, `x-amz-trailer-signature:${signature}\r\n`), 7, 5, announced)).text,
      "hello",
      "an empty line before the signature",
    );
    await assert.rejects(
      decode(body("x-amz-checksum-crc32:AAAAAA==", `x-amz-trailer-signature:${signature}\r\n`), 7, 5, announced),
      { code: "SignatureDoesNotMatch" },
    );
    await assert.rejects(decode(body(trailer, ""), 7, 5, announced), { code: "SignatureDoesNotMatch" });
  });
});

describe("unsigned chunks", () => {
  test("body and trailers, however they are cut", async () => {
    for (const pieceBytes of [1, 3, 1000]) {
      const { text, trailers } = await decode(
        "5\r\nhello\r\n1\r\n!\r\n0\r\nx-amz-checksum-crc32: abc\r\n\r\n",
        pieceBytes,
        6,
      );
      assert.equal(text, "hello!");
      assert.deepEqual({ ...trailers }, { "x-amz-checksum-crc32": "abc" });
    }
  });

  test("what ends early, lies about its length, or is no chunk", async () => {
    for (const body of ["5\r\nhel", "5\r\nhello\r\n", "5\r\nhelloXX", "x\r\n", "5\r\nhello\r\n0\r\n"]) {
      await assert.rejects(decode(body, 100, 5), { code: "IncompleteBody" }, JSON.stringify(body));
    }
    await assert.rejects(decode("5\r\nhello\r\n0\r\n\r\n", 100, 6), { code: "IncompleteBody" });
  });
});
