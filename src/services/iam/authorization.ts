/** May this principal do this? Gathers the principal's policies from the store and evaluates them. */
import { type AccountId, isAccountId, parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { type AuthorizationRequest, type Decision, authorize as evaluate } from "../policy-common/evaluate.ts";
import type { Principal } from "../service.ts";
import { attachedPolicies } from "./attachments.ts";
import { entityArn } from "./entities.ts";
import { groupsOfUser } from "./groups.ts";
import { embeddedPolicies } from "./inline.ts";
import { policyByArn } from "./managed.ts";
import { type Entity, type Role, roleKey, roles, type User, userKey, users } from "./state.ts";

export { accessDeniedMessage, type Decision } from "../policy-common/evaluate.ts";

export type StoredAuthorizationRequest = Pick<
  AuthorizationRequest,
  "principal" | "action" | "resource" | "resourceAccountId" | "conditions" | "nowMs" | "resourcePolicy"
>;

/** A policy with where it comes from. */
export interface SourcedPolicy {
  readonly name: string;
  readonly type: "user" | "group" | "role" | "aws-managed" | "user-managed" | "custom";
  readonly document: string;
}

/** What the store says of a principal. */
export interface PrincipalPolicies {
  readonly identity: readonly SourcedPolicy[];
  readonly boundary: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

const NONE: PrincipalPolicies = { identity: [], boundary: undefined, tags: {} };

/**
 * Decides one action on one resource. For `sts:AssumeRole…` the role's trust policy is looked up here; for everything else the caller hands
 * in the policy of the resource.
 */
export function authorize(tx: Transaction, request: StoredAuthorizationRequest): Decision {
  const { identity, boundary, tags } = policiesOf(tx, request.principal);
  const trustPolicy = /^sts:(AssumeRole|TagSession|SetSourceIdentity)/i.test(request.action);
  return evaluate({
    ...request,
    identityPolicies: identity.map(({ document }) => document),
    boundary,
    principalTags: tags,
    sessionPolicies: request.principal.type === "assumed-role" ? request.principal.sessionPolicies : undefined,
    trustPolicy,
    // A role belongs to the account in its ARN, whoever asks.
    resourceAccountId: trustPolicy ? undefined : request.resourceAccountId,
    resourcePolicy: trustPolicy ? trustPolicyOf(tx, request.resource) : request.resourcePolicy,
  });
}

function policiesOf(tx: Transaction, principal: Principal): PrincipalPolicies {
  if (principal.type === "user") {
    const user = users.get(tx, userKey(principal.accountId, principal.userName));
    return user?.id === principal.userId ? policiesOfUser(tx, principal.accountId, user) : NONE;
  }
  if (principal.type === "assumed-role") {
    const role = roleByArn(tx, principal.roleArn);
    return role?.id === principal.roleId ? policiesOfRole(tx, principal.accountId, role) : NONE;
  }
  return NONE;
}

export function policiesOfUser(tx: Transaction, accountId: AccountId, user: User): PrincipalPolicies {
  const identity = ownPolicies(tx, accountId, "user", user);
  for (const group of groupsOfUser(tx, accountId, user)) identity.push(...ownPolicies(tx, accountId, "group", group));
  return { identity, boundary: boundaryOf(tx, accountId, user), tags: tagsOf(user) };
}

export function policiesOfRole(tx: Transaction, accountId: AccountId, role: Role): PrincipalPolicies {
  const identity = ownPolicies(tx, accountId, "role", role);
  return { identity, boundary: boundaryOf(tx, accountId, role), tags: tagsOf(role) };
}

/** Inline and attached. */
export function ownPolicies(
  tx: Transaction,
  accountId: AccountId,
  kind: "user" | "group" | "role",
  entity: Entity,
): SourcedPolicy[] {
  return [
    ...embeddedPolicies(tx, accountId, entity).map(({ name, document }) => ({ name, type: kind, document })),
    ...attachedPolicies(tx, accountId, entity).map(({ arn, name, document }) => ({
      name,
      type: arn.startsWith("arn:aws:iam::aws:") ? ("aws-managed" as const) : ("user-managed" as const),
      document,
    })),
  ];
}

/** The trust policy of a role; undefined when there is no such role. */
function trustPolicyOf(tx: Transaction, roleArn: string): string | undefined {
  return roleByArn(tx, roleArn)?.trustPolicy;
}

function roleByArn(tx: Transaction, roleArn: string): Role | undefined {
  const parts = parseArn(roleArn);
  if (parts?.service !== "iam" || !isAccountId(parts.accountId) || !parts.resource.startsWith("role/"))
    return undefined;
  const role = roles.get(tx, roleKey(parts.accountId, parts.resource.slice(parts.resource.lastIndexOf("/") + 1)));
  return role && entityArn(parts.accountId, "role", role) === roleArn ? role : undefined;
}

function boundaryOf(tx: Transaction, accountId: AccountId, { boundaryArn }: User | Role): string | undefined {
  // A boundary cannot be deleted while it bounds somebody.
  return boundaryArn === undefined ? undefined : policyByArn(tx, accountId, boundaryArn)!.document;
}

const tagsOf = ({ tags }: User | Role): Record<string, string> =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));
