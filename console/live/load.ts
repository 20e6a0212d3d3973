/** Load second by second, told from spans and from counts of workers. Pure. */
import type { Span } from "./events.ts";
import { isThrottle } from "./trace-rows.ts";
import { type Sample, STATES, type WorkerState } from "./workers.ts";

export interface FunctionLoad {
  readonly name: string;
  invocations: number;
  coldStarts: number;
  errors: number;
  throttles: number;
  busyMs: number;
  initMs: number;
}

export interface Load {
  /** Seconds since the epoch, one after the other. */
  readonly seconds: number[];
  /** At their most within the second. */
  readonly running: number[];
  readonly started: number[];
  readonly coldStarts: number[];
  readonly throttles: number[];
  readonly functions: Map<string, FunctionLoad>;
}

const functionOf = (span: Span): string | undefined =>
  span.service === "lambda" ? /:function:([^:]+)/.exec(span.resource ?? "")?.[1] : undefined;

/** An invocation, or one that was refused; not the call of Lambda's API that led to it. */
const isRun = (span: Span): boolean =>
  span.attributes?.["ran"] !== undefined || (span.error !== undefined && isThrottle(span.error.code));

/** @param only one function; undefined: all of them */
export function loadOf(spans: Iterable<Span>, fromMs: number, untilMs: number, only?: string): Load {
  const first = Math.floor(fromMs / 1000);
  const length = Math.max(1, Math.ceil(untilMs / 1000) - first);
  const zeros = () => new Array<number>(length).fill(0);
  const load: Load = {
    seconds: Array.from({ length }, (_, i) => first + i),
    running: zeros(),
    started: zeros(),
    coldStarts: zeros(),
    throttles: zeros(),
    functions: new Map(),
  };
  for (const span of spans) {
    const name = functionOf(span);
    if (name === undefined || !isRun(span) || (only !== undefined && name !== only)) continue;
    const endMs = span.startMs + span.durationMs;
    if (endMs < fromMs) continue;
    let own = load.functions.get(name);
    if (!own) {
      own = { name, invocations: 0, coldStarts: 0, errors: 0, throttles: 0, busyMs: 0, initMs: 0 };
      load.functions.set(name, own);
    }
    const at = Math.floor(span.startMs / 1000) - first;
    if (span.error && isThrottle(span.error.code)) {
      own.throttles++;
      if (at >= 0 && at < length) load.throttles[at]!++;
      continue;
    }
    own.invocations++;
    own.busyMs += span.durationMs;
    if (span.error) own.errors++;
    const cold = span.attributes?.["coldStart"] === true;
    if (cold) {
      own.coldStarts++;
      own.initMs += Number(span.attributes?.["initMs"] ?? 0);
    }
    if (at >= 0 && at < length) {
      load.started[at]!++;
      if (cold) load.coldStarts[at]!++;
    }
    const last = Math.min(length - 1, Math.floor(endMs / 1000) - first);
    for (let second = Math.max(0, at); second <= last; second++) load.running[second]!++;
  }
  return load;
}

/** Workers by state at each of these seconds: a count holds until the next one; null before the first is known. */
export function workersOf(
  samples: readonly Sample[],
  seconds: readonly number[],
  only?: string,
): Record<WorkerState, (number | null)[]> {
  const series = Object.fromEntries(STATES.map((state) => [state, [] as (number | null)[]])) as Record<
    WorkerState,
    (number | null)[]
  >;
  let next = 0;
  let current: Sample | undefined;
  for (const second of seconds) {
    while (next < samples.length && samples[next]!.atMs < (second + 1) * 1000) current = samples[next++];
    for (const state of STATES) {
      if (!current) series[state].push(null);
      else {
        let sum = 0;
        for (const [name, counts] of Object.entries(current.functions)) {
          if (only === undefined || name === only) sum += counts[state] ?? 0;
        }
        series[state].push(sum);
      }
    }
  }
  return series;
}
