/**
 * Items that expire. While time to live is enabled every item with a usable time stands in the order of those times; one event per table is
 * due at the earliest of them, deletes what has expired, and sets the next.
 *
 * DynamoDB promises deletion within a few days of the time; here it happens at the time, to the second.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
 */
import { type Key, key } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import { type KeySchema, tailParts } from "../keys.ts";
import { expiriesPrefix, expiryRecord, type Place, timerKey, timerRecord } from "../state.ts";
import type { TableSchema } from "../stored.ts";
import type { Table } from "../table.ts";
import { type AttributeMap, attribute, setAttribute } from "../values/attribute-value.ts";
import { pack, unpack } from "../values/packed.ts";

/** A table's expiry is due; the detail is {@link ExpiryDue}. */
export const EXPIRY_DUE = "dynamodb.ExpiryDue";

export interface ExpiryDue extends Place {
  readonly tableName: string;
  readonly tableNumber: number;
  readonly dueMs: number;
}

type TimeToLive = NonNullable<TableSchema["timeToLive"]>;

/** Times further back are taken for a mistake, not for an expiry. */
const PAST_SECONDS_MAX = 5 * 365 * 24 * 3600;
/** Later times than a Date can hold never come. */
const SECONDS_MAX = 8_640_000_000_000;

/** When an item expires, in epoch seconds; undefined when it does not. */
export function expirySeconds(item: AttributeMap, name: string, nowMs: number): number | undefined {
  const seconds = secondsOf(item, name);
  if (seconds === undefined || seconds > SECONDS_MAX || seconds < nowMs / 1000 - PAST_SECONDS_MAX) return undefined;
  return seconds;
}

function secondsOf(item: AttributeMap, name: string): number | undefined {
  const text = attribute(item, name)?.N;
  return text === undefined ? undefined : Math.ceil(Number(text));
}

const expiryKey = ({ place, record }: Table, { generation }: TimeToLive, seconds: number, item: AttributeMap): Key =>
  (expiriesPrefix(place, record.number, generation) + key(seconds, ...tailParts(record, item))) as Key;

/** Moves an item that was written to its new place among those that expire. */
export function moveExpiry(
  tx: Transaction,
  table: Table,
  timeToLive: TimeToLive,
  before: AttributeMap | undefined,
  after: AttributeMap | undefined,
  nowMs: number,
): void {
  // Without the limits of expirySeconds: it may have been usable when it was written.
  const old = before && secondsOf(before, timeToLive.attribute);
  const fresh = after && expirySeconds(after, timeToLive.attribute, nowMs);
  if (old !== undefined && old !== fresh) tx.delete(expiryKey(table, timeToLive, old, before!));
  if (fresh !== undefined && old !== fresh) addExpiry(tx, table, timeToLive, fresh, after!);
}

/** Lets an item expire at this time. */
export function addExpiry(
  tx: Transaction,
  table: Table,
  timeToLive: TimeToLive,
  seconds: number,
  item: AttributeMap,
): void {
  expiryRecord.put(tx, expiryKey(table, timeToLive, seconds, item), {
    seconds,
    key: pack(keyOf(table.record, item)),
  });
  schedule(tx, table, seconds * 1000);
}

/** The key attributes of an item. */
export function keyOf(schema: KeySchema, item: AttributeMap): AttributeMap {
  const map: AttributeMap = {};
  setAttribute(map, schema.hash, attribute(item, schema.hash)!);
  if (schema.range !== undefined) setAttribute(map, schema.range, attribute(item, schema.range)!);
  return map;
}

/** Makes sure that the table's event comes at this time or before. */
export function schedule(tx: Transaction, { place, record }: Table, dueMs: number): void {
  const timer = timerKey(place, record.number);
  const setMs = timerRecord.get(tx, timer);
  if (setMs !== undefined && setMs <= dueMs) return;
  timerRecord.put(tx, timer, dueMs);
  const detail: ExpiryDue = {
    accountId: place.accountId,
    region: place.region,
    tableName: record.name,
    tableNumber: record.number,
    dueMs,
  };
  tx.emit({ type: EXPIRY_DUE, detail, dueMs });
}

/** Rows whose time has come, up to `limit`, and when the next one's will. */
export function expiredRows(
  tx: Transaction,
  { place, record }: Table,
  timeToLive: TimeToLive,
  nowMs: number,
  limit: number,
): { readonly rows: readonly { readonly row: Key; readonly key: AttributeMap }[]; readonly nextMs?: number } {
  const prefix = expiriesPrefix(place, record.number, timeToLive.generation);
  const rows: { row: Key; key: AttributeMap }[] = [];
  for (const [row, { seconds, key: packed }] of expiryRecord.range(tx, prefix, (prefix + "\xff") as Key)) {
    if (seconds * 1000 > nowMs || rows.length === limit) return { rows, nextMs: seconds * 1000 };
    rows.push({ row, key: unpack(packed) });
  }
  return { rows };
}
