/**
 * Provisioned concurrency: workers that are initialised before anybody calls, and stay. Calls take them first; what they cannot take goes to
 * ordinary workers.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
 */
import type { Action } from "./observations.ts";
import type { Policy } from "./policy.ts";
import { type Place, placeKey, type SchedulerState, type Worker } from "./state.ts";
import { becomeIdle, leaveIdle } from "./workers.ts";

export function setProvisioned(
  state: SchedulerState,
  policy: Policy,
  place: Place,
  wanted: number,
  nowMs: number,
  actions: Action[],
): void {
  const workers = place.provisioned?.workers ?? 0;
  place.provisioned = { wanted, workers, failed: false };
  for (let excess = workers - wanted; excess > 0; excess--) {
    const worker = oneOf(place);
    if (!worker) break;
    place.provisioned.workers--;
    worker.provisioned = false;
    if (worker.state !== "idle") continue;
    // From here on it is kept like any other.
    leaveIdle(state, worker);
    becomeIdle(state, policy, worker, nowMs, actions);
  }
  if (wanted === 0) delete place.provisioned;
  else state.lacking.add(place);
}

/** A worker to be let go: one that does nothing, if there is one. */
function oneOf(place: Place): Worker | undefined {
  const idle = place.idle.find((worker) => worker.provisioned);
  if (idle) return idle;
  for (const worker of place.fn.working) if (worker.provisioned && worker.place === place) return worker;
  return undefined;
}

export interface Provision {
  readonly wanted: number;
  /** Initialised and there: idle or busy. */
  readonly allocated: number;
  /** An initialisation has failed; nothing further is tried until it is asked for again. */
  readonly failed: boolean;
}

export function provisionOf(state: SchedulerState, functionArn: string, version: string): Provision | undefined {
  const place = state.places.get(placeKey(functionArn, version));
  if (!place?.provisioned) return undefined;
  const { wanted, failed, workers } = place.provisioned;
  let initialising = 0;
  for (const worker of place.fn.working)
    if (worker.provisioned && worker.place === place && worker.state === "initialising") initialising++;
  return { wanted, allocated: workers - initialising, failed };
}

export const isProvisioned = (state: SchedulerState, functionArn: string, version: string): boolean =>
  state.places.get(placeKey(functionArn, version))?.provisioned !== undefined;
