import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";

const T0 = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const DAY = 86_400_000;
const at = (ms: number) => new Date(ms);

async function opened(t: { after(run: () => Promise<void>): void }) {
  const platform = await openTestPlatform({ nowMs: T0 });
  t.after(() => platform.close());
  return platform;
}

const put = (platform: TestPlatform, MetricName: string, values: readonly number[], fromMs: number, stepMs = MINUTE) =>
  platform.call("cloudwatch", "PutMetricData", {
    Namespace: "App",
    MetricData: values.map((Value, index) => ({ MetricName, Value, Timestamp: at(fromMs + index * stepMs) })),
  });

async function data(platform: TestPlatform, queries: MetricDataQuery[], fromMs: number, toMs: number) {
  const { MetricDataResults } = await platform.call("cloudwatch", "GetMetricData", {
    MetricDataQueries: queries,
    StartTime: at(fromMs),
    EndTime: at(toMs),
    ScanBy: "TimestampAscending",
  });
  return MetricDataResults!;
}

const stat = (Id: string, MetricName: string, Stat = "Average", Period = 60): MetricDataQuery => ({
  Id,
  MetricStat: { Metric: { Namespace: "App", MetricName }, Period, Stat },
  ReturnData: false,
});

test("values, counts and statistic sets of a minute are one datapoint", async (t) => {
  const platform = await opened(t);
  const Dimensions = [{ Name: "Host", Value: "a" }];
  await platform.call("cloudwatch", "PutMetricData", {
    Namespace: "App",
    MetricData: [
      { MetricName: "Time", Dimensions, Value: 1, Unit: "Seconds" },
      { MetricName: "Time", Dimensions, Values: [2, 5], Counts: [3, 1], Unit: "Seconds" },
      {
        MetricName: "Time",
        Dimensions,
        StatisticValues: { SampleCount: 2, Sum: 8, Minimum: 4, Maximum: 4 },
        Unit: "Seconds",
      },
    ],
  });
  const asked = {
    Namespace: "App",
    MetricName: "Time",
    Dimensions,
    StartTime: at(T0),
    EndTime: at(T0 + MINUTE),
    Period: 60,
  };
  assert.deepEqual(
    await platform.call("cloudwatch", "GetMetricStatistics", {
      ...asked,
      Statistics: ["SampleCount", "Average", "Sum", "Minimum", "Maximum"],
    }),
    {
      Label: "Time",
      Datapoints: [
        { Timestamp: at(T0), Unit: "Seconds", SampleCount: 7, Average: 20 / 7, Sum: 20, Minimum: 1, Maximum: 5 },
      ],
    },
  );
  const { Datapoints } = await platform.call("cloudwatch", "GetMetricStatistics", {
    ...asked,
    ExtendedStatistics: ["p50", "tm90"],
  });
  assert.deepEqual(Datapoints![0]!.ExtendedStatistics, { p50: 2, tm90: 15 / 6 });
  // Another unit, another dimension: nothing.
  for (const change of [{ Unit: "Bytes" as const }, { Dimensions: [] }]) {
    const none = await platform.call("cloudwatch", "GetMetricStatistics", { ...asked, ...change, Statistics: ["Sum"] });
    assert.deepEqual(none.Datapoints, []);
  }
});

test("what PutMetricData refuses", async (t) => {
  const platform = await opened(t);
  for (const [datum, code, message] of [
    [{}, "MissingRequiredParameterException", "The parameter MetricData.member.1.MetricName is required."],
    [{ MetricName: "a" }, "MissingRequiredParameterException", "The parameter MetricData.member.1.Value is required."],
    [
      { MetricName: "a", Value: Number.NaN },
      "InvalidParameterValueException",
      "The value NaN for parameter MetricData.member.1.Value is invalid.",
    ],
    [{ MetricName: "a", Value: 2 ** 361 }, "InvalidParameterValueException", /invalid/],
    [
      { MetricName: "a", Value: 1, Values: [1] },
      "InvalidParameterCombinationException",
      "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both.",
    ],
    [{ MetricName: "a", Values: [1, 2], Counts: [1] }, "InvalidParameterValueException", /same size/],
    [
      { MetricName: "a", Value: 1, Timestamp: at(T0 - 14 * DAY - 1) },
      "InvalidParameterValueException",
      "The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks.",
    ],
    [
      { MetricName: "a", Value: 1, Timestamp: at(T0 + 2 * 3600_000 + 1) },
      "InvalidParameterValueException",
      /two hours in the future/,
    ],
    [{ MetricName: "a", Value: 1, StorageResolution: 5 }, "InvalidParameterValueException", /StorageResolution/],
    [{ MetricName: "a", Value: 1, Unit: "Bushels" }, "InvalidParameterValueException", /Unit/],
    [
      { MetricName: "a", Value: 1, Dimensions: Array.from({ length: 31 }, (_, n) => ({ Name: `d${n}`, Value: "v" })) },
      "InvalidParameterValueException",
      /size greater than 30/,
    ],
  ] as const) {
    await assert.rejects(
      platform.call("cloudwatch", "PutMetricData", { Namespace: "App", MetricData: [datum as any] }),
      (error: any) => {
        assert.equal(error.code, code);
        if (typeof message === "string") assert.equal(error.message, message);
        else assert.match(error.message, message);
        return true;
      },
    );
  }
  await assert.rejects(
    platform.call("cloudwatch", "PutMetricData", {
      Namespace: "AWS/Mine",
      MetricData: [{ MetricName: "a", Value: 1 }],
    }),
    {
      message: "The value AWS/ for parameter Namespace is invalid.",
    },
  );
  await assert.rejects(
    platform.call("cloudwatch", "PutMetricData", { Namespace: "App", StrictEntityValidation: true }),
    { code: "NotImplemented" },
  );
});

test("GetMetricStatistics: at most 1,440 datapoints, one kind of statistic, aligned periods", async (t) => {
  const platform = await opened(t);
  const asked = { Namespace: "App", MetricName: "a", StartTime: at(T0 - 1441 * MINUTE), EndTime: at(T0), Period: 60 };
  await assert.rejects(platform.call("cloudwatch", "GetMetricStatistics", { ...asked, Statistics: ["Sum"] }), {
    code: "InvalidParameterCombinationException",
    message:
      "You have requested up to 1,441 datapoints, which exceeds the limit of 1,440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
  });
  await assert.rejects(platform.call("cloudwatch", "GetMetricStatistics", asked), {
    code: "MissingRequiredParameterException",
  });
  await assert.rejects(
    platform.call("cloudwatch", "GetMetricStatistics", {
      ...asked,
      Period: 3600,
      Statistics: ["Sum"],
      ExtendedStatistics: ["p50"],
    }),
    { code: "InvalidParameterCombinationException" },
  );
  await assert.rejects(
    platform.call("cloudwatch", "GetMetricStatistics", { ...asked, Period: 45, Statistics: ["Sum"] }),
    {
      code: "InvalidParameterValueException",
    },
  );
});

test("metric math", async (t) => {
  const platform = await opened(t);
  await put(platform, "errors", [1, 2, 0, 4], T0);
  await put(platform, "requests", [10, 10, 0, 20, 5], T0);
  await put(platform, "gaps", [6], T0);
  await put(platform, "gaps", [12], T0 + 3 * MINUTE);
  await platform.advance(5 * MINUTE);
  for (const [Expression, expected] of [
    ["errors / requests * 100", [10, 20, undefined, 20]],
    ["-errors + 2 ^ 3", [7, 6, 8, 4]],
    ["errors > 1 AND requests >= 20", [0, 0, 0, 1]],
    ["SUM([errors, requests])", [11, 12, 0, 24, 5]],
    ["SUM(METRICS())", [17, 12, 0, 36, 5]],
    ["AVG(METRICS('r'))", [5.5, 6, 0, 12, 5]],
    ["MAX([errors, requests]) - MIN([errors, requests])", [9, 8, 0, 16, 0]],
    ["errors / MAX(errors)", [0.25, 0.5, 0, 1]],
    ["FILL(gaps, 0)", [6, 0, 0, 12, 0]],
    ["FILL(gaps, REPEAT)", [6, 6, 6, 12, 12]],
    ["FILL(gaps, LINEAR)", [6, 8, 10, 12]],
    ["FILL(gaps, requests)", [6, 10, 0, 12, 5]],
    ["IF(errors > 1, errors, 0)", [0, 2, 0, 4]],
    ["IF(errors > 1, requests)", [undefined, 10, undefined, 20]],
    ["DIFF(errors)", [undefined, 1, -2, 4]],
    ["RATE(errors) * PERIOD(errors)", [undefined, 1, -2, 4]],
    ["RUNNING_SUM(errors)", [1, 3, 3, 7]],
    ["CEIL(errors / 3) + FLOOR(2.5) + ABS(-1)", [4, 4, 3, 5]],
    ["MINUTE(errors)", [0, 1, 2, 3]],
    ["TIME_SERIES(METRIC_COUNT(METRICS()))", [3, 3, 3, 3, 3]],
    ["FIRST(SORT(METRICS(), SUM, DESC))", [10, 10, 0, 20, 5]],
  ] as const) {
    const [result] = await data(
      platform,
      [stat("errors", "errors"), stat("requests", "requests"), stat("gaps", "gaps"), { Id: "e", Expression }],
      T0,
      T0 + 5 * MINUTE,
    );
    const found = new Map(result!.Timestamps!.map((time, index) => [time.getTime(), result!.Values![index]]));
    assert.deepEqual(
      Array.from({ length: expected.length }, (_, index) => found.get(T0 + index * MINUTE)),
      [...expected],
      Expression,
    );
    assert.equal(result!.Values!.length, expected.filter((value) => value !== undefined).length, Expression);
  }
});

test("expressions that are none, and functions that are refused by name", async (t) => {
  const platform = await opened(t);
  for (const [Expression, code, message] of [
    ["m1 +", "ValidationException", "Error in expression 'e': unexpected at the end"],
    ["nothing * 2", "ValidationException", "Error in expression 'e': 'nothing' is not the id of a query"],
    ["NOSUCH(m1)", "ValidationException", "Error in expression 'e': there is no function NOSUCH"],
    ["e + 1", "ValidationException", "Error in expression 'e': it refers to itself"],
    ["SUM(m1)", "ValidationException", /must be a time series/],
    ["ANOMALY_DETECTION_BAND(m1)", "NotImplemented", /ANOMALY_DETECTION_BAND/],
    ["SELECT AVG(x) FROM App", "NotImplemented", /Metrics Insights/],
  ] as const) {
    await assert.rejects(data(platform, [stat("m1", "a"), { Id: "e", Expression }], T0 - MINUTE, T0), (error: any) => {
      assert.equal(error.code, code, Expression);
      if (typeof message === "string") assert.equal(error.message, message);
      else assert.match(error.message, message);
      return true;
    });
  }
});

test("SEARCH by namespace, dimensions and words", async (t) => {
  const platform = await opened(t);
  for (const [MetricName, Host] of [
    ["CPUUsage", "web-1"],
    ["CPUUsage", "web-2"],
    ["CPUUsage", "db-1"],
    ["DiskUsage", "web-1"],
  ] as const) {
    await platform.call("cloudwatch", "PutMetricData", {
      Namespace: "App",
      MetricData: [{ MetricName, Dimensions: [{ Name: "Host", Value: Host }], Value: 1 }],
    });
  }
  for (const [search, labels] of [
    ['{App,Host} MetricName="CPUUsage"', ["db-1 CPUUsage", "web-1 CPUUsage", "web-2 CPUUsage"]],
    ["{App,Host} cpu web", ["web-1 CPUUsage", "web-2 CPUUsage"]],
    ["{App,Host} usage NOT web", ["db-1 CPUUsage"]],
    ['Host=("web-1" OR "db-1") disk', ["web-1 DiskUsage"]],
    ["{App} cpu", []],
  ] as const) {
    const results = await data(platform, [{ Id: "e", Expression: `SEARCH('${search}', 'Sum', 60)` }], T0, T0 + MINUTE);
    assert.deepEqual(results.map(({ Label }) => Label).sort(), labels, search);
  }
});

test("pages of GetMetricData hold MaxDatapoints, newest first unless told", async (t) => {
  const platform = await opened(t);
  await put(platform, "a", [1, 2, 3, 4, 5], T0 - 5 * MINUTE);
  await put(platform, "b", [6, 7], T0 - 2 * MINUTE);
  const seen: unknown[] = [];
  let NextToken: string | undefined;
  do {
    const page = await platform.call("cloudwatch", "GetMetricData", {
      MetricDataQueries: [stat("a", "a"), stat("b", "b")].map((query) => ({ ...query, ReturnData: true })),
      StartTime: at(T0 - 10 * MINUTE),
      EndTime: at(T0),
      MaxDatapoints: 3,
      ...(NextToken ? { NextToken } : {}),
    });
    seen.push(page.MetricDataResults!.map(({ Id, Values, StatusCode }) => [Id, Values, StatusCode]));
    NextToken = page.NextToken;
  } while (NextToken);
  assert.deepEqual(seen, [
    [["a", [5, 4, 3], "PartialData"]],
    [
      ["a", [2, 1], "Complete"],
      ["b", [7], "PartialData"],
    ],
    [["b", [6], "Complete"]],
  ]);
});

test("ListMetrics finds by name and dimension, in pages, and forgets after two weeks", async (t) => {
  const platform = await opened(t);
  for (let host = 0; host < 501; host++) {
    await platform.call("cloudwatch", "PutMetricData", {
      Namespace: "App",
      MetricData: [
        { MetricName: host === 7 ? "Other" : "Load", Dimensions: [{ Name: "Host", Value: `h${host}` }], Value: 1 },
      ],
    });
  }
  const first = await platform.call("cloudwatch", "ListMetrics", { Namespace: "App" });
  assert.equal(first.Metrics!.length, 500);
  const second = await platform.call("cloudwatch", "ListMetrics", { Namespace: "App", NextToken: first.NextToken! });
  assert.equal(second.Metrics!.length, 1);
  assert.equal(second.NextToken, undefined);
  const named = await platform.call("cloudwatch", "ListMetrics", {
    MetricName: "Other",
    Dimensions: [{ Name: "Host" }],
  });
  assert.deepEqual(named.Metrics, [
    { Namespace: "App", MetricName: "Other", Dimensions: [{ Name: "Host", Value: "h7" }] },
  ]);
  const none = await platform.call("cloudwatch", "ListMetrics", { Dimensions: [{ Name: "Host", Value: "nobody" }] });
  assert.deepEqual(none.Metrics, []);
  platform.clock.jumpTo(T0 + 4 * 3600_000);
  assert.deepEqual((await platform.call("cloudwatch", "ListMetrics", { RecentlyActive: "PT3H" })).Metrics, []);
  platform.clock.jumpTo(T0 + 15 * DAY);
  assert.deepEqual((await platform.call("cloudwatch", "ListMetrics", {})).Metrics, []);
});

test("seconds are kept for 3 hours, minutes for 15 days, 5 minutes for 63, hours for 455; then the metric is forgotten", async (t) => {
  const platform = await opened(t);
  await platform.call("cloudwatch", "PutMetricData", {
    Namespace: "App",
    MetricData: [1, 2, 3].map((Value) => ({
      MetricName: "fast",
      Value,
      StorageResolution: 1,
      Timestamp: at(T0 + Value * 10_000),
    })),
  });
  const points = async (Period: number, startMs = T0, endMs = T0 + 3600_000) => {
    const { Datapoints } = await platform.call("cloudwatch", "GetMetricStatistics", {
      Namespace: "App",
      MetricName: "fast",
      StartTime: at(startMs),
      EndTime: at(endMs),
      Period,
      Statistics: ["Sum"],
    });
    return Datapoints!.map(({ Sum }) => Sum);
  };
  assert.deepEqual(await points(10), [1, 2, 3]);
  assert.deepEqual(await points(60), [6]);
  await platform.advance(3 * 3600_000 + 2 * MINUTE);
  assert.deepEqual(await points(10, T0, T0 + 1800_000), []);
  assert.deepEqual(await points(60), [6]);
  await platform.advance(15 * DAY + 3600_000);
  await assert.rejects(points(60), { code: "InvalidParameterCombinationException" });
  assert.deepEqual(await points(300), [6]);
  const [finest] = await data(platform, [{ ...stat("m", "fast", "Sum"), ReturnData: true }], T0, T0 + 3600_000);
  assert.deepEqual(finest!.Values, [], "minutes are gone");
  await platform.advance(64 * DAY);
  assert.deepEqual(await points(3600), [6]);
  await platform.advance(400 * DAY);
  assert.deepEqual(await points(3600), []);
  assert.equal(platform.clock.nextDueMs(), undefined, "no timer is left");
});
