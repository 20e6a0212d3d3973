import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, Region } from "../kernel/arn.ts";
import { VirtualClock } from "../kernel/clock.ts";
import { silentLog } from "../kernel/log.ts";
import type { Span } from "../kernel/trace.ts";
import { exportSpans, tracesData } from "./otlp.ts";
import { Spans } from "./spans.ts";

const span = (more: Partial<Span> = {}): Span => ({
  traceId: "1-5759e988-bd862e3fe1be46a994272793",
  id: "53995c3f42cd8ad8",
  accountId: "000000000000" as AccountId,
  region: "us-east-1" as Region,
  service: "sqs",
  name: "SendMessage",
  startMs: 1_767_225_600_000.25,
  durationMs: 1.5,
  ...more,
});

const turns = async () => {
  for (let i = 0; i < 10; i++) await new Promise(setImmediate);
};

test("spans go to the collector once a second, in one piece, and the last ones when it stops", async () => {
  const clock = new VirtualClock(0);
  const spans = new Spans(clock);
  const posts: { url: string; names: string[] }[] = [];
  const stop = exportSpans({
    endpoint: "http://localhost:4318/",
    version: "1",
    clock,
    log: silentLog,
    spans,
    post: async (url, body) => {
      const { resourceSpans } = JSON.parse(body);
      posts.push({ url, names: resourceSpans.flatMap((one: any) => one.scopeSpans[0].spans.map((s: any) => s.name)) });
      return { ok: posts.length !== 2, status: 503 };
    },
  });
  spans.record(span({ name: "a" }));
  spans.record(span({ name: "b", service: "lambda" }));
  await turns();
  assert.deepEqual(posts, []);
  clock.advanceTo(1000);
  await turns();
  assert.deepEqual(posts, [{ url: "http://localhost:4318/v1/traces", names: ["a", "b"] }]);
  // A collector that refuses loses these; the next ones are sent all the same.
  spans.record(span({ name: "c" }));
  clock.advanceTo(2000);
  await turns();
  spans.record(span({ name: "d" }));
  await stop();
  spans.record(span({ name: "e" }));
  clock.advanceTo(9000);
  await turns();
  assert.deepEqual(
    posts.map(({ names }) => names),
    [["a", "b"], ["c"], ["d"]],
  );
});

test("a span in OpenTelemetry's words", () => {
  const error = { code: "QueueDoesNotExist", message: "no", fault: false };
  const data: any = tracesData(
    [span({ parentId: "0123456789abcdef", error, attributes: { coldStart: true, initMs: 1.5 } })],
    "1.2",
  );
  const [{ resource, scopeSpans }] = data.resourceSpans;
  assert.deepEqual(resource.attributes[0], { key: "service.name", value: { stringValue: "sqs" } });
  assert.deepEqual(scopeSpans[0].scope, { name: "virga", version: "1.2" });
  const [sent] = scopeSpans[0].spans;
  assert.equal(sent.traceId, "5759e988bd862e3fe1be46a994272793");
  assert.equal(sent.parentSpanId, "0123456789abcdef");
  assert.equal(sent.startTimeUnixNano, "1767225600000250000");
  assert.equal(sent.endTimeUnixNano, "1767225600001750000");
  assert.deepEqual(sent.status, { code: 2, message: "no" });
  const values = Object.fromEntries(sent.attributes.map(({ key, value }: any) => [key, value]));
  assert.deepEqual(values["virga.coldStart"], { boolValue: true });
  assert.deepEqual(values["virga.initMs"], { doubleValue: 1.5 });
  assert.deepEqual(values["error.type"], { stringValue: "QueueDoesNotExist" });
});
