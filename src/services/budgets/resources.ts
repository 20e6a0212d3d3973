/** AWS::Budgets::Budget. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html */
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";

type Created = InputOf<"budgets", "CreateBudget">;

/** Amounts are texts in the API, and numbers in templates. */
const inputOf = (context: ResourceContext, properties: ResourceProperties, BudgetName: string): Created => {
  const { BudgetLimit, ...rest } = properties.Budget;
  return {
    AccountId: context.accountId,
    Budget: {
      ...rest,
      BudgetName,
      ...(BudgetLimit === undefined ? {} : { BudgetLimit: { ...BudgetLimit, Amount: String(BudgetLimit.Amount) } }),
    },
    NotificationsWithSubscribers: properties.NotificationsWithSubscribers ?? [],
  };
};

const gone = (error: unknown): void => {
  if (!(error instanceof AwsError) || error.code !== "NotFoundException") throw error;
};

const remove = (context: ResourceContext, BudgetName: string) =>
  context.call("budgets", "DeleteBudget", { AccountId: context.accountId, BudgetName }).catch(gone);

export const budgetResource: ResourceType = {
  properties: {
    Budget: {
      object: {
        BudgetName: "string",
        BudgetLimit: { object: { Amount: "number", Unit: "string" } },
        BudgetType: "string",
        TimeUnit: "string",
      },
    },
    NotificationsWithSubscribers: [
      {
        object: {
          Notification: {
            object: {
              NotificationType: "string",
              ComparisonOperator: "string",
              Threshold: "number",
              ThresholdType: "string",
            },
          },
          Subscribers: [{ object: { SubscriptionType: "string", Address: "string" } }],
        },
      },
    ],
  },
  required: ["Budget"],
  attributes: [],
  replaces: (properties, previous) => properties.Budget.BudgetName !== previous.Budget?.BudgetName,
  async create(context, properties) {
    const name: string = properties.Budget.BudgetName ?? context.physicalName(100);
    await context.call("budgets", "CreateBudget", inputOf(context, properties, name));
    return { id: name, attributes: {} };
  },
  async update(context, id, properties) {
    // Notifications are no part of what UpdateBudget changes: the budget is made anew, under its name.
    await remove(context, id);
    await context.call("budgets", "CreateBudget", inputOf(context, properties, id));
    return { id, attributes: {} };
  },
  async delete(context, id) {
    await remove(context, id);
  },
};
