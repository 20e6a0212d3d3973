/**
 * One worker: a process in its sandbox, the line to the runtime in it, and its life from start to end. It knows how to begin a function, run
 * one event, freeze, thaw and end; who shall do so, and when, is decided in `scheduler.ts`.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import { encodeFrame, type FromWorker, frameReader } from "./channel.ts";
import { searchPath } from "./environment.ts";
import { Extensions, SHUTDOWN_MS_MAX } from "./extensions.ts";
import type { FunctionSpec, Invocation, ResponseSink } from "./host.ts";
import { lineSplitter } from "./invocation-log.ts";
import type { Cgroup } from "./isolation/cgroups.ts";
import { passwd, UID_COUNT, UID_FIRST } from "./isolation/sandbox.ts";
import {
  dataBytesMax,
  extensionsOf,
  hasChannel,
  type Launched,
  launch,
  placesOf,
  type StartOptions,
  type WorkerGround,
} from "./launch.ts";
import { type Exit, RESPONSE_BYTES_MAX, STREAM_BYTES_MAX } from "./outcome.ts";
import { boundData, isOwnConnection, peakOf, scheduledMicroseconds, signalTree, waitedMsOf } from "./processes.ts";
import { openRuntimeApi } from "./runtime-api.ts";
import { compileJava } from "./runtimes/find-java.ts";
import type { ProcessorUse } from "./scheduler/observations.ts";

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
  /** Its part of the processor, against others of as much memory. */
  weigh(memoryMb: number, share: number): void;
  /** What it has used of the processor so far, where that is counted. */
  use(): ProcessorUse | undefined;
  /** Ends it: extensions that want to know are told, then whatever runs in it is killed. */
  end(): void;
  /** Where the lines go that the function and its runtime write. */
  onLine: (timestampMs: number, text: string) => void;
}

/** However crowded the machine is, an initialisation ends after so many times its limit. */
const INIT_STRETCH_MAX = 6;
const INIT_EXTRA_MS_MIN = 100;

export async function startWorker(ground: WorkerGround, options: StartOptions): Promise<Worker> {
  const { id, runtime, own } = options;
  const { clock, isolation } = ground;
  if (runtime.family === "java") await compileJava(ground.bootstraps, runtime);
  const sandboxed = isolation.level !== "process";
  const folder = join(ground.directory, String(id));
  const taskFolder = join(folder, "task");
  mkdirSync(taskFolder, { recursive: true });
  // Whatever the platform's umask is, the worker's user must be able to read.
  chmodSync(taskFolder, 0o755);
  const uid = UID_FIRST + (id % UID_COUNT);
  const passwdFile = join(folder, "passwd");
  if (sandboxed) {
    writeFileSync(passwdFile, passwd(uid));
    chmodSync(passwdFile, 0o644);
  }
  const places = placesOf(ground, id, own?.spec);
  const cgroup = ground.cgroups?.create(`w${id}`);
  if (own) cgroup?.limit(own.spec.memoryMb);

  let pid = 0;
  const programs = own ? extensionsOf(ground, own.spec) : [];
  const extensions = own && new Extensions(programs, own.spec, ground.newId, () => extensionsChanged());
  /** The runtime speaks over the API: one of the function's own, or one that an extension has put in the place of ours. */
  let overApi = !hasChannel(runtime);
  const api =
    overApi || programs.length > 0
      ? await openRuntimeApi(
          (connection) =>
            isOwnConnection(connection, sandboxed && isolation.level === "own-user" ? uid : undefined, pid, cgroup),
          (header, body) => {
            overApi = true;
            return receive(header, body);
          },
          extensions,
        )
      : undefined;
  let launched: Launched;
  try {
    launched = launch(ground, options, {
      folder,
      taskFolder,
      passwdFile,
      uid,
      places,
      cgroup,
      api,
      hasExtensions: programs.length > 0,
    });
  } catch (error) {
    api?.close();
    await cleanUp(cgroup, folder, clock);
    throw error;
  }
  const { child, toWorker, closeLifeline } = launched;
  pid = child.pid ?? 0;

  // --- what the worker says ------------------------------------------------------------------------------------------------------------------

  let onBegun: ((kind: "ready" | "failed", payload: Buffer) => void) | undefined;
  let onRan: ((ran: Ran) => void) | undefined;
  let currentRequest: string | undefined;
  let sink: ResponseSink | undefined;
  let chunks: Buffer[] = [];
  let chunkBytes = 0;
  let memoryKb = 0;
  let idleNow = true;
  let onIdle: (() => void) | undefined;
  let onWaiting!: () => void;
  const waiting = new Promise<void>((resolve) => {
    onWaiting = resolve;
  });

  let runtimeIsReady = false;
  /** An extension that does not come back in the invocation's time is ended with its worker. */
  let late: Timer | undefined;
  const isIdle = () => ended !== undefined || (idleNow && extensions?.idle !== false);

  /** Whether beginning or an invocation was waiting for extensions alone. */
  const extensionsChanged = (): void => {
    const failure = extensions?.failure;
    if (failure !== undefined) {
      if (onBegun) onBegun("failed", failure);
      else {
        onRan?.({ kind: "error", payload: failure, last: true });
        kill();
      }
      return;
    }
    if (runtimeIsReady && extensions?.ready !== false) onBegun?.("ready", Buffer.alloc(0));
    if (isIdle()) {
      late?.cancel();
      onIdle?.();
    }
  };

  /** @returns where the worker shall wait before it says more */
  const receive = (header: FromWorker | { readonly kind: "idle" }, body: Buffer): Promise<void> | undefined => {
    if (header.kind === "log") {
      worker.onLine(header.timestampMs, body.toString("utf8"));
      return undefined;
    }
    if (header.kind === "waiting") {
      onWaiting();
      return undefined;
    }
    if (header.kind === "idle") {
      idleNow = true;
      if (isIdle()) onIdle?.();
      return undefined;
    }
    if (header.kind === "ready") {
      runtimeIsReady = true;
      extensionsChanged();
      return undefined;
    }
    if (header.kind === "init-error") {
      onBegun?.("failed", Buffer.from(body));
      return undefined;
    }
    if (header.requestId !== currentRequest) return undefined;
    if (header.kind === "chunk") {
      chunkBytes += body.length;
      if (sink !== undefined) return passOn(sink, body, header.contentType);
      // What exceeds the limit is not kept, only known.
      if (chunkBytes <= RESPONSE_BYTES_MAX) chunks.push(Buffer.from(body));
      return undefined;
    }
    memoryKb = Math.max(memoryKb, header.memoryKb ?? 0);
    currentRequest = undefined;
    if (!overApi) idleNow = true;
    // An empty stream has a content type too.
    if (header.kind === "end" && sink !== undefined && chunkBytes === 0) void sink.write(body, header.contentType);
    const payload = header.kind === "end" ? Buffer.concat(chunks) : Buffer.from(body);
    const tooLarge = Math.max(payload.length, sink === undefined ? chunkBytes : 0) > RESPONSE_BYTES_MAX;
    if (header.kind === "error") onRan?.({ kind: "error", payload, last: header.last === true });
    else onRan?.(tooLarge ? { kind: "too-large" } : { kind: "response", payload });
    return undefined;
  };

  /** A taker that is not ready for more stops the worker: what it writes next waits in its own hands. */
  const passOn = (to: ResponseSink, body: Buffer, contentType: string | undefined): Promise<void> | undefined => {
    if (chunkBytes > STREAM_BYTES_MAX) {
      currentRequest = undefined;
      onRan?.({ kind: "too-large" });
      kill();
      return undefined;
    }
    const taken = to.write(Buffer.from(body), contentType);
    const line = launched.fromWorker;
    if (taken !== undefined && line !== undefined) {
      line.pause();
      void taken.then(() => line.resume());
    }
    return taken;
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
        kill();
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
          late?.cancel();
          kill();
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

  let ending = false;
  /** Extensions that want to know are told first, and have two seconds. */
  const end = (): void => {
    if (ending || ended || extensions?.hearsOfTheEnd !== true || extensions.failure !== undefined) return kill();
    ending = true;
    worker.thaw();
    const deadlineMs = Math.round(clock.nowMs() + SHUTDOWN_MS_MAX);
    const timer = clock.at(deadlineMs, kill);
    void exited.then(() => timer.cancel());
    extensions.shutdown("spindown", deadlineMs);
    void launched.extensionsOver.then(kill);
  };

  const kill = (): void => {
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

  /**
   * Whatever comes first: an answer, the end of the process, the end of its time (then it is killed).
   * @param extraMs how much more time it gets, asked when its time is up
   */
  const race = <T>(limitMs: number, timeout: () => T, exit: (exit: Exit) => T, extraMs: () => number = () => 0) => {
    let settle!: (value: T) => void;
    const result = new Promise<T>((resolve) => {
      const isUp = () => {
        const moreMs = extraMs();
        if (moreMs > 0) {
          timer = clock.at(clock.nowMs() + moreMs, isUp);
          return;
        }
        onExit = undefined;
        resolve(timeout());
        kill();
      };
      let timer: Timer = clock.at(clock.nowMs() + limitMs, isUp);
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
        // What it waited for a core is the machine's doing: on AWS it has one of its own.
        () => {
          const leftMs = limitMs + waitedMsOf(pid, cgroup) - elapsed();
          return leftMs > 0 && elapsed() < limitMs * INIT_STRETCH_MAX ? Math.max(leftMs, INIT_EXTRA_MS_MIN) : 0;
        },
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
          inherits: launched.byScript,
          path: searchPath(runtime, atWorker, environment),
          ...(!sandboxed && ground.sdk !== undefined && { sdkFolder: ground.sdk }),
        }),
      );
      // Without control groups, a spare's memory is bounded while it loads the function.
      if (!own && !cgroup) boundData(pid, dataBytesMax(spec, runtime));
      const result = await begun.result;
      onBegun = undefined;
      extensions?.begin();
      return result;
    },

    async run(spec, invocation, limitMs) {
      currentRequest = invocation.requestId;
      sink = invocation.sink;
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
      const deadlineMs = Math.round(clock.nowMs() + limitMs);
      const { requestId, traceId } = invocation;
      extensions?.invoke({ requestId, traceId, deadlineMs, invokedArn: spec.invokedArn });
      if (overApi) api!.invoke(header, invocation.payload, deadlineMs);
      else toWorker!.write(encodeFrame(header, invocation.payload));
      const result = await ran.result;
      if (!isIdle() && extensions?.idle === false) late = clock.at(deadlineMs, kill);
      onRan = undefined;
      currentRequest = undefined;
      sink = undefined;
      chunks = [];
      // Lines that were written before the answer are there within this turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
      stdout.rest();
      stderr.rest();
      return result;
    },

    get isIdle() {
      return isIdle();
    },
    get hasEnded() {
      return ended !== undefined;
    },
    idle: () =>
      isIdle()
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
    weigh: (memoryMb, share) => cgroup?.weigh(memoryMb, share),
    use() {
      const used = cgroup?.cpuMicroseconds();
      const waited = cgroup?.waitedMicroseconds();
      const microseconds = used === undefined || waited === undefined ? scheduledMicroseconds(pid) : { used, waited };
      return microseconds && { usedMs: microseconds.used / 1000, waitedMs: microseconds.waited / 1000 };
    },
    end,
  };
  return worker;
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
