import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, Region } from "./arn.ts";
import { type Datum, Measurements } from "./measurements.ts";

const account = "000000000000" as AccountId;
const region = "us-east-1" as Region;
const sent = (queue: string, value: number): Datum => ({
  namespace: "AWS/SQS",
  name: "NumberOfMessagesSent",
  dimensions: { QueueName: queue },
  unit: "Count",
  value,
});

test("datapoints of one metric and minute become one statistic set", () => {
  const measurements = new Measurements();
  for (const [atMs, value] of [
    [0, 1],
    [59_999, 3],
    [30_000, 1],
    [60_000, 7],
  ] as const) {
    measurements.add(account, region, atMs, sent("a", value));
  }
  measurements.add(account, region, 0, sent("b", 5));
  const taken = measurements.take();
  assert.deepEqual(
    taken.map(({ dimensions, minuteMs, count, sum, min, max, values }) => [
      dimensions["QueueName"],
      minuteMs,
      count,
      sum,
      min,
      max,
      [...values],
    ]),
    [
      [
        "a",
        0,
        3,
        5,
        1,
        3,
        [
          [1, 2],
          [3, 1],
        ],
      ],
      ["a", 60_000, 1, 7, 7, 7, [[7, 1]]],
      ["b", 0, 1, 5, 5, 5, [[5, 1]]],
    ],
  );
  assert.equal(measurements.empty, true);
  assert.deepEqual(measurements.take(), []);
});

test("after 150 different values a new one counts for the nearest", () => {
  const measurements = new Measurements();
  for (let value = 0; value < 1500; value++) measurements.add(account, region, 0, sent("a", value));
  const [{ values, count, max }] = measurements.take() as [ReturnType<Measurements["take"]>[number]];
  assert.equal(values.size, 150);
  assert.equal(count, 1500);
  assert.equal(max, 1499);
  assert.equal(
    [...values.values()].reduce((a, b) => a + b),
    1500,
  );
});
