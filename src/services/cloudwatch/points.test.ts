import assert from "node:assert/strict";
import { test } from "node:test";
import { DISTINCT_MAX, distribution, type Point, plus, pointOf, pointOfSet, pointOfValues } from "./points.ts";
import { parseStatistic } from "./statistics.ts";

const of = (...values: number[]): Point => values.map((value) => pointOf(value)).reduce(plus);
const statistic = (name: string, point: Point) => parseStatistic(name)?.(point);

test("statistics of a hundred values", () => {
  const point = of(...Array.from({ length: 100 }, (_, index) => index + 1));
  for (const [name, expected] of [
    ["SampleCount", 100],
    ["Sum", 5050],
    ["Average", 50.5],
    ["Minimum", 1],
    ["Maximum", 100],
    ["p50", 50],
    ["p99", 99],
    ["p99.9", 100],
    ["p0", 1],
    ["p100", 100],
    // The mean of 1 … 90, of 11 … 90, of the values in (10, 20].
    ["tm90", 45.5],
    ["TM(10%:90%)", 50.5],
    ["tm(10:20)", 15.5],
    ["IQM", 50.5],
    ["tc(10%:90%)", 80],
    ["ts(10:20)", 155],
    ["pr(:30)", 30],
    ["pr(30:)", 70],
    // 91 … 100 count as 90.
    ["wm90", (4095 + 900) / 100],
  ] as const) {
    assert.equal(statistic(name, point), expected, name);
  }
});

test("what is no statistic", () => {
  for (const name of ["p", "p101", "average", "tm(", "tm(:)", "tm(10%:20)", "pr(10%:)", "pr90", "q50", "p-1"]) {
    assert.equal(parseStatistic(name), undefined, name);
  }
});

test("percentiles are not told of statistic sets, nor of negative values", () => {
  const set = pointOfSet({ count: 3, sum: 6, min: 1, max: 3 });
  assert.equal(statistic("p50", set), undefined);
  assert.equal(statistic("p50", plus(set, pointOf(2))), undefined);
  assert.equal(statistic("Average", set), 2);
  // A set whose values are all the same has no secret.
  assert.equal(statistic("p50", pointOfSet({ count: 3, sum: 6, min: 2, max: 2 })), 2);
  assert.equal(statistic("p50", of(-1, 2)), undefined);
});

test("many distinct values stay few, and percentiles within 1 %", () => {
  const point = of(...Array.from({ length: 20_000 }, (_, index) => 1 + index / 10));
  assert.ok(distribution(point)!.length / 2 < 500, `${distribution(point)!.length}`);
  assert.ok(distribution(point)!.length / 2 > DISTINCT_MAX / 2);
  for (const share of [1, 25, 50, 90, 99, 99.9]) {
    const exact = 1 + (Math.ceil(share * 200) - 1) / 10;
    const told = statistic(`p${share}`, point)!;
    assert.ok(Math.abs(told - exact) <= 0.011 * exact, `p${share}: ${told}, exactly ${exact}`);
  }
});

test("the order of adding does not matter", () => {
  const left = plus(plus(of(1, 2), of(2, 3)), pointOf(9, 4));
  const right = plus(pointOf(9, 4), plus(of(3, 2), of(2, 1)));
  assert.deepEqual(left, right);
  assert.deepEqual(pointOfValues([2, 9], [2, 0]), { count: 2, sum: 4, min: 2, max: 2 });
  assert.equal(pointOfValues([1], [0]), undefined);
});
