/**
 * The two alarms of a target tracking policy: three minutes above the target, fifteen below nine tenths of it. CloudWatch evaluates them on the
 * platform; a replay evaluates them here.
 */
import type { TrackingPolicy } from "./decide.ts";

export const PERIOD_SECONDS = 60;
export const ABOVE_PERIODS = 3;
export const BELOW_PERIODS = 15;
/** Of the target. AWS leaves a gap between its two alarms, so that they do not take turns. */
export const BELOW_SHARE = 0.9;

/**
 * @param values one a minute, the latest last; undefined where there is no data
 */
export function breachOf(
  target: number,
  values: readonly (number | undefined)[],
): Pick<TrackingPolicy, "breach" | "value"> {
  const above = lastOf(values, ABOVE_PERIODS);
  if (above?.every((value) => value > target)) return { breach: "above", value: above.at(-1)! };
  const below = lastOf(values, BELOW_PERIODS);
  if (below?.every((value) => value < target * BELOW_SHARE)) return { breach: "below", value: Math.max(...below) };
  return { breach: "none" };
}

/** The last values, if all of them are there. */
function lastOf(values: readonly (number | undefined)[], count: number): readonly number[] | undefined {
  const last = values.slice(-count);
  return last.length === count && last.every((value) => value !== undefined) ? last : undefined;
}
