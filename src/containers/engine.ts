/**
 * What runs containers, as this room needs it: a port that Docker's API fills (`docker/`) and that tests fill with a stand-in
 * (`testing.ts`). Nothing here knows of tasks or services.
 */

/** What answers behind the socket. */
export interface EngineInfo {
  /** `podman 4.3.1`, `docker 28.2.2` */
  readonly description: string;
  /** The socket's path or address. */
  readonly socket: string;
  /**
   * `direct`: containers have addresses that this machine reaches, and reach it at the gateway. `published`: only ports published on loopback
   * are reachable, as with Docker Desktop and rootless engines.
   */
  readonly reach: "direct" | "published";
  /** `amd64`, `arm64` */
  readonly architecture: string;
  /** `cgroupfs`, `systemd` */
  readonly cgroupDriver: string;
  /** Of the engine's machine. */
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface ContainerMount {
  readonly kind: "volume" | "bind" | "tmpfs";
  /** A volume's name, or a folder of the engine's machine; absent for tmpfs. */
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly sizeBytes?: number;
  /** Further mount options of a tmpfs: `noexec` … */
  readonly options?: readonly string[];
}

/** One container, described completely. */
export interface ContainerSpec {
  /** As the engine knows it; unique. */
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly entryPoint?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** A network of its own address, or the one of another container. */
  readonly network:
    | { readonly kind: "own"; readonly address?: string; readonly publish: readonly Port[] }
    | { readonly kind: "shared"; readonly containerId: string };
  /** 2 vCPU = 2. */
  readonly cpus: number;
  /** Relative weight where containers compete. */
  readonly cpuShares?: number;
  readonly memoryBytes: number;
  readonly memoryReservationBytes?: number;
  /** Cgroup that the container's lies in, where the engine lets one choose. */
  readonly cgroupParent?: string;
  readonly hostname?: string;
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly readonlyRoot: boolean;
  /** A small init that forwards signals and reaps. */
  readonly init: boolean;
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly mounts: readonly ContainerMount[];
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
}

export interface Port {
  readonly port: number;
  readonly protocol: "tcp" | "udp";
}

export interface ContainerView {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly phase: "created" | "running" | "exited";
  readonly startedMs?: number;
  readonly finishedMs?: number;
  /** Once it has exited. */
  readonly exitCode?: number;
  /** The kernel ended it because it used more memory than it may. */
  readonly outOfMemory: boolean;
  /** `sha256:…` */
  readonly imageId: string;
  /** By which the image wants to be stopped: `SIGTERM` unless it says otherwise. */
  readonly stopSignal: string;
  readonly address?: string;
  readonly macAddress?: string;
  /** Loopback ports by `80/tcp`, where ports are published. */
  readonly published: Readonly<Record<string, number>>;
}

/** Counters since the container began. */
export interface ContainerStats {
  readonly cpuNs: number;
  readonly memoryBytes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface LogLine {
  readonly timestampMs: number;
  readonly stream: "stdout" | "stderr";
  /** Without its line break. */
  readonly text: string;
}

export interface ImageBuild {
  /** What the Dockerfile may copy, but for what its .dockerignore names; absolute. */
  readonly folder: string;
  /** Relative to the folder. */
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
}

/** Every image that was built here carries it. */
export const BUILT_LABEL = "virga.image";

export interface ContainerEngine {
  /** Asks who is there and makes the network, or whether who was there still answers. @throws EngineUnavailable */
  connect(): Promise<EngineInfo>;
  /** Forgets what {@link connect} learnt: the engine may be another one by now. */
  forget(): void;
  /** Makes sure that the engine holds the image, pulling it if it may. @returns its id. @throws ImageUnavailable */
  image(name: string): Promise<string>;
  holds(image: string): Promise<boolean>;
  /** Builds an image. @throws Error with the engine's own words, after the end of what the build said */
  build(image: string, build: ImageBuild): Promise<void>;
  /** Makes an image of one layer from a tar archive. */
  importImage(image: string, archive: Buffer): Promise<void>;
  /** @returns the container's id. @throws Error in the engine's words; one named `NameTaken` when the name is taken */
  create(spec: ContainerSpec): Promise<string>;
  start(id: string): Promise<void>;
  /** Undefined when there is no such container. */
  inspect(idOrName: string): Promise<ContainerView | undefined>;
  /** All containers that carry this label. */
  list(label: string): Promise<readonly Pick<ContainerView, "id" | "name" | "labels" | "phase">[]>;
  /** Resolves when the container is not running any more. Rejects when the engine is gone. */
  exited(id: string, signal: AbortSignal): Promise<void>;
  /** Succeeds when it has exited already. */
  signal(id: string, name: string): Promise<void>;
  /** With its anonymous volumes, running or not. Succeeds when it is gone. */
  remove(id: string): Promise<void>;
  createVolume(name: string, labels: Readonly<Record<string, string>>): Promise<void>;
  removeVolume(name: string): Promise<void>;
  /** Undefined when it is not running. */
  stats(id: string): Promise<ContainerStats | undefined>;
  /** Lines from `sinceMs` on, until the container ends. */
  logs(id: string, sinceMs: number, signal: AbortSignal): AsyncIterable<LogLine>;
  /** Runs a command inside. @returns its exit code */
  exec(id: string, command: readonly string[], signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** No engine answers. `remedy` says how to get one. */
export class EngineUnavailable extends Error {
  override readonly name = "EngineUnavailable";
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

/** The engine neither holds the image nor gets it. */
export class ImageUnavailable extends Error {
  override readonly name = "ImageUnavailable";
}

export const nameTaken = (name: string): Error =>
  Object.assign(new Error(`The engine has a container named ${name} already.`), { name: "NameTaken" });
