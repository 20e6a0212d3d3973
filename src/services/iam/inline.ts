/** Policies embedded in users, groups and roles. */
import type { AccountId } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { validateIdentityPolicy } from "../policy-common/validate.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { findEntity } from "./entities.ts";
import { noSuchEntity } from "./errors.ts";
import { type PageInput, readPage } from "./pages.ts";
import { charactersOf, checkDocument, checkInlineSize, checkName } from "./rules.ts";
import { type Entity, type EntityKind, type InlinePolicy, inline, inlinePolicies } from "./state.ts";

interface Named {
  readonly PolicyName: string | undefined;
}

/** Adds a policy or replaces it. @throws NoSuchEntity, MalformedPolicyDocument, LimitExceeded */
function put(
  tx: Transaction,
  context: OperationContext,
  kind: EntityKind,
  name: string | undefined,
  input: Named & { readonly PolicyDocument: string | undefined },
) {
  const { accountId } = context;
  const policyName = checkName("policyName", input.PolicyName);
  const document = checkDocument("policyDocument", input.PolicyDocument);
  const entity = findEntity(tx, accountId, kind, name);
  validateIdentityPolicy(document, true);
  let characters = charactersOf(document);
  for (const policy of embeddedPolicies(tx, accountId, entity)) {
    if (policy.name !== policyName) characters += charactersOf(policy.document);
  }
  checkInlineSize(kind, entity.name, characters);
  inlinePolicies.put(tx, inline.key(accountId, entity.id, policyName), { name: policyName, document });
  return {};
}

function find(tx: Transaction, context: OperationContext, kind: EntityKind, name: string | undefined, input: Named) {
  const policyName = checkName("policyName", input.PolicyName);
  const entity = findEntity(tx, context.accountId, kind, name);
  const key = inline.key(context.accountId, entity.id, policyName);
  const policy = inlinePolicies.get(tx, key);
  if (!policy) throw noSuchEntity(`The ${kind} policy with name ${policyName} cannot be found.`);
  return {
    entity,
    key,
    policy,
    output: { PolicyName: policyName, PolicyDocument: encodeURIComponent(policy.document) },
  };
}

function remove(tx: Transaction, context: OperationContext, kind: EntityKind, name: string | undefined, input: Named) {
  tx.delete(find(tx, context, kind, name, input).key);
  return {};
}

function list(
  tx: Transaction,
  context: OperationContext,
  kind: EntityKind,
  name: string | undefined,
  input: PageInput,
) {
  const entity = findEntity(tx, context.accountId, kind, name);
  const range = inline.under(context.accountId, entity.id);
  const page = readPage(tx, inlinePolicies, range, input, (policy) => policy.name);
  return { PolicyNames: page.items, ...page.position };
}

export function embeddedPolicies(tx: Transaction, accountId: AccountId, entity: Entity): InlinePolicy[] {
  const { start, end } = inline.under(accountId, entity.id);
  return Array.from(inlinePolicies.range(tx, start, end), ([, policy]) => policy);
}

export const putUserPolicy: Operation<InputOf<"iam", "PutUserPolicy">, OutputOf<"iam", "PutUserPolicy">> = (
  tx,
  input,
  context,
) => put(tx, context, "user", input.UserName, input);
export const putGroupPolicy: Operation<InputOf<"iam", "PutGroupPolicy">, OutputOf<"iam", "PutGroupPolicy">> = (
  tx,
  input,
  context,
) => put(tx, context, "group", input.GroupName, input);
export const putRolePolicy: Operation<InputOf<"iam", "PutRolePolicy">, OutputOf<"iam", "PutRolePolicy">> = (
  tx,
  input,
  context,
) => put(tx, context, "role", input.RoleName, input);
export const getUserPolicy: Operation<InputOf<"iam", "GetUserPolicy">, OutputOf<"iam", "GetUserPolicy">> = (
  tx,
  input,
  context,
) => {
  const { entity, output } = find(tx, context, "user", input.UserName, input);
  return { UserName: entity.name, ...output };
};
export const getGroupPolicy: Operation<InputOf<"iam", "GetGroupPolicy">, OutputOf<"iam", "GetGroupPolicy">> = (
  tx,
  input,
  context,
) => {
  const { entity, output } = find(tx, context, "group", input.GroupName, input);
  return { GroupName: entity.name, ...output };
};
export const getRolePolicy: Operation<InputOf<"iam", "GetRolePolicy">, OutputOf<"iam", "GetRolePolicy">> = (
  tx,
  input,
  context,
) => {
  const { entity, output } = find(tx, context, "role", input.RoleName, input);
  return { RoleName: entity.name, ...output };
};
export const deleteUserPolicy: Operation<InputOf<"iam", "DeleteUserPolicy">, OutputOf<"iam", "DeleteUserPolicy">> = (
  tx,
  input,
  context,
) => remove(tx, context, "user", input.UserName, input);
export const deleteGroupPolicy: Operation<InputOf<"iam", "DeleteGroupPolicy">, OutputOf<"iam", "DeleteGroupPolicy">> = (
  tx,
  input,
  context,
) => remove(tx, context, "group", input.GroupName, input);
export const deleteRolePolicy: Operation<InputOf<"iam", "DeleteRolePolicy">, OutputOf<"iam", "DeleteRolePolicy">> = (
  tx,
  input,
  context,
) => remove(tx, context, "role", input.RoleName, input);
export const listUserPolicies: Operation<InputOf<"iam", "ListUserPolicies">, OutputOf<"iam", "ListUserPolicies">> = (
  tx,
  input,
  context,
) => list(tx, context, "user", input.UserName, input);
export const listGroupPolicies: Operation<InputOf<"iam", "ListGroupPolicies">, OutputOf<"iam", "ListGroupPolicies">> = (
  tx,
  input,
  context,
) => list(tx, context, "group", input.GroupName, input);
export const listRolePolicies: Operation<InputOf<"iam", "ListRolePolicies">, OutputOf<"iam", "ListRolePolicies">> = (
  tx,
  input,
  context,
) => list(tx, context, "role", input.RoleName, input);
