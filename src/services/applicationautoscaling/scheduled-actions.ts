/** Scheduled actions: other limits, at their time. Each has one durable timer. */
import { arn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { nextTimeMs, parseSchedule } from "../schedule-common/expression.ts";
import { isTimeZone } from "../schedule-common/time-zone.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { recordActivity } from "./activities.ts";
import { checkTargetId } from "./dimensions/all.ts";
import { actionNotFound, validation } from "./errors.ts";
import { requestEvaluation } from "./evaluation.ts";
import { pageOf } from "./pages.ts";
import { checkFilter, createConstraints, idConstraints, idOf, NAME_LENGTH_MAX } from "./rules.ts";
import {
  type ActionRecord,
  actionKey,
  actions,
  nounRange,
  type Place,
  type TargetId,
  targetKey,
  targets,
} from "./state.ts";
import { requireTarget } from "./targets.ts";

/** A scheduled action's time has come; the detail is {@link ActionDue}. */
export const ACTION_DUE = "applicationautoscaling.ScheduledActionDue";

export interface ActionDue extends Place, TargetId {
  readonly name: string;
  readonly dueMs: number;
}

type PutInput = InputOf<"applicationautoscaling", "PutScheduledAction">;

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html @throws ValidationException, ObjectNotFoundException */
export const putScheduledAction: Operation<PutInput, OutputOf<"applicationautoscaling", "PutScheduledAction">> = (
  tx,
  input,
  context,
) => {
  const constraints = createConstraints();
  constraints.notNull("scheduledActionName", input.ScheduledActionName);
  constraints.length("scheduledActionName", input.ScheduledActionName, 1, NAME_LENGTH_MAX);
  idConstraints(constraints, input);
  constraints.length("schedule", input.Schedule, 1, 1600);
  constraints.length("timezone", input.Timezone, 1, 1600);
  constraints.check();
  const id = idOf(input);
  checkTargetId(id);
  requireTarget(tx, context, id);
  const name = input.ScheduledActionName!;
  const previous = actions.get(tx, actionKey(context, id, name));
  const record = merged(input, previous, id, context);
  actions.put(tx, actionKey(context, id, name), record);
  arm(tx, context, record);
  return {};
};

function merged(
  input: PutInput,
  previous: ActionRecord | undefined,
  id: TargetId,
  context: OperationContext,
): ActionRecord {
  const schedule = input.Schedule ?? previous?.schedule;
  if (schedule === undefined) throw validation("Schedule must be specified for a new scheduled action");
  const parsed = parseSchedule(schedule);
  if (!parsed) throw validation(`Invalid schedule expression: ${schedule}`);
  const timeZone = input.Timezone ?? previous?.timeZone ?? "UTC";
  if (!isTimeZone(timeZone)) throw validation(`Invalid timezone: ${timeZone}`);
  const startMs = input.StartTime?.getTime() ?? previous?.startMs;
  const endMs = input.EndTime?.getTime() ?? previous?.endMs;
  if (startMs !== undefined && endMs !== undefined && startMs >= endMs) {
    throw validation("StartTime must be before EndTime");
  }
  const action = input.ScalableTargetAction;
  const min = action ? action.MinCapacity : previous?.min;
  const max = action ? action.MaxCapacity : previous?.max;
  if (min === undefined && max === undefined) {
    throw validation("ScalableTargetAction must specify MinCapacity, MaxCapacity, or both");
  }
  if (min !== undefined && max !== undefined && min > max) {
    throw validation("Maximum capacity cannot be less than minimum capacity");
  }
  for (const value of [min, max]) if (value !== undefined && value < 0) throw validation("Capacity cannot be negative");
  const name = input.ScheduledActionName!;
  const record: ActionRecord = {
    ...id,
    name,
    arn: previous?.arn ?? actionArn(context, id, name, context.random.uuid()),
    createdMs: previous?.createdMs ?? context.nowMs,
    schedule,
    timeZone,
    ...(startMs !== undefined && { startMs }),
    ...(endMs !== undefined && { endMs }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
  };
  const nextMs = nextTime(record, context.nowMs);
  if (nextMs === undefined) throw validation(`The schedule ${schedule} has no time in the future`);
  return { ...record, nextMs };
}

const actionArn = ({ accountId, region }: Place, { namespace, resourceId }: TargetId, name: string, uuid: string) =>
  arn(
    "autoscaling",
    region,
    accountId,
    `scheduledAction:${uuid}:resource/${namespace}/${resourceId}:scheduledActionName/${name}`,
  );

/** The first time after `afterMs`, within start and end. A rate counts from the start, or from its creation. */
function nextTime(
  { schedule, timeZone, startMs, endMs, createdMs }: ActionRecord,
  afterMs: number,
): number | undefined {
  const fromMs = startMs === undefined ? afterMs : Math.max(afterMs, startMs - 1);
  const nextMs = nextTimeMs(parseSchedule(schedule)!, { timeZone, afterMs: fromMs, anchorMs: startMs ?? createdMs });
  return nextMs === undefined || (endMs !== undefined && nextMs > endMs) ? undefined : nextMs;
}

function arm(tx: Transaction, place: Place, record: ActionRecord): void {
  const { namespace, resourceId, dimension, name, nextMs } = record;
  if (nextMs === undefined) return;
  const { accountId, region } = place;
  const detail: ActionDue = { accountId, region, namespace, resourceId, dimension, name, dueMs: nextMs };
  tx.emit({ type: ACTION_DUE, detail, dueMs: nextMs });
}

/** Sets the limits, and the time after this one. */
export function runAction(tx: Transaction, detail: ActionDue, context: OperationContext): void {
  const at = actionKey(detail, detail, detail.name);
  const action = actions.get(tx, at);
  // It was changed or deleted since.
  if (action?.nextMs !== detail.dueMs) return;
  // Times that were slept through are not made up for, one by one: the last of them is this one.
  const { nextMs: _, ...rest } = action;
  const nextMs = nextTime(rest, Math.max(detail.dueMs, context.nowMs));
  const next: ActionRecord = { ...rest, ...(nextMs !== undefined && { nextMs }) };
  actions.put(tx, at, next);
  arm(tx, detail, next);
  const target = targets.get(tx, targetKey(detail, detail));
  if (!target || target.suspended.scheduled) return;
  const min = action.min ?? target.min;
  const max = action.max ?? target.max;
  if (min > max) {
    const { namespace, resourceId, dimension } = detail;
    recordActivity(tx, detail, context, {
      namespace,
      resourceId,
      dimension,
      description: `Setting minimum capacity to ${min} and maximum capacity to ${max}`,
      cause: `scheduled action name ${action.name} was triggered`,
      startMs: context.nowMs,
      endMs: context.nowMs,
      status: "Failed",
      message: "Maximum capacity cannot be less than minimum capacity",
    });
    return;
  }
  targets.put(tx, targetKey(detail, detail), { ...target, min, max });
  const boundsCause =
    action.min === undefined ? `maximum capacity was set to ${max}` : `minimum capacity was set to ${min}`;
  requestEvaluation(tx, detail, detail, { boundsCause });
}

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeleteScheduledAction.html @throws ValidationException, ObjectNotFoundException */
export const deleteScheduledAction: Operation<
  InputOf<"applicationautoscaling", "DeleteScheduledAction">,
  OutputOf<"applicationautoscaling", "DeleteScheduledAction">
> = (tx, input, context) => {
  const constraints = createConstraints();
  constraints.notNull("scheduledActionName", input.ScheduledActionName);
  idConstraints(constraints, input);
  constraints.check();
  const id = idOf(input);
  const at = actionKey(context, id, input.ScheduledActionName!);
  if (!actions.get(tx, at)) throw actionNotFound(id, input.ScheduledActionName!);
  tx.delete(at);
  return {};
};

/** @see https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScheduledActions.html @throws ValidationException, InvalidNextTokenException */
export const describeScheduledActions: Operation<
  InputOf<"applicationautoscaling", "DescribeScheduledActions">,
  OutputOf<"applicationautoscaling", "DescribeScheduledActions">
> = (tx, input, context) => {
  checkFilter(createConstraints(), input);
  const { ScheduledActionNames: names, ScalableDimension: dimension } = input;
  const range = nounRange(context, "action", input.ServiceNamespace, input.ResourceId);
  const { rows, nextToken } = pageOf(tx, actions, range, {
    limit: input.MaxResults,
    token: input.NextToken,
    where: (row) =>
      (names === undefined || names.length === 0 || names.includes(row.name) || names.includes(row.arn)) &&
      (dimension === undefined || row.dimension === dimension),
  });
  return {
    ScheduledActions: rows.map((row) => ({
      ScheduledActionName: row.name,
      ScheduledActionARN: row.arn,
      ServiceNamespace: row.namespace,
      Schedule: row.schedule,
      Timezone: row.timeZone,
      ResourceId: row.resourceId,
      ScalableDimension: row.dimension,
      ...(row.startMs !== undefined && { StartTime: new Date(row.startMs) }),
      ...(row.endMs !== undefined && { EndTime: new Date(row.endMs) }),
      ScalableTargetAction: {
        ...(row.min !== undefined && { MinCapacity: row.min }),
        ...(row.max !== undefined && { MaxCapacity: row.max }),
      },
      CreationTime: new Date(row.createdMs),
    })),
    ...(nextToken !== undefined && { NextToken: nextToken }),
  };
};
