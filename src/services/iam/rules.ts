/**
 * Limits and checks of input, before anything is looked up.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
import { invalidInput, limitExceeded, quotaExceeded, validationError } from "./errors.ts";
import type { EntityKind, Tag } from "./state.ts";

export const PAGE_DEFAULT = 100;
export const PAGE_MAX = 1000;
export const ACCESS_KEYS_PER_USER_MAX = 2;
export const GROUPS_PER_USER_MAX = 10;
export const VERSIONS_PER_POLICY_MAX = 5;
export const TAGS_MAX = 50;
/** Attached managed policies per user, group or role. */
export const ATTACHED_MAX = 10;
/** Entities per account. */
export const USERS_MAX = 5000;
export const GROUPS_MAX = 300;
export const ROLES_MAX = 1000;
export const POLICIES_MAX = 1500;
export const INSTANCE_PROFILES_MAX = 1000;
/** Characters of all inline policies of an entity together, white space aside. */
export const INLINE_CHARACTERS_MAX: Record<EntityKind, number> = { user: 2048, group: 5120, role: 10_240 };
/** Characters, white space aside. */
export const MANAGED_POLICY_CHARACTERS_MAX = 6144;
export const TRUST_POLICY_CHARACTERS_MAX = 2048;
export const DOCUMENT_CHARACTERS_MAX = 131_072;
export const SESSION_SECONDS_MIN = 3600;
export const SESSION_SECONDS_MAX = 43_200;

const QUOTA_NOUN: Record<EntityKind, string> = { user: "User", group: "Group", role: "Role" };
const NAME_CHARACTERS_MAX: Record<string, number> = {
  userName: 64,
  newUserName: 64,
  roleName: 64,
  groupName: 128,
  newGroupName: 128,
  policyName: 128,
  instanceProfileName: 128,
};

const violated = (value: string | null, member: string, constraint: string) =>
  validationError(
    `1 validation error detected: Value ${value === null ? "null " : `'${value}' `}at '${member}' failed to satisfy constraint: ${constraint}`,
  );

/** @param member as AWS writes it: `userName` */
export function required(member: string, value: string | undefined): string {
  if (value === undefined) throw violated(null, member, "Member must not be null");
  if (value === "") throw violated("", member, "Member must have length greater than or equal to 1");
  return value;
}

/** A name of a user, group, role, policy or instance profile. */
export function checkName(member: string, value: string | undefined): string {
  const name = required(member, value);
  const max = NAME_CHARACTERS_MAX[member]!;
  if (name.length > max) throw violated(name, member, `Member must have length less than or equal to ${max}`);
  if (!/^[\w+=,.@-]+$/.test(name)) {
    throw validationError(
      `The specified value for ${member} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`,
    );
  }
  return name;
}

/** The path of a new entity; `/` when none is given. */
export function checkPath(value: string | undefined, member = "path"): string {
  const path = value ?? "/";
  if (path.length > 512) throw violated(path, member, "Member must have length less than or equal to 512");
  if (!/^\/([!-.0-~]+\/)*$/.test(path)) {
    throw validationError(
      `The specified value for ${member} is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.`,
    );
  }
  return path;
}

export function checkPathPrefix(value: string | undefined): string {
  if (value === undefined) return "/";
  if (value.length > 512 || !/^\/[!-~]*$/.test(value)) {
    throw validationError(
      "The specified value for pathPrefix is invalid. It must begin with / and contain only alphanumeric characters and/or / characters.",
    );
  }
  return value;
}

export function checkDescription(value: string | undefined): string | undefined {
  if (value !== undefined && value.length > 1000) {
    throw violated(value, "description", "Member must have length less than or equal to 1000");
  }
  return value;
}

export function checkMaxSessionDuration(value: number | undefined): number {
  const seconds = value ?? SESSION_SECONDS_MIN;
  if (seconds < SESSION_SECONDS_MIN) {
    throw violated(
      String(seconds),
      "maxSessionDuration",
      `Member must have value greater than or equal to ${SESSION_SECONDS_MIN}`,
    );
  }
  if (seconds > SESSION_SECONDS_MAX) {
    throw violated(
      String(seconds),
      "maxSessionDuration",
      `Member must have value less than or equal to ${SESSION_SECONDS_MAX}`,
    );
  }
  return seconds;
}

/** A policy document's outer form: length and alphabet. */
export function checkDocument(member: string, value: string | undefined): string {
  const document = required(member, value);
  if (document.length > DOCUMENT_CHARACTERS_MAX) {
    throw violated(document, member, `Member must have length less than or equal to ${DOCUMENT_CHARACTERS_MAX}`);
  }
  if (!/^[\t\n\r\u0020-\u00ff]+$/.test(document)) {
    throw validationError(
      `The specified value for ${member} is invalid. It must contain only printable ASCII characters, line feeds, tabs and carriage returns.`,
    );
  }
  return document;
}

export const charactersOf = (document: string): number => document.replace(/\s/g, "").length;

export function checkManagedPolicySize(document: string): void {
  if (charactersOf(document) > MANAGED_POLICY_CHARACTERS_MAX)
    throw quotaExceeded("PolicySize", MANAGED_POLICY_CHARACTERS_MAX);
}

export function checkTrustPolicySize(document: string): void {
  if (charactersOf(document) > TRUST_POLICY_CHARACTERS_MAX)
    throw quotaExceeded("ACLSizePerRole", TRUST_POLICY_CHARACTERS_MAX);
}

/** @param characters of all inline policies that the entity would have */
export function checkInlineSize(kind: EntityKind, name: string, characters: number): void {
  const max = INLINE_CHARACTERS_MAX[kind];
  if (characters > max) throw limitExceeded(`Maximum policy size of ${max} bytes exceeded for ${kind} ${name}`);
}

export const attachedQuota = (kind: EntityKind) => quotaExceeded(`PoliciesPer${QUOTA_NOUN[kind]}`, ATTACHED_MAX);

/** What is there, with these tags added. Keys are unique without regard to case. */
export function addTags(
  existing: readonly Tag[],
  added: readonly { Key: string | undefined; Value: string | undefined }[],
): Tag[] {
  const seen = new Set<string>();
  const tags = new Map(existing.map((tag) => [tag.Key.toLowerCase(), tag]));
  for (const [index, tag] of added.entries()) {
    const tagKey = required(`tags.${index + 1}.member.key`, tag.Key);
    const value = tag.Value;
    if (value === undefined) throw violated(null, `tags.${index + 1}.member.value`, "Member must not be null");
    if (tagKey.length > 128)
      throw violated(tagKey, `tags.${index + 1}.member.key`, "Member must have length less than or equal to 128");
    if (value.length > 256)
      throw violated(value, `tags.${index + 1}.member.value`, "Member must have length less than or equal to 256");
    const pattern = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+";
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]+$/u.test(tagKey)) {
      throw violated(
        tagKey,
        `tags.${index + 1}.member.key`,
        `Member must satisfy regular expression pattern: ${pattern}`,
      );
    }
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(value)) {
      throw violated(
        value,
        `tags.${index + 1}.member.value`,
        `Member must satisfy regular expression pattern: ${pattern}`,
      );
    }
    if (/^aws:/i.test(tagKey)) throw validationError("System tags cannot be added/updated/removed.");
    const folded = tagKey.toLowerCase();
    if (seen.has(folded))
      throw invalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    seen.add(folded);
    tags.set(folded, { Key: tagKey, Value: value });
  }
  if (tags.size > TAGS_MAX) throw quotaExceeded("TagsPerResource", TAGS_MAX);
  return [...tags.values()];
}

export function removeTags(existing: readonly Tag[], keys: readonly string[] | undefined): Tag[] {
  const removed = new Set((keys ?? []).map((tagKey) => tagKey.toLowerCase()));
  return existing.filter((tag) => !removed.has(tag.Key.toLowerCase()));
}

/** IAM tells times in whole seconds. */
export const inSeconds = (ms: number): Date => new Date(Math.floor(ms / 1000) * 1000);
