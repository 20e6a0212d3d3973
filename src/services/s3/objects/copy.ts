/**
 * CopyObject. Bytes are shared, not copied; they are read only where S3 gives the copy another entity tag or checksum than its source.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 */
import { createHash } from "node:crypto";
import { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { FlowContext, InputOf, OperationContext, OutputOf } from "../../service.ts";
import { type OpenBody, openBody, readBody, shareBody } from "../bodies.ts";
import { requireBucket } from "../buckets.ts";
import { algorithmNamed, checksumMembers, hasherFor, prepareChecksums } from "../checksums.ts";
import { invalidArgument, invalidRequest } from "../errors.ts";
import { notifyCreated } from "../notifications/notify.ts";
import {
  checkAcl,
  checkedMetadata,
  checkKey,
  checkStorageOptions,
  PUT_BYTES_MAX,
  storedHeaders,
  tagsOfHeader,
} from "../rules.ts";
import {
  type BucketRecord,
  type ChecksumAlgorithm,
  isMarker,
  type ObjectRecord,
  type StoredChecksum,
} from "../state.ts";
import { addObject, currentObject, findVersion, newestVersion, shownVersionId } from "../versions.ts";
import { checkCopyConditions, checkWriteConditions, quoted } from "./conditions.ts";
import { requireObject } from "./get.ts";

export interface CopySource {
  readonly bucket: string;
  readonly objectName: string;
  readonly versionId: string | undefined;
}

/** `bucket/key`, `/bucket/key?versionId=…`; URL-encoded. @throws InvalidArgument */
export function parseCopySource(header: string): CopySource {
  const [path = "", query] = splitOnce(header, "?versionId=");
  let text: string;
  try {
    text = decodeURIComponent(path).replace(/^\//, "");
  } catch {
    throw invalidSource(header);
  }
  const [bucket = "", objectName] = splitOnce(text, "/");
  if (!bucket || !objectName) throw invalidSource(header);
  return { bucket, objectName, versionId: query || undefined };
}

const invalidSource = (header: string) =>
  invalidArgument(
    "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
    "x-amz-copy-source",
    header,
  );

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** The source of a copy. @throws NoSuchBucket, NoSuchKey, NoSuchVersion, InvalidRequest, PreconditionFailed */
export function requireSource(
  tx: Transaction,
  context: OperationContext,
  input: Parameters<typeof checkCopyConditions>[1] & {
    readonly CopySource?: string | undefined;
    readonly ExpectedSourceBucketOwner?: string | undefined;
  },
): { readonly place: CopySource; readonly bucket: BucketRecord; readonly object: ObjectRecord } {
  const place = parseCopySource(input.CopySource!);
  const bucket = requireBucket(tx, context, {
    Bucket: place.bucket,
    ExpectedBucketOwner: input.ExpectedSourceBucketOwner,
  });
  if (place.versionId !== undefined && isMarker(findVersion(tx, bucket.name, place.objectName, place.versionId))) {
    throw invalidRequest("The source of a copy request may not specifically refer to a delete marker by version id.");
  }
  const object = requireObject(tx, bucket, place.objectName, place.versionId);
  checkCopyConditions(object, input);
  return { place, bucket, object };
}

type Input = InputOf<"s3", "CopyObject">;

/** What a copy must have computed from its bytes. */
interface Digests {
  readonly etag: string;
  readonly checksum: StoredChecksum;
}

const COPY_ATTEMPTS_MAX = 5;

export async function copyObject(flow: FlowContext, input: Input): Promise<OutputOf<"s3", "CopyObject">> {
  let digests: { readonly of: string; readonly values: Digests } | undefined;
  for (let attempt = 1; ; attempt++) {
    const step = await flow.write((tx, context) => copyOrTellWhatIsMissing(tx, context, input, digests));
    if ("output" in step) return step.output;
    if (attempt === COPY_ATTEMPTS_MAX) {
      throw new AwsError(
        "OperationAborted",
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
        409,
      );
    }
    digests = { of: step.of, values: await digest(flow, step.body, step.size, step.algorithm) };
  }
}

type Step =
  | { readonly output: OutputOf<"s3", "CopyObject"> }
  | { readonly of: string; readonly body: OpenBody; readonly size: number; readonly algorithm: ChecksumAlgorithm };

function copyOrTellWhatIsMissing(
  tx: Transaction,
  context: OperationContext,
  input: Input,
  digests: { readonly of: string; readonly values: Digests } | undefined,
): Step {
  const target = requireBucket(tx, context, input);
  checkKey(input.Key!);
  checkAcl(target, input);
  checkStorageOptions(input);
  for (const [name, value] of [
    ["x-amz-metadata-directive", input.MetadataDirective],
    ["x-amz-tagging-directive", input.TaggingDirective],
  ] as const) {
    if (value !== undefined && value !== "COPY" && value !== "REPLACE") {
      throw invalidArgument(`Unknown ${name.includes("tagging") ? "tagging" : "metadata"} directive.`, name, value);
    }
  }
  const source = requireSource(tx, context, input);
  refuseSelfCopy(tx, target, input, source);
  if (source.object.size > PUT_BYTES_MAX) {
    throw invalidRequest(
      `The specified copy source is larger than the maximum allowable size for a copy source: ${PUT_BYTES_MAX}`,
    );
  }
  checkWriteConditions(input.Key!, currentObject(tx, target.name, input.Key!), input);

  const from = source.object;
  const algorithm =
    input.ChecksumAlgorithm === undefined
      ? (from.checksum?.algorithm ?? "CRC64NVME")
      : algorithmNamed(input.ChecksumAlgorithm);
  const known =
    from.partsCount === undefined && from.checksum?.algorithm === algorithm && from.checksum.type === "FULL_OBJECT"
      ? { etag: from.etag, checksum: from.checksum }
      : undefined;
  const identity = `${source.place.bucket}/${source.place.objectName}#${from.sequence}`;
  const values = known ?? (digests?.of === identity ? digests.values : undefined);
  if (!values) return { of: identity, body: openBody(tx, from.body), size: from.size, algorithm };

  const replaced = input.MetadataDirective === "REPLACE";
  const { WebsiteRedirectLocation: _, ...sourceHeaders } = from.headers;
  const { WebsiteRedirectLocation } = storedHeaders({ WebsiteRedirectLocation: input.WebsiteRedirectLocation });
  const tags = input.TaggingDirective === "REPLACE" ? tagsOfHeader(input.Tagging) : from.tags;
  const body = shareBody(tx, context, from.body);
  const object = addObject(tx, context, target, input.Key!, {
    size: from.size,
    ...values,
    body,
    headers: replaced
      ? storedHeaders(input)
      : { ...sourceHeaders, ...(WebsiteRedirectLocation !== undefined && { WebsiteRedirectLocation }) },
    metadata: replaced ? checkedMetadata(input.Metadata) : from.metadata,
    ...(tags && Object.keys(tags).length > 0 && { tags }),
  });
  notifyCreated(tx, context, target, input.Key!, object, "Copy");
  return {
    output: {
      CopyObjectResult: {
        ETag: quoted(object.etag),
        LastModified: new Date(object.modifiedMs),
        ...checksumMembers(object.checksum),
      },
      CopySourceVersionId: shownVersionId(source.bucket, from),
      VersionId: target.versioning === "Enabled" ? object.versionId : undefined,
      ServerSideEncryption: "AES256",
    },
  };
}

function refuseSelfCopy(
  tx: Transaction,
  target: BucketRecord,
  input: Input,
  source: { readonly place: CopySource; readonly object: ObjectRecord },
): void {
  const { place, object } = source;
  if (place.bucket !== target.name || place.objectName !== input.Key) return;
  if (newestVersion(tx, target, input.Key!)?.sequence !== object.sequence) return;
  const changes = [
    input.StorageClass,
    input.WebsiteRedirectLocation,
    input.ServerSideEncryption,
    input.ChecksumAlgorithm,
  ];
  if (input.MetadataDirective === "REPLACE" || changes.some((change) => change !== undefined)) return;
  throw invalidRequest(
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  );
}

async function digest(
  flow: Pick<FlowContext, "blobs">,
  body: OpenBody,
  size: number,
  algorithm: ChecksumAlgorithm,
): Promise<Digests> {
  await prepareChecksums();
  const md5 = createHash("md5");
  const hasher = hasherFor(algorithm);
  const bytes = await readBody(flow.blobs, body, 0, size - 1);
  for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
    md5.update(chunk);
    hasher.update(chunk);
  }
  return { etag: md5.digest("hex"), checksum: { algorithm, value: hasher.digest(), type: "FULL_OBJECT" } };
}
