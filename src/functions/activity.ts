/**
 * Tells whoever watches what the workers are doing: counts per function after something has changed, at most once in a turn of the event loop,
 * and each cold start and throttle. Without anybody watching it costs nothing.
 */
import type { FunctionActivity, HostObserver } from "./host.ts";
import type { ThrottleReason } from "./scheduler/observations.ts";
import { placeKey, type SchedulerState } from "./scheduler/state.ts";
import { isSpare } from "./scheduler/workers.ts";

interface Named {
  readonly functionArn: string;
  readonly version: string;
}

export interface Activity {
  watch(observer: HostObserver): () => void;
  /** Something of this function has changed, or of no function: of the spares. */
  touch(of: Named | undefined): void;
  coldStart(of: Named, initMs: number): void;
  throttled(of: Named, reason: ThrottleReason): void;
}

export function createActivity(state: SchedulerState): Activity {
  const observers = new Set<HostObserver>();
  const touched = new Map<string, Named>();
  let due = false;

  const tell = (): void => {
    due = false;
    const changed = [...touched.values()].map((of) => countsOf(state, of));
    touched.clear();
    let spares = 0;
    for (const worker of state.workers.values()) if (isSpare(worker)) spares++;
    for (const observer of observers) observer.changed?.(changed, spares);
  };

  return {
    watch(observer) {
      observers.add(observer);
      return () => observers.delete(observer);
    },
    touch(of) {
      if (observers.size === 0) return;
      if (of) touched.set(placeKey(of.functionArn, of.version), of);
      if (due) return;
      due = true;
      setImmediate(tell);
    },
    coldStart({ functionArn, version }, initMs) {
      for (const observer of observers) observer.coldStart?.({ functionArn, version, initMs });
    },
    throttled({ functionArn, version }, reason) {
      for (const observer of observers) observer.throttled?.({ functionArn, version, reason });
    },
  };
}

export function countsOf(state: SchedulerState, { functionArn, version }: Named): FunctionActivity {
  const place = state.places.get(placeKey(functionArn, version));
  let initialising = 0;
  let busy = 0;
  for (const worker of place?.fn.working ?? []) {
    if (worker.place !== place) continue;
    if (worker.state === "busy") busy++;
    else initialising++;
  }
  return { functionArn, version, initialising, busy, idle: place?.idle.length ?? 0 };
}
