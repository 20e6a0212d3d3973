/**
 * The functions of metric math. Pure.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html#metric-math-syntax-functions-list
 */
import { ExpressionError } from "./parse.ts";
import { isList, isSeries, mapped, mapSeries, type Series, samePeriod, type Value, type Word } from "./values.ts";

/** What functions see of the request. */
export interface Scope {
  /** Period starts of the whole window, ascending. */
  times(periodSeconds: number): readonly number[];
  /** Every metric of the request whose id contains the text. */
  metrics(part: string): readonly Series[];
  search(expression: string, statistic: string, periodSeconds: number): readonly Series[];
  /** The period of an expression that has no metric in it. */
  readonly periodSeconds: number;
}

type Function = (values: readonly Value[], scope: Scope) => Value;

const SEARCH_PERIOD = 300;

/** A summary: of a series a scalar, of a list a series, of a scalar itself. */
function summary(fold: (values: readonly number[]) => number): Function {
  return ([value]) => {
    if (value === undefined) throw new ExpressionError("an argument is missing");
    if (typeof value === "number") return value;
    if (isSeries(value)) return fold([...value.points.values()]);
    if (!isList(value)) throw new ExpressionError("a text stands where numbers are expected");
    const periodSeconds = samePeriod(value);
    const columns = new Map<number, number[]>();
    for (const series of value) {
      for (const [atMs, number] of series.points) {
        const column = columns.get(atMs);
        if (column) column.push(number);
        else columns.set(atMs, [number]);
      }
    }
    const points = new Map(
      [...columns].sort(([left], [right]) => left - right).map(([at, column]) => [at, fold(column)]),
    );
    return { label: "", periodSeconds, points };
  };
}

const each =
  (change: (value: number, atMs: number) => number): Function =>
  ([value]) =>
    mapped(value ?? missing(), change);

/** A function of a series' course: applied to each series of a list. */
const along =
  (change: (series: Series) => ReadonlyMap<number, number>): Function =>
  ([value]) => {
    const one = (series: Series): Series => ({ ...series, points: change(series) });
    if (value !== undefined && isSeries(value)) return one(value);
    if (value !== undefined && isList(value)) return value.map(one);
    throw new ExpressionError("a time series is expected");
  };

function missing(): never {
  throw new ExpressionError("an argument is missing");
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const average = (values: readonly number[]) => sum(values) / values.length;
const FOLDS = {
  AVG: average,
  SUM: sum,
  MIN: (values: readonly number[]) => values.reduce((least, value) => Math.min(least, value), Infinity),
  MAX: (values: readonly number[]) => values.reduce((most, value) => Math.max(most, value), -Infinity),
} as const;

function listOf(value: Value | undefined): readonly Series[] {
  if (value !== undefined && isSeries(value)) return [value];
  if (value !== undefined && isList(value)) return value;
  throw new ExpressionError("a list of time series is expected");
}

function numberOf(value: Value | undefined): number {
  if (typeof value !== "number") throw new ExpressionError("a number is expected");
  return value;
}

function textOf(value: Value | undefined): string {
  if (typeof value !== "string") throw new ExpressionError("a text in quotes is expected");
  return value;
}

const wordOf = (value: Value | undefined): string => (value as Word | undefined)?.word?.toUpperCase() ?? "";

/** Each datapoint with the one before it. */
function* neighbours(series: Series): Generator<[atMs: number, value: number, beforeMs: number, before: number]> {
  let previous: [number, number] | undefined;
  for (const [atMs, value] of series.points) {
    if (previous) yield [atMs, value, previous[0], previous[1]];
    previous = [atMs, value];
  }
}

const fromNeighbours = (change: (atMs: number, value: number, beforeMs: number, before: number) => number): Function =>
  along(
    (series) =>
      new Map(
        [...neighbours(series)].map(([at, value, beforeMs, before]) => [at, change(at, value, beforeMs, before)]),
      ),
  );

function fill(series: Series, filler: Value, scope: Scope): Series {
  const times = scope.times(series.periodSeconds);
  const points = new Map<number, number>();
  const word = wordOf(filler);
  for (const [index, atMs] of times.entries()) {
    const value = series.points.get(atMs) ?? filling(index, atMs);
    if (value !== undefined) points.set(atMs, value);
  }
  return { ...series, points };

  function filling(index: number, atMs: number): number | undefined {
    if (typeof filler === "number") return filler;
    if (isSeries(filler)) return filler.points.get(atMs);
    let before = index - 1;
    while (before >= 0 && !series.points.has(times[before]!)) before--;
    const start = before >= 0 ? series.points.get(times[before]!)! : undefined;
    if (word === "REPEAT") return start;
    let later = index + 1;
    while (later < times.length && !series.points.has(times[later]!)) later++;
    if (start === undefined || later >= times.length) return undefined;
    return start + ((series.points.get(times[later]!)! - start) * (index - before)) / (later - before);
  }
}

function choose(condition: Value, then: Value, otherwise: Value | undefined): Value {
  const at = (value: Value | undefined, atMs: number): number =>
    value === undefined
      ? Number.NaN
      : typeof value === "number"
        ? value
        : isSeries(value)
          ? (value.points.get(atMs) ?? Number.NaN)
          : missing();
  if (typeof condition === "number")
    return condition !== 0 ? then : (otherwise ?? { label: "", periodSeconds: 60, points: new Map() });
  if (isList(condition)) return condition.map((series) => choose(series, then, otherwise) as Series);
  if (!isSeries(condition)) throw new ExpressionError("IF takes a time series or a number");
  return mapSeries(condition, (value, atMs) => at(value !== 0 ? then : otherwise, atMs));
}

function flat(series: Pick<Series, "label" | "periodSeconds">, value: number, scope: Scope): Series {
  return { ...series, points: new Map(scope.times(series.periodSeconds).map((atMs) => [atMs, value])) };
}

const utc = (part: (date: Date) => number): Function => each((_value, atMs) => part(new Date(atMs)));

export const FUNCTIONS: Readonly<Record<string, Function>> = {
  ABS: each(Math.abs),
  AVG: summary(FOLDS.AVG),
  CEIL: each(Math.ceil),
  DATAPOINT_COUNT: ([value]) => {
    const count = (series: Series) => series.points.size;
    if (value !== undefined && isSeries(value)) return count(value);
    return summary((column) => column.length)([listOf(value)], undefined as never);
  },
  DATE: utc((date) => date.getUTCDate()),
  // Monday is 1.
  DAY: utc((date) => date.getUTCDay() || 7),
  DIFF: fromNeighbours((_at, value, _beforeMs, before) => value - before),
  DIFF_TIME: fromNeighbours((atMs, _value, beforeMs) => (atMs - beforeMs) / 1000),
  EPOCH: each((_value, atMs) => atMs / 1000),
  FILL: ([value, filler], scope) => {
    const isFiller =
      typeof filler === "number" ||
      (filler !== undefined && isSeries(filler)) ||
      /^(REPEAT|LINEAR)$/.test(wordOf(filler));
    if (!isFiller) throw new ExpressionError("FILL takes a number, a time series, REPEAT or LINEAR");
    if (value !== undefined && isSeries(value)) return fill(value, filler!, scope);
    return listOf(value).map((series) => fill(series, filler!, scope));
  },
  FIRST: ([value]) => listOf(value)[0] ?? { label: "", periodSeconds: 60, points: new Map() },
  FLOOR: each(Math.floor),
  HOUR: utc((date) => date.getUTCHours()),
  IF: ([condition, then, otherwise]) => choose(condition ?? missing(), then ?? missing(), otherwise),
  LAST: ([value]) => listOf(value).at(-1) ?? { label: "", periodSeconds: 60, points: new Map() },
  LOG: each(Math.log),
  LOG10: each(Math.log10),
  MAX: summary(FOLDS.MAX),
  METRIC_COUNT: ([value]) => listOf(value).length,
  METRICS: ([part], scope) => scope.metrics(part === undefined ? "" : textOf(part)),
  MIN: summary(FOLDS.MIN),
  MINUTE: utc((date) => date.getUTCMinutes()),
  MONTH: utc((date) => date.getUTCMonth() + 1),
  PERIOD: ([value]) => samePeriod(listOf(value)),
  RATE: fromNeighbours((atMs, value, beforeMs, before) => (value - before) / ((atMs - beforeMs) / 1000)),
  REMOVE_EMPTY: ([value]) => listOf(value).filter(({ points }) => points.size > 0),
  RUNNING_SUM: along((series) => {
    let total = 0;
    return new Map([...series.points].map(([atMs, value]) => [atMs, (total += value)]));
  }),
  SEARCH: ([expression, statistic, period], scope) =>
    scope.search(textOf(expression), textOf(statistic), period === undefined ? SEARCH_PERIOD : numberOf(period)),
  SLICE: ([value, start, end]) => listOf(value).slice(numberOf(start), end === undefined ? undefined : numberOf(end)),
  SORT: ([value, by, order, count]) => {
    const fold = FOLDS[wordOf(by) as keyof typeof FOLDS];
    const direction = wordOf(order);
    if (!fold || (direction !== "ASC" && direction !== "DESC"))
      throw new ExpressionError("SORT takes AVG, SUM, MIN or MAX and ASC or DESC");
    const worth = (series: Series) => (series.points.size === 0 ? -Infinity : fold([...series.points.values()]));
    const sorted = listOf(value).toSorted((left, right) =>
      direction === "ASC" ? worth(left) - worth(right) : worth(right) - worth(left),
    );
    return count === undefined ? sorted : sorted.slice(0, numberOf(count));
  },
  // Of the whole population, as the console shows it.
  STDDEV: summary((values) => {
    const mean = average(values);
    return Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
  }),
  SUM: summary(FOLDS.SUM),
  TIME_SERIES: ([value], scope) => flat({ label: "", periodSeconds: scope.periodSeconds }, numberOf(value), scope),
  YEAR: utc((date) => date.getUTCFullYear()),
};

/** Functions of AWS's that are refused by name. */
export const UNSUPPORTED_FUNCTIONS = new Set([
  "ANOMALY_DETECTION_BAND",
  "DB_PERF_INSIGHTS",
  "INSIGHT_RULE_METRIC",
  "LAMBDA",
  "SERVICE_QUOTA",
]);
