/**
 * Budgets, one account's in every region.
 *
 *     ("budgets", account, name) → BudgetRecord: what may be spent, who is told, and what was told this month
 */
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface NotificationRecord {
  readonly type: "ACTUAL" | "FORECASTED";
  readonly threshold: number;
  readonly thresholdType: "PERCENTAGE" | "ABSOLUTE_VALUE";
  /** SNS topics. */
  readonly topics: readonly string[];
  /** The month in which it was last told; absent: never. */
  readonly toldMs?: number;
}

export interface BudgetRecord {
  readonly name: string;
  readonly limitDollars: number;
  readonly updatedMs: number;
  /** Counts changes: a timer of an earlier one ends itself. */
  readonly generation: number;
  readonly notifications: readonly NotificationRecord[];
}
export const Budgets = defineRecord<BudgetRecord>("budgets.Budget", 1);
export const budgetKey = (accountId: string, name: string): Key => key("budgets", accountId, name);
export const budgetRange = (accountId: string) => keysUnder("budgets", accountId);
