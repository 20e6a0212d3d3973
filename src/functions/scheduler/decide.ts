/**
 * Who runs what, and how long a worker lives: pure decisions. What happened goes in as an {@link Observation}, what shall be done comes out as
 * {@link Action}s; the state changes here and nowhere else, and the same history gives the same decisions. `create.ts` performs them, and
 * `simulation/` plays them through.
 *
 * A worker's life: spare → initialising → busy ⇄ idle (frozen) → gone. One worker serves one invocation at a time.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 */
import { learnCall, leastWorth } from "./keep-alive.ts";
import { admit, count, giveBackStart, release } from "./limits.ts";
import type { Action, FunctionFacts, Observation } from "./observations.ts";
import type { Policy } from "./policy.ts";
import { looked, noteUse } from "./processor.ts";
import { setProvisioned } from "./provisioned.ts";
import { evict, nextInLine, replenish, startAhead, startOver, startWanted, takeWaiting, wait } from "./starts.ts";
import {
  earliestDueMs,
  forget,
  type Place,
  placeKey,
  placeOf,
  type SchedulerState,
  takeDue,
  type Worker,
} from "./state.ts";
import { becomeIdle, beginWork, endIdle, isSpare, leaveIdle, measure, remove } from "./workers.ts";

/** @returns what to do now, in this order */
export function decide(state: SchedulerState, policy: Policy, observation: Observation, nowMs: number): Action[] {
  const actions: Action[] = [];
  state.nowMs = nowMs;
  switch (observation.type) {
    case "asked":
      asked(state, policy, observation.invocation, observation.facts, nowMs, actions);
      break;
    case "withdrawn":
      withdrawn(state, observation.invocation);
      break;
    case "expected":
      state.runtimeUsedMs.set(observation.runtime, nowMs);
      replenish(state, policy, actions);
      break;
    case "provisioned": {
      const { facts, wanted } = observation;
      const known = state.places.get(placeKey(facts.functionArn, facts.version));
      if (wanted === 0 && !known?.provisioned) break;
      const place = known ?? placeOf(state, facts);
      if (wanted > 0) makeCurrent(state, place, facts, actions);
      setProvisioned(state, policy, place, wanted, nowMs, actions);
      startWanted(state, policy, actions);
      break;
    }
    case "spare-ready": {
      const worker = state.workers.get(observation.worker);
      if (worker?.state === "starting-spare") {
        worker.state = "spare";
        actions.push({ type: "freeze", worker: worker.id });
      }
      break;
    }
    case "initialised":
      initialised(state, policy, observation, nowMs, actions);
      break;
    case "finished":
      finished(state, policy, observation, nowMs, actions);
      break;
    case "gone":
      gone(state, policy, observation.worker, nowMs, actions);
      break;
    case "looked":
      looked(state, policy, observation);
      startWanted(state, policy, actions);
      break;
    case "retired":
      retired(state, observation.functionArn, observation.version, actions);
      break;
    case "time":
      pass(state, policy, nowMs, actions);
      break;
  }
  return actions;
}

/** When {@link decide} wants to be told of the time again; undefined when nothing waits for it. */
export function nextDueMs(state: SchedulerState, policy: Policy): number | undefined {
  let dueMs = earliestDueMs(state);
  for (const usedMs of state.runtimeUsedMs.values()) dueMs = Math.min(dueMs, usedMs + policy.spareIdleMs);
  return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs;
}

function asked(
  state: SchedulerState,
  policy: Policy,
  invocation: number,
  facts: FunctionFacts,
  nowMs: number,
  actions: Action[],
): void {
  const place = placeOf(state, facts);
  makeCurrent(state, place, facts, actions);
  const worker = findIdle(state, place, nowMs, actions);
  const idle = { warm: worker !== undefined, provisioned: worker?.provisioned === true };
  const claim = admit(state, policy, place, facts, idle, nowMs);
  if (typeof claim === "string") {
    actions.push({ type: "refuse", invocation, reason: claim });
    return;
  }
  learnCall(place, policy, nowMs);
  count(place, claim);
  if (facts.takesSpare) state.runtimeUsedMs.set(facts.runtime, nowMs);
  if (!worker) {
    wait(state, { invocation, facts, place, claim, sinceMs: nowMs });
    startWanted(state, policy, actions);
    return;
  }
  leaveIdle(state, worker);
  worker.state = "busy";
  worker.facts = facts;
  worker.claim = claim;
  actions.push({ type: "run", worker: worker.id, invocation });
  beginWork(state, worker, actions);
}

/** The latest revision of a function is the one that is asked for; idle workers of an older one are of no use any more. */
function makeCurrent(state: SchedulerState, place: Place, facts: FunctionFacts, actions: Action[]): void {
  place.facts = facts;
  if (place.revision === facts.revision) return;
  place.revision = facts.revision;
  for (const idle of [...place.idle]) endIdle(state, idle, actions);
}

/** An idle worker that can take a whole invocation more: a provisioned one, else the one used last. */
function findIdle(state: SchedulerState, place: Place, nowMs: number, actions: Action[]): Worker | undefined {
  for (;;) {
    const worker = place.provisioned
      ? (place.idle.findLast((idle) => idle.provisioned) ?? place.idle.at(-1))
      : place.idle.at(-1);
    if (!worker || nowMs + place.facts.timeoutMs <= worker.usableUntilMs) return worker;
    endIdle(state, worker, actions);
  }
}

function withdrawn(state: SchedulerState, invocation: number): void {
  const revision = state.waitingRevisions.get(invocation);
  if (revision === undefined) return;
  const queue = state.waiting.get(revision)!;
  const [removed] = queue.splice(
    queue.findIndex((waiting) => waiting.invocation === invocation),
    1,
  );
  if (queue.length === 0) state.waiting.delete(revision);
  state.waitingRevisions.delete(invocation);
  release(removed!.place, removed!.claim);
}

function initialised(
  state: SchedulerState,
  policy: Policy,
  observation: Extract<Observation, { type: "initialised" }>,
  nowMs: number,
  actions: Action[],
): void {
  const worker = state.workers.get(observation.worker);
  if (worker?.state !== "initialising") return;
  const place = worker.place!;
  const { ahead } = worker;
  startOver(state, worker);
  worker.state = "busy";
  worker.usableUntilMs = observation.usableUntilMs;
  if (observation.initMs !== undefined) place.coldMs = observation.initMs;
  if (observation.use !== undefined) noteUse(state, worker, observation.use);
  const foreseenUntilMs = Number.isFinite(worker.idleUntilMs) ? worker.idleUntilMs : undefined;
  if (ahead) {
    workOrRest(state, policy, worker, nowMs, actions, foreseenUntilMs);
    fitIdle(state, policy, actions);
  }
  startWanted(state, policy, actions);
}

function finished(
  state: SchedulerState,
  policy: Policy,
  observation: Extract<Observation, { type: "finished" }>,
  nowMs: number,
  actions: Action[],
): void {
  const worker = state.workers.get(observation.worker);
  if (worker?.state !== "busy") return;
  const place = worker.place!;
  if (observation.memoryMb !== undefined && observation.memoryMb > 0) {
    measure(state, worker, observation.memoryMb);
    place.memoryMb = observation.memoryMb;
  }
  endCall(worker, nowMs);
  if (workOrRest(state, policy, worker, nowMs, actions)) return;
  fitIdle(state, policy, actions);
  if (state.full || state.held || state.lacking.size > 0) startWanted(state, policy, actions);
  replenish(state, policy, actions);
}

/** Ends idle workers until those that are left are as many, and as large, as they may be. */
function fitIdle(state: SchedulerState, policy: Policy, actions: Action[]): void {
  while (state.idle.size > policy.idleMax || (state.idleMemoryMb > policy.idleMemoryMaxMb && state.idle.size > 0))
    evict(state, leastWorth(state, policy)!, actions);
}

function endCall(worker: Worker, nowMs: number): void {
  const place = worker.place!;
  if (worker.claim) release(place, worker.claim);
  delete worker.claim;
  place.lastEndMs = nowMs;
}

/** A worker that is free takes a call that waits, rests, or ends. @returns whether it has work */
function workOrRest(
  state: SchedulerState,
  policy: Policy,
  worker: Worker,
  nowMs: number,
  actions: Action[],
  untilMs?: number,
): boolean {
  const place = worker.place!;
  const facts = worker.facts!;
  const stale = place.revision !== facts.revision || nowMs + facts.timeoutMs > worker.usableUntilMs;
  if (stale || yieldsTo(state, place, nowMs)) {
    actions.push({ type: "end", worker: worker.id });
    remove(state, worker, actions);
    return false;
  }
  const waiting = takeWaiting(state, facts.revision);
  if (waiting) {
    giveBackStart(place, policy);
    worker.facts = waiting.facts;
    worker.claim = waiting.claim;
    actions.push({ type: "run", worker: worker.id, invocation: waiting.invocation });
    return true;
  }
  becomeIdle(state, policy, worker, nowMs, actions, untilMs);
  return false;
}

/** Waiting for this long is worse than the start that it costs to give a worker's room to another function. */
const YIELD_AFTER_MS = 1000;

/**
 * Where memory or processor are short, a function gives way to one that has fewer workers at work and has waited, although its own calls wait. Between two
 * that have equally many, give or take one, nothing is gained.
 */
function yieldsTo(state: SchedulerState, { fn, provisioned }: Place, nowMs: number): boolean {
  if (!(state.full || state.held) || provisioned) return false;
  const next = nextInLine(state);
  if (next === undefined || next.place.fn === fn) return false;
  const theirs = next.place.fn.working.size;
  return theirs + (theirs > 0 ? 1 : 0) < fn.working.size && nowMs - next.sinceMs >= YIELD_AFTER_MS;
}

function gone(state: SchedulerState, policy: Policy, id: number, nowMs: number, actions: Action[]): void {
  const worker = state.workers.get(id);
  if (!worker) return;
  const { place } = worker;
  if (worker.state === "initialising") {
    // What cannot be initialised now is not tried on and on.
    if (worker.provisioned && place?.provisioned) place.provisioned.failed = true;
    startOver(state, worker);
  }
  if (worker.state === "initialising" || worker.state === "busy") endCall(worker, nowMs);
  if (worker.state === "idle") leaveIdle(state, worker);
  remove(state, worker, actions);
  startWanted(state, policy, actions);
}

function retired(state: SchedulerState, functionArn: string, version: string | undefined, actions: Action[]): void {
  const prefix = placeKey(functionArn, "");
  const places =
    version === undefined
      ? [...state.places.values()].filter(({ key }) => key.startsWith(prefix))
      : [state.places.get(placeKey(functionArn, version))];
  for (const place of places) {
    if (!place) continue;
    for (const idle of [...place.idle]) endIdle(state, idle, actions);
    // Busy ones find, when they finish, that their revision is no longer current.
    delete place.revision;
    delete place.foreseen;
    if (version === undefined) forget(state, place);
  }
}

function pass(state: SchedulerState, policy: Policy, nowMs: number, actions: Action[]): void {
  for (let due = takeDue(state, nowMs); due; due = takeDue(state, nowMs)) {
    if (due.worker) endIdle(state, due.worker, actions);
    else if (due.place) foresee(state, policy, due.place, actions);
  }
  for (const [runtime, usedMs] of state.runtimeUsedMs) {
    if (usedMs + policy.spareIdleMs > nowMs) continue;
    state.runtimeUsedMs.delete(runtime);
    for (const worker of state.workers.values()) {
      if (worker.runtime !== runtime || !isSpare(worker)) continue;
      actions.push({ type: "end", worker: worker.id });
      remove(state, worker, actions);
    }
  }
  if (state.full || state.lacking.size > 0) startWanted(state, policy, actions);
}

/** A call is foreseen: a worker is made ready for it, unless one is there. On a machine that is busy starting others it is left out. */
function foresee(state: SchedulerState, policy: Policy, place: Place, actions: Action[]): void {
  const { foreseen } = place;
  delete place.foreseen;
  if (!foreseen || place.revision === undefined || place.workers > 0) return;
  startAhead(state, policy, place, false, actions, foreseen.untilMs);
}
