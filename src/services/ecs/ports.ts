/**
 * What ECS needs of the outside world: something that runs tasks. The structural twin of what `src/containers/task.ts` offers; this room knows no
 * container engine.
 */
import type { Clock } from "../../kernel/clock.ts";
import type { Log } from "../../kernel/log.ts";
import type { Random } from "../../kernel/random.ts";

export interface Port {
  readonly port: number;
  readonly protocol: "tcp" | "udp";
}

export interface ContainerMount {
  readonly kind: "volume" | "bind" | "tmpfs";
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly sizeBytes?: number;
  readonly options?: readonly string[];
}

export interface TaskContainer {
  readonly name: string;
  readonly essential: boolean;
  readonly dependsOn: readonly {
    readonly container: string;
    readonly condition: "START" | "COMPLETE" | "SUCCESS" | "HEALTHY";
  }[];
  readonly startTimeoutMs?: number;
  readonly stopTimeoutMs: number;
  readonly healthCheck?: {
    readonly command: readonly string[];
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly retries: number;
    readonly startPeriodMs: number;
  };
  readonly ports: readonly Port[];
  readonly labels: Readonly<Record<string, string>>;
  readonly container: {
    readonly image: string;
    readonly command?: readonly string[];
    readonly entryPoint?: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly cpus: number;
    readonly cpuShares?: number;
    readonly memoryBytes: number;
    readonly memoryReservationBytes?: number;
    readonly hostname?: string;
    readonly user?: string;
    readonly workingDirectory?: string;
    readonly readonlyRoot: boolean;
    readonly init: boolean;
    readonly tty: boolean;
    readonly openStdin: boolean;
    readonly mounts: readonly ContainerMount[];
    readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
    readonly capabilitiesAdded: readonly string[];
    readonly capabilitiesDropped: readonly string[];
    readonly sysctls: Readonly<Record<string, string>>;
  };
}

export interface TaskSpec {
  readonly key: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly volumes: readonly string[];
  readonly containers: readonly TaskContainer[];
}

export type StopCode = "EssentialContainerExited" | "TaskFailedToStart" | "UserInitiated" | "ServiceSchedulerInitiated";

export interface Stop {
  readonly code: StopCode;
  readonly reason: string;
}

export interface ContainerReport {
  readonly name: string;
  readonly phase: "absent" | "starting" | "running" | "exited";
  readonly id?: string;
  readonly imageId?: string;
  readonly health: "UNKNOWN" | "HEALTHY" | "UNHEALTHY";
  readonly startedMs?: number;
  readonly finishedMs?: number;
  readonly exitCode?: number;
  readonly reason?: string;
}

export interface TaskReport {
  readonly key: string;
  readonly address?: string;
  readonly macAddress?: string;
  readonly published: Readonly<Record<string, number>>;
  readonly containers: readonly ContainerReport[];
  readonly stop?: Stop;
  readonly over: boolean;
}

export interface TaskSample {
  readonly key: string;
  readonly sampledMs: number;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
}

export interface TaskSink {
  report(report: TaskReport): void;
  sample(sample: TaskSample): void;
  line(key: string, container: string, line: { readonly timestampMs: number; readonly text: string }): void;
}

export interface KnownContainer {
  readonly started: boolean;
  readonly loggedMs?: number;
}

export interface TaskHost {
  open(instance: string): void;
  /** @throws an error named `EngineUnavailable` with a `remedy` */
  engine(): Promise<{ readonly description: string }>;
  /** What tasks reach Virga by: `http://169.254.170.2`; undefined where they cannot. */
  door(): Promise<string | undefined>;
  run(spec: TaskSpec, known?: Readonly<Record<string, KnownContainer>>): void;
  stop(key: string, stop: Stop): void;
  knows(key: string): boolean;
  sweep(keys: ReadonlySet<string>): Promise<number>;
  close(end: boolean): Promise<void>;
}

export interface EcsPorts {
  /** Opens the host once. The service closes it when it stops. */
  readonly openHost: (machine: {
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly sink: TaskSink;
  }) => TaskHost;
  /** Tasks end with the platform, rather than being found again by the next. */
  readonly endTasks: boolean;
}

/** What to do, when an error says that there is no engine. */
export function engineUnavailable(error: unknown): { readonly message: string; readonly remedy: string } | undefined {
  if (error instanceof Error && error.name === "EngineUnavailable" && "remedy" in error) {
    return { message: error.message, remedy: String(error.remedy) };
  }
  return undefined;
}
