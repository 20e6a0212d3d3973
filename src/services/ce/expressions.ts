/** Filters and groups: which lines of a bill are meant, and under which names they are summed. */
import type { Expression, GroupDefinition } from "@aws-sdk/client-cost-explorer";
import { notImplemented } from "../../kernel/errors.ts";
import type { BillLine } from "../../metering/bill.ts";
import type { OperationContext } from "../service.ts";
import { validation } from "./rules.ts";
import { type Tags, tagReader } from "./tags.ts";

const DEPTH_MAX = 20;

/** A bill line with what only its resource knows. */
export type Reader = (line: BillLine) => Tags;

export function dimensionOf(line: BillLine, name: string, accountId: string): string {
  switch (name) {
    case "SERVICE":
      return line.service;
    case "USAGE_TYPE":
      return line.usageType;
    case "REGION":
      return line.region;
    case "LINKED_ACCOUNT":
      return accountId;
    case "RECORD_TYPE":
      return "Usage";
    case "RESOURCE_ID":
      return line.resource;
    default:
      throw notImplemented(`the Cost Explorer dimension ${name}`);
  }
}

export type Filter = (line: BillLine) => boolean;

export function filterOf(expression: Expression | undefined, context: OperationContext, depth = 0): Filter {
  if (!expression) return () => true;
  if (depth > DEPTH_MAX) throw validation("The filter is nested too deeply.");
  const { And, Or, Not, Dimensions, Tags, CostCategories } = expression;
  if (CostCategories) throw notImplemented("Filter.CostCategories of Cost Explorer");
  const given = [And, Or, Not, Dimensions, Tags].filter((part) => part !== undefined);
  if (given.length !== 1) throw validation("An expression must have exactly one of And, Or, Not, Dimensions and Tags.");
  if (And ?? Or) {
    const parts = (And ?? Or)!.map((part) => filterOf(part, context, depth + 1));
    return And ? (line) => parts.every((part) => part(line)) : (line) => parts.some((part) => part(line));
  }
  if (Not) {
    const inner = filterOf(Not, context, depth + 1);
    return (line) => !inner(line);
  }
  const { Key, Values = [], MatchOptions = ["EQUALS"] } = (Dimensions ?? Tags)!;
  const unknown = MatchOptions.find((option) => option !== "EQUALS" && option !== "CASE_SENSITIVE");
  if (unknown) throw notImplemented(`the Cost Explorer MatchOptions ${unknown}`);
  if (!Key) throw validation("Key is required.");
  const values: readonly string[] = Values;
  if (Dimensions) return (line) => values.includes(dimensionOf(line, Key, context.accountId));
  const tags = tagReader(context);
  return (line) => values.includes(tags(line.resource)[Key] ?? "");
}

/** The names that a line is summed under, one for each group. */
export function groupsOf(
  groups: readonly GroupDefinition[] | undefined,
  context: OperationContext,
  withResources: boolean,
): ((line: BillLine) => string)[] {
  if ((groups?.length ?? 0) > 2) throw validation("The number of GroupBy keys exceeds the limit of 2.");
  return (groups ?? []).map(({ Type, Key }) => {
    if (!Key) throw validation("GroupBy requires a Key.");
    if (Type === "TAG") {
      const tags = tagReader(context);
      return (line) => `${Key}$${tags(line.resource)[Key] ?? ""}`;
    }
    if (Type !== "DIMENSION") throw notImplemented(`GroupBy of the type ${Type ?? "none"}`);
    if (Key === "RESOURCE_ID" && !withResources)
      throw validation("RESOURCE_ID is a group of GetCostAndUsageWithResources alone.");
    return (line) => dimensionOf(line, Key, context.accountId);
  });
}
