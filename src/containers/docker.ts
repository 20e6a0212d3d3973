/**
 * The engine over Docker's API, as Docker and Podman both speak it. Every request has a time limit, so that an engine that hangs is an engine
 * that does not answer; what lasts by its nature (waiting for an exit, following logs) ends with its signal.
 *
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/
 * @see https://docs.podman.io/en/latest/_static/api.html
 */
import { Readable } from "node:stream";
import type Docker from "dockerode";
import type { Clock } from "../kernel/clock.ts";
import { ECR_ADDRESS, phaseOf, requestOf, statsOf, viewOf, withDigest } from "./docker-shapes.ts";
import { decodeLog, waitForEnd } from "./docker-streams.ts";
import {
  BUILT_LABEL,
  type ContainerEngine,
  type EngineInfo,
  EngineUnavailable,
  ImageUnavailable,
  nameTaken,
} from "./engine.ts";
import { addressText, ENGINE_REMEDY, type EngineAddress } from "./socket.ts";

/** An engine that takes longer to answer is taken to be away. */
const ANSWER_MS_MAX = 30_000;
const CONNECT_MS_MAX = 20_000;
/** An engine that is known has nothing to do for this. */
const PING_MS_MAX = 5_000;
/** Pulling and building wait for a network and for other people's commands. */
const IMAGE_MS_MAX = 30 * 60_000;
/** A one-shot sample of a running container; Docker takes a second for it where it cannot do it at once. */
const STATS_MS_MAX = 5_000;

export interface TaskNetwork {
  readonly name: string;
  readonly subnet: string;
  readonly gateway: string;
}

export interface DockerOptions {
  readonly clock: Clock;
  /** Looked up at every connect; a socket may appear later. @throws Error when what was named is no address */
  readonly address: () => EngineAddress | undefined;
  /** Made when it is missing. */
  readonly network: TaskNetwork;
}

interface Connection {
  readonly docker: Docker;
  readonly kind: "docker" | "podman";
  readonly major: number;
  readonly info: EngineInfo;
}

const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number } | undefined)?.statusCode;

/** What the engine said, without the client's wrapping. */
function wordsOf(error: unknown): string {
  const { json, message } = error as { json?: { message?: string }; message?: string };
  return json?.message ?? message ?? String(error);
}

/**
 * Waits for a container's end through Podman's own API. Its Docker-compatible wait asks for the state without a pause between, and keeps a core
 * busy for each container that runs (seen with 4.3); this one looks four times a second.
 *
 * @see https://docs.podman.io/en/latest/_static/api.html#tag/containers/operation/ContainerWaitLibpod
 */
function podmanExit(docker: Docker, id: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) =>
    docker.modem.dial(
      {
        // The client writes no list into a query: the first of the two conditions stands in the path.
        path: `/v4.0.0/libpod/containers/${id}/wait?condition=exited&`,
        options: { condition: "stopped", interval: "250ms" },
        method: "POST",
        abortSignal: signal,
        statusCodes: { 200: true, 404: "no such container", 500: "server error" },
      },
      (error: unknown, answer: unknown) => (error ? reject(error) : resolve(answer)),
    ),
  );
}

export function createDockerEngine({ clock, address, network }: DockerOptions): ContainerEngine {
  let connecting: Promise<Connection> | undefined;

  /** Runs one request that must end in time. @throws EngineUnavailable when it does not, or when nobody listens */
  async function bounded<T>(limitMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const timer = clock.at(clock.nowMs() + limitMs, () => late.abort());
    try {
      return await run(late.signal);
    } catch (error) {
      if (late.signal.aborted) {
        forget();
        throw new EngineUnavailable(
          `The container engine at ${place()} did not answer within ${limitMs / 1000} seconds.`,
          "Look after the engine: is it frozen, or its disk full? Tasks go on when it answers again.",
        );
      }
      if (statusOf(error) === undefined && (error as NodeJS.ErrnoException).code !== undefined) {
        forget();
        throw new EngineUnavailable(
          `The container engine at ${place()} does not answer: ${(error as Error).message}.`,
          ENGINE_REMEDY,
        );
      }
      throw statusOf(error) === undefined
        ? error
        : Object.assign(new Error(wordsOf(error)), { statusCode: statusOf(error) });
    } finally {
      timer.cancel();
    }
  }

  const place = (): string => {
    const found = address();
    return found ? addressText(found) : "(none)";
  };
  const forget = () => {
    connecting = undefined;
  };

  async function open(): Promise<Connection> {
    const where = address();
    if (!where) throw new EngineUnavailable("There is no container engine on this machine.", ENGINE_REMEDY);
    const { default: Client } = await import("dockerode");
    const docker = new Client(
      where.kind === "socket" ? { socketPath: where.path } : { protocol: "http", host: where.host, port: where.port },
    );
    const [version, about] = await bounded(CONNECT_MS_MAX, (abortSignal) =>
      Promise.all([
        (docker as any).version({ abortSignal }) as Promise<any>,
        (docker as any).info({ abortSignal }) as Promise<any>,
      ]),
    );
    const podman = JSON.stringify(version.Components ?? []).includes("Podman");
    const kind = podman ? "podman" : "docker";
    const rootless = ((about.SecurityOptions ?? []) as string[]).some((option) => option.includes("rootless"));
    const elsewhere = where.kind === "tcp" || /docker desktop/i.test(about.OperatingSystem ?? "");
    const direct = process.platform === "linux" && !rootless && !elsewhere;
    if (direct) {
      await ensureNetwork(docker).catch((error) => {
        if (error instanceof EngineUnavailable) throw error;
        throw new EngineUnavailable(
          `The container engine at ${addressText(where)} cannot make the network of tasks, ${network.subnet}: ${error.message}.`,
          "Remove the network that has these addresses, or name another engine with --container-socket.",
        );
      });
    }
    return {
      docker,
      kind,
      major: Number.parseInt(version.Version, 10),
      info: {
        description: `${kind} ${version.Version}`,
        socket: addressText(where),
        reach: direct ? "direct" : "published",
        cgroupDriver: about.CgroupDriver ?? "",
        architecture: version.Arch ?? "",
        cpus: about.NCPU ?? 1,
        memoryBytes: about.MemTotal ?? 0,
      },
    };
  }

  async function ensureNetwork(docker: Docker): Promise<void> {
    const found = await bounded(ANSWER_MS_MAX, (abortSignal) =>
      (docker.getNetwork(network.name) as any).inspect({ abortSignal }).catch((error: unknown) => {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }),
    );
    if (found) return;
    await bounded(ANSWER_MS_MAX, (abortSignal) =>
      docker.createNetwork({
        Name: network.name,
        Driver: "bridge",
        IPAM: { Driver: "default", Config: [{ Subnet: network.subnet, Gateway: network.gateway }] },
        Labels: { "virga.network": "tasks" },
        abortSignal,
      } as Docker.NetworkCreateOptions),
    );
  }

  function connection(): Promise<Connection> {
    if (!connecting) {
      const attempt: Promise<Connection> = open();
      connecting = attempt;
      attempt.catch(() => {
        if (connecting === attempt) connecting = undefined;
      });
    }
    return connecting;
  }

  const ask = async <T>(run: (docker: Docker, signal: AbortSignal) => Promise<T>, limitMs = ANSWER_MS_MAX) => {
    const { docker } = await connection();
    return bounded(limitMs, (signal) => run(docker, signal));
  };
  /** Undefined for what is not there; `asGone` adds states in which there is nothing left to do. */
  const unlessGone = async <T>(work: Promise<T>, ...asGone: number[]): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      // Podman says it with 500 where a container goes while it is asked.
      const gone = /no such (?:container|volume)/i.test((error as Error).message ?? "");
      if (gone || [404, ...asGone].includes(statusOf(error) ?? 0)) return undefined;
      throw error;
    }
  };

  return {
    async connect() {
      const known = connecting !== undefined;
      const { docker, info } = await connection();
      if (known) await bounded(PING_MS_MAX, (abortSignal) => (docker as any).ping({ abortSignal }) as Promise<unknown>);
      return info;
    },
    forget,
    async image(name) {
      const held = () =>
        unlessGone(
          ask((docker, abortSignal) =>
            docker
              .getImage(name)
              .inspect({ abortSignal } as object)
              .then(({ Id }) => Id),
          ),
        );
      const found = await held();
      if (found) return withDigest(found);
      if (ECR_ADDRESS.test(name)) {
        throw new ImageUnavailable(
          `${name}: the container engine does not hold this image, and Virga does not pull from Amazon ECR. Build it, or tag one with this name: docker tag IMAGE ${name}`,
        );
      }
      try {
        await ask(
          (docker, abortSignal) =>
            docker.pull(name, { abortSignal } as object).then((stream) => waitForEnd(stream as NodeJS.ReadableStream)),
          IMAGE_MS_MAX,
        );
      } catch (error) {
        if (error instanceof EngineUnavailable) throw error;
        throw new ImageUnavailable(
          `${name}: the container engine neither holds nor gets this image: ${wordsOf(error)}`,
        );
      }
      const pulled = await held();
      if (!pulled) throw new ImageUnavailable(`${name}: the container engine does not hold this image.`);
      return withDigest(pulled);
    },
    holds: async (image) =>
      (await unlessGone(ask((docker, abortSignal) => docker.getImage(image).inspect({ abortSignal } as object)))) !==
      undefined,
    async build(image, { folder, dockerfile, args }) {
      await ask(
        (docker, abortSignal) =>
          docker
            .buildImage({ context: folder, src: ["."] }, {
              t: image,
              dockerfile,
              buildargs: args,
              labels: { [BUILT_LABEL]: "built" },
              rm: true,
              forcerm: true,
              abortSignal,
            } as object)
            .then(waitForEnd),
        IMAGE_MS_MAX,
      );
    },
    async importImage(image, archive) {
      await ask(
        (docker, abortSignal) =>
          (docker as any).importImage(Readable.from([archive]), { repo: image, abortSignal }).then(waitForEnd),
        IMAGE_MS_MAX,
      );
    },
    async create(spec) {
      const { kind } = await connection();
      try {
        const container = await ask((docker, abortSignal) =>
          docker.createContainer({ ...requestOf(spec, kind, network), abortSignal }),
        );
        return container.id;
      } catch (error) {
        if (statusOf(error) === 409 || /name .*(?:already|is) in use/i.test((error as Error).message)) {
          throw nameTaken(spec.name);
        }
        throw error;
      }
    },
    async start(id) {
      await ask((docker, abortSignal) => docker.getContainer(id).start({ abortSignal } as object)).catch((error) => {
        if (statusOf(error) !== 304) throw error;
      });
    },
    async inspect(id) {
      const found = await unlessGone(
        ask((docker, abortSignal) => docker.getContainer(id).inspect({ abortSignal } as object)),
      );
      return found && viewOf(found, network);
    },
    async list(label) {
      const found = await ask((docker, abortSignal) =>
        docker.listContainers({ all: true, filters: { label: [label] }, abortSignal }),
      );
      return found.map(({ Id, Names, Labels, State }) => ({
        id: Id,
        name: (Names[0] ?? "").replace(/^\//, ""),
        labels: Labels,
        phase: phaseOf(State),
      }));
    },
    async exited(id, signal) {
      const { docker, kind } = await connection();
      try {
        if (kind === "podman") await podmanExit(docker, id, signal);
        else await docker.getContainer(id).wait({ condition: "not-running", abortSignal: signal } as object);
      } catch (error) {
        // Whatever the engine says of the container itself: whoever waited looks at it now.
        if (signal.aborted || statusOf(error) !== undefined) return;
        forget();
        throw new EngineUnavailable(
          `The container engine at ${place()} went away: ${(error as Error).message}.`,
          ENGINE_REMEDY,
        );
      }
    },
    async signal(id, name) {
      // 409 and 500 "not running": it has ended meanwhile.
      await unlessGone(
        ask((docker, abortSignal) => docker.getContainer(id).kill({ signal: name, abortSignal } as object)),
        409,
      ).catch((error) => {
        if (!/not running|exited|can only kill running|no such process/i.test((error as Error).message)) throw error;
      });
    },
    async remove(id) {
      // 409: somebody else removes it already.
      await unlessGone(
        ask((docker, abortSignal) => docker.getContainer(id).remove({ force: true, v: true, abortSignal } as object)),
        409,
      );
    },
    async createVolume(name, labels) {
      await ask((docker, abortSignal) => docker.createVolume({ Name: name, Labels: { ...labels }, abortSignal }));
    },
    async removeVolume(name) {
      await unlessGone(
        ask((docker, abortSignal) => docker.getVolume(name).remove({ force: true, abortSignal } as object)),
      );
    },
    async stats(id) {
      const sample = await unlessGone(
        ask(
          (docker, abortSignal) =>
            (docker.getContainer(id) as any).stats({ stream: false, "one-shot": true, abortSignal }) as Promise<any>,
          STATS_MS_MAX,
        ),
        409,
        500,
      );
      const { kind, major } = await connection();
      return sample && statsOf(sample, kind === "podman" && major < 5);
    },
    async *logs(id, sinceMs, signal) {
      const { docker } = await connection();
      const container = docker.getContainer(id);
      const { Config } = await container.inspect();
      const stream = (await container.logs({
        follow: true,
        stdout: true,
        stderr: true,
        timestamps: true,
        since: Math.floor(sinceMs / 1000),
        abortSignal: signal,
      } as Docker.ContainerLogsOptions & { follow: true })) as NodeJS.ReadableStream;
      for await (const line of decodeLog(stream, Config.Tty, signal)) if (line.timestampMs >= sinceMs) yield line;
    },
    async exec(id, command, signal) {
      const { docker } = await connection();
      const exec = await docker.getContainer(id).exec({
        Cmd: [...command],
        AttachStdout: true,
        AttachStderr: true,
        abortSignal: signal,
      } as Docker.ExecCreateOptions);
      const stream = await exec.start({ hijack: false, stdin: false, abortSignal: signal } as Docker.ExecStartOptions);
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("The command took too long.")), { once: true });
        stream.on("end", resolve).on("close", resolve).on("error", reject).resume();
      });
      const { ExitCode } = await exec.inspect();
      return ExitCode ?? 1;
    },
    async close() {
      forget();
    },
  };
}
