/** What the resource types of this service share: deletes that find nothing, tags as lists, patches from changed properties. */
import type { PatchOperation } from "@aws-sdk/client-api-gateway";
import { AwsError } from "../../../kernel/errors.ts";
import type { ResourceContext } from "../../resources.ts";

export const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;
type Tag = { readonly Key: string; readonly Value: string };

/** Deletes that find nothing to delete have succeeded. */
export async function gone(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof AwsError && error.code === "NotFoundException")) throw error;
  });
}

export function definedOnly<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

export function tagsOf(context: ResourceContext, tags: readonly Tag[] | undefined): Record<string, string> {
  return { ...context.tags, ...Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key, Value])) };
}

export async function setTags(
  context: ResourceContext,
  resourceArn: string,
  tags: readonly Tag[] | undefined,
  previous: readonly Tag[] | undefined,
): Promise<void> {
  const wanted = tagsOf(context, tags);
  const tagKeys = (previous ?? []).map(({ Key }) => Key).filter((name) => !(name in wanted));
  if (tagKeys.length > 0) await context.call("apigateway", "UntagResource", { resourceArn, tagKeys });
  if (Object.keys(wanted).length > 0) await context.call("apigateway", "TagResource", { resourceArn, tags: wanted });
}

/** `a/b` → `a~1b` */
export const pathStep = (text: string): string => text.replaceAll("~", "~0").replaceAll("/", "~1");

/** Replaces what changed and removes what went. @param members property name → patch path */
export function scalarPatches(
  members: Readonly<Record<string, string>>,
  now: Readonly<Record<string, unknown>>,
  before: Readonly<Record<string, unknown>>,
): PatchOperation[] {
  return Object.entries(members).flatMap(([name, path]): PatchOperation[] => {
    if (now[name] !== undefined)
      return now[name] === before[name] ? [] : [{ op: "replace", path, value: String(now[name]) }];
    return before[name] === undefined ? [] : [{ op: "remove", path }];
  });
}

export function mapPatches(
  path: string,
  now: Readonly<Record<string, unknown>> | undefined,
  before: Readonly<Record<string, unknown>> | undefined,
): PatchOperation[] {
  const removed = Object.keys(before ?? {}).filter((name) => !(name in (now ?? {})));
  return [
    ...removed.map((name): PatchOperation => ({ op: "remove", path: `${path}/${pathStep(name)}` })),
    ...Object.entries(now ?? {})
      .filter(([name, value]) => before?.[name] !== value)
      .map(
        ([name, value]): PatchOperation => ({ op: "replace", path: `${path}/${pathStep(name)}`, value: String(value) }),
      ),
  ];
}

/** Sets become additions and removals. */
export function listPatches(
  path: string,
  now: readonly string[] | undefined,
  before: readonly string[] | undefined,
): PatchOperation[] {
  return [
    ...(before ?? [])
      .filter((one) => !now?.includes(one))
      .map((one): PatchOperation => ({ op: "remove", path: `${path}/${pathStep(one)}` })),
    ...(now ?? [])
      .filter((one) => !before?.includes(one))
      .map((one): PatchOperation => ({ op: "add", path: `${path}/${pathStep(one)}` })),
  ];
}
