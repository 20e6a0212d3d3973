/**
 * Amazon S3: buckets, objects and their versions, uploads in parts, static websites.
 *
 * Read `state.ts` next. Operations are grouped by noun: `buckets.ts`, `access.ts` (policy, public access block, ownership, ACLs),
 * `settings.ts`, `cors.ts`, `notifications/`, `website/`, `objects/`, `multipart/`. What moves bytes is a flow.
 */
import { defineService } from "../service.ts";
import {
  deleteBucketOwnershipControls,
  deleteBucketPolicy,
  deletePublicAccessBlock,
  getBucketAcl,
  getBucketOwnershipControls,
  getBucketPolicy,
  getBucketPolicyStatus,
  getPublicAccessBlock,
  putBucketAcl,
  putBucketOwnershipControls,
  putBucketPolicy,
  putPublicAccessBlock,
  resourceOwner,
  resourcePolicy,
} from "./access.ts";
import { BODIES_DROPPED, releaseBlobs } from "./bodies.ts";
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from "./buckets.ts";
import { prepareChecksums } from "./checksums.ts";
import { deleteBucketCors, getBucketCors, putBucketCors } from "./cors.ts";
import { measureStorage, STORAGE_DUE } from "./daily-storage.ts";
import { failedRequest, meteredFlows, meteredOperations } from "./metering.ts";
import { listParts, uploadPart, uploadPartCopy } from "./multipart/parts.ts";
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
} from "./multipart/uploads.ts";
import {
  getBucketNotificationConfiguration,
  putBucketNotificationConfiguration,
} from "./notifications/configuration.ts";
import { deliverNotification, NOTIFICATION_OWED } from "./notifications/notify.ts";
import {
  deleteObjectTagging,
  getObjectAcl,
  getObjectAttributes,
  getObjectTagging,
  putObjectAcl,
  putObjectTagging,
} from "./objects/attributes.ts";
import { copyObject } from "./objects/copy.ts";
import { deleteObject, deleteObjects } from "./objects/delete.ts";
import { getObject, headObject } from "./objects/get.ts";
import { listObjects, listObjectsV2 } from "./objects/list.ts";
import { listObjectVersions } from "./objects/list-versions.ts";
import { putObject } from "./objects/put.ts";
import { permissions } from "./permissions.ts";
import { postFronts } from "./post/front.ts";
import { bucketPolicyResource, bucketResource } from "./resources.ts";
import {
  deleteBucketEncryption,
  deleteBucketTagging,
  getBucketAccelerateConfiguration,
  getBucketEncryption,
  getBucketLifecycleConfiguration,
  getBucketLogging,
  getBucketReplication,
  getBucketRequestPayment,
  getBucketTagging,
  getBucketVersioning,
  getObjectLockConfiguration,
  putBucketEncryption,
  putBucketTagging,
  putBucketVersioning,
} from "./settings.ts";
import { preflightFronts } from "./web.ts";
import { deleteBucketWebsite, getBucketWebsite, putBucketWebsite } from "./website/configuration.ts";
import { websiteFronts } from "./website/front.ts";

/** Destinations told at the same time. */
const NOTIFICATIONS_AT_ONCE = 64;

/** Encryption with a customer's own key. */
const CUSTOMER_KEY = ["SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5"];
const COPY_SOURCE_CUSTOMER_KEY = [
  "CopySourceSSECustomerAlgorithm",
  "CopySourceSSECustomerKey",
  "CopySourceSSECustomerKeyMD5",
];
const KMS = ["SSEKMSKeyId", "SSEKMSEncryptionContext", "BucketKeyEnabled"];
const OBJECT_LOCK = [
  "ObjectLockMode",
  "ObjectLockRetainUntilDate",
  "ObjectLockLegalHoldStatus",
  "ObjectLockEventHold",
  "ObjectLockEventHoldDurationDays",
  "ObjectLockEventHoldDurationYears",
];
const OTHER_CHECKSUMS = ["ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128"];

export const s3 = defineService<"s3">({
  name: "s3",
  operations: meteredOperations({
    AbortMultipartUpload: abortMultipartUpload,
    CompleteMultipartUpload: completeMultipartUpload,
    CreateBucket: createBucket,
    CreateMultipartUpload: createMultipartUpload,
    DeleteBucket: deleteBucket,
    DeleteBucketCors: deleteBucketCors,
    DeleteBucketEncryption: deleteBucketEncryption,
    DeleteBucketOwnershipControls: deleteBucketOwnershipControls,
    DeleteBucketPolicy: deleteBucketPolicy,
    DeleteBucketTagging: deleteBucketTagging,
    DeleteBucketWebsite: deleteBucketWebsite,
    DeleteObject: deleteObject,
    DeleteObjects: deleteObjects,
    DeleteObjectTagging: deleteObjectTagging,
    DeletePublicAccessBlock: deletePublicAccessBlock,
    GetBucketAccelerateConfiguration: getBucketAccelerateConfiguration,
    GetBucketAcl: getBucketAcl,
    GetBucketCors: getBucketCors,
    GetBucketEncryption: getBucketEncryption,
    GetBucketLifecycleConfiguration: getBucketLifecycleConfiguration,
    GetBucketLocation: getBucketLocation,
    GetBucketLogging: getBucketLogging,
    GetBucketNotificationConfiguration: getBucketNotificationConfiguration,
    GetBucketOwnershipControls: getBucketOwnershipControls,
    GetBucketPolicy: getBucketPolicy,
    GetBucketPolicyStatus: getBucketPolicyStatus,
    GetBucketReplication: getBucketReplication,
    GetBucketRequestPayment: getBucketRequestPayment,
    GetBucketTagging: getBucketTagging,
    GetBucketVersioning: getBucketVersioning,
    GetBucketWebsite: getBucketWebsite,
    GetObjectAcl: getObjectAcl,
    GetObjectAttributes: getObjectAttributes,
    GetObjectLockConfiguration: getObjectLockConfiguration,
    GetObjectTagging: getObjectTagging,
    GetPublicAccessBlock: getPublicAccessBlock,
    HeadBucket: headBucket,
    HeadObject: headObject,
    ListBuckets: listBuckets,
    ListMultipartUploads: listMultipartUploads,
    ListObjects: listObjects,
    ListObjectsV2: listObjectsV2,
    ListObjectVersions: listObjectVersions,
    ListParts: listParts,
    PutBucketAcl: putBucketAcl,
    PutBucketCors: putBucketCors,
    PutBucketEncryption: putBucketEncryption,
    PutBucketNotificationConfiguration: putBucketNotificationConfiguration,
    PutBucketOwnershipControls: putBucketOwnershipControls,
    PutBucketPolicy: putBucketPolicy,
    PutBucketTagging: putBucketTagging,
    PutBucketVersioning: putBucketVersioning,
    PutBucketWebsite: putBucketWebsite,
    PutObjectAcl: putObjectAcl,
    PutObjectTagging: putObjectTagging,
    PutPublicAccessBlock: putPublicAccessBlock,
  }),
  flows: meteredFlows({
    CopyObject: copyObject,
    GetObject: getObject,
    PutObject: putObject,
    UploadPart: uploadPart,
    UploadPartCopy: uploadPartCopy,
  }),
  unsupported: {
    AbortMultipartUpload: ["IfMatchInitiatedTime"],
    CompleteMultipartUpload: [...CUSTOMER_KEY, ...OTHER_CHECKSUMS],
    CopyObject: [...CUSTOMER_KEY, ...COPY_SOURCE_CUSTOMER_KEY, ...KMS, ...OBJECT_LOCK, "AnnotationDirective"],
    CreateBucket: [
      "BucketNamespace",
      "CreateBucketConfiguration.Location",
      "CreateBucketConfiguration.Bucket",
      "GrantFullControl",
      "GrantRead",
      "GrantReadACP",
      "GrantWrite",
      "GrantWriteACP",
    ],
    CreateMultipartUpload: [...CUSTOMER_KEY, ...KMS, ...OBJECT_LOCK],
    DeleteObject: ["MFA", "BypassGovernanceRetention", "IfMatchLastModifiedTime", "IfMatchSize"],
    DeleteObjects: ["MFA", "BypassGovernanceRetention"],
    GetObject: CUSTOMER_KEY,
    GetObjectAttributes: CUSTOMER_KEY,
    HeadObject: CUSTOMER_KEY,
    ListObjects: ["OptionalObjectAttributes"],
    ListObjectsV2: ["OptionalObjectAttributes"],
    ListObjectVersions: ["OptionalObjectAttributes"],
    PutBucketAcl: [
      "AccessControlPolicy.Grants[].Grantee.DisplayName",
      "AccessControlPolicy.Grants[].Grantee.EmailAddress",
      "AccessControlPolicy.Owner.DisplayName",
    ],
    PutBucketEncryption: ["ServerSideEncryptionConfiguration.Rules[].BlockedEncryptionTypes"],
    PutBucketPolicy: ["ConfirmRemoveSelfBucketAccess"],
    PutBucketVersioning: ["MFA", "VersioningConfiguration.MFADelete"],
    PutObject: [...CUSTOMER_KEY, ...KMS, ...OBJECT_LOCK, ...OTHER_CHECKSUMS, "WriteOffsetBytes"],
    ListParts: CUSTOMER_KEY,
    UploadPart: [...CUSTOMER_KEY, ...OTHER_CHECKSUMS],
    UploadPartCopy: [...CUSTOMER_KEY, ...COPY_SOURCE_CUSTOMER_KEY],
  },
  failed: failedRequest,
  permissions,
  resourcePolicy,
  resourceOwner,
  resources: { "AWS::S3::Bucket": bucketResource, "AWS::S3::BucketPolicy": bucketPolicyResource },
  fronts: [...websiteFronts, ...preflightFronts, ...postFronts],
  hears: {
    [NOTIFICATION_OWED]: { flow: deliverNotification, concurrency: NOTIFICATIONS_AT_ONCE },
    [STORAGE_DUE]: { operation: measureStorage, untraced: true },
    [BODIES_DROPPED]: { operation: (tx, detail, context) => releaseBlobs(tx, detail, context.nowMs) },
  },
  async start() {
    await prepareChecksums();
    return async () => {};
  },
});
