/** AWS Budgets: a sum for a month, and a warning when what was spent, or what will be, passes a part of it. */
import { defineService, type Service } from "../service.ts";
import {
  createBudget,
  createNotification,
  deleteBudget,
  deleteNotification,
  describeBudget,
  describeBudgets,
  describeNotificationsForBudget,
  describeSubscribersForNotification,
  updateBudget,
} from "./budgets.ts";
import { budgetResource } from "./resources.ts";
import { BUDGET_DUE, BUDGET_PASSED, look, warn } from "./watch.ts";

/** Members of a budget that would change what is counted. */
const UNSUPPORTED = [
  "PlannedBudgetLimits",
  "CostFilters",
  "CostTypes",
  "TimePeriod",
  "AutoAdjustData",
  "FilterExpression",
  "Metrics[]",
  "BillingViewArn",
  "CalculatedSpend",
  "LastUpdatedTime",
  "HealthStatus",
];

export const budgets: Service<"budgets"> = defineService<"budgets">({
  name: "budgets",
  operations: {
    CreateBudget: createBudget,
    CreateNotification: createNotification,
    DeleteBudget: deleteBudget,
    DeleteNotification: deleteNotification,
    DescribeBudget: describeBudget,
    DescribeBudgets: describeBudgets,
    DescribeNotificationsForBudget: describeNotificationsForBudget,
    DescribeSubscribersForNotification: describeSubscribersForNotification,
    UpdateBudget: updateBudget,
  },
  unsupported: {
    CreateBudget: [
      ...UNSUPPORTED.map((member) => `Budget.${member}`),
      "ResourceTags[]",
      "NotificationsWithSubscribers[].Notification.NotificationState",
    ],
    CreateNotification: ["Notification.NotificationState"],
    DescribeBudget: ["ShowFilterExpression"],
    DescribeBudgets: ["MaxResults", "NextToken", "ShowFilterExpression"],
    DescribeNotificationsForBudget: ["MaxResults", "NextToken"],
    DescribeSubscribersForNotification: ["MaxResults", "NextToken"],
    UpdateBudget: UNSUPPORTED.map((member) => `NewBudget.${member}`),
  },
  resources: { "AWS::Budgets::Budget": budgetResource },
  hears: { [BUDGET_DUE]: { operation: look }, [BUDGET_PASSED]: { flow: warn } },
});
