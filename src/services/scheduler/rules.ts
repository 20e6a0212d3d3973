/** Limits and checks of the Scheduler. @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html */
import type { Transaction } from "../../storage/transaction.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { type Page, pageOf as page } from "../validation-common/pages.ts";
import { groupDoesNotExist, validation } from "./errors.ts";
import { DEFAULT_GROUP, type Group, Groups, groupKey, type Where } from "./state.ts";

export const GROUPS_MAX = 500;
export const PAGE_MAX = 100;
export const TAGS_MAX = 50;
export const INPUT_CHARACTERS_MAX = 256 * 1024;
/** A start may lie so far back, for clocks that differ. */
export const START_TOLERANCE_MS = 5 * 60_000;

const NAME = /^[0-9a-zA-Z\-_.]+$/;

export function checkName(name: string | undefined, member = "name"): string {
  new Constraints()
    .required(member, name)
    .length(member, name, 1, 64)
    .pattern(member, name, NAME, "[0-9a-zA-Z-_.]+")
    .check();
  return name!;
}

export const groupNameOf = (name: string | undefined): string =>
  name === undefined ? DEFAULT_GROUP : checkName(name, "groupName");

/** The default group is always there. @throws ResourceNotFoundException */
export function requireGroup(tx: Transaction, at: Where, name: string): Group {
  const group = Groups.get(tx, groupKey(at, name));
  if (group) return group;
  if (name !== DEFAULT_GROUP) throw groupDoesNotExist(name);
  return { name, createdMs: 0, modifiedMs: 0, tags: {} };
}

type GivenTags = readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined;

export function tagsOf(tags: GivenTags): Record<string, string> {
  const found = new Constraints();
  for (const { Key, Value } of tags ?? []) {
    found.required("tags.member.key", Key).length("tags.member.key", Key, 1, 128);
    found.required("tags.member.value", Value).length("tags.member.value", Value, 1, 256);
  }
  found.check();
  const kept = Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key!, Value!]));
  if (Object.keys(kept).length > TAGS_MAX) throw validation(`A schedule group has at most ${TAGS_MAX} tags.`);
  return kept;
}

/** A page as the Scheduler's requests ask for it. */
export function pageOf<T>(
  found: Iterable<T>,
  nameOf: (item: T) => string,
  { MaxResults, NextToken }: { readonly MaxResults?: number | undefined; readonly NextToken?: string | undefined },
): Page<T> {
  new Constraints().range("maxResults", MaxResults, 1, PAGE_MAX).check();
  return page(found, nameOf, { limit: MaxResults ?? PAGE_MAX, token: NextToken });
}
