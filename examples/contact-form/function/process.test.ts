import assert from "node:assert/strict";
import { test } from "node:test";
import { InProgress, type Ports, process } from "./process.ts";

const submission = { name: "Ada", email: "ada@example.com", message: "Hello" };
const LEASE_MS = 10_000;

/** A table, a mailbox and a clock in memory; `crash` throws at the given step, once. */
function world() {
  const rows = new Map<string, { state: "pending" | "mailed"; leaseUntilMs: number; mailId?: string }>();
  const mails: string[] = [];
  const state = { nowMs: 1_000_000, crash: undefined as "before mail" | "before mark" | undefined };
  const crashAt = (step: typeof state.crash) => {
    if (state.crash !== step) return;
    state.crash = undefined;
    throw new Error("crashed");
  };
  const ports: Ports = {
    nowMs: () => state.nowMs,
    async claim(id, _submission, nowMs, leaseUntilMs) {
      const row = rows.get(id);
      if (row?.state === "mailed") return { state: "mailed" };
      if (row && row.leaseUntilMs >= nowMs) return { state: "pending", leaseUntilMs: row.leaseUntilMs };
      rows.set(id, { state: "pending", leaseUntilMs });
      return { state: "claimed" };
    },
    async mail({ text }) {
      crashAt("before mail");
      mails.push(text);
      return `mail-${mails.length}`;
    },
    async mark(id, mailId) {
      crashAt("before mark");
      rows.set(id, { state: "mailed", leaseUntilMs: 0, mailId });
    },
  };
  return { rows, mails, state, ports };
}

test("a submission is stored once and mailed once, however often it is delivered", async () => {
  const { rows, mails, ports } = world();
  assert.equal(await process(submission, ports, LEASE_MS), "mailed");
  assert.equal(await process(submission, ports, LEASE_MS), "duplicate");
  assert.equal(rows.size, 1);
  assert.equal(mails.length, 1);
  assert.deepEqual(
    [...rows.values()].map((row) => row.mailId),
    ["mail-1"],
  );
});

test("two deliveries at the same time mail once; the second is told to come back", async () => {
  const { mails, ports } = world();
  const results = await Promise.allSettled([
    process(submission, ports, LEASE_MS),
    process(submission, ports, LEASE_MS),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === "fulfilled" ? result.value : (result.reason as Error).name)),
    ["mailed", "InProgress"],
  );
  assert.equal((results[1] as PromiseRejectedResult).reason.retryAfterMs, LEASE_MS);
  assert.equal(mails.length, 1);
  assert.equal(await process(submission, ports, LEASE_MS), "duplicate");
});

test("a crash between row and mail: the next delivery mails, but not before the lease has run out", async () => {
  const { mails, state, ports } = world();
  state.crash = "before mail";
  await assert.rejects(process(submission, ports, LEASE_MS), /crashed/);
  await assert.rejects(process(submission, ports, LEASE_MS), InProgress);
  assert.equal(mails.length, 0);
  state.nowMs += LEASE_MS + 1;
  assert.equal(await process(submission, ports, LEASE_MS), "mailed");
  assert.equal(mails.length, 1);
});

test("a crash between mail and mark: rather mailed again than lost", async () => {
  const { rows, mails, state, ports } = world();
  state.crash = "before mark";
  await assert.rejects(process(submission, ports, LEASE_MS), /crashed/);
  state.nowMs += LEASE_MS + 1;
  assert.equal(await process(submission, ports, LEASE_MS), "mailed");
  assert.equal(mails.length, 2);
  assert.equal(rows.size, 1);
});
