import assert from "node:assert/strict";
import { test } from "node:test";
import type { Notification } from "@aws-sdk/client-budgets";
import type { LogFields } from "../../kernel/log.ts";
import { usageKey } from "../../metering/ledger.ts";
import { openTestPlatform } from "../../platform/testing.ts";
import type { Service } from "../service.ts";
import { budgets } from "./service.ts";

const T0 = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const AccountId = "000000000000";
const TOPIC = `arn:aws:sns:us-east-1:${AccountId}:money`;
const BUDGET = {
  BudgetName: "month",
  BudgetLimit: { Amount: "100", Unit: "USD" },
  BudgetType: "COST",
  TimeUnit: "MONTHLY",
} as const;
const notice = (NotificationType: "ACTUAL" | "FORECASTED", Threshold: number): Notification => ({
  NotificationType,
  ComparisonOperator: "GREATER_THAN",
  Threshold,
});

async function opened(t: { after(run: () => Promise<void>): void }) {
  const published: { TopicArn: string; Message: string }[] = [];
  const warned: string[] = [];
  const sns = {
    name: "sns",
    operations: {
      Publish(_tx: unknown, input: { TopicArn: string; Message: string }) {
        published.push(input);
        return {};
      },
    },
  } as unknown as Service;
  const silent = () => {};
  const log = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (text: string, _fields?: LogFields) => void warned.push(text),
  };
  const platform = await openTestPlatform({ nowMs: T0, services: [budgets as unknown as Service, sns], log });
  t.after(() => platform.close());
  /** So many dollars' worth of SQS requests. */
  const spendDollars = (dollars: number) =>
    platform.core.store.write((tx) =>
      tx.add(
        usageKey(
          platform.clock.nowMs(),
          AccountId,
          "us-east-1",
          `arn:aws:sqs:us-east-1:${AccountId}:q`,
          "Requests-Tier1",
        ),
        (dollars / 0.4) * 1e6,
      ),
    );
  return { platform, published, warned, spendDollars };
}

test("a warning when the projected month passes the sum, and when it really has: once a month each, in the log and by SNS", async (t) => {
  const { platform, published, warned, spendDollars } = await opened(t);
  await platform.call("budgets", "CreateBudget", {
    AccountId,
    Budget: BUDGET,
    NotificationsWithSubscribers: [
      { Notification: notice("FORECASTED", 100), Subscribers: [{ SubscriptionType: "SNS", Address: TOPIC }] },
      { Notification: notice("ACTUAL", 80), Subscribers: [{ SubscriptionType: "SNS", Address: TOPIC }] },
    ],
  });
  // 3 dollars in the first day: 93 a month.
  await spendDollars(3);
  await platform.advance(DAY);
  published.length = 0;
  warned.length = 0;
  await platform.advance(DAY);
  assert.equal(published.length, 0, "what was told at the first hour's pace is not told again");
  await spendDollars(90);
  await platform.advance(2 * HOUR);
  assert.equal(published.length, 1);
  assert.equal(published[0]!.TopicArn, TOPIC);
  assert.match(
    published[0]!.Message,
    /^The month has cost 93\.000000 USD: more than 80 USD, of the 100 USD of the budget month\.$/,
  );
  assert.deepEqual(warned, [published[0]!.Message]);
  const { Notifications } = await platform.call("budgets", "DescribeNotificationsForBudget", {
    AccountId,
    BudgetName: "month",
  });
  assert.deepEqual(
    Notifications!.map(({ NotificationState }) => NotificationState),
    ["ALARM", "ALARM"],
  );
  await platform.call("budgets", "DeleteBudget", { AccountId, BudgetName: "month" });
  await platform.advance(2 * HOUR);
  assert.equal(platform.clock.nextDueMs(), undefined, "nothing is looked at any more");
});

test("what a budget shows, and what is refused", async (t) => {
  const { platform, spendDollars } = await opened(t);
  await spendDollars(10);
  platform.clock.jumpTo(T0 + 10 * DAY);
  await platform.call("budgets", "CreateBudget", { AccountId, Budget: BUDGET });
  const { Budget } = await platform.call("budgets", "DescribeBudget", { AccountId, BudgetName: "month" });
  assert.deepEqual(Budget!.CalculatedSpend, {
    ActualSpend: { Amount: "10", Unit: "USD" },
    ForecastedSpend: { Amount: "31", Unit: "USD" },
  });
  for (const [change, code] of [
    [{ TimeUnit: "DAILY" }, "NotImplemented"],
    [{ BudgetType: "USAGE" }, "NotImplemented"],
    [{ CostFilters: { Service: ["x"] } }, "NotImplemented"],
    [{ BudgetLimit: { Amount: "-1", Unit: "USD" } }, "InvalidParameterException"],
    [{}, "DuplicateRecordException"],
  ] as const) {
    await assert.rejects(
      platform.call("budgets", "CreateBudget", { AccountId, Budget: { ...BUDGET, ...change } as never }),
      { code },
    );
  }
  await assert.rejects(
    platform.call("budgets", "CreateNotification", {
      AccountId,
      BudgetName: "month",
      Notification: notice("ACTUAL", 50),
      Subscribers: [{ SubscriptionType: "EMAIL", Address: "a@example.com" }],
    }),
    { code: "NotImplemented" },
  );
});
