/** Metric filters: log events that match a pattern become datapoints. */
import type { MetricFilter, MetricTransformation } from "@aws-sdk/client-cloudwatch-logs";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { invalidParameter } from "./errors.ts";
import { parseFilterPattern } from "./filter-pattern.ts";
import { readToken, writeToken } from "./groups.ts";
import type { FoundMetric } from "./metrics-found.ts";
import { constraints } from "./rules.ts";
import { type GroupRecord, groupKey, groups, type Place, requireGroup } from "./state.ts";

export interface MetricFilterRecord {
  readonly name: string;
  readonly pattern: string;
  readonly createdMs: number;
  readonly transformation: MetricTransformation;
}
const metricFilters = defineRecord<MetricFilterRecord>("logs.MetricFilter", 1);
const filterKey = (at: Place, groupId: string, name: string): Key =>
  key("logs", at.accountId, at.region, "metric-filter", groupId, name);
export const filterRange = (at: Place, groupId: string) =>
  keysUnder("logs", at.accountId, at.region, "metric-filter", groupId);

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html */
const FILTERS_MAX = 100;
const DIMENSIONS_MAX = 3;
const PAGE_MAX = 50;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const FIELD = /^\$(?:\.[A-Za-z0-9_@#-]+|\[\d+\])+$/;

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html */
export const putMetricFilter: Operation<InputOf<"logs", "PutMetricFilter">, OutputOf<"logs", "PutMetricFilter">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.streamName(input.filterName, "filterName");
  found.required("filterPattern", input.filterPattern);
  found.required("metricTransformations", input.metricTransformations);
  found.check();
  if (input.metricTransformations!.length !== 1)
    throw invalidParameter("Exactly one metric transformation is required.");
  const transformation = checked(input.metricTransformations![0]!, input.filterPattern!);
  parseFilterPattern(input.filterPattern!);
  const group = requireGroup(tx, context, input.logGroupName!);
  const place = filterKey(context, group.id, input.filterName!);
  const known = metricFilters.get(tx, place);
  const count = group.metricFilters ?? 0;
  if (!known && count >= FILTERS_MAX) throw new AwsError("LimitExceededException", "Resource limit exceeded.");
  metricFilters.put(tx, place, {
    name: input.filterName!,
    pattern: input.filterPattern!,
    createdMs: known?.createdMs ?? context.nowMs,
    transformation,
  });
  if (!known) groups.put(tx, groupKey(context, group.name), { ...group, metricFilters: count + 1 });
  return {};
};

function checked(transformation: MetricTransformation, pattern: string): MetricTransformation {
  const { metricName, metricNamespace, metricValue, dimensions, defaultValue } = transformation;
  for (const [member, value] of Object.entries({ metricName, metricNamespace, metricValue })) {
    if (!value) throw invalidParameter(`metricTransformations.1.member.${member} must not be empty`);
  }
  const isJson = pattern.trim().startsWith("{");
  const known = NUMBER.test(metricValue!) || (isJson && FIELD.test(metricValue!));
  if (!known && metricValue!.startsWith("$") && !isJson)
    throw notImplemented(`the metric value ${metricValue}: fields of space-delimited patterns`);
  if (!known) throw invalidParameter("Invalid metric transformation: metricValue must be a number or a field");
  const fields = Object.values(dimensions ?? {});
  if (fields.length > DIMENSIONS_MAX) throw invalidParameter(`At most ${DIMENSIONS_MAX} dimensions are allowed.`);
  if (fields.length > 0 && defaultValue !== undefined)
    throw invalidParameter(
      "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
    );
  for (const field of fields) {
    if (!isJson || !FIELD.test(field))
      throw notImplemented(`the dimension ${field} of a metric filter: fields of JSON alone`);
  }
  return transformation;
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteMetricFilter.html */
export const deleteMetricFilter: Operation<
  InputOf<"logs", "DeleteMetricFilter">,
  OutputOf<"logs", "DeleteMetricFilter">
> = (tx, input, context) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.streamName(input.filterName, "filterName");
  found.check();
  const group = requireGroup(tx, context, input.logGroupName!);
  const place = filterKey(context, group.id, input.filterName!);
  if (!metricFilters.get(tx, place))
    throw new AwsError("ResourceNotFoundException", "The specified metric filter does not exist.");
  tx.delete(place);
  groups.put(tx, groupKey(context, group.name), { ...group, metricFilters: (group.metricFilters ?? 1) - 1 });
  return {};
};

/** By group and prefix, or by the metric that they make. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeMetricFilters.html */
export const describeMetricFilters: Operation<
  InputOf<"logs", "DescribeMetricFilters">,
  OutputOf<"logs", "DescribeMetricFilters">
> = (tx, input, context) => {
  const found = constraints();
  if (input.logGroupName !== undefined) found.groupName(input.logGroupName);
  found.range("limit", input.limit, 1, PAGE_MAX);
  found.check();
  if ((input.metricName === undefined) !== (input.metricNamespace === undefined))
    throw invalidParameter("metricName and metricNamespace must be given together.");
  const limit = input.limit ?? PAGE_MAX;
  const chosen: GroupRecord[] =
    input.logGroupName === undefined
      ? [...groups.range(tx, ...rangeOfGroups(context))].map(([, group]) => group)
      : [requireGroup(tx, context, input.logGroupName)];
  const from = input.nextToken === undefined ? "" : readToken(input.nextToken);
  const page: MetricFilter[] = [];
  for (const group of chosen) {
    if (!group.metricFilters) continue;
    for (const filter of metricFiltersOf(tx, context, group.id)) {
      const position = `${group.name}\n${filter.name}`;
      const { metricName, metricNamespace } = filter.transformation;
      if (position <= from || !filter.name.startsWith(input.filterNamePrefix ?? "")) continue;
      if (
        input.metricName !== undefined &&
        (metricName !== input.metricName || metricNamespace !== input.metricNamespace)
      )
        continue;
      if (page.length === limit) {
        const last = page.at(-1)!;
        return { metricFilters: page, nextToken: writeToken(`${last.logGroupName}\n${last.filterName}`) };
      }
      page.push({
        filterName: filter.name,
        filterPattern: filter.pattern,
        metricTransformations: [filter.transformation],
        creationTime: filter.createdMs,
        logGroupName: group.name,
      });
    }
  }
  return { metricFilters: page };
};

function rangeOfGroups(at: Place): [Key, Key] {
  const { start, end } = keysUnder("logs", at.accountId, at.region, "group");
  return [start, end];
}

export function metricFiltersOf(tx: Transaction, at: Place, groupId: string): MetricFilterRecord[] {
  const { start, end } = filterRange(at, groupId);
  return [...metricFilters.range(tx, start, end)].map(([, filter]) => filter);
}

/** What a filter makes of one batch of events. The default value stands for a batch in which nothing matched. */
export function filteredMetrics(
  { pattern, transformation }: MetricFilterRecord,
  batch: readonly { readonly timestamp: number; readonly message: string }[],
): FoundMetric[] {
  const matches = parseFilterPattern(pattern);
  const { metricName, metricNamespace, metricValue, defaultValue, dimensions, unit } = transformation;
  const shared = {
    MetricName: metricName!,
    ...(unit === undefined ? {} : { Unit: unit as NonNullable<FoundMetric["datum"]["Unit"]> }),
  };
  const found: FoundMetric[] = [];
  for (const { timestamp, message } of batch) {
    if (!matches(message)) continue;
    const value = NUMBER.test(metricValue!) ? Number(metricValue) : Number(field(message, metricValue!) ?? Number.NaN);
    if (!Number.isFinite(value)) continue;
    const Dimensions = Object.entries(dimensions ?? {}).map(([Name, path]) => ({
      Name,
      Value: String(field(message, path) ?? ""),
    }));
    // Without one of its dimensions an event makes no datapoint.
    if (Dimensions.some(({ Value }) => Value === "")) continue;
    found.push({ namespace: metricNamespace!, atMs: timestamp, datum: { ...shared, Dimensions, Value: value } });
  }
  if (found.length === 0 && defaultValue !== undefined && batch.length > 0) {
    const atMs = batch.at(-1)!.timestamp;
    found.push({ namespace: metricNamespace!, atMs, datum: { ...shared, Value: defaultValue } });
  }
  return found;
}

/** `$.a.b[0]` of a JSON message. */
function field(message: string, path: string): unknown {
  let value: any;
  try {
    value = JSON.parse(message);
  } catch {
    return undefined;
  }
  for (const [, name, index] of path.matchAll(/\.([^.[]+)|\[(\d+)\]/g)) value = value?.[name ?? Number(index)];
  return typeof value === "object" ? undefined : value;
}
