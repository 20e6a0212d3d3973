/** A scripted workload's bill against one worked out by hand, to the last digit shown; prices and rounding rules of `prices.ts`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform, testKeyPair } from "../platform/testing.ts";
import { alwaysOn } from "./always-on.ts";
import { usageKey } from "./ledger.ts";
import { dollarsFor, PRICES } from "./prices.ts";

const T0 = Date.UTC(2026, 0, 10, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GB = 2 ** 30;

async function opened(t: { after(run: () => Promise<void>): void }, nowMs = T0) {
  const platform = await openTestPlatform({ nowMs });
  t.after(() => platform.close());
  return platform;
}

async function costs(
  platform: TestPlatform,
  Key: "SERVICE" | "USAGE_TYPE" | "RESOURCE_ID",
  Start = "2026-01-01",
  End = "2026-02-01",
) {
  const { ResultsByTime } = await platform.call("ce", "GetCostAndUsageWithResources", {
    TimePeriod: { Start, End },
    Granularity: "MONTHLY",
    Metrics: ["UnblendedCost", "UsageQuantity"],
    Filter: { Not: { Dimensions: { Key: "RECORD_TYPE", Values: ["Credit"] } } },
    GroupBy: [{ Type: "DIMENSION", Key }],
  });
  return Object.fromEntries(
    ResultsByTime!
      .flatMap(({ Groups }) => Groups!)
      .map(({ Keys, Metrics }) => [Keys![0]!, [Metrics!.UnblendedCost!.Amount, Metrics!.UsageQuantity!.Amount]]),
  );
}

test("a queue: 64 KB units, empty receives, FIFO dearer", async (t) => {
  const platform = await opened(t);
  const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "a" }); // 1
  await platform.call("sqs", "SendMessage", { QueueUrl, MessageBody: "x".repeat(65_536) }); // 1 unit of 64 KB
  await platform.call("sqs", "SendMessage", { QueueUrl, MessageBody: "x".repeat(65_537) }); // 2
  await platform.call("sqs", "SendMessageBatch", {
    QueueUrl,
    Entries: ["1", "2", "3"].map((Id) => ({ Id, MessageBody: "y".repeat(30_000) })), // 90,000 bytes: 2
  });
  const { Messages } = await platform.call("sqs", "ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 2 }); // 131,073 bytes: 3
  assert.equal(Messages!.length, 2);
  await platform.call("sqs", "DeleteMessage", { QueueUrl, ReceiptHandle: Messages![0]!.ReceiptHandle! }); // 1
  const fifo = await platform.call("sqs", "CreateQueue", { QueueName: "a.fifo", Attributes: { FifoQueue: "true" } }); // 1
  await platform.call("sqs", "ReceiveMessage", { QueueUrl: fifo.QueueUrl! }); // 1, empty
  // 10 × 0.40 and 2 × 0.50 dollars a million.
  assert.deepEqual(await costs(platform, "USAGE_TYPE"), {
    "Requests-Tier1": ["0.000004", "10"],
    "Requests-FIFO-Tier1": ["0.000001", "2"],
  });
  assert.deepEqual(await costs(platform, "RESOURCE_ID"), {
    "arn:aws:sqs:us-east-1:000000000000:a": ["0.000004", "10"],
    "arn:aws:sqs:us-east-1:000000000000:a.fifo": ["0.000001", "2"],
  });
});

test("a long poll that ends empty is one request, and one that is answered too", async (t) => {
  const platform = await opened(t);
  const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "a" });
  const empty = platform.call("sqs", "ReceiveMessage", { QueueUrl, WaitTimeSeconds: 20 });
  await platform.advance(20_000);
  await empty;
  const answered = platform.call("sqs", "ReceiveMessage", { QueueUrl, WaitTimeSeconds: 20 });
  await platform.advance(5000);
  await platform.call("sqs", "SendMessage", { QueueUrl, MessageBody: "x" });
  await platform.settle();
  assert.equal((await answered).Messages!.length, 1);
  assert.equal((await costs(platform, "USAGE_TYPE"))["Requests-Tier1"]![1], "4");
});

test("a table: units of 1 KB and 4 KB, half for eventual reads, double in transactions, storage with 100 bytes of overhead", async (t) => {
  const platform = await opened(t);
  const TableName = "items";
  await platform.call("dynamodb", "CreateTable", {
    TableName,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "k", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "k", KeyType: "HASH" }],
  });
  // "k" + 3, "v" + 5,000: 5,005 bytes: 5 write units; with overhead 5,105 bytes are stored.
  await platform.call("dynamodb", "PutItem", { TableName, Item: { k: { S: "abc" }, v: { S: "v".repeat(5000) } } });
  await platform.call("dynamodb", "GetItem", { TableName, Key: { k: { S: "abc" } } }); // 2 × 0.5
  await platform.call("dynamodb", "GetItem", { TableName, Key: { k: { S: "abc" } }, ConsistentRead: true }); // 2
  await platform.call("dynamodb", "TransactGetItems", {
    TransactItems: [{ Get: { TableName, Key: { k: { S: "abc" } } } }],
  }); // 2 × 2
  assert.deepEqual(await costs(platform, "USAGE_TYPE"), {
    // 7 × 0.125 and 5 × 0.625 dollars a million.
    ReadRequestUnits: ["0.000000875", "7"].map((text) =>
      Number(text).toFixed(10).replace(/0+$/, "").replace(/\.$/, ""),
    ),
    WriteRequestUnits: ["0.000003125", "5"],
    // To the end of the hour in which it was put.
    "TimedStorage-ByteHrs": [
      ((5105 / GB / 730) * 0.25).toFixed(10).replace(/\.?0+$/, ""),
      (5105 / GB / 730).toFixed(10).replace(/\.?0+$/, ""),
    ],
  });
});

test("a bucket: bytes for as long as they are kept, whoever asks and whenever", async (t) => {
  const platform = await opened(t);
  await platform.call("s3", "CreateBucket", { Bucket: "bucket" });
  const put = (Key: string, bytes: number) =>
    platform.call("s3", "PutObject", { Bucket: "bucket", Key, Body: Buffer.alloc(bytes) as never });
  await put("a", 730_000); // from 12:00
  await platform.advance(HOUR / 2);
  await put("b", 1_460_000); // from 12:30
  await platform.advance(90 * 60_000);
  await platform.call("s3", "DeleteObject", { Bucket: "bucket", Key: "a" }); // until 14:00
  await platform.advance(HOUR);
  await platform.call("s3", "DeleteObject", { Bucket: "bucket", Key: "b" }); // until 15:00
  await platform.advance(DAY);
  // 730,000 × 2 h + 1,460,000 × 2.5 h = 5,110,000 byte-hours = 7,000 byte-months.
  const expected = 7000 / GB;
  const found = (await costs(platform, "USAGE_TYPE"))["TimedStorage-ByteHrs"]!;
  assert.deepEqual(found, [
    (expected * 0.023).toFixed(10).replace(/\.?0+$/, ""),
    expected.toFixed(10).replace(/\.?0+$/, ""),
  ]);
  // CreateBucket and two PUTs at 0.005 a thousand; deletions are free.
  assert.deepEqual((await costs(platform, "USAGE_TYPE"))["Requests-Tier1"], ["0.000015", "3"]);
  // Weeks later the hours have become days, and nothing else.
  await platform.advance(20 * DAY);
  const { rollUpHours } = await import("./usage.ts");
  await platform.core.store.write((tx) => rollUpHours(tx, platform.clock.nowMs()));
  assert.deepEqual((await costs(platform, "USAGE_TYPE"))["TimedStorage-ByteHrs"], found);
  const { ResultsByTime } = await platform.call("ce", "GetCostAndUsage", {
    TimePeriod: { Start: "2026-01-10", End: "2026-01-12" },
    Granularity: "DAILY",
    Metrics: ["UsageQuantity"],
    Filter: { Dimensions: { Key: "USAGE_TYPE", Values: ["TimedStorage-ByteHrs"] } },
  });
  assert.deepEqual(
    ResultsByTime!.map(({ Total }) => Total!["UsageQuantity"]!.Amount),
    [found[1], "0"],
  );
});

test("tiers: what came before in the month counts, over all resources", () => {
  const http = PRICES["apigateway ApiGatewayHttpRequest"]!;
  assert.equal(dollarsFor(http, 0, 300e6).toFixed(6), "300.000000");
  assert.equal(dollarsFor(http, 299e6, 2e6).toFixed(6), "1.900000");
  assert.equal(dollarsFor(http, 300e6, 1e6).toFixed(6), "0.900000");
  const lambda = PRICES["lambda Request"]!;
  assert.equal(dollarsFor(lambda, 0, 3e6).toFixed(6), "0.600000");
  assert.equal(dollarsFor(lambda, 0, 3e6, true).toFixed(6), "0.400000");
});

test("a function: requests, and billed milliseconds times memory", async (t) => {
  const platform = await opened(t);
  const resource = "arn:aws:lambda:us-east-1:000000000000:function:f";
  // 12 ms at 128 MB, as AWS rounds and multiplies: 0.0015 GB-s each.
  await platform.core.store.write((tx) => {
    for (let n = 0; n < 1000; n++) {
      tx.add(usageKey(T0, "000000000000", "us-east-1", resource, "Request"), 1);
      tx.add(usageKey(T0, "000000000000", "us-east-1", resource, "Lambda-GB-Second"), (12 * 128) / (1000 * 1024));
    }
  });
  assert.deepEqual(await costs(platform, "USAGE_TYPE"), {
    // 1.5 × 0.0000166667 = 0.00002500005
    "Lambda-GB-Second": ["0.0000250001", "1.5"],
    Request: ["0.0002", "1000"],
  });
});

test("a replay of real calls, priced: 40 of the Azure Functions Trace 2021 at 128 MB", async (t) => {
  const platform = await opened(t);
  const rows = readFileSync(join(import.meta.dirname, "../../test/traces/azure2021-calls.csv"), "utf8")
    .trim()
    .split("\n")
    .slice(1);
  await platform.core.store.write((tx) => {
    for (const row of rows) {
      const [, name, end, duration] = row.split(",");
      const use = (usageType: string, quantity: number) =>
        tx.add(
          usageKey(
            T0 + Number(end) * 1000,
            "000000000000",
            "us-east-1",
            `arn:aws:lambda:us-east-1:000000000000:function:${name!.slice(0, 8)}`,
            usageType,
          ),
          quantity,
        );
      use("Request", 1);
      // Seconds with three decimals: whole milliseconds.
      use("Lambda-GB-Second", (Math.round(Number(duration) * 1000) * 128) / (1000 * 1024));
    }
  });
  // 40 requests at 0.20 a million; 4,774,201 ms × 128 MB = 596.775125 GB-s × 0.0000166667 = 0.00994627198.
  assert.deepEqual(await costs(platform, "USAGE_TYPE"), {
    "Lambda-GB-Second": ["0.009946272", "596.775125"],
    Request: ["0.000008", "40"],
  });
});

test("an alarm costs a tenth of a dollar for a month of 730 hours", async (t) => {
  const platform = await opened(t, Date.UTC(2026, 2, 1));
  await platform.call("cloudwatch", "PutMetricAlarm", {
    AlarmName: "a",
    Namespace: "N",
    MetricName: "m",
    Statistic: "Sum",
    Period: 60,
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: "GreaterThanThreshold",
  });
  platform.clock.jumpTo(Date.UTC(2026, 2, 1) + 73 * HOUR);
  assert.deepEqual((await costs(platform, "USAGE_TYPE", "2026-03-01", "2026-03-05"))["CW:AlarmMonitorUsage"], [
    "0.01",
    "0.1",
  ]);
});

test("forecast: the pace since the first usage, carried on; nothing to go by is an error", async (t) => {
  const platform = await opened(t, Date.UTC(2026, 0, 10));
  const asked = {
    TimePeriod: { Start: "2026-01-11", End: "2026-01-13" },
    Granularity: "DAILY",
    Metric: "UNBLENDED_COST",
  } as const;
  await assert.rejects(platform.call("ce", "GetCostForecast", asked), { code: "DataUnavailableException" });
  const resource = "arn:aws:sqs:us-east-1:000000000000:q";
  await platform.core.store.write((tx) =>
    tx.add(usageKey(platform.clock.nowMs(), "000000000000", "us-east-1", resource, "Requests-Tier1"), 10e6),
  );
  platform.clock.jumpTo(Date.UTC(2026, 0, 11));
  // 4 dollars in a day.
  const { Total, ForecastResultsByTime } = await platform.call("ce", "GetCostForecast", asked);
  assert.equal(Total!.Amount, "8");
  assert.deepEqual(
    ForecastResultsByTime!.map(({ MeanValue }) => MeanValue),
    ["4", "4"],
  );
});

test("by tag: of resources that are there", async (t) => {
  const platform = await opened(t);
  for (const [QueueName, team] of [
    ["a", "blue"],
    ["b", "red"],
    ["c", undefined],
  ] as const) {
    await platform.call("sqs", "CreateQueue", { QueueName, ...(team ? { tags: { team } } : {}) });
  }
  const { ResultsByTime } = await platform.call("ce", "GetCostAndUsage", {
    TimePeriod: { Start: "2026-01-01", End: "2026-02-01" },
    Granularity: "MONTHLY",
    Metrics: ["UsageQuantity"],
    Filter: { Dimensions: { Key: "SERVICE", Values: ["Amazon Simple Queue Service"] } },
    GroupBy: [{ Type: "TAG", Key: "team" }],
  });
  assert.deepEqual(
    ResultsByTime![0]!
      .Groups!.map(({ Keys, Metrics }) => [Keys![0], Metrics!["UsageQuantity"]!.Amount])
      .map(([name]) => name),
    ["team$", "team$blue", "team$red"],
  );
  assert.deepEqual(
    (await platform.call("ce", "GetTags", { TimePeriod: { Start: "2026-01-01", End: "2026-02-01" } })).Tags,
    ["team"],
  );
});

test("always on: the smallest task that carries the peak", () => {
  // 0.25 × 0.04048 + 0.5 × 0.004445 = 0.0123425 dollars an hour.
  assert.deepEqual(alwaysOn(0.1), { tasks: 1, cpu: 0.25, memoryGb: 0.5, dollarsPerMonth: 9.010025 });
  assert.deepEqual([alwaysOn(0.8).cpu, alwaysOn(0.8).memoryGb], [0.5, 1]);
  assert.equal(alwaysOn(100).tasks, 4);
});

test("provisioned capacity by the hour, that of indexes too, and no request by its units", async (t) => {
  const platform = await opened(t);
  const TableName = "items";
  await platform.call("dynamodb", "CreateTable", {
    TableName,
    AttributeDefinitions: [{ AttributeName: "k", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "k", KeyType: "HASH" }],
    ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 2 },
    GlobalSecondaryIndexes: [
      {
        IndexName: "byK",
        KeySchema: [{ AttributeName: "k", KeyType: "HASH" }],
        Projection: { ProjectionType: "KEYS_ONLY" },
        ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 2 },
      },
    ],
  });
  await platform.call("dynamodb", "PutItem", { TableName, Item: { k: { S: "a" } } });
  await platform.advance(2 * HOUR); // 6 and 4 units for two hours
  await platform.call("dynamodb", "UpdateTable", {
    TableName,
    ProvisionedThroughput: { ReadCapacityUnits: 9, WriteCapacityUnits: 2 },
  });
  await platform.advance(HOUR); // 10 and 4 for one
  await platform.call("dynamodb", "UpdateTable", { TableName, BillingMode: "PAY_PER_REQUEST" });
  await platform.call("dynamodb", "PutItem", { TableName, Item: { k: { S: "b" } } }); // table and index: 2 units
  await platform.advance(DAY);
  const { "TimedStorage-ByteHrs": _, ...found } = await costs(platform, "USAGE_TYPE");
  assert.deepEqual(found, {
    "ReadCapacityUnit-Hrs": ["0.00286", "22"], // × 0.00013
    "WriteCapacityUnit-Hrs": ["0.0078", "12"], // × 0.00065
    WriteRequestUnits: ["0.00000125", "2"],
  });
});

test("data out to the internet: over all services, and not to whoever runs inside", async (t) => {
  const platform = await opened(t);
  const use = (resource: string, bytes: number) =>
    platform.core.store.write((tx) =>
      tx.add(usageKey(T0, "000000000000", "us-east-1", resource, "DataTransfer-Out-Bytes"), bytes),
    );
  await use("arn:aws:lambda:us-east-1:000000000000:function:f", 10_000 * GB);
  await use("arn:aws:s3:::bucket", 1000 * GB);
  // 11,000 GB: 10,240 at 0.09, 760 at 0.085; the lambda lines come first, by their name.
  assert.deepEqual(await costs(platform, "RESOURCE_ID"), {
    "arn:aws:lambda:us-east-1:000000000000:function:f": ["900", "10000"],
    "arn:aws:s3:::bucket": ["86.2", "1000"], // 240 × 0.09 + 760 × 0.085
  });
});

test("an object that a stranger reads from a website leaves; one that is read in process does not", async (t) => {
  const platform = await opened(t);
  await platform.call("s3", "CreateBucket", { Bucket: "bucket" });
  await platform.call("s3", "PutObject", { Bucket: "bucket", Key: "a", Body: Buffer.alloc(1000) as never });
  await platform.call("s3", "DeletePublicAccessBlock", { Bucket: "bucket" });
  await platform.call("s3", "PutBucketPolicy", {
    Bucket: "bucket",
    Policy: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/*" }],
    }),
  });
  const read = async (as?: Parameters<TestPlatform["call"]>[3]) => {
    const { Body } = await platform.call("s3", "GetObject", { Bucket: "bucket", Key: "a" }, as);
    (Body as unknown as Readable).resume();
  };
  await read();
  assert.equal((await costs(platform, "USAGE_TYPE"))["DataTransfer-Out-Bytes"], undefined);
  await read({ principal: { type: "anonymous" } });
  assert.equal((await costs(platform, "USAGE_TYPE"))["DataTransfer-Out-Bytes"]![1], (1000 / GB).toFixed(10));
});

test("provisioned concurrency costs for as long as it is there", async (t) => {
  const platform = await opened(t);
  await platform.call("iam", "CreateRole", {
    RoleName: "r",
    AssumeRolePolicyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
    }),
  });
  await platform.call("lambda", "CreateFunction", {
    FunctionName: "f",
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: "arn:aws:iam::000000000000:role/r",
    MemorySize: 512,
    Publish: true,
    Code: { ZipFile: Buffer.from("zip") },
  });
  const at = { FunctionName: "f", Qualifier: "1" };
  await platform.call("lambda", "PutProvisionedConcurrencyConfig", { ...at, ProvisionedConcurrentExecutions: 4 });
  await platform.advance(HOUR);
  await platform.call("lambda", "PutProvisionedConcurrencyConfig", { ...at, ProvisionedConcurrentExecutions: 2 });
  await platform.advance(HOUR / 2);
  await platform.call("lambda", "DeleteProvisionedConcurrencyConfig", at);
  await platform.advance(DAY);
  // 2 GB for 3,600 s and 1 GB for 1,800 s: 9,000 GB-s × 0.0000041667.
  assert.deepEqual((await costs(platform, "USAGE_TYPE"))["Lambda-Provisioned-Concurrency"], ["0.0375003", "9000"]);
});

test("deliveries to HTTP endpoints, every attempt; subscriptions and queues are free", async (t) => {
  const posts: string[] = [];
  const post = async ({ body }: { readonly body: Uint8Array }) => {
    posts.push(Buffer.from(body).toString());
    // The first notification is refused once, and sent again.
    return { status: posts.length === 2 ? 503 : 200 };
  };
  const platform = await openTestPlatform({ nowMs: T0, ports: { sns: { post, makeKeyPair: testKeyPair } } });
  t.after(() => platform.close());
  const { TopicArn } = await platform.call("sns", "CreateTopic", { Name: "t" });
  await platform.call("sns", "Subscribe", { TopicArn, Protocol: "http", Endpoint: "http://example.com/" });
  await platform.settle();
  await platform.call("sns", "ConfirmSubscription", { TopicArn, Token: JSON.parse(posts[0]!).Token });
  await platform.call("sns", "Publish", { TopicArn, Message: "x".repeat(65_536) }); // 1 request of 64 KB
  await platform.advance(60_000);
  assert.equal(posts.length, 3);
  assert.deepEqual((await costs(platform, "USAGE_TYPE"))["DeliveryAttempts-HTTP"], ["0.0000012", "2"]);
});

test("what the scheduler invokes, once each", async (t) => {
  const platform = await opened(t);
  await platform.call("iam", "CreateRole", {
    RoleName: "r",
    AssumeRolePolicyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "scheduler.amazonaws.com" }, Action: "sts:AssumeRole" }],
    }),
  });
  await platform.call("iam", "PutRolePolicy", {
    RoleName: "r",
    PolicyName: "p",
    PolicyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
    }),
  });
  await platform.call("sqs", "CreateQueue", { QueueName: "q" });
  await platform.call("scheduler", "CreateSchedule", {
    Name: "s",
    ScheduleExpression: "rate(1 minute)",
    FlexibleTimeWindow: { Mode: "OFF" },
    Target: {
      Arn: "arn:aws:sqs:us-east-1:000000000000:q",
      RoleArn: "arn:aws:iam::000000000000:role/r",
      Input: "x",
    },
  });
  await platform.advance(10 * 60_000 + 1000);
  const [dollars, quantity] = (await costs(platform, "USAGE_TYPE"))["Invocations"]!;
  const { Attributes } = await platform.call("sqs", "GetQueueAttributes", {
    QueueUrl: "http://localhost/000000000000/q",
    AttributeNames: ["ApproximateNumberOfMessages"],
  });
  assert.equal(quantity, Attributes!["ApproximateNumberOfMessages"]);
  assert.equal(Number(dollars).toFixed(8), (Number(quantity) / 1e6).toFixed(8));
  assert.ok(Number(quantity) >= 10);
});

test("by stack, and no dearer for having been looked at", async (t) => {
  const platform = await opened(t);
  await platform.call("cloudformation", "CreateStack", {
    StackName: "shop",
    TemplateBody: JSON.stringify({
      Resources: { Orders: { Type: "AWS::SQS::Queue", Properties: { QueueName: "orders" } } },
    }),
  });
  await platform.advance(5000);
  await platform.call("sqs", "CreateQueue", { QueueName: "other" });
  const look = async () => {
    const { ResultsByTime } = await platform.call("ce", "GetCostAndUsage", {
      TimePeriod: { Start: "2026-01-01", End: "2026-02-01" },
      Granularity: "MONTHLY",
      Metrics: ["UsageQuantity"],
      Filter: { Dimensions: { Key: "SERVICE", Values: ["Amazon Simple Queue Service"] } },
      GroupBy: [{ Type: "TAG", Key: "aws:cloudformation:stack-name" }],
    });
    return ResultsByTime![0]!.Groups!.map(({ Keys, Metrics }) => [Keys![0]!, Metrics!["UsageQuantity"]!.Amount]);
  };
  const first = await look();
  assert.deepEqual(
    first.map(([name]) => name),
    ["aws:cloudformation:stack-name$", "aws:cloudformation:stack-name$shop"],
  );
  assert.equal(first[0]![1], "1");
  assert.deepEqual(await look(), first);
});
