/** Schedules: create, get, list, update, delete. */
import { keysUnder, keysWithPrefix } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { parseSchedule } from "../schedule-common/expression.ts";
import { isTimeZone } from "../schedule-common/time-zone.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { groupIsDeleting, scheduleDoesNotExist, scheduleExists, validation } from "./errors.ts";
import type { UniversalCalls } from "./ports.ts";
import { checkName, groupNameOf, pageOf, requireGroup, START_TOLERANCE_MS } from "./rules.ts";
import { type Schedule, Schedules, scheduleArn, scheduleKey } from "./state.ts";
import { checkRole, shownTarget, targetOf } from "./targets.ts";
import { setFirstTimer } from "./timers.ts";

type Given = InputOf<"scheduler", "CreateSchedule"> & InputOf<"scheduler", "UpdateSchedule">;

/**
 * @throws ValidationException, ResourceNotFoundException, ConflictException; NotImplemented for targets that Virga does not have
 * @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
 */
export function createSchedule(calls: UniversalCalls) {
  return (
    tx: Transaction,
    input: InputOf<"scheduler", "CreateSchedule">,
    context: OperationContext,
  ): OutputOf<"scheduler", "CreateSchedule"> => {
    const made = scheduleOf(calls, input, context);
    if (requireGroup(tx, context, made.group).deleting) throw groupIsDeleting(made.group);
    const place = scheduleKey(context, made.group, made.name);
    const known = Schedules.get(tx, place);
    if (known && (known.clientToken === undefined || known.clientToken !== made.clientToken)) {
      throw scheduleExists(made.name);
    }
    if (!known) {
      checkRole(made.target.roleArn, context);
      Schedules.put(tx, place, made);
      setFirstTimer(tx, context, made, context);
    }
    return { ScheduleArn: scheduleArn(context, made) };
  };
}

/** Writes the schedule anew: what the request leaves out returns to its default. @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html */
export function updateSchedule(calls: UniversalCalls) {
  return (
    tx: Transaction,
    input: InputOf<"scheduler", "UpdateSchedule">,
    context: OperationContext,
  ): OutputOf<"scheduler", "UpdateSchedule"> => {
    const given = scheduleOf(calls, input, context);
    requireGroup(tx, context, given.group);
    const place = scheduleKey(context, given.group, given.name);
    const known = Schedules.get(tx, place);
    if (!known) throw scheduleDoesNotExist(given.name);
    checkRole(given.target.roleArn, context);
    const sameRhythm = known.expression === given.expression && known.startMs === given.startMs && known.enabled;
    const changed = {
      ...given,
      createdMs: known.createdMs,
      anchorMs: sameRhythm ? known.anchorMs : given.anchorMs,
    };
    Schedules.put(tx, place, changed);
    setFirstTimer(tx, context, changed, context);
    return { ScheduleArn: scheduleArn(context, changed) };
  };
}

/** Checks a request, in AWS's order as far as it is known. @returns the schedule as if it were new */
function scheduleOf(calls: UniversalCalls, input: Given, context: OperationContext): Schedule {
  const name = checkName(input.Name);
  const group = groupNameOf(input.GroupName);
  const window = input.FlexibleTimeWindow;
  new Constraints()
    .required("scheduleExpression", input.ScheduleExpression)
    .length("scheduleExpression", input.ScheduleExpression, 1, 256)
    .length("scheduleExpressionTimezone", input.ScheduleExpressionTimezone, 1, 50)
    .length("description", input.Description, 0, 512)
    .length("clientToken", input.ClientToken, 1, 64)
    .oneOf("state", input.State, ["ENABLED", "DISABLED"])
    .oneOf("actionAfterCompletion", input.ActionAfterCompletion, ["NONE", "DELETE"])
    .required("flexibleTimeWindow", window)
    .oneOf("flexibleTimeWindow.mode", window?.Mode ?? "", ["OFF", "FLEXIBLE"])
    .range("flexibleTimeWindow.maximumWindowInMinutes", window?.MaximumWindowInMinutes, 1, 1440)
    .required("target", input.Target)
    .check();
  const flexible = window!.Mode === "FLEXIBLE";
  if (flexible && window!.MaximumWindowInMinutes === undefined) {
    throw validation("A MaximumWindowInMinutes is required when Mode is FLEXIBLE.");
  }
  if (!flexible && window!.MaximumWindowInMinutes !== undefined) {
    throw validation("MaximumWindowInMinutes must not be given when Mode is OFF.");
  }
  const timeZone = input.ScheduleExpressionTimezone ?? "UTC";
  if (!isTimeZone(timeZone)) throw validation(`Invalid Schedule Expression Timezone ${timeZone}.`);
  if (!parseSchedule(input.ScheduleExpression!)) {
    throw validation(`Invalid Schedule Expression ${input.ScheduleExpression}.`);
  }
  const { startMs, endMs } = boundsOf(input, context.nowMs);
  return {
    name,
    group,
    expression: input.ScheduleExpression!,
    timeZone,
    ...(startMs === undefined ? {} : { startMs }),
    ...(endMs === undefined ? {} : { endMs }),
    ...(input.Description === undefined ? {} : { description: input.Description }),
    enabled: input.State !== "DISABLED",
    createdMs: context.nowMs,
    modifiedMs: context.nowMs,
    anchorMs: startMs ?? context.nowMs,
    windowMinutes: flexible ? window!.MaximumWindowInMinutes! : 0,
    deleteAfterCompletion: input.ActionAfterCompletion === "DELETE",
    ...(input.ClientToken === undefined ? {} : { clientToken: input.ClientToken }),
    target: targetOf(calls, input.Target!),
    generation: context.random.uuid(),
  };
}

/** One-time schedules have neither. */
function boundsOf(input: Given, nowMs: number): { readonly startMs?: number; readonly endMs?: number } {
  if (input.ScheduleExpression!.startsWith("at(")) return {};
  const startMs = input.StartDate?.getTime();
  const endMs = input.EndDate?.getTime();
  if (startMs !== undefined && startMs < nowMs - START_TOLERANCE_MS) {
    throw validation("The StartDate you specify cannot be earlier than 5 minutes ago.");
  }
  if (endMs !== undefined && endMs <= nowMs) throw validation("The EndDate you specify must be in the future.");
  if (startMs !== undefined && endMs !== undefined && startMs >= endMs) {
    throw validation("The StartDate you specify must come before the EndDate.");
  }
  return { ...(startMs === undefined ? {} : { startMs }), ...(endMs === undefined ? {} : { endMs }) };
}

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html */
export function getSchedule(
  tx: Transaction,
  input: InputOf<"scheduler", "GetSchedule">,
  context: OperationContext,
): OutputOf<"scheduler", "GetSchedule"> {
  const name = checkName(input.Name);
  const group = groupNameOf(input.GroupName);
  requireGroup(tx, context, group);
  const schedule = Schedules.get(tx, scheduleKey(context, group, name));
  if (!schedule) throw scheduleDoesNotExist(name);
  return {
    Arn: scheduleArn(context, schedule),
    GroupName: group,
    Name: name,
    ScheduleExpression: schedule.expression,
    ScheduleExpressionTimezone: schedule.timeZone,
    ...(schedule.startMs === undefined ? {} : { StartDate: new Date(schedule.startMs) }),
    ...(schedule.endMs === undefined ? {} : { EndDate: new Date(schedule.endMs) }),
    ...(schedule.description === undefined ? {} : { Description: schedule.description }),
    State: schedule.enabled ? "ENABLED" : "DISABLED",
    CreationDate: new Date(schedule.createdMs),
    LastModificationDate: new Date(schedule.modifiedMs),
    Target: shownTarget(schedule.target),
    FlexibleTimeWindow:
      schedule.windowMinutes > 0
        ? { Mode: "FLEXIBLE", MaximumWindowInMinutes: schedule.windowMinutes }
        : { Mode: "OFF" },
    ActionAfterCompletion: schedule.deleteAfterCompletion ? "DELETE" : "NONE",
  };
}

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteSchedule.html */
export function deleteSchedule(
  tx: Transaction,
  input: InputOf<"scheduler", "DeleteSchedule">,
  context: OperationContext,
): OutputOf<"scheduler", "DeleteSchedule"> {
  const name = checkName(input.Name);
  const group = groupNameOf(input.GroupName);
  // Deleting once more finds nothing, whatever the token.
  void input.ClientToken;
  requireGroup(tx, context, group);
  const place = scheduleKey(context, group, name);
  if (!Schedules.get(tx, place)) throw scheduleDoesNotExist(name);
  tx.delete(place);
  return {};
}

/** Of all groups unless one is named. @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListSchedules.html */
export function listSchedules(
  tx: Transaction,
  input: InputOf<"scheduler", "ListSchedules">,
  context: OperationContext,
): OutputOf<"scheduler", "ListSchedules"> {
  new Constraints().oneOf("state", input.State, ["ENABLED", "DISABLED"]).check();
  const prefix = input.NamePrefix === undefined ? "" : checkName(input.NamePrefix, "namePrefix");
  const root = ["scheduler", context.accountId, context.region, "schedule"] as const;
  const { GroupName } = input;
  if (GroupName !== undefined) requireGroup(tx, context, checkName(GroupName, "groupName"));
  const { start, end } = GroupName === undefined ? keysUnder(...root) : keysWithPrefix([...root, GroupName], prefix);
  const found = [...Schedules.range(tx, start, end)]
    .map(([, schedule]) => schedule)
    .filter(({ name, enabled }) => {
      if (input.State !== undefined && enabled !== (input.State === "ENABLED")) return false;
      return name.startsWith(prefix);
    });
  const { items, token } = pageOf(found, ({ group, name }) => `${group}\u0000${name}`, input);
  return {
    Schedules: items.map((schedule) => ({
      Arn: scheduleArn(context, schedule),
      Name: schedule.name,
      GroupName: schedule.group,
      State: schedule.enabled ? "ENABLED" : "DISABLED",
      CreationDate: new Date(schedule.createdMs),
      LastModificationDate: new Date(schedule.modifiedMs),
      Target: { Arn: schedule.target.arn },
    })),
    ...(token ? { NextToken: token } : {}),
  };
}
