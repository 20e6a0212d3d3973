import assert from "node:assert/strict";
import { test } from "node:test";

import { folderOf, platform, run } from "../testing/command.ts";
import { live, type Terminal } from "./live.ts";
import { renderSnapshot, type Styles } from "./screen.ts";
import type { Snapshot } from "./snapshot.ts";

const PLAIN: Styles = { bold: (text) => text, dim: (text) => text, red: (text) => `!${text}` };

const snapshot: Snapshot = {
  at: "2026-01-01T10:20:30.000Z",
  windowMinutes: 5,
  functionCount: 3,
  functions: [
    { name: "Receiver", invocations: 3000, errors: 2, throttles: 0, averageMs: 4.25, concurrentMax: 7 },
    { name: "Mailer", invocations: 30, errors: 0, throttles: 1, averageMs: 120, concurrentMax: 1 },
  ],
  queues: [
    { name: "orders", waiting: 12, inFlight: 3, delayed: 0 },
    { name: "dead", waiting: 0, inFlight: 0, delayed: 0 },
  ],
  services: [{ cluster: "web", name: "front", desired: 3, running: 2, pending: 1 }],
  cost: { amount: "0.0012345", unit: "USD" },
};

test("a snapshot at a glance", () => {
  assert.deepEqual(renderSnapshot(snapshot, { columns: 200, rows: Infinity }, PLAIN), [
    "virga  10:20:30 UTC  3 functions  10 calls/s  !2 errors  today 0.0012 USD  last 5 min",
    "",
    "FUNCTION  CALLS  PER S  ERRORS  THROTTLED  AVERAGE  AT ONCE",
    "Receiver   3000     10      !2          0   4.3 ms        7",
    "Mailer       30   0.10       0         !1   120 ms        1",
    "",
    "QUEUE   WAITING  IN FLIGHT  DELAYED",
    "orders       12          3        0",
    "dead          0          0        0",
    "",
    "SERVICE    DESIRED  RUNNING  PENDING",
    "web/front        3        2        1",
  ]);
});

test("a small screen shows the head of each section, and never more than fits", () => {
  const lines = renderSnapshot(snapshot, { columns: 30, rows: 11 }, PLAIN);
  assert.ok(lines.length <= 11 && lines.every((line) => line.length <= 30), lines.join("\n"));
  assert.ok(lines.some((line) => line.startsWith("FUNCTION")) && lines.some((line) => line.startsWith("QUEUE")));
  const many = { ...snapshot, queues: [], services: [], functions: Array(50).fill(snapshot.functions[0]) };
  const cut = renderSnapshot(many, { columns: 80, rows: 10 }, PLAIN);
  assert.equal(cut.length, 10);
  assert.equal(cut.at(-1), "  … and 44 more");
});

test("an empty platform says so", () => {
  const lines = renderSnapshot(
    { at: snapshot.at, windowMinutes: 5, functionCount: 0, functions: [], queues: [], services: [] },
    { columns: 80, rows: 24 },
    PLAIN,
  );
  assert.equal(lines[2], "Nothing has run yet, and there are no queues and no services.");
});

class FakeTerminal implements Terminal {
  written = "";
  columns = 40;
  key: (key: string) => void = () => {};
  resized: () => void = () => {};
  size = () => ({ columns: this.columns, rows: 10 });
  write(text: string): void {
    this.written += text;
  }
  onKey(hear: (key: string) => void) {
    this.key = hear;
    return () => {
      this.key = () => {};
    };
  }
  onResize(hear: () => void) {
    this.resized = hear;
    return () => {
      this.resized = () => {};
    };
  }
}

test("the screen is drawn again and again, and left as it was found", async () => {
  const terminal = new FakeTerminal();
  let looks = 0;
  await live(
    terminal,
    async ({ columns }) => [`look ${++looks} of ${columns}`],
    async (signal) => {
      if (looks === 1) return;
      const woken = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      if (looks === 2) {
        terminal.columns = 20;
        terminal.resized();
      } else terminal.key("q");
      await woken;
    },
    new AbortController().signal,
  );
  assert.equal(looks, 3);
  assert.match(terminal.written, /^\x1b\[\?1049h/);
  assert.match(terminal.written, /look 1 of 40\x1b\[K.*look 2 of 40.*look 3 of 20/s);
  assert.match(terminal.written, /\x1b\[\?1049l$/);
});

test("what goes wrong leaves the screen as it was found too", async () => {
  const terminal = new FakeTerminal();
  const lines = () => Promise.reject(new Error("gone"));
  await assert.rejects(
    live(terminal, lines, async () => {}, new AbortController().signal),
    /gone/,
  );
  assert.match(terminal.written, /\x1b\[\?1049l$/);
});

test("piped it prints one look; --json the same as data", async (t) => {
  const folder = folderOf(t);
  const { endpoint } = await platform(t, folder);
  const { SQSClient, CreateQueueCommand, SendMessageCommand } = await import("@aws-sdk/client-sqs");
  const credentials = { accessKeyId: "000000000000", secretAccessKey: "x" };
  const sqs = new SQSClient({ endpoint, region: "us-east-1", credentials });
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "orders" }));
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "m" }));
  sqs.destroy();
  const plain = await run(t, folder, "top", "--endpoint", endpoint);
  assert.equal(plain.code, 0, plain.stderr);
  assert.match(
    plain.stdout,
    /^virga {2}\d\d:\d\d:\d\d UTC {2}0 functions {2}0 calls\/s {2}no errors.*\n\nQUEUE.*\norders {8}1 /,
  );
  assert.ok(!plain.stdout.includes("\x1b"));
  const { stdout } = await run(t, folder, "top", "--json", "--endpoint", endpoint);
  assert.deepEqual((JSON.parse(stdout) as Snapshot).queues, [{ name: "orders", waiting: 1, inFlight: 0, delayed: 0 }]);
});
