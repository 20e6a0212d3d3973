/** Functions run for real here: the runtimes, every way to end, logs, freezing. What does not need a process is tested beside its source. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { treeOf } from "./processes.ts";
import { NODE, openTestHost } from "./testing.ts";

const shared = openTestHost();
after(() => shared.close());

const js = (body: string) => ({ "index.js": `exports.handler = async (event, context) => { ${body} };` });

test("a Node handler: event, context, environment; cold, then warm in the same process", async () => {
  const spec = await shared.fn(
    NODE,
    js(`
      globalThis.calls = (globalThis.calls ?? 0) + 1;
      return { event, calls, pid: process.pid, cwd: process.cwd(), file: __filename, context, left: context.getRemainingTimeInMillis(),
        environment: process.env };`),
    { environment: { MINE: "it's «mine»\nreally" }, memoryMb: 256 },
  );
  const cold = await shared.invoke(spec, { a: [1] });
  assert.equal(cold.functionError, undefined);
  assert.ok(cold.initMs! > 0);
  assert.ok(cold.billedMs >= cold.durationMs + cold.initMs! && cold.billedMs < cold.durationMs + cold.initMs! + 1);
  const { json } = cold;
  assert.deepEqual(json.event, { a: [1] });
  assert.ok(json.left > 9000 && json.left <= 10_000);
  assert.equal(json.context.functionName, spec.functionName);
  assert.equal(json.context.memoryLimitInMB, "256");
  assert.equal(json.context.invokedFunctionArn, spec.invokedArn);
  assert.equal(json.context.logStreamName, json.environment.AWS_LAMBDA_LOG_STREAM_NAME);
  assert.match(json.context.logStreamName, /^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/);
  const expected = {
    MINE: "it's «mine»\nreally",
    AWS_REGION: "us-east-1",
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "ASIAEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_SESSION_TOKEN: "token",
    AWS_EXECUTION_ENV: `AWS_Lambda_${NODE}`,
    AWS_LAMBDA_FUNCTION_NAME: spec.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
    AWS_LAMBDA_LOG_GROUP_NAME: spec.logGroup,
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    LAMBDA_TASK_ROOT: json.cwd,
    _HANDLER: "index.handler",
    TZ: ":UTC",
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(json.environment[name], value, name);
  assert.equal(json.file, `${json.cwd}/index.js`);

  const warm = await shared.invoke(spec);
  assert.equal(warm.initMs, undefined);
  assert.equal(warm.json.calls, 2);
  assert.equal(warm.json.pid, json.pid);
});

test("two calls at once run in two workers", async () => {
  const spec = await shared.fn(
    NODE,
    js("await new Promise(r => setTimeout(r, 50)); return process.env.AWS_LAMBDA_LOG_STREAM_NAME;"),
  );
  const results = await Promise.all([shared.invoke(spec), shared.invoke(spec)]);
  assert.notEqual(results[0].json, results[1].json);
});

test("every form of Node handler", async () => {
  const cases: [string, Record<string, string>, string, unknown][] = [
    [
      "callback",
      { "index.js": "exports.handler = (e, c, cb) => setTimeout(() => cb(null, 'called'), 5)" },
      "nodejs22.x",
      "called",
    ],
    [
      "callback that does not wait for the event loop",
      {
        "index.js":
          "exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; setInterval(() => {}, 9); cb(null, 'now') }",
      },
      "nodejs22.x",
      "now",
    ],
    ["context.succeed", { "index.js": "exports.handler = (e, c) => c.succeed({ ok: 1 })" }, "nodejs22.x", { ok: 1 }],
    ["nothing said, nothing left to do", { "index.js": "exports.handler = () => {}" }, "nodejs22.x", null],
    ["undefined", js(""), NODE, null],
    [
      "ES module",
      { "index.mjs": "import { sep } from 'node:path'; await null; export const handler = async () => sep" },
      NODE,
      "/",
    ],
    [
      "type: module",
      {
        "package.json": '{"type":"module"}',
        "index.js": "export const handler = async () => import.meta.url.endsWith('index.js')",
      },
      NODE,
      true,
    ],
    [
      "streamed",
      {
        "index.js":
          "exports.handler = awslambda.streamifyResponse(async (e, stream) => { stream.setContentType('text/plain'); stream.write('\"a'); stream.write('b\"'); stream.end(); })",
      },
      NODE,
      "ab",
    ],
  ];
  for (const [name, files, runtime, expected] of cases) {
    const result = await shared.invoke(await shared.fn(runtime, files));
    assert.deepEqual(result.json, expected, `${name}: ${result.logTail}`);
    assert.equal(result.functionError, undefined, name);
  }
  const nested = await shared.fn(
    NODE,
    { "lib/app.js": "exports.api = { get: async () => 'nested' }" },
    { handler: "lib/app.api.get" },
  );
  assert.equal((await shared.invoke(nested)).json, "nested");
});

test("what a Node handler throws reaches the invoker as AWS sends it, and the log", async () => {
  const spec = await shared.fn(
    NODE,
    js(
      "if (event.how === 'string') throw 'text'; if (event.how === 'later') { setTimeout(() => { throw new RangeError('late') }, 1); await new Promise(() => {}); setTimeout(() => {}, 1000) } const e = new TypeError('bad'); e.code = 'E1'; throw e;",
    ),
  );
  const { json, functionError, logTail } = await shared.invoke(spec);
  assert.equal(functionError, "Unhandled");
  assert.equal(json.errorType, "TypeError");
  assert.equal(json.errorMessage, "bad");
  assert.match(json.trace[1], /^ {4}at exports\.handler \(.*index\.js:1:/);
  assert.match(
    logTail.toString(),
    /\n\d{4}-[^\t]+Z\t[0-9a-f-]{36}\tERROR\tInvoke Error \t\{"errorType":"TypeError","errorMessage":"bad","code":"E1","stack":\["TypeError: bad",/,
  );
  assert.match(logTail.toString(), /\tStatus: error\tError Type: TypeError\t\n$/);
  assert.deepEqual((await shared.invoke(spec, { how: "string" })).json, {
    errorType: "string",
    errorMessage: "text",
    trace: [],
  });
  const late = await shared.invoke(spec, { how: "later" });
  assert.equal(late.json.errorType, "RangeError");
  assert.match(late.logTail.toString(), /\tERROR\tUncaught Exception \t\{"errorType":"RangeError"/);
  // The process that had an uncaught exception is not used again.
  assert.ok((await shared.invoke(spec)).initMs! > 0);
});

test("an initialisation that fails is tried once more, and its error is the answer", async () => {
  const cases: [Record<string, string>, string, RegExp][] = [
    [{ "other.js": "" }, "Runtime.ImportModuleError", /^Error: Cannot find module 'index'/],
    [{ "index.js": "exports.other = 1" }, "Runtime.HandlerNotFound", /^index\.handler is undefined or not exported$/],
    [{ "index.js": "exports.handler = 1" }, "Runtime.HandlerNotFound", /^index\.handler is not a function$/],
    [{ "index.js": "exports.handler = (" }, "Runtime.UserCodeSyntaxError", /^SyntaxError: /],
    [{ "index.js": "throw new Error('at the top')" }, "Error", /^at the top$/],
    [
      { "index.js": "process.exit(7)" },
      "Runtime.ExitError",
      /^RequestId: [0-9a-f-]+ Error: Runtime exited with error: exit status 7$/,
    ],
  ];
  for (const [files, errorType, errorMessage] of cases) {
    const { json, functionError, logTail } = await shared.invoke(await shared.fn(NODE, files));
    assert.equal(functionError, "Unhandled");
    assert.equal(json.errorType, errorType);
    assert.match(json.errorMessage, errorMessage);
    assert.match(logTail.toString(), /^START [^\n]+\n(?:.*\n)*END /);
  }
  const reports = shared.lines.filter(({ message }) => message.startsWith("INIT_REPORT"));
  assert.equal(reports.length, 2 * cases.length);
  assert.match(
    reports[0]!.message,
    /^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: error\tError Type: Runtime\.ImportModuleError\n$/,
  );
  assert.match(reports[1]!.message, /\tPhase: invoke\tStatus: error\t/);
});

test("a function that takes too long is killed with what it has started, and the next call starts anew", async () => {
  const spec = await shared.fn(
    NODE,
    js("if (event.stay) { require('child_process').spawn('sleep', ['600']); for (;;); } return 'quick'"),
    { timeoutMs: 1000 },
  );
  assert.equal((await shared.invoke(spec)).json, "quick");
  const { pid } = shared.host.workers().find(({ functionArn }) => functionArn === spec.functionArn)!;
  const before = treeOf(pid);
  const { json, functionError, durationMs, logTail } = await shared.invoke(spec, { stay: true });
  assert.equal(functionError, "Unhandled");
  assert.equal(json.errorType, "Sandbox.Timedout");
  assert.match(json.errorMessage, /^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/);
  assert.equal(durationMs, 1000);
  assert.match(logTail.toString(), /Z [0-9a-f-]{36} Task timed out after 1\.00 seconds\n\nEND RequestId/);
  assert.equal((await shared.invoke(spec)).json, "quick");
  for (const member of before) await until(() => !isRunning(member));
});

test("a function that leaves in the middle, or takes more memory than it has", async () => {
  const spec = await shared.fn(
    NODE,
    js(
      "if (event.code !== undefined) process.exit(event.code); if (event.signal) process.kill(process.pid, event.signal); const all = []; for (;;) all.push(Buffer.alloc(1e6, 1));",
    ),
  );
  const message = async (event: object) => (await shared.invoke(spec, event)).json;
  assert.match((await message({ code: 3 })).errorMessage, /Runtime exited with error: exit status 3$/);
  assert.match((await message({ code: 0 })).errorMessage, /Runtime exited without providing a reason$/);
  assert.match((await message({ signal: "SIGSEGV" })).errorMessage, /signal: segmentation fault$/);
  const full = await shared.invoke(spec);
  assert.equal(full.functionError, "Unhandled");
  if (shared.host.report().find(({ subject }) => subject === "function limits")!.status === "ok") {
    assert.equal(full.json.errorType, "Runtime.OutOfMemory");
    assert.equal(full.memoryUsedMb, 128);
    assert.match(full.logTail.toString(), /Error: Runtime exited with error: signal: killed\nRuntime\.ExitError\n/);
  }
});

test("a response beyond 6 MB is refused, one of 6 MB is not", async () => {
  const spec = await shared.fn(NODE, js("return 'x'.repeat(event.length)"));
  assert.equal((await shared.invoke(spec, { length: 6_291_554 })).payload.length, 6_291_556);
  const { json, functionError } = await shared.invoke(spec, { length: 6_291_555 });
  assert.equal(functionError, "Unhandled");
  assert.equal(json.errorType, "Function.ResponseSizeTooLarge");
});

test("what is written during a call stands between START and END, in order, with its line feeds", async () => {
  const spec = await shared.fn(
    NODE,
    js(
      "console.log('one', { a: 1 }); console.error('two\\nlines'); console.log('%s=%d', 'three', 3); process.stdout.write('raw\\n'); return 1",
    ),
  );
  const { logTail } = await shared.invoke(spec);
  const text = logTail
    .toString()
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "T")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID");
  assert.match(text, /^START RequestId: ID Version: \$LATEST\n/);
  const own = text.split("\n").slice(1, -3).join("\n");
  assert.deepEqual(own.split("\n").sort(), [
    "T\tID\tERROR\ttwo",
    "T\tID\tINFO\tone { a: 1 }",
    "T\tID\tINFO\tthree=3",
    "lines",
    "raw",
  ]);
  assert.ok(own.indexOf("one") < own.indexOf("two") && own.indexOf("two") < own.indexOf("three"));
  const entry = shared.lines.find(({ message }) => message.includes("two\nlines"))!;
  assert.ok(entry.message.endsWith("two\nlines\n"));
});

test("JSON logs: levels, objects, errors", async () => {
  const spec = await shared.fn(
    NODE,
    js(
      "console.debug('no'); console.info({ a: 1 }); console.warn('w %s', 'x'); console.error(new TypeError('e')); return process.env.AWS_LAMBDA_LOG_FORMAT",
    ),
    { logFormat: "JSON", applicationLogLevel: "INFO" },
  );
  const { json, logTail } = await shared.invoke(spec);
  assert.equal(json, "JSON");
  const entries = logTail
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    entries.map((entry) => entry.type ?? `${entry.level} ${JSON.stringify(entry.message.errorType ?? entry.message)}`),
    ["platform.start", 'INFO {"a":1}', 'WARN "w x"', 'ERROR "TypeError"', "platform.report"],
  );
  assert.equal(entries[1].requestId, entries[0].record.requestId);
});

test("between calls a worker is frozen: it uses no processor time, and goes on where it was", async () => {
  const spec = await shared.fn(
    NODE,
    js(
      "globalThis.ticks ??= 0; globalThis.timer ??= setInterval(() => { for (const until = Date.now() + 5; Date.now() < until;); globalThis.ticks++ }, 1); if (event.wait) await new Promise(r => setTimeout(r, 30)); return globalThis.ticks",
    ),
  );
  await shared.invoke(spec);
  const worker = await until(() =>
    shared.host.workers().find(({ functionArn, state }) => functionArn === spec.functionArn && state === "frozen"),
  );
  const used = () =>
    treeOf(worker.pid)
      .map(ticksOf)
      .reduce((sum, ticks) => sum + ticks, 0);
  await until(() => treeOf(worker.pid).every(isStill));
  const before = used();
  // Long enough for a worker that runs to be seen: it would spin all the time.
  for (const end = performance.now() + 200; performance.now() < end; );
  assert.equal(used(), before);
  assert.ok((await shared.invoke(spec, { wait: true })).json > 0);
});

test("the host knows what it cannot run", async () => {
  assert.deepEqual(shared.host.runtime("cobol85"), {
    available: false,
    remedy: "Virga runs nodejs*, python3.*, ruby*, java*, dotnet* and provided.*, not cobol85.",
  });
  const spec = await shared.fn(NODE, js(""), { runtime: "ruby9.9" });
  await assert.rejects(shared.invoke(spec), { name: "RuntimeUnavailable" });
});

test("concurrency beyond the limit is refused and nothing is run", async () => {
  const spec = await shared.fn(NODE, js("await new Promise(r => setTimeout(r, 100)); return 1"), { concurrencyMax: 1 });
  const first = shared.invoke(spec);
  await assert.rejects(shared.invoke(spec), {
    name: "ConcurrencyExceeded",
    reason: "ReservedFunctionConcurrentInvocationLimitExceeded",
  });
  assert.equal((await first).json, 1);
});

test("a spare takes a function that comes later, and only what suits it", async () => {
  const host = openTestHost({ sparesPerRuntime: 1 });
  try {
    host.host.expect(NODE);
    const spec = await host.fn(
      NODE,
      { ...js("return [__dirname, require('./deep/er/data.json'), process.env.A]"), "deep/er/data.json": "[1]" },
      { environment: { A: "1" } },
    );
    const cold = await host.invoke(spec);
    assert.deepEqual(cold.json.slice(1), [[1], "1"]);
    // The next one has a spare that was started when the first was over.
    await until(() => spares(host.directory) === 2);
    const other = await host.fn(NODE, js("return [require('fs').readdirSync('.'), process.env.A ?? null]"));
    const quick = await host.invoke(other);
    assert.deepEqual(quick.json, [["index.js"], null]);
    const mapped = await host.fn(NODE, js("return process.sourceMapsEnabled"), {
      environment: { NODE_OPTIONS: "--enable-source-maps" },
    });
    assert.equal((await host.invoke(mapped)).json, true);
    const optioned = await host.fn(NODE, js("return process.title"), {
      environment: { NODE_OPTIONS: "--title=optioned" },
    });
    assert.equal((await host.invoke(optioned)).json, "optioned");
  } finally {
    await host.close();
  }
});

test("layers are merged below /opt, and found by require", async () => {
  const first = await shared.unpack({ "nodejs/node_modules/a/index.js": "module.exports = 'a1'", "both.txt": "first" });
  const second = await shared.unpack({
    "nodejs/node_modules/b/index.js": "module.exports = 'b2'",
    "both.txt": "second",
  });
  const spec = await shared.fn(
    NODE,
    js(
      "return [require('a'), require('b'), require('fs').readFileSync((process.env.NODE_PATH.split(':')[1] + '/../../both.txt'), 'utf8')]",
    ),
    {
      layerDirectories: [first, second],
    },
  );
  assert.deepEqual((await shared.invoke(spec)).json, ["a1", "b2", "second"]);
});

test("a wrapper script runs before the runtime and may add to its variables", async () => {
  const files = {
    ...js("return [process.env.WRAPPED, process.env.A, process.env.LAMBDA_TASK_ROOT]"),
    bootstrap: '#!/bin/sh\nexport WRAPPED="with $#"\nexec "$@"\n',
  };
  // Where there is no sandbox, the package has no other path than its own.
  const spec = await shared.fn(NODE, files);
  const folder = (await shared.invoke(spec)).json[2];
  const environment = { AWS_LAMBDA_EXEC_WRAPPER: `${folder}/bootstrap`, A: "1" };
  const { json } = await shared.invoke({ ...spec, key: `${spec.key}-wrapped`, environment });
  assert.deepEqual(json, ["with 3", "1", folder]);
});

test("closing ends every worker, frozen ones too, and leaves no folder", async () => {
  const host = openTestHost({ sparesPerRuntime: 1 });
  await host.invoke(
    await host.fn(
      NODE,
      js("require('child_process').spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref(); return 1"),
    ),
  );
  const pids = host.host.workers().flatMap(({ pid }) => treeOf(pid));
  assert.ok(pids.length >= 2);
  await host.host.close();
  for (const pid of pids) await until(() => !isRunning(pid));
  await host.close();
});

test("closing in the middle of things: starts and calls under way are told, and nothing stays", async () => {
  const host = openTestHost();
  const spec = await host.fn(NODE, js("for (;;);"));
  const busy = host.invoke(spec);
  await until(() => host.host.workers().some(({ state }) => state === "busy"));
  const { pid } = host.host.workers()[0]!;
  const tree = treeOf(pid);
  const starting = Array.from({ length: 3 }, () => host.invoke(spec));
  const waiting = host.invoke(await host.fn(NODE, js(""), { credentials: () => new Promise(() => {}) }));
  const calls = Promise.allSettled([busy, waiting, ...starting]);
  await host.host.close();
  for (const call of await calls) {
    assert.equal(call.status, "rejected");
    assert.equal((call as PromiseRejectedResult).reason.name, "HostClosed");
  }
  assert.deepEqual(host.host.workers(), []);
  for (const member of tree) await until(() => !isRunning(member));
  await host.close();
});

/** Waits for something that comes by itself, turn by turn of the event loop. */
async function until<T>(found: () => T | undefined | false): Promise<T> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    const value = found();
    if (value) return value;
    await new Promise(setImmediate);
  }
  throw new Error(`never came: ${found}`);
}

function stat(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
const isRunning = (pid: number) => existsSync(`/proc/${pid}`) && !["Z", "X"].includes(stat(pid)[0] ?? "X");
const ticksOf = (pid: number) => Number(stat(pid)[11] ?? 0) + Number(stat(pid)[12] ?? 0);
/** Not running at the moment. */
const isStill = (pid: number) => stat(pid)[0] !== "R";
const spares = (directory: string) => {
  return readdirSync(`${directory}/workers`).length;
};
