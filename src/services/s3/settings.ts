/** Bucket settings without a room of their own: tags, versioning, encryption, and the absence of what Virga's buckets never have. */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { type BucketInput, requireBucket } from "./buckets.ts";
import { s3Error } from "./errors.ts";
import { BUCKET_TAGS_MAX, checkedTags, tagSet } from "./rules.ts";
import { bucketKey, buckets, settingKey, settings } from "./state.ts";

export function putBucketTagging(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketTagging">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketTagging"> {
  const bucket = requireBucket(tx, context, input);
  const tags = checkedTags(input.Tagging?.TagSet ?? [], BUCKET_TAGS_MAX);
  settings.put(tx, settingKey(bucket.name, "tagging"), tags);
  return {};
}

/** @throws NoSuchTagSet */
export function getBucketTagging(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketTagging">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketTagging"> {
  const bucket = requireBucket(tx, context, input);
  const tags = settings.get(tx, settingKey(bucket.name, "tagging")) as Record<string, string> | undefined;
  if (!tags || Object.keys(tags).length === 0) throw s3Error("NoSuchTagSet", { BucketName: bucket.name });
  return { TagSet: tagSet(tags) };
}

export function deleteBucketTagging(
  tx: Transaction,
  input: InputOf<"s3", "DeleteBucketTagging">,
  context: OperationContext,
): OutputOf<"s3", "DeleteBucketTagging"> {
  const bucket = requireBucket(tx, context, input);
  tx.delete(settingKey(bucket.name, "tagging"));
  return {};
}

/**
 * Once switched on, versioning can only be suspended.
 * @throws IllegalVersioningConfigurationException
 */
export function putBucketVersioning(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketVersioning">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketVersioning"> {
  const bucket = requireBucket(tx, context, input);
  const status = input.VersioningConfiguration?.Status;
  if (status !== "Enabled" && status !== "Suspended") {
    throw new AwsError("IllegalVersioningConfigurationException", "The Versioning element must be specified", 400);
  }
  buckets.put(tx, bucketKey(bucket.name), { ...bucket, versioning: status });
  return {};
}

/** Empty when versioning was never switched on. */
export function getBucketVersioning(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketVersioning">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketVersioning"> {
  const { versioning } = requireBucket(tx, context, input);
  return versioning ? { Status: versioning } : {};
}

/** SSE-S3, which is how S3 keeps everything that asks for nothing else. */
export function putBucketEncryption(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketEncryption">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketEncryption"> {
  const bucket = requireBucket(tx, context, input);
  const rules = input.ServerSideEncryptionConfiguration?.Rules ?? [];
  const rule = rules[0];
  const asked = rule?.ApplyServerSideEncryptionByDefault;
  if (rules.length !== 1 || !rule) throw s3Error("MalformedXML");
  if (asked && asked.SSEAlgorithm !== "AES256") {
    throw asked.SSEAlgorithm?.startsWith("aws:")
      ? notImplemented(`S3 encryption with ${asked.SSEAlgorithm}`)
      : s3Error("MalformedXML");
  }
  if (asked?.KMSMasterKeyID) {
    throw new AwsError(
      "InvalidArgument",
      "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
    );
  }
  buckets.put(tx, bucketKey(bucket.name), { ...bucket, bucketKeyEnabled: rule.BucketKeyEnabled ?? false });
  return {};
}

export function getBucketEncryption(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketEncryption">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketEncryption"> {
  const bucket = requireBucket(tx, context, input);
  return {
    ServerSideEncryptionConfiguration: {
      Rules: [
        {
          ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" },
          BucketKeyEnabled: bucket.bucketKeyEnabled ?? false,
        },
      ],
    },
  };
}

/** Back to the default, which is the same SSE-S3. */
export function deleteBucketEncryption(
  tx: Transaction,
  input: InputOf<"s3", "DeleteBucketEncryption">,
  context: OperationContext,
): OutputOf<"s3", "DeleteBucketEncryption"> {
  const { bucketKeyEnabled: _, ...bucket } = requireBucket(tx, context, input);
  buckets.put(tx, bucketKey(bucket.name), bucket);
  return {};
}

/** An operation that reads a setting which cannot be made here: the bucket exists, and `answer` says how S3 shows it unset. */
const unset =
  <Output>(answer: (bucket: string) => Output) =>
  (tx: Transaction, input: BucketInput, context: OperationContext): Output =>
    answer(requireBucket(tx, context, input).name);

const absent = (code: string, text: string) =>
  unset<never>((bucket) => {
    throw new AwsError(code, text, 404, { BucketName: bucket });
  });

export const getBucketLogging = unset(() => ({}));
export const getBucketAccelerateConfiguration = unset(() => ({}));
export const getBucketRequestPayment = unset(() => ({ Payer: "BucketOwner" as const }));
export const getBucketLifecycleConfiguration = absent(
  "NoSuchLifecycleConfiguration",
  "The lifecycle configuration does not exist",
);
export const getBucketReplication = absent(
  "ReplicationConfigurationNotFoundError",
  "The replication configuration was not found",
);
export const getObjectLockConfiguration = absent(
  "ObjectLockConfigurationNotFoundError",
  "Object Lock configuration does not exist for this bucket",
);
