/**
 * Plays a trace through the scheduler that runs the real workers, with workers that only exist as events: a start takes as long as the trace says,
 * a call as long as it did. Time is the trace's own; the same trace, seed and policy give the same outcome to the last digit.
 */
import { createHeap } from "../heap.ts";
import { decide, nextDueMs } from "../scheduler/decide.ts";
import type { Action, FunctionFacts, Observation } from "../scheduler/observations.ts";
import type { Policy } from "../scheduler/policy.ts";
import { createSchedulerState } from "../scheduler/state.ts";
import type { Call, Trace } from "./trace.ts";

export interface Outcome {
  readonly calls: number;
  /** Calls that waited for a start of their own. */
  readonly cold: number;
  readonly throttled: number;
  /** Workers started because a call was foreseen, and those of them that never ran one. */
  readonly prewarmed: number;
  readonly prewarmedInVain: number;
  /** Memory of idle workers times how long they held it, in GB-hours (1 GB = 1,024 MB). */
  readonly idleGbHours: number;
  readonly busyGbHours: number;
  readonly idlePeakMb: number;
  readonly workersPeak: number;
  /** What calls waited for starts, in all. */
  readonly waitedMs: number;
  /** Of each function's calls the share that was cold: of the function in the middle, and of that at three quarters. */
  readonly coldShareMedian: number;
  readonly coldShare75: number;
}

interface SimulatedWorker {
  readonly fn: number;
  state: "starting" | "busy" | "idle";
  sinceMs: number;
  call: number;
  ran: boolean;
  ahead: boolean;
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly worker: number;
  readonly type: "initialised" | "finished";
}

const MB_MS_PER_GB_HOUR = 1024 * 3_600_000;
/** Credentials that outlive every trace. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** Calls between two reports of progress. */
const PROGRESS_CALLS = 50_000;

/** What limits a replay besides the policy: nothing that depends on a machine. */
export const UNBOUNDED = {
  keepAliveMs: 300_000,
  sparesPerRuntime: 0,
  spareIdleMs: 0,
  startsMax: Number.MAX_SAFE_INTEGER,
  cores: Number.POSITIVE_INFINITY,
  idleMax: Number.MAX_SAFE_INTEGER,
  idleMemoryMaxMb: Number.MAX_SAFE_INTEGER,
  memoryMaxMb: Number.MAX_SAFE_INTEGER,
  workerMemoryMb: Number.MAX_SAFE_INTEGER,
  accountConcurrency: 1000,
  burst: 1000,
} as const satisfies Omit<Policy, "keepAlive">;

/** @param progress told now and then how many calls have been played */
export function replay(trace: Trace, policy: Policy, seed: number, progress?: (calls: number) => void): Outcome {
  const state = createSchedulerState();
  const facts = trace.functions.map(factsOf);
  const workers = new Map<number, SimulatedWorker>();
  const happenings = createHeap<Happening>(
    (left, right) => left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order),
  );
  /** Calls that are not over, by their number. */
  const open = new Map<number, Call>();
  const called = new Uint32Array(trace.functions.length);
  const coldOf = new Uint32Array(trace.functions.length);
  let order = 0;
  let nowMs = 0;
  let calls = 0;
  let cold = 0;
  let throttled = 0;
  let prewarmed = 0;
  let prewarmedInVain = 0;
  let idleMbMs = 0;
  let busyMbMs = 0;
  let idlePeakMb = 0;
  let workersPeak = 0;
  let waitedMs = 0;

  /** Accounts for what the worker has held since it last changed. What goes on after the trace's end does not count. */
  const account = (worker: SimulatedWorker): void => {
    const heldMs = Math.max(0, Math.min(nowMs, trace.lengthMs) - worker.sinceMs);
    const mbMs = trace.functions[worker.fn]!.memoryMb * heldMs;
    if (worker.state === "idle") idleMbMs += mbMs;
    else busyMbMs += mbMs;
    worker.sinceMs = nowMs;
  };
  const become = (worker: SimulatedWorker, next: SimulatedWorker["state"]): void => {
    account(worker);
    worker.state = next;
  };
  const happen = (type: Happening["type"], worker: number, inMs: number): void =>
    happenings.push({ atMs: nowMs + inMs, order: ++order, worker, type });
  const run = (id: number, worker: SimulatedWorker): void => {
    become(worker, "busy");
    const call = open.get(worker.call)!;
    waitedMs += nowMs - call.atMs;
    worker.ran = true;
    happen("finished", id, call.durationMs);
  };
  const begin = (id: number, fn: number, call: number, ahead: boolean): void => {
    workers.set(id, { fn, state: "starting", sinceMs: nowMs, call, ran: false, ahead });
    workersPeak = Math.max(workersPeak, workers.size);
    happen("initialised", id, trace.functions[fn]!.coldMs);
  };

  const perform = (action: Action): void => {
    switch (action.type) {
      case "refuse":
        throttled++;
        open.delete(action.invocation);
        break;
      case "start":
      case "assign": {
        const { fn } = open.get(action.invocation)!;
        cold++;
        coldOf[fn]!++;
        begin(action.worker, fn, action.invocation, false);
        break;
      }
      case "start-ahead":
        prewarmed++;
        begin(action.worker, Number(action.facts.version), 0, true);
        break;
      case "run": {
        const worker = workers.get(action.worker)!;
        worker.call = action.invocation;
        run(action.worker, worker);
        break;
      }
      case "freeze":
        become(workers.get(action.worker)!, "idle");
        break;
      case "end": {
        const worker = workers.get(action.worker)!;
        account(worker);
        workers.delete(action.worker);
        if (worker.ahead && !worker.ran) prewarmedInVain++;
        break;
      }
      // Nobody computes here, and there are no spares.
      case "weigh":
      case "start-spare":
        break;
    }
  };
  const observe = (observation: Observation): void => {
    for (const action of decide(state, policy, observation, nowMs)) perform(action);
    idlePeakMb = Math.max(idlePeakMb, state.idleMemoryMb);
  };

  /** Everything that happens up to a moment, workers before the scheduler's own deadlines. */
  const passUntil = (untilMs: number): void => {
    for (;;) {
      const happening = happenings.peek();
      const dueMs = nextDueMs(state, policy) ?? Number.POSITIVE_INFINITY;
      const nextMs = Math.min(happening?.atMs ?? Number.POSITIVE_INFINITY, dueMs);
      if (nextMs > untilMs || nextMs === Number.POSITIVE_INFINITY) break;
      nowMs = nextMs;
      if (happening && happening.atMs <= dueMs) {
        happenings.pop();
        settle(happening);
      } else observe({ type: "time" });
    }
    nowMs = Math.max(nowMs, Math.min(untilMs, Number.MAX_SAFE_INTEGER));
  };
  const settle = ({ worker: id, type }: Happening): void => {
    const worker = workers.get(id);
    if (!worker) return;
    const { coldMs, memoryMb } = trace.functions[worker.fn]!;
    if (type === "finished") {
      open.delete(worker.call);
      observe({ type: "finished", worker: id, memoryMb });
      return;
    }
    observe({ type: "initialised", worker: id, usableUntilMs: NEVER_MS, initMs: coldMs });
    if (!worker.ahead) run(id, worker);
  };

  for (const call of trace.calls(seed)) {
    passUntil(call.atMs);
    const id = ++calls;
    open.set(id, call);
    called[call.fn]!++;
    observe({ type: "asked", invocation: id, facts: facts[call.fn]! });
    if (progress && calls % PROGRESS_CALLS === 0) progress(calls);
  }
  passUntil(trace.lengthMs);
  for (const worker of workers.values()) account(worker);
  const shares = [...called.keys()].filter((fn) => called[fn]! > 0).map((fn) => coldOf[fn]! / called[fn]!);
  shares.sort((left, right) => left - right);
  return {
    calls,
    cold,
    throttled,
    prewarmed,
    prewarmedInVain,
    idleGbHours: idleMbMs / MB_MS_PER_GB_HOUR,
    busyGbHours: busyMbMs / MB_MS_PER_GB_HOUR,
    idlePeakMb,
    workersPeak,
    waitedMs,
    coldShareMedian: shares[Math.floor(shares.length / 2)] ?? 0,
    coldShare75: shares[Math.floor(shares.length * 0.75)] ?? 0,
  };
}

/** The version carries the function's number, for starts that no call asks for. */
function factsOf({ memoryMb }: { readonly memoryMb: number }, fn: number): FunctionFacts {
  return {
    revision: String(fn),
    functionArn: `arn:aws:lambda:us-east-1:000000000000:function:f${fn}`,
    version: String(fn),
    account: "000000000000/us-east-1",
    runtime: "provided.al2023",
    timeoutMs: 900_000,
    memoryMb,
    takesSpare: false,
  };
}
