/**
 * S3's errors: code, status and text as S3 sends them. Members of `detail` become elements of the error document, except
 * `$headers`, which are headers of the reply.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import { AwsError } from "../../kernel/errors.ts";

/** Error, status and text of everything that needs no more than that. */
const TABLE = {
  AccessDenied: [403, "Access Denied"],
  AccessControlListNotSupported: [400, "The bucket does not allow ACLs"],
  BadDigest: [400, "The Content-MD5 you specified did not match what we received."],
  BucketAlreadyExists: [
    409,
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
  ],
  BucketAlreadyOwnedByYou: [409, "Your previous request to create the named bucket succeeded and you already own it."],
  BucketNotEmpty: [409, "The bucket you tried to delete is not empty"],
  EntityTooLarge: [400, "Your proposed upload exceeds the maximum allowed size"],
  EntityTooSmall: [400, "Your proposed upload is smaller than the minimum allowed size"],
  IllegalLocationConstraintException: [
    400,
    "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
  ],
  IncompleteBody: [400, "You did not provide the number of bytes specified by the Content-Length HTTP header"],
  InvalidBucketName: [400, "The specified bucket is not valid."],
  InvalidBucketAclWithObjectOwnership: [
    400,
    "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  ],
  InvalidDigest: [400, "The Content-MD5 you specified was invalid."],
  InvalidLocationConstraint: [400, "The specified location-constraint is not valid"],
  InvalidObjectState: [403, "The operation is not valid for the object's storage class"],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  ],
  InvalidPartOrder: [400, "The list of parts was not in ascending order. Parts must be ordered by part number."],
  InvalidRange: [416, "The requested range is not satisfiable"],
  InvalidStorageClass: [400, "The storage class you specified is not valid"],
  KeyTooLongError: [400, "Your key is too long"],
  MalformedACLError: [400, "The XML you provided was not well-formed or did not validate against our published schema"],
  MalformedXML: [400, "The XML you provided was not well-formed or did not validate against our published schema"],
  MetadataTooLarge: [400, "Your metadata headers exceed the maximum allowed metadata size"],
  MethodNotAllowed: [405, "The specified method is not allowed against this resource."],
  MissingContentLength: [411, "You must provide the Content-Length HTTP header."],
  NoSuchBucket: [404, "The specified bucket does not exist"],
  NoSuchBucketPolicy: [404, "The bucket policy does not exist"],
  NoSuchCORSConfiguration: [404, "The CORS configuration does not exist"],
  NoSuchKey: [404, "The specified key does not exist."],
  NoSuchPublicAccessBlockConfiguration: [404, "The public access block configuration was not found"],
  NoSuchTagSet: [404, "The TagSet does not exist"],
  NoSuchUpload: [
    404,
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
  ],
  NoSuchVersion: [404, "The specified version does not exist."],
  NoSuchWebsiteConfiguration: [404, "The specified bucket does not have a website configuration"],
  OwnershipControlsNotFoundError: [404, "The bucket ownership controls were not found"],
  PreconditionFailed: [412, "At least one of the pre-conditions you specified did not hold"],
  TooManyBuckets: [400, "You have attempted to create more buckets than allowed"],
} as const satisfies Record<string, readonly [number, string]>;

export type S3ErrorCode = keyof typeof TABLE;

/** An error of the table. `detail` are the elements S3 adds, for example BucketName or Key. */
export function s3Error(code: S3ErrorCode, detail: Readonly<Record<string, unknown>> = {}): AwsError {
  const [status, text] = TABLE[code];
  return new AwsError(code, text, status, detail);
}

export const noSuchBucket = (bucket: string) => s3Error("NoSuchBucket", { BucketName: bucket });

export const noSuchKey = (key: string, headers?: Readonly<Record<string, string>>) =>
  s3Error("NoSuchKey", headers ? { Key: key, $headers: headers } : { Key: key });

export const noSuchVersion = (key: string, versionId: string) =>
  s3Error("NoSuchVersion", { Key: key, VersionId: versionId });

export const noSuchUpload = (uploadId: string) => s3Error("NoSuchUpload", { UploadId: uploadId });

/** A header or parameter that S3 names in its answer. */
export const invalidArgument = (message: string, name: string, value: string | number | undefined) =>
  new AwsError("InvalidArgument", message, 400, { ArgumentName: name, ArgumentValue: value });

export const invalidRequest = (message: string, detail: Readonly<Record<string, unknown>> = {}) =>
  new AwsError("InvalidRequest", message, 400, detail);

export const malformedPolicy = (message: string, detail = "") =>
  new AwsError("MalformedPolicy", message, 400, detail ? { Detail: detail } : {});

export const invalidTag = (message: string, detail: Readonly<Record<string, unknown>> = {}) =>
  new AwsError("InvalidTag", message, 400, detail);

/** The body does not have the checksum that the request states. */
export const badChecksum = (algorithm: string) =>
  new AwsError("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`, 400);

export const invalidChecksumHeader = (header: string) => invalidRequest(`Value for ${header} header is invalid.`);

/** 304: no body; the validators travel as headers. */
export const notModified = (headers: Readonly<Record<string, string>>) =>
  new AwsError("NotModified", "Not Modified", 304, { $headers: headers });

export const preconditionFailed = (condition: string) => s3Error("PreconditionFailed", { Condition: condition });

export const invalidRange = (asked: string, size: number) =>
  s3Error("InvalidRange", {
    RangeRequested: asked,
    ActualObjectSize: size,
    $headers: { "content-range": `bytes */${size}` },
  });

/** A GET or HEAD that names a delete marker's version. */
export const markerNotAllowed = (headers: Readonly<Record<string, string>>) =>
  s3Error("MethodNotAllowed", { Method: "GET", ResourceType: "DeleteMarker", $headers: headers });
