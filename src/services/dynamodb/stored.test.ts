/** Tables as earlier versions of the record wrote them. Their bytes are written down here, not made by the code that reads them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import { key } from "../../storage/keys.ts";
import type { Service } from "../service.ts";
import { dynamodb } from "./service.ts";

const ACCOUNT = "000000000000";
const REGION = "us-east-1";
const NOW = Date.UTC(2026, 0, 1);

/** Version 1: no ninth element, since there were no streams. */
const WHOLE = {
  name: "orders",
  number: 1,
  id: "0f8fad5b-d9cb-469f-a165-70867728950e",
  createdMs: NOW,
  attributes: [
    { name: "customer", type: "S" },
    { name: "at", type: "N" },
    { name: "state", type: "S" },
  ],
  hash: "customer",
  range: "at",
  indexes: [{ name: "by-state", number: 1, local: false, hash: "state", projection: "ALL" }],
  nextIndexNumber: 2,
  deletionProtection: false,
  timeToLiveGeneration: 1,
  timeToLive: { attribute: "until", generation: 1 },
  onDemandSinceMs: NOW,
};
const VERSION_1 = [
  1,
  [
    "orders",
    1,
    ["customer", "S", "at", "N", "state", "S"],
    "customer",
    "at",
    [["by-state", 1, false, "state", null, "ALL", null, false]],
    ["until", 1],
    JSON.stringify(WHOLE),
  ],
];

test("a table of version 1 is read, takes items, answers from its index, and gets a stream", async () => {
  const platform = await openTestPlatform({ nowMs: NOW, services: [dynamodb] as unknown as Service[] });
  await platform.core.store.write((tx) => {
    tx.put(key("dynamodb", ACCOUNT, REGION, "table", "orders"), VERSION_1);
    tx.put(key("dynamodb", ACCOUNT, REGION, "number"), [1, 2]);
    tx.put(key("dynamodb", ACCOUNT, REGION, "count", 1), [1, [0, 0, 1, 0, 0]]);
  });
  const { Table } = await platform.call("dynamodb", "DescribeTable", { TableName: "orders" });
  assert.equal(Table!.TableId, WHOLE.id);
  assert.equal(Table!.LatestStreamArn, undefined);
  assert.deepEqual(
    Table!.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName),
    ["by-state"],
  );
  const { TimeToLiveDescription } = await platform.call("dynamodb", "DescribeTimeToLive", { TableName: "orders" });
  assert.deepEqual(TimeToLiveDescription, { TimeToLiveStatus: "ENABLED", AttributeName: "until" });

  const item = { customer: { S: "c" }, at: { N: "1" }, state: { S: "open" } };
  await platform.call("dynamodb", "PutItem", { TableName: "orders", Item: item });
  const { Items } = await platform.call("dynamodb", "Query", {
    TableName: "orders",
    IndexName: "by-state",
    KeyConditionExpression: "#s = :s",
    ExpressionAttributeNames: { "#s": "state" },
    ExpressionAttributeValues: { ":s": { S: "open" } },
  });
  assert.deepEqual(Items, [item]);

  await platform.call("dynamodb", "UpdateTable", {
    TableName: "orders",
    StreamSpecification: { StreamEnabled: true, StreamViewType: "KEYS_ONLY" },
  });
  const { Table: streaming } = await platform.call("dynamodb", "DescribeTable", { TableName: "orders" });
  assert.match(streaming!.LatestStreamArn!, /:table\/orders\/stream\//);
  await platform.close();
});
