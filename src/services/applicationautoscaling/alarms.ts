/** The alarms of target tracking policies, made and removed with them. */
import { arn } from "../../kernel/arn.ts";
import type { InputOf, OperationContext } from "../service.ts";
import { dimensionOf } from "./dimensions/all.ts";
import type { Metric } from "./dimensions/dimension.ts";
import { validation } from "./errors.ts";
import { linkedRole } from "./role.ts";
import type { PolicyRecord, TargetId, TrackingConfiguration } from "./state.ts";
import { ABOVE_PERIODS, BELOW_PERIODS, BELOW_SHARE, PERIOD_SECONDS } from "./tracking-alarms.ts";

type AlarmInput = InputOf<"cloudwatch", "PutMetricAlarm">;
type Watched = Pick<
  AlarmInput,
  "Namespace" | "MetricName" | "Dimensions" | "Statistic" | "Unit" | "Metrics" | "Period"
>;

/** What a policy's metric is, for an alarm. @throws ValidationException */
export function watched(id: TargetId, configuration: TrackingConfiguration): { alarm: Watched; metric?: Metric } {
  const { PredefinedMetricSpecification: predefined, CustomizedMetricSpecification: customized } = configuration;
  if (predefined) {
    const { PredefinedMetricType: type, ResourceLabel: label } = predefined;
    const metric = dimensionOf(id).metric(type!, id, label);
    if (!metric) {
      throw validation(`Unsupported predefined metric type ${type} for the scalable dimension ${id.dimension}`);
    }
    const { perCapacity: _, ...alarm } = metric;
    return { alarm: { ...alarm, Period: PERIOD_SECONDS }, metric };
  }
  if (customized!.Metrics && customized!.Metrics.length > 0) {
    return {
      alarm: {
        Metrics: customized!.Metrics.map(({ MetricStat: stat, ...query }) => ({
          ...query,
          ...(stat && {
            MetricStat: {
              Metric: stat.Metric,
              Stat: stat.Stat,
              Period: PERIOD_SECONDS,
              ...(stat.Unit !== undefined && { Unit: stat.Unit as NonNullable<AlarmInput["Unit"]> }),
            },
          }),
        })),
      },
    };
  }
  const { Namespace, MetricName, Dimensions, Statistic, Unit } = customized!;
  return {
    alarm: {
      Namespace,
      MetricName,
      Dimensions: Dimensions ?? [],
      Statistic,
      ...(Unit !== undefined && { Unit: Unit as NonNullable<AlarmInput["Unit"]> }),
      Period: PERIOD_SECONDS,
    },
  };
}

/** Makes a tracking policy's alarms, or brings them to its settings. @returns the policy with them */
export function putAlarms(
  context: OperationContext,
  policy: PolicyRecord & { readonly tracking: TrackingConfiguration },
): PolicyRecord {
  const { alarm, metric } = watched(policy, policy.tracking);
  const scale = metric?.perCapacity?.(dimensionOf(policy).current!(context, policy.resourceId)) ?? 1;
  const target = policy.tracking.TargetValue! * scale;
  const sides = policy.tracking.DisableScaleIn ? (["above"] as const) : (["above", "below"] as const);
  const alarms = sides.map((side) => {
    const known = policy.alarms.find((made) => made.side === side);
    const name =
      known?.name ??
      `TargetTracking-${policy.resourceId}-Alarm${side === "above" ? "High" : "Low"}-${context.random.uuid()}`;
    context.call(
      "cloudwatch",
      "PutMetricAlarm",
      {
        ...alarm,
        AlarmName: name,
        AlarmDescription: `DO NOT EDIT OR DELETE. For TargetTrackingScaling policy ${policy.arn}.`,
        ActionsEnabled: true,
        AlarmActions: [policy.arn],
        ...(side === "above"
          ? { ComparisonOperator: "GreaterThanThreshold", Threshold: target, EvaluationPeriods: ABOVE_PERIODS }
          : {
              ComparisonOperator: "LessThanThreshold",
              Threshold: target * BELOW_SHARE,
              EvaluationPeriods: BELOW_PERIODS,
            }),
      },
      linkedRole(context),
    );
    return { name, side, arn: arn("cloudwatch", context.region, context.accountId, `alarm:${name}`) };
  });
  const gone = policy.alarms.filter(({ side }) => !alarms.some((kept) => kept.side === side));
  if (gone.length > 0) deleteAlarms(context, { alarms: gone });
  return { ...policy, alarms };
}

export function deleteAlarms(context: OperationContext, { alarms }: Pick<PolicyRecord, "alarms">): void {
  if (alarms.length === 0) return;
  context.call("cloudwatch", "DeleteAlarms", { AlarmNames: alarms.map(({ name }) => name) }, linkedRole(context));
}
