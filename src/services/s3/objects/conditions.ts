/**
 * Conditional requests: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, in the order of precedence of RFC 9110 §13.2.2.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
 */
import { AwsError } from "../../../kernel/errors.ts";
import { noSuchKey, notModified, preconditionFailed } from "../errors.ts";
import type { ObjectRecord } from "../state.ts";

export const quoted = (etag: string): string => `"${etag}"`;

/** Whether a list of entity tags, or `*`, names this one. */
export function names(list: string, etag: string): boolean {
  return list.split(",").some((item) => {
    const tag = item.trim().replace(/^W\//, "");
    return tag === "*" || tag === etag || tag === quoted(etag);
  });
}

interface ReadConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
  readonly IfModifiedSince?: Date | undefined;
  readonly IfUnmodifiedSince?: Date | undefined;
}

/**
 * For GET and HEAD.
 * @throws PreconditionFailed (412), NotModified (304, with the validators as headers)
 */
export function checkReadConditions(object: ObjectRecord, conditions: ReadConditions): void {
  const failed = failedPrecondition(object, conditions);
  if (failed) throw preconditionFailed(failed);
  if (unchanged(object, conditions)) {
    const { CacheControl, Expires } = object.headers;
    throw notModified({
      etag: quoted(object.etag),
      "last-modified": new Date(object.modifiedMs).toUTCString(),
      ...(CacheControl !== undefined && { "cache-control": CacheControl }),
      ...(Expires !== undefined && { expires: Expires }),
      ...(object.versionId !== undefined && { "x-amz-version-id": object.versionId }),
    });
  }
}

function failedPrecondition(object: ObjectRecord, conditions: ReadConditions): string | undefined {
  if (conditions.IfMatch !== undefined) return names(conditions.IfMatch, object.etag) ? undefined : "If-Match";
  const since = conditions.IfUnmodifiedSince;
  return since !== undefined && object.modifiedMs > since.getTime() ? "If-Unmodified-Since" : undefined;
}

function unchanged(object: ObjectRecord, conditions: ReadConditions): boolean {
  if (conditions.IfNoneMatch !== undefined) return names(conditions.IfNoneMatch, object.etag);
  const since = conditions.IfModifiedSince;
  return since !== undefined && object.modifiedMs <= since.getTime();
}

/** For the source of a copy, where an unchanged one fails too. */
export function checkCopyConditions(
  source: ObjectRecord,
  input: {
    readonly CopySourceIfMatch?: string | undefined;
    readonly CopySourceIfNoneMatch?: string | undefined;
    readonly CopySourceIfModifiedSince?: Date | undefined;
    readonly CopySourceIfUnmodifiedSince?: Date | undefined;
  },
): void {
  const conditions = {
    IfMatch: input.CopySourceIfMatch,
    IfNoneMatch: input.CopySourceIfNoneMatch,
    IfModifiedSince: input.CopySourceIfModifiedSince,
    IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
  };
  const failed = failedPrecondition(source, conditions);
  if (failed) throw preconditionFailed(`x-amz-copy-source-${failed}`);
  if (unchanged(source, conditions)) {
    throw preconditionFailed(
      input.CopySourceIfNoneMatch === undefined
        ? "x-amz-copy-source-If-Modified-Since"
        : "x-amz-copy-source-If-None-Match",
    );
  }
}

/**
 * For what writes a key. S3 knows `If-None-Match: *` (only if absent) and `If-Match: ETAG` (only over this).
 * @param current the object now; undefined when there is none or it was deleted
 * @throws PreconditionFailed, NoSuchKey, NotImplemented
 */
export function checkWriteConditions(
  objectName: string,
  current: ObjectRecord | undefined,
  conditions: { readonly IfMatch?: string | undefined; readonly IfNoneMatch?: string | undefined },
): void {
  const { IfMatch, IfNoneMatch } = conditions;
  if (IfNoneMatch !== undefined) {
    if (IfNoneMatch !== "*" || IfMatch !== undefined) {
      throw new AwsError("NotImplemented", "A header you provided implies functionality that is not implemented", 501, {
        Header: "If-None-Match",
        additionalMessage: "We don't accept the provided value of If-None-Match header for this API",
      });
    }
    if (current) throw preconditionFailed("If-None-Match");
  }
  if (IfMatch !== undefined) {
    if (!current) throw noSuchKey(objectName);
    if (!names(IfMatch, current.etag)) throw preconditionFailed("If-Match");
  }
}
