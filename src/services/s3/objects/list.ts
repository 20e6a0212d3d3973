/**
 * ListObjects, ListObjectsV2 and ListObjectVersions. A page costs what it shows: a group of keys that is folded into one common prefix
 * is stepped over, not read.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
import { after, type Key, key, keysWithPrefix } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { canonicalUserId, requireBucket } from "../buckets.ts";
import { invalidArgument } from "../errors.ts";
import { PAGE_KEYS_MAX } from "../rules.ts";
import { type BucketRecord, type ListedObject, objectKey, objects } from "../state.ts";
import { quoted } from "./conditions.ts";

type Entry = { readonly objectName: string; readonly object: ListedObject } | { readonly commonPrefix: string };

/** Where a key's name begins in the store's key, for names that are the last element. */
export const stemLength = (...stem: string[]) => key(...stem).length + 1;

/** The text that a store's key carries from `from` up to `to` (its terminator excluded). */
export function textIn(encoded: string, from: number, to: number): string {
  const raw = encoded.slice(from, to);
  return /^[\x01-\x7f]*$/.test(raw) ? raw : Buffer.from(raw.replaceAll("\x00\xff", "\x00"), "latin1").toString("utf8");
}

/** The part of a name that is folded into one entry; undefined when the name stands for itself. */
export function folded(objectName: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === "") return undefined;
  const at = objectName.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : objectName.slice(0, at + delimiter.length);
}

/** Current objects and common prefixes in order, from `from` on. */
function* entries(
  tx: Transaction,
  bucket: string,
  prefix: string,
  delimiter: string,
  from: Key | undefined,
): Generator<Entry> {
  const stem = ["s3", "object", bucket];
  const nameAt = stemLength(...stem);
  const { start, end } = keysWithPrefix(stem, prefix);
  let next: Key | undefined = from !== undefined && from > start ? from : start;
  while (next !== undefined) {
    const reached: Key = next;
    next = undefined;
    for (const [at, object] of objects.list(tx, reached, end)) {
      const objectName = textIn(at, nameAt, -1);
      const commonPrefix = folded(objectName, prefix, delimiter);
      if (commonPrefix !== undefined) {
        yield { commonPrefix };
        next = keysWithPrefix(stem, commonPrefix).end;
        break;
      }
      yield { objectName, object };
    }
  }
}

interface Page {
  readonly contents: { readonly objectName: string; readonly object: ListedObject }[];
  readonly commonPrefixes: string[];
  /** The last entry, when there is more behind it. */
  readonly last: Entry | undefined;
}

function collect(source: Iterable<Entry>, most: number): Page {
  const contents: Page["contents"] = [];
  const commonPrefixes: string[] = [];
  let last: Entry | undefined;
  if (most > 0) {
    for (const entry of source) {
      if (contents.length + commonPrefixes.length === most) return { contents, commonPrefixes, last };
      if ("commonPrefix" in entry) commonPrefixes.push(entry.commonPrefix);
      else contents.push(entry);
      last = entry;
    }
  }
  return { contents, commonPrefixes, last: undefined };
}

const afterPrefix = (bucket: string, commonPrefix: string) =>
  keysWithPrefix(["s3", "object", bucket], commonPrefix).end;
const afterName = (bucket: string, objectName: string) => after(objectKey(bucket, objectName));

/** @throws InvalidArgument */
export function pageSize(asked: number | undefined): number {
  if (asked === undefined) return PAGE_KEYS_MAX;
  if (!Number.isInteger(asked) || asked < 0 || asked > 2 ** 31 - 1) {
    throw invalidArgument("Argument maxKeys must be an integer between 0 and 2147483647", "maxKeys", asked);
  }
  return Math.min(asked, PAGE_KEYS_MAX);
}

/** How names are written in the answer: as they are, or as in a URL's query (space as `+`, slashes as they are). */
export function nameEncoder(encodingType: string | undefined): (text: string) => string {
  if (encodingType === undefined) return (text) => text;
  if (encodingType !== "url") {
    throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", encodingType);
  }
  return (text) =>
    encodeURIComponent(text)
      .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll("%20", "+")
      .replaceAll("%2F", "/");
}

/** The kind of a checksum, not the checksum. */
export const checksumShown = ({ checksumAlgorithm, checksumType }: ListedObject) => ({
  ChecksumAlgorithm: checksumAlgorithm && [checksumAlgorithm],
  ChecksumType: checksumType,
});

function contentsOf(page: Page, bucket: BucketRecord, encode: (text: string) => string, withOwner: boolean) {
  const Owner = withOwner ? { ID: canonicalUserId(bucket.accountId) } : undefined;
  return page.contents.map(({ objectName, object }) => ({
    Key: encode(objectName),
    LastModified: new Date(object.modifiedMs),
    ETag: quoted(object.etag),
    ChecksumAlgorithm: object.checksumAlgorithm && [object.checksumAlgorithm],
    ChecksumType: object.checksumType,
    Size: object.size,
    StorageClass: "STANDARD" as const,
    Owner,
  }));
}

export function listObjects(
  tx: Transaction,
  input: InputOf<"s3", "ListObjects">,
  context: OperationContext,
): OutputOf<"s3", "ListObjects"> {
  const bucket = requireBucket(tx, context, input);
  const { Prefix: prefix = "", Delimiter: delimiter = "", Marker: marker = "" } = input;
  const encode = nameEncoder(input.EncodingType);
  const MaxKeys = pageSize(input.MaxKeys);
  // A marker that is a common prefix was the last entry of the page before: everything folded into it was shown.
  const whole = marker !== "" && folded(marker, prefix, delimiter) === marker;
  const from = marker === "" ? undefined : whole ? afterPrefix(bucket.name, marker) : afterName(bucket.name, marker);
  const page = collect(entries(tx, bucket.name, prefix, delimiter, from), MaxKeys);
  const { last } = page;
  return {
    IsTruncated: last !== undefined,
    Marker: encode(marker),
    ...(last && delimiter && { NextMarker: encode("commonPrefix" in last ? last.commonPrefix : last.objectName) }),
    Contents: contentsOf(page, bucket, encode, true),
    Name: bucket.name,
    Prefix: encode(prefix),
    ...(delimiter && { Delimiter: encode(delimiter) }),
    MaxKeys,
    CommonPrefixes: page.commonPrefixes.map((one) => ({ Prefix: encode(one) })),
    ...(input.EncodingType && { EncodingType: input.EncodingType }),
  };
}

export function listObjectsV2(
  tx: Transaction,
  input: InputOf<"s3", "ListObjectsV2">,
  context: OperationContext,
): OutputOf<"s3", "ListObjectsV2"> {
  const bucket = requireBucket(tx, context, input);
  const { Prefix: prefix = "", Delimiter: delimiter = "", StartAfter, ContinuationToken } = input;
  const encode = nameEncoder(input.EncodingType);
  const MaxKeys = pageSize(input.MaxKeys);
  const from =
    ContinuationToken !== undefined
      ? placeOfToken(bucket.name, ContinuationToken)
      : StartAfter
        ? afterName(bucket.name, StartAfter)
        : undefined;
  const page = collect(entries(tx, bucket.name, prefix, delimiter, from), MaxKeys);
  return {
    IsTruncated: page.last !== undefined,
    Contents: contentsOf(page, bucket, encode, input.FetchOwner === true),
    Name: bucket.name,
    Prefix: encode(prefix),
    ...(delimiter && { Delimiter: encode(delimiter) }),
    MaxKeys,
    CommonPrefixes: page.commonPrefixes.map((one) => ({ Prefix: encode(one) })),
    ...(input.EncodingType && { EncodingType: input.EncodingType }),
    KeyCount: page.contents.length + page.commonPrefixes.length,
    ...(ContinuationToken !== undefined && { ContinuationToken }),
    ...(page.last && { NextContinuationToken: tokenOf(page.last) }),
    ...(StartAfter && { StartAfter: encode(StartAfter) }),
  };
}

/** Opaque to the client: what the last entry was, and whether it was a name or a common prefix. */
function tokenOf(last: Entry): string {
  const text = "commonPrefix" in last ? `p${last.commonPrefix}` : `k${last.objectName}`;
  return Buffer.from(text).toString("base64");
}

function placeOfToken(bucket: string, token: string): Key {
  const text = Buffer.from(token, "base64").toString("utf8");
  if (text.startsWith("p")) return afterPrefix(bucket, text.slice(1));
  if (text.startsWith("k")) return afterName(bucket, text.slice(1));
  throw invalidArgument("The continuation token provided is incorrect", "continuation-token", token);
}
