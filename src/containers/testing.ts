/**
 * A container engine for tests, on the test's own clock: containers are programs written as functions. It can be taken away, frozen, and robbed of
 * its containers.
 */
import { type Clock, sleep } from "../kernel/clock.ts";
import {
  type ContainerEngine,
  type ContainerSpec,
  type ContainerStats,
  type ContainerView,
  EngineUnavailable,
  ImageUnavailable,
  type LogLine,
  nameTaken,
} from "./engine.ts";

/** What a container does: resolves with its exit code. */
export type Program = (container: FakeContainer) => Promise<number>;

export interface FakeContainer {
  readonly id: string;
  readonly spec: ContainerSpec;
  phase: ContainerView["phase"];
  exitCode?: number;
  startedMs?: number;
  finishedMs?: number;
  outOfMemory: boolean;
  /** Aborted when it is told to end; its reason is the signal's name. */
  readonly told: AbortController;
  /** Signals it got, with their time. */
  readonly signals: { readonly name: string; readonly atMs: number }[];
  /** Cores it uses. */
  cores: number;
  memoryBytes: number;
  bytesPerSecond: number;
  readonly lines: LogLine[];
  /** Loopback ports by which it is reached: `80/tcp`. */
  published: Readonly<Record<string, number>>;
  end(exitCode: number, outOfMemory?: boolean): void;
}

export interface FakeEngine extends ContainerEngine {
  readonly containers: Map<string, FakeContainer>;
  /** Programs by image. A program that is missing runs until it is told to end. */
  readonly programs: Map<string, Program>;
  /** Images that the engine holds; all when empty. */
  readonly images: Set<string>;
  readonly created: ContainerSpec[];
  /** Commands run inside: their exit codes by container name. */
  readonly healthy: Map<string, number>;
  available: boolean;
  startMs: number;
  /** Goes on by another clock: the platform was opened again. */
  use(clock: Clock): void;
  live(): FakeContainer[];
}

/** Runs until SIGTERM, and ends in order. */
const untilTold: Program = ({ told }) =>
  new Promise((resolve) => told.signal.addEventListener("abort", () => resolve(0), { once: true }));

/** Ignores every polite signal. */
export const stubborn: Program = () => new Promise(() => {});

export function createFakeEngine(clock: Clock): FakeEngine {
  const use = (other: Clock) => void (clock = other);
  const containers = new Map<string, FakeContainer>();
  const exits = new Map<string, Array<() => void>>();
  const volumes = new Set<string>();
  let number = 0;
  const byName = (name: string) =>
    containers.get(name) ?? [...containers.values()].find(({ spec }) => spec.name === name);
  const there = () => {
    if (!engine.available) throw new EngineUnavailable("The container engine does not answer.", "Start it.");
  };

  function viewOf(container: FakeContainer): ContainerView {
    const { spec, phase } = container;
    return {
      id: container.id,
      name: spec.name,
      labels: spec.labels,
      phase,
      ...(container.startedMs === undefined ? {} : { startedMs: container.startedMs }),
      ...(container.finishedMs === undefined ? {} : { finishedMs: container.finishedMs }),
      ...(container.exitCode === undefined ? {} : { exitCode: container.exitCode }),
      outOfMemory: container.outOfMemory,
      imageId: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      stopSignal: "SIGTERM",
      ...(spec.network.kind === "own" && spec.network.address ? { address: spec.network.address } : {}),
      published: container.published,
    };
  }

  const engine: FakeEngine = {
    containers,
    programs: new Map(),
    images: new Set(),
    created: [],
    healthy: new Map(),
    available: true,
    startMs: 100,
    use,
    live: () => [...containers.values()].filter(({ phase }) => phase === "running"),
    async connect() {
      there();
      return {
        description: "fake 1",
        socket: "/fake.sock",
        reach: "direct",
        architecture: "amd64",
        cgroupDriver: "none",
        cpus: 2,
        memoryBytes: 8 * 1024 ** 3,
      };
    },
    forget() {},
    holds: async (image) => engine.images.size === 0 || engine.images.has(image),
    async image(name) {
      there();
      if (engine.images.size > 0 && !engine.images.has(name)) {
        throw new ImageUnavailable(`${name}: the container engine neither holds nor gets this image: no such host`);
      }
      return "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    },
    async build(image) {
      there();
      engine.images.add(image);
    },
    async importImage(image) {
      there();
      if (engine.images.size > 0) engine.images.add(image);
    },
    async create(spec) {
      there();
      if (byName(spec.name)) throw nameTaken(spec.name);
      const id = (++number).toString(16).padStart(64, "0");
      const container: FakeContainer = {
        id,
        spec,
        phase: "created",
        outOfMemory: false,
        told: new AbortController(),
        signals: [],
        cores: 0,
        memoryBytes: 32 * 1024 ** 2,
        bytesPerSecond: 0,
        lines: [],
        published: {},
        end(exitCode, outOfMemory = false) {
          if (container.phase !== "running") return;
          container.phase = "exited";
          container.exitCode = exitCode;
          container.finishedMs = clock.nowMs();
          container.outOfMemory = outOfMemory;
          for (const wake of exits.get(id)?.splice(0) ?? []) wake();
        },
      };
      containers.set(id, container);
      engine.created.push(spec);
      return id;
    },
    async start(id) {
      there();
      await sleep(clock, engine.startMs);
      const container = containers.get(id)!;
      container.phase = "running";
      container.startedMs = clock.nowMs();
      const program = engine.programs.get(container.spec.image) ?? untilTold;
      void program(container).then((exitCode) => container.end(exitCode));
    },
    async inspect(id) {
      there();
      const container = byName(id);
      return container && viewOf(container);
    },
    async list(label) {
      there();
      const [name, value] = label.split("=") as [string, string];
      return [...containers.values()].filter(({ spec }) => spec.labels[name] === value).map(viewOf);
    },
    async exited(id, signal) {
      there();
      const container = containers.get(id);
      if (container?.phase !== "running") return;
      await new Promise<void>((resolve) => {
        exits.set(id, [...(exits.get(id) ?? []), resolve]);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    async signal(id, name) {
      there();
      const container = containers.get(id);
      if (container?.phase !== "running") return;
      container.signals.push({ name, atMs: clock.nowMs() });
      if (name === "SIGKILL") container.end(137);
      else container.told.abort(name);
    },
    async remove(id) {
      there();
      const container = byName(id);
      container?.end(137);
      if (container) containers.delete(container.id);
    },
    async createVolume(name) {
      there();
      volumes.add(name);
    },
    async removeVolume(name) {
      there();
      volumes.delete(name);
    },
    async stats(id) {
      there();
      const container = containers.get(id);
      if (container?.phase !== "running") return undefined;
      const runMs = clock.nowMs() - container.startedMs!;
      const bytes = (runMs * container.bytesPerSecond) / 1000;
      const stats: ContainerStats = {
        cpuNs: runMs * 1e6 * container.cores,
        memoryBytes: container.memoryBytes,
        receivedBytes: bytes,
        sentBytes: bytes,
      };
      return stats;
    },
    async *logs(id, sinceMs, signal) {
      const container = containers.get(id)!;
      let told = 0;
      for (;;) {
        for (; told < container.lines.length; told++) {
          if (container.lines[told]!.timestampMs >= sinceMs) yield container.lines[told]!;
        }
        if (container.phase === "exited" || signal.aborted) return;
        await new Promise<void>((resolve) => {
          exits.set(id, [...(exits.get(id) ?? []), resolve]);
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    },
    async exec(id) {
      there();
      return engine.healthy.get(containers.get(id)!.spec.name.split("-").at(-1)!) ?? 0;
    },
    async close() {},
  };
  return engine;
}

/** A door that nobody comes through. */
export const closedDoor = {
  listen: async () => ({ port: 80 }),
  async close() {},
};
