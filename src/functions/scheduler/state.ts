/** What the scheduler remembers, and the look-ups that create what is asked for the first time. */
import { createHeap, type Heap } from "../heap.ts";
import type { IdleHistogram } from "./histogram.ts";
import type { FunctionFacts, ProcessorUse } from "./observations.ts";

export interface Worker {
  readonly id: number;
  readonly runtime: string;
  state: "starting-spare" | "spare" | "initialising" | "busy" | "idle" | "gone";
  facts?: FunctionFacts;
  place?: Place;
  /** Initialising although nobody waits. */
  ahead: boolean;
  /** Counts as provisioned concurrency. */
  provisioned: boolean;
  /** What its invocation counts against. */
  claim?: Claim;
  /** When its credentials end. */
  usableUntilMs: number;
  idleSinceMs: number;
  /** When it is to be ended, should it still be idle. */
  idleUntilMs: number;
  /** Greedy-dual: what it is worth to be kept. */
  worth: number;
  memoryMb: number;
  share: number;
  /** At work, and taken to want the processor. */
  hungry: boolean;
  /** What it had used when it was last looked at, and when that was; absent when it has not been since it began to work. */
  use?: ProcessorUse;
  usedAtMs: number;
}

/** What an admitted invocation counts against until it is over. */
export interface Claim {
  readonly fn: FunctionLoad;
  /** Absent with reserved concurrency, and on a provisioned worker. */
  readonly account?: AccountLoad;
}

export interface Waiting {
  readonly invocation: number;
  readonly facts: FunctionFacts;
  readonly place: Place;
  readonly claim: Claim;
  readonly sinceMs: number;
}

/** Tokens that come back with time: one bucket of so many a second. */
export interface Bucket {
  tokens: number;
  atMs: number;
}

/** A function, all its versions together. */
export interface FunctionLoad {
  readonly functionArn: string;
  /** Admitted and not over. */
  running: number;
  /** Workers being initialised for calls that wait. */
  starting: number;
  /** Workers that are initialising or busy: who shares the function's part of the processor. */
  readonly working: Set<Worker>;
  share: number;
  /** When so small a share was last needed. */
  shareNeededMs: number;
  starts?: Bucket;
  calls?: Bucket;
  places: number;
}

export interface AccountLoad {
  running: number;
  calls?: Bucket;
}

/** One version of one function. */
export interface Place {
  readonly key: string;
  readonly fn: FunctionLoad;
  /** The revision that is current; undefined once retired. */
  revision?: string;
  facts: FunctionFacts;
  /** Last used last. */
  readonly idle: Worker[];
  /** Workers of every state. */
  workers: number;
  /** Admitted and not over. */
  running: number;
  lastEndMs?: number;
  /** Workers that are initialising although nobody waits. */
  ahead: number;
  /** As last measured. */
  memoryMb?: number;
  coldMs?: number;
  /** Greedy-dual: calls since the function last had no worker. */
  frequency: number;
  histogram?: IdleHistogram;
  /** A worker is to be started then, for a call that is foreseen; and kept until then if it does not come. */
  foreseen?: { readonly startMs: number; readonly untilMs: number };
  provisioned?: { wanted: number; workers: number; failed: boolean };
}

interface Due {
  readonly dueMs: number;
  readonly worker?: Worker;
  readonly place?: Place;
}

export interface SchedulerState {
  /** Of the observation that is being decided. */
  nowMs: number;
  nextWorker: number;
  readonly workers: Map<number, Worker>;
  /** Idle workers that may be ended, in the order in which they became idle. */
  readonly idle: Set<Worker>;
  idleMemoryMb: number;
  /** What all workers hold. */
  memoryMb: number;
  /** Invocations that wait for a start, by revision, first come first; the revision served last stands last. */
  readonly waiting: Map<string, Waiting[]>;
  readonly waitingRevisions: Map<number, string>;
  /** Starts under way. */
  starting: number;
  /** Workers that are initialising or busy. */
  working: number;
  /** Starts stand still for want of memory. */
  full: boolean;
  /** Starts stand still for want of processor. */
  held: boolean;
  /** Workers that are hungry. */
  hungry: number;
  /** How many hungry ones the machine could feed when it was last looked at; 0 when it had nothing left. */
  hungryFed: number;
  /** A look at the machine has been asked for. */
  looking: boolean;
  readonly places: Map<string, Place>;
  readonly functions: Map<string, FunctionLoad>;
  readonly accounts: Map<string, AccountLoad>;
  /** Places whose provisioned concurrency is not there yet. */
  readonly lacking: Set<Place>;
  readonly runtimeUsedMs: Map<string, number>;
  /** Greedy-dual: the worth of whoever was ended last. */
  worthClock: number;
  readonly due: Heap<Due>;
}

export function createSchedulerState(): SchedulerState {
  return {
    nowMs: 0,
    nextWorker: 1,
    workers: new Map(),
    idle: new Set(),
    idleMemoryMb: 0,
    memoryMb: 0,
    waiting: new Map(),
    waitingRevisions: new Map(),
    starting: 0,
    working: 0,
    full: false,
    held: false,
    hungry: 0,
    hungryFed: 0,
    looking: false,
    places: new Map(),
    functions: new Map(),
    accounts: new Map(),
    lacking: new Set(),
    runtimeUsedMs: new Map(),
    worthClock: 0,
    due: createHeap<Due>((left, right) => left.dueMs < right.dueMs),
  };
}

/** Versions of functions that are remembered; beyond it, those go that have no worker and were known first. */
const PLACES_MAX = 20_000;

/** ARNs hold no line feed, so no version of one function is a prefix of another's. */
export const placeKey = (functionArn: string, version: string): string => `${functionArn}\n${version}`;

export function placeOf(state: SchedulerState, facts: FunctionFacts): Place {
  const key = placeKey(facts.functionArn, facts.version);
  const known = state.places.get(key);
  if (known) return known;
  let fn = state.functions.get(facts.functionArn);
  if (!fn) {
    fn = {
      functionArn: facts.functionArn,
      running: 0,
      starting: 0,
      working: new Set(),
      share: 1,
      shareNeededMs: 0,
      places: 0,
    };
    state.functions.set(facts.functionArn, fn);
  }
  fn.places++;
  const place: Place = { key, fn, facts, idle: [], workers: 0, running: 0, ahead: 0, frequency: 0 };
  state.places.set(key, place);
  if (state.places.size > PLACES_MAX)
    for (const other of state.places.values()) {
      if (state.places.size <= PLACES_MAX) break;
      forget(state, other);
    }
  return place;
}

/** Forgets a place, unless something of it is left. */
export function forget(state: SchedulerState, place: Place): void {
  if (place.workers > 0 || place.running > 0 || place.provisioned) return;
  delete place.foreseen;
  if (!state.places.delete(place.key)) return;
  if (--place.fn.places === 0) state.functions.delete(place.fn.functionArn);
}

export function accountOf(state: SchedulerState, account: string): AccountLoad {
  let load = state.accounts.get(account);
  if (!load) {
    load = { running: 0 };
    state.accounts.set(account, load);
  }
  return load;
}

// --- what time is waited for ------------------------------------------------------------------------------------------------------------------

const isCurrent = ({ dueMs, worker, place }: Due): boolean =>
  worker ? worker.state === "idle" && worker.idleUntilMs === dueMs : place!.foreseen?.startMs === dueMs;

export function setDue(state: SchedulerState, due: Due): void {
  if (due.dueMs === Number.POSITIVE_INFINITY) return;
  state.due.push(due);
  // Entries that were overtaken stay behind until there are too many of them.
  if (state.due.size > 2 * (state.idle.size + state.places.size) + 64) state.due.filter(isCurrent);
}

/** What is due by now, one at a time. */
export function takeDue(state: SchedulerState, nowMs: number): Due | undefined {
  for (let next = state.due.peek(); next && next.dueMs <= nowMs; next = state.due.peek()) {
    state.due.pop();
    if (isCurrent(next)) return next;
  }
  return undefined;
}

export function earliestDueMs(state: SchedulerState): number {
  for (let next = state.due.peek(); next; next = state.due.peek()) {
    if (isCurrent(next)) return next.dueMs;
    state.due.pop();
  }
  return Number.POSITIVE_INFINITY;
}
