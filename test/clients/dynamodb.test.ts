/** DynamoDB over HTTP, with keys demanded and policies enforced: the official SDK, its document client, requests that are wrong, and a restart. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  ExecuteStatementCommand,
  GetItemCommand,
  PutItemCommand,
  QueryCommand as RawQueryCommand,
  ResourceNotFoundException,
  TransactionCanceledException,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import {
  BatchWriteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  paginateScan,
  QueryCommand,
  TransactGetCommand,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import type { AccountId, Region } from "../../src/kernel/arn.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { openPlatform, type Platform } from "../../src/platform/open.ts";

interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const KEY: AccessKey = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const TableName = "orders";
const TABLE_ARN = `arn:aws:dynamodb:us-east-1:000000000000:table/${TableName}`;
let platform: Platform;
let directory: string;
let client: DynamoDBClient;
let documents: DynamoDBDocumentClient;

const open = () =>
  openPlatform({
    port: 0,
    host: "127.0.0.1",
    dataDirectory: directory,
    ephemeral: false,
    durability: "strict",
    authRequired: true,
    region: "us-east-1" as Region,
    accountId: "000000000000" as AccountId,
    rootKey: KEY,
    log: silentLog,
    shapesDirectory: "generated/shapes",
    consoleDirectory: "generated/console",
    version: "test",
  });

const settings = (credentials: AccessKey) => ({
  endpoint: platform.endpoint,
  region: "us-east-1",
  credentials,
  maxAttempts: 1,
});

function connect(): void {
  client = new DynamoDBClient(settings(KEY));
  documents = DynamoDBDocumentClient.from(client);
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "virga-dynamodb-"));
  platform = await open();
  connect();
  await client.send(
    new CreateTableCommand({
      TableName,
      AttributeDefinitions: [
        { AttributeName: "customer", AttributeType: "S" },
        { AttributeName: "number", AttributeType: "N" },
        { AttributeName: "state", AttributeType: "S" },
      ],
      KeySchema: [
        { AttributeName: "customer", KeyType: "HASH" },
        { AttributeName: "number", KeyType: "RANGE" },
      ],
      BillingMode: "PAY_PER_REQUEST",
      GlobalSecondaryIndexes: [
        {
          IndexName: "by-state",
          KeySchema: [{ AttributeName: "state", KeyType: "HASH" }],
          Projection: { ProjectionType: "ALL" },
        },
      ],
    }),
  );
  const waited = await waitUntilTableExists({ client, maxWaitTime: 30 }, { TableName });
  assert.equal(waited.state, "SUCCESS");
});

after(async () => {
  client.destroy();
  await platform.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("the document client", () => {
  test("keeps numbers, sets, bytes and nested documents", async () => {
    const Item = {
      customer: "ann",
      number: 1.5,
      huge: 12345678901234567890123456789n,
      tags: new Set(["a", "b"]),
      counts: new Set([1, 2]),
      bytes: new Uint8Array([0, 255, 10]),
      empty: "",
      lines: [{ sku: "x", amount: 2 }, null, true, "é\u{1f600}"],
      __meta: { hasOwnProperty: "yes" },
    };
    await documents.send(new PutCommand({ TableName, Item }));
    const found = await documents.send(new GetCommand({ TableName, Key: { customer: "ann", number: 1.5 } }));
    assert.deepEqual(found.Item, Item);
  });

  test("pages through a table and an index", async () => {
    for (let batch = 0; batch < 4; batch++) {
      const requests = Array.from({ length: 25 }, (_, i) => ({
        PutRequest: { Item: { customer: "bob", number: batch * 25 + i, state: i % 2 === 0 ? "open" : "done" } },
      }));
      const { UnprocessedItems } = await documents.send(
        new BatchWriteCommand({ RequestItems: { [TableName]: requests } }),
      );
      assert.deepEqual(UnprocessedItems, {});
    }
    const numbers: number[] = [];
    const input = {
      TableName,
      KeyConditionExpression: "customer = :c AND #n BETWEEN :low AND :high",
      ExpressionAttributeNames: { "#n": "number" },
      ExpressionAttributeValues: { ":c": "bob", ":low": 10, ":high": 89 },
      ScanIndexForward: false,
    };
    for await (const page of paginateQuery({ client: documents, pageSize: 7 }, input)) {
      numbers.push(...page.Items!.map((item) => item["number"] as number));
    }
    assert.deepEqual(
      numbers,
      Array.from({ length: 80 }, (_, i) => 89 - i),
    );
    let open = 0;
    for await (const page of paginateScan({ client: documents, pageSize: 9 }, { TableName, IndexName: "by-state" })) {
      open += page.Items!.filter((item) => item["state"] === "open").length;
    }
    assert.equal(open, 52);
  });

  test("counts without losing any, from many sides at once", async () => {
    const count = () =>
      documents.send(
        new UpdateCommand({
          TableName,
          Key: { customer: "counter", number: 0 },
          UpdateExpression: "SET hits = if_not_exists(hits, :zero) + :one",
          ExpressionAttributeValues: { ":zero": 0, ":one": 1 },
          ReturnValues: "UPDATED_NEW",
        }),
      );
    const seen = await Promise.all(Array.from({ length: 40 }, count));
    assert.deepEqual(
      seen.map(({ Attributes }) => Attributes!["hits"] as number).sort((a, b) => a - b),
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
  });
});

describe("refusals, as the SDK knows them", () => {
  test("a condition that fails, with the item", async () => {
    const input = new PutItemCommand({
      TableName,
      Item: { customer: { S: "ann" }, number: { N: "1.50" } },
      ConditionExpression: "attribute_not_exists(customer)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    await assert.rejects(client.send(input), (error) => {
      assert.ok(error instanceof ConditionalCheckFailedException);
      assert.deepEqual(error.Item!["number"], { N: "1.5" });
      return true;
    });
  });
  test("a transaction that is cancelled, reason by reason, with bytes in an item", async () => {
    const transaction = new TransactWriteCommand({
      TransactItems: [
        { Put: { TableName, Item: { customer: "new", number: 1 } } },
        {
          Delete: {
            TableName,
            Key: { customer: "ann", number: 1.5 },
            ConditionExpression: "empty_ = :x",
            ExpressionAttributeValues: { ":x": 1 },
            ReturnValuesOnConditionCheckFailure: "ALL_OLD",
          },
        },
      ],
    });
    await assert.rejects(documents.send(transaction), (error) => {
      assert.ok(error instanceof TransactionCanceledException);
      const [first, second] = error.CancellationReasons!;
      assert.deepEqual([first!.Code, second!.Code], ["None", "ConditionalCheckFailed"]);
      assert.deepEqual([...(second!.Item!["bytes"] as unknown as { B: Uint8Array }).B], [0, 255, 10]);
      return true;
    });
    const { Responses } = await documents.send(
      new TransactGetCommand({ TransactItems: [{ Get: { TableName, Key: { customer: "new", number: 1 } } }] }),
    );
    assert.deepEqual(Responses, [{}]);
  });
  test("an unknown table, a wrong key, an operation that is not there", async () => {
    await assert.rejects(client.send(new DescribeTableCommand({ TableName: "nowhere" })), ResourceNotFoundException);
    await assert.rejects(client.send(new GetItemCommand({ TableName, Key: { customer: { S: "ann" } } })), {
      name: "ValidationException",
      message: "The provided key element does not match the schema",
    });
    await assert.rejects(client.send(new ExecuteStatementCommand({ Statement: "SELECT * FROM orders" })), (error) => {
      assert.ok(error instanceof DynamoDBServiceException);
      assert.match(error.message, /dynamodb:ExecuteStatement/);
      return true;
    });
  });
});

test("policies decide by table and by index", async () => {
  const iam = new IAMClient(settings(KEY));
  await iam.send(new CreateUserCommand({ UserName: "reader" }));
  await iam.send(
    new PutUserPolicyCommand({
      UserName: "reader",
      PolicyName: "read",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          { Effect: "Allow", Action: "dynamodb:GetItem", Resource: TABLE_ARN },
          { Effect: "Allow", Action: "dynamodb:Query", Resource: `${TABLE_ARN}/index/*` },
        ],
      }),
    }),
  );
  const { AccessKey: made } = await iam.send(new CreateAccessKeyCommand({ UserName: "reader" }));
  const reader = DynamoDBDocumentClient.from(
    new DynamoDBClient(settings({ accessKeyId: made!.AccessKeyId!, secretAccessKey: made!.SecretAccessKey! })),
  );
  const denied = { name: "AccessDeniedException" };
  const Key = { customer: "bob", number: 3 };
  assert.equal((await reader.send(new GetCommand({ TableName, Key }))).Item!["state"], "done");
  const byState = {
    TableName,
    IndexName: "by-state",
    KeyConditionExpression: "#s = :s",
    ExpressionAttributeNames: { "#s": "state" },
    ExpressionAttributeValues: { ":s": "open" },
  };
  assert.equal((await reader.send(new QueryCommand(byState))).Count, 52);
  const byCustomer = { TableName, KeyConditionExpression: "customer = :c", ExpressionAttributeValues: { ":c": "bob" } };
  await assert.rejects(reader.send(new QueryCommand(byCustomer)), denied);
  await assert.rejects(reader.send(new PutCommand({ TableName, Item: Key })), denied);
  await assert.rejects(
    reader.send(new BatchWriteCommand({ RequestItems: { [TableName]: [{ DeleteRequest: { Key } }] } })),
    denied,
  );
  const transaction = { TransactItems: [{ Get: { TableName, Key } }] };
  assert.equal((await reader.send(new TransactGetCommand(transaction))).Responses!.length, 1);
  await assert.rejects(
    reader.send(new TransactWriteCommand({ TransactItems: [{ Delete: { TableName, Key } }] })),
    denied,
  );
  iam.destroy();
  reader.destroy();
});

test("everything is there after a restart", async () => {
  const count = async () => (await client.send(new DescribeTableCommand({ TableName }))).Table!.ItemCount;
  const before = await count();
  client.destroy();
  await platform.close();
  platform = await open();
  connect();
  assert.equal(await count(), before);
  const { Count } = await client.send(
    new RawQueryCommand({
      TableName,
      IndexName: "by-state",
      KeyConditionExpression: "#s = :s",
      ExpressionAttributeNames: { "#s": "state" },
      ExpressionAttributeValues: { ":s": { S: "done" } },
    }),
  );
  assert.equal(Count, 48);
});
