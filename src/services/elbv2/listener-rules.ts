/** Rules of listeners: conditions, actions, and the order in which they are tried. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { checkedActions } from "./actions.ts";
import { checkedConditions } from "./conditions.ts";
import { notPermitted, priorityInUse, ruleNotFound, validation } from "./errors.ts";
import { type Listener, type LoadBalancer, parseName, type Rule, ruleArn, ruleKey, rules } from "./state.ts";
import { type ListenerOf, pageOf, requireListener, requireRule, rulesIn } from "./stored.ts";
import { tagsOf } from "./tags.ts";

type Shown = NonNullable<OutputOf<"elbv2", "DescribeRules">["Rules"]>[number];

const PRIORITY_MAX = 50_000;
/** Beside the default ones. */
const RULES_MAX = 100;

const shown = (lb: LoadBalancer, listener: Listener, rule: Rule): Shown => ({
  RuleArn: ruleArn(lb, listener.id, rule.id),
  Priority: String(rule.priority),
  Conditions: [...rule.conditions],
  Actions: [...rule.actions],
  IsDefault: false,
});

/** The listener's own actions, as a rule. Its id is the listener's, read backwards: it has none of its own. */
const shownDefault = (lb: LoadBalancer, listener: Listener): Shown => ({
  RuleArn: ruleArn(lb, listener.id, defaultRuleId(listener)),
  Priority: "default",
  Conditions: [],
  Actions: [...listener.defaultActions],
  IsDefault: true,
});
const defaultRuleId = (listener: Listener): string => [...listener.id].reverse().join("");

function checkPriority(priority: number | undefined): number {
  if (priority === undefined || priority < 1 || priority > PRIORITY_MAX)
    throw validation(`Rule priority '${priority}' must be between 1 and ${PRIORITY_MAX}`);
  return priority;
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html */
export const createRule: Operation<InputOf<"elbv2", "CreateRule">, OutputOf<"elbv2", "CreateRule">> = (
  tx,
  input,
  context,
) => {
  const { lb, listener } = requireListener(tx, input.ListenerArn);
  const priority = checkPriority(input.Priority);
  const others = rulesIn(tx, { lb, listener });
  if (others.some((rule) => rule.priority === priority)) throw priorityInUse(priority);
  if (others.length >= RULES_MAX) throw validation(`A listener has at most ${RULES_MAX} rules`);
  const rule: Rule = {
    id: context.random.bytes(8).toString("hex"),
    priority,
    conditions: checkedConditions(input.Conditions),
    actions: checkedActions(tx, lb, input.Actions),
    tags: tagsOf(input.Tags),
  };
  rules.put(tx, ruleKey(lb, listener.id, priority), rule);
  return { Rules: [shown(lb, listener, rule)] };
};

/** @throws OperationNotPermittedException for the default rule, RuleNotFoundException */
function requireOwnRule(tx: Transaction, arn: string | undefined, verb: string): ReturnType<typeof requireRule> {
  if (isDefault(tx, arn)) throw notPermitted(`Default rule '${arn}' cannot be ${verb}`);
  return requireRule(tx, arn);
}

function isDefault(tx: Transaction, arn: string | undefined): boolean {
  const named = parseName(arn);
  if (named?.kind !== "rule") return false;
  const { listener } = requireListenerOfRule(tx, arn!);
  return defaultRuleId(listener) === named.rule;
}

function requireListenerOfRule(tx: Transaction, arn: string): ListenerOf {
  try {
    return requireListener(tx, arn.replace(":listener-rule/", ":listener/").replace(/\/[^/]+$/, ""));
  } catch {
    throw ruleNotFound();
  }
}

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyRule.html */
export const modifyRule: Operation<InputOf<"elbv2", "ModifyRule">, OutputOf<"elbv2", "ModifyRule">> = (tx, input) => {
  const { lb, listener, rule } = requireOwnRule(tx, input.RuleArn, "modified");
  const next: Rule = {
    ...rule,
    ...(input.Conditions === undefined ? {} : { conditions: checkedConditions(input.Conditions) }),
    ...(input.Actions === undefined ? {} : { actions: checkedActions(tx, lb, input.Actions) }),
  };
  rules.put(tx, ruleKey(lb, listener.id, rule.priority), next);
  return { Rules: [shown(lb, listener, next)] };
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteRule.html */
export const deleteRule: Operation<InputOf<"elbv2", "DeleteRule">, OutputOf<"elbv2", "DeleteRule">> = (tx, input) => {
  const { lb, listener, rule } = requireOwnRule(tx, input.RuleArn, "deleted");
  tx.delete(ruleKey(lb, listener.id, rule.priority));
  return {};
};

/** All at once, so that two rules may change places. @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetRulePriorities.html */
export const setRulePriorities: Operation<
  InputOf<"elbv2", "SetRulePriorities">,
  OutputOf<"elbv2", "SetRulePriorities">
> = (tx, input) => {
  const moved = (input.RulePriorities ?? []).map(({ RuleArn, Priority }) => ({
    ...requireOwnRule(tx, RuleArn, "modified"),
    priority: checkPriority(Priority),
  }));
  for (const { lb, listener, rule } of moved) tx.delete(ruleKey(lb, listener.id, rule.priority));
  const next = moved.map(({ lb, listener, rule, priority }) => {
    if (rules.get(tx, ruleKey(lb, listener.id, priority)) !== undefined) throw priorityInUse(priority);
    const changed = { ...rule, priority };
    rules.put(tx, ruleKey(lb, listener.id, priority), changed);
    return shown(lb, listener, changed);
  });
  return { Rules: next };
};

/** @see https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html */
export const describeRules: Operation<InputOf<"elbv2", "DescribeRules">, OutputOf<"elbv2", "DescribeRules">> = (
  tx,
  input,
) => {
  if ((input.ListenerArn === undefined) === !input.RuleArns?.length)
    throw validation("You must specify either listener rule ARNs or a listener ARN");
  if (input.RuleArns?.length)
    return {
      Rules: input.RuleArns.map((arn) => {
        const { lb, listener } = requireListenerOfRule(tx, arn);
        return isDefault(tx, arn) ? shownDefault(lb, listener) : shown(lb, listener, requireRule(tx, arn).rule);
      }),
    };
  const { lb, listener } = requireListener(tx, input.ListenerArn);
  const all = [...rulesIn(tx, { lb, listener }).map((rule) => shown(lb, listener, rule)), shownDefault(lb, listener)];
  const { page, NextMarker } = pageOf(all, ({ RuleArn }) => RuleArn!.split("/").at(-1)!, input);
  return { Rules: [...page], ...(NextMarker && { NextMarker }) };
};
