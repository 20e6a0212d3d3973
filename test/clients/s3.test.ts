/** S3 over HTTP, with keys demanded: the official SDK, presigned URLs, browsers' requests, and requests that are wrong. */
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  DeletePublicAccessBlockCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutBucketCorsCommand,
  PutBucketPolicyCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { AccountId, Region } from "../../src/kernel/arn.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { openPlatform, type Platform } from "../../src/platform/open.ts";

const KEY = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const Bucket = "client-bucket";
let platform: Platform;
let directory: string;
let client: S3Client;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "virga-s3-"));
  platform = await openPlatform({
    port: 0,
    host: "127.0.0.1",
    dataDirectory: directory,
    ephemeral: false,
    durability: "relaxed",
    authRequired: true,
    region: "us-east-1" as Region,
    accountId: "000000000000" as AccountId,
    rootKey: KEY,
    log: silentLog,
    shapesDirectory: "generated/shapes",
    consoleDirectory: "generated/console",
    version: "test",
  });
  client = clientWith(KEY);
  await client.send(new CreateBucketCommand({ Bucket }));
});

after(async () => {
  client.destroy();
  await platform.close();
  rmSync(directory, { recursive: true, force: true });
});

function clientWith(credentials: { accessKeyId: string; secretAccessKey: string }): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${platform.port}`,
    region: "us-east-1",
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
  });
}

const url = (path: string) => `http://127.0.0.1:${platform.port}${path}`;

/** A request by Node's own client: it may name any host, and sends what it is told. */
function raw(
  path: string,
  options: { method?: string; host?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<{ status: number; headers: Record<string, string>; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url(path),
      { method: options.method ?? "GET", headers: { ...(options.host && { host: options.host }), ...options.headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () =>
          resolve({
            status: response.statusCode!,
            headers: response.headers as Record<string, string>,
            text: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(options.body);
  });
}

test("objects travel by the SDK, small and large, with their metadata and checksums", async () => {
  const large = randomBytes(300_000);
  for (const [Key, Body] of [
    ["small", Buffer.from("few bytes")],
    ["large ü+ &", large],
    ["stream", Readable.from([large.subarray(0, 1000), large.subarray(1000)])],
  ] as const) {
    const ContentLength = Body instanceof Readable ? large.length : undefined;
    await client.send(
      new PutObjectCommand({ Bucket, Key, Body, ContentLength, Metadata: { colour: "blue" }, ContentType: "x/y" }),
    );
    const got = await client.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.ok(Buffer.from(await got.Body!.transformToByteArray()).equals(Body instanceof Readable ? large : Body));
    assert.deepEqual([got.Metadata, got.ContentType], [{ colour: "blue" }, "x/y"]);
    assert.ok(got.ChecksumCRC32);
  }
  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const) {
    await client.send(new PutObjectCommand({ Bucket, Key: ChecksumAlgorithm, Body: "hello", ChecksumAlgorithm }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key: ChecksumAlgorithm, ChecksumMode: "ENABLED" }));
    assert.equal(await got.Body!.transformToString(), "hello");
    assert.ok(got[`Checksum${ChecksumAlgorithm}`]);
  }
  const part = await client.send(new GetObjectCommand({ Bucket, Key: "small", Range: "bytes=4-" }));
  assert.deepEqual(
    [await part.Body!.transformToString(), part.$metadata.httpStatusCode, part.ContentRange],
    ["bytes", 206, "bytes 4-8/9"],
  );
  const copied = await client.send(
    new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/${encodeURIComponent("large ü+ &")}` }),
  );
  assert.ok(copied.CopyObjectResult?.ETag);
});

test("a large upload goes in parts", async () => {
  const body = randomBytes(11 * 1024 * 1024);
  await new Upload({ client, params: { Bucket, Key: "parts", Body: Readable.from([body]) } }).done();
  const got = await client.send(new GetObjectCommand({ Bucket, Key: "parts" }));
  assert.ok(Buffer.from(await got.Body!.transformToByteArray()).equals(body));
  assert.match(got.ETag!, /-3"$/);
});

test("lists are paged by the SDK", async () => {
  for (let n = 0; n < 7; n++) await client.send(new PutObjectCommand({ Bucket, Key: `list/<${n}>&`, Body: "x" }));
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client, pageSize: 3 }, { Bucket, Prefix: "list/" })) {
    keys.push(...(page.Contents ?? []).map((one) => one.Key!));
  }
  assert.deepEqual(
    keys,
    Array.from({ length: 7 }, (_, n) => `list/<${n}>&`),
  );
  const folded = await client.send(new ListObjectsV2Command({ Bucket, Delimiter: "/", Prefix: "l" }));
  assert.deepEqual(folded.CommonPrefixes, [{ Prefix: "list/" }]);
  const { Deleted } = await client.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
  );
  assert.equal(Deleted?.length, 7);
});

test("errors reach the SDK as what they are", async () => {
  await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: "absent" })), (error) => {
    assert.ok(error instanceof NoSuchKey);
    assert.match(error.$metadata.requestId ?? "", /^[0-9A-F]{16}$/);
    return true;
  });
  await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: "absent" })), { name: "NotFound" });
  await assert.rejects(client.send(new DeleteBucketCommand({ Bucket })), { name: "BucketNotEmpty" });
  const { ETag } = await client.send(new PutObjectCommand({ Bucket, Key: "once", Body: "1", IfNoneMatch: "*" }));
  await assert.rejects(client.send(new PutObjectCommand({ Bucket, Key: "once", Body: "2", IfNoneMatch: "*" })), {
    name: "PreconditionFailed",
  });
  await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: "once", IfNoneMatch: ETag })), (error) => {
    assert.ok(error instanceof S3ServiceException);
    assert.equal(error.$metadata.httpStatusCode, 304);
    return true;
  });
  await assert.rejects(clientWith({ ...KEY, secretAccessKey: "wrong" }).send(new ListObjectsV2Command({ Bucket })), {
    name: "SignatureDoesNotMatch",
  });
  await assert.rejects(clientWith({ ...KEY, accessKeyId: "AKIDOTHER" }).send(new ListObjectsV2Command({ Bucket })), {
    name: "InvalidAccessKeyId",
  });
});

test("presigned URLs open just what they say", async () => {
  const put = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "presigned" }));
  assert.equal((await fetch(put, { method: "PUT", body: "by URL" })).status, 200);
  const get = await getSignedUrl(
    client,
    new GetObjectCommand({ Bucket, Key: "presigned", ResponseContentType: "a/b" }),
  );
  const response = await fetch(get);
  assert.deepEqual([await response.text(), response.headers.get("content-type")], ["by URL", "a/b"]);
  assert.equal((await fetch(get.replace("/presigned?", "/small?"))).status, 403);
  assert.equal((await fetch(get, { method: "DELETE" })).status, 403);
});

/** A browser's form, signed as AWS documents it. */
function signedForm(conditions: unknown[], fields: Record<string, string>, file: string): FormData {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = timestamp.slice(0, 8);
  const credential = `${KEY.accessKeyId}/${date}/us-east-1/s3/aws4_request`;
  const signing = {
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": credential,
    "x-amz-date": timestamp,
  };
  const expiration = new Date(Date.now() + 60_000).toISOString();
  const all = [
    { bucket: Bucket },
    ...Object.entries(signing).map(([name, value]) => ({ [name]: value })),
    ...conditions,
  ];
  const policy = Buffer.from(JSON.stringify({ expiration, conditions: all })).toString("base64");
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const key = [date, "us-east-1", "s3", "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${KEY.secretAccessKey}`);
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...signing, policy })) form.append(name, value);
  form.append("x-amz-signature", hmac(key as Buffer, policy).toString("hex"));
  form.append("file", new Blob([file], { type: "text/plain" }), "notes.txt");
  return form;
}

test("a browser's form uploads what its policy allows", async () => {
  const conditions = [
    ["starts-with", "$key", "forms/"],
    ["starts-with", "$success_action_status", ""],
    ["content-length-range", 1, 100_000],
  ];
  const post = (fields: Record<string, string>, file: string, more: unknown[] = conditions) =>
    fetch(url(`/${Bucket}`), { method: "POST", body: signedForm(more, fields, file) });
  const made = await post({ key: "forms/${filename}", success_action_status: "201" }, "x".repeat(50_000));
  assert.equal(made.status, 201);
  assert.match(
    await made.text(),
    /<PostResponse><Location>.*<Key>forms\/notes.txt<\/Key><ETag>"[0-9a-f]{32}"<\/ETag><\/PostResponse>/,
  );
  const got = await client.send(new GetObjectCommand({ Bucket, Key: "forms/notes.txt" }));
  assert.equal((await got.Body!.transformToString()).length, 50_000);
  assert.equal((await post({ key: "forms/plain" }, "few")).status, 204);
  for (const [answer, code] of [
    [post({ key: "elsewhere" }, "x"), "AccessDenied"],
    [post({ key: "forms/x", acl: "private" }, "x"), "AccessDenied"],
    [post({ key: "forms/large" }, "x".repeat(100_001)), "EntityTooLarge"],
    [post({ key: "forms/empty" }, ""), "EntityTooSmall"],
  ] as const) {
    assert.match(await (await answer).text(), new RegExp(`<Code>${code}</Code>`));
  }
  const forged = signedForm(conditions, { key: "forms/forged" }, "x");
  forged.set("x-amz-signature", "0".repeat(64));
  const refused = await fetch(url(`/${Bucket}/`), { method: "POST", body: forged });
  assert.deepEqual([refused.status, /<Code>SignatureDoesNotMatch</.test(await refused.text())], [403, true]);
  const unsigned = new FormData();
  unsigned.append("key", "forms/unsigned");
  unsigned.append("file", new Blob(["x"]));
  assert.equal((await fetch(url(`/${Bucket}`), { method: "POST", body: unsigned })).status, 403);
  for (const Key of ["forms/large", "forms/empty", "forms/forged", "forms/unsigned"]) {
    await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key })), { name: "NotFound" }, Key);
  }
});

test("what is not what it says is refused, and the server lives", async () => {
  const presigned = (Key: string) => getSignedUrl(client, new PutObjectCommand({ Bucket, Key }));
  const path = async (Key: string) => new URL(await presigned(Key)).pathname + new URL(await presigned(Key)).search;
  const wrong = await raw(await path("digest"), {
    method: "PUT",
    headers: { "content-md5": "AAAAAAAAAAAAAAAAAAAAAA==" },
    body: "x",
  });
  assert.match(wrong.text, /<Code>BadDigest<\/Code>/);
  const chunked = await raw(await path("length"), {
    method: "PUT",
    headers: { "transfer-encoding": "chunked" },
    body: "x",
  });
  assert.deepEqual([chunked.status, /MissingContentLength/.test(chunked.text)], [411, true]);
  assert.match((await raw(`/${Bucket}/x`, { method: "PATCH" })).text, /<Code>MethodNotAllowed<\/Code>/);
  assert.equal((await raw(`/${Bucket}/%ff`)).status, 400);
  await new Promise<void>((resolve, reject) => {
    path("torn").then((target) => {
      const torn = request(url(target), { method: "PUT", headers: { "content-length": "100000" } });
      torn.on("error", () => resolve());
      torn.on("response", () => reject(new Error("answered before the body was complete")));
      torn.write("only this", () => torn.destroy());
    }, reject);
  });
  await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: "torn" })), { name: "NotFound" });
});

test("strangers see what the bucket's policy shows them, on websites too; browsers are told what pages may", async () => {
  const Web = "client-website";
  await client.send(new CreateBucketCommand({ Bucket: Web }));
  await client.send(
    new PutObjectCommand({ Bucket: Web, Key: "index.html", Body: "<p>hello", ContentType: "text/html" }),
  );
  await client.send(
    new PutBucketWebsiteCommand({ Bucket: Web, WebsiteConfiguration: { IndexDocument: { Suffix: "index.html" } } }),
  );
  const host = `${Web}.s3-website.localhost:${platform.port}`;
  assert.equal((await raw(`/${Web}/index.html`)).status, 403);
  assert.equal((await raw("/", { host })).status, 403);

  const Policy = JSON.stringify({
    Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Web}/*` }],
  });
  await assert.rejects(client.send(new PutBucketPolicyCommand({ Bucket: Web, Policy })), { name: "AccessDenied" });
  await client.send(new DeletePublicAccessBlockCommand({ Bucket: Web }));
  await client.send(new PutBucketPolicyCommand({ Bucket: Web, Policy }));
  for (const [path, at] of [
    [`/${Web}/index.html`, undefined],
    ["/index.html", `${Web}.s3.localhost:${platform.port}`],
    ["/", host],
    [`/_aws/s3-website/${Web}/`, undefined],
  ] as const) {
    const page = await raw(path, at === undefined ? {} : { host: at });
    assert.deepEqual([page.status, page.text, page.headers["content-type"]], [200, "<p>hello", "text/html"], path);
  }
  assert.equal((await raw(`/${Web}`)).status, 403);
  assert.equal((await raw(`/${Web}/new`, { method: "PUT", body: "x" })).status, 403);
  assert.equal((await raw("/none", { host })).status, 404);

  const rule = { AllowedMethods: ["GET", "PUT"], AllowedOrigins: ["http://app.example"], AllowedHeaders: ["*"] };
  await client.send(new PutBucketCorsCommand({ Bucket: Web, CORSConfiguration: { CORSRules: [rule] } }));
  const origin = "http://app.example";
  const asked = { origin, "access-control-request-method": "PUT", "access-control-request-headers": "content-type" };
  const preflight = await raw(`/${Web}/k`, { method: "OPTIONS", headers: asked });
  assert.deepEqual(
    [
      preflight.status,
      preflight.headers["access-control-allow-origin"],
      preflight.headers["access-control-allow-headers"],
    ],
    [200, origin, "content-type"],
  );
  for (const path of [`/${Web}/index.html`, `/${Web}/absent`]) {
    const answer = await raw(path, { headers: { origin } });
    assert.equal(answer.headers["access-control-allow-origin"], origin, path);
  }
  assert.equal(
    (await raw(`/${Web}/index.html`, { headers: { origin: "http://other" } })).headers["access-control-allow-origin"],
    undefined,
  );
});
