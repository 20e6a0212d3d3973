/**
 * Composite alarms: put, looked at again whenever an alarm that they name has changed, and held back by their suppressor.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html
 */

import { decodeKey } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../../service.ts";
import { invalidValue, missingParameter, validation } from "../errors.ts";
import { changeAlarms } from "../metering.ts";
import type { Place } from "../state.ts";
import { actionsOf, checkAlarmName, checkDescription, tagsOf } from "./common.ts";
import { remember } from "./history.ts";
import { alarmsOf, holds, parseRule, RULE_ALARMS_MAX, RULE_LENGTH_MAX, type Rule, RuleError } from "./rule.ts";
import {
  Alarms,
  alarmArn,
  alarmKey,
  type CompositeAlarmRecord,
  nameOfAlarm,
  parentKey,
  parentRange,
  type StateValue,
} from "./state.ts";
import { actLate, enter } from "./transition.ts";

export const SUPPRESSION_DUE = "cloudwatch.SuppressionDue";
/** How deep composite alarms may stand on one another. */
const DEPTH_MAX = 100;

type Input = InputOf<"cloudwatch", "PutCompositeAlarm">;

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html */
export const putCompositeAlarm: Operation<Input, OutputOf<"cloudwatch", "PutCompositeAlarm">> = (
  tx,
  input,
  context,
) => {
  checkAlarmName(input.AlarmName);
  checkDescription(input.AlarmDescription);
  if (!input.AlarmRule) throw missingParameter("AlarmRule");
  if (input.AlarmRule.length > RULE_LENGTH_MAX)
    throw invalidValue(`The parameter AlarmRule must be shorter than ${RULE_LENGTH_MAX + 1} characters.`);
  const rule = ruleOf(input.AlarmRule);
  const children = alarmsOf(rule);
  if (children.length > RULE_ALARMS_MAX)
    throw validation(`AlarmRule must not name more than ${RULE_ALARMS_MAX} alarms.`);
  const absent = children.filter((name) => !Alarms.read(tx, alarmKey(context, name)));
  if (absent.length > 0)
    throw validation(
      `Could not save the composite alarm as alarms [${absent.join(", ")}] in the alarm rule do not exist`,
    );
  const suppressor = suppressorOf(tx, input, context);
  const known = Alarms.get(tx, alarmKey(context, input.AlarmName));
  if (known?.type === "metric")
    throw validation(`An alarm of the type MetricAlarm with the name ${input.AlarmName} exists already.`);
  if (known) forgetParents(tx, context, known);
  const alarm: CompositeAlarmRecord = {
    type: "composite",
    name: input.AlarmName,
    ...(input.AlarmDescription === undefined ? {} : { description: input.AlarmDescription }),
    actionsEnabled: input.ActionsEnabled ?? true,
    ...actionsOf(input, false),
    configuredMs: context.nowMs,
    tags: known?.tags ?? tagsOf(input.Tags),
    generation: (known?.generation ?? 0) + 1,
    state: known?.state ?? {
      value: "INSUFFICIENT_DATA",
      reason: "Unchecked: Initial alarm creation",
      updatedMs: context.nowMs,
      transitionedMs: context.nowMs,
    },
    rule: input.AlarmRule,
    ...(suppressor ? { suppressor } : {}),
  };
  Alarms.put(tx, alarmKey(context, alarm.name), alarm);
  if (!known) changeAlarms(context, context, alarm, 1);
  for (const child of namedBy(alarm)) tx.put(parentKey(context, child, alarm.name), true);
  remember(
    tx,
    context,
    alarm,
    {
      type: "ConfigurationUpdate",
      summary: `Alarm "${alarm.name}" ${known ? "updated" : "created"}`,
      data: known ? { type: "Update", updatedAlarm: alarm } : { type: "Create", createdAlarm: alarm },
    },
    context,
  );
  review(tx, context, alarm.name, context, 0);
  return {};
};

function ruleOf(text: string): Rule {
  try {
    return parseRule(text);
  } catch (error) {
    if (error instanceof RuleError) throw validation(`AlarmRule ${error.message}.`);
    throw error;
  }
}

function suppressorOf(tx: Transaction, input: Input, at: Place): CompositeAlarmRecord["suppressor"] {
  const { ActionsSuppressor, ActionsSuppressorWaitPeriod, ActionsSuppressorExtensionPeriod } = input;
  if (!ActionsSuppressor) {
    if (ActionsSuppressorWaitPeriod !== undefined || ActionsSuppressorExtensionPeriod !== undefined)
      throw validation("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod require ActionsSuppressor.");
    return undefined;
  }
  if (ActionsSuppressorWaitPeriod === undefined) throw missingParameter("ActionsSuppressorWaitPeriod");
  if (ActionsSuppressorExtensionPeriod === undefined) throw missingParameter("ActionsSuppressorExtensionPeriod");
  if (ActionsSuppressorWaitPeriod < 0 || ActionsSuppressorExtensionPeriod < 0)
    throw invalidValue("The periods of an ActionsSuppressor must not be negative.");
  if (!Alarms.read(tx, alarmKey(at, nameOfAlarm(ActionsSuppressor))))
    throw validation(
      `Could not save the composite alarm as the suppressor alarm [${ActionsSuppressor}] does not exist`,
    );
  return {
    alarm: ActionsSuppressor,
    waitSeconds: ActionsSuppressorWaitPeriod,
    extensionSeconds: ActionsSuppressorExtensionPeriod,
  };
}

/** Every alarm whose state matters to this one. */
export function namedBy(alarm: CompositeAlarmRecord): readonly string[] {
  const names = alarmsOf(parseRule(alarm.rule));
  return alarm.suppressor ? [...names, nameOfAlarm(alarm.suppressor.alarm)] : names;
}

export function forgetParents(tx: Transaction, at: Place, alarm: CompositeAlarmRecord): void {
  for (const child of namedBy(alarm)) tx.delete(parentKey(at, child, alarm.name));
}

/** The composite alarms that name an alarm. */
export function parentsOf(tx: Transaction, at: Place, child: string): readonly string[] {
  const { start, end } = parentRange(at, child);
  return [...tx.range(start, end)].map(([place]) => decodeKey(place)[5] as string);
}

/** Looks again at every composite alarm above one that has changed. */
export function reviewParents(tx: Transaction, at: Place, child: string, context: OperationContext, depth = 0): void {
  for (const parent of parentsOf(tx, at, child)) review(tx, at, parent, context, depth, child);
}

function review(
  tx: Transaction,
  at: Place,
  name: string,
  context: OperationContext,
  depth: number,
  because?: string,
): void {
  const alarm = Alarms.get(tx, alarmKey(at, name));
  // A circle of alarms ends here, as AWS stops evaluating one.
  if (alarm?.type !== "composite" || depth >= DEPTH_MAX) return;
  const stateOf = (other: string) => Alarms.read(tx, alarmKey(at, other))?.state.value;
  const settled = suppressorChanged(tx, at, alarm, stateOf, context);
  const value: StateValue = holds(parseRule(alarm.rule), stateOf) ? "ALARM" : "OK";
  if (value === alarm.state.value) return;
  const { suppressed, act } = onChange(settled, stateOf, context.nowMs);
  const held: CompositeAlarmRecord = withSuppression(settled, suppressed);
  if (suppressed?.untilMs !== undefined && suppressed !== settled.suppressed)
    setSuppressionTimer(tx, at, held, suppressed.untilMs);
  const trigger = because === undefined ? undefined : Alarms.read(tx, alarmKey(at, because));
  const reason = trigger
    ? `${alarmArn(at, trigger.name)} transitioned to ${trigger.state.value} at ${weekday(trigger.state.transitionedMs)}`
    : `The alarm rule is ${value === "ALARM" ? "true" : "false"}`;
  const reasonData = trigger
    ? {
        reasonData: JSON.stringify({
          triggeringAlarms: [
            {
              arn: alarmArn(at, trigger.name),
              state: { value: trigger.state.value, timestamp: new Date(trigger.state.transitionedMs).toISOString() },
            },
          ],
        }),
      }
    : {};
  enter(tx, at, held, { value, reason, ...reasonData }, context, act);
  reviewParents(tx, at, name, context, depth + 1);
}

type Suppressed = CompositeAlarmRecord["suppressed"];

function withSuppression(alarm: CompositeAlarmRecord, suppressed: Suppressed): CompositeAlarmRecord {
  const { suppressed: _, ...rest } = alarm;
  return suppressed ? { ...rest, suppressed } : rest;
}

/** Whether a change of state may act, and what holds it back. */
function onChange(
  alarm: CompositeAlarmRecord,
  stateOf: (name: string) => StateValue | undefined,
  nowMs: number,
): { suppressed: Suppressed; act: boolean } {
  const { suppressor, suppressed } = alarm;
  if (!suppressor) return { suppressed: undefined, act: true };
  // Held back already: what was since stays the state to compare with in the end.
  if (suppressed) return { suppressed, act: false };
  const since = alarm.state.value;
  if (stateOf(nameOfAlarm(suppressor.alarm)) === "ALARM") return { suppressed: { by: "Alarm", since }, act: false };
  if (suppressor.waitSeconds === 0) return { suppressed: undefined, act: true };
  return { suppressed: { by: "WaitPeriod", untilMs: nowMs + suppressor.waitSeconds * 1000, since }, act: false };
}

/** The suppressor itself may have gone into or out of ALARM. */
function suppressorChanged(
  tx: Transaction,
  at: Place,
  alarm: CompositeAlarmRecord,
  stateOf: (name: string) => StateValue | undefined,
  context: OperationContext,
): CompositeAlarmRecord {
  const { suppressor, suppressed } = alarm;
  if (!suppressor || !suppressed) return alarm;
  const inAlarm = stateOf(nameOfAlarm(suppressor.alarm)) === "ALARM";
  let next: Suppressed = suppressed;
  if (inAlarm && suppressed.by !== "Alarm") next = { by: "Alarm", since: suppressed.since };
  else if (!inAlarm && suppressed.by === "Alarm")
    next = {
      by: "ExtensionPeriod",
      untilMs: context.nowMs + suppressor.extensionSeconds * 1000,
      since: suppressed.since,
    };
  if (next === suppressed) return alarm;
  const changed = withSuppression(alarm, next);
  Alarms.put(tx, alarmKey(at, alarm.name), changed);
  if (next.untilMs !== undefined) setSuppressionTimer(tx, at, changed, next.untilMs);
  return changed;
}

interface SuppressionDue extends Place {
  readonly name: string;
  readonly untilMs: number;
}

function setSuppressionTimer(tx: Transaction, at: Place, alarm: CompositeAlarmRecord, untilMs: number): void {
  const detail: SuppressionDue = { accountId: at.accountId, region: at.region, name: alarm.name, untilMs };
  tx.emit({ type: SUPPRESSION_DUE, detail, dueMs: untilMs });
}

/** A wait or an extension is over, and the suppressor is not in ALARM: what was held back happens now, if it still differs. */
export function endSuppression(tx: Transaction, detail: SuppressionDue): void {
  const at: Place = { accountId: detail.accountId, region: detail.region };
  const alarm = Alarms.get(tx, alarmKey(at, detail.name));
  if (alarm?.type !== "composite" || alarm.suppressed?.untilMs !== detail.untilMs) return;
  const { since } = alarm.suppressed;
  const free = withSuppression(alarm, undefined);
  Alarms.put(tx, alarmKey(at, alarm.name), free);
  if (since !== free.state.value) actLate(tx, at, free, since);
}

/** `Friday 02 January, 2026 10:04:11 UTC` */
function weekday(atMs: number): string {
  const at = new Date(atMs);
  const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  const months = "January February March April May June July August September October November December".split(" ");
  const day = String(at.getUTCDate()).padStart(2, "0");
  return `${days[at.getUTCDay()]} ${day} ${months[at.getUTCMonth()]}, ${at.getUTCFullYear()} ${at.toISOString().slice(11, 19)} UTC`;
}
