/** Checks and errors of budgets. @see https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Budget.html */
import type { Budget, Notification, Subscriber } from "@aws-sdk/client-budgets";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { OperationContext } from "../service.ts";
import type { NotificationRecord } from "./state.ts";

export const invalid = (message: string) => new AwsError("InvalidParameterException", message);
export const notFound = (what: string) => new AwsError("NotFoundException", what);
export const duplicate = (what: string) => new AwsError("DuplicateRecordException", what);

export const SUBSCRIBERS_MAX = 11;
export const NOTIFICATIONS_MAX = 10;

/** Budgets are the caller's own. */
export function checkAccount(accountId: string | undefined, context: OperationContext): void {
  if (!accountId) throw invalid("AccountId is required.");
  if (accountId !== context.accountId)
    throw new AwsError("AccessDeniedException", "The account must be the one that calls.");
}

/** @returns dollars */
export function limitOf(budget: Budget | undefined): { readonly name: string; readonly limitDollars: number } {
  const name = budget?.BudgetName;
  if (!name || name.length > 100 || /[:\\]/.test(name))
    throw invalid("BudgetName must have 1 to 100 characters, without colon and backslash.");
  if (budget.BudgetType !== "COST") throw notImplemented(`budgets of the type ${budget.BudgetType}`);
  if (budget.TimeUnit !== "MONTHLY") throw notImplemented(`budgets by ${budget.TimeUnit}: only MONTHLY`);
  const limitDollars = Number(budget.BudgetLimit?.Amount);
  if (!(limitDollars > 0)) throw invalid("BudgetLimit.Amount must be a positive number.");
  if (budget.BudgetLimit?.Unit !== "USD") throw invalid("BudgetLimit.Unit must be USD.");
  return { name, limitDollars };
}

export function notificationOf(
  notification: Notification | undefined,
  subscribers: readonly Subscriber[] | undefined,
): NotificationRecord {
  if (!notification) throw invalid("Notification is required.");
  const {
    NotificationType: type,
    ComparisonOperator,
    Threshold: threshold,
    ThresholdType = "PERCENTAGE",
  } = notification;
  if (type !== "ACTUAL" && type !== "FORECASTED") throw invalid("NotificationType must be ACTUAL or FORECASTED.");
  if (ComparisonOperator !== "GREATER_THAN")
    throw notImplemented(`the ComparisonOperator ${ComparisonOperator} of a budget`);
  if (!(Number(threshold) >= 0)) throw invalid("Threshold must not be negative.");
  if (ThresholdType !== "PERCENTAGE" && ThresholdType !== "ABSOLUTE_VALUE")
    throw invalid("ThresholdType must be PERCENTAGE or ABSOLUTE_VALUE.");
  if (!subscribers?.length || subscribers.length > SUBSCRIBERS_MAX)
    throw invalid(`A notification has 1 to ${SUBSCRIBERS_MAX} subscribers.`);
  const topics = subscribers.map(({ SubscriptionType, Address }) => {
    if (SubscriptionType !== "SNS")
      throw notImplemented(`budget subscribers of the type ${SubscriptionType}: only SNS`);
    if (!/^arn:[^:]*:sns:[^:]*:\d{12}:[^:]+$/.test(Address ?? "")) throw invalid(`Address ${Address} is no topic.`);
    return Address!;
  });
  return { type, threshold: threshold!, thresholdType: ThresholdType, topics };
}

export const sameNotification = (left: NotificationRecord, right: Notification | undefined): boolean =>
  left.type === right?.NotificationType &&
  left.threshold === right.Threshold &&
  left.thresholdType === (right.ThresholdType ?? "PERCENTAGE") &&
  right.ComparisonOperator === "GREATER_THAN";
