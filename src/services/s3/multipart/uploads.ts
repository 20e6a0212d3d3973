/**
 * Uploads in parts: beginning, completing, aborting and listing them. Parts themselves are in `parts.ts`.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
import { createHash } from "node:crypto";
import type { AccountId } from "../../../kernel/arn.ts";
import { AwsError } from "../../../kernel/errors.ts";
import { mixedId } from "../../../kernel/ids.ts";
import { after, decodeKey, type Key, keysUnder, keysWithPrefix } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf, Principal } from "../../service.ts";
import { dropBody, joinBodies } from "../bodies.ts";
import { bounds, canonicalUserId, objectUrlBase, requireBucket } from "../buckets.ts";
import {
  algorithmNamed,
  CHECKSUM_ALGORITHMS,
  CHECKSUM_MEMBERS,
  checksumMembers,
  combinedCrc,
  compositeChecksum,
  isCrc,
} from "../checksums.ts";
import { invalidArgument, invalidRequest, noSuchUpload, s3Error } from "../errors.ts";
import { notifyCreated } from "../notifications/notify.ts";
import { checkWriteConditions, quoted } from "../objects/conditions.ts";
import { folded, nameEncoder } from "../objects/list.ts";
import { describe } from "../objects/put.ts";
import { OBJECT_BYTES_MAX, PAGE_KEYS_MAX, PART_BYTES_MIN } from "../rules.ts";
import {
  type ChecksumAlgorithm,
  type PartRecord,
  parts,
  type StoredChecksum,
  type UploadRecord,
  uploadKey,
  uploads,
} from "../state.ts";
import { addObject, currentObject } from "../versions.ts";

/** The checksum that an upload's object will have. */
export const uploadAlgorithm = (upload: UploadRecord): ChecksumAlgorithm => upload.checksumAlgorithm ?? "CRC64NVME";
const uploadChecksumType = (upload: UploadRecord) => upload.checksumType ?? "FULL_OBJECT";

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html */
export function createMultipartUpload(
  tx: Transaction,
  input: InputOf<"s3", "CreateMultipartUpload">,
  context: OperationContext,
): OutputOf<"s3", "CreateMultipartUpload"> {
  const bucket = requireBucket(tx, context, input);
  const described = describe(bucket, input);
  const checksum = wantedChecksum(input);
  // The time leads, so that the uploads of a key are listed in the order in which they began.
  const uploadId = context.nowMs.toString(36).padStart(9, "0") + mixedId(context.random, 55);
  uploads.put(tx, uploadKey(bucket.name, input.Key!, uploadId), {
    uploadId,
    bucket: bucket.name,
    objectName: input.Key!,
    initiatedMs: context.nowMs,
    initiator: nameOf(context.principal),
    ...described,
    ...checksum,
  });
  return {
    Bucket: bucket.name,
    Key: input.Key,
    UploadId: uploadId,
    ServerSideEncryption: "AES256",
    ...(checksum && { ChecksumAlgorithm: checksum.checksumAlgorithm, ChecksumType: checksum.checksumType }),
  };
}

const nameOf = (principal: Principal): string =>
  principal.type === "anonymous" ? "anonymous" : principal.type === "service" ? principal.service : principal.arn;

/** CRCs can be combined to that of the whole object; digests only to a checksum of checksums. */
function wantedChecksum(input: {
  readonly ChecksumAlgorithm?: string | undefined;
  readonly ChecksumType?: string | undefined;
}) {
  const type = input.ChecksumType;
  if (type !== undefined && type !== "FULL_OBJECT" && type !== "COMPOSITE") {
    throw invalidRequest("Value for x-amz-checksum-type header is invalid.");
  }
  if (input.ChecksumAlgorithm === undefined) {
    if (type !== undefined) {
      throw invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.");
    }
    return undefined;
  }
  const checksumAlgorithm = algorithmNamed(input.ChecksumAlgorithm);
  const checksumType = type ?? (checksumAlgorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE");
  if (checksumType === "FULL_OBJECT" ? !isCrc(checksumAlgorithm) : checksumAlgorithm === "CRC64NVME") {
    throw invalidRequest(
      `The ${checksumType} checksum type cannot be used with the ${checksumAlgorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { checksumAlgorithm, checksumType } as const;
}

/** @throws NoSuchBucket, NoSuchUpload */
export function requireUpload(
  tx: Transaction,
  context: OperationContext,
  input: {
    readonly Bucket: string | undefined;
    readonly Key: string | undefined;
    readonly UploadId: string | undefined;
    readonly ExpectedBucketOwner?: string | undefined;
  },
): UploadRecord {
  const bucket = requireBucket(tx, context, input);
  const upload = uploads.get(tx, uploadKey(bucket.name, input.Key!, input.UploadId!));
  if (!upload) throw noSuchUpload(input.UploadId!);
  return upload;
}

/**
 * Makes one object of the named parts; other parts are let go.
 * @throws NoSuchUpload, MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall, InvalidRequest, BadDigest, PreconditionFailed
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
 */
export function completeMultipartUpload(
  tx: Transaction,
  input: InputOf<"s3", "CompleteMultipartUpload">,
  context: OperationContext,
): OutputOf<"s3", "CompleteMultipartUpload"> {
  const bucket = requireBucket(tx, context, input);
  const upload = requireUpload(tx, context, input);
  const chosen = chosenParts(tx, upload, input.MultipartUpload?.Parts ?? []);
  const size = chosen.reduce((sum, part) => sum + part.size, 0);
  if (size > OBJECT_BYTES_MAX)
    throw s3Error("EntityTooLarge", { ProposedSize: size, MaxSizeAllowed: OBJECT_BYTES_MAX });
  if (input.MpuObjectSize !== undefined && Number(input.MpuObjectSize) !== size) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${input.MpuObjectSize} does not match what was computed: ${size}`,
    );
  }
  const checksum = objectChecksum(upload, chosen);
  verifyObjectChecksum(checksum, input);
  const { name } = bucket;
  checkWriteConditions(upload.objectName, currentObject(tx, name, upload.objectName), input);

  const numbers = new Set(chosen.map((part) => part.number));
  for (const [at, part] of [...parts.range(tx, ...bounds(keysUnder("s3", "part", upload.uploadId)))]) {
    tx.delete(at);
    if (!numbers.has(part.number)) dropBody(tx, part.body, context.nowMs);
  }
  tx.delete(uploadKey(name, upload.objectName, upload.uploadId));
  const digests = createHash("md5");
  for (const part of chosen) digests.update(Buffer.from(part.etag, "hex"));
  const object = addObject(tx, context, bucket, upload.objectName, {
    size,
    etag: `${digests.digest("hex")}-${chosen.length}`,
    body: joinBodies(
      tx,
      context,
      chosen.map((part) => ({
        number: part.number,
        size: part.size,
        body: part.body,
        ...(part.checksum && { checksum: part.checksum.value }),
      })),
    ),
    headers: upload.headers,
    metadata: upload.metadata,
    ...(upload.tags && { tags: upload.tags }),
    checksum,
    partsCount: chosen.length,
  });
  notifyCreated(tx, context, bucket, upload.objectName, object, "CompleteMultipartUpload");
  return {
    Location: `${objectUrlBase(name, context.endpoint)}/${encodeURIComponent(upload.objectName).replaceAll("%2F", "/")}`,
    Bucket: name,
    Key: upload.objectName,
    ETag: quoted(object.etag),
    ...checksumMembers(checksum),
    ServerSideEncryption: "AES256",
    VersionId: bucket.versioning === "Enabled" ? object.versionId : undefined,
  };
}

type CompletedPart = NonNullable<
  NonNullable<InputOf<"s3", "CompleteMultipartUpload">["MultipartUpload"]>["Parts"]
>[number];

function chosenParts(tx: Transaction, upload: UploadRecord, listed: readonly CompletedPart[]): PartRecord[] {
  if (listed.length === 0) throw s3Error("MalformedXML");
  const known = new Map<number, PartRecord>();
  for (const [, part] of parts.range(tx, ...bounds(keysUnder("s3", "part", upload.uploadId)))) {
    known.set(part.number, part);
  }
  const chosen: PartRecord[] = [];
  let before = 0;
  for (const wanted of listed) {
    const number = wanted.PartNumber;
    if (number === undefined || wanted.ETag === undefined) throw s3Error("MalformedXML");
    if (number <= before) throw s3Error("InvalidPartOrder", { UploadId: upload.uploadId });
    before = number;
    const part = known.get(number);
    const detail = { UploadId: upload.uploadId, PartNumber: number, ETag: wanted.ETag };
    if (!part || part.etag !== wanted.ETag.replace(/^"|"$/g, "")) throw s3Error("InvalidPart", detail);
    for (const algorithm of CHECKSUM_ALGORITHMS) {
      const stated = wanted[CHECKSUM_MEMBERS[algorithm]];
      if (stated === undefined) continue;
      if (part.checksum?.algorithm !== algorithm || part.checksum.value !== stated) {
        throw s3Error("InvalidPart", detail);
      }
    }
    if (uploadChecksumType(upload) === "COMPOSITE" && wanted[CHECKSUM_MEMBERS[uploadAlgorithm(upload)]] === undefined) {
      throw invalidRequest(
        `The upload was created using a ${uploadAlgorithm(upload).toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
      );
    }
    chosen.push(part);
  }
  for (const part of chosen.slice(0, -1)) {
    if (part.size < PART_BYTES_MIN) {
      throw s3Error("EntityTooSmall", {
        ProposedSize: part.size,
        MinSizeAllowed: PART_BYTES_MIN,
        PartNumber: part.number,
        ETag: part.etag,
      });
    }
  }
  return chosen;
}

function objectChecksum(upload: UploadRecord, chosen: readonly PartRecord[]): StoredChecksum {
  const algorithm = uploadAlgorithm(upload);
  const type = uploadChecksumType(upload);
  const value =
    type === "COMPOSITE"
      ? compositeChecksum(
          algorithm,
          chosen.map((part) => part.checksum!.value),
        )
      : combinedCrc(
          algorithm,
          chosen.map((part) => ({ checksum: part.checksum!.value, bytes: part.size })),
        );
  return { algorithm, type, value };
}

/** What the request says of the whole object. Of a composite checksum it may leave the number of parts away. */
function verifyObjectChecksum(checksum: StoredChecksum, input: InputOf<"s3", "CompleteMultipartUpload">): void {
  if (input.ChecksumType !== undefined && input.ChecksumType !== checksum.type) {
    throw invalidRequest(
      `The upload was created using the ${checksum.type} checksum mode. The complete request must use the same checksum mode.`,
    );
  }
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const stated = input[CHECKSUM_MEMBERS[algorithm]];
    if (stated === undefined) continue;
    if (algorithm !== checksum.algorithm || (stated !== checksum.value && stated !== checksum.value.split("-")[0])) {
      throw new AwsError(
        "BadDigest",
        `The ${algorithm.toLowerCase()} you specified did not match the calculated checksum.`,
        400,
      );
    }
  }
}

/** @throws NoSuchUpload */
export function abortMultipartUpload(
  tx: Transaction,
  input: InputOf<"s3", "AbortMultipartUpload">,
  context: OperationContext,
): OutputOf<"s3", "AbortMultipartUpload"> {
  const upload = requireUpload(tx, context, input);
  for (const [at, part] of [...parts.range(tx, ...bounds(keysUnder("s3", "part", upload.uploadId)))]) {
    tx.delete(at);
    dropBody(tx, part.body, context.nowMs);
  }
  tx.delete(uploadKey(upload.bucket, upload.objectName, upload.uploadId));
  return {};
}

export const ownerOf = (accountId: AccountId) => ({ ID: canonicalUserId(accountId) });

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html */
export function listMultipartUploads(
  tx: Transaction,
  input: InputOf<"s3", "ListMultipartUploads">,
  context: OperationContext,
): OutputOf<"s3", "ListMultipartUploads"> {
  const bucket = requireBucket(tx, context, input);
  const { Prefix: prefix = "", Delimiter: delimiter = "", KeyMarker = "", UploadIdMarker = "" } = input;
  const asked = input.MaxUploads ?? PAGE_KEYS_MAX;
  if (!Number.isInteger(asked) || asked < 1) {
    throw invalidArgument("Argument max-uploads must be an integer between 1 and 2147483647", "max-uploads", asked);
  }
  const MaxUploads = Math.min(asked, PAGE_KEYS_MAX);
  const encode = nameEncoder(input.EncodingType);
  const stem = ["s3", "upload", bucket.name];
  const { start, end } = keysWithPrefix(stem, prefix);
  const marked =
    KeyMarker === ""
      ? start
      : folded(KeyMarker, prefix, delimiter) === KeyMarker
        ? keysWithPrefix(stem, KeyMarker).end
        : UploadIdMarker === ""
          ? keysUnder(...stem, KeyMarker).end
          : after(uploadKey(bucket.name, KeyMarker, UploadIdMarker));

  const Uploads: NonNullable<OutputOf<"s3", "ListMultipartUploads">["Uploads"]> = [];
  const CommonPrefixes: { Prefix: string }[] = [];
  let last: { key: string; uploadId: string } | undefined;
  let truncated = false;
  let next: Key | undefined = marked > start ? marked : start;
  while (next !== undefined && !truncated) {
    const from: Key = next;
    next = undefined;
    for (const [at, upload] of uploads.range(tx, from, end)) {
      if (Uploads.length + CommonPrefixes.length === MaxUploads) {
        truncated = true;
        break;
      }
      const objectName = decodeKey(at)[3] as string;
      const commonPrefix = folded(objectName, prefix, delimiter);
      if (commonPrefix !== undefined) {
        CommonPrefixes.push({ Prefix: encode(commonPrefix) });
        last = { key: commonPrefix, uploadId: "" };
        next = keysWithPrefix(stem, commonPrefix).end;
        break;
      }
      last = { key: objectName, uploadId: upload.uploadId };
      Uploads.push({
        UploadId: upload.uploadId,
        Key: encode(objectName),
        Initiated: new Date(upload.initiatedMs),
        StorageClass: "STANDARD",
        Owner: ownerOf(bucket.accountId),
        Initiator: { ID: upload.initiator },
        ...(upload.checksumAlgorithm && {
          ChecksumAlgorithm: upload.checksumAlgorithm,
          ChecksumType: upload.checksumType,
        }),
      });
    }
  }
  return {
    Bucket: bucket.name,
    KeyMarker: encode(KeyMarker),
    UploadIdMarker,
    ...(truncated && last && { NextKeyMarker: encode(last.key), NextUploadIdMarker: last.uploadId }),
    Prefix: encode(prefix),
    ...(delimiter && { Delimiter: encode(delimiter) }),
    MaxUploads,
    IsTruncated: truncated,
    Uploads,
    CommonPrefixes,
    ...(input.EncodingType && { EncodingType: input.EncodingType }),
  };
}
