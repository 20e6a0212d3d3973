import assert from "node:assert/strict";
import { verify, X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { createAuthorize } from "../../platform/authorization.ts";
import { openTestPlatform, type TestPlatform, testKeyPair } from "../../platform/testing.ts";
import { fakePorts } from "../lambda/testing.ts";
import type { HttpRequest } from "../service.ts";
import type { Post } from "./endpoints.ts";
import { certificateFront } from "./signing.ts";

const ACCOUNT = "000000000000";

/** A platform with a topic and short words for what tests do to it. Answers of HTTP endpoints come from `answer`. */
async function withTopic(
  attributes: Record<string, string>,
  run: (topic: Awaited<ReturnType<typeof driver>>) => Promise<void>,
  answer: (post: Post) => number | Promise<number> = () => 200,
): Promise<void> {
  const posts: Post[] = [];
  const post = async (one: Post) => {
    posts.push(one);
    return { status: await answer(one) };
  };
  const platform = await openTestPlatform({ seed: 3, ports: { sns: { post, makeKeyPair: testKeyPair } } });
  try {
    const Name = attributes["FifoTopic"] ? "news.fifo" : "news";
    const { TopicArn } = await platform.call("sns", "CreateTopic", { Name, Attributes: attributes });
    await run(driver(platform, TopicArn!, posts));
  } finally {
    await platform.close();
  }
}

function driver(platform: TestPlatform, TopicArn: string, posts: Post[]) {
  const queueArn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
  return {
    platform,
    arn: TopicArn,
    posts,
    queueArn,
    queue: async (QueueName: string, Attributes: Record<string, string> = {}) => {
      await platform.call("sqs", "CreateQueue", { QueueName, Attributes });
    },
    subscribe: async (Protocol: string, Endpoint: string, Attributes: Record<string, string> = {}) =>
      (
        await platform.call("sns", "Subscribe", {
          TopicArn,
          Protocol,
          Endpoint,
          Attributes,
          ReturnSubscriptionArn: true,
        })
      ).SubscriptionArn!,
    publish: (Message: string, more: object = {}) => platform.call("sns", "Publish", { TopicArn, Message, ...more }),
    received: async (name: string) => {
      const { Messages = [] } = await platform.call("sqs", "ReceiveMessage", {
        QueueUrl: `http://localhost:4566/${ACCOUNT}/${name}`,
        MaxNumberOfMessages: 10,
        MessageAttributeNames: ["All"],
        MessageSystemAttributeNames: ["All"],
      });
      return Messages;
    },
    attributes: async (SubscriptionArn: string) =>
      (await platform.call("sns", "GetSubscriptionAttributes", { SubscriptionArn })).Attributes!,
    listed: async () => (await platform.call("sns", "ListSubscriptionsByTopic", { TopicArn })).Subscriptions!,
    mails: async () => {
      const { Messages } = (await inbox(platform)) as { Messages: { Subject: string; text: string; to: string }[] };
      return Messages;
    },
  };
}

async function inbox(platform: TestPlatform) {
  const front = platform.core.services.get("ses")!.fronts![0]!;
  const request = { method: "GET", query: "", path: "/_aws/ses" } as HttpRequest;
  const { body } = await front.handle(platform.flow(), request, {});
  let text = "";
  for await (const chunk of body as AsyncIterable<unknown>) text += chunk;
  const { messages } = JSON.parse(text);
  return {
    Messages: messages.map((one: any) => ({
      Subject: one.Subject,
      text: one.Body.text_part,
      to: one.Destination.ToAddresses[0],
      from: one.Source,
    })),
  };
}

describe("topics", () => {
  test("creating again answers with the same, and refuses what differs", async () => {
    await withTopic({ DisplayName: "News" }, async ({ platform, arn }) => {
      assert.equal(arn, `arn:aws:sns:us-east-1:${ACCOUNT}:news`);
      const again = await platform.call("sns", "CreateTopic", { Name: "news" });
      assert.equal(again.TopicArn, arn);
      await assert.rejects(platform.call("sns", "CreateTopic", { Name: "news", Attributes: { DisplayName: "x" } }), {
        code: "InvalidParameterException",
        message: "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
      });
      await assert.rejects(platform.call("sns", "CreateTopic", { Name: "news", Tags: [{ Key: "a", Value: "b" }] }), {
        message: "Invalid parameter: Tags Reason: Topic already exists with different tags",
      });
      await assert.rejects(platform.call("sns", "CreateTopic", { Name: "a b" }), {
        message: "Invalid parameter: Topic Name",
      });
      for (const name of ["KmsMasterKeyId", "ArchivePolicy", "LambdaSuccessFeedbackRoleArn"]) {
        const Attributes = { [name]: "x" };
        await assert.rejects(platform.call("sns", "CreateTopic", { Name: "other", Attributes }), {
          code: "NotImplemented",
        });
      }
      await assert.rejects(platform.call("sns", "CreateTopic", { Name: "other", DataProtectionPolicy: "{}" }), {
        code: "NotImplemented",
        message: /DataProtectionPolicy of sns:CreateTopic/,
      });
    });
  });

  test("attributes, with counts and the policy that holds", async () => {
    await withTopic({}, async ({ platform, arn, subscribe, queueArn }) => {
      await subscribe("sqs", queueArn("a"));
      const gone = await subscribe("sqs", queueArn("b"));
      await subscribe("http", "http://example.com/");
      await platform.call("sns", "Unsubscribe", { SubscriptionArn: gone });
      const { Attributes } = await platform.call("sns", "GetTopicAttributes", { TopicArn: arn });
      assert.equal(Attributes!.SubscriptionsConfirmed, "1");
      assert.equal(Attributes!.SubscriptionsPending, "1");
      assert.equal(Attributes!.SubscriptionsDeleted, "1");
      assert.equal(Attributes!.Owner, ACCOUNT);
      assert.equal(JSON.parse(Attributes!.EffectiveDeliveryPolicy!).http.defaultHealthyRetryPolicy.numRetries, 3);
      assert.equal(JSON.parse(Attributes!.Policy!).Statement[0].Condition.StringEquals["AWS:SourceOwner"], ACCOUNT);
      await platform.call("sns", "SetTopicAttributes", {
        TopicArn: arn,
        AttributeName: "DisplayName",
        AttributeValue: "N",
      });
      await assert.rejects(
        platform.call("sns", "SetTopicAttributes", { TopicArn: arn, AttributeName: "Nope", AttributeValue: "" }),
        { message: "Invalid parameter: AttributeName" },
      );
      await platform.advance(4 * 86_400_000);
      const later = await platform.call("sns", "GetTopicAttributes", { TopicArn: arn });
      assert.equal(later.Attributes!.SubscriptionsDeleted, "0");
      assert.equal(later.Attributes!.SubscriptionsPending, "0", "nobody confirmed it within two days");
      assert.equal(later.Attributes!.DisplayName, "N");
    });
  });

  test("what a deleted topic had is gone", async () => {
    await withTopic({}, async ({ platform, arn, subscribe, queueArn }) => {
      await subscribe("sqs", queueArn("a"));
      await platform.call("sns", "DeleteTopic", { TopicArn: arn });
      await platform.call("sns", "DeleteTopic", { TopicArn: arn });
      await platform.settle();
      assert.deepEqual((await platform.call("sns", "ListTopics", {})).Topics, []);
      assert.deepEqual((await platform.call("sns", "ListSubscriptions", {})).Subscriptions, []);
      await assert.rejects(platform.call("sns", "Publish", { TopicArn: arn, Message: "x" }), {
        code: "NotFoundException",
        message: "Topic does not exist",
        status: 404,
      });
    });
  });

  test("lists in pages of a hundred", async () => {
    await withTopic({}, async ({ platform, subscribe }) => {
      for (let i = 0; i < 120; i++) {
        await platform.call("sns", "CreateTopic", { Name: `t${i}` });
        await subscribe("sqs", `arn:aws:sqs:us-east-1:${ACCOUNT}:q${i}`);
      }
      const first = await platform.call("sns", "ListTopics", {});
      const second = await platform.call("sns", "ListTopics", { NextToken: first.NextToken! });
      assert.deepEqual([first.Topics!.length, second.Topics!.length, second.NextToken], [100, 21, undefined]);
      const page = await platform.call("sns", "ListSubscriptions", {});
      const rest = await platform.call("sns", "ListSubscriptions", { NextToken: page.NextToken! });
      assert.deepEqual([page.Subscriptions!.length, rest.Subscriptions!.length], [100, 20]);
    });
  });

  test("tags and permissions", async () => {
    await withTopic({}, async ({ platform, arn }) => {
      await platform.call("sns", "TagResource", {
        ResourceArn: arn,
        Tags: [
          { Key: "a", Value: "1" },
          { Key: "b", Value: "2" },
        ],
      });
      await platform.call("sns", "UntagResource", { ResourceArn: arn, TagKeys: ["a"] });
      assert.deepEqual((await platform.call("sns", "ListTagsForResource", { ResourceArn: arn })).Tags, [
        { Key: "b", Value: "2" },
      ]);
      await platform.call("sns", "AddPermission", {
        TopicArn: arn,
        Label: "L",
        AWSAccountId: ["111122223333"],
        ActionName: ["Publish"],
      });
      const policy = async () =>
        JSON.parse((await platform.call("sns", "GetTopicAttributes", { TopicArn: arn })).Attributes!.Policy!);
      assert.deepEqual((await policy()).Statement[1], {
        Sid: "L",
        Effect: "Allow",
        Principal: { AWS: "arn:aws:iam::111122223333:root" },
        Action: "SNS:Publish",
        Resource: arn,
      });
      await platform.call("sns", "RemovePermission", { TopicArn: arn, Label: "L" });
      assert.equal((await policy()).Statement.length, 1);
    });
  });
});

describe("publishing to queues", () => {
  test("the document is signed, and the certificate served proves it", async () => {
    await withTopic({}, async ({ platform, queue, subscribe, queueArn, publish, received, arn }) => {
      await queue("q");
      const subscription = await subscribe("sqs", queueArn("q"));
      const { MessageId } = await publish("hello", {
        Subject: "Greeting",
        MessageAttributes: {
          colour: { DataType: "String", StringValue: "red" },
          raw: { DataType: "Binary", BinaryValue: Buffer.from("hi") },
        },
      });
      const [message] = await received("q");
      assert.ok(message!.Body!.startsWith('{\n  "Type" : "Notification",\n  "MessageId" : '), "spaced as SNS does");
      const body = JSON.parse(message!.Body!);
      assert.deepEqual(Object.keys(body), [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
      ]);
      assert.equal(body.MessageId, MessageId);
      assert.equal(body.TopicArn, arn);
      assert.deepEqual(body.MessageAttributes, {
        colour: { Type: "String", Value: "red" },
        raw: { Type: "Binary", Value: "aGk=" },
      });
      assert.equal(new URL(body.UnsubscribeURL).searchParams.get("SubscriptionArn"), subscription);
      const pem = await certificateFront.handle(
        platform.flow(),
        {} as HttpRequest,
        certificateFront.path!.exec(new URL(body.SigningCertURL).pathname)!.groups!,
      );
      const certificate = new X509Certificate(pem.body as string);
      assert.ok(certificate.verify(certificate.publicKey), "signed by itself");
      const text = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        .map((name) => `${name}\n${body[name]}\n`)
        .join("");
      assert.ok(verify("sha1", Buffer.from(text), certificate.publicKey, Buffer.from(body.Signature, "base64")));
    });
  });

  test("signature version 2 is SHA-256", async () => {
    await withTopic({ SignatureVersion: "2" }, async ({ platform, queue, subscribe, queueArn, publish, received }) => {
      await queue("q");
      await subscribe("sqs", queueArn("q"));
      await publish("hello");
      const body = JSON.parse((await received("q"))[0]!.Body!);
      const pem = await certificateFront.handle(
        platform.flow(),
        {} as HttpRequest,
        certificateFront.path!.exec(new URL(body.SigningCertURL).pathname)!.groups!,
      );
      const text = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
        .map((name) => `${name}\n${body[name]}\n`)
        .join("");
      assert.ok(
        verify(
          "sha256",
          Buffer.from(text),
          new X509Certificate(pem.body as string).publicKey,
          Buffer.from(body.Signature, "base64"),
        ),
      );
    });
  });

  test("raw delivery: the message alone, its attributes as the queue's", async () => {
    await withTopic({}, async ({ queue, subscribe, queueArn, publish, received }) => {
      await queue("q");
      await subscribe("sqs", queueArn("q"), { RawMessageDelivery: "true" });
      await publish("hello", {
        MessageAttributes: { n: { DataType: "Number", StringValue: "5" } },
        MessageGroupId: "g",
      });
      const [message] = await received("q");
      assert.equal(message!.Body, "hello");
      assert.deepEqual(message!.MessageAttributes, { n: { DataType: "Number", StringValue: "5" } });
      assert.equal(message!.Attributes!.MessageGroupId, "g");
    });
  });

  test("a text for each protocol", async () => {
    await withTopic({}, async ({ queue, subscribe, queueArn, publish, received }) => {
      await queue("q");
      await subscribe("sqs", queueArn("q"), { RawMessageDelivery: "true" });
      await publish(JSON.stringify({ default: "d", sqs: "for queues", email: "m" }), { MessageStructure: "json" });
      assert.equal((await received("q"))[0]!.Body, "for queues");
      for (const [Message, message] of [
        ["{", "Message Structure - JSON message body failed to parse"],
        ['{"sqs":"x"}', "Message Structure - No default entry in JSON message body"],
      ] as const) {
        await assert.rejects(publish(Message, { MessageStructure: "json" }), {
          message: `Invalid parameter: ${message}`,
        });
      }
    });
  });

  test("only what a filter policy takes", async () => {
    await withTopic({}, async ({ platform, queue, subscribe, queueArn, publish, received, attributes }) => {
      await queue("q");
      await queue("body");
      const subscription = await subscribe("sqs", queueArn("q"), {
        FilterPolicy: '{"store":["a"]}',
        RawMessageDelivery: "true",
      });
      await subscribe("sqs", queueArn("body"), {
        FilterPolicy: '{"order":{"size":[{"numeric":[">",2]}]}}',
        FilterPolicyScope: "MessageBody",
        RawMessageDelivery: "true",
      });
      const store = (StringValue: string) => ({ MessageAttributes: { store: { DataType: "String", StringValue } } });
      await publish("one", store("a"));
      await publish("two", store("b"));
      await publish('{"order":{"size":3}}');
      assert.deepEqual(
        (await received("q")).map(({ Body }) => Body),
        ["one"],
      );
      assert.deepEqual(
        (await received("body")).map(({ Body }) => Body),
        ['{"order":{"size":3}}'],
      );
      assert.equal((await attributes(subscription))["FilterPolicyScope"], "MessageAttributes");
      const set = (AttributeName: string, AttributeValue: string) =>
        platform.call("sns", "SetSubscriptionAttributes", {
          SubscriptionArn: subscription,
          AttributeName,
          AttributeValue,
        });
      await set("FilterPolicy", "");
      await publish("three", store("c"));
      assert.deepEqual(
        (await received("q")).map(({ Body }) => Body),
        ["three"],
      );
      await assert.rejects(set("FilterPolicy", '{"a":{"b":["c"]}}'), {
        message: "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy",
      });
      await assert.rejects(subscribe("sqs", queueArn("r"), { FilterPolicy: "{" }), {
        message: "Invalid parameter: Attributes Reason: FilterPolicy: failed to parse JSON.",
      });
    });
  });

  test("what a queue refuses goes to the subscription's dead-letter queue, in the commit of the publish", async () => {
    await withTopic({}, async ({ queue, subscribe, queueArn, publish, received }) => {
      await queue("dead");
      const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn("dead") });
      await subscribe("sqs", queueArn("nowhere"), { RedrivePolicy });
      await publish("hello");
      assert.equal(JSON.parse((await received("dead"))[0]!.Body!).Message, "hello");
      for (const [policy, reason] of [
        ["{}", "Missing deadLetterTargetArn attribute"],
        ['{"deadLetterTargetArn":"x"}', "deadLetterTargetArn is an invalid arn"],
      ] as const) {
        await assert.rejects(subscribe("sqs", queueArn("x"), { RedrivePolicy: policy }), {
          message: `Invalid parameter: Attributes Reason: RedrivePolicy: ${reason}`,
        });
      }
    });
  });

  test("more subscriptions than one transaction serves", async () => {
    await withTopic({}, async ({ platform, queue, subscribe, queueArn, publish, received }) => {
      for (let i = 0; i < 230; i++) {
        await queue(`q${i}`);
        await subscribe("sqs", queueArn(`q${i}`), { RawMessageDelivery: "true" });
      }
      await publish("hello");
      await platform.settle();
      for (let i = 0; i < 230; i++) assert.equal((await received(`q${i}`)).length, 1, `q${i}`);
    });
  });

  test("messages and their attributes are checked", async () => {
    const string = (StringValue?: string) => ({ MessageAttributes: { a: { DataType: "String", StringValue } } });
    const cases: readonly [string, object, string][] = [
      ["", {}, "Invalid parameter: Empty message"],
      ["x".repeat(262_145), {}, "Invalid parameter: Message too long"],
      ["x", { Subject: "" }, "Invalid parameter: Subject"],
      ["x", { Subject: "two\nlines" }, "Invalid parameter: Subject"],
      ["x", { Subject: "s".repeat(101) }, "Invalid parameter: Subject"],
      [
        "x",
        string(""),
        "The message attribute 'a' must contain non-empty message attribute value for message attribute type 'String'.",
      ],
      [
        "x",
        { MessageAttributes: { a: { DataType: "Float", StringValue: "1" } } },
        "The message attribute 'a' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.",
      ],
      [
        "x",
        { MessageAttributes: { a: { DataType: "Number", StringValue: "one" } } },
        "Could not cast message attribute 'a' value to number.",
      ],
      [
        "x",
        { MessageDeduplicationId: "d" },
        "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
      ],
    ];
    await withTopic({}, async ({ publish, platform }) => {
      for (const [text, more, message] of cases) await assert.rejects(publish(text, more), { message });
      await assert.rejects(platform.call("sns", "Publish", { PhoneNumber: "+15550100", Message: "x" }), {
        code: "NotImplemented",
      });
      await assert.rejects(platform.call("sns", "Publish", { Message: "x" }), {
        message: "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
      });
    });
  });
});

describe("batches", () => {
  test("each entry by itself", async () => {
    await withTopic({}, async ({ platform, arn: TopicArn, queue, subscribe, queueArn, received }) => {
      await queue("q");
      await subscribe("sqs", queueArn("q"), { RawMessageDelivery: "true" });
      const batch = (PublishBatchRequestEntries: { Id: string; Message: string; Subject?: string }[]) =>
        platform.call("sns", "PublishBatch", { TopicArn, PublishBatchRequestEntries });
      const { Successful, Failed } = await batch([
        { Id: "1", Message: "one" },
        { Id: "2", Message: "two", Subject: "" },
      ]);
      assert.deepEqual(
        Successful!.map(({ Id }) => Id),
        ["1"],
      );
      assert.deepEqual(Failed, [
        { Id: "2", Code: "InvalidParameter", Message: "Invalid parameter: Subject", SenderFault: true },
      ]);
      assert.deepEqual(
        (await received("q")).map(({ Body }) => Body),
        ["one"],
      );
      for (const [entries, code] of [
        [[], "EmptyBatchRequestException"],
        [Array.from({ length: 11 }, (_, i) => ({ Id: `${i}`, Message: "x" })), "TooManyEntriesInBatchRequestException"],
        [[{ Id: "a b", Message: "x" }], "InvalidBatchEntryIdException"],
        [
          [
            { Id: "a", Message: "x" },
            { Id: "a", Message: "y" },
          ],
          "BatchEntryIdsNotDistinctException",
        ],
        [
          [
            { Id: "a", Message: "x".repeat(262_144) },
            { Id: "b", Message: "y" },
          ],
          "BatchRequestTooLongException",
        ],
      ] as const) {
        await assert.rejects(batch([...entries]), { code });
      }
    });
  });
});

describe("FIFO topics", () => {
  test("order by group, each message once", async () => {
    await withTopic({ FifoTopic: "true" }, async ({ platform, queue, subscribe, queueArn, publish, received }) => {
      await queue("q.fifo", { FifoQueue: "true" });
      await subscribe("sqs", queueArn("q.fifo"), { RawMessageDelivery: "true" });
      const send = (text: string, MessageGroupId: string, MessageDeduplicationId: string) =>
        publish(text, { MessageGroupId, MessageDeduplicationId });
      const first = await send("1", "a", "d1");
      const again = await send("1 again", "a", "d1");
      assert.deepEqual(again, first, "answered as the first, not delivered");
      const second = await send("2", "a", "d2");
      assert.ok(first.SequenceNumber! < second.SequenceNumber!);
      assert.equal(first.SequenceNumber!.length, 20);
      await send("3", "b", "d3");
      assert.deepEqual((await received("q.fifo")).map(({ Body }) => Body).sort(), ["1", "2", "3"]);
      await platform.advance(5 * 60_000);
      const later = await send("1 later", "a", "d1");
      assert.notEqual(later.MessageId, first.MessageId);
      await assert.rejects(publish("x"), {
        message: "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
      });
      await assert.rejects(publish("x", { MessageGroupId: "a" }), {
        message:
          "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
      });
    });
  });

  test("deduplication by content, in the scope of a group; documents carry the sequence number and no signature", async () => {
    const attributes = { FifoTopic: "true", ContentBasedDeduplication: "true", FifoThroughputScope: "MessageGroup" };
    await withTopic(attributes, async ({ queue, subscribe, queueArn, publish, received }) => {
      await queue("q");
      await subscribe("sqs", queueArn("q"));
      const first = await publish("x", { MessageGroupId: "a" });
      assert.deepEqual(await publish("x", { MessageGroupId: "a" }), first);
      assert.notEqual((await publish("x", { MessageGroupId: "b" })).MessageId, first.MessageId);
      const bodies = (await received("q")).map(({ Body }) => JSON.parse(Body!));
      assert.equal(bodies.length, 2);
      assert.ok(bodies.every((body) => body.SequenceNumber && !("Signature" in body)));
    });
  });

  test("what does not fit together", async () => {
    await withTopic({ FifoTopic: "true" }, async ({ platform, subscribe, queueArn }) => {
      await assert.rejects(subscribe("http", "http://example.com/"), { code: "InvalidParameterException" });
      const { TopicArn } = await platform.call("sns", "CreateTopic", { Name: "plain" });
      await assert.rejects(
        platform.call("sns", "Subscribe", { TopicArn, Protocol: "sqs", Endpoint: queueArn("q.fifo") }),
        {
          message:
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
        },
      );
      await assert.rejects(platform.call("sns", "CreateTopic", { Name: "plain2", Attributes: { FifoTopic: "true" } }), {
        message: /Fifo Topic names must end with \.fifo/,
      });
    });
  });
});

describe("subscribing", () => {
  test("endpoints and protocols are checked", async () => {
    await withTopic({}, async ({ subscribe }) => {
      for (const [protocol, endpoint, message] of [
        ["carrier-pigeon", "x", "Invalid parameter: Amazon SNS does not support this protocol string: carrier-pigeon"],
        ["sqs", "http://x", "Invalid parameter: SQS endpoint ARN"],
        ["lambda", "arn:aws:sqs:us-east-1:000000000000:q", "Invalid parameter: Lambda endpoint ARN"],
        ["http", "https://example.com", "Invalid parameter: Endpoint must match the specified protocol"],
        ["email", "nobody", "Invalid parameter: Email address"],
        ["email", "", "Invalid parameter: Endpoint"],
      ] as const) {
        await assert.rejects(subscribe(protocol, endpoint), { code: "InvalidParameterException", message });
      }
      for (const protocol of ["sms", "application", "firehose"]) {
        await assert.rejects(subscribe(protocol, "x"), { code: "NotImplemented" });
      }
    });
  });

  test("again is the same subscription, unless something differs", async () => {
    await withTopic({}, async ({ subscribe, queueArn, listed }) => {
      const one = await subscribe("sqs", queueArn("q"), { FilterPolicy: '{"a":["b"]}' });
      assert.equal(await subscribe("sqs", queueArn("q")), one);
      assert.equal(await subscribe("sqs", queueArn("q"), { FilterPolicy: '{"a":["b"]}' }), one);
      await assert.rejects(subscribe("sqs", queueArn("q"), { FilterPolicy: '{"a":["c"]}' }), {
        message: "Invalid parameter: Attributes Reason: Subscription already exists with different attributes",
      });
      assert.equal((await listed()).length, 1);
    });
  });

  test("a queue of another account is asked first", async () => {
    await withTopic({}, async ({ platform, subscribe, publish, listed }) => {
      const other = { accountId: "111122223333" as never };
      const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "theirs" }, other);
      const receive = async () => (await platform.call("sqs", "ReceiveMessage", { QueueUrl }, other)).Messages ?? [];
      await subscribe("sqs", "arn:aws:sqs:us-east-1:111122223333:theirs");
      await publish("not yet");
      const [asked] = await receive();
      const question = JSON.parse(asked!.Body!);
      assert.equal(question.Type, "SubscriptionConfirmation");
      assert.equal((await listed())[0]!.SubscriptionArn, "PendingConfirmation");
      await platform.call("sns", "ConfirmSubscription", { TopicArn: question.TopicArn, Token: question.Token }, other);
      await publish("now");
      assert.equal(JSON.parse((await receive())[0]!.Body!).Message, "now");
    });
  });
});

describe("HTTP endpoints", () => {
  test("the handshake, then signed notifications; a link ends it", async () => {
    await withTopic({}, async ({ platform, subscribe, publish, posts, listed, arn }) => {
      const subscription = await subscribe("http", "http://user:secret@example.com:8080/hook?x=1");
      await platform.settle();
      const [asked] = posts;
      const headers = Object.fromEntries(asked!.headers);
      assert.equal(headers["x-amz-sns-message-type"], "SubscriptionConfirmation");
      assert.equal(headers["content-type"], "text/plain; charset=UTF-8");
      assert.equal(headers["authorization"], `Basic ${Buffer.from("user:secret").toString("base64")}`);
      assert.equal(asked!.url.href, "http://example.com:8080/hook?x=1");
      assert.equal((await listed())[0]!.Endpoint, "http://user:****@example.com:8080/hook?x=1");
      const question = JSON.parse(String(asked!.body));
      await publish("too early");
      await platform.settle();
      assert.equal(posts.length, 1);
      const anonymous = { principal: { type: "anonymous" } as const };
      await platform.call("sns", "ConfirmSubscription", { TopicArn: arn, Token: question.Token }, anonymous);
      await publish("hello");
      await platform.settle();
      const sent = Object.fromEntries(posts[1]!.headers);
      assert.equal(sent["x-amz-sns-message-type"], "Notification");
      assert.equal(sent["x-amz-sns-subscription-arn"], subscription);
      assert.equal(JSON.parse(String(posts[1]!.body)).Message, "hello");
      await assert.rejects(platform.call("sns", "ConfirmSubscription", { TopicArn: arn, Token: "abc" }), {
        message: "Invalid parameter: Token",
      });
      await platform.call("sns", "Unsubscribe", { SubscriptionArn: subscription }, anonymous);
      assert.deepEqual(await listed(), []);
    });
  });

  /** When the attempts of one message were made, in seconds after the publish. */
  async function attempts(policy: object, status: number): Promise<number[]> {
    const times: number[] = [];
    let confirmed = false;
    let clock: TestPlatform["clock"] | undefined;
    let startMs = 0;
    await withTopic(
      {},
      async ({ platform, subscribe, publish, posts, arn, queue, queueArn, received }) => {
        clock = platform.clock;
        await queue("dead");
        const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: queueArn("dead") });
        await subscribe("http", "http://example.com/", { DeliveryPolicy: JSON.stringify(policy), RedrivePolicy });
        await platform.settle();
        await platform.call("sns", "ConfirmSubscription", {
          TopicArn: arn,
          Token: JSON.parse(String(posts[0]!.body)).Token,
        });
        confirmed = true;
        startMs = clock.nowMs();
        await publish("hello");
        await platform.advance(3_600_000);
        const dead = (await received("dead")).map(({ Body }) => JSON.parse(Body!).Message);
        assert.deepEqual(dead, ["hello"], "the end is the dead-letter queue");
      },
      () => {
        if (!confirmed) return 200;
        times.push((clock!.nowMs() - startMs) / 1000);
        return status;
      },
    );
    return times;
  }

  test("retries as the delivery policy says", async () => {
    const policy = (more: object) => ({ healthyRetryPolicy: { minDelayTarget: 1, maxDelayTarget: 10, ...more } });
    assert.deepEqual(await attempts({}, 500), [0, 20, 40, 60]);
    assert.deepEqual(
      await attempts(
        policy({ numRetries: 5, numNoDelayRetries: 1, numMinDelayRetries: 1, numMaxDelayRetries: 1 }),
        503,
      ),
      [0, 0, 1, 2, 12, 22],
    );
    assert.deepEqual(await attempts(policy({ numRetries: 4, backoffFunction: "linear" }), 429), [0, 1, 5, 12, 22]);
    assert.deepEqual(await attempts({}, 404), [0], "the client's fault is not tried again");
  });

  test("delivery policies are checked, and a throttle spreads deliveries", async () => {
    await withTopic({}, async ({ platform, subscribe, publish, posts, arn }) => {
      for (const policy of [
        "{",
        '{"healthyRetryPolicy":{"numRetries":101}}',
        '{"healthyRetryPolicy":{"minDelayTarget":30,"maxDelayTarget":20}}',
        '{"healthyRetryPolicy":{"backoffFunction":"random"}}',
        '{"throttlePolicy":{"maxReceivesPerSecond":0}}',
        '{"requestPolicy":{"headerContentType":"image/png"}}',
        '{"other":{}}',
      ]) {
        await assert.rejects(subscribe("http", "http://example.com/", { DeliveryPolicy: policy }), {
          code: "InvalidParameterException",
        });
      }
      const DeliveryPolicy =
        '{"throttlePolicy":{"maxReceivesPerSecond":1},"requestPolicy":{"headerContentType":"application/json"}}';
      await subscribe("http", "http://example.com/", { DeliveryPolicy, RawMessageDelivery: "true" });
      await platform.settle();
      await platform.call("sns", "ConfirmSubscription", {
        TopicArn: arn,
        Token: JSON.parse(String(posts[0]!.body)).Token,
      });
      await platform.advance(1000);
      for (const text of ["1", "2", "3"]) await publish(text);
      await platform.settle();
      assert.equal(posts.length, 2);
      await platform.advance(2000);
      assert.deepEqual(
        posts.slice(1).map(({ body }) => String(body)),
        ["1", "2", "3"],
      );
      const headers = Object.fromEntries(posts[1]!.headers);
      assert.equal(headers["content-type"], "application/json");
      assert.equal(headers["x-amz-sns-rawdelivery"], "true");
    });
  });
});

describe("functions", () => {
  test("run with SNS's event, each attempt durable; what is refused for good goes to the dead-letter queue", async () => {
    const lambda = fakePorts();
    const platform = await openTestPlatform({ seed: 3, ports: { lambda } });
    try {
      const { TopicArn } = await platform.call("sns", "CreateTopic", { Name: "news" });
      const { Role } = await platform.call("iam", "CreateRole", {
        RoleName: "r",
        AssumeRolePolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
        }),
      });
      const { FunctionArn } = await platform.call("lambda", "CreateFunction", {
        FunctionName: "reader",
        Role: Role!.Arn!,
        Runtime: "nodejs22.x",
        Handler: "index.handler",
        Code: { ZipFile: Buffer.from("zip") },
      });
      const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "dead" });
      const RedrivePolicy = `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:${ACCOUNT}:dead"}`;
      const { SubscriptionArn } = await platform.call("sns", "Subscribe", {
        TopicArn,
        Protocol: "lambda",
        Endpoint: FunctionArn!,
        Attributes: { RedrivePolicy },
      });
      const { MessageId } = await platform.call("sns", "Publish", {
        TopicArn,
        Message: "hello",
        MessageAttributes: { a: { DataType: "String", StringValue: "b" } },
      });
      await platform.settle();
      const [record] = (lambda.runs[0]!.event as { Records: any[] }).Records;
      assert.deepEqual(Object.keys(record), ["EventSource", "EventVersion", "EventSubscriptionArn", "Sns"]);
      assert.equal(record.EventSubscriptionArn, SubscriptionArn);
      const { Signature, SigningCertUrl, UnsubscribeUrl, ...rest } = record.Sns;
      assert.ok(Signature && SigningCertUrl && UnsubscribeUrl);
      assert.deepEqual(rest, {
        Type: "Notification",
        MessageId,
        TopicArn,
        Subject: null,
        Message: "hello",
        Timestamp: "2026-01-01T00:00:00.000Z",
        SignatureVersion: "1",
        MessageAttributes: { a: { Type: "String", Value: "b" } },
      });
      await platform.call("lambda", "DeleteFunction", { FunctionName: "reader" });
      await platform.call("sns", "Publish", { TopicArn, Message: "too late" });
      await platform.settle();
      const { Messages } = await platform.call("sqs", "ReceiveMessage", { QueueUrl });
      assert.equal(JSON.parse(Messages![0]!.Body!).Message, "too late");
    } finally {
      await platform.close();
    }
  });
});

test("mail goes to the mailbox, after the address agreed", async () => {
  await withTopic({ DisplayName: "The Newsroom" }, async ({ platform, subscribe, publish, mails, arn, listed }) => {
    await subscribe("email", "reader@example.com");
    await subscribe("email-json", "robot@example.com");
    await platform.settle();
    const asked = await mails();
    assert.deepEqual(asked.map(({ to }) => to).sort(), ["reader@example.com", "robot@example.com"]);
    assert.equal(asked[0]!.Subject, "AWS Notification - Subscription Confirmation");
    for (const { text } of asked) {
      const Token = new URL(/http\S+/.exec(text.replaceAll("=\n", ""))![0]).searchParams.get("Token")!;
      await platform.call("sns", "ConfirmSubscription", { TopicArn: arn, Token });
    }
    assert.ok((await listed()).every(({ SubscriptionArn }) => SubscriptionArn!.startsWith("arn:")));
    await publish("The news is good.", { Subject: "News" });
    await platform.settle();
    const sent = (await mails()).slice(2);
    const readable = sent.find(({ to }) => to === "reader@example.com")!;
    assert.equal(readable.Subject, "News");
    assert.match(readable.text, /^The news is good\.\n/);
    assert.match(readable.text, /Action=Unsubscribe/);
    assert.equal(JSON.parse(sent.find(({ to }) => to === "robot@example.com")!.text).Message, "The news is good.");
  });
});

describe("policies, where they are enforced", () => {
  test("a topic's policy lets others publish, a queue's lets the topic send", async () => {
    const platform = await openTestPlatform({ seed: 3, authorize: createAuthorize(true) });
    try {
      const { TopicArn } = await platform.call("sns", "CreateTopic", { Name: "news" });
      const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "q" });
      const queue = `arn:aws:sqs:us-east-1:${ACCOUNT}:q`;
      await platform.call("sns", "Subscribe", {
        TopicArn,
        Protocol: "sqs",
        Endpoint: queue,
        Attributes: { RawMessageDelivery: "true" },
      });
      const count = async () =>
        (
          await platform.call("sqs", "GetQueueAttributes", {
            QueueUrl,
            AttributeNames: ["ApproximateNumberOfMessages"],
          })
        ).Attributes!.ApproximateNumberOfMessages;
      await platform.call("sns", "Publish", { TopicArn, Message: "x" });
      assert.equal(await count(), "0", "the queue does not allow it");
      const Policy = JSON.stringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "sns.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: queue,
            Condition: { ArnEquals: { "aws:SourceArn": TopicArn } },
          },
        ],
      });
      await platform.call("sqs", "SetQueueAttributes", { QueueUrl, Attributes: { Policy } });
      await platform.call("sns", "Publish", { TopicArn, Message: "x" });
      assert.equal(await count(), "1");
      const stranger = { type: "root", accountId: "111122223333", arn: "arn:aws:iam::111122223333:root" } as never;
      const foreign = { principal: stranger, accountId: "111122223333" as never };
      await assert.rejects(platform.call("sns", "Publish", { TopicArn, Message: "x" }, foreign), {
        code: "AuthorizationErrorException",
        status: 403,
      });
      await platform.call("sns", "AddPermission", {
        TopicArn,
        Label: "l",
        AWSAccountId: ["111122223333"],
        ActionName: ["Publish"],
      });
      await platform.call("sns", "Publish", { TopicArn, Message: "x" }, foreign);
      assert.equal(await count(), "2");
      const s3 = { principal: { type: "service", service: "s3.amazonaws.com", sourceAccount: ACCOUNT } as never };
      await assert.rejects(platform.call("sns", "Publish", { TopicArn, Message: "x" }, s3), {
        code: "AuthorizationErrorException",
      });
    } finally {
      await platform.close();
    }
  });
});
