/** When schedules are due. Each enabled schedule has one timer in the outbox, and sets the next one when it falls due. */
import type { Transaction } from "../../storage/transaction.ts";
import { nextTimeMs, parseSchedule } from "../schedule-common/expression.ts";
import type { OperationContext } from "../service.ts";
import { TARGET_DUE, type TargetDue } from "./invocations.ts";
import { type Schedule, Schedules, scheduleArn, scheduleKey, type Where } from "./state.ts";

export const SCHEDULE_DUE = "scheduler.ScheduleDue";

export interface ScheduleDue extends Where {
  readonly group: string;
  readonly name: string;
  readonly generation: string;
  /** When it should happen; with a flexible window it does within that after it. */
  readonly scheduledMs: number;
}

/** The first moment after `afterMs` that lies within the schedule's bounds. */
export function nextOf(schedule: Schedule, afterMs: number): number | undefined {
  const parsed = parseSchedule(schedule.expression);
  if (!parsed) return undefined;
  const fromMs = Math.max(afterMs, (schedule.startMs ?? 0) - 1);
  const { timeZone, anchorMs } = schedule;
  // A rate begins where it counts from.
  const isFirst = parsed.kind === "rate" && fromMs < anchorMs;
  const nextMs = isFirst ? anchorMs : nextTimeMs(parsed, { timeZone, afterMs: fromMs, anchorMs });
  return nextMs === undefined || (schedule.endMs !== undefined && nextMs > schedule.endMs) ? undefined : nextMs;
}

/** Of a schedule that was made or changed. A rate without a start begins at once. */
export function setFirstTimer(tx: Transaction, at: Where, schedule: Schedule, context: OperationContext): void {
  if (schedule.enabled) setTimer(tx, at, schedule, context.nowMs - 1, context);
}

/** @returns whether there is a next time */
function setTimer(
  tx: Transaction,
  { accountId, region }: Where,
  schedule: Schedule,
  afterMs: number,
  context: OperationContext,
): boolean {
  const scheduledMs = nextOf(schedule, afterMs);
  if (scheduledMs === undefined) return false;
  const { group, name, generation } = schedule;
  const detail: ScheduleDue = { accountId, region, group, name, generation, scheduledMs };
  const delayMs = schedule.windowMinutes > 0 ? context.random.integer(schedule.windowMinutes * 60_000) : 0;
  tx.emit({ type: SCHEDULE_DUE, detail, dueMs: scheduledMs + delayMs });
  return true;
}

/** What fell due while the platform was not there happens once, late. */
export function scheduleDue(tx: Transaction, due: ScheduleDue, context: OperationContext): void {
  const place = scheduleKey(due, due.group, due.name);
  const schedule = Schedules.get(tx, place);
  if (!schedule?.enabled || schedule.generation !== due.generation) return;
  const { accountId, region, scheduledMs } = due;
  const detail: TargetDue = {
    accountId,
    region,
    scheduleArn: scheduleArn(due, schedule),
    group: schedule.group,
    target: schedule.target,
    scheduledMs,
    sinceMs: context.nowMs,
    executionId: context.random.uuid(),
    attempts: 0,
  };
  tx.emit({ type: TARGET_DUE, detail });
  const afterMs = Math.max(scheduledMs, context.nowMs - schedule.windowMinutes * 60_000);
  const goesOn = setTimer(tx, due, schedule, afterMs, context);
  if (!goesOn && schedule.deleteAfterCompletion) tx.delete(place);
}
