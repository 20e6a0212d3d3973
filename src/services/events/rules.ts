/** Rules: put, describe, list, enable, disable, delete; and patterns, which can be tried without one. */

import { notImplemented } from "../../kernel/errors.ts";
import { keysUnder, keysWithPrefix } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { parseSchedule } from "../schedule-common/expression.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { limitExceeded, ruleDoesNotExist, validation } from "./errors.ts";
import {
  checkRuleName,
  locateBus,
  PATTERN_CHARACTERS_MAX,
  pageOf,
  RULES_PER_BUS_MAX,
  requireBus,
  tagsOf,
} from "./limits.ts";
import { matcherOf, readJson } from "./matching.ts";
import { beginSchedule } from "./schedules.ts";
import { DEFAULT_BUS, type Rule, Rules, ruleArn, ruleKey, type Where } from "./state.ts";

type PutRule = InputOf<"events", "PutRule">;

/** @throws ResourceNotFoundException for the bus, then for the rule */
export function requireRule(
  tx: Transaction,
  context: Where,
  busNameOrArn: string | undefined,
  ruleName: string | undefined,
  member = "name",
): { readonly at: Where; readonly rule: Rule } {
  const name = checkRuleName(ruleName, member);
  const at = locateBus(context, busNameOrArn);
  requireBus(tx, at, at.name);
  const rule = Rules.get(tx, ruleKey(at, at.name, name));
  if (!rule) throw ruleDoesNotExist(name, at.name);
  return { at, rule };
}

function checkPutRule(input: PutRule): string {
  const name = checkRuleName(input.Name);
  new Constraints()
    .length("description", input.Description, 0, 512)
    .length("scheduleExpression", input.ScheduleExpression, 0, 256)
    .length("roleArn", input.RoleArn, 1, 1600)
    .oneOf("state", input.State, ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"])
    .check();
  if (input.State === "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") {
    throw notImplemented(`the rule state ${input.State}`);
  }
  return name;
}

/**
 * Makes a rule or writes it anew; its targets stay. Tags of a rule that was there are left alone.
 * @throws ValidationException, ResourceNotFoundException, InvalidEventPatternException, LimitExceededException
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
 */
export function putRule(tx: Transaction, input: PutRule, context: OperationContext): OutputOf<"events", "PutRule"> {
  const name = checkPutRule(input);
  const { EventPattern: pattern, ScheduleExpression: schedule } = input;
  const at = locateBus(context, input.EventBusName);
  if (!pattern && !schedule) {
    throw validation("Parameter(s) EventPattern or ScheduleExpression must be specified.");
  }
  if (schedule && at.name !== DEFAULT_BUS) {
    throw validation("ScheduleExpression is supported only on the default event bus.");
  }
  const parsed = schedule ? parseSchedule(schedule) : undefined;
  if (schedule && (!parsed || parsed.kind === "at")) throw validation("Parameter ScheduleExpression is not valid.");
  if (pattern) {
    new Constraints().length("eventPattern", pattern, 0, PATTERN_CHARACTERS_MAX).check();
    matcherOf(pattern);
  }
  requireBus(tx, at, at.name);
  const known = Rules.get(tx, ruleKey(at, at.name, name));
  if (!known) {
    const { start, end } = keysUnder("events", at.accountId, at.region, "rule", at.name);
    if ([...tx.range(start, end)].length >= RULES_PER_BUS_MAX) throw limitExceeded();
  }
  const rule: Rule = {
    name,
    busName: at.name,
    ...(pattern ? { pattern } : {}),
    ...(schedule ? { schedule } : {}),
    generation: known?.generation ?? "",
    ...(known?.scheduledMs === undefined ? {} : { scheduledMs: known.scheduledMs }),
    enabled: input.State !== "DISABLED",
    ...(input.Description === undefined ? {} : { description: input.Description }),
    ...(input.RoleArn === undefined ? {} : { roleArn: input.RoleArn }),
    createdBy: known?.createdBy ?? context.accountId,
    tags: known?.tags ?? tagsOf(input.Tags),
    targets: known?.targets ?? [],
  };
  keep(tx, at, rule, known, context);
  return { RuleArn: ruleArn(at, rule) };
}

/** Writes a rule. Its schedule begins anew when it is another one, or when the rule was not enabled before. */
function keep(tx: Transaction, at: Where, rule: Rule, known: Rule | undefined, context: OperationContext): void {
  const goesOn = known?.enabled === rule.enabled && known.schedule === rule.schedule;
  Rules.put(tx, ruleKey(at, rule.busName, rule.name), goesOn ? rule : beginSchedule(tx, at, rule, context));
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html */
export function deleteRule(
  tx: Transaction,
  input: InputOf<"events", "DeleteRule">,
  context: OperationContext,
): OutputOf<"events", "DeleteRule"> {
  // Force concerns rules that AWS's services manage, and there are none.
  void input.Force;
  const name = checkRuleName(input.Name);
  const at = locateBus(context, input.EventBusName);
  requireBus(tx, at, at.name);
  const rule = Rules.get(tx, ruleKey(at, at.name, name));
  if (!rule) return {};
  if (rule.targets.length > 0) throw validation("Rule can't be deleted since it has targets.");
  tx.delete(ruleKey(at, at.name, name));
  return {};
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeRule.html */
export function describeRule(
  tx: Transaction,
  input: InputOf<"events", "DescribeRule">,
  context: OperationContext,
): OutputOf<"events", "DescribeRule"> {
  const { at, rule } = requireRule(tx, context, input.EventBusName, input.Name);
  return { ...shown(at, rule), CreatedBy: rule.createdBy };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html */
export function listRules(
  tx: Transaction,
  input: InputOf<"events", "ListRules">,
  context: OperationContext,
): OutputOf<"events", "ListRules"> {
  const at = locateBus(context, input.EventBusName);
  requireBus(tx, at, at.name);
  const { start, end } = keysWithPrefix(["events", at.accountId, at.region, "rule", at.name], input.NamePrefix ?? "");
  const rules = [...Rules.range(tx, start, end)].map(([, rule]) => rule);
  const { items, token } = pageOf(rules, ({ name }) => name, input);
  return { Rules: items.map((rule) => shown(at, rule)), ...(token ? { NextToken: token } : {}) };
}

function shown(at: Where, rule: Rule) {
  return {
    Name: rule.name,
    Arn: ruleArn(at, rule),
    ...(rule.pattern === undefined ? {} : { EventPattern: rule.pattern }),
    ...(rule.schedule === undefined ? {} : { ScheduleExpression: rule.schedule }),
    State: rule.enabled ? ("ENABLED" as const) : ("DISABLED" as const),
    ...(rule.description === undefined ? {} : { Description: rule.description }),
    ...(rule.roleArn === undefined ? {} : { RoleArn: rule.roleArn }),
    EventBusName: rule.busName,
  };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EnableRule.html */
export function enableRule(
  tx: Transaction,
  input: InputOf<"events", "EnableRule">,
  context: OperationContext,
): OutputOf<"events", "EnableRule"> {
  const { at, rule } = requireRule(tx, context, input.EventBusName, input.Name);
  keep(tx, at, { ...rule, enabled: true }, rule, context);
  return {};
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DisableRule.html */
export function disableRule(
  tx: Transaction,
  input: InputOf<"events", "DisableRule">,
  context: OperationContext,
): OutputOf<"events", "DisableRule"> {
  const { at, rule } = requireRule(tx, context, input.EventBusName, input.Name);
  keep(tx, at, { ...rule, enabled: false }, rule, context);
  return {};
}

/** What AWS wants to find in an event before it compares it. */
const EVENT_FIELDS = ["id", "account", "source", "time", "region", "resources", "detail-type"] as const;

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html */
export function testEventPattern(
  _tx: Transaction,
  input: InputOf<"events", "TestEventPattern">,
): OutputOf<"events", "TestEventPattern"> {
  new Constraints()
    .required("eventPattern", input.EventPattern)
    .length("eventPattern", input.EventPattern, 0, PATTERN_CHARACTERS_MAX)
    .required("event", input.Event)
    .check();
  const event = readJson(input.Event!);
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw validation("Parameter Event is not valid. Reason: Event is not valid JSON.");
  }
  for (const field of EVENT_FIELDS) {
    if (!Object.hasOwn(event, field)) throw validation(`Parameter Event is not valid. Reason: ${field} is missing.`);
  }
  return { Result: matcherOf(input.EventPattern!)(event) };
}
