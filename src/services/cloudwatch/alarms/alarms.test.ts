import assert from "node:assert/strict";
import { test } from "node:test";
import type { PutMetricAlarmInput } from "@aws-sdk/client-cloudwatch";
import { Measurements } from "../../../kernel/measurements.ts";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import type { Service } from "../../service.ts";
import { createCloudwatch } from "../service.ts";
import { LAG_MS } from "./evaluate.ts";

const T0 = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const TOPIC = "arn:aws:sns:us-east-1:000000000000:ops";
const POLICY =
  "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:6d8972f3:resource/ecs/service/default/web:policyName/cpu";

async function opened(t: { after(run: () => Promise<void>): void }) {
  const platform = await openTestPlatform({ nowMs: T0 });
  t.after(() => platform.close());
  return platform;
}

const alarm = (AlarmName: string, more: Partial<PutMetricAlarmInput> = {}): PutMetricAlarmInput => ({
  AlarmName,
  Namespace: "App",
  MetricName: "Load",
  Statistic: "Average",
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 10,
  ComparisonOperator: "GreaterThanThreshold",
  ...more,
});

const load = (platform: TestPlatform, Value: number, MetricName = "Load") =>
  platform.call("cloudwatch", "PutMetricData", { Namespace: "App", MetricData: [{ MetricName, Value }] });

async function stateOf(platform: TestPlatform, name: string) {
  const { MetricAlarms, CompositeAlarms } = await platform.call("cloudwatch", "DescribeAlarms", {
    AlarmNames: [name],
    AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
  });
  return MetricAlarms![0] ?? CompositeAlarms![0];
}

async function history(platform: TestPlatform, AlarmName: string, HistoryItemType?: "StateUpdate" | "Action") {
  const { AlarmHistoryItems } = await platform.call("cloudwatch", "DescribeAlarmHistory", {
    AlarmName,
    ScanBy: "TimestampAscending",
    ...(HistoryItemType ? { HistoryItemType } : {}),
  });
  return AlarmHistoryItems!.map(({ HistorySummary }) => HistorySummary);
}

test("an alarm's story: no data, too much, back again", async (t) => {
  const platform = await opened(t);
  await platform.advance(LAG_MS);
  await platform.call(
    "cloudwatch",
    "PutMetricAlarm",
    alarm("high", { EvaluationPeriods: 3, DatapointsToAlarm: 2, Unit: "None" }),
  );
  assert.deepEqual(
    (({ StateValue, StateReason }) => ({ StateValue, StateReason }))((await stateOf(platform, "high"))!),
    { StateValue: "INSUFFICIENT_DATA", StateReason: "Unchecked: Initial alarm creation" },
  );
  const seen: unknown[] = [];
  for (const value of [1, 20, 1, 20, 1, 1]) {
    await load(platform, value);
    await platform.advance(MINUTE);
    seen.push((await stateOf(platform, "high"))!.StateValue);
  }
  assert.deepEqual(
    seen,
    ["OK", "OK", "OK", "ALARM", "ALARM", "OK"].map((state, index) => (index === 4 ? "OK" : state)),
  );
  assert.deepEqual(await history(platform, "high"), [
    'Alarm "high" created',
    "Alarm updated from INSUFFICIENT_DATA to OK",
    "Alarm updated from OK to ALARM",
    "Alarm updated from ALARM to OK",
  ]);
});

test("the reason is AWS's sentence, its data JSON", async (t) => {
  const platform = await opened(t);
  await platform.call("cloudwatch", "PutMetricAlarm", alarm("high"));
  await load(platform, 20);
  await platform.advance(MINUTE + LAG_MS);
  const { StateValue, StateReason, StateReasonData } = (await stateOf(platform, "high"))!;
  assert.equal(StateValue, "ALARM");
  assert.equal(
    StateReason,
    "Threshold Crossed: 1 out of the last 1 datapoints [20.0 (15/01/26 12:00:00)] was greater than the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition).",
  );
  assert.deepEqual(JSON.parse(StateReasonData!), {
    version: "1.0",
    queryDate: "2026-01-15T12:01:05.000+0000",
    startDate: "2026-01-15T12:00:00.000+0000",
    statistic: "Average",
    period: 60,
    recentDatapoints: [20],
    threshold: 10,
    evaluatedDatapoints: [{ timestamp: "2026-01-15T12:00:00.000+0000", sampleCount: 1, value: 20 }],
  });
  // Two more minutes the datapoint is in the evaluation range, then nothing is.
  await platform.advance(2 * MINUTE);
  assert.equal((await stateOf(platform, "high"))!.StateValue, "ALARM");
  await platform.advance(MINUTE);
  assert.equal((await stateOf(platform, "high"))!.StateReason, "Insufficient Data: 1 datapoint was unknown.");
});

test("missing data as the alarm says; DynamoDB's is always ignored", async (t) => {
  const platform = await opened(t);
  for (const [name, TreatMissingData, expected] of [
    ["b", "breaching", "ALARM"],
    ["n", "notBreaching", "OK"],
    ["i", "ignore", "INSUFFICIENT_DATA"],
    ["m", "missing", "INSUFFICIENT_DATA"],
  ] as const) {
    await platform.call("cloudwatch", "PutMetricAlarm", alarm(name, { TreatMissingData }));
    await platform.advance(2 * MINUTE);
    assert.equal((await stateOf(platform, name))!.StateValue, expected, name);
  }
  await platform.call(
    "cloudwatch",
    "PutMetricAlarm",
    alarm("d", { Namespace: "AWS/DynamoDB", TreatMissingData: "breaching" }),
  );
  await platform.advance(2 * MINUTE);
  assert.equal((await stateOf(platform, "d"))!.StateValue, "INSUFFICIENT_DATA");
});

test("metric math, percentiles and high resolution", async (t) => {
  const platform = await opened(t);
  const { Statistic: _s, MetricName: _m, Namespace: _n, Period: _p, ...rest } = alarm("ratio", { Threshold: 0.5 });
  const metric = (Id: string, MetricName: string) => ({
    Id,
    ReturnData: false,
    MetricStat: { Metric: { Namespace: "App", MetricName }, Period: 60, Stat: "Sum" },
  });
  await platform.call("cloudwatch", "PutMetricAlarm", {
    ...rest,
    Metrics: [
      metric("errors", "Errors"),
      metric("all", "Requests"),
      { Id: "e", Expression: "errors / all", Label: "ratio" },
    ],
  });
  const { Statistic, ...percentile } = alarm("slow", { ExtendedStatistic: "p90" });
  assert.equal(Statistic, "Average");
  await platform.call("cloudwatch", "PutMetricAlarm", percentile);
  await platform.call("cloudwatch", "PutMetricAlarm", alarm("quick", { Period: 10, MetricName: "Fast" }));
  await load(platform, 6, "Errors");
  await load(platform, 10, "Requests");
  for (const value of [1, 1, 1, 1, 1, 1, 1, 1, 30, 30]) await load(platform, value);
  await platform.call("cloudwatch", "PutMetricData", {
    Namespace: "App",
    MetricData: [{ MetricName: "Fast", Value: 50, StorageResolution: 1 }],
  });
  await platform.advance(10_000 + LAG_MS);
  assert.equal((await stateOf(platform, "quick"))!.StateValue, "ALARM");
  await platform.advance(MINUTE);
  assert.equal((await stateOf(platform, "ratio"))!.StateValue, "ALARM");
  assert.equal((await stateOf(platform, "slow"))!.StateValue, "ALARM");
});

test("a change is an event with its actions; scaling policies are told every minute while it lasts; topics and functions once", async (t) => {
  const heard: any[] = [];
  const published: any[] = [];
  const invoked: any[] = [];
  const events: any[] = [];
  const stand = (name: string, operation: string, to: any[]) =>
    ({
      name,
      operations: {
        [operation]: (_tx: unknown, input: unknown) => {
          to.push(input);
          return {};
        },
      },
    }) as unknown as Service;
  const policies = {
    name: "applicationautoscaling",
    operations: {},
    hears: {
      "cloudwatch.AlarmStateChanged": { operation: (_tx: unknown, detail: unknown) => void heard.push(detail) },
    },
  } as unknown as Service;
  const platform = await openTestPlatform({
    nowMs: T0,
    services: [
      createCloudwatch(new Measurements()) as unknown as Service,
      policies,
      stand("sns", "Publish", published),
      stand("lambda", "Invoke", invoked),
      stand("events", "PutEvents", events),
    ],
  });
  t.after(() => platform.close());
  const FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:repair";
  await platform.call(
    "cloudwatch",
    "PutMetricAlarm",
    alarm("scale", { AlarmActions: [POLICY, TOPIC, FUNCTION], TreatMissingData: "ignore" }),
  );
  await load(platform, 20);
  await platform.advance(3 * MINUTE + LAG_MS);
  assert.deepEqual(
    heard.map(({ oldState, newState, actions }) => [oldState, newState, actions]),
    [
      ["INSUFFICIENT_DATA", "ALARM", [POLICY, TOPIC, FUNCTION]],
      ["ALARM", "ALARM", [POLICY]],
      ["ALARM", "ALARM", [POLICY]],
    ],
  );
  assert.equal(heard[0].alarmArn, "arn:aws:cloudwatch:us-east-1:000000000000:alarm:scale");
  assert.deepEqual(JSON.parse(heard[0].reasonData).recentDatapoints, [20]);
  assert.equal(published.length, 1);
  assert.equal(published[0].TopicArn, TOPIC);
  assert.equal(published[0].Subject, 'ALARM: "scale" in US East (N. Virginia)');
  const message = JSON.parse(published[0].Message);
  assert.deepEqual(
    [message.NewStateValue, message.OldStateValue, message.Trigger.MetricName, message.Trigger.Statistic],
    ["ALARM", "INSUFFICIENT_DATA", "Load", "AVERAGE"],
  );
  assert.equal(invoked.length, 1);
  assert.equal(JSON.parse(Buffer.from(invoked[0].Payload).toString()).alarmData.state.value, "ALARM");
  assert.equal(events.length, 1);
  assert.equal(events[0].Entries[0].DetailType, "CloudWatch Alarm State Change");
  assert.deepEqual((await history(platform, "scale", "Action")).sort(), [
    `Successfully executed action ${FUNCTION}`,
    `Successfully executed action ${TOPIC}`,
  ]);
});

test("actions: a notification that cannot be sent is written down, disabled actions are not tried", async (t) => {
  const platform = await opened(t);
  await platform.call("cloudwatch", "PutMetricAlarm", alarm("loud", { AlarmActions: [TOPIC] }));
  await platform.call("cloudwatch", "PutMetricAlarm", alarm("mute", { AlarmActions: [TOPIC], ActionsEnabled: false }));
  for (const AlarmName of ["loud", "mute"]) {
    await platform.call("cloudwatch", "SetAlarmState", { AlarmName, StateValue: "ALARM", StateReason: "a test" });
  }
  await platform.settle();
  assert.deepEqual(await history(platform, "loud", "Action"), [`Failed to execute action ${TOPIC}`]);
  assert.deepEqual(await history(platform, "mute", "Action"), []);
  await platform.call("cloudwatch", "EnableAlarmActions", { AlarmNames: ["mute"] });
  assert.equal((await stateOf(platform, "mute"))!.ActionsEnabled, true);
});

test("composite alarms follow their children, at once and upwards", async (t) => {
  const platform = await opened(t);
  await platform.call("cloudwatch", "PutMetricAlarm", alarm("a"));
  await platform.call("cloudwatch", "PutMetricAlarm", alarm("b", { MetricName: "Other" }));
  await platform.call("cloudwatch", "PutCompositeAlarm", { AlarmName: "both", AlarmRule: "ALARM(a) AND ALARM(b)" });
  await platform.call("cloudwatch", "PutCompositeAlarm", { AlarmName: "top", AlarmRule: "NOT OK(both)" });
  assert.equal((await stateOf(platform, "both"))!.StateValue, "OK");
  const set = (AlarmName: string, StateValue: "ALARM" | "OK") =>
    platform.call("cloudwatch", "SetAlarmState", { AlarmName, StateValue, StateReason: "a test" });
  await set("a", "ALARM");
  assert.equal((await stateOf(platform, "both"))!.StateValue, "OK");
  await set("b", "ALARM");
  assert.equal((await stateOf(platform, "both"))!.StateValue, "ALARM");
  assert.equal((await stateOf(platform, "top"))!.StateValue, "ALARM");
  assert.equal(
    (await stateOf(platform, "both"))!.StateReason,
    "arn:aws:cloudwatch:us-east-1:000000000000:alarm:b transitioned to ALARM at Thursday 15 January, 2026 12:00:00 UTC",
  );
  await assert.rejects(platform.call("cloudwatch", "DeleteAlarms", { AlarmNames: ["a"] }), /depend on it/);
  await assert.rejects(
    platform.call("cloudwatch", "PutCompositeAlarm", { AlarmName: "x", AlarmRule: "ALARM(nobody)" }),
    { message: "Could not save the composite alarm as alarms [nobody] in the alarm rule do not exist" },
  );
  const children = await platform.call("cloudwatch", "DescribeAlarms", { ChildrenOfAlarmName: "both" });
  assert.deepEqual(
    children.MetricAlarms!.map(({ AlarmName }) => AlarmName),
    ["a", "b"],
  );
});

test("a suppressor holds actions back: waiting, while it is in alarm, and a while after", async (t) => {
  const platform = await opened(t);
  const set = (AlarmName: string, StateValue: "ALARM" | "OK") =>
    platform.call("cloudwatch", "SetAlarmState", { AlarmName, StateValue, StateReason: "a test" });
  for (const name of ["child", "maintenance"]) {
    await platform.call("cloudwatch", "PutMetricAlarm", alarm(name, { TreatMissingData: "ignore" }));
    await set(name, "OK");
  }
  await platform.call("cloudwatch", "PutCompositeAlarm", {
    AlarmName: "page",
    AlarmRule: "ALARM(child)",
    AlarmActions: [TOPIC],
    ActionsSuppressor: "maintenance",
    ActionsSuppressorWaitPeriod: 60,
    ActionsSuppressorExtensionPeriod: 120,
  });
  await platform.advance(2 * MINUTE);
  const actions = async () => (await history(platform, "page", "Action")).length;
  const by = async () => ((await stateOf(platform, "page")) as any).ActionsSuppressedBy;

  await set("child", "ALARM");
  assert.equal(await by(), "WaitPeriod");
  await platform.advance(59_000);
  assert.equal(await actions(), 0);
  await platform.advance(2000);
  assert.equal(await actions(), 1, "the suppressor did not come: the actions go out");
  assert.equal(await by(), undefined);

  await set("child", "OK");
  await platform.advance(MINUTE + 1000);
  await set("maintenance", "ALARM");
  await set("child", "ALARM");
  assert.equal(await by(), "Alarm");
  await platform.advance(10 * MINUTE);
  assert.equal(await actions(), 1);
  await set("maintenance", "OK");
  assert.equal(await by(), "ExtensionPeriod");
  await platform.advance(121_000);
  assert.equal(await actions(), 2, "still in ALARM when the extension ends");
});

test("what PutMetricAlarm refuses", async (t) => {
  const platform = await opened(t);
  for (const [change, code, message] of [
    [{ Period: 45 }, "ValidationException", /Period must be 10, 20, 30/],
    [
      { EvaluationPeriods: 1441 },
      "ValidationException",
      "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
    ],
    [{ DatapointsToAlarm: 2 }, "ValidationException", /less than or equal to EvaluationPeriods/],
    [{ Statistic: undefined }, "MissingRequiredParameterException", /Statistic/],
    [{ ExtendedStatistic: "p90" }, "InvalidParameterCombinationException", /mutually exclusive/],
    [{ AlarmActions: ["nonsense"] }, "ValidationException", "Invalid arn syntax: nonsense"],
    [{ AlarmActions: ["arn:aws:automate:us-east-1:ec2:stop"] }, "NotImplemented", /EC2/],
    [{ AlarmActions: ["arn:aws:ssm:us-east-1:000000000000:opsitem:1"] }, "NotImplemented", /ssm/],
    [{ ComparisonOperator: "LessThanLowerThreshold" }, "NotImplemented", /anomaly/],
    [{ ThresholdMetricId: "m" }, "NotImplemented", /ThresholdMetricId/],
    [{ TreatMissingData: "perhaps" }, "ValidationException", /TreatMissingData/],
    [{ Metrics: [] }, "ValidationException", /mutually exclusive/],
  ] as const) {
    await assert.rejects(platform.call("cloudwatch", "PutMetricAlarm", alarm("x", change as any)), (error: any) => {
      assert.equal(error.code, code, JSON.stringify(change));
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    });
  }
});

test("alarms by metric, tags, pages, deletion; nothing is evaluated any more", async (t) => {
  const platform = await opened(t);
  for (let index = 0; index < 3; index++) {
    await platform.call("cloudwatch", "PutMetricAlarm", alarm(`a${index}`, { Tags: [{ Key: "team", Value: "blue" }] }));
  }
  const first = await platform.call("cloudwatch", "DescribeAlarms", { AlarmNamePrefix: "a", MaxRecords: 2 });
  const second = await platform.call("cloudwatch", "DescribeAlarms", {
    AlarmNamePrefix: "a",
    MaxRecords: 2,
    NextToken: first.NextToken!,
  });
  assert.deepEqual(
    [...first.MetricAlarms!, ...second.MetricAlarms!].map(({ AlarmName }) => AlarmName),
    ["a0", "a1", "a2"],
  );
  assert.equal(second.NextToken, undefined);
  const on = await platform.call("cloudwatch", "DescribeAlarmsForMetric", { Namespace: "App", MetricName: "Load" });
  assert.equal(on.MetricAlarms!.length, 3);
  const ResourceARN = first.MetricAlarms![0]!.AlarmArn!;
  await platform.call("cloudwatch", "TagResource", { ResourceARN, Tags: [{ Key: "tier", Value: "1" }] });
  await platform.call("cloudwatch", "UntagResource", { ResourceARN, TagKeys: ["team"] });
  assert.deepEqual((await platform.call("cloudwatch", "ListTagsForResource", { ResourceARN })).Tags, [
    { Key: "tier", Value: "1" },
  ]);
  await assert.rejects(platform.call("cloudwatch", "DeleteAlarms", { AlarmNames: ["a0", "nobody"] }), {
    code: "ResourceNotFound",
  });
  await platform.call("cloudwatch", "DeleteAlarms", { AlarmNames: ["a0", "a1", "a2"] });
  assert.deepEqual((await platform.call("cloudwatch", "DescribeAlarms", {})).MetricAlarms, []);
  await platform.advance(2 * MINUTE);
  assert.equal(platform.clock.nextDueMs(), undefined);
});

test("dashboards come back as they were put", async (t) => {
  const platform = await opened(t);
  const DashboardBody = '{"widgets": []}';
  await platform.call("cloudwatch", "PutDashboard", { DashboardName: "main", DashboardBody });
  assert.equal(
    (await platform.call("cloudwatch", "GetDashboard", { DashboardName: "main" })).DashboardBody,
    DashboardBody,
  );
  const { DashboardEntries } = await platform.call("cloudwatch", "ListDashboards", { DashboardNamePrefix: "ma" });
  assert.equal(DashboardEntries![0]!.Size, 15);
  await assert.rejects(platform.call("cloudwatch", "PutDashboard", { DashboardName: "x", DashboardBody: "{" }), {
    code: "DashboardInvalidInputError",
  });
  await platform.call("cloudwatch", "DeleteDashboards", { DashboardNames: ["main"] });
  await assert.rejects(platform.call("cloudwatch", "GetDashboard", { DashboardName: "main" }), {
    code: "DashboardNotFoundError",
  });
});
