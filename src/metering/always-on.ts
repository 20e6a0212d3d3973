/**
 * What a server that never sleeps would cost for the same peak: the smallest Fargate task that could carry it. Pure.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
 */
import { MONTH_HOURS, PRICES } from "./prices.ts";

/** vCPU, and the memory sizes in GB that go with it: from, to, in steps. */
const SIZES = [
  { cpu: 0.25, memory: [0.5, 1, 2] },
  { cpu: 0.5, memory: [1, 2, 3, 4] },
  { cpu: 1, memory: [2, 3, 4, 5, 6, 7, 8] },
  { cpu: 2, memory: Array.from({ length: 13 }, (_, n) => 4 + n) },
  { cpu: 4, memory: Array.from({ length: 23 }, (_, n) => 8 + n) },
  { cpu: 8, memory: Array.from({ length: 12 }, (_, n) => 16 + 4 * n) },
  { cpu: 16, memory: Array.from({ length: 12 }, (_, n) => 32 + 8 * n) },
] as const;

export interface AlwaysOn {
  readonly tasks: number;
  readonly cpu: number;
  readonly memoryGb: number;
  readonly dollarsPerMonth: number;
}

/** Lambda gives a function a whole vCPU at that much memory. @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html */
const MB_PER_CPU = 1769;

/** @param peakGb memory that ran at once, on average of the busiest hour */
export function alwaysOn(peakGb: number): AlwaysOn {
  const peakCpu = (peakGb * 1024) / MB_PER_CPU;
  for (const { cpu, memory } of SIZES) {
    const memoryGb = memory.find((size) => size >= peakGb);
    if (cpu >= peakCpu && memoryGb !== undefined) return priced(1, cpu, memoryGb);
  }
  const largest = SIZES.at(-1)!;
  const memoryGb = largest.memory.at(-1)!;
  return priced(Math.ceil(Math.max(peakCpu / largest.cpu, peakGb / memoryGb)), largest.cpu, memoryGb);
}

function priced(tasks: number, cpu: number, memoryGb: number): AlwaysOn {
  const hourly =
    cpu * PRICES["ecs Fargate-vCPU-Hours:perCPU"]!.tiers[0]!.dollars +
    memoryGb * PRICES["ecs Fargate-GB-Hours"]!.tiers[0]!.dollars;
  return { tasks, cpu, memoryGb, dollarsPerMonth: tasks * hourly * MONTH_HOURS };
}

/** An hour or a day, and what was used in it, by AWS's usage types. */
export interface Step {
  readonly startMs: number;
  readonly usage: readonly { readonly usageType: string; readonly quantity: number; readonly dollars: number }[];
}

export interface Comparison {
  /** From the first step with usage until now, an hour at least. */
  readonly observedHours: number;
  /** A month at the pace of what was observed. */
  readonly dollarsPerMonth: number;
  /** The part of it that the server would replace: functions, tasks, API requests. Queues, tables, buckets and mail it needs as well. */
  readonly replacedPerMonth: number;
  readonly requests: number;
  /** Undefined where nothing ran that a server would have to run. */
  readonly server: AlwaysOn | undefined;
  /** From there on the server costs less. */
  readonly cheaperAboveRequestsPerSecond: number | undefined;
}

const HOUR_MS = 3_600_000;
const REPLACED = /^(?:Request(?:-ARM)?$|Lambda-|(?:SpotUsage-)?Fargate-|ApiGateway)/;

/**
 * What was used against a server for the same peak.
 * @returns undefined when nothing was used
 */
export function compare(steps: readonly Step[], stepMs: number, nowMs: number): Comparison | undefined {
  const first = steps.find(({ usage }) => usage.length > 0);
  if (!first) return undefined;
  const observedHours = Math.max(1, (nowMs - first.startMs) / HOUR_MS);
  const { gb, requests } = peakOf(steps, stepMs / 1000);
  const server = gb === 0 ? undefined : alwaysOn(gb);
  const all = steps.flatMap(({ usage }) => usage);
  const dollars = costOf(all);
  const replaced = costOf(all.filter(({ usageType }) => REPLACED.test(usageType)));
  const perRequest = requests === 0 ? undefined : replaced / requests;
  return {
    observedHours,
    dollarsPerMonth: (dollars / observedHours) * MONTH_HOURS,
    replacedPerMonth: (replaced / observedHours) * MONTH_HOURS,
    requests,
    server,
    cheaperAboveRequestsPerSecond:
      server && perRequest ? server.dollarsPerMonth / perRequest / MONTH_HOURS / 3600 : undefined,
  };
}

const costOf = (usage: Step["usage"]): number => usage.reduce((sum, { dollars }) => sum + dollars, 0);

/** Memory that ran at once in the busiest step, on its average, and all requests that somebody made. */
function peakOf(steps: readonly Step[], stepSeconds: number): { gb: number; requests: number } {
  let gb = 0;
  let requests = 0;
  for (const { usage } of steps) {
    let seconds = 0;
    for (const { usageType, quantity } of usage) {
      if (/^Lambda-(?:Provisioned-)?GB-Second/.test(usageType)) seconds += quantity;
      if (/^(?:SpotUsage-)?Fargate.*GB-Hours$/.test(usageType)) seconds += quantity * 3600;
      if (usageType === "Request" || usageType === "Request-ARM") requests += quantity;
    }
    gb = Math.max(gb, seconds / stepSeconds);
  }
  return { gb, requests };
}
