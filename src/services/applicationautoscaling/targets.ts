/** Scalable targets: what is scaled, between which limits. */
import { arn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { Flow, InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { deleteAlarms } from "./alarms.ts";
import { checkTargetId, dimensionOf } from "./dimensions/all.ts";
import { targetNotFound, tooManyTags, validation } from "./errors.ts";
import { requestEvaluation } from "./evaluation.ts";
import { pageOf } from "./pages.ts";
import { asLinkedRole } from "./role.ts";
import { checkFilter, createConstraints, idConstraints, idOf, TAGS_MAX } from "./rules.ts";
import {
  actions,
  nounRange,
  ofTarget,
  type Place,
  policies,
  type TargetId,
  type TargetRecord,
  targetKey,
  targets,
} from "./state.ts";

const CAPACITY_MAX = 2 ** 31 - 1;

export const targetArn = ({ accountId, region }: Place, { arnId }: Pick<TargetRecord, "arnId">): string =>
  arn("application-autoscaling", region, accountId, `scalable-target/${arnId}`);

/** @throws ObjectNotFoundException */
export function requireTarget(tx: Transaction, place: Place, id: TargetId): TargetRecord {
  const record = targets.get(tx, targetKey(place, id));
  if (!record) throw targetNotFound(id);
  return record;
}

const LINKED_ROLES: Readonly<Record<string, string>> = {
  dynamodb: "DynamoDBTable",
  ecs: "ECSService",
  lambda: "LambdaConcurrency",
};

const linkedRoleArn = ({ accountId }: Place, { namespace }: TargetId): string =>
  `arn:aws:iam::${accountId}:role/aws-service-role/${namespace}.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_${LINKED_ROLES[namespace]}`;

type RegisterInput = InputOf<"applicationautoscaling", "RegisterScalableTarget">;

/**
 * Registers a target, or changes what is given of a registered one. A capacity outside the limits is brought inside at once.
 * @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
 * @throws ValidationException, LimitExceededException
 */
export const registerScalableTarget: Flow<
  RegisterInput,
  OutputOf<"applicationautoscaling", "RegisterScalableTarget">
> = async (flow, input) => {
  const constraints = createConstraints();
  idConstraints(constraints, input);
  constraints.length("roleARN", input.RoleARN, 1, 1600);
  constraints.check();
  const id = idOf(input);
  checkTargetId(id);
  for (const [name, value] of [
    ["MinCapacity", input.MinCapacity],
    ["MaxCapacity", input.MaxCapacity],
  ] as const) {
    if (value !== undefined && (value < 0 || value > CAPACITY_MAX)) {
      throw validation(
        `${name === "MinCapacity" ? "Minimum" : "Maximum"} capacity must be between 0 and ${CAPACITY_MAX}`,
      );
    }
  }
  const dimension = dimensionOf(id);
  const present = await dimension.read(asLinkedRole(flow), id.resourceId);
  if (!present) throw validation(dimension.missing(id.resourceId));
  return flow.write((tx, context) => {
    const record = merged(tx, context, id, input);
    const cause = boundsCause(present.capacity, record);
    targets.put(tx, targetKey(context, id), record);
    if (cause !== undefined) requestEvaluation(tx, context, id, { boundsCause: cause });
    return { ScalableTargetARN: targetArn(context, record) };
  });
};

function merged(tx: Transaction, context: OperationContext, id: TargetId, input: RegisterInput): TargetRecord {
  const previous = targets.get(tx, targetKey(context, id));
  const min = input.MinCapacity ?? previous?.min;
  const max = input.MaxCapacity ?? previous?.max;
  if (min === undefined || max === undefined) {
    throw validation(`MinCapacity and MaxCapacity must be specified when a new scalable target is registered`);
  }
  if (min > max) throw validation("Maximum capacity cannot be less than minimum capacity");
  const tags = { ...previous?.tags, ...input.Tags };
  if (Object.keys(tags).length > TAGS_MAX) throw tooManyTags(id.resourceId);
  const { suspended = { in: false, out: false, scheduled: false } } = previous ?? {};
  const state = input.SuspendedState;
  return {
    ...id,
    arnId: previous?.arnId ?? context.random.bytes(18).toString("hex"),
    min,
    max,
    roleArn: input.RoleARN ?? previous?.roleArn ?? linkedRoleArn(context, id),
    createdMs: previous?.createdMs ?? context.nowMs,
    suspended: {
      in: state?.DynamicScalingInSuspended ?? suspended.in,
      out: state?.DynamicScalingOutSuspended ?? suspended.out,
      scheduled: state?.ScheduledScalingSuspended ?? suspended.scheduled,
    },
    tags,
    cooldowns: previous?.cooldowns ?? {},
    ...(previous?.evaluation && { evaluation: previous.evaluation }),
  };
}

/** Why a capacity must change to lie within the limits; undefined when it does. */
export function boundsCause(capacity: number, { min, max }: Pick<TargetRecord, "min" | "max">): string | undefined {
  if (capacity < min) return `minimum capacity was set to ${min}`;
  return capacity > max ? `maximum capacity was set to ${max}` : undefined;
}

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html @throws ValidationException, ObjectNotFoundException */
export const deregisterScalableTarget: Operation<
  InputOf<"applicationautoscaling", "DeregisterScalableTarget">,
  OutputOf<"applicationautoscaling", "DeregisterScalableTarget">
> = (tx, input, context) => {
  const constraints = createConstraints();
  idConstraints(constraints, input);
  constraints.check();
  const id = idOf(input);
  requireTarget(tx, context, id);
  const policyRange = ofTarget(context, "policy", id);
  const actionRange = ofTarget(context, "action", id);
  const owned = [...policies.range(tx, policyRange.start, policyRange.end)];
  const scheduled = [...actions.range(tx, actionRange.start, actionRange.end)];
  for (const [key, policy] of owned) {
    deleteAlarms(context, policy);
    tx.delete(key);
  }
  for (const [key] of scheduled) tx.delete(key);
  tx.delete(targetKey(context, id));
  return {};
};

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html @throws ValidationException, InvalidNextTokenException */
export const describeScalableTargets: Operation<
  InputOf<"applicationautoscaling", "DescribeScalableTargets">,
  OutputOf<"applicationautoscaling", "DescribeScalableTargets">
> = (tx, input, context) => {
  checkFilter(createConstraints(), input);
  const { ResourceIds: ids, ScalableDimension: dimension } = input;
  const { rows, nextToken } = pageOf(tx, targets, nounRange(context, "target", input.ServiceNamespace), {
    limit: input.MaxResults,
    token: input.NextToken,
    where: (row) =>
      (ids === undefined || ids.length === 0 || ids.includes(row.resourceId)) &&
      (dimension === undefined || row.dimension === dimension),
  });
  return {
    ScalableTargets: rows.map((row) => ({
      ServiceNamespace: row.namespace,
      ResourceId: row.resourceId,
      ScalableDimension: row.dimension,
      MinCapacity: row.min,
      MaxCapacity: row.max,
      RoleARN: row.roleArn,
      CreationTime: new Date(row.createdMs),
      SuspendedState: {
        DynamicScalingInSuspended: row.suspended.in,
        DynamicScalingOutSuspended: row.suspended.out,
        ScheduledScalingSuspended: row.suspended.scheduled,
      },
      ScalableTargetARN: targetArn(context, row),
    })),
    ...(nextToken !== undefined && { NextToken: nextToken }),
  };
};
