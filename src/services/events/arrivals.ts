/** An event arrives at a bus: which rules want it, and what their targets are owed. */
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { rulesFor } from "./matching.ts";
import { type Event, type Rule, ruleArn, type Target, type Where } from "./state.ts";

export const TARGET_DUE = "events.TargetDue";

/** An event that a bus has taken, and by how many other buses it came. */
export interface Arrival {
  readonly event: Event;
  readonly arrivedMs: number;
  readonly hops: number;
  /** The X-Ray header that the event came with. */
  readonly trace?: string;
}

/** One event on its way to one target of one rule. Plain data: the rule may change meanwhile, what is owed does not. */
export interface TargetDue extends Where, Arrival {
  readonly ruleName: string;
  readonly ruleArn: string;
  readonly busName: string;
  readonly target: Target;
  /** Of the rule, for targets that have none of their own. */
  readonly ruleRoleArn?: string;
  /** Attempts that failed. */
  readonly attempts: number;
}

/** Matches an event against the rules of a bus, and owes it to their targets in this commit. */
export function arrive(
  tx: Transaction,
  at: Where,
  busName: string,
  arrival: Arrival,
  context: Pick<OperationContext, "measure">,
): void {
  for (const rule of rulesFor(tx, at, busName, arrival.event)) {
    context.measure({
      namespace: "AWS/Events",
      name: "MatchedEvents",
      dimensions: { RuleName: rule.name, EventBusName: busName },
      unit: "Count",
      value: 1,
    });
    owe(tx, at, rule, arrival);
  }
}

export function owe(tx: Transaction, { accountId, region }: Where, rule: Rule, arrival: Arrival): void {
  for (const target of rule.targets) {
    const detail: TargetDue = {
      ...arrival,
      accountId,
      region,
      ruleName: rule.name,
      ruleArn: ruleArn({ accountId, region }, rule),
      busName: rule.busName,
      target,
      ...(rule.roleArn === undefined ? {} : { ruleRoleArn: rule.roleArn }),
      attempts: 0,
    };
    tx.emit({ type: TARGET_DUE, detail, ...(arrival.trace === undefined ? {} : { trace: arrival.trace }) });
  }
}
