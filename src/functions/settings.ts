/** What may be chosen for a host, and what is taken where nothing is. */
import { availableParallelism, totalmem } from "node:os";
import type { MachineSettings } from "./machine.ts";
import type { Policy } from "./scheduler/policy.ts";

export interface FunctionHostSettings extends Partial<Policy>, MachineSettings {}

const MB = 1024 * 1024;
/** Parts of the machine's memory. */
const WORKERS_PART = 0.75;
const IDLE_PART = 0.25;

const SPARE_IDLE_MS = 60_000;

export function policyOf(settings: FunctionHostSettings): Policy {
  const memoryMb = totalmem() / MB;
  const defaults: Policy = {
    keepAlive: "fixed",
    keepAliveMs: 300_000,
    sparesPerRuntime: 2,
    // Whoever wants workers gone soon wants spare ones gone too.
    spareIdleMs: Math.min(SPARE_IDLE_MS, settings.keepAliveMs ?? SPARE_IDLE_MS),
    startsMax: Math.max(8, 4 * availableParallelism()),
    cores: availableParallelism(),
    idleMax: 500,
    idleMemoryMaxMb: Math.floor(memoryMb * IDLE_PART),
    memoryMaxMb: Math.floor(memoryMb * WORKERS_PART),
    workerMemoryMb: 64,
    accountConcurrency: 1000,
    burst: 1000,
  };
  const chosen = (Object.keys(defaults) as (keyof Policy)[]).filter((name) => settings[name] !== undefined);
  return { ...defaults, ...Object.fromEntries(chosen.map((name) => [name, settings[name]])) };
}
