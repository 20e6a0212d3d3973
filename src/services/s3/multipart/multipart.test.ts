import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { openTestPlatform } from "../../../platform/testing.ts";
import { keysUnder } from "../../../storage/keys.ts";
import { hasherFor } from "../checksums.ts";
import { s3 } from "../service.ts";

const Bucket = "parts-bucket";
const MIB = 1024 * 1024;

async function room() {
  const platform = await openTestPlatform({ services: [s3] });
  const { call } = platform;
  await call("s3", "CreateBucket", { Bucket });
  return {
    platform,
    call,
    begin: async (Key: string, more: object = {}) =>
      (await call("s3", "CreateMultipartUpload", { Bucket, Key, ...more })).UploadId!,
    send: (Key: string, UploadId: string, PartNumber: number, Body: Uint8Array, more: object = {}) =>
      call("s3", "UploadPart", { Bucket, Key, UploadId, PartNumber, Body, ...more }),
    complete: (Key: string, UploadId: string, Parts: object[], more: object = {}) =>
      call("s3", "CompleteMultipartUpload", { Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }),
    async bytes(Key: string, more: object = {}) {
      const { Body } = await call("s3", "GetObject", { Bucket, Key, ...more });
      return buffer(Body as Readable);
    },
  };
}

const ONE = Buffer.alloc(5 * MIB, "a");
const TWO = Buffer.alloc(6 * MIB, "b");
const THREE = Buffer.from("the end");

test("parts sent in any order become one object, in order, with the ETag of their digests", async () => {
  const { platform, call, begin, send, complete, bytes } = await room();
  const id = await begin("k", { ContentType: "text/x", Metadata: { m: "1" } });
  await send("k", id, 7, THREE);
  const replaced = await send("k", id, 2, ONE);
  const two = await send("k", id, 2, TWO);
  const one = await send("k", id, 1, ONE);
  const three = await send("k", id, 7, THREE);
  await send("k", id, 9, THREE);
  assert.notEqual(replaced.ETag, two.ETag);
  const listed = await call("s3", "ListParts", { Bucket, Key: "k", UploadId: id, MaxParts: 2 });
  assert.deepEqual(
    listed.Parts?.map((part) => [part.PartNumber, part.Size]),
    [
      [1, ONE.length],
      [2, TWO.length],
    ],
  );
  assert.equal(listed.NextPartNumberMarker, "2");
  assert.equal(
    (await call("s3", "ListParts", { Bucket, Key: "k", UploadId: id, PartNumberMarker: "7" })).Parts?.[0]?.PartNumber,
    9,
  );

  const done = await complete("k", id, [
    { PartNumber: 1, ETag: one.ETag },
    { PartNumber: 2, ETag: two.ETag },
    { PartNumber: 7, ETag: three.ETag },
  ]);
  const digests = hasherFor("MD5");
  for (const part of [one, two, three]) digests.update(Buffer.from(part.ETag!.slice(1, -1), "hex"));
  assert.equal(done.ETag, `"${Buffer.from(digests.digest(), "base64").toString("hex")}-3"`);
  const whole = Buffer.concat([ONE, TWO, THREE]);
  const crc = hasherFor("CRC64NVME");
  crc.update(whole);
  assert.equal(done.ChecksumCRC64NVME, crc.digest());
  assert.ok((await bytes("k")).equals(whole));
  assert.equal((await bytes("k", { Range: `bytes=${5 * MIB - 2}-${5 * MIB + 1}` })).toString(), "aabb");
  assert.equal((await bytes("k", { Range: "bytes=-9" })).toString(), "bbthe end");
  const part = await call("s3", "HeadObject", { Bucket, Key: "k", PartNumber: 3 });
  assert.deepEqual([part.PartsCount, part.ContentLength, part.ContentType], [3, 7, "text/x"]);
  await assert.rejects(call("s3", "ListParts", { Bucket, Key: "k", UploadId: id }), { code: "NoSuchUpload" });

  const copied = await call("s3", "CopyObject", { Bucket, Key: "copy", CopySource: `${Bucket}/k` });
  const md5 = hasherFor("MD5");
  md5.update(whole);
  assert.equal(copied.CopyObjectResult?.ETag, `"${Buffer.from(md5.digest(), "base64").toString("hex")}"`);
  for (const Key of ["k", "copy"]) await call("s3", "DeleteObject", { Bucket, Key });
  await platform.advance(600_000);
  const { start, end } = keysUnder("blob");
  assert.equal(await platform.flow().write((tx) => [...tx.range(start, end)].length), 0);
  await platform.close();
});

test("what cannot become an object is refused and can be put right", async () => {
  const { platform, begin, send, complete, call } = await room();
  const id = await begin("k");
  const small = await send("k", id, 1, THREE);
  const last = await send("k", id, 2, THREE);
  const both = [
    { PartNumber: 1, ETag: small.ETag },
    { PartNumber: 2, ETag: last.ETag },
  ];
  await assert.rejects(complete("k", id, []), { code: "MalformedXML" });
  await assert.rejects(complete("k", id, [...both].reverse()), { code: "InvalidPartOrder" });
  await assert.rejects(complete("k", id, [{ PartNumber: 3, ETag: last.ETag }]), { code: "InvalidPart" });
  await assert.rejects(complete("k", id, [{ PartNumber: 1, ETag: '"0"' }]), { code: "InvalidPart" });
  await assert.rejects(complete("k", id, both), { code: "EntityTooSmall" });
  await assert.rejects(complete("k", id, [both[0]!], { MpuObjectSize: 1 }), { code: "InvalidRequest" });
  await assert.rejects(complete("k", id, [both[0]!], { ChecksumCRC64NVME: "AAAAAAAAAAA=" }), { code: "BadDigest" });
  await assert.rejects(send("k", id, 10_001, THREE), { code: "InvalidArgument" });
  await assert.rejects(send("other", id, 1, THREE), { code: "NoSuchUpload" });
  await complete("k", id, [both[0]!], { IfNoneMatch: "*" });
  const again = await begin("k");
  const part = await send("k", again, 1, THREE);
  await assert.rejects(complete("k", again, [{ PartNumber: 1, ETag: part.ETag }], { IfNoneMatch: "*" }), {
    code: "PreconditionFailed",
  });
  await call("s3", "AbortMultipartUpload", { Bucket, Key: "k", UploadId: again });
  await assert.rejects(call("s3", "AbortMultipartUpload", { Bucket, Key: "k", UploadId: again }), {
    code: "NoSuchUpload",
  });
  await platform.close();
});

test("checksums are of the kind the upload was begun with", async () => {
  const { platform, begin, send, complete, call } = await room();
  await assert.rejects(begin("k", { ChecksumAlgorithm: "SHA256", ChecksumType: "FULL_OBJECT" }), {
    code: "InvalidRequest",
  });
  await assert.rejects(begin("k", { ChecksumAlgorithm: "CRC64NVME", ChecksumType: "COMPOSITE" }), {
    code: "InvalidRequest",
  });
  const composite = await begin("k", { ChecksumAlgorithm: "SHA256" });
  await assert.rejects(send("k", composite, 1, ONE, { ChecksumAlgorithm: "CRC32" }), {
    message: /expected checksum Type: sha256/,
  });
  const part = await send("k", composite, 1, ONE, { ChecksumAlgorithm: "SHA256" });
  await assert.rejects(complete("k", composite, [{ PartNumber: 1, ETag: part.ETag }]), {
    message: /missing for part 1/,
  });
  const done = await complete("k", composite, [
    { PartNumber: 1, ETag: part.ETag, ChecksumSHA256: part.ChecksumSHA256 },
  ]);
  assert.equal(done.ChecksumType, "COMPOSITE");
  assert.match(done.ChecksumSHA256!, /=-1$/);

  const whole = await begin("w", { ChecksumAlgorithm: "CRC32", ChecksumType: "FULL_OBJECT" });
  const one = await send("w", whole, 1, ONE);
  const two = await send("w", whole, 2, THREE);
  const crc = hasherFor("CRC32");
  crc.update(ONE);
  crc.update(THREE);
  const value = crc.digest();
  await complete(
    "w",
    whole,
    [
      { PartNumber: 1, ETag: one.ETag },
      { PartNumber: 2, ETag: two.ETag },
    ],
    { ChecksumCRC32: value },
  );
  assert.equal((await call("s3", "HeadObject", { Bucket, Key: "w", ChecksumMode: "ENABLED" })).ChecksumCRC32, value);
  const told = await call("s3", "GetObjectAttributes", { Bucket, Key: "k", ObjectAttributes: ["ObjectParts"] });
  assert.deepEqual([told.ObjectParts?.TotalPartsCount, told.ObjectParts?.Parts?.[0]?.Size], [1, ONE.length]);
  await platform.close();
});

test("a part may be copied out of an object", async () => {
  const { platform, call, begin, complete, bytes } = await room();
  await call("s3", "PutObject", { Bucket, Key: "source", Body: Buffer.concat([ONE, THREE]) });
  const UploadId = await begin("k");
  const copy = (PartNumber: number, CopySourceRange?: string) =>
    call("s3", "UploadPartCopy", {
      Bucket,
      Key: "k",
      UploadId,
      PartNumber,
      CopySource: `/${Bucket}/source`,
      CopySourceRange,
    });
  const one = await copy(1);
  const two = await copy(2, `bytes=${5 * MIB}-${5 * MIB + 2}`);
  await assert.rejects(copy(3, "bytes=5-"), { code: "InvalidArgument" });
  await assert.rejects(copy(3, `bytes=0-${6 * MIB}`), { code: "InvalidArgument" });
  await complete("k", UploadId, [
    { PartNumber: 1, ETag: one.CopyPartResult?.ETag },
    { PartNumber: 2, ETag: two.CopyPartResult?.ETag },
  ]);
  assert.ok((await bytes("k")).equals(Buffer.concat([ONE, THREE, Buffer.from("the")])));
  await platform.close();
});

test("uploads in progress are listed, folded and paged; they go with their bucket", async () => {
  const { platform, call, begin, send } = await room();
  for (const key of ["a/1", "a/2", "b", "b", "c"]) await send(key, await begin(key), 1, THREE);
  const list = (more: object) => call("s3", "ListMultipartUploads", { Bucket, ...more });
  assert.deepEqual(
    (await list({})).Uploads?.map((one) => one.Key),
    ["a/1", "a/2", "b", "b", "c"],
  );
  const folded = await list({ Delimiter: "/" });
  assert.deepEqual([folded.CommonPrefixes?.[0]?.Prefix, folded.Uploads?.length], ["a/", 3]);
  for (const MaxUploads of [1, 2]) {
    const seen: string[] = [];
    let markers: object = {};
    for (let more = true; more; ) {
      const page = await list({ MaxUploads, ...markers });
      seen.push(...page.Uploads!.map((one) => one.UploadId!));
      markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      more = page.IsTruncated!;
    }
    assert.equal(new Set(seen).size, 5);
    assert.equal(seen.length, 5);
  }
  await call("s3", "DeleteBucket", { Bucket });
  await platform.close();
});
