/** From a task and its definition to what the machine is asked to run. */
import type { ContainerDefinition, TaskDefinition } from "@aws-sdk/client-ecs";
import type { TaskContainer, TaskSpec } from "./ports.ts";
import type { TaskRecord } from "./state.ts";

const MIB = 1024 ** 2;
/** AWS's defaults. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html */
const STOP_TIMEOUT_SECONDS = 30;
const HEALTH = { interval: 30, timeout: 5, retries: 3, startPeriod: 0 };
const SHARES_MIN = 2;

export interface Surroundings {
  /** What tasks reach Virga by; undefined where they cannot. */
  readonly door: string | undefined;
  /** Values of secrets by container and variable. */
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export function specOf(task: TaskRecord, shape: TaskDefinition, surroundings: Surroundings): TaskSpec {
  const cpus = Number(task.cpu) / 1024;
  const memoryBytes = Number(task.memory) * MIB;
  return {
    key: task.id,
    cpus,
    memoryBytes,
    volumes: (shape.volumes ?? []).map(({ name }) => name!),
    containers: shape.containerDefinitions!.map((definition, index) =>
      containerOf(task, shape, definition, index, surroundings, { cpus, memoryBytes }),
    ),
  };
}

function containerOf(
  task: TaskRecord,
  shape: TaskDefinition,
  definition: ContainerDefinition,
  index: number,
  { door, secrets }: Surroundings,
  size: { readonly cpus: number; readonly memoryBytes: number },
): TaskContainer {
  const name = definition.name!;
  const override = task.overrides.containerOverrides?.find((one) => one.name === name);
  const { healthCheck, linuxParameters } = definition;
  const cpu = override?.cpu ?? definition.cpu ?? 0;
  const memory = override?.memory ?? definition.memory;
  const reservation = override?.memoryReservation ?? definition.memoryReservation;
  const command = override?.command ?? definition.command;
  return {
    name,
    essential: definition.essential ?? true,
    dependsOn: (definition.dependsOn ?? []).map(({ containerName, condition }) => ({
      container: containerName!,
      condition: condition!,
    })),
    ...(definition.startTimeout === undefined ? {} : { startTimeoutMs: definition.startTimeout * 1000 }),
    stopTimeoutMs: (definition.stopTimeout ?? STOP_TIMEOUT_SECONDS) * 1000,
    ...(healthCheck
      ? {
          healthCheck: {
            command:
              healthCheck.command![0] === "CMD-SHELL"
                ? ["/bin/sh", "-c", healthCheck.command![1]!]
                : healthCheck.command!.slice(1),
            intervalMs: (healthCheck.interval ?? HEALTH.interval) * 1000,
            timeoutMs: (healthCheck.timeout ?? HEALTH.timeout) * 1000,
            retries: healthCheck.retries ?? HEALTH.retries,
            startPeriodMs: (healthCheck.startPeriod ?? HEALTH.startPeriod) * 1000,
          },
        }
      : {}),
    ports: (definition.portMappings ?? []).map(({ containerPort, protocol = "tcp" }) => ({
      port: containerPort!,
      protocol,
    })),
    labels: definition.dockerLabels ?? {},
    container: {
      image: definition.image!,
      ...(command?.length ? { command } : {}),
      ...(definition.entryPoint?.length ? { entryPoint: definition.entryPoint } : {}),
      environment: environmentOf(
        task,
        shape,
        definition,
        override?.environment ?? [],
        index,
        door,
        secrets[name] ?? {},
      ),
      cpus: size.cpus,
      ...(cpu > 0 ? { cpuShares: Math.max(SHARES_MIN, cpu) } : {}),
      memoryBytes: memory === undefined ? size.memoryBytes : Math.min(memory * MIB, size.memoryBytes),
      ...(reservation === undefined ? {} : { memoryReservationBytes: reservation * MIB }),
      hostname: `ip-${(task.address ?? task.id.slice(0, 12)).replaceAll(".", "-")}`,
      ...(definition.user === undefined ? {} : { user: definition.user }),
      ...(definition.workingDirectory === undefined ? {} : { workingDirectory: definition.workingDirectory }),
      readonlyRoot: definition.readonlyRootFilesystem ?? false,
      init: linuxParameters?.initProcessEnabled ?? false,
      tty: definition.pseudoTerminal ?? false,
      openStdin: definition.interactive ?? false,
      mounts: [
        ...(definition.mountPoints ?? []).map(({ sourceVolume, containerPath, readOnly = false }) => ({
          kind: "volume" as const,
          source: sourceVolume!,
          target: containerPath!,
          readOnly,
        })),
        ...(linuxParameters?.tmpfs ?? []).map(({ containerPath, size: mib, mountOptions = [] }) => ({
          kind: "tmpfs" as const,
          target: containerPath!,
          readOnly: false,
          sizeBytes: mib! * MIB,
          options: mountOptions,
        })),
      ],
      ulimits: (definition.ulimits ?? []).map(({ name: limit, softLimit, hardLimit }) => ({
        name: limit!,
        soft: softLimit!,
        hard: hardLimit!,
      })),
      capabilitiesAdded: linuxParameters?.capabilities?.add ?? [],
      capabilitiesDropped: linuxParameters?.capabilities?.drop ?? [],
      sysctls: Object.fromEntries(
        (definition.systemControls ?? []).map(({ namespace, value }) => [namespace!, value!]),
      ),
    },
  };
}

/**
 * What the definition and the overrides say, the secrets, and what the container agent adds.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
 */
function environmentOf(
  task: TaskRecord,
  shape: TaskDefinition,
  definition: ContainerDefinition,
  overrides: readonly { readonly name?: string | undefined; readonly value?: string | undefined }[],
  index: number,
  door: string | undefined,
  secrets: Readonly<Record<string, string>>,
): Record<string, string> {
  const given = Object.fromEntries(
    [...(definition.environment ?? []), ...overrides].map(({ name, value = "" }) => [name!, value]),
  );
  const role = task.overrides.taskRoleArn ?? shape.taskRoleArn;
  const credentials = `/v2/credentials/${task.credentialsId}`;
  return {
    AWS_EXECUTION_ENV: "AWS_ECS_FARGATE",
    AWS_REGION: task.region,
    AWS_DEFAULT_REGION: task.region,
    ...(door === undefined
      ? {}
      : {
          AWS_ENDPOINT_URL: door,
          ECS_CONTAINER_METADATA_URI_V4: `${door}/v4/${task.id}-${index}`,
          ECS_AGENT_URI: `${door}/api/${task.id}-${index}`,
          // SDKs look for relative ones at port 80.
          ...(role === undefined
            ? {}
            : /:\d+$/.test(door)
              ? { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${door}${credentials}` }
              : { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: credentials }),
        }),
    ...given,
    ...secrets,
  };
}
