import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CreateQueueCommandInput, Message, ReceiveMessageCommandInput } from "@aws-sdk/client-sqs";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";

/** A queue on a fresh platform, and short words for what tests do to it. */
async function withQueue(
  attributes: NonNullable<CreateQueueCommandInput["Attributes"]>,
  run: (queue: ReturnType<typeof driver>) => Promise<void>,
): Promise<void> {
  const platform = await openTestPlatform({ seed: 5 });
  const name = attributes.FifoQueue ? "q.fifo" : "q";
  const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: name, Attributes: attributes });
  try {
    await run(driver(platform, QueueUrl!));
  } finally {
    await platform.close();
  }
}

function driver(platform: TestPlatform, QueueUrl: string) {
  return {
    platform,
    url: QueueUrl,
    on: (url: string) => driver(platform, url),
    create: async (QueueName: string, Attributes: CreateQueueCommandInput["Attributes"] = {}) => {
      const created = await platform.call("sqs", "CreateQueue", { QueueName, Attributes });
      return driver(platform, created.QueueUrl!);
    },
    send: (MessageBody: string, more: Partial<Parameters<typeof platform.call<"sqs", "SendMessage">>[2]> = {}) =>
      platform.call("sqs", "SendMessage", { QueueUrl, MessageBody, ...more }),
    receive: async (more: Partial<ReceiveMessageCommandInput> = {}): Promise<Message[]> =>
      (
        await platform.call("sqs", "ReceiveMessage", {
          QueueUrl,
          MaxNumberOfMessages: 10,
          MessageSystemAttributeNames: ["All"],
          ...more,
        })
      ).Messages ?? [],
    remove: (message: Message) =>
      platform.call("sqs", "DeleteMessage", { QueueUrl, ReceiptHandle: message.ReceiptHandle }),
    visibility: (message: Message, VisibilityTimeout: number) =>
      platform.call("sqs", "ChangeMessageVisibility", {
        QueueUrl,
        ReceiptHandle: message.ReceiptHandle,
        VisibilityTimeout,
      }),
    attributes: async () =>
      (await platform.call("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] })).Attributes!,
    counts: async () => {
      const { Attributes } = await platform.call("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] });
      return ["", "NotVisible", "Delayed"].map((kind) =>
        Number(Attributes![`ApproximateNumberOfMessages${kind}` as "All"]),
      );
    },
    arn: async () =>
      (await platform.call("sqs", "GetQueueAttributes", { QueueUrl, AttributeNames: ["QueueArn"] })).Attributes!
        .QueueArn!,
    set: (Attributes: Record<string, string>) => platform.call("sqs", "SetQueueAttributes", { QueueUrl, Attributes }),
  };
}

const bodies = (messages: readonly Message[]) => messages.map((message) => message.Body);
const code = (expected: string, message?: RegExp) => (error: { code?: string; message: string }) => {
  assert.equal(error.code, expected, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

describe("standard queues", () => {
  test("a message is invisible once received, comes back, and is gone once deleted", () =>
    withQueue({ VisibilityTimeout: "30" }, async ({ send, receive, remove, counts, platform }) => {
      await send("a");
      assert.deepEqual(await counts(), [1, 0, 0]);
      const [first] = await receive();
      assert.equal(first!.Body, "a");
      assert.deepEqual(await counts(), [0, 1, 0]);
      assert.deepEqual(await receive(), []);
      await platform.advance(29_999);
      assert.deepEqual(await receive(), []);
      await platform.advance(1);
      const [second] = await receive();
      assert.equal(second!.MessageId, first!.MessageId);
      assert.notEqual(second!.ReceiptHandle, first!.ReceiptHandle);
      assert.equal(second!.Attributes!.ApproximateReceiveCount, "2");
      assert.equal(
        second!.Attributes!.ApproximateFirstReceiveTimestamp,
        first!.Attributes!.ApproximateFirstReceiveTimestamp,
      );
      await remove(second!);
      await platform.advance(60_000);
      assert.deepEqual(await receive(), []);
      assert.deepEqual(await counts(), [0, 0, 0]);
    }));

  test("the handle of an earlier receive deletes nothing", () =>
    withQueue({ VisibilityTimeout: "1" }, async ({ send, receive, remove, platform }) => {
      await send("a");
      const [first] = await receive();
      await platform.advance(1000);
      const [second] = await receive();
      await remove(first!);
      await platform.advance(1000);
      assert.deepEqual(bodies(await receive()), ["a"]);
      await remove(second!);
      await platform.advance(1000);
      const [fourth] = await receive();
      assert.equal(fourth!.Attributes!.ApproximateReceiveCount, "4");
      await remove(fourth!);
      await remove(fourth!);
    }));

  test("an expired handle still deletes while nobody received the message again", () =>
    withQueue({ VisibilityTimeout: "1" }, async ({ send, receive, remove, platform }) => {
      await send("a");
      const [message] = await receive();
      await platform.advance(5000);
      await remove(message!);
      assert.deepEqual(await receive(), []);
    }));

  test("visibility can be ended, extended, and only while in flight", () =>
    withQueue({ VisibilityTimeout: "30" }, async ({ send, receive, visibility, remove, platform }) => {
      await send("a");
      const [first] = await receive();
      await visibility(first!, 0);
      const [second] = await receive();
      assert.equal(second!.Body, "a");
      await assert.rejects(
        visibility(first!, 10),
        code("InvalidParameterValue", /not available for visibility timeout change/),
      );
      await visibility(second!, 100);
      await platform.advance(99_000);
      assert.deepEqual(await receive(), []);
      await platform.advance(1000);
      await assert.rejects(visibility(second!, 10), code("InvalidParameterValue"));
      const [third] = await receive();
      await remove(third!);
      await assert.rejects(visibility(third!, 10), code("InvalidParameterValue"));
    }));

  test("delays: the queue's, and a message's own", () =>
    withQueue({ DelaySeconds: "10" }, async ({ send, receive, counts, platform }) => {
      await send("queue's");
      await send("none", { DelaySeconds: 0 });
      await send("own", { DelaySeconds: 20 });
      assert.deepEqual(await counts(), [1, 0, 2]);
      assert.deepEqual(bodies(await receive()), ["none"]);
      await platform.advance(10_000);
      assert.deepEqual(bodies(await receive()), ["queue's"]);
      await platform.advance(10_000);
      assert.deepEqual(bodies(await receive()), ["own"]);
    }));

  test("messages past their retention are gone, from the queue and from the disk", () =>
    withQueue({ MessageRetentionPeriod: "60" }, async ({ send, receive, counts, platform }) => {
      await send("old");
      await platform.advance(30_000);
      await send("young");
      await platform.advance(30_000);
      assert.deepEqual(await counts(), [1, 0, 0]);
      assert.deepEqual(bodies(await receive()), ["young"]);
      await platform.advance(30_000);
      assert.deepEqual(await counts(), [0, 0, 0]);
    }));

  test("a shorter retention takes effect at once", () =>
    withQueue({}, async ({ send, set, counts, platform }) => {
      await send("a");
      await platform.advance(120_000);
      await set({ MessageRetentionPeriod: "60" });
      await platform.settle();
      assert.deepEqual(await counts(), [0, 0, 0]);
    }));

  test("attributes and their digests go through", () =>
    withQueue({}, async ({ send, receive }) => {
      const sent = await send("body", {
        MessageAttributes: {
          "app.name": { DataType: "String", StringValue: "x" },
          "app.count": { DataType: "Number.int", StringValue: "7" },
          raw: { DataType: "Binary", BinaryValue: Buffer.from([0, 255]) },
        },
        MessageSystemAttributes: { AWSTraceHeader: { DataType: "String", StringValue: "Root=1-2-3" } },
      });
      assert.equal(sent.MD5OfMessageBody, "841a2d689ad86bd1611447453c22c6fc");
      const [some] = await receive({ MessageAttributeNames: ["app.*"], VisibilityTimeout: 0 });
      assert.deepEqual(Object.keys(some!.MessageAttributes!).sort(), ["app.count", "app.name"]);
      assert.notEqual(some!.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
      const [all] = await receive({ MessageAttributeNames: ["All"], VisibilityTimeout: 0 });
      assert.equal(all!.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
      assert.deepEqual(Buffer.from(all!.MessageAttributes!["raw"]!.BinaryValue!), Buffer.from([0, 255]));
      assert.equal(all!.Attributes!.AWSTraceHeader, "Root=1-2-3");
      const [none] = await receive({ MessageSystemAttributeNames: [] });
      assert.equal(none!.MessageAttributes, undefined);
      assert.equal(none!.Attributes, undefined);
    }));

  test("a batch succeeds and fails entry by entry", () =>
    withQueue({}, async ({ platform, url, receive }) => {
      const result = await platform.call("sqs", "SendMessageBatch", {
        QueueUrl: url,
        Entries: [
          { Id: "good", MessageBody: "a" },
          { Id: "bad", MessageBody: "b", DelaySeconds: 901 },
          { Id: "worse", MessageBody: "\u0000" },
        ],
      });
      assert.deepEqual(
        result.Successful!.map((entry) => entry.Id),
        ["good"],
      );
      assert.deepEqual(
        result.Failed!.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault]),
        [
          ["bad", "InvalidParameterValue", true],
          ["worse", "InvalidMessageContents", true],
        ],
      );
      const messages = await receive();
      assert.deepEqual(bodies(messages), ["a"]);
      const deleted = await platform.call("sqs", "DeleteMessageBatch", {
        QueueUrl: url,
        Entries: [
          { Id: "1", ReceiptHandle: messages[0]!.ReceiptHandle },
          { Id: "2", ReceiptHandle: "nonsense" },
        ],
      });
      assert.deepEqual(deleted.Successful, [{ Id: "1" }]);
      assert.equal(deleted.Failed![0]!.Code, "ReceiptHandleIsInvalid");
    }));

  test("purging empties the queue at once, once a minute", () =>
    withQueue({}, async ({ platform, url, send, receive, remove, counts }) => {
      await send("a");
      await send("b");
      const [inFlight] = await receive({ MaxNumberOfMessages: 1 });
      await platform.call("sqs", "PurgeQueue", { QueueUrl: url });
      assert.deepEqual(await counts(), [0, 0, 0]);
      await send("after");
      await remove(inFlight!);
      await assert.rejects(platform.call("sqs", "PurgeQueue", { QueueUrl: url }), code("PurgeQueueInProgress"));
      assert.deepEqual(bodies(await receive()), ["after"]);
      await platform.advance(60_000);
      await platform.call("sqs", "PurgeQueue", { QueueUrl: url });
    }));

  test("a purged or deleted queue leaves nothing in the store", () =>
    withQueue({}, async ({ platform, url, send }) => {
      for (let n = 0; n < 20; n++) await send(`${n}`);
      await platform.call("sqs", "DeleteQueue", { QueueUrl: url });
      await platform.settle();
      const left = await platform.core.store.write((tx) =>
        [...tx.range("" as never, "\xff" as never)].map(([k]) => k).filter((k) => k.includes("sqs-data")),
      );
      assert.deepEqual(left, []);
    }));
});

describe("long polls", () => {
  test("answer when a message comes", () =>
    withQueue({}, async ({ send, receive, platform }) => {
      const poll = receive({ WaitTimeSeconds: 20 });
      await platform.advance(5000);
      await send("a");
      assert.deepEqual(bodies(await poll), ["a"]);
      assert.equal(
        platform.clock.nextDueMs() === undefined || platform.clock.nextDueMs()! > platform.clock.nowMs() + 20_000,
        true,
      );
    }));

  test("answer empty after their time", () =>
    withQueue({ ReceiveMessageWaitTimeSeconds: "3" }, async ({ receive, platform }) => {
      let answered = false;
      const poll = receive().then((messages) => {
        answered = true;
        return messages;
      });
      await platform.advance(2999);
      assert.equal(answered, false);
      await platform.advance(1);
      assert.deepEqual(await poll, []);
    }));

  test("see a message become visible again, or its delay end", () =>
    withQueue({ VisibilityTimeout: "5" }, async ({ send, receive, platform }) => {
      await send("a");
      await receive();
      await send("b", { DelaySeconds: 8 });
      const first = receive({ WaitTimeSeconds: 20 });
      await platform.advance(5000);
      assert.deepEqual(bodies(await first), ["a"]);
      const second = receive({ WaitTimeSeconds: 20 });
      await platform.advance(3000);
      assert.deepEqual(bodies(await second), ["b"]);
    }));

  test("end when the caller goes away, and take nothing", () =>
    withQueue({}, async ({ send, receive, platform, url }) => {
      const gone = new AbortController();
      const poll = platform.call(
        "sqs",
        "ReceiveMessage",
        { QueueUrl: url, WaitTimeSeconds: 20 },
        { signal: gone.signal },
      );
      await platform.settle();
      gone.abort();
      assert.deepEqual(await poll, {});
      await send("a");
      assert.deepEqual(bodies(await receive()), ["a"]);
    }));
});

describe("dead letters", () => {
  const withDeadLetters = (
    fifo: boolean,
    run: (queue: ReturnType<typeof driver>, dead: ReturnType<typeof driver>) => Promise<void>,
  ) =>
    withQueue(fifo ? { FifoQueue: "true", VisibilityTimeout: "1" } : { VisibilityTimeout: "1" }, async (queue) => {
      const dead = await queue.create(fifo ? "dead.fifo" : "dead", fifo ? { FifoQueue: "true" } : {});
      await queue.set({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn: await dead.arn(), maxReceiveCount: 2 }) });
      await run(queue, dead);
    });

  test("a message that was received maxReceiveCount times moves instead of being received again", () =>
    withDeadLetters(false, async (queue, dead) => {
      const sent = await queue.send("poison");
      for (let n = 0; n < 2; n++) {
        assert.deepEqual(bodies(await queue.receive()), ["poison"]);
        await queue.platform.advance(1000);
      }
      assert.deepEqual(await queue.receive(), []);
      const [letter] = await dead.receive();
      assert.equal(letter!.MessageId, sent.MessageId);
      assert.equal(letter!.Attributes!.DeadLetterQueueSourceArn, await queue.arn());
      assert.deepEqual(await queue.counts(), [0, 0, 0]);
    }));

  test("in a FIFO queue too, and the group goes on behind it", () =>
    withDeadLetters(true, async (queue, dead) => {
      await queue.send("poison", { MessageGroupId: "g", MessageDeduplicationId: "1" });
      await queue.send("next", { MessageGroupId: "g", MessageDeduplicationId: "2" });
      for (let n = 0; n < 2; n++) {
        assert.deepEqual(bodies(await queue.receive({ MaxNumberOfMessages: 1 })), ["poison"]);
        await queue.platform.advance(1000);
      }
      assert.deepEqual(bodies(await queue.receive({ MaxNumberOfMessages: 1 })), ["next"]);
      assert.deepEqual(bodies(await dead.receive()), ["poison"]);
    }));

  test("a move task brings them back to where they came from", () =>
    withDeadLetters(false, async (queue, dead) => {
      for (const text of ["a", "b", "c"]) await queue.send(text);
      for (let n = 0; n < 3; n++) {
        await queue.receive();
        await queue.platform.advance(1000);
      }
      assert.deepEqual(await dead.counts(), [3, 0, 0]);
      await assert.rejects(
        queue.platform.call("sqs", "StartMessageMoveTask", { SourceArn: await queue.arn() }),
        code("InvalidParameterValue", /must be configured as a Dead Letter Queue/),
      );
      await queue.platform.call("sqs", "StartMessageMoveTask", {
        SourceArn: await dead.arn(),
        MaxNumberOfMessagesPerSecond: 1,
      });
      await assert.rejects(
        queue.platform.call("sqs", "StartMessageMoveTask", { SourceArn: await dead.arn() }),
        code("UnsupportedOperation"),
      );
      await queue.platform.settle();
      assert.deepEqual(await queue.counts(), [1, 0, 0]);
      await queue.platform.advance(5000);
      assert.deepEqual(bodies(await queue.receive()).sort(), ["a", "b", "c"]);
      const { Results } = await queue.platform.call("sqs", "ListMessageMoveTasks", { SourceArn: await dead.arn() });
      assert.equal(Results![0]!.Status, "COMPLETED");
      assert.equal(Results![0]!.ApproximateNumberOfMessagesMoved, 3);
    }));

  test("a move task can be cancelled", () =>
    withDeadLetters(false, async (queue, dead) => {
      for (const text of ["a", "b", "c"]) await queue.send(text);
      for (let n = 0; n < 3; n++) {
        await queue.receive();
        await queue.platform.advance(1000);
      }
      const { TaskHandle } = await queue.platform.call("sqs", "StartMessageMoveTask", {
        SourceArn: await dead.arn(),
        MaxNumberOfMessagesPerSecond: 1,
      });
      await queue.platform.settle();
      const cancelled = await queue.platform.call("sqs", "CancelMessageMoveTask", { TaskHandle });
      assert.equal(cancelled.ApproximateNumberOfMessagesMoved, 1);
      await queue.platform.advance(5000);
      assert.deepEqual(await dead.counts(), [2, 0, 0]);
      const { Results } = await queue.platform.call("sqs", "ListMessageMoveTasks", { SourceArn: await dead.arn() });
      assert.equal(Results![0]!.Status, "CANCELLED");
    }));

  test("redrive policies name an existing queue of the same kind that allows it", () =>
    withQueue({}, async (queue) => {
      const arn = await queue.arn();
      const policy = (deadLetterTargetArn: unknown, maxReceiveCount: unknown = 1) =>
        queue.set({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) });
      await assert.rejects(
        policy(`${arn}-missing`),
        code("InvalidParameterValue", /Dead letter target does not exist/),
      );
      const fifo = await queue.create("x.fifo", { FifoQueue: "true" });
      await assert.rejects(policy(await fifo.arn()), code("InvalidParameterValue", /same type/));
      const closed = await queue.create("closed", {
        RedriveAllowPolicy: JSON.stringify({ redrivePermission: "denyAll" }),
      });
      await assert.rejects(policy(await closed.arn()), code("InvalidParameterValue", /does not have permission/));
      await closed.set({
        RedriveAllowPolicy: JSON.stringify({ redrivePermission: "byQueue", sourceQueueArns: [arn] }),
      });
      await policy(await closed.arn(), "3");
      assert.equal(
        (await queue.attributes()).RedrivePolicy,
        JSON.stringify({ deadLetterTargetArn: await closed.arn(), maxReceiveCount: 3 }),
      );
      const { queueUrls } = await queue.platform.call("sqs", "ListDeadLetterSourceQueues", { QueueUrl: closed.url });
      assert.deepEqual(queueUrls, [queue.url]);
      await assert.rejects(policy(await closed.arn(), 0), code("InvalidParameterValue", /maxReceiveCount/));
      await assert.rejects(queue.set({ RedrivePolicy: "{" }), code("InvalidParameterValue", /not a valid JSON map/));
      await queue.set({ RedrivePolicy: "" });
      assert.equal((await queue.attributes()).RedrivePolicy, undefined);
    }));
});

describe("FIFO queues", () => {
  const fifo = (run: (queue: ReturnType<typeof driver>) => Promise<void>, more: Record<string, string> = {}) =>
    withQueue({ FifoQueue: "true", ContentBasedDeduplication: "true", VisibilityTimeout: "30", ...more }, run);

  test("a group is received in order, and not while any of it is in flight", () =>
    fifo(async ({ send, receive, remove, visibility, platform }) => {
      for (const text of ["a1", "a2", "a3"]) await send(text, { MessageGroupId: "a" });
      await send("b1", { MessageGroupId: "b" });
      const [a1] = await receive({ MaxNumberOfMessages: 1 });
      assert.equal(a1!.Body, "a1");
      assert.deepEqual(bodies(await receive()), ["b1"]);
      assert.deepEqual(await receive(), []);
      await remove(a1!);
      const [a2, a3] = await receive();
      assert.deepEqual([a2!.Body, a3!.Body], ["a2", "a3"]);
      await visibility(a2!, 0);
      assert.deepEqual(await receive(), []);
      await remove(a3!);
      assert.deepEqual(bodies(await receive()), ["a2"]);
      await platform.advance(30_000);
      assert.deepEqual(bodies(await receive()).sort(), ["a2", "b1"]);
    }));

  test("a batch takes as much of one group as it can, then the next", () =>
    fifo(async ({ send, receive }) => {
      for (let n = 0; n < 6; n++)
        await send(`${n % 2 ? "odd" : "even"}${n}`, { MessageGroupId: n % 2 ? "odd" : "even" });
      assert.deepEqual(bodies(await receive({ MaxNumberOfMessages: 4 })), ["even0", "even2", "even4", "odd1"]);
      assert.deepEqual(await receive(), []);
    }));

  test("a repeated message is accepted and delivered once, for five minutes, even when it was deleted", () =>
    fifo(async ({ send, receive, remove, platform }) => {
      const first = await send("same", { MessageGroupId: "g" });
      const again = await send("same", { MessageGroupId: "other" });
      assert.deepEqual([again.MessageId, again.SequenceNumber], [first.MessageId, first.SequenceNumber]);
      const [message] = await receive();
      assert.equal(message!.Attributes!.SequenceNumber, first.SequenceNumber);
      await remove(message!);
      await platform.advance(299_999);
      await send("same", { MessageGroupId: "g" });
      assert.deepEqual(await receive(), []);
      await platform.advance(1);
      const later = await send("same", { MessageGroupId: "g" });
      assert.notEqual(later.MessageId, first.MessageId);
      assert.ok(BigInt(later.SequenceNumber!) > BigInt(first.SequenceNumber!));
      assert.deepEqual(bodies(await receive()), ["same"]);
    }));

  test("deduplication within a group, when so scoped", () =>
    fifo(
      async ({ send, receive }) => {
        await send("same", { MessageGroupId: "a" });
        await send("same", { MessageGroupId: "b" });
        await send("same", { MessageGroupId: "a" });
        assert.deepEqual(bodies(await receive()), ["same", "same"]);
      },
      { DeduplicationScope: "messageGroup" },
    ));

  test("a stale or expired handle is an error", () =>
    fifo(async ({ send, receive, remove, platform }) => {
      await send("a", { MessageGroupId: "g" });
      const [message] = await receive({ VisibilityTimeout: 1 });
      await platform.advance(1000);
      await assert.rejects(remove(message!), code("InvalidParameterValue", /receipt handle has expired/));
    }));

  test("a receive attempt can be repeated", () =>
    fifo(async ({ send, receive, remove }) => {
      await send("a", { MessageGroupId: "g" });
      await send("b", { MessageGroupId: "g" });
      const first = await receive({ ReceiveRequestAttemptId: "try" });
      const again = await receive({ ReceiveRequestAttemptId: "try" });
      assert.deepEqual(
        again.map((m) => [m.Body, m.Attributes!.ApproximateReceiveCount]),
        first.map((m) => [m.Body, "1"]),
      );
      await remove(again[0]!);
      assert.deepEqual(await receive({ ReceiveRequestAttemptId: "try" }), []);
    }));

  test("deleting wakes whoever waits for the rest of the group", () =>
    fifo(async ({ send, receive, remove, platform }) => {
      await send("a", { MessageGroupId: "g" });
      await send("b", { MessageGroupId: "g" });
      const [a] = await receive({ MaxNumberOfMessages: 1 });
      const poll = receive({ WaitTimeSeconds: 20 });
      await platform.advance(1000);
      await remove(a!);
      assert.deepEqual(bodies(await poll), ["b"]);
    }));

  test("groups and deduplication are required and checked", () =>
    withQueue({ FifoQueue: "true" }, async ({ send }) => {
      await assert.rejects(send("a"), code("MissingParameter", /MessageGroupId/));
      await assert.rejects(
        send("a", { MessageGroupId: "g" }),
        code("InvalidParameterValue", /ContentBasedDeduplication/),
      );
      await assert.rejects(
        send("a", { MessageGroupId: "g h", MessageDeduplicationId: "1" }),
        code("InvalidParameterValue"),
      );
      await assert.rejects(
        send("a", { MessageGroupId: "g", MessageDeduplicationId: "1", DelaySeconds: 5 }),
        code("InvalidParameterValue"),
      );
    }));
});

describe("queues", () => {
  test("creating again answers with the same queue, unless something differs", () =>
    withQueue({ VisibilityTimeout: "5" }, async ({ platform, url }) => {
      const again = await platform.call("sqs", "CreateQueue", {
        QueueName: "q",
        Attributes: { VisibilityTimeout: "5" },
      });
      assert.equal(again.QueueUrl, url);
      await platform.call("sqs", "CreateQueue", { QueueName: "q" });
      await assert.rejects(
        platform.call("sqs", "CreateQueue", { QueueName: "q", Attributes: { VisibilityTimeout: "6" } }),
        code("QueueNameExists", /VisibilityTimeout/),
      );
    }));

  test("listing pages by name and prefix", () =>
    withQueue({}, async ({ platform, create }) => {
      for (const name of ["a1", "a2", "a3", "b1"]) await create(name);
      const first = await platform.call("sqs", "ListQueues", { QueueNamePrefix: "a", MaxResults: 2 });
      assert.deepEqual(
        first.QueueUrls!.map((url) => url.split("/").at(-1)),
        ["a1", "a2"],
      );
      const second = await platform.call("sqs", "ListQueues", {
        QueueNamePrefix: "a",
        MaxResults: 2,
        NextToken: first.NextToken,
      });
      assert.deepEqual(
        second.QueueUrls!.map((url) => url.split("/").at(-1)),
        ["a3"],
      );
      assert.equal(second.NextToken, undefined);
    }));

  test("accounts and regions do not see one another's queues", () =>
    withQueue({}, async ({ platform }) => {
      const other = { accountId: "111111111111" as never };
      await assert.rejects(platform.call("sqs", "GetQueueUrl", { QueueName: "q" }, other), code("QueueDoesNotExist"));
      await assert.rejects(
        platform.call("sqs", "GetQueueUrl", { QueueName: "q" }, { region: "eu-west-1" as never }),
        code("QueueDoesNotExist"),
      );
      const { QueueUrl } = await platform.call(
        "sqs",
        "GetQueueUrl",
        { QueueName: "q", QueueOwnerAWSAccountId: "000000000000" },
        other,
      );
      assert.match(QueueUrl!, /000000000000\/q$/);
    }));

  test("tags are set, listed and taken away", () =>
    withQueue({}, async ({ platform, url }) => {
      await platform.call("sqs", "TagQueue", { QueueUrl: url, Tags: { a: "1", b: "2" } });
      await platform.call("sqs", "UntagQueue", { QueueUrl: url, TagKeys: ["a"] });
      assert.deepEqual((await platform.call("sqs", "ListQueueTags", { QueueUrl: url })).Tags, { b: "2" });
      await assert.rejects(
        platform.call("sqs", "TagQueue", { QueueUrl: url, Tags: { "aws:x": "1" } }),
        code("InvalidParameterValue"),
      );
    }));

  test("permissions are statements of the policy", () =>
    withQueue({}, async ({ platform, url, attributes }) => {
      await platform.call("sqs", "AddPermission", {
        QueueUrl: url,
        Label: "share",
        AWSAccountIds: ["111111111111"],
        Actions: ["SendMessage"],
      });
      const policy = JSON.parse((await attributes()).Policy!);
      assert.deepEqual(policy.Statement[0], {
        Sid: "share",
        Effect: "Allow",
        Principal: { AWS: "arn:aws:iam::111111111111:root" },
        Action: "SQS:SendMessage",
        Resource: "arn:aws:sqs:us-east-1:000000000000:q",
      });
      await platform.call("sqs", "RemovePermission", { QueueUrl: url, Label: "share" });
      assert.equal((await attributes()).Policy, undefined);
      await assert.rejects(
        platform.call("sqs", "RemovePermission", { QueueUrl: url, Label: "share" }),
        code("InvalidParameterValue"),
      );
    }));
});

describe("refusals", () => {
  const create = (QueueName: string | undefined, Attributes: Record<string, string> = {}) =>
    ["CreateQueue", { QueueName, Attributes }] as const;
  const send = (more: object) =>
    ["SendMessage", { QueueUrl: "http://x/000000000000/q", MessageBody: "a", ...more }] as const;
  const receive = (more: object) => ["ReceiveMessage", { QueueUrl: "http://x/000000000000/q", ...more }] as const;
  const batch = (Entries: unknown) => ["SendMessageBatch", { QueueUrl: "http://x/000000000000/q", Entries }] as const;
  const cases: Array<[name: string, call: readonly [string, object], code: string, message?: RegExp]> = [
    ["no name", create(undefined), "MissingParameter"],
    ["a name with a space", create("a b"), "InvalidParameterValue", /alphanumeric/],
    ["a name of 81", create("a".repeat(81)), "InvalidParameterValue"],
    ["a FIFO name without FifoQueue", create("a.fifo"), "InvalidParameterValue"],
    ["FifoQueue without a FIFO name", create("a", { FifoQueue: "true" }), "InvalidParameterValue"],
    ["an unknown attribute", create("a", { Colour: "red" }), "InvalidAttributeName", /Unknown Attribute Colour/],
    [
      "a FIFO attribute on a standard queue",
      create("a", { ContentBasedDeduplication: "true" }),
      "InvalidAttributeName",
    ],
    [
      "a visibility timeout out of range",
      create("a", { VisibilityTimeout: "43201" }),
      "InvalidAttributeValue",
      /Invalid value for the parameter VisibilityTimeout/,
    ],
    ["a visibility timeout that is no number", create("a", { VisibilityTimeout: "x" }), "InvalidAttributeValue"],
    ["a policy that is no JSON", create("a", { Policy: "{" }), "InvalidAttributeValue"],
    [
      "a KMS key, which is not supported",
      create("a", { KmsMasterKeyId: "alias/x" }),
      "NotImplemented",
      /KmsMasterKeyId/,
    ],
    [
      "a queue that is not there",
      ["SendMessage", { QueueUrl: "http://x/000000000000/none", MessageBody: "a" }],
      "QueueDoesNotExist",
    ],
    ["an address that is none", ["SendMessage", { QueueUrl: "http://x/", MessageBody: "a" }], "InvalidAddress"],
    ["no URL", ["SendMessage", { MessageBody: "a" }], "MissingParameter", /QueueUrl/],
    ["an empty body", send({ MessageBody: "" }), "MissingParameter", /MessageBody/],
    ["a forbidden character", send({ MessageBody: "a\u0008" }), "InvalidMessageContents"],
    ["a lone surrogate", send({ MessageBody: "a\ud800" }), "InvalidMessageContents"],
    [
      "more than a mebibyte",
      send({ MessageBody: "é".repeat(524_289) }),
      "InvalidParameterValue",
      /shorter than 1048576 bytes/,
    ],
    ["a delay too long", send({ DelaySeconds: 901 }), "InvalidParameterValue", /DelaySeconds/],
    [
      "a deduplication id on a standard queue",
      send({ MessageDeduplicationId: "x" }),
      "InvalidParameterValue",
      /not valid for this queue type/,
    ],
    [
      "eleven attributes",
      send({
        MessageAttributes: Object.fromEntries(
          Array.from({ length: 11 }, (_, n) => [`a${n}`, { DataType: "String", StringValue: "x" }]),
        ),
      }),
      "InvalidParameterValue",
    ],
    [
      "an attribute without a type",
      send({ MessageAttributes: { a: { StringValue: "x" } } }),
      "InvalidParameterValue",
      /type/,
    ],
    [
      "an attribute of a strange type",
      send({ MessageAttributes: { a: { DataType: "Date", StringValue: "x" } } }),
      "InvalidParameterValue",
      /type/,
    ],
    [
      "an empty attribute",
      send({ MessageAttributes: { a: { DataType: "String", StringValue: "" } } }),
      "InvalidParameterValue",
      /non-empty/,
    ],
    [
      "a number that is none",
      send({ MessageAttributes: { a: { DataType: "Number", StringValue: "x" } } }),
      "InvalidParameterValue",
      /number/,
    ],
    [
      "a reserved attribute name",
      send({ MessageAttributes: { "AWS.x": { DataType: "String", StringValue: "x" } } }),
      "InvalidParameterValue",
      /reserved/,
    ],
    [
      "an unknown system attribute",
      send({ MessageSystemAttributes: { Other: { DataType: "String", StringValue: "x" } } }),
      "InvalidParameterValue",
    ],
    ["eleven messages", receive({ MaxNumberOfMessages: 11 }), "InvalidParameterValue", /Must be between 1 and 10/],
    ["a wait of 21 seconds", receive({ WaitTimeSeconds: 21 }), "InvalidParameterValue", /WaitTimeSeconds/],
    ["an unknown attribute name", receive({ AttributeNames: ["Colour"] }), "InvalidAttributeName"],
    ["an empty batch", batch([]), "EmptyBatchRequest", /at least one SendMessageBatchRequestEntry/],
    [
      "a batch of eleven",
      batch(Array.from({ length: 11 }, (_, n) => ({ Id: `${n}`, MessageBody: "a" }))),
      "TooManyEntriesInBatchRequest",
      /You have sent 11/,
    ],
    ["a batch with a strange id", batch([{ Id: "a b", MessageBody: "a" }]), "InvalidBatchEntryId"],
    [
      "a batch with an id twice",
      batch([
        { Id: "a", MessageBody: "a" },
        { Id: "a", MessageBody: "b" },
      ]),
      "BatchEntryIdsNotDistinct",
      /Id a repeated/,
    ],
    [
      "a batch too long",
      batch([
        { Id: "a", MessageBody: "a".repeat(600_000) },
        { Id: "b", MessageBody: "a".repeat(600_000) },
      ]),
      "BatchRequestTooLong",
    ],
    [
      "a handle that is none",
      ["DeleteMessage", { QueueUrl: "http://x/000000000000/q", ReceiptHandle: "x" }],
      "ReceiptHandleIsInvalid",
    ],
    ["a page token without a page size", ["ListQueues", { NextToken: "x" }], "InvalidParameterValue"],
  ];
  for (const [name, [operation, input], expected, message] of cases) {
    test(name, () =>
      withQueue({}, async ({ platform }) => {
        await assert.rejects(platform.call("sqs", operation as "SendMessage", input as never), code(expected, message));
      }),
    );
  }
});
