/**
 * What becomes of a worker that the scheduler has given something to do: a spare, a function's first call in it, a start ahead of any call, a warm
 * call. Logs, outcomes and the second try of an initialisation are put together here; what happened goes back as an observation.
 */
import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Random } from "../kernel/random.ts";
import type { Activity } from "./activity.ts";
import { functionEnvironment, type InitializationType } from "./environment.ts";
import type { FunctionCredentials, FunctionSpec, Invocation, InvocationResult, LogSink } from "./host.ts";
import { InvocationLog } from "./invocation-log.ts";
import { placesOf, StartRefused } from "./launch.ts";
import type { Machine } from "./machine.ts";
import { exited, type Failure, notStarted, reported, responseTooLarge, STREAM_BYTES_MAX, timedOut } from "./outcome.ts";
import type { Runtime } from "./runtimes/search.ts";
import type { FunctionFacts, Observation, ProcessorUse } from "./scheduler/observations.ts";
import { failureOf, logStreamName, type Startable } from "./startable.ts";
import { type Begun, startWorker, type Worker } from "./worker.ts";

/** AWS's limit of an initialisation outside of an invocation. */
const INIT_LIMIT_MS = 10_000;
/** What AssumeRole gives when nobody asks for another duration. */
const CREDENTIALS_LIFE_MS = 3_600_000;
/** Lines of a running invocation are handed on after this long at the latest. */
const LOG_DELAY_MS = 200;

/** How long an answer waits for the runtime to ask for its next event. */
const NEXT_GRACE_MS = 100;

/** AWS's limit for provisioned concurrency: this, or the function's own timeout if that is longer. */
const PROVISIONED_INIT_LIMIT_MS = 130_000;
/** The platform is going down; the invocation may have begun, and its effects may have happened. */
export class HostClosed extends Error {
  override readonly name = "HostClosed";

  constructor() {
    super("The function host is closed.");
  }
}

export interface Job extends Startable {
  readonly invocation: Invocation;
  readonly resolve: (result: InvocationResult) => void;
  readonly reject: (error: Error) => void;
}

/** A worker's place in the schedule; its process is replaced once when an initialisation fails and is tried again. */
export interface Slot {
  readonly id: number;
  worker?: Worker;
  spec?: FunctionSpec;
  log?: InvocationLog;
  logStream: string;
  state: "spare" | "initialising" | "busy" | "idle";
  /** Its part of the processor. */
  share: number;
  flushTimer?: Timer;
  freezeTimer?: Timer;
}

/** What runs stand on. */
export interface RunGround {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly sink: LogSink;
  readonly activity: Activity;
  readonly prepare: () => Machine;
  readonly runtime: (name: string) => Runtime;
  /** What may be started without having been asked for, by revision. */
  readonly startable: (revision: string) => Startable | undefined;
  readonly observe: (observation: Observation) => void;
}

export type Runs = ReturnType<typeof createRuns>;

export function createRuns({
  clock,
  random,
  log,
  sink,
  activity,
  prepare,
  runtime: runtimeNamed,
  startable,
  observe,
}: RunGround) {
  const slots = new Map<number, Slot>();
  /** Every worker of which something is left. */
  const workers = new Set<Worker>();
  /** Starts and invocations that are not over. */
  const underWay = new Set<Promise<void>>();
  let processes = 0;
  let closed = false;
  /** Told when the host closes. */
  const onClose = new Set<() => void>();

  const track = (task: Promise<void>): void => {
    underWay.add(task);
    void task.finally(() => underWay.delete(task));
  };

  const endSlot = (id: number): void => {
    const slot = slots.get(id);
    if (!slot) return;
    slots.delete(id);
    slot.flushTimer?.cancel();
    delete slot.flushTimer;
    slot.freezeTimer?.cancel();
    slot.log?.flush();
    slot.worker?.end();
    // Extensions may have last words.
    void slot.worker?.exited.then(() => slot.log?.flush());
  };

  /** Watches a worker's process while it is not at work: at work, its end is part of the outcome. */
  const watch = (slot: Slot, worker: Worker): void => {
    void worker.exited.then(() => {
      if (
        slots.get(slot.id) !== slot ||
        slot.worker !== worker ||
        slot.state === "busy" ||
        slot.state === "initialising"
      )
        return;
      endSlot(slot.id);
      observe({ type: "gone", worker: slot.id });
    });
  };

  const startSpare = async (id: number, runtimeName: string): Promise<void> => {
    const slot: Slot = { id, logStream: "", state: "spare", share: 1 };
    slots.set(id, slot);
    try {
      const runtime = runtimeNamed(runtimeName);
      const worker = await start({ id: ++processes, runtime });
      if (slots.get(id) !== slot) return worker.end();
      slot.worker = worker;
      watch(slot, worker);
      await Promise.race([worker.waiting, worker.exited]);
      if (slots.get(id) === slot) observe({ type: "spare-ready", worker: id });
    } catch (error) {
      if (closed) return;
      log.error("a spare worker could not be started", { runtime: runtimeName, error: (error as Error).message });
      slots.delete(id);
      observe({ type: "gone", worker: id });
    }
  };

  const start = async (options: Parameters<typeof startWorker>[1]): Promise<Worker> => {
    if (closed) throw new HostClosed();
    const worker = await startWorker(prepare(), options);
    workers.add(worker);
    void worker.removed.then(() => workers.delete(worker));
    if (closed) worker.end();
    return worker;
  };

  /** The outside world may take its time, or never answer: closing waits for neither. */
  const unlessClosed = <T>(promise: Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const tell = () => reject(new HostClosed());
      onClose.add(tell);
      void promise.then(resolve, reject).finally(() => onClose.delete(tell));
    });

  // --- running ------------------------------------------------------------------------------------------------------------------------------

  /** A worker's first invocation: find or start its process, load the function, run. */
  const runCold = async (id: number, job: Job): Promise<void> => {
    const { spec, invocation } = job;
    const slot = slots.get(id) ?? { id, logStream: "", state: "initialising", share: 1 };
    const slotLog = occupy(slot, spec);
    let failed: Failure | undefined;
    let initMs = 0;
    try {
      const credentials = await unlessClosed(spec.credentials());
      let begun = await initialise(slot, job, credentials, INIT_LIMIT_MS, "on-demand");
      if (begun.kind !== "ready") {
        const failure = failureOf(begun, invocation.requestId, spec, clock.nowMs());
        slotLog.initReport(clock.nowMs(), "init", begun.durationMs, failure);
        // AWS tries once more, now within the invocation and its time.
        begun = await initialise(slot, job, credentials, spec.timeoutMs, "on-demand");
        if (begun.kind !== "ready") {
          failed = failureOf(begun, invocation.requestId, spec, clock.nowMs());
          slotLog.initReport(clock.nowMs(), "invoke", begun.durationMs, failed);
        }
      }
      initMs = begun.durationMs;
      if (!failed) {
        activity.coldStart(spec, initMs);
        observe({
          type: "initialised",
          worker: id,
          usableUntilMs: usableUntilMs(credentials),
          initMs,
          ...processorUse(slot),
        });
      }
    } catch (error) {
      if (!(error instanceof StartRefused)) {
        if (!closed)
          log.error("a worker could not be started", {
            functionArn: spec.functionArn,
            error: (error as Error).message,
          });
        endSlot(id);
        observe({ type: "gone", worker: id });
        job.reject(error as Error);
        return;
      }
      failed = notStarted(invocation.requestId, error.message);
    }
    if (closed) return job.reject(new HostClosed());
    if (failed) {
      slotLog.start(clock.nowMs(), invocation.requestId);
      const result = complete(slot, job, failed, 0, initMs);
      endSlot(id);
      observe({ type: "gone", worker: id });
      job.resolve(result);
      return;
    }
    slot.state = "busy";
    await run(slot, job, initMs);
  };

  const occupy = (slot: Slot, spec: FunctionSpec): InvocationLog => {
    slots.set(slot.id, slot);
    slot.state = "initialising";
    slot.spec = spec;
    slot.logStream = logStreamName(clock.nowMs(), spec.version, random);
    slot.log = new InvocationLog(spec, (lines) => sink(spec, slot.logStream, lines));
    return slot.log;
  };

  const processorUse = ({ worker }: Slot): { readonly use?: ProcessorUse } => {
    const use = worker?.use();
    return use === undefined ? {} : { use };
  };

  const usableUntilMs = ({ expiresMs }: FunctionCredentials): number =>
    expiresMs ?? clock.nowMs() + CREDENTIALS_LIFE_MS;

  /** A worker that nobody waits for: its function is loaded, and that is all. */
  const runAhead = async (id: number, { revision }: FunctionFacts, provisioned: boolean): Promise<void> => {
    const slot: Slot = { id, logStream: "", state: "initialising", share: 1 };
    slots.set(id, slot);
    try {
      const start = startable(revision);
      if (start === undefined) throw new Error(`nothing is known of the revision ${revision}`);
      const { spec } = start;
      const slotLog = occupy(slot, spec);
      const credentials = await unlessClosed(spec.credentials());
      const limitMs = provisioned ? Math.max(PROVISIONED_INIT_LIMIT_MS, spec.timeoutMs) : INIT_LIMIT_MS;
      const how = provisioned ? "provisioned-concurrency" : "on-demand";
      const begun = await initialise(slot, start, credentials, limitMs, how);
      if (begun.kind === "ready") {
        slot.state = "idle";
        slotLog.flush();
        observe({
          type: "initialised",
          worker: id,
          usableUntilMs: usableUntilMs(credentials),
          initMs: begun.durationMs,
          ...processorUse(slot),
        });
        return;
      }
      slotLog.initReport(clock.nowMs(), "init", begun.durationMs, failureOf(begun, "", spec, clock.nowMs()));
    } catch (error) {
      if (closed) return;
      log.error("a worker could not be started ahead of its calls", {
        functionArn: slot.spec?.functionArn,
        error: (error as Error).message,
      });
    }
    endSlot(id);
    observe({ type: "gone", worker: id });
  };

  const runWarm = async (slot: Slot, job: Job): Promise<void> => {
    slot.state = "busy";
    slot.worker!.thaw();
    await run(slot, job, undefined);
  };

  /** Starts a process for the slot, or takes its spare one, and loads the function. A process in which that fails is ended. */
  const initialise = async (
    slot: Slot,
    { spec, runtime }: Startable,
    credentials: FunctionCredentials,
    limitMs: number,
    how: InitializationType,
  ): Promise<Begun> => {
    const at = prepare();
    const spare = slot.worker;
    const id = spare?.id ?? ++processes;
    const environment = functionEnvironment(spec, runtime, placesOf(at, id, spec), slot.logStream, credentials, how);
    let worker = spare;
    if (worker === undefined || !worker.place(spec)) {
      worker?.end();
      worker = await start({
        id: worker === undefined ? id : ++processes,
        runtime,
        own: { spec, environment },
      });
    }
    slot.worker = worker;
    if (slot.share !== 1) worker.weigh(spec.memoryMb, slot.share);
    worker.onLine = (timestampMs, text) => {
      slot.log!.write(timestampMs, text);
      slot.flushTimer ??= clock.at(clock.nowMs() + LOG_DELAY_MS, () => {
        delete slot.flushTimer;
        slot.log!.flush();
      });
    };
    worker.thaw();
    const begun = await worker.begin(spec, environment, limitMs);
    if (begun.kind === "ready") {
      if (worker !== spare) watch(slot, worker);
    } else {
      delete slot.worker;
      worker.end();
      await worker.exited;
    }
    return begun;
  };

  /** Runs one event in a worker that has its function. */
  const run = async (slot: Slot, job: Job, initMs: number | undefined): Promise<void> => {
    const { spec, invocation } = job;
    const worker = slot.worker!;
    const { requestId } = invocation;
    slot.log!.start(clock.nowMs(), requestId);
    const sinceMs = clock.monotonicMs();
    const ran = await worker.run(spec, invocation, spec.timeoutMs);
    // Whoever asked may ask again when there is a host again: it is not the function that failed.
    if (closed && ran.kind === "exited") return job.reject(new HostClosed());
    let durationMs = clock.monotonicMs() - sinceMs;
    let failure: Failure | undefined;
    if (ran.kind === "timeout") {
      durationMs = spec.timeoutMs;
      failure = timedOut(requestId, spec.timeoutMs, clock.nowMs());
    } else if (ran.kind === "exited") failure = exited(requestId, ran.exit);
    else if (ran.kind === "too-large") failure = responseTooLarge(invocation.sink && STREAM_BYTES_MAX);
    else if (ran.kind === "error") failure = reported(ran.payload);
    const result = complete(slot, job, failure ?? (ran as { payload: Buffer }).payload, durationMs, initMs);
    if (ran.kind === "timeout" || ran.kind === "exited" || (ran.kind === "error" && ran.last)) {
      endSlot(slot.id);
      observe({ type: "gone", worker: slot.id });
      job.resolve(result);
      return;
    }
    // The worker goes back before its caller hears, so that a caller who asks again at once finds it. A runtime of the function's own may take
    // its time until it asks for more; the caller does not wait for that.
    if (!worker.isIdle) {
      await Promise.race([worker.idle(), sleep(clock, NEXT_GRACE_MS)]);
      if (!worker.isIdle) {
        job.resolve(result);
        await worker.idle();
      }
    }
    if (slots.get(slot.id) === slot) {
      if (worker.hasEnded) {
        endSlot(slot.id);
        observe({ type: "gone", worker: slot.id });
      } else observe({ type: "finished", worker: slot.id, memoryMb: result.memoryUsedMb });
    }
    job.resolve(result);
  };

  const complete = (
    slot: Slot,
    job: Job,
    outcome: Buffer | Failure,
    durationMs: number,
    initMs: number | undefined,
  ): InvocationResult => {
    const { spec, invocation } = job;
    const nowMs = clock.nowMs();
    const failure = Buffer.isBuffer(outcome) ? undefined : outcome;
    const memoryUsedMb = slot.worker?.memoryUsedMb() ?? 0;
    const billedMs = Math.ceil(durationMs + (initMs ?? 0));
    // With JSON logs the platform says it in its report alone.
    if (failure?.logText !== undefined && spec.logFormat === "Text") slot.log!.write(nowMs, failure.logText);
    slot.flushTimer?.cancel();
    delete slot.flushTimer;
    const logTail = slot.log!.end(nowMs, {
      requestId: invocation.requestId,
      durationMs,
      billedMs,
      memoryMb: spec.memoryMb,
      memoryUsedMb,
      ...(initMs !== undefined && { initMs }),
      status: failure?.status ?? "success",
      ...(failure && { errorType: failure.errorType }),
    });
    return {
      payload: failure ? failure.payload : (outcome as Buffer),
      ...(failure && { functionError: "Unhandled" }),
      logTail,
      durationMs,
      billedMs,
      ...(initMs !== undefined && { initMs }),
      memoryUsedMb,
    };
  };

  return {
    slots: slots as ReadonlyMap<number, Slot>,
    endSlot,
    startSpare: (id: number, runtimeName: string) => track(startSpare(id, runtimeName)),
    runCold: (id: number, job: Job) => track(runCold(id, job)),
    runAhead: (id: number, facts: FunctionFacts, provisioned: boolean) => track(runAhead(id, facts, provisioned)),
    runWarm: (id: number, job: Job) => track(runWarm(slots.get(id)!, job)),

    /** Ends every worker, and waits until nothing is left of them. */
    async close(): Promise<void> {
      closed = true;
      for (const tell of onClose) tell();
      for (const id of [...slots.keys()]) endSlot(id);
      for (const worker of workers) worker.end();
      await Promise.allSettled(underWay);
      await Promise.all([...workers].map((worker) => worker.removed));
    },
  };
}
