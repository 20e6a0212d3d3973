/** Roles. @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html */
import { type AccountId, isAccountId, parseArn } from "../../kernel/arn.ts";
import { iamId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { validateTrustPolicy } from "../policy-common/validate.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { checkQuota, count, deleteEntity, entityArn, findEntity, saveEntity, setBoundary } from "./entities.ts";
import { deleteConflict, entityAlreadyExists } from "./errors.ts";
import { boundaryOutput, checkBoundary } from "./managed.ts";
import { pageOf, readPage } from "./pages.ts";
import {
  addTags,
  checkDescription,
  checkDocument,
  checkMaxSessionDuration,
  checkName,
  checkPath,
  checkPathPrefix,
  checkTrustPolicySize,
  inSeconds,
  ROLES_MAX,
  removeTags,
} from "./rules.ts";
import { profileOf, type Role, roleKey, roleKeys, roles, userKey, users } from "./state.ts";

export type RoleOutput = NonNullable<OutputOf<"iam", "GetRole">["Role"]>;

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html */
export function createRole(
  tx: Transaction,
  input: InputOf<"iam", "CreateRole">,
  context: OperationContext,
): OutputOf<"iam", "CreateRole"> {
  const { accountId } = context;
  const name = checkName("roleName", input.RoleName);
  const path = checkPath(input.Path);
  const description = checkDescription(input.Description);
  const maxSessionSeconds = checkMaxSessionDuration(input.MaxSessionDuration);
  const tags = addTags([], input.Tags ?? []);
  const trustPolicy = checkTrustPolicy(tx, accountId, "assumeRolePolicyDocument", input.AssumeRolePolicyDocument);
  if (roles.get(tx, roleKey(accountId, name))) throw entityAlreadyExists(`Role with name ${name} already exists.`);
  checkQuota(tx, roleKeys(accountId), "RolesPerAccount", ROLES_MAX);
  const boundaryArn = checkBoundary(tx, accountId, input.PermissionsBoundary);
  const role: Role = {
    name,
    id: iamId(context.random, "AROA"),
    path,
    createdMs: context.nowMs,
    tags,
    trustPolicy,
    maxSessionSeconds,
    ...(description === undefined ? {} : { description }),
    ...(boundaryArn === undefined ? {} : { boundaryArn }),
  };
  saveEntity(tx, accountId, "role", role);
  setBoundary(tx, accountId, role.id, undefined, boundaryArn);
  return { Role: describeRole(accountId, role) };
}

export function getRole(
  tx: Transaction,
  input: InputOf<"iam", "GetRole">,
  context: OperationContext,
): OutputOf<"iam", "GetRole"> {
  return { Role: describeRole(context.accountId, findEntity(tx, context.accountId, "role", input.RoleName)) };
}

export function listRoles(
  tx: Transaction,
  input: InputOf<"iam", "ListRoles">,
  context: OperationContext,
): OutputOf<"iam", "ListRoles"> {
  const prefix = checkPathPrefix(input.PathPrefix);
  const page = readPage(tx, roles, roleKeys(context.accountId), input, (role) =>
    role.path.startsWith(prefix) ? describeRole(context.accountId, role, { brief: true }) : undefined,
  );
  return { Roles: page.items, ...page.position };
}

export function updateRole(
  tx: Transaction,
  input: InputOf<"iam", "UpdateRole">,
  context: OperationContext,
): OutputOf<"iam", "UpdateRole"> {
  const role = findEntity(tx, context.accountId, "role", input.RoleName);
  const description = checkDescription(input.Description) ?? role.description;
  saveEntity(tx, context.accountId, "role", {
    ...role,
    maxSessionSeconds: checkMaxSessionDuration(input.MaxSessionDuration ?? role.maxSessionSeconds),
    ...(description === undefined ? {} : { description }),
  });
  return {};
}

export function updateRoleDescription(
  tx: Transaction,
  input: InputOf<"iam", "UpdateRoleDescription">,
  context: OperationContext,
): OutputOf<"iam", "UpdateRoleDescription"> {
  const role = findEntity(tx, context.accountId, "role", input.RoleName);
  const updated = { ...role, description: checkDescription(input.Description) ?? "" };
  saveEntity(tx, context.accountId, "role", updated);
  return { Role: describeRole(context.accountId, updated) };
}

export function updateAssumeRolePolicy(
  tx: Transaction,
  input: InputOf<"iam", "UpdateAssumeRolePolicy">,
  context: OperationContext,
): OutputOf<"iam", "UpdateAssumeRolePolicy"> {
  const role = findEntity(tx, context.accountId, "role", input.RoleName);
  const trustPolicy = checkTrustPolicy(tx, context.accountId, "policyDocument", input.PolicyDocument);
  saveEntity(tx, context.accountId, "role", { ...role, trustPolicy });
  return {};
}

/** @throws NoSuchEntity, DeleteConflict while policies or instance profiles hang on it */
export function deleteRole(
  tx: Transaction,
  input: InputOf<"iam", "DeleteRole">,
  context: OperationContext,
): OutputOf<"iam", "DeleteRole"> {
  const { accountId } = context;
  const role = findEntity(tx, accountId, "role", input.RoleName);
  if (count(tx, profileOf.under(accountId, role.id), 1) > 0) {
    throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
  }
  deleteEntity(tx, accountId, "role", role);
  return {};
}

export function putRolePermissionsBoundary(
  tx: Transaction,
  input: InputOf<"iam", "PutRolePermissionsBoundary">,
  context: OperationContext,
): OutputOf<"iam", "PutRolePermissionsBoundary"> {
  const { accountId } = context;
  const role = findEntity(tx, accountId, "role", input.RoleName);
  const boundaryArn = checkBoundary(tx, accountId, input.PermissionsBoundary ?? "");
  setBoundary(tx, accountId, role.id, role.boundaryArn, boundaryArn);
  saveEntity(tx, accountId, "role", { ...role, ...(boundaryArn === undefined ? {} : { boundaryArn }) });
  return {};
}

export function deleteRolePermissionsBoundary(
  tx: Transaction,
  input: InputOf<"iam", "DeleteRolePermissionsBoundary">,
  context: OperationContext,
): OutputOf<"iam", "DeleteRolePermissionsBoundary"> {
  const { accountId } = context;
  const { boundaryArn, ...role } = findEntity(tx, accountId, "role", input.RoleName);
  setBoundary(tx, accountId, role.id, boundaryArn, undefined);
  saveEntity(tx, accountId, "role", role);
  return {};
}

export function tagRole(
  tx: Transaction,
  input: InputOf<"iam", "TagRole">,
  context: OperationContext,
): OutputOf<"iam", "TagRole"> {
  const role = findEntity(tx, context.accountId, "role", input.RoleName);
  saveEntity(tx, context.accountId, "role", { ...role, tags: addTags(role.tags, input.Tags ?? []) });
  return {};
}

export function untagRole(
  tx: Transaction,
  input: InputOf<"iam", "UntagRole">,
  context: OperationContext,
): OutputOf<"iam", "UntagRole"> {
  const role = findEntity(tx, context.accountId, "role", input.RoleName);
  saveEntity(tx, context.accountId, "role", { ...role, tags: removeTags(role.tags, input.TagKeys) });
  return {};
}

export function listRoleTags(
  tx: Transaction,
  input: InputOf<"iam", "ListRoleTags">,
  context: OperationContext,
): OutputOf<"iam", "ListRoleTags"> {
  const page = pageOf(findEntity(tx, context.accountId, "role", input.RoleName).tags, input);
  return { Tags: page.items, ...page.position };
}

/** @param brief as lists show it: AWS leaves tags and boundary out there */
export function describeRole(accountId: AccountId, role: Role, { brief = false } = {}): RoleOutput {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: entityArn(accountId, "role", role),
    CreateDate: inSeconds(role.createdMs),
    AssumeRolePolicyDocument: encodeURIComponent(role.trustPolicy),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    ...(brief ? {} : { PermissionsBoundary: boundaryOutput(role.boundaryArn) }),
    ...(brief || role.tags.length === 0 ? {} : { Tags: [...role.tags] }),
  };
}

function checkTrustPolicy(
  tx: Transaction,
  accountId: AccountId,
  memberName: string,
  document: string | undefined,
): string {
  const text = checkDocument(memberName, document);
  validateTrustPolicy(text, (principalArn) => principalExists(tx, accountId, principalArn));
  checkTrustPolicySize(text);
  return text;
}

/** Whom a trust policy names must exist. Of other accounts nothing is known here: they are taken at their word. */
function principalExists(tx: Transaction, accountId: AccountId, principalArn: string): boolean {
  const parts = parseArn(principalArn);
  if (!parts || !isAccountId(parts.accountId)) return false;
  if (parts.accountId !== accountId) return true;
  const [, kind, name] = /^(user|role)\/(?:.*\/)?([^/]+)$/.exec(parts.resource) ?? [];
  if (!name) return false;
  const found = kind === "user" ? users.get(tx, userKey(accountId, name)) : roles.get(tx, roleKey(accountId, name));
  return found !== undefined && entityArn(accountId, kind as "user" | "role", found) === principalArn;
}
