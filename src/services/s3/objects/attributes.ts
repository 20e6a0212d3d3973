/** Tags of an object's version, its (only possible) access control list, and GetObjectAttributes. */
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { checkAclChange, ownersGrant } from "../access.ts";
import { segmentsOf } from "../bodies.ts";
import { requireBucket } from "../buckets.ts";
import { CHECKSUM_MEMBERS, checksumMembers } from "../checksums.ts";
import { invalidArgument } from "../errors.ts";
import { notifyTagged } from "../notifications/notify.ts";
import { checkedTags, OBJECT_TAGS_MAX, PAGE_KEYS_MAX, tagSet } from "../rules.ts";
import type { BucketRecord, ObjectRecord } from "../state.ts";
import { rewriteObject, shownVersionId } from "../versions.ts";
import { requireObject } from "./get.ts";

interface ObjectInput {
  readonly Bucket: string | undefined;
  readonly Key: string | undefined;
  readonly VersionId?: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

function find(tx: Transaction, input: ObjectInput, context: OperationContext): [BucketRecord, ObjectRecord] {
  const bucket = requireBucket(tx, context, input);
  return [bucket, requireObject(tx, bucket, input.Key!, input.VersionId)];
}

export function putObjectTagging(
  tx: Transaction,
  input: InputOf<"s3", "PutObjectTagging">,
  context: OperationContext,
): OutputOf<"s3", "PutObjectTagging"> {
  const [bucket, object] = find(tx, input, context);
  const tags = checkedTags(input.Tagging?.TagSet ?? [], OBJECT_TAGS_MAX);
  rewriteObject(tx, bucket.name, input.Key!, { ...object, tags });
  notifyTagged(tx, context, bucket, input.Key!, object, "Put");
  return { VersionId: shownVersionId(bucket, object) };
}

export function getObjectTagging(
  tx: Transaction,
  input: InputOf<"s3", "GetObjectTagging">,
  context: OperationContext,
): OutputOf<"s3", "GetObjectTagging"> {
  const [bucket, object] = find(tx, input, context);
  return { VersionId: shownVersionId(bucket, object), TagSet: tagSet(object.tags ?? {}) };
}

export function deleteObjectTagging(
  tx: Transaction,
  input: InputOf<"s3", "DeleteObjectTagging">,
  context: OperationContext,
): OutputOf<"s3", "DeleteObjectTagging"> {
  const [bucket, { tags: _, ...object }] = find(tx, input, context);
  rewriteObject(tx, bucket.name, input.Key!, object);
  notifyTagged(tx, context, bucket, input.Key!, object, "Delete");
  return { VersionId: shownVersionId(bucket, object) };
}

export function getObjectAcl(
  tx: Transaction,
  input: InputOf<"s3", "GetObjectAcl">,
  context: OperationContext,
): OutputOf<"s3", "GetObjectAcl"> {
  const [bucket] = find(tx, input, context);
  return ownersGrant(bucket);
}

/** @throws AccessControlListNotSupported while ownership is enforced */
export function putObjectAcl(
  tx: Transaction,
  input: InputOf<"s3", "PutObjectAcl">,
  context: OperationContext,
): OutputOf<"s3", "PutObjectAcl"> {
  const [bucket] = find(tx, input, context);
  checkAclChange(bucket, input as InputOf<"s3", "PutBucketAcl">);
  return {};
}

const ATTRIBUTES = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html */
export function getObjectAttributes(
  tx: Transaction,
  input: InputOf<"s3", "GetObjectAttributes">,
  context: OperationContext,
): OutputOf<"s3", "GetObjectAttributes"> {
  const asked = input.ObjectAttributes ?? [];
  const unknown = asked.find((attribute) => !ATTRIBUTES.includes(attribute));
  if (unknown !== undefined || asked.length === 0) {
    throw invalidArgument("Invalid attribute name specified.", "x-amz-object-attributes", unknown);
  }
  const [bucket, object] = find(tx, input, context);
  const has = (attribute: string) => asked.some((one) => one === attribute);
  const { checksum } = object;
  return {
    LastModified: new Date(object.modifiedMs),
    VersionId: shownVersionId(bucket, object),
    ...(has("ETag") && { ETag: object.etag }),
    ...(has("Checksum") && checksum && { Checksum: checksumMembers(checksum) }),
    ...(has("ObjectParts") && object.partsCount !== undefined && { ObjectParts: partsPage(tx, object, input) }),
    ...(has("StorageClass") && { StorageClass: "STANDARD" as const }),
    ...(has("ObjectSize") && { ObjectSize: object.size }),
  };
}

/** Parts are listed one by one only where each has a checksum of its own to show. */
function partsPage(
  tx: Transaction,
  object: ObjectRecord,
  input: { readonly MaxParts?: number | undefined; readonly PartNumberMarker?: string | undefined },
) {
  const MaxParts = Math.min(input.MaxParts ?? PAGE_KEYS_MAX, PAGE_KEYS_MAX);
  const marker = Number(input.PartNumberMarker ?? 0);
  const segments = object.body.kind === "parts" ? segmentsOf(tx, object.body) : [];
  const rest = segments.filter((segment) => segment.number > marker);
  const page = rest.slice(0, MaxParts);
  const { checksum } = object;
  return {
    TotalPartsCount: object.partsCount,
    ...(checksum?.type === "COMPOSITE" && {
      PartNumberMarker: String(marker),
      MaxParts,
      IsTruncated: page.length < rest.length,
      ...(page.length > 0 && { NextPartNumberMarker: String(page.at(-1)!.number) }),
      Parts: page.map((segment) => ({
        PartNumber: segment.number,
        Size: segment.size,
        [CHECKSUM_MEMBERS[checksum.algorithm]]: segment.checksum,
      })),
    }),
  };
}
