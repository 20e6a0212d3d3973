import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createAuthorize } from "../../platform/authorization.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { deploy, remove } from "../cloudformation/testing.ts";

/** A Thursday. */
const START_MS = Date.UTC(2026, 0, 1);
const ACCOUNT = "000000000000";
const RoleArn = `arn:aws:iam::${ACCOUNT}:role/scheduler`;
const OFF = { Mode: "OFF" } as const;

let platform: TestPlatform;
let QueueUrl: string;
const Arn = `arn:aws:sqs:us-east-1:${ACCOUNT}:q`;
beforeEach(async () => {
  platform = await openTestPlatform({ nowMs: START_MS });
  ({ QueueUrl } = (await platform.call("sqs", "CreateQueue", { QueueName: "q" })) as { QueueUrl: string });
});
afterEach(() => platform.close());

const create = (Name: string, ScheduleExpression: string, more: object = {}, target: object = {}) =>
  platform.call("scheduler", "CreateSchedule", {
    Name,
    ScheduleExpression,
    FlexibleTimeWindow: OFF,
    Target: { Arn, RoleArn, Input: "<aws.scheduler.scheduled-time>", ...target },
    ...more,
  });

async function messages(url = QueueUrl) {
  const { Messages = [] } = await platform.call("sqs", "ReceiveMessage", {
    QueueUrl: url,
    MaxNumberOfMessages: 10,
    MessageAttributeNames: ["All"],
    MessageSystemAttributeNames: ["All"],
  });
  for (const { ReceiptHandle } of Messages)
    await platform.call("sqs", "DeleteMessage", { QueueUrl: url, ReceiptHandle });
  return Messages;
}
const bodies = async () => (await messages()).map(({ Body }) => Body);

const HOUR_MS = 3_600_000;

test("a rate begins at once, keeps its rhythm, and ends with its end", async () => {
  await create("r", "rate(30 minutes)", { EndDate: new Date(START_MS + HOUR_MS) });
  await platform.advance(5 * HOUR_MS);
  assert.deepEqual(await bodies(), ["2026-01-01T00:00:00Z", "2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z"]);
});

test("a start delays the first time", async () => {
  await create("r", "rate(1 hour)", { StartDate: new Date(START_MS + 30 * 60_000) });
  await create("c", "cron(0 * * * ? *)", { StartDate: new Date(START_MS + 90 * 60_000) });
  await platform.advance(2 * HOUR_MS);
  assert.deepEqual(await bodies(), ["2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z", "2026-01-01T02:00:00Z"]);
});

test("once, in a time zone, and gone afterwards if wanted", async () => {
  const zone = { ScheduleExpressionTimezone: "America/New_York" };
  await create("gone", "at(2025-12-31T20:00:00)", { ...zone, ActionAfterCompletion: "DELETE" });
  await create("kept", "at(2025-12-31T20:00:00)", zone);
  await platform.advance(2 * HOUR_MS);
  assert.deepEqual(await bodies(), ["2026-01-01T01:00:00Z", "2026-01-01T01:00:00Z"]);
  await assert.rejects(platform.call("scheduler", "GetSchedule", { Name: "gone" }), {
    code: "ResourceNotFoundException",
    message: "Schedule gone does not exist.",
  });
  const kept = await platform.call("scheduler", "GetSchedule", { Name: "kept" });
  assert.equal(kept.ScheduleExpressionTimezone, "America/New_York");
});

test("a flexible window spreads, and the schedule stays on time", async () => {
  await create("f", "rate(1 hour)", { FlexibleTimeWindow: { Mode: "FLEXIBLE", MaximumWindowInMinutes: 30 } });
  await platform.advance(4.6 * HOUR_MS);
  const found = await messages();
  assert.deepEqual(
    found.map(({ Body }) => Body),
    [0, 1, 2, 3, 4].map((hour) => `2026-01-01T0${hour}:00:00Z`),
  );
  const delays = found.map(({ Attributes }, i) => Number(Attributes!.SentTimestamp) - (START_MS + i * HOUR_MS));
  assert.ok(delays.every((ms) => ms >= 0 && ms < 30 * 60_000) && delays.some((ms) => ms > 60_000), String(delays));
});

test("disabled it rests, updated it is another", async () => {
  await create("s", "rate(1 hour)");
  await platform.advance(60_000);
  const again = { Name: "s", FlexibleTimeWindow: OFF, Target: { Arn, RoleArn, Input: "two" } };
  await platform.call("scheduler", "UpdateSchedule", {
    ...again,
    ScheduleExpression: "rate(1 hour)",
    State: "DISABLED",
  });
  await platform.advance(3 * HOUR_MS);
  assert.deepEqual(await bodies(), ["2026-01-01T00:00:00Z"]);
  await platform.call("scheduler", "UpdateSchedule", { ...again, ScheduleExpression: "cron(0 4 * * ? *)" });
  await platform.advance(2 * HOUR_MS);
  assert.deepEqual(await bodies(), ["two"]);
  await platform.call("scheduler", "DeleteSchedule", { Name: "s" });
  await platform.advance(48 * HOUR_MS);
  assert.deepEqual(await bodies(), []);
});

test("targets: FIFO queues, event buses, functions of any service", async () => {
  const fifo = await platform.call("sqs", "CreateQueue", {
    QueueName: "f.fifo",
    Attributes: { FifoQueue: "true", ContentBasedDeduplication: "true" },
  });
  await create(
    "fifo",
    "at(2026-01-01T00:01:00)",
    {},
    {
      Arn: `arn:aws:sqs:us-east-1:${ACCOUNT}:f.fifo`,
      Input: "in line",
      SqsParameters: { MessageGroupId: "g" },
    },
  );
  await platform.call("events", "PutRule", { Name: "r", EventPattern: '{"source":["clock"]}' });
  await platform.call("events", "PutTargets", { Rule: "r", Targets: [{ Id: "1", Arn, InputPath: "$.detail" }] });
  await create(
    "bus",
    "at(2026-01-01T00:02:00)",
    {},
    {
      Arn: `arn:aws:events:us-east-1:${ACCOUNT}:event-bus/default`,
      Input: '{"attempt":<aws.scheduler.attempt-number>}',
      EventBridgeParameters: { DetailType: "tick", Source: "clock" },
    },
  );
  const sdk = (call: string, input: object, name: string) =>
    create(
      name,
      "at(2026-01-01T00:03:00)",
      {},
      { Arn: `arn:aws:scheduler:::aws-sdk:${call}`, Input: JSON.stringify(input) },
    );
  await sdk("sqs:sendMessage", { QueueUrl, MessageBody: "universal" }, "universal");
  await sdk("sqs:createQueue", { queueName: "made" }, "made");
  await sdk("eventbridge:putRule", { Name: "by-schedule", ScheduleExpression: "rate(1 day)" }, "rule");
  await platform.advance(4 * 60_000);
  assert.deepEqual((await bodies()).sort(), ["universal", '{"attempt":1}']);
  const [first] = await messages(fifo.QueueUrl);
  assert.deepEqual([first!.Body, first!.Attributes!.MessageGroupId], ["in line", "g"]);
  assert.ok((await platform.call("sqs", "GetQueueUrl", { QueueName: "made" })).QueueUrl);
  assert.equal((await platform.call("events", "DescribeRule", { Name: "by-schedule" })).State, "ENABLED");
});

test("without an input a target is told of the schedule", async () => {
  const { ScheduleArn } = await create("s", "at(2026-01-01T00:00:30)", {}, { Input: undefined });
  await platform.advance(60_000);
  const [body] = await bodies();
  const { id, ...told } = JSON.parse(body!) as Record<string, unknown>;
  assert.match(id as string, /^[0-9a-f-]{36}$/);
  assert.deepEqual(told, {
    version: "0",
    "detail-type": "Scheduled Event",
    source: "aws.scheduler",
    account: ACCOUNT,
    time: "2026-01-01T00:00:30Z",
    region: "us-east-1",
    resources: [ScheduleArn],
    detail: "{}",
  });
});

test("what fails for good goes to the dead-letter queue with what was asked", async () => {
  const nowhere = `arn:aws:sqs:us-east-1:${ACCOUNT}:nowhere`;
  const { ScheduleArn } = await create(
    "s",
    "at(2026-01-01T00:00:30)",
    {},
    {
      Arn: nowhere,
      Input: "hello",
      DeadLetterConfig: { Arn },
    },
  );
  await platform.advance(60_000);
  const [message] = await messages();
  assert.deepEqual(JSON.parse(message!.Body!), {
    MessageBody: "hello",
    QueueUrl: `http://localhost:4566/${ACCOUNT}/nowhere`,
  });
  const attributes = Object.entries(message!.MessageAttributes!).map(([name, { StringValue }]) => [name, StringValue]);
  const { EXECUTION_ID, ...rest } = Object.fromEntries(attributes) as Record<string, string>;
  assert.match(EXECUTION_ID!, /^[0-9a-f-]{36}$/);
  assert.deepEqual(rest, {
    ERROR_CODE: "QueueDoesNotExist",
    ERROR_MESSAGE: "The specified queue does not exist.",
    IS_PAYLOAD_TRUNCATED: "false",
    RETRY_ATTEMPTS: "0",
    SCHEDULED_TIME: "2026-01-01T00:00:30Z",
    SCHEDULE_ARN: ScheduleArn,
    TARGET_ARN: nowhere,
  });
});

const refusals: readonly (readonly [string, () => Promise<unknown>, string, string])[] = [
  [
    "a bad expression",
    () => create("s", "rate(1 minutes)"),
    "ValidationException",
    "Invalid Schedule Expression rate(1 minutes).",
  ],
  [
    "no time zone",
    () => create("s", "rate(1 minute)", { ScheduleExpressionTimezone: "Mars" }),
    "ValidationException",
    "Invalid Schedule Expression Timezone Mars.",
  ],
  [
    "a window without width",
    () => create("s", "rate(1 minute)", { FlexibleTimeWindow: { Mode: "FLEXIBLE" } }),
    "ValidationException",
    "A MaximumWindowInMinutes is required when Mode is FLEXIBLE.",
  ],
  [
    "an old start",
    () => create("s", "rate(1 minute)", { StartDate: new Date(START_MS - 6 * 60_000) }),
    "ValidationException",
    "The StartDate you specify cannot be earlier than 5 minutes ago.",
  ],
  [
    "a group of nowhere",
    () => create("s", "rate(1 minute)", { GroupName: "none" }),
    "ResourceNotFoundException",
    "Schedule group none does not exist.",
  ],
  [
    "reading",
    () => create("s", "rate(1 minute)", {}, { Arn: "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage", Input: "{}" }),
    "ValidationException",
    "receiveMessage is not a supported api for sqs. Read-only operations cannot be targets.",
  ],
  [
    "what is not here",
    () => create("s", "rate(1 minute)", {}, { Arn: "arn:aws:scheduler:::aws-sdk:kinesis:putRecord", Input: "{}" }),
    "NotImplemented",
    "Virga does not support the target kinesis:putRecord. COMPAT.md lists what it supports.",
  ],
  [
    "an input that is none",
    () =>
      create("s", "rate(1 minute)", {}, { Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Input: '{"Queue":"x"}' }),
    "ValidationException",
    "Invalid RequestJson provided. Reason: Input.Queue is not a member of SendMessageRequest.",
  ],
  [
    "no event parameters",
    () => create("s", "rate(1 minute)", {}, { Arn: `arn:aws:events:us-east-1:${ACCOUNT}:event-bus/default` }),
    "ValidationException",
    "EventBridgeParameters with DetailType and Source are required for a target of EventBridge.",
  ],
];
for (const [what, call, code, message] of refusals) {
  test(`refused: ${what}`, () => assert.rejects(call(), { code, message }));
}

test("groups take their schedules with them; a token makes creating repeatable", async () => {
  const { ScheduleGroupArn } = await platform.call("scheduler", "CreateScheduleGroup", {
    Name: "g",
    Tags: [{ Key: "a", Value: "b" }],
  });
  await assert.rejects(platform.call("scheduler", "CreateScheduleGroup", { Name: "g" }), {
    code: "ConflictException",
    status: 409,
  });
  const tags = await platform.call("scheduler", "ListTagsForResource", { ResourceArn: ScheduleGroupArn });
  assert.deepEqual(tags.Tags, [{ Key: "a", Value: "b" }]);
  for (const name of ["s1", "s2", "t1"]) await create(name, "rate(1 hour)", { GroupName: "g", ClientToken: name });
  await create("s1", "rate(1 hour)", { GroupName: "g", ClientToken: "s1" });
  await assert.rejects(create("s1", "rate(1 hour)", { GroupName: "g" }), { message: "Schedule s1 already exists." });
  const page = await platform.call("scheduler", "ListSchedules", { GroupName: "g", MaxResults: 2 });
  const rest = await platform.call("scheduler", "ListSchedules", {
    GroupName: "g",
    MaxResults: 2,
    NextToken: page.NextToken,
  });
  assert.deepEqual(
    [...page.Schedules!, ...rest.Schedules!].map(({ Name }) => Name),
    ["s1", "s2", "t1"],
  );
  const named = await platform.call("scheduler", "ListSchedules", { NamePrefix: "t", State: "ENABLED" });
  assert.deepEqual(
    named.Schedules!.map(({ GroupName }) => GroupName),
    ["g"],
  );
  await platform.call("scheduler", "DeleteScheduleGroup", { Name: "g" });
  await platform.settle();
  await messages();
  await platform.advance(3 * HOUR_MS);
  assert.deepEqual(await bodies(), []);
  await assert.rejects(platform.call("scheduler", "GetScheduleGroup", { Name: "g" }), {
    message: "Schedule group g does not exist.",
  });
});

test("a role that the Scheduler may not assume is refused; its policies decide", async () => {
  await platform.close();
  platform = await openTestPlatform({ nowMs: START_MS, authorize: createAuthorize(true) });
  ({ QueueUrl } = (await platform.call("sqs", "CreateQueue", { QueueName: "q" })) as { QueueUrl: string });
  const trust = (Service: string) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" }],
    });
  await platform.call("iam", "CreateRole", {
    RoleName: "scheduler",
    AssumeRolePolicyDocument: trust("lambda.amazonaws.com"),
  });
  await assert.rejects(create("s", "rate(1 hour)"), {
    message: "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
  });
  await platform.call("iam", "UpdateAssumeRolePolicy", {
    RoleName: "scheduler",
    PolicyDocument: trust("scheduler.amazonaws.com"),
  });
  await create("s", "rate(1 hour)");
  await platform.advance(60_000);
  assert.deepEqual(await bodies(), []);
  const allow = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "sqs:SendMessage", Resource: Arn }] };
  await platform.call("iam", "PutRolePolicy", {
    RoleName: "scheduler",
    PolicyName: "p",
    PolicyDocument: JSON.stringify(allow),
  });
  await platform.advance(HOUR_MS);
  assert.deepEqual(await bodies(), ["2026-01-01T01:00:00Z"]);
});

test("stacks make groups and schedules, serverless functions too", async () => {
  const template = (expression: string, group: object) => ({
    Transform: "AWS::Serverless-2016-10-31",
    Resources: {
      Group: { Type: "AWS::Scheduler::ScheduleGroup", Properties: { Name: "g" } },
      Schedule: {
        Type: "AWS::Scheduler::Schedule",
        Properties: {
          ...group,
          ScheduleExpression: expression,
          FlexibleTimeWindow: OFF,
          Target: { Arn, RoleArn, Input: "s" },
        },
      },
      Fn: {
        Type: "AWS::Serverless::Function",
        Properties: {
          InlineCode: "exports.handler = async () => 1",
          Handler: "index.handler",
          Runtime: "nodejs22.x",
          Events: { Tick: { Type: "ScheduleV2", Properties: { ScheduleExpression: "rate(5 minutes)" } } },
        },
      },
    },
    Outputs: { Name: { Value: { Ref: "Schedule" } }, Arn: { Value: { "Fn::GetAtt": ["Schedule", "Arn"] } } },
  });
  const made = await deploy(platform, template("rate(1 hour)", {}));
  assert.equal(made.status, "CREATE_COMPLETE", made.reason);
  assert.match(made.outputs["Arn"]!, /:schedule\/default\/app-Schedule-/);
  assert.equal(
    (await platform.call("scheduler", "GetSchedule", { Name: "FnTick" })).Target!.RetryPolicy!.MaximumRetryAttempts,
    185,
  );
  const moved = await deploy(platform, template("rate(2 hours)", { GroupName: { Ref: "Group" } }));
  assert.equal(moved.status, "UPDATE_COMPLETE", moved.reason);
  const found = await platform.call("scheduler", "GetSchedule", { Name: moved.outputs["Name"]!, GroupName: "g" });
  assert.equal(found.ScheduleExpression, "rate(2 hours)");
  await remove(platform);
  assert.deepEqual((await platform.call("scheduler", "ListSchedules", {})).Schedules, []);
});
