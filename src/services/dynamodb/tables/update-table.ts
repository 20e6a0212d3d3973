/** UpdateTable. Changes are there at once, but for a new global index, which is filled in steps. */

import { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import {
  createConstraints,
  indexNameConstraint,
  strictTableNameConstraint,
} from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { invalidParameter, limitExceeded, validation } from "../errors.ts";
import { changeProvisioned, changeStored } from "../metering.ts";
import { countersKey, entriesPrefix, type IndexRecord, type TableRecord, type Throughput, tableKey } from "../state.ts";
import { countersRecord, tableRecord } from "../stored.ts";
import { checkStreamUpdate, streamConstraints, withStream } from "../streams/streams.ts";
import { findTable } from "../table.ts";
import type { KeyType } from "../values/attribute-value.ts";
import { BACKFILL, type Backfill } from "./backfill.ts";
import { keysOf, newIndex, newThroughput, refuseKeys, requiredTableName, TABLE_CLASSES } from "./create-table.ts";
import { describe, type Transition } from "./describe.ts";
import {
  checkGlobalIndex,
  checkUnits,
  definitionConstraints,
  GLOBAL_INDEXES_MAX,
  indexConstraints,
  type ThroughputInput,
  throughputConstraints,
} from "./rules.ts";
import { sweep } from "./sweep.ts";

type Input = InputOf<"dynamodb", "UpdateTable">;
type IndexUpdate = NonNullable<Input["GlobalSecondaryIndexUpdates"]>[number];

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html @throws ValidationException, ResourceNotFoundException, LimitExceededException */
export function updateTable(
  tx: Transaction,
  input: Input,
  context: OperationContext,
): OutputOf<"dynamodb", "UpdateTable"> {
  const tableName = requiredTableName(input.TableName);
  checkConstraints(input, tableName);
  checkCombination(input);
  checkIndexUpdates(input.GlobalSecondaryIndexUpdates ?? []);
  const before = findTable(tx, context, tableName);
  const streaming = withStream(tx, before, input.StreamSpecification, context);
  const billed = withBilling(streaming, input, context.nowMs);
  const { record, transition } = withIndexes(tx, billed, input, context);
  const after: TableRecord = {
    ...record,
    ...(input.DeletionProtectionEnabled !== undefined && { deletionProtection: input.DeletionProtectionEnabled }),
    ...(input.TableClass && { tableClass: { name: input.TableClass, sinceMs: context.nowMs } }),
  };
  tableRecord.put(tx, tableKey(context, after.name), after);
  changeProvisioned(context, context, before, after);
  return { TableDescription: describe(tx, context, after, { table: "UPDATING", ...transition }) };
}

function checkConstraints(input: Input, tableName: string): void {
  const constraints = createConstraints();
  if (!tableName.startsWith("arn:")) strictTableNameConstraint(constraints, tableName);
  definitionConstraints(constraints, input.AttributeDefinitions);
  constraints.oneOf("billingMode", input.BillingMode, ["PROVISIONED", "PAY_PER_REQUEST"]);
  throughputConstraints(constraints, "provisionedThroughput", input.ProvisionedThroughput);
  for (const [at, { Create, Update, Delete }] of (input.GlobalSecondaryIndexUpdates ?? []).entries()) {
    const path = `globalSecondaryIndexUpdates.${at + 1}.member`;
    if (Update) {
      constraints.notNull(`${path}.update.indexName`, Update.IndexName);
      indexNameConstraint(constraints, `${path}.update.indexName`, Update.IndexName);
      throughputConstraints(constraints, `${path}.update.provisionedThroughput`, Update.ProvisionedThroughput);
    }
    if (Create) indexConstraints(constraints, `${path}.create`, Create, false);
    if (Delete) {
      constraints.notNull(`${path}.delete.indexName`, Delete.IndexName);
      indexNameConstraint(constraints, `${path}.delete.indexName`, Delete.IndexName);
    }
  }
  streamConstraints(constraints, input.StreamSpecification);
  constraints.oneOf("tableClass", input.TableClass, TABLE_CLASSES);
  constraints.check();
}

/** What may be asked for together. */
function checkCombination(input: Input): void {
  const updates = input.GlobalSecondaryIndexUpdates;
  const given = {
    throughput: input.ProvisionedThroughput !== undefined || input.BillingMode !== undefined,
    indexes: updates !== undefined && updates.length > 0,
    protection: input.DeletionProtectionEnabled !== undefined,
    tableClass: input.TableClass !== undefined,
    stream: input.StreamSpecification !== undefined,
    encryption: input.SSESpecification !== undefined,
  };
  const count = Object.values(given).filter(Boolean).length;
  if (count === 0) {
    if (updates) throw invalidParameter("List of GlobalSecondaryIndexUpdates is empty");
    throw validation(
      "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, " +
        "SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, " +
        "DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required",
    );
  }
  const alone = (what: string) => invalidParameter(`${what} modification must be the only operation in the request`);
  if (given.encryption && count > 1) throw alone("Server-Side Encryption");
  if (given.tableClass && count > 1) throw alone("TableClass");
  if (given.protection && count > 1) throw alone("DeletionProtection");
  checkStreamUpdate(input.StreamSpecification);
  refuseKeys(input);
  if (given.encryption) throw invalidParameter("Table is already encrypted by default");
  if (input.BillingMode === "PAY_PER_REQUEST" && input.ProvisionedThroughput) {
    throw invalidParameter(
      "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    );
  }
  checkUnits(input.ProvisionedThroughput, "");
}

/** One action each, and one each index. */
function checkIndexUpdates(updates: readonly IndexUpdate[]): void {
  const names = new Set<string>();
  for (const { Create, Update, Delete } of updates) {
    const actions = [Create, Update, Delete].filter((action) => action !== undefined);
    const [action] = actions;
    if (!action) {
      throw invalidParameter(
        "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null",
      );
    }
    if (actions.length > 1) {
      throw invalidParameter("Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object");
    }
    if (names.has(action.IndexName!)) {
      throw invalidParameter(
        `Only one global secondary index update per index is allowed simultaneously. Index: ${action.IndexName}`,
      );
    }
    names.add(action.IndexName!);
    checkUnits((Create ?? Update)?.ProvisionedThroughput, ` for index ${action.IndexName}`);
  }
}

/** Billing mode and throughput of table and indexes. */
function withBilling(record: TableRecord, input: Input, nowMs: number): TableRecord {
  const mode = input.BillingMode ?? (record.throughput ? "PROVISIONED" : "PAY_PER_REQUEST");
  const updates = new Map(
    (input.GlobalSecondaryIndexUpdates ?? []).flatMap(({ Update }) => (Update ? [[Update.IndexName!, Update]] : [])),
  );
  for (const name of updates.keys()) {
    const index = record.indexes.find((known) => known.name === name);
    if (!index) throw indexNotFound(name);
    if (index.local) throw validation(`Cannot update an index that is not a GlobalSecondaryIndex: ${name}`);
  }
  if (mode === "PAY_PER_REQUEST") {
    if (input.ProvisionedThroughput) {
      throw invalidParameter(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
      );
    }
    const [name] = updates.keys();
    if (name !== undefined) {
      throw invalidParameter(
        `Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: ${name} when BillingMode is PAY_PER_REQUEST`,
      );
    }
    const { throughput, ...rest } = record;
    return {
      ...rest,
      indexes: record.indexes.map(({ throughput: _, ...index }) => index),
      onDemandSinceMs: throughput ? nowMs : record.onDemandSinceMs!,
    };
  }
  if (!record.throughput && !input.ProvisionedThroughput) {
    throw invalidParameter("ProvisionedThroughput must be specified when BillingMode is PROVISIONED");
  }
  const throughput = changed(record.throughput, input.ProvisionedThroughput, "table", nowMs);
  const indexes = record.indexes.map((index): IndexRecord => {
    if (index.local) return index;
    const given = updates.get(index.name)?.ProvisionedThroughput;
    const deleted = input.GlobalSecondaryIndexUpdates?.some(({ Delete }) => Delete?.IndexName === index.name);
    if (!given && !index.throughput && !deleted) {
      throw invalidParameter(`ProvisionedThroughput must be specified for index: ${index.name}`);
    }
    const own = changed(index.throughput, given, `index ${index.name}`, nowMs);
    return own ? { ...index, throughput: own } : index;
  });
  return { ...record, indexes, ...(throughput && { throughput }) };
}

/** @throws ValidationException when nothing changes */
function changed(
  before: Throughput | undefined,
  given: ThroughputInput,
  what: string,
  nowMs: number,
): Throughput | undefined {
  const after = newThroughput(given);
  if (!after) return before;
  if (!before) return after;
  if (before.read === after.read && before.write === after.write) {
    throw validation(
      `The provisioned throughput for the ${what} will not change. The requested value equals the current value. ` +
        `Current ReadCapacityUnits provisioned for the ${what}: ${before.read}. Requested ReadCapacityUnits: ${after.read}. ` +
        `Current WriteCapacityUnits provisioned for the ${what}: ${before.write}. Requested WriteCapacityUnits: ${after.write}. ` +
        "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
    );
  }
  return {
    ...before,
    ...after,
    ...((after.read > before.read || after.write > before.write) && { increasedMs: nowMs }),
    ...((after.read < before.read || after.write < before.write) && { decreasedMs: nowMs }),
  };
}

const indexNotFound = (name: string): AwsError =>
  new AwsError("ResourceNotFoundException", `Requested resource not found: Index: ${name} not found`);

/** Indexes made and deleted: one in a request, and none while another one is being filled. */
function withIndexes(
  tx: Transaction,
  record: TableRecord,
  input: Input,
  context: OperationContext,
): { record: TableRecord; transition: Partial<Transition> } {
  const updates = (input.GlobalSecondaryIndexUpdates ?? []).filter(({ Create, Delete }) => Create ?? Delete);
  if (updates.length === 0) return { record, transition: {} };
  for (const { Create, Delete } of updates) {
    const name = (Create ?? Delete)!.IndexName!;
    const known = record.indexes.find((index) => index.name === name);
    if (Create && known) throw validation("Attempting to create an index which already exists");
    if (Delete && !known) throw indexNotFound(name);
    if (Delete && known!.local) {
      throw validation(`Cannot delete an index that is not a GlobalSecondaryIndex: ${name}`);
    }
  }
  const [{ Create: create, Delete: remove }] = updates as [IndexUpdate];
  const filling = record.indexes.find(({ backfilling }) => backfilling);
  // The index that is being filled may be given up.
  if (updates.length > 1 || (filling && filling.name !== remove?.IndexName)) {
    throw limitExceeded(
      "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    );
  }
  if (create) return withNewIndex(tx, record, create, input, context);
  const gone = record.indexes.find((index) => index.name === remove!.IndexName)!;
  const indexes = record.indexes.filter((index) => index !== gone);
  sweep(tx, entriesPrefix(context, record.number, gone.number));
  const counters = countersRecord.get(tx, countersKey(context, record.number));
  if (counters?.indexes[gone.number]) {
    const { [gone.number]: _, ...left } = counters.indexes;
    const next = { ...counters, indexes: left };
    countersRecord.put(tx, countersKey(context, record.number), next);
    changeStored(context, context, record.name, counters, next);
  }
  return { record: { ...record, indexes, attributes: usedAttributes({ ...record, indexes }) }, transition: {} };
}

function withNewIndex(
  tx: Transaction,
  record: TableRecord,
  create: NonNullable<IndexUpdate["Create"]>,
  input: Input,
  context: OperationContext,
): { record: TableRecord; transition: Partial<Transition> } {
  if (!input.AttributeDefinitions) {
    throw invalidParameter(`AttributeDefinitions is not specified for index: ${create.IndexName}`);
  }
  const definitions = input.AttributeDefinitions.map(({ AttributeName, AttributeType }) => ({
    name: AttributeName!,
    type: AttributeType as KeyType,
  }));
  checkGlobalIndex(
    create,
    definitions.map(({ name }) => name),
  );
  if (record.throughput && !create.ProvisionedThroughput) {
    throw invalidParameter(`ProvisionedThroughput must be specified for index: ${create.IndexName}`);
  }
  if (!record.throughput && create.ProvisionedThroughput) {
    throw invalidParameter(
      `Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: ${create.IndexName} when BillingMode is PAY_PER_REQUEST`,
    );
  }
  if (record.indexes.filter(({ local }) => !local).length >= GLOBAL_INDEXES_MAX) {
    throw limitExceeded(`GlobalSecondaryIndex count exceeds the per-table limit of ${GLOBAL_INDEXES_MAX}`);
  }
  const changedType = definitions.find(({ name, type }) =>
    record.attributes.some((known) => known.name === name && known.type !== type),
  );
  if (changedType) {
    throw invalidParameter(`The type of the key attribute ${changedType.name} of the table cannot be changed`);
  }
  const index: IndexRecord = { ...newIndex(create, record.nextIndexNumber, false), backfilling: true };
  const keys = Object.values(keysOf(create.KeySchema));
  const fresh = definitions.filter(
    ({ name }) => keys.includes(name) && !record.attributes.some((known) => known.name === name),
  );
  const { accountId, region } = context;
  const detail: Backfill = {
    accountId,
    region,
    tableName: record.name,
    tableNumber: record.number,
    indexNumber: index.number,
  };
  tx.emit({ type: BACKFILL, detail });
  return {
    record: {
      ...record,
      attributes: [...record.attributes, ...fresh],
      indexes: [...record.indexes, index],
      nextIndexNumber: record.nextIndexNumber + 1,
    },
    transition: { indexes: { [index.name]: "CREATING" } },
  };
}

/** Definitions that no key needs any more go with their index. */
function usedAttributes(record: TableRecord): TableRecord["attributes"] {
  const used = new Set([record, ...record.indexes].flatMap(({ hash, range }) => [hash, range]));
  return record.attributes.filter(({ name }) => used.has(name));
}
