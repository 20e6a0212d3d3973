import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import { peekFront } from "./peek.ts";

type Platform = Awaited<ReturnType<typeof openTestPlatform>>;

async function peek(platform: Platform, query: Record<string, string>, flow = platform.flow()) {
  const request = { query: String(new URLSearchParams(query)) } as Parameters<typeof peekFront.handle>[1];
  const { body } = await peekFront.handle(flow, request, {});
  return JSON.parse(body as string) as { Messages: any[]; NextToken?: string };
}

for (const fifo of [false, true]) {
  test(`looking at a ${fifo ? "FIFO" : "standard"} queue receives nothing, and tells what is in flight`, async () => {
    const platform = await openTestPlatform();
    const { QueueUrl = "" } = await platform.call("sqs", "CreateQueue", {
      QueueName: fifo ? "orders.fifo" : "orders",
      Attributes: {
        VisibilityTimeout: "30",
        ...(fifo ? { FifoQueue: "true", ContentBasedDeduplication: "true" } : {}),
      },
    });
    for (const MessageBody of ["one", "two"])
      await platform.call("sqs", "SendMessage", {
        QueueUrl,
        MessageBody,
        ...(fifo ? { MessageGroupId: MessageBody } : {}),
      });
    await platform.call("sqs", "ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 1 });
    for (const _ of [1, 2]) {
      const { Messages } = await peek(platform, { QueueUrl });
      assert.deepEqual(
        Messages.map(({ Body, State, Attributes }) => [Body, State, Attributes.ApproximateReceiveCount]),
        [
          ["one", "in-flight", "1"],
          ["two", "visible", "0"],
        ],
      );
    }
    await platform.advance(30_000);
    assert.deepEqual(
      (await peek(platform, { QueueUrl })).Messages.map(({ State }) => State),
      ["visible", "visible"],
    );
    await platform.close();
  });
}

test("pages go on where they ended; strangers see nothing", async () => {
  const platform = await openTestPlatform();
  const { QueueUrl = "" } = await platform.call("sqs", "CreateQueue", { QueueName: "orders" });
  for (let i = 0; i < 5; i++) await platform.call("sqs", "SendMessage", { QueueUrl, MessageBody: `${i}` });
  const seen: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await peek(platform, { QueueUrl, MaxNumberOfMessages: "2", ...(NextToken ? { NextToken } : {}) });
    seen.push(...page.Messages.map(({ Body }) => Body));
    NextToken = page.NextToken;
  } while (NextToken);
  assert.deepEqual(seen, ["0", "1", "2", "3", "4"]);
  await assert.rejects(peek(platform, { QueueUrl }, platform.flow({ principal: { type: "anonymous" } })), {
    code: "AccessDenied",
  });
  await platform.close();
});
