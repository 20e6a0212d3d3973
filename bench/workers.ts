/** Workers: cold starts of several runtimes, thawing, many calls at once, and the same against serverless-offline. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dotnetPath } from "../tools/setup.ts";
import { median, report, root, startEcho, stop, type Virga } from "./measure.ts";
import { createFunction, http, invoke, rest, type Source, timed } from "./requests.ts";

const COLD_ROUNDS = 8;
const HELLO = "export const handler = async () => ({ ok: true });";
/** A spare that was taken is there again after this; a worker is frozen long before. */
const PAUSE_MS = 400;
const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

export async function workers(virga: Virga, folder: string): Promise<void> {
  await coldStarts(virga, folder);
  await thaw(virga, folder);
  for (const connections of [1, 10, 100]) await atOnce(virga, connections);
  await offline(virga, folder);
}

/** About 1 MB that has to be read and run before the handler is there. */
function bundle(): string {
  const lines = [HELLO];
  for (let number = 0; number < 9000; number++)
    lines.push(
      `export const f${number} = (a, b) => { const c = a + b * ${number}; return { a, b, c, text: "bundle ${number}" }; };`,
    );
  return lines.join("\n");
}

function compiled(folder: string): Source | string {
  try {
    const program = join(folder, "bootstrap");
    execFileSync("cc", ["-O2", "-D_GNU_SOURCE", "-o", program, join(root, "bench/bootstrap.c")], { stdio: "pipe" });
    return { runtime: "provided.al2023", handler: "any", files: { bootstrap: readFileSync(program) } };
  } catch (error) {
    return `no C compiler: ${(error as Error).message.split("\n")[0]}`;
  }
}

/** An executable assembly for the .NET runtime that the tests have. */
function dotnet(folder: string): Source | string {
  if (!existsSync(dotnetPath())) return "no .NET here: node tools/setup.ts dotnet";
  try {
    const program = join(folder, "Bench.exe");
    execFileSync("mcs", [`-out:${program}`, join(root, "bench/bootstrap.cs")], { stdio: "pipe" });
    const runtimeOptions = {
      framework: { name: "Microsoft.NETCore.App", version: "2.0.0" },
      configProperties: { "System.Globalization.Invariant": true },
    };
    return {
      runtime: "dotnet8",
      handler: "Bench",
      files: {
        "Bench.dll": readFileSync(program),
        "Bench.runtimeconfig.json": JSON.stringify({ runtimeOptions }),
      },
    };
  } catch (error) {
    return `no C# compiler: ${(error as Error).message.split("\n")[0]}`;
  }
}

async function coldStarts(virga: Virga, folder: string): Promise<void> {
  const kinds: [string, Source | string, string][] = [
    ["1 MB bundle, Node", { files: { "index.mjs": bundle() } }, "-"],
    [
      "small Python handler",
      {
        runtime: "python3.11",
        handler: "app.handler",
        files: { "app.py": "def handler(event, context):\n    return {'ok': True}\n" },
      },
      "-",
    ],
    [".NET", dotnet(folder), "-"],
    ["compiled bootstrap", compiled(folder), "-"],
  ];
  for (const [name, source, budget] of kinds) {
    if (typeof source === "string") {
      console.log(`  cold start, ${name}: skipped, ${source}`);
      continue;
    }
    const cold: number[] = [];
    const bare: number[] = [];
    const id = name.replaceAll(/\W+/g, "-");
    try {
      for (let round = -1; round < COLD_ROUNDS; round++) {
        await createFunction(virga, folder, `${id}-${round}`, source);
        await pause();
        const node = await timed(async () => execFileSync(process.execPath, ["-e", "0"]));
        const took = await timed(() => invoke(virga, `${id}-${round}`).then(checked));
        // The first one finds out about the runtime.
        if (round < 0) continue;
        bare.push(node);
        cold.push(took);
      }
    } catch (error) {
      console.log(`  cold start, ${name}: skipped, ${(error as Error).message}`);
      continue;
    }
    report({
      what: `cold start, ${name}`,
      measured: `${median(cold).toFixed(1)} ms`,
      against: `node -e 0: ${median(bare).toFixed(1)} ms`,
      ratio: median(cold.map((value, index) => value / bare[index]!)),
      budget,
      met: undefined,
    });
  }
}

const checked = ({ status, text }: { readonly status: number; readonly text: string }): void => {
  if (status !== 200 || !/^\{"ok": ?true\}$/.test(text))
    throw new Error(`the function answered ${status} ${text.slice(0, 200)}`);
};

/** A worker that was frozen against the same one a moment later. */
async function thaw(virga: Virga, folder: string): Promise<void> {
  await createFunction(virga, folder, "frozen", HELLO);
  await invoke(virga, "frozen").then(checked);
  const frozen: number[] = [];
  const ready: number[] = [];
  for (let round = 0; round < 20; round++) {
    await pause();
    frozen.push(await timed(() => invoke(virga, "frozen")));
    ready.push(await timed(() => invoke(virga, "frozen")));
  }
  report({
    what: "call of a frozen worker over one of a worker that is awake",
    measured: `${(median(frozen) - median(ready)).toFixed(2)} ms`,
    against: `awake: ${median(ready).toFixed(2)} ms`,
    ratio: median(frozen) / median(ready),
    budget: "-",
    met: undefined,
  });
}

/** Calls a second with so many at once, against bare hops of the same number. */
async function rate(calls: number, connections: number, call: () => Promise<unknown>): Promise<number> {
  let left = calls;
  const took = await timed(() =>
    Promise.all(
      Array.from({ length: connections }, async () => {
        while (left-- > 0) await call();
      }),
    ),
  );
  return (1000 * calls) / took;
}

async function atOnce(virga: Virga, connections: number): Promise<void> {
  const echo = await startEcho(11);
  const call = () => invoke(virga, "frozen").then(checked);
  const calls = Math.max(400, 10 * connections);
  // As many workers as will be needed.
  await rate(connections * 2, connections, call);
  const measured = await rate(calls, connections, call);
  const hops = await rate(calls, connections, () => http(echo.port, "POST", "/", {}, "{}"));
  await stop(echo.child);
  report({
    what: `warm calls, ${connections} at once`,
    measured: `${measured.toFixed(0)} /s`,
    against: `bare hops: ${hops.toFixed(0)} /s`,
    ratio: measured / hops,
    budget: "-",
    met: undefined,
  });
}

/** Installed where nothing of ours is, for this run alone. */
async function offline(virga: Virga, folder: string): Promise<void> {
  const place = join(folder, "offline");
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "package.json"), '{"private":true,"type":"commonjs"}');
  writeFileSync(join(place, "handler.js"), "exports.hello = async () => ({ statusCode: 200, body: 'hello' });");
  writeFileSync(
    join(place, "serverless.yml"),
    `service: bench
frameworkVersion: "3"
provider: { name: aws, runtime: nodejs20.x }
plugins: [serverless-offline]
custom: { serverless-offline: { httpPort: 4739, lambdaPort: 4740, noPrependStageInUrl: true, noTimeout: true } }
functions: { hello: { handler: handler.hello, events: [{ httpApi: "GET /hello" }] } }
`,
  );
  try {
    execFileSync(
      "npm",
      ["install", "--no-audit", "--no-fund", "--ignore-scripts", "serverless@3", "serverless-offline@13"],
      {
        cwd: place,
        stdio: "pipe",
        timeout: 240_000,
      },
    );
  } catch (error) {
    console.log(
      `  serverless-offline: skipped, it cannot be installed here: ${(error as Error).message.split("\n")[0]}`,
    );
    return;
  }
  const child = spawn(process.execPath, [join(place, "node_modules/serverless/bin/serverless.js"), "offline"], {
    cwd: place,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, SLS_TELEMETRY_DISABLED: "1", SLS_NOTIFICATIONS_MODE: "off", CI: "1" },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      let text = "";
      const hear = (chunk: Buffer) => {
        text += chunk;
        if (/Server ready/.test(text)) resolve();
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.once("exit", () => reject(new Error(text.slice(-300))));
      setTimeout(() => reject(new Error(`not ready within a minute: ${text.slice(-300)}`)), 60_000).unref();
    });
  } catch (error) {
    console.log(`  serverless-offline: skipped, it does not start here: ${(error as Error).message}`);
    await stop(child);
    return;
  }
  await createFunction(
    virga,
    folder,
    "beside-offline",
    "export const handler = async () => ({ statusCode: 200, body: 'hello' });",
  );
  const api = await rest(virga.port, "apigateway", "POST", "/v2/apis", {
    name: "offline",
    protocolType: "HTTP",
    target: "arn:aws:lambda:us-east-1:000000000000:function:beside-offline",
  });
  const host = { host: `${api.apiId}.execute-api.localhost:${virga.port}` };
  const ours = () => http(virga.port, "GET", "/hello", host).then(hello);
  const theirs = () => http(4739, "GET", "/hello", {}).then(hello);
  for (const call of [ours, theirs]) await rate(200, 32, call);
  const against = await rate(1500, 32, theirs);
  const measured = await rate(1500, 32, ours);
  await stop(child);
  rmSync(place, { recursive: true, force: true });
  report({
    what: "HTTP API → function, 32 at once, against serverless-offline",
    measured: `${measured.toFixed(0)} /s`,
    against: `serverless-offline: ${against.toFixed(0)} /s`,
    ratio: measured / against,
    budget: "≥ 1.5",
    met: measured / against >= 1.5,
  });
}

const hello = ({ status, text }: { readonly status: number; readonly text: string }): void => {
  if (status !== 200 || text !== "hello") throw new Error(`the API answered ${status} ${text.slice(0, 200)}`);
};
