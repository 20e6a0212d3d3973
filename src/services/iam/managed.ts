/** Managed policies and their versions: those of the account, and AWS's own, which can be read and attached but not changed. */
import { type AccountId, type Arn, arn } from "../../kernel/arn.ts";
import { iamId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { validateIdentityPolicy } from "../policy-common/validate.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { checkQuota, count } from "./entities.ts";
import {
  deleteConflict,
  entityAlreadyExists,
  invalidInput,
  limitExceeded,
  noSuchEntity,
  noSuchPolicy,
} from "./errors.ts";
import { awsManagedPolicies, awsManagedPolicy, isAwsManaged } from "./managed-policies.ts";
import { pageOf } from "./pages.ts";
import {
  addTags,
  checkDescription,
  checkDocument,
  checkManagedPolicySize,
  checkName,
  checkPath,
  checkPathPrefix,
  inSeconds,
  POLICIES_MAX,
  removeTags,
  required,
  VERSIONS_PER_POLICY_MAX,
} from "./rules.ts";
import {
  attachedTo,
  bounded,
  type ManagedPolicy,
  managedPolicies,
  type PolicyVersion,
  policyKey,
  policyKeys,
  policyVersions,
  versionKey,
  versionKeys,
} from "./state.ts";

export type PolicyOutput = NonNullable<OutputOf<"iam", "GetPolicy">["Policy"]>;
export type PolicyVersionOutput = NonNullable<OutputOf<"iam", "GetPolicyVersion">["PolicyVersion"]>;

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html */
export function createPolicy(
  tx: Transaction,
  input: InputOf<"iam", "CreatePolicy">,
  context: OperationContext,
): OutputOf<"iam", "CreatePolicy"> {
  const { accountId, nowMs } = context;
  const name = checkName("policyName", input.PolicyName);
  const path = checkPath(input.Path);
  const description = checkDescription(input.Description);
  const tags = addTags([], input.Tags ?? []);
  const document = checkPolicyDocument(input.PolicyDocument);
  if (managedPolicies.get(tx, policyKey(accountId, name))) {
    throw entityAlreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`);
  }
  checkQuota(tx, policyKeys(accountId), "PoliciesPerAccount", POLICIES_MAX);
  const policy: ManagedPolicy = {
    name,
    id: iamId(context.random, "ANPA"),
    path,
    createdMs: nowMs,
    updatedMs: nowMs,
    defaultVersion: 1,
    nextVersion: 2,
    document,
    tags,
    ...(description === undefined ? {} : { description }),
  };
  managedPolicies.put(tx, policyKey(accountId, name), policy);
  policyVersions.put(tx, versionKey(accountId, policy.id, 1), { number: 1, document, createdMs: nowMs });
  return { Policy: describePolicy(tx, accountId, policyArn(accountId, policy), policy, { brief: true }) };
}

export function getPolicy(
  tx: Transaction,
  input: InputOf<"iam", "GetPolicy">,
  context: OperationContext,
): OutputOf<"iam", "GetPolicy"> {
  const { policy, policyArn } = findPolicy(tx, context.accountId, input.PolicyArn);
  return { Policy: describePolicy(tx, context.accountId, policyArn, policy) };
}

export function listPolicies(
  tx: Transaction,
  input: InputOf<"iam", "ListPolicies">,
  context: OperationContext,
): OutputOf<"iam", "ListPolicies"> {
  const { accountId } = context;
  const prefix = checkPathPrefix(input.PathPrefix);
  const { start, end } = policyKeys(accountId);
  const all: PolicyOutput[] = [];
  if (input.Scope !== "AWS") {
    for (const [, policy] of managedPolicies.range(tx, start, end)) {
      all.push(describePolicy(tx, accountId, policyArn(accountId, policy), policy, { brief: true }));
    }
  }
  if (input.Scope !== "Local") {
    for (const policy of awsManagedPolicies()) {
      all.push(describePolicy(tx, accountId, awsPolicyArn(policy), policy, { brief: true }));
    }
  }
  const page = pageOf(
    all.filter((policy) => {
      if (!policy.Path!.startsWith(prefix)) return false;
      if (input.OnlyAttached && policy.AttachmentCount === 0) return false;
      if (input.PolicyUsageFilter === "PermissionsPolicy") return policy.AttachmentCount! > 0;
      if (input.PolicyUsageFilter === "PermissionsBoundary") return policy.PermissionsBoundaryUsageCount! > 0;
      return true;
    }),
    input,
  );
  return { Policies: page.items, ...page.position };
}

/** @throws DeleteConflict while it is attached, bounds somebody, or has versions besides the default one */
export function deletePolicy(
  tx: Transaction,
  input: InputOf<"iam", "DeletePolicy">,
  context: OperationContext,
): OutputOf<"iam", "DeletePolicy"> {
  const { accountId } = context;
  const { policy, policyArn } = findOwnPolicy(tx, accountId, input.PolicyArn);
  if (count(tx, attachedTo.under(accountId, policyArn), 1) + count(tx, bounded.under(accountId, policyArn), 1) > 0) {
    throw deleteConflict("Cannot delete a policy attached to entities.");
  }
  if (count(tx, versionKeys(accountId, policy.id), 2) > 1) {
    throw deleteConflict(
      "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
    );
  }
  tx.delete(versionKey(accountId, policy.id, policy.defaultVersion));
  tx.delete(policyKey(accountId, policy.name));
  return {};
}

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html */
export function createPolicyVersion(
  tx: Transaction,
  input: InputOf<"iam", "CreatePolicyVersion">,
  context: OperationContext,
): OutputOf<"iam", "CreatePolicyVersion"> {
  const { accountId, nowMs } = context;
  const { policy } = findOwnPolicy(tx, accountId, input.PolicyArn);
  const document = checkPolicyDocument(input.PolicyDocument);
  if (count(tx, versionKeys(accountId, policy.id)) >= VERSIONS_PER_POLICY_MAX) {
    throw limitExceeded(
      `A managed policy can have up to ${VERSIONS_PER_POLICY_MAX} versions. Before you create a new version, you must delete an existing version.`,
    );
  }
  const version: PolicyVersion = { number: policy.nextVersion, document, createdMs: nowMs };
  const updated: ManagedPolicy = {
    ...policy,
    nextVersion: policy.nextVersion + 1,
    updatedMs: nowMs,
    ...(input.SetAsDefault ? { defaultVersion: version.number, document } : {}),
  };
  managedPolicies.put(tx, policyKey(accountId, policy.name), updated);
  policyVersions.put(tx, versionKey(accountId, policy.id, version.number), version);
  return { PolicyVersion: describeVersion(updated, version, { brief: true }) };
}

export function getPolicyVersion(
  tx: Transaction,
  input: InputOf<"iam", "GetPolicyVersion">,
  context: OperationContext,
): OutputOf<"iam", "GetPolicyVersion"> {
  const { policy, policyArn } = findPolicy(tx, context.accountId, input.PolicyArn);
  const version = findVersion(tx, context.accountId, policyArn, policy, input.VersionId);
  return { PolicyVersion: describeVersion(policy, version) };
}

export function listPolicyVersions(
  tx: Transaction,
  input: InputOf<"iam", "ListPolicyVersions">,
  context: OperationContext,
): OutputOf<"iam", "ListPolicyVersions"> {
  const { policy, policyArn } = findPolicy(tx, context.accountId, input.PolicyArn);
  const page = pageOf(versionsOf(tx, context.accountId, policyArn, policy), input);
  return {
    Versions: page.items.map((version) => describeVersion(policy, version, { brief: true })),
    ...page.position,
  };
}

export function setDefaultPolicyVersion(
  tx: Transaction,
  input: InputOf<"iam", "SetDefaultPolicyVersion">,
  context: OperationContext,
): OutputOf<"iam", "SetDefaultPolicyVersion"> {
  const { accountId, nowMs } = context;
  const { policy, policyArn } = findOwnPolicy(tx, accountId, input.PolicyArn);
  const { number, document } = findVersion(tx, accountId, policyArn, policy, input.VersionId);
  managedPolicies.put(tx, policyKey(accountId, policy.name), {
    ...policy,
    defaultVersion: number,
    document,
    updatedMs: nowMs,
  });
  return {};
}

export function deletePolicyVersion(
  tx: Transaction,
  input: InputOf<"iam", "DeletePolicyVersion">,
  context: OperationContext,
): OutputOf<"iam", "DeletePolicyVersion"> {
  const { accountId } = context;
  const { policy, policyArn } = findOwnPolicy(tx, accountId, input.PolicyArn);
  const { number } = findVersion(tx, accountId, policyArn, policy, input.VersionId);
  if (number === policy.defaultVersion) throw deleteConflict("Cannot delete the default version of a policy.");
  tx.delete(versionKey(accountId, policy.id, number));
  managedPolicies.put(tx, policyKey(accountId, policy.name), { ...policy, updatedMs: context.nowMs });
  return {};
}

export function tagPolicy(
  tx: Transaction,
  input: InputOf<"iam", "TagPolicy">,
  context: OperationContext,
): OutputOf<"iam", "TagPolicy"> {
  const { policy } = findOwnPolicy(tx, context.accountId, input.PolicyArn);
  const tags = addTags(policy.tags, input.Tags ?? []);
  managedPolicies.put(tx, policyKey(context.accountId, policy.name), { ...policy, tags });
  return {};
}

export function untagPolicy(
  tx: Transaction,
  input: InputOf<"iam", "UntagPolicy">,
  context: OperationContext,
): OutputOf<"iam", "UntagPolicy"> {
  const { policy } = findOwnPolicy(tx, context.accountId, input.PolicyArn);
  const tags = removeTags(policy.tags, input.TagKeys);
  managedPolicies.put(tx, policyKey(context.accountId, policy.name), { ...policy, tags });
  return {};
}

export function listPolicyTags(
  tx: Transaction,
  input: InputOf<"iam", "ListPolicyTags">,
  context: OperationContext,
): OutputOf<"iam", "ListPolicyTags"> {
  const page = pageOf(findPolicy(tx, context.accountId, input.PolicyArn).policy.tags, input);
  return { Tags: page.items, ...page.position };
}

/** `arn:aws:iam::123456789012:policy/path/name` */
export function policyArn(accountId: AccountId, { path, name }: Pick<ManagedPolicy, "path" | "name">): Arn {
  return arn("iam", "", accountId, `policy${path}${name}`);
}

const awsPolicyArn = (policy: ManagedPolicy): string => `arn:aws:iam::aws:policy${policy.path}${policy.name}`;

/** A policy of the account or of AWS; undefined when there is none. */
export function policyByArn(tx: Transaction, accountId: AccountId, policyArnText: string): ManagedPolicy | undefined {
  if (isAwsManaged(policyArnText)) return awsManagedPolicy(policyArnText);
  const prefix = `arn:aws:iam::${accountId}:policy/`;
  if (!policyArnText.startsWith(prefix)) return undefined;
  const policy = managedPolicies.get(tx, policyKey(accountId, policyArnText.slice(policyArnText.lastIndexOf("/") + 1)));
  return policy && policyArn(accountId, policy) === policyArnText ? policy : undefined;
}

/** @throws InvalidInput, NoSuchEntity */
export function findPolicy(
  tx: Transaction,
  accountId: AccountId,
  given: string | undefined,
): { readonly policy: ManagedPolicy; readonly policyArn: string } {
  const policyArnText = checkPolicyArn(given);
  const policy = policyByArn(tx, accountId, policyArnText);
  if (!policy) throw noSuchPolicy(policyArnText);
  return { policy, policyArn: policyArnText };
}

export function checkPolicyArn(given: string | undefined): string {
  const policyArnText = required("policyArn", given);
  if (!/^arn:aws:iam::(\d{12}|aws):policy\/.+$/.test(policyArnText)) {
    throw invalidInput(`ARN ${policyArnText} is not valid.`);
  }
  return policyArnText;
}

/** The policy that bounds a user or role. @throws InvalidInput, NoSuchEntity */
export function checkBoundary(tx: Transaction, accountId: AccountId, given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (!/^arn:aws:iam::(\d{12}|aws):policy\/.+$/.test(given)) {
    throw invalidInput(`Value ${given} is invalid for the permissions boundary.`);
  }
  if (!policyByArn(tx, accountId, given)) {
    throw noSuchEntity(`Scope ARN: ${given} does not exist or is not attachable.`);
  }
  return given;
}

export function boundaryOutput(boundaryArn: string | undefined) {
  return boundaryArn === undefined
    ? undefined
    : { PermissionsBoundaryType: "PermissionsBoundaryPolicy" as const, PermissionsBoundaryArn: boundaryArn };
}

export function versionsOf(
  tx: Transaction,
  accountId: AccountId,
  policyArnText: string,
  policy: ManagedPolicy,
): PolicyVersion[] {
  if (isAwsManaged(policyArnText)) {
    return [{ number: policy.defaultVersion, document: policy.document, createdMs: policy.updatedMs }];
  }
  const { start, end } = versionKeys(accountId, policy.id);
  return Array.from(policyVersions.range(tx, start, end, { reverse: true }), ([, version]) => version);
}

/** @param brief as lists and creations show it: AWS leaves description and tags out there */
export function describePolicy(
  tx: Transaction,
  accountId: AccountId,
  policyArnText: string,
  policy: ManagedPolicy,
  { brief = false } = {},
): PolicyOutput {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policyArnText,
    Path: policy.path,
    DefaultVersionId: `v${policy.defaultVersion}`,
    AttachmentCount: count(tx, attachedTo.under(accountId, policyArnText)),
    PermissionsBoundaryUsageCount: count(tx, bounded.under(accountId, policyArnText)),
    IsAttachable: true,
    CreateDate: inSeconds(policy.createdMs),
    UpdateDate: inSeconds(policy.updatedMs),
    ...(brief ? {} : { Description: policy.description, Tags: [...policy.tags] }),
  };
}

export function describeVersion(
  policy: ManagedPolicy,
  version: PolicyVersion,
  { brief = false } = {},
): PolicyVersionOutput {
  return {
    ...(brief ? {} : { Document: encodeURIComponent(version.document) }),
    VersionId: `v${version.number}`,
    IsDefaultVersion: version.number === policy.defaultVersion,
    CreateDate: inSeconds(version.createdMs),
  };
}

function findOwnPolicy(tx: Transaction, accountId: AccountId, given: string | undefined) {
  const policyArnText = checkPolicyArn(given);
  // To an account, AWS's policies are somebody else's.
  if (isAwsManaged(policyArnText)) throw noSuchPolicy(policyArnText);
  return findPolicy(tx, accountId, policyArnText);
}

function findVersion(
  tx: Transaction,
  accountId: AccountId,
  policyArnText: string,
  policy: ManagedPolicy,
  given: string | undefined,
): PolicyVersion {
  const versionId = required("versionId", given);
  const version = versionsOf(tx, accountId, policyArnText, policy).find(({ number }) => `v${number}` === versionId);
  if (!version) {
    throw noSuchEntity(`Policy ${policyArnText} version ${versionId} does not exist or is not attachable.`);
  }
  return version;
}

function checkPolicyDocument(given: string | undefined): string {
  const document = checkDocument("policyDocument", given);
  validateIdentityPolicy(document);
  checkManagedPolicySize(document);
  return document;
}
