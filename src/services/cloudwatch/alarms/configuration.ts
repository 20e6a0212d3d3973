/** An alarm as DescribeAlarms, EventBridge and notifications show it. Pure. */
import type { CompositeAlarm, MetricAlarm, StandardUnit, Statistic } from "@aws-sdk/client-cloudwatch";
import type { Place } from "../state.ts";
import { type AlarmRecord, alarmArn, type CompositeAlarmRecord, type MetricAlarmRecord } from "./state.ts";

function common(at: Place, alarm: AlarmRecord) {
  return {
    AlarmName: alarm.name,
    AlarmArn: alarmArn(at, alarm.name),
    ...(alarm.description === undefined ? {} : { AlarmDescription: alarm.description }),
    AlarmConfigurationUpdatedTimestamp: new Date(alarm.configuredMs),
    ActionsEnabled: alarm.actionsEnabled,
    OKActions: [...alarm.okActions],
    AlarmActions: [...alarm.alarmActions],
    InsufficientDataActions: [...alarm.insufficientDataActions],
    StateValue: alarm.state.value,
    StateReason: alarm.state.reason,
    ...(alarm.state.reasonData === undefined ? {} : { StateReasonData: alarm.state.reasonData }),
    StateUpdatedTimestamp: new Date(alarm.state.updatedMs),
    StateTransitionedTimestamp: new Date(alarm.state.transitionedMs),
  };
}

export function describedMetricAlarm(at: Place, alarm: MetricAlarmRecord): MetricAlarm {
  const { metric } = alarm;
  return {
    ...common(at, alarm),
    ...(metric
      ? {
          MetricName: metric.name,
          Namespace: metric.namespace,
          ...(metric.statistic === undefined ? {} : { Statistic: metric.statistic as Statistic }),
          ...(metric.extendedStatistic === undefined ? {} : { ExtendedStatistic: metric.extendedStatistic }),
          Dimensions: [...metric.dimensions],
          Period: metric.periodSeconds,
          ...(metric.unit === undefined ? {} : { Unit: metric.unit as StandardUnit }),
        }
      : { Metrics: [...alarm.queries!] }),
    EvaluationPeriods: alarm.evaluationPeriods,
    ...(alarm.datapointsToAlarm === undefined ? {} : { DatapointsToAlarm: alarm.datapointsToAlarm }),
    Threshold: alarm.threshold,
    ComparisonOperator: alarm.comparison,
    ...(alarm.treatMissingData === undefined ? {} : { TreatMissingData: alarm.treatMissingData }),
    ...(alarm.lowSamples === undefined ? {} : { EvaluateLowSampleCountPercentile: alarm.lowSamples }),
  };
}

export function describedCompositeAlarm(at: Place, alarm: CompositeAlarmRecord): CompositeAlarm {
  const { suppressed, suppressor } = alarm;
  return {
    ...common(at, alarm),
    AlarmRule: alarm.rule,
    ...(suppressor
      ? {
          ActionsSuppressor: suppressor.alarm,
          ActionsSuppressorWaitPeriod: suppressor.waitSeconds,
          ActionsSuppressorExtensionPeriod: suppressor.extensionSeconds,
        }
      : {}),
    ...(suppressed
      ? {
          ActionsSuppressedBy: suppressed.by,
          ActionsSuppressedReason: `Actions suppressed by ${suppressed.by}`,
        }
      : {}),
  };
}

/** `configuration` of the event and of a function's payload. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html */
export function configurationOf(alarm: AlarmRecord): object {
  const description = alarm.description === undefined ? {} : { description: alarm.description };
  if (alarm.type === "composite") {
    return {
      alarmRule: alarm.rule,
      ...(alarm.suppressor
        ? {
            actionsSuppressor: alarm.suppressor.alarm,
            actionsSuppressorWaitPeriod: alarm.suppressor.waitSeconds,
            actionsSuppressorExtensionPeriod: alarm.suppressor.extensionSeconds,
          }
        : {}),
      ...description,
    };
  }
  const metrics = alarm.metric
    ? [
        {
          id: "m1",
          metricStat: {
            metric: {
              namespace: alarm.metric.namespace,
              name: alarm.metric.name,
              dimensions: Object.fromEntries(alarm.metric.dimensions.map(({ Name, Value }) => [Name, Value])),
            },
            period: alarm.metric.periodSeconds,
            stat: alarm.metric.statistic ?? alarm.metric.extendedStatistic,
            ...(alarm.metric.unit === undefined ? {} : { unit: alarm.metric.unit }),
          },
          returnData: true,
        },
      ]
    : alarm.queries!.map(({ Id, Label, Expression, MetricStat, ReturnData, Period }) => ({
        id: Id,
        ...(Label === undefined ? {} : { label: Label }),
        ...(Expression === undefined ? {} : { expression: Expression }),
        ...(Period === undefined ? {} : { period: Period }),
        ...(MetricStat
          ? {
              metricStat: {
                metric: {
                  namespace: MetricStat.Metric!.Namespace,
                  name: MetricStat.Metric!.MetricName,
                  dimensions: Object.fromEntries(
                    (MetricStat.Metric!.Dimensions ?? []).map(({ Name, Value }) => [Name, Value]),
                  ),
                },
                period: MetricStat.Period,
                stat: MetricStat.Stat,
              },
            }
          : {}),
        returnData: ReturnData ?? true,
      }));
  return { ...description, metrics };
}
