/** Days of real traffic through the same decision as on the platform. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { SeededRandom } from "../../kernel/random.ts";
import { type ReplaySettings, replay } from "./replay.ts";

const sample = (name: string, everyMinutes: number): number[] => {
  const path = new URL(`../../../test/data/traffic/${name}`, import.meta.url);
  const [, ...lines] = readFileSync(path, "utf8").trim().split("\n");
  return lines.flatMap((line) => Array<number>(everyMinutes).fill(Number(line) / everyMinutes));
};

const NASA = sample("nasa-july-1995-week.csv", 1);
const NAB = sample("nab-elb-request-count.csv", 5);

/** Twenty tasks carry the busiest minute at the target. */
const settings = (traffic: readonly number[], more: Partial<ReplaySettings> = {}): ReplaySettings => ({
  limits: { min: 1, max: 40 },
  target: 50,
  requestsPerTask: Math.max(...traffic) / 10,
  scaleOutCooldownSeconds: 300,
  scaleInCooldownSeconds: 300,
  startMinutes: [0, 2],
  isCapped: false,
  ...more,
});
const run = (traffic: readonly number[], more: Partial<ReplaySettings> = {}, seed = 1) =>
  replay(traffic, settings(traffic, more), new SeededRandom(seed));

test("the same seed gives the same bytes, another seed others", () => {
  const bytes = (seed: number) => JSON.stringify(run(NASA, {}, seed));
  assert.equal(bytes(7), bytes(7));
  assert.notEqual(bytes(7), bytes(8));
});

for (const [name, traffic, share, overloaded] of [
  ["a week of NASA's server", NASA, 0.4, 0.002],
  ["two weeks of a load balancer with bursts", NAB, 0.3, 0.05],
] as const) {
  test(`${name} is carried for a share of what its peak would cost`, () => {
    const result = run(traffic);
    assert.equal(result.minutes, traffic.length);
    assert.ok(result.taskMinutes < share * 20 * traffic.length, String(result.taskMinutes));
    assert.ok(result.minutesOverloaded < overloaded * traffic.length, String(result.minutesOverloaded));
    assert.ok(result.capacity.every((tasks) => tasks >= 1 && tasks <= 40));
    assert.ok(result.scaleOuts > 10 && result.scaleIns > 10);
  });
}

test("a higher target costs less and bears less", () => {
  const [low, high] = [run(NASA, { target: 50 }), run(NASA, { target: 80 })];
  assert.ok(high.taskMinutes < low.taskMinutes);
  assert.ok(high.minutesOverloaded > low.minutesOverloaded);
});

test("never more than the maximum, whatever is asked", () => {
  assert.equal(run(NASA, { limits: { min: 2, max: 5 } }).peakTasks, 5);
});

test("a scheduled minimum is there at its minute, and a flat load ends where it belongs", () => {
  const flat = Array<number>(3 * 1440).fill(100);
  const eight = 8 * 60;
  const result = run(flat, {
    requestsPerTask: 100,
    limits: { min: 1, max: 40 },
    startMinuteOfWeek: 0,
    schedule: [
      { minuteOfWeek: 0, limits: { min: 1, max: 40 } },
      { minuteOfWeek: eight, limits: { min: 10, max: 40 } },
      { minuteOfWeek: eight + 600, limits: { min: 1, max: 40 } },
    ],
  });
  // 100 requests a minute keep two tasks at their target.
  assert.equal(result.capacity[eight - 1], 2);
  assert.equal(result.capacity[eight], 10);
  assert.equal(result.capacity.at(-1), 2);
});
