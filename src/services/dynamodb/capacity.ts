/**
 * Capacity units that an operation consumed, as ReturnConsumedCapacity reports them.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
 */
import type { OutputOf } from "../service.ts";
import type { IndexRecord } from "./state.ts";
import type { Written } from "./writing.ts";

export type ConsumedCapacity = NonNullable<OutputOf<"dynamodb", "PutItem">["ConsumedCapacity"]>;
export type CapacityMode = "INDEXES" | "TOTAL" | "NONE" | undefined;

const READ_BYTES = 4096;
const WRITE_BYTES = 1024;

/** Units by table and index. */
export interface Units {
  readonly table: number;
  readonly indexes: readonly { readonly index: IndexRecord; readonly units: number }[];
}

/** Reading so many bytes: at least one unit's worth; eventually consistent reads cost half. */
export const readUnits = (bytes: number, consistent: boolean | undefined): number =>
  Math.max(1, Math.ceil(bytes / READ_BYTES)) * (consistent ? 1 : 0.5);

const sizeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / WRITE_BYTES));

/** A write costs the larger of before and after; an index entry that moved costs its deletion and its put. */
export function writeUnits({ bytesBefore, bytesAfter, indexes }: Written): Units {
  return {
    table: sizeUnits(Math.max(bytesBefore, bytesAfter)),
    indexes: indexes.map((change) => ({
      index: change.index,
      units: change.moved
        ? sizeUnits(change.bytesBefore) + sizeUnits(change.bytesAfter)
        : sizeUnits(Math.max(change.bytesBefore, change.bytesAfter)),
    })),
  };
}

/** Sums of several writes or reads to one table, index by index. */
export function addUnits(all: readonly Units[]): Units {
  const indexes = new Map<string, { index: IndexRecord; units: number }>();
  let table = 0;
  for (const units of all) {
    table += units.table;
    for (const { index, units: more } of units.indexes) {
      const known = indexes.get(index.name);
      if (known) known.units += more;
      else indexes.set(index.name, { index, units: more });
    }
  }
  return { table, indexes: [...indexes.values()] };
}

/**
 * The report; undefined when none is wanted.
 * @param tableName as the caller gave it, name or ARN
 * @param options `factor` 2 in a transaction, whose reports also say whether the units are for reading or writing
 */
export function consumedCapacity(
  mode: CapacityMode,
  tableName: string,
  units: Units,
  options: { readonly factor?: number; readonly split?: "ReadCapacityUnits" | "WriteCapacityUnits" } = {},
): ConsumedCapacity | undefined {
  if (mode !== "TOTAL" && mode !== "INDEXES") return undefined;
  const { factor = 1, split } = options;
  const report = (consumed: number) => ({
    CapacityUnits: consumed * factor,
    ...(split && { [split]: consumed * factor }),
  });
  const total = units.indexes.reduce((sum, index) => sum + index.units, units.table);
  const result: ConsumedCapacity = { TableName: tableName, ...report(total) };
  if (mode === "TOTAL") return result;
  result.Table = report(units.table);
  for (const { index, units: consumed } of units.indexes) {
    const group = index.local ? "LocalSecondaryIndexes" : "GlobalSecondaryIndexes";
    result[group] = { ...result[group], [index.name]: report(consumed) };
  }
  return result;
}
