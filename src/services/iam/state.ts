/**
 * What IAM keeps. IAM is global: nothing here has a region. Names are unique in an account without regard to case, so they are keys in
 * lower case. What belongs to an entity is keyed by the entity's unique id, which never changes; so renaming touches one record.
 *
 *     iam ACCOUNT user             name                 User
 *     iam ACCOUNT group            name                 Group
 *     iam ACCOUNT role             name                 Role
 *     iam ACCOUNT policy           name                 ManagedPolicy
 *     iam ACCOUNT profile          name                 InstanceProfile
 *     iam ACCOUNT id               entity id            EntityName      id → what it is and how it is called
 *     iam ACCOUNT inline           entity id  policy    InlinePolicy
 *     iam ACCOUNT attached         entity id  arn       {}              managed policies of an entity
 *     iam ACCOUNT attached-to      arn  entity id       {}              … and the other way round
 *     iam ACCOUNT bounded          arn  entity id       {}              whom a policy bounds
 *     iam ACCOUNT member           group id  user id    {}
 *     iam ACCOUNT member-of        user id  group id    {}
 *     iam ACCOUNT profile-of       role id  profile     {}
 *     iam ACCOUNT version          policy id  number    PolicyVersion
 *     iam ACCOUNT user-key         user id  access key  {}
 *     iam access-key               access key id        AccessKey       one table: whose key it is, is what is asked
 */
import type { AccountId } from "../../kernel/arn.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export type EntityKind = "user" | "group" | "role";

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** What users, groups and roles have in common. */
export interface Entity {
  readonly name: string;
  /** `AIDA…`, `AGPA…`, `AROA…` */
  readonly id: string;
  /** `/` or `/division/team/` */
  readonly path: string;
  readonly createdMs: number;
}

export interface User extends Entity {
  readonly tags: readonly Tag[];
  /** ARN of the managed policy that bounds it. */
  readonly boundaryArn?: string;
}

export type Group = Entity;

export interface Role extends Entity {
  readonly tags: readonly Tag[];
  readonly boundaryArn?: string;
  readonly description?: string;
  /** JSON text. */
  readonly trustPolicy: string;
  readonly maxSessionSeconds: number;
}

export interface EntityName {
  readonly kind: EntityKind;
  readonly name: string;
}

export interface ManagedPolicy {
  readonly name: string;
  /** `ANPA…` */
  readonly id: string;
  readonly path: string;
  readonly description?: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly defaultVersion: number;
  /** Numbers are never used twice. */
  readonly nextVersion: number;
  /** JSON text of the default version: what authorization reads. */
  readonly document: string;
  readonly tags: readonly Tag[];
}

export interface PolicyVersion {
  readonly number: number;
  readonly document: string;
  readonly createdMs: number;
}

export interface InlinePolicy {
  readonly name: string;
  readonly document: string;
}

export interface InstanceProfile {
  readonly name: string;
  /** `AIPA…` */
  readonly id: string;
  readonly path: string;
  readonly createdMs: number;
  readonly tags: readonly Tag[];
  readonly roleName?: string;
}

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly accountId: AccountId;
  readonly userName: string;
  readonly status: "Active" | "Inactive";
  readonly createdMs: number;
}

export const users = defineRecord<User>("iam.User", 1);
export const groups = defineRecord<Group>("iam.Group", 1);
export const roles = defineRecord<Role>("iam.Role", 1);
export const entityNames = defineRecord<EntityName>("iam.EntityName", 1);
export const managedPolicies = defineRecord<ManagedPolicy>("iam.ManagedPolicy", 1);
export const policyVersions = defineRecord<PolicyVersion>("iam.PolicyVersion", 1);
export const inlinePolicies = defineRecord<InlinePolicy>("iam.InlinePolicy", 1);
export const instanceProfiles = defineRecord<InstanceProfile>("iam.InstanceProfile", 1);
export const accessKeys = defineRecord<AccessKey>("iam.AccessKey", 1);
/** A row that says by its key alone that two things belong together. */
export const links = defineRecord<Record<never, never>>("iam.Link", 1);

export interface KeyRange {
  readonly start: Key;
  readonly end: Key;
}

const named = (noun: string) => (accountId: AccountId, name: string) => key("iam", accountId, noun, name.toLowerCase());
const all = (noun: string) => (accountId: AccountId) => keysUnder("iam", accountId, noun);
const pair = (noun: string) => ({
  key: (accountId: AccountId, first: string, second: string): Key => key("iam", accountId, noun, first, second),
  under: (accountId: AccountId, first: string): KeyRange => keysUnder("iam", accountId, noun, first),
});

export const userKey = named("user");
export const groupKey = named("group");
export const roleKey = named("role");
export const policyKey = named("policy");
export const instanceProfileKey = named("profile");
export const userKeys = all("user");
export const groupKeys = all("group");
export const roleKeys = all("role");
export const policyKeys = all("policy");
export const instanceProfileKeys = all("profile");

export const entityNameKey = (accountId: AccountId, id: string): Key => key("iam", accountId, "id", id);
export const inline = pair("inline");
export const attached = pair("attached");
export const attachedTo = pair("attached-to");
export const bounded = pair("bounded");
export const member = pair("member");
export const memberOf = pair("member-of");
export const profileOf = pair("profile-of");
export const userAccessKey = pair("user-key");

export const versionKey = (accountId: AccountId, policyId: string, number: number): Key =>
  key("iam", accountId, "version", policyId, number);
export const versionKeys = (accountId: AccountId, policyId: string): KeyRange =>
  keysUnder("iam", accountId, "version", policyId);
export const accessKeyKey = (accessKeyId: string): Key => key("iam", "access-key", accessKeyId);
