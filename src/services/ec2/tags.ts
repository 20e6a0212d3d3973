/** Tags of whatever an id names. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { checkTags, find } from "./describing.ts";
import { invalidValue } from "./errors.ts";
import { allOf, type Kind, kindOf, PREFIXES, type Resource, Resources, resourceKey } from "./state.ts";

function retag(
  tx: Transaction,
  context: OperationContext,
  id: string,
  edit: (tags: Resource["tags"]) => Record<string, string>,
): void {
  const kind = kindOf(id);
  if (!kind) throw invalidValue(`The ID '${id}' is not valid`);
  const found = find(tx, context, kind, id);
  const tags = edit(found.tags);
  checkTags(tags);
  Resources.put(tx, resourceKey(context, kind, id), { ...found, tags });
}

export function createTags(
  tx: Transaction,
  input: InputOf<"ec2", "CreateTags">,
  context: OperationContext,
): OutputOf<"ec2", "CreateTags"> {
  const added = Object.fromEntries((input.Tags ?? []).map(({ Key, Value = "" }) => [Key!, Value]));
  for (const id of input.Resources ?? []) retag(tx, context, id, (tags) => ({ ...tags, ...added }));
  return {};
}

/** A tag given with a value goes only if it has that value; without tags all go. */
export function deleteTags(
  tx: Transaction,
  input: InputOf<"ec2", "DeleteTags">,
  context: OperationContext,
): OutputOf<"ec2", "DeleteTags"> {
  const gone = ([name, value]: [string, string]): boolean =>
    input.Tags === undefined ||
    input.Tags.some(({ Key, Value }) => Key === name && (Value === undefined || Value === value));
  for (const id of input.Resources ?? []) {
    retag(tx, context, id, (tags) => Object.fromEntries(Object.entries(tags).filter((tag) => !gone(tag))));
  }
  return {};
}

export function describeTags(
  tx: Transaction,
  { Filters = [] }: InputOf<"ec2", "DescribeTags">,
  context: OperationContext,
): OutputOf<"ec2", "DescribeTags"> {
  const all = (Object.keys(PREFIXES) as Kind[]).flatMap((kind) =>
    allOf(tx, context, kind).flatMap(({ id, tags }) =>
      Object.entries(tags).map(([Key, Value]) => ({ Key, Value, ResourceId: id, ResourceType: kind })),
    ),
  );
  const members = { key: "Key", value: "Value", "resource-id": "ResourceId", "resource-type": "ResourceType" } as const;
  const passing = all.filter((tag) =>
    Filters.every(({ Name = "", Values = [] }) => {
      const member = members[Name as keyof typeof members];
      if (member === undefined) throw invalidValue(`The filter '${Name}' is invalid`);
      return Values.includes(tag[member]);
    }),
  );
  return { Tags: passing };
}
