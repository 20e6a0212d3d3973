/** Instance profiles: stored and listed, for templates that declare them. No instance is there to use one. */
import { type AccountId, arn } from "../../kernel/arn.ts";
import { iamId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { checkQuota, findEntity, linked } from "./entities.ts";
import { deleteConflict, entityAlreadyExists, noSuchEntity, quotaExceeded } from "./errors.ts";
import { pageOf, readPage } from "./pages.ts";
import { describeRole } from "./roles.ts";
import {
  addTags,
  checkName,
  checkPath,
  checkPathPrefix,
  INSTANCE_PROFILES_MAX,
  inSeconds,
  removeTags,
} from "./rules.ts";
import {
  type InstanceProfile,
  instanceProfileKey,
  instanceProfileKeys,
  instanceProfiles,
  links,
  profileOf,
  type Role,
  roleKey,
  roles,
} from "./state.ts";

type InstanceProfileOutput = NonNullable<OutputOf<"iam", "GetInstanceProfile">["InstanceProfile"]>;

export function createInstanceProfile(
  tx: Transaction,
  input: InputOf<"iam", "CreateInstanceProfile">,
  context: OperationContext,
): OutputOf<"iam", "CreateInstanceProfile"> {
  const { accountId } = context;
  const name = checkName("instanceProfileName", input.InstanceProfileName);
  const path = checkPath(input.Path);
  const tags = addTags([], input.Tags ?? []);
  const key = instanceProfileKey(accountId, name);
  if (instanceProfiles.get(tx, key)) throw entityAlreadyExists(`Instance Profile ${name} already exists.`);
  checkQuota(tx, instanceProfileKeys(accountId), "InstanceProfilesPerAccount", INSTANCE_PROFILES_MAX);
  const profile: InstanceProfile = { name, id: iamId(context.random, "AIPA"), path, createdMs: context.nowMs, tags };
  instanceProfiles.put(tx, key, profile);
  return { InstanceProfile: describe(tx, accountId, profile) };
}

export function getInstanceProfile(
  tx: Transaction,
  input: InputOf<"iam", "GetInstanceProfile">,
  context: OperationContext,
): OutputOf<"iam", "GetInstanceProfile"> {
  return { InstanceProfile: describe(tx, context.accountId, find(tx, context.accountId, input.InstanceProfileName)) };
}

export function listInstanceProfiles(
  tx: Transaction,
  input: InputOf<"iam", "ListInstanceProfiles">,
  context: OperationContext,
): OutputOf<"iam", "ListInstanceProfiles"> {
  const prefix = checkPathPrefix(input.PathPrefix);
  const page = readPage(tx, instanceProfiles, instanceProfileKeys(context.accountId), input, (profile) =>
    profile.path.startsWith(prefix) ? describe(tx, context.accountId, profile) : undefined,
  );
  return { InstanceProfiles: page.items, ...page.position };
}

export function listInstanceProfilesForRole(
  tx: Transaction,
  input: InputOf<"iam", "ListInstanceProfilesForRole">,
  context: OperationContext,
): OutputOf<"iam", "ListInstanceProfilesForRole"> {
  const role = findEntity(tx, context.accountId, "role", input.RoleName);
  const page = pageOf(profilesOfRole(tx, context.accountId, role), input);
  return { InstanceProfiles: page.items, ...page.position };
}

export function profilesOfRole(tx: Transaction, accountId: AccountId, role: Role): InstanceProfileOutput[] {
  return linked(tx, profileOf.under(accountId, role.id)).map((name) =>
    describe(tx, accountId, instanceProfiles.get(tx, instanceProfileKey(accountId, name))!),
  );
}

export function deleteInstanceProfile(
  tx: Transaction,
  input: InputOf<"iam", "DeleteInstanceProfile">,
  context: OperationContext,
): OutputOf<"iam", "DeleteInstanceProfile"> {
  const profile = find(tx, context.accountId, input.InstanceProfileName);
  if (profile.roleName !== undefined) {
    throw deleteConflict("Cannot delete entity, must remove roles from instance profile first.");
  }
  tx.delete(instanceProfileKey(context.accountId, profile.name));
  return {};
}

/** @throws NoSuchEntity, LimitExceeded: a profile holds one role */
export function addRoleToInstanceProfile(
  tx: Transaction,
  input: InputOf<"iam", "AddRoleToInstanceProfile">,
  context: OperationContext,
): OutputOf<"iam", "AddRoleToInstanceProfile"> {
  const { accountId } = context;
  const profile = find(tx, accountId, input.InstanceProfileName);
  const role = findEntity(tx, accountId, "role", input.RoleName);
  if (profile.roleName !== undefined) throw quotaExceeded("InstanceSessionsPerInstanceProfile", 1);
  instanceProfiles.put(tx, instanceProfileKey(accountId, profile.name), { ...profile, roleName: role.name });
  links.put(tx, profileOf.key(accountId, role.id, profile.name), {});
  return {};
}

export function removeRoleFromInstanceProfile(
  tx: Transaction,
  input: InputOf<"iam", "RemoveRoleFromInstanceProfile">,
  context: OperationContext,
): OutputOf<"iam", "RemoveRoleFromInstanceProfile"> {
  const { accountId } = context;
  const { roleName, ...profile } = find(tx, accountId, input.InstanceProfileName);
  const role = findEntity(tx, accountId, "role", input.RoleName);
  if (roleName !== role.name)
    throw noSuchEntity(`Role ${role.name} in Instance Profile ${profile.name} cannot be found.`);
  instanceProfiles.put(tx, instanceProfileKey(accountId, profile.name), profile);
  tx.delete(profileOf.key(accountId, role.id, profile.name));
  return {};
}

export function tagInstanceProfile(
  tx: Transaction,
  input: InputOf<"iam", "TagInstanceProfile">,
  context: OperationContext,
): OutputOf<"iam", "TagInstanceProfile"> {
  const profile = find(tx, context.accountId, input.InstanceProfileName);
  const tags = addTags(profile.tags, input.Tags ?? []);
  instanceProfiles.put(tx, instanceProfileKey(context.accountId, profile.name), { ...profile, tags });
  return {};
}

export function untagInstanceProfile(
  tx: Transaction,
  input: InputOf<"iam", "UntagInstanceProfile">,
  context: OperationContext,
): OutputOf<"iam", "UntagInstanceProfile"> {
  const profile = find(tx, context.accountId, input.InstanceProfileName);
  const tags = removeTags(profile.tags, input.TagKeys);
  instanceProfiles.put(tx, instanceProfileKey(context.accountId, profile.name), { ...profile, tags });
  return {};
}

export function listInstanceProfileTags(
  tx: Transaction,
  input: InputOf<"iam", "ListInstanceProfileTags">,
  context: OperationContext,
): OutputOf<"iam", "ListInstanceProfileTags"> {
  const page = pageOf(find(tx, context.accountId, input.InstanceProfileName).tags, input);
  return { Tags: page.items, ...page.position };
}

function find(tx: Transaction, accountId: AccountId, given: string | undefined): InstanceProfile {
  const name = checkName("instanceProfileName", given);
  const profile = instanceProfiles.get(tx, instanceProfileKey(accountId, name));
  if (!profile) throw noSuchEntity(`Instance Profile ${name} cannot be found.`);
  return profile;
}

function describe(tx: Transaction, accountId: AccountId, profile: InstanceProfile): InstanceProfileOutput {
  const role = profile.roleName === undefined ? undefined : roles.get(tx, roleKey(accountId, profile.roleName));
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: arn("iam", "", accountId, `instance-profile${profile.path}${profile.name}`),
    CreateDate: inSeconds(profile.createdMs),
    Roles: role ? [describeRole(accountId, role, { brief: true })] : [],
    ...(profile.tags.length === 0 ? {} : { Tags: [...profile.tags] }),
  };
}
