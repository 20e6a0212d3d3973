/** Checks and errors of Cost Explorer. @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetCostAndUsage.html */
import type { DateInterval } from "@aws-sdk/client-cost-explorer";
import { AwsError } from "../../kernel/errors.ts";
import { type Granularity, HOURS_KEPT_MS } from "../../metering/usage.ts";

export const validation = (message: string) => new AwsError("ValidationException", message);

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const HOUR = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;
/** Thirteen months. */
const PAST_MS_MAX = 400 * 86_400_000;

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export function spanOf(period: DateInterval | undefined, granularity: string | undefined, nowMs: number): Span {
  const time = (text: string | undefined, name: string): number => {
    if (!text) throw validation(`${name} is required.`);
    const ms = DAY.test(text) || HOUR.test(text) ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(ms))
      throw validation(`${name} time ${text} is invalid. Valid format is: yyyy-MM-dd'T'HH:mm:ssZ or yyyy-MM-dd.`);
    return ms;
  };
  const fromMs = time(period?.Start, "Start");
  const toMs = time(period?.End, "End");
  if (fromMs >= toMs) throw validation("Start date (and hour) should be before end date (and hour)");
  if (fromMs < nowMs - PAST_MS_MAX) throw validation("You haven't enabled historical data beyond 14 months");
  if (granularity === "HOURLY" && fromMs < nowMs - HOURS_KEPT_MS - 86_400_000)
    throw validation("Hourly data is available for the last 14 days only.");
  return { fromMs, toMs };
}

export function granularityOf(granularity: string | undefined): Granularity {
  if (granularity === undefined) throw validation("Granularity is required.");
  if (granularity !== "HOURLY" && granularity !== "DAILY" && granularity !== "MONTHLY")
    throw validation(`Granularity ${granularity} is invalid. Valid values are DAILY, MONTHLY, HOURLY.`);
  return granularity;
}

/** Days, or hours where hours are asked for. */
export const written = (ms: number, granularity: Granularity): string =>
  granularity === "HOURLY" ? new Date(ms).toISOString().replace(".000Z", "Z") : new Date(ms).toISOString().slice(0, 10);

/** At most ten decimals, as AWS writes amounts, and no exponent. */
export function amountText(value: number): string {
  const text = value.toFixed(10).replace(/\.?0+$/, "");
  return text === "-0" ? "0" : text;
}
