import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";

const T0 = Date.UTC(2026, 0, 10, 12);
const DAY = 86_400_000;

test("requests, errors and bytes of a bucket, and what it holds at the end of each day", async (t) => {
  const platform = await openTestPlatform({ nowMs: T0 });
  t.after(() => platform.close());
  const Bucket = "bucket";
  await platform.call("s3", "CreateBucket", { Bucket });
  await platform.call("s3", "PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } });
  for (const bytes of [100, 1000, 10])
    await platform.call("s3", "PutObject", { Bucket, Key: "a", Body: Buffer.alloc(bytes) as never });
  const { Body } = await platform.call("s3", "GetObject", { Bucket, Key: "a" });
  (Body as unknown as NodeJS.ReadableStream).resume();
  await assert.rejects(platform.call("s3", "GetObject", { Bucket, Key: "missing" }), { code: "NoSuchKey" });
  await assert.rejects(platform.call("s3", "HeadObject", { Bucket, Key: "missing" }));
  await platform.call("s3", "DeleteObject", { Bucket, Key: "a" }); // a marker: all three versions stay

  const sum = async (MetricName: string, dimensions: Record<string, string>, Period = 3600) => {
    const { Datapoints } = await platform.call("cloudwatch", "GetMetricStatistics", {
      Namespace: "AWS/S3",
      MetricName,
      Dimensions: Object.entries({ BucketName: Bucket, ...dimensions }).map(([Name, Value]) => ({ Name, Value })),
      StartTime: new Date(T0 - DAY),
      EndTime: new Date(platform.clock.nowMs() + DAY),
      Period,
      Statistics: ["Sum"],
    });
    return Datapoints!.sort((a, b) => +a.Timestamp! - +b.Timestamp!).map((point) => point.Sum);
  };
  await platform.advance(120_000);
  const ofRequests = (name: string) => sum(name, { FilterId: "EntireBucket" });
  assert.deepEqual(await ofRequests("4xxErrors"), [2]);
  assert.deepEqual(await ofRequests("5xxErrors"), []);
  assert.deepEqual(await ofRequests("GetRequests"), [1]);
  assert.deepEqual(await ofRequests("BytesDownloaded"), [10]);
  // Creation, versioning, three puts, a get, two errors, a deletion.
  assert.deepEqual(await ofRequests("AllRequests"), [9]);

  await platform.advance(DAY);
  assert.deepEqual(await sum("BucketSizeBytes", { StorageType: "StandardStorage" }, 86_400), [1110]);
  assert.deepEqual(await sum("NumberOfObjects", { StorageType: "AllStorageTypes" }, 86_400), [3]);
  const { Versions, DeleteMarkers } = await platform.call("s3", "ListObjectVersions", { Bucket });
  for (const { Key, VersionId } of [...Versions!, ...DeleteMarkers!])
    await platform.call("s3", "DeleteObject", { Bucket, Key: Key!, VersionId });
  await platform.advance(DAY);
  assert.deepEqual(await sum("BucketSizeBytes", { StorageType: "StandardStorage" }, 86_400), [1110, 0]);
  await platform.call("s3", "DeleteBucket", { Bucket });
  await platform.advance(2 * DAY);
  assert.equal((await sum("NumberOfObjects", { StorageType: "AllStorageTypes" }, 86_400)).length, 2);
});
