/** Workers that are there before they are called, and what a host tells of its workers: with real processes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import type { FunctionActivity, Provision } from "./host.ts";
import { NODE, openTestHost } from "./testing.ts";

const shared = openTestHost();
after(() => shared.close());

/** Resolves with what has come of a provision, once the workers are as told. */
function settled(functionArn: string, is: (provision: Provision | undefined) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!is(shared.host.provisioned(functionArn, "1"))) return;
      stop();
      resolve();
    };
    const stop = shared.host.watch({ changed: look });
    look();
  });
}

test("provisioned workers are initialised ahead, say so to their function, and end when they are no longer wanted", async () => {
  const spec = await shared.fn(
    NODE,
    {
      "index.js":
        "const at = Date.now(); exports.handler = async () => ({ at, type: process.env.AWS_LAMBDA_INITIALIZATION_TYPE });",
    },
    { version: "1" },
  );
  shared.host.provision(spec, 1);
  await settled(spec.functionArn, (provision) => provision?.allocated === 1);
  const before = Date.now();
  const first = await shared.invoke(spec);
  assert.equal(first.initMs, undefined);
  assert.equal(first.json.type, "provisioned-concurrency");
  assert.ok(first.json.at <= before);
  // Two at once: the second is an ordinary cold start.
  const both = await Promise.all([shared.invoke(spec), shared.invoke(spec)]);
  assert.deepEqual(both.map(({ json }) => json.type).sort(), ["on-demand", "provisioned-concurrency"]);
  shared.host.provision(spec, 0);
  assert.equal(shared.host.provisioned(spec.functionArn, "1"), undefined);
  shared.host.retire(spec.functionArn);
  assert.deepEqual(
    shared.host.workers().filter(({ functionArn }) => functionArn === spec.functionArn),
    [],
  );
});

test("what cannot be initialised ahead is told, with its log, and not tried on", async () => {
  const spec = await shared.fn(NODE, { "index.js": "throw new Error('no way')" }, { version: "1" });
  shared.host.provision(spec, 2);
  await settled(spec.functionArn, (provision) => provision?.failed === true);
  assert.equal(shared.host.provisioned(spec.functionArn, "1")!.allocated, 0);
  assert.ok(shared.lines.some(({ message }) => message.includes("no way")));
  shared.host.provision(spec, 0);
});

test("an observer hears of counts, cold starts and throttles", async () => {
  const spec = await shared.fn(NODE, { "index.js": "exports.handler = async () => 1" }, { concurrencyMax: 1 });
  const seen: FunctionActivity[] = [];
  const starts: string[] = [];
  const throttles: string[] = [];
  const stop = shared.host.watch({
    changed: (functions) => seen.push(...functions.filter(({ functionArn }) => functionArn === spec.functionArn)),
    coldStart: ({ functionArn, initMs }) => initMs > 0 && starts.push(functionArn),
    throttled: ({ reason }) => throttles.push(reason),
  });
  const [first, second] = await Promise.allSettled([shared.invoke(spec), shared.invoke(spec)]);
  await new Promise((resolve) => setImmediate(resolve));
  stop();
  await shared.invoke(spec);
  assert.equal(first.status, "fulfilled");
  assert.equal(second.status, "rejected");
  assert.deepEqual(starts, [spec.functionArn]);
  assert.deepEqual(throttles, ["ReservedFunctionConcurrentInvocationLimitExceeded"]);
  const counts = seen.map(({ initialising, busy, idle }) => `${initialising}${busy}${idle}`);
  assert.deepEqual([...new Set(counts)], ["100", "010", "001"]);
});

test("workers of one function share its weight on the processor", async (t) => {
  // Each call waits for an answer that comes once all four are there.
  const held: ServerResponse[] = [];
  const all = Promise.withResolvers<void>();
  const server = createServer((_, response) => {
    if (held.push(response) === 4) all.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const spec = await shared.fn(NODE, {
    "index.js": `exports.handler = async () => (await fetch("http://127.0.0.1:${(server.address() as AddressInfo).port}/")).status;`,
  });
  const answers = [1, 2, 3, 4].map(() => shared.invoke(spec));
  await all.promise;
  const workers = shared.host.workers().filter(({ functionArn }) => functionArn === spec.functionArn);
  const weights = workers.map(({ pid }) => weightOf(readFileSync(`/proc/${pid}/cgroup`, "utf8")));
  for (const response of held) response.end();
  await Promise.all(answers);
  server.close();
  assert.equal(weights.length, 4);
  if (weights.includes(undefined)) return t.skip("this machine weighs no groups");
  // Four are at work: a quarter each, of what 128 of 10,240 MB weigh.
  for (const weight of weights)
    assert.ok(weight === Math.round(262_144 / 80 / 4) || weight === Math.round(10_000 / 80 / 4));
});

/** @param groups what /proc tells of a process, in control groups v1 or v2 */
function weightOf(groups: string): number | undefined {
  const v1 = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.+)$/m.exec(groups)?.[1];
  const v2 = /^0::(.+)$/m.exec(groups)?.[1];
  for (const file of [`/sys/fs/cgroup/cpu${v1}/cpu.shares`, `/sys/fs/cgroup${v2}/cpu.weight`])
    if (existsSync(file)) return Number(readFileSync(file, "utf8"));
  return undefined;
}
