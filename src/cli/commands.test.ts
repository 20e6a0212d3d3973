import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { endpointOf, portHolder, targetOf } from "./endpoint.ts";
import { eventOf, reportOf } from "./invoke.ts";
import { sinceOf } from "./logs.ts";
import { runsOn } from "./package.ts";
import { duration, table } from "./terminal.ts";
import { folderOf } from "./testing/command.ts";

test("an event is a file, JSON itself, or nothing; anything else is refused with the reason", async (t) => {
  const folder = folderOf(t, { "event.json": '{"a": 1}', "broken.json": "{" });
  const read = async (given: string | undefined) => Buffer.from(await eventOf(given)).toString();
  assert.equal(await read(undefined), "{}");
  assert.equal(await read(join(folder, "event.json")), '{"a": 1}');
  assert.equal(await read('{"b":2}'), '{"b":2}');
  assert.equal(await read(' ["c"]'), ' ["c"]');
  await assert.rejects(eventOf(join(folder, "missing.json")), /missing\.json cannot be read/);
  await assert.rejects(eventOf(join(folder, "broken.json")), /broken\.json is not JSON/);
  await assert.rejects(eventOf("{b}"), /The event is not JSON/);
});

test("figures are read from Lambda's REPORT line", () => {
  const log = [
    "START RequestId: 1 Version: $LATEST",
    "REPORT RequestId: 0\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\tMax Memory Used: 1 MB\t",
    "REPORT RequestId: 1\tDuration: 12.34 ms\tBilled Duration: 70 ms\tMemory Size: 256 MB\tMax Memory Used: 61 MB\tInit Duration: 57.00 ms\t",
  ].join("\n");
  assert.deepEqual(reportOf(log), { durationMs: 12.34, billedMs: 70, initMs: 57, memoryMb: 256, memoryUsedMb: 61 });
  assert.deepEqual(reportOf("nothing"), {});
});

test("times are relative or absolute", () => {
  const nowMs = Date.UTC(2026, 0, 2);
  assert.equal(sinceOf("30s", nowMs), nowMs - 30_000);
  assert.equal(sinceOf("2h", nowMs), nowMs - 7_200_000);
  assert.equal(sinceOf("1d", nowMs), Date.UTC(2026, 0, 1));
  assert.equal(sinceOf("2026-01-01T12:00:00Z", nowMs), Date.UTC(2026, 0, 1, 12));
  assert.throws(() => sinceOf("soon", nowMs), /soon is no time/);
});

test("the endpoint: named, else by port; the account is the access key", () => {
  assert.equal(endpointOf({ endpoint: "http://other:1/" }), "http://other:1");
  assert.equal(endpointOf({ port: 4567 }), "http://127.0.0.1:4567");
  const target = targetOf({ port: 1, account: "123456789012", region: "eu-west-1" });
  assert.deepEqual(target, {
    endpoint: "http://127.0.0.1:1",
    region: "eu-west-1",
    credentials: { accessKeyId: "123456789012", secretAccessKey: "virga" },
  });
});

test("who listens on a port is found where the system tells", {
  skip: process.platform !== "linux" && "Linux tells",
}, async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const holder = portHolder(port);
  assert.equal(holder?.pid, process.pid);
  assert.match(holder!.command, /node/);
});

test("which Node.js is new enough", () => {
  for (const [version, enough] of [
    ["22.18.0", true],
    ["22.17.1", false],
    ["24.0.0", true],
    ["20.20.2", false],
  ] as const) {
    assert.equal(runsOn(version), enough, version);
  }
});

test("tables line up whatever their colours; durations read as people say them", () => {
  assert.equal(
    table([
      ["a", "x"],
      ["\u001b[2mlong\u001b[22m", "y"],
    ]),
    "  a     x\n  \u001b[2mlong\u001b[22m  y",
  );
  assert.equal(duration(140), "0.1 s");
  assert.equal(duration(65_000), "1 min 5 s");
});
