/** What CloudWatch says of a policy's alarms: which are in ALARM, and what their metrics were of late. */
import type { FlowContext, InputOf, OutputOf } from "../service.ts";
import type { PolicyRecord } from "./state.ts";
import { PERIOD_SECONDS } from "./tracking-alarms.ts";

export type Alarm = NonNullable<OutputOf<"cloudwatch", "DescribeAlarms">["MetricAlarms"]>[number];
type Query = NonNullable<InputOf<"cloudwatch", "GetMetricData">["MetricDataQueries"]>[number];

/** Metrics arrive late: a window this many periods longer than the alarm's is looked at. */
const LATE_PERIODS = 2;
const NAMES_MAX = 100;

/** The alarms of policies, by name; those that are not there any more are left out. */
export async function alarmsOf(flow: FlowContext, policies: readonly PolicyRecord[]): Promise<Map<string, Alarm>> {
  const names = policies.flatMap(({ alarms, callers }) => [...alarms.map(({ name }) => name), ...callers]);
  const found = new Map<string, Alarm>();
  for (let start = 0; start < names.length; start += NAMES_MAX) {
    const { MetricAlarms = [] } = await flow.call("cloudwatch", "DescribeAlarms", {
      AlarmNames: names.slice(start, start + NAMES_MAX),
      AlarmTypes: ["MetricAlarm"],
      MaxRecords: NAMES_MAX,
    });
    for (const alarm of MetricAlarms) found.set(alarm.AlarmName!, alarm);
  }
  return found;
}

/** An alarm's metric over its own window, the latest value last. */
export async function recentValues(flow: FlowContext, alarm: Alarm): Promise<readonly number[]> {
  const periodMs =
    (alarm.Period ?? alarm.Metrics?.find(({ MetricStat }) => MetricStat)?.MetricStat?.Period ?? PERIOD_SECONDS) * 1000;
  const periods = alarm.EvaluationPeriods ?? 1;
  const endMs = Math.ceil(flow.clock.nowMs() / periodMs) * periodMs;
  const returned = alarm.Metrics?.find(({ ReturnData }) => ReturnData ?? true)?.Id;
  const { MetricDataResults = [] } = await flow.call("cloudwatch", "GetMetricData", {
    MetricDataQueries: queriesOf(alarm),
    StartTime: new Date(endMs - (periods + LATE_PERIODS) * periodMs),
    EndTime: new Date(endMs),
    ScanBy: "TimestampAscending",
  });
  const result = MetricDataResults.find(({ Id }) => returned === undefined || Id === returned);
  return (result?.Values ?? []).slice(-periods);
}

function queriesOf(alarm: Alarm): Query[] {
  if (alarm.Metrics && alarm.Metrics.length > 0) return alarm.Metrics;
  return [
    {
      Id: "metric",
      MetricStat: {
        Metric: { Namespace: alarm.Namespace, MetricName: alarm.MetricName, Dimensions: alarm.Dimensions ?? [] },
        Period: alarm.Period!,
        Stat: alarm.Statistic ?? alarm.ExtendedStatistic!,
        ...(alarm.Unit !== undefined && { Unit: alarm.Unit }),
      },
    },
  ];
}
