/** What is asked of Docker's API for a container, and what its answers mean. @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container */
import type Docker from "dockerode";
import type { ContainerMount, ContainerSpec, ContainerStats, ContainerView } from "./engine.ts";

/** What a container's own log may take on the engine's disk; CloudWatch Logs keeps the rest. */
const LOG_BYTES_MAX = "10m";

export const withDigest = (id: string): string => (id.startsWith("sha256:") ? id : `sha256:${id}`);

/** `000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:1` */
export const ECR_ADDRESS = /^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\//;

export const phaseOf = (state: string): ContainerView["phase"] =>
  ["running", "paused", "restarting", "stopping"].includes(state)
    ? "running"
    : ["created", "initialized", "configured"].includes(state)
      ? "created"
      : "exited";

const timeOf = (text: string | undefined): number | undefined =>
  text === undefined || text.startsWith("0001-") ? undefined : Date.parse(text);

export function viewOf(found: Docker.ContainerInspectInfo, { name }: { readonly name: string }): ContainerView {
  const { State: state, NetworkSettings: settings } = found;
  const phase = phaseOf(state.Status);
  const endpoint = settings.Networks?.[name] ?? Object.values(settings.Networks ?? {})[0];
  const startedMs = timeOf(state.StartedAt);
  const finishedMs = timeOf(state.FinishedAt);
  const published: Record<string, number> = {};
  for (const [port, bindings] of Object.entries(settings.Ports ?? {})) {
    if (bindings?.[0]) published[port] = Number(bindings[0].HostPort);
  }
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ""),
    labels: found.Config.Labels ?? {},
    phase,
    ...(startedMs === undefined ? {} : { startedMs }),
    ...(finishedMs === undefined || phase !== "exited" ? {} : { finishedMs }),
    ...(phase === "exited" ? { exitCode: state.ExitCode } : {}),
    outOfMemory: state.OOMKilled === true,
    imageId: withDigest(found.Image),
    stopSignal: (found.Config as { StopSignal?: string }).StopSignal || "SIGTERM",
    ...(endpoint?.IPAddress ? { address: endpoint.IPAddress } : {}),
    ...(endpoint?.MacAddress ? { macAddress: endpoint.MacAddress } : {}),
    published,
  };
}

/**
 * Undefined for a container that has ended: Podman answers with zeros then.
 * @param seenFromOutside Podman 4 counts at the host's end of the cable: what it calls received, the container has sent
 */
export function statsOf(sample: any, seenFromOutside = false): ContainerStats | undefined {
  const memory = sample.memory_stats ?? {};
  if (!sample.cpu_stats?.cpu_usage?.total_usage && !memory.usage) return undefined;
  // What the kernel would give back at once is not used: the page cache that nobody has touched lately.
  const reclaimable = memory.stats?.inactive_file ?? memory.stats?.total_inactive_file ?? 0;
  const networks = Object.values((sample.networks ?? {}) as Record<string, { rx_bytes: number; tx_bytes: number }>);
  const received = networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0);
  const sent = networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0);
  return {
    cpuNs: sample.cpu_stats?.cpu_usage?.total_usage ?? 0,
    memoryBytes: Math.max(0, (memory.usage ?? 0) - reclaimable),
    receivedBytes: seenFromOutside ? sent : received,
    sentBytes: seenFromOutside ? received : sent,
  };
}

/** Tmpfs is asked for in mount's own words: Podman gives no mode otherwise. */
const tmpfsOf = ({ target, sizeBytes, readOnly, options = [] }: ContainerMount): [string, string] => [
  target,
  [
    readOnly ? "ro" : "rw",
    ...(options.some((option) => option.startsWith("mode=")) ? [] : ["mode=1777"]),
    ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`]),
    ...options,
  ].join(","),
];

export function requestOf(
  spec: ContainerSpec,
  kind: "docker" | "podman",
  { name }: { readonly name: string },
): Docker.ContainerCreateOptions {
  const own = spec.network.kind === "own" ? spec.network : undefined;
  const address = own?.address;
  const ports = own?.publish ?? [];
  const portKeys = ports.map(({ port, protocol }) => `${port}/${protocol}`);
  return {
    name: spec.name,
    Image: spec.image,
    ...(spec.command ? { Cmd: [...spec.command] } : {}),
    ...(spec.entryPoint ? { Entrypoint: [...spec.entryPoint] } : {}),
    Env: Object.entries(spec.environment).map(([variable, value]) => `${variable}=${value}`),
    Labels: { ...spec.labels },
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.workingDirectory === undefined ? {} : { WorkingDir: spec.workingDirectory }),
    ...(spec.hostname === undefined || !own ? {} : { Hostname: spec.hostname }),
    Tty: spec.tty,
    OpenStdin: spec.openStdin,
    // An image's own check is not asked for: the task definition says what is checked.
    Healthcheck: { Test: ["NONE"] },
    ...(portKeys.length > 0 ? { ExposedPorts: Object.fromEntries(portKeys.map((port) => [port, {}])) } : {}),
    HostConfig: {
      NetworkMode:
        spec.network.kind === "shared"
          ? `container:${spec.network.containerId}`
          : address === undefined
            ? "bridge"
            : name,
      ...(portKeys.length > 0
        ? { PortBindings: Object.fromEntries(portKeys.map((port) => [port, [{ HostIp: "127.0.0.1", HostPort: "" }]])) }
        : {}),
      NanoCpus: Math.round(spec.cpus * 1e9),
      ...(spec.cpuShares === undefined ? {} : { CpuShares: spec.cpuShares }),
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      ...(spec.memoryReservationBytes === undefined ? {} : { MemoryReservation: spec.memoryReservationBytes }),
      ...(spec.cgroupParent === undefined ? {} : { CgroupParent: spec.cgroupParent }),
      ReadonlyRootfs: spec.readonlyRoot,
      Init: spec.init,
      Binds: spec.mounts
        .filter(({ kind }) => kind !== "tmpfs")
        .map(({ source, target, readOnly }) => `${source}:${target}:${readOnly ? "ro" : "rw"}`),
      Tmpfs: Object.fromEntries(spec.mounts.filter(({ kind }) => kind === "tmpfs").map(tmpfsOf)),
      Ulimits: spec.ulimits.map(({ name: Name, soft, hard }) => ({ Name, Soft: soft, Hard: hard })),
      CapAdd: [...spec.capabilitiesAdded],
      CapDrop: [...spec.capabilitiesDropped],
      Sysctls: { ...spec.sysctls },
      RestartPolicy: { Name: "no" },
      LogConfig:
        kind === "podman"
          ? { Type: "k8s-file", Config: { "max-size": LOG_BYTES_MAX } }
          : { Type: "json-file", Config: { "max-size": LOG_BYTES_MAX, "max-file": "2" } },
    } as Docker.HostConfig,
    ...(address === undefined
      ? {}
      : { NetworkingConfig: { EndpointsConfig: { [name]: { IPAMConfig: { IPv4Address: address } } } } }),
  };
}
