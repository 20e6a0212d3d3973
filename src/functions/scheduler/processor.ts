/**
 * A ceiling by the processor. On AWS every execution environment has its own part of a processor; one machine has a few cores for all of them.
 * Workers that compute gain nothing from being more than the cores: each only becomes slower, until initialisations and calls run into their time
 * limits. Workers that wait (for a database, a timer, another service) cost nothing, and hundreds of them may run.
 *
 * Which of the two a function is, nobody declares: it is measured. A worker that is initialising or busy is taken to be hungry for the
 * processor until the machine has been looked at and it was not. Hungry workers may be {@link HUNGRY_PER_CORE} for each core; beyond that, no more
 * than what lies idle can feed. Further calls wait for workers that are there. The first worker of a function is always started, and so
 * is provisioned concurrency: whoever has none is not held up by those who have many.
 *
 * Looking is asked for (`look`) while calls wait for the processor, and only then.
 */
import type { Action, Observation, ProcessorUse } from "./observations.ts";
import type { Policy } from "./policy.ts";
import type { FunctionLoad, SchedulerState, Worker } from "./state.ts";

/** One computes while the other reads what it needs next. */
const HUNGRY_PER_CORE = 2;
/** Of the time since the last look: who neither ran nor waited for a core for so long was waiting for something else. */
const HUNGRY_SHARE = 0.1;
/** Of all cores: less than this is not called idle. */
const IDLE_SHARE = 0.1;
/** Between two looks, and longer by a millisecond for each worker to be looked at. */
const LOOK_MS = 50;
/** Less is not enough to judge a worker by. */
const JUDGED_AFTER_MS = 20;

/** A worker begins to initialise or to run. */
export function grantHunger(state: SchedulerState, worker: Worker): void {
  delete worker.use;
  setHungry(state, worker, true);
}

export function endHunger(state: SchedulerState, worker: Worker): void {
  setHungry(state, worker, false);
}

function setHungry(state: SchedulerState, worker: Worker, hungry: boolean): void {
  if (worker.hungry === hungry) return;
  worker.hungry = hungry;
  state.hungry += hungry ? 1 : -1;
}

/** Whether the processor can bear another worker of this function. */
export const mayCompute = (state: SchedulerState, policy: Policy, fn: FunctionLoad): boolean =>
  fn.working.size === 0 || state.hungry < Math.max(HUNGRY_PER_CORE * policy.cores, state.hungryFed);

/** Calls wait for the processor: the machine is to be looked at, unless that is on its way. */
export function wantLook(state: SchedulerState, actions: Action[]): void {
  if (state.looking) return;
  state.looking = true;
  actions.push({ type: "look", afterMs: LOOK_MS + state.working });
}

/** A worker whose use of the processor is known from here on. */
export function noteUse(state: SchedulerState, worker: Worker, use: ProcessorUse): void {
  worker.use = use;
  worker.usedAtMs = state.nowMs;
}

export function looked(
  state: SchedulerState,
  policy: Policy,
  { idleCores, uses }: Extract<Observation, { type: "looked" }>,
): void {
  state.looking = false;
  let usedCores = 0;
  // Of whom nothing is known, the worst is taken for true; what lies idle counts all the same.
  for (const [id, use] of uses) {
    const worker = state.workers.get(id);
    if (!worker?.place?.fn.working.has(worker)) continue;
    const before = worker.use;
    const elapsedMs = state.nowMs - worker.usedAtMs;
    if (before === undefined) noteUse(state, worker, use);
    if (before === undefined || elapsedMs < JUDGED_AFTER_MS) {
      usedCores++;
      continue;
    }
    const usedMs = use.usedMs - before.usedMs;
    usedCores += usedMs / elapsedMs;
    setHungry(state, worker, usedMs + use.waitedMs - before.waitedMs >= HUNGRY_SHARE * elapsedMs);
    noteUse(state, worker, use);
  }
  // In a container, what lies idle on the machine may be none of ours.
  const idle = Math.min(idleCores, policy.cores - usedCores);
  state.hungryFed =
    idle >= IDLE_SHARE * policy.cores ? state.hungry + Math.max(1, Math.floor(HUNGRY_PER_CORE * idle)) : 0;
}
