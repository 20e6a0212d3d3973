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
        { usageType: "Lambda-GB-Second", quantity: 360 },
        { usageType: "Request", quantity: 900 },
      ],
    },
    {
      startMs: 2 * HOUR_MS,
      usage: [
        { usageType: "Lambda-GB-Second-ARM", quantity: 3600 },
        { usageType: "Fargate-GB-Hours", quantity: 0.5 },
        { usageType: "Request-ARM", quantity: 100 },
        { usageType: "Requests-Tier1", quantity: 5000 },
      ],
    },
  ];
  const compared = compare(steps, HOUR_MS, 0.1, 3 * HOUR_MS)!;
  // From 01:00 to 03:00; 0.1 dollars in two of 730 hours.
  assert.equal(compared.observedHours, 2);
  assert.equal(compared.dollarsPerMonth, 36.5);
  assert.equal(compared.requests, 1000);
  // 1 GB of functions and half a GB of tasks ran at once, which is 0.87 of Lambda's vCPUs: 1 × 0.04048 + 2 × 0.004445 dollars an hour.
  assert.deepEqual(compared.server, { tasks: 1, cpu: 1, memoryGb: 2, dollarsPerMonth: (0.04048 + 2 * 0.004445) * 730 });
  // At a ten-thousandth of a dollar for each request.
  assert.ok(Math.abs(compared.cheaperAboveRequestsPerSecond! - (0.04937 / 3600) * 10_000) < 1e-9);
});

test("where nothing was used there is nothing to compare; where nothing ran, no server", () => {
  assert.equal(compare([{ startMs: 0, usage: [] }], HOUR_MS, 0, HOUR_MS), undefined);
  const { server, cheaperAboveRequestsPerSecond, observedHours } = compare(
    [{ startMs: 0, usage: [{ usageType: "Requests-Tier1", quantity: 4 }] }],
    HOUR_MS,
    0.5,
    60_000,
  )!;
  assert.deepEqual([server, cheaperAboveRequestsPerSecond, observedHours], [undefined, undefined, 1]);
});
