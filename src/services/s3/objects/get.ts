/**
 * GetObject and HeadObject.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 */
import { Readable } from "node:stream";
import { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { FlowContext, InputOf, OperationContext, OutputOf } from "../../service.ts";
import { type OpenBody, openBody, readBody, segmentsOf } from "../bodies.ts";
import { bucketArn, requireBucket } from "../buckets.ts";
import { checksumMembers } from "../checksums.ts";
import { invalidRequest, markerNotAllowed, noSuchKey, s3Error } from "../errors.ts";
import { checkKey } from "../rules.ts";
import { type BucketRecord, isMarker, type ObjectRecord } from "../state.ts";
import { findVersion, newestVersion, shownVersionId } from "../versions.ts";
import { checkReadConditions, quoted } from "./conditions.ts";
import { type ByteRange, parseRange } from "./ranges.ts";

/**
 * The object that a request names, by key or by key and version.
 * @throws NoSuchKey, NoSuchVersion, MethodNotAllowed for a delete marker that is named
 */
export function requireObject(
  tx: Transaction,
  bucket: BucketRecord,
  objectName: string,
  versionId: string | undefined,
): ObjectRecord {
  checkKey(objectName);
  const version =
    versionId === undefined
      ? newestVersion(tx, bucket, objectName)
      : findVersion(tx, bucket.name, objectName, versionId);
  if (!version) throw noSuchKey(objectName);
  if (!isMarker(version)) return version;
  const headers = { "x-amz-delete-marker": "true", "x-amz-version-id": version.versionId ?? "null" };
  if (versionId === undefined) throw noSuchKey(objectName, headers);
  throw markerNotAllowed({
    ...headers,
    allow: "DELETE",
    "last-modified": new Date(version.modifiedMs).toUTCString(),
  });
}

type ReadInput = InputOf<"s3", "GetObject"> | InputOf<"s3", "HeadObject">;

interface Reading {
  readonly object: ObjectRecord;
  /** Undefined: the whole of it. */
  readonly range: ByteRange | undefined;
  readonly output: OutputOf<"s3", "HeadObject">;
}

/** Whoever may not list a bucket is not told whether a key is there. */
function visibleObject(
  tx: Transaction,
  context: OperationContext,
  bucket: BucketRecord,
  input: ReadInput,
): ObjectRecord {
  try {
    return requireObject(tx, bucket, input.Key!, input.VersionId);
  } catch (error) {
    const hidden =
      error instanceof AwsError &&
      error.code === "NoSuchKey" &&
      !context.allows("s3", { action: "s3:ListBucket", resource: bucketArn(bucket.name) });
    throw hidden ? s3Error("AccessDenied") : error;
  }
}

function read(tx: Transaction, input: ReadInput, context: OperationContext): Reading {
  const bucket = requireBucket(tx, context, input);
  const object = visibleObject(tx, context, bucket, input);
  checkReadConditions(object, input);
  if (input.Range !== undefined && input.PartNumber !== undefined) {
    throw invalidRequest("Cannot specify both Range header and partNumber query parameter");
  }
  const part = input.PartNumber === undefined ? undefined : partOf(tx, object, input.PartNumber);
  const range = part?.range ?? parseRange(input.Range, object.size);
  const overrides = responseOverrides(input, context);
  const { headers } = object;
  const tagCount = Object.keys(object.tags ?? {}).length;
  const checksum = part ? part.checksum : range ? undefined : object.checksum;
  return {
    object,
    range,
    output: {
      AcceptRanges: "bytes",
      LastModified: new Date(object.modifiedMs),
      ContentLength: range ? range.end - range.start + 1 : object.size,
      ETag: quoted(object.etag),
      ...(range && { ContentRange: `bytes ${range.start}-${range.end}/${object.size}` }),
      ...headers,
      Expires: headers.Expires === undefined ? undefined : validDate(headers.Expires),
      ...overrides,
      ...(input.ChecksumMode === "ENABLED" && checksumMembers(checksum)),
      Metadata: { ...object.metadata },
      ServerSideEncryption: "AES256",
      VersionId: shownVersionId(bucket, object),
      ...(tagCount > 0 && { TagCount: tagCount }),
      ...(part && object.partsCount !== undefined && { PartsCount: object.partsCount }),
    },
  };
}

function validDate(text: string): Date | undefined {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** `?response-content-type=…`: only for requests that somebody signed. */
function responseOverrides(input: ReadInput, context: OperationContext): Partial<OutputOf<"s3", "HeadObject">> {
  const asked = {
    ContentType: input.ResponseContentType,
    ContentLanguage: input.ResponseContentLanguage,
    Expires: input.ResponseExpires,
    CacheControl: input.ResponseCacheControl,
    ContentDisposition: input.ResponseContentDisposition,
    ContentEncoding: input.ResponseContentEncoding,
  };
  const set = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  if (Object.keys(set).length > 0 && context.principal.type === "anonymous") {
    throw invalidRequest("Request specific response headers cannot be used for anonymous GET requests.");
  }
  return set;
}

/** Where a part of an object lies. An object that was put whole is its own first part. */
function partOf(tx: Transaction, object: ObjectRecord, number: number) {
  const unsatisfiable = new AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416, {
    PartNumberRequested: number,
    ActualPartCount: object.partsCount ?? 1,
  });
  if (object.body.kind !== "parts" || object.partsCount === undefined) {
    if (number !== 1) throw unsatisfiable;
    const range = object.size === 0 ? undefined : { start: 0, end: object.size - 1 };
    return { range, checksum: object.checksum };
  }
  let start = 0;
  const segments = segmentsOf(tx, object.body);
  for (const [index, segment] of segments.entries()) {
    // Parts are counted as the object has them, whatever numbers they were uploaded under.
    if (index + 1 === number) {
      const checksum = object.checksum &&
        segment.checksum !== undefined && { ...object.checksum, value: segment.checksum };
      return { range: { start, end: start + segment.size - 1 }, checksum: checksum || undefined };
    }
    start += segment.size;
  }
  throw unsatisfiable;
}

/** A file that was removed between finding its name and opening it: the object was replaced meanwhile. */
const isGone = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT";
const READ_ATTEMPTS_MAX = 3;

export async function getObject(
  flow: FlowContext,
  input: InputOf<"s3", "GetObject">,
): Promise<OutputOf<"s3", "GetObject">> {
  for (let attempt = 1; ; attempt++) {
    const { output, body, start, end } = await flow.write((tx, context) => {
      const { object, range, output } = read(tx, input, context);
      const body: OpenBody = openBody(tx, object.body);
      return { output, body, start: range?.start ?? 0, end: range?.end ?? object.size - 1 };
    });
    try {
      const bytes = await readBody(flow.blobs, body, start, end);
      return { ...output, Body: bodyOutput(flow, bytes) } as OutputOf<"s3", "GetObject">;
    } catch (error) {
      if (!isGone(error) || attempt === READ_ATTEMPTS_MAX) throw error;
    }
  }
}

/** A stream for who calls in process, as the SDK's; the wire sends what is in hand as it is. */
const bodyOutput = (flow: FlowContext, bytes: Uint8Array | Readable): Uint8Array | Readable =>
  bytes instanceof Uint8Array && !flow.http ? Readable.from([bytes], { objectMode: false }) : bytes;

export function headObject(
  tx: Transaction,
  input: InputOf<"s3", "HeadObject">,
  context: OperationContext,
): OutputOf<"s3", "HeadObject"> {
  return read(tx, input, context).output;
}
