/** How many workers there were in which state, second by second, since the page was opened. */
import { useSyncExternalStore } from "react";
import { onEvents } from "./events.ts";

export const STATES = ["busy", "initialising", "ready", "frozen"] as const;
export type WorkerState = (typeof STATES)[number];
export type Counts = Readonly<Partial<Record<WorkerState, number>>>;

export interface Sample {
  readonly atMs: number;
  /** By function name. */
  readonly functions: Readonly<Record<string, Counts>>;
}

const SAMPLES_MAX = 3600;
let samples: readonly Sample[] = [];
const listeners = new Set<() => void>();

onEvents((events) => {
  const fresh: Sample[] = [];
  for (const event of events) {
    if (event.type !== "workers") continue;
    const byArn = event["functions"] as Readonly<Record<string, Counts>>;
    const functions = Object.fromEntries(
      Object.entries(byArn).map(([arn, counts]) => [arn.split(":")[6] ?? arn, counts] as const),
    );
    fresh.push({ atMs: event["atMs"] as number, functions });
  }
  if (fresh.length === 0) return;
  samples = [...samples, ...fresh].slice(-SAMPLES_MAX);
  for (const listener of listeners) listener();
});

export function useWorkerSamples(): readonly Sample[] {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    () => samples,
  );
}
