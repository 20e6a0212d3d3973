/** Streams as their readers see them: what is written, in which order, how long it stays. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import { type Dynamo, dynamoOn, N, S, tableInput } from "../dynamodb/testing.ts";
import type { InputOf, OperationName, OutputOf } from "../service.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 1);
type Records = NonNullable<OutputOf<"dynamodbstreams", "GetRecords">["Records"]>;

let dynamo: Dynamo;
beforeEach(async () => {
  dynamo = dynamoOn(await openTestPlatform({ nowMs: START_MS }));
});
afterEach(() => dynamo.platform.close());

const streams = <O extends OperationName<"dynamodbstreams">>(operation: O, input: InputOf<"dynamodbstreams", O>) =>
  dynamo.platform.call("dynamodbstreams", operation, input);

const refuses = <O extends OperationName<"dynamodbstreams">>(
  operation: O,
  input: object,
  code: string,
  message: string | RegExp,
) => assert.rejects(streams(operation, input as InputOf<"dynamodbstreams", O>), { code, message });

/** Makes a table with one line of shards. @returns the stream's ARN */
async function withStream(StreamViewType: string, name = "orders", units = 1): Promise<string> {
  const { BillingMode: _, ...input } = tableInput(name, { pk: "S" }, ["pk"]);
  const { TableDescription } = await dynamo.call("CreateTable", {
    ...input,
    ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: units },
    StreamSpecification: { StreamEnabled: true, StreamViewType },
  });
  return TableDescription!.LatestStreamArn!;
}

const shardsOf = async (StreamArn: string) =>
  (await streams("DescribeStream", { StreamArn })).StreamDescription!.Shards!;

async function iterator(
  StreamArn: string,
  more: Partial<InputOf<"dynamodbstreams", "GetShardIterator">> = {},
): Promise<string> {
  const [shard] = await shardsOf(StreamArn);
  const input = { StreamArn, ShardId: shard!.ShardId!, ShardIteratorType: "TRIM_HORIZON" as const, ...more };
  return (await streams("GetShardIterator", input)).ShardIterator!;
}

/** Everything of every shard, parents first. */
async function all(StreamArn: string): Promise<Records> {
  const records: Records = [];
  for (const { ShardId } of await shardsOf(StreamArn)) {
    let next: string | undefined = await iterator(StreamArn, { ShardId: ShardId! });
    while (next !== undefined) {
      const page: OutputOf<"dynamodbstreams", "GetRecords"> = await streams("GetRecords", { ShardIterator: next });
      records.push(...page.Records!);
      next = page.Records!.length === 0 ? undefined : page.NextShardIterator;
    }
  }
  return records;
}

const update = (pk: string, value: string) =>
  dynamo.call("UpdateItem", {
    TableName: "orders",
    Key: { pk: S(pk) },
    UpdateExpression: "SET v = :v",
    ExpressionAttributeValues: { ":v": S(value) },
  });

describe("what a stream tells", () => {
  const item = (v: string) => ({ pk: S("a"), v: S(v) });
  const views = [
    ["KEYS_ONLY", {}, {}, {}],
    ["NEW_IMAGE", { NewImage: item("1") }, { NewImage: item("2") }, {}],
    ["OLD_IMAGE", {}, { OldImage: item("1") }, { OldImage: item("2") }],
    [
      "NEW_AND_OLD_IMAGES",
      { NewImage: item("1") },
      { NewImage: item("2"), OldImage: item("1") },
      { OldImage: item("2") },
    ],
  ] as const;
  for (const [view, insert, modify, remove] of views) {
    it(`is what ${view} asks for`, async () => {
      const arn = await withStream(view);
      await dynamo.put("orders", item("1"));
      await update("a", "2");
      await dynamo.call("DeleteItem", { TableName: "orders", Key: { pk: S("a") } });
      const records = await all(arn);
      const images = records.map(({ eventName, dynamodb }) => ({
        eventName,
        ...(dynamodb!.NewImage && { NewImage: { ...dynamodb!.NewImage } }),
        ...(dynamodb!.OldImage && { OldImage: { ...dynamodb!.OldImage } }),
      }));
      assert.deepEqual(images, [
        { eventName: "INSERT", ...insert },
        { eventName: "MODIFY", ...modify },
        { eventName: "REMOVE", ...remove },
      ]);
      for (const { dynamodb } of records) {
        assert.deepEqual(dynamodb!.Keys, { pk: S("a") });
        assert.equal(dynamodb!.StreamViewType, view);
      }
      const [first] = records;
      // Keys: "pk" and "a"; the image has "v" and "1" as well.
      assert.equal(first!.dynamodb!.SizeBytes, 3 + ("NewImage" in insert ? 5 : 0));
      assert.deepEqual(first!.dynamodb!.ApproximateCreationDateTime, new Date(START_MS));
      assert.match(first!.eventID!, /^[0-9a-f]{32}$/);
      assert.deepEqual(
        [first!.eventVersion, first!.eventSource, first!.awsRegion, first!.userIdentity],
        ["1.1", "aws:dynamodb", "us-east-1", undefined],
      );
    });
  }

  it("is nothing where nothing changes, and nothing of what fails", async () => {
    const arn = await withStream("NEW_AND_OLD_IMAGES");
    await dynamo.put("orders", item("1"));
    await dynamo.put("orders", item("1"));
    await update("a", "1");
    await dynamo.call("DeleteItem", { TableName: "orders", Key: { pk: S("nobody") } });
    await dynamo.refuses(
      "PutItem",
      { TableName: "orders", Item: item("2"), ConditionExpression: "attribute_not_exists(pk)" },
      "The conditional request failed",
      "ConditionalCheckFailedException",
    );
    assert.deepEqual(
      (await all(arn)).map(({ eventName }) => eventName),
      ["INSERT"],
    );
  });

  it("is told of batches and transactions too", async () => {
    const arn = await withStream("NEW_IMAGE");
    await dynamo.call("BatchWriteItem", {
      RequestItems: { orders: [{ PutRequest: { Item: { pk: S("b1") } } }, { PutRequest: { Item: { pk: S("b2") } } }] },
    });
    await dynamo.call("TransactWriteItems", {
      TransactItems: [
        { Put: { TableName: "orders", Item: { pk: S("t1") } } },
        { Delete: { TableName: "orders", Key: { pk: S("b1") } } },
      ],
    });
    const told = (await all(arn)).map(({ eventName, dynamodb }) => `${eventName} ${dynamodb!.Keys!["pk"]!.S}`);
    assert.deepEqual(told, ["INSERT b1", "INSERT b2", "INSERT t1", "REMOVE b1"]);
  });

  it("names DynamoDB where an item expired", async () => {
    const arn = await withStream("OLD_IMAGE");
    await dynamo.call("UpdateTimeToLive", {
      TableName: "orders",
      TimeToLiveSpecification: { Enabled: true, AttributeName: "expires" },
    });
    await dynamo.put("orders", { pk: S("a"), expires: N(START_MS / 1000 + 60) });
    await dynamo.platform.advance(61_000);
    const [, removal] = await all(arn);
    assert.equal(removal!.eventName, "REMOVE");
    assert.deepEqual(removal!.userIdentity, { PrincipalId: "dynamodb.amazonaws.com", Type: "Service" });
  });
});

describe("shards", () => {
  it("are as many as the table has partitions, and keep the changes of one item in order", async () => {
    const arn = await withStream("NEW_IMAGE", "orders", 3000);
    assert.equal((await shardsOf(arn)).length, 4);
    for (let round = 0; round < 5; round++) {
      for (let key = 0; key < 20; key++) await dynamo.put("orders", { pk: S(`k${key}`), v: N(round) });
    }
    const order = new Map<string, string[]>();
    const used = new Set<string>();
    for (const { ShardId } of await shardsOf(arn)) {
      const { Records } = await streams("GetRecords", { ShardIterator: await iterator(arn, { ShardId: ShardId! }) });
      for (const { dynamodb } of Records!) {
        const key = dynamodb!.NewImage!["pk"]!.S!;
        order.set(key, [...(order.get(key) ?? []), dynamodb!.NewImage!["v"]!.N!]);
        used.add(ShardId!);
      }
    }
    assert.equal(used.size, 4);
    assert.equal(order.size, 20);
    for (const rounds of order.values()) assert.deepEqual(rounds, ["0", "1", "2", "3", "4"]);
  });

  it("are four for a table on demand", async () => {
    const { TableDescription } = await dynamo.call("CreateTable", {
      ...tableInput("demand", { pk: "S" }, ["pk"]),
      StreamSpecification: { StreamEnabled: true, StreamViewType: "KEYS_ONLY" },
    });
    assert.equal((await shardsOf(TableDescription!.LatestStreamArn!)).length, 4);
  });

  it("get a child after four hours, and the parent ends", async () => {
    const arn = await withStream("KEYS_ONLY");
    await dynamo.put("orders", { pk: S("a") });
    const latest = await iterator(arn, { ShardIteratorType: "LATEST" });
    await dynamo.platform.advance(4 * HOUR_MS);
    await dynamo.put("orders", { pk: S("b") });
    const [parent, child, ...more] = await shardsOf(arn);
    assert.deepEqual(more, []);
    assert.deepEqual(parent!.SequenceNumberRange, {
      StartingSequenceNumber: "100000000000000000001",
      EndingSequenceNumber: "100000000000000000001",
    });
    assert.deepEqual(child!.SequenceNumberRange, { StartingSequenceNumber: "100000000000000000002" });
    assert.equal(child!.ParentShardId, parent!.ShardId);
    assert.match(child!.ShardId!, /^shardId-0000000\d{13}-[0-9a-f]{8}$/);
    assert.deepEqual(
      (await all(arn)).map(({ dynamodb }) => dynamodb!.Keys!["pk"]!.S),
      ["a", "b"],
    );
    await refuses("GetRecords", { ShardIterator: latest }, "ExpiredIteratorException", /expired/);
    const { StreamDescription } = await streams("DescribeStream", {
      StreamArn: arn,
      ShardFilter: { Type: "CHILD_SHARDS", ShardId: parent!.ShardId! },
    });
    assert.deepEqual(StreamDescription!.Shards, [child]);
  });

  it("come in pages", async () => {
    const arn = await withStream("KEYS_ONLY", "orders", 3000);
    const ids: string[] = [];
    let ExclusiveStartShardId: string | undefined;
    do {
      const { StreamDescription } = await streams("DescribeStream", {
        StreamArn: arn,
        Limit: 3,
        ...(ExclusiveStartShardId !== undefined && { ExclusiveStartShardId }),
      });
      ids.push(...StreamDescription!.Shards!.map(({ ShardId }) => ShardId!));
      ExclusiveStartShardId = StreamDescription!.LastEvaluatedShardId;
    } while (ExclusiveStartShardId !== undefined);
    assert.deepEqual(
      ids,
      (await shardsOf(arn)).map(({ ShardId }) => ShardId),
    );
  });
});

describe("iterators", () => {
  it("begin where they are told", async () => {
    const arn = await withStream("KEYS_ONLY");
    for (const pk of ["a", "b", "c"]) await dynamo.put("orders", { pk: S(pk) });
    const [, second] = await all(arn);
    const SequenceNumber = second!.dynamodb!.SequenceNumber!;
    const cases = [
      ["TRIM_HORIZON", undefined, ["a", "b", "c", "d"]],
      ["LATEST", undefined, ["d"]],
      ["AT_SEQUENCE_NUMBER", SequenceNumber, ["b", "c", "d"]],
      ["AFTER_SEQUENCE_NUMBER", SequenceNumber, ["c", "d"]],
    ] as const;
    const iterators = await Promise.all(
      cases.map(([ShardIteratorType, number]) =>
        iterator(arn, { ShardIteratorType, ...(number !== undefined && { SequenceNumber: number }) }),
      ),
    );
    await dynamo.put("orders", { pk: S("d") });
    for (const [at, [type, , wanted]] of cases.entries()) {
      const { Records } = await streams("GetRecords", { ShardIterator: iterators[at]! });
      assert.deepEqual(
        Records!.map(({ dynamodb }) => dynamodb!.Keys!["pk"]!.S),
        wanted,
        type,
      );
    }
  });

  it("go on from page to page, and at an open end wait for more", async () => {
    const arn = await withStream("KEYS_ONLY");
    for (const pk of ["a", "b", "c"]) await dynamo.put("orders", { pk: S(pk) });
    const first = await streams("GetRecords", { ShardIterator: await iterator(arn), Limit: 2 });
    const second = await streams("GetRecords", { ShardIterator: first.NextShardIterator!, Limit: 2 });
    const third = await streams("GetRecords", { ShardIterator: second.NextShardIterator! });
    assert.deepEqual(
      [first, second, third].map(({ Records }) => Records!.length),
      [2, 1, 0],
    );
    await dynamo.put("orders", { pk: S("d") });
    const fourth = await streams("GetRecords", { ShardIterator: third.NextShardIterator! });
    assert.equal(fourth.Records![0]!.dynamodb!.Keys!["pk"]!.S, "d");
  });

  it("are refused in words that name what is wrong", async () => {
    const arn = await withStream("KEYS_ONLY");
    const [shard] = await shardsOf(arn);
    const ShardId = shard!.ShardId!;
    const gone = arn.replace("orders", "nobody");
    const at = { StreamArn: arn, ShardId, ShardIteratorType: "AT_SEQUENCE_NUMBER" };
    await refuses(
      "GetShardIterator",
      {},
      "ValidationException",
      /^3 validation errors detected: Value null at 'streamArn' failed to satisfy constraint: Member must not be null; /,
    );
    await refuses("GetShardIterator", at, "ValidationException", /SequenceNumber is required/);
    await refuses(
      "GetShardIterator",
      { ...at, SequenceNumber: "100000000000000000099" },
      "ValidationException",
      /is not in the shard/,
    );
    await refuses(
      "GetShardIterator",
      { ...at, ShardIteratorType: "LATEST", ShardId: `${ShardId.slice(0, -1)}x` },
      "ResourceNotFoundException",
      "Requested resource not found: Shard does not exist",
    );
    await refuses(
      "DescribeStream",
      { StreamArn: gone },
      "ResourceNotFoundException",
      `Requested resource not found: Stream: ${gone} not found`,
    );
    await refuses("GetRecords", { ShardIterator: "nonsense" }, "ValidationException", "Invalid ShardIterator");
    await refuses(
      "GetRecords",
      { ShardIterator: "x", Limit: 1001 },
      "ValidationException",
      "1 validation error detected: Value '1001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 1000",
    );
  });
});

describe("time", () => {
  it("takes records after a day, and the shards that held them", async () => {
    const arn = await withStream("KEYS_ONLY");
    await dynamo.put("orders", { pk: S("a") });
    const [record] = await all(arn);
    await dynamo.platform.advance(5 * HOUR_MS);
    await dynamo.put("orders", { pk: S("b") });
    await dynamo.platform.advance(19 * HOUR_MS - 1);
    assert.equal((await all(arn)).length, 2);
    const old = await iterator(arn);
    await dynamo.platform.advance(2);
    assert.deepEqual(
      (await all(arn)).map(({ dynamodb }) => dynamodb!.Keys!["pk"]!.S),
      ["b"],
    );
    assert.equal((await shardsOf(arn)).length, 1);
    await refuses("GetRecords", { ShardIterator: old }, "ResourceNotFoundException", /Shard does not exist/);
    assert.ok(record);
  });

  it("lets an iterator before the oldest record fail", async () => {
    const arn = await withStream("KEYS_ONLY");
    await dynamo.put("orders", { pk: S("a") });
    await dynamo.platform.advance(24 * HOUR_MS - 1);
    const old = await iterator(arn);
    await dynamo.platform.advance(2);
    await refuses(
      "GetRecords",
      { ShardIterator: old },
      "TrimmedDataAccessException",
      "The operation attempted to read past the oldest stream record in a shard.",
    );
    assert.deepEqual(await all(arn), []);
    await dynamo.put("orders", { pk: S("b") });
    assert.equal((await all(arn)).length, 1);
  });

  it("lets a disabled stream be read for a day, and so that of a deleted table", async () => {
    const arn = await withStream("KEYS_ONLY");
    await dynamo.put("orders", { pk: S("a") });
    await dynamo.call("UpdateTable", { TableName: "orders", StreamSpecification: { StreamEnabled: false } });
    await dynamo.put("orders", { pk: S("b") });
    assert.equal((await all(arn)).length, 1);
    const { StreamDescription } = await streams("DescribeStream", { StreamArn: arn });
    assert.equal(StreamDescription!.StreamStatus, "DISABLED");
    assert.ok(StreamDescription!.Shards!.every(({ SequenceNumberRange: range }) => range!.EndingSequenceNumber));
    const { Table } = await dynamo.call("DescribeTable", { TableName: "orders" });
    assert.deepEqual([Table!.StreamSpecification, Table!.LatestStreamArn], [undefined, arn]);
    // Another one has another name, although it is enabled in the same millisecond.
    const { TableDescription } = await dynamo.call("UpdateTable", {
      TableName: "orders",
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_IMAGE" },
    });
    assert.notEqual(TableDescription!.LatestStreamArn, arn);
    await dynamo.put("orders", { pk: S("c") });
    await dynamo.call("DeleteTable", { TableName: "orders" });
    const list = async () => (await streams("ListStreams", { TableName: "orders" })).Streams!.length;
    assert.equal(await list(), 2);
    assert.equal((await all(TableDescription!.LatestStreamArn!)).length, 1);
    await dynamo.platform.advance(24 * HOUR_MS + 1);
    assert.equal(await list(), 0);
    await refuses("DescribeStream", { StreamArn: arn }, "ResourceNotFoundException", /not found/);
    // Nothing of them is left behind.
    await dynamo.platform.advance(1000);
    const left = await dynamo.platform.core.store.write((tx) =>
      [...tx.range("" as never, "\xff" as never)].filter(([key]) => /change|shard|line/.test(key)),
    );
    assert.deepEqual(left, []);
  });
});

describe("the settings of a stream", () => {
  it("are refused when they contradict themselves", async () => {
    await withStream("KEYS_ONLY");
    await dynamo.call("CreateTable", tableInput("plain", { pk: "S" }, ["pk"]));
    const on = { StreamEnabled: true, StreamViewType: "NEW_IMAGE" };
    const cases: [string, object, string][] = [
      ["orders", on, "Table already has an enabled stream: TableName: orders"],
      [
        "plain",
        { StreamEnabled: true },
        "One or more parameter values were invalid: If stream is being enabled then UpdateViewType is required",
      ],
      [
        "orders",
        { StreamEnabled: false, StreamViewType: "KEYS_ONLY" },
        "One or more parameter values were invalid: If stream is being disabled, then UpdateViewType must not be specified",
      ],
      ["plain", { StreamEnabled: false }, "Table has no stream to disable: TableName: plain"],
      [
        "plain",
        {},
        "1 validation error detected: Value null at 'streamSpecification.streamEnabled' failed to satisfy constraint: Member must not be null",
      ],
      [
        "plain",
        { ...on, StreamViewType: "ALL" },
        "1 validation error detected: Value 'ALL' at 'streamSpecification.streamViewType' failed to satisfy constraint: Member must satisfy enum value set: [NEW_IMAGE, OLD_IMAGE, NEW_AND_OLD_IMAGES, KEYS_ONLY]",
      ],
    ];
    for (const [TableName, StreamSpecification, message] of cases) {
      await dynamo.refuses("UpdateTable", { TableName, StreamSpecification }, message);
    }
  });

  it("are listed table by table, in pages", async () => {
    for (const name of ["aaa", "bbb", "ccc"]) await withStream("KEYS_ONLY", name);
    const first = await streams("ListStreams", { Limit: 2 });
    assert.deepEqual(
      first.Streams!.map(({ TableName }) => TableName),
      ["aaa", "bbb"],
    );
    assert.equal(first.Streams![0]!.StreamLabel, "2026-01-01T00:00:00.000");
    const second = await streams("ListStreams", { Limit: 2, ExclusiveStartStreamArn: first.LastEvaluatedStreamArn! });
    assert.deepEqual(
      second.Streams!.map(({ TableName }) => TableName),
      ["ccc"],
    );
    assert.equal(second.LastEvaluatedStreamArn, undefined);
  });
});
