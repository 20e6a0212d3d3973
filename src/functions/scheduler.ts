/**
 * Who runs what, and how long a worker lives: pure decisions. What happened goes in as an {@link Observation}, what shall be done comes out as
 * {@link Action}s; the state changes here and nowhere else, and the same history gives the same decisions. `create.ts` performs them.
 *
 * A worker's life: spare → initialising → busy ⇄ idle (frozen) → gone. One worker serves one invocation at a time.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 */

export interface Policy {
  /** How long an idle worker is kept for the next event. */
  readonly keepAliveMs: number;
  /** Spare workers per runtime that was used of late. */
  readonly sparesPerRuntime: number;
  /** How long after a runtime's last use its spares are kept. */
  readonly spareIdleMs: number;
  /** Workers that may be starting at once. More would slow one another down past their time limits. */
  readonly startsMax: number;
  /** Idle workers in all; beyond it the one that has waited longest is ended. */
  readonly idleMax: number;
  /** Invocations that an account may run at once, where the function does not say. */
  readonly accountConcurrency: number;
}

/** What decisions need to know of a function. */
export interface FunctionFacts {
  /** Same revision, same worker. */
  readonly revision: string;
  readonly functionArn: string;
  readonly version: string;
  /** Account and region: who shares the unreserved concurrency. */
  readonly account: string;
  readonly runtime: string;
  readonly timeoutMs: number;
  /** Whether a worker started beforehand can take it. */
  readonly takesSpare: boolean;
  readonly concurrencyMax?: number;
  readonly unreservedConcurrencyMax?: number;
}

export type Observation =
  | { readonly type: "asked"; readonly invocation: number; readonly facts: FunctionFacts }
  /** The caller went away; matters only to an invocation that still waits. */
  | { readonly type: "withdrawn"; readonly invocation: number }
  /** A runtime is about to be used. */
  | { readonly type: "expected"; readonly runtime: string }
  | { readonly type: "spare-ready"; readonly worker: number }
  /** A worker has its function. `usableUntilMs` is when its credentials end. */
  | { readonly type: "initialised"; readonly worker: number; readonly usableUntilMs: number }
  /** A worker can take another event. */
  | { readonly type: "finished"; readonly worker: number }
  | { readonly type: "gone"; readonly worker: number }
  /** Without a version: all of them. */
  | { readonly type: "retired"; readonly functionArn: string; readonly version?: string }
  /** Time has passed. */
  | { readonly type: "time" };

export type Action =
  | {
      readonly type: "refuse";
      readonly invocation: number;
      readonly reason: "ReservedFunctionConcurrentInvocationLimitExceeded" | "ConcurrentInvocationLimitExceeded";
    }
  | { readonly type: "start-spare"; readonly worker: number; readonly runtime: string }
  /** A new worker, for this invocation. */
  | { readonly type: "start"; readonly worker: number; readonly invocation: number }
  /** A spare worker gets this invocation's function. */
  | { readonly type: "assign"; readonly worker: number; readonly invocation: number }
  | { readonly type: "run"; readonly worker: number; readonly invocation: number }
  | { readonly type: "freeze"; readonly worker: number }
  | { readonly type: "end"; readonly worker: number };

interface Worker {
  readonly id: number;
  readonly runtime: string;
  state: "starting-spare" | "spare" | "initialising" | "busy" | "idle";
  facts?: FunctionFacts;
  usableUntilMs: number;
  idleSinceMs: number;
}

interface Waiting {
  readonly invocation: number;
  readonly facts: FunctionFacts;
}

export interface SchedulerState {
  nextWorker: number;
  readonly workers: Map<number, Worker>;
  /** Idle workers by revision; the last one was used last and goes first. */
  readonly idleByRevision: Map<string, Worker[]>;
  /** All idle workers, in the order in which they became idle. */
  readonly idle: Set<Worker>;
  /** Invocations that wait for a start, by revision, first come first. */
  readonly waiting: Map<string, Waiting[]>;
  readonly waitingRevisions: Map<number, string>;
  /** Starts under way, in all and by revision. */
  starting: number;
  readonly startingByRevision: Map<string, number>;
  /** Invocations admitted and not over: by function, and by account for functions without reserved concurrency. */
  readonly runningByFunction: Map<string, number>;
  readonly runningUnreserved: Map<string, number>;
  /** The revision that is current, by function and version. */
  readonly current: Map<string, string>;
  readonly runtimeUsedMs: Map<string, number>;
}

export function createSchedulerState(): SchedulerState {
  return {
    nextWorker: 1,
    workers: new Map(),
    idleByRevision: new Map(),
    idle: new Set(),
    waiting: new Map(),
    waitingRevisions: new Map(),
    starting: 0,
    startingByRevision: new Map(),
    runningByFunction: new Map(),
    runningUnreserved: new Map(),
    current: new Map(),
    runtimeUsedMs: new Map(),
  };
}

/** @returns what to do now, in this order */
export function decide(state: SchedulerState, policy: Policy, observation: Observation, nowMs: number): Action[] {
  const actions: Action[] = [];
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
    case "spare-ready": {
      const worker = state.workers.get(observation.worker);
      if (worker?.state === "starting-spare") {
        worker.state = "spare";
        actions.push({ type: "freeze", worker: worker.id });
      }
      break;
    }
    case "initialised": {
      const worker = state.workers.get(observation.worker);
      if (worker?.state !== "initialising") break;
      worker.state = "busy";
      worker.usableUntilMs = observation.usableUntilMs;
      startOver(state, worker.facts!);
      startWaiting(state, policy, actions);
      break;
    }
    case "finished":
      finished(state, policy, observation.worker, nowMs, actions);
      break;
    case "gone":
      gone(state, policy, observation.worker, actions);
      break;
    case "retired":
      retired(state, observation.functionArn, observation.version, actions);
      break;
    case "time":
      expire(state, policy, nowMs, actions);
      break;
  }
  return actions;
}

/** When {@link decide} wants to be told of the time again; undefined when nothing waits for it. */
export function nextDueMs(state: SchedulerState, policy: Policy): number | undefined {
  let dueMs = Number.POSITIVE_INFINITY;
  const [oldest] = state.idle;
  if (oldest) dueMs = oldest.idleSinceMs + policy.keepAliveMs;
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
  const reserved = facts.concurrencyMax !== undefined;
  if (reserved && running(state.runningByFunction, facts.functionArn) >= facts.concurrencyMax!) {
    actions.push({ type: "refuse", invocation, reason: "ReservedFunctionConcurrentInvocationLimitExceeded" });
    return;
  }
  const unreservedMax = facts.unreservedConcurrencyMax ?? policy.accountConcurrency;
  if (!reserved && running(state.runningUnreserved, facts.account) >= unreservedMax) {
    actions.push({ type: "refuse", invocation, reason: "ConcurrentInvocationLimitExceeded" });
    return;
  }
  add(state.runningByFunction, facts.functionArn, 1);
  if (!reserved) add(state.runningUnreserved, facts.account, 1);
  if (facts.takesSpare) state.runtimeUsedMs.set(facts.runtime, nowMs);

  const place = placeOf(facts);
  const before = state.current.get(place);
  if (before !== facts.revision) {
    state.current.set(place, facts.revision);
    if (before !== undefined) endIdle(state, (idle) => idle.revision === before && placeOf(idle) === place, actions);
  }
  const worker = takeIdle(state, facts, nowMs, actions);
  if (worker) {
    worker.state = "busy";
    worker.facts = facts;
    actions.push({ type: "run", worker: worker.id, invocation });
    return;
  }
  const queue = state.waiting.get(facts.revision);
  if (queue) queue.push({ invocation, facts });
  else state.waiting.set(facts.revision, [{ invocation, facts }]);
  state.waitingRevisions.set(invocation, facts.revision);
  startWaiting(state, policy, actions);
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
  release(state, removed!.facts);
}

/** Starts workers for those who wait, as many as may start at once: always for the function that has fewest starting. */
function startWaiting(state: SchedulerState, policy: Policy, actions: Action[]): void {
  while (state.starting < policy.startsMax && state.waiting.size > 0) {
    let chosen: string | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    for (const revision of state.waiting.keys()) {
      const starting = running(state.startingByRevision, revision);
      if (starting < fewest) {
        fewest = starting;
        chosen = revision;
      }
    }
    const { invocation, facts } = takeWaiting(state, chosen!)!;
    state.starting++;
    add(state.startingByRevision, facts.revision, 1);
    const spare = facts.takesSpare ? findSpare(state, facts.runtime) : undefined;
    if (spare) {
      spare.state = "initialising";
      spare.facts = facts;
      actions.push({ type: "assign", worker: spare.id, invocation });
    } else {
      const worker = addWorker(state, facts.runtime, "initialising");
      worker.facts = facts;
      actions.push({ type: "start", worker: worker.id, invocation });
    }
  }
}

function finished(state: SchedulerState, policy: Policy, id: number, nowMs: number, actions: Action[]): void {
  const worker = state.workers.get(id);
  if (worker?.state !== "busy") return;
  const facts = worker.facts!;
  release(state, facts);
  const stale = state.current.get(placeOf(facts)) !== facts.revision;
  if (stale || nowMs + facts.timeoutMs > worker.usableUntilMs) {
    actions.push({ type: "end", worker: id });
    remove(state, worker);
  } else {
    const waiting = takeWaiting(state, facts.revision);
    if (waiting) {
      worker.facts = waiting.facts;
      actions.push({ type: "run", worker: id, invocation: waiting.invocation });
      return;
    }
    worker.state = "idle";
    worker.idleSinceMs = nowMs;
    state.idle.add(worker);
    const idle = state.idleByRevision.get(facts.revision);
    if (idle) idle.push(worker);
    else state.idleByRevision.set(facts.revision, [worker]);
    actions.push({ type: "freeze", worker: id });
    while (state.idle.size > policy.idleMax) endIdleWorker(state, [...state.idle][0]!, actions);
  }
  replenish(state, policy, actions);
}

function gone(state: SchedulerState, policy: Policy, id: number, actions: Action[]): void {
  const worker = state.workers.get(id);
  if (!worker) return;
  if (worker.state === "initialising") startOver(state, worker.facts!);
  if (worker.state === "initialising" || worker.state === "busy") release(state, worker.facts!);
  if (worker.state === "idle") leaveIdle(state, worker);
  remove(state, worker);
  startWaiting(state, policy, actions);
}

function retired(state: SchedulerState, functionArn: string, version: string | undefined, actions: Action[]): void {
  const matches = (facts: FunctionFacts) =>
    facts.functionArn === functionArn && (version === undefined || facts.version === version);
  endIdle(state, matches, actions);
  // Busy ones find, when they finish, that their revision is no longer current.
  const prefix = placeOf({ functionArn, version: version ?? "" });
  for (const place of state.current.keys())
    if (version === undefined ? place.startsWith(prefix) : place === prefix) state.current.delete(place);
}

function expire(state: SchedulerState, policy: Policy, nowMs: number, actions: Action[]): void {
  for (const worker of state.idle) {
    if (worker.idleSinceMs + policy.keepAliveMs > nowMs) break;
    endIdleWorker(state, worker, actions);
  }
  for (const [runtime, usedMs] of state.runtimeUsedMs) {
    if (usedMs + policy.spareIdleMs > nowMs) continue;
    state.runtimeUsedMs.delete(runtime);
    for (const worker of state.workers.values()) {
      if (worker.runtime !== runtime || (worker.state !== "spare" && worker.state !== "starting-spare")) continue;
      actions.push({ type: "end", worker: worker.id });
      remove(state, worker);
    }
  }
}

/** New spares in place of those that were taken, once nobody waits for a start. */
function replenish(state: SchedulerState, policy: Policy, actions: Action[]): void {
  if (state.starting > 0) return;
  for (const runtime of state.runtimeUsedMs.keys()) {
    let missing = policy.sparesPerRuntime;
    for (const worker of state.workers.values())
      if (worker.runtime === runtime && (worker.state === "spare" || worker.state === "starting-spare")) missing--;
    for (; missing > 0; missing--) {
      const { id } = addWorker(state, runtime, "starting-spare");
      actions.push({ type: "start-spare", worker: id, runtime });
    }
  }
}

function findSpare(state: SchedulerState, runtime: string): Worker | undefined {
  for (const worker of state.workers.values())
    if (worker.state === "spare" && worker.runtime === runtime) return worker;
  return undefined;
}

function takeIdle(state: SchedulerState, facts: FunctionFacts, nowMs: number, actions: Action[]): Worker | undefined {
  const idle = state.idleByRevision.get(facts.revision) ?? [];
  while (idle.length > 0) {
    const worker = idle.at(-1)!;
    if (nowMs + facts.timeoutMs <= worker.usableUntilMs) {
      leaveIdle(state, worker);
      return worker;
    }
    endIdleWorker(state, worker, actions);
  }
  return undefined;
}

function leaveIdle(state: SchedulerState, worker: Worker): void {
  state.idle.delete(worker);
  const { revision } = worker.facts!;
  const idle = state.idleByRevision.get(revision)!;
  idle.splice(idle.lastIndexOf(worker), 1);
  if (idle.length === 0) state.idleByRevision.delete(revision);
}

function endIdle(state: SchedulerState, matches: (facts: FunctionFacts) => boolean, actions: Action[]): void {
  for (const worker of state.idle) if (matches(worker.facts!)) endIdleWorker(state, worker, actions);
}

function endIdleWorker(state: SchedulerState, worker: Worker, actions: Action[]): void {
  leaveIdle(state, worker);
  remove(state, worker);
  actions.push({ type: "end", worker: worker.id });
}

function takeWaiting(state: SchedulerState, revision: string): Waiting | undefined {
  const queue = state.waiting.get(revision);
  const first = queue?.shift();
  if (first) state.waitingRevisions.delete(first.invocation);
  if (queue?.length === 0) state.waiting.delete(revision);
  return first;
}

function addWorker(state: SchedulerState, runtime: string, at: Worker["state"]): Worker {
  const worker: Worker = { id: state.nextWorker++, runtime, state: at, usableUntilMs: 0, idleSinceMs: 0 };
  state.workers.set(worker.id, worker);
  return worker;
}

function remove(state: SchedulerState, worker: Worker): void {
  state.workers.delete(worker.id);
}

function startOver(state: SchedulerState, facts: FunctionFacts): void {
  state.starting--;
  add(state.startingByRevision, facts.revision, -1);
}

function release(state: SchedulerState, facts: FunctionFacts): void {
  add(state.runningByFunction, facts.functionArn, -1);
  if (facts.concurrencyMax === undefined) add(state.runningUnreserved, facts.account, -1);
}

const running = (counts: ReadonlyMap<string, number>, key: string): number => counts.get(key) ?? 0;

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = running(counts, key) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

/** ARNs hold no line feed, so no version of one function is a prefix of another's. */
const placeOf = (facts: { readonly functionArn: string; readonly version: string }): string =>
  `${facts.functionArn}\n${facts.version}`;
