/** GetCostForecast: what was spent lately, carried on. */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { paceOf } from "../../metering/pace.ts";
import { PRICE_LIST } from "../../metering/prices.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { filterOf } from "./expressions.ts";
import { amountText, granularityOf, spanOf, validation, written } from "./rules.ts";

const DAY_MS = 86_400_000;
const METRICS = ["AMORTIZED_COST", "BLENDED_COST", "NET_AMORTIZED_COST", "NET_UNBLENDED_COST", "UNBLENDED_COST"];

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostForecast.html */
export const getCostForecast: Operation<InputOf<"ce", "GetCostForecast">, OutputOf<"ce", "GetCostForecast">> = (
  tx,
  input,
  context,
) => {
  const granularity = granularityOf(input.Granularity);
  if (granularity === "HOURLY") throw validation("Granularity HOURLY is not supported for a forecast.");
  if (!input.Metric) throw validation("Metric is required.");
  if (input.Metric === "USAGE_QUANTITY" || input.Metric === "NORMALIZED_USAGE_AMOUNT")
    throw notImplemented(`the forecast of ${input.Metric}`);
  if (!METRICS.includes(input.Metric)) throw validation(`Metric ${input.Metric} is invalid.`);
  const { fromMs, toMs } = spanOf(input.TimePeriod, granularity, context.nowMs);
  if (fromMs < context.nowMs - (context.nowMs % DAY_MS))
    throw validation("Start date must be no earlier than the current date.");
  const pace = paceOf(tx, context.accountId, context.nowMs, filterOf(input.Filter, context));
  if (!pace)
    throw new AwsError("DataUnavailableException", "Insufficient amount of historical data to generate forecast.");
  const results = [];
  for (let startMs = fromMs; startMs < toMs; ) {
    const date = new Date(startMs);
    const next = granularity === "DAILY" ? startMs + DAY_MS : Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
    const endMs = Math.min(next, toMs);
    results.push({
      TimePeriod: { Start: written(startMs, granularity), End: written(endMs, granularity) },
      MeanValue: amountText(pace.dollarsPerMs * (endMs - startMs)),
    });
    startMs = endMs;
  }
  return {
    Total: { Amount: amountText(pace.dollarsPerMs * (toMs - fromMs)), Unit: PRICE_LIST.currency },
    ForecastResultsByTime: results,
  };
};
