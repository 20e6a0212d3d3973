/** How many tasks each service had, as often as it was looked at since the page was opened; and how many it was told to have, by its scaling activities. Pure but for what is kept. */

export interface TaskCounts {
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
}

interface TaskSample extends TaskCounts {
  readonly atMs: number;
}

const SAMPLES_MAX = 2000;
const samples = new Map<string, TaskSample[]>();

export function rememberTasks(serviceArn: string, counts: TaskCounts, atMs: number): void {
  const list = samples.get(serviceArn) ?? [];
  samples.set(serviceArn, [...list, { ...counts, atMs }].slice(-SAMPLES_MAX));
}

export interface Scaling {
  readonly StartTime: number;
  readonly Description: string;
}

export interface TaskSeries {
  readonly desired: (number | null)[];
  readonly running: (number | null)[];
  readonly pending: (number | null)[];
}

/** @param activities of this service, in any order @returns null where nobody knows */
export function tasksOf(
  serviceArn: string,
  activities: readonly Scaling[],
  seconds: readonly number[],
  known: readonly TaskSample[] = samples.get(serviceArn) ?? [],
): TaskSeries {
  const told = activities
    .flatMap(({ StartTime, Description }) => {
      const count = /desired count to (\d+)/.exec(Description)?.[1];
      return count === undefined ? [] : [{ atMs: StartTime * 1000, desired: Number(count) }];
    })
    .sort((a, b) => a.atMs - b.atMs);
  const series: TaskSeries = { desired: [], running: [], pending: [] };
  for (const second of seconds) {
    const at = second * 1000;
    const sample = known.findLast(({ atMs }) => atMs <= at);
    const activity = told.findLast(({ atMs }) => atMs <= at);
    series.running.push(sample?.running ?? null);
    series.pending.push(sample?.pending ?? null);
    // Whichever was later: a service is told by people too.
    series.desired.push(sample && sample.atMs >= (activity?.atMs ?? 0) ? sample.desired : (activity?.desired ?? null));
  }
  return series;
}

/** A metric's values at these seconds: each holds for its period. */
export function heldFor(
  periodSeconds: number,
  timestamps: readonly number[],
  values: readonly number[],
  seconds: readonly number[],
): (number | null)[] {
  const byStart = new Map(timestamps.map((at, i) => [Math.floor(at / periodSeconds), values[i]!]));
  return seconds.map((second) => byStart.get(Math.floor(second / periodSeconds)) ?? null);
}
