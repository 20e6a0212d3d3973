/**
 * What DynamoDB measures and bills: the capacity units that requests consume or that are provisioned, and what is stored.
 * @see https://aws.amazon.com/dynamodb/pricing/on-demand/ and https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
 */
import type { OperationContext } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { type CapacityMode, type ConsumedCapacity, consumedCapacity, type Units } from "./capacity.ts";
import type { Counters, Place, TableRecord, Throughput } from "./state.ts";
import type { TableSchema } from "./stored.ts";
import { permissionArn, tableArn } from "./table.ts";

/**
 * Writes down what a request consumed, and reports it where that is wanted.
 * @param table its name as the caller gave it, name or ARN
 * @param options `factor` 2 in a transaction, whose reports also say whether the units are for reading or writing
 */
export function consume(
  context: OperationContext,
  kind: "Read" | "Write",
  mode: CapacityMode,
  { name: tableName, record }: { readonly name: string; readonly record: TableSchema },
  units: Units,
  options: { readonly factor?: number; readonly split?: "ReadCapacityUnits" | "WriteCapacityUnits" } = {},
): ConsumedCapacity | undefined {
  const { factor = 1 } = options;
  const { arn: resource, dimensions } = namesOf(context, record);
  const name = `Consumed${kind}CapacityUnits` as const;
  let total = units.table * factor;
  const measure = (of: Readonly<Record<string, string>>, value: number) =>
    context.measure({ namespace: "AWS/DynamoDB", name, dimensions: of, unit: "Count", value });
  if (units.table > 0) measure(dimensions, total);
  for (const { index, units: more } of units.indexes) {
    total += more * factor;
    measure(index.local ? dimensions : { ...dimensions, GlobalSecondaryIndexName: index.name }, more * factor);
  }
  // What is provisioned is billed by the hour, whether it is used or not.
  if (record.throughput === undefined)
    context.use({ resource, usageType: kind === "Read" ? "ReadRequestUnits" : "WriteRequestUnits", quantity: total });
  return consumedCapacity(mode, tableName, units, options);
}

interface Names {
  readonly arn: string;
  readonly dimensions: { readonly TableName: string };
}

/** Made once for each revision of a table: every request asks for them. */
const names = new WeakMap<TableSchema, Names>();

function namesOf(place: Place, table: TableSchema): Names {
  let found = names.get(table);
  if (found === undefined) {
    found = { arn: tableArn(place, table.name), dimensions: { TableName: table.name } };
    names.set(table, found);
  }
  return found;
}

/** AWS adds this to each item and index entry that it stores. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
const OVERHEAD_BYTES = 100;

const storedBytes = ({ items, bytes, indexes }: Counters): number =>
  Object.values(indexes).reduce(
    (sum, [entries, entryBytes]) => sum + entries * OVERHEAD_BYTES + entryBytes,
    items * OVERHEAD_BYTES + bytes,
  );

/** What a table stores has changed. */
export function changeStored(
  context: Pick<OperationContext, "use" | "nowMs">,
  place: Place,
  tableName: string,
  before: Counters,
  after: Counters,
): void {
  changeLevel(
    context,
    permissionArn(place, tableName),
    "TimedStorage-ByteHrs",
    storedBytes(after) - storedBytes(before),
  );
}

/** Capacity of a table and its global indexes. */
function provisionedCapacity(record: TableRecord | undefined): Pick<Throughput, "read" | "write"> {
  const all = record ? [record.throughput, ...record.indexes.map(({ throughput }) => throughput)] : [];
  const sum = (unit: "read" | "write") => all.reduce((total, throughput) => total + (throughput?.[unit] ?? 0), 0);
  return { read: sum("read"), write: sum("write") };
}

/**
 * What a table has provisioned has changed: it was made (nothing before), deleted (nothing after), updated or scaled.
 * @see https://aws.amazon.com/dynamodb/pricing/provisioned/
 */
export function changeProvisioned(
  context: Pick<OperationContext, "use" | "nowMs">,
  place: Place,
  before: TableRecord | undefined,
  after: TableRecord | undefined,
): void {
  const resource = permissionArn(place, (before ?? after)?.name);
  const from = provisionedCapacity(before);
  const to = provisionedCapacity(after);
  changeLevel(context, resource, "ReadCapacityUnit-Hrs", to.read - from.read);
  changeLevel(context, resource, "WriteCapacityUnit-Hrs", to.write - from.write);
}
