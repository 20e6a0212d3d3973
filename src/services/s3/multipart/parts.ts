/**
 * Parts of an upload: sending them, copying them from objects, listing them.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
 */
import type { Readable } from "node:stream";
import { keysUnder } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { FlowContext, InputOf, OperationContext, OutputOf } from "../../service.ts";
import { type BodyInput, discardRefused, dropBody, keepBody, openBody, readBody, receiveBody } from "../bodies.ts";
import { bounds, requireBucket } from "../buckets.ts";
import { type ChecksumMembers, checksumMembers, statedChecksum } from "../checksums.ts";
import { invalidArgument, invalidRequest } from "../errors.ts";
import { quoted } from "../objects/conditions.ts";
import { requireSource } from "../objects/copy.ts";
import { PAGE_KEYS_MAX, PART_NUMBER_MAX, PUT_BYTES_MAX } from "../rules.ts";
import { type PartRecord, partKey, parts, type UploadRecord } from "../state.ts";
import { shownVersionId } from "../versions.ts";
import { ownerOf, requireUpload, uploadAlgorithm } from "./uploads.ts";

interface PartInput {
  readonly Bucket: string | undefined;
  readonly Key: string | undefined;
  readonly UploadId: string | undefined;
  readonly PartNumber: number | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
}

function checkPartNumber(number: number | undefined): number {
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > PART_NUMBER_MAX) {
    throw invalidArgument(
      `Part number must be an integer between 1 and ${PART_NUMBER_MAX}, inclusive`,
      "partNumber",
      number,
    );
  }
  return number;
}

/** @throws NoSuchBucket, NoSuchUpload, InvalidArgument, InvalidRequest, BadDigest, IncompleteBody, EntityTooLarge */
export async function uploadPart(
  flow: FlowContext,
  input: InputOf<"s3", "UploadPart">,
): Promise<OutputOf<"s3", "UploadPart">> {
  checkPartNumber(input.PartNumber);
  const upload = await flow.write((tx, context) => requireUpload(tx, context, input));
  checkStated(upload, input, flow);
  const part = await storePart(flow, upload, input, input);
  return { ETag: quoted(part.etag), ...partChecksum(upload, part), ServerSideEncryption: "AES256" };
}

/** A part may only carry the checksum that its upload was begun with; where it was begun with none, any. */
function checkStated(upload: UploadRecord, input: BodyInput, flow: Pick<FlowContext, "http">): void {
  const stated = statedChecksum(input, flow.http?.headers);
  if (stated && upload.checksumAlgorithm && stated.algorithm !== upload.checksumAlgorithm) {
    throw invalidRequest(
      `Checksum Type mismatch occurred, expected checksum Type: ${upload.checksumAlgorithm.toLowerCase()}, actual checksum Type: ${stated.algorithm.toLowerCase()}`,
    );
  }
}

/** Shown only where the upload asked for one. */
const partChecksum = (upload: UploadRecord, part: PartRecord): ChecksumMembers => {
  if (!upload.checksumAlgorithm) return {};
  const { ChecksumType: _, ...members } = checksumMembers(part.checksum);
  return members;
};

/** Takes a part's bytes in and puts it in the place of an earlier one of its number. */
async function storePart(
  flow: FlowContext,
  upload: UploadRecord,
  place: PartInput,
  body: BodyInput,
): Promise<PartRecord> {
  const received = await receiveBody(flow, body, { algorithm: uploadAlgorithm(upload) });
  try {
    return await flow.write((tx, context) => {
      requireUpload(tx, context, place);
      received.verify();
      const at = partKey(upload.uploadId, place.PartNumber!);
      const before = parts.get(tx, at);
      if (before) dropBody(tx, before.body, context.nowMs);
      const part: PartRecord = {
        number: place.PartNumber!,
        size: received.size,
        etag: received.etag,
        modifiedMs: context.nowMs - (context.nowMs % 1000),
        body: keepBody(tx, context, received.bytes),
        checksum: received.checksum,
      };
      parts.put(tx, at, part);
      return part;
    });
  } catch (error) {
    await discardRefused(flow, received, error);
    throw error;
  }
}

/**
 * A part out of an object, or out of a range of it.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
 */
export async function uploadPartCopy(
  flow: FlowContext,
  input: InputOf<"s3", "UploadPartCopy">,
): Promise<OutputOf<"s3", "UploadPartCopy">> {
  checkPartNumber(input.PartNumber);
  const { upload, body, start, end, versionId } = await flow.write((tx, context) => {
    const upload = requireUpload(tx, context, input);
    const source = requireSource(tx, context, input);
    const range = copyRange(input.CopySourceRange, source.object.size);
    return {
      upload,
      body: openBody(tx, source.object.body),
      ...range,
      versionId: shownVersionId(source.bucket, source.object),
    };
  });
  if (end - start + 1 > PUT_BYTES_MAX) {
    throw invalidRequest(
      `The specified copy source is larger than the maximum allowable size for a copy source: ${PUT_BYTES_MAX}`,
    );
  }
  const bytes: Readable | Uint8Array = await readBody(flow.blobs, body, start, end);
  const { http: _, ...inProcess } = flow;
  const part = await storePart(inProcess, upload, input, { Body: bytes, ContentLength: Math.max(0, end - start + 1) });
  return {
    CopyPartResult: {
      ETag: quoted(part.etag),
      LastModified: new Date(part.modifiedMs),
      ...partChecksum(upload, part),
    },
    CopySourceVersionId: versionId,
    ServerSideEncryption: "AES256",
  };
}

function copyRange(header: string | undefined, size: number): { start: number; end: number } {
  if (header === undefined) return { start: 0, end: size - 1 };
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  if (!match || Number(match[1]) > Number(match[2])) {
    throw invalidArgument(
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
      "x-amz-copy-source-range",
      header,
    );
  }
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (end >= size) {
    throw invalidArgument(
      `Range specified is not valid for source object of size: ${size}`,
      "x-amz-copy-source-range",
      header,
    );
  }
  return { start, end };
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html */
export function listParts(
  tx: Transaction,
  input: InputOf<"s3", "ListParts">,
  context: OperationContext,
): OutputOf<"s3", "ListParts"> {
  const upload = requireUpload(tx, context, input);
  const asked = input.MaxParts ?? PAGE_KEYS_MAX;
  if (!Number.isInteger(asked) || asked < 0) {
    throw invalidArgument("Argument max-parts must be an integer between 0 and 2147483647", "max-parts", asked);
  }
  const MaxParts = Math.min(asked, PAGE_KEYS_MAX);
  const marker = Number(input.PartNumberMarker ?? 0);
  if (!Number.isInteger(marker) || marker < 0) {
    throw invalidArgument(
      "Argument part-number-marker must be an integer between 0 and 2147483647",
      "part-number-marker",
      input.PartNumberMarker,
    );
  }
  const found: PartRecord[] = [];
  const { end } = keysUnder("s3", "part", upload.uploadId);
  for (const [, part] of parts.range(tx, ...bounds({ start: partKey(upload.uploadId, marker + 1), end }))) {
    found.push(part);
    if (found.length > MaxParts) break;
  }
  const page = found.slice(0, MaxParts);
  const { accountId } = requireBucket(tx, context, input);
  return {
    Bucket: upload.bucket,
    Key: upload.objectName,
    UploadId: upload.uploadId,
    PartNumberMarker: String(marker),
    ...(page.length > 0 && { NextPartNumberMarker: String(page.at(-1)!.number) }),
    MaxParts,
    IsTruncated: found.length > page.length,
    Parts: page.map((part) => ({
      PartNumber: part.number,
      LastModified: new Date(part.modifiedMs),
      ETag: quoted(part.etag),
      Size: part.size,
      ...partChecksum(upload, part),
    })),
    Initiator: { ID: upload.initiator },
    Owner: ownerOf(accountId),
    StorageClass: "STANDARD",
    ...(upload.checksumAlgorithm && {
      ChecksumAlgorithm: upload.checksumAlgorithm,
      ChecksumType: upload.checksumType,
    }),
  };
}
