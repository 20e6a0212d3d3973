/** The bill: usage times the price list. Tiers count from the start of each calendar month, over all resources of an account (and over
 * services, where the price list says so). */
import type { Transaction } from "../storage/transaction.ts";
import { dollarsFor, priceOf } from "./prices.ts";
import { type Granularity, monthStart, type Used, usageBetween } from "./usage.ts";

export interface BillLine extends Used {
  /** As Cost Explorer names it; the ARN's own word where the list has no price. */
  readonly service: string;
  readonly unit: string;
  /** In priced units. */
  readonly amount: number;
  readonly dollars: number;
}

export function bill(
  tx: Transaction,
  accountId: string,
  window: { readonly fromMs: number; readonly toMs: number; readonly granularity: Granularity },
  nowMs: number,
  freeTier = false,
): BillLine[] {
  const lines: BillLine[] = [];
  const before = new Map<string, number>();
  const fromMs = monthStart(window.fromMs);
  const earlier =
    fromMs < window.fromMs ? usageBetween(tx, accountId, { ...window, fromMs, toMs: window.fromMs }, nowMs) : [];
  const wanted = usageBetween(tx, accountId, window, nowMs);
  for (const [list, isWanted] of [
    [earlier, false],
    [wanted, true],
  ] as const) {
    for (const used of list) {
      const price = priceOf(used.resource, used.usageType);
      const service = price?.service ?? used.resource.split(":")[2]!;
      const amount = used.quantity / (price?.per ?? 1);
      const month = `${monthStart(used.startMs)} ${price?.pool ?? `${service} ${used.usageType}`}`;
      const so = before.get(month) ?? 0;
      before.set(month, so + amount);
      if (!isWanted) continue;
      const dollars = price ? dollarsFor(price, so, amount, freeTier) : 0;
      lines.push({ ...used, service, unit: price?.unit ?? "N/A", amount, dollars });
    }
  }
  return lines;
}
