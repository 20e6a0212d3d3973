/**
 * Two records that nearly every operation reads, in forms that are quick to read: what an item operation needs of its table in front, the
 * whole description behind it as one text; and counters as plain numbers.
 */
import type { Key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { RangeOptions, Transaction } from "../../storage/transaction.ts";
import type { StreamViewType } from "../dynamodb-common/ports.ts";
import type { Counters, IndexRecord, ProjectionType, TableRecord } from "./state.ts";
import type { KeyType } from "./values/attribute-value.ts";

/** What an operation on items needs to know of its table. */
export type TableSchema = Pick<
  TableRecord,
  "name" | "number" | "attributes" | "hash" | "range" | "indexes" | "timeToLive" | "stream" | "throughput"
>;

type StoredIndex = readonly [
  name: string,
  number: number,
  local: boolean,
  hash: string,
  range: string | null,
  projection: ProjectionType,
  nonKeyAttributes: readonly string[] | null,
  backfilling: boolean,
];

type StoredTable = readonly [
  name: string,
  number: number,
  /** Names and types by turns. */
  attributes: readonly string[],
  hash: string,
  range: string | null,
  indexes: readonly StoredIndex[],
  timeToLive: readonly [attribute: string, generation: number] | null,
  /** The whole {@link TableRecord} as JSON. */
  whole: string,
  stream: readonly [number: number, label: string, viewType: StreamViewType, lines: number] | null,
];

const storedTable = defineRecord<StoredTable>("dynamodb.Table", 2, {
  // Streams came with version 2.
  1: (payload: readonly unknown[]) => [...payload, null],
});

export const tableRecord = {
  /** Everything about a table. */
  get(tx: Transaction, key: Key): TableRecord | undefined {
    const stored = storedTable.get(tx, key);
    return stored && (JSON.parse(stored[7]) as TableRecord);
  },

  /** Only what operations on items need. */
  schema(tx: Transaction, key: Key): TableSchema | undefined {
    const stored = storedTable.read(tx, key);
    if (!stored) return undefined;
    let schema = schemas.get(stored);
    if (!schema) schemas.set(stored, (schema = schemaOf(stored)));
    return schema;
  },

  put(tx: Transaction, key: Key, table: TableRecord): void {
    const { timeToLive, stream } = table;
    storedTable.put(tx, key, [
      table.name,
      table.number,
      table.attributes.flatMap(({ name, type }) => [name, type]),
      table.hash,
      table.range ?? null,
      table.indexes.map(storedIndex),
      timeToLive ? [timeToLive.attribute, timeToLive.generation] : null,
      JSON.stringify(table),
      stream ? [stream.number, stream.label, stream.viewType, stream.lines] : null,
    ]);
  },

  /** Names of tables in key order. */
  *names(tx: Transaction, start: Key, end: Key, options: RangeOptions): IterableIterator<string> {
    for (const [, [name]] of storedTable.range(tx, start, end, options)) yield name;
  },
};

/** One for as long as the shared record is the same. */
const schemas = new WeakMap<StoredTable, TableSchema>();

function schemaOf(stored: StoredTable): TableSchema {
  const [name, number, attributes, hash, range, indexes, timeToLive, whole, stream] = stored;
  const { throughput } = JSON.parse(whole) as TableRecord;
  return {
    name,
    number,
    attributes: pairs(attributes),
    hash,
    ...(range !== null && { range }),
    indexes: indexes.length === 0 ? [] : indexes.map(indexFrom),
    ...(timeToLive && { timeToLive: { attribute: timeToLive[0], generation: timeToLive[1] } }),
    ...(throughput && { throughput }),
    ...(stream && { stream: { number: stream[0], label: stream[1], viewType: stream[2], lines: stream[3] } }),
  };
}

function pairs(flat: readonly string[]): TableRecord["attributes"] {
  const attributes: { name: string; type: KeyType }[] = [];
  for (let i = 0; i < flat.length; i += 2) attributes.push({ name: flat[i]!, type: flat[i + 1] as KeyType });
  return attributes;
}

const storedIndex = (index: IndexRecord): StoredIndex => [
  index.name,
  index.number,
  index.local,
  index.hash,
  index.range ?? null,
  index.projection,
  index.nonKeyAttributes ?? null,
  index.backfilling ?? false,
];

const indexFrom = ([name, number, local, hash, range, projection, nonKey, backfilling]: StoredIndex): IndexRecord => ({
  name,
  number,
  local,
  hash,
  ...(range !== null && { range }),
  projection,
  ...(nonKey !== null && { nonKeyAttributes: nonKey }),
  ...(backfilling && { backfilling }),
});

/** Items, bytes, then number, entries and bytes of each index. */
const storedCounters = defineRecord<readonly number[]>("dynamodb.Counters", 1);

export const countersRecord = {
  get(tx: Transaction, key: Key): Counters | undefined {
    const stored = storedCounters.get(tx, key);
    if (!stored) return undefined;
    const indexes: Record<number, readonly [number, number]> = {};
    for (let i = 2; i < stored.length; i += 3) indexes[stored[i]!] = [stored[i + 1]!, stored[i + 2]!];
    return { items: stored[0]!, bytes: stored[1]!, indexes };
  },

  put(tx: Transaction, key: Key, { items, bytes, indexes }: Counters): void {
    const stored = [items, bytes];
    for (const number of Object.keys(indexes)) stored.push(Number(number), ...indexes[Number(number)]!);
    storedCounters.put(tx, key, stored);
  },
};
