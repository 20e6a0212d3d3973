/**
 * Limits and checks of S3's inputs, without state.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
 */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { invalidArgument, invalidRequest, invalidTag, s3Error } from "./errors.ts";
import type { BucketRecord, StoredHeaders } from "./state.ts";

/** Bodies up to this size are kept in the store beside their record; larger ones become files. */
export const BODY_INLINE_BYTES_MAX = 16 * 1024;
/** A single PUT, and a part: 5 GiB. */
export const PUT_BYTES_MAX = 5 * 1024 ** 3;
export const PART_BYTES_MIN = 5 * 1024 ** 2;
export const PART_NUMBER_MAX = 10_000;
/** An object uploaded in parts: 5 TiB. */
export const OBJECT_BYTES_MAX = 5 * 1024 ** 4;
export const KEY_BYTES_MAX = 1024;
/** User-defined metadata: the sum of the bytes of names and values. */
export const METADATA_BYTES_MAX = 2048;
export const OBJECT_TAGS_MAX = 10;
export const BUCKET_TAGS_MAX = 50;
export const PAGE_KEYS_MAX = 1000;
export const BUCKETS_PER_ACCOUNT_MAX = 10_000;
export const POLICY_BYTES_MAX = 20 * 1024;

const NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const IP_ADDRESS = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;
const RESERVED_PREFIXES = ["xn--", "sthree-", "amzn-s3-demo-"];
const RESERVED_SUFFIXES = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/** Whether a general purpose bucket may have this name. */
export function isBucketName(name: string): boolean {
  return (
    NAME.test(name) &&
    !name.includes("..") &&
    !IP_ADDRESS.test(name) &&
    !RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix)) &&
    !RESERVED_SUFFIXES.some((suffix) => name.endsWith(suffix))
  );
}

/** Any UTF-8 text of 1 to 1,024 bytes. What looks like a path is only text. */
export function checkKey(objectName: string): void {
  const bytes = Buffer.byteLength(objectName);
  if (bytes > KEY_BYTES_MAX) throw s3Error("KeyTooLongError", { Size: bytes, MaxSizeAllowed: KEY_BYTES_MAX });
  if (bytes === 0) throw invalidRequest("A key must be specified.");
}

/** Names lower-cased, as they travel in headers. */
export function checkedMetadata(metadata: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const checked: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata ?? {})) {
    checked[name.toLowerCase()] = value;
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (bytes > METADATA_BYTES_MAX) {
    throw s3Error("MetadataTooLarge", { Size: bytes, MaxSizeAllowed: METADATA_BYTES_MAX });
  }
  return checked;
}

/** The headers that are stored with an object, from any input that carries them. */
export function storedHeaders(input: {
  readonly ContentType?: string | undefined;
  readonly CacheControl?: string | undefined;
  readonly ContentDisposition?: string | undefined;
  readonly ContentEncoding?: string | undefined;
  readonly ContentLanguage?: string | undefined;
  readonly Expires?: Date | string | undefined;
  readonly WebsiteRedirectLocation?: string | undefined;
}): StoredHeaders {
  const redirect = input.WebsiteRedirectLocation;
  if (redirect !== undefined && (!/^(\/|https?:\/\/)/.test(redirect) || redirect.length > 2048)) {
    throw new AwsError(
      "InvalidRedirectLocation",
      "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    );
  }
  // The SDK's aws-chunked framing is the wire's affair and is not part of the object's encoding.
  const encoding = input.ContentEncoding?.split(",")
    .map((token) => token.trim())
    .filter((token) => token !== "" && token !== "aws-chunked")
    .join(",");
  const expires = input.Expires;
  return {
    ContentType: input.ContentType || "binary/octet-stream",
    ...(input.CacheControl !== undefined && { CacheControl: input.CacheControl }),
    ...(input.ContentDisposition !== undefined && { ContentDisposition: input.ContentDisposition }),
    ...(encoding && { ContentEncoding: encoding }),
    ...(input.ContentLanguage !== undefined && { ContentLanguage: input.ContentLanguage }),
    ...(expires !== undefined && { Expires: typeof expires === "string" ? expires : expires.toUTCString() }),
    ...(redirect !== undefined && { WebsiteRedirectLocation: redirect }),
  };
}

/** The `x-amz-tagging` header: a query string. */
export function tagsOfHeader(header: string | undefined): Record<string, string> | undefined {
  if (header === undefined || header === "") return undefined;
  const pairs: { Key: string; Value: string }[] = [];
  for (const [name, value] of new URLSearchParams(header)) pairs.push({ Key: name, Value: value });
  if (new Set(pairs.map((tag) => tag.Key)).size !== pairs.length) {
    throw invalidArgument(
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      "x-amz-tagging",
      header,
    );
  }
  return checkedTags(pairs, OBJECT_TAGS_MAX);
}

type TagInput = { readonly Key?: string | undefined; readonly Value?: string | undefined };

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html */
export function checkedTags(tags: readonly TagInput[], most: number): Record<string, string> {
  if (tags.length > most) {
    const what = most === OBJECT_TAGS_MAX ? "Object tags" : "Bucket tag count";
    throw new AwsError("BadRequest", `${what} cannot be greater than ${most}`, 400);
  }
  const checked: Record<string, string> = {};
  for (const { Key: name, Value: value } of tags) {
    if (name === undefined || value === undefined) throw s3Error("MalformedXML");
    if (name.length === 0 || name.length > 128 || !TAG_TEXT.test(name)) {
      throw invalidTag("The TagKey you have provided is invalid", { TagKey: name });
    }
    if (value.length > 256 || !TAG_TEXT.test(value)) {
      throw invalidTag("The TagValue you have provided is invalid", { TagKey: name, TagValue: value });
    }
    if (name.startsWith("aws:")) {
      throw invalidTag("System tags cannot be added/updated by requester", { TagKey: name });
    }
    if (Object.hasOwn(checked, name)) {
      throw invalidTag("Cannot provide multiple Tags with the same key", { TagKey: name });
    }
    checked[name] = value;
  }
  return checked;
}

/** Letters, numbers, spaces and `+ - = . _ : / @`, in any script. */
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

export const tagSet = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** What a put, copy or upload asks for beside the body, as far as Virga honours it; everything else is refused by name. */
export function checkStorageOptions(input: {
  readonly StorageClass?: string | undefined;
  readonly ServerSideEncryption?: string | undefined;
}): void {
  if (input.StorageClass !== undefined && input.StorageClass !== "STANDARD") {
    throw STORAGE_CLASSES.has(input.StorageClass)
      ? notImplemented(`the S3 storage class ${input.StorageClass}`)
      : s3Error("InvalidStorageClass", { StorageClassRequested: input.StorageClass });
  }
  if (input.ServerSideEncryption !== undefined && input.ServerSideEncryption !== "AES256") {
    throw /^aws:(kms|kms:dsse|fsx)$/.test(input.ServerSideEncryption)
      ? notImplemented(`S3 encryption with ${input.ServerSideEncryption}`)
      : invalidArgument(
          "The encryption method specified is not supported",
          "x-amz-server-side-encryption",
          input.ServerSideEncryption,
        );
  }
}

const STORAGE_CLASSES = new Set([
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER",
  "DEEP_ARCHIVE",
  "OUTPOSTS",
  "GLACIER_IR",
  "SNOW",
  "EXPRESS_ONEZONE",
  "FSX_OPENZFS",
]);

const CANNED_ACLS = new Set([
  "private",
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "bucket-owner-full-control",
]);

interface AclInput {
  readonly ACL?: string | undefined;
  readonly GrantFullControl?: string | undefined;
  readonly GrantRead?: string | undefined;
  readonly GrantReadACP?: string | undefined;
  readonly GrantWriteACP?: string | undefined;
}

/**
 * With ownership enforced (the default) S3 takes no ACL except `bucket-owner-full-control`, which says what is so anyway. With ACLs
 * switched on, Virga takes those that give nothing to anybody else.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
 */
export function checkAcl(bucket: BucketRecord, input: AclInput): void {
  const grants = input.GrantFullControl ?? input.GrantRead ?? input.GrantReadACP ?? input.GrantWriteACP;
  if (input.ACL === undefined && grants === undefined) return;
  if (input.ACL !== undefined && !CANNED_ACLS.has(input.ACL)) throw invalidArgument("", "x-amz-acl", input.ACL);
  if (bucket.ownership === "BucketOwnerEnforced") {
    if (input.ACL === "bucket-owner-full-control" && grants === undefined) return;
    throw s3Error("AccessControlListNotSupported");
  }
  if (grants !== undefined) throw notImplemented("grants in S3 access control lists");
  if (bucket.publicAccessBlock?.BlockPublicAcls && input.ACL?.startsWith("public-")) throw s3Error("AccessDenied");
  if (input.ACL !== "private" && input.ACL !== "bucket-owner-full-control" && input.ACL !== "bucket-owner-read") {
    throw notImplemented(`the S3 canned ACL ${input.ACL}`);
  }
}
