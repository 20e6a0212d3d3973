/**
 * What Fargate takes: sizes, and settings of task definitions. In AWS's words where they are known.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
 */
import type { ContainerDefinition, RegisterTaskDefinitionCommandInput, Volume } from "@aws-sdk/client-ecs";
import { notImplemented } from "../../kernel/errors.ts";
import { clientException, invalidParameter } from "./errors.ts";

const steps = (from: number, to: number, step: number): number[] =>
  Array.from({ length: (to - from) / step + 1 }, (_, index) => from + index * step);

/** MiB of memory by CPU units. */
const SIZES: Readonly<Record<number, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: steps(1024, 4096, 1024),
  1024: steps(2048, 8192, 1024),
  2048: steps(4096, 16_384, 1024),
  4096: steps(8192, 30_720, 1024),
  8192: steps(16_384, 61_440, 4096),
  16384: steps(32_768, 122_880, 8192),
};

const CONTAINERS_MAX = 10;
const TIMEOUT_SECONDS_MAX = 120;
const CONTAINER_MEMORY_MIN = 6;
const ULIMITS = [
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
];
const AWSLOGS = [
  "awslogs-group",
  "awslogs-region",
  "awslogs-stream-prefix",
  "awslogs-create-group",
  "mode",
  "max-buffer-size",
];

/** `256`, `.25 vCPU`. @throws ClientException */
export function cpuUnits(text: string): number {
  const match = /^(\d+)$/.exec(text) ?? /^(\d*\.?\d+) ?vcpu$/i.exec(text);
  if (!match) throw clientException(`Invalid 'cpu' setting for task. '${text}' is no number of CPU units or vCPUs.`);
  return /vcpu/i.test(text) ? Number(match[1]) * 1024 : Number(match[1]);
}

/** `512`, `0.5 GB`: MiB. @throws ClientException */
export function memoryMib(text: string): number {
  const match = /^(\d+)$/.exec(text) ?? /^(\d*\.?\d+) ?gb$/i.exec(text);
  if (!match) throw clientException(`Invalid 'memory' setting for task. '${text}' is no number of MiB or GB.`);
  return /gb/i.test(text) ? Number(match[1]) * 1024 : Number(match[1]);
}

/** @throws ClientException */
export function checkSize(cpu: number, memory: number): void {
  if (!SIZES[cpu]?.includes(memory)) {
    throw clientException(
      `No Fargate configuration exists for given values: ${cpu} CPU, ${memory} memory. See the Amazon ECS documentation for the valid values.`,
    );
  }
}

type Registration = RegisterTaskDefinitionCommandInput;

/** @returns the task's size. @throws ClientException, InvalidParameterException, NotImplemented */
export function checkDefinition(input: Registration): { readonly cpu: number; readonly memory: number } {
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(input.family ?? "")) {
    throw clientException(
      "Family contains invalid characters. It has up to 255 letters, numbers, hyphens and underscores.",
    );
  }
  const containers = input.containerDefinitions ?? [];
  if (containers.length === 0) throw clientException("Container list cannot be empty.");
  if (containers.length > CONTAINERS_MAX) {
    throw clientException(`Too many containers: a task definition has at most ${CONTAINERS_MAX}.`);
  }
  for (const compatibility of input.requiresCompatibilities ?? []) {
    if (compatibility !== "FARGATE") throw notImplemented(`the launch type ${compatibility}: tasks run as on FARGATE`);
  }
  if (input.networkMode !== "awsvpc") throw clientException("Fargate only supports network mode ‘awsvpc’.");
  if (input.cpu === undefined) throw clientException("Fargate requires that 'cpu' be defined at the task level.");
  if (input.memory === undefined) throw clientException("Fargate requires that 'memory' be defined at the task level.");
  const size = { cpu: cpuUnits(input.cpu), memory: memoryMib(input.memory) };
  checkSize(size.cpu, size.memory);
  const family = input.runtimePlatform?.operatingSystemFamily;
  if (family !== undefined && family !== "LINUX") throw notImplemented(`the operating system family ${family}`);
  checkVolumes(input.volumes ?? []);
  checkContainers(containers, input, size);
  return size;
}

function checkVolumes(volumes: readonly Volume[]): void {
  for (const { name, host } of volumes) {
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(name ?? "")) throw clientException("Volume name contains invalid characters.");
    if (host?.sourcePath !== undefined)
      throw clientException("Fargate compatible task definitions do not support sourcePath.");
  }
  if (new Set(volumes.map(({ name }) => name)).size < volumes.length)
    throw clientException("Volume names must be unique.");
}

function checkContainers(
  containers: readonly ContainerDefinition[],
  input: Registration,
  size: { readonly cpu: number; readonly memory: number },
): void {
  const names = containers.map(({ name }) => name);
  for (const container of containers) checkContainer(container, input, size, containers);
  if (new Set(names).size < names.length)
    throw clientException("Container names must be unique within a task definition.");
  if (!containers.some(({ essential = true }) => essential)) {
    throw clientException("Task definition does not have at least one essential container.");
  }
  const sum = (pick: (container: ContainerDefinition) => number) =>
    containers.reduce((total, container) => total + pick(container), 0);
  if (sum(({ cpu = 0 }) => cpu) > size.cpu) {
    throw clientException(
      "Invalid 'cpu' setting for container. The total CPU of all containers is more than the task's.",
    );
  }
  if (sum(({ memoryReservation = 0 }) => memoryReservation) > size.memory) {
    throw clientException(
      "Invalid 'memoryReservation' setting for container. The total of all containers is more than the task's memory.",
    );
  }
  const ports = containers.flatMap(({ portMappings = [] }) =>
    portMappings.map(({ containerPort, protocol = "tcp" }) => `${containerPort}/${protocol}`),
  );
  if (new Set(ports).size < ports.length) {
    throw clientException("Containers of a task share one network: a container port can be mapped once.");
  }
  checkCycles(containers);
}

function checkContainer(
  container: ContainerDefinition,
  { executionRoleArn, volumes = [] }: Registration,
  size: { readonly cpu: number; readonly memory: number },
  all: readonly ContainerDefinition[],
): void {
  const { name } = container;
  const wrong = (what: string) => clientException(`Invalid setting for container '${name}'. ${what}`);
  if (!/^[A-Za-z0-9_-]{1,255}$/.test(name ?? "")) throw clientException("Container.name contains invalid characters.");
  if (!container.image) throw clientException("Container.image should not be null or empty.");
  const { memory, memoryReservation, cpu = 0 } = container;
  if (cpu < 0) throw wrong("'cpu' cannot be negative.");
  if (memory !== undefined && (memory < CONTAINER_MEMORY_MIN || memory > size.memory)) {
    throw wrong(`'memory' is between ${CONTAINER_MEMORY_MIN} and the task's ${size.memory} MiB.`);
  }
  if (memory !== undefined && memoryReservation !== undefined && memoryReservation > memory) {
    throw wrong("'memory' must be greater than or equal to 'memoryReservation'.");
  }
  for (const { containerPort, hostPort } of container.portMappings ?? []) {
    if (containerPort === undefined || containerPort < 1 || containerPort > 65_535) {
      throw wrong("'containerPort' is between 1 and 65535.");
    }
    if (hostPort !== undefined && hostPort !== 0 && hostPort !== containerPort) {
      throw clientException("When networkMode=awsvpc, the host ports and container ports in port mappings must match.");
    }
  }
  const fargate = (parameter: string) =>
    clientException(`Fargate compatible task definitions do not support ${parameter}`);
  if (container.privileged) throw fargate("privileged");
  if (container.links?.length) throw fargate("links");
  if (container.dnsServers?.length) throw fargate("dnsServers");
  if (container.dnsSearchDomains?.length) throw fargate("dnsSearchDomains");
  if (container.extraHosts?.length) throw fargate("extraHosts");
  if (container.dockerSecurityOptions?.length) throw fargate("dockerSecurityOptions");
  if (container.disableNetworking) throw fargate("disableNetworking");
  if (container.hostname !== undefined)
    throw clientException("The hostname parameter is not supported with the awsvpc network mode.");
  const { devices, sharedMemorySize, maxSwap, swappiness, capabilities, tmpfs } = container.linuxParameters ?? {};
  if (devices?.length) throw fargate("devices");
  if (sharedMemorySize !== undefined) throw fargate("sharedMemorySize");
  if (maxSwap !== undefined) throw fargate("maxSwap");
  if (swappiness !== undefined) throw fargate("swappiness");
  const added = capabilities?.add?.find((capability) => capability !== "SYS_PTRACE");
  if (added !== undefined)
    throw clientException(`Fargate only supports adding the SYS_PTRACE kernel capability, not ${added}.`);
  for (const { containerPath, size: mib } of tmpfs ?? []) {
    if (!containerPath?.startsWith("/") || !mib || mib < 1)
      throw wrong("'tmpfs' needs an absolute 'containerPath' and a 'size' in MiB.");
  }
  for (const { name: limit, softLimit, hardLimit } of container.ulimits ?? []) {
    if (!ULIMITS.includes(limit!)) throw wrong(`'${limit}' is no ulimit.`);
    if (softLimit === undefined || hardLimit === undefined || softLimit > hardLimit) {
      throw wrong(`the soft limit of '${limit}' cannot be more than its hard limit.`);
    }
  }
  for (const [setting, seconds] of [
    ["startTimeout", container.startTimeout],
    ["stopTimeout", container.stopTimeout],
  ] as const) {
    if (seconds !== undefined && (seconds < 0 || seconds > TIMEOUT_SECONDS_MAX)) {
      throw wrong(`'${setting}' is at most ${TIMEOUT_SECONDS_MAX} seconds on Fargate.`);
    }
  }
  for (const { sourceVolume, containerPath } of container.mountPoints ?? []) {
    if (!volumes.some((volume) => volume.name === sourceVolume))
      throw clientException(`Unknown volume '${sourceVolume}'.`);
    if (!containerPath?.startsWith("/")) throw wrong("'containerPath' of a mount point is absolute.");
  }
  if (container.secrets?.length && executionRoleArn === undefined) {
    throw clientException(
      "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    );
  }
  for (const { name: variable, valueFrom } of container.secrets ?? []) {
    if (!variable || !valueFrom) throw wrong("each secret needs 'name' and 'valueFrom'.");
    if (container.environment?.some((one) => one.name === variable)) {
      throw clientException(
        `The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '${variable}'.`,
      );
    }
  }
  checkDependencies(container, all);
  checkHealthCheck(container, wrong);
  checkLogs(container, executionRoleArn);
}

function checkDependencies({ name, dependsOn = [] }: ContainerDefinition, all: readonly ContainerDefinition[]): void {
  for (const { containerName, condition } of dependsOn) {
    const other = all.find((one) => one.name === containerName);
    if (!other)
      throw clientException(
        `Container '${name}' depends on '${containerName}', which the task definition does not have.`,
      );
    if (condition === "HEALTHY" && !other.healthCheck) {
      throw clientException(`Container '${containerName}' has no health check: the condition HEALTHY needs one.`);
    }
    if ((condition === "COMPLETE" || condition === "SUCCESS") && (other.essential ?? true)) {
      throw clientException(
        `A dependency with the condition ${condition} cannot be on an essential container, such as '${containerName}'.`,
      );
    }
    if (!["START", "COMPLETE", "SUCCESS", "HEALTHY"].includes(condition!)) {
      throw invalidParameter(`Invalid container dependency condition: ${condition}.`);
    }
  }
}

function checkCycles(containers: readonly ContainerDefinition[]): void {
  const left = new Map(containers.map(({ name, dependsOn = [] }) => [name, dependsOn.map((on) => on.containerName)]));
  for (let free = true; free; ) {
    free = false;
    for (const [name, on] of left) {
      if (on.some((other) => left.has(other))) continue;
      left.delete(name);
      free = true;
    }
  }
  if (left.size > 0) throw clientException(`Circular dependency between containers: ${[...left.keys()].join(", ")}.`);
}

function checkHealthCheck({ healthCheck }: ContainerDefinition, wrong: (what: string) => Error): void {
  if (!healthCheck) return;
  const { command = [], interval, timeout, retries, startPeriod } = healthCheck;
  if (!["CMD", "CMD-SHELL"].includes(command[0]!) || command.length < 2) {
    throw wrong("The health check's command begins with CMD or CMD-SHELL and has something to run.");
  }
  const range = (what: string, value: number | undefined, least: number, most: number) => {
    if (value !== undefined && (value < least || value > most)) {
      throw wrong(`The health check's ${what} is between ${least} and ${most}.`);
    }
  };
  range("interval", interval, 5, 300);
  range("timeout", timeout, 2, 60);
  range("retries", retries, 1, 10);
  range("startPeriod", startPeriod, 0, 300);
}

function checkLogs({ logConfiguration }: ContainerDefinition, executionRoleArn: string | undefined): void {
  if (!logConfiguration) return;
  const { logDriver, options = {}, secretOptions = [] } = logConfiguration;
  if (logDriver !== "awslogs") throw notImplemented(`the log driver ${logDriver}: awslogs is`);
  if (secretOptions.length > 0) throw notImplemented("secretOptions of a log configuration");
  if (executionRoleArn === undefined) {
    throw clientException("Fargate requires task definition to have execution role ARN to support log driver awslogs.");
  }
  for (const option of ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"]) {
    if (!options[option]) throw clientException(`Log driver awslogs requires options: ${option}`);
  }
  const unknown = Object.keys(options).find((option) => !AWSLOGS.includes(option));
  if (unknown !== undefined) throw notImplemented(`the option ${unknown} of the log driver awslogs`);
}
