/** CreateTable. The table is there at once: the answer says CREATING, as AWS's does, and the next DescribeTable ACTIVE. */
import { notImplemented } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints, strictTableNameConstraint } from "../../dynamodb-common/constraints.ts";
import type { OperationContext, OutputOf } from "../../service.ts";
import { invalidParameter, tableAlreadyExists, validation } from "../errors.ts";
import { changeProvisioned } from "../metering.ts";
import {
  type IndexRecord,
  nextNumberKey,
  numberRecord,
  type TableRecord,
  type Throughput,
  tableKey,
  tagsKey,
  tagsRecord,
} from "../state.ts";
import { tableRecord } from "../stored.ts";
import { checkNewStream, streamConstraints, withNewStream } from "../streams/streams.ts";
import { checkTags } from "../tags.ts";
import type { KeyType } from "../values/attribute-value.ts";
import { describe } from "./describe.ts";
import {
  type CreateInput,
  checkTable,
  definitionConstraints,
  type GlobalIndex,
  indexConstraints,
  keySchemaConstraints,
  type LocalIndex,
  type ThroughputInput,
  throughputConstraints,
} from "./rules.ts";

export const TABLE_CLASSES = ["STANDARD", "STANDARD_INFREQUENT_ACCESS"];

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html @throws ValidationException, ResourceInUseException */
export function createTable(
  tx: Transaction,
  input: CreateInput,
  context: OperationContext,
): OutputOf<"dynamodb", "CreateTable"> {
  const name = requiredTableName(input.TableName);
  checkConstraints(input, name);
  checkTable(input);
  checkNewStream(input.StreamSpecification);
  refuseKeys(input);
  const tags = checkTags(input.Tags ?? []);
  if (tableRecord.get(tx, tableKey(context, name))) throw tableAlreadyExists(name);

  const number = numberRecord.get(tx, nextNumberKey(context)) ?? 1;
  numberRecord.put(tx, nextNumberKey(context), number + 1);
  const throughput = newThroughput(input.ProvisionedThroughput);
  const indexes = [
    ...(input.LocalSecondaryIndexes ?? []).map((index, at) => newIndex(index, at + 1, true)),
    ...(input.GlobalSecondaryIndexes ?? []).map((index, at) =>
      newIndex(index, (input.LocalSecondaryIndexes?.length ?? 0) + at + 1, false),
    ),
  ];
  const bare: TableRecord = {
    name,
    number,
    id: context.random.uuid(),
    createdMs: context.nowMs,
    attributes: input.AttributeDefinitions!.map(({ AttributeName, AttributeType }) => ({
      name: AttributeName!,
      type: AttributeType as KeyType,
    })),
    ...keysOf(input.KeySchema),
    indexes,
    nextIndexNumber: indexes.length + 1,
    ...(throughput ? { throughput } : { onDemandSinceMs: context.nowMs }),
    deletionProtection: input.DeletionProtectionEnabled ?? false,
    ...(input.TableClass && { tableClass: { name: input.TableClass } }),
    timeToLiveGeneration: 0,
  };
  const viewType = input.StreamSpecification?.StreamEnabled ? input.StreamSpecification.StreamViewType : undefined;
  const record = viewType === undefined ? bare : withNewStream(tx, bare, viewType, context);
  tableRecord.put(tx, tableKey(context, name), record);
  changeProvisioned(context, context, undefined, record);
  if (Object.keys(tags).length > 0) tagsRecord.put(tx, tagsKey(context, number), tags);
  return {
    TableDescription: describe(tx, context, record, {
      table: "CREATING",
      indexes: Object.fromEntries(indexes.map((index) => [index.name, "CREATING" as const])),
    }),
  };
}

/** @throws ValidationException in words of its own */
export function requiredTableName(name: string | undefined): string {
  if (name === undefined) {
    throw validation("The parameter 'TableName' is required but was not present in the request");
  }
  return name;
}

function checkConstraints(input: CreateInput, name: string): void {
  const constraints = createConstraints();
  constraints.notNull("attributeDefinitions", input.AttributeDefinitions);
  definitionConstraints(constraints, input.AttributeDefinitions);
  strictTableNameConstraint(constraints, name);
  constraints.oneOf("billingMode", input.BillingMode, ["PROVISIONED", "PAY_PER_REQUEST"]);
  throughputConstraints(constraints, "provisionedThroughput", input.ProvisionedThroughput);
  keySchemaConstraints(constraints, "keySchema", input.KeySchema);
  for (const [at, index] of (input.LocalSecondaryIndexes ?? []).entries()) {
    indexConstraints(constraints, `localSecondaryIndexes.${at + 1}.member`, index, true);
  }
  for (const [at, index] of (input.GlobalSecondaryIndexes ?? []).entries()) {
    indexConstraints(constraints, `globalSecondaryIndexes.${at + 1}.member`, index, false);
  }
  streamConstraints(constraints, input.StreamSpecification);
  constraints.oneOf("tableClass", input.TableClass, TABLE_CLASSES);
  constraints.check();
}

/** AWS's own encryption key is what every table has; anything else is refused by name. @throws ValidationException */
export function refuseKeys({ SSESpecification: encryption }: Pick<CreateInput, "SSESpecification">): void {
  if (encryption?.Enabled) throw notImplemented("encryption of DynamoDB tables with KMS keys (SSESpecification)");
  for (const member of ["SSEType", "KMSMasterKeyId"] as const) {
    if (encryption?.[member] !== undefined) {
      throw invalidParameter(`${member} can not be specified if Enabled is false`);
    }
  }
}

/** Hash and range attribute of a checked key schema. */
export function keysOf(schema: CreateInput["KeySchema"]): { hash: string; range?: string } {
  const [hash, range] = schema!;
  return { hash: hash!.AttributeName!, ...(range && { range: range.AttributeName! }) };
}

export function newIndex(index: GlobalIndex | LocalIndex, number: number, local: boolean): IndexRecord {
  const throughput = local ? undefined : newThroughput((index as GlobalIndex).ProvisionedThroughput);
  return {
    name: index.IndexName!,
    number,
    local,
    ...keysOf(index.KeySchema),
    projection: index.Projection!.ProjectionType!,
    ...(index.Projection!.NonKeyAttributes && { nonKeyAttributes: index.Projection!.NonKeyAttributes }),
    ...(throughput && { throughput }),
  };
}

export const newThroughput = (given: ThroughputInput): Throughput | undefined =>
  given && { read: given.ReadCapacityUnits!, write: given.WriteCapacityUnits! };
