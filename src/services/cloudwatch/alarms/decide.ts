/**
 * What datapoints say about an alarm: M of N, and what is missing. Pure.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
import type { Comparison, StateValue } from "./state.ts";

export const COMPARE: Readonly<Record<Comparison, (value: number, threshold: number) => boolean>> = {
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  GreaterThanThreshold: (value, threshold) => value > threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
};

export type MissingData = "breaching" | "notBreaching" | "ignore" | "missing";

export interface Decision {
  /** Undefined: the state stays what it is. */
  readonly state: StateValue | undefined;
  /** Indices into the range of the datapoints that were looked at, oldest first. */
  readonly evaluated: readonly number[];
  readonly breaching: number;
  /** Periods that had to be filled in, because there were too few datapoints. */
  readonly missing: number;
}

/**
 * @param range whether each period of the evaluation range breaches, oldest first; undefined where there is no datapoint. It is longer than `evaluationPeriods`.
 */
export function decide(
  range: readonly (boolean | undefined)[],
  evaluationPeriods: number,
  datapointsToAlarm: number,
  treatMissing: MissingData,
): Decision {
  const real = range.map((breaches, index) => ({ breaches, index })).filter(({ breaches }) => breaches !== undefined);
  const used = real.slice(-evaluationPeriods);
  const breaching = used.filter(({ breaches }) => breaches).length;
  const missing = evaluationPeriods - used.length;
  const evaluated = used.map(({ index }) => index);
  const decided = (state: StateValue | undefined): Decision => ({ state, evaluated, breaching, missing });

  if (breaching >= datapointsToAlarm) return decided("ALARM");
  if (missing === 0 || treatMissing === "notBreaching") return decided("OK");
  if (treatMissing === "breaching") return decided(breaching + missing >= datapointsToAlarm ? "ALARM" : "OK");
  if (used.length === 0) return decided(treatMissing === "ignore" ? undefined : "INSUFFICIENT_DATA");
  if (breaching < used.length) return decided("OK");
  // All that came breaches, but too little came.
  if (treatMissing === "ignore") return decided(undefined);
  // The oldest breaching datapoint is at least as old as it takes, and nothing since speaks against it.
  return decided(range.length - used[0]!.index >= datapointsToAlarm ? "ALARM" : "OK");
}
