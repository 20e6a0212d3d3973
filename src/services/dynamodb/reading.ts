/**
 * Reading a page of a table or an index: what Query and Scan have in common. A page ends at its limit of items looked at, or when those make a
 * megabyte; the filter is applied afterwards.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
 */
import { after, type Key } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { readUnits } from "./capacity.ts";
import { invalidParameter, validation } from "./errors.ts";
import type { Condition } from "./expressions/condition.ts";
import { matches } from "./expressions/evaluate.ts";
import { type Path, project } from "./expressions/paths.ts";
import { namedPaths } from "./items/get-item.ts";
import { entryKey, itemKey, partitionHash } from "./keys.ts";
import { consume } from "./metering.ts";
import { checkKeyAttribute, keyAttributes, pathsOf } from "./rules.ts";
import { entryRecord, type IndexRecord, itemRecord } from "./state.ts";
import { entriesOf, type Table } from "./table.ts";
import { type AttributeMap, attribute, normalizeMap, setAttribute } from "./values/attribute-value.ts";
import { unpack } from "./values/packed.ts";
import { itemSize } from "./values/size.ts";
import { projectedNames, readItem } from "./writing.ts";

export const PAGE_BYTES_MAX = 1024 * 1024;
/** What a segment of a parallel scan may pass over, on top, to find its own items. */
const PASSED_BYTES_MAX = 8 * PAGE_BYTES_MAX;

type ReadInput = InputOf<"dynamodb", "Scan">;
type ReadOutput = OutputOf<"dynamodb", "Scan">;

/** Where a page is read: a table or one of its indexes. */
export interface Source {
  readonly table: Table;
  readonly index?: IndexRecord;
  /** Of the keys to read. */
  readonly prefix: Key;
  /** Key attributes of the source and of the table: what a page's last key consists of. */
  readonly startNames: readonly string[];
}

/** @throws ValidationException for an index that is not there, is not readable yet, or cannot be read consistently */
export function sourceOf(table: Table, input: Pick<ReadInput, "IndexName" | "ConsistentRead">): Source {
  const { record } = table;
  const tableNames = record.range === undefined ? [record.hash] : [record.hash, record.range];
  if (input.IndexName === undefined) return { table, prefix: table.prefix, startNames: tableNames };
  const index = record.indexes.find(({ name }) => name === input.IndexName);
  if (!index) throw validation(`The table does not have the specified index: ${input.IndexName}`);
  if (!index.local && input.ConsistentRead) {
    throw validation("Consistent reads are not supported on global secondary indexes");
  }
  if (index.backfilling) {
    throw validation(`Cannot read from backfilling global secondary index: ${index.name}`);
  }
  const indexNames = index.range === undefined ? [index.hash] : [index.hash, index.range];
  return {
    table,
    index,
    prefix: entriesOf(table, index),
    startNames: [...new Set([...tableNames, ...indexNames])],
  };
}

/** What to give of each item. */
export interface Selection {
  readonly count: boolean;
  readonly paths?: readonly Path[];
}

/** @throws ValidationException where Select contradicts the projection. Needs no table. */
export function selectionOf(
  input: Pick<ReadInput, "Select" | "AttributesToGet" | "IndexName" | "ProjectionExpression">,
  projection: readonly Path[] | undefined,
  verb: "Querying" | "Scanning",
): Selection {
  const { Select: select } = input;
  const paths = projection ?? namedPaths(input.AttributesToGet);
  const parameter = projection ? "ProjectionExpression" : "AttributesToGet";
  if (select === "ALL_PROJECTED_ATTRIBUTES" && input.IndexName === undefined) {
    throw invalidParameter(`ALL_PROJECTED_ATTRIBUTES can be used only when ${verb} using an IndexName`);
  }
  if (select === "SPECIFIC_ATTRIBUTES" && !paths) {
    throw invalidParameter(
      "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES",
    );
  }
  if (paths && select !== undefined && select !== "SPECIFIC_ATTRIBUTES") {
    throw invalidParameter(
      `Cannot specify the ${parameter} when choosing to get ${select === "COUNT" ? "only the Count" : select}`,
    );
  }
  return { count: select === "COUNT", ...(paths && { paths }) };
}

/** Attributes of the items that the index does not hold are fetched from the table: only local indexes can. @throws ValidationException for global ones */
export function needsTable(
  { index, table }: Source,
  input: Pick<ReadInput, "Select">,
  { paths }: Selection,
  filter: Condition | undefined,
): boolean {
  if (!index || index.projection === "ALL") return false;
  if (input.Select === "ALL_ATTRIBUTES") {
    if (index.local) return true;
    throw invalidParameter(
      `Select type ALL_ATTRIBUTES is not supported for global secondary index ${index.name} ` +
        "because its projection type is not ALL",
    );
  }
  const projected = projectedNames(index, table.record);
  const missing = [...new Set((paths ?? []).map(([name]) => name))].filter((name) => !projected.has(name));
  if (index.local) {
    return missing.length > 0 || (filter !== undefined && pathsOf(filter).some(([name]) => !projected.has(name)));
  }
  if (missing.length > 0) {
    throw invalidParameter(`Global secondary index ${index.name} does not project [${missing.join(", ")}]`);
  }
  return false;
}

/** Checks ExclusiveStartKey as far as the table knows. @throws ValidationException */
export function checkStartKey(source: Source, given: AttributeMap): AttributeMap {
  const { table, index, startNames } = source;
  const invalid = "The provided starting key is invalid";
  if (Object.keys(given).length !== startNames.length) {
    throw validation(index ? invalid : `${invalid}: The provided key element does not match the schema`);
  }
  if (index) {
    for (const { name, type, isHash } of keyAttributes(table.record, index)) {
      if (attribute(given, name) === undefined) throw validation(invalid);
      checkKeyAttribute(given, name, type, isHash);
    }
  }
  for (const { name, type, isHash } of keyAttributes(table.record)) {
    try {
      checkKeyAttribute(given, name, type, isHash);
    } catch (error) {
      throw validation(`${invalid}: ${(error as Error).message}`);
    }
  }
  return given;
}

/** @throws ValidationException for values that are no values */
export function normalizeStartKey(given: AttributeMap | undefined): AttributeMap | undefined {
  if (given === undefined) return undefined;
  try {
    return normalizeMap(given);
  } catch (error) {
    throw validation(`The provided starting key is invalid: ${(error as Error).message}`);
  }
}

/** The place of an item in the source's order. */
export const positionOf = ({ table, index, prefix }: Source, map: AttributeMap): Key =>
  index ? entryKey(prefix, index, table.record, map)! : itemKey(prefix, table.record, map);

export interface PageOptions {
  readonly start: Key;
  readonly end: Key;
  readonly reverse?: boolean;
  readonly startKey?: AttributeMap;
  readonly filter?: Condition;
  readonly selection: Selection;
  readonly fromTable: boolean;
  readonly segment?: { readonly number: number; readonly total: number };
}

export function readPage(
  tx: Transaction,
  source: Source,
  input: ReadInput,
  options: PageOptions,
  context: OperationContext,
): ReadOutput {
  const { table, index } = source;
  const { filter, selection, fromTable, segment, reverse = false } = options;
  let { start, end } = options;
  if (options.startKey) {
    const position = positionOf(source, options.startKey);
    if (reverse) end = position < end ? position : end;
    else start = after(position) > start ? after(position) : start;
  }
  const limit = input.Limit ?? Number.POSITIVE_INFINITY;
  const items: AttributeMap[] = [];
  let count = 0;
  let scanned = 0;
  let bytes = 0;
  let passed = 0;
  let tableBytes = 0;
  let tableUnits = 0;
  let last: AttributeMap | undefined;
  if (start < end) {
    const record = index ? entryRecord : itemRecord;
    for (const [, packed] of record.range(tx, start, end, { reverse })) {
      let item = unpack(packed);
      const size = itemSize(item);
      if (segment && !inSegment(source, item, segment)) {
        passed += size;
        if (passed < PASSED_BYTES_MAX) continue;
        last = item;
        break;
      }
      scanned++;
      bytes += size;
      const position = item;
      if (fromTable) {
        item = readItem(tx, table, item)!;
        tableBytes += itemSize(item);
        tableUnits += readUnits(itemSize(item), input.ConsistentRead);
      }
      if (filter === undefined || matches(filter, item)) {
        count++;
        if (!selection.count) items.push(selection.paths ? project(selection.paths, item) : item);
      }
      if (scanned >= limit || bytes + tableBytes >= PAGE_BYTES_MAX) {
        last = position;
        break;
      }
    }
  }
  const units = readUnits(bytes, input.ConsistentRead);
  const capacity = consume(
    context,
    "Read",
    input.ReturnConsumedCapacity,
    { name: input.TableName!, record: table.record },
    index ? { table: tableUnits, indexes: [{ index, units }] } : { table: units, indexes: [] },
  );
  return {
    Count: count,
    ScannedCount: scanned,
    ...(!selection.count && { Items: items }),
    ...(last && { LastEvaluatedKey: startKeyOf(source, last) }),
    ...(capacity && { ConsumedCapacity: capacity }),
  };
}

function startKeyOf({ startNames }: Source, item: AttributeMap): AttributeMap {
  const map: AttributeMap = {};
  for (const name of startNames) setAttribute(map, name, attribute(item, name)!);
  return map;
}

/** Partitions are dealt out to segments by a hash of their key. */
function inSegment(
  { table, index }: Source,
  item: AttributeMap,
  { number, total }: { readonly number: number; readonly total: number },
): boolean {
  const hash = partitionHash(attribute(item, (index ?? table.record).hash)!);
  return Math.floor((hash / 2 ** 32) * total) === number;
}
