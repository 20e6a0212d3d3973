/**
 * What each operation needs to be allowed: IAM's names, which often differ from the operation's.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
 */
import type { Permission, Service } from "../service.ts";
import { bucketArn, objectArn } from "./buckets.ts";
import { parseCopySource } from "./objects/copy.ts";

interface ObjectInput {
  readonly Bucket: string | undefined;
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly Tagging?: unknown;
}

const onBucket =
  (action: string) =>
  (input: { readonly Bucket: string | undefined }): Permission => ({
    action: `s3:${action}`,
    resource: bucketArn(input.Bucket ?? ""),
  });

/** Upon an object; upon one of its versions when the request names it. */
const onObject =
  (action: string, versionAction = action) =>
  (input: ObjectInput): Permission => ({
    action: `s3:${input.VersionId === undefined ? action : versionAction}`,
    resource: objectArn(input.Bucket ?? "", input.Key ?? ""),
    ...(input.VersionId !== undefined && { conditions: { "s3:VersionId": input.VersionId } }),
  });

const read = onObject("GetObject", "GetObjectVersion");

function write(input: ObjectInput & { readonly ACL?: string | undefined }): readonly Permission[] {
  const resource = objectArn(input.Bucket ?? "", input.Key ?? "");
  return [
    {
      action: "s3:PutObject",
      resource,
      ...(input.ACL !== undefined && { conditions: { "s3:x-amz-acl": input.ACL } }),
    },
    ...(input.Tagging ? [{ action: "s3:PutObjectTagging", resource }] : []),
    ...(input.ACL !== undefined ? [{ action: "s3:PutObjectAcl", resource }] : []),
  ];
}

function readSource(input: { readonly CopySource?: string | undefined }): Permission {
  const { bucket, objectName, versionId } = parseCopySource(input.CopySource ?? "");
  return read({ Bucket: bucket, Key: objectName, VersionId: versionId });
}

function list(action: string) {
  return (input: {
    readonly Bucket: string | undefined;
    readonly Prefix?: string | undefined;
    readonly Delimiter?: string | undefined;
    readonly MaxKeys?: number | undefined;
  }): Permission => ({
    ...onBucket(action)(input),
    conditions: {
      ...(input.Prefix !== undefined && { "s3:prefix": input.Prefix }),
      ...(input.Delimiter !== undefined && { "s3:delimiter": input.Delimiter }),
      ...(input.MaxKeys !== undefined && { "s3:max-keys": String(input.MaxKeys) }),
    },
  });
}

export const deletion = onObject("DeleteObject", "DeleteObjectVersion");

export const permissions: NonNullable<Service<"s3">["permissions"]> = {
  AbortMultipartUpload: onObject("AbortMultipartUpload"),
  CompleteMultipartUpload: onObject("PutObject"),
  CopyObject: (input) => [readSource(input), ...write(input)],
  CreateBucket: onBucket("CreateBucket"),
  CreateMultipartUpload: write,
  DeleteBucket: onBucket("DeleteBucket"),
  DeleteBucketCors: onBucket("PutBucketCORS"),
  DeleteBucketEncryption: onBucket("PutEncryptionConfiguration"),
  DeleteBucketOwnershipControls: onBucket("PutBucketOwnershipControls"),
  DeleteBucketPolicy: onBucket("DeleteBucketPolicy"),
  DeleteBucketTagging: onBucket("PutBucketTagging"),
  DeleteBucketWebsite: onBucket("DeleteBucketWebsite"),
  DeleteObject: deletion,
  // Each key is asked about by itself: one that may not be deleted does not keep the others.
  DeleteObjects: () => [],
  DeleteObjectTagging: onObject("DeleteObjectTagging", "DeleteObjectVersionTagging"),
  DeletePublicAccessBlock: onBucket("PutBucketPublicAccessBlock"),
  GetBucketAccelerateConfiguration: onBucket("GetAccelerateConfiguration"),
  GetBucketAcl: onBucket("GetBucketAcl"),
  GetBucketCors: onBucket("GetBucketCORS"),
  GetBucketEncryption: onBucket("GetEncryptionConfiguration"),
  GetBucketLifecycleConfiguration: onBucket("GetLifecycleConfiguration"),
  GetBucketLocation: onBucket("GetBucketLocation"),
  GetBucketLogging: onBucket("GetBucketLogging"),
  GetBucketNotificationConfiguration: onBucket("GetBucketNotification"),
  GetBucketOwnershipControls: onBucket("GetBucketOwnershipControls"),
  GetBucketPolicy: onBucket("GetBucketPolicy"),
  GetBucketPolicyStatus: onBucket("GetBucketPolicyStatus"),
  GetBucketReplication: onBucket("GetReplicationConfiguration"),
  GetBucketRequestPayment: onBucket("GetBucketRequestPayment"),
  GetBucketTagging: onBucket("GetBucketTagging"),
  GetBucketVersioning: onBucket("GetBucketVersioning"),
  GetBucketWebsite: onBucket("GetBucketWebsite"),
  GetObject: read,
  GetObjectAcl: onObject("GetObjectAcl", "GetObjectVersionAcl"),
  GetObjectAttributes: (input) => [read(input), onObject("GetObjectAttributes", "GetObjectVersionAttributes")(input)],
  GetObjectLockConfiguration: onBucket("GetBucketObjectLockConfiguration"),
  GetObjectTagging: onObject("GetObjectTagging", "GetObjectVersionTagging"),
  GetPublicAccessBlock: onBucket("GetBucketPublicAccessBlock"),
  HeadBucket: onBucket("ListBucket"),
  HeadObject: read,
  ListBuckets: () => ({ action: "s3:ListAllMyBuckets", resource: "*" }),
  ListMultipartUploads: onBucket("ListBucketMultipartUploads"),
  ListObjects: list("ListBucket"),
  ListObjectsV2: list("ListBucket"),
  ListObjectVersions: list("ListBucketVersions"),
  ListParts: onObject("ListMultipartUploadParts"),
  PutBucketAcl: onBucket("PutBucketAcl"),
  PutBucketCors: onBucket("PutBucketCORS"),
  PutBucketEncryption: onBucket("PutEncryptionConfiguration"),
  PutBucketNotificationConfiguration: onBucket("PutBucketNotification"),
  PutBucketOwnershipControls: onBucket("PutBucketOwnershipControls"),
  PutBucketPolicy: onBucket("PutBucketPolicy"),
  PutBucketTagging: onBucket("PutBucketTagging"),
  PutBucketVersioning: onBucket("PutBucketVersioning"),
  PutBucketWebsite: onBucket("PutBucketWebsite"),
  PutObject: write,
  PutObjectAcl: onObject("PutObjectAcl", "PutObjectVersionAcl"),
  PutObjectTagging: onObject("PutObjectTagging", "PutObjectVersionTagging"),
  PutPublicAccessBlock: onBucket("PutBucketPublicAccessBlock"),
  UploadPart: onObject("PutObject"),
  UploadPartCopy: (input) => [readSource(input), onObject("PutObject")(input)],
};
