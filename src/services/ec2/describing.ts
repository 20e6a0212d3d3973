/** What all Describe operations share: ids, filters, pages; and tags given at creation. @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html */
import type { Filter, TagSpecification } from "@aws-sdk/client-ec2";
import type { Transaction } from "../../storage/transaction.ts";
import { invalidValue, notFound } from "./errors.ts";
import { allOf, described, type Kind, type Place, type Resource, Resources, resourceKey } from "./state.ts";

const PAGE_MAX = 1000;
const TAGS_MAX = 50;

/** @throws the kind's NotFound */
export function find(tx: Transaction, at: Place, kind: Kind, id: string | undefined): Resource {
  const found = id === undefined ? undefined : Resources.get(tx, resourceKey(at, kind, id));
  if (!found) throw notFound(kind, id ?? "");
  return found;
}

/** Tags of a creation that are meant for this kind. @throws InvalidParameterValue */
export function tagsFor(kind: Kind, specifications: readonly TagSpecification[] | undefined): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const { ResourceType, Tags = [] } of specifications ?? []) {
    if (ResourceType !== kind)
      throw invalidValue(`'${ResourceType}' is not a valid taggable resource type for this operation.`);
    for (const { Key, Value = "" } of Tags) tags[Key!] = Value;
  }
  checkTags(tags);
  return tags;
}

export function checkTags(tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length > TAGS_MAX) throw invalidValue(`A resource has at most ${TAGS_MAX} tags.`);
  for (const name of Object.keys(tags)) {
    if (/^aws:(?!cloudformation:)/i.test(name))
      throw invalidValue("Tag keys starting with 'aws:' are reserved for internal use");
  }
}

interface Description {
  readonly Filters?: readonly Filter[] | undefined;
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** What a filter compares, by its name: values of the resource. */
export type Filterable = Readonly<Record<string, (shape: any) => unknown>>;

/**
 * @param ids named ones; each must exist
 * @param filterable names besides `tag:KEY` and `tag-key`
 * @throws the kind's NotFound, InvalidParameterValue for a filter that the kind does not have
 */
export function describe(
  tx: Transaction,
  at: Place,
  kind: Kind,
  ids: readonly string[] | undefined,
  { Filters = [], MaxResults, NextToken }: Description,
  filterable: Filterable,
): { readonly found: any[]; readonly NextToken?: string } {
  const resources = ids?.length ? ids.map((id) => find(tx, at, kind, id)) : allOf(tx, at, kind);
  const passing = resources.filter((resource) => Filters.every((filter) => passes(resource, filter, filterable)));
  const size = Math.min(MaxResults ?? PAGE_MAX, PAGE_MAX);
  const from = NextToken === undefined ? 0 : Number(Buffer.from(NextToken, "base64").toString());
  if (!Number.isInteger(from) || from < 0) throw invalidValue("The token is not valid.");
  return {
    found: passing.slice(from, from + size).map(described),
    ...(from + size < passing.length ? { NextToken: Buffer.from(String(from + size)).toString("base64") } : {}),
  };
}

function passes(resource: Resource, { Name = "", Values = [] }: Filter, filterable: Filterable): boolean {
  const wanted = Values.map(patternOf);
  const meets = (value: unknown): boolean =>
    Array.isArray(value)
      ? value.some(meets)
      : value !== undefined && wanted.some((pattern) => pattern.test(String(value)));
  if (Name.startsWith("tag:")) return meets(resource.tags[Name.slice("tag:".length)]);
  if (Name === "tag-key") return meets(Object.keys(resource.tags));
  const pick = filterable[Name];
  if (!pick) throw invalidValue(`The filter '${Name}' is invalid`);
  return meets(pick(resource.shape));
}

/** `*` and `?` are wild, unless a backslash precedes them. */
function patternOf(value: string): RegExp {
  const source = value.replace(/\\[*?\\]|[*?]|[.+^${}()|[\]]/g, (found) =>
    found === "*" ? ".*" : found === "?" ? "." : found.startsWith("\\") ? found : `\\${found}`,
  );
  return new RegExp(`^${source}$`, "s");
}
