/** Workers coming, changing state and going: the one place where the sums over them are kept. */
import { windowFor, worthOf } from "./keep-alive.ts";
import type { Action, FunctionFacts } from "./observations.ts";
import type { Policy } from "./policy.ts";
import { endHunger, grantHunger } from "./processor.ts";
import { joinWorking, leaveWorking } from "./shares.ts";
import { type Place, type SchedulerState, setDue, type Worker } from "./state.ts";

export function addSpare(state: SchedulerState, policy: Policy, runtime: string, actions: Action[]): void {
  const worker = add(state, runtime, "starting-spare", policy.workerMemoryMb);
  actions.push({ type: "start-spare", worker: worker.id, runtime });
}

/** A new worker for a function, or a spare one in its new place. What is done with it is the caller's to say, first. */
export function addInitialising(
  state: SchedulerState,
  policy: Policy,
  place: Place,
  facts: FunctionFacts,
  spare?: Worker,
): Worker {
  const memoryMb = memoryOf(policy, place, facts);
  const worker = spare ?? add(state, facts.runtime, "initialising", memoryMb);
  worker.state = "initialising";
  worker.facts = facts;
  worker.place = place;
  measure(state, worker, memoryMb);
  place.workers++;
  return worker;
}

function add(state: SchedulerState, runtime: string, at: Worker["state"], memoryMb: number): Worker {
  const worker: Worker = {
    id: state.nextWorker++,
    runtime,
    state: at,
    ahead: false,
    provisioned: false,
    usableUntilMs: 0,
    idleSinceMs: 0,
    idleUntilMs: 0,
    worth: 0,
    memoryMb,
    share: 1,
    hungry: false,
    usedAtMs: 0,
  };
  state.workers.set(worker.id, worker);
  state.memoryMb += memoryMb;
  return worker;
}

/** What a worker of this function is taken to hold. */
export const memoryOf = (policy: Policy, place: Place, facts: FunctionFacts): number =>
  place.memoryMb ?? Math.min(policy.workerMemoryMb, facts.memoryMb);

/** A worker holds this much. Not for idle ones: their sum was taken when they became idle. */
export function measure(state: SchedulerState, worker: Worker, memoryMb: number): void {
  state.memoryMb += memoryMb - worker.memoryMb;
  worker.memoryMb = memoryMb;
}

/** An initialising or busy worker that stays so is counted once. */
export function beginWork(state: SchedulerState, worker: Worker, actions: Action[]): void {
  const { fn } = worker.place!;
  if (fn.working.has(worker)) return;
  state.working++;
  grantHunger(state, worker);
  joinWorking(fn, worker, state.nowMs, actions);
}

export function endWork(state: SchedulerState, worker: Worker, actions: Action[]): void {
  const fn = worker.place?.fn;
  if (!fn?.working.has(worker)) return;
  state.working--;
  endHunger(state, worker);
  leaveWorking(fn, worker, state.nowMs, actions);
}

/**
 * A worker has nothing to do. It is frozen, or ended when its function's next call is far off.
 * @param untilMs how long it is kept, where that is known already
 */
export function becomeIdle(
  state: SchedulerState,
  policy: Policy,
  worker: Worker,
  nowMs: number,
  actions: Action[],
  untilMs?: number,
): void {
  const place = worker.place!;
  endWork(state, worker, actions);
  worker.state = "idle";
  worker.idleSinceMs = nowMs;
  place.idle.push(worker);
  const endsMs = worker.usableUntilMs - worker.facts!.timeoutMs;
  if (worker.provisioned) {
    worker.idleUntilMs = endsMs;
    setDue(state, { dueMs: endsMs, worker });
    actions.push({ type: "freeze", worker: worker.id });
    return;
  }
  const window = windowFor(place, policy);
  worker.idleUntilMs = Math.min(untilMs ?? nowMs + window.keepMs, endsMs);
  worker.worth = worthOf(state, place, worker);
  state.idle.add(worker);
  state.idleMemoryMb += worker.memoryMb;
  if (untilMs === undefined && window.prewarmMs > 0 && place.running === 0 && place.ahead === 0) {
    for (const idle of [...place.idle]) if (!idle.provisioned) endIdle(state, idle, actions);
    place.foreseen = { startMs: nowMs + window.prewarmMs, untilMs: nowMs + window.keepMs };
    setDue(state, { dueMs: place.foreseen.startMs, place });
    return;
  }
  setDue(state, { dueMs: worker.idleUntilMs, worker });
  actions.push({ type: "freeze", worker: worker.id });
}

/** An idle worker is given work, or ended. */
export function leaveIdle(state: SchedulerState, worker: Worker): void {
  const { idle } = worker.place!;
  idle.splice(idle.lastIndexOf(worker), 1);
  if (state.idle.delete(worker)) state.idleMemoryMb -= worker.memoryMb;
}

export function endIdle(state: SchedulerState, worker: Worker, actions: Action[]): void {
  leaveIdle(state, worker);
  actions.push({ type: "end", worker: worker.id });
  remove(state, worker, actions);
}

/** The worker is no more. */
export function remove(state: SchedulerState, worker: Worker, actions: Action[]): void {
  endWork(state, worker, actions);
  worker.state = "gone";
  state.workers.delete(worker.id);
  state.memoryMb -= worker.memoryMb;
  const { place } = worker;
  if (!place) return;
  place.workers--;
  if (place.workers === 0) place.frequency = 0;
  if (!worker.provisioned || !place.provisioned) return;
  place.provisioned.workers--;
  state.lacking.add(place);
}

export const isSpare = (worker: Worker): boolean => worker.state === "spare" || worker.state === "starting-spare";
