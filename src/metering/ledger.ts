/**
 * The usage ledger: how much of what each resource used in each hour. Operations add to it in the commit of the work, so that a crash neither loses
 * nor doubles anything; the bill is the ledger times a price list.
 *
 *     ("usage", hourMs, account, region, usageType, resource) → quantity, a counter
 */
import { type Key, key } from "../storage/keys.ts";

const HOUR_MS = 3_600_000;

export const usageKey = (nowMs: number, accountId: string, region: string, resource: string, usageType: string): Key =>
  key("usage", nowMs - (nowMs % HOUR_MS), accountId, region, usageType, resource);
