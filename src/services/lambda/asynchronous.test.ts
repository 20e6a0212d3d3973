import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { defineService, type InputOf, type Service } from "../service.ts";
import { type AcceptedInvocation, judge } from "./asynchronous.ts";
import { createLambda } from "./service.ts";
import { FakeConcurrencyExceeded, type FakePorts, fakePorts, fakeSts } from "./testing.ts";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 0, 1);
const DEAD = "arn:aws:sqs:us-east-1:000000000000:dead";
const HEARD = "arn:aws:sqs:us-east-1:000000000000:heard";

type Sent = InputOf<"sqs", "SendMessage">;

async function withLambda(
  run: (platform: TestPlatform, ports: FakePorts, sent: Sent[]) => Promise<void>,
): Promise<void> {
  const ports = fakePorts();
  const sent: Sent[] = [];
  const sqs = defineService<"sqs">({
    name: "sqs",
    operations: {
      SendMessage: (_tx, input) => {
        sent.push(input);
        return { MessageId: "1", MD5OfMessageBody: "" };
      },
    },
  });
  const platform = await openTestPlatform({
    nowMs: NOW,
    services: [createLambda(ports), fakeSts, sqs] as unknown as Service[],
  });
  try {
    for (const FunctionName of ["worker", "next"]) {
      await platform.call("lambda", "CreateFunction", {
        FunctionName,
        Role: "arn:aws:iam::000000000000:role/lambda",
        Runtime: "nodejs22.x",
        Handler: "index.handler",
        Code: { ZipFile: Buffer.from("zip") },
        DeadLetterConfig: FunctionName === "worker" ? { TargetArn: DEAD } : undefined,
      });
    }
    await run(platform, ports, sent);
  } finally {
    await platform.close();
  }
}

const start = (platform: TestPlatform, payload = '{"id":1}') =>
  platform.call("lambda", "Invoke", { FunctionName: "worker", InvocationType: "Event", Payload: Buffer.from(payload) });

test("an event is accepted at once and run afterwards", () =>
  withLambda(async (platform, ports) => {
    assert.equal((await start(platform)).StatusCode, 202);
    await platform.settle();
    assert.deepEqual(
      ports.runs.map(({ event }) => event),
      [{ id: 1 }],
    );
  }));

test("a failing function is tried again after one minute and two more, then its event goes to the dead-letter queue", () =>
  withLambda(async (platform, ports, sent) => {
    const times: number[] = [];
    ports.handlers.set("worker", () => {
      times.push(platform.clock.nowMs() - NOW);
      throw new Error("broken");
    });
    await start(platform);
    await platform.advance(10 * MINUTE);
    assert.deepEqual(times, [0, MINUTE, 3 * MINUTE]);
    assert.equal(sent.length, 1);
    assert.equal(sent[0]!.MessageBody, '{"id":1}');
    assert.equal(sent[0]!.QueueUrl, "http://localhost:4566/000000000000/dead");
    assert.equal(sent[0]!.MessageAttributes!.ErrorMessage!.StringValue, "broken");
    assert.equal(sent[0]!.MessageAttributes!.ErrorCode!.StringValue, "200");
  }));

test("an event that has become too old while nothing ran is not run any more", () =>
  withLambda(async (platform, ports, sent) => {
    await platform.call("lambda", "PutFunctionEventInvokeConfig", {
      FunctionName: "worker",
      MaximumEventAgeInSeconds: 120,
      DestinationConfig: { OnFailure: { Destination: DEAD } },
    });
    ports.handlers.set("worker", () => {
      throw new Error("broken");
    });
    await start(platform);
    await platform.settle();
    // Like a machine that slept: the retry is found due hours later.
    platform.clock.jumpTo(NOW + 3 * 3_600_000);
    await platform.advance(1000);
    assert.equal(ports.runs.length, 1);
    const record = sent.map(({ MessageBody }) => JSON.parse(MessageBody!)).find((body) => body.requestContext);
    assert.equal(record.requestContext.condition, "EventAgeExceeded");
    assert.equal(record.requestContext.approximateInvokeCount, 1);
    assert.equal(record.responseContext, undefined);
  }));

test("throttling is not held against the function", () =>
  withLambda(async (platform, ports, sent) => {
    let throttled = 8;
    let failures = 0;
    ports.handlers.set("worker", () => {
      if (throttled-- > 0) throw new FakeConcurrencyExceeded();
      if (failures++ < 2) throw new Error("broken");
      return "fine";
    });
    await start(platform);
    await platform.advance(30 * MINUTE);
    assert.equal(failures, 3);
    assert.deepEqual(sent, []);
  }));

test("destinations hear of success and of failure", () =>
  withLambda(async (platform, ports, sent) => {
    await platform.call("lambda", "PutFunctionEventInvokeConfig", {
      FunctionName: "worker",
      MaximumRetryAttempts: 0,
      DestinationConfig: {
        OnSuccess: { Destination: "arn:aws:lambda:us-east-1:000000000000:function:next" },
        OnFailure: { Destination: DEAD },
      },
    });
    ports.handlers.set("worker", ({ id }) => {
      if (id === 2) throw new Error("broken");
      return { ok: true };
    });
    await start(platform);
    await platform.settle();
    const record = ports.runs.find(({ spec }) => spec.functionName === "next")!.event as any;
    assert.equal(record.version, "1.0");
    assert.equal(record.requestContext.condition, "Success");
    assert.equal(record.requestContext.functionArn, "arn:aws:lambda:us-east-1:000000000000:function:worker:$LATEST");
    assert.equal(record.requestContext.approximateInvokeCount, 1);
    assert.deepEqual(record.requestPayload, { id: 1 });
    assert.deepEqual(record.responseContext, { statusCode: 200, executedVersion: "$LATEST" });
    assert.deepEqual(record.responsePayload, { ok: true });

    await start(platform, '{"id":2}');
    await platform.settle();
    // One for the destination, one for the function's dead-letter queue.
    const failed = sent.map(({ MessageBody }) => JSON.parse(MessageBody!)).find((body) => body.requestContext);
    assert.equal(failed.requestContext.condition, "RetriesExhausted");
    assert.equal(failed.responseContext.functionError, "Unhandled");
    assert.equal(failed.responsePayload.errorMessage, "broken");
    assert.equal(sent.length, 2);
  }));

test("topics, event buses and buckets are destinations too", async () => {
  const ports = fakePorts();
  const platform = await openTestPlatform({ nowMs: NOW, ports: { lambda: ports } });
  try {
    const Role = "arn:aws:iam::000000000000:role/worker";
    const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
    await platform.call("iam", "CreateRole", {
      RoleName: "worker",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
    });
    await platform.call("sqs", "CreateQueue", {
      QueueName: "heard",
      Attributes: {
        Policy: JSON.stringify({
          Statement: [{ Effect: "Allow", Principal: "*", Action: "sqs:SendMessage", Resource: HEARD }],
        }),
      },
    });
    await platform.call("s3", "CreateBucket", { Bucket: "failures" });
    const { TopicArn } = await platform.call("sns", "CreateTopic", { Name: "results" });
    await platform.call("sns", "Subscribe", {
      TopicArn,
      Protocol: "sqs",
      Endpoint: HEARD,
      Attributes: { RawMessageDelivery: "true" },
    });
    await platform.call("events", "PutRule", { Name: "results", EventPattern: '{"source":["lambda"]}' });
    await platform.call("events", "PutTargets", { Rule: "results", Targets: [{ Id: "queue", Arn: HEARD }] });
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "worker",
      Role,
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
      DeadLetterConfig: { TargetArn: TopicArn },
    });
    const configure = (OnSuccess: string, OnFailure: string) =>
      platform.call("lambda", "PutFunctionEventInvokeConfig", {
        FunctionName: "worker",
        MaximumRetryAttempts: 0,
        DestinationConfig: { OnSuccess: { Destination: OnSuccess }, OnFailure: { Destination: OnFailure } },
      });
    const heard = async () => {
      await platform.advance(1000);
      const { Messages = [] } = await platform.call("sqs", "ReceiveMessage", {
        QueueUrl: "http://localhost:4566/000000000000/heard",
        MaxNumberOfMessages: 10,
      });
      return Messages.map(({ Body }) => JSON.parse(Body!));
    };
    await configure("arn:aws:events:us-east-1:000000000000:event-bus/default", "arn:aws:s3:::failures");
    await start(platform);
    const [event] = await heard();
    assert.equal(event["detail-type"], "Lambda Function Invocation Result - Success");
    assert.deepEqual(event.resources, [
      "arn:aws:events:us-east-1:000000000000:event-bus/default",
      "arn:aws:lambda:us-east-1:000000000000:function:worker:$LATEST",
    ]);
    assert.deepEqual(event.detail.requestPayload, { id: 1 });

    ports.handlers.set("worker", () => {
      throw new Error("broken");
    });
    await start(platform, '{"id":2}');
    // The topic is the function's dead-letter target, and gets the event itself.
    assert.deepEqual(await heard(), [{ id: 2 }]);
    const { Contents = [] } = await platform.call("s3", "ListObjectsV2", { Bucket: "failures" });
    assert.match(Contents[0]!.Key!, /^aws\/lambda\/async\/worker\/2026\/01\/01\/2026-01-01T00\.00\.\d\d-/);

    await configure(TopicArn!, TopicArn!);
    await start(platform, '{"id":3}');
    const [record, dead] = (await heard()).sort((left, right) => (left.version ? -1 : 1) - (right.version ? -1 : 1));
    assert.equal(record.requestContext.condition, "RetriesExhausted");
    assert.deepEqual(dead, { id: 3 });
    // A bucket takes failures only.
    await assert.rejects(configure("arn:aws:s3:::failures", TopicArn!), { code: "InvalidParameterValueException" });
  } finally {
    await platform.close();
  }
});

test("an event for a function that was deleted meanwhile is dropped", () =>
  withLambda(async (platform, ports, sent) => {
    ports.handlers.set("worker", () => {
      throw new Error("broken");
    });
    await start(platform);
    await platform.settle();
    await platform.call("lambda", "DeleteFunction", { FunctionName: "worker" });
    await platform.advance(10 * MINUTE);
    assert.equal(ports.runs.length, 1);
    assert.deepEqual(sent, []);
  }));

const invocation = (change: Partial<AcceptedInvocation>): AcceptedInvocation => ({
  at: {} as AcceptedInvocation["at"],
  requestId: "r",
  payload: new Uint8Array(),
  acceptedMs: 0,
  failures: 0,
  refusals: 0,
  ...change,
});

test("refusals are retried from one second up to five minutes apart, until the event is too old", () => {
  const waits = Array.from({ length: 10 }, (_, refusals) => {
    const verdict = judge(invocation({ refusals }), {}, "refused", 0);
    return verdict.what === "again" ? verdict.dueMs / 1000 : verdict.what;
  });
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
  assert.deepEqual(judge(invocation({}), { maximumEventAgeSeconds: 60 }, "failed", 1000), {
    what: "give-up",
    condition: "EventAgeExceeded",
  });
  assert.deepEqual(judge(invocation({}), { maximumRetryAttempts: 0 }, "failed", 0), {
    what: "give-up",
    condition: "RetriesExhausted",
  });
});

test("a function that has more events than it gets through keeps no other's waiting", () =>
  withLambda(async (platform, ports) => {
    const never = new Promise(() => {});
    ports.handlers.set("worker", () => never);
    for (let page = 0; page < 12; page++) await Promise.all(Array.from({ length: 100 }, () => start(platform)));
    const ran = (name: string) => ports.runs.filter(({ spec }) => spec.functionName === name).length;
    await platform.call("lambda", "Invoke", {
      FunctionName: "next",
      InvocationType: "Event",
      Payload: Buffer.from("{}"),
    });
    for (let turn = 0; turn < 200 && ran("next") === 0; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(ran("next"), 1);
    assert.equal(ran("worker"), 500);
  }));
