/** DescribeAlarms and DescribeAlarmsForMetric. */
import type { AlarmType, CompositeAlarm, MetricAlarm } from "@aws-sdk/client-cloudwatch";
import { after, decodeKey, type Key } from "../../../storage/keys.ts";
import type { InputOf, Operation, OutputOf } from "../../service.ts";
import { alarmNotFound, invalidCombination, invalidNextToken, invalidValue, validation } from "../errors.ts";
import { checkName, checkNamespace } from "../rules.ts";
import { metricOf } from "../state.ts";
import { namedBy, parentsOf } from "./composite.ts";
import { describedCompositeAlarm, describedMetricAlarm } from "./configuration.ts";
import { type AlarmRecord, Alarms, alarmKey, alarmRange, nameOfAlarm, onMetricRange, STATES } from "./state.ts";

const PAGE_MAX = 100;
const PAGE_DEFAULT = 50;
const TYPES: readonly AlarmType[] = ["CompositeAlarm", "MetricAlarm", "LogAlarm"];

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html */
export const describeAlarms: Operation<
  InputOf<"cloudwatch", "DescribeAlarms">,
  OutputOf<"cloudwatch", "DescribeAlarms">
> = (tx, input, context) => {
  if (input.AlarmNames !== undefined && input.AlarmNamePrefix !== undefined)
    throw invalidCombination(
      "The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.",
    );
  if ((input.AlarmNames?.length ?? 0) > PAGE_MAX)
    throw validation(`The collection AlarmNames must not have a size greater than ${PAGE_MAX}.`);
  const max = input.MaxRecords ?? PAGE_DEFAULT;
  if (max < 1 || max > PAGE_MAX) throw invalidValue(`The parameter MaxRecords must be between 1 and ${PAGE_MAX}.`);
  if (input.StateValue !== undefined && !STATES.includes(input.StateValue))
    throw invalidValue(`The parameter StateValue must be a value in the set [ ${STATES.join(", ")} ].`);
  for (const type of input.AlarmTypes ?? []) {
    if (!TYPES.includes(type))
      throw invalidValue(`The parameter AlarmTypes must be a value in the set [ ${TYPES.join(", ")} ].`);
  }
  const types: readonly string[] = input.AlarmTypes?.length ? input.AlarmTypes : ["MetricAlarm"];
  const MetricAlarms: MetricAlarm[] = [];
  const CompositeAlarms: CompositeAlarm[] = [];

  if (input.ChildrenOfAlarmName !== undefined || input.ParentsOfAlarmName !== undefined) {
    if (input.ChildrenOfAlarmName !== undefined && input.ParentsOfAlarmName !== undefined)
      throw invalidCombination("The parameters ChildrenOfAlarmName and ParentsOfAlarmName are mutually exclusive.");
    const name = nameOfAlarm((input.ChildrenOfAlarmName ?? input.ParentsOfAlarmName)!);
    const alarm = Alarms.get(tx, alarmKey(context, name));
    if (!alarm) throw alarmNotFound(`Alarm ${name} does not exist`);
    const names =
      input.ParentsOfAlarmName !== undefined
        ? parentsOf(tx, context, name)
        : alarm.type === "composite"
          ? namedBy(alarm)
          : [];
    for (const other of names) {
      const found = Alarms.get(tx, alarmKey(context, other));
      if (found) show(found);
    }
    return { MetricAlarms, CompositeAlarms };
  }

  const chosen = (alarm: AlarmRecord): boolean => {
    const type = alarm.type === "metric" ? "MetricAlarm" : "CompositeAlarm";
    if (!types.includes(type)) return false;
    if (input.StateValue !== undefined && alarm.state.value !== input.StateValue) return false;
    if (input.ActionPrefix === undefined) return true;
    return [...alarm.okActions, ...alarm.alarmActions, ...alarm.insufficientDataActions].some((action) =>
      action.startsWith(input.ActionPrefix!),
    );
  };
  if (input.AlarmNames) {
    for (const name of input.AlarmNames) {
      const alarm = Alarms.get(tx, alarmKey(context, name));
      if (alarm && chosen(alarm)) show(alarm);
    }
    return { MetricAlarms, CompositeAlarms };
  }
  const range = alarmRange(context, input.AlarmNamePrefix);
  let last: string | undefined;
  let found = 0;
  for (const [, alarm] of Alarms.range(tx, from(input.NextToken, range, context), range.end)) {
    if (!chosen(alarm)) continue;
    if (found === max)
      return { MetricAlarms, CompositeAlarms, NextToken: Buffer.from(last!, "utf8").toString("base64url") };
    show(alarm);
    last = alarm.name;
    found++;
  }
  return { MetricAlarms, CompositeAlarms };

  function show(alarm: AlarmRecord): void {
    if (alarm.type === "metric") MetricAlarms.push(describedMetricAlarm(context, alarm));
    else CompositeAlarms.push(describedCompositeAlarm(context, alarm));
  }
};

function from(
  token: string | undefined,
  { start, end }: { start: Key; end: Key },
  at: Parameters<typeof alarmKey>[0],
): Key {
  if (token === undefined) return start;
  const last = after(alarmKey(at, Buffer.from(token, "base64url").toString("utf8")));
  if (last < start || last > end) throw invalidNextToken();
  return last;
}

/** Alarms over one metric's own statistic. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html */
export const describeAlarmsForMetric: Operation<
  InputOf<"cloudwatch", "DescribeAlarmsForMetric">,
  OutputOf<"cloudwatch", "DescribeAlarmsForMetric">
> = (tx, input, context) => {
  checkName(input.MetricName, "MetricName");
  checkNamespace(input.Namespace);
  const wanted = JSON.stringify(metricOf(input.Namespace, input.MetricName, input.Dimensions).dimensions);
  const { start, end } = onMetricRange(context, input.Namespace, input.MetricName);
  const MetricAlarms: MetricAlarm[] = [];
  for (const [place] of tx.range(start, end)) {
    const alarm = Alarms.get(tx, alarmKey(context, decodeKey(place)[6] as string));
    if (alarm?.type !== "metric" || !alarm.metric) continue;
    const { metric } = alarm;
    if (JSON.stringify(metric.dimensions) !== wanted) continue;
    if (input.Statistic !== undefined && metric.statistic !== input.Statistic) continue;
    if (input.ExtendedStatistic !== undefined && metric.extendedStatistic !== input.ExtendedStatistic) continue;
    if (input.Period !== undefined && metric.periodSeconds !== input.Period) continue;
    if (input.Unit !== undefined && metric.unit !== input.Unit) continue;
    MetricAlarms.push(describedMetricAlarm(context, alarm));
  }
  return { MetricAlarms };
};
