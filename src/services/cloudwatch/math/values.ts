/** What metric math computes with: scalars, time series, lists of them. Pure. */
import { ExpressionError, type Operator } from "./parse.ts";

export interface Series {
  readonly label: string;
  readonly periodSeconds: number;
  /** Start of the period in ms → value. */
  readonly points: ReadonlyMap<number, number>;
}

/** A name without quotes where a function takes one: REPEAT, ASC … */
export interface Word {
  readonly word: string;
}

export type Value = number | Series | readonly Series[] | string | Word;

export const isSeries = (value: Value): value is Series => typeof value === "object" && "points" in value;
export const isList = (value: Value): value is readonly Series[] => Array.isArray(value);

/** Applied to each value of a series, a list, or a scalar; what is no number any more (a division by zero) is left out. */
export function mapped(value: Value, change: (value: number, atMs: number) => number): Value {
  if (typeof value === "number") return change(value, 0);
  if (isSeries(value)) return mapSeries(value, change);
  if (isList(value)) return value.map((series) => mapSeries(series, change));
  throw new ExpressionError("a text stands where numbers are expected");
}

export function mapSeries(series: Series, change: (value: number, atMs: number) => number): Series {
  const points = new Map<number, number>();
  for (const [atMs, value] of series.points) {
    const changed = change(value, atMs);
    if (Number.isFinite(changed)) points.set(atMs, changed);
  }
  return { ...series, points };
}

const APPLY: Readonly<Record<Operator, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "^": (left, right) => left ** right,
  "==": (left, right) => Number(left === right),
  "!=": (left, right) => Number(left !== right),
  "<": (left, right) => Number(left < right),
  "<=": (left, right) => Number(left <= right),
  ">": (left, right) => Number(left > right),
  ">=": (left, right) => Number(left >= right),
  AND: (left, right) => Number(left !== 0 && right !== 0),
  OR: (left, right) => Number(left !== 0 || right !== 0),
};

/** Two series meet where both have a datapoint. */
export function combined(operator: Operator, left: Value, right: Value): Value {
  const apply = APPLY[operator];
  if (typeof right === "number") return mapped(left, (value) => apply(value, right));
  if (typeof left === "number") return mapped(right, (value) => apply(left, value));
  if (isSeries(left) && isSeries(right)) return zipped(left, right, apply);
  if (isList(left) && isSeries(right)) return left.map((series) => zipped(series, right, apply));
  if (isSeries(left) && isList(right)) return right.map((series) => zipped(left, series, apply));
  throw new ExpressionError("two lists of time series cannot be combined");
}

function zipped(left: Series, right: Series, apply: (left: number, right: number) => number): Series {
  samePeriod([left, right]);
  return mapSeries(left, (value, atMs) => {
    const other = right.points.get(atMs);
    return other === undefined ? Number.NaN : apply(value, other);
  });
}

/** The period that all share. */
export function samePeriod(list: readonly Series[]): number {
  const period = list[0]?.periodSeconds ?? 60;
  if (list.some((series) => series.periodSeconds !== period))
    throw new ExpressionError("all time series of an expression must have the same period");
  return period;
}
