/**
 * Samples what tasks really use, once a second while any runs. CPU is the difference of two counters over the time between them: engines'
 * own percentages are not comparable, and Podman's are missing.
 */
import type { Clock, Timer } from "../kernel/clock.ts";
import type { ContainerEngine, ContainerStats } from "./engine.ts";
import type { TaskSpec } from "./task.ts";

export const SAMPLE_MS = 1000;
/** A container that used this much of its memory when last seen, and was then killed, was killed for want of it. */
const FULL = 0.8;

export interface ContainerSample extends ContainerStats {
  readonly name: string;
  /** Whole cores used since the last sample. */
  readonly cores: number;
}

export interface TaskSample {
  readonly key: string;
  readonly sampledMs: number;
  /** Cores used since the last sample, by all containers. */
  readonly cores: number;
  readonly memoryBytes: number;
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
  readonly containers: readonly ContainerSample[];
}

export interface SampledTask {
  readonly spec: TaskSpec;
  readonly containers: readonly { readonly name: string; readonly id: string }[];
}

export interface Sampler {
  /** Something may have begun to run. */
  wake(): void;
  /** Whether the container was near its memory limit when it was last seen. */
  wasFull(spec: TaskSpec, container: string): boolean;
  close(): void;
}

interface Before {
  readonly stats: ContainerStats;
  readonly atMs: number;
}

export function createSampler(options: {
  readonly engine: Pick<ContainerEngine, "stats">;
  readonly clock: Clock;
  readonly running: () => readonly SampledTask[];
  readonly sink: (sample: TaskSample) => void;
  /** There is nothing to sample: the container has probably ended. */
  readonly vanished: (key: string, container: string) => void;
}): Sampler {
  const { engine, clock, running, sink, vanished } = options;
  let before = new Map<string, Before>();
  let timer: Timer | undefined;
  let sampling = false;
  let closed = false;

  const arm = () => {
    if (closed || timer || sampling || running().every(({ containers }) => containers.length === 0)) return;
    timer = clock.at(clock.nowMs() + SAMPLE_MS, () => {
      timer = undefined;
      void sample();
    });
  };

  async function sample(): Promise<void> {
    sampling = true;
    const seen = new Map<string, Before>();
    try {
      await Promise.all(running().map((task) => sampleTask(task, seen)));
    } finally {
      sampling = false;
      before = new Map([...before, ...seen]);
      const alive = new Set(
        running().flatMap(({ spec, containers }) => containers.map(({ name }) => idOf(spec, name))),
      );
      for (const id of before.keys()) if (!alive.has(id) && !seen.has(id)) before.delete(id);
      arm();
    }
  }

  async function sampleTask({ spec, containers }: SampledTask, seen: Map<string, Before>): Promise<void> {
    const samples: ContainerSample[] = [];
    let received = 0;
    let sent = 0;
    let fresh = false;
    for (const { name, id } of containers) {
      // An engine that is away gives no sample; whoever watches the container says so.
      const stats = await engine.stats(id).catch(() => "unknown" as const);
      if (stats === undefined) vanished(spec.key, name);
      if (stats === undefined || stats === "unknown") continue;
      const atMs = clock.monotonicMs();
      const last = before.get(idOf(spec, name));
      seen.set(idOf(spec, name), { stats, atMs });
      const elapsedMs = last ? atMs - last.atMs : 0;
      const cores = last && elapsedMs > 0 ? Math.max(0, stats.cpuNs - last.stats.cpuNs) / (elapsedMs * 1e6) : 0;
      if (last && elapsedMs > 0) {
        fresh = true;
        // Containers of a task share one network: each counts the same bytes.
        received = Math.max(received, ((stats.receivedBytes - last.stats.receivedBytes) * 1000) / elapsedMs);
        sent = Math.max(sent, ((stats.sentBytes - last.stats.sentBytes) * 1000) / elapsedMs);
      }
      samples.push({ name, cores, ...stats });
    }
    if (!fresh || closed) return;
    sink({
      key: spec.key,
      sampledMs: clock.nowMs(),
      cores: samples.reduce((sum, { cores }) => sum + cores, 0),
      memoryBytes: samples.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
      receivedBytesPerSecond: Math.max(0, received),
      sentBytesPerSecond: Math.max(0, sent),
      containers: samples,
    });
  }

  return {
    wake: arm,
    wasFull(spec, container) {
      const limit = spec.containers.find(({ name }) => name === container)?.container.memoryBytes ?? Infinity;
      return (before.get(idOf(spec, container))?.stats.memoryBytes ?? 0) >= FULL * limit;
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

const idOf = (spec: TaskSpec, container: string): string => `${spec.key} ${container}`;
