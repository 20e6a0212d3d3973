/** Tasks: run, stop, describe, list; and how a task begins, changes and ends in the store. */
import type {
  Container,
  DescribeTasksCommandInput,
  ListTasksCommandInput,
  StopTaskCommandInput,
  Tag,
  Task,
  TaskOverride,
} from "@aws-sdk/client-ecs";
import { arn } from "../../kernel/arn.ts";
import { decodeKey, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { clientException, invalidParameter, taskNotFound } from "./errors.ts";
import { checkSize, cpuUnits, memoryMib } from "./fargate.ts";
import { clusterArn, clusterOf, definitionArn, serviceNameOf, taskArn, taskIdOf } from "./names.ts";
import { PLATFORM_VERSION } from "./network.ts";
import { page } from "./paging.ts";
import {
  Definitions,
  definitionKey,
  groupKey,
  LiveTasks,
  liveKey,
  type Place,
  SERVICE_DUE,
  type ServiceRef,
  type TaskContainerRecord,
  type TaskRecord,
  type TaskRef,
  Tasks,
  taskKey,
} from "./state.ts";
import type { Provider } from "./strategy.ts";

/** A task is there and wants to be run. */
export const TASK_PLACED = "ecs.TaskPlaced";
/** A task is to end. */
export const TASK_ENDING = "ecs.TaskEnding";
/** Anything about a task changed: EventBridge is told. */
export const TASK_CHANGED = "ecs.TaskChanged";
/** A stopped task is forgotten. */
export const TASK_FORGOTTEN = "ecs.TaskForgotten";

/** AWS shows stopped tasks for an hour. */
const STOPPED_KEPT_MS = 60 * 60_000;
const DESCRIBE_MAX = 100;

export const refOf = ({ accountId, region, cluster, id }: TaskRecord): TaskRef => ({ accountId, region, cluster, id });

export interface TaskRequest {
  readonly cluster: string;
  readonly family: string;
  readonly revision: number;
  readonly group: string;
  readonly startedBy?: string;
  readonly overrides?: TaskOverride;
  readonly launchType?: "FARGATE";
  readonly capacityProvider?: Provider;
  readonly platformVersion: string;
  readonly networkConfiguration: TaskRecord["networkConfiguration"];
  readonly tags: readonly Tag[];
  readonly balanced: boolean;
}

/** Writes a task that is to run. */
export function createTask(tx: Transaction, context: OperationContext, request: TaskRequest): TaskRecord {
  const { shape } = Definitions.read(tx, definitionKey(context, request.family, request.revision))!;
  const overrides = request.overrides ?? {};
  const cpu = overrides.cpu === undefined ? Number(shape.cpu) : cpuUnits(overrides.cpu);
  const memory = overrides.memory === undefined ? Number(shape.memory) : memoryMib(overrides.memory);
  checkSize(cpu, memory);
  const id = context.random.bytes(16).toString("hex");
  const task: TaskRecord = {
    id,
    accountId: context.accountId,
    region: context.region,
    cluster: request.cluster,
    definition: { family: request.family, revision: request.revision },
    group: request.group,
    ...(request.startedBy === undefined ? {} : { startedBy: request.startedBy }),
    overrides,
    cpu: String(cpu),
    memory: String(memory),
    ...(request.launchType ? { launchType: request.launchType } : {}),
    ...(request.capacityProvider ? { capacityProvider: request.capacityProvider } : {}),
    platformVersion: request.platformVersion,
    networkConfiguration: request.networkConfiguration,
    desiredStatus: "RUNNING",
    lastStatus: "PROVISIONING",
    version: 1,
    createdMs: context.nowMs,
    containers: shape.containerDefinitions!.map((container): TaskContainerRecord => {
      const override = overrides.containerOverrides?.find(({ name }) => name === container.name);
      const limits = { ...container, ...override };
      return {
        name: container.name!,
        image: container.image!,
        lastStatus: "PENDING",
        healthStatus: "UNKNOWN",
        cpu: String(limits.cpu ?? 0),
        ...(limits.memory === undefined ? {} : { memory: String(limits.memory) }),
        ...(limits.memoryReservation === undefined ? {} : { memoryReservation: String(limits.memoryReservation) }),
      };
    }),
    attachmentId: context.random.uuid(),
    published: {},
    tags: request.tags,
    credentialsId: context.random.uuid(),
    balanced: request.balanced,
  };
  Tasks.put(tx, taskKey(context, request.cluster, id), task);
  tx.put(groupKey(context, request.cluster, request.group, id), 0);
  LiveTasks.put(tx, liveKey(id), { accountId: context.accountId, region: context.region, cluster: request.cluster });
  tx.emit({ type: TASK_PLACED, detail: refOf(task) });
  tx.emit({ type: TASK_CHANGED, detail: refOf(task) });
  return task;
}

/** Writes what changed of a task, and tells. */
export function changeTask(tx: Transaction, task: TaskRecord, changes: Partial<TaskRecord>): TaskRecord {
  const changed: TaskRecord = { ...task, ...changes, version: task.version + 1 };
  Tasks.put(tx, taskKey(task, task.cluster, task.id), changed);
  tx.emit({ type: TASK_CHANGED, detail: refOf(task) });
  if (task.group.startsWith("service:") && concernsService(task, changed)) {
    const { accountId, region, cluster } = task;
    const service = task.group.slice("service:".length);
    tx.emit({ type: SERVICE_DUE, detail: { accountId, region, cluster, service } satisfies ServiceRef });
  }
  return changed;
}

function concernsService(before: TaskRecord, after: TaskRecord): boolean {
  const health = ({ containers }: TaskRecord) => containers.map(({ healthStatus }) => healthStatus).join();
  return (
    before.lastStatus !== after.lastStatus ||
    before.desiredStatus !== after.desiredStatus ||
    before.balancerHealth !== after.balancerHealth ||
    health(before) !== health(after)
  );
}

/** A task that has ended leaves the indexes, and is forgotten after an hour. */
export function finishTask(tx: Transaction, task: TaskRecord, nowMs: number, changes: Partial<TaskRecord>): TaskRecord {
  tx.delete(groupKey(task, task.cluster, task.group, task.id));
  tx.delete(liveKey(task.id));
  tx.emit({ type: TASK_FORGOTTEN, detail: refOf(task), dueMs: nowMs + STOPPED_KEPT_MS });
  return changeTask(tx, task, { ...changes, desiredStatus: "STOPPED", lastStatus: "STOPPED", stoppedMs: nowMs });
}

/** Asks for a task's end; its containers end afterwards. */
export function endTask(
  tx: Transaction,
  task: TaskRecord,
  nowMs: number,
  stopCode: NonNullable<TaskRecord["stopCode"]>,
  stoppedReason: string,
): TaskRecord {
  if (task.desiredStatus === "STOPPED") return task;
  tx.emit({ type: TASK_ENDING, detail: refOf(task) });
  return changeTask(tx, task, {
    desiredStatus: "STOPPED",
    stopCode,
    stoppedReason,
    stoppingMs: nowMs,
    ...(task.balanced && task.lastStatus === "RUNNING" ? { lastStatus: "DEACTIVATING" } : {}),
  });
}

export function forgetTask(tx: Transaction, ref: TaskRef): void {
  const task = Tasks.get(tx, taskKey(ref, ref.cluster, ref.id));
  if (task?.lastStatus === "STOPPED") tx.delete(taskKey(ref, ref.cluster, ref.id));
}

/** Tasks of a group that have not ended, the oldest first. */
export function tasksOfGroup(tx: Transaction, at: Place, cluster: string, group: string): TaskRecord[] {
  const { start, end } = keysUnder("ecs", at.accountId, at.region, "group", cluster, group);
  return [...tx.range(start, end)]
    .map(([key]) => Tasks.get(tx, taskKey(at, cluster, decodeKey(key)[6] as string))!)
    .sort((left, right) => left.createdMs - right.createdMs || (left.id < right.id ? -1 : 1));
}

const at = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));

export function describeTask(task: TaskRecord, includeTags = true): Task {
  const ownArn = taskArn(task);
  const subnet = task.networkConfiguration.awsvpcConfiguration?.subnets?.[0];
  const interfaces = task.address ? [{ attachmentId: task.attachmentId, privateIpv4Address: task.address }] : [];
  const times = {
    startedAt: at(task.startedMs),
    pullStartedAt: at(task.pullStartedMs),
    pullStoppedAt: at(task.pullStoppedMs),
    stoppingAt: at(task.stoppingMs),
    executionStoppedAt: at(task.executionStoppedMs),
    stoppedAt: at(task.stoppedMs),
    connectivityAt: at(task.startedMs),
  };
  const health = task.containers.map(({ healthStatus }) => healthStatus);
  return {
    taskArn: ownArn,
    clusterArn: clusterArn(task, task.cluster),
    taskDefinitionArn: definitionArn(task, task.definition.family, task.definition.revision),
    group: task.group,
    ...(task.startedBy === undefined ? {} : { startedBy: task.startedBy }),
    overrides: {
      containerOverrides: task.containers.map(
        ({ name }) => task.overrides.containerOverrides?.find((override) => override.name === name) ?? { name },
      ),
      ...(task.overrides.cpu === undefined ? {} : { cpu: task.overrides.cpu }),
      ...(task.overrides.memory === undefined ? {} : { memory: task.overrides.memory }),
      ...(task.overrides.taskRoleArn === undefined ? {} : { taskRoleArn: task.overrides.taskRoleArn }),
      ...(task.overrides.executionRoleArn === undefined ? {} : { executionRoleArn: task.overrides.executionRoleArn }),
      inferenceAcceleratorOverrides: [],
    },
    cpu: task.cpu,
    memory: task.memory,
    ...(task.launchType ? { launchType: task.launchType } : task.capacityProvider ? { launchType: "FARGATE" } : {}),
    ...(task.capacityProvider ? { capacityProviderName: task.capacityProvider } : {}),
    platformVersion: task.platformVersion === "LATEST" ? PLATFORM_VERSION : task.platformVersion,
    platformFamily: "Linux",
    availabilityZone: `${task.region}a`,
    connectivity: "CONNECTED",
    desiredStatus: task.desiredStatus,
    lastStatus: task.lastStatus,
    healthStatus: health.includes("UNHEALTHY") ? "UNHEALTHY" : health.includes("HEALTHY") ? "HEALTHY" : "UNKNOWN",
    version: task.version,
    createdAt: new Date(task.createdMs),
    ...Object.fromEntries(Object.entries(times).filter(([, time]) => time !== undefined)),
    ...(task.stopCode ? { stopCode: task.stopCode } : {}),
    ...(task.stoppedReason === undefined ? {} : { stoppedReason: task.stoppedReason }),
    enableExecuteCommand: false,
    attachments: [
      {
        id: task.attachmentId,
        type: "ElasticNetworkInterface",
        status: task.lastStatus === "STOPPED" ? "DELETED" : task.address ? "ATTACHED" : "PRECREATED",
        details: [
          ...(subnet ? [{ name: "subnetId", value: subnet }] : []),
          ...(task.macAddress ? [{ name: "macAddress", value: task.macAddress }] : []),
          ...(task.address ? [{ name: "privateIPv4Address", value: task.address }] : []),
        ],
      },
    ],
    attributes: [],
    containers: task.containers.map(
      (container): Container => ({
        ...container,
        containerArn: arn("ecs", task.region, task.accountId, `container/${task.cluster}/${task.id}/${container.name}`),
        taskArn: ownArn,
        networkInterfaces: interfaces,
        networkBindings: Object.entries(task.published).map(([port, hostPort]) => ({
          bindIP: "127.0.0.1",
          containerPort: Number.parseInt(port, 10),
          hostPort,
          protocol: port.endsWith("udp") ? ("udp" as const) : ("tcp" as const),
        })),
      }),
    ),
    tags: includeTags ? [...task.tags] : [],
  };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html */
export function stopTask(
  tx: Transaction,
  input: StopTaskCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "StopTask"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const task = Tasks.get(tx, taskKey(context, cluster.name, taskIdOf(input.task ?? "")));
  if (!task) throw taskNotFound();
  if (task.lastStatus === "STOPPED") return { task: describeTask(task) };
  return {
    task: describeTask(endTask(tx, task, context.nowMs, "UserInitiated", input.reason ?? "Task stopped by user")),
  };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html */
export function describeTasks(
  tx: Transaction,
  input: DescribeTasksCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DescribeTasks"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const references = input.tasks ?? [];
  if (references.length === 0) throw invalidParameter("Tasks cannot be empty.");
  if (references.length > DESCRIBE_MAX) throw invalidParameter(`Tasks cannot have more than ${DESCRIBE_MAX} elements.`);
  const tasks: Task[] = [];
  const failures: { arn: string; reason: string }[] = [];
  for (const reference of references) {
    const id = taskIdOf(reference);
    const task = Tasks.get(tx, taskKey(context, cluster.name, id));
    if (task) tasks.push(describeTask(task, input.include?.includes("TAGS")));
    else failures.push({ arn: taskArn({ ...context, cluster: cluster.name, id }), reason: "MISSING" });
  }
  return { tasks, failures };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html */
export function listTasks(
  tx: Transaction,
  input: ListTasksCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "ListTasks"> {
  const cluster = clusterOf(tx, context, input.cluster);
  const desired = input.desiredStatus ?? "RUNNING";
  if (desired === "PENDING") return { taskArns: [] };
  if (input.launchType !== undefined && input.launchType !== "FARGATE") return { taskArns: [] };
  if (input.serviceName !== undefined && input.family !== undefined) {
    throw clientException("Only one of serviceName, family can be used as a filter.");
  }
  const group = input.serviceName === undefined ? undefined : `service:${serviceNameOf(input.serviceName)}`;
  const { start, end } = keysUnder("ecs", context.accountId, context.region, "task", cluster.name);
  const arns: string[] = [];
  for (const [, task] of Tasks.range(tx, start, end)) {
    if (task.desiredStatus !== desired) continue;
    if (group !== undefined && task.group !== group) continue;
    if (input.family !== undefined && task.definition.family !== input.family) continue;
    if (input.startedBy !== undefined && task.startedBy !== input.startedBy) continue;
    arns.push(taskArn(task));
  }
  const { items, nextToken } = page(arns, input);
  return { taskArns: [...items], ...(nextToken ? { nextToken } : {}) };
}
