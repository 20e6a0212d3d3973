/**
 * Who may reach a bucket: its policy, whether that policy is public, the public access block, ownership and access control lists.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
 */
import type { AccountId } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf, Principal } from "../service.ts";
import { bucketArn, canonicalUserId, requireBucket } from "./buckets.ts";
import { malformedPolicy, s3Error } from "./errors.ts";
import { checkAcl, POLICY_BYTES_MAX } from "./rules.ts";
import { type BucketRecord, bucketKey, buckets, type ObjectOwnership, settingKey, settings } from "./state.ts";

interface Statement {
  readonly Effect?: unknown;
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
  readonly NotResource?: unknown;
  readonly Condition?: unknown;
  readonly Sid?: unknown;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

/**
 * Checks a bucket policy as S3 does when it is put.
 * @throws MalformedPolicy
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
 */
export function checkedPolicy(bucket: string, text: string): readonly Statement[] {
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX) {
    throw new AwsError("PolicyTooLarge", "Policy exceeds the maximum allowed document size.", 400);
  }
  let document: { Version?: unknown; Statement?: unknown };
  try {
    if (!text.startsWith("{")) throw new SyntaxError();
    document = JSON.parse(text);
  } catch {
    throw malformedPolicy("Policies must be valid JSON and the first byte must be '{'");
  }
  if (document.Version !== undefined && document.Version !== "2012-10-17" && document.Version !== "2008-10-17") {
    throw malformedPolicy("The policy must contain a valid version string");
  }
  const statements = listOf(document.Statement) as Statement[];
  if (statements.length === 0) throw malformedPolicy("Missing required field Statement");
  for (const statement of statements) checkStatement(bucket, statement);
  return statements;
}

function checkStatement(bucket: string, statement: Statement): void {
  if (typeof statement !== "object" || statement === null) throw malformedPolicy("Policy statement must be an object");
  if (statement.Effect === undefined) throw malformedPolicy("Missing required field Effect");
  if (statement.Effect !== "Allow" && statement.Effect !== "Deny") {
    throw malformedPolicy(`Invalid effect : ${String(statement.Effect)}`);
  }
  if (statement.Principal === undefined && statement.NotPrincipal === undefined) {
    throw malformedPolicy("Missing required field Principal");
  }
  for (const one of [statement.Principal, statement.NotPrincipal]) {
    if (one === undefined || one === "*") continue;
    if (typeof one !== "object" || one === null || Array.isArray(one)) throw malformedPolicy("Invalid policy syntax.");
    for (const kind of Object.keys(one)) {
      if (!["AWS", "Service", "CanonicalUser", "Federated"].includes(kind)) {
        throw malformedPolicy("Invalid principal in policy", `"${kind}" is not a valid principal type`);
      }
    }
  }
  const actions = [...listOf(statement.Action), ...listOf(statement.NotAction)];
  if (actions.length === 0) throw malformedPolicy("Missing required field Action");
  if (!actions.every((action) => typeof action === "string" && (action === "*" || /^s3:[A-Za-z*?]+$/i.test(action)))) {
    throw malformedPolicy("Policy has invalid action");
  }
  const resources = [...listOf(statement.Resource), ...listOf(statement.NotResource)];
  if (resources.length === 0) throw malformedPolicy("Missing required field Resource");
  const own = `arn:aws:s3:::${bucket}`;
  for (const resource of resources) {
    if (typeof resource !== "string" || !coversBucket(resource, own)) {
      throw malformedPolicy("Policy has invalid resource", String(resource));
    }
  }
  const toObjects = resources.some((resource) => String(resource).slice("arn:aws:s3:::".length).includes("/"));
  const toBucket = resources.some((resource) => !String(resource).slice("arn:aws:s3:::".length).includes("/"));
  const wildcard = resources.some((resource) => /\*$/.test(String(resource)) && !String(resource).includes("/"));
  const fits = (action: string) => {
    if (action.includes("*") || action.includes("?") || wildcard) return true;
    return OBJECT_ACTION.test(action) ? toObjects : toBucket;
  };
  if (statement.Action !== undefined && !actions.some((action) => fits(String(action)))) {
    throw malformedPolicy("Action does not apply to any resource(s) in statement");
  }
}

/** Actions upon objects; all others are upon the bucket. */
const OBJECT_ACTION =
  /^s3:(Get|Put|Delete|Restore|Replicate|List|Abort|Bypass|Object|Initiate|Update)[A-Za-z]*(Object|Objects|ObjectVersion|ObjectAcl|ObjectVersionAcl|ObjectTagging|ObjectVersionTagging|ObjectAttributes|ObjectVersionAttributes|ObjectRetention|ObjectLegalHold|ObjectTorrent|ObjectVersionTorrent|ObjectVersionForReplication|MultipartUpload|MultipartUploadParts|GovernanceRetention|ReplicateDelete|ReplicateTags|ReplicateObject)$/i;

/** Whether a resource of a policy lies within the bucket: its ARN, or that and a key pattern; wildcards may stand for parts of the name. */
function coversBucket(resource: string, own: string): boolean {
  if (resource === "*") return true;
  const slash = resource.indexOf("/");
  const head = slash < 0 ? resource : resource.slice(0, slash);
  const pattern = head
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${pattern}$`).test(own);
}

/** Condition keys which, held to a fixed value, take a statement's publicity away. */
const FIXING_KEYS = new Set([
  "aws:sourcearn",
  "aws:sourcevpc",
  "aws:sourcevpce",
  "aws:sourceowner",
  "aws:sourceaccount",
  "aws:userid",
  "aws:principalorgid",
  "aws:principalorgpaths",
  "aws:principalaccount",
  "aws:principalarn",
  "s3:dataaccesspointarn",
  "s3:dataaccesspointaccount",
]);

/**
 * Whether a policy grants something to everyone: an Allow for `*` without a condition that holds a caller to fixed values.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
 */
export function isPublicPolicy(statements: readonly Statement[]): boolean {
  return statements.some((statement) => {
    if (statement.Effect !== "Allow") return false;
    if (statement.NotPrincipal === undefined && !namesEveryone(statement.Principal)) return false;
    return !isHeldToFixedValues(statement.Condition);
  });
}

function namesEveryone(principal: unknown): boolean {
  if (principal === "*") return true;
  if (typeof principal !== "object" || principal === null) return false;
  const { AWS, Federated } = principal as Record<string, unknown>;
  return [...listOf(AWS), ...listOf(Federated)].some((one) => typeof one === "string" && one.includes("*"));
}

function isHeldToFixedValues(condition: unknown): boolean {
  if (typeof condition !== "object" || condition === null) return false;
  for (const [operator, keys] of Object.entries(condition)) {
    if (/^Not|Not(?=[A-Z])|IfExists$/i.test(operator) || typeof keys !== "object" || keys === null) continue;
    for (const [name, value] of Object.entries(keys)) {
      const values = listOf(value).map(String);
      if (name.toLowerCase() === "aws:sourceip" && /^IpAddress$/i.test(operator)) {
        if (values.length > 0 && values.every(isNarrowRange)) return true;
      } else if (FIXING_KEYS.has(name.toLowerCase()) && values.length > 0) {
        if (values.every((one) => !/[*?]/.test(one) || isNarrowUserId(name, one))) return true;
      }
    }
  }
  return false;
}

const isNarrowUserId = (name: string, value: string) =>
  name.toLowerCase() === "aws:userid" && /^AROA[A-Z0-9]+:\*$/.test(value);

/** IPv4 ranges wider than /8 and IPv6 ranges wider than /32 count as everyone, private ones aside. */
function isNarrowRange(range: string): boolean {
  const [address = "", bits] = range.split("/");
  const prefix = bits === undefined ? Number.POSITIVE_INFINITY : Number(bits);
  return address.includes(":") ? prefix >= 32 : prefix >= 8;
}

const bucketOfArn = (resource: string) => resource.slice("arn:aws:s3:::".length).split("/", 1)[0]!;

/** The account of the bucket that an ARN names, or of what lies in it. */
export const resourceOwner = (tx: Transaction, resource: string): AccountId | undefined =>
  buckets.read(tx, bucketKey(bucketOfArn(resource)))?.accountId;

/** The bucket's policy as the evaluator asks for it, by the ARN of the bucket or of something in it. */
export function resourcePolicy(tx: Transaction, resource: string): string | undefined {
  return settings.get(tx, settingKey(bucketOfArn(resource), "policy")) as string | undefined;
}

/**
 * @throws MalformedPolicy; AccessDenied when the policy is public and the bucket blocks those
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
 */
export function putBucketPolicy(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketPolicy">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketPolicy"> {
  const bucket = requireBucket(tx, context, input);
  const policyIsPublic = isPublicPolicy(checkedPolicy(bucket.name, input.Policy!));
  if (policyIsPublic && bucket.publicAccessBlock?.BlockPublicPolicy) {
    throw new AwsError(
      "AccessDenied",
      `User: ${principalArn(context.principal)} is not authorized to perform: s3:PutBucketPolicy on resource: "${bucketArn(bucket.name)}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.`,
      403,
    );
  }
  settings.put(tx, settingKey(bucket.name, "policy"), input.Policy!);
  buckets.put(tx, bucketKey(bucket.name), { ...bucket, policyIsPublic });
  return {};
}

const principalArn = (principal: Principal): string =>
  principal.type === "anonymous" ? "anonymous" : principal.type === "service" ? principal.service : principal.arn;

export function getBucketPolicy(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketPolicy">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketPolicy"> {
  const bucket = requireBucket(tx, context, input);
  return { Policy: requirePolicy(tx, bucket) };
}

function requirePolicy(tx: Transaction, bucket: BucketRecord): string {
  const policy = settings.get(tx, settingKey(bucket.name, "policy")) as string | undefined;
  if (policy === undefined) throw s3Error("NoSuchBucketPolicy", { BucketName: bucket.name });
  return policy;
}

export function deleteBucketPolicy(
  tx: Transaction,
  input: InputOf<"s3", "DeleteBucketPolicy">,
  context: OperationContext,
): OutputOf<"s3", "DeleteBucketPolicy"> {
  const bucket = requireBucket(tx, context, input);
  tx.delete(settingKey(bucket.name, "policy"));
  if (bucket.policyIsPublic) buckets.put(tx, bucketKey(bucket.name), { ...bucket, policyIsPublic: false });
  return {};
}

export function getBucketPolicyStatus(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketPolicyStatus">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketPolicyStatus"> {
  const bucket = requireBucket(tx, context, input);
  requirePolicy(tx, bucket);
  return { PolicyStatus: { IsPublic: bucket.policyIsPublic } };
}

/** Members that are left out are off. */
export function putPublicAccessBlock(
  tx: Transaction,
  input: InputOf<"s3", "PutPublicAccessBlock">,
  context: OperationContext,
): OutputOf<"s3", "PutPublicAccessBlock"> {
  const bucket = requireBucket(tx, context, input);
  const asked = input.PublicAccessBlockConfiguration;
  if (!asked) throw s3Error("MalformedXML");
  buckets.put(tx, bucketKey(bucket.name), {
    ...bucket,
    publicAccessBlock: {
      BlockPublicAcls: asked.BlockPublicAcls ?? false,
      IgnorePublicAcls: asked.IgnorePublicAcls ?? false,
      BlockPublicPolicy: asked.BlockPublicPolicy ?? false,
      RestrictPublicBuckets: asked.RestrictPublicBuckets ?? false,
    },
  });
  return {};
}

export function getPublicAccessBlock(
  tx: Transaction,
  input: InputOf<"s3", "GetPublicAccessBlock">,
  context: OperationContext,
): OutputOf<"s3", "GetPublicAccessBlock"> {
  const bucket = requireBucket(tx, context, input);
  if (!bucket.publicAccessBlock) {
    throw s3Error("NoSuchPublicAccessBlockConfiguration", { BucketName: bucket.name });
  }
  return { PublicAccessBlockConfiguration: { ...bucket.publicAccessBlock } };
}

export function deletePublicAccessBlock(
  tx: Transaction,
  input: InputOf<"s3", "DeletePublicAccessBlock">,
  context: OperationContext,
): OutputOf<"s3", "DeletePublicAccessBlock"> {
  const { publicAccessBlock: _, ...bucket } = requireBucket(tx, context, input);
  buckets.put(tx, bucketKey(bucket.name), bucket);
  return {};
}

export function putBucketOwnershipControls(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketOwnershipControls">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketOwnershipControls"> {
  const bucket = requireBucket(tx, context, input);
  const rules = input.OwnershipControls?.Rules ?? [];
  const ownership = rules[0]?.ObjectOwnership as ObjectOwnership | undefined;
  if (rules.length !== 1 || !ownership || !OWNERSHIPS.includes(ownership)) throw s3Error("MalformedXML");
  buckets.put(tx, bucketKey(bucket.name), { ...bucket, ownership });
  return {};
}

const OWNERSHIPS: readonly ObjectOwnership[] = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];

export function getBucketOwnershipControls(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketOwnershipControls">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketOwnershipControls"> {
  const bucket = requireBucket(tx, context, input);
  if (!bucket.ownership) throw s3Error("OwnershipControlsNotFoundError", { BucketName: bucket.name });
  return { OwnershipControls: { Rules: [{ ObjectOwnership: bucket.ownership }] } };
}

export function deleteBucketOwnershipControls(
  tx: Transaction,
  input: InputOf<"s3", "DeleteBucketOwnershipControls">,
  context: OperationContext,
): OutputOf<"s3", "DeleteBucketOwnershipControls"> {
  const { ownership: _, ...bucket } = requireBucket(tx, context, input);
  buckets.put(tx, bucketKey(bucket.name), bucket);
  return {};
}

/** The owner has everything, nobody else anything: the only list that Virga's buckets and objects have. */
export const ownersGrant = (bucket: BucketRecord) => {
  const ID = canonicalUserId(bucket.accountId);
  return {
    Owner: { ID },
    Grants: [{ Grantee: { ID, Type: "CanonicalUser" as const }, Permission: "FULL_CONTROL" as const }],
  };
};

export function getBucketAcl(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketAcl">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketAcl"> {
  return ownersGrant(requireBucket(tx, context, input));
}

/** @throws AccessControlListNotSupported while ownership is enforced */
export function putBucketAcl(
  tx: Transaction,
  input: InputOf<"s3", "PutBucketAcl">,
  context: OperationContext,
): OutputOf<"s3", "PutBucketAcl"> {
  const bucket = requireBucket(tx, context, input);
  checkAclChange(bucket, input);
  return {};
}

/** An ACL that is put by itself: a canned one, or a document that says what is so already. */
export function checkAclChange(bucket: BucketRecord, input: InputOf<"s3", "PutBucketAcl">): void {
  const grants = input.AccessControlPolicy?.Grants;
  if (grants === undefined) {
    checkAcl(bucket, { ...input, GrantFullControl: input.GrantFullControl ?? input.GrantWrite });
    return;
  }
  const owner = canonicalUserId(bucket.accountId);
  const harmless = grants.every((grant) => grant.Grantee?.ID === owner && grant.Permission === "FULL_CONTROL");
  if (harmless && grants.length > 0) return;
  if (bucket.ownership === "BucketOwnerEnforced") throw s3Error("AccessControlListNotSupported");
  throw notImplemented("grants in S3 access control lists");
}
