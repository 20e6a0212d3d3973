import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { readCalls2021, readConcurrency, readInvocations } from "./azure.ts";
import { compare, rowOf, settingsOf } from "./compare.ts";
import { openTrace } from "./open.ts";
import { drawComparison } from "./picture.ts";
import { replay, UNBOUNDED } from "./replay.ts";
import { readSingleCalls } from "./single-calls.ts";
import { MINUTE_MS, type Trace, TraceRefused } from "./trace.ts";

const SAMPLES = join(import.meta.dirname, "../../../test/traces");

const single = (functions: string, calls: string): Trace =>
  readSingleCalls({ file: "functions.csv", text: functions }, { file: "invocations.csv", text: calls });

test("a replay counts what a reader can count by hand", () => {
  // A starts cold, runs 1 s; comes back 2 min later warm; then after 10 min cold again. B overlaps with itself once.
  const trace = single(
    "function,class,mem_mb,cold_ms\na,timer,1024,500\nb,bursty,512,100\n",
    `arrival_ms,function,duration_ms\n0,a,1000\n0,b,60000\n1000,b,1000\n${2 * MINUTE_MS},a,1000\n${12 * MINUTE_MS},a,1000\n`,
  );
  const outcome = replay(trace, { ...UNBOUNDED, keepAlive: "fixed", keepAliveMs: 5 * MINUTE_MS }, 1);
  assert.equal(outcome.calls, 5);
  assert.equal(outcome.cold, 4);
  assert.equal(outcome.waitedMs, 500 + 100 + 100 + 500);
  assert.equal(outcome.throttled, 0);
  assert.equal(outcome.workersPeak, 3);
  // a: 1.5 s to 2 min, 121 s for 5 min, and 12 min 1.5 s to the end of minute 13; b: two workers, 5 min each.
  const aMs = 2 * MINUTE_MS - 1500 + 5 * MINUTE_MS + (13 * MINUTE_MS - 12 * MINUTE_MS - 1500);
  const gbHours = (aMs * 1024 + 2 * 5 * MINUTE_MS * 512) / (1024 * 3_600_000);
  assert.ok(Math.abs(outcome.idleGbHours - gbHours) < 1e-9, `${outcome.idleGbHours} ${gbHours}`);
  assert.equal(outcome.coldShare75, 1);
});

test("the same trace and seed give the same bytes, another seed others", () => {
  const render = (seed: number) => {
    const trace = openTrace(join(SAMPLES, "azure2019-containers.csv"));
    const compared = compare(trace, settingsOf(undefined), seed);
    return JSON.stringify(compared) + compared.map(rowOf).join("\n") + drawComparison("sample", compared);
  };
  assert.equal(render(7), render(7));
  assert.notEqual(render(7), render(8));
});

for (const [name, functions, calls] of [
  ["azure2019-containers.csv", 8, 1371],
  ["invitro", 4, 525],
  ["azure2021-calls.csv", 25, 40],
  ["synthetic", 12, 755],
] as const) {
  test(`${name} is read, and its calls come in order and in their number`, () => {
    const trace = openTrace(join(SAMPLES, name));
    assert.equal(trace.functions.length, functions);
    let lastMs = 0;
    let count = 0;
    for (const { atMs, fn, durationMs } of trace.calls(1)) {
      assert.ok(atMs >= lastMs && atMs < trace.lengthMs && durationMs > 0 && fn < functions);
      lastMs = atMs;
      count++;
    }
    assert.equal(count, calls);
    assert.equal(trace.callCount, calls);
  });
}

test("calls a minute: durations between their percentiles, memory by function or by application", () => {
  const trace = readInvocations(
    "i.csv",
    "HashOwner,HashApp,HashFunction,Trigger,1,2\no,p,f,http,0,200\no,p,g,http,1,0\n",
    {
      file: "d.csv",
      text: "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100\no,p,f,100,9,10,500,10,20,50,100,150,400,500\n",
    },
    { file: "m.csv", text: "HashOwner,HashApp,SampleCount,AverageAllocatedMb\no,p,3,77.5\n" },
  );
  assert.deepEqual(
    trace.functions.map(({ memoryMb }) => memoryMb),
    [77.5, 77.5],
  );
  const durations = [...trace.calls(3)].filter(({ fn }) => fn === 0).map(({ durationMs }) => durationMs);
  assert.ok(Math.min(...durations) >= 10 && Math.max(...durations) <= 500);
  const middle = durations.sort((left, right) => left - right)[100]!;
  assert.ok(middle > 75 && middle < 125, `${middle}`);
  assert.match(trace.assumed.join(), /1 functions without durations/);
});

test("a bad file is refused with its place and what is wrong", () => {
  const cases: [() => unknown, RegExp][] = [
    [() => readConcurrency("a.csv", ""), /a\.csv: the first line is no head line/],
    [() => readConcurrency("a.csv", "HashApp,Memory,1\n"), /there is no column AverageMemMb/],
    [() => readConcurrency("a.csv", "HashApp,AverageMemMb,1,3\nx,1,0,0\n"), /column 2 is expected where 3 stands/],
    [() => readConcurrency("a.csv", "HashApp,AverageMemMb\nx,1\n"), /there is no column 1/],
    [
      () => readConcurrency("a.csv", "HashApp,AverageMemMb,1\nx,1\n"),
      /a\.csv, line 2: 2 fields where the head line has 3/,
    ],
    [() => readConcurrency("a.csv", "HashApp,AverageMemMb,1\nx,1,two\n"), /line 2, column 1: two is not a number/],
    [() => readConcurrency("a.csv", "HashApp,AverageMemMb,1\nx,1,1.5\n"), /line 2, minute 1: 1\.5 is not whole/],
    [() => readConcurrency("a.csv", "HashApp,AverageMemMb,1\nx,1,0\n"), /there are no calls in it/],
    [() => readConcurrency("a.csv", "HashApp,AverageMemMb,1\nx,1,999999999\n"), /at most 50000000 can be replayed/],
    [() => readCalls2021("c.csv", 'app,func,end_timestamp,duration\n"a",f,1,1\n'), /line 2: quoted fields/],
    [() => readCalls2021("c.csv", "app,func,end_timestamp,duration\na,f,-1,1\n"), /-1 is not a number from 0 on/],
    [
      () => single("function,mem_mb,cold_ms\na,1,1\n", "arrival_ms,function,duration_ms\n0,b,1\n"),
      /b is not among the functions/,
    ],
    [
      () => single("function,mem_mb,cold_ms\na,1,1\n", "arrival_ms,function,duration_ms\n5,a,1\n4,a,1\n"),
      /line 3: calls must stand in order/,
    ],
    [() => openTrace("/nonexistent"), /\/nonexistent does not exist/],
    [() => openTrace(import.meta.dirname), /there are no invocations in it/],
    [() => openTrace(import.meta.filename), /no head line|of no known kind/],
  ];
  for (const [attempt, message] of cases)
    assert.throws(
      attempt,
      (error: Error) => error instanceof TraceRefused && message.test(error.message),
      String(message),
    );
});

test("compressed files are read too, and broken ones refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "virga-traces-"));
  try {
    const text = "app,func,end_timestamp,duration\na,f,1,0.5\n";
    writeFileSync(join(folder, "calls.csv.gz"), gzipSync(text));
    assert.deepEqual([...openTrace(join(folder, "calls.csv.gz")).calls(1)], [{ atMs: 500, fn: 0, durationMs: 500 }]);
    writeFileSync(join(folder, "broken.csv.gz"), gzipSync(text).subarray(0, 20));
    assert.throws(() => openTrace(join(folder, "broken.csv.gz")), /cannot be read/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
