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
