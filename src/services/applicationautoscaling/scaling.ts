/**
 * From an alarm to a capacity. CloudWatch tells that an alarm went into ALARM, and every minute that it still is; the target's situation is put
 * together from what CloudWatch and the scaled service say now; `decide.ts` decides; the capacity is set, and an activity tells of it.
 */
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { endActivity, recordActivity } from "./activities.ts";
import { putAlarms } from "./alarms.ts";
import { bounded, decide, type NotScaled, type Policy, type Situation } from "./decide.ts";
import { dimensionOf } from "./dimensions/all.ts";
import type { Dimension } from "./dimensions/dimension.ts";
import { type EvaluationDue, requestEvaluation } from "./evaluation.ts";
import { type Alarm, alarmsOf, recentValues } from "./metrics.ts";
import { linkedRole } from "./role.ts";
import {
  type ActivityRecord,
  nounRange,
  ofTarget,
  type Place,
  type PolicyRecord,
  policies,
  policyKey,
  type TargetId,
  type TargetRecord,
  targetKey,
  targets,
} from "./state.ts";

/** What CloudWatch emits in the commit of an alarm's change. */
export interface AlarmStateChanged extends Place {
  readonly alarmArn: string;
  readonly alarmName: string;
  readonly newState: "OK" | "ALARM" | "INSUFFICIENT_DATA";
  /** ARNs, of the new state. */
  readonly actions: readonly string[];
}

/** A policy's ARN names what it scales. */
const POLICY_ARN =
  /^arn:[^:]+:autoscaling:[^:]+:\d{12}:scalingPolicy:[0-9a-f-]+:resource\/([^/]+)\/(.+):policyName\/(.+)$/;

/** An alarm that names a policy has gone into ALARM, or is there still: the policy's target is looked at. */
export function hearAlarm(tx: Transaction, detail: AlarmStateChanged): void {
  if (detail.newState !== "ALARM") return;
  for (const action of detail.actions) {
    const [, namespace, resourceId] = POLICY_ARN.exec(action) ?? [];
    if (namespace === undefined) continue;
    const { start, end } = nounRange(detail, "policy", namespace, resourceId);
    for (const [, policy] of [...policies.range(tx, start, end)]) {
      if (policy.arn !== action) continue;
      const own = policy.alarms.some(({ name }) => name === detail.alarmName);
      if (!own && !policy.callers.includes(detail.alarmName)) {
        policies.put(tx, policyKey(detail, policy, policy.name), {
          ...policy,
          callers: [...policy.callers, detail.alarmName],
        });
      }
      requestEvaluation(tx, detail, policy);
    }
  }
}

/** Everything known of a target at one moment. */
interface Look {
  readonly target: TargetRecord;
  readonly policies: readonly PolicyRecord[];
  readonly alarms: ReadonlyMap<string, Alarm>;
  readonly views: readonly Policy[];
  readonly capacity: number;
  readonly isDeploying: boolean;
}

/** Looks at a target and does what follows. Runs at least once: what it does twice has the same end. */
export async function evaluate(platform: FlowContext, due: EvaluationDue): Promise<void> {
  const flow = platform.as(linkedRole(due));
  const known = await flow.write((tx) => {
    const target = targets.get(tx, targetKey(due, due));
    if (target?.evaluation?.number !== due.number) return undefined;
    const { start, end } = ofTarget(due, "policy", due);
    return { target, policies: [...policies.range(tx, start, end)].map(([, policy]) => policy) };
  });
  if (!known) return;
  const dimension = dimensionOf(due);
  const present = await dimension.read(flow, due.resourceId);
  // The resource is gone, and the target that was left behind has nothing to scale.
  if (!present) return;
  const alarms = await alarmsOf(flow, known.policies);
  const views = await Promise.all(known.policies.map((policy) => viewOf(flow, policy, alarms, present.capacity)));
  const look: Look = { ...known, alarms, views, ...present };
  const planned = await flow.write((tx, context) => plan(tx, due, context, look, dimension));
  if (planned) await apply(flow, due, dimension, planned);
}

/** A policy with what its alarms say, for the decision. */
async function viewOf(
  flow: FlowContext,
  policy: PolicyRecord,
  alarms: ReadonlyMap<string, Alarm>,
  capacity: number,
): Promise<Policy> {
  const { cooldownSeconds } = dimensionOf(policy);
  const inAlarm = (name: string): Alarm | undefined => {
    const alarm = alarms.get(name);
    return alarm?.StateValue === "ALARM" ? alarm : undefined;
  };
  if (policy.tracking) {
    const { tracking } = policy;
    const side = (["above", "below"] as const).find((which) =>
      policy.alarms.some((made) => made.side === which && inAlarm(made.name)),
    );
    const alarm = side && inAlarm(policy.alarms.find((made) => made.side === side)!.name);
    const values = alarm ? await recentValues(flow, alarm) : [];
    const scale = scaleOf(policy, capacity);
    const value = side === "above" ? values.at(-1) : Math.max(...values);
    return {
      kind: "tracking",
      name: policy.name,
      target: tracking.TargetValue!,
      scaleOutCooldownMs: (tracking.ScaleOutCooldown ?? cooldownSeconds) * 1000,
      scaleInCooldownMs: (tracking.ScaleInCooldown ?? cooldownSeconds) * 1000,
      mayScaleIn: !tracking.DisableScaleIn,
      breach: side ?? "none",
      ...(values.length > 0 && value !== undefined && { value: value / scale }),
    };
  }
  const step = policy.step!;
  const alarm = policy.callers.map(inAlarm).find((found) => found !== undefined);
  const values = alarm ? await recentValues(flow, alarm) : [];
  return {
    kind: "step",
    name: policy.name,
    adjustmentType: step.AdjustmentType!,
    steps: (step.StepAdjustments ?? []).map((given) => ({
      ...(given.MetricIntervalLowerBound !== undefined && { lower: given.MetricIntervalLowerBound }),
      ...(given.MetricIntervalUpperBound !== undefined && { upper: given.MetricIntervalUpperBound }),
      adjustment: given.ScalingAdjustment!,
    })),
    ...(step.MinAdjustmentMagnitude !== undefined && { minAdjustmentMagnitude: step.MinAdjustmentMagnitude }),
    cooldownMs: (step.Cooldown ?? cooldownSeconds) * 1000,
    ...(alarm && { breach: { threshold: alarm.Threshold!, ...aggregated(values, step.MetricAggregationType) } }),
  };
}

/** What a metric of this size means for the policy, where the metric itself grows with the capacity. */
function scaleOf(policy: PolicyRecord, capacity: number): number {
  const predefined = policy.tracking?.PredefinedMetricSpecification;
  if (!predefined) return 1;
  const metric = dimensionOf(policy).metric(predefined.PredefinedMetricType!, policy, predefined.ResourceLabel);
  return metric?.perCapacity?.(capacity) ?? 1;
}

function aggregated(values: readonly number[], type: string | undefined): { readonly value?: number } {
  if (values.length === 0) return {};
  if (type === "Maximum") return { value: Math.max(...values) };
  if (type === "Minimum") return { value: Math.min(...values) };
  return { value: values.reduce((sum, value) => sum + value, 0) / values.length };
}

interface Planned {
  readonly activity: ActivityRecord;
  readonly capacity: number;
}

/** Decides, and writes down what was decided and when to look again. */
function plan(
  tx: Transaction,
  due: EvaluationDue,
  context: OperationContext,
  look: Look,
  dimension: Dimension,
): Planned | undefined {
  const target = targets.get(tx, targetKey(due, due));
  // Something happened meanwhile, and has asked for a look of its own.
  if (target?.evaluation?.number !== due.number) return undefined;
  for (const policy of look.policies) forgetCallers(tx, due, policy, look.alarms);
  const { evaluation, ...rest } = target;
  const { min, max, suspended, cooldowns } = target;
  const looked: TargetRecord = { ...rest, evaluation: { number: evaluation.number } };
  const inBounds = bounded(look.capacity, target);
  if (evaluation.boundsCause !== undefined && inBounds !== look.capacity) {
    targets.put(tx, targetKey(due, due), looked);
    return begin(tx, due, context, dimension, inBounds, evaluation.boundsCause);
  }
  const situation: Situation = {
    limits: { min, max },
    capacity: look.capacity,
    isDeploying: look.isDeploying,
    suspended,
    cooldowns,
    policies: look.views,
  };
  const decision = decide(situation, context.nowMs);
  targets.put(tx, targetKey(due, due), {
    ...looked,
    ...(decision.what === "scale" && { cooldowns: decision.cooldowns }),
  });
  if (decision.what === "scale") {
    return begin(tx, due, context, dimension, decision.capacity, causeOf(look, decision.policy));
  }
  if (decision.reason) noteNotScaled(tx, due, context, decision.reason, causeOf(look, decision.policy!));
  return undefined;
}

/** Alarms of the user's that are no longer in ALARM, or no longer there. */
function forgetCallers(
  tx: Transaction,
  place: Place,
  { namespace, resourceId, dimension, name }: PolicyRecord,
  alarms: ReadonlyMap<string, Alarm>,
): void {
  const at = policyKey(place, { namespace, resourceId, dimension }, name);
  const policy = policies.get(tx, at);
  if (!policy) return;
  const callers = policy.callers.filter((caller) => alarms.get(caller)?.StateValue === "ALARM");
  if (callers.length < policy.callers.length) policies.put(tx, at, { ...policy, callers });
}

function causeOf({ policies: all, alarms }: Look, policyName: string): string {
  const policy = all.find(({ name }) => name === policyName)!;
  const names = [...policy.alarms.map(({ name }) => name), ...policy.callers];
  const alarm = names.find((name) => alarms.get(name)?.StateValue === "ALARM");
  return `monitor alarm ${alarm} in state ALARM triggered policy ${policyName}`;
}

function begin(
  tx: Transaction,
  { namespace, resourceId, dimension: dimensionName, accountId, region }: EvaluationDue,
  context: OperationContext,
  dimension: Dimension,
  capacity: number,
  cause: string,
): Planned {
  const activity = recordActivity(tx, { accountId, region }, context, {
    namespace,
    resourceId,
    dimension: dimensionName,
    description: `Setting ${dimension.noun} to ${capacity}.`,
    cause,
    startMs: context.nowMs,
    status: "InProgress",
    message: `Attempting to set ${dimension.noun} to ${capacity}.`,
  });
  return { activity, capacity };
}

function noteNotScaled(
  tx: Transaction,
  { namespace, resourceId, dimension, accountId, region }: EvaluationDue,
  context: OperationContext,
  reason: NotScaled,
  cause: string,
): void {
  recordActivity(tx, { accountId, region }, context, {
    namespace,
    resourceId,
    dimension,
    description: "Attempting to scale due to alarm triggered",
    cause,
    startMs: context.nowMs,
    endMs: context.nowMs,
    status: "Failed",
    notScaled: {
      Code: reason.code,
      ...(reason.code === "AlreadyAtMaxCapacity" && { MaxCapacity: reason.maxCapacity }),
      ...(reason.code === "AlreadyAtMinCapacity" && { MinCapacity: reason.minCapacity }),
      ...(reason.code === "AlreadyAtDesiredCapacity" && { CurrentCapacity: reason.currentCapacity }),
    },
  });
}

/** Sets the capacity, and says how that went. Thresholds that follow the capacity are brought along. */
async function apply(
  flow: FlowContext,
  due: EvaluationDue,
  dimension: Dimension,
  { activity, capacity }: Planned,
): Promise<void> {
  try {
    await dimension.write(flow, due.resourceId, capacity);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const message = `Failed to set ${dimension.noun} to ${capacity}. Reason: ${error.message}`;
    flow.log.warn("A capacity could not be set", { target: due.resourceId, capacity, error: error.message });
    await flow.write((tx, context) =>
      endActivity(tx, due, activity, { status: "Failed", endMs: context.nowMs, message }),
    );
    return;
  }
  await flow.write((tx, context) => {
    const message = `Successfully set ${dimension.noun} to ${capacity}. Change successfully fulfilled by ${due.namespace}.`;
    endActivity(tx, due, activity, { status: "Successful", endMs: context.nowMs, message });
    followCapacity(tx, due, context);
  });
}

function followCapacity(tx: Transaction, id: Place & TargetId, context: OperationContext): void {
  if (!dimensionOf(id).current) return;
  const { start, end } = ofTarget(id, "policy", id);
  for (const [key, policy] of [...policies.range(tx, start, end)]) {
    if (policy.tracking) policies.put(tx, key, putAlarms(context, { ...policy, tracking: policy.tracking }));
  }
}
