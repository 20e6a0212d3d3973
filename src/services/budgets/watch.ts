/** Budgets are looked at every hour, by a durable timer each, and warn once a month for each notification. */
import { monthStart } from "../../metering/usage.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { spend } from "./budgets.ts";
import { type BudgetRecord, Budgets, budgetKey } from "./state.ts";

export const BUDGET_DUE = "budgets.BudgetDue";
export const BUDGET_PASSED = "budgets.BudgetPassed";
const HOUR_MS = 3_600_000;

interface Due {
  readonly accountId: string;
  readonly name: string;
  readonly generation: number;
}

export function setTimer(tx: Transaction, accountId: string, { name, generation }: BudgetRecord, nowMs: number): void {
  const detail: Due = { accountId, name, generation };
  tx.emit({ type: BUDGET_DUE, detail, dueMs: nowMs - (nowMs % HOUR_MS) + HOUR_MS });
}

interface Passed {
  readonly accountId: string;
  readonly name: string;
  readonly topics: readonly string[];
  readonly text: string;
}

export function look(tx: Transaction, detail: Due, context: OperationContext): void {
  const budget = Budgets.get(tx, budgetKey(detail.accountId, detail.name));
  if (budget?.generation !== detail.generation) return;
  setTimer(tx, detail.accountId, budget, context.nowMs);
  const { actual, forecast } = spend(tx, detail.accountId, context.nowMs);
  const month = monthStart(context.nowMs);
  let told = false;
  const notifications = budget.notifications.map((notification) => {
    const { type, threshold, thresholdType, topics, toldMs } = notification;
    const bound = thresholdType === "PERCENTAGE" ? (budget.limitDollars * threshold) / 100 : threshold;
    const dollars = type === "ACTUAL" ? actual : forecast;
    if (toldMs === month || dollars <= bound) return notification;
    told = true;
    const what = type === "ACTUAL" ? "has cost" : "will cost, at the present pace,";
    const text = `The month ${what} ${dollars.toFixed(6)} USD: more than ${bound} USD, of the ${budget.limitDollars} USD of the budget ${budget.name}.`;
    const passed: Passed = { accountId: detail.accountId, name: budget.name, topics, text };
    tx.emit({ type: BUDGET_PASSED, detail: passed });
    return { ...notification, toldMs: month };
  });
  if (told) Budgets.put(tx, budgetKey(detail.accountId, budget.name), { ...budget, notifications });
}

/** Into the log, and to every topic. @see https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html */
export async function warn(flow: FlowContext, { accountId, name, topics, text }: Passed): Promise<void> {
  flow.log.warn(text, { budget: name, accountId });
  for (const TopicArn of topics) {
    const region = TopicArn.split(":")[3] as FlowContext["region"];
    const principal = {
      type: "service",
      service: "budgets.amazonaws.com",
      sourceAccount: accountId as FlowContext["accountId"],
    } as const;
    await flow.call(
      "sns",
      "Publish",
      { TopicArn, Subject: `AWS Budgets: ${name}`.slice(0, 100), Message: text },
      { principal, region },
    );
  }
}
