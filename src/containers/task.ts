/** What a task is to this room: containers that live and die together, in one network, within one size. */
import type { ContainerSpec, EngineInfo, Port } from "./engine.ts";
import type { TaskSample } from "./sampler.ts";

export type DependencyCondition = "START" | "COMPLETE" | "SUCCESS" | "HEALTHY";

export interface HealthCheck {
  readonly command: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly retries: number;
  /** Failures this soon after the start do not count. */
  readonly startPeriodMs: number;
}

export interface TaskContainer {
  readonly name: string;
  /** When it exits, the task ends. */
  readonly essential: boolean;
  readonly dependsOn: readonly { readonly container: string; readonly condition: DependencyCondition }[];
  /** How long its dependencies may take. */
  readonly startTimeoutMs?: number;
  /** From the stop signal to SIGKILL. */
  readonly stopTimeoutMs: number;
  readonly healthCheck?: HealthCheck;
  readonly ports: readonly Port[];
  readonly container: Omit<ContainerSpec, "name" | "labels" | "network" | "cgroupParent">;
  readonly labels: Readonly<Record<string, string>>;
}

export interface TaskSpec {
  /** Unique among all tasks of this Virga; lower-case letters, digits and hyphens. */
  readonly key: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Empty volumes that live as long as the task, by the name that mounts give as their source. */
  readonly volumes: readonly string[];
  readonly containers: readonly TaskContainer[];
}

export type Health = "UNKNOWN" | "HEALTHY" | "UNHEALTHY";

export interface ContainerState {
  /** `starting`: asked of the engine and not answered yet, or to be asked again. */
  readonly phase: "absent" | "starting" | "running" | "exited";
  readonly id?: string;
  readonly imageId?: string;
  readonly health: Health;
  readonly startedMs?: number;
  readonly finishedMs?: number;
  readonly exitCode?: number;
  /** Why it did not start, or why it ended, in words for a person. */
  readonly reason?: string;
  /** The signal that the image wants to be stopped by. */
  readonly stopSignal?: string;
  readonly signalledMs?: number;
  readonly killed?: boolean;
}

export type StopCode = "EssentialContainerExited" | "TaskFailedToStart" | "UserInitiated" | "ServiceSchedulerInitiated";

export interface Stop {
  readonly code: StopCode;
  readonly reason: string;
}

export interface TaskState {
  readonly spec: TaskSpec;
  readonly beganMs: number;
  /** Set once the task is to end. */
  readonly stop?: Stop;
  readonly containers: Readonly<Record<string, ContainerState>>;
}

export interface ContainerReport extends ContainerState {
  readonly name: string;
}

/** How a task stands. */
export interface TaskReport {
  readonly key: string;
  /** Where its containers are reached. */
  readonly address?: string;
  readonly macAddress?: string;
  /** Loopback ports by `80/tcp`, where containers have no address. */
  readonly published: Readonly<Record<string, number>>;
  readonly containers: readonly ContainerReport[];
  readonly stop?: Stop;
  /** Nothing of it runs any more. */
  readonly over: boolean;
}

export interface TaskSink {
  report(report: TaskReport): void;
  sample(sample: TaskSample): void;
  line(key: string, container: string, line: { readonly timestampMs: number; readonly text: string }): void;
}

/** What was known of a task's container before this room was opened. */
export interface KnownContainer {
  /** It has been started: if the engine has it no more, it has ended. */
  readonly started: boolean;
  /** Lines up to here have been told. */
  readonly loggedMs?: number;
}

export interface TaskHost {
  /** Whose containers these are; before anything else. */
  open(instance: string): void;
  /** What engine there is. @throws EngineUnavailable */
  engine(): Promise<EngineInfo>;
  /** What tasks reach Virga by; undefined where they cannot. @throws EngineUnavailable */
  door(): Promise<string | undefined>;
  /** Runs a task, or takes it over if it runs. */
  run(spec: TaskSpec, known?: Readonly<Record<string, KnownContainer>>): void;
  /** Ends a task. One that this room does not know has ended. */
  stop(key: string, stop: Stop): void;
  knows(key: string): boolean;
  /** The task whose containers have this address. */
  taskAt(address: string): string | undefined;
  /** Ends containers of this Virga whose task is none of these. @throws EngineUnavailable */
  sweep(keys: ReadonlySet<string>): Promise<number>;
  /** Resolves when all that was begun has come to rest. `end`: ends all tasks first, politely but soon. */
  close(end: boolean): Promise<void>;
}
