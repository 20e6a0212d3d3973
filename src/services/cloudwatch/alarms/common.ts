/** What metric alarms and composite alarms are checked for alike. */
import type { Tag } from "@aws-sdk/client-cloudwatch";
import { notImplemented } from "../../../kernel/errors.ts";
import { invalidValue, validation } from "../errors.ts";
import { checkName } from "../rules.ts";
import { isFunction, isScalingPolicy, isTopic } from "./actions.ts";

export const ACTIONS_MAX = 5;
const TAGS_MAX = 50;
const DESCRIPTION_MAX = 1024;

export interface Actions {
  readonly okActions: readonly string[];
  readonly alarmActions: readonly string[];
  readonly insufficientDataActions: readonly string[];
}

export function checkAlarmName(name: string | undefined): asserts name is string {
  checkName(name, "AlarmName");
}

export function checkDescription(description: string | undefined): void {
  if (description !== undefined && description.length > DESCRIPTION_MAX)
    throw invalidValue(`The parameter AlarmDescription must be shorter than ${DESCRIPTION_MAX + 1} characters.`);
}

/** @param scaling whether scaling policies may be named: composite alarms may not */
export function actionsOf(
  input: {
    readonly OKActions?: readonly string[] | undefined;
    readonly AlarmActions?: readonly string[] | undefined;
    readonly InsufficientDataActions?: readonly string[] | undefined;
  },
  scaling: boolean,
): Actions {
  const checked = (parameter: string, actions: readonly string[] = []) => {
    if (actions.length > ACTIONS_MAX)
      throw validation(`The collection ${parameter} must not have a size greater than ${ACTIONS_MAX}.`);
    if (new Set(actions).size < actions.length)
      throw validation(`The collection ${parameter} must not contain the same action twice.`);
    for (const action of actions) checkAction(action, parameter, scaling);
    return actions;
  };
  return {
    okActions: checked("OKActions", input.OKActions),
    alarmActions: checked("AlarmActions", input.AlarmActions),
    insufficientDataActions: checked("InsufficientDataActions", input.InsufficientDataActions),
  };
}

function checkAction(action: string, parameter: string, scaling: boolean): void {
  if (isTopic(action) || isFunction(action)) return;
  if (isScalingPolicy(action)) {
    if (!scaling)
      throw validation(`Invalid arn for ${parameter}: ${action}. Composite alarms cannot act on scaling policies.`);
    if (/:autoScalingGroupName\//.test(action))
      throw notImplemented(`alarm actions on EC2 Auto Scaling groups (${action})`);
    return;
  }
  const service = /^arn:[^:]*:(automate|swf|ec2|ssm|ssm-incidents|aiops|autoscaling):/.exec(action)?.[1];
  if (service)
    throw notImplemented(
      `alarm actions of ${service === "automate" || service === "swf" ? "EC2" : service} (${action})`,
    );
  throw validation(`Invalid arn syntax: ${action}`);
}

export function tagsOf(tags: readonly Tag[] | undefined, parameter = "Tags"): Record<string, string> {
  if ((tags?.length ?? 0) > TAGS_MAX)
    throw validation(`The collection ${parameter} must not have a size greater than ${TAGS_MAX}.`);
  const found: Record<string, string> = {};
  for (const { Key, Value } of tags ?? []) {
    if (!Key || Key.length > 128 || Key.toLowerCase().startsWith("aws:"))
      throw invalidValue(`The value ${Key ?? ""} for parameter ${parameter}.Key is invalid.`);
    if ((Value ?? "").length > 256)
      throw invalidValue(`The value of the tag ${Key} must be shorter than 257 characters.`);
    found[Key] = Value ?? "";
  }
  return found;
}
