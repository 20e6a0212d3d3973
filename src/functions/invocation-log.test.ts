import assert from "node:assert/strict";
import { test } from "node:test";
import type { FunctionSpec, LogLine } from "./host.ts";
import { InvocationLog, lineSplitter } from "./invocation-log.ts";
import { describeExit, exited, responseTooLarge, timedOut } from "./outcome.ts";

const NOW = Date.UTC(2026, 0, 1, 12, 0, 0, 7);
const REPORT = { requestId: "r-1", durationMs: 12.345, billedMs: 13, memoryMb: 128, memoryUsedMb: 64 };

function open(more: Partial<FunctionSpec> = {}) {
  const calls: LogLine[][] = [];
  const spec = { version: "$LATEST", logFormat: "Text", ...more } as FunctionSpec;
  return { log: new InvocationLog(spec, (lines) => calls.push([...lines])), calls };
}

// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html shows these lines.
test("START, END and REPORT in AWS's text format, handed on in one call", () => {
  const { log, calls } = open();
  log.start(NOW, "r-1");
  log.write(NOW + 1, "hello");
  const tail = log.end(NOW + 2, { ...REPORT, initMs: 100.5, status: "success" });
  assert.equal(calls.length, 1);
  assert.deepEqual(
    calls[0]!.map(({ message }) => message),
    [
      "START RequestId: r-1 Version: $LATEST\n",
      "hello\n",
      "END RequestId: r-1\n",
      "REPORT RequestId: r-1\tDuration: 12.35 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 100.50 ms\t\n",
    ],
  );
  assert.equal(tail.toString(), calls[0]!.map(({ message }) => message).join(""));
});

test("a failed invocation says how in its report", () => {
  const { log, calls } = open();
  log.start(NOW, "r-1");
  log.end(NOW, { ...REPORT, status: "error", errorType: "Runtime.ExitError" });
  assert.match(calls[0]!.at(-1)!.message, /\tStatus: error\tError Type: Runtime\.ExitError\t\n$/);
  log.start(NOW, "r-2");
  log.end(NOW, { ...REPORT, status: "timeout", errorType: "Sandbox.Timedout" });
  assert.match(calls[1]!.at(-1)!.message, /Max Memory Used: 64 MB\tStatus: timeout\t\n$/);
});

// https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html has the shapes.
test("the JSON format, by system log level", () => {
  const { log, calls } = open({ logFormat: "JSON" });
  log.start(NOW, "r-1");
  log.end(NOW, { ...REPORT, status: "success" });
  assert.deepEqual(
    calls[0]!.map(({ message }) => JSON.parse(message)),
    [
      {
        time: "2026-01-01T12:00:00.007Z",
        type: "platform.start",
        record: { requestId: "r-1", version: "$LATEST" },
      },
      {
        time: "2026-01-01T12:00:00.007Z",
        type: "platform.report",
        record: {
          requestId: "r-1",
          status: "success",
          metrics: { durationMs: 12.345, billedDurationMs: 13, memorySizeMB: 128, maxMemoryUsedMB: 64 },
        },
      },
    ],
  );
  const quiet = open({ logFormat: "JSON", systemLogLevel: "WARN" });
  quiet.log.start(NOW, "r-1");
  quiet.log.end(NOW, { ...REPORT, status: "success" });
  assert.equal(quiet.calls.length, 0);
  quiet.log.end(NOW, { ...REPORT, status: "timeout", errorType: "Sandbox.Timedout" });
  assert.deepEqual(
    quiet.calls[0]!.map(({ message }) => JSON.parse(message).type),
    ["platform.runtimeDone", "platform.report"],
  );
});

test("the tail is the last 4 KB; much output is handed on before the end", () => {
  const { log, calls } = open();
  log.start(NOW, "r-1");
  for (let line = 0; line < 9000; line++) log.write(NOW, `line ${String(line).padStart(5, "0")} ${"x".repeat(40)}`);
  assert.ok(calls.length >= 1);
  const tail = log.end(NOW, { ...REPORT, status: "success" }).toString();
  assert.equal(Buffer.byteLength(tail), 4096);
  assert.match(tail, /line 08999 x+\nEND RequestId: r-1\nREPORT /);
  assert.equal(calls.flat().length, 9003);
});

test("raw output is cut into lines, whatever the chunks", () => {
  const lines: string[] = [];
  const splitter = lineSplitter((line) => lines.push(line));
  for (const chunk of ["one\ntw", "o\n", "\nthr", "ée"]) splitter.write(Buffer.from(chunk));
  assert.deepEqual(lines, ["one\n", "two\n", "\n"]);
  splitter.rest();
  splitter.rest();
  assert.deepEqual(lines.slice(3), ["thrée"]);
});

// https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html and reports of users.
test("AWS's words for what the runtime cannot say itself", () => {
  const text = (payload: Buffer) => JSON.parse(payload.toString());
  assert.deepEqual(text(timedOut("r-1", 3000, NOW).payload), {
    errorType: "Sandbox.Timedout",
    errorMessage: "RequestId: r-1 Error: Task timed out after 3.00 seconds",
  });
  assert.equal(
    timedOut("r-1", 3000, NOW).logText,
    "2026-01-01T12:00:00.007Z r-1 Task timed out after 3.00 seconds\n\n",
  );
  assert.deepEqual(text(exited("r-1", { code: 0, signal: null, outOfMemory: false }).payload), {
    errorType: "Runtime.ExitError",
    errorMessage: "RequestId: r-1 Error: Runtime exited without providing a reason",
  });
  assert.deepEqual(text(exited("r-1", { code: 137, signal: null, outOfMemory: true }).payload), {
    errorType: "Runtime.OutOfMemory",
    errorMessage: "RequestId: r-1 Error: Runtime exited with error: signal: killed",
  });
  assert.equal(describeExit({ code: 1, signal: null, outOfMemory: false }), "exit status 1");
  assert.equal(describeExit({ code: 139, signal: null, outOfMemory: false }), "signal: segmentation fault");
  assert.equal(describeExit({ code: null, signal: "SIGABRT", outOfMemory: false }), "signal: aborted");
  assert.match(text(responseTooLarge().payload).errorMessage, /6291556 bytes/);
});
