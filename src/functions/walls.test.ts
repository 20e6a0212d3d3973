/** From inside a function, everything that must not be possible is tried. Where the machine offers no sandbox there is nothing to hold, and the tests are skipped. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { FunctionSpec } from "./host.ts";
import { treeOf } from "./processes.ts";
import { CURL_BOOTSTRAP, NODE, openTestHost } from "./testing.ts";

/** Runs the text of an event, and says how it went. */
const EVAL = {
  "index.js": `exports.handler = async (event) => { try { return { ok: await eval(event.code) } } catch (error) { return { error: error.code ?? error.message } } };`,
};

/** What this machine does best, and sandboxes with the platform's own user. Ordinary processes have `process.test.ts`. */
for (const isolation of [undefined, "namespaces"] as const) walls(isolation ?? "best", isolation);

function walls(level: string, isolation: "namespaces" | undefined): void {
  const shared = openTestHost(isolation === undefined ? {} : { isolation });
  after(() => shared.close());
  const status = (subject: string) => shared.host.report().find((line) => line.subject === subject)!;
  const sandboxed = !/ordinary processes/.test(status("function isolation").detail);
  const ownUsers = status("function isolation").status === "ok";
  const bounded = status("function limits").status === "ok";
  const inSandbox = { skip: !sandboxed && "no sandbox on this machine" };
  const withOwnUsers = { skip: (!ownUsers || isolation !== undefined) && "no user ids of their own on this machine" };
  const withGroups = { skip: !(sandboxed && bounded) && "no control groups on this machine" };

  let victim: FunctionSpec;
  let attacker: FunctionSpec;
  const attack = async (code: string): Promise<any> => (await shared.invoke(attacker, { code })).json;

  before(async () => {
    victim = await shared.fn(
      NODE,
      { ...EVAL, "secret.txt": "of the victim" },
      { environment: { SECRET: "of the victim" } },
    );
    attacker = await shared.fn(NODE, EVAL);
    await shared.invoke(victim, { code: "1" });
  });

  test(
    `${level}: the data directory, other functions' code and the host's files are not there`,
    inSandbox,
    async () => {
      for (const path of [
        shared.directory,
        victim.codeDirectory,
        "/root",
        "/home",
        "/etc/shadow",
        "/etc/ssh",
        "/sys",
        "/run",
        import.meta.filename,
      ])
        assert.match(
          (await attack(`require('fs').readdirSync(${JSON.stringify(path)})`)).error,
          /ENOENT|ENOTDIR|EACCES/,
          path,
        );
      assert.deepEqual((await attack("require('fs').readdirSync('/var/task')")).ok, ["index.js"]);
    },
  );

  test(`${level}: nothing can be written but /tmp, and that only to its size`, inSandbox, async () => {
    for (const path of [
      "/x",
      "/var/task/x",
      "/var/task/index.js",
      "/opt/x",
      "/etc/x",
      "/usr/x",
      "/dev/shm/x",
      "/var/runtime/bootstrap.cjs",
    ])
      assert.match(
        (await attack(`require('fs').writeFileSync(${JSON.stringify(path)}, 'x')`)).error,
        /EROFS|EACCES|EPERM|ENOENT/,
        path,
      );
    assert.equal((await attack("require('fs').writeFileSync('/tmp/kept', '1') ?? 'written'")).ok, "written");
    assert.equal((await attack("require('fs').readFileSync('/tmp/kept', 'utf8')")).ok, "1");
    const small = await shared.fn(NODE, EVAL, { ephemeralStorageMb: 16, memoryMb: 256 });
    const { json } = await shared.invoke(small, {
      code: "require('fs').writeFileSync('/tmp/big', Buffer.alloc(20e6, 1))",
    });
    assert.equal(json.error, "ENOSPC");
  });

  test(`${level}: other processes are not seen, not signalled, and their environment not read`, inSandbox, async () => {
    const { pid } = shared.host.workers().find(({ functionArn }) => functionArn === victim.functionArn)!;
    for (const target of [pid, process.pid, treeOf(pid).at(-1)!]) {
      if (target < 10) continue;
      assert.equal((await attack(`process.kill(${target}, 'SIGKILL')`)).error, "ESRCH");
      assert.equal((await attack(`require('fs').readFileSync('/proc/${target}/environ')`)).error, "ENOENT");
    }
    const seen = (await attack("require('fs').readdirSync('/proc').filter(name => /^\\\\d+$/.test(name)).length")).ok;
    assert.ok(seen <= 3, `${seen} processes`);
    assert.equal((await shared.invoke(victim, { code: "process.env.SECRET" })).json.ok, "of the victim");
  });

  test(`${level}: no rights are left, and none can be had`, inSandbox, async () => {
    const lines: string = (await attack("require('fs').readFileSync('/proc/self/status', 'utf8')")).ok;
    for (const set of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.match(lines, new RegExp(`^${set}:\\t0+$`, "m"));
    assert.match(lines, /^NoNewPrivs:\t1$/m);
    assert.match(lines, /^Seccomp:\t2$/m);
    const run = (command: string) =>
      attack(`require('child_process').execSync(${JSON.stringify(command)}, { stdio: 'pipe' }).toString()`);
    for (const command of [
      "unshare -Ur true",
      "mount -t tmpfs none /tmp",
      "chroot / true",
      "su -c true",
      "sysctl -w kernel.hostname=x",
    ])
      assert.ok((await run(command)).error, command);
    assert.match(
      (await attack("require('fs').writeFileSync('/proc/sys/kernel/core_pattern', 'x')")).error,
      /EACCES|EROFS|EPERM/,
    );
  });

  test(`${level}: each worker has a user of its own`, withOwnUsers, async () => {
    const mine = (await attack("process.getuid()")).ok;
    assert.ok(mine >= 61_184);
    const theirs = (await shared.invoke(victim, { code: "process.getuid()" })).json.ok;
    assert.notEqual(mine, theirs);
    assert.equal((await attack("require('os').userInfo().username")).ok, "sbx_user1051");
  });

  test(`${level}: descriptors: only the channel and what the function opened itself`, inSandbox, async () => {
    const { ok } = await attack(
      "require('fs').readdirSync('/proc/self/fd').map(fd => { try { return require('fs').readlinkSync('/proc/self/fd/' + fd) } catch { return '' } })",
    );
    for (const target of ok as string[])
      assert.match(target, /^(?:$|socket:|pipe:|anon_inode:|\/dev\/null|\/proc\/\d+\/fd)/, ok.join(" "));
  });

  test(`${level}: another worker's Runtime API does not answer`, inSandbox, async () => {
    const other = await shared.fn("provided.al2023", {
      bootstrap: CURL_BOOTSTRAP.replace("echo", 'echo "$AWS_LAMBDA_RUNTIME_API"'),
    });
    const { logTail } = await shared.invoke(other);
    const address = /127\.0\.0\.1:\d+/.exec(logTail.toString())![0];
    const code = `fetch('http://${address}/2018-06-01/runtime/invocation/next').then(r => r.status)`;
    assert.equal((await attack(code)).error, "fetch failed");
    await assert.rejects(fetch(`http://${address}/2018-06-01/runtime/invocation/next`));
    assert.deepEqual((await shared.invoke(other, { still: 1 })).json.given, { still: 1 });
  });

  test(`${level}: forking without end fails, and ends with the call`, withGroups, async () => {
    const bomb = await shared.fn(NODE, EVAL, { timeoutMs: 3000, memoryMb: 512 });
    const code = `(async () => { const { spawn } = require('child_process'); let failed = 0, made = 0; while (!failed && made < 5000) { await new Promise((resolve) => { const child = spawn('sleep', ['603'], { stdio: 'ignore' }); child.on('error', () => { failed++; resolve(); }); child.on('spawn', () => { made++; resolve(); }); }); } return made; })()`;
    const { json, functionError } = await shared.invoke(bomb, { code });
    // Whichever wall it meets first: processes, memory, time.
    assert.ok(functionError === "Unhandled" || json.ok < 1024, JSON.stringify(json));
    assert.equal((await shared.invoke(victim, { code: "1" })).json.ok, 1);
    shared.host.retire(bomb.functionArn);
    await until(() => processesNamed("sleep 603").length === 0);
  });

  test(
    `${level}: filling memory ends the call that does it, and the neighbour answers meanwhile`,
    withGroups,
    async () => {
      const hog = await shared.fn(NODE, EVAL, { memoryMb: 128, timeoutMs: 20_000 });
      const filling = shared.invoke(hog, {
        code: "(() => { const all = []; for (;;) all.push(Buffer.alloc(1e7, 1)); })()",
      });
      assert.equal((await shared.invoke(victim, { code: "1" })).json.ok, 1);
      const { json, functionError } = await filling;
      assert.equal(functionError, "Unhandled");
      assert.match(json.errorType, /^Runtime\.(?:OutOfMemory|ExitError)$/);
      // Files in /tmp are memory too.
      const files = await shared.fn(NODE, EVAL, { memoryMb: 128, ephemeralStorageMb: 4096 });
      const filled = await shared.invoke(files, {
        code: "(() => { for (let i = 0; i < 400; i++) require('fs').writeFileSync('/tmp/' + i, Buffer.alloc(1e7, 1)); })()",
      });
      assert.ok(
        filled.functionError === "Unhandled" || /ENOSPC|ENOMEM/.test(filled.json.error),
        filled.payload.toString(),
      );
    },
  );

  test(`${level}: children that leave their session and ignore signals end with the timeout`, inSandbox, async () => {
    const slow = await shared.fn(NODE, EVAL, { timeoutMs: 1000 });
    const command = "trap '' TERM HUP INT; exec sleep 604";
    const code = `(async () => { require('child_process').spawn('setsid', ['sh', '-c', ${JSON.stringify(command)}], { stdio: 'ignore', detached: true }).unref(); await new Promise(() => setInterval(() => {}, 1e3)); })()`;
    assert.equal((await shared.invoke(slow, { code })).json.errorType, "Sandbox.Timedout");
    await until(() => processesNamed("sleep 604").length === 0);
  });

  test(
    `${level}: the platform's own interfaces on this machine are not for a stranger's hands`,
    inSandbox,
    async () => {
      for (const path of ["/proc/1/root", "/proc/1/cwd", "/proc/sys/kernel/hostname", "/dev/mem", "/dev/sda"])
        assert.ok((await attack(`require('fs').writeFileSync(${JSON.stringify(path)}, 'x')`)).error, path);
      for (const socket of ["/var/run/docker.sock", "/run/podman/podman.sock", "/run/dbus/system_bus_socket"])
        assert.equal((await attack(`require('fs').existsSync(${JSON.stringify(socket)})`)).ok, false, socket);
      const other = "Object.keys(process.env).filter((name) => /VIRGA|SECRET/.test(name))";
      assert.deepEqual(
        (await attack(other)).ok.filter((name: string) => name !== "AWS_SECRET_ACCESS_KEY"),
        [],
      );
    },
  );
}

const shared = openTestHost();
after(() => shared.close());
const status = (subject: string) => shared.host.report().find((line) => line.subject === subject)!;

test("when the platform is killed, no worker outlives it, frozen or busy", async () => {
  const directory = join(shared.directory, "killed");
  mkdirSync(directory);
  const script = join(directory, "platform.ts");
  const here = import.meta.dirname;
  writeFileSync(
    script,
    `import { openTestHost, NODE } from ${JSON.stringify(join(here, "testing.ts"))};
const { fn, invoke, host, directory } = openTestHost({ sparesPerRuntime: 1 });
const files = { "index.js": "exports.handler = async (e) => { require('child_process').spawn('sleep', ['601'], { stdio: 'ignore', detached: true }).unref(); if (e.stay) for (;;); }" };
await invoke(await fn(NODE, files));
void invoke(await fn(NODE, files), { stay: 1 });
while (host.workers().filter(({ state }) => state === "busy" || state === "frozen").length < 2) await new Promise(setImmediate);
console.log(JSON.stringify({ directory, pids: host.workers().map(({ pid }) => pid) }));
`,
  );
  const child: ChildProcess = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout!) {
    output += chunk;
    if (output.includes("\n")) break;
  }
  const { pids, directory: left } = JSON.parse(output) as { pids: number[]; directory: string };
  assert.equal(pids.length, 2);
  const all = pids.flatMap(treeOf);
  assert.ok(all.length > 2);
  child.kill("SIGKILL");
  await until(() => all.every((pid) => !isRunning(pid)));
  await until(() => processesNamed("sleep 601").length === 0);
  rmSync(left, { recursive: true, force: true });
  // The next platform removes what is left of its control groups.
  const place = /control groups \w+ at (\S+)\/virga-\d+/.exec(status("function limits").detail)?.[1];
  if (place === undefined) return;
  // A group is busy for a moment after its last process; the platform after the next finds it then.
  for (let attempt = 0; existsSync(`${place}/virga-${child.pid}`); attempt++) {
    assert.ok(attempt < 20, "the groups of a killed platform stay");
    const next = openTestHost();
    next.host.report();
    await next.close();
  }
});

async function until(found: () => boolean): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    if (found()) return;
    await new Promise(setImmediate);
  }
  throw new Error(`never came: ${found}`);
}

function isRunning(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(text.slice(text.lastIndexOf(")") + 2));
  } catch {
    return existsSync(`/proc/${pid}`) && process.platform !== "linux";
  }
}

function processesNamed(command: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || !isRunning(Number(pid))) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim() === command;
    } catch {
      return false;
    }
  });
}
