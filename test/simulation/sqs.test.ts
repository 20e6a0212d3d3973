/** Simulated days of SQS: the same seed twice gives the same history, the auditors find nothing, and they do find every planted bug. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { liveThroughDays } from "./days.ts";
import { mutants } from "./mutants.ts";

const SEEDS = Number(process.env["VIRGA_SIMULATION_SEEDS"] ?? 1000);
/** Seeds within which a planted bug must be found. */
const MUTANT_SEEDS = 40;

test(`${SEEDS} days with power failures, full and slow disks and jumping clocks`, async () => {
  const { noticed, crashes, deliveries, acknowledged } = await liveThroughDays(1, SEEDS);
  assert.equal(noticed, undefined);
  console.log(
    `${SEEDS} seeds: ${acknowledged} sends acknowledged, ${deliveries} deliveries, ${crashes} power failures`,
  );
  assert.ok(crashes > SEEDS / 2, "the machine failed often enough to mean something");
  assert.ok(deliveries > SEEDS * 10, "enough was delivered to mean something");
});

test("the same seed gives the same history", async () => {
  const { digests } = await liveThroughDays(1, 5);
  assert.deepEqual((await liveThroughDays(1, 5)).digests, digests);
  assert.equal(new Set(digests.values()).size, 5);
});

describe("the auditors notice a service that", { concurrency: true }, () => {
  for (const name of Object.keys(mutants))
    test(name, async () => {
      const { noticed } = await liveThroughDays(1, MUTANT_SEEDS, name);
      assert.ok(noticed, `${MUTANT_SEEDS} days went by and nobody noticed`);
    });
});
