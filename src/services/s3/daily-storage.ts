/**
 * What a bucket holds, measured once a day by a durable timer: bytes and objects, versions included, delete markers and parts of uploads in progress not.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html#s3-cloudwatch-metrics
 */
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { type BucketRecord, bucketKey, buckets, storedKey } from "./state.ts";

export const STORAGE_DUE = "s3.StorageDue";

const DAY_MS = 86_400_000;
/** Before midnight, so that the figures belong to the day. */
const BEFORE_END_MS = 60_000;

interface StorageDue {
  readonly bucket: string;
  /** A bucket that was deleted and made anew has a timer of its own. */
  readonly createdMs: number;
  readonly accountId: string;
  readonly region: string;
}

export function measureDaily(tx: Transaction, bucket: BucketRecord, nowMs: number): void {
  const { name, createdMs, accountId, region } = bucket;
  const detail: StorageDue = { bucket: name, createdMs, accountId, region };
  const at = nowMs + BEFORE_END_MS;
  tx.emit({ type: STORAGE_DUE, detail, dueMs: at - (at % DAY_MS) + DAY_MS - BEFORE_END_MS });
}

/** Hears {@link STORAGE_DUE}. */
export function measureStorage(tx: Transaction, due: StorageDue, context: OperationContext): void {
  const bucket = buckets.get(tx, bucketKey(due.bucket));
  if (bucket?.createdMs !== due.createdMs) return;
  const stored = (what: "objects" | "bytes") => (tx.get(storedKey(bucket.name, what)) as number | undefined) ?? 0;
  const measure = (name: string, StorageType: string, unit: "Bytes" | "Count", value: number) =>
    context.measure({
      namespace: "AWS/S3",
      name,
      dimensions: { StorageType, BucketName: bucket.name },
      unit,
      value,
    });
  measure("BucketSizeBytes", "StandardStorage", "Bytes", stored("bytes"));
  measure("NumberOfObjects", "AllStorageTypes", "Count", stored("objects"));
  measureDaily(tx, bucket, context.nowMs);
}
