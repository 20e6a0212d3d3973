import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import fc from "fast-check";
import { openTestPlatform } from "../../platform/testing.ts";
import { keysUnder } from "../../storage/keys.ts";
import { s3 } from "./service.ts";

const Bucket = "versions-bucket";
/** Longer than what is kept inline, so that files come and go too. */
const LONG = "x".repeat(20_000);

type Step =
  | { readonly do: "put"; readonly key: string; readonly long: boolean }
  | { readonly do: "delete"; readonly key: string }
  | { readonly do: "delete version"; readonly key: string; readonly nth: number }
  | { readonly do: "copy"; readonly key: string; readonly to: string }
  | { readonly do: "versioning"; readonly status: "Enabled" | "Suspended" };

const key = fc.constantFrom("a", "b");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("put" as const), key, long: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("delete version" as const), key, nth: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("copy" as const), key, to: key }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("versioning" as const), status: fc.constantFrom("Enabled", "Suspended") }),
  },
);

interface ModelVersion {
  readonly id: string;
  /** Undefined for a delete marker. */
  readonly body: string | undefined;
}

/** The whole of versioning in a few lines: per key a list of versions, newest first. */
class Model {
  status: "Enabled" | "Suspended" | undefined;
  readonly versions = new Map<string, ModelVersion[]>();

  of(key: string): ModelVersion[] {
    return this.versions.get(key) ?? [];
  }

  add(key: string, version: ModelVersion): void {
    const kept = this.of(key).filter((one) => version.id !== "null" || one.id !== "null");
    this.versions.set(key, [version, ...kept]);
  }

  remove(key: string, id: string): void {
    this.versions.set(
      key,
      this.of(key).filter((one) => one.id !== id),
    );
  }
}

test("versions are what the simplest model says, whatever is done in whatever order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const platform = await openTestPlatform({ services: [s3] });
      try {
        await follow(platform, steps);
      } finally {
        await platform.close();
      }
    }),
    { numRuns: 60 },
  );
});

async function follow(platform: Awaited<ReturnType<typeof openTestPlatform>>, steps: readonly Step[]): Promise<void> {
  const { call } = platform;
  const model = new Model();
  await call("s3", "CreateBucket", { Bucket });
  for (const [index, one] of steps.entries()) {
    switch (one.do) {
      case "versioning":
        await call("s3", "PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: one.status } });
        model.status = one.status;
        break;
      case "put": {
        const body = `${index}${one.long ? LONG : ""}`;
        const { VersionId } = await call("s3", "PutObject", { Bucket, Key: one.key, Body: body });
        assert.equal(VersionId !== undefined, model.status === "Enabled");
        model.add(one.key, { id: VersionId ?? "null", body });
        break;
      }
      case "copy": {
        const source = model.of(one.key)[0];
        if (source?.body === undefined || one.key === one.to) break;
        const CopySource = `${Bucket}/${one.key}`;
        const { VersionId } = await call("s3", "CopyObject", { Bucket, Key: one.to, CopySource });
        model.add(one.to, { id: VersionId ?? "null", body: source.body });
        break;
      }
      case "delete": {
        const { VersionId, DeleteMarker } = await call("s3", "DeleteObject", { Bucket, Key: one.key });
        assert.equal(DeleteMarker === true, model.status !== undefined);
        if (model.status === undefined) model.versions.delete(one.key);
        else model.add(one.key, { id: VersionId!, body: undefined });
        break;
      }
      case "delete version": {
        const version = model.of(one.key)[one.nth];
        if (!version) break;
        await call("s3", "DeleteObject", { Bucket, Key: one.key, VersionId: version.id });
        model.remove(one.key, version.id);
        break;
      }
    }
  }
  await compare(platform, model);
  for (const [Key, versions] of model.versions) {
    for (const { id } of versions) await call("s3", "DeleteObject", { Bucket, Key, VersionId: id });
  }
  await call("s3", "DeleteBucket", { Bucket });
  await platform.advance(300_000);
  const left = await platform
    .flow()
    .write((tx) => [keysUnder("s3"), keysUnder("blob")].flatMap(({ start, end }) => [...tx.range(start, end)]));
  assert.deepEqual(left, [], "nothing is left behind");
}

async function compare(platform: Awaited<ReturnType<typeof openTestPlatform>>, model: Model): Promise<void> {
  const { call } = platform;
  const listed = await call("s3", "ListObjectVersions", { Bucket });
  const current = await call("s3", "ListObjectsV2", { Bucket });
  for (const Key of ["a", "b"]) {
    const expected = model.of(Key);
    const shown = [...(listed.Versions ?? []), ...(listed.DeleteMarkers ?? [])].filter((one) => one.Key === Key);
    assert.deepEqual(new Set(shown.map((one) => one.VersionId)), new Set(expected.map((one) => one.id)));
    assert.equal(shown.find((one) => one.IsLatest)?.VersionId, expected[0]?.id);
    const objects = (listed.Versions ?? []).filter((one) => one.Key === Key).map((one) => one.VersionId);
    assert.deepEqual(
      objects,
      expected.filter((one) => one.body !== undefined).map((one) => one.id),
      "from new to old",
    );
    for (const { id, body } of expected) {
      const get = call("s3", "GetObject", { Bucket, Key, VersionId: id });
      if (body === undefined) await assert.rejects(get, { code: "MethodNotAllowed" });
      else assert.equal(await text((await get).Body as Readable), body);
    }
    const newest = expected[0]?.body;
    assert.equal(current.Contents?.some((one) => one.Key === Key) ?? false, newest !== undefined);
    const get = call("s3", "GetObject", { Bucket, Key });
    if (newest === undefined) await assert.rejects(get, { code: "NoSuchKey" });
    else assert.equal(await text((await get).Body as Readable), newest);
  }
}
