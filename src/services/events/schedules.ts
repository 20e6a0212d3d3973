/** Rules that fall due by themselves: each has one timer in the outbox, and sets the next one when it falls due. */
import type { Transaction } from "../../storage/transaction.ts";
import { nextTimeMs, parseSchedule } from "../schedule-common/expression.ts";
import type { OperationContext } from "../service.ts";
import { owe } from "./arrivals.ts";
import { DEFAULT_BUS, type Event, eventTime, type Rule, Rules, ruleArn, ruleKey, type Where } from "./state.ts";

export const SCHEDULE_DUE = "events.ScheduleDue";

export interface ScheduleDue extends Where {
  readonly ruleName: string;
  readonly generation: string;
  readonly dueMs: number;
}

/** Sets the first timer of an enabled rule with a schedule; timers of before mean nothing any more. @returns the rule to keep */
export function beginSchedule(tx: Transaction, at: Where, rule: Rule, context: OperationContext): Rule {
  const begun: Rule = { ...rule, generation: context.random.uuid(), scheduledMs: context.nowMs };
  setTimer(tx, at, begun, context.nowMs);
  return begun;
}

function setTimer(tx: Transaction, { accountId, region }: Where, rule: Rule, afterMs: number): void {
  if (!rule.enabled || rule.schedule === undefined) return;
  const schedule = parseSchedule(rule.schedule);
  if (!schedule) return;
  const dueMs = nextTimeMs(schedule, { timeZone: "UTC", afterMs, anchorMs: rule.scheduledMs ?? afterMs });
  if (dueMs === undefined) return;
  const detail: ScheduleDue = { accountId, region, ruleName: rule.name, generation: rule.generation, dueMs };
  tx.emit({ type: SCHEDULE_DUE, detail, dueMs });
}

/** What fell due while the platform was not there happens once, late. */
export function scheduleDue(tx: Transaction, due: ScheduleDue, context: OperationContext): void {
  const rule = Rules.get(tx, ruleKey(due, DEFAULT_BUS, due.ruleName));
  if (!rule?.enabled || rule.generation !== due.generation) return;
  const event: Event = {
    version: "0",
    id: context.random.uuid(),
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: due.accountId,
    time: eventTime(due.dueMs),
    region: due.region,
    resources: [ruleArn(due, rule)],
    detail: {},
  };
  owe(tx, due, rule, { event, arrivedMs: context.nowMs, hops: 0 });
  setTimer(tx, due, rule, context.nowMs);
}
