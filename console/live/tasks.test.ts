import assert from "node:assert/strict";
import { test } from "node:test";
import { heldFor, tasksOf } from "./tasks.ts";

test("tasks wanted by scaling activities, and running as they were looked at", () => {
  const activities = [
    { StartTime: 30, Description: "Setting desired count to 1." },
    { StartTime: 20, Description: "Setting desired count to 3." },
    { StartTime: 25, Description: "Something else." },
  ];
  const seen = [
    { atMs: 40_000, desired: 1, running: 3, pending: 0 },
    { atMs: 50_000, desired: 5, running: 1, pending: 4 },
  ];
  assert.deepEqual(tasksOf("arn", activities, [10, 20, 30, 40, 50, 60], seen), {
    desired: [null, 3, 1, 1, 5, 5],
    running: [null, null, null, 3, 1, 1],
    pending: [null, null, null, 0, 4, 4],
  });
});

test("a minute's metric is seen for its minute", () => {
  assert.deepEqual(heldFor(60, [60, 120], [7, 9], [30, 60, 90, 119, 120, 180]), [null, 7, 7, 7, 9, null]);
});
