/**
 * Between the store and the machine: tasks that are written are run, what the machine reports is written, what is to end is ended. One of these for
 * the whole platform; opened when it starts.
 */
import { AwsError } from "../../kernel/errors.ts";
import { decodeKey, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { createRoles, RoleNotAssumed, type Roles } from "../delivery-common/roles.ts";
import type { FlowContext } from "../service.ts";
import { deregister, drained, register } from "./balancing.ts";
import { createLogRelay, type LogRelay, openStream, streamOf } from "./log-relay.ts";
import { createObserver, type Observer } from "./observations.ts";
import {
  type EcsPorts,
  engineUnavailable,
  type KnownContainer,
  type Stop,
  type TaskHost,
  type TaskReport,
} from "./ports.ts";
import { earlyEnd, failure } from "./reconcile.ts";
import { readSecrets } from "./secrets.ts";
import { specOf } from "./specs.ts";
import {
  Definitions,
  definitionKey,
  Instances,
  instanceKey,
  type LiveTask,
  LiveTasks,
  liveKey,
  Services,
  serviceKey,
  type TaskContainerRecord,
  type TaskRecord,
  type TaskRef,
  Tasks,
  taskKey,
} from "./state.ts";
import { changeTask, finishTask } from "./tasks.ts";
import { meter } from "./usage.ts";

/** A task that ends by itself sooner than this counts as one that does not start. */
const EARLY_MS = 60_000;

export class Machine {
  readonly #ports: EcsPorts;
  readonly #roles: Roles = createRoles("ecs-tasks.amazonaws.com");
  readonly #placing = new Set<string>();
  /** Reports of a task are written in their order. */
  readonly #writing = new Map<string, Promise<void>>();
  #host: TaskHost | undefined;
  #logs: LogRelay | undefined;
  #observer: Observer | undefined;
  #flow: FlowContext | undefined;

  constructor(ports: EcsPorts) {
    this.#ports = ports;
  }

  get host(): TaskHost {
    if (!this.#host) throw new Error("The machine is opened when the platform starts");
    return this.#host;
  }

  /** Opens the host, takes over what ran before, and ends what nobody wants. */
  async open(flow: FlowContext): Promise<() => Promise<void>> {
    this.#flow = flow;
    this.#logs = createLogRelay(flow);
    this.#observer = createObserver(flow);
    const host = this.#ports.openHost({
      clock: flow.clock,
      random: flow.random,
      log: flow.log,
      sink: {
        report: (report) => this.#report(report),
        sample: (sample) => this.#observer!.sample(sample),
        line: (key, container, line) => this.#logs!.line(key, container, line),
      },
    });
    this.#host = host;
    const { instance, live } = await flow.write((tx, context) => {
      const known = Instances.get(tx, instanceKey());
      const instance = known?.id ?? context.random.bytes(8).toString("hex");
      if (!known) Instances.put(tx, instanceKey(), { id: instance });
      const { start, end } = keysUnder("ecs-live");
      const live = [...LiveTasks.range(tx, start, end)].map(
        ([key, { accountId, region, cluster }]): TaskRef => ({
          accountId,
          region,
          cluster,
          id: decodeKey(key)[1] as string,
        }),
      );
      return { instance, live };
    });
    host.open(instance);
    for (const ref of live) void this.resume(ref);
    if (live.length > 0) void this.#sweep(new Set(live.map(({ id }) => id)));
    return async () => {
      await host.close(this.#ports.endTasks);
      await Promise.all(this.#writing.values());
      await this.#logs!.flush();
    };
  }

  async #sweep(keys: ReadonlySet<string>): Promise<void> {
    try {
      const ended = await this.host.sweep(keys);
      if (ended > 0) this.#flow!.log.warn("Ended containers that belong to no task", { count: ended });
    } catch (error) {
      this.#flow!.log.warn("Containers of tasks that are gone cannot be looked for", {
        reason: (error as Error).message,
      });
    }
  }

  /** A task that was there when the platform started. */
  async resume(ref: TaskRef): Promise<void> {
    const flow = this.#flow!.as({ accountId: ref.accountId, region: ref.region });
    const task = await this.#read(flow, ref);
    if (!task || task.lastStatus === "STOPPED") return;
    // One that was never begun is owed as an event still.
    if (task.containers.every(({ runtimeId }) => runtimeId === undefined) && task.lastStatus === "PROVISIONING") return;
    await this.place(flow, ref);
    if (task.desiredStatus === "STOPPED") this.host.stop(ref.id, stopOf(task));
  }

  /** Runs a task that was written. Hears {@link TASK_PLACED}. */
  async place(flow: FlowContext, ref: TaskRef): Promise<void> {
    if (this.#placing.has(ref.id) || this.host.knows(ref.id)) return;
    this.#placing.add(ref.id);
    try {
      const task = await this.#read(flow, ref);
      if (!task || task.lastStatus === "STOPPED") return;
      const begun = task.containers.some(({ runtimeId }) => runtimeId !== undefined);
      if (task.desiredStatus === "STOPPED" && !begun) return void (await this.#never(flow, ref));
      try {
        await this.#run(flow, task);
      } catch (error) {
        const reason = reasonOf(error);
        if (reason === undefined) throw error;
        await flow.write((tx, { nowMs }) =>
          this.#over(tx, ref, nowMs, { stopCode: "TaskFailedToStart", stoppedReason: reason }),
        );
        return;
      }
      const now = await this.#read(flow, ref);
      if (now?.desiredStatus === "STOPPED") this.host.stop(ref.id, stopOf(now));
    } finally {
      this.#placing.delete(ref.id);
    }
  }

  async #run(flow: FlowContext, task: TaskRecord): Promise<void> {
    const { shape } = await flow.write(
      (tx) => Definitions.get(tx, definitionKey(task, task.definition.family, task.definition.revision))!,
    );
    await this.host.engine();
    const door = await this.host.door();
    const executionRole = task.overrides.executionRoleArn ?? shape.executionRoleArn;
    const needsRole = shape.containerDefinitions!.some(
      ({ secrets = [], logConfiguration }) => secrets.length > 0 || logConfiguration,
    );
    const principal =
      needsRole && executionRole !== undefined
        ? await this.#roles.assume(flow, executionRole, task.id)
        : flow.principal;
    const secrets = await readSecrets(flow, shape, principal).catch((error) => {
      if (!(error instanceof AwsError)) throw error;
      throw new AwsError(
        "ResourceInitializationError",
        `ResourceInitializationError: unable to pull secrets or registry auth: ${error.code}: ${error.message}`,
      );
    });
    const known: Record<string, KnownContainer> = {};
    for (const container of shape.containerDefinitions!) {
      const { name, logConfiguration } = container;
      const record = task.containers.find((one) => one.name === name)!;
      const stream = logConfiguration && streamOf(task, name!, logConfiguration);
      const loggedMs = stream && (await openStream(flow, stream, principal));
      if (stream) this.#logs!.expect(task.id, name!, stream, principal);
      known[name!] = {
        started: record.runtimeId !== undefined,
        ...(loggedMs === undefined ? {} : { loggedMs }),
      };
    }
    this.#observer!.expect(task, await this.#insights(flow, task));
    if (task.pullStartedMs === undefined) {
      await flow.write((tx, { nowMs }) => {
        const now = Tasks.get(tx, taskKey(task, task.cluster, task.id))!;
        changeTask(tx, now, {
          lastStatus: now.lastStatus === "PROVISIONING" ? "PENDING" : now.lastStatus,
          pullStartedMs: nowMs,
        });
      });
    }
    this.host.run(specOf(task, shape, { door, secrets }), known);
  }

  async #insights(flow: FlowContext, task: TaskRecord): Promise<boolean> {
    const { clusters } = await flow.call("ecs", "DescribeClusters", {
      clusters: [task.cluster],
      include: ["SETTINGS"],
    });
    return (
      clusters?.[0]?.settings?.some(({ name, value }) => name === "containerInsights" && value !== "disabled") ?? false
    );
  }

  /** Ends a task. Hears {@link TASK_ENDING}. */
  async end(flow: FlowContext, ref: TaskRef): Promise<void> {
    const task = await this.#read(flow, ref);
    if (!task || task.lastStatus === "STOPPED") return;
    if (task.lastStatus === "DEACTIVATING") {
      await deregister(flow, task);
      await drained(flow, task);
    }
    if (this.host.knows(ref.id)) this.host.stop(ref.id, stopOf(task));
    else if (!this.#placing.has(ref.id)) await this.#never(flow, ref);
  }

  /** A task that was stopped before anything of it ran. */
  #never(flow: FlowContext, ref: TaskRef): Promise<void> {
    return flow.write((tx, { nowMs }) => this.#over(tx, ref, nowMs, {}));
  }

  async #read(flow: FlowContext, ref: TaskRef): Promise<TaskRecord | undefined> {
    return flow.write((tx) => Tasks.get(tx, taskKey(ref, ref.cluster, ref.id)));
  }

  #report(report: TaskReport): void {
    const flow = this.#flow!;
    const before = this.#writing.get(report.key) ?? Promise.resolve();
    const written = before
      .then(() =>
        flow.write((tx, context) => {
          const live = LiveTasks.get(tx, liveKey(report.key));
          if (live) this.#apply(tx, { ...live, id: report.key }, report, context.nowMs);
        }),
      )
      .catch((error) => {
        if (!flow.signal.aborted)
          flow.log.error("What became of a task cannot be written", { task: report.key, error });
      })
      .finally(() => {
        if (this.#writing.get(report.key) === written) this.#writing.delete(report.key);
      });
    this.#writing.set(report.key, written);
  }

  #apply(tx: Transaction, ref: LiveTask & { readonly id: string }, report: TaskReport, nowMs: number): void {
    const task = Tasks.get(tx, taskKey(ref, ref.cluster, ref.id));
    if (!task || task.lastStatus === "STOPPED") return;
    const containers = task.containers.map((container): TaskContainerRecord => {
      const found = report.containers.find(({ name }) => name === container.name);
      if (!found) return container;
      const { reason: _, ...rest } = container;
      return {
        ...rest,
        lastStatus: found.phase === "running" ? "RUNNING" : found.phase === "exited" ? "STOPPED" : "PENDING",
        healthStatus: found.health,
        ...(found.id === undefined ? {} : { runtimeId: found.id }),
        ...(found.imageId === undefined ? {} : { imageDigest: found.imageId }),
        ...(found.exitCode === undefined ? {} : { exitCode: found.exitCode }),
        ...(found.reason === undefined ? {} : { reason: found.reason }),
      };
    });
    const began = report.containers.every(({ phase, startedMs }) => phase === "running" || startedMs !== undefined);
    const changes: Partial<TaskRecord> = {
      containers,
      published: report.published,
      ...(report.address === undefined ? {} : { address: report.address }),
      ...(report.macAddress === undefined ? {} : { macAddress: report.macAddress }),
      ...(task.pullStoppedMs === undefined && report.containers.some(({ phase }) => phase === "running")
        ? { pullStoppedMs: nowMs }
        : {}),
      ...(report.stop && task.stopCode === undefined
        ? {
            desiredStatus: "STOPPED",
            stopCode: report.stop.code,
            stoppedReason: report.stop.reason,
            stoppingMs: nowMs,
          }
        : {}),
    };
    if (report.over) {
      this.#over(tx, ref, nowMs, { ...changes, executionStoppedMs: nowMs });
      return;
    }
    const starting = ["PROVISIONING", "PENDING"].includes(task.lastStatus);
    if (report.stop)
      changeTask(tx, task, {
        ...changes,
        lastStatus: task.lastStatus === "DEACTIVATING" ? "DEACTIVATING" : "STOPPING",
      });
    else if (began && starting) {
      changeTask(tx, task, {
        ...changes,
        lastStatus: task.balanced ? "ACTIVATING" : "RUNNING",
        startedMs: nowMs,
        meteredMs: nowMs,
      });
      meter.begin(tx, task, nowMs);
      if (task.balanced) tx.emit({ type: TASK_JOINING, detail: { ...ref } });
    } else changeTask(tx, task, changes);
  }

  /** A task has ended: its usage is counted, its service told. */
  #over(tx: Transaction, ref: TaskRef, nowMs: number, changes: Partial<TaskRecord>): void {
    const task = Tasks.get(tx, taskKey(ref, ref.cluster, ref.id));
    if (!task || task.lastStatus === "STOPPED") return;
    const containers = (changes.containers ?? task.containers).map((container) => ({
      ...container,
      lastStatus: "STOPPED" as const,
    }));
    const over = finishTask(tx, task, nowMs, { stopCode: "UserInitiated", ...stopped(task), ...changes, containers });
    tx.emit({ type: TASK_OVER, detail: ref });
    this.#observer?.forget(ref.id);
    this.#logs?.forget(ref.id);
    const name = over.group.startsWith("service:") ? over.group.slice("service:".length) : undefined;
    if (name === undefined) return;
    const place = serviceKey(ref, ref.cluster, name);
    const service = Services.get(tx, place);
    if (!service) return;
    const context = { nowMs, random: this.#flow!.random } as never;
    const byItself = over.stopCode === "TaskFailedToStart" || over.stopCode === "EssentialContainerExited";
    const ranMs = task.startedMs === undefined ? 0 : nowMs - task.startedMs;
    if (byItself && ranMs < EARLY_MS) {
      const counted = task.startedMs === undefined ? failure(service, task) : service;
      Services.put(tx, place, earlyEnd(counted, context));
    } else if (service.failures > 0) Services.put(tx, place, { ...service, failures: 0, startNotBeforeMs: 0 });
  }

  /** Registers a task with its service's load balancers. Hears {@link TASK_JOINING}. */
  async join(flow: FlowContext, ref: TaskRef): Promise<void> {
    const task = await this.#read(flow, ref);
    if (task?.lastStatus !== "ACTIVATING" || task.desiredStatus === "STOPPED") return;
    await register(flow, task);
    await flow.write((tx) => {
      const now = Tasks.get(tx, taskKey(ref, ref.cluster, ref.id));
      if (now?.lastStatus === "ACTIVATING") changeTask(tx, now, { lastStatus: "RUNNING", balancerHealth: "initial" });
    });
  }

  /** Takes a task that ended away from its load balancers, and counts its use. Hears {@link TASK_OVER}. */
  async bury(flow: FlowContext, ref: TaskRef): Promise<void> {
    const task = await this.#read(flow, ref);
    if (!task) return;
    if (task.balanced && task.address !== undefined) await deregister(flow, task);
    await flow.write((tx, context) => meter.end(tx, task, context));
  }
}

/** All containers run: the load balancer may send requests. */
export const TASK_JOINING = "ecs.TaskJoining";
export const TASK_OVER = "ecs.TaskOver";

/** Why a task that is to end ends, for the machine. */
const stopOf = ({ stopCode, stoppedReason }: TaskRecord): Stop => ({
  code: stopCode ?? "UserInitiated",
  reason: stoppedReason ?? "",
});

/** What is known of a task's end already. */
const stopped = ({ stopCode, stoppedReason }: TaskRecord): Partial<TaskRecord> => ({
  ...(stopCode === undefined ? {} : { stopCode }),
  ...(stoppedReason === undefined ? {} : { stoppedReason }),
});

/** Why a task cannot be started, if that is what an error says. */
function reasonOf(error: unknown): string | undefined {
  const unavailable = engineUnavailable(error);
  if (unavailable) return `CannotStartContainerError: ${unavailable.message} ${unavailable.remedy}`;
  if (error instanceof RoleNotAssumed) {
    return `ECS was unable to assume the role that was provided for this task. Please verify that the role being passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this role. (${error.message})`;
  }
  return error instanceof AwsError ? error.message : undefined;
}
