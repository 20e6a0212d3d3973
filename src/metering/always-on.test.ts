import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "./always-on.ts";

const HOUR_MS = 3_600_000;

test("a month of what was used, against a server for the busiest hour", () => {
  const steps = [
    { startMs: 0, usage: [] },
    {
      startMs: HOUR_MS,
      usage: [
        { usageType: "Lambda-GB-Second", quantity: 360, dollars: 0.02 },
        { usageType: "Request", quantity: 900, dollars: 0.01 },
      ],
    },
    {
      startMs: 2 * HOUR_MS,
      usage: [
        { usageType: "Lambda-GB-Second-ARM", quantity: 3600, dollars: 0.03 },
        { usageType: "Fargate-GB-Hours", quantity: 0.5, dollars: 0.005 },
        { usageType: "Request-ARM", quantity: 100, dollars: 0.005 },
        { usageType: "Requests-Tier1", quantity: 5000, dollars: 0.03 },
      ],
    },
  ];
  const compared = compare(steps, HOUR_MS, 3 * HOUR_MS)!;
  // From 01:00 to 03:00; 0.1 dollars in two of 730 hours.
  assert.equal(compared.observedHours, 2);
  assert.ok(Math.abs(compared.dollarsPerMonth - 36.5) < 1e-9);
  assert.ok(Math.abs(compared.replacedPerMonth - 25.55) < 1e-9, "a server needs its queue, for 0.03 dollars, as well");
  assert.equal(compared.requests, 1000);
  // 1 GB of functions and half a GB of tasks ran at once, which is 0.87 of Lambda's vCPUs: 1 × 0.04048 + 2 × 0.004445 dollars an hour.
  assert.deepEqual(compared.server, { tasks: 1, cpu: 1, memoryGb: 2, dollarsPerMonth: (0.04048 + 2 * 0.004445) * 730 });
  // At 0.07 dollars for a thousand requests.
  assert.ok(Math.abs(compared.cheaperAboveRequestsPerSecond! - 0.04937 / 3600 / 0.00007) < 1e-9);
});

test("where nothing was used there is nothing to compare; where nothing ran, no server", () => {
  assert.equal(compare([{ startMs: 0, usage: [] }], HOUR_MS, HOUR_MS), undefined);
  const { server, cheaperAboveRequestsPerSecond, observedHours } = compare(
    [{ startMs: 0, usage: [{ usageType: "Requests-Tier1", quantity: 4, dollars: 0.5 }] }],
    HOUR_MS,
    60_000,
  )!;
  assert.deepEqual([server, cheaperAboveRequestsPerSecond, observedHours], [undefined, undefined, 1]);
});
