/** Scaling policies: target tracking, with its alarms, and step scaling, for alarms of the user's. */
import { arn } from "../../kernel/arn.ts";
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { deleteAlarms, putAlarms, watched } from "./alarms.ts";
import { checkTargetId, dimensionOf } from "./dimensions/all.ts";
import { policyNotFound, validation } from "./errors.ts";
import { requestEvaluation } from "./evaluation.ts";
import { pageOf } from "./pages.ts";
import { checkFilter, createConstraints, idConstraints, idOf, NAME_LENGTH_MAX } from "./rules.ts";
import {
  nounRange,
  type Place,
  type PolicyRecord,
  policies,
  policyKey,
  type StepConfiguration,
  type TargetId,
  type TrackingConfiguration,
} from "./state.ts";
import { requireTarget } from "./targets.ts";

type PutInput = InputOf<"applicationautoscaling", "PutScalingPolicy">;

const TYPES = ["StepScaling", "TargetTrackingScaling", "PredictiveScaling"];
const ADJUSTMENTS = ["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"];
const AGGREGATIONS = ["Average", "Minimum", "Maximum"];
const STATISTICS = ["Average", "Minimum", "Maximum", "SampleCount", "Sum"];
const STEPS_MAX = 20;

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html @throws ValidationException, ObjectNotFoundException */
export const putScalingPolicy: Operation<PutInput, OutputOf<"applicationautoscaling", "PutScalingPolicy">> = (
  tx,
  input,
  context,
) => {
  const constraints = createConstraints();
  constraints.notNull("policyName", input.PolicyName);
  constraints.length("policyName", input.PolicyName, 1, NAME_LENGTH_MAX);
  idConstraints(constraints, input);
  constraints.oneOf("policyType", input.PolicyType, TYPES);
  constraints.check();
  const id = idOf(input);
  checkTargetId(id);
  requireTarget(tx, context, id);
  const { tracking, step } = configurationOf(id, input);
  const name = input.PolicyName!;
  const previous = policies.get(tx, policyKey(context, id, name));
  if (previous && (previous.tracking === undefined) !== (tracking === undefined)) {
    throw validation(`The policy type of the scaling policy ${name} cannot be changed`);
  }
  const bare: PolicyRecord = {
    ...id,
    name,
    arn: previous?.arn ?? policyArn(context, id, name, context.random.uuid()),
    createdMs: previous?.createdMs ?? context.nowMs,
    ...(tracking && { tracking }),
    ...(step && { step }),
    alarms: previous?.alarms ?? [],
    callers: previous?.callers ?? [],
  };
  const record = tracking ? putAlarms(context, { ...bare, tracking }) : bare;
  policies.put(tx, policyKey(context, id, name), record);
  requestEvaluation(tx, context, id);
  return { PolicyARN: record.arn, Alarms: shownAlarms(record) };
};

const policyArn = ({ accountId, region }: Place, { namespace, resourceId }: TargetId, name: string, uuid: string) =>
  arn("autoscaling", region, accountId, `scalingPolicy:${uuid}:resource/${namespace}/${resourceId}:policyName/${name}`);

const shownAlarms = ({ alarms }: PolicyRecord) =>
  alarms.map(({ name, arn: AlarmARN }) => ({ AlarmName: name, AlarmARN }));

function configurationOf(
  id: TargetId,
  input: PutInput,
): { readonly tracking?: TrackingConfiguration; readonly step?: StepConfiguration } {
  const type = input.PolicyType ?? "StepScaling";
  const {
    TargetTrackingScalingPolicyConfiguration: tracking,
    StepScalingPolicyConfiguration: step,
    PredictiveScalingPolicyConfiguration: predictive,
  } = input;
  if (type === "PredictiveScaling" || predictive)
    throw notImplemented("scaling policies of the type PredictiveScaling");
  if (type === "TargetTrackingScaling") {
    if (step) throw validation("StepScalingPolicyConfiguration cannot be specified for TargetTrackingScaling policies");
    if (!tracking)
      throw validation("TargetTrackingScalingPolicyConfiguration is required for TargetTrackingScaling policies");
    checkTracking(id, tracking);
    return { tracking };
  }
  if (tracking)
    throw validation("TargetTrackingScalingPolicyConfiguration cannot be specified for StepScaling policies");
  if (!step) throw validation("StepScalingPolicyConfiguration is required for StepScaling policies");
  if (!dimensionOf(id).takesSteps) {
    throw validation(`Policy type StepScaling is not supported for the scalable dimension ${id.dimension}`);
  }
  checkSteps(step);
  return { step };
}

function checkTracking(id: TargetId, configuration: TrackingConfiguration): void {
  const path = "targetTrackingScalingPolicyConfiguration";
  const constraints = createConstraints();
  const { TargetValue: target, PredefinedMetricSpecification: predefined } = configuration;
  const { CustomizedMetricSpecification: customized } = configuration;
  constraints.notNull(`${path}.targetValue`, target);
  if (predefined) {
    constraints.notNull(`${path}.predefinedMetricSpecification.predefinedMetricType`, predefined.PredefinedMetricType);
  }
  constraints.oneOf(`${path}.customizedMetricSpecification.statistic`, customized?.Statistic, STATISTICS);
  for (const name of ["ScaleOutCooldown", "ScaleInCooldown"] as const) {
    constraints.range(`${path}.${name[0]!.toLowerCase()}${name.slice(1)}`, configuration[name], 0, 2 ** 31 - 1);
  }
  constraints.check();
  if ((predefined === undefined) === (customized === undefined)) {
    throw validation(
      "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified",
    );
  }
  if (target! <= 0) throw validation(`TargetValue must be greater than 0, not ${target}`);
  if (customized) checkCustomized(customized);
  if (predefined?.PredefinedMetricType?.endsWith("HighResolution")) {
    throw notImplemented(`the predefined metric ${predefined.PredefinedMetricType}`);
  }
  watched(id, configuration);
}

function checkCustomized(metric: NonNullable<TrackingConfiguration["CustomizedMetricSpecification"]>): void {
  const single = metric.MetricName ?? metric.Namespace ?? metric.Statistic;
  if (metric.Metrics && metric.Metrics.length > 0) {
    if (single !== undefined || metric.Dimensions !== undefined || metric.Unit !== undefined) {
      throw validation(
        "Metrics cannot be specified together with MetricName, Namespace, Dimensions, Statistic or Unit",
      );
    }
    const returned = metric.Metrics.filter(({ ReturnData }) => ReturnData ?? true);
    if (returned.length !== 1) throw validation("Exactly one metric of Metrics must have ReturnData set to true");
    return;
  }
  for (const name of ["MetricName", "Namespace", "Statistic"] as const) {
    if (metric[name] === undefined) throw validation(`${name} must be specified in CustomizedMetricSpecification`);
  }
}

function checkSteps(step: StepConfiguration): void {
  const path = "stepScalingPolicyConfiguration";
  const constraints = createConstraints();
  constraints.notNull(`${path}.adjustmentType`, step.AdjustmentType);
  constraints.oneOf(`${path}.adjustmentType`, step.AdjustmentType, ADJUSTMENTS);
  constraints.oneOf(`${path}.metricAggregationType`, step.MetricAggregationType, AGGREGATIONS);
  constraints.range(`${path}.cooldown`, step.Cooldown, 0, 2 ** 31 - 1);
  for (const [at, { ScalingAdjustment }] of (step.StepAdjustments ?? []).entries()) {
    constraints.notNull(`${path}.stepAdjustments.${at + 1}.member.scalingAdjustment`, ScalingAdjustment);
  }
  constraints.check();
  const steps = step.StepAdjustments ?? [];
  if (steps.length === 0) throw validation("There must be at least one step adjustment specified");
  if (steps.length > STEPS_MAX) throw validation(`There can be at most ${STEPS_MAX} step adjustments`);
  if (step.MinAdjustmentMagnitude !== undefined && step.AdjustmentType !== "PercentChangeInCapacity") {
    throw validation("MinAdjustmentMagnitude is only supported for the adjustment type PercentChangeInCapacity");
  }
  const sorted = steps
    .map(({ MetricIntervalLowerBound: lower, MetricIntervalUpperBound: upper }) => {
      if (lower === undefined && upper === undefined && steps.length > 1) {
        throw validation("At least one of MetricIntervalLowerBound and MetricIntervalUpperBound must be specified");
      }
      return { lower: lower ?? Number.NEGATIVE_INFINITY, upper: upper ?? Number.POSITIVE_INFINITY };
    })
    .sort((left, right) => left.lower - right.lower);
  for (const [at, { lower, upper }] of sorted.entries()) {
    if (lower >= upper) throw validation("MetricIntervalLowerBound must be less than MetricIntervalUpperBound");
    const next = sorted[at + 1];
    if (next && next.lower < upper) throw validation("StepAdjustment intervals can't overlap");
    if (next && next.lower > upper) throw validation("StepAdjustment intervals can't have gaps between them");
  }
}

/** @throws ObjectNotFoundException */
function requirePolicy(tx: Transaction, place: Place, id: TargetId, name: string): PolicyRecord {
  const record = policies.get(tx, policyKey(place, id, name));
  if (!record) throw policyNotFound(id, name);
  return record;
}

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeleteScalingPolicy.html @throws ValidationException, ObjectNotFoundException */
export const deleteScalingPolicy: Operation<
  InputOf<"applicationautoscaling", "DeleteScalingPolicy">,
  OutputOf<"applicationautoscaling", "DeleteScalingPolicy">
> = (tx, input, context) => {
  const constraints = createConstraints();
  constraints.notNull("policyName", input.PolicyName);
  constraints.length("policyName", input.PolicyName, 1, 1600);
  idConstraints(constraints, input);
  constraints.check();
  const id = idOf(input);
  deleteAlarms(context, requirePolicy(tx, context, id, input.PolicyName!));
  tx.delete(policyKey(context, id, input.PolicyName!));
  return {};
};

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingPolicies.html @throws ValidationException, InvalidNextTokenException */
export const describeScalingPolicies: Operation<
  InputOf<"applicationautoscaling", "DescribeScalingPolicies">,
  OutputOf<"applicationautoscaling", "DescribeScalingPolicies">
> = (tx, input, context) => {
  checkFilter(createConstraints(), input);
  const { PolicyNames: names, ScalableDimension: dimension } = input;
  const range = nounRange(context, "policy", input.ServiceNamespace, input.ResourceId);
  const { rows, nextToken } = pageOf(tx, policies, range, {
    limit: input.MaxResults,
    token: input.NextToken,
    where: (row) =>
      (names === undefined || names.length === 0 || names.includes(row.name) || names.includes(row.arn)) &&
      (dimension === undefined || row.dimension === dimension),
  });
  return {
    ScalingPolicies: rows.map((row) => ({
      PolicyARN: row.arn,
      PolicyName: row.name,
      ServiceNamespace: row.namespace,
      ResourceId: row.resourceId,
      ScalableDimension: row.dimension,
      PolicyType: row.tracking ? ("TargetTrackingScaling" as const) : ("StepScaling" as const),
      ...(row.tracking && { TargetTrackingScalingPolicyConfiguration: row.tracking }),
      ...(row.step && { StepScalingPolicyConfiguration: row.step }),
      Alarms: shownAlarms(row),
      CreationTime: new Date(row.createdMs),
    })),
    ...(nextToken !== undefined && { NextToken: nextToken }),
  };
};
