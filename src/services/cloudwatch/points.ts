/**
 * A datapoint: what was measured in one period, in a form that can be added to any other. Pure.
 *
 * Beside the four numbers of a statistic set it keeps how often each value occurred, for percentiles and trimmed statistics. At most
 * {@link DISTINCT_MAX} values are kept as they are; past that, values are gathered into buckets 2 % wide, so that a percentile is off by at most 1 %.
 */

/** `values`: value, count, value, count …, values ascending; absent when every value was the same (then it is `min`), or is not known. */
export interface Point {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly values?: readonly number[];
  /** A statistic set without its values was added: percentiles cannot be told any more. */
  readonly opaque?: true;
}

export const DISTINCT_MAX = 128;
const BUCKET = Math.log(1.02);

export const pointOf = (value: number, count = 1): Point => ({ count, sum: value * count, min: value, max: value });

/** A point of values and how often each occurred. */
export function pointOfValues(values: readonly number[], counts: readonly number[]): Point | undefined {
  let point: Point | undefined;
  for (const [index, value] of values.entries()) {
    if (counts[index]! > 0)
      point = point === undefined ? pointOf(value, counts[index]!) : plus(point, pointOf(value, counts[index]!));
  }
  return point;
}

/** A statistic set: its values are known only where they are all the same. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_StatisticSet.html */
export function pointOfSet(set: { count: number; sum: number; min: number; max: number }): Point {
  return set.count === 1 || set.min === set.max ? { ...set } : { ...set, opaque: true };
}

/** Both together. Commutative, and associative but for the rounding of sums. */
export function plus(left: Point, right: Point): Point {
  const sums = {
    count: left.count + right.count,
    sum: left.sum + right.sum,
    min: Math.min(left.min, right.min),
    max: Math.max(left.max, right.max),
  };
  if (left.opaque || right.opaque) return { ...sums, opaque: true };
  if (sums.min === sums.max) return sums;
  return { ...sums, values: gathered(distribution(left)!, distribution(right)!) };
}

/** Value, count, value, count …, ascending; undefined when it is not known. */
export function distribution(point: Point): readonly number[] | undefined {
  if (point.opaque) return undefined;
  return point.values ?? [point.min, point.count];
}

function gathered(left: readonly number[], right: readonly number[]): number[] {
  const merged = merge(left, right);
  if (merged.length <= 2 * DISTINCT_MAX) return merged;
  const coarse: number[] = [];
  for (let at = 0; at < merged.length; at += 2) append(coarse, bucketOf(merged[at]!), merged[at + 1]!);
  return coarse;
}

function merge(left: readonly number[], right: readonly number[]): number[] {
  const merged: number[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    if (r >= right.length || (l < left.length && left[l]! <= right[r]!)) {
      append(merged, left[l]!, left[l + 1]!);
      l += 2;
    } else {
      append(merged, right[r]!, right[r + 1]!);
      r += 2;
    }
  }
  return merged;
}

function append(pairs: number[], value: number, count: number): void {
  if (pairs.length > 0 && pairs[pairs.length - 2] === value) pairs[pairs.length - 1]! += count;
  else pairs.push(value, count);
}

/** The middle of the value's bucket; the same value again for what is a middle already. */
function bucketOf(value: number): number {
  if (value === 0) return 0;
  const size = Math.exp(Math.round(Math.log(Math.abs(value)) / BUCKET) * BUCKET);
  return value < 0 ? -size : size;
}
