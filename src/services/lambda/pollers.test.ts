import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform, type TestPlatformOptions } from "../../platform/testing.ts";
import { MemoryEngine } from "../../storage/engines/memory.ts";
import type { InputOf, Service } from "../service.ts";
import { sqs } from "../sqs/service.ts";
import type { SqsRecord } from "./batches.ts";
import { createLambda } from "./service.ts";
import { FakeConcurrencyExceeded, type FakePorts, fakePorts, fakeSts } from "./testing.ts";

const ACCOUNT = "000000000000";
const URL = `http://localhost:4566/${ACCOUNT}/orders`;
const ARN = `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`;
const DEAD_URL = `http://localhost:4566/${ACCOUNT}/dead`;

type MappingInput = InputOf<"lambda", "CreateEventSourceMapping">;

interface Scene {
  readonly platform: TestPlatform;
  readonly ports: FakePorts;
  /** Records of every invocation, in order. */
  readonly batches: SqsRecord[][];
  map(input?: Partial<MappingInput>): Promise<string>;
  send(...bodies: string[]): Promise<void>;
  bodies(): string[][];
  left(url?: string): Promise<number>;
}

async function open(options: TestPlatformOptions & { ports?: never } = {}, ports = fakePorts()) {
  const platform = await openTestPlatform({
    ...options,
    services: [createLambda(ports), fakeSts, sqs] as unknown as Service[],
  });
  return { platform, ports };
}

async function withQueue(run: (scene: Scene) => Promise<void>, attributes: Record<string, string> = {}): Promise<void> {
  const { platform, ports } = await open();
  const batches: SqsRecord[][] = [];
  ports.handlers.set("worker", (event) => {
    batches.push(event.Records);
  });
  try {
    const suffix = attributes.FifoQueue ? ".fifo" : "";
    await platform.call("sqs", "CreateQueue", { QueueName: "dead" });
    await platform.call("sqs", "CreateQueue", { QueueName: `orders${suffix}`, Attributes: attributes });
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "worker",
      Role: `arn:aws:iam::${ACCOUNT}:role/lambda`,
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
    });
    await run({
      platform,
      ports,
      batches,
      async map(input = {}) {
        const { UUID, State } = await platform.call("lambda", "CreateEventSourceMapping", {
          FunctionName: "worker",
          EventSourceArn: `${ARN}${suffix}`,
          ...input,
        });
        assert.equal(State, "Creating");
        await platform.settle();
        return UUID!;
      },
      async send(...bodies) {
        for (const MessageBody of bodies) await platform.call("sqs", "SendMessage", { QueueUrl: URL, MessageBody });
        await platform.settle();
      },
      bodies: () => batches.map((records) => records.map(({ body }) => body)),
      async left(url = `${URL}${suffix}`) {
        const { Attributes } = await platform.call("sqs", "GetQueueAttributes", {
          QueueUrl: url,
          AttributeNames: ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        });
        return (
          Number(Attributes!.ApproximateNumberOfMessages) + Number(Attributes!.ApproximateNumberOfMessagesNotVisible)
        );
      },
    });
  } finally {
    await platform.close();
  }
}

test("a message becomes an event exactly as AWS writes it, and is deleted when the function succeeds", () =>
  withQueue(async ({ platform, batches, map, left }) => {
    const UUID = await map();
    const mapping = await platform.call("lambda", "GetEventSourceMapping", { UUID });
    assert.equal(mapping.State, "Enabled");
    assert.equal(mapping.BatchSize, 10);
    assert.equal(mapping.EventSourceMappingArn, `arn:aws:lambda:us-east-1:${ACCOUNT}:event-source-mapping:${UUID}`);

    const { MessageId } = await platform.call("sqs", "SendMessage", {
      QueueUrl: URL,
      MessageBody: '{"order":1}',
      MessageAttributes: {
        kind: { DataType: "String", StringValue: "new" },
        blob: { DataType: "Binary", BinaryValue: Buffer.from("abc") },
      },
    });
    await platform.settle();
    const [[record]] = batches as [[SqsRecord]];
    assert.deepEqual(Object.keys(record), [
      "messageId",
      "receiptHandle",
      "body",
      "attributes",
      "messageAttributes",
      "md5OfMessageAttributes",
      "md5OfBody",
      "eventSource",
      "eventSourceARN",
      "awsRegion",
    ]);
    assert.equal(record.messageId, MessageId);
    assert.equal(record.body, '{"order":1}');
    assert.equal(record.attributes.ApproximateReceiveCount, "1");
    assert.equal(record.attributes.SentTimestamp, String(platform.clock.nowMs()));
    assert.deepEqual(record.messageAttributes, {
      kind: { stringValue: "new", stringListValues: [], binaryListValues: [], dataType: "String" },
      blob: { binaryValue: "YWJj", stringListValues: [], binaryListValues: [], dataType: "Binary" },
    });
    assert.equal(record.md5OfBody, createHash("md5").update('{"order":1}').digest("hex"));
    assert.equal(record.eventSource, "aws:sqs");
    assert.equal(record.eventSourceARN, ARN);
    assert.equal(record.awsRegion, "us-east-1");
    assert.equal(await left(), 0);
    assert.equal((await platform.call("lambda", "GetEventSourceMapping", { UUID })).LastProcessingResult, "OK");
  }));

test("a failed batch comes again after the visibility timeout, and ends in the dead-letter queue", () =>
  withQueue(
    async ({ platform, ports, map, send, left }) => {
      const times: number[] = [];
      const start = platform.clock.nowMs();
      ports.handlers.set("worker", () => {
        times.push((platform.clock.nowMs() - start) / 1000);
        throw new Error("poison");
      });
      const UUID = await map();
      await send("bad");
      await platform.advance(200_000);
      assert.deepEqual(times, [0, 30, 60]);
      assert.equal(await left(), 0);
      assert.equal(await left(DEAD_URL), 1);
      const { LastProcessingResult } = await platform.call("lambda", "GetEventSourceMapping", { UUID });
      assert.equal(LastProcessingResult, "PROBLEM: Function call failed");
    },
    { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: ARN.replace("orders", "dead"), maxReceiveCount: 3 }) },
  ));

test("with ReportBatchItemFailures only the reported messages come again", () =>
  withQueue(async ({ platform, ports, batches, map, send, bodies, left }) => {
    ports.handlers.set("worker", ({ Records }) => {
      batches.push(Records);
      const failed = batches.length === 1 ? Records.filter((record: SqsRecord) => record.body === "b") : [];
      return { batchItemFailures: failed.map(({ messageId }: SqsRecord) => ({ itemIdentifier: messageId })) };
    });
    // Sent before anybody polls, so that they come together.
    await send("a", "b", "c");
    await map({ FunctionResponseTypes: ["ReportBatchItemFailures"] });
    assert.deepEqual(bodies(), [["a", "b", "c"]]);
    assert.equal(await left(), 1);
    await platform.advance(40_000);
    assert.deepEqual(bodies(), [["a", "b", "c"], ["b"]]);
    assert.equal(await left(), 0);
  }));

test("messages that no filter passes are deleted unseen", () =>
  withQueue(async ({ map, send, bodies, left }) => {
    await map({
      FilterCriteria: { Filters: [{ Pattern: '{"body":{"kind":["order"],"total":[{"numeric":[">",10]}]}}' }] },
    });
    await send('{"kind":"order","total":11}', '{"kind":"order","total":9}', '{"kind":"refund"}', "plain text");
    assert.deepEqual(bodies(), [['{"kind":"order","total":11}']]);
    assert.equal(await left(), 0);
  }));

test("a batching window gathers until it is over or the batch is full", () =>
  withQueue(async ({ platform, map, send, bodies }) => {
    await map({ BatchSize: 25, MaximumBatchingWindowInSeconds: 5 });
    await send("1", "2");
    await platform.advance(3000);
    await send("3");
    assert.deepEqual(bodies(), []);
    await platform.advance(2500);
    assert.deepEqual(bodies(), [["1", "2", "3"]]);

    const many = Array.from({ length: 30 }, (_, n) => `m${n}`);
    await send(...many);
    assert.equal(bodies()[1]!.length, 25, "a full batch does not wait");
    await platform.advance(6000);
    assert.equal(bodies()[2]!.length, 5);
  }));

test("FIFO groups keep their order, one batch of a group at a time, and a failure holds its group back", () =>
  withQueue(
    async ({ platform, ports, map }) => {
      const seen: string[] = [];
      const busy = new Map<string, number>();
      let isBroken = true;
      ports.handlers.set("worker", async ({ Records }) => {
        const groups = new Set(Records.map((record: SqsRecord) => record.attributes.MessageGroupId));
        assert.equal(groups.size, 1, "a batch holds one group");
        const group = [...groups][0] as string;
        assert.equal(busy.get(group) ?? 0, 0, "a group has one batch at a time");
        busy.set(group, 1);
        await new Promise(setImmediate);
        busy.set(group, 0);
        if (group === "a" && isBroken) {
          isBroken = false;
          throw new Error("once");
        }
        seen.push(...Records.map(({ body }: SqsRecord) => body));
      });
      await map({ BatchSize: 4 });
      for (let n = 0; n < 12; n++) {
        for (const MessageGroupId of ["a", "b"]) {
          await platform.call("sqs", "SendMessage", {
            QueueUrl: `${URL}.fifo`,
            MessageBody: `${MessageGroupId}${n}`,
            MessageGroupId,
            MessageDeduplicationId: `${MessageGroupId}${n}`,
          });
        }
      }
      await platform.advance(120_000);
      const order = Array.from({ length: 12 }, (_, n) => n);
      for (const group of ["a", "b"]) {
        assert.deepEqual(
          seen.filter((body) => body.startsWith(group)),
          order.map((n) => `${group}${n}`),
        );
      }
    },
    { FifoQueue: "true" },
  ));

test("no more batches run at once than MaximumConcurrency says, and it grows from five without", () =>
  withQueue(async ({ platform, ports, map, send }) => {
    let running = 0;
    let most = 0;
    const finish: (() => void)[] = [];
    ports.handlers.set("worker", async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => finish.push(resolve));
      running--;
    });
    await send(...Array.from({ length: 12 }, (_, n) => `m${n}`));
    const UUID = await map({ BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
    await platform.advance(2000);
    assert.equal(most, 2);
    await platform.call("lambda", "UpdateEventSourceMapping", { UUID, ScalingConfig: {} });
    await platform.settle();
    assert.equal(most, 7, "five of the new poller beside the two that are under way");
    await platform.advance(1000);
    assert.ok(most > 9, `${most}`);
    while (running > 0) {
      for (const resolve of finish.splice(0)) resolve();
      await platform.settle();
    }
  }));

test("a throttled batch waits for its turn without being received again", () =>
  withQueue(async ({ platform, ports, batches, map, send, left }) => {
    let refusals = 5;
    ports.handlers.set("worker", ({ Records }) => {
      if (refusals-- > 0) throw new FakeConcurrencyExceeded();
      batches.push(Records);
    });
    await map();
    await send("patient");
    await platform.advance(10_000);
    assert.equal(batches[0]![0]!.attributes.ApproximateReceiveCount, "1");
    assert.equal(await left(), 0);
  }));

test("a mapping is disabled, enabled, and deleted", () =>
  withQueue(async ({ platform, map, send, bodies, left }) => {
    const UUID = await map();
    const change = async (input: Omit<InputOf<"lambda", "UpdateEventSourceMapping">, "UUID">) => {
      const { State } = await platform.call("lambda", "UpdateEventSourceMapping", { UUID, ...input });
      await platform.settle();
      return [State, (await platform.call("lambda", "GetEventSourceMapping", { UUID })).State];
    };
    assert.deepEqual(await change({ Enabled: false }), ["Disabling", "Disabled"]);
    await send("waits");
    assert.deepEqual(bodies(), []);
    assert.deepEqual(await change({ BatchSize: 3 }), ["Updating", "Disabled"]);
    assert.deepEqual(await change({ Enabled: true }), ["Enabling", "Enabled"]);
    assert.deepEqual(bodies(), [["waits"]]);

    const { EventSourceMappings } = await platform.call("lambda", "ListEventSourceMappings", {
      FunctionName: "worker",
    });
    assert.deepEqual(
      EventSourceMappings!.map(({ BatchSize }) => BatchSize),
      [3],
    );
    const deleted = await platform.call("lambda", "DeleteEventSourceMapping", { UUID });
    assert.equal(deleted.State, "Deleting");
    await platform.settle();
    await send("unheard");
    assert.equal(await left(), 1);
    await assert.rejects(platform.call("lambda", "GetEventSourceMapping", { UUID }), {
      code: "ResourceNotFoundException",
      message: "The resource you requested does not exist.",
    });
  }));

test("mappings poll again after a restart", async () => {
  const engine = new MemoryEngine();
  const first = await open({ engine });
  await first.platform.call("sqs", "CreateQueue", { QueueName: "orders" });
  await first.platform.call("lambda", "CreateFunction", {
    FunctionName: "worker",
    Role: `arn:aws:iam::${ACCOUNT}:role/lambda`,
    Runtime: "nodejs22.x",
    Handler: "index.handler",
    Code: { ZipFile: Buffer.from("zip") },
  });
  await first.platform.call("lambda", "CreateEventSourceMapping", { FunctionName: "worker", EventSourceArn: ARN });
  await first.platform.settle();
  await first.platform.close();

  const second = await open({ engine });
  await second.platform.call("sqs", "SendMessage", { QueueUrl: URL, MessageBody: "after" });
  await second.platform.settle();
  assert.equal(second.ports.runs.length, 1);
  await second.platform.close();
});

const refusals: readonly (readonly [string, Partial<MappingInput>, { code: string; message: string | RegExp }])[] = [
  [
    "a function that is not there",
    { FunctionName: "nobody" },
    { code: "InvalidParameterValueException", message: "Function does not exist" },
  ],
  [
    "a queue that is not there",
    { EventSourceArn: `${ARN}-none` },
    {
      code: "InvalidParameterValueException",
      message:
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.",
    },
  ],
  [
    "no source",
    { EventSourceArn: undefined },
    { code: "InvalidParameterValueException", message: "Unrecognized event source." },
  ],
  [
    "another service",
    { EventSourceArn: "arn:aws:kinesis:us-east-1:000000000000:stream/s" },
    { code: "NotImplemented", message: /event source mappings from kinesis/ },
  ],
  [
    "a large batch without a window",
    { BatchSize: 11 },
    {
      code: "InvalidParameterValueException",
      message: "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
    },
  ],
  [
    "a filter that is none",
    { FilterCriteria: { Filters: [{ Pattern: '{"body":"text"}' }] } },
    { code: "InvalidParameterValueException", message: "Invalid filter pattern definition." },
  ],
  [
    "a concurrency of one",
    { ScalingConfig: { MaximumConcurrency: 1 } },
    { code: "ValidationException", message: /at 'scalingConfig\.maximumConcurrency'/ },
  ],
  [
    "a starting position",
    { StartingPosition: "LATEST" },
    { code: "InvalidParameterValueException", message: /StartingPosition/ },
  ],
];
for (const [what, input, expected] of refusals) {
  test(`a mapping with ${what} is refused`, () =>
    withQueue(async ({ map }) => {
      await assert.rejects(map(input), expected);
    }));
}

test("a queue whose visibility timeout is shorter than the function's is refused, and so is a second mapping", () =>
  withQueue(async ({ platform, map }) => {
    await platform.call("lambda", "UpdateFunctionConfiguration", { FunctionName: "worker", Timeout: 60 });
    await assert.rejects(map(), {
      message: "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    });
    await platform.call("lambda", "UpdateFunctionConfiguration", { FunctionName: "worker", Timeout: 30 });
    const UUID = await map();
    await assert.rejects(map(), {
      code: "ResourceConflictException",
      message: `An event source mapping with SQS arn (" ${ARN} ") and function (" worker ") already exists. Please update or delete the existing mapping with UUID ${UUID}`,
    });
  }));
