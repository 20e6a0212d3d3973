import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";

const T0 = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;

async function opened(t: { after(run: () => Promise<void>): void }) {
  const platform = await openTestPlatform({ nowMs: T0 });
  t.after(() => platform.close());
  await platform.call("logs", "CreateLogGroup", { logGroupName: "/app" });
  await platform.call("logs", "CreateLogStream", { logGroupName: "/app", logStreamName: "a" });
  return platform;
}

const log = (platform: TestPlatform, ...messages: string[]) =>
  platform.call("logs", "PutLogEvents", {
    logGroupName: "/app",
    logStreamName: "a",
    logEvents: messages.map((message) => ({ timestamp: T0, message })),
  });

async function sumOf(
  platform: TestPlatform,
  MetricName: string,
  Dimensions: { Name: string; Value: string }[] = [],
  Namespace = "App",
) {
  await platform.settle();
  const { Datapoints } = await platform.call("cloudwatch", "GetMetricStatistics", {
    Namespace,
    MetricName,
    Dimensions,
    StartTime: new Date(T0),
    EndTime: new Date(T0 + MINUTE),
    Period: 60,
    Statistics: ["Sum", "SampleCount"],
  });
  return Datapoints!.map(({ Sum, SampleCount, Unit }) => [Sum, SampleCount, Unit]);
}

test("the embedded metric format: every set of dimensions, lists of values, units", async (t) => {
  const platform = await opened(t);
  const event = {
    _aws: {
      Timestamp: T0,
      CloudWatchMetrics: [
        {
          Namespace: "App",
          Dimensions: [["Route"], ["Route", "Region"], ["Missing"]],
          Metrics: [{ Name: "Time", Unit: "Milliseconds" }, { Name: "Text" }, { Name: "Calls" }],
        },
      ],
    },
    Route: "/pay",
    Region: "eu",
    Time: [10, 20, 30],
    Calls: 1,
    Text: "no number",
  };
  await log(
    platform,
    JSON.stringify(event),
    "plain text",
    '{"_aws": {"CloudWatchMetrics": 5}}',
    '{"_aws" "CloudWatchMetrics"',
  );
  const route = { Name: "Route", Value: "/pay" };
  assert.deepEqual(await sumOf(platform, "Time", [route]), [[60, 3, "Milliseconds"]]);
  assert.deepEqual(await sumOf(platform, "Time", [route, { Name: "Region", Value: "eu" }]), [[60, 3, "Milliseconds"]]);
  assert.deepEqual(await sumOf(platform, "Calls", [route]), [[1, 1, "None"]]);
  const { Metrics } = await platform.call("cloudwatch", "ListMetrics", { Namespace: "App" });
  assert.equal(Metrics!.length, 4);
});

test("metric filters count and measure what matches, by field and dimension", async (t) => {
  const platform = await opened(t);
  const put = (filterName: string, filterPattern: string, transformation: object) =>
    platform.call("logs", "PutMetricFilter", {
      logGroupName: "/app",
      filterName,
      filterPattern,
      metricTransformations: [{ metricNamespace: "App", ...transformation } as any],
    });
  await put("errors", "ERROR", { metricName: "Errors", metricValue: "1", defaultValue: 0 });
  await put("sizes", "{ $.bytes > 0 }", {
    metricName: "Bytes",
    metricValue: "$.bytes",
    unit: "Bytes",
    dimensions: { Kind: "$.kind" },
  });
  await log(
    platform,
    "ERROR a",
    "fine",
    "ERROR b",
    '{"bytes": 7, "kind": "in"}',
    '{"bytes": 5, "kind": "out"}',
    '{"bytes": 3}',
  );
  await log(platform, "fine");
  assert.deepEqual(await sumOf(platform, "Errors"), [[2, 3, "None"]]);
  assert.deepEqual(await sumOf(platform, "Bytes", [{ Name: "Kind", Value: "in" }]), [[7, 1, "Bytes"]]);
  const { metricFilters } = await platform.call("logs", "DescribeMetricFilters", { logGroupName: "/app" });
  assert.deepEqual(
    metricFilters!.map(({ filterName }) => filterName),
    ["errors", "sizes"],
  );
  await platform.call("logs", "DeleteMetricFilter", { logGroupName: "/app", filterName: "errors" });
  await log(platform, "ERROR c");
  assert.deepEqual(await sumOf(platform, "Errors"), [[2, 3, "None"]]);
  await assert.rejects(put("x", "[a, b]", { metricName: "B", metricValue: "$b" }), { code: "NotImplemented" });
  await assert.rejects(put("x", "{ $.a = ", { metricName: "B", metricValue: "1" }), {
    message: "Invalid filter pattern",
  });
});

test("Virga's own metrics are stored a second after their minute, and nothing is timed when there are none", async (t) => {
  const platform = await openTestPlatform({ nowMs: T0 });
  t.after(() => platform.close());
  assert.equal(platform.clock.nextDueMs(), undefined);
  const flow = platform.flow();
  for (const value of [1, 2, 2, 3]) {
    flow.measure({
      namespace: "AWS/Lambda",
      name: "Duration",
      dimensions: { FunctionName: "f" },
      unit: "Milliseconds",
      value,
    });
  }
  await platform.advance(MINUTE);
  assert.deepEqual(await sumOf(platform, "Duration", [{ Name: "FunctionName", Value: "f" }], "AWS/Lambda"), []);
  await platform.advance(1000);
  assert.deepEqual(await sumOf(platform, "Duration", [{ Name: "FunctionName", Value: "f" }], "AWS/Lambda"), [
    [8, 4, "Milliseconds"],
  ]);
  assert.equal(platform.measurements.empty, true);
});
