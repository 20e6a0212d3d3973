/**
 * ListObjectVersions: current objects and older versions merged, by key and from new to old.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
 */
import { after, type Key, keysUnder, keysWithPrefix } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { canonicalUserId, requireBucket } from "../buckets.ts";
import { invalidArgument } from "../errors.ts";
import {
  type DeleteMarker,
  type ListedObject,
  objectKey,
  objects,
  olderKey,
  olderVersions,
  type VersionRecord,
} from "../state.ts";
import { currentObject, sequenceOfVersion } from "../versions.ts";
import { quoted } from "./conditions.ts";
import { checksumShown, folded, nameEncoder, pageSize, stemLength, textIn } from "./list.ts";

type Entry =
  | { readonly objectName: string; readonly version: ListedObject | DeleteMarker; readonly latest: boolean }
  | { readonly commonPrefix: string };

/** Where to go on in both ranges. */
interface Place {
  readonly current: Key;
  readonly older: Key;
}

/** A number as the last element of a store's key: its tag and eight bytes. */
const SEQUENCE_LENGTH = 9;

function* entries(
  tx: Transaction,
  bucket: string,
  prefix: string,
  delimiter: string,
  from: Place | undefined,
): Generator<Entry> {
  const currentStem = ["s3", "object", bucket];
  const olderStem = ["s3", "older", bucket];
  const currentAt = stemLength(...currentStem);
  const olderAt = stemLength(...olderStem);
  const bounds = { current: keysWithPrefix(currentStem, prefix), older: keysWithPrefix(olderStem, prefix) };
  const later = (place: Key | undefined, start: Key) => (place !== undefined && place > start ? place : start);
  let place: Place | undefined = {
    current: later(from?.current, bounds.current.start),
    older: later(from?.older, bounds.older.start),
  };
  while (place !== undefined) {
    const { current, older }: Place = place;
    place = undefined;
    const currents = objects.list(tx, current, bounds.current.end);
    const olders = olderVersions.range(tx, older, bounds.older.end);
    try {
      let left = currents.next();
      let right = olders.next();
      let lastName: string | undefined;
      while (!left.done || !right.done) {
        // Raw, the names compare as the store orders them.
        const leftName = left.done ? undefined : left.value[0].slice(currentAt);
        const rightName = right.done ? undefined : right.value[0].slice(olderAt, -SEQUENCE_LENGTH);
        const takeLeft = rightName === undefined || (leftName !== undefined && leftName <= rightName);
        const raw = (takeLeft ? leftName : rightName)!;
        const objectName = textIn(raw, 0, -1);
        const commonPrefix = folded(objectName, prefix, delimiter);
        if (commonPrefix !== undefined) {
          yield { commonPrefix };
          place = placeAfterPrefix(bucket, commonPrefix);
          break;
        }
        const version: ListedObject | VersionRecord = takeLeft ? left.value![1] : right.value![1];
        // With no current object, the newest of the older ones is the delete marker that hides the key.
        const latest = takeLeft || (raw !== lastName && isNewest(tx, bucket, objectName, version.sequence));
        yield { objectName, version: shortened(version), latest };
        lastName = raw;
        if (takeLeft) left = currents.next();
        else right = olders.next();
      }
    } finally {
      currents.return?.();
      olders.return?.();
    }
  }
}

function shortened(version: ListedObject | VersionRecord): ListedObject | DeleteMarker {
  if ("deleteMarker" in version || "checksumType" in version) return version;
  const { versionId, sequence, modifiedMs, size, etag, checksum } = version;
  return {
    versionId,
    sequence,
    modifiedMs,
    size,
    etag,
    checksumAlgorithm: checksum?.algorithm,
    checksumType: checksum?.type,
  };
}

function isNewest(tx: Transaction, bucket: string, objectName: string, sequence: number): boolean {
  if (currentObject(tx, bucket, objectName)) return false;
  const { start, end } = keysUnder("s3", "older", bucket, objectName);
  for (const [, newest] of olderVersions.range(tx, start, end, { limit: 1 })) {
    return newest.sequence === sequence;
  }
  return false;
}

const placeAfterPrefix = (bucket: string, commonPrefix: string): Place => ({
  current: keysWithPrefix(["s3", "object", bucket], commonPrefix).end,
  older: keysWithPrefix(["s3", "older", bucket], commonPrefix).end,
});

/** Behind all versions of a key, or behind one of them. */
function placeAfter(tx: Transaction, bucket: string, objectName: string, versionId: string | undefined): Place {
  const current = after(objectKey(bucket, objectName));
  const all = keysUnder("s3", "older", bucket, objectName);
  if (versionId === undefined) return { current, older: all.end };
  const sequence = sequenceOfVersion(tx, bucket, objectName, versionId);
  return { current, older: sequence === undefined ? all.end : after(olderKey(bucket, objectName, sequence)) };
}

export function listObjectVersions(
  tx: Transaction,
  input: InputOf<"s3", "ListObjectVersions">,
  context: OperationContext,
): OutputOf<"s3", "ListObjectVersions"> {
  const bucket = requireBucket(tx, context, input);
  const { Prefix: prefix = "", Delimiter: delimiter = "", KeyMarker = "", VersionIdMarker } = input;
  if (VersionIdMarker !== undefined && KeyMarker === "") {
    throw invalidArgument(
      "A version-id marker cannot be specified without a key marker.",
      "version-id-marker",
      VersionIdMarker,
    );
  }
  const encode = nameEncoder(input.EncodingType);
  const MaxKeys = pageSize(input.MaxKeys);
  const from =
    KeyMarker === ""
      ? undefined
      : folded(KeyMarker, prefix, delimiter) === KeyMarker
        ? placeAfterPrefix(bucket.name, KeyMarker)
        : placeAfter(tx, bucket.name, KeyMarker, VersionIdMarker || undefined);

  const Owner = { ID: canonicalUserId(bucket.accountId) };
  const Versions: NonNullable<OutputOf<"s3", "ListObjectVersions">["Versions"]> = [];
  const DeleteMarkers: NonNullable<OutputOf<"s3", "ListObjectVersions">["DeleteMarkers"]> = [];
  const CommonPrefixes: { Prefix: string }[] = [];
  let last: Entry | undefined;
  let truncated = false;
  if (MaxKeys > 0) {
    for (const entry of entries(tx, bucket.name, prefix, delimiter, from)) {
      if (Versions.length + DeleteMarkers.length + CommonPrefixes.length === MaxKeys) {
        truncated = true;
        break;
      }
      last = entry;
      if ("commonPrefix" in entry) {
        CommonPrefixes.push({ Prefix: encode(entry.commonPrefix) });
        continue;
      }
      const { version } = entry;
      const shown = {
        Key: encode(entry.objectName),
        VersionId: version.versionId ?? "null",
        IsLatest: entry.latest,
        LastModified: new Date(version.modifiedMs),
        Owner,
      };
      if ("deleteMarker" in version) DeleteMarkers.push(shown);
      else {
        Versions.push({
          ...shown,
          ETag: quoted(version.etag),
          ...checksumShown(version),
          Size: version.size,
          StorageClass: "STANDARD",
        });
      }
    }
  }
  return {
    IsTruncated: truncated,
    KeyMarker: encode(KeyMarker),
    VersionIdMarker: VersionIdMarker ?? "",
    ...(truncated && last && nextMarkers(last, encode)),
    Versions,
    DeleteMarkers,
    Name: bucket.name,
    Prefix: encode(prefix),
    ...(delimiter && { Delimiter: encode(delimiter) }),
    MaxKeys,
    CommonPrefixes,
    ...(input.EncodingType && { EncodingType: input.EncodingType }),
  };
}

function nextMarkers(last: Entry, encode: (text: string) => string) {
  if ("commonPrefix" in last) return { NextKeyMarker: encode(last.commonPrefix) };
  return { NextKeyMarker: encode(last.objectName), NextVersionIdMarker: last.version.versionId ?? "null" };
}
