/**
 * DynamoDB: tables, items, expressions, indexes, transactions, time to live, and the records of streams (which `dynamodbstreams` reads).
 *
 * Absent, and refused by name: PartiQL, backups, global tables, exports and imports, resource policies, and whatever else is not in
 * the table below.
 */
import { defineService, type InputOf, type Permission } from "../service.ts";
import { batchGetItem } from "./items/batch-get-item.ts";
import { batchWriteItem } from "./items/batch-write-item.ts";
import { deleteItem } from "./items/delete-item.ts";
import { getItem } from "./items/get-item.ts";
import { putItem } from "./items/put-item.ts";
import { query } from "./items/query.ts";
import { scan } from "./items/scan.ts";
import { transactGetItems } from "./items/transact-get-items.ts";
import { expireToken, TOKEN_EXPIRED, transactWriteItems } from "./items/transact-write-items.ts";
import { updateItem } from "./items/update-item.ts";
import { describeEndpoints, describeLimits } from "./limits.ts";
import { resources } from "./resources.ts";
import type { Place } from "./state.ts";
import { expireStream, STREAM_EXPIRED, TRIM_DUE, trim } from "./streams/trimming.ts";
import { permissionArn } from "./table.ts";
import { BACKFILL, backfillStep } from "./tables/backfill.ts";
import { createTable } from "./tables/create-table.ts";
import { deleteTable } from "./tables/delete-table.ts";
import { describeTable } from "./tables/describe.ts";
import { listTables } from "./tables/list-tables.ts";
import { SWEEP, sweepStep } from "./tables/sweep.ts";
import { updateTable } from "./tables/update-table.ts";
import { listTagsOfResource, tagResource, untagResource } from "./tags.ts";
import { EXPIRY_DUE } from "./time-to-live/expiry.ts";
import { describeTimeToLive, EXPIRY_FILL, expire, fillStep, updateTimeToLive } from "./time-to-live/operations.ts";

/** An action on the table, or on the index of it, that the input names. */
const onTable =
  (action: string) =>
  (
    input: { readonly TableName?: string | undefined; readonly IndexName?: string | undefined },
    place: Place,
  ): Permission => {
    const table = permissionArn(place, input.TableName);
    return {
      action: `dynamodb:${action}`,
      resource: input.IndexName === undefined ? table : `${table}/index/${input.IndexName}`,
    };
  };

const onArn =
  (action: string) =>
  (input: { readonly ResourceArn?: string | undefined }): Permission => ({
    action: `dynamodb:${action}`,
    resource: input.ResourceArn ?? "*",
  });

const onTables =
  (action: string) =>
  (input: { readonly RequestItems?: Readonly<Record<string, unknown>> | undefined }, place: Place): Permission[] =>
    Object.keys(input.RequestItems ?? {}).map((table) => ({
      action: `dynamodb:${action}`,
      resource: permissionArn(place, table),
    }));

/** A transaction needs the permissions of its parts. */
function transactionPermissions(input: InputOf<"dynamodb", "TransactWriteItems">, place: Place): Permission[] {
  const names = {
    ConditionCheck: "ConditionCheckItem",
    Put: "PutItem",
    Delete: "DeleteItem",
    Update: "UpdateItem",
  } as const;
  return (input.TransactItems ?? []).flatMap((item) =>
    (Object.keys(names) as (keyof typeof names)[]).flatMap((kind) =>
      item[kind] ? [onTable(names[kind])(item[kind], place)] : [],
    ),
  );
}

export const dynamodb = defineService<"dynamodb">({
  name: "dynamodb",
  operations: {
    BatchGetItem: batchGetItem,
    BatchWriteItem: batchWriteItem,
    CreateTable: createTable,
    DeleteItem: deleteItem,
    DeleteTable: deleteTable,
    DescribeEndpoints: describeEndpoints,
    DescribeLimits: describeLimits,
    DescribeTable: describeTable,
    DescribeTimeToLive: describeTimeToLive,
    GetItem: getItem,
    ListTables: listTables,
    ListTagsOfResource: listTagsOfResource,
    PutItem: putItem,
    Query: query,
    Scan: scan,
    TagResource: tagResource,
    TransactGetItems: transactGetItems,
    TransactWriteItems: transactWriteItems,
    UntagResource: untagResource,
    UpdateItem: updateItem,
    UpdateTable: updateTable,
    UpdateTimeToLive: updateTimeToLive,
  },
  unsupported: {
    CreateTable: [
      "ResourcePolicy",
      "OnDemandThroughput",
      "WarmThroughput",
      "GlobalSecondaryIndexes[].OnDemandThroughput",
      "GlobalSecondaryIndexes[].WarmThroughput",
      "GlobalTableSourceArn",
      "GlobalTableSettingsReplicationMode",
      "VectorIndexes",
    ],
    UpdateTable: [
      "ReplicaUpdates",
      "MultiRegionConsistency",
      "GlobalTableWitnessUpdates",
      "GlobalTableSettingsReplicationMode",
      "OnDemandThroughput",
      "WarmThroughput",
      "GlobalSecondaryIndexUpdates[].Create.OnDemandThroughput",
      "GlobalSecondaryIndexUpdates[].Create.WarmThroughput",
      "GlobalSecondaryIndexUpdates[].Update.OnDemandThroughput",
      "GlobalSecondaryIndexUpdates[].Update.WarmThroughput",
      "DisassociationProtectionEnabled",
      "VectorIndexUpdates",
    ],
  },
  permissions: {
    BatchGetItem: onTables("BatchGetItem"),
    BatchWriteItem: onTables("BatchWriteItem"),
    CreateTable: onTable("CreateTable"),
    DeleteItem: onTable("DeleteItem"),
    DeleteTable: onTable("DeleteTable"),
    DescribeTable: onTable("DescribeTable"),
    DescribeTimeToLive: onTable("DescribeTimeToLive"),
    GetItem: onTable("GetItem"),
    ListTagsOfResource: onArn("ListTagsOfResource"),
    PutItem: onTable("PutItem"),
    Query: onTable("Query"),
    Scan: onTable("Scan"),
    TagResource: onArn("TagResource"),
    TransactGetItems: (input, place) =>
      (input.TransactItems ?? []).flatMap(({ Get: get }) => (get ? [onTable("GetItem")(get, place)] : [])),
    TransactWriteItems: transactionPermissions,
    UntagResource: onArn("UntagResource"),
    UpdateItem: onTable("UpdateItem"),
    UpdateTable: onTable("UpdateTable"),
    UpdateTimeToLive: onTable("UpdateTimeToLive"),
  },
  hears: {
    [BACKFILL]: { operation: backfillStep },
    [EXPIRY_DUE]: { operation: expire },
    [EXPIRY_FILL]: { operation: fillStep },
    [STREAM_EXPIRED]: { operation: expireStream },
    [SWEEP]: { operation: sweepStep },
    [TOKEN_EXPIRED]: { operation: expireToken, untraced: true },
    [TRIM_DUE]: { operation: trim, untraced: true },
  },
  resources,
});
