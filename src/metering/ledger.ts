/**
 * The usage ledger: how much of what each resource used in each hour. Operations add to it in the commit of the work, so that a crash neither loses
 * nor doubles anything; the bill is the ledger times a price list.
 *
 *     ("usage", hourMs, account, region, usageType, resource)     → quantity, a counter
 *     ("usage-day", dayMs, account, region, usageType, resource)  → the same of whole days, once their hours are old
 */
import { type Key, key } from "../storage/keys.ts";

export const HOUR_MS = 3_600_000;

/** Keys of the present hour: the same few are wanted again and again. */
const KEPT_MAX = 10_000;
let kept = new Map<string, Key>();
let keptHourMs = 0;

export function usageKey(nowMs: number, accountId: string, region: string, resource: string, usageType: string): Key {
  const hourMs = nowMs - (nowMs % HOUR_MS);
  if (hourMs !== keptHourMs || kept.size >= KEPT_MAX) {
    kept = new Map();
    keptHourMs = hourMs;
  }
  const name = `${usageType} ${resource} ${accountId} ${region}`;
  let found = kept.get(name);
  if (found === undefined) {
    found = key("usage", hourMs, accountId, region, usageType, resource);
    kept.set(name, found);
  }
  return found;
}
