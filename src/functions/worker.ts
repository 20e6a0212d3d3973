/**
 * One worker: a process in its sandbox, the line to the runtime in it, and its life from start to end. It knows how to begin a function, run
 * one event, freeze, thaw and end; who shall do so, and when, is decided in `scheduler.ts`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import { encodeFrame, type FromWorker, frameReader } from "./channel.ts";
import { type Places, pythonPath, runtimeEnvironment, SANDBOX_PLACES } from "./environment.ts";
import type { FunctionSpec, Invocation } from "./host.ts";
import { lineSplitter } from "./invocation-log.ts";
import type { Cgroup, Cgroups } from "./isolation/cgroups.ts";
import {
  ENVIRONMENT_FD,
  environmentScript,
  type Isolation,
  LIFELINE_FD,
  passwd,
  UID_FIRST,
} from "./isolation/sandbox.ts";
import { type Exit, RESPONSE_BYTES_MAX } from "./outcome.ts";
import { connectionOwner, holdsSocket, openRuntimeApi, type RuntimeApi } from "./runtime-api.ts";
import type { Runtime } from "./runtimes/find.ts";
import type { Views } from "./views.ts";

export interface WorkerGround {
  readonly clock: Clock;
  readonly isolation: Isolation;
  readonly cgroups?: Cgroups;
  readonly views: Views;
  /** Folder for the workers' own folders. */
  readonly directory: string;
  /** `nodejs/bootstrap.cjs`, `python/bootstrap.py`. */
  readonly bootstraps: string;
  /** `node_modules` with the SDK for Node, where there is one. */
  readonly sdk?: string;
}

export type Begun =
  | { readonly kind: "ready"; readonly durationMs: number }
  | { readonly kind: "failed"; readonly durationMs: number; readonly payload: Buffer }
  | { readonly kind: "exited"; readonly durationMs: number; readonly exit: Exit }
  | { readonly kind: "timeout"; readonly durationMs: number };

export type Ran =
  | { readonly kind: "response"; readonly payload: Buffer }
  /** `last`: the runtime has given itself up with it. */
  | { readonly kind: "error"; readonly payload: Buffer; readonly last: boolean }
  | { readonly kind: "too-large" }
  | { readonly kind: "exited"; readonly exit: Exit }
  | { readonly kind: "timeout" };

export interface Worker {
  readonly id: number;
  readonly pid: number;
  /** Resolves when the runtime of a spare waits for its function. */
  readonly waiting: Promise<void>;
  readonly exited: Promise<Exit>;
  /** Resolves when nothing of it is left: no process, no folder, no group. */
  readonly removed: Promise<void>;
  /** Puts the function in place. False when this worker cannot take it; it is as it was. */
  place(spec: FunctionSpec): boolean;
  /** Loads the function; the worker is killed when it takes longer than `limitMs`. */
  begin(spec: FunctionSpec, environment: Readonly<Record<string, string>>, limitMs: number): Promise<Begun>;
  /** Runs one event; the worker is killed when it takes longer than `limitMs`. Afterwards {@link idle} tells when it can take another. */
  run(spec: FunctionSpec, invocation: Invocation, limitMs: number): Promise<Ran>;
  /** Whether the runtime is back for more, or has ended. */
  readonly isIdle: boolean;
  readonly hasEnded: boolean;
  /** Resolves when it is. */
  idle(): Promise<void>;
  freeze(): void;
  thaw(): void;
  readonly frozen: boolean;
  memoryUsedMb(): number;
  /** CPU time used so far in microseconds, where it is counted. */
  cpuMicroseconds(): number | undefined;
  /** Kills whatever runs in it. */
  end(): void;
  /** Where the lines go that the function and its runtime write. */
  onLine: (timestampMs: number, text: string) => void;
}

/** How much more private memory than the function's own a runtime maps without using it, where RLIMIT_DATA is the only bound. */
const DATA_ALLOWANCE_MB = { nodejs: 768, python: 64, provided: 64, dotnet: 1024 };

interface StartOptions {
  readonly id: number;
  readonly runtime: Runtime;
  /** Known from the start; absent for a spare. */
  readonly own?: { readonly spec: FunctionSpec; readonly environment: Readonly<Record<string, string>> };
}

/** The places as the worker will see them. */
export function placesOf(ground: WorkerGround, id: number, spec?: FunctionSpec): Places {
  if (ground.isolation.level !== "process") return SANDBOX_PLACES;
  const folder = join(ground.directory, String(id));
  return {
    task: spec?.codeDirectory ?? join(folder, "task"),
    opt: (spec && ground.views.merge(spec.layerDirectories)) ?? join(folder, "opt"),
    runtime: ground.bootstraps,
    sdk: ground.sdk ?? join(folder, "sdk"),
  };
}

/** Whether the runtime in a worker is one of ours, and speaks over the channel. */
export const hasChannel = (runtime: Runtime): boolean => runtime.family === "nodejs" || runtime.family === "python";

export async function startWorker(ground: WorkerGround, options: StartOptions): Promise<Worker> {
  const { id, runtime, own } = options;
  const { clock, isolation } = ground;
  const sandboxed = isolation.level !== "process";
  const folder = join(ground.directory, String(id));
  const taskFolder = join(folder, "task");
  mkdirSync(taskFolder, { recursive: true });
  // Whatever the platform's umask is, the worker's user must be able to read.
  chmodSync(taskFolder, 0o755);
  const uid = UID_FIRST + (id % 4096);
  const passwdFile = join(folder, "passwd");
  if (sandboxed) {
    writeFileSync(passwdFile, passwd(uid));
    chmodSync(passwdFile, 0o644);
  }
  const places = placesOf(ground, id, own?.spec);
  const cgroup = ground.cgroups?.create(`w${id}`);
  if (own) cgroup?.limit(own.spec.memoryMb);

  let child: ChildProcess | undefined;
  const api = hasChannel(runtime)
    ? undefined
    : await openRuntimeApi(
        (port) => isOwnConnection(port, sandboxed && isolation.level === "own-user" ? uid : undefined, child, cgroup),
        (header, body) => receive(header, body),
      );
  let launched: Launched;
  try {
    launched = launch(ground, options, { folder, taskFolder, passwdFile, uid, places, cgroup, api });
  } catch (error) {
    api?.close();
    await cleanUp(cgroup, folder, clock);
    throw error;
  }
  child = launched.child;
  const { toWorker, closeLifeline } = launched;
  const pid = child.pid ?? 0;

  // --- what the worker says ------------------------------------------------------------------------------------------------------------------

  let onBegun: ((kind: "ready" | "failed", payload: Buffer) => void) | undefined;
  let onRan: ((ran: Ran) => void) | undefined;
  let currentRequest: string | undefined;
  let chunks: Buffer[] = [];
  let chunkBytes = 0;
  let memoryKb = 0;
  let idleNow = true;
  let onIdle: (() => void) | undefined;
  let onWaiting!: () => void;
  const waiting = new Promise<void>((resolve) => {
    onWaiting = resolve;
  });

  const receive = (header: FromWorker | { readonly kind: "idle" }, body: Buffer): void => {
    if (header.kind === "log") {
      worker.onLine(header.timestampMs, body.toString("utf8"));
      return;
    }
    if (header.kind === "waiting") {
      onWaiting();
      return;
    }
    if (header.kind === "idle") {
      idleNow = true;
      onIdle?.();
      return;
    }
    if (header.kind === "ready" || header.kind === "init-error") {
      onBegun?.(header.kind === "ready" ? "ready" : "failed", Buffer.from(body));
      return;
    }
    if (header.requestId !== currentRequest) return;
    if (header.kind === "chunk") {
      chunkBytes += body.length;
      // What exceeds the limit is not kept, only known.
      if (chunkBytes <= RESPONSE_BYTES_MAX) chunks.push(Buffer.from(body));
      return;
    }
    memoryKb = Math.max(memoryKb, header.memoryKb ?? 0);
    currentRequest = undefined;
    if (api === undefined) idleNow = true;
    const payload = header.kind === "end" ? Buffer.concat(chunks) : Buffer.from(body);
    const tooLarge = Math.max(payload.length, chunkBytes) > RESPONSE_BYTES_MAX;
    if (header.kind === "error") onRan?.({ kind: "error", payload, last: header.last === true });
    else onRan?.(tooLarge ? { kind: "too-large" } : { kind: "response", payload });
  };

  const stdout = lineSplitter((line) => worker.onLine(clock.nowMs(), line));
  const stderr = lineSplitter((line) => worker.onLine(clock.nowMs(), line));
  child.stdout!.on("data", stdout.write);
  child.stderr!.on("data", stderr.write);
  if (launched.fromWorker) {
    const read = frameReader(receive);
    launched.fromWorker.on("data", (chunk: Buffer) => {
      try {
        read(chunk);
      } catch {
        worker.onLine(clock.nowMs(), "The function wrote to the runtime's own descriptor and was ended.");
        end();
      }
    });
  }

  // --- its end ------------------------------------------------------------------------------------------------------------------------------

  let ended: Exit | undefined;
  let peakBytes: number | undefined;
  let onExit: ((exit: Exit) => void) | undefined;
  let onRemoved!: () => void;
  const removed = new Promise<void>((resolve) => {
    onRemoved = resolve;
  });
  const exited = new Promise<Exit>((resolve) => {
    const over = (code: number | null, signal: string | null) => {
      if (ended) return;
      // What it had written is still to be read: two turns of the event loop bring everything that was on its way.
      setImmediate(() =>
        setImmediate(() => {
          stdout.rest();
          stderr.rest();
          ended = { code, signal, outOfMemory: (cgroup?.outOfMemoryKills() ?? 0) > 0 };
          peakBytes = cgroup?.peakBytes();
          api?.close();
          end();
          closeLifeline();
          onExit?.(ended);
          onIdle?.();
          resolve(ended);
          void cleanUp(cgroup, folder, clock).then(onRemoved);
        }),
      );
    };
    child.once("exit", over);
    child.once("error", (error) => {
      worker.onLine(clock.nowMs(), `The worker could not be started: ${error.message}`);
      over(127, null);
    });
  });

  const end = (): void => {
    worker.frozen = false;
    const killed = cgroup?.kill() ?? false;
    if (!killed) cgroup?.freeze(false);
    if (pid === 0) return;
    for (const target of launched.ownGroup ? [-pid, pid] : [pid])
      try {
        process.kill(target, "SIGKILL");
      } catch {
        // It is gone already.
      }
  };

  /** Whatever comes first: an answer, the end of the process, the end of its time (then it is killed). */
  const race = <T>(limitMs: number, timeout: () => T, exit: (exit: Exit) => T) => {
    let settle!: (value: T) => void;
    const result = new Promise<T>((resolve) => {
      const timer: Timer = clock.at(clock.nowMs() + limitMs, () => {
        onExit = undefined;
        resolve(timeout());
        end();
      });
      settle = (value) => {
        onExit = undefined;
        timer.cancel();
        resolve(value);
      };
    });
    onExit = (how) => settle(exit(how));
    if (ended) onExit(ended);
    return { result, settle };
  };

  const worker: Worker & { frozen: boolean } = {
    id,
    pid,
    exited,
    removed,
    waiting,
    frozen: false,
    onLine: () => {},

    place(spec) {
      if (sandboxed && !ground.views.fill(taskFolder, spec.codeDirectory, spec.key)) return false;
      cgroup?.limit(spec.memoryMb);
      return true;
    },

    async begin(spec, environment, limitMs) {
      const sinceMs = own ? launched.startedMs : clock.monotonicMs();
      const elapsed = () => clock.monotonicMs() - sinceMs;
      const atWorker = placesOf(ground, id, spec);
      const begun = race<Begun>(
        limitMs,
        () => ({ kind: "timeout", durationMs: elapsed() }),
        (exit) => ({ kind: "exited", durationMs: elapsed(), exit }),
      );
      onBegun = (kind, payload) =>
        begun.settle(
          kind === "ready"
            ? { kind: "ready", durationMs: elapsed() }
            : { kind: "failed", durationMs: elapsed(), payload },
        );
      toWorker?.write(
        encodeFrame({
          kind: "start",
          taskRoot: atWorker.task,
          handler: spec.handler,
          environment,
          path: runtime.family === "python" ? pythonPath(runtime, atWorker, environment) : [],
          ...(!sandboxed && ground.sdk !== undefined && { sdkFolder: ground.sdk }),
        }),
      );
      const result = await begun.result;
      onBegun = undefined;
      return result;
    },

    async run(spec, invocation, limitMs) {
      currentRequest = invocation.requestId;
      chunks = [];
      chunkBytes = 0;
      const ran = race<Ran>(
        limitMs,
        () => ({ kind: "timeout" }),
        (exit) => ({ kind: "exited", exit }),
      );
      onRan = ran.settle;
      const header = {
        kind: "invoke",
        requestId: invocation.requestId,
        invokedArn: spec.invokedArn,
        remainingMs: limitMs,
        ...(invocation.traceId !== undefined && { traceId: invocation.traceId }),
        ...(invocation.clientContext !== undefined && { clientContext: invocation.clientContext }),
      } as const;
      idleNow = false;
      if (api) api.invoke(header, invocation.payload, Math.round(clock.nowMs() + limitMs));
      else toWorker!.write(encodeFrame(header, invocation.payload));
      const result = await ran.result;
      onRan = undefined;
      currentRequest = undefined;
      chunks = [];
      // Lines that were written before the answer are there within this turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      stdout.rest();
      stderr.rest();
      return result;
    },

    get isIdle() {
      return idleNow || ended !== undefined;
    },
    get hasEnded() {
      return ended !== undefined;
    },
    idle: () =>
      idleNow || ended
        ? Promise.resolve()
        : new Promise((resolve) => {
            onIdle = resolve;
          }),

    freeze() {
      if (worker.frozen || ended) return;
      worker.frozen = true;
      if (cgroup?.freeze(true)) return;
      signalTree(pid, cgroup, "SIGSTOP");
    },

    thaw() {
      if (!worker.frozen) return;
      worker.frozen = false;
      if (cgroup?.freeze(false)) return;
      signalTree(pid, cgroup, "SIGCONT");
    },

    memoryUsedMb() {
      const bytes = (ended ? peakBytes : cgroup?.peakBytes()) ?? (memoryKb * 1024 || peakOf(pid));
      return Math.ceil(bytes / (1024 * 1024));
    },
    cpuMicroseconds: () => cgroup?.cpuMicroseconds(),
    end,
  };
  return worker;
}

interface Launched {
  readonly child: ChildProcess;
  readonly toWorker?: Writable;
  readonly fromWorker?: Readable;
  readonly ownGroup: boolean;
  readonly startedMs: number;
  closeLifeline(): void;
}

interface Spot {
  readonly folder: string;
  readonly taskFolder: string;
  readonly passwdFile: string;
  readonly uid: number;
  readonly places: Places;
  readonly cgroup: Cgroup | undefined;
  readonly api: RuntimeApi | undefined;
}

function launch(ground: WorkerGround, { runtime, own }: StartOptions, spot: Spot): Launched {
  const { isolation } = ground;
  const sandboxed = isolation.level !== "process";
  const { places } = spot;
  const mounts: { source: string; target: string }[] = [];
  const links: { target: string; path: string }[] = [];
  if (sandboxed) {
    mounts.push({ source: own?.spec.codeDirectory ?? spot.taskFolder, target: places.task });
    const layers = own && ground.views.merge(own.spec.layerDirectories);
    if (layers !== undefined && existsSync(join(layers, "extensions")))
      throw new StartRefused(
        `Virga does not run extensions, and a layer brings some: ${readdirSync(join(layers, "extensions")).join(", ")}`,
      );
    if (layers !== undefined) mounts.push({ source: layers, target: places.opt });
    for (const folder of runtime.folders) mounts.push({ source: folder, target: folder });
  }
  const command = commandOf(ground, runtime, places, sandboxed, own?.spec, mounts, links);
  const wrapper = own?.environment["AWS_LAMBDA_EXEC_WRAPPER"];
  const request = {
    uid: spot.uid,
    mounts,
    links,
    tmpBytes: (own?.spec.ephemeralStorageMb ?? 512) * 1024 * 1024,
    passwdFile: spot.passwdFile,
    joins: spot.cgroup?.joins ?? [],
    ...(own &&
      spot.cgroup === undefined && {
        dataBytesMax: (own.spec.memoryMb + DATA_ALLOWANCE_MB[runtime.family]) * 1024 * 1024,
      }),
    environment: own ? {} : loaderEnvironment(runtimeEnvironment(runtime, places)),
    environmentByScript: own !== undefined,
    command: wrapper === undefined ? command : [wrapper, ...command],
  };
  const how = isolation.launch(request);
  const stdio: (number | "ignore" | "pipe")[] = ["ignore", "pipe", "pipe"];
  const channel = hasChannel(runtime) ? "pipe" : "ignore";
  stdio.push(channel, channel, own ? "pipe" : "ignore", how.seccompFile ?? "ignore", how.ownGroup ? "pipe" : "ignore");
  const startedMs = ground.clock.monotonicMs();
  const child = spawn(how.file, how.args, {
    cwd: "/",
    env: { ...how.environment },
    stdio,
    detached: how.ownGroup,
  });
  if (how.seccompFile !== undefined) closeSync(how.seccompFile);
  const stream = (fd: number) => child.stdio[fd] as (Readable & Writable) | null | undefined;
  // A worker that ends while something is written to it is noticed by its end.
  for (const fd of [3, 4, ENVIRONMENT_FD, LIFELINE_FD]) stream(fd)?.on("error", () => {});
  if (own) {
    const environment: Record<string, string> = { ...own.environment };
    if (spot.api) environment["AWS_LAMBDA_RUNTIME_API"] = spot.api.address;
    stream(ENVIRONMENT_FD)?.end(environmentScript(environment));
  }
  return {
    child,
    ...(channel === "pipe" && { toWorker: stream(3)!, fromWorker: stream(4)! }),
    ownGroup: how.ownGroup,
    startedMs,
    closeLifeline: () => stream(LIFELINE_FD)?.destroy(),
  };
}

/** The worker cannot be started for this function; nothing of it ran. */
export class StartRefused extends Error {
  override readonly name = "StartRefused";
}

/** The program that a `provided.*` function brings, in its package or in a layer. */
function bootstrapOf(ground: WorkerGround, spec: FunctionSpec, places: Places): string {
  const layers = ground.views.merge(spec.layerDirectories);
  const candidates = [
    [spec.codeDirectory, places.task],
    [layers, places.opt],
  ] as const;
  for (const [folder, seen] of candidates) {
    if (folder === undefined || !existsSync(join(folder, "bootstrap"))) continue;
    if ((statSync(join(folder, "bootstrap")).mode & 0o111) === 0)
      throw new StartRefused(`fork/exec ${SANDBOX_PLACES.task}/bootstrap: permission denied`);
    return join(seen, "bootstrap");
  }
  throw new StartRefused("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]");
}

/** What the dynamic loader must know from the start; everything else comes with the function. */
function loaderEnvironment(environment: Readonly<Record<string, string>>): Record<string, string> {
  return { LD_LIBRARY_PATH: environment["LD_LIBRARY_PATH"]!, PATH: environment["PATH"]!, LANG: environment["LANG"]! };
}

function commandOf(
  ground: WorkerGround,
  runtime: Runtime,
  places: Places,
  sandboxed: boolean,
  spec: FunctionSpec | undefined,
  mounts: { source: string; target: string }[],
  links: { target: string; path: string }[],
): string[] {
  switch (runtime.family) {
    case "nodejs": {
      const program = sandboxed ? "/var/lang/bin/node" : runtime.program;
      const bootstrap = join(places.runtime, sandboxed ? "bootstrap.cjs" : "nodejs/bootstrap.cjs");
      if (sandboxed) {
        mounts.push({ source: runtime.program, target: program });
        mounts.push({ source: join(ground.bootstraps, "nodejs", "bootstrap.cjs"), target: bootstrap });
        if (ground.sdk !== undefined) {
          mounts.push({ source: ground.sdk, target: places.sdk });
          links.push({ target: places.sdk, path: "/var/node_modules" });
        }
      }
      // AWS lets requests have larger headers than Node does by itself.
      return [program, "--max-http-header-size=81920", bootstrap];
    }
    case "python": {
      const bootstrap = join(places.runtime, sandboxed ? "bootstrap.py" : "python/bootstrap.py");
      if (sandboxed) mounts.push({ source: join(ground.bootstraps, "python", "bootstrap.py"), target: bootstrap });
      // Code is mounted read-only: nothing to be gained from trying to keep compiled files beside it.
      return [runtime.program, "-B", bootstrap];
    }
    case "dotnet":
      return [runtime.program, "exec", join(places.task, `${spec!.handler.replace(/\.dll$/, "")}.dll`)];
    case "provided":
      return [bootstrapOf(ground, spec!, places)];
  }
}

function isOwnConnection(
  port: number,
  uid: number | undefined,
  child: ChildProcess | undefined,
  cgroup: Cgroup | undefined,
): boolean {
  // Elsewhere nothing keeps functions apart to begin with, and `doctor` says so.
  if (process.platform !== "linux") return true;
  const owner = connectionOwner(port);
  if (owner === undefined) return false;
  if (uid !== undefined) return owner.uid === uid;
  const pids = cgroup ? cgroup.processes() : treeOf(child?.pid ?? 0);
  return pids.some((pid) => holdsSocket(pid, owner.inode));
}

function signalTree(pid: number, cgroup: Cgroup | undefined, signal: "SIGSTOP" | "SIGCONT"): void {
  if (pid === 0) return;
  for (const member of cgroup ? cgroup.processes() : treeOf(pid))
    try {
      process.kill(member, signal);
    } catch {
      // Gone, or not ours to stop.
    }
}

/** A process and what it has started, on Linux; the process alone elsewhere. */
export function treeOf(pid: number): number[] {
  const tree = [pid];
  for (let at = 0; at < tree.length; at++) {
    try {
      const children = readFileSync(`/proc/${tree[at]}/task/${tree[at]}/children`, "utf8").trim();
      if (children !== "") tree.push(...children.split(" ").map(Number));
    } catch {
      // Gone meanwhile, or no /proc.
    }
  }
  return tree;
}

/** The most memory that any process of the tree has held, in bytes. */
function peakOf(pid: number): number {
  let kilobytes = 0;
  for (const member of treeOf(pid))
    try {
      const match = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${member}/status`, "utf8"));
      kilobytes += Number(match?.[1] ?? 0);
    } catch {
      // Gone meanwhile.
    }
  return kilobytes * 1024;
}

const CLEAN_UP_TRIES = 200;
const CLEAN_UP_PAUSE_MS = 10;

/** Removes the worker's folder and groups. A group stays busy for a moment after its last process. */
async function cleanUp(cgroup: Cgroup | undefined, folder: string, clock: Clock): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      rmSync(folder, { recursive: true, force: true });
      cgroup?.remove();
      return;
    } catch (error) {
      // What cannot be removed now is swept when the next platform starts.
      if (tries === CLEAN_UP_TRIES || (error as NodeJS.ErrnoException).code === "ENOENT") return;
      cgroup?.kill();
      await sleep(clock, CLEAN_UP_PAUSE_MS);
    }
  }
}
