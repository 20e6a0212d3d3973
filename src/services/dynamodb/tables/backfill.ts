/** Fills a new global index with the items that are there already, in steps; meanwhile writes maintain it, and it cannot be read. */

import { after, type Key } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { OperationContext } from "../../service.ts";
import { typeOfKey } from "../keys.ts";
import { changeStored } from "../metering.ts";
import { countersKey, entryRecord, itemRecord, NO_ITEMS, type Place, type TableRecord, tableKey } from "../state.ts";
import { countersRecord, tableRecord } from "../stored.ts";
import { entriesOf, tableOf } from "../table.ts";
import { type AttributeMap, attribute, typeOf } from "../values/attribute-value.ts";
import { pack, unpack } from "../values/packed.ts";
import { itemSize } from "../values/size.ts";
import { countedIndexes, entryOf } from "../writing.ts";

/** The detail is {@link Backfill}. */
export const BACKFILL = "dynamodb.Backfill";

export interface Backfill extends Place {
  readonly tableName: string;
  readonly tableNumber: number;
  readonly indexNumber: number;
  /** The last item that is done. */
  readonly done?: string;
}

const STEP_ITEMS = 200;

export function backfillStep(tx: Transaction, detail: Backfill, context: OperationContext): void {
  const record = tableRecord.get(tx, tableKey(detail, detail.tableName));
  const index = record?.indexes.find(({ number }) => number === detail.indexNumber);
  if (!record || record.number !== detail.tableNumber || !index?.backfilling) return;
  const table = tableOf(detail, record);
  const prefix = entriesOf(table, index);
  const start = detail.done === undefined ? table.prefix : after(detail.done as Key);
  const page: [Key, AttributeMap][] = [];
  for (const [key, packed] of itemRecord.range(tx, start, after(table.prefix), { limit: STEP_ITEMS })) {
    page.push([key, unpack(packed)]);
  }
  const counted: { index: typeof index; bytesBefore: number; bytesAfter: number }[] = [];
  for (const [, item] of page) {
    if (!fits(record, index, item)) continue;
    const entry = entryOf(prefix, index, record, item);
    if (!entry || tx.get(entry.key) !== undefined) continue;
    entryRecord.put(tx, entry.key, pack(entry.map));
    counted.push({ index, bytesBefore: 0, bytesAfter: itemSize(entry.map) });
  }
  if (counted.length > 0) {
    const key = countersKey(detail, record.number);
    const counters = countersRecord.get(tx, key) ?? NO_ITEMS;
    const next = { ...counters, indexes: countedIndexes(counters, counted) };
    countersRecord.put(tx, key, next);
    changeStored(context, detail, record.name, counters, next);
  }
  if (page.length === STEP_ITEMS) {
    const next: Backfill = { ...detail, done: page.at(-1)![0] };
    tx.emit({ type: BACKFILL, detail: next });
    return;
  }
  const { backfilling: _, ...filled } = index;
  const indexes = record.indexes.map((other) => (other.number === index.number ? filled : other));
  tableRecord.put(tx, tableKey(detail, record.name), { ...record, indexes });
}

/** Items whose attributes have other types than the index's key stay outside. */
function fits(
  table: TableRecord,
  index: { readonly hash: string; readonly range?: string },
  item: AttributeMap,
): boolean {
  return [index.hash, index.range].every((name) => {
    const value = name === undefined ? undefined : attribute(item, name);
    return (
      value === undefined || (typeOf(value) === typeOfKey(table, name!) && value.S !== "" && value.B?.length !== 0)
    );
  });
}
