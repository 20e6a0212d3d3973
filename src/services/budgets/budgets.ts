/** Budgets: create, change, describe, delete. */
import type { Budget, Notification } from "@aws-sdk/client-budgets";
import { bill } from "../../metering/bill.ts";
import { paceOf } from "../../metering/pace.ts";
import { monthStart } from "../../metering/usage.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import {
  checkAccount,
  duplicate,
  invalid,
  limitOf,
  NOTIFICATIONS_MAX,
  notFound,
  notificationOf,
  sameNotification,
} from "./rules.ts";
import { type BudgetRecord, Budgets, budgetKey, budgetRange, type NotificationRecord } from "./state.ts";
import { setTimer } from "./watch.ts";

const PAGE_MAX = 1000;

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html */
export const createBudget: Operation<InputOf<"budgets", "CreateBudget">, OutputOf<"budgets", "CreateBudget">> = (
  tx,
  input,
  context,
) => {
  checkAccount(input.AccountId, context);
  const limit = limitOf(input.Budget);
  const notifications = (input.NotificationsWithSubscribers ?? []).map(({ Notification, Subscribers }) =>
    notificationOf(Notification, Subscribers),
  );
  if (notifications.length > NOTIFICATIONS_MAX)
    throw invalid(`A budget has at most ${NOTIFICATIONS_MAX} notifications.`);
  if (Budgets.get(tx, budgetKey(context.accountId, limit.name)))
    throw duplicate(`Error creating budget: ${limit.name} - the budget already exists.`);
  save(tx, context, { ...limit, updatedMs: context.nowMs, generation: context.random.integer(2 ** 31), notifications });
  return {};
};

/** What was told this month is told again when the limit changes. @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_UpdateBudget.html */
export const updateBudget: Operation<InputOf<"budgets", "UpdateBudget">, OutputOf<"budgets", "UpdateBudget">> = (
  tx,
  input,
  context,
) => {
  checkAccount(input.AccountId, context);
  const limit = limitOf(input.NewBudget);
  const known = requireBudget(tx, context, limit.name);
  const notifications = known.notifications.map(({ toldMs: _, ...notification }) => notification);
  save(tx, context, { ...known, ...limit, notifications, updatedMs: context.nowMs, generation: known.generation + 1 });
  return {};
};

function save(tx: Transaction, context: OperationContext, budget: BudgetRecord): void {
  Budgets.put(tx, budgetKey(context.accountId, budget.name), budget);
  setTimer(tx, context.accountId, budget, context.nowMs);
}

function requireBudget(tx: Transaction, context: OperationContext, name: string | undefined): BudgetRecord {
  if (!name) throw invalid("BudgetName is required.");
  const budget = Budgets.get(tx, budgetKey(context.accountId, name));
  if (!budget) throw notFound(`Unable to get budget: ${name} - the budget doesn't exist.`);
  return budget;
}

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DeleteBudget.html */
export const deleteBudget: Operation<InputOf<"budgets", "DeleteBudget">, OutputOf<"budgets", "DeleteBudget">> = (
  tx,
  input,
  context,
) => {
  checkAccount(input.AccountId, context);
  tx.delete(budgetKey(context.accountId, requireBudget(tx, context, input.BudgetName).name));
  return {};
};

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DescribeBudget.html */
export const describeBudget: Operation<InputOf<"budgets", "DescribeBudget">, OutputOf<"budgets", "DescribeBudget">> = (
  tx,
  input,
  context,
) => {
  checkAccount(input.AccountId, context);
  return { Budget: described(tx, context, requireBudget(tx, context, input.BudgetName)) };
};

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DescribeBudgets.html */
export const describeBudgets: Operation<
  InputOf<"budgets", "DescribeBudgets">,
  OutputOf<"budgets", "DescribeBudgets">
> = (tx, input, context) => {
  checkAccount(input.AccountId, context);
  const { start, end } = budgetRange(context.accountId);
  const all = [...Budgets.range(tx, start, end, { limit: PAGE_MAX })];
  return { Budgets: all.map(([, budget]) => described(tx, context, budget)) };
};

/** Spent this month, and what the whole of it will come to at the present pace, in dollars. */
export function spend(tx: Transaction, accountId: string, nowMs: number): { actual: number; forecast: number } {
  const fromMs = monthStart(nowMs);
  const lines = bill(tx, accountId, { fromMs, toMs: nowMs, granularity: "MONTHLY" }, nowMs);
  const actual = lines.reduce((sum, { dollars }) => sum + dollars, 0);
  const date = new Date(nowMs);
  const leftMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) - nowMs;
  return { actual, forecast: actual + (paceOf(tx, accountId, nowMs)?.dollarsPerMs ?? 0) * leftMs };
}

function described(tx: Transaction, context: OperationContext, budget: BudgetRecord): Budget {
  const { actual, forecast } = spend(tx, context.accountId, context.nowMs);
  const dollars = (value: number) => ({ Amount: value.toFixed(10).replace(/\.?0+$/, ""), Unit: "USD" });
  return {
    BudgetName: budget.name,
    BudgetLimit: dollars(budget.limitDollars),
    BudgetType: "COST",
    TimeUnit: "MONTHLY",
    CalculatedSpend: { ActualSpend: dollars(actual), ForecastedSpend: dollars(forecast) },
    LastUpdatedTime: new Date(budget.updatedMs),
  };
}

const describedNotification = (notification: NotificationRecord, nowMs: number): Notification => ({
  NotificationType: notification.type,
  ComparisonOperator: "GREATER_THAN",
  Threshold: notification.threshold,
  ThresholdType: notification.thresholdType,
  NotificationState: notification.toldMs === monthStart(nowMs) ? "ALARM" : "OK",
});

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DescribeNotificationsForBudget.html */
export const describeNotificationsForBudget: Operation<
  InputOf<"budgets", "DescribeNotificationsForBudget">,
  OutputOf<"budgets", "DescribeNotificationsForBudget">
> = (tx, input, context) => {
  checkAccount(input.AccountId, context);
  const { notifications } = requireBudget(tx, context, input.BudgetName);
  return { Notifications: notifications.map((notification) => describedNotification(notification, context.nowMs)) };
};

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DescribeSubscribersForNotification.html */
export const describeSubscribersForNotification: Operation<
  InputOf<"budgets", "DescribeSubscribersForNotification">,
  OutputOf<"budgets", "DescribeSubscribersForNotification">
> = (tx, input, context) => {
  checkAccount(input.AccountId, context);
  const budget = requireBudget(tx, context, input.BudgetName);
  const found = budget.notifications.find((notification) => sameNotification(notification, input.Notification));
  if (!found) throw notFound("The notification doesn't exist.");
  return { Subscribers: found.topics.map((Address) => ({ SubscriptionType: "SNS" as const, Address })) };
};

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateNotification.html */
export const createNotification: Operation<
  InputOf<"budgets", "CreateNotification">,
  OutputOf<"budgets", "CreateNotification">
> = (tx, input, context) => {
  checkAccount(input.AccountId, context);
  const budget = requireBudget(tx, context, input.BudgetName);
  const added = notificationOf(input.Notification, input.Subscribers);
  if (budget.notifications.some((notification) => sameNotification(notification, input.Notification)))
    throw duplicate("The notification already exists.");
  if (budget.notifications.length >= NOTIFICATIONS_MAX)
    throw invalid(`A budget has at most ${NOTIFICATIONS_MAX} notifications.`);
  save(tx, context, { ...budget, notifications: [...budget.notifications, added], generation: budget.generation + 1 });
  return {};
};

/** @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DeleteNotification.html */
export const deleteNotification: Operation<
  InputOf<"budgets", "DeleteNotification">,
  OutputOf<"budgets", "DeleteNotification">
> = (tx, input, context) => {
  checkAccount(input.AccountId, context);
  const budget = requireBudget(tx, context, input.BudgetName);
  const notifications = budget.notifications.filter(
    (notification) => !sameNotification(notification, input.Notification),
  );
  if (notifications.length === budget.notifications.length) throw notFound("The notification doesn't exist.");
  save(tx, context, { ...budget, notifications, generation: budget.generation + 1 });
  return {};
};
