/** SetAlarmState, EnableAlarmActions, DisableAlarmActions, DeleteAlarms. */
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../../service.ts";
import { alarmNotFound, invalidFormat, invalidValue, missingParameter, validation } from "../errors.ts";
import { changeAlarms } from "../metering.ts";
import { checkAlarmName } from "./common.ts";
import { forgetParents, parentsOf, reviewParents } from "./composite.ts";
import { remember } from "./history.ts";
import { Alarms, alarmKey, onMetricKey, STATES } from "./state.ts";
import { enter } from "./transition.ts";

const NAMES_MAX = 100;
const REASON_MAX = 1023;
const REASON_DATA_MAX = 4000;

/**
 * For a while: the next evaluation of a metric alarm says again what its datapoints say.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
 */
export const setAlarmState: Operation<
  InputOf<"cloudwatch", "SetAlarmState">,
  OutputOf<"cloudwatch", "SetAlarmState">
> = (tx, input, context) => {
  checkAlarmName(input.AlarmName);
  if (!input.StateValue) throw missingParameter("StateValue");
  if (!STATES.includes(input.StateValue))
    throw invalidValue(`The parameter StateValue must be a value in the set [ ${STATES.join(", ")} ].`);
  if (input.StateReason === undefined) throw missingParameter("StateReason");
  if (input.StateReason.length > REASON_MAX)
    throw invalidValue(`The parameter StateReason must be shorter than ${REASON_MAX + 1} characters.`);
  if ((input.StateReasonData?.length ?? 0) > REASON_DATA_MAX)
    throw invalidValue(`The parameter StateReasonData must be shorter than ${REASON_DATA_MAX + 1} characters.`);
  const alarm = Alarms.get(tx, alarmKey(context, input.AlarmName));
  if (!alarm) throw alarmNotFound(`Alarm ${input.AlarmName} does not exist`);
  if (input.StateReasonData !== undefined && !isJson(input.StateReasonData))
    throw invalidFormat("TheStateReasonData parameter must be valid JSON.");
  enter(
    tx,
    context,
    alarm,
    {
      value: input.StateValue,
      reason: input.StateReason,
      ...(input.StateReasonData === undefined ? {} : { reasonData: input.StateReasonData }),
    },
    context,
  );
  if (input.StateValue !== alarm.state.value) reviewParents(tx, context, alarm.name, context);
  return {};
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_EnableAlarmActions.html */
export const enableAlarmActions: Operation<
  InputOf<"cloudwatch", "EnableAlarmActions">,
  OutputOf<"cloudwatch", "EnableAlarmActions">
> = (tx, input, context) => setActions(tx, input.AlarmNames, true, context);

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DisableAlarmActions.html */
export const disableAlarmActions: Operation<
  InputOf<"cloudwatch", "DisableAlarmActions">,
  OutputOf<"cloudwatch", "DisableAlarmActions">
> = (tx, input, context) => setActions(tx, input.AlarmNames, false, context);

/** Names without an alarm are passed over, as on AWS. */
function setActions(
  tx: Transaction,
  names: readonly string[] | undefined,
  enabled: boolean,
  context: OperationContext,
) {
  for (const name of checkedNames(names)) {
    const alarm = Alarms.get(tx, alarmKey(context, name));
    if (!alarm || alarm.actionsEnabled === enabled) continue;
    const changed = { ...alarm, actionsEnabled: enabled, configuredMs: context.nowMs };
    Alarms.put(tx, alarmKey(context, name), changed);
    remember(
      tx,
      context,
      alarm,
      {
        type: "ConfigurationUpdate",
        summary: `Alarm "${name}" updated`,
        data: { type: "Update", updatedAlarm: changed },
      },
      context,
    );
  }
  return {};
}

function checkedNames(names: readonly string[] | undefined): readonly string[] {
  if (!names) throw missingParameter("AlarmNames");
  if (names.length > NAMES_MAX)
    throw validation(`The collection AlarmNames must not have a size greater than ${NAMES_MAX}.`);
  return names;
}

/**
 * All or none; at most one composite alarm among them. An alarm that a composite alarm names stays until that no longer does.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
 */
export const deleteAlarms: Operation<InputOf<"cloudwatch", "DeleteAlarms">, OutputOf<"cloudwatch", "DeleteAlarms">> = (
  tx,
  input,
  context,
) => {
  const names = checkedNames(input.AlarmNames);
  const alarms = names.map((name) => {
    const alarm = Alarms.get(tx, alarmKey(context, name));
    if (!alarm) throw alarmNotFound(`Alarm ${name} does not exist`);
    return alarm;
  });
  if (alarms.filter(({ type }) => type === "composite").length > 1)
    throw validation("Only one composite alarm can be deleted per request.");
  for (const alarm of alarms) {
    const parents = parentsOf(tx, context, alarm.name).filter((parent) => !names.includes(parent));
    if (parents.length > 0)
      throw validation(`Could not delete alarm ${alarm.name} as composite alarms [${parents.join(", ")}] depend on it`);
    tx.delete(alarmKey(context, alarm.name));
    changeAlarms(context, context, alarm, -1);
    if (alarm.type === "composite") forgetParents(tx, context, alarm);
    else if (alarm.metric) tx.delete(onMetricKey(context, alarm.metric.namespace, alarm.metric.name, alarm.name));
    remember(
      tx,
      context,
      alarm,
      {
        type: "ConfigurationUpdate",
        summary: `Alarm "${alarm.name}" deleted`,
        data: { type: "Delete", deletedAlarm: alarm },
      },
      context,
    );
  }
  return {};
};
