/**
 * A change of state: the record, its history, the event `cloudwatch.AlarmStateChanged` and what it sets going, all in one commit. Composite alarms that
 * name the alarm are looked at again in the same commit.
 */
import type { Transaction } from "../../../storage/transaction.ts";
import type { OperationContext } from "../../service.ts";
import type { Place } from "../state.ts";
import { ALARM_ACTION, ALARM_EVENT, type AlarmAction, type Change, isScalingPolicy } from "./actions.ts";
import { configurationOf } from "./configuration.ts";
import { remember } from "./history.ts";
import { type AlarmRecord, Alarms, alarmArn, alarmKey, type StateValue } from "./state.ts";

export const ALARM_STATE_CHANGED = "cloudwatch.AlarmStateChanged";

export interface NewState {
  readonly value: StateValue;
  readonly reason: string;
  readonly reasonData?: string;
}

/**
 * Puts an alarm into a state. Events and history tell of it only where the value changes.
 * @param act whether actions go out now; a composite alarm's suppressor may hold them back
 * @returns the alarm as it is now
 */
export function enter<A extends AlarmRecord>(
  tx: Transaction,
  at: Place,
  alarm: A,
  next: NewState,
  context: OperationContext,
  act = true,
): A {
  const changed = next.value !== alarm.state.value;
  const state = {
    value: next.value,
    reason: next.reason,
    ...(next.reasonData === undefined ? {} : { reasonData: next.reasonData }),
    updatedMs: context.nowMs,
    transitionedMs: changed ? context.nowMs : alarm.state.transitionedMs,
  };
  const entered: A = { ...alarm, state };
  Alarms.put(tx, alarmKey(at, alarm.name), entered);
  if (!changed) return entered;
  const told = (which: AlarmRecord["state"]) => ({
    stateValue: which.value,
    stateReason: which.reason,
    ...(which.reasonData === undefined ? {} : { stateReasonData: JSON.parse(which.reasonData) }),
  });
  remember(
    tx,
    at,
    alarm,
    {
      type: "StateUpdate",
      summary: `Alarm updated from ${alarm.state.value} to ${next.value}`,
      data: { oldState: told(alarm.state), newState: told(state) },
    },
    context,
  );
  announce(tx, at, entered, alarm.state, act ? actionsOf(entered) : []);
  return entered;
}

/** The actions of the alarm's present state; none while they are disabled. */
export function actionsOf(alarm: AlarmRecord): readonly string[] {
  if (!alarm.actionsEnabled) return [];
  if (alarm.state.value === "OK") return alarm.okActions;
  return alarm.state.value === "ALARM" ? alarm.alarmActions : alarm.insufficientDataActions;
}

/** Tells everybody who hears of alarms, EventBridge, and each action's target. */
function announce(
  tx: Transaction,
  at: Place,
  alarm: AlarmRecord,
  before: AlarmRecord["state"],
  actions: readonly string[],
): void {
  const change = changeOf(at, alarm, before, actions);
  tx.emit({ type: ALARM_STATE_CHANGED, detail: change });
  tx.emit({ type: ALARM_EVENT, detail: { change, before, alarm } });
  act(tx, change, before, alarm);
}

/** Sends out the actions of a state that was entered earlier, when they had been held back. */
export function actLate(tx: Transaction, at: Place, alarm: AlarmRecord, since: StateValue): void {
  const before = { ...alarm.state, value: since };
  const change = changeOf(at, alarm, before, actionsOf(alarm));
  act(tx, change, before, alarm);
}

/** Scaling policies are told again at every evaluation while the state lasts, as on AWS; nobody else is. */
export function repeatScaling(tx: Transaction, at: Place, alarm: AlarmRecord): void {
  const actions = actionsOf(alarm).filter(isScalingPolicy);
  if (actions.length > 0) tx.emit({ type: ALARM_STATE_CHANGED, detail: changeOf(at, alarm, alarm.state, actions) });
}

function act(tx: Transaction, change: Change, before: AlarmRecord["state"], alarm: AlarmRecord): void {
  for (const action of change.actions) {
    if (isScalingPolicy(action)) continue;
    const detail: AlarmAction = { ...change, action, alarm, before };
    tx.emit({ type: ALARM_ACTION, detail });
  }
}

function changeOf(at: Place, alarm: AlarmRecord, before: AlarmRecord["state"], actions: readonly string[]): Change {
  return {
    accountId: at.accountId,
    region: at.region,
    alarmArn: alarmArn(at, alarm.name),
    alarmName: alarm.name,
    oldState: before.value,
    newState: alarm.state.value,
    actions,
    reason: alarm.state.reason,
    reasonData: alarm.state.reasonData,
    configuration: configurationOf(alarm),
  };
}
