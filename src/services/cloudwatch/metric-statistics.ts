/** GetMetricStatistics. */
import type { Datapoint, StandardUnit } from "@aws-sdk/client-cloudwatch";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { read } from "./data.ts";
import { invalidCombination, invalidValue, missingParameter } from "./errors.ts";
import {
  checkDimensions,
  checkName,
  checkNamespace,
  checkPeriod,
  checkRange,
  checkUnit,
  LIMITS,
  startRoundingMs,
} from "./rules.ts";
import { metricOf } from "./state.ts";
import { BASIC, parseExtended } from "./statistics.ts";

const STATISTICS_MAX = 5;
const EXTENDED_MAX = 10;

/**
 * Datapoints come unsorted from AWS; here in order of time, for each unit. Periods are counted from the start time, which is rounded down by its age.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
 */
export const getMetricStatistics: Operation<
  InputOf<"cloudwatch", "GetMetricStatistics">,
  OutputOf<"cloudwatch", "GetMetricStatistics">
> = (tx, input, context) => {
  checkNamespace(input.Namespace);
  checkName(input.MetricName, "MetricName");
  checkDimensions(input.Dimensions, "Dimensions");
  checkUnit(input.Unit, "Unit");
  checkPeriod(input.Period);
  const { startMs, endMs } = checkRange(input.StartTime, input.EndTime);
  if (!input.Statistics?.length && !input.ExtendedStatistics?.length) throw missingParameter("Statistics");
  if (input.Statistics?.length && input.ExtendedStatistics?.length)
    throw invalidCombination("The parameters Statistics and ExtendedStatistics are mutually exclusive.");
  if ((input.Statistics?.length ?? 0) > STATISTICS_MAX)
    throw invalidValue(`The collection Statistics must not have a size greater than ${STATISTICS_MAX}.`);
  if ((input.ExtendedStatistics?.length ?? 0) > EXTENDED_MAX)
    throw invalidValue(`The collection ExtendedStatistics must not have a size greater than ${EXTENDED_MAX}.`);
  for (const name of input.Statistics ?? []) {
    if (!Object.hasOwn(BASIC, name))
      throw invalidValue(`The parameter Statistics must be a value in the set [ ${Object.keys(BASIC).join(", ")} ].`);
  }
  const extended = (input.ExtendedStatistics ?? []).map((name) => {
    const statistic = parseExtended(name);
    if (!statistic) throw invalidValue(`The value ${name} for parameter ExtendedStatistics is not supported.`);
    return [name, statistic] as const;
  });
  const asked = Math.ceil((endMs - startMs) / (input.Period * 1000));
  if (asked > LIMITS.statisticsDatapoints)
    throw invalidCombination(
      `You have requested up to ${asked.toLocaleString("en-US")} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.`,
    );
  const step = startRoundingMs(startMs, context.nowMs, input.Period);
  if (step > 60_000 && input.Period % (step / 1000) !== 0)
    throw invalidCombination(`The parameter Period must be a multiple of ${step / 1000} for a start time of that age.`);

  const metric = metricOf(input.Namespace, input.MetricName, input.Dimensions);
  const window = { startMs: Math.floor(startMs / step) * step, endMs, periodSeconds: input.Period };
  const datapoints: Datapoint[] = [];
  for (const [unit, points] of read(tx, context, metric, window, input.Unit)) {
    for (const [atMs, point] of points) {
      const datapoint: Datapoint = { Timestamp: new Date(atMs), Unit: unit as StandardUnit };
      for (const name of input.Statistics ?? []) datapoint[name] = BASIC[name](point)!;
      const values: Record<string, number> = {};
      for (const [name, statistic] of extended) {
        const value = statistic(point);
        if (value !== undefined) values[name] = value;
      }
      if (extended.length > 0 && Object.keys(values).length === 0) continue;
      if (extended.length > 0) datapoint.ExtendedStatistics = values;
      datapoints.push(datapoint);
    }
  }
  datapoints.sort((left, right) => left.Timestamp!.getTime() - right.Timestamp!.getTime());
  return { Label: input.MetricName, Datapoints: datapoints };
};
