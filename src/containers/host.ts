/**
 * Runs tasks on a container engine. What is to be done is decided elsewhere (`decide.ts`); here it is done, watched, and told.
 *
 * The engine is the truth about containers: each carries labels that say whose it is, so that whoever opens this room again after a crash finds
 * what runs, takes it over and ends what nobody wants. An engine that does not answer is asked again until it does; meanwhile nothing is taken
 * to have ended.
 */
import { type Clock, sleep, type Timer } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import { decide, isOver } from "./decide.ts";
import { type ContainerEngine, type ContainerView, EngineUnavailable, ImageUnavailable } from "./engine.ts";
import { startHealthChecks } from "./health.ts";
import type { TaskNetworks } from "./networks.ts";
import { createSampler } from "./sampler.ts";
import type {
  ContainerState,
  KnownContainer,
  Stop,
  TaskContainer,
  TaskHost,
  TaskReport,
  TaskSink,
  TaskState,
} from "./task.ts";
import type { TaskCgroups } from "./task-cgroups.ts";

export interface TaskHostOptions {
  readonly engine: ContainerEngine;
  readonly clock: Clock;
  readonly log: Log;
  readonly sink: TaskSink;
  readonly networks: TaskNetworks;
  readonly cgroups: TaskCgroups;
}

export const INSTANCE_LABEL = "virga.instance";
export const TASK_LABEL = "virga.task";
export const CONTAINER_LABEL = "virga.container";

/** An engine that is away is asked again after 1 s, 2 s, 4 s … at most this far apart. */
const RETRY_MS_MAX = 30_000;
/** What a container still has to say after its end. */
const LAST_WORDS_MS = 5_000;
/** Tasks are given this long to end when Virga ends. */
const CLOSING_MS = 5_000;

interface Running {
  task: TaskState;
  readonly known: Readonly<Record<string, KnownContainer>>;
  readonly ending: AbortController;
  readonly logs: Map<string, Promise<void>>;
  readonly logging: AbortController;
  readonly watched: Set<string>;
  address?: string;
  macAddress?: string;
  published: Record<string, number>;
  /** The container whose network the others share. */
  networkId?: string;
  cgroupParent?: string | undefined;
  timer?: Timer | undefined;
  reported: string;
  cleaned?: Promise<void>;
}

export function createTaskHost(options: TaskHostOptions): TaskHost {
  const { engine, clock, log, sink, networks, cgroups } = options;
  const tasks = new Map<string, Running>();
  const closing = new AbortController();
  let instance = "";

  const sampler = createSampler({
    engine,
    clock,
    sink: (sample) => sink.sample(sample),
    vanished: (key, name) => void look(key, name),
    running: () =>
      [...tasks.values()].map(({ task }) => ({
        spec: task.spec,
        containers: Object.entries(task.containers).flatMap(([name, { phase, id }]) =>
          phase === "running" && id !== undefined ? [{ name, id }] : [],
        ),
      })),
  });

  const labelsOf = (key: string, container: string) => ({
    [INSTANCE_LABEL]: instance,
    [TASK_LABEL]: key,
    [CONTAINER_LABEL]: container,
  });
  const nameOf = (key: string, container: string) => `virga-${instance.slice(0, 8)}-${key}-${container}`;

  function change(running: Running, name: string, changes: Partial<ContainerState>): void {
    const { task } = running;
    const state = { ...task.containers[name]!, ...changes };
    running.task = { ...task, containers: { ...task.containers, [name]: state } };
  }

  function advance(running: Running): void {
    if (closing.signal.aborted) return;
    running.timer?.cancel();
    running.timer = undefined;
    for (;;) {
      const { actions, wakeMs } = decide(running.task, clock.nowMs());
      if (wakeMs !== undefined) running.timer = clock.at(wakeMs, () => advance(running));
      let again = false;
      for (const action of actions) {
        switch (action.kind) {
          case "stop":
            running.task = { ...running.task, stop: action.stop };
            again = true;
            break;
          case "abandon":
            change(running, action.container, { phase: "exited", finishedMs: clock.nowMs() });
            again = true;
            break;
          case "start":
            change(running, action.container, { phase: "starting" });
            void start(running, action.container);
            break;
          case "signal":
            change(running, action.container, { signalledMs: clock.nowMs() });
            void signal(running, action.container, running.task.containers[action.container]!.stopSignal ?? "SIGTERM");
            again = true;
            break;
          case "kill":
            change(running, action.container, { killed: true });
            void signal(running, action.container, "SIGKILL");
            break;
        }
      }
      if (!again) break;
      running.timer?.cancel();
      running.timer = undefined;
    }
    report(running);
    if (isOver(running.task) && !running.cleaned) running.cleaned = clean(running);
  }

  function report(running: Running): void {
    const { task, address, macAddress, published } = running;
    const message: TaskReport = {
      key: task.spec.key,
      ...(address === undefined ? {} : { address }),
      ...(macAddress === undefined ? {} : { macAddress }),
      published,
      containers: task.spec.containers.map(({ name }) => ({ name, ...task.containers[name]! })),
      ...(task.stop ? { stop: task.stop } : {}),
      over: isOver(task),
    };
    const text = JSON.stringify(message);
    if (text === running.reported) return;
    running.reported = text;
    sink.report(message);
    sampler.wake();
  }

  /** Asks the engine until it answers. Undefined when Virga closes before. */
  async function persist<T>(
    what: string,
    run: () => Promise<T>,
    wanted: () => boolean = () => true,
  ): Promise<T | undefined> {
    for (let delayMs = 1000; !closing.signal.aborted; delayMs = Math.min(delayMs * 2, RETRY_MS_MAX)) {
      try {
        return await run();
      } catch (error) {
        if (!(error instanceof EngineUnavailable)) throw error;
        if (!wanted()) return undefined;
        log.warn(`${what} waits for the container engine`, { reason: error.message });
        await sleep(clock, delayMs, closing.signal);
      }
    }
    return undefined;
  }

  async function start(running: Running, name: string): Promise<void> {
    const { key } = running.task.spec;
    const container = running.task.spec.containers.find((one) => one.name === name)!;
    const fail = (kind: string, error: unknown) => {
      const reason = `${kind}: ${(error as Error).message}`;
      change(running, name, { phase: "exited", finishedMs: clock.nowMs(), reason });
      running.task = { ...running.task, stop: running.task.stop ?? { code: "TaskFailedToStart", reason } };
      advance(running);
    };
    const until = <T>(run: () => Promise<T>): Promise<T | undefined> =>
      persist(
        `Task ${key}`,
        async () => {
          try {
            return await run();
          } catch (error) {
            if (error instanceof EngineUnavailable) {
              change(running, name, { reason: error.message });
              report(running);
            }
            throw error;
          }
        },
        () => running.task.stop === undefined,
      );
    let stage = "CannotPullContainerError";
    try {
      const found = await until(() => engine.inspect(nameOf(key, name)));
      if (!found || found.phase === "created") {
        const imageId = found?.imageId ?? (await until(() => engine.image(container.container.image)));
        if (imageId === undefined || ended(running, name)) return;
        stage = "CannotStartContainerError";
        const id = found?.id ?? (await until(() => make(running, container)));
        if (id === undefined || ended(running, name, id)) return;
        await until(() => engine.start(id));
        if (ended(running, name, id)) return;
      }
      const view = await until(() => engine.inspect(nameOf(key, name)));
      if (view) began(running, name, view);
      else ended(running, name);
    } catch (error) {
      if (closing.signal.aborted) return;
      fail(error instanceof ImageUnavailable ? "CannotPullContainerError" : stage, error);
    }
  }

  /** Whether the task was stopped while its container was being started; it is not started any more then. */
  function ended(running: Running, name: string, id?: string): boolean {
    if (closing.signal.aborted) return true;
    if (running.task.stop === undefined) return false;
    change(running, name, { phase: "exited", finishedMs: clock.nowMs(), ...(id === undefined ? {} : { id }) });
    advance(running);
    return true;
  }

  /** Creates a container in its task's network and cgroup; one that exists already is ours. */
  async function make(running: Running, container: TaskContainer): Promise<string> {
    const { spec } = running.task;
    const info = await engine.connect();
    running.cgroupParent ??= cgroups.create(info, spec.key, spec);
    const alone = spec.containers.length === 1;
    const network = await networks.of(
      { key: spec.key, alone, ports: spec.containers.flatMap(({ ports }) => ports) },
      { name: nameOf(spec.key, ".network"), labels: labelsOf(spec.key, ".network") },
      running.cgroupParent,
    );
    if (network.kind === "shared") running.networkId = network.containerId;
    const address = network.kind === "own" ? network.address : networks.addressOf(spec.key);
    if (address !== undefined) running.address = address;
    for (const volume of spec.volumes) await engine.createVolume(volumeName(spec.key, volume), labelsOf(spec.key, ""));
    const name = nameOf(spec.key, container.name);
    try {
      return await engine.create({
        ...container.container,
        mounts: container.container.mounts.map((mount) =>
          mount.kind === "volume" ? { ...mount, source: volumeName(spec.key, mount.source!) } : mount,
        ),
        name,
        labels: { ...container.labels, ...labelsOf(spec.key, container.name) },
        network,
        ...(running.cgroupParent === undefined ? {} : { cgroupParent: running.cgroupParent }),
      });
    } catch (error) {
      if ((error as Error).name !== "NameTaken") throw error;
      const known = await engine.inspect(name);
      if (known?.labels[TASK_LABEL] !== spec.key) throw error;
      return known.id;
    }
  }

  const volumeName = (key: string, volume: string) => `virga-${instance.slice(0, 8)}-${key}-${volume}`;

  function began(running: Running, name: string, view: ContainerView): void {
    const container = running.task.spec.containers.find((one) => one.name === name)!;
    if (running.task.spec.containers.length === 1) {
      if (view.address !== undefined) {
        running.address = view.address;
        networks.adopt(running.task.spec.key, view.address);
      }
      if (view.macAddress !== undefined) running.macAddress = view.macAddress;
    }
    running.published = { ...running.published, ...view.published };
    const { reason: _, ...state } = running.task.containers[name]!;
    running.task = {
      ...running.task,
      containers: {
        ...running.task.containers,
        [name]: {
          ...state,
          phase: "running",
          id: view.id,
          imageId: view.imageId,
          stopSignal: view.stopSignal,
          startedMs: view.startedMs ?? clock.nowMs(),
        },
      },
    };
    follow(running, name, view.id);
    if (view.phase === "exited") {
      exited(running, name, view);
      return;
    }
    void watch(running, name, view.id);
    if (container.healthCheck) {
      startHealthChecks({
        clock,
        check: container.healthCheck,
        startedMs: view.startedMs ?? clock.nowMs(),
        signal: AbortSignal.any([running.ending.signal, closing.signal]),
        going: () => running.task.containers[name]!.phase === "running",
        exec: (signal) => engine.exec(view.id, container.healthCheck!.command, signal),
        tell(health) {
          change(running, name, { health });
          advance(running);
        },
      });
    }
    advance(running);
  }

  async function watch(running: Running, name: string, id: string): Promise<void> {
    if (running.watched.has(id)) return;
    running.watched.add(id);
    try {
      for (;;) {
        const view = await persist(`The end of ${name}`, async () => {
          await engine.exited(id, closing.signal);
          return engine.inspect(id);
        });
        if (closing.signal.aborted) return;
        if (view?.phase === "running") {
          // Podman tells of a restart of its own service this way.
          await sleep(clock, 1000, closing.signal);
          continue;
        }
        exited(running, name, view);
        return;
      }
    } catch (error) {
      log.error("A container cannot be watched", { container: name, error });
    }
  }

  /** Asks after a container that seems to have ended; Podman is late in saying so. */
  async function look(key: string, name: string): Promise<void> {
    const running = tasks.get(key);
    const { phase, id } = running?.task.containers[name] ?? {};
    if (!running || phase !== "running" || id === undefined) return;
    const view = await engine.inspect(id).catch(() => undefined);
    if (view?.phase === "exited") exited(running, name, view);
  }

  function exited(running: Running, name: string, view: ContainerView | undefined): void {
    const state = running.task.containers[name]!;
    if (state.phase === "exited") return;
    const outOfMemory =
      view !== undefined &&
      (view.outOfMemory ||
        (view.exitCode === 137 &&
          !state.killed &&
          (cgroups.outOfMemory(running.task.spec.key) || sampler.wasFull(running.task.spec, name))));
    change(running, name, {
      phase: "exited",
      finishedMs: view?.finishedMs ?? clock.nowMs(),
      ...(view?.exitCode === undefined ? {} : { exitCode: view.exitCode }),
      ...(outOfMemory
        ? { reason: "OutOfMemoryError: Container killed due to memory usage" }
        : view === undefined
          ? { reason: "The container is gone: somebody removed it from the engine" }
          : {}),
    });
    advance(running);
  }

  async function signal(running: Running, name: string, signalName: string): Promise<void> {
    const { id } = running.task.containers[name]!;
    if (id === undefined) return;
    try {
      await persist(`Ending ${name}`, () => engine.signal(id, signalName));
    } catch (error) {
      log.error("A container cannot be signalled", { container: name, signal: signalName, error });
    }
  }

  function follow(running: Running, name: string, id: string): void {
    if (running.logs.has(name)) return;
    const { key } = running.task.spec;
    const read = async () => {
      // Anything that was told before is not told again.
      let sinceMs = (running.known[name]?.loggedMs ?? -1) + 1;
      for (;;) {
        try {
          for await (const line of engine.logs(id, sinceMs, running.logging.signal)) {
            sinceMs = Math.max(sinceMs, line.timestampMs);
            sink.line(key, name, line);
          }
        } catch (error) {
          log.debug("A container's log broke off", { container: name, error });
        }
        if (running.task.containers[name]!.phase !== "running" || running.logging.signal.aborted) return;
        await sleep(clock, 1000, AbortSignal.any([running.ending.signal, running.logging.signal]));
        sinceMs++;
      }
    };
    running.logs.set(name, read());
  }

  /** Takes everything of a task away that has ended. */
  async function clean(running: Running): Promise<void> {
    const { key } = running.task.spec;
    running.ending.abort();
    running.timer?.cancel();
    const spoken = new AbortController();
    const read = Promise.all(running.logs.values()).finally(() => spoken.abort());
    await Promise.race([read, sleep(clock, LAST_WORDS_MS, AbortSignal.any([spoken.signal, closing.signal]))]);
    running.logging.abort();
    try {
      await persist(`Clearing away task ${key}`, async () => {
        for (const { name } of running.task.spec.containers) {
          await engine.remove(running.task.containers[name]!.id ?? nameOf(key, name));
        }
        if (running.networkId !== undefined) await engine.remove(running.networkId);
        for (const volume of running.task.spec.volumes) await engine.removeVolume(volumeName(key, volume));
      });
    } catch (error) {
      log.error("What is left of a task cannot be cleared away", { task: key, error });
    }
    if (closing.signal.aborted) return;
    networks.release(key);
    cgroups.remove(key);
    tasks.delete(key);
  }

  return {
    open(name) {
      instance = name;
      networks.open(instance, { [INSTANCE_LABEL]: instance, [TASK_LABEL]: "", [CONTAINER_LABEL]: ".door" });
    },
    engine: () => engine.connect(),
    door: () => networks.door(),
    run(spec, known = {}) {
      if (tasks.has(spec.key)) return;
      const containers = Object.fromEntries(
        spec.containers.map(({ name }) => [
          name,
          { phase: "absent", health: "UNKNOWN" } satisfies ContainerState as ContainerState,
        ]),
      );
      const running: Running = {
        task: { spec, beganMs: clock.nowMs(), containers },
        known,
        ending: new AbortController(),
        logging: new AbortController(),
        logs: new Map(),
        watched: new Set(),
        published: {},
        reported: "",
      };
      tasks.set(spec.key, running);
      const before = Object.entries(known).filter(([, { started }]) => started);
      if (before.length === 0) advance(running);
      else
        void takeOver(
          running,
          before.map(([name]) => name),
        );
    },
    stop(key, stop) {
      const running = tasks.get(key);
      if (!running || running.task.stop) return;
      running.task = { ...running.task, stop };
      advance(running);
    },
    knows: (key) => tasks.has(key),
    taskAt: (address) => networks.taskAt(address),
    async sweep(keys) {
      const found = await engine.list(`${INSTANCE_LABEL}=${instance}`);
      const orphans = found.filter(({ labels }) => {
        const key = labels[TASK_LABEL] ?? "";
        return key !== "" && !keys.has(key) && !tasks.has(key);
      });
      // Whoever shares another's network goes first.
      orphans.sort(
        (left, right) =>
          Number(left.labels[CONTAINER_LABEL] === ".network") - Number(right.labels[CONTAINER_LABEL] === ".network"),
      );
      for (const { id } of orphans) await engine.remove(id);
      return orphans.length;
    },
    async close(end) {
      if (end && tasks.size > 0) {
        const stop: Stop = { code: "UserInitiated", reason: "Virga was stopped" };
        for (const running of tasks.values()) {
          const { spec } = running.task;
          const containers = spec.containers.map((one) => ({
            ...one,
            stopTimeoutMs: Math.min(one.stopTimeoutMs, CLOSING_MS),
          }));
          running.task = { ...running.task, spec: { ...spec, containers }, stop: running.task.stop ?? stop };
          advance(running);
        }
        await Promise.race([
          Promise.all([...tasks.values()].map(({ cleaned }) => cleaned).concat(untilEmpty())),
          sleep(clock, 2 * CLOSING_MS),
        ]);
      }
      closing.abort();
      sampler.close();
      for (const running of tasks.values()) {
        running.timer?.cancel();
        running.ending.abort();
        running.logging.abort();
      }
      await networks.close(end);
      await engine.close();
    },
  };

  async function untilEmpty(): Promise<void> {
    while (tasks.size > 0 && !closing.signal.aborted) await sleep(clock, 50, closing.signal);
  }

  /** Finds a task's containers that ran before; one that is gone has ended. */
  async function takeOver(running: Running, names: readonly string[]): Promise<void> {
    const { key } = running.task.spec;
    for (const name of names) change(running, name, { phase: "starting" });
    for (const name of names) {
      try {
        const view = await persist(`Task ${key}`, () => engine.inspect(nameOf(key, name)));
        if (closing.signal.aborted) return;
        if (!view) exited(running, name, undefined);
        else {
          if (running.task.spec.containers.length > 1 && running.networkId === undefined) {
            const holder = await persist(`Task ${key}`, () => engine.inspect(nameOf(key, ".network")));
            if (holder) {
              running.networkId = holder.id;
              running.published = { ...holder.published };
              if (holder.address !== undefined) {
                running.address = holder.address;
                networks.adopt(key, holder.address);
              }
              if (holder.macAddress !== undefined) running.macAddress = holder.macAddress;
            }
          }
          running.cgroupParent ??= cgroups.find(key);
          began(running, name, view);
        }
      } catch (error) {
        log.error("A container cannot be taken over", { container: name, error });
        exited(running, name, undefined);
      }
    }
  }
}
