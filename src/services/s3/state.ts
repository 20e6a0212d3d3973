/**
 * What S3 keeps. Bucket names are global in the partition, so the keys begin with the bucket and not with account and region.
 *
 *     s3 bucket  BUCKET                    BucketRecord
 *     s3 owned   ACCOUNT BUCKET            index: the buckets of an account
 *     s3 setting BUCKET KIND               policy, tagging, website, cors, notification: what only some requests need
 *     s3 stored  BUCKET objects|bytes      counters of what it holds
 *     s3 sequencer BUCKET                  last sequencer of an event
 *     s3 object  BUCKET KEY                the current version, unless that is a delete marker: what a listing reads
 *     s3 older   BUCKET KEY -SEQUENCE      every other version and every delete marker, newest first
 *     s3 null    BUCKET KEY                sequence of the null version while it lies in `older`
 *     s3 body    MS ID                     bodies up to BODY_INLINE_BYTES_MAX; by time, so that a commit dirties few pages
 *     s3 parts   MS ID                     the segments of an object that was uploaded in parts
 *     s3 upload  BUCKET KEY UPLOAD         a multipart upload in progress
 *     s3 part    UPLOAD NUMBER             one part of it
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import type { Blob } from "../../storage/blobs.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";

export interface PublicAccessBlock {
  readonly BlockPublicAcls: boolean;
  readonly IgnorePublicAcls: boolean;
  readonly BlockPublicPolicy: boolean;
  readonly RestrictPublicBuckets: boolean;
}

export type ObjectOwnership = "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter";

export interface BucketRecord {
  readonly name: string;
  readonly accountId: AccountId;
  readonly region: Region;
  readonly createdMs: number;
  /** Absent until versioning was first switched on. */
  readonly versioning?: "Enabled" | "Suspended";
  /** Absent once it was deleted. */
  readonly publicAccessBlock?: PublicAccessBlock;
  /** Absent once it was deleted. */
  readonly ownership?: ObjectOwnership;
  /** The policy grants something to everyone. */
  readonly policyIsPublic: boolean;
  readonly bucketKeyEnabled?: boolean;
  /** Somebody is told of what happens here: the `notification` setting says who. */
  readonly notifies?: true;
}

export const buckets = defineRecord<BucketRecord>("s3.Bucket", 1);
export const storedKey = (bucket: string, what: "objects" | "bytes"): Key => key("s3", "stored", bucket, what);
export const bucketKey = (bucket: string): Key => key("s3", "bucket", bucket);

export const ownedBuckets = defineRecord<{ readonly region: Region }>("s3.OwnedBucket", 1);
export const ownedKey = (accountId: AccountId, bucket: string): Key => key("s3", "owned", accountId, bucket);

/** Bucket settings that are kept as AWS's own structures. */
export type SettingKind = "policy" | "tagging" | "website" | "cors" | "notification";
export const SETTING_KINDS: readonly SettingKind[] = ["policy", "tagging", "website", "cors", "notification"];
export const settings = defineRecord<unknown>("s3.Setting", 1);
export const settingKey = (bucket: string, kind: SettingKind): Key => key("s3", "setting", bucket, kind);

/** Orders the events of a bucket whose changes are told to somebody. */
export const sequencers = defineRecord<number>("s3.Sequencer", 1);
export const sequencerKey = (bucket: string): Key => key("s3", "sequencer", bucket);

export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256" | "SHA512" | "MD5";

export interface StoredChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; `…-N` for a composite one. */
  readonly value: string;
  readonly type: "FULL_OBJECT" | "COMPOSITE";
}

/** Where an object's bytes are. */
export type Body =
  | { readonly kind: "empty" }
  | { readonly kind: "inline"; readonly ms: number; readonly id: string }
  | { readonly kind: "blob"; readonly blob: Blob }
  | { readonly kind: "parts"; readonly ms: number; readonly id: string };

export type SingleBody = Exclude<Body, { kind: "parts" }>;

/** Headers that are stored with an object and returned as they came. */
export interface StoredHeaders {
  readonly ContentType?: string;
  readonly CacheControl?: string;
  readonly ContentDisposition?: string;
  readonly ContentEncoding?: string;
  readonly ContentLanguage?: string;
  /** As sent. */
  readonly Expires?: string;
  readonly WebsiteRedirectLocation?: string;
}

export interface ObjectRecord {
  /** Absent for the null version. */
  readonly versionId?: string;
  /** Grows with every version of a key: orders versions, and names an event's place in a key's history. */
  readonly sequence: number;
  /** Whole seconds, as S3 shows them. */
  readonly modifiedMs: number;
  readonly size: number;
  /** Without quotes; `…-N` for an object uploaded in parts. */
  readonly etag: string;
  readonly body: Body;
  readonly headers: StoredHeaders;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly checksum?: StoredChecksum;
  readonly partsCount?: number;
}

/** In the place of a version that was deleted without naming one. */
export interface DeleteMarker {
  readonly deleteMarker: true;
  readonly versionId?: string;
  readonly sequence: number;
  readonly modifiedMs: number;
}

export type VersionRecord = ObjectRecord | DeleteMarker;
export const isMarker = (version: VersionRecord): version is DeleteMarker => "deleteMarker" in version;

/** What a listing shows of an object. */
export interface ListedObject extends Pick<ObjectRecord, "sequence" | "modifiedMs" | "size" | "etag"> {
  readonly versionId: string | undefined;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly checksumType: StoredChecksum["type"] | undefined;
}

/** A current object as it is stored: what listings show is cheap to read, the rest is one text that they do not open. */
type StoredObject = readonly [
  versionId: string | null,
  sequence: number,
  modifiedMs: number,
  size: number,
  etag: string,
  checksumAlgorithm: ChecksumAlgorithm | null,
  checksumType: StoredChecksum["type"] | null,
  /** JSON of {@link Details}. */
  details: string,
];

interface Details extends Pick<ObjectRecord, "body" | "headers" | "metadata" | "tags" | "partsCount"> {
  readonly checksum?: string;
}

const storedObjects = defineRecord<StoredObject>("s3.Object", 1);

const listed = ([versionId, sequence, modifiedMs, size, etag, algorithm, type]: StoredObject): ListedObject => ({
  versionId: versionId ?? undefined,
  sequence,
  modifiedMs,
  size,
  etag,
  checksumAlgorithm: algorithm ?? undefined,
  checksumType: type ?? undefined,
});

export const objects = {
  get(tx: Transaction, at: Key): ObjectRecord | undefined {
    const stored = storedObjects.get(tx, at);
    if (!stored) return undefined;
    const [versionId, sequence, modifiedMs, size, etag, algorithm, type, text] = stored;
    const { checksum: value, ...details } = JSON.parse(text) as Details;
    return {
      ...(versionId !== null && { versionId }),
      sequence,
      modifiedMs,
      size,
      etag,
      ...details,
      ...(algorithm !== null && type !== null && value !== undefined && { checksum: { algorithm, type, value } }),
    };
  },
  put(tx: Transaction, at: Key, object: ObjectRecord): void {
    const { versionId, sequence, modifiedMs, size, etag, checksum, ...rest } = object;
    const details: Details = { ...rest, ...(checksum && { checksum: checksum.value }) };
    storedObjects.put(tx, at, [
      versionId ?? null,
      sequence,
      modifiedMs,
      size,
      etag,
      checksum?.algorithm ?? null,
      checksum?.type ?? null,
      JSON.stringify(details),
    ]);
  },
  *list(tx: Transaction, start: Key, end: Key): IterableIterator<[Key, ListedObject]> {
    for (const [at, stored] of storedObjects.range(tx, start, end)) yield [at, listed(stored)];
  },
};

export const objectKey = (bucket: string, objectName: string): Key => key("s3", "object", bucket, objectName);

export const olderVersions = defineRecord<VersionRecord>("s3.OlderVersion", 1);
export const olderKey = (bucket: string, objectName: string, sequence: number): Key =>
  key("s3", "older", bucket, objectName, -sequence);

export const nullVersions = defineRecord<{ readonly sequence: number }>("s3.NullVersion", 1);
export const nullKey = (bucket: string, objectName: string): Key => key("s3", "null", bucket, objectName);

export const inlineBodies = defineRecord<Uint8Array>("s3.Body", 1);
export const inlineBodyKey = (body: { readonly ms: number; readonly id: string }): Key =>
  key("s3", "body", body.ms, body.id);

/** One part of an object that was uploaded in parts. */
export interface Segment {
  readonly number: number;
  readonly size: number;
  readonly body: SingleBody;
  /** Base64, of the object's checksum algorithm. */
  readonly checksum?: string;
}

export const segmentLists = defineRecord<readonly Segment[]>("s3.Segments", 1);
export const segmentsKey = (body: { readonly ms: number; readonly id: string }): Key =>
  key("s3", "parts", body.ms, body.id);

export interface UploadRecord {
  readonly uploadId: string;
  readonly bucket: string;
  readonly objectName: string;
  readonly initiatedMs: number;
  /** ARN of who began it. */
  readonly initiator: string;
  readonly headers: StoredHeaders;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly checksumAlgorithm?: ChecksumAlgorithm;
  readonly checksumType?: "FULL_OBJECT" | "COMPOSITE";
}

export const uploads = defineRecord<UploadRecord>("s3.Upload", 1);
export const uploadKey = (bucket: string, objectName: string, uploadId: string): Key =>
  key("s3", "upload", bucket, objectName, uploadId);

export interface PartRecord {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  readonly modifiedMs: number;
  readonly body: SingleBody;
  readonly checksum?: StoredChecksum;
}

export const parts = defineRecord<PartRecord>("s3.Part", 1);
export const partKey = (uploadId: string, number: number): Key => key("s3", "part", uploadId, number);
