/** Event source mappings of streams: what reaches the function, in which order, and what becomes of failures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform, type TestPlatformOptions, testKeyPair } from "../../platform/testing.ts";
import { MemoryEngine } from "../../storage/engines/memory.ts";
import { dynamodb } from "../dynamodb/service.ts";
import { streams } from "../dynamodb/streams/reading.ts";
import { createDynamodbstreams } from "../dynamodbstreams/service.ts";
import { s3 } from "../s3/service.ts";
import type { InputOf, Service } from "../service.ts";
import { createSns } from "../sns/service.ts";
import { sqs } from "../sqs/service.ts";
import { createLambda } from "./service.ts";
import { consumerOf, type StreamEventRecord } from "./stream-events.ts";
import { FakeConcurrencyExceeded, type FakePorts, fakePorts, fakeSts } from "./testing.ts";

const ACCOUNT = "000000000000";
const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
const DEAD_ARN = `arn:aws:sqs:us-east-1:${ACCOUNT}:dead`;
const DEAD_URL = `http://localhost:4566/${ACCOUNT}/dead`;

type MappingInput = InputOf<"lambda", "CreateEventSourceMapping">;
interface StreamEvent {
  readonly Records: StreamEventRecord[];
  readonly window?: { readonly start: string; readonly end: string };
  readonly state?: Record<string, unknown>;
  readonly isFinalInvokeForWindow?: boolean;
  readonly isWindowTerminatedEarly?: boolean;
}

interface Scene {
  readonly platform: TestPlatform;
  readonly arn: string;
  /** Every invocation, in order. */
  readonly events: StreamEvent[];
  /** What the function does; it succeeds unless told otherwise. */
  does(handler: (event: StreamEvent) => unknown): void;
  map(input?: Partial<MappingInput>): Promise<string>;
  put(...keys: string[]): Promise<void>;
  /** Keys of every invocation's records. */
  keys(): string[];
  dead(): Promise<any[]>;
}

const keysOf = ({ Records }: StreamEvent): string =>
  Records.map(({ dynamodb: { Keys } }) => (Keys["pk"] as { S: string }).S).join("");

const sns = () =>
  createSns({
    post: () => Promise.reject(new Error("nobody is called")),
    makeKeyPair: testKeyPair,
  });

const open = (ports: FakePorts, options: TestPlatformOptions = {}) =>
  openTestPlatform({
    nowMs: START_MS,
    services: [
      createLambda(ports),
      fakeSts,
      sqs,
      sns(),
      s3,
      dynamodb,
      createDynamodbstreams(streams),
    ] as unknown as Service[],
    ...options,
  });

async function withStream(run: (scene: Scene) => Promise<void>, lines = 1): Promise<void> {
  const ports = fakePorts();
  const platform = await open(ports);
  const events: StreamEvent[] = [];
  let handler: (event: StreamEvent) => unknown = () => undefined;
  ports.handlers.set("worker", (event) => {
    events.push(event);
    return handler(event);
  });
  try {
    await platform.call("sqs", "CreateQueue", { QueueName: "dead" });
    const { TableDescription } = await platform.call("dynamodb", "CreateTable", {
      TableName: "orders",
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: lines === 1 ? 1 : lines * 1000 - 500 },
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    });
    const arn = TableDescription!.LatestStreamArn!;
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "worker",
      Role: `arn:aws:iam::${ACCOUNT}:role/lambda`,
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
    });
    await run({
      platform,
      arn,
      events,
      does(next) {
        handler = next;
      },
      async map(input = {}) {
        const { UUID } = await platform.call("lambda", "CreateEventSourceMapping", {
          FunctionName: "worker",
          EventSourceArn: arn,
          StartingPosition: "TRIM_HORIZON",
          ...input,
        });
        await quiet(platform);
        return UUID!;
      },
      async put(...keys) {
        for (const pk of keys) {
          await platform.call("dynamodb", "PutItem", {
            TableName: "orders",
            Item: { pk: { S: pk }, at: { N: String(platform.clock.nowMs()) }, blob: { B: Buffer.from("\x00\x01") } },
          });
        }
        await quiet(platform);
      },
      keys: () => events.map(keysOf),
      async dead() {
        const { Messages = [] } = await platform.call("sqs", "ReceiveMessage", {
          QueueUrl: DEAD_URL,
          MaxNumberOfMessages: 10,
        });
        return Messages.map(({ Body }) => JSON.parse(Body!));
      },
    });
  } finally {
    await platform.close();
  }
}

/** A chain of reads and invocations takes more turns than one look for quiet waits for. */
async function quiet(platform: TestPlatform): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await platform.settle();
}

const fail = () => {
  throw new Error("no");
};

test("a change becomes an event exactly as AWS writes it", () =>
  withStream(async ({ platform, arn, events, map, put }) => {
    const UUID = await map();
    await put("a");
    const [record] = events[0]!.Records;
    assert.deepEqual(record, {
      eventID: record!.eventID,
      eventName: "INSERT",
      eventVersion: "1.1",
      eventSource: "aws:dynamodb",
      awsRegion: "us-east-1",
      dynamodb: {
        ApproximateCreationDateTime: START_MS / 1000,
        Keys: { pk: { S: "a" } },
        NewImage: { pk: { S: "a" }, at: { N: String(START_MS) }, blob: { B: "AAE=" } },
        SequenceNumber: "100000000000000000001",
        SizeBytes: 19,
        StreamViewType: "NEW_AND_OLD_IMAGES",
      },
      eventSourceARN: arn,
    });
    const { LastModified, ...mapping } = await platform.call("lambda", "GetEventSourceMapping", { UUID });
    assert.ok(LastModified);
    assert.deepEqual(mapping, {
      UUID,
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 0,
      EventSourceArn: arn,
      FunctionArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:worker`,
      LastProcessingResult: "OK",
      State: "Enabled",
      StateTransitionReason: "User action",
      FunctionResponseTypes: [],
      StartingPosition: "TRIM_HORIZON",
      ParallelizationFactor: 1,
      BisectBatchOnFunctionError: false,
      MaximumRecordAgeInSeconds: -1,
      MaximumRetryAttempts: -1,
      TumblingWindowInSeconds: 0,
      DestinationConfig: { OnFailure: {} },
      EventSourceMappingArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:event-source-mapping:${UUID}`,
    });
  }));

test("reading begins at the oldest record, or with what comes after the mapping", () =>
  withStream(async ({ platform, keys, map, put }) => {
    await put("a", "b");
    await map({ StartingPosition: "LATEST" });
    assert.deepEqual(keys(), []);
    await put("c");
    assert.deepEqual(keys(), ["c"]);
    const { EventSourceMappings: [mapping] = [] } = await platform.call("lambda", "ListEventSourceMappings", {});
    await platform.call("lambda", "DeleteEventSourceMapping", { UUID: mapping!.UUID! });
    await quiet(platform);
    await map({ BatchSize: 2 });
    assert.deepEqual(keys(), ["c", "ab", "c"]);
  }));

test("batches are as large as they may be, and wait for their window", () =>
  withStream(async ({ platform, keys, map, put }) => {
    await put("a", "b", "c", "d", "e");
    const UUID = await map({ BatchSize: 2 });
    assert.deepEqual(keys(), ["ab", "cd", "e"]);
    await platform.call("lambda", "UpdateEventSourceMapping", {
      UUID,
      BatchSize: 3,
      MaximumBatchingWindowInSeconds: 10,
    });
    await quiet(platform);
    await put("f");
    await platform.advance(9000);
    await put("g");
    assert.equal(keys().length, 3);
    await platform.advance(1000);
    await put("h", "i", "j");
    assert.deepEqual(keys().slice(3), ["fg", "hij"]);
  }));

test("only what a filter passes reaches the function, and is not looked at twice", () =>
  withStream(async ({ platform, keys, map, put }) => {
    const Pattern = JSON.stringify({ eventName: ["INSERT"], dynamodb: { Keys: { pk: { S: [{ prefix: "x" }] } } } });
    const UUID = await map({ FilterCriteria: { Filters: [{ Pattern }] } });
    await put("a", "x", "b");
    assert.deepEqual(keys(), ["x"]);
    await platform.call("lambda", "UpdateEventSourceMapping", { UUID, FilterCriteria: {} });
    await quiet(platform);
    await put("c");
    assert.deepEqual(keys(), ["x", "c"]);
  }));

test("a batch that fails holds up what is behind it until it succeeds", () =>
  withStream(async ({ platform, keys, does, map, put }) => {
    does(fail);
    const UUID = await map();
    await put("a");
    await put("b");
    await platform.advance(7000);
    assert.deepEqual(keys(), ["a", "a", "a", "a"]);
    const { LastProcessingResult } = await platform.call("lambda", "GetEventSourceMapping", { UUID });
    assert.equal(LastProcessingResult, "PROBLEM: Function call failed");
    does(() => undefined);
    await platform.advance(8000);
    assert.deepEqual(keys(), ["a", "a", "a", "a", "a", "b"]);
  }));

test("throttling is no attempt", () =>
  withStream(async ({ platform, keys, does, map, put, dead }) => {
    does(() => {
      throw new FakeConcurrencyExceeded();
    });
    await map({ MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination: DEAD_ARN } } });
    await put("a");
    await platform.advance(60_000);
    does(() => undefined);
    await platform.advance(10_000);
    assert.equal(keys().at(-1), "a");
    assert.deepEqual(await dead(), []);
  }));

test("after its retries a batch is given up, and the destination hears where it was", () =>
  withStream(async ({ platform, arn, keys, does, map, put, dead }) => {
    does((event) => (keysOf(event).includes("a") ? fail() : undefined));
    await map({ MaximumRetryAttempts: 2, DestinationConfig: { OnFailure: { Destination: DEAD_ARN } } });
    await put("a");
    await put("b");
    await platform.advance(10_000);
    assert.deepEqual(keys(), ["a", "a", "a", "b"]);
    const [message, ...more] = await dead();
    assert.deepEqual(more, []);
    assert.deepEqual(message, {
      requestContext: {
        requestId: message.requestContext.requestId,
        functionArn: `arn:aws:lambda:us-east-1:${ACCOUNT}:function:worker`,
        condition: "RetryAttemptsExhausted",
        approximateInvokeCount: 3,
      },
      responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
      version: "1.0",
      timestamp: message.timestamp,
      DDBStreamBatchInfo: {
        shardId: message.DDBStreamBatchInfo.shardId,
        startSequenceNumber: "100000000000000000001",
        endSequenceNumber: "100000000000000000001",
        approximateArrivalOfFirstRecord: "2026-01-01T00:00:00Z",
        approximateArrivalOfLastRecord: "2026-01-01T00:00:00Z",
        batchSize: 1,
        streamArn: arn,
      },
    });
  }));

test("a bucket gets the records as well", () =>
  withStream(async ({ platform, does, map, put }) => {
    await platform.call("s3", "CreateBucket", { Bucket: "failures" });
    does(fail);
    const UUID = await map({
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnFailure: { Destination: "arn:aws:s3:::failures" } },
    });
    await put("a");
    const { Contents = [] } = await platform.call("s3", "ListObjectsV2", { Bucket: "failures" });
    assert.match(
      Contents[0]!.Key!,
      new RegExp(`^aws/lambda/${UUID}/shardId-[0-9a-f-]+/2026/01/01/2026-01-01T00\\.00\\.00-`),
    );
    const { Body } = await platform.call("s3", "GetObject", { Bucket: "failures", Key: Contents[0]!.Key! });
    const chunks: Uint8Array[] = [];
    for await (const chunk of Body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const document = JSON.parse(Buffer.concat(chunks).toString());
    assert.equal(keysOf(JSON.parse(document.payload)), "a");
    assert.equal(document.DDBStreamBatchInfo.batchSize, 1);
  }));

test("a topic hears of failures too", () =>
  withStream(async ({ platform, does, map, put, dead }) => {
    const { TopicArn } = await platform.call("sns", "CreateTopic", { Name: "failures" });
    await platform.call("sns", "Subscribe", {
      TopicArn,
      Protocol: "sqs",
      Endpoint: DEAD_ARN,
      Attributes: { RawMessageDelivery: "true" },
    });
    const Policy = JSON.stringify({
      Statement: [{ Effect: "Allow", Principal: "*", Action: "sqs:SendMessage", Resource: DEAD_ARN }],
    });
    await platform.call("sqs", "SetQueueAttributes", { QueueUrl: DEAD_URL, Attributes: { Policy } });
    does(fail);
    await map({ MaximumRetryAttempts: 0, DestinationConfig: { OnFailure: { Destination: TopicArn! } } });
    await put("a");
    await platform.advance(1000);
    assert.equal((await dead())[0].requestContext.condition, "RetryAttemptsExhausted");
  }));

test("records that are too old are given up without being run", () =>
  withStream(async ({ platform, keys, does, map, put, dead }) => {
    await put("a");
    await platform.advance(120_000);
    await put("b");
    await map({ MaximumRecordAgeInSeconds: 60, DestinationConfig: { OnFailure: { Destination: DEAD_ARN } } });
    assert.deepEqual(keys(), ["b"]);
    does(fail);
    await put("c");
    await platform.advance(180_000);
    const conditions = (await dead()).map(({ requestContext, DDBStreamBatchInfo }) => [
      requestContext.condition,
      DDBStreamBatchInfo.batchSize,
      requestContext.approximateInvokeCount > 0,
    ]);
    assert.deepEqual(conditions, [
      ["RecordAgeExceeded", 1, false],
      ["RecordAgeExceeded", 1, true],
    ]);
  }));

test("a failing batch is cut in two until the bad record stands alone", () =>
  withStream(async ({ platform, keys, does, map, put, dead }) => {
    does((event) => (keysOf(event).includes("c") ? fail() : undefined));
    await put("a", "b", "c", "d");
    await map({
      BisectBatchOnFunctionError: true,
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnFailure: { Destination: DEAD_ARN } },
    });
    await platform.advance(10_000);
    assert.deepEqual(keys(), ["abcd", "ab", "cd", "c", "c", "d"]);
    assert.equal((await dead())[0].DDBStreamBatchInfo.batchSize, 1);
  }));

test("a function may say how far it came", () =>
  withStream(async ({ platform, keys, does, map, put }) => {
    let failing = true;
    does(({ Records }) => {
      const bad = Records.filter(({ dynamodb: { Keys } }) => (Keys["pk"] as { S: string }).S === "c" && failing);
      return { batchItemFailures: bad.map(({ dynamodb }) => ({ itemIdentifier: dynamodb.SequenceNumber })) };
    });
    await put("a", "b", "c", "d");
    await map({ FunctionResponseTypes: ["ReportBatchItemFailures"] });
    await platform.advance(1000);
    failing = false;
    await platform.advance(10_000);
    assert.deepEqual(keys(), ["abcd", "cd", "cd"]);
    // An answer that names nobody is a failure of all.
    does(() => ({ batchItemFailures: [{ itemIdentifier: "" }] }));
    await put("e");
    await platform.advance(1000);
    assert.deepEqual(keys().slice(3), ["e", "e"]);
  }));

test("tumbling windows carry state from batch to batch, and end with a last invocation", () =>
  withStream(async ({ platform, events, does, map, put }) => {
    does(({ Records, state }) => ({ state: { count: Number(state!["count"] ?? 0) + Records.length } }));
    await map({ TumblingWindowInSeconds: 60 });
    await put("a");
    await platform.advance(10_000);
    await put("b");
    await platform.advance(60_000);
    await put("c");
    await platform.advance(60_000);
    const told = events.map((event) => [
      keysOf(event),
      event.state!["count"] ?? 0,
      event.isFinalInvokeForWindow,
      event.window!.start.slice(14, 19),
      event.window!.end.slice(14, 19),
    ]);
    assert.deepEqual(told, [
      ["a", 0, false, "00:00", "01:00"],
      ["b", 1, false, "00:00", "01:00"],
      ["", 2, true, "00:00", "01:00"],
      ["c", 0, false, "01:00", "02:00"],
      ["", 1, true, "01:00", "02:00"],
    ]);
    // Without a state the function has failed.
    does(() => undefined);
    await put("d");
    await platform.advance(1000);
    assert.deepEqual(events.slice(5).map(keysOf), ["d", "d"]);
  }));

test("a window with too much state ends early", () =>
  withStream(async ({ events, does, map, put }) => {
    does(({ isFinalInvokeForWindow }) => ({ state: isFinalInvokeForWindow ? {} : { text: "x".repeat(1_100_000) } }));
    await map({ TumblingWindowInSeconds: 60 });
    await put("a");
    await put("b");
    assert.deepEqual(
      events
        .slice(0, 3)
        .map((event) => [keysOf(event), event.isWindowTerminatedEarly, Object.keys(event.state!).length]),
      [
        ["a", false, 0],
        ["", true, 1],
        ["b", false, 0],
      ],
    );
  }));

const consumerIndex = (pk: string): number =>
  consumerOf({ dynamodb: { Keys: { pk: { S: pk } } } } as unknown as StreamEventRecord, "pk", 4);

test("consumers of one shard work at the same time, each item's changes in order", () =>
  withStream(async ({ platform, events, does, map, put }) => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    does(() => gate);
    await map({ ParallelizationFactor: 4, BatchSize: 1 });
    const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    await put(...keys);
    const atOnce = events.length;
    release();
    assert.equal(atOnce, new Set(keys.map(consumerIndex)).size);
    assert.ok(atOnce > 2);
    await platform.advance(1);
    await put(...keys);
    await put(...keys);
    const seen = new Map<string, number[]>();
    for (const { Records } of events) {
      const [record] = Records;
      const key = (record!.dynamodb.Keys["pk"] as { S: string }).S;
      seen.set(key, [...(seen.get(key) ?? []), Number(record!.dynamodb.SequenceNumber.slice(-6))]);
    }
    // The third round changes nothing.
    for (const key of keys) {
      const order = seen.get(key)!;
      assert.equal(order.length, 2, key);
      assert.ok(order[0]! < order[1]!);
    }
  }));

test("a stuck item holds up no other consumer", () =>
  withStream(async ({ keys, does, map, put }) => {
    does((event) => (keysOf(event).includes("a") ? fail() : undefined));
    await map({ ParallelizationFactor: 10 });
    await put("a", "b", "c", "d", "e", "f");
    const done = new Set(keys().join(""));
    assert.ok(done.size >= 5, [...done].join());
  }));

test("children are read after their parents, and a disabled stream to its end", () =>
  withStream(async ({ platform, keys, does, map, put }) => {
    await put("a");
    await platform.advance(4 * HOUR_MS);
    await put("b");
    await platform.advance(4 * HOUR_MS);
    await put("c");
    does((event) => (keysOf(event) === "a" && keys().length < 3 ? fail() : undefined));
    await map();
    assert.deepEqual(keys(), ["a"]);
    await platform.advance(10_000);
    assert.deepEqual(keys(), ["a", "a", "a", "b", "c"]);
    await put("d");
    await platform.advance(4 * HOUR_MS);
    await put("e");
    await platform.call("dynamodb", "UpdateTable", {
      TableName: "orders",
      StreamSpecification: { StreamEnabled: false },
    });
    await platform.advance(1000);
    assert.deepEqual(keys().slice(5), ["d", "e"]);
  }));

test("all shards of a stream are read", () =>
  withStream(async ({ events, map, put }) => {
    await map();
    await put(..."abcdefghijklmnop");
    assert.equal(new Set(events.map(keysOf).join("")).size, 16);
  }, 4));

test("a mapping goes on where it was: disabled and enabled, with another factor, after a crash", async () => {
  const engine = new MemoryEngine();
  const ports = fakePorts();
  const events: StreamEvent[] = [];
  ports.handlers.set("worker", (event) => void events.push(event));
  const first = await open(ports, {
    engine,
    services: [createLambda(ports), fakeSts, dynamodb, createDynamodbstreams(streams)] as unknown as Service[],
  });
  const put = (platform: TestPlatform, pk: string) =>
    platform.call("dynamodb", "PutItem", { TableName: "orders", Item: { pk: { S: pk } } });
  const { TableDescription } = await first.call("dynamodb", "CreateTable", {
    TableName: "orders",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
    StreamSpecification: { StreamEnabled: true, StreamViewType: "KEYS_ONLY" },
  });
  await first.call("lambda", "CreateFunction", {
    FunctionName: "worker",
    Role: `arn:aws:iam::${ACCOUNT}:role/lambda`,
    Runtime: "nodejs22.x",
    Handler: "index.handler",
    Code: { ZipFile: Buffer.from("zip") },
  });
  const { UUID } = await first.call("lambda", "CreateEventSourceMapping", {
    FunctionName: "worker",
    EventSourceArn: TableDescription!.LatestStreamArn!,
    StartingPosition: "LATEST",
  });
  await put(first, "a");
  await quiet(first);
  await first.call("lambda", "UpdateEventSourceMapping", { UUID, Enabled: false });
  await quiet(first);
  await put(first, "b");
  await quiet(first);
  assert.deepEqual(events.map(keysOf), ["a"]);
  await first.call("lambda", "UpdateEventSourceMapping", { UUID, Enabled: true, ParallelizationFactor: 2 });
  await quiet(first);
  assert.deepEqual(events.map(keysOf), ["a", "b"]);
  // The function is cut off in the middle of a batch.
  let isRunning = false;
  ports.handlers.set("worker", () => {
    isRunning = true;
    return new Promise(() => {});
  });
  await put(first, "c");
  await quiet(first);
  assert.ok(isRunning);
  const copy = engine.snapshot();
  const again = fakePorts();
  again.handlers.set("worker", (event) => void events.push(event));
  const second = await open(again, {
    engine: copy,
    services: [createLambda(again), fakeSts, dynamodb, createDynamodbstreams(streams)] as unknown as Service[],
  });
  await quiet(second);
  await put(second, "d");
  await quiet(second);
  assert.deepEqual(events.map(keysOf).slice(2).sort(), ["c", "d"]);
  await second.close();
});

test("attempts are counted on after a restart: no batch is tried more often than it may be", async () => {
  const engine = new MemoryEngine();
  let runs = 0;
  const failing = () => {
    const ports = fakePorts();
    ports.handlers.set("worker", () => {
      runs++;
      throw new Error("no");
    });
    return ports;
  };
  const first = await open(failing(), { engine });
  const { TableDescription } = await first.call("dynamodb", "CreateTable", {
    TableName: "orders",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    BillingMode: "PAY_PER_REQUEST",
    StreamSpecification: { StreamEnabled: true, StreamViewType: "KEYS_ONLY" },
  });
  await first.call("lambda", "CreateFunction", {
    FunctionName: "worker",
    Role: `arn:aws:iam::${ACCOUNT}:role/lambda`,
    Runtime: "nodejs22.x",
    Handler: "index.handler",
    Code: { ZipFile: Buffer.from("zip") },
  });
  await first.call("lambda", "CreateEventSourceMapping", {
    FunctionName: "worker",
    EventSourceArn: TableDescription!.LatestStreamArn!,
    StartingPosition: "TRIM_HORIZON",
    MaximumRetryAttempts: 3,
  });
  await first.call("dynamodb", "PutItem", { TableName: "orders", Item: { pk: { S: "a" } } });
  await quiet(first);
  await first.advance(1000);
  await quiet(first);
  assert.equal(runs, 2);
  const killed = engine.snapshot();
  await first.close();
  const second = await open(failing(), { engine: killed });
  for (let minute = 0; minute < 5; minute++) {
    await quiet(second);
    await second.advance(60_000);
  }
  assert.equal(runs, 4);
  // The next batch has all its attempts.
  await second.call("dynamodb", "PutItem", { TableName: "orders", Item: { pk: { S: "b" } } });
  for (let minute = 0; minute < 5; minute++) {
    await quiet(second);
    await second.advance(60_000);
  }
  assert.equal(runs, 8);
  await second.close();
});

test("a mapping that cannot be is refused in AWS's words", () =>
  withStream(async ({ platform, arn, map }) => {
    const base = { FunctionName: "worker", EventSourceArn: arn, StartingPosition: "LATEST" };
    const queue = { FunctionName: "worker", EventSourceArn: DEAD_ARN };
    const gone = `${arn}9`;
    const cases: [object, string, string | RegExp][] = [
      [
        { ...base, StartingPosition: undefined },
        "InvalidParameterValueException",
        "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
      ],
      [
        { ...base, StartingPosition: "AT_TIMESTAMP", StartingPositionTimestamp: new Date(0) },
        "InvalidParameterValueException",
        `Unsupported starting position for arn type: ${arn}`,
      ],
      [
        { ...base, StartingPosition: "MIDDLE", ParallelizationFactor: 11 },
        "ValidationException",
        /^2 validation errors detected: Value '11' at 'parallelizationFactor' .*; Value 'MIDDLE' at 'startingPosition'/,
      ],
      [{ ...base, EventSourceArn: gone }, "InvalidParameterValueException", `Stream not found: ${gone}`],
      [
        { ...base, EventSourceArn: arn.split("/stream")[0] },
        "InvalidParameterValueException",
        "Unrecognized event source.",
      ],
      [
        { ...base, DestinationConfig: { OnSuccess: { Destination: DEAD_ARN } } },
        "InvalidParameterValueException",
        "Unsupported DestinationConfig parameter for given event source mapping type.",
      ],
      [
        { ...base, ScalingConfig: { MaximumConcurrency: 5 } },
        "InvalidParameterValueException",
        "Unsupported ScalingConfig parameter for given event source mapping type.",
      ],
      [{ ...base, MaximumRecordAgeInSeconds: 5 }, "InvalidParameterValueException", /at least 60/],
      [
        { ...base, FilterCriteria: { Filters: [{ Pattern: '{"a":1}' }] } },
        "InvalidParameterValueException",
        "Invalid filter pattern definition.",
      ],
      [{ ...base, FunctionName: "nobody" }, "InvalidParameterValueException", "Function does not exist"],
      [
        { ...queue, StartingPosition: "LATEST" },
        "InvalidParameterValueException",
        "StartingPosition is not valid for SQS event sources.",
      ],
      [
        { ...queue, MaximumRetryAttempts: 1 },
        "InvalidParameterValueException",
        "Unsupported MaximumRetryAttempts parameter for given event source mapping type.",
      ],
    ];
    for (const [input, code, message] of cases) {
      await assert.rejects(platform.call("lambda", "CreateEventSourceMapping", input as MappingInput), {
        code,
        message,
      });
    }
    const UUID = await map();
    await assert.rejects(map(), {
      code: "ResourceConflictException",
      message: `The event source arn (" ${arn} ") and function (" worker ") provided mapping already exists. Please update or delete the existing mapping with UUID ${UUID}`,
    });
  }));
