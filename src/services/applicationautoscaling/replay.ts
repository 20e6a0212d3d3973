/**
 * Replays traffic against the policies: the same decision as on the platform, over a model of tasks that take a while to start. Pure: the same
 * traffic, settings and seed give the same result.
 */
import type { Random } from "../../kernel/random.ts";
import { type Cooldowns, decide, type Limits, type TrackingPolicy } from "./decide.ts";
import { BELOW_PERIODS, breachOf } from "./tracking-alarms.ts";

const MINUTE_MS = 60_000;

export interface ReplaySettings {
  readonly limits: Limits;
  /** Percent. */
  readonly target: number;
  /** Requests a minute that one task carries at 100 %. */
  readonly requestsPerTask: number;
  readonly scaleOutCooldownSeconds: number;
  readonly scaleInCooldownSeconds: number;
  /** How long a task takes until it serves, in minutes: drawn evenly between the two. */
  readonly startMinutes: readonly [least: number, most: number];
  /** A processor is never busier than 100 %; requests a target may be any number. */
  readonly isCapped: boolean;
  /** Limits from a minute of the week on, as scheduled actions set them. Minute 0 is Monday, 0:00; in order. */
  readonly schedule?: readonly { readonly minuteOfWeek: number; readonly limits: Limits }[];
  /** Of the traffic's first minute. */
  readonly startMinuteOfWeek?: number;
}

export interface ReplayResult {
  readonly minutes: number;
  /** What is paid for: tasks that were wanted, minute by minute. */
  readonly taskMinutes: number;
  /** Minutes in which the tasks that served were busier than the target. */
  readonly minutesOverTarget: number;
  /** Minutes in which more was asked than they can carry. */
  readonly minutesOverloaded: number;
  readonly peakTasks: number;
  readonly scaleOuts: number;
  readonly scaleIns: number;
  /** Wanted tasks at each minute's end. */
  readonly capacity: readonly number[];
}

const MINUTES_OF_WEEK = 7 * 24 * 60;

/** @param traffic requests in each minute */
export function replay(traffic: readonly number[], settings: ReplaySettings, random: Random): ReplayResult {
  const { target, requestsPerTask, isCapped } = settings;
  /** When each wanted task serves, the oldest first. */
  let tasks: number[] = Array(settings.limits.min).fill(0);
  let cooldowns: Cooldowns = {};
  const recent: number[] = [];
  const capacity: number[] = [];
  const counts = {
    taskMinutes: 0,
    minutesOverTarget: 0,
    minutesOverloaded: 0,
    peakTasks: 0,
    scaleOuts: 0,
    scaleIns: 0,
  };
  const resize = (wanted: number, minute: number) => {
    // What is newest goes first, as on ECS where nothing else speaks for one of them.
    if (wanted < tasks.length) tasks = tasks.slice(0, wanted);
    while (tasks.length < wanted) tasks.push(minute + 1 + drawn(settings.startMinutes, random));
  };

  for (const [minute, requests] of traffic.entries()) {
    const serving = tasks.filter((sinceMinute) => sinceMinute <= minute).length;
    const busy =
      serving === 0 ? (requests > 0 ? Number.POSITIVE_INFINITY : 0) : (100 * requests) / (serving * requestsPerTask);
    counts.taskMinutes += tasks.length;
    if (busy > target) counts.minutesOverTarget++;
    if (busy > 100) counts.minutesOverloaded++;
    recent.push(isCapped ? Math.min(busy, 100) : busy);
    if (recent.length > BELOW_PERIODS) recent.shift();

    const limits = limitsAt(settings, minute);
    const policy: TrackingPolicy = {
      kind: "tracking",
      name: "tracking",
      target,
      scaleOutCooldownMs: settings.scaleOutCooldownSeconds * 1000,
      scaleInCooldownMs: settings.scaleInCooldownSeconds * 1000,
      mayScaleIn: true,
      ...breachOf(target, recent),
    };
    const decision = decide(
      {
        limits,
        capacity: tasks.length,
        isDeploying: false,
        suspended: { in: false, out: false },
        cooldowns,
        policies: [policy],
      },
      (minute + 1) * MINUTE_MS,
    );
    if (decision.what === "scale") {
      cooldowns = decision.cooldowns;
      counts[decision.direction === "out" ? "scaleOuts" : "scaleIns"]++;
      resize(decision.capacity, minute);
    }
    resize(Math.min(Math.max(tasks.length, limits.min), limits.max), minute);
    counts.peakTasks = Math.max(counts.peakTasks, tasks.length);
    capacity.push(tasks.length);
  }
  return { minutes: traffic.length, ...counts, capacity };
}

function limitsAt({ schedule = [], limits, startMinuteOfWeek = 0 }: ReplaySettings, minute: number): Limits {
  if (schedule.length === 0) return limits;
  const at = (startMinuteOfWeek + minute) % MINUTES_OF_WEEK;
  return (schedule.findLast(({ minuteOfWeek }) => minuteOfWeek <= at) ?? schedule.at(-1)!).limits;
}

const drawn = ([least, most]: readonly [number, number], random: Random): number =>
  least + Math.floor(random.next() * (most - least + 1));

/** What a fixed number of tasks would have cost and borne. */
export function replayFixed(
  traffic: readonly number[],
  tasks: number,
  { target, requestsPerTask }: Pick<ReplaySettings, "target" | "requestsPerTask">,
): Pick<ReplayResult, "taskMinutes" | "minutesOverTarget" | "minutesOverloaded"> {
  const busy = traffic.map((requests) => (100 * requests) / (tasks * requestsPerTask));
  return {
    taskMinutes: tasks * traffic.length,
    minutesOverTarget: busy.filter((percent) => percent > target).length,
    minutesOverloaded: busy.filter((percent) => percent > 100).length,
  };
}
