import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { before, test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import { prepareChecksums } from "./checksums.ts";
import { s3 } from "./service.ts";
import { checkDocument, preflightFronts, replyHeaders } from "./web.ts";

before(prepareChecksums);

test("preflights are answered by the bucket's rules", async () => {
  const platform = await openTestPlatform({ services: [s3] });
  const Bucket = "cors-bucket";
  await platform.call("s3", "CreateBucket", { Bucket });
  const ask = async (headers: Record<string, string>, url = `/${Bucket}/k`) => {
    const [byHost, byPath] = preflightFronts;
    const match = url.startsWith("/") ? byPath!.path!.exec(url)! : byHost!.host!.exec(url)!;
    const response = await byPath!.handle(
      platform.flow({ principal: { type: "anonymous" } }),
      {
        method: "OPTIONS",
        path: url.startsWith("/") ? url.slice(match[0].length) : "/k",
        query: "",
        headers,
        rawHeaders: [],
        host: "localhost",
        sourceIp: "127.0.0.1",
        protocol: "HTTP/1.1",
        body: Readable.from([]),
        signerOfForm() {
          throw new Error("this is no form");
        },
        readBody: async () => Buffer.alloc(0),
      },
      { ...match.groups },
    );
    return [response.status, String(response.body), response.headers] as const;
  };
  const origin = { origin: "https://a.example", "access-control-request-method": "PUT" };
  assert.match((await ask(origin))[1], /CORS is not enabled for this bucket/);
  await platform.call("s3", "PutBucketCors", {
    Bucket,
    CORSConfiguration: {
      CORSRules: [
        {
          AllowedOrigins: ["https://*.example"],
          AllowedMethods: ["PUT", "GET"],
          AllowedHeaders: ["*"],
          ExposeHeaders: ["ETag"],
          MaxAgeSeconds: 60,
        },
        { AllowedOrigins: ["*"], AllowedMethods: ["GET"] },
      ],
    },
  });
  for (const url of [`/${Bucket}/k`, "cors-bucket.s3.localhost", "cors-bucket.localhost"]) {
    const [status, , headers] = await ask(
      { ...origin, "access-control-request-headers": "Content-Type, x-amz-date" },
      url,
    );
    assert.equal(status, 200, url);
    assert.deepEqual(headers, {
      "access-control-allow-origin": "https://a.example",
      "access-control-allow-methods": "PUT, GET",
      "access-control-allow-headers": "content-type, x-amz-date",
      "access-control-expose-headers": "ETag",
      "access-control-max-age": "60",
      "access-control-allow-credentials": "true",
      vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    });
  }
  assert.deepEqual((await ask({ ...origin, origin: "http://other" }))[0], 403);
  assert.deepEqual((await ask({ "access-control-request-method": "PUT" }))[0], 400);
  assert.deepEqual((await ask({ origin: "http://other" }))[0], 400);

  const reply = (headers: Record<string, string>, method = "GET") =>
    platform.flow().write((tx) => replyHeaders(tx, { bucket: Bucket, method, headers }));
  assert.equal((await reply({ origin: "http://other" }))?.["access-control-allow-origin"], "*");
  assert.deepEqual(await reply({ origin: "http://other" }, "PUT"), {});
  assert.deepEqual(await reply({}), {});
  await platform.close();
});

test("a document is what its digests say", () => {
  const body = Buffer.from("hello");
  const check = (headers: Record<string, string>, operation = "PutBucketTagging", trailers = {}) =>
    checkDocument({ operation, headers, trailers, body });
  check({});
  check({ "content-md5": "XUFAKrxLKna5cZ2REBfFkg==" }, "DeleteObjects");
  check({ "x-amz-checksum-crc32": "NhCmhg==" }, "DeleteObjects");
  check({ "x-amz-trailer": "x-amz-checksum-crc32" }, "DeleteObjects", { "x-amz-checksum-crc32": "NhCmhg==" });
  assert.throws(() => check({}, "DeleteObjects"), { code: "InvalidRequest" });
  assert.throws(() => check({ "content-md5": "x" }), { code: "InvalidDigest" });
  assert.throws(() => check({ "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" }), { code: "BadDigest" });
  assert.throws(() => check({ "x-amz-checksum-crc32": "AAAAAA==" }), { code: "BadDigest" });
});
