/** The ledger, read: how much of what each resource used in each hour, day or month. Levels are carried through the time they last. */
import { decodeKey, key } from "../storage/keys.ts";
import type { Transaction } from "../storage/transaction.ts";
import { HOUR_MS } from "./ledger.ts";

const LEVEL_SUFFIX = ":level";
const DAY_MS = 24 * HOUR_MS;
/** Hours are kept this long, then days. As long as Cost Explorer tells hours. */
export const HOURS_KEPT_MS = 14 * DAY_MS;
/** Hours moved into days in one transaction. */
export const ROLL_UP_STEP = 1000;

export type Granularity = "HOURLY" | "DAILY" | "MONTHLY";

export interface Used {
  /** Start of the hour, day or month, or of the window where that begins later. */
  readonly startMs: number;
  readonly endMs: number;
  readonly region: string;
  readonly usageType: string;
  readonly resource: string;
  quantity: number;
}

interface Row {
  readonly startMs: number;
  readonly endMs: number;
  readonly region: string;
  readonly usageType: string;
  readonly resource: string;
  readonly quantity: number;
}

/** Rows of an account that begin before `toMs`, oldest first. */
function* rowsBefore(tx: Transaction, accountId: string, toMs: number): Generator<Row> {
  for (const [table, lengthMs] of [
    ["usage-day", DAY_MS],
    ["usage", HOUR_MS],
  ] as const) {
    for (const [place, quantity] of tx.range(key(table), key(table, toMs))) {
      const [, startMs, account, region, usageType, resource] = decodeKey(place) as [
        string,
        number,
        string,
        string,
        string,
        string,
      ];
      if (account !== accountId) continue;
      yield { startMs, endMs: startMs + lengthMs, region, usageType, resource, quantity: quantity as number };
    }
  }
}

/**
 * Usage between two times, in steps.
 * @param nowMs what lasts is counted until then, and no further
 */
export function usageBetween(
  tx: Transaction,
  accountId: string,
  window: { readonly fromMs: number; readonly toMs: number; readonly granularity: Granularity },
  nowMs: number,
): Used[] {
  const steps = stepsOf(window);
  const used = new Map<string, Used>();
  const add = (
    index: number,
    { region, usageType, resource }: Omit<Row, "startMs" | "endMs" | "quantity">,
    quantity: number,
  ) => {
    const id = `${index} ${region} ${usageType} ${resource}`;
    const known = used.get(id);
    if (known) known.quantity += quantity;
    else used.set(id, { ...steps[index]!, region, usageType, resource, quantity });
  };
  const levels = new Map<string, { row: Row; level: number; sinceMs: number }>();
  /** A level's hours, dealt out to the steps they lie in. */
  const last = ({ row, level, sinceMs }: { row: Row; level: number; sinceMs: number }, untilMs: number) => {
    if (level === 0) return;
    for (const [index, step] of steps.entries()) {
      const ms = Math.min(step.endMs, untilMs) - Math.max(step.startMs, sinceMs);
      if (ms > 0) add(index, row, (level * ms) / HOUR_MS);
    }
  };
  for (const row of rowsBefore(tx, accountId, window.toMs)) {
    if (!row.usageType.endsWith(LEVEL_SUFFIX)) {
      const index = steps.findIndex((step) => row.startMs >= step.startMs && row.startMs < step.endMs);
      if (index >= 0) add(index, row, row.quantity);
      continue;
    }
    const named = { ...row, usageType: row.usageType.slice(0, -LEVEL_SUFFIX.length) };
    const id = `${row.region} ${named.usageType} ${row.resource}`;
    const known = levels.get(id);
    // The change's own period was reckoned when it was made; until the period's end only the earlier level lasts.
    if (known) last(known, row.endMs);
    levels.set(id, { row: named, level: (known?.level ?? 0) + row.quantity, sinceMs: row.endMs });
  }
  for (const level of levels.values()) last(level, Math.min(window.toMs, nowMs));
  // A change is reckoned to the end of its hour, which may lie ahead.
  return [...used.values()]
    .filter(({ quantity }) => quantity !== 0)
    .sort((left, right) => left.startMs - right.startMs);
}

function stepsOf({ fromMs, toMs, granularity }: { fromMs: number; toMs: number; granularity: Granularity }) {
  const steps: { startMs: number; endMs: number }[] = [];
  for (let startMs = fromMs; startMs < toMs; ) {
    const endMs = Math.min(toMs, nextStart(startMs, granularity));
    steps.push({ startMs, endMs });
    startMs = endMs;
  }
  return steps;
}

function nextStart(ms: number, granularity: Granularity): number {
  if (granularity === "HOURLY") return ms - (ms % HOUR_MS) + HOUR_MS;
  if (granularity === "DAILY") return ms - (ms % DAY_MS) + DAY_MS;
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}

export function monthStart(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

/**
 * Moves hours that are old into their days, at most {@link ROLL_UP_STEP} of them.
 * @returns whether there are more
 */
export function rollUpHours(tx: Transaction, nowMs: number): boolean {
  const today = nowMs - (nowMs % DAY_MS);
  const rows = [...tx.range(key("usage"), key("usage", today - HOURS_KEPT_MS), { limit: ROLL_UP_STEP })];
  for (const [place, quantity] of rows) {
    const [, startMs, account, region, usageType, resource] = decodeKey(place) as [
      string,
      number,
      string,
      string,
      string,
      string,
    ];
    const dayMs = startMs - (startMs % DAY_MS);
    tx.add(key("usage-day", dayMs, account, region, usageType, resource), quantity as number);
    if (usageType.endsWith(LEVEL_SUFFIX)) {
      // In its day the change lasted from its hour's end to midnight.
      const hours = (dayMs + DAY_MS - startMs - HOUR_MS) / HOUR_MS;
      const own = usageType.slice(0, -LEVEL_SUFFIX.length);
      tx.add(key("usage-day", dayMs, account, region, own, resource), (quantity as number) * hours);
    }
    tx.delete(place);
  }
  return rows.length === ROLL_UP_STEP;
}
