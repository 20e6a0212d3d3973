import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "./random.ts";
import { parseTraceHeader, Tracer, traceHeader, UNTRACED } from "./trace.ts";

const nowMs = Date.UTC(2026, 0, 1);

test("a trace's id holds its second, and every id is another", () => {
  const tracer = new Tracer(new SeededRandom(1));
  const traces = Array.from({ length: 1000 }, (_, n) => tracer.begin(nowMs + (n % 10)));
  assert.equal(new Set(traces.map(({ traceId }) => traceId)).size, 1000);
  const sampled = traces.filter((trace) => trace.sampled);
  assert.equal(new Set(sampled.map(({ spanId }) => spanId)).size, sampled.length);
  // The first hundred of the second, and one in twenty of the others.
  assert.equal(sampled.length, 100 + 45);
  assert.equal(tracer.begin(nowMs + 1000).sampled, true);
  for (const { traceId, spanId } of traces) {
    assert.match(traceId, /^1-[0-9a-f]{8}-[0-9a-f]{24}$/);
    assert.equal(Number.parseInt(traceId.slice(2, 10), 16), nowMs / 1000);
    assert.match(spanId, /^[0-9a-f]{16}$/);
  }
  const inner = tracer.under(traces[0]!);
  assert.equal(inner.traceId, traces[0]!.traceId);
  assert.notEqual(inner.spanId, traces[0]!.spanId);
  assert.equal(tracer.under(UNTRACED), UNTRACED);
});

const root = "1-5759e988-bd862e3fe1be46a994272793";
const headers: ReadonlyArray<readonly [string | undefined, unknown]> = [
  [`Root=${root};Parent=53995c3f42cd8ad8;Sampled=1`, { traceId: root, spanId: "53995c3f42cd8ad8", sampled: true }],
  [`Sampled=0; Root=${root}`, { traceId: root, spanId: "0000000000000000", sampled: false }],
  [`Root=${root};Parent=x;Lineage=a87bd80c:0`, { traceId: root, spanId: "0000000000000000", sampled: true }],
  ["Root=2-5759e988-bd862e3fe1be46a994272793", undefined],
  ["Root=1-5759e988-BD862e3fe1be46a994272793", undefined],
  ["Parent=53995c3f42cd8ad8", undefined],
  [`Root=${root};${"x".repeat(600)}`, undefined],
  [undefined, undefined],
];
for (const [text, expected] of headers) {
  test(`reads the header ${text?.slice(0, 60)}`, () => assert.deepEqual(parseTraceHeader(text), expected));
}

test("what is written is read back", () => {
  const trace = new Tracer(new SeededRandom(2)).begin(nowMs);
  assert.deepEqual(parseTraceHeader(traceHeader(trace)), trace);
});
