/**
 * The versions of a key: which one is current, how a new one takes its place, what remains when one goes. Everything that adds or
 * removes an object does it through this file, so that bodies, the null version and the order of versions stay right.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html
 */
import { mixedId } from "../../kernel/ids.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { dropBody } from "./bodies.ts";
import { invalidArgument, noSuchVersion } from "./errors.ts";
import { changeStored } from "./metering.ts";
import {
  type BucketRecord,
  type DeleteMarker,
  isMarker,
  nullKey,
  nullVersions,
  type ObjectRecord,
  objectKey,
  objects,
  olderKey,
  olderVersions,
  type VersionRecord,
} from "./state.ts";

type Context = Pick<OperationContext, "nowMs" | "random" | "use">;

/** What a new version is made of; its place in the key's history is added here. */
export type NewObject = Omit<ObjectRecord, "versionId" | "sequence" | "modifiedMs">;

/** The current version, unless it is a delete marker or there is none. */
export const currentObject = (tx: Transaction, bucket: string, objectName: string): ObjectRecord | undefined =>
  objects.get(tx, objectKey(bucket, objectName));

/** The newest version that is not a current object: a delete marker when the key was deleted. */
export function newestOlder(tx: Transaction, bucket: string, objectName: string): VersionRecord | undefined {
  const { start, end } = keysUnder("s3", "older", bucket, objectName);
  for (const [, version] of olderVersions.range(tx, start, end, { limit: 1 })) return version;
  return undefined;
}

/** The current version, delete marker or not. */
export const newestVersion = (tx: Transaction, bucket: BucketRecord, objectName: string): VersionRecord | undefined =>
  currentObject(tx, bucket.name, objectName) ??
  (bucket.versioning ? newestOlder(tx, bucket.name, objectName) : undefined);

/** As the API shows it: `null` for the null version; undefined in a bucket that never had versioning. */
export const shownVersionId = (bucket: BucketRecord, version: VersionRecord): string | undefined =>
  bucket.versioning ? (version.versionId ?? "null") : undefined;

/** The sequence leads a version id, so that a version is found by its id: nine digits to base 36, then chance. */
const SEQUENCE_DIGITS = 9;
const VERSION_ID = /^[0-9a-z]{9}[A-Za-z0-9]{23}$/;

function versionIdOf(context: Context, sequence: number): string {
  return sequence.toString(36).padStart(SEQUENCE_DIGITS, "0") + mixedId(context.random, 23);
}

/**
 * One version by its id.
 * @throws InvalidArgument when it cannot be a version id, NoSuchVersion
 */
export function findVersion(tx: Transaction, bucket: string, objectName: string, versionId: string): VersionRecord {
  const found = lookUp(tx, bucket, objectName, versionId);
  if (!found) throw noSuchVersion(objectName, versionId);
  return found;
}

function lookUp(tx: Transaction, bucket: string, objectName: string, versionId: string): VersionRecord | undefined {
  const wanted = versionId === "null" ? undefined : versionId;
  const current = currentObject(tx, bucket, objectName);
  if (wanted === undefined) {
    if (current && current.versionId === undefined) return current;
    const place = nullVersions.get(tx, nullKey(bucket, objectName));
    return place && olderVersions.get(tx, olderKey(bucket, objectName, place.sequence));
  }
  if (!VERSION_ID.test(wanted)) throw invalidArgument("Invalid version id specified", "versionId", versionId);
  if (current?.versionId === wanted) return current;
  const sequence = Number.parseInt(wanted.slice(0, SEQUENCE_DIGITS), 36);
  const older = olderVersions.get(tx, olderKey(bucket, objectName, sequence));
  return older?.versionId === wanted ? older : undefined;
}

/** The place of a version in its key's history, though it may be gone meanwhile; undefined when nothing tells. */
export function sequenceOfVersion(
  tx: Transaction,
  bucket: string,
  objectName: string,
  versionId: string,
): number | undefined {
  if (versionId !== "null") {
    if (!VERSION_ID.test(versionId))
      throw invalidArgument("Invalid version id specified", "version-id-marker", versionId);
    return Number.parseInt(versionId.slice(0, SEQUENCE_DIGITS), 36);
  }
  const current = currentObject(tx, bucket, objectName);
  if (current && current.versionId === undefined) return current.sequence;
  return nullVersions.get(tx, nullKey(bucket, objectName))?.sequence;
}

/** Makes an object the current version, in the way the bucket's versioning says. */
export function addObject(
  tx: Transaction,
  context: Context,
  bucket: BucketRecord,
  objectName: string,
  object: NewObject,
): ObjectRecord {
  const place = makeRoom(tx, context, bucket, objectName);
  const added: ObjectRecord = { ...object, ...place };
  objects.put(tx, objectKey(bucket.name, objectName), added);
  changeStored(tx, context, bucket.name, { objects: 1, bytes: added.size });
  return added;
}

/** Makes a delete marker the current version of a key; in a bucket without versioning the object simply goes. */
export function deleteCurrent(
  tx: Transaction,
  context: Context,
  bucket: BucketRecord,
  objectName: string,
): DeleteMarker | undefined {
  if (!bucket.versioning) {
    const current = currentObject(tx, bucket.name, objectName);
    if (current) {
      tx.delete(objectKey(bucket.name, objectName));
      drop(tx, context, bucket.name, current);
    }
    return undefined;
  }
  const marker: DeleteMarker = { deleteMarker: true, ...makeRoom(tx, context, bucket, objectName) };
  tx.delete(objectKey(bucket.name, objectName));
  putOlder(tx, bucket.name, objectName, marker);
  return marker;
}

/** Moves the current version out of the way, or lets it go, and tells where the next one belongs. */
function makeRoom(tx: Transaction, context: Context, bucket: BucketRecord, objectName: string) {
  const current = currentObject(tx, bucket.name, objectName);
  const before = current ?? (bucket.versioning ? newestOlder(tx, bucket.name, objectName) : undefined);
  const sequence = Math.max(context.nowMs, (before?.sequence ?? 0) + 1);
  const keepsIds = bucket.versioning === "Enabled";
  if (current) {
    if (!bucket.versioning || (!keepsIds && current.versionId === undefined)) {
      drop(tx, context, bucket.name, current);
    } else putOlder(tx, bucket.name, objectName, current);
  }
  if (bucket.versioning === "Suspended") removeOlderNull(tx, context, bucket.name, objectName);
  return {
    ...(keepsIds && { versionId: versionIdOf(context, sequence) }),
    sequence,
    modifiedMs: context.nowMs - (context.nowMs % 1000),
  };
}

function putOlder(tx: Transaction, bucket: string, objectName: string, version: VersionRecord): void {
  olderVersions.put(tx, olderKey(bucket, objectName, version.sequence), version);
  if (version.versionId === undefined) {
    nullVersions.put(tx, nullKey(bucket, objectName), { sequence: version.sequence });
  }
}

function removeOlder(tx: Transaction, bucket: string, objectName: string, version: VersionRecord): void {
  tx.delete(olderKey(bucket, objectName, version.sequence));
  if (version.versionId === undefined) tx.delete(nullKey(bucket, objectName));
}

function removeOlderNull(tx: Transaction, context: Context, bucket: string, objectName: string): void {
  const place = nullVersions.get(tx, nullKey(bucket, objectName));
  const version = place && olderVersions.get(tx, olderKey(bucket, objectName, place.sequence));
  if (!version) return;
  removeOlder(tx, bucket, objectName, version);
  if (!isMarker(version)) drop(tx, context, bucket, version);
}

/** Lets go of what a version holds. */
function drop(tx: Transaction, context: Context, bucket: string, { body, size }: ObjectRecord): void {
  dropBody(tx, body, context.nowMs);
  changeStored(tx, context, bucket, { objects: -1, bytes: -size });
}

/**
 * Removes one version for good. If it was the current one, the next newest takes its place.
 * @returns the removed version; undefined when there was none, which is no error to S3
 * @throws InvalidArgument when the id cannot be one
 */
export function deleteVersion(
  tx: Transaction,
  context: Context,
  bucket: string,
  objectName: string,
  versionId: string,
): VersionRecord | undefined {
  const version = lookUp(tx, bucket, objectName, versionId);
  if (!version) return undefined;
  const current = currentObject(tx, bucket, objectName);
  if (current?.sequence === version.sequence) tx.delete(objectKey(bucket, objectName));
  else removeOlder(tx, bucket, objectName, version);
  if (!isMarker(version)) drop(tx, context, bucket, version);
  if (!current || current.sequence === version.sequence) promote(tx, bucket, objectName);
  return version;
}

/** With no current object: makes the newest version current, unless it is a delete marker. */
function promote(tx: Transaction, bucket: string, objectName: string): void {
  const next = newestOlder(tx, bucket, objectName);
  if (!next || isMarker(next)) return;
  removeOlder(tx, bucket, objectName, next);
  objects.put(tx, objectKey(bucket, objectName), next);
}

/** Replaces a version's record in place: its tags changed. */
export function rewriteObject(tx: Transaction, bucket: string, objectName: string, object: ObjectRecord): void {
  const current = currentObject(tx, bucket, objectName);
  if (current?.sequence === object.sequence) objects.put(tx, objectKey(bucket, objectName), object);
  else olderVersions.put(tx, olderKey(bucket, objectName, object.sequence), object);
}
