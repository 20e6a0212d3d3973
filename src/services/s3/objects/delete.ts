/**
 * DeleteObject and DeleteObjects.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
 */
import { AwsError, notImplemented } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { requireBucket } from "../buckets.ts";
import { preconditionFailed, s3Error } from "../errors.ts";
import { notifyRemoved } from "../notifications/notify.ts";
import { deletion } from "../permissions.ts";
import { checkKey, PAGE_KEYS_MAX } from "../rules.ts";
import { type BucketRecord, isMarker } from "../state.ts";
import { currentObject, deleteCurrent, deleteVersion } from "../versions.ts";
import { names } from "./conditions.ts";

interface Target {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  /** Delete only this entity. */
  readonly ETag?: string | undefined;
}

/** Deleting what is not there is a success. */
function deleteOne(tx: Transaction, context: OperationContext, bucket: BucketRecord, target: Target) {
  const objectName = target.Key!;
  checkKey(objectName);
  if (target.ETag !== undefined) {
    const current = currentObject(tx, bucket.name, objectName);
    if (current && !names(target.ETag, current.etag)) throw preconditionFailed("If-Match");
  }
  if (target.VersionId !== undefined) {
    const removed = deleteVersion(tx, context, bucket.name, objectName, target.VersionId);
    if (removed) notifyRemoved(tx, context, bucket, objectName, removed, "Delete");
    return { versionId: target.VersionId, marker: removed !== undefined && isMarker(removed) };
  }
  const current = bucket.notifies && currentObject(tx, bucket.name, objectName);
  const marker = deleteCurrent(tx, context, bucket, objectName);
  if (marker) notifyRemoved(tx, context, bucket, objectName, marker, "DeleteMarkerCreated");
  else if (current) notifyRemoved(tx, context, bucket, objectName, current, "Delete");
  return marker ? { markerVersionId: marker.versionId ?? "null", marker: true } : { marker: false };
}

export function deleteObject(
  tx: Transaction,
  input: InputOf<"s3", "DeleteObject">,
  context: OperationContext,
): OutputOf<"s3", "DeleteObject"> {
  const bucket = requireBucket(tx, context, input);
  const done = deleteOne(tx, context, bucket, { Key: input.Key, VersionId: input.VersionId, ETag: input.IfMatch });
  const VersionId = done.versionId ?? done.markerVersionId;
  return { ...(VersionId !== undefined && { VersionId }), ...(done.marker && { DeleteMarker: true }) };
}

/**
 * Up to 1,000 keys, each with an outcome of its own.
 * @throws MalformedXML
 */
export function deleteObjects(
  tx: Transaction,
  input: InputOf<"s3", "DeleteObjects">,
  context: OperationContext,
): OutputOf<"s3", "DeleteObjects"> {
  const bucket = requireBucket(tx, context, input);
  const targets = input.Delete?.Objects ?? [];
  if (targets.length === 0 || targets.length > PAGE_KEYS_MAX) throw s3Error("MalformedXML");
  const Deleted: NonNullable<OutputOf<"s3", "DeleteObjects">["Deleted"]> = [];
  const Errors: NonNullable<OutputOf<"s3", "DeleteObjects">["Errors"]> = [];
  for (const target of targets) {
    const { Key, VersionId } = target;
    if (Key === undefined) throw s3Error("MalformedXML");
    if (target.Size !== undefined || target.LastModifiedTime !== undefined) {
      throw notImplemented("Size and LastModifiedTime of an object in s3:DeleteObjects");
    }
    try {
      if (!context.allows("s3", deletion({ Bucket: bucket.name, Key, VersionId }))) throw s3Error("AccessDenied");
      const done = deleteOne(tx, context, bucket, target);
      Deleted.push({
        Key,
        ...(VersionId !== undefined && { VersionId }),
        ...(done.marker && { DeleteMarker: true, DeleteMarkerVersionId: done.markerVersionId ?? VersionId }),
      });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      Errors.push({ Key, VersionId, Code: error.code, Message: error.message });
    }
  }
  return { ...(!input.Delete?.Quiet && Deleted.length > 0 && { Deleted }), ...(Errors.length > 0 && { Errors }) };
}
