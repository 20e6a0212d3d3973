/**
 * Writing one item: the item itself, its entries in the indexes, the counters, its place among the items that will expire, and the record in
 * the table's stream. Every operation that changes an item ends here.
 */
import type { Key } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { entryKey, itemKey } from "./keys.ts";
import { changeStored } from "./metering.ts";
import { type Counters, countersKey, entryRecord, type IndexRecord, itemRecord, NO_ITEMS } from "./state.ts";
import { countersRecord, type TableSchema } from "./stored.ts";
import { type Cause, capture } from "./streams/capture.ts";
import { entriesOf, type Table } from "./table.ts";
import { moveExpiry } from "./time-to-live/expiry.ts";
import { type AttributeMap, attribute, equalMaps, setAttribute } from "./values/attribute-value.ts";
import { pack, unpack } from "./values/packed.ts";
import { itemSize } from "./values/size.ts";

/** What a write changed, in bytes: what it costs is worked out in `capacity.ts`. */
export interface Written {
  /** Zero where there was, or is, no item. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Only the indexes that changed. */
  readonly indexes: readonly WrittenIndex[];
}

export interface WrittenIndex {
  readonly index: IndexRecord;
  /** Zero where there was, or is, no entry. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** The entry moved: one was deleted and another one put. */
  readonly moved: boolean;
}

export function readItem(tx: Transaction, table: Table, map: AttributeMap): AttributeMap | undefined {
  const packed = itemRecord.get(tx, itemKey(table.prefix, table.record, map));
  return packed && unpack(packed);
}

/**
 * Puts `after` in the place of `before`; undefined is no item. Both have the same key, and are valid.
 * @param cause told to whoever reads the table's stream
 */
export function writeItem(
  tx: Transaction,
  table: Table,
  before: AttributeMap | undefined,
  after: AttributeMap | undefined,
  context: Pick<OperationContext, "nowMs" | "wake" | "use">,
  cause: Cause = "caller",
): Written {
  const { record } = table;
  const bytesBefore = before ? itemSize(before) : 0;
  const bytesAfter = after ? itemSize(after) : 0;
  if (!before && !after) return { bytesBefore, bytesAfter, indexes: [] };
  const key = itemKey(table.prefix, record, (after ?? before)!);
  const packed = after && pack(after);
  if (packed) itemRecord.put(tx, key, packed);
  else tx.delete(key);

  const indexes: WrittenIndex[] = [];
  for (const index of record.indexes) {
    const change = writeEntry(tx, table, index, before, after);
    if (change) indexes.push(change);
  }
  if (record.timeToLive) moveExpiry(tx, table, record.timeToLive, before, after, context.nowMs);
  if (record.stream) {
    capture(tx, table, record.stream, { before, after, packed, bytesBefore, bytesAfter }, context, cause);
  }
  count(tx, table, { bytesBefore, bytesAfter, indexes }, before, after, context);
  return { bytesBefore, bytesAfter, indexes };
}

function writeEntry(
  tx: Transaction,
  table: Table,
  index: IndexRecord,
  before: AttributeMap | undefined,
  after: AttributeMap | undefined,
): WrittenIndex | undefined {
  const prefix = entriesOf(table, index);
  let old = before && entryOf(prefix, index, table.record, before);
  // While an index is being filled, an item that stands in the table need not stand in the index yet.
  if (old && index.backfilling && tx.get(old.key) === undefined) old = undefined;
  const fresh = after && entryOf(prefix, index, table.record, after);
  if (!old && !fresh) return undefined;
  const moved = old !== undefined && fresh !== undefined && old.key !== fresh.key;
  if (old && fresh && !moved && equalMaps(old.map, fresh.map)) return undefined;
  if (old && (!fresh || moved)) tx.delete(old.key);
  if (fresh) entryRecord.put(tx, fresh.key, pack(fresh.map));
  return {
    index,
    bytesBefore: old ? itemSize(old.map) : 0,
    bytesAfter: fresh ? itemSize(fresh.map) : 0,
    moved,
  };
}

/** An item as an index holds it; undefined when the item lacks its key, or has it in a type it cannot be. */
export function entryOf(
  prefix: Key,
  index: IndexRecord,
  table: TableSchema,
  item: AttributeMap,
): { readonly key: Key; readonly map: AttributeMap } | undefined {
  const key = entryKey(prefix, index, table, item);
  return key === undefined ? undefined : { key, map: projected(index, table, item) };
}

function projected(index: IndexRecord, table: TableSchema, item: AttributeMap): AttributeMap {
  if (index.projection === "ALL") return item;
  const map: AttributeMap = {};
  for (const name of projectedNames(index, table)) {
    const value = attribute(item, name);
    if (value !== undefined) setAttribute(map, name, value);
  }
  return map;
}

/** Key attributes of table and index, and what INCLUDE adds. */
export function projectedNames(index: IndexRecord, table: TableSchema): Set<string> {
  const names = [table.hash, table.range, index.hash, index.range, ...(index.nonKeyAttributes ?? [])];
  return new Set(names.filter((name): name is string => name !== undefined));
}

/** Adds what a write changed to the table's counters. */
function count(
  tx: Transaction,
  { place, record }: Table,
  { bytesBefore, bytesAfter, indexes }: Written,
  before: AttributeMap | undefined,
  after: AttributeMap | undefined,
  context: Pick<OperationContext, "nowMs" | "use">,
): void {
  const items = (after ? 1 : 0) - (before ? 1 : 0);
  const changed = indexes.filter((change) => change.bytesBefore !== change.bytesAfter);
  if (items === 0 && bytesBefore === bytesAfter && changed.length === 0) return;
  const key = countersKey(place, record.number);
  const counters = countersRecord.get(tx, key) ?? NO_ITEMS;
  const counted = {
    items: counters.items + items,
    bytes: counters.bytes + bytesAfter - bytesBefore,
    indexes: countedIndexes(counters, changed),
  };
  countersRecord.put(tx, key, counted);
  changeStored(context, place, record.name, counters, counted);
}

/** Adds entries to the counters of indexes. */
export function countedIndexes(
  { indexes }: Counters,
  changes: readonly Pick<WrittenIndex, "index" | "bytesBefore" | "bytesAfter">[],
): Counters["indexes"] {
  if (changes.length === 0) return indexes;
  const counted: Record<number, readonly [number, number]> = { ...indexes };
  for (const { index, bytesBefore, bytesAfter } of changes) {
    const [entries, bytes] = counted[index.number] ?? [0, 0];
    const added = (bytesAfter > 0 ? 1 : 0) - (bytesBefore > 0 ? 1 : 0);
    counted[index.number] = [entries + added, bytes + bytesAfter - bytesBefore];
  }
  return counted;
}
