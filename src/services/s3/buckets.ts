/** Buckets themselves: making, finding, listing and deleting them. Their settings are in `settings.ts` and `access.ts`. */
import { createHash } from "node:crypto";
import { type AccountId, arn, type Region } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { after, key, keysUnder, keysWithPrefix } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf, Principal } from "../service.ts";
import { dropBody } from "./bodies.ts";
import { measureDaily } from "./daily-storage.ts";
import { invalidArgument, noSuchBucket, s3Error } from "./errors.ts";
import { BUCKET_TAGS_MAX, BUCKETS_PER_ACCOUNT_MAX, checkedTags, isBucketName } from "./rules.ts";
import {
  type BucketRecord,
  bucketKey,
  buckets,
  ownedBuckets,
  ownedKey,
  parts,
  SETTING_KINDS,
  sequencerKey,
  settingKey,
  settings,
  uploads,
} from "./state.ts";

export const bucketArn = (bucket: string) => arn("s3", "", "", bucket);
export const objectArn = (bucket: string, objectName: string) => arn("s3", "", "", `${bucket}/${objectName}`);

/** The canonical user id of an account: 64 hexadecimal digits, the same for ever. */
export const canonicalUserId = (accountId: AccountId): string =>
  createHash("sha256").update(`virga canonical user ${accountId}`).digest("hex");

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

/** What requests to a bucket have in common. */
export interface BucketInput {
  readonly Bucket: string | undefined;
  readonly ExpectedBucketOwner?: string | undefined;
  /** Agrees to pay, where a bucket has its callers pay; no bucket of Virga's has. */
  readonly RequestPayer?: string | undefined;
}

/**
 * The bucket that a request names.
 * @throws NoSuchBucket; AccessDenied when it belongs to another account than expected, or is closed to the public
 */
export function requireBucket(
  tx: Transaction,
  context: { readonly principal: Principal },
  input: BucketInput,
): BucketRecord {
  const { Bucket: name, ExpectedBucketOwner: expectedOwner, RequestPayer: payer } = input;
  const bucket = name === undefined ? undefined : buckets.read(tx, bucketKey(name));
  if (!bucket) {
    if (name === undefined || !isBucketName(name)) throw s3Error("InvalidBucketName", { BucketName: name });
    throw noSuchBucket(name);
  }
  if (expectedOwner !== undefined) {
    if (!/^\d{12}$/.test(expectedOwner)) {
      throw invalidArgument(
        "The value of the expected bucket owner parameter must be an AWS account ID",
        "x-amz-expected-bucket-owner",
        expectedOwner,
      );
    }
    if (expectedOwner !== bucket.accountId) throw s3Error("AccessDenied");
  }
  if (payer !== undefined && payer !== "requester") {
    throw invalidArgument("The value of the request payer parameter must be requester", "x-amz-request-payer", payer);
  }
  // RestrictPublicBuckets: a public policy opens the bucket to AWS services and its own account alone.
  const { principal } = context;
  if (
    bucket.policyIsPublic &&
    bucket.publicAccessBlock?.RestrictPublicBuckets &&
    (principal.type === "anonymous" || (principal.type !== "service" && principal.accountId !== bucket.accountId))
  ) {
    throw s3Error("AccessDenied");
  }
  return bucket;
}

/**
 * @throws InvalidBucketName, IllegalLocationConstraintException, InvalidLocationConstraint, InvalidBucketAclWithObjectOwnership,
 * BucketAlreadyExists, BucketAlreadyOwnedByYou (not in us-east-1, which takes it as success), TooManyBuckets
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
 */
export function createBucket(
  tx: Transaction,
  input: InputOf<"s3", "CreateBucket">,
  context: OperationContext,
): OutputOf<"s3", "CreateBucket"> {
  const name = input.Bucket!;
  if (!isBucketName(name)) throw s3Error("InvalidBucketName", { BucketName: name });
  const region = locationOf(input.CreateBucketConfiguration?.LocationConstraint, context.region);
  const ownership = input.ObjectOwnership ?? "BucketOwnerEnforced";
  if (!["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"].includes(ownership)) {
    throw invalidArgument("Invalid x-amz-object-ownership header: " + ownership, "x-amz-object-ownership", ownership);
  }
  if (input.ACL !== undefined && input.ACL !== "private") {
    if (ownership === "BucketOwnerEnforced") throw s3Error("InvalidBucketAclWithObjectOwnership");
    throw notImplemented(`the S3 canned ACL ${input.ACL}`);
  }
  if (input.ObjectLockEnabledForBucket) throw notImplemented("S3 Object Lock");
  const tags = checkedTags(input.CreateBucketConfiguration?.Tags ?? [], BUCKET_TAGS_MAX);

  const existing = buckets.get(tx, bucketKey(name));
  if (existing) {
    if (existing.accountId !== context.accountId) throw s3Error("BucketAlreadyExists", { BucketName: name });
    if (context.region !== "us-east-1" || existing.region !== region) {
      throw s3Error("BucketAlreadyOwnedByYou", { BucketName: name });
    }
    return { Location: locationUrl(name, region, context.endpoint) };
  }
  const owned = keysUnder("s3", "owned", context.accountId);
  let count = 0;
  for (const _ of tx.range(owned.start, owned.end, { limit: BUCKETS_PER_ACCOUNT_MAX })) count++;
  if (count >= BUCKETS_PER_ACCOUNT_MAX) throw s3Error("TooManyBuckets");

  const bucket: BucketRecord = {
    name,
    accountId: context.accountId,
    region,
    createdMs: context.nowMs,
    publicAccessBlock: {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: true,
    },
    ownership,
    policyIsPublic: false,
  };
  buckets.put(tx, bucketKey(name), bucket);
  measureDaily(tx, bucket, context.nowMs);
  ownedBuckets.put(tx, ownedKey(context.accountId, name), { region });
  if (Object.keys(tags).length > 0) settings.put(tx, settingKey(name, "tagging"), tags);
  return { Location: locationUrl(name, region, context.endpoint), BucketArn: bucketArn(name) };
}

/** us-east-1 makes buckets anywhere; other regions' endpoints only at home, and want to be told so. */
function locationOf(constraint: string | undefined, region: Region): Region {
  if (constraint === undefined || constraint === "") {
    if (region !== "us-east-1") throw s3Error("IllegalLocationConstraintException");
    return region;
  }
  const wanted = (constraint === "EU" ? "eu-west-1" : constraint) as Region;
  if (wanted === "us-east-1" || !REGION.test(wanted)) {
    throw s3Error("InvalidLocationConstraint", { LocationConstraint: constraint });
  }
  if (region !== "us-east-1" && wanted !== region) {
    throw new AwsError(
      "IllegalLocationConstraintException",
      `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    );
  }
  return wanted;
}

function locationUrl(bucket: string, region: Region, endpoint: string): string {
  return region === "us-east-1" ? `/${bucket}` : `${objectUrlBase(bucket, endpoint)}/`;
}

/** `http://bucket.s3.localhost:4566`, or in path style where the endpoint is no name that bears another label. */
export function objectUrlBase(bucket: string, endpoint: string): string {
  const url = new URL(endpoint);
  return url.hostname === "localhost" ? `${url.protocol}//${bucket}.s3.${url.host}` : `${endpoint}/${bucket}`;
}

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html */
export function headBucket(
  tx: Transaction,
  input: InputOf<"s3", "HeadBucket">,
  context: OperationContext,
): OutputOf<"s3", "HeadBucket"> {
  const bucket = requireBucket(tx, context, input);
  return { BucketRegion: bucket.region, BucketArn: bucketArn(bucket.name), AccessPointAlias: false };
}

/** Empty for us-east-1, as it has been since the beginning. */
export function getBucketLocation(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketLocation">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketLocation"> {
  const { region } = requireBucket(tx, context, input);
  return region === "us-east-1"
    ? {}
    : { LocationConstraint: region as OutputOf<"s3", "GetBucketLocation">["LocationConstraint"] };
}

/**
 * Objects, old versions and delete markers must be gone. Unfinished uploads go with the bucket.
 * @throws BucketNotEmpty
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
 */
export function deleteBucket(
  tx: Transaction,
  input: InputOf<"s3", "DeleteBucket">,
  context: OperationContext,
): OutputOf<"s3", "DeleteBucket"> {
  const bucket = requireBucket(tx, context, input);
  const { name } = bucket;
  const holds = (noun: string) => !tx.range(...bounds(keysUnder("s3", noun, name)), { limit: 1 }).next().done;
  if (holds("object")) throw s3Error("BucketNotEmpty", { BucketName: name });
  if (holds("older")) {
    throw new AwsError(
      "BucketNotEmpty",
      "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
      409,
      { BucketName: name },
    );
  }
  for (const [uploadKey, upload] of [...uploads.range(tx, ...bounds(keysUnder("s3", "upload", name)))]) {
    for (const [partKey, part] of [...parts.range(tx, ...bounds(keysUnder("s3", "part", upload.uploadId)))]) {
      tx.delete(partKey);
      dropBody(tx, part.body, context.nowMs);
    }
    tx.delete(uploadKey);
  }
  for (const kind of SETTING_KINDS) tx.delete(settingKey(name, kind));
  tx.delete(sequencerKey(name));
  tx.delete(ownedKey(bucket.accountId, name));
  tx.delete(bucketKey(name));
  return {};
}

export const bounds = <K>({ start, end }: { readonly start: K; readonly end: K }): [K, K] => [start, end];

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html */
export function listBuckets(
  tx: Transaction,
  input: InputOf<"s3", "ListBuckets">,
  context: OperationContext,
): OutputOf<"s3", "ListBuckets"> {
  const most = input.MaxBuckets ?? BUCKETS_PER_ACCOUNT_MAX;
  if (!Number.isInteger(most) || most < 1 || most > BUCKETS_PER_ACCOUNT_MAX) {
    throw invalidArgument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", most);
  }
  const paged = [input.MaxBuckets, input.ContinuationToken, input.Prefix, input.BucketRegion].some((one) => one);
  const { start, end } = keysWithPrefix(["s3", "owned", context.accountId], input.Prefix ?? "");
  const from = input.ContinuationToken
    ? after(ownedKey(context.accountId, Buffer.from(input.ContinuationToken, "base64url").toString()))
    : start;
  const found: NonNullable<OutputOf<"s3", "ListBuckets">["Buckets"]> = [];
  let last = "";
  let more = false;
  const stem = key("s3", "owned", context.accountId).length;
  for (const [ownedAt, { region }] of ownedBuckets.range(tx, from > start ? from : start, end)) {
    if (input.BucketRegion && region !== input.BucketRegion) continue;
    if (found.length === most) {
      more = true;
      break;
    }
    // A bucket's name is plain ASCII: tag, name, terminator.
    last = ownedAt.slice(stem + 1, -1);
    const bucket = buckets.get(tx, bucketKey(last))!;
    found.push({
      Name: last,
      CreationDate: new Date(bucket.createdMs - (bucket.createdMs % 1000)),
      ...(paged && { BucketRegion: region }),
    });
  }
  return {
    Owner: { ID: canonicalUserId(context.accountId) },
    Buckets: found,
    ...(input.Prefix && { Prefix: input.Prefix }),
    ...(more && { ContinuationToken: Buffer.from(last).toString("base64url") }),
  };
}
