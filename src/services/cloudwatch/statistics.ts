/**
 * Statistics by name: `Average`, `p99.9`, `tm(10%:90%)`. Pure.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
 */
import { distribution, type Point } from "./points.ts";

/** The value of a statistic over a point; undefined where it cannot be told: percentiles of negative values or of statistic sets. */
export type StatisticOf = (point: Point) => number | undefined;

export const BASIC = {
  SampleCount: (point) => point.count,
  Average: (point) => (point.count === 0 ? undefined : point.sum / point.count),
  Sum: (point) => point.sum,
  Minimum: (point) => point.min,
  Maximum: (point) => point.max,
} as const satisfies Readonly<Record<string, StatisticOf>>;

/** One side of a range: a share of the values (0 to 1), a value, or open. */
type Bound = { readonly share: number } | { readonly value: number } | undefined;

/** @returns undefined when the text names no statistic */
export function parseStatistic(text: string): StatisticOf | undefined {
  if (Object.hasOwn(BASIC, text)) return BASIC[text as keyof typeof BASIC];
  return parseExtended(text);
}

/** Extended statistics alone. */
export function parseExtended(text: string): StatisticOf | undefined {
  if (/^iqm$/i.test(text)) return range("tm", { share: 0.25 }, { share: 0.75 });
  const single = /^(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)$/i.exec(text);
  if (single) {
    const share = Number(single[2]) / 100;
    const kind = single[1]!.toLowerCase();
    return kind === "p" ? (point) => percentile(point, share) : range(kind, undefined, { share });
  }
  const pair = /^(tm|wm|tc|ts|pr)\(([^:)]*):([^:)]*)\)$/i.exec(text);
  if (!pair) return undefined;
  const low = bound(pair[2]!);
  const high = bound(pair[3]!);
  if (low === null || high === null || (low === undefined && high === undefined)) return undefined;
  const kind = pair[1]!.toLowerCase();
  const isShare = (side: Bound) => side !== undefined && "share" in side;
  const isValue = (side: Bound) => side !== undefined && "value" in side;
  // Both sides are percentages or both are values; a percentile rank takes values alone.
  if ((isShare(low) && isValue(high)) || (isValue(low) && isShare(high))) return undefined;
  if (kind === "pr" && (isShare(low) || isShare(high))) return undefined;
  return range(kind, low, high);
}

/** Null when it is neither. */
function bound(text: string): Bound | null {
  if (text === "") return undefined;
  const match = /^(-?\d+(?:\.\d+)?)(%?)$/.exec(text);
  if (!match) return null;
  const number = Number(match[1]);
  if (match[2] === "") return { value: number };
  return number >= 0 && number <= 100 ? { share: number / 100 } : null;
}

const known = (point: Point): readonly number[] | undefined => (point.min < 0 ? undefined : distribution(point));

/** The smallest value with at least that share of all values at or below it (nearest rank). */
function percentile(point: Point, share: number): number | undefined {
  const values = known(point);
  if (values === undefined) return undefined;
  const rank = Math.max(share * point.count, Number.MIN_VALUE);
  let below = 0;
  for (let at = 0; at < values.length; at += 2) {
    below += values[at + 1]!;
    // A share such as 0.1 × 30 is a hair above 3.
    if (below >= rank - 1e-9 * point.count) return values[at]!;
  }
  return point.max;
}

/**
 * Statistics of the part of the values between two bounds: its mean (`tm`), the mean with what lies outside pulled to the bounds (`wm`), its count
 * (`tc`), its sum (`ts`), its share in percent (`pr`).
 */
function range(kind: string, low: Bound, high: Bound): StatisticOf {
  return (point) => {
    const values = known(point);
    if (values === undefined) return undefined;
    let count = 0;
    let sum = 0;
    let seen = 0;
    let first: number | undefined;
    let last: number | undefined;
    let before = 0;
    let after = 0;
    for (let at = 0; at < values.length; at += 2) {
      const value = values[at]!;
      const times = values[at + 1]!;
      const inside = overlap(value, seen, times, point.count, low, high);
      if (inside > 0) {
        first ??= value;
        last = value;
        count += inside;
        sum += value * inside;
      }
      if (first === undefined) before += times;
      else if (inside < times) after += times - inside;
      seen += times;
    }
    if (kind === "tc") return count;
    if (kind === "ts") return sum;
    if (kind === "pr") return (100 * count) / point.count;
    if (first === undefined) return undefined;
    if (kind === "tm") return sum / count;
    return (sum + before * first + after * last!) / point.count;
  };
}

/** How many of `times` equal values, which come after `seen` smaller ones, lie within the bounds: low excluded, high included, as AWS describes ranges. */
function overlap(value: number, seen: number, times: number, total: number, low: Bound, high: Bound): number {
  if (low && "value" in low && value <= low.value) return 0;
  if (high && "value" in high && value > high.value) return 0;
  const from = low && "share" in low ? Math.round(low.share * total) : 0;
  const to = high && "share" in high ? Math.round(high.share * total) : total;
  return Math.max(0, Math.min(seen + times, to) - Math.max(seen, from));
}
