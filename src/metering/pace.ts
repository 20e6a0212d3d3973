/** The pace of spending: dollars by the time in which they were spent, counted from the first hour with usage. */
import type { Transaction } from "../storage/transaction.ts";
import { type BillLine, bill } from "./bill.ts";

const HOUR_MS = 3_600_000;
/** How far back is looked for a habit. */
const OBSERVED_MS_MAX = 30 * 24 * HOUR_MS;

export interface Pace {
  readonly dollarsPerMs: number;
  /** From the first usage on, at most 30 days. */
  readonly observedMs: number;
}

/** @returns undefined when nothing was used yet */
export function paceOf(
  tx: Transaction,
  accountId: string,
  nowMs: number,
  filter: (line: BillLine) => boolean = () => true,
): Pace | undefined {
  const fromMs = nowMs - (nowMs % HOUR_MS) - OBSERVED_MS_MAX;
  const lines = bill(tx, accountId, { fromMs, toMs: nowMs, granularity: "HOURLY" }, nowMs).filter(filter);
  const first = lines[0];
  if (!first) return undefined;
  const observedMs = Math.max(HOUR_MS, nowMs - first.startMs);
  return { dollarsPerMs: lines.reduce((sum, { dollars }) => sum + dollars, 0) / observedMs, observedMs };
}
