/**
 * Fairness between functions on the processor. Whoever runs many workers shares one function's part among them: each gets half as much whenever
 * their number doubles. So a function with a thousand calls takes no more from another than one with a single call does.
 */
import type { Action } from "./observations.ts";
import type { FunctionLoad, Worker } from "./state.ts";

/** A share that was not needed for this long grows again. Sooner, a number that goes up and down would move it at every call. */
const RELAX_MS = 10_000;

/** A worker begins to initialise or to run. */
export function joinWorking(fn: FunctionLoad, worker: Worker, nowMs: number, actions: Action[]): void {
  fn.working.add(worker);
  if (fn.working.size * fn.share * 4 > 1) fn.shareNeededMs = nowMs;
  const wasAt = fn.share;
  while (fn.working.size * fn.share > 1) fn.share /= 2;
  if (fn.share !== wasAt) for (const other of fn.working) weigh(other, fn.share, actions);
  else weigh(worker, fn.share, actions);
}

/** A worker is idle or gone. */
export function leaveWorking(fn: FunctionLoad, worker: Worker, nowMs: number, actions: Action[]): void {
  if (!fn.working.delete(worker) || fn.share === 1) return;
  if (nowMs - fn.shareNeededMs < RELAX_MS) return;
  const wasAt = fn.share;
  while (fn.share < 1 && fn.working.size * fn.share * 4 <= 1) fn.share *= 2;
  if (fn.share !== wasAt) for (const other of fn.working) weigh(other, fn.share, actions);
}

function weigh(worker: Worker, share: number, actions: Action[]): void {
  if (worker.share === share) return;
  worker.share = share;
  actions.push({ type: "weigh", worker: worker.id, share });
}
