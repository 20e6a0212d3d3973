/**
 * What CloudWatch bills: alarms and custom metrics for as long as they are there, and API requests.
 * @see https://aws.amazon.com/cloudwatch/pricing/
 */
import { arn } from "../../kernel/arn.ts";
import type { OperationContext } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { type AlarmRecord, alarmArn, type MetricAlarmRecord } from "./alarms/state.ts";
import type { Place } from "./state.ts";

type Metered = Pick<OperationContext, "use" | "nowMs">;

/** @param change 1 for an alarm that is there now, -1 for one that is gone */
export function changeAlarms(context: Metered, at: Place, alarm: AlarmRecord, change: 1 | -1): void {
  changeLevel(context, alarmArn(at, alarm.name), usageType(alarm), change * metricsOf(alarm));
}

function usageType(alarm: AlarmRecord): string {
  if (alarm.type === "composite") return "CW:CompositeAlarmMonitorUsage";
  const period = alarm.metric?.periodSeconds ?? 60;
  return period < 60 ? "CW:HighResAlarmMonitorUsage" : "CW:AlarmMonitorUsage";
}

/** An alarm over metric math costs as much as the metrics that it looks at. */
const metricsOf = (alarm: AlarmRecord): number =>
  alarm.type === "composite" ? 1 : Math.max(1, queriesOf(alarm).filter(({ MetricStat }) => MetricStat).length);

const queriesOf = (alarm: MetricAlarmRecord) => alarm.queries ?? [];

/**
 * Metrics of one's own are billed by the hour in which they get data: a month of them all is a metric-month.
 * @param hours in which this metric has got its first datapoint
 */
export function addMetricHours(context: Metered, at: Place, namespace: string, hours: number): void {
  if (hours > 0)
    context.use({
      resource: arn("cloudwatch", at.region, at.accountId, `metric:${namespace}`),
      usageType: "CW:MetricMonitorUsage",
      quantity: hours,
    });
}
