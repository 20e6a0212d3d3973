import assert from "node:assert/strict";
import test from "node:test";
import { nextTimeMs, parseSchedule } from "./expression.ts";

const runs = (expression: string, timeZone: string, from: string, count: number): string[] => {
  const schedule = parseSchedule(expression);
  assert.ok(schedule, `${expression} is a schedule`);
  const out: string[] = [];
  const anchorMs = Date.parse(from);
  let afterMs: number | undefined = anchorMs;
  while (out.length < count && afterMs !== undefined) {
    afterMs = nextTimeMs(schedule, { timeZone, afterMs, anchorMs });
    if (afterMs !== undefined) out.push(new Date(afterMs).toISOString().replace(":00.000Z", "Z"));
  }
  return out;
};

/** Expression, zone, from, the next times. January 1, 2026 is a Thursday. */
const stories: readonly (readonly [string, string, string, readonly string[]])[] = [
  ["rate(1 minute)", "UTC", "2026-01-01T00:00:10Z", ["2026-01-01T00:01:10.000Z"]],
  ["rate(2 hours)", "UTC", "2026-01-01T00:00:00Z", ["2026-01-01T02:00Z", "2026-01-01T04:00Z"]],
  ["at(2026-06-01T12:00:00)", "America/New_York", "2026-01-01T00:00:00Z", ["2026-06-01T16:00Z"]],
  ["at(2025-06-01T12:00:00)", "UTC", "2026-01-01T00:00:00Z", []],
  ["cron(0 10 * * ? *)", "UTC", "2026-01-01T10:00:00Z", ["2026-01-02T10:00Z", "2026-01-03T10:00Z"]],
  ["cron(0/15 8 ? * 2-6 *)", "UTC", "2026-01-02T08:40:00Z", ["2026-01-02T08:45Z", "2026-01-05T08:00Z"]],
  ["cron(15 10 ? * 6L 2026-2027)", "UTC", "2026-01-01T00:00:00Z", ["2026-01-30T10:15Z", "2026-02-27T10:15Z"]],
  ["cron(0 8 ? * 2#1 *)", "UTC", "2026-01-01T00:00:00Z", ["2026-01-05T08:00Z", "2026-02-02T08:00Z"]],
  ["cron(0 8 ? * MON-WED *)", "UTC", "2026-01-01T00:00:00Z", ["2026-01-05T08:00Z"]],
  ["cron(0 8 L * ? *)", "UTC", "2026-02-01T00:00:00Z", ["2026-02-28T08:00Z", "2026-03-31T08:00Z"]],
  ["cron(0 8 15W * ? *)", "UTC", "2026-02-01T00:00:00Z", ["2026-02-16T08:00Z"]],
  ["cron(0 0 1 JAN ? 2027)", "UTC", "2026-02-01T00:00:00Z", ["2027-01-01T00:00Z"]],
  // Clocks go forward on March 8, 2026, at 2:00 in New York: what does not exist is skipped.
  ["cron(30 2 * * ? *)", "America/New_York", "2026-03-07T00:00:00Z", ["2026-03-07T07:30Z", "2026-03-09T06:30Z"]],
  // They go back on November 1, 2026, at 2:00: 1:30 comes twice and counts once.
  ["cron(30 1 * * ? *)", "America/New_York", "2026-10-31T12:00:00Z", ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]],
  ["cron(0/30 * * * ? *)", "America/New_York", "2026-11-01T05:10:00Z", ["2026-11-01T05:30Z", "2026-11-01T07:00Z"]],
  ["cron(0 9 * * ? *)", "Europe/Berlin", "2026-03-28T12:00:00Z", ["2026-03-29T07:00Z"]],
];
for (const [expression, zone, from, expected] of stories) {
  test(`${expression} in ${zone} after ${from}`, () => {
    assert.deepEqual(runs(expression, zone, from, Math.max(expected.length, 1)), expected);
  });
}

for (const text of [
  "",
  "rate(1 minutes)",
  "rate(5 minute)",
  "rate(0 minutes)",
  "rate(5 seconds)",
  "rate(5minutes)",
  "cron(0 10 * * * *)",
  "cron(0 10 ? * ? *)",
  "cron(60 10 * * ? *)",
  "cron(0 10 * * ?)",
  "cron(0 10 ? * 8 *)",
  "cron(0 10 ? * 0 *)",
  "cron(0 10 32 * ? *)",
  "cron(5-1 10 * * ? *)",
  "cron(* * * FOO ? *)",
  "at(2026-02-30T00:00:00)",
  "at(2026-02-01)",
  "every day",
]) {
  test(`no schedule: ${text}`, () => assert.equal(parseSchedule(text), undefined));
}
