/** One trace under several policies, and the table that sets them side by side. */
import { KEEP_ALIVES, type KeepAlive, type Policy } from "../scheduler/policy.ts";
import { type Outcome, replay, UNBOUNDED } from "./replay.ts";
import { MINUTE_MS, type Trace } from "./trace.ts";

export interface Setting {
  readonly keepAlive: KeepAlive;
  /** With `fixed`. */
  readonly minutes?: number;
  /** For idle workers in all; unbounded when absent. */
  readonly idleMemoryMb?: number;
}

export interface Compared extends Setting {
  readonly outcome: Outcome;
}

/** What greedy-dual has when nobody says: without a bound it would keep everything for ever. */
const GREEDY_MEMORY_MB = 4096;
const FIXED_MINUTES = 5;

/** Every policy once, or the chosen ones. */
export function settingsOf(
  chosen: readonly KeepAlive[] | undefined,
  minutes?: number,
  idleMemoryMb?: number,
): Setting[] {
  return (chosen ?? KEEP_ALIVES).map((keepAlive) => {
    const memory = idleMemoryMb ?? (keepAlive === "greedy-dual" ? GREEDY_MEMORY_MB : undefined);
    return {
      keepAlive,
      ...(keepAlive === "fixed" && { minutes: minutes ?? FIXED_MINUTES }),
      ...(memory !== undefined && { idleMemoryMb: memory }),
    };
  });
}

export const nameOf = ({ keepAlive, minutes, idleMemoryMb }: Setting): string =>
  [
    keepAlive,
    minutes === undefined ? "" : ` ${minutes} min`,
    idleMemoryMb === undefined ? "" : `, ${idleMemoryMb} MB`,
  ].join("");

export function policyFor({ keepAlive, minutes, idleMemoryMb }: Setting): Policy {
  return {
    ...UNBOUNDED,
    keepAlive,
    ...(minutes !== undefined && { keepAliveMs: minutes * MINUTE_MS }),
    ...(idleMemoryMb !== undefined && { idleMemoryMaxMb: idleMemoryMb }),
  };
}

/** @param progress told which policy is played, and how many calls of it have been */
export function compare(
  trace: Trace,
  settings: readonly Setting[],
  seed: number,
  progress?: (setting: Setting, calls: number) => void,
): Compared[] {
  return settings.map((setting) => ({
    ...setting,
    outcome: replay(trace, policyFor(setting), seed, progress && ((calls) => progress(setting, calls))),
  }));
}

const percent = (part: number): string => `${(part * 100).toFixed(2)} %`;

export const COLUMNS = [
  "policy",
  "cold starts",
  "of all calls",
  "median function",
  "75th percentile",
  "made ready",
  "in vain",
  "idle GB-h",
  "idle peak MB",
  "waited s",
  "throttled",
] as const;

export const rowOf = (compared: Compared): string[] => {
  const { outcome } = compared;
  return [
    nameOf(compared),
    String(outcome.cold),
    percent(outcome.cold / outcome.calls),
    percent(outcome.coldShareMedian),
    percent(outcome.coldShare75),
    String(outcome.prewarmed),
    String(outcome.prewarmedInVain),
    outcome.idleGbHours.toFixed(1),
    outcome.idlePeakMb.toFixed(0),
    (outcome.waitedMs / 1000).toFixed(1),
    String(outcome.throttled),
  ];
};
