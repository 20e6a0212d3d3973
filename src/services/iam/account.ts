/** The account as a whole: how much of everything there is, and everything in one listing. */
import type { RecordType } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { attachedPolicies, describeAttached } from "./attachments.ts";
import { count, entityArn } from "./entities.ts";
import { groupsOfUser } from "./groups.ts";
import { embeddedPolicies } from "./inline.ts";
import { profilesOfRole } from "./instance-profiles.ts";
import { boundaryOutput, describePolicy, describeVersion, policyArn, versionsOf } from "./managed.ts";
import { awsManagedPolicies } from "./managed-policies.ts";
import { pageOf } from "./pages.ts";
import * as limits from "./rules.ts";
import {
  type Entity,
  groupKeys,
  groups,
  instanceProfileKeys,
  type KeyRange,
  managedPolicies,
  policyKeys,
  roleKeys,
  roles,
  userKeys,
  users,
  versionKeys,
} from "./state.ts";

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html */
export function getAccountSummary(
  tx: Transaction,
  _input: InputOf<"iam", "GetAccountSummary">,
  { accountId }: OperationContext,
): OutputOf<"iam", "GetAccountSummary"> {
  const { start, end } = policyKeys(accountId);
  let versions = 0;
  for (const [, policy] of managedPolicies.range(tx, start, end))
    versions += count(tx, versionKeys(accountId, policy.id));
  return {
    SummaryMap: {
      Users: count(tx, userKeys(accountId)),
      UsersQuota: limits.USERS_MAX,
      Groups: count(tx, groupKeys(accountId)),
      GroupsQuota: limits.GROUPS_MAX,
      Roles: count(tx, roleKeys(accountId)),
      RolesQuota: limits.ROLES_MAX,
      Policies: count(tx, policyKeys(accountId)),
      PoliciesQuota: limits.POLICIES_MAX,
      InstanceProfiles: count(tx, instanceProfileKeys(accountId)),
      InstanceProfilesQuota: limits.INSTANCE_PROFILES_MAX,
      PolicyVersionsInUse: versions,
      VersionsPerPolicyQuota: limits.VERSIONS_PER_POLICY_MAX,
      AccessKeysPerUserQuota: limits.ACCESS_KEYS_PER_USER_MAX,
      GroupsPerUserQuota: limits.GROUPS_PER_USER_MAX,
      AttachedPoliciesPerUserQuota: limits.ATTACHED_MAX,
      AttachedPoliciesPerGroupQuota: limits.ATTACHED_MAX,
      AttachedPoliciesPerRoleQuota: limits.ATTACHED_MAX,
      PolicySizeQuota: limits.MANAGED_POLICY_CHARACTERS_MAX,
      UserPolicySizeQuota: limits.INLINE_CHARACTERS_MAX.user,
      GroupPolicySizeQuota: limits.INLINE_CHARACTERS_MAX.group,
      RolePolicySizeQuota: limits.INLINE_CHARACTERS_MAX.role,
      AssumeRolePolicySizeQuota: limits.TRUST_POLICY_CHARACTERS_MAX,
    },
  };
}

type Details = OutputOf<"iam", "GetAccountAuthorizationDetails">;
type Detail =
  | { readonly user: NonNullable<Details["UserDetailList"]>[number] }
  | { readonly group: NonNullable<Details["GroupDetailList"]>[number] }
  | { readonly role: NonNullable<Details["RoleDetailList"]>[number] }
  | { readonly policy: NonNullable<Details["Policies"]>[number] };

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html */
export function getAccountAuthorizationDetails(
  tx: Transaction,
  input: InputOf<"iam", "GetAccountAuthorizationDetails">,
  { accountId }: OperationContext,
): Details {
  const wanted = (type: string) => !input.Filter?.length || (input.Filter as string[]).includes(type);
  const inlineList = (entity: Entity) =>
    embeddedPolicies(tx, accountId, entity).map(({ name, document }) => ({
      PolicyName: name,
      PolicyDocument: encodeURIComponent(document),
    }));
  const attachedList = (entity: Entity) => attachedPolicies(tx, accountId, entity).map(describeAttached);
  const details: Detail[] = [];
  if (wanted("User")) {
    for (const [, user] of range(tx, users, userKeys(accountId))) {
      details.push({
        user: {
          Path: user.path,
          UserName: user.name,
          UserId: user.id,
          Arn: entityArn(accountId, "user", user),
          CreateDate: limits.inSeconds(user.createdMs),
          UserPolicyList: inlineList(user),
          GroupList: groupsOfUser(tx, accountId, user).map(({ name }) => name),
          AttachedManagedPolicies: attachedList(user),
          PermissionsBoundary: boundaryOutput(user.boundaryArn),
          Tags: [...user.tags],
        },
      });
    }
  }
  if (wanted("Group")) {
    for (const [, group] of range(tx, groups, groupKeys(accountId))) {
      details.push({
        group: {
          Path: group.path,
          GroupName: group.name,
          GroupId: group.id,
          Arn: entityArn(accountId, "group", group),
          CreateDate: limits.inSeconds(group.createdMs),
          GroupPolicyList: inlineList(group),
          AttachedManagedPolicies: attachedList(group),
        },
      });
    }
  }
  if (wanted("Role")) {
    for (const [, role] of range(tx, roles, roleKeys(accountId))) {
      details.push({
        role: {
          Path: role.path,
          RoleName: role.name,
          RoleId: role.id,
          Arn: entityArn(accountId, "role", role),
          CreateDate: limits.inSeconds(role.createdMs),
          AssumeRolePolicyDocument: encodeURIComponent(role.trustPolicy),
          InstanceProfileList: profilesOfRole(tx, accountId, role),
          RolePolicyList: inlineList(role),
          AttachedManagedPolicies: attachedList(role),
          PermissionsBoundary: boundaryOutput(role.boundaryArn),
          Tags: [...role.tags],
        },
      });
    }
  }
  const policies = [
    ...(wanted("LocalManagedPolicy")
      ? Array.from(range(tx, managedPolicies, policyKeys(accountId)), ([, policy]) => ({
          policy,
          arn: policyArn(accountId, policy) as string,
        }))
      : []),
    ...(wanted("AWSManagedPolicy")
      ? Array.from(awsManagedPolicies(), (policy) => ({
          policy,
          arn: `arn:aws:iam::aws:policy${policy.path}${policy.name}`,
        }))
      : []),
  ];
  for (const { policy, arn } of policies) {
    const { Tags: _, ...described } = describePolicy(tx, accountId, arn, policy);
    details.push({
      policy: {
        ...described,
        PolicyVersionList: versionsOf(tx, accountId, arn, policy).map((version) => describeVersion(policy, version)),
      },
    });
  }
  const page = pageOf(details, input);
  return {
    UserDetailList: page.items.flatMap((detail) => ("user" in detail ? [detail.user] : [])),
    GroupDetailList: page.items.flatMap((detail) => ("group" in detail ? [detail.group] : [])),
    RoleDetailList: page.items.flatMap((detail) => ("role" in detail ? [detail.role] : [])),
    Policies: page.items.flatMap((detail) => ("policy" in detail ? [detail.policy] : [])),
    ...page.position,
  };
}

const range = <T>(tx: Transaction, record: RecordType<T>, { start, end }: KeyRange) => record.range(tx, start, end);
