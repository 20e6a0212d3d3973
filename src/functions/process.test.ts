/** Functions as ordinary processes, as on a machine without sandboxes and control groups: everything but the walls holds there too. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { treeOf } from "./processes.ts";
import { CURL_BOOTSTRAP, NODE, openTestHost } from "./testing.ts";

const shared = openTestHost({ isolation: "process" });
after(() => shared.close());
const js = (body: string) => ({ "index.js": `exports.handler = async (event, context) => { ${body} };` });

test("doctor says that nothing keeps functions apart", () => {
  const report = shared.host.report();
  assert.match(
    report.find(({ subject }) => subject === "function isolation")!.detail,
    /^ordinary processes: functions are not kept apart/,
  );
  assert.match(report.find(({ subject }) => subject === "function limits")!.detail, /^memory bounded by RLIMIT_DATA/);
});

test("a handler runs from its own folder, with its own variables and none of the platform's", async () => {
  const spec = await shared.fn(
    NODE,
    js(
      "return [process.cwd(), __dirname, process.env.LAMBDA_TASK_ROOT, Object.keys(process.env).sort(), process.env.A]",
    ),
    {
      environment: { A: "it's\n1", NODE_OPTIONS: "--no-deprecation" },
    },
  );
  const { json } = await shared.invoke(spec);
  for (const folder of json.slice(0, 3)) assert.equal(folder, spec.codeDirectory);
  for (const name of ["HOME", "USER", "VIRGA", "npm_config_registry"]) assert.ok(!json[3].includes(name));
  assert.equal(json[4], "it's\n1");
  assert.ok((await shared.invoke(spec)).initMs === undefined);
});

test("ES modules find the SDK, CommonJS finds layers", async () => {
  const sdk = await shared.fn("nodejs24.x", {
    "index.mjs": "import { S3Client } from '@aws-sdk/client-s3'; export const handler = async () => typeof S3Client",
  });
  assert.equal((await shared.invoke(sdk)).json, "function");
  const layer = await shared.unpack({ "nodejs/node_modules/a/index.js": "module.exports = 'a'" });
  const layered = await shared.fn(NODE, js("return require('a')"), { layerDirectories: [layer] });
  assert.equal((await shared.invoke(layered)).json, "a");
});

test("time and memory are limits here too", async () => {
  const slow = await shared.fn(NODE, js("require('child_process').spawn('sleep', ['602']); for (;;);"), {
    timeoutMs: 1000,
  });
  const running = shared.invoke(slow);
  await until(() =>
    shared.host.workers().some(({ functionArn, state }) => functionArn === slow.functionArn && state === "busy"),
  );
  const { pid } = shared.host.workers().find(({ functionArn }) => functionArn === slow.functionArn)!;
  await until(() => treeOf(pid).length > 1);
  const tree = treeOf(pid);
  assert.equal((await running).json.errorType, "Sandbox.Timedout");
  await until(() => tree.every((member) => !isRunning(member)));

  const large = await shared.fn(NODE, js("const all = []; for (;;) all.push(Buffer.alloc(1e7, 1));"));
  const { json, functionError } = await shared.invoke(large);
  assert.equal(functionError, "Unhandled");
  assert.match(
    `${json.errorType} ${json.errorMessage}`,
    /Runtime\.ExitError|RangeError|Array buffer allocation failed/,
  );
});

test("between calls the process is stopped, and goes on with the next", async () => {
  const spec = await shared.fn(NODE, js("setInterval(() => {}, 1); return 1"));
  assert.equal((await shared.invoke(spec)).json, 1);
  const { pid } = shared.host.workers().find(({ functionArn }) => functionArn === spec.functionArn)!;
  if (process.platform === "linux") await until(() => stateOf(pid) === "T");
  assert.equal((await shared.invoke(spec)).json, 1);
});

test("provided.*: the bootstrap lies where the package does", { skip: process.platform !== "linux" }, async () => {
  const spec = await shared.fn("provided.al2023", { bootstrap: CURL_BOOTSTRAP });
  assert.deepEqual((await shared.invoke(spec, [1])).json.given, [1]);
});

async function until(found: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    if (found()) return;
    await new Promise(setImmediate);
  }
  throw new Error(`never came: ${found}`);
}

function stateOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2)[0]!;
  } catch {
    return "";
  }
}
const isRunning = (pid: number) => existsSync(`/proc/${pid}`) && !["Z", "X", ""].includes(stateOf(pid));
