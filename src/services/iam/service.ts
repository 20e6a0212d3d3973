/**
 * IAM: users, groups, roles, their policies and keys. The evaluation of policies is in `../policy-common`; what the platform asks at every
 * request is in `credentials.ts` and `authorization.ts`.
 *
 * Not here: console passwords, MFA, federation (SAML, OpenID Connect), certificates, service-linked roles, and what only AWS can know (when
 * a key was last used, credential and access reports).
 *
 * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
 */

import { defineService } from "../service.ts";
import * as accessKeys from "./access-keys.ts";
import * as account from "./account.ts";
import * as attachments from "./attachments.ts";
import * as groups from "./groups.ts";
import * as inline from "./inline.ts";
import * as instanceProfiles from "./instance-profiles.ts";
import * as managed from "./managed.ts";
import { permissions } from "./permissions.ts";
import { resources } from "./resources.ts";
import * as roles from "./roles.ts";
import * as simulate from "./simulate.ts";
import * as users from "./users.ts";

export const iam = defineService<"iam">({
  name: "iam",
  operations: {
    CreateUser: users.createUser,
    GetUser: users.getUser,
    ListUsers: users.listUsers,
    UpdateUser: users.updateUser,
    DeleteUser: users.deleteUser,
    PutUserPermissionsBoundary: users.putUserPermissionsBoundary,
    DeleteUserPermissionsBoundary: users.deleteUserPermissionsBoundary,
    TagUser: users.tagUser,
    UntagUser: users.untagUser,
    ListUserTags: users.listUserTags,
    CreateAccessKey: accessKeys.createAccessKey,
    ListAccessKeys: accessKeys.listAccessKeys,
    UpdateAccessKey: accessKeys.updateAccessKey,
    DeleteAccessKey: accessKeys.deleteAccessKey,
    CreateGroup: groups.createGroup,
    GetGroup: groups.getGroup,
    ListGroups: groups.listGroups,
    UpdateGroup: groups.updateGroup,
    DeleteGroup: groups.deleteGroup,
    AddUserToGroup: groups.addUserToGroup,
    RemoveUserFromGroup: groups.removeUserFromGroup,
    ListGroupsForUser: groups.listGroupsForUser,
    CreateRole: roles.createRole,
    GetRole: roles.getRole,
    ListRoles: roles.listRoles,
    UpdateRole: roles.updateRole,
    UpdateRoleDescription: roles.updateRoleDescription,
    UpdateAssumeRolePolicy: roles.updateAssumeRolePolicy,
    DeleteRole: roles.deleteRole,
    PutRolePermissionsBoundary: roles.putRolePermissionsBoundary,
    DeleteRolePermissionsBoundary: roles.deleteRolePermissionsBoundary,
    TagRole: roles.tagRole,
    UntagRole: roles.untagRole,
    ListRoleTags: roles.listRoleTags,
    CreatePolicy: managed.createPolicy,
    GetPolicy: managed.getPolicy,
    ListPolicies: managed.listPolicies,
    DeletePolicy: managed.deletePolicy,
    CreatePolicyVersion: managed.createPolicyVersion,
    GetPolicyVersion: managed.getPolicyVersion,
    ListPolicyVersions: managed.listPolicyVersions,
    SetDefaultPolicyVersion: managed.setDefaultPolicyVersion,
    DeletePolicyVersion: managed.deletePolicyVersion,
    TagPolicy: managed.tagPolicy,
    UntagPolicy: managed.untagPolicy,
    ListPolicyTags: managed.listPolicyTags,
    AttachUserPolicy: attachments.attachUserPolicy,
    AttachGroupPolicy: attachments.attachGroupPolicy,
    AttachRolePolicy: attachments.attachRolePolicy,
    DetachUserPolicy: attachments.detachUserPolicy,
    DetachGroupPolicy: attachments.detachGroupPolicy,
    DetachRolePolicy: attachments.detachRolePolicy,
    ListAttachedUserPolicies: attachments.listAttachedUserPolicies,
    ListAttachedGroupPolicies: attachments.listAttachedGroupPolicies,
    ListAttachedRolePolicies: attachments.listAttachedRolePolicies,
    ListEntitiesForPolicy: attachments.listEntitiesForPolicy,
    PutUserPolicy: inline.putUserPolicy,
    PutGroupPolicy: inline.putGroupPolicy,
    PutRolePolicy: inline.putRolePolicy,
    GetUserPolicy: inline.getUserPolicy,
    GetGroupPolicy: inline.getGroupPolicy,
    GetRolePolicy: inline.getRolePolicy,
    DeleteUserPolicy: inline.deleteUserPolicy,
    DeleteGroupPolicy: inline.deleteGroupPolicy,
    DeleteRolePolicy: inline.deleteRolePolicy,
    ListUserPolicies: inline.listUserPolicies,
    ListGroupPolicies: inline.listGroupPolicies,
    ListRolePolicies: inline.listRolePolicies,
    CreateInstanceProfile: instanceProfiles.createInstanceProfile,
    GetInstanceProfile: instanceProfiles.getInstanceProfile,
    ListInstanceProfiles: instanceProfiles.listInstanceProfiles,
    ListInstanceProfilesForRole: instanceProfiles.listInstanceProfilesForRole,
    DeleteInstanceProfile: instanceProfiles.deleteInstanceProfile,
    AddRoleToInstanceProfile: instanceProfiles.addRoleToInstanceProfile,
    RemoveRoleFromInstanceProfile: instanceProfiles.removeRoleFromInstanceProfile,
    TagInstanceProfile: instanceProfiles.tagInstanceProfile,
    UntagInstanceProfile: instanceProfiles.untagInstanceProfile,
    ListInstanceProfileTags: instanceProfiles.listInstanceProfileTags,
    GetAccountSummary: account.getAccountSummary,
    GetAccountAuthorizationDetails: account.getAccountAuthorizationDetails,
    SimulateCustomPolicy: simulate.simulateCustomPolicy,
    SimulatePrincipalPolicy: simulate.simulatePrincipalPolicy,
    GetContextKeysForCustomPolicy: simulate.getContextKeysForCustomPolicy,
    GetContextKeysForPrincipalPolicy: simulate.getContextKeysForPrincipalPolicy,
  },
  unsupported: {
    SimulateCustomPolicy: ["OrderedOrganizationPolicyInputList", "ResourceHandlingOption"],
    SimulatePrincipalPolicy: ["ResourceHandlingOption", "PolicyExclusionList"],
  },
  permissions,
  resources,
});
