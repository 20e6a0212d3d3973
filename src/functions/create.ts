/**
 * The function host: performs what the scheduler decides. An invocation asked for goes to the scheduler, which says which worker shall run it;
 * what becomes of that (`runs.ts`) goes back as an observation, and so on.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 */
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Random } from "../kernel/random.ts";
import { type Activity, createActivity } from "./activity.ts";
import {
  ConcurrencyExceeded,
  type FunctionHost,
  type FunctionSpec,
  type InvocationResult,
  type LogSink,
  RuntimeUnavailable,
} from "./host.ts";
import { canBeSpare } from "./launch.ts";
import { type Machine, openMachine } from "./machine.ts";
import { createIdleMeter } from "./processes.ts";
import { reportMachine } from "./report.ts";
import { createRuns, HostClosed, type Job } from "./runs.ts";
import { createRuntimes } from "./runtimes/find.ts";
import type { Runtime } from "./runtimes/search.ts";
import { decide, nextDueMs } from "./scheduler/decide.ts";
import type { Action, Observation, ProcessorUse } from "./scheduler/observations.ts";
import { isProvisioned, provisionOf } from "./scheduler/provisioned.ts";
import { createSchedulerState } from "./scheduler/state.ts";
import { type FunctionHostSettings, policyOf } from "./settings.ts";
import { factsOf, type Startable } from "./startable.ts";

export type { FunctionHostSettings } from "./settings.ts";

export interface FunctionHostOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly sink: LogSink;
  /** A folder of the host's own, on the packages' file system. */
  readonly directory: string;
  readonly settings?: FunctionHostSettings;
}

/** A worker that is called again within this time is not frozen in between: to freeze and thaw one costs more than a short call does. */
const FREEZE_DELAY_MS = 50;

/** Functions whose description is kept, so that a worker can be started before they are called; those go first that were called longest ago. */
const FORESEEN_MAX = 20_000;

export function createFunctionHost(options: FunctionHostOptions): FunctionHost {
  const { clock, random, log, sink, directory, settings = {} } = options;
  const policy = policyOf(settings);
  const runtimes = createRuntimes(settings.runtimes ?? {}, settings.searchPath ?? "");
  const state = createSchedulerState();
  const activity: Activity = createActivity(state);
  /** By revision: what may be started without having been asked for. */
  const foreseen = new Map<string, Startable>();
  const jobs = new Map<number, Job>();
  const deviationsTold = new Set<string>();
  let invocations = 0;
  let timer: Timer | undefined;
  let timerDueMs = Number.POSITIVE_INFINITY;
  let closed = false;

  // What is looked for only when the first function runs: sandboxes are tried out, and that takes some milliseconds.
  let machine: Machine | undefined;
  const prepare = (): Machine => {
    machine ??= openMachine(clock, random, log, directory, settings);
    return machine;
  };

  // --- deciding and performing --------------------------------------------------------------------------------------------------------------

  const observe = (observation: Observation): void => {
    if (closed) return;
    if ("worker" in observation) activity.touch(runs.slots.get(observation.worker)?.spec);
    for (const action of decide(state, policy, observation, clock.nowMs())) perform(action);
    const dueMs = nextDueMs(state, policy);
    // A timer that comes too early asks again; so it is set anew only when it would come too late.
    if (dueMs === undefined || dueMs >= timerDueMs) return;
    timer?.cancel();
    timerDueMs = dueMs;
    timer = clock.at(dueMs, () => {
      timerDueMs = Number.POSITIVE_INFINITY;
      observe({ type: "time" });
    });
  };

  const runs = createRuns({
    clock,
    random,
    log,
    sink,
    activity,
    prepare,
    runtime: (name) => runtimes.find(name) as Runtime,
    startable: (revision) => foreseen.get(revision),
    observe,
  });

  const idleMeter = createIdleMeter();

  /** What the processor was used for since the last look. */
  const look = (): void => {
    if (closed) return;
    const uses = new Map<number, ProcessorUse>();
    for (const slot of runs.slots.values()) {
      if (slot.state !== "busy" && slot.state !== "initialising") continue;
      const use = slot.worker?.use();
      if (use !== undefined) uses.set(slot.id, use);
    }
    observe({ type: "looked", idleCores: idleMeter.idleCores(), uses });
  };

  const perform = (action: Action): void => {
    if (action.type === "look") {
      idleMeter.begin();
      clock.at(clock.nowMs() + action.afterMs, look);
      return;
    }
    activity.touch("invocation" in action ? jobs.get(action.invocation)?.spec : runs.slots.get(action.worker)?.spec);
    switch (action.type) {
      case "refuse": {
        const job = takeJob(action.invocation);
        activity.throttled(job.spec, action.reason);
        job.reject(new ConcurrencyExceeded(action.reason));
        break;
      }
      case "start-spare":
        runs.startSpare(action.worker, action.runtime);
        break;
      case "start":
      case "assign":
        runs.runCold(action.worker, takeJob(action.invocation));
        break;
      case "run":
        runs.runWarm(action.worker, takeJob(action.invocation));
        break;
      case "start-ahead":
        runs.runAhead(action.worker, action.facts, action.provisioned);
        break;
      case "weigh": {
        const slot = runs.slots.get(action.worker);
        if (slot === undefined) break;
        slot.share = action.share;
        if (slot.spec) slot.worker?.weigh(slot.spec.memoryMb, action.share);
        break;
      }
      case "freeze": {
        const slot = runs.slots.get(action.worker);
        if (slot === undefined) break;
        if (slot.state === "busy") slot.state = "idle";
        slot.freezeTimer?.cancel();
        slot.freezeTimer = clock.at(clock.nowMs() + FREEZE_DELAY_MS, () => {
          if (runs.slots.get(slot.id) === slot && (slot.state === "idle" || slot.state === "spare"))
            slot.worker?.freeze();
        });
        break;
      }
      case "end":
        runs.endSlot(action.worker);
        break;
    }
  };

  const takeJob = (invocation: number): Job => {
    const job = jobs.get(invocation)!;
    jobs.delete(invocation);
    return job;
  };

  const runtimeOf = (name: string): Runtime => {
    const runtime = runtimes.find(name);
    if ("remedy" in runtime) throw new RuntimeUnavailable(name, runtime.remedy);
    if (runtime.deviation !== undefined && !deviationsTold.has(name)) {
      deviationsTold.add(name);
      log.warn(runtime.deviation);
    }
    return runtime;
  };

  const remember = (spec: FunctionSpec, runtime: Runtime): void => {
    foreseen.delete(spec.key);
    foreseen.set(spec.key, { spec, runtime });
    for (const oldest of foreseen.keys()) {
      if (foreseen.size <= FORESEEN_MAX) break;
      foreseen.delete(oldest);
    }
  };

  return {
    invoke(spec, invocation, signal) {
      return new Promise<InvocationResult>((resolve, reject) => {
        if (closed) throw new HostClosed();
        const runtime = runtimeOf(spec.runtime);
        const id = ++invocations;
        const withdraw = () => {
          if (!jobs.delete(id)) return;
          observe({ type: "withdrawn", invocation: id });
          reject(signal!.reason as Error);
        };
        signal?.throwIfAborted();
        const settled = () => signal?.removeEventListener("abort", withdraw);
        jobs.set(id, {
          spec,
          runtime,
          invocation,
          resolve: (result) => {
            settled();
            resolve(result);
          },
          reject: (error) => {
            settled();
            reject(error);
          },
        });
        signal?.addEventListener("abort", withdraw, { once: true });
        if (policy.keepAlive === "histogram" || isProvisioned(state, spec.functionArn, spec.version))
          remember(spec, runtime);
        observe({ type: "asked", invocation: id, facts: factsOf(spec, runtime) });
      });
    },

    expect(name) {
      const runtime = runtimes.find(name);
      if (closed || "remedy" in runtime || !canBeSpare(runtime)) return;
      observe({ type: "expected", runtime: name });
    },

    provision(spec, wanted) {
      if (closed) return;
      const runtime = runtimeOf(spec.runtime);
      if (wanted > 0) remember(spec, runtime);
      activity.touch(spec);
      observe({ type: "provisioned", facts: factsOf(spec, runtime), wanted });
    },

    provisioned: (functionArn, version) => provisionOf(state, functionArn, version),

    watch: (observer) => activity.watch(observer),

    retire(functionArn, version) {
      observe({ type: "retired", functionArn, ...(version !== undefined && { version }) });
    },

    runtime(name) {
      const runtime = runtimes.find(name);
      return "remedy" in runtime
        ? { available: false, remedy: runtime.remedy }
        : { available: true, how: runtime.deviation ?? runtime.how };
    },

    report: () => reportMachine(prepare(), runtimes),

    workers: () =>
      [...runs.slots.values()].flatMap((slot) => {
        if (!slot.spec || !slot.worker || slot.state === "spare") return [];
        const { functionArn, version } = slot.spec;
        const at = slot.state !== "idle" ? slot.state : slot.worker.frozen ? "frozen" : "ready";
        return [{ functionArn, version, state: at, pid: slot.worker.pid } as const];
      }),

    async close() {
      if (closed) return;
      closed = true;
      timer?.cancel();
      for (const job of jobs.values()) job.reject(new HostClosed());
      jobs.clear();
      await runs.close();
      machine?.close();
    },
  };
}
