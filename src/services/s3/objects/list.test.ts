import assert from "node:assert/strict";
import { before, test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import { s3 } from "../service.ts";
import { listObjectsV2 } from "./list.ts";
import { listObjectVersions } from "./list-versions.ts";

const Bucket = "listed-bucket";
let platform: TestPlatform;

/** The keys of AWS's own examples of prefixes and delimiters. */
const KEYS = [
  "sample.jpg",
  "photos/2006/January/sample.jpg",
  "photos/2006/February/sample2.jpg",
  "photos/2006/February/sample3.jpg",
  "photos/2006/February/sample4.jpg",
  "photos/index.html",
  "photoz",
  "été/a b+c",
];

before(async () => {
  platform = await openTestPlatform({ services: [s3] });
  await platform.call("s3", "CreateBucket", { Bucket });
  for (const Key of KEYS) await platform.call("s3", "PutObject", { Bucket, Key, Body: "x" });
});

const shown = (page: {
  Contents?: { Key?: string }[] | undefined;
  CommonPrefixes?: { Prefix?: string }[] | undefined;
}) => [...(page.Contents ?? []).map((one) => one.Key), ...(page.CommonPrefixes ?? []).map((one) => `<${one.Prefix}>`)];

test("prefix and delimiter fold keys", async () => {
  const list = (more: object) => platform.call("s3", "ListObjectsV2", { Bucket, ...more });
  assert.deepEqual(shown(await list({ Delimiter: "/" })), ["photoz", "sample.jpg", "<photos/>", "<été/>"]);
  assert.deepEqual(shown(await list({ Delimiter: "/", Prefix: "photos/2006/" })), [
    "<photos/2006/February/>",
    "<photos/2006/January/>",
  ]);
  assert.deepEqual(shown(await list({ Delimiter: "/", Prefix: "photo" })), ["photoz", "<photos/>"]);
  assert.deepEqual(shown(await list({ Delimiter: "06", Prefix: "photos/" })), ["photos/index.html", "<photos/2006>"]);
  assert.deepEqual(shown(await list({ Prefix: "nothing" })), []);
  assert.deepEqual(shown(await list({ StartAfter: "photos/index.html" })), ["photoz", "sample.jpg", "été/a b+c"]);
});

test("pages follow one another without gap or repetition", async () => {
  for (const Delimiter of [undefined, "/", "a"]) {
    const whole = shown(await platform.call("s3", "ListObjectsV2", { Bucket, Delimiter })).toSorted();
    for (const MaxKeys of [1, 2, 3]) {
      const bits: unknown[] = [];
      for (let ContinuationToken: string | undefined, more = true; more; ) {
        const page = await platform.call("s3", "ListObjectsV2", { Bucket, Delimiter, MaxKeys, ContinuationToken });
        assert.equal(page.KeyCount, shown(page).length);
        bits.push(...shown(page));
        ContinuationToken = page.NextContinuationToken;
        more = page.IsTruncated!;
      }
      assert.deepEqual(bits.toSorted(), whole);
    }
  }
  const first = await platform.call("s3", "ListObjects", { Bucket, Delimiter: "/", MaxKeys: 2 });
  assert.deepEqual([shown(first), first.NextMarker], [["photoz", "<photos/>"], "photoz"]);
  const second = await platform.call("s3", "ListObjects", { Bucket, Delimiter: "/", Marker: "photos/" });
  assert.deepEqual(shown(second), ["photoz", "sample.jpg", "<été/>"]);
  assert.equal(second.NextMarker, undefined);
});

test("a page may be asked for encoded, empty or with owners", async () => {
  const page = await platform.call("s3", "ListObjectsV2", {
    Bucket,
    Prefix: "ét",
    EncodingType: "url",
    FetchOwner: true,
  });
  assert.equal(page.Contents?.[0]?.Key, "%C3%A9t%C3%A9/a+b%2Bc");
  assert.equal(page.Prefix, "%C3%A9t");
  assert.match(page.Contents?.[0]?.Owner?.ID ?? "", /^[0-9a-f]{64}$/);
  const none = await platform.call("s3", "ListObjectsV2", { Bucket, MaxKeys: 0 });
  assert.deepEqual([none.KeyCount, none.IsTruncated], [0, false]);
  assert.equal((await platform.call("s3", "ListObjectsV2", { Bucket, MaxKeys: 5000 })).MaxKeys, 1000);
  for (const wrong of [{ MaxKeys: -1 }, { EncodingType: "base64" as any }, { ContinuationToken: "nonsense" }]) {
    await assert.rejects(platform.call("s3", "ListObjectsV2", { Bucket, ...wrong }), { code: "InvalidArgument" });
  }
});

/** A transaction that counts the entries read from its ranges. */
function counting(tx: Transaction): { tx: Transaction; read: () => number } {
  let read = 0;
  const counted: Transaction = Object.create(tx, {
    range: {
      value: function* (...args: Parameters<Transaction["range"]>) {
        for (const entry of tx.range(...args)) {
          read++;
          yield entry;
        }
      },
    },
  });
  return { tx: counted, read: () => read };
}

test("a page reads what it shows, however many keys a common prefix folds", async () => {
  const Big = "big-bucket";
  await platform.call("s3", "CreateBucket", { Bucket: Big });
  for (const folder of ["a", "b", "c"]) {
    for (let n = 0; n < 200; n++) {
      await platform.call("s3", "PutObject", { Bucket: Big, Key: `${folder}/${n}`, Body: "" });
    }
  }
  const flow = platform.flow();
  for (const list of [listObjectsV2, listObjectVersions]) {
    const read = await flow.write((plain, context) => {
      const { tx, read } = counting(plain);
      const page = list(tx, { Bucket: Big, Delimiter: "/" }, context);
      assert.deepEqual(
        page.CommonPrefixes?.map((one) => one.Prefix),
        ["a/", "b/", "c/"],
      );
      return read();
    });
    assert.ok(read <= 6, `${read} entries read for three common prefixes`);
  }
});

test("versions are paged by key and version", async () => {
  const Versioned = "versioned-bucket";
  await platform.call("s3", "CreateBucket", { Bucket: Versioned });
  await platform.call("s3", "PutObject", { Bucket: Versioned, Key: "a/1", Body: "" });
  await platform.call("s3", "PutBucketVersioning", {
    Bucket: Versioned,
    VersioningConfiguration: { Status: "Enabled" },
  });
  for (const Key of ["a/1", "a/1", "a/2", "b", "b", "c"]) {
    await platform.call("s3", "PutObject", { Bucket: Versioned, Key, Body: "" });
  }
  await platform.call("s3", "DeleteObject", { Bucket: Versioned, Key: "b" });
  const entriesOf = (page: Awaited<ReturnType<typeof list>>) =>
    [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(
      (one) => `${one.Key} ${one.VersionId} ${one.IsLatest}`,
    );
  const list = (more: object) => platform.call("s3", "ListObjectVersions", { Bucket: Versioned, ...more });
  const whole = entriesOf(await list({}));
  assert.equal(whole.length, 8);
  assert.equal(whole.filter((one) => one.endsWith("true")).length, 4);
  for (const MaxKeys of [1, 2, 3]) {
    const bits: string[] = [];
    let markers: object = {};
    for (let more = true; more; ) {
      const page = await list({ MaxKeys, ...markers });
      bits.push(...entriesOf(page));
      markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
      more = page.IsTruncated!;
    }
    assert.deepEqual(bits.toSorted(), whole.toSorted());
  }
  const folded = await list({ Delimiter: "/" });
  assert.deepEqual(folded.CommonPrefixes, [{ Prefix: "a/" }]);
  assert.equal(entriesOf(folded).length, 4);
});
