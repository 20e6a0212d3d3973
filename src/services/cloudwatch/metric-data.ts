/** GetMetricData: statistics and metric math over time, page by page. */
import type { MetricDataResult } from "@aws-sdk/client-cloudwatch";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { invalidNextToken, invalidValue, missingParameter, validation } from "./errors.ts";
import { labelOf } from "./labels.ts";
import { Evaluation } from "./math/evaluate.ts";
import { checkQueries } from "./math/queries.ts";
import { checkRange, LIMITS, startRoundingMs } from "./rules.ts";

/**
 * Periods are aligned to multiples of themselves.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
 */
export const getMetricData: Operation<
  InputOf<"cloudwatch", "GetMetricData">,
  OutputOf<"cloudwatch", "GetMetricData">
> = (tx, input, context) => {
  const queries = input.MetricDataQueries;
  if (!queries?.length) throw missingParameter("MetricDataQueries");
  if (queries.length > LIMITS.queries)
    throw validation(`The collection MetricDataQueries must not have a size greater than ${LIMITS.queries}.`);
  const { startMs, endMs } = checkRange(input.StartTime, input.EndTime);
  if (input.ScanBy !== undefined && input.ScanBy !== "TimestampAscending" && input.ScanBy !== "TimestampDescending")
    throw invalidValue("The parameter ScanBy must be a value in the set [ TimestampDescending, TimestampAscending ].");
  const max = input.MaxDatapoints ?? LIMITS.dataDatapoints;
  if (max < 1 || max > LIMITS.dataDatapoints)
    throw invalidValue(`The parameter MaxDatapoints must be between 1 and ${LIMITS.dataDatapoints}.`);
  checkQueries(queries, "MetricDataQueries", context.accountId);
  if (queries.every(({ ReturnData }) => ReturnData === false))
    throw validation("At least one of the MetricDataQueries must return data.");

  const evaluation = new Evaluation(tx, context, queries, (periodSeconds) => {
    const step = Math.max(startRoundingMs(startMs, context.nowMs, periodSeconds), periodSeconds * 1000);
    return { startMs: Math.floor(startMs / step) * step, endMs, periodSeconds };
  });
  const results = queries
    .filter(({ ReturnData }) => ReturnData !== false)
    .flatMap((query) =>
      evaluation.series(query).map((series): Whole => {
        const points = [...series.points];
        const values = points.map(([, value]) => value);
        const isMath = query.MetricStat === undefined;
        if (input.ScanBy !== "TimestampAscending") points.reverse();
        return { Id: query.Id!, Label: labelOf(series.label, query, values, isMath), points };
      }),
    );
  return page(results, offsetOf(input.NextToken), max);
};

interface Whole {
  readonly Id: string;
  readonly Label: string;
  readonly points: readonly (readonly [number, number])[];
}

/** Datapoints `offset` to `offset + max` of all results, one after the other. */
function page(results: readonly Whole[], offset: number, max: number): OutputOf<"cloudwatch", "GetMetricData"> {
  const end = offset + max;
  const MetricDataResults: MetricDataResult[] = [];
  let at = 0;
  for (const { Id, Label, points } of results) {
    const first = Math.max(0, offset - at);
    const last = Math.min(points.length, end - at);
    const isFirstPage = at >= offset;
    if (at > end || (at === end && offset + max > 0 && points.length > 0)) break;
    if (last > first || isFirstPage) {
      const part = points.slice(first, last);
      MetricDataResults.push({
        Id,
        Label,
        Timestamps: part.map(([atMs]) => new Date(atMs)),
        Values: part.map(([, value]) => value),
        StatusCode: last < points.length ? "PartialData" : "Complete",
      });
    }
    at += points.length;
  }
  const total = results.reduce((sum, { points }) => sum + points.length, 0);
  return {
    MetricDataResults,
    Messages: [],
    ...(end < total ? { NextToken: Buffer.from(`datapoint:${end}`).toString("base64url") } : {}),
  };
}

function offsetOf(token: string | undefined): number {
  if (token === undefined) return 0;
  const match = /^datapoint:(\d{1,12})$/.exec(Buffer.from(token, "base64url").toString("latin1"));
  if (!match) throw invalidNextToken();
  return Number(match[1]);
}
