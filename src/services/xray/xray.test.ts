import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { fakePorts } from "../lambda/testing.ts";

const ACCOUNT = "000000000000";

interface Segment {
  id: string;
  trace_id: string;
  parent_id?: string;
  name: string;
  origin: string;
  start_time: number;
  end_time: number;
  fault?: boolean;
  error?: boolean;
  cause?: { exceptions: { type: string; message: string }[] };
  annotations?: Record<string, unknown>;
}

async function summaries(platform: TestPlatform, FilterExpression?: string) {
  const nowMs = platform.clock.nowMs();
  const { TraceSummaries } = await platform.call("xray", "GetTraceSummaries", {
    StartTime: new Date(nowMs - 3_600_000),
    EndTime: new Date(nowMs),
    ...(FilterExpression === undefined ? {} : { FilterExpression }),
  });
  return TraceSummaries!.filter(({ EntryPoint }) => EntryPoint!.Type !== "AWS::XRAY");
}

async function segments(platform: TestPlatform, traceId: string): Promise<Segment[]> {
  const { Traces } = await platform.call("xray", "BatchGetTraces", { TraceIds: [traceId] });
  return Traces![0]!.Segments!.map(({ Document }) => JSON.parse(Document!));
}

async function withQueueAndFunction(
  run: (platform: TestPlatform, ports: ReturnType<typeof fakePorts>) => Promise<void>,
) {
  const ports = fakePorts();
  const platform = await openTestPlatform({ ports: { lambda: ports } });
  try {
    await platform.call("iam", "CreateRole", {
      RoleName: "lambda",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
      }),
    });
    await platform.call("sqs", "CreateQueue", { QueueName: "orders" });
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "worker",
      Role: `arn:aws:iam::${ACCOUNT}:role/lambda`,
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
    });
    await run(platform, ports);
  } finally {
    await platform.close();
  }
}

const QUEUE = { QueueUrl: `http://localhost:4566/${ACCOUNT}/orders` };

test("a trace goes from the call that sends through the queue into the function", () =>
  withQueueAndFunction(async (platform, ports) => {
    const headers: (string | undefined)[] = [];
    ports.handlers.set("worker", (_event, _spec, invocation) => {
      headers.push(invocation.traceId);
      throw new Error("no");
    });
    await platform.call("lambda", "CreateEventSourceMapping", {
      FunctionName: "worker",
      EventSourceArn: `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`,
    });
    await platform.settle();
    await platform.call("sqs", "SendMessage", { ...QUEUE, MessageBody: "hello" });
    await platform.settle();

    const [found, ...others] = await summaries(platform, 'service("worker") { fault }');
    assert.deepEqual(others, []);
    assert.equal(found!.HasFault, true);
    assert.equal(found!.EntryPoint!.Name, "SendMessage");
    assert.ok(found!.ResourceARNs!.some(({ ARN }) => ARN === `arn:aws:lambda:us-east-1:${ACCOUNT}:function:worker`));

    const [sent, waited, ran] = await segments(platform, found!.Id!);
    assert.equal(sent!.name, "SendMessage");
    assert.equal(sent!.parent_id, undefined);
    assert.equal(waited!.name, "in the queue");
    assert.equal(waited!.parent_id, sent!.id);
    assert.equal(ran!.name, "worker");
    assert.equal(ran!.parent_id, waited!.id);
    assert.equal(ran!.fault, true);
    assert.equal(ran!.cause!.exceptions[0]!.type, "Unhandled");
    assert.equal(headers[0], `Root=${found!.Id};Parent=${ran!.id};Sampled=1`);
    // Functions see what AWS's see: the trace is not among a message's attributes.
    const record = (ports.runs[0]!.event as any).Records[0];
    assert.deepEqual(Object.keys(record.attributes), [
      "ApproximateReceiveCount",
      "SentTimestamp",
      "SenderId",
      "ApproximateFirstReceiveTimestamp",
    ]);
  }));

test("an asynchronous invocation and its retries belong to the trace of the call", () =>
  withQueueAndFunction(async (platform, ports) => {
    let attempts = 0;
    ports.handlers.set("worker", () => {
      if (++attempts === 1) throw new Error("not yet");
    });
    await platform.call("lambda", "Invoke", { FunctionName: "worker", InvocationType: "Event" });
    await platform.settle();
    await platform.advance(60_000);
    const [found] = await summaries(platform, 'service("worker")');
    const all = await segments(platform, found!.Id!);
    assert.deepEqual(
      all.filter(({ name }) => name === "worker").map(({ fault = false }) => fault),
      [true, false],
    );
    assert.equal(found!.Duration, 60);
  }));

test("a refused call is an error with AWS's code, and its input is shown without secrets", async () => {
  const platform = await openTestPlatform();
  try {
    await assert.rejects(platform.call("sqs", "GetQueueUrl", { QueueName: "none" }));
    await platform.call("iam", "CreateUser", { UserName: "ann" });
    await platform.call("iam", "CreateLoginProfile", { UserName: "ann", Password: "correct horse" }).catch(() => {});
    const [found] = await summaries(platform, 'error AND !fault AND service("GetQueueUrl")');
    const [only] = await segments(platform, found!.Id!);
    assert.equal(only!.error, true);
    assert.equal(only!.cause!.exceptions[0]!.type, "QueueDoesNotExist");
    assert.equal(only!.annotations!["payload"], '{"QueueName":"none"}');
    const everything = JSON.stringify(
      await Promise.all((await summaries(platform)).map(({ Id }) => segments(platform, Id!))),
    );
    assert.ok(!everything.includes("correct horse"));
  } finally {
    await platform.close();
  }
});

test("pages, newest first, and nothing of another account", async () => {
  const platform = await openTestPlatform();
  try {
    for (let i = 0; i < 120; i++) {
      await platform.call("sqs", "ListQueues", {});
      await platform.advance(1000);
    }
    await platform.call("sqs", "ListQueues", {}, { accountId: "111111111111" as never });
    const range = {
      StartTime: new Date(platform.clock.nowMs() - 3_600_000),
      EndTime: new Date(platform.clock.nowMs()),
    };
    const filter = { FilterExpression: 'name = "ListQueues"' };
    const first = await platform.call("xray", "GetTraceSummaries", { ...range, ...filter });
    const second = await platform.call("xray", "GetTraceSummaries", {
      ...range,
      ...filter,
      NextToken: first.NextToken,
    });
    assert.equal(first.TraceSummaries!.length, 100);
    assert.equal(second.TraceSummaries!.length, 20);
    assert.equal(second.NextToken, undefined);
    const starts = [...first.TraceSummaries!, ...second.TraceSummaries!].map(({ StartTime }) => StartTime!.getTime());
    assert.deepEqual(
      starts,
      [...starts].sort((a, b) => b - a),
    );
  } finally {
    await platform.close();
  }
});

test("an application's own segments are kept, subsegments and all; bad ones are named", async () => {
  const platform = await openTestPlatform();
  try {
    const seconds = platform.clock.nowMs() / 1000;
    const traceId = `1-${seconds.toString(16)}-0123456789abcdef01234567`;
    const document = {
      trace_id: traceId,
      id: "70de5b6f19ff9a0a",
      name: "shop",
      start_time: seconds,
      end_time: seconds + 2,
      http: { response: { status: 200 } },
      annotations: { customer: "blue" },
      subsegments: [
        {
          id: "70de5b6f19ff9a0b",
          name: "payment",
          start_time: seconds + 0.5,
          end_time: seconds + 1,
          namespace: "remote",
          throttle: true,
        },
      ],
    };
    const { UnprocessedTraceSegments } = await platform.call("xray", "PutTraceSegments", {
      TraceSegmentDocuments: [JSON.stringify(document), "{", JSON.stringify({ ...document, id: "x" })],
    });
    assert.deepEqual(
      UnprocessedTraceSegments!.map(({ ErrorCode }) => ErrorCode),
      ["ParseError", "InvalidId"],
    );
    for (const expression of [
      'annotation.customer = "blue"',
      'annotation[customer] BEGINSWITH "bl"',
      "responsetime >= 2 AND duration < 2.1",
      'service("remote") { throttle }',
      "throttle AND !(ok OR fault)",
    ]) {
      assert.deepEqual(
        (await summaries(platform, expression)).map(({ Id }) => Id),
        [traceId],
        expression,
      );
    }
    assert.deepEqual(await summaries(platform, 'annotation.customer = "red" OR fault'), []);
    const kept = await segments(platform, traceId);
    assert.deepEqual(
      kept.map(({ name, parent_id }) => [name, parent_id]),
      [
        ["shop", undefined],
        ["payment", "70de5b6f19ff9a0a"],
      ],
    );
  } finally {
    await platform.close();
  }
});

for (const [expression, text] of [
  ["edge()", /keyword edge is not supported/],
  ["fault AND", /Expected a keyword/],
  ["(fault", /Expected \)/],
  ["responsetime ~ 3", /Unexpected character/],
  ["fault fault", /Unexpected fault/],
] as const) {
  test(`refuses the expression ${expression}`, async () => {
    const platform = await openTestPlatform();
    try {
      await assert.rejects(summaries(platform, expression), (error: any) => {
        assert.equal(error.code, "InvalidRequestException");
        assert.match(error.message, text);
        return true;
      });
    } finally {
      await platform.close();
    }
  });
}

test("what the platform does for a queue minute by minute is no part of the trace that first sent to it", async () => {
  const platform = await openTestPlatform();
  try {
    await platform.call("sqs", "CreateQueue", { QueueName: "orders" });
    await platform.call("sqs", "SendMessage", { ...QUEUE, MessageBody: "hello" });
    for (let minute = 0; minute < 3; minute++) await platform.advance(60_000);
    const found = await summaries(platform);
    assert.ok(found.length >= 2);
    for (const { Id } of found) {
      const names = (await segments(platform, Id!)).map(({ name }) => name);
      assert.deepEqual(
        names.filter((name) => name.endsWith("Due")),
        [],
      );
    }
  } finally {
    await platform.close();
  }
});
