import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AccountId } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { createAuthorize } from "../../platform/authorization.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { Principal, Service } from "../service.ts";
import { sqs } from "../sqs/service.ts";
import { createEvents } from "./service.ts";

let platform: TestPlatform;
before(async () => {
  platform = await openTestPlatform();
});
after(() => platform.close());

const ACCOUNT = "000000000000";

async function queue(on: TestPlatform, name: string, attributes: Record<string, string> = {}) {
  const { QueueUrl } = await on.call("sqs", "CreateQueue", { QueueName: name, Attributes: attributes });
  return { url: QueueUrl!, arn: `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}` };
}

async function messages(on: TestPlatform, url: string) {
  await on.settle();
  const { Messages = [] } = await on.call("sqs", "ReceiveMessage", {
    QueueUrl: url,
    MaxNumberOfMessages: 10,
    MessageAttributeNames: ["All"],
    MessageSystemAttributeNames: ["All"],
  });
  for (const { ReceiptHandle } of Messages) await on.call("sqs", "DeleteMessage", { QueueUrl: url, ReceiptHandle });
  return Messages;
}

const put = (on: TestPlatform, entry: object, as?: { principal: Principal }) =>
  on.call("events", "PutEvents", { Entries: [{ Source: "shop", DetailType: "order", Detail: "{}", ...entry }] }, as);

test("an event reaches the targets whose pattern it matches, in AWS's form", async () => {
  const all = await queue(platform, "all");
  await platform.call("events", "PutRule", {
    Name: "orders",
    EventPattern: '{"source":["shop"],"detail":{"total":[{"numeric":[">",10]}]}}',
  });
  const { FailedEntryCount } = await platform.call("events", "PutTargets", {
    Rule: "orders",
    Targets: [{ Id: "q", Arn: all.arn }],
  });
  assert.equal(FailedEntryCount, 0);
  const { Entries } = await put(platform, {
    Detail: '{"total":11}',
    Resources: ["r1"],
    Time: new Date("2026-05-05T05:05:05.678Z"),
  });
  await put(platform, { Detail: '{"total":9}' });
  const [message, ...more] = await messages(platform, all.url);
  assert.equal(more.length, 0);
  assert.deepEqual(JSON.parse(message!.Body!), {
    version: "0",
    id: Entries![0]!.EventId,
    "detail-type": "order",
    source: "shop",
    account: ACCOUNT,
    time: "2026-05-05T05:05:05Z",
    region: "us-east-1",
    resources: ["r1"],
    detail: { total: 11 },
  });
  await platform.call("events", "DisableRule", { Name: "orders" });
  await put(platform, { Detail: '{"total":11}' });
  assert.equal((await messages(platform, all.url)).length, 0);
  await platform.call("events", "EnableRule", { Name: "orders" });
  await put(platform, { Detail: '{"total":11}' });
  assert.equal((await messages(platform, all.url)).length, 1);
});

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html */
const inputs: readonly (readonly [string, object, unknown])[] = [
  ["a constant", { Input: '{"a":1}' }, '{"a":1}'],
  ["a part", { InputPath: "$.detail" }, '{"name":"Ann \\"A\\"","tags":["x","y"],"o":{"k":"v"}}'],
  ["a part that is not there", { InputPath: "$.detail.none" }, "null"],
  [
    "JSON with values",
    {
      InputTransformer: {
        InputPathsMap: { n: "$.detail.name", t: "$.detail.tags", no: "$.x" },
        InputTemplate: '{"n": <n>, "t": <t>, "no": <no>}',
      },
    },
    '{"n":"Ann \\"A\\"","t":["x","y"],"no":""}',
  ],
  [
    "values between quotation marks",
    {
      InputTransformer: {
        InputPathsMap: { n: "$.detail.name", o: "$.detail.o" },
        InputTemplate: '{"text": "<n> has <o>"}',
      },
    },
    '{"text":"Ann \\"A\\" has {k:v}"}',
  ],
  ["a text", { InputTransformer: { InputPathsMap: { s: "$.source" }, InputTemplate: '"from <s>"' } }, '"from inputs"'],
  [
    "what is known of the rule",
    {
      InputTransformer: {
        InputTemplate: '{"a":<aws.events.rule-arn>,"n":"<aws.events.rule-name>","t":<aws.events.event.ingestion-time>}',
      },
    },
    `{"a":"arn:aws:events:us-east-1:${ACCOUNT}:rule/inputs","n":"inputs","t":"2026-01-01T00:00:00.000Z"}`,
  ],
  [
    "the event without its detail",
    { InputTransformer: { InputPathsMap: {}, InputTemplate: '{"e":<aws.events.event>}' } },
    (body: string) =>
      assert.deepEqual(Object.keys((JSON.parse(body) as any).e), [
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
      ]),
  ],
];
for (const [what, target, expected] of inputs) {
  test(`a target is given ${what}`, async () => {
    const target1 = await queue(platform, "inputs");
    await platform.call("events", "PutRule", { Name: "inputs", EventPattern: '{"source":["inputs"]}' });
    await platform.call("events", "PutTargets", {
      Rule: "inputs",
      Targets: [{ Id: "1", Arn: target1.arn, ...target }],
    });
    await put(platform, { Source: "inputs", Detail: '{"name":"Ann \\"A\\"","tags":["x","y"],"o":{"k":"v"}}' });
    const [message] = await messages(platform, target1.url);
    if (typeof expected === "function") expected(message!.Body!);
    else assert.equal(message!.Body, expected);
  });
}

test("an entry that fails leaves the others alone", async () => {
  const { FailedEntryCount, Entries } = await platform.call("events", "PutEvents", {
    Entries: [
      { Source: "a", DetailType: "b", Detail: "{}" },
      { DetailType: "b", Detail: "{}" },
      { Source: "a", Detail: "{}" },
      { Source: "a", DetailType: "b" },
      { Source: "a", DetailType: "b", Detail: "{" },
      { Source: "a", DetailType: "b", Detail: "[]" },
      { Source: "aws.s3", DetailType: "b", Detail: "{}" },
      { Source: "a", DetailType: "b", Detail: "{}", EventBusName: "nowhere" },
    ],
  });
  assert.equal(FailedEntryCount, 6);
  const required = (name: string) => [
    "InvalidArgument",
    `Parameter ${name} is not valid. Reason: ${name} is a required argument.`,
  ];
  assert.deepEqual(
    Entries!.map(({ ErrorCode, ErrorMessage }) => [ErrorCode, ErrorMessage]),
    [
      [undefined, undefined],
      required("Source"),
      required("DetailType"),
      required("Detail"),
      ["MalformedDetail", "Detail is malformed."],
      ["MalformedDetail", "Detail is malformed."],
      ["NotAuthorizedForSourceException", "Not authorized for the source."],
      [undefined, undefined],
    ],
  );
});

test("AWS's services speak for themselves", async () => {
  const heard = await queue(platform, "heard");
  await platform.call("events", "PutRule", { Name: "aws", EventPattern: '{"source":[{"prefix":"aws."}]}' });
  await platform.call("events", "PutTargets", { Rule: "aws", Targets: [{ Id: "1", Arn: heard.arn }] });
  await put(platform, { Source: "aws.s3" }, { principal: { type: "service", service: "s3.amazonaws.com" } });
  assert.equal((await messages(platform, heard.url)).length, 1);
});

const refusals: readonly (readonly [string, string, object, string, string])[] = [
  [
    "no entries",
    "PutEvents",
    { Entries: [] },
    "ValidationException",
    "1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: Member must have length greater than or equal to 1",
  ],
  [
    "too much",
    "PutEvents",
    { Entries: [{ Source: "a", DetailType: "b", Detail: `{"a":"${"x".repeat(262_144)}"}` }] },
    "ValidationException",
    "Total size of the entries in the request is over the limit.",
  ],
  [
    "neither pattern nor schedule",
    "PutRule",
    { Name: "r" },
    "ValidationException",
    "Parameter(s) EventPattern or ScheduleExpression must be specified.",
  ],
  [
    "a bad pattern",
    "PutRule",
    { Name: "r", EventPattern: '{"a":"b"}' },
    "InvalidEventPatternException",
    'Event pattern is not valid. Reason: "a" must be an object or an array',
  ],
  [
    "a bad schedule",
    "PutRule",
    { Name: "r", ScheduleExpression: "rate(1 minutes)" },
    "ValidationException",
    "Parameter ScheduleExpression is not valid.",
  ],
  [
    "a moment",
    "PutRule",
    { Name: "r", ScheduleExpression: "at(2030-01-01T00:00:00)" },
    "ValidationException",
    "Parameter ScheduleExpression is not valid.",
  ],
  [
    "a schedule elsewhere",
    "PutRule",
    { Name: "r", ScheduleExpression: "rate(1 minute)", EventBusName: "x" },
    "ValidationException",
    "ScheduleExpression is supported only on the default event bus.",
  ],
  [
    "an unknown bus",
    "PutRule",
    { Name: "r", EventPattern: '{"a":["b"]}', EventBusName: "x" },
    "ResourceNotFoundException",
    "Event bus x does not exist.",
  ],
  [
    "an unknown rule",
    "DescribeRule",
    { Name: "none" },
    "ResourceNotFoundException",
    "Rule none does not exist on EventBus default.",
  ],
  [
    "the default bus anew",
    "CreateEventBus",
    { Name: "default" },
    "ResourceAlreadyExistsException",
    "Event bus default already exists.",
  ],
  [
    "a bus with a slash",
    "CreateEventBus",
    { Name: "a/b" },
    "ValidationException",
    "Event bus name must not contain '/'.",
  ],
  [
    "the end of the default bus",
    "DeleteEventBus",
    { Name: "default" },
    "ValidationException",
    "Cannot delete event bus default.",
  ],
  [
    "a target of no service here",
    "PutTargets",
    { Rule: "refusing", Targets: [{ Id: "1", Arn: "arn:aws:states:us-east-1:000000000000:stateMachine:x" }] },
    "NotImplemented",
    "Virga does not support targets of states (1: arn:aws:states:us-east-1:000000000000:stateMachine:x). COMPAT.md lists what it supports.",
  ],
  [
    "no ARN",
    "PutTargets",
    { Rule: "refusing", Targets: [{ Id: "1", Arn: "queue" }] },
    "ValidationException",
    "Parameter queue is not valid. Reason: Provided Arn is not in correct format.",
  ],
  [
    "a FIFO queue without a group",
    "PutTargets",
    { Rule: "refusing", Targets: [{ Id: "1", Arn: "arn:aws:sqs:us-east-1:000000000000:x.fifo" }] },
    "ValidationException",
    "Parameter(s) MessageGroupId must be specified for target: 1.",
  ],
  [
    "two inputs",
    "PutTargets",
    {
      Rule: "refusing",
      Targets: [{ Id: "1", Arn: "arn:aws:sqs:us-east-1:000000000000:x", Input: "1", InputPath: "$" }],
    },
    "ValidationException",
    "Only one of Input, InputPath, or InputTransformer must be provided for target 1.",
  ],
  [
    "a placeholder of nothing",
    "PutTargets",
    {
      Rule: "refusing",
      Targets: [{ Id: "1", Arn: "arn:aws:sqs:us-east-1:000000000000:x", InputTransformer: { InputTemplate: "<x>" } }],
    },
    "ValidationException",
    "InputTemplate for target 1 contains invalid placeholder x.",
  ],
  [
    "a sixth target",
    "PutTargets",
    {
      Rule: "refusing",
      Targets: [1, 2, 3, 4, 5, 6].map((id) => ({ Id: `${id}`, Arn: "arn:aws:sqs:us-east-1:000000000000:x" })),
    },
    "LimitExceededException",
    "The requested resource exceeds the maximum number allowed.",
  ],
  [
    "a permission for something else",
    "PutPermission",
    { Action: "events:PutRule", Principal: "111111111111", StatementId: "s" },
    "ValidationException",
    "Provided value in parameter 'action' is not supported.",
  ],
  [
    "no policy",
    "RemovePermission",
    { StatementId: "s" },
    "ResourceNotFoundException",
    "EventBus does not have a policy.",
  ],
];
for (const [what, operation, input, code, message] of refusals) {
  test(`refused: ${what}`, async () => {
    await platform.call("events", "PutRule", { Name: "refusing", EventPattern: '{"source":["refusing"]}' });
    await assert.rejects(platform.call("events", operation as "PutRule", input as never), { code, message });
  });
}

test("rules, targets and buses are listed in pages, tagged, and deleted in order", async () => {
  const on = await openTestPlatform();
  await on.call("events", "CreateEventBus", {
    Name: "shop",
    Description: "of the shop",
    Tags: [{ Key: "a", Value: "1" }],
  });
  for (const Name of ["a1", "a2", "b1"]) {
    await on.call("events", "PutRule", {
      Name,
      EventBusName: "shop",
      EventPattern: '{"source":["x"]}',
      Tags: [{ Key: "k", Value: Name }],
    });
  }
  const first = await on.call("events", "ListRules", { EventBusName: "shop", Limit: 2 });
  assert.deepEqual(
    first.Rules!.map(({ Name }) => Name),
    ["a1", "a2"],
  );
  const second = await on.call("events", "ListRules", { EventBusName: "shop", Limit: 2, NextToken: first.NextToken });
  assert.deepEqual(
    second.Rules!.map(({ Arn }) => Arn),
    [`arn:aws:events:us-east-1:${ACCOUNT}:rule/shop/b1`],
  );
  assert.equal(second.NextToken, undefined);
  const Arn = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:f`;
  for (const Rule of ["a1", "b1"])
    await on.call("events", "PutTargets", { Rule, EventBusName: "shop", Targets: [{ Id: "t", Arn }] });
  assert.deepEqual(
    (await on.call("events", "ListRuleNamesByTarget", { TargetArn: Arn, EventBusName: "shop" })).RuleNames,
    ["a1", "b1"],
  );
  assert.deepEqual((await on.call("events", "ListTargetsByRule", { Rule: "a1", EventBusName: "shop" })).Targets, [
    { Id: "t", Arn },
  ]);
  const { RuleArn } = await on.call("events", "PutRule", {
    Name: "a1",
    EventBusName: "shop",
    EventPattern: '{"source":["y"]}',
    State: "DISABLED",
  });
  assert.deepEqual((await on.call("events", "ListTagsForResource", { ResourceARN: RuleArn })).Tags, [
    { Key: "k", Value: "a1" },
  ]);
  const described = await on.call("events", "DescribeRule", { Name: "a1", EventBusName: "shop" });
  assert.deepEqual(described, {
    Name: "a1",
    Arn: RuleArn,
    EventPattern: '{"source":["y"]}',
    State: "DISABLED",
    EventBusName: "shop",
    CreatedBy: ACCOUNT,
  });
  await assert.rejects(on.call("events", "DeleteRule", { Name: "a1", EventBusName: "shop" }), {
    message: "Rule can't be deleted since it has targets.",
  });
  await assert.rejects(on.call("events", "DeleteEventBus", { Name: "shop" }), {
    message: "Event bus can't be deleted since it has rules.",
  });
  for (const Rule of ["a1", "b1"]) await on.call("events", "RemoveTargets", { Rule, EventBusName: "shop", Ids: ["t"] });
  for (const Name of ["a1", "a2", "b1"]) await on.call("events", "DeleteRule", { Name, EventBusName: "shop" });
  assert.deepEqual(
    (await on.call("events", "ListEventBuses", {})).EventBuses!.map(({ Name }) => Name),
    ["default", "shop"],
  );
  await on.call("events", "DeleteEventBus", { Name: "shop" });
  assert.deepEqual(
    (await on.call("events", "ListEventBuses", {})).EventBuses!.map(({ Name }) => Name),
    ["default"],
  );
  await on.close();
});

test("TestEventPattern compares one event", async () => {
  const event = {
    id: "1",
    account: "1",
    source: "s",
    time: "2026-01-01T00:00:00Z",
    region: "r",
    resources: [],
    "detail-type": "d",
    detail: { a: 1 },
  };
  const compare = (EventPattern: string, Event: object) =>
    platform.call("events", "TestEventPattern", { EventPattern, Event: JSON.stringify(Event) });
  assert.deepEqual(await compare('{"detail":{"a":[1]}}', event), { Result: true });
  assert.deepEqual(await compare('{"detail":{"a":[2]}}', event), { Result: false });
  await assert.rejects(compare('{"detail":{"a":[2]}}', { ...event, id: undefined }), { code: "ValidationException" });
});

test("one bus hands on to another, and a ring of buses ends", async () => {
  const on = await openTestPlatform();
  const sink = await queue(on, "sink");
  const arn = (name: string) => `arn:aws:events:us-east-1:${ACCOUNT}:event-bus/${name}`;
  await on.call("events", "CreateEventBus", { Name: "a" });
  await on.call("events", "CreateEventBus", { Name: "b" });
  for (const [from, to] of [
    ["a", "b"],
    ["b", "a"],
  ] as const) {
    await on.call("events", "PutRule", { Name: "on", EventBusName: from, EventPattern: '{"source":["shop"]}' });
    await on.call("events", "PutTargets", { Rule: "on", EventBusName: from, Targets: [{ Id: "1", Arn: arn(to) }] });
  }
  await on.call("events", "PutTargets", { Rule: "on", EventBusName: "b", Targets: [{ Id: "2", Arn: sink.arn }] });
  const { Entries } = await put(on, { EventBusName: arn("a") });
  const found = await messages(on, sink.url);
  assert.equal(found.length, 5);
  assert.deepEqual(
    new Set(found.map(({ Body }) => (JSON.parse(Body!) as { id: string }).id)),
    new Set([Entries![0]!.EventId]),
  );
  await on.close();
});

test("FIFO queues get their group, log groups an event of their own", async () => {
  const on = await openTestPlatform();
  const fifo = await queue(on, "in-line.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
  await on.call("logs", "CreateLogGroup", { logGroupName: "/aws/events/shop" });
  await on.call("events", "PutRule", { Name: "both", EventPattern: '{"source":["shop"]}' });
  await on.call("events", "PutTargets", {
    Rule: "both",
    Targets: [
      { Id: "fifo", Arn: fifo.arn, SqsParameters: { MessageGroupId: "g" }, InputPath: "$.detail.n" },
      { Id: "logs", Arn: `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/events/shop`, InputPath: "$.detail" },
    ],
  });
  await put(on, { Detail: '{"n":1}' });
  await put(on, { Detail: '{"n":2}' });
  const found = await messages(on, fifo.url);
  assert.deepEqual(
    found.map(({ Body, Attributes }) => [Body, Attributes!.MessageGroupId]),
    [
      ["1", "g"],
      ["2", "g"],
    ],
  );
  const { events } = await on.call("logs", "FilterLogEvents", { logGroupName: "/aws/events/shop" });
  assert.deepEqual(
    events!.map(({ message }) => message),
    ['{"n":1}', '{"n":2}'],
  );
  await on.close();
});

test("schedules fall due by themselves, and stop when disabled", async () => {
  const on = await openTestPlatform({ nowMs: Date.UTC(2026, 0, 1, 0, 0, 30) });
  const ticks = await queue(on, "ticks");
  const { RuleArn } = await on.call("events", "PutRule", { Name: "tick", ScheduleExpression: "rate(2 minutes)" });
  await on.call("events", "PutRule", { Name: "daily", ScheduleExpression: "cron(5 0 * * ? *)" });
  await on.call("events", "PutTargets", { Rule: "tick", Targets: [{ Id: "1", Arn: ticks.arn }] });
  await on.call("events", "PutTargets", { Rule: "daily", Targets: [{ Id: "1", Arn: ticks.arn, Input: '"daily"' }] });
  await on.advance(5 * 60_000);
  const [first, second, daily] = await messages(on, ticks.url);
  const { id, ...event } = JSON.parse(first!.Body!) as Record<string, unknown>;
  assert.match(id as string, /^[0-9a-f-]{36}$/);
  assert.deepEqual(event, {
    version: "0",
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: ACCOUNT,
    time: "2026-01-01T00:02:30Z",
    region: "us-east-1",
    resources: [RuleArn],
    detail: {},
  });
  assert.equal((JSON.parse(second!.Body!) as { time: string }).time, "2026-01-01T00:04:30Z");
  assert.equal(daily!.Body, '"daily"');
  // The same rule again changes nothing of its rhythm; disabling ends it, enabling begins it anew.
  await on.call("events", "PutRule", { Name: "tick", ScheduleExpression: "rate(2 minutes)" });
  await on.advance(61_000);
  assert.equal((await messages(on, ticks.url)).length, 1);
  await on.call("events", "DisableRule", { Name: "tick" });
  await on.advance(10 * 60_000);
  assert.equal((await messages(on, ticks.url)).length, 0);
  await on.call("events", "EnableRule", { Name: "tick" });
  await on.advance(2 * 60_000);
  assert.equal((await messages(on, ticks.url)).length, 1);
  await on.close();
});

test("what cannot be delivered goes to the dead-letter queue, and says why", async () => {
  const on = await openTestPlatform();
  const dead = await queue(on, "dead");
  const { RuleArn } = await on.call("events", "PutRule", { Name: "lost", EventPattern: '{"source":["shop"]}' });
  const Arn = `arn:aws:sqs:us-east-1:${ACCOUNT}:nowhere`;
  await on.call("events", "PutTargets", {
    Rule: "lost",
    Targets: [{ Id: "1", Arn, DeadLetterConfig: { Arn: dead.arn } }],
  });
  await put(on, { Detail: '{"n":1}' });
  const [message] = await messages(on, dead.url);
  assert.deepEqual((JSON.parse(message!.Body!) as { detail: unknown }).detail, { n: 1 });
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(message!.MessageAttributes!).map(([name, { StringValue }]) => [name, StringValue]),
    ),
    {
      RULE_ARN: RuleArn,
      TARGET_ARN: Arn,
      ERROR_CODE: "NO_RESOURCE",
      ERROR_MESSAGE: "The specified queue does not exist.",
    },
  );
  await on.close();
});

test("a target in trouble is tried again until its policy says enough", async () => {
  let calls = 0;
  let works = false;
  const lambda = {
    name: "lambda",
    operations: {},
    flows: {
      Invoke: async () => {
        calls++;
        if (!works) throw new AwsError("ServiceException", "The function's house is on fire.", 500);
        return { StatusCode: 202 };
      },
    },
  } as unknown as Service;
  const on = await openTestPlatform({ services: [createEvents(), sqs, lambda] as unknown as Service[] });
  const dead = await queue(on, "dead");
  const Arn = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:f`;
  await on.call("events", "PutRule", { Name: "r", EventPattern: '{"source":["shop"]}' });
  const target = { Id: "1", Arn, DeadLetterConfig: { Arn: dead.arn } };
  await on.call("events", "PutTargets", {
    Rule: "r",
    Targets: [{ ...target, RetryPolicy: { MaximumRetryAttempts: 3 } }],
  });
  await put(on, {});
  await on.advance(60_000);
  assert.equal(calls, 4);
  const attributes = (message: Awaited<ReturnType<typeof messages>>[number]) =>
    ["ERROR_CODE", "EXHAUSTED_RETRY_CONDITION", "RETRY_ATTEMPTS"].map(
      (name) => message.MessageAttributes![name]?.StringValue,
    );
  assert.deepEqual((await messages(on, dead.url)).map(attributes), [
    ["ERROR_FROM_TARGET", "MaximumRetryAttempts", "3"],
  ]);

  await on.call("events", "PutTargets", {
    Rule: "r",
    Targets: [{ ...target, RetryPolicy: { MaximumEventAgeInSeconds: 60 } }],
  });
  await put(on, {});
  await on.advance(120_000);
  const [aged] = await messages(on, dead.url);
  assert.equal(aged!.MessageAttributes!.EXHAUSTED_RETRY_CONDITION!.StringValue, "MaximumEventAgeInSeconds");

  await on.call("events", "PutTargets", { Rule: "r", Targets: [target] });
  await put(on, {});
  await on.advance(3600_000);
  works = true;
  const before1 = calls;
  await on.advance(3600_000);
  assert.equal(calls, before1 + 1);
  assert.equal((await messages(on, dead.url)).length, 0);
  await on.close();
});

test("with policies enforced a queue must consent, and another account needs the bus's permission", async () => {
  const on = await openTestPlatform({ authorize: createAuthorize(true) });
  const target = await queue(on, "guarded");
  const dead = await queue(on, "guarded-dead");
  const consent = (resource: string) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "events.amazonaws.com" },
          Action: "sqs:SendMessage",
          Resource: resource,
          Condition: { ArnEquals: { "aws:SourceArn": `arn:aws:events:us-east-1:${ACCOUNT}:rule/r` } },
        },
      ],
    });
  await on.call("sqs", "SetQueueAttributes", { QueueUrl: dead.url, Attributes: { Policy: consent(dead.arn) } });
  await on.call("events", "PutRule", { Name: "r", EventPattern: '{"source":[{"prefix":""}]}' });
  await on.call("events", "PutTargets", {
    Rule: "r",
    Targets: [{ Id: "1", Arn: target.arn, DeadLetterConfig: { Arn: dead.arn } }],
  });
  await put(on, {});
  const [refused] = await messages(on, dead.url);
  assert.equal(refused!.MessageAttributes!.ERROR_CODE!.StringValue, "NO_PERMISSIONS");
  await on.call("sqs", "SetQueueAttributes", { QueueUrl: target.url, Attributes: { Policy: consent(target.arn) } });
  await put(on, { Source: "aws.s3" }, { principal: { type: "service", service: "s3.amazonaws.com" } });
  assert.equal((await messages(on, target.url)).length, 1);

  const stranger = "111111111111" as AccountId;
  const as = {
    accountId: stranger,
    principal: { type: "root", accountId: stranger, arn: `arn:aws:iam::${stranger}:root` } as Principal,
  };
  const EventBusName = `arn:aws:events:us-east-1:${ACCOUNT}:event-bus/default`;
  const across = () =>
    on.call("events", "PutEvents", { Entries: [{ Source: "s", DetailType: "d", Detail: "{}", EventBusName }] }, as);
  await assert.rejects(across(), { code: "AccessDeniedException" });
  await on.call("events", "PutPermission", { Action: "events:PutEvents", Principal: stranger, StatementId: "them" });
  const { Policy } = await on.call("events", "DescribeEventBus", {});
  assert.deepEqual(JSON.parse(Policy!), {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "them",
        Effect: "Allow",
        Principal: { AWS: `arn:aws:iam::${stranger}:root` },
        Action: "events:PutEvents",
        Resource: EventBusName,
      },
    ],
  });
  await across();
  const [message] = await messages(on, target.url);
  assert.equal((JSON.parse(message!.Body!) as { account: string }).account, stranger);
  await on.call("events", "RemovePermission", { StatementId: "them" });
  await assert.rejects(across(), { code: "AccessDeniedException" });
  await on.close();
});

test("a cluster runs a task for each event, with overrides from the target's input", async () => {
  const asked: unknown[] = [];
  const ecs = {
    name: "ecs",
    operations: {},
    flows: {
      RunTask: async (_flow: unknown, input: unknown) => {
        asked.push(input);
        return asked.length === 1 ? { tasks: [{}] } : { failures: [{ reason: "RESOURCE:MEMORY" }] };
      },
    },
  } as unknown as Service;
  const sts = {
    name: "sts",
    operations: {
      AssumeRole: () => ({
        AssumedRoleUser: { Arn: "arn:aws:sts::000000000000:assumed-role/r/s", AssumedRoleId: "A:s" },
      }),
    },
  } as unknown as Service;
  const on = await openTestPlatform({ services: [createEvents(), sqs, ecs, sts] as unknown as Service[] });
  const dead = await queue(on, "dead");
  const RoleArn = `arn:aws:iam::${ACCOUNT}:role/r`;
  const Arn = `arn:aws:ecs:us-east-1:${ACCOUNT}:cluster/web`;
  await on.call("events", "PutRule", { Name: "r", EventPattern: '{"source":["shop"]}' });
  const target = {
    Id: "1",
    Arn,
    RoleArn,
    Input: '{"containerOverrides":[{"name":"app","command":["run"]}]}',
    EcsParameters: {
      TaskDefinitionArn: "job:1",
      LaunchType: "FARGATE" as const,
      NetworkConfiguration: { awsvpcConfiguration: { Subnets: ["subnet-1"] } },
    },
    RetryPolicy: { MaximumRetryAttempts: 0 },
    DeadLetterConfig: { Arn: dead.arn },
  };
  await assert.rejects(on.call("events", "PutTargets", { Rule: "r", Targets: [{ ...target, RoleArn: undefined }] }), {
    message: "RoleArn is required for target 1.",
  });
  await on.call("events", "PutTargets", { Rule: "r", Targets: [target] });
  await put(on, {});
  await put(on, {});
  assert.equal((await messages(on, dead.url))[0]!.MessageAttributes!.ERROR_MESSAGE!.StringValue, "RESOURCE:MEMORY");
  assert.deepEqual(asked[0], {
    cluster: Arn,
    taskDefinition: "job:1",
    count: 1,
    launchType: "FARGATE",
    networkConfiguration: { awsvpcConfiguration: { subnets: ["subnet-1"], securityGroups: [] } },
    overrides: { containerOverrides: [{ name: "app", command: ["run"] }] },
  });
  await on.close();
});
