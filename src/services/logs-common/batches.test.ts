import assert from "node:assert/strict";
import { test } from "node:test";
import { batches, type Line } from "./batches.ts";

const line = (timestamp: number, message = "x"): Line => ({ timestamp, message });
const lengths = (lines: readonly Line[]) => [...batches(lines)].map(({ length }) => length);
const DAY_MS = 24 * 60 * 60_000;

for (const [what, lines, expected] of [
  ["nothing", [], []],
  ["10,000 events", Array.from({ length: 10_001 }, () => line(0)), [10_000, 1]],
  // 26 bytes of each event are its overhead.
  ["a megabyte", Array.from({ length: 5 }, () => line(0, "x".repeat(262_144 - 26))), [4, 1]],
  ["bytes, not characters", Array.from({ length: 2 }, () => line(0, "ü".repeat(262_144))), [1, 1]],
  ["a day", [line(0), line(DAY_MS), line(DAY_MS + 1)], [2, 1]],
] as const) {
  test(`a batch holds at most ${what}`, () => assert.deepEqual(lengths(lines), expected));
}

test("in order of time, and what has the same time in the order that it came", () => {
  const [batch] = batches([line(2, "c"), line(1, "a"), line(1, "b")]);
  assert.deepEqual(
    batch!.map(({ message }) => message),
    ["a", "b", "c"],
  );
});
