/** Many calls at once, in real processes: who waits gets as many workers as there are calls; who computes no more than the cores can bear. */
import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { NODE, openTestHost } from "./testing.ts";

const CALLS = 24;

const shared = openTestHost({ cores: 1 });
after(() => shared.close());

test("calls that wait for one another all run at once", async () => {
  // Nobody is answered before everybody has asked.
  const waiting: ServerResponse[] = [];
  const server = createServer((_, response) => {
    waiting.push(response);
    if (waiting.length === CALLS) for (const each of waiting) each.end("go");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const spec = await shared.fn(
    NODE,
    { "index.js": `exports.handler = async () => (await fetch("http://127.0.0.1:${port}")).text();` },
    { timeoutMs: 120_000 },
  );
  const results = await Promise.all(Array.from({ length: CALLS }, () => shared.invoke(spec)));
  assert.deepEqual(new Set(results.map(({ json }) => json)), new Set(["go"]));
  assert.equal(shared.host.workers().filter(({ functionArn }) => functionArn === spec.functionArn).length, CALLS);
  shared.host.retire(spec.functionArn);
  server.close();
});

test("calls that compute share few workers, and each is answered", async () => {
  const spec = await shared.fn(
    NODE,
    {
      "index.js":
        "exports.handler = async () => { for (const until = process.cpuUsage().user + 60_000; process.cpuUsage().user < until; ); return process.pid; };",
    },
    { timeoutMs: 120_000 },
  );
  const results = await Promise.all(Array.from({ length: CALLS }, () => shared.invoke(spec)));
  const workers = new Set(results.map(({ json }) => json));
  assert.ok(!workers.has(undefined));
  assert.ok(workers.size < CALLS / 2, `${workers.size} workers for ${CALLS} calls`);
});
