/** Limits of EventBridge, and the checks that its operations share. @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html */
import { parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { type Page, pageOf as page } from "../validation-common/pages.ts";
import { busDoesNotExist, validation } from "./errors.ts";
import { type Bus, Buses, busKey, DEFAULT_BUS, type Where } from "./state.ts";

export const PUT_ENTRIES_MAX = 10;
/** Of all entries of one PutEvents, by EventBridge's own way of counting. */
export const PUT_BYTES_MAX = 256 * 1024;
export const BUSES_MAX = 100;
export const RULES_PER_BUS_MAX = 300;
export const TARGETS_PER_RULE_MAX = 5;
export const PATTERN_CHARACTERS_MAX = 4096;
export const INPUT_CHARACTERS_MAX = 8192;
export const INPUT_PATHS_MAX = 100;
export const POLICY_CHARACTERS_MAX = 10_240;
export const TAGS_MAX = 50;
export const PAGE_MAX = 100;

const BUS_NAME = /^[/.\-_A-Za-z0-9]+$/;
const BUS_NAME_OR_ARN = /^(arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/.\-_A-Za-z0-9]+$/;
const RULE_NAME = /^[.\-_A-Za-z0-9]+$/;

/** The bus that a request means: absent, by name or by ARN, perhaps of another account. */
export function locateBus(
  at: Where,
  nameOrArn: string | undefined,
  member = "eventBusName",
): Where & { readonly name: string } {
  if (nameOrArn === undefined) return { accountId: at.accountId, region: at.region, name: DEFAULT_BUS };
  new Constraints()
    .length(member, nameOrArn, 1, 1600)
    .pattern(
      member,
      nameOrArn,
      BUS_NAME_OR_ARN,
      "(arn:aws[\\w-]*:events:[a-z]+-[a-z]+-[\\w-]+:[0-9]{12}:event-bus\\/)?[/\\.\\-_A-Za-z0-9]+",
    )
    .check();
  const parts = parseArn(nameOrArn);
  if (!parts) return { accountId: at.accountId, region: at.region, name: nameOrArn };
  return { accountId: parts.accountId, region: parts.region, name: parts.resource.slice("event-bus/".length) };
}

/** @throws ResourceNotFoundException */
export function requireBus(tx: Transaction, at: Where, name: string): Bus {
  const bus = findBus(tx, at, name);
  if (!bus) throw busDoesNotExist(name);
  return bus;
}

/** The default bus is always there. */
export function findBus(tx: Transaction, at: Where, name: string): Bus | undefined {
  const bus = Buses.get(tx, busKey(at, name));
  if (bus || name !== DEFAULT_BUS) return bus;
  return { name, createdMs: 0, modifiedMs: 0, tags: {} };
}

export function checkNewBusName(name: string | undefined): string {
  new Constraints()
    .required("name", name)
    .length("name", name, 1, 256)
    .pattern("name", name, BUS_NAME, "[/\\.\\-_A-Za-z0-9]+")
    .check();
  if (name!.includes("/")) throw validation("Event bus name must not contain '/'.");
  return name!;
}

export function checkRuleName(name: string | undefined, member = "name"): string {
  new Constraints()
    .required(member, name)
    .length(member, name, 1, 64)
    .pattern(member, name, RULE_NAME, "[\\.\\-_A-Za-z0-9]+")
    .check();
  return name!;
}

/** Tags as they are kept. */
export function tagsOf(
  tags: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Record<string, string> {
  const found = new Constraints();
  for (const { Key, Value } of tags ?? []) {
    found.required("tags.member.key", Key).length("tags.member.key", Key, 1, 128);
    found.required("tags.member.value", Value).length("tags.member.value", Value, 0, 256);
  }
  found.check();
  const kept = Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key!, Value!]));
  if (Object.keys(kept).length > TAGS_MAX) throw validation(`A resource has at most ${TAGS_MAX} tags.`);
  return kept;
}

/** A page as EventBridge's requests ask for it. */
export function pageOf<T>(
  found: Iterable<T>,
  nameOf: (item: T) => string,
  { Limit, NextToken }: { readonly Limit?: number | undefined; readonly NextToken?: string | undefined },
): Page<T> {
  new Constraints().range("limit", Limit, 1, PAGE_MAX).check();
  return page(found, nameOf, { limit: Limit ?? PAGE_MAX, token: NextToken });
}
