/** GetCostAndUsage, and the same by resource. */
import type { GroupDefinition, MetricValue, ResultByTime } from "@aws-sdk/client-cost-explorer";
import { notImplemented } from "../../kernel/errors.ts";
import { type BillLine, bill } from "../../metering/bill.ts";
import { PRICE_LIST } from "../../metering/prices.ts";
import { type Granularity, monthStart } from "../../metering/usage.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { filterOf, groupsOf } from "./expressions.ts";
import { amountText, granularityOf, spanOf, validation, written } from "./rules.ts";

type Input = Omit<InputOf<"ce", "GetCostAndUsage">, "Metrics"> & { readonly Metrics?: string[] | undefined };

const COSTS: readonly string[] = [
  "AmortizedCost",
  "BlendedCost",
  "NetAmortizedCost",
  "NetUnblendedCost",
  "UnblendedCost",
];

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html */
export const getCostAndUsage: Operation<InputOf<"ce", "GetCostAndUsage">, OutputOf<"ce", "GetCostAndUsage">> = (
  tx,
  input,
  context,
) => costs(tx, input, context, false);

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsageWithResources.html */
export const getCostAndUsageWithResources: Operation<
  InputOf<"ce", "GetCostAndUsageWithResources">,
  OutputOf<"ce", "GetCostAndUsageWithResources">
> = (tx, input, context) => {
  if (!input.Filter) throw validation("Filter is required.");
  return costs(tx, input, context, true);
};

function costs(tx: Transaction, input: Input, context: OperationContext, withResources: boolean) {
  const granularity = granularityOf(input.Granularity);
  const { fromMs, toMs } = spanOf(input.TimePeriod, granularity, context.nowMs);
  if (!input.Metrics?.length) throw validation("Metrics is required.");
  for (const metric of input.Metrics) {
    if (metric === "NormalizedUsageAmount") throw notImplemented("the Cost Explorer metric NormalizedUsageAmount");
    if (metric !== "UsageQuantity" && !COSTS.includes(metric)) throw validation(`Metric ${metric} is invalid.`);
  }
  const filter = filterOf(input.Filter, context);
  const groups = groupsOf(input.GroupBy, context, withResources);
  const lines = bill(tx, context.accountId, { fromMs, toMs, granularity }, context.nowMs).filter(filter);
  const byStep = Map.groupBy(lines, ({ startMs }) => startMs);
  const ResultsByTime = [...steps(fromMs, toMs, granularity)].map(([startMs, endMs]): ResultByTime => {
    const own = byStep.get(startMs) ?? [];
    const TimePeriod = { Start: written(startMs, granularity), End: written(endMs, granularity) };
    // What lies in the current month may still change.
    const Estimated = endMs > monthStart(context.nowMs);
    if (groups.length === 0) return { TimePeriod, Total: totals(own, input.Metrics!), Groups: [], Estimated };
    const grouped = Map.groupBy(own, (line) => JSON.stringify(groups.map((name) => name(line))));
    return {
      TimePeriod,
      Total: {},
      Groups: [...grouped]
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([keys, members]) => ({ Keys: JSON.parse(keys), Metrics: totals(members, input.Metrics!) })),
      Estimated,
    };
  });
  return {
    ...(input.GroupBy ? { GroupDefinitions: input.GroupBy as GroupDefinition[] } : {}),
    ResultsByTime,
    DimensionValueAttributes: [],
  };
}

function* steps(fromMs: number, toMs: number, granularity: Granularity): Generator<[number, number]> {
  const lengthMs = granularity === "HOURLY" ? 3_600_000 : 86_400_000;
  for (let startMs = fromMs; startMs < toMs; ) {
    const date = new Date(startMs);
    const next =
      granularity === "MONTHLY"
        ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1)
        : startMs - (startMs % lengthMs) + lengthMs;
    const endMs = Math.min(next, toMs);
    yield [startMs, endMs];
    startMs = endMs;
  }
}

function totals(lines: readonly BillLine[], metrics: readonly string[]): Record<string, MetricValue> {
  const units = new Set(lines.map(({ unit }) => unit));
  const sum = (of: (line: BillLine) => number) => lines.reduce((total, line) => total + of(line), 0);
  return Object.fromEntries(
    metrics.map((metric) => [
      metric,
      COSTS.includes(metric)
        ? { Amount: amountText(sum(({ dollars }) => dollars)), Unit: PRICE_LIST.currency }
        : { Amount: amountText(sum(({ amount }) => amount)), Unit: units.size === 1 ? [...units][0]! : "N/A" },
    ]),
  );
}
