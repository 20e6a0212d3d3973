/** Managed policies attached to users, groups and roles. */
import type { AccountId } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { count, entityById, findEntity, linked } from "./entities.ts";
import { noSuchEntity, noSuchPolicy } from "./errors.ts";
import { checkPolicyArn, findPolicy, policyByArn } from "./managed.ts";
import { pageOf } from "./pages.ts";
import { ATTACHED_MAX, attachedQuota, checkPathPrefix } from "./rules.ts";
import { attached, attachedTo, bounded, type Entity, type EntityKind, links } from "./state.ts";

type Attachment = { readonly PolicyArn: string | undefined };

/** Attaching twice is no error. @throws NoSuchEntity, LimitExceeded */
function attach(
  tx: Transaction,
  context: OperationContext,
  kind: EntityKind,
  name: string | undefined,
  input: Attachment,
) {
  const { accountId } = context;
  const arn = checkPolicyArn(input.PolicyArn);
  const entity = findEntity(tx, accountId, kind, name);
  if (!policyByArn(tx, accountId, arn)) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
  const range = attached.under(accountId, entity.id);
  if (!tx.get(attached.key(accountId, entity.id, arn)) && count(tx, range) >= ATTACHED_MAX) throw attachedQuota(kind);
  links.put(tx, attached.key(accountId, entity.id, arn), {});
  links.put(tx, attachedTo.key(accountId, arn, entity.id), {});
  return {};
}

/** @throws NoSuchEntity when it is not attached */
function detach(
  tx: Transaction,
  context: OperationContext,
  kind: EntityKind,
  name: string | undefined,
  input: Attachment,
) {
  const { accountId } = context;
  const arn = checkPolicyArn(input.PolicyArn);
  const entity = findEntity(tx, accountId, kind, name);
  if (!tx.get(attached.key(accountId, entity.id, arn))) throw noSuchPolicy(arn);
  tx.delete(attached.key(accountId, entity.id, arn));
  tx.delete(attachedTo.key(accountId, arn, entity.id));
  return {};
}

function list(
  tx: Transaction,
  context: OperationContext,
  kind: EntityKind,
  name: string | undefined,
  input:
    | InputOf<"iam", "ListAttachedRolePolicies">
    | InputOf<"iam", "ListAttachedUserPolicies">
    | InputOf<"iam", "ListAttachedGroupPolicies">,
): OutputOf<"iam", "ListAttachedRolePolicies"> {
  const { accountId } = context;
  const prefix = checkPathPrefix(input.PathPrefix);
  const entity = findEntity(tx, accountId, kind, name);
  const inPath = attachedPolicies(tx, accountId, entity).filter(({ arn }) =>
    `/${arn
      .split("/")
      .slice(1, -1)
      .map((part) => `${part}/`)
      .join("")}`.startsWith(prefix),
  );
  const page = pageOf(inPath, input);
  return { AttachedPolicies: page.items.map(describeAttached), ...page.position };
}

export interface AttachedPolicy {
  readonly arn: string;
  readonly name: string;
  /** JSON text of the default version. */
  readonly document: string;
}

export function attachedPolicies(tx: Transaction, accountId: AccountId, entity: Entity): AttachedPolicy[] {
  return linked(tx, attached.under(accountId, entity.id)).map((arn) => {
    const { name, document } = policyByArn(tx, accountId, arn)!;
    return { arn, name, document };
  });
}

export const describeAttached = ({ arn, name }: AttachedPolicy) => ({ PolicyName: name, PolicyArn: arn });

export const attachUserPolicy: Operation<InputOf<"iam", "AttachUserPolicy">, OutputOf<"iam", "AttachUserPolicy">> = (
  tx,
  input,
  context,
) => attach(tx, context, "user", input.UserName, input);
export const attachGroupPolicy: Operation<InputOf<"iam", "AttachGroupPolicy">, OutputOf<"iam", "AttachGroupPolicy">> = (
  tx,
  input,
  context,
) => attach(tx, context, "group", input.GroupName, input);
export const attachRolePolicy: Operation<InputOf<"iam", "AttachRolePolicy">, OutputOf<"iam", "AttachRolePolicy">> = (
  tx,
  input,
  context,
) => attach(tx, context, "role", input.RoleName, input);
export const detachUserPolicy: Operation<InputOf<"iam", "DetachUserPolicy">, OutputOf<"iam", "DetachUserPolicy">> = (
  tx,
  input,
  context,
) => detach(tx, context, "user", input.UserName, input);
export const detachGroupPolicy: Operation<InputOf<"iam", "DetachGroupPolicy">, OutputOf<"iam", "DetachGroupPolicy">> = (
  tx,
  input,
  context,
) => detach(tx, context, "group", input.GroupName, input);
export const detachRolePolicy: Operation<InputOf<"iam", "DetachRolePolicy">, OutputOf<"iam", "DetachRolePolicy">> = (
  tx,
  input,
  context,
) => detach(tx, context, "role", input.RoleName, input);
export const listAttachedUserPolicies: Operation<
  InputOf<"iam", "ListAttachedUserPolicies">,
  OutputOf<"iam", "ListAttachedUserPolicies">
> = (tx, input, context) => list(tx, context, "user", input.UserName, input);
export const listAttachedGroupPolicies: Operation<
  InputOf<"iam", "ListAttachedGroupPolicies">,
  OutputOf<"iam", "ListAttachedGroupPolicies">
> = (tx, input, context) => list(tx, context, "group", input.GroupName, input);
export const listAttachedRolePolicies: Operation<
  InputOf<"iam", "ListAttachedRolePolicies">,
  OutputOf<"iam", "ListAttachedRolePolicies">
> = (tx, input, context) => list(tx, context, "role", input.RoleName, input);

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html */
export function listEntitiesForPolicy(
  tx: Transaction,
  input: InputOf<"iam", "ListEntitiesForPolicy">,
  context: OperationContext,
): OutputOf<"iam", "ListEntitiesForPolicy"> {
  const { accountId } = context;
  const { policyArn } = findPolicy(tx, accountId, input.PolicyArn);
  const prefix = checkPathPrefix(input.PathPrefix);
  const ids = new Set<string>();
  if (input.PolicyUsageFilter !== "PermissionsBoundary")
    for (const id of linked(tx, attachedTo.under(accountId, policyArn))) ids.add(id);
  if (input.PolicyUsageFilter !== "PermissionsPolicy")
    for (const id of linked(tx, bounded.under(accountId, policyArn))) ids.add(id);
  const wanted: Record<string, EntityKind | undefined> = { User: "user", Group: "group", Role: "role" };
  const entities = [...ids]
    .map((id) => entityById(tx, accountId, id)!)
    .filter(({ kind, entity }) => {
      if (!entity.path.startsWith(prefix)) return false;
      return input.EntityFilter === undefined || wanted[input.EntityFilter] === kind;
    });
  const page = pageOf(entities, input);
  const of = (kind: EntityKind) => page.items.filter((item) => item.kind === kind).map(({ entity }) => entity);
  return {
    PolicyGroups: of("group").map(({ name, id }) => ({ GroupName: name, GroupId: id })),
    PolicyUsers: of("user").map(({ name, id }) => ({ UserName: name, UserId: id })),
    PolicyRoles: of("role").map(({ name, id }) => ({ RoleName: name, RoleId: id })),
    ...page.position,
  };
}
