/** Who is started next: calls that wait, provisioned concurrency, spares; within what the machine can start at once and hold. */
import { leastWorth } from "./keep-alive.ts";
import type { Action } from "./observations.ts";
import type { Policy } from "./policy.ts";
import { mayCompute, wantLook } from "./processor.ts";
import type { Place, SchedulerState, Waiting, Worker } from "./state.ts";
import { addInitialising, addSpare, beginWork, endIdle, isSpare, memoryOf, remove } from "./workers.ts";

/** Starts whatever is wanted and there is room for. */
export function startWanted(state: SchedulerState, policy: Policy, actions: Action[]): void {
  startWaiting(state, policy, actions);
  provide(state, policy, actions);
}

export function wait(state: SchedulerState, waiting: Waiting): void {
  const { revision } = waiting.facts;
  const queue = state.waiting.get(revision);
  if (queue) queue.push(waiting);
  else state.waiting.set(revision, [waiting]);
  state.waitingRevisions.set(waiting.invocation, revision);
}

export function takeWaiting(state: SchedulerState, revision: string): Waiting | undefined {
  const queue = state.waiting.get(revision);
  const first = queue?.shift();
  if (first) state.waitingRevisions.delete(first.invocation);
  if (queue?.length === 0) state.waiting.delete(revision);
  return first;
}

/**
 * Whose call is started next: the function's that has fewest workers at work; among equals, of whoever was served longest ago.
 * Calls for which a worker is on its way already are not counted.
 */
export function nextInLine(state: SchedulerState): Waiting | undefined {
  let chosen: Waiting | undefined;
  for (const queue of state.waiting.values()) {
    const first = queue[0]!;
    if (queue.length <= first.place.ahead) continue;
    if (!chosen || first.place.fn.working.size < chosen.place.fn.working.size) chosen = first;
  }
  return chosen;
}

function startWaiting(state: SchedulerState, policy: Policy, actions: Action[]): void {
  state.full = false;
  state.held = false;
  while (state.starting < policy.startsMax && state.waiting.size > 0) {
    const next = nextInLine(state);
    if (!next) return;
    const { place, facts, invocation, claim } = next;
    // Who is next has fewest at work: nobody else has a better claim.
    if (!mayCompute(state, policy, place.fn)) {
      state.held = true;
      wantLook(state, actions);
      return;
    }
    const spare = facts.takesSpare ? findSpare(state, facts.runtime) : undefined;
    if (!makeRoom(state, policy, memoryOf(policy, place, facts) - (spare?.memoryMb ?? 0), spare, actions)) {
      state.full = true;
      return;
    }
    takeWaiting(state, facts.revision);
    const queue = state.waiting.get(facts.revision);
    if (queue) {
      // Served last stands last.
      state.waiting.delete(facts.revision);
      state.waiting.set(facts.revision, queue);
    }
    state.starting++;
    place.fn.starting++;
    const worker = addInitialising(state, policy, place, facts, spare);
    worker.claim = claim;
    actions.push({ type: spare ? "assign" : "start", worker: worker.id, invocation });
    beginWork(state, worker, actions);
  }
}

/** The workers that provisioned concurrency lacks. */
function provide(state: SchedulerState, policy: Policy, actions: Action[]): void {
  for (const place of state.lacking) {
    const { provisioned } = place;
    while (provisioned && !provisioned.failed && provisioned.workers < provisioned.wanted) {
      if (!startAhead(state, policy, place, true, actions)) return;
    }
    state.lacking.delete(place);
  }
}

/** A worker that nobody waits for. False when there is no room for it now. */
export function startAhead(
  state: SchedulerState,
  policy: Policy,
  place: Place,
  provisioned: boolean,
  actions: Action[],
  untilMs = Number.POSITIVE_INFINITY,
): boolean {
  const { facts } = place;
  if (state.starting >= policy.startsMax || state.full) return false;
  if (state.held && !provisioned) return false;
  if (!makeRoom(state, policy, memoryOf(policy, place, facts), undefined, actions)) return false;
  state.starting++;
  place.ahead++;
  const worker = addInitialising(state, policy, place, facts);
  worker.ahead = true;
  worker.idleUntilMs = untilMs;
  worker.provisioned = provisioned;
  if (provisioned) place.provisioned!.workers++;
  actions.push({ type: "start-ahead", worker: worker.id, facts, provisioned });
  beginWork(state, worker, actions);
  return true;
}

/** A start has come to its end, one way or the other. */
export function startOver(state: SchedulerState, worker: Worker): void {
  state.starting--;
  const place = worker.place!;
  if (worker.ahead) place.ahead--;
  else place.fn.starting--;
  worker.ahead = false;
}

/**
 * Ends idle workers, then spares, until there is room for so much more. A machine on which nothing else is at work takes one worker of any size:
 * else nothing would ever run.
 */
function makeRoom(
  state: SchedulerState,
  policy: Policy,
  needMb: number,
  keep: Worker | undefined,
  actions: Action[],
): boolean {
  while (state.memoryMb + needMb > policy.memoryMaxMb) {
    const victim = leastWorth(state, policy);
    if (victim) {
      evict(state, victim, actions);
      continue;
    }
    const spare = [...state.workers.values()].find((worker) => isSpare(worker) && worker !== keep);
    if (!spare) return state.working === 0;
    actions.push({ type: "end", worker: spare.id });
    remove(state, spare, actions);
  }
  return true;
}

/** Ends an idle worker for want of room. */
export function evict(state: SchedulerState, worker: Worker, actions: Action[]): void {
  state.worthClock = Math.max(state.worthClock, worker.worth);
  endIdle(state, worker, actions);
}

/** New spares in place of those that were taken, once nobody waits for a start. */
export function replenish(state: SchedulerState, policy: Policy, actions: Action[]): void {
  if (state.starting > 0) return;
  for (const runtime of state.runtimeUsedMs.keys()) {
    let missing = policy.sparesPerRuntime;
    for (const worker of state.workers.values()) if (worker.runtime === runtime && isSpare(worker)) missing--;
    for (; missing > 0 && state.memoryMb + policy.workerMemoryMb <= policy.memoryMaxMb; missing--)
      addSpare(state, policy, runtime, actions);
  }
}

function findSpare(state: SchedulerState, runtime: string): Worker | undefined {
  for (const worker of state.workers.values())
    if (worker.state === "spare" && worker.runtime === runtime) return worker;
  return undefined;
}
