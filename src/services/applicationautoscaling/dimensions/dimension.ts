/** What can be scaled: how its capacity is read and set, and what its metrics are. One file each beside this one. */
import type { FlowContext, InputOf, OperationContext } from "../../service.ts";
import type { DimensionName, Namespace, TargetId, TrackingConfiguration } from "../state.ts";

export interface Capacity {
  readonly capacity: number;
  readonly isDeploying: boolean;
}

export type MetricType = NonNullable<
  NonNullable<TrackingConfiguration["PredefinedMetricSpecification"]>["PredefinedMetricType"]
>;

/** A metric as an alarm watches it, one value a minute. */
export interface Metric {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions: { readonly Name: string; readonly Value: string }[];
  readonly Statistic: NonNullable<InputOf<"cloudwatch", "PutMetricAlarm">["Statistic"]>;
  readonly Unit?: NonNullable<InputOf<"cloudwatch", "PutMetricAlarm">["Unit"]>;
  /** What the policy's value is in terms of the metric, for a capacity; the value itself when absent. */
  readonly perCapacity?: (capacity: number) => number;
}

export interface Dimension {
  readonly namespace: Namespace;
  readonly name: DimensionName;
  readonly resourceId: RegExp;
  /** As activities name it: `desired count`. */
  readonly noun: string;
  /** Seconds, where a policy names none. */
  readonly cooldownSeconds: number;
  readonly takesSteps: boolean;
  /** Words for a resource that is not there. */
  missing(resourceId: string): string;
  /** Undefined when the resource is not there, or cannot be scaled. */
  read(flow: FlowContext, resourceId: string): Promise<Capacity | undefined>;
  write(flow: FlowContext, resourceId: string, capacity: number): Promise<void>;
  /** The metric behind a predefined type; undefined when the type is another dimension's. */
  metric(type: MetricType, target: TargetId, resourceLabel: string | undefined): Metric | undefined;
  /** The capacity at this moment, where a metric's threshold follows it. */
  current?(context: OperationContext, resourceId: string): number;
}
