/** GetDimensionValues and GetTags: what can be asked for. */
import { bill } from "../../metering/bill.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { dimensionOf, filterOf } from "./expressions.ts";
import { spanOf, validation } from "./rules.ts";
import { tagReader } from "./tags.ts";

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetDimensionValues.html */
export const getDimensionValues: Operation<
  InputOf<"ce", "GetDimensionValues">,
  OutputOf<"ce", "GetDimensionValues">
> = (tx, input, context) => {
  if (!input.Dimension) throw validation("Dimension is required.");
  if (input.Context !== undefined && input.Context !== "COST_AND_USAGE")
    throw validation(`Context ${input.Context} has no values here.`);
  const span = spanOf(input.TimePeriod, undefined, context.nowMs);
  const lines = bill(tx, context.accountId, { ...span, granularity: "MONTHLY" }, context.nowMs).filter(
    filterOf(input.Filter, context),
  );
  const values = new Set(lines.map((line) => dimensionOf(line, input.Dimension!, context.accountId)));
  const found = [...values].filter((value) => value.includes(input.SearchString ?? "")).sort();
  return {
    DimensionValues: found.map((Value) => ({ Value, Attributes: {} })),
    ReturnSize: found.length,
    TotalSize: found.length,
  };
};

/** Keys of tags, or the values of one. @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetTags.html */
export const getTags: Operation<InputOf<"ce", "GetTags">, OutputOf<"ce", "GetTags">> = (tx, input, context) => {
  const span = spanOf(input.TimePeriod, undefined, context.nowMs);
  const lines = bill(tx, context.accountId, { ...span, granularity: "MONTHLY" }, context.nowMs).filter(
    filterOf(input.Filter, context),
  );
  const tags = tagReader(context);
  const found = new Set<string>();
  for (const resource of new Set(lines.map((line) => line.resource))) {
    const own = tags(resource);
    if (input.TagKey !== undefined) found.add(own[input.TagKey] ?? "");
    else for (const name of Object.keys(own)) found.add(name);
  }
  const Tags = [...found].filter((value) => value.includes(input.SearchString ?? "")).sort();
  return { Tags, ReturnSize: Tags.length, TotalSize: Tags.length };
};
