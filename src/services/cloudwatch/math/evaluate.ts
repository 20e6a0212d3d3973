/** A list of queries, each a metric's statistic or an expression over the others, turned into time series. Shared by GetMetricData and by alarms. */
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { notImplemented } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import { read, together, type Window } from "../data.ts";
import { validation } from "../errors.ts";
import { type MetricName, Metrics, metricOf, metricRange, type Place } from "../state.ts";
import { parseStatistic } from "../statistics.ts";
import { FUNCTIONS, type Scope, UNSUPPORTED_FUNCTIONS } from "./functions.ts";
import { ExpressionError, type Node, parseExpression } from "./parse.ts";
import { parseSearch } from "./search.ts";
import { combined, isList, isSeries, mapped, type Series, type Value } from "./values.ts";

/** Series that one SEARCH gives. */
const SEARCH_MAX = 100;
const SEARCHED_MAX = 10_000;
const WORDS = new Set(["REPEAT", "LINEAR", "ASC", "DESC", "AVG", "SUM", "MIN", "MAX"]);

/** The time that is asked for, laid out for a period. */
export type WindowOf = (periodSeconds: number) => Window;

export class Evaluation {
  readonly #tx: Transaction;
  readonly #at: Place;
  readonly #queries: ReadonlyMap<string, MetricDataQuery>;
  readonly #windowOf: WindowOf;
  readonly #done = new Map<string, Value>();
  readonly #open = new Set<string>();

  constructor(tx: Transaction, at: Place, queries: readonly MetricDataQuery[], windowOf: WindowOf) {
    this.#tx = tx;
    this.#at = at;
    this.#queries = new Map(queries.map((query) => [query.Id!, query]));
    this.#windowOf = windowOf;
  }

  /** The series of one query: one, or for an expression that gives a list, several. @throws ValidationError */
  series(query: MetricDataQuery): readonly Series[] {
    const value = this.#value(query.Id!);
    if (isSeries(value)) return [value];
    if (isList(value)) return value;
    throw validation(`Error in expression '${query.Id}': the result of an expression must be a time series`);
  }

  #value(id: string): Value {
    const known = this.#done.get(id);
    if (known !== undefined) return known;
    const query = this.#queries.get(id);
    if (!query) throw new ExpressionError(`'${id}' is not the id of a query`);
    if (this.#open.has(id)) throw validation(`Error in expression '${id}': it refers to itself`);
    this.#open.add(id);
    const value = query.MetricStat ? this.#metric(query) : this.#expression(query);
    this.#open.delete(id);
    this.#done.set(id, value);
    return value;
  }

  #metric(query: MetricDataQuery): Series {
    const { Metric, Period, Stat, Unit } = query.MetricStat!;
    const metric = metricOf(Metric!.Namespace!, Metric!.MetricName!, Metric!.Dimensions);
    return this.#statistic(metric, Stat!, Period!, Unit, query.Label ?? metric.name);
  }

  #statistic(metric: MetricName, stat: string, periodSeconds: number, unit: string | undefined, label: string): Series {
    const statistic = parseStatistic(stat);
    if (!statistic) throw new ExpressionError(`'${stat}' is no statistic`);
    const points = new Map<number, number>();
    const periods = together(read(this.#tx, this.#at, metric, this.#windowOf(periodSeconds), unit));
    for (const [atMs, point] of [...periods].sort(([left], [right]) => left - right)) {
      const value = statistic(point);
      if (value !== undefined) points.set(atMs, value);
    }
    return { label, periodSeconds, points };
  }

  #expression(query: MetricDataQuery): Value {
    const label = query.Label ?? query.Id!;
    try {
      const value = this.#run(parseExpression(query.Expression!), query);
      if (isSeries(value)) return { ...value, label };
      return isList(value) && query.Label !== undefined ? value.map((series) => ({ ...series, label })) : value;
    } catch (error) {
      if (error instanceof ExpressionError) throw validation(`Error in expression '${query.Id}': ${error.message}`);
      throw error;
    }
  }

  #run(node: Node, query: MetricDataQuery): Value {
    switch (node.kind) {
      case "number":
        return node.value;
      case "string":
        return node.value;
      case "name":
        if (!this.#queries.has(node.name) && WORDS.has(node.name.toUpperCase())) return { word: node.name };
        return this.#value(node.name);
      case "list":
        return node.items.flatMap((item) => {
          const value = this.#run(item, query);
          if (isSeries(value)) return [value];
          if (isList(value)) return value;
          throw new ExpressionError("a list holds time series");
        });
      case "minus":
        return mapped(this.#run(node.of, query), (value) => -value);
      case "binary":
        return combined(node.operator, this.#run(node.left, query), this.#run(node.right, query));
      case "call": {
        if (UNSUPPORTED_FUNCTIONS.has(node.name)) throw notImplemented(`the metric math function ${node.name}`);
        const run = Object.hasOwn(FUNCTIONS, node.name) ? FUNCTIONS[node.name] : undefined;
        if (!run) throw new ExpressionError(`there is no function ${node.name}`);
        return run(
          node.arguments.map((argument) => this.#run(argument, query)),
          this.#scope(query),
        );
      }
    }
  }

  #scope(query: MetricDataQuery): Scope {
    const periods = [...this.#queries.values()]
      .map(({ MetricStat }) => MetricStat?.Period)
      .filter((period) => period !== undefined);
    return {
      periodSeconds: query.Period ?? periods[0] ?? 60,
      times: (periodSeconds) => {
        const { startMs, endMs } = this.#windowOf(periodSeconds);
        const count = Math.max(0, Math.ceil((endMs - startMs) / (periodSeconds * 1000)));
        return Array.from({ length: count }, (_, index) => startMs + index * periodSeconds * 1000);
      },
      metrics: (part) =>
        [...this.#queries.values()]
          .filter(({ Id, MetricStat }) => MetricStat !== undefined && Id!.includes(part))
          .map(({ Id }) => this.#value(Id!) as Series),
      search: (expression, statistic, periodSeconds) => this.#search(expression, statistic, periodSeconds),
    };
  }

  #search(expression: string, statistic: string, periodSeconds: number): readonly Series[] {
    const search = parseSearch(expression);
    const found: Series[] = [];
    const { start, end } =
      search.namespace === undefined ? metricRange(this.#at) : metricRange(this.#at, search.namespace);
    for (const [, metric] of Metrics.range(this.#tx, start, end, { limit: SEARCHED_MAX })) {
      if (search.dimensions && !sameNames(metric, search.dimensions)) continue;
      if (!search.matches(metric)) continue;
      const label = [...metric.dimensions.map(({ Value }) => Value), metric.name].join(" ");
      found.push(this.#statistic(metric, statistic, periodSeconds, undefined, label));
      if (found.length === SEARCH_MAX) break;
    }
    return found;
  }
}

function sameNames(metric: MetricName, names: readonly string[]): boolean {
  return metric.dimensions.length === names.length && metric.dimensions.every(({ Name }) => names.includes(Name));
}
