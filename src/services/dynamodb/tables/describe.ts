/** DescribeTable, and the description of a table that the other table operations answer with. */
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints, tableNameConstraint } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { countersKey, type IndexRecord, NO_ITEMS, type Place, type TableRecord, type Throughput } from "../state.ts";
import { countersRecord } from "../stored.ts";
import { describedStream } from "../streams/streams.ts";
import { findTable, indexArn, tableArn } from "../table.ts";

export type TableDescription = NonNullable<OutputOf<"dynamodb", "DescribeTable">["Table"]>;
type GlobalIndexDescription = NonNullable<TableDescription["GlobalSecondaryIndexes"]>[number];
type Status = NonNullable<TableDescription["TableStatus"]>;

/** What is on its way: the answers of CreateTable and its like say CREATING, UPDATING, DELETING; the next DescribeTable says what is. */
export interface Transition {
  readonly table: Status;
  /** By the names of indexes. */
  readonly indexes?: Readonly<Record<string, NonNullable<GlobalIndexDescription["IndexStatus"]>>>;
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html @throws ValidationException, ResourceNotFoundException */
export function describeTable(
  tx: Transaction,
  input: InputOf<"dynamodb", "DescribeTable">,
  context: OperationContext,
): OutputOf<"dynamodb", "DescribeTable"> {
  const constraints = createConstraints();
  tableNameConstraint(constraints, input.TableName);
  constraints.check();
  const record = findTable(tx, context, input.TableName!);
  const building = record.indexes.some(({ backfilling }) => backfilling);
  return { Table: describe(tx, context, record, { table: building ? "UPDATING" : "ACTIVE" }) };
}

export function describe(tx: Transaction, place: Place, record: TableRecord, transition: Transition): TableDescription {
  const counters = countersRecord.get(tx, countersKey(place, record.number)) ?? NO_ITEMS;
  const indexOf = (index: IndexRecord) => {
    const [items, bytes] = counters.indexes[index.number] ?? [0, 0];
    return {
      IndexName: index.name,
      KeySchema: keySchema(index),
      Projection: {
        ProjectionType: index.projection,
        ...(index.nonKeyAttributes && { NonKeyAttributes: [...index.nonKeyAttributes] }),
      },
      IndexSizeBytes: bytes,
      ItemCount: items,
      IndexArn: indexArn(place, record.name, index.name),
    };
  };
  const locals = record.indexes.filter(({ local }) => local);
  const globals = record.indexes.filter(({ local }) => !local);
  return {
    AttributeDefinitions: record.attributes.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    TableName: record.name,
    KeySchema: keySchema(record),
    TableStatus: transition.table,
    CreationDateTime: new Date(record.createdMs),
    ProvisionedThroughput: throughput(record.throughput),
    TableSizeBytes: counters.bytes,
    ItemCount: counters.items,
    TableArn: tableArn(place, record.name),
    TableId: record.id,
    ...(record.onDemandSinceMs !== undefined && {
      BillingModeSummary: {
        BillingMode: record.throughput ? "PROVISIONED" : "PAY_PER_REQUEST",
        LastUpdateToPayPerRequestDateTime: new Date(record.onDemandSinceMs),
      },
    }),
    ...(locals.length > 0 && { LocalSecondaryIndexes: locals.map(indexOf) }),
    ...(globals.length > 0 && {
      GlobalSecondaryIndexes: globals.map((index) => ({
        ...indexOf(index),
        IndexStatus: transition.indexes?.[index.name] ?? (index.backfilling ? "CREATING" : "ACTIVE"),
        ...(index.backfilling && { Backfilling: true }),
        ProvisionedThroughput: throughput(index.throughput),
      })),
    }),
    ...(record.tableClass && {
      TableClassSummary: {
        TableClass: record.tableClass.name,
        ...(record.tableClass.sinceMs !== undefined && { LastUpdateDateTime: new Date(record.tableClass.sinceMs) }),
      },
    }),
    ...describedStream(place, record),
    DeletionProtectionEnabled: record.deletionProtection,
  };
}

function keySchema({ hash, range }: { readonly hash: string; readonly range?: string }) {
  return [
    { AttributeName: hash, KeyType: "HASH" as const },
    ...(range === undefined ? [] : [{ AttributeName: range, KeyType: "RANGE" as const }]),
  ];
}

const throughput = (given: Throughput | undefined) => ({
  ...(given?.increasedMs !== undefined && { LastIncreaseDateTime: new Date(given.increasedMs) }),
  ...(given?.decreasedMs !== undefined && { LastDecreaseDateTime: new Date(given.decreasedMs) }),
  NumberOfDecreasesToday: 0,
  ReadCapacityUnits: given?.read ?? 0,
  WriteCapacityUnits: given?.write ?? 0,
});
