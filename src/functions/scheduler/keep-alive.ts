/** How long an idle worker is kept, and who goes first when there is no room: one function for each question, over the three policies. */
import { createHistogram, recordPause, type Window, windowOf } from "./histogram.ts";
import type { Policy } from "./policy.ts";
import type { Place, SchedulerState, Worker } from "./state.ts";

/** A call has come to a function. */
export function learnCall(place: Place, policy: Policy, nowMs: number): void {
  place.frequency++;
  delete place.foreseen;
  if (policy.keepAlive !== "histogram" || place.running > 0 || place.lastEndMs === undefined) return;
  place.histogram ??= createHistogram();
  recordPause(place.histogram, Math.max(0, nowMs - place.lastEndMs));
}

/** How long a worker that is idle from now on is kept, and from when one is wanted, were this the function's last call for a while. */
export function windowFor(place: Place, policy: Policy): Window {
  switch (policy.keepAlive) {
    case "fixed":
      return { prewarmMs: 0, keepMs: policy.keepAliveMs };
    case "histogram":
      return windowOf(place.histogram);
    case "greedy-dual":
      return { prewarmMs: 0, keepMs: Number.POSITIVE_INFINITY };
  }
}

/** What a start cost where none has been measured. */
const COLD_MS = 100;

/** Greedy-dual: what it is worth to keep an idle worker of this function. */
export function worthOf(state: SchedulerState, place: Place, worker: Worker): number {
  return state.worthClock + (place.frequency * (place.coldMs ?? COLD_MS)) / Math.max(1, worker.memoryMb);
}

/** Who is ended first for want of room. */
export function leastWorth(state: SchedulerState, policy: Policy): Worker | undefined {
  let least: Worker | undefined;
  for (const worker of state.idle) {
    if (policy.keepAlive !== "greedy-dual") return worker;
    if (!least || worker.worth < least.worth) least = worker;
  }
  return least;
}
