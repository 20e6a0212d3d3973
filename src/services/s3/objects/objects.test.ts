import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import { keysUnder } from "../../../storage/keys.ts";
import type { InputOf } from "../../service.ts";
import { s3Error } from "../errors.ts";
import { s3 } from "../service.ts";

type Get = Omit<InputOf<"s3", "GetObject">, "Bucket" | "Key">;

/** A platform with one bucket, and short words for what every test does. */
async function room(options: { versioning?: boolean } = {}) {
  const platform: TestPlatform = await openTestPlatform({ services: [s3] });
  const Bucket = "room-of-tests";
  await platform.call("s3", "CreateBucket", { Bucket });
  if (options.versioning) await version("Enabled");
  async function version(Status: "Enabled" | "Suspended") {
    await platform.call("s3", "PutBucketVersioning", { Bucket, VersioningConfiguration: { Status } });
  }
  return {
    platform,
    Bucket,
    version,
    put: (Key: string, Body: string | Uint8Array | Readable = Key, more: object = {}) =>
      platform.call("s3", "PutObject", { Bucket, Key, Body, ...more }),
    get: (Key: string, more: Get = {}) => platform.call("s3", "GetObject", { Bucket, Key, ...more }),
    async text(Key: string, more: Get = {}) {
      const { Body } = await platform.call("s3", "GetObject", { Bucket, Key, ...more });
      return (await buffer(Body as Readable)).toString();
    },
    head: (Key: string, more: Get = {}) => platform.call("s3", "HeadObject", { Bucket, Key, ...more }),
    remove: (Key: string, more: object = {}) => platform.call("s3", "DeleteObject", { Bucket, Key, ...more }),
    copy: (Key: string, from: string, more: object = {}) =>
      platform.call("s3", "CopyObject", { Bucket, Key, CopySource: `${Bucket}/${from}`, ...more }),
  };
}

const LARGE = "0123456789abcdef".repeat(5000);

test("an object comes back with its bytes, its headers and its metadata", async () => {
  const { platform, put, get, text } = await room();
  const stored = await put("a.txt", "hello", {
    ContentType: "text/plain",
    CacheControl: "max-age=60",
    ContentDisposition: "attachment",
    ContentEncoding: "aws-chunked,gzip",
    ContentLanguage: "de",
    Expires: new Date("2027-01-01T00:00:00Z"),
    Metadata: { Colour: "blue" },
    Tagging: "k=v&team=one%20two",
  });
  // MD5 of "hello", from RFC 1321's algorithm as any md5sum gives it.
  assert.equal(stored.ETag, '"5d41402abc4b2a76b9719d911017c592"');
  assert.equal(stored.ChecksumType, "FULL_OBJECT");
  assert.equal(stored.VersionId, undefined);
  const got = await get("a.txt");
  assert.equal(got.ContentType, "text/plain");
  assert.equal(got.CacheControl, "max-age=60");
  assert.equal(got.ContentDisposition, "attachment");
  assert.equal(got.ContentEncoding, "gzip");
  assert.equal(got.ContentLanguage, "de");
  assert.deepEqual(got.Expires, new Date("2027-01-01T00:00:00Z"));
  assert.deepEqual(got.Metadata, { colour: "blue" });
  assert.equal(got.TagCount, 2);
  assert.equal(got.ContentLength, 5);
  assert.equal(got.ChecksumCRC64NVME, undefined);
  assert.equal((await get("a.txt", { ChecksumMode: "ENABLED" })).ChecksumCRC64NVME, stored.ChecksumCRC64NVME);
  assert.equal(await text("a.txt"), "hello");
  await platform.close();
});

test("bodies of every size and shape come back whole and in ranges", async () => {
  const { platform, put, text, get } = await room();
  for (const [name, body] of [
    ["empty", ""],
    ["small", "0123456789"],
    ["large", LARGE],
  ] as const) {
    for (const shape of [body, Buffer.from(body), Readable.from(body ? [Buffer.from(body)] : [])]) {
      await put(name, shape);
      assert.equal(await text(name), body, name);
    }
  }
  for (const [range, from, to] of [
    ["bytes=2-5", 2, 6],
    ["bytes=79990-", 79990, 80000],
    ["bytes=-7", 79993, 80000],
    ["bytes=0-999999", 0, 80000],
    ["bytes=5-2", 0, 80000],
    ["bytes=1-2,4-5", 0, 80000],
  ] as const) {
    assert.equal(await text("large", { Range: range }), LARGE.slice(from, to), range);
  }
  assert.equal((await get("small", { Range: "bytes=2-3" })).ContentRange, "bytes 2-3/10");
  assert.equal(await text("small", { Range: "bytes=8-20" }), "89");
  await assert.rejects(get("small", { Range: "bytes=10-" }), { code: "InvalidRange", status: 416 });
  await assert.rejects(get("empty", { Range: "bytes=-1" }), { code: "InvalidRange" });
  assert.equal(await text("small", { PartNumber: 1 }), "0123456789");
  await assert.rejects(get("small", { PartNumber: 2 }), { code: "InvalidPartNumber", status: 416 });
  await platform.close();
});

test("conditions are weighed in the order of the RFC", async () => {
  const { platform, put, head } = await room();
  const { ETag } = await put("k");
  const modified = platform.clock.nowMs();
  const before = new Date(modified - 5000);
  const later = new Date(modified + 5000);
  await head("k", { IfMatch: ETag! });
  await head("k", { IfMatch: "*" });
  await head("k", { IfMatch: ETag!, IfUnmodifiedSince: before });
  await head("k", { IfNoneMatch: '"other"', IfModifiedSince: later });
  await assert.rejects(head("k", { IfMatch: '"other"' }), { code: "PreconditionFailed", status: 412 });
  await assert.rejects(head("k", { IfUnmodifiedSince: before }), { code: "PreconditionFailed" });
  await assert.rejects(head("k", { IfModifiedSince: new Date(modified) }), { code: "NotModified", status: 304 });
  await assert.rejects(head("k", { IfNoneMatch: `"x", ${ETag}`, IfModifiedSince: before }), (error: any) => {
    assert.equal(error.status, 304);
    assert.equal(error.detail.$headers.etag, ETag);
    return true;
  });
  await platform.close();
});

test("a put can ask to be the first, or to replace just this", async () => {
  const { platform, put, text } = await room();
  const first = await put("k", "one", { IfNoneMatch: "*" });
  await assert.rejects(put("k", "two", { IfNoneMatch: "*" }), { code: "PreconditionFailed" });
  await put("k", "two", { IfMatch: first.ETag });
  await assert.rejects(put("k", "three", { IfMatch: first.ETag }), { code: "PreconditionFailed" });
  await assert.rejects(put("other", "x", { IfMatch: first.ETag }), { code: "NoSuchKey" });
  await assert.rejects(put("k", LARGE, { IfNoneMatch: "*" }), { code: "PreconditionFailed" });
  assert.equal(await text("k"), "two");
  await platform.close();
});

test("a body that is not what the request says it is, is not stored", async () => {
  const { platform, put, head } = await room();
  await assert.rejects(put("k", "hello", { ContentMD5: "nonsense" }), { code: "InvalidDigest" });
  await assert.rejects(put("k", "hello", { ContentMD5: "XUFAKrxLKna5cZ2REBfFkQ==" }), { code: "BadDigest" });
  await assert.rejects(put("k", LARGE, { ChecksumCRC32: "AAAAAA==" }), { code: "BadDigest" });
  await assert.rejects(put("k", "hello", { ContentLength: 6 }), { code: "IncompleteBody" });
  await assert.rejects(head("k"), { code: "NoSuchKey" });
  await put("k", "hello", { ContentMD5: "XUFAKrxLKna5cZ2REBfFkg==", ChecksumCRC32: "NhCmhg==" });
  const got = await head("k", { ChecksumMode: "ENABLED" });
  assert.equal(got.ChecksumCRC32, "NhCmhg==");
  await platform.close();
});

test("keys are text: 1,024 bytes of it, dots and slashes and all", async () => {
  const { platform, put, text, Bucket } = await room();
  const keys = ["../../etc/passwd", "a//b", "/lead", "é".repeat(512), "nul\0nul", "emoji 😀", " ", "%2e%2e"];
  for (const key of keys) await put(key);
  for (const key of keys) assert.equal(await text(key), key);
  const listed = await platform.call("s3", "ListObjectsV2", { Bucket });
  const order = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.deepEqual(
    listed.Contents?.map((one) => one.Key),
    order,
  );
  await assert.rejects(put(`${"é".repeat(512)}x`), { code: "KeyTooLongError" });
  await platform.close();
});

test("what is wrong with a request is told in S3's words", async () => {
  const { platform, put, get } = await room();
  const { call } = platform;
  const cases: [() => Promise<unknown>, object][] = [
    [
      () => get("absent"),
      { code: "NoSuchKey", status: 404, message: "The specified key does not exist.", detail: { Key: "absent" } },
    ],
    [
      () => call("s3", "GetObject", { Bucket: "no-such-bucket", Key: "k" }),
      { code: "NoSuchBucket", detail: { BucketName: "no-such-bucket" } },
    ],
    [() => put("k", "", { Metadata: { a: "x".repeat(2048) } }), { code: "MetadataTooLarge" }],
    [() => put("k", "", { StorageClass: "GLACIER" }), { code: "NotImplemented", status: 501 }],
    [() => put("k", "", { StorageClass: "COLD" }), { code: "InvalidStorageClass" }],
    [() => put("k", "", { ServerSideEncryption: "aws:kms" }), { code: "NotImplemented" }],
    [() => put("k", "", { SSEKMSKeyId: "x" }), { code: "NotImplemented" }],
    [() => put("k", "", { ACL: "public-read" }), { code: "AccessControlListNotSupported" }],
    [() => put("k", "", { Tagging: "a=1&a=2" }), { code: "InvalidArgument" }],
    [() => put("k", "", { ExpectedBucketOwner: "111111111111" }), { code: "AccessDenied" }],
    [() => put("k", "", { WebsiteRedirectLocation: "elsewhere" }), { code: "InvalidRedirectLocation" }],
  ];
  for (const [attempt, expected] of cases) await assert.rejects(attempt, expected);
  await put("k", "", { ACL: "bucket-owner-full-control", ServerSideEncryption: "AES256", StorageClass: "STANDARD" });
  await platform.close();
});

test("a copy shares the bytes and outlives its source", async () => {
  const { platform, put, text, head, copy, remove } = await room();
  for (const [name, body] of [
    ["small", "few"],
    ["large", LARGE],
  ] as const) {
    await put(name, body, { Metadata: { a: "1" }, ContentType: "text/x", Tagging: "t=1" });
    const copied = await copy(`${name}-copy`, name);
    assert.equal(copied.CopyObjectResult?.ETag, (await head(name)).ETag);
    await remove(name);
    await platform.advance(600_000);
    assert.equal(await text(`${name}-copy`), body);
    const kept = await head(`${name}-copy`);
    assert.deepEqual([kept.Metadata, kept.ContentType, kept.TagCount], [{ a: "1" }, "text/x", 1]);
  }
  await copy("replaced", "large-copy", {
    MetadataDirective: "REPLACE",
    Metadata: { b: "2" },
    TaggingDirective: "REPLACE",
  });
  const replaced = await head("replaced");
  assert.deepEqual(
    [replaced.Metadata, replaced.ContentType, replaced.TagCount],
    [{ b: "2" }, "binary/octet-stream", undefined],
  );
  const summed = await copy("summed", "large-copy", { ChecksumAlgorithm: "SHA256" });
  assert.ok(summed.CopyObjectResult?.ChecksumSHA256);
  assert.equal(summed.CopyObjectResult?.ETag, replaced.ETag);
  await assert.rejects(copy("summed", "summed"), { code: "InvalidRequest" });
  await copy("summed", "summed", { MetadataDirective: "REPLACE" });
  await assert.rejects(copy("x", "absent"), { code: "NoSuchKey" });
  await assert.rejects(copy("x", "summed", { CopySourceIfNoneMatch: replaced.ETag }), { code: "PreconditionFailed" });
  await platform.close();
});

test("a deleted body is removed from the disk, after whoever reads it", async () => {
  const { platform, put, get, remove } = await room();
  const { start, end } = keysUnder("blob");
  const kept = () => platform.flow().write((tx) => [...tx.range(start, end)].length);
  await put("k", LARGE);
  assert.equal(await kept(), 1);
  const { Body } = await get("k");
  await remove("k");
  await platform.advance(120_000);
  assert.equal(await kept(), 1);
  assert.equal((await buffer(Body as Readable)).toString(), LARGE);
  await platform.advance(120_000);
  assert.equal(await kept(), 0);
  await platform.close();
});

test("deleting many keys tells the outcome of each", async () => {
  const { platform, put, Bucket } = await room();
  await put("a");
  await put("b");
  const done = await platform.call("s3", "DeleteObjects", {
    Bucket,
    Delete: { Objects: [{ Key: "a" }, { Key: "absent" }, { Key: "b", ETag: '"other"' }] },
  });
  assert.deepEqual(done.Deleted, [{ Key: "a" }, { Key: "absent" }]);
  assert.equal(done.Errors?.[0]?.Code, "PreconditionFailed");
  const quiet = await platform.call("s3", "DeleteObjects", {
    Bucket,
    Delete: { Objects: [{ Key: "b" }], Quiet: true },
  });
  assert.deepEqual(quiet, {});
  await assert.rejects(platform.call("s3", "DeleteObjects", { Bucket, Delete: { Objects: [] } }), {
    code: "MalformedXML",
  });
  assert.equal((await platform.call("s3", "ListObjectsV2", { Bucket })).KeyCount, 0);
  await platform.close();
});

test("tags of an object are put, read and deleted", async () => {
  const { platform, put, Bucket } = await room();
  await put("k");
  const where = { Bucket, Key: "k" };
  await platform.call("s3", "PutObjectTagging", { ...where, Tagging: { TagSet: [{ Key: "a", Value: "1" }] } });
  assert.deepEqual((await platform.call("s3", "GetObjectTagging", where)).TagSet, [{ Key: "a", Value: "1" }]);
  const many = Array.from({ length: 11 }, (_, n) => ({ Key: `k${n}`, Value: "" }));
  await assert.rejects(platform.call("s3", "PutObjectTagging", { ...where, Tagging: { TagSet: many } }), {
    message: "Object tags cannot be greater than 10",
  });
  await platform.call("s3", "DeleteObjectTagging", where);
  assert.deepEqual((await platform.call("s3", "GetObjectTagging", where)).TagSet, []);
  await platform.close();
});

test("versions are kept, shown, deleted and brought back", async () => {
  const { platform, put, text, get, remove, head, version, Bucket } = await room();
  await put("k", "null");
  await version("Enabled");
  const one = await put("k", "one");
  const two = await put("k", LARGE);
  assert.notEqual(one.VersionId, two.VersionId);
  assert.equal(await text("k"), LARGE);
  assert.equal(await text("k", { VersionId: one.VersionId }), "one");
  assert.equal(await text("k", { VersionId: "null" }), "null");
  const marker = await remove("k");
  assert.equal(marker.DeleteMarker, true);
  await assert.rejects(get("k"), (error: any) => {
    assert.equal(error.code, "NoSuchKey");
    assert.equal(error.detail.$headers["x-amz-version-id"], marker.VersionId);
    return true;
  });
  await assert.rejects(head("k", { VersionId: marker.VersionId }), { code: "MethodNotAllowed", status: 405 });
  await assert.rejects(get("k", { VersionId: "x" }), { code: "InvalidArgument" });
  await assert.rejects(get("k", { VersionId: `${one.VersionId!.slice(0, 31)}.` }), { code: "InvalidArgument" });
  await assert.rejects(get("other", { VersionId: one.VersionId }), { code: "NoSuchVersion" });
  await assert.rejects(platform.call("s3", "DeleteBucket", { Bucket }), { code: "BucketNotEmpty" });

  const listed = await platform.call("s3", "ListObjectVersions", { Bucket });
  assert.deepEqual(
    listed.Versions?.map((entry) => [entry.VersionId, entry.IsLatest]),
    [
      [two.VersionId, false],
      [one.VersionId, false],
      ["null", false],
    ],
  );
  assert.deepEqual(
    listed.DeleteMarkers?.map((entry) => [entry.VersionId, entry.IsLatest]),
    [[marker.VersionId, true]],
  );

  await remove("k", { VersionId: marker.VersionId });
  assert.equal(await text("k"), LARGE);
  await remove("k", { VersionId: two.VersionId });
  assert.equal(await text("k"), "one");
  await version("Suspended");
  await put("k", "null again");
  assert.equal(await text("k", { VersionId: "null" }), "null again");
  assert.equal(await text("k", { VersionId: one.VersionId }), "one");
  const suspended = await remove("k");
  assert.equal(suspended.VersionId, "null");
  await remove("k", { VersionId: "null" });
  assert.equal(await text("k"), "one");
  await remove("k", { VersionId: one.VersionId });
  await platform.call("s3", "DeleteBucket", { Bucket });
  await platform.close();
});

test("attributes of an object are told as asked", async () => {
  const { platform, put, Bucket } = await room();
  const { ETag, ChecksumCRC64NVME } = await put("k", "abc");
  const told = await platform.call("s3", "GetObjectAttributes", {
    Bucket,
    Key: "k",
    ObjectAttributes: ["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"],
  });
  assert.deepEqual(
    [told.ETag, told.ObjectSize, told.StorageClass, told.Checksum?.ChecksumCRC64NVME, told.ObjectParts],
    [ETag!.slice(1, -1), 3, "STANDARD", ChecksumCRC64NVME, undefined],
  );
  await platform.close();
});

test("who may not list a bucket is not told what is missing, and deletes just what it may", async () => {
  const platform = await openTestPlatform({
    services: [s3],
    authorize(_tx, _service, _operation, permissions, { principal }) {
      if (principal.type !== "anonymous") return;
      for (const { action, resource } of permissions()) {
        if (action === "s3:ListBucket" || resource.endsWith("/keep")) throw s3Error("AccessDenied");
      }
    },
  });
  const Bucket = "guarded-bucket";
  const stranger = { principal: { type: "anonymous" } } as const;
  await platform.call("s3", "CreateBucket", { Bucket });
  for (const Key of ["keep", "lose"]) await platform.call("s3", "PutObject", { Bucket, Key, Body: "" });
  await platform.call("s3", "HeadObject", { Bucket, Key: "lose" }, stranger);
  await assert.rejects(platform.call("s3", "GetObject", { Bucket, Key: "absent" }, stranger), { code: "AccessDenied" });
  await assert.rejects(platform.call("s3", "GetObject", { Bucket, Key: "absent" }), { code: "NoSuchKey" });
  const Objects = ["keep", "lose"].map((Key) => ({ Key }));
  const done = await platform.call("s3", "DeleteObjects", { Bucket, Delete: { Objects } }, stranger);
  assert.deepEqual(done.Deleted, [{ Key: "lose" }]);
  assert.deepEqual(
    done.Errors?.map((one) => [one.Key, one.Code]),
    [["keep", "AccessDenied"]],
  );
  await platform.close();
});
