/**
 * The usage ledger: how much of what each resource used in each hour. Operations add to it in the commit of the work, so that a crash neither loses
 * nor doubles anything; the bill is the ledger times a price list.
 *
 *     ("usage", hourMs, account, region, usageType, resource)     → quantity, a counter
 *     ("usage-day", dayMs, account, region, usageType, resource)  → the same of whole days, once their hours are old
 */
import { type Key, key } from "../storage/keys.ts";

export const HOUR_MS = 3_600_000;

/** Keys of the present hour, by resource and what is used of it: the same few are wanted again and again, and none is worth a text to look it up by. */
const KEPT_MAX = 10_000;
let kept = new Map<string, Map<string, Kept>>();
let keptCount = 0;
let keptHourMs = 0;

/** For the account and region that last wanted it: nearly always the same. */
interface Kept {
  readonly accountId: string;
  readonly region: string;
  readonly key: Key;
}

export function usageKey(nowMs: number, accountId: string, region: string, resource: string, usageType: string): Key {
  const hourMs = nowMs - (nowMs % HOUR_MS);
  if (hourMs !== keptHourMs || keptCount >= KEPT_MAX) {
    kept = new Map();
    keptCount = 0;
    keptHourMs = hourMs;
  }
  let ofResource = kept.get(resource);
  if (ofResource === undefined) kept.set(resource, (ofResource = new Map()));
  const known = ofResource.get(usageType);
  if (known !== undefined && known.accountId === accountId && known.region === region) return known.key;
  const made = { accountId, region, key: key("usage", hourMs, accountId, region, usageType, resource) };
  ofResource.set(usageType, made);
  keptCount++;
  return made.key;
}
