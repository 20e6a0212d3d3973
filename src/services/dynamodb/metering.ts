/**
 * What DynamoDB measures and bills: the capacity units that requests consume.
 * @see https://aws.amazon.com/dynamodb/pricing/on-demand/ and https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
 */
import type { OperationContext } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { type CapacityMode, type ConsumedCapacity, consumedCapacity, type Units } from "./capacity.ts";
import type { Counters, Place } from "./state.ts";
import { permissionArn } from "./table.ts";

/**
 * Writes down what a request consumed, and reports it where that is wanted.
 * @param tableName as the caller gave it, name or ARN
 * @param options `factor` 2 in a transaction, whose reports also say whether the units are for reading or writing
 */
export function consume(
  context: OperationContext,
  kind: "Read" | "Write",
  mode: CapacityMode,
  tableName: string,
  units: Units,
  options: { readonly factor?: number; readonly split?: "ReadCapacityUnits" | "WriteCapacityUnits" } = {},
): ConsumedCapacity | undefined {
  const { factor = 1 } = options;
  const resource = permissionArn(context, tableName);
  const TableName = resource.slice(resource.indexOf(":table/") + 7);
  const name = `Consumed${kind}CapacityUnits` as const;
  let total = units.table * factor;
  const datum = { namespace: "AWS/DynamoDB", name, unit: "Count" } as const;
  if (units.table > 0) context.measure({ ...datum, dimensions: { TableName }, value: units.table * factor });
  for (const { index, units: more } of units.indexes) {
    total += more * factor;
    const dimensions: Record<string, string> = index.local
      ? { TableName }
      : { TableName, GlobalSecondaryIndexName: index.name };
    context.measure({ ...datum, dimensions, value: more * factor });
  }
  context.use({ resource, usageType: `${kind}RequestUnits`, quantity: total });
  return consumedCapacity(mode, tableName, units, options);
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
