/** How much was sent. Nothing bounces here and nobody complains. */

import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { PERIOD_MS, STATISTICS_MS } from "./send.ts";
import { sentCounts, sentKey, sentKeys, type Where } from "./state.ts";

/** "A value of -1 signifies an unlimited quota." */
export const MAX_24_HOUR_SEND = -1;
/** Mails a second that clients may count on; no rate is enforced. */
export const MAX_SEND_RATE = 1000;

const DAY_MS = 24 * 3_600_000;

/** Recipients of the last 24 hours, by whole quarters of an hour. */
export function sentLast24Hours(tx: Transaction, where: Where, nowMs: number): number {
  let sent = 0;
  const start = sentKey(where, nowMs - DAY_MS - PERIOD_MS + 1);
  for (const [, { attempts }] of sentCounts.range(tx, start, sentKeys(where).end)) sent += attempts;
  return sent;
}

/** Attempts of the last two weeks by the quarter of an hour, oldest first. */
export function sentByPeriod(
  tx: Transaction,
  where: Where,
  nowMs: number,
): { readonly startMs: number; readonly attempts: number }[] {
  const start = sentKey(where, nowMs - STATISTICS_MS);
  return Array.from(sentCounts.range(tx, start, sentKeys(where).end), ([key, { attempts }]) => ({
    startMs: decodeKey(key).at(-1) as number,
    attempts,
  }));
}
