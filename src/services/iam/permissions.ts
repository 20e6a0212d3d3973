/**
 * The ARN that each operation is about. A user, group or role is named without its path in most inputs, so the ARN has none either:
 * policies on `…:role/path/name` are matched by `…:role/name` here.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
 */
import { arn } from "../../kernel/arn.ts";
import type { OperationContext, OperationName, Permission, Service } from "../service.ts";

type Named = Readonly<Record<string, unknown>>;
type Where = Pick<OperationContext, "accountId" | "region">;

const about =
  (kind: string, member: string) =>
  (operation: string) =>
  (input: Named, { accountId }: Where): Permission => {
    const name = input[member];
    const path = typeof input["Path"] === "string" ? input["Path"] : "/";
    return {
      action: `iam:${operation}`,
      resource: typeof name === "string" ? arn("iam", "", accountId, `${kind}${path}${name}`) : "*",
      ...boundaryCondition(input),
    };
  };
const arnIn =
  (member: string) =>
  (operation: string) =>
  (input: Named): Permission => ({
    action: `iam:${operation}`,
    resource: typeof input[member] === "string" ? input[member] : "*",
  });
const newPolicy =
  (operation: string) =>
  (input: Named, { accountId }: Where): Permission => ({
    action: `iam:${operation}`,
    resource: arn("iam", "", accountId, `policy${input["Path"] ?? "/"}${input["PolicyName"]}`),
  });

/** `iam:PermissionsBoundary` and `iam:PolicyARN`, by which policies limit what may be attached to whom. */
function boundaryCondition(input: Named): Pick<Permission, "conditions"> {
  const conditions: Record<string, string> = {};
  if (typeof input["PermissionsBoundary"] === "string")
    conditions["iam:PermissionsBoundary"] = input["PermissionsBoundary"];
  if (typeof input["PolicyArn"] === "string") conditions["iam:PolicyARN"] = input["PolicyArn"];
  return Object.keys(conditions).length > 0 ? { conditions } : {};
}

const user = about("user", "UserName");
const group = about("group", "GroupName");
const role = about("role", "RoleName");
const profile = about("instance-profile", "InstanceProfileName");
const policy = arnIn("PolicyArn");

const TABLE: Partial<Record<OperationName<"iam">, (operation: string) => (input: any, where: Where) => Permission>> = {
  CreateUser: user,
  GetUser: user,
  UpdateUser: user,
  DeleteUser: user,
  TagUser: user,
  UntagUser: user,
  ListUserTags: user,
  PutUserPermissionsBoundary: user,
  DeleteUserPermissionsBoundary: user,
  CreateAccessKey: user,
  ListAccessKeys: user,
  UpdateAccessKey: user,
  DeleteAccessKey: user,
  PutUserPolicy: user,
  GetUserPolicy: user,
  DeleteUserPolicy: user,
  ListUserPolicies: user,
  AttachUserPolicy: user,
  DetachUserPolicy: user,
  ListAttachedUserPolicies: user,
  ListGroupsForUser: user,
  CreateGroup: group,
  GetGroup: group,
  UpdateGroup: group,
  DeleteGroup: group,
  AddUserToGroup: group,
  RemoveUserFromGroup: group,
  PutGroupPolicy: group,
  GetGroupPolicy: group,
  DeleteGroupPolicy: group,
  ListGroupPolicies: group,
  AttachGroupPolicy: group,
  DetachGroupPolicy: group,
  ListAttachedGroupPolicies: group,
  CreateRole: role,
  GetRole: role,
  UpdateRole: role,
  UpdateRoleDescription: role,
  UpdateAssumeRolePolicy: role,
  DeleteRole: role,
  TagRole: role,
  UntagRole: role,
  ListRoleTags: role,
  PutRolePermissionsBoundary: role,
  DeleteRolePermissionsBoundary: role,
  PutRolePolicy: role,
  GetRolePolicy: role,
  DeleteRolePolicy: role,
  ListRolePolicies: role,
  AttachRolePolicy: role,
  DetachRolePolicy: role,
  ListAttachedRolePolicies: role,
  ListInstanceProfilesForRole: role,
  CreatePolicy: newPolicy,
  GetPolicy: policy,
  DeletePolicy: policy,
  CreatePolicyVersion: policy,
  GetPolicyVersion: policy,
  ListPolicyVersions: policy,
  SetDefaultPolicyVersion: policy,
  DeletePolicyVersion: policy,
  TagPolicy: policy,
  UntagPolicy: policy,
  ListPolicyTags: policy,
  ListEntitiesForPolicy: policy,
  CreateInstanceProfile: profile,
  GetInstanceProfile: profile,
  DeleteInstanceProfile: profile,
  AddRoleToInstanceProfile: profile,
  RemoveRoleFromInstanceProfile: profile,
  TagInstanceProfile: profile,
  UntagInstanceProfile: profile,
  ListInstanceProfileTags: profile,
  SimulatePrincipalPolicy: arnIn("PolicySourceArn"),
  GetContextKeysForPrincipalPolicy: arnIn("PolicySourceArn"),
};

export const permissions = Object.fromEntries(
  Object.entries(TABLE).map(([operation, of]) => [operation, of!(operation)]),
) as NonNullable<Service<"iam">["permissions"]>;
