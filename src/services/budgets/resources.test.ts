import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";

const AccountId = "000000000000";

test("a budget in a template: made, changed, replaced, deleted", async (t) => {
  const platform = await openTestPlatform();
  t.after(() => platform.close());
  const deploy = async (operation: "CreateStack" | "UpdateStack", budget: object, Threshold: number) => {
    const TemplateBody = JSON.stringify({
      Resources: {
        Money: { Type: "AWS::SNS::Topic" },
        Month: {
          Type: "AWS::Budgets::Budget",
          Properties: {
            Budget: { BudgetType: "COST", TimeUnit: "MONTHLY", ...budget },
            NotificationsWithSubscribers: [
              {
                Notification: { NotificationType: "FORECASTED", ComparisonOperator: "GREATER_THAN", Threshold },
                Subscribers: [{ SubscriptionType: "SNS", Address: { Ref: "Money" } }],
              },
            ],
          },
        },
      },
      Outputs: { Budget: { Value: { Ref: "Month" } } },
    });
    await platform.call("cloudformation", operation, { StackName: "s", TemplateBody });
    await platform.advance(60_000);
    const [stack] = (await platform.call("cloudformation", "DescribeStacks", { StackName: "s" })).Stacks!;
    assert.match(stack!.StackStatus!, /^(CREATE|UPDATE)_COMPLETE$/, stack!.StackStatusReason);
    return stack!.Outputs![0]!.OutputValue!;
  };
  const found = async (BudgetName: string) => {
    const { Budget } = await platform.call("budgets", "DescribeBudget", { AccountId, BudgetName });
    const { Notifications } = await platform.call("budgets", "DescribeNotificationsForBudget", {
      AccountId,
      BudgetName,
    });
    return [Budget!.BudgetLimit!.Amount, ...Notifications!.map(({ Threshold }) => Threshold)];
  };

  const made = await deploy("CreateStack", { BudgetLimit: { Amount: 12.5, Unit: "USD" } }, 80);
  assert.match(made, /^s-Month-/);
  assert.deepEqual(await found(made), ["12.5", 80]);
  assert.equal(await deploy("UpdateStack", { BudgetLimit: { Amount: 20, Unit: "USD" } }, 100), made);
  assert.deepEqual(await found(made), ["20", 100]);
  const named = { BudgetName: "month", BudgetLimit: { Amount: 20, Unit: "USD" } };
  assert.equal(await deploy("UpdateStack", named, 100), "month");
  await assert.rejects(found(made), { code: "NotFoundException" });
  await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
  await platform.advance(60_000);
  await assert.rejects(found("month"), { code: "NotFoundException" });
});
