/** Brings a service's tasks to what the scheduler says, in the transaction that takes the event off the outbox: never twice. */
import type { Tag } from "@aws-sdk/client-ecs";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { DEPLOYMENT_CHANGED } from "./changes.ts";
import { decide, type Seen, waitMs } from "./schedule.ts";
import {
  Definitions,
  type DeploymentRecord,
  definitionKey,
  SERVICE_DUE,
  type ServiceRecord,
  type ServiceRef,
  Services,
  serviceKey,
  type TaskRecord,
} from "./state.ts";
import { nextProvider, type Provider } from "./strategy.ts";
import { mergeTags } from "./tags.ts";
import { createTask, endTask, tasksOfGroup } from "./tasks.ts";

const EVENTS_MAX = 100;
/** Starts at a time: as a service on AWS adds tasks in waves. */
const STARTS_MAX = 10;

export const refOfService = ({ accountId, region, cluster, name }: ServiceRecord): ServiceRef => ({
  accountId,
  region,
  cluster,
  service: name,
});

/** Adds what DescribeServices shows as an event. */
export function note(
  service: ServiceRecord,
  context: Pick<OperationContext, "nowMs" | "random">,
  message: string,
): ServiceRecord {
  const event = {
    id: context.random.uuid(),
    createdMs: context.nowMs,
    message: `(service ${service.name}) ${message}`,
  };
  return { ...service, events: [event, ...service.events].slice(0, EVENTS_MAX) };
}

export const newDeploymentId = ({ random }: Pick<OperationContext, "random">): string =>
  `ecs-svc/${Array.from(random.bytes(19), (byte, index) => (index === 0 ? 1 + (byte % 9) : byte % 10)).join("")}`;

/** Marks the state of the primary deployment. */
function mark(service: ServiceRecord, changes: Partial<DeploymentRecord>): ServiceRecord {
  const [primary, ...older] = service.deployments;
  return { ...service, deployments: [{ ...primary!, ...changes }, ...older] };
}

const withHealthChecks = (tx: Transaction, task: TaskRecord): boolean =>
  Definitions.read(
    tx,
    definitionKey(task, task.definition.family, task.definition.revision),
  )!.shape.containerDefinitions!.some(({ healthCheck, essential = true }) => healthCheck !== undefined && essential);

/** What the scheduler sees of a task. */
export function see(tx: Transaction, service: ServiceRecord, task: TaskRecord, nowMs: number): Seen {
  const running = task.lastStatus === "RUNNING";
  const health = task.containers.map(({ healthStatus }) => healthStatus);
  const graceEndsMs = (task.startedMs ?? nowMs) + (service.gracePeriodSeconds ?? 0) * 1000;
  const unhealthyContainer = health.includes("UNHEALTHY");
  const unhealthyTarget = running && task.balancerHealth === "unhealthy";
  const checked = !withHealthChecks(tx, task) || health.includes("HEALTHY");
  return {
    id: task.id,
    deployment: task.startedBy ?? "",
    createdMs: task.createdMs,
    leaving: task.desiredStatus === "STOPPED",
    running,
    ready: running && checked && (!task.balanced || task.balancerHealth === "healthy"),
    ...(nowMs < graceEndsMs
      ? {}
      : unhealthyContainer
        ? { unhealthy: "Task failed container health checks" }
        : unhealthyTarget
          ? {
              unhealthy: `Task failed ELB health checks in (target-group ${service.loadBalancers[0]!.targetGroupArn})`,
            }
          : {}),
  };
}

export function reconcile(tx: Transaction, ref: ServiceRef, context: OperationContext): void {
  const found = Services.get(tx, serviceKey(ref, ref.cluster, ref.service));
  if (!found || found.status === "INACTIVE") return;
  const { nowMs } = context;
  let service = found;
  const tasks = tasksOfGroup(tx, ref, ref.cluster, `service:${ref.service}`);
  const verdict = decide(
    service,
    tasks.map((task) => see(tx, service, task, nowMs)),
    nowMs,
  );

  for (const { id, reason } of verdict.stop) {
    const task = tasks.find((one) => one.id === id)!;
    endTask(tx, task, nowMs, "ServiceSchedulerInitiated", reason);
    if (!reason.startsWith("Scaling"))
      service = failure(note(service, context, `(task ${id}) ${reason.replace("Task ", "")}.`), task);
  }
  if (verdict.stop.length > 0) {
    const names = verdict.stop.map(({ id }) => `(task ${id})`).join(" ");
    service = note(service, context, `has stopped ${verdict.stop.length} running tasks: ${names}.`);
  }

  if (verdict.failed) service = breakCircuit(tx, service, context);
  else {
    const starts = Math.min(verdict.start, STARTS_MAX);
    if (starts > 0) service = startTasks(tx, service, tasks, starts, context);
    if (verdict.start > starts) tx.emit({ type: SERVICE_DUE, detail: ref, dueMs: nowMs + 1000 });
  }

  if (verdict.completed) {
    const { id } = service.deployments[0]!;
    service = mark(service, {
      rolloutState: "COMPLETED",
      rolloutStateReason: `ECS deployment ${id} completed.`,
      updatedMs: nowMs,
    });
    service = note(
      { ...service, deployments: service.deployments.slice(0, 1) },
      context,
      `(deployment ${id}) deployment completed.`,
    );
    tx.emit({
      type: DEPLOYMENT_CHANGED,
      detail: { ...ref, id, name: "SERVICE_DEPLOYMENT_COMPLETED", reason: service.deployments[0]!.rolloutStateReason },
    });
  }
  if (verdict.steady && !service.steady)
    service = note({ ...service, steady: true }, context, "has reached a steady state.");
  else if (!verdict.steady) service = { ...service, steady: false };
  if (verdict.dueMs !== undefined && verdict.dueMs !== service.dueMs) {
    service = { ...service, dueMs: verdict.dueMs };
    tx.emit({ type: SERVICE_DUE, detail: ref, dueMs: verdict.dueMs });
  }
  if (service.status === "DRAINING" && tasks.length === 0) service = { ...service, status: "INACTIVE" };
  if (service !== found) Services.put(tx, serviceKey(ref, ref.cluster, ref.service), service);
}

function startTasks(
  tx: Transaction,
  service: ServiceRecord,
  tasks: readonly TaskRecord[],
  count: number,
  context: OperationContext,
): ServiceRecord {
  const [primary] = service.deployments as readonly [DeploymentRecord];
  const [family, revision] = primary.taskDefinition.split("/").at(-1)!.split(":") as [string, string];
  const definition = Definitions.read(tx, definitionKey(service, family, Number(revision)))!;
  const placed: Partial<Record<Provider, number>> = {};
  for (const { capacityProvider, desiredStatus } of tasks) {
    if (capacityProvider && desiredStatus === "RUNNING") placed[capacityProvider] = (placed[capacityProvider] ?? 0) + 1;
  }
  const tags: readonly Tag[] = mergeTags(
    service.propagateTags === "SERVICE"
      ? service.tags
      : service.propagateTags === "TASK_DEFINITION"
        ? definition.tags
        : [],
    service.managedTags
      ? [
          { key: "aws:ecs:clusterName", value: service.cluster },
          { key: "aws:ecs:serviceName", value: service.name },
        ]
      : [],
  );
  const ids = Array.from({ length: count }, () => {
    const provider = service.strategy.length > 0 ? nextProvider(service.strategy, placed) : undefined;
    if (provider) placed[provider] = (placed[provider] ?? 0) + 1;
    return createTask(tx, context, {
      cluster: service.cluster,
      family,
      revision: Number(revision),
      group: `service:${service.name}`,
      startedBy: primary.id,
      ...(provider ? { capacityProvider: provider } : { launchType: "FARGATE" as const }),
      platformVersion: primary.platformVersion,
      networkConfiguration: primary.networkConfiguration,
      tags,
      balanced: service.loadBalancers.length > 0,
    }).id;
  });
  return note(service, context, `has started ${count} tasks: ${ids.map((id) => `(task ${id})`).join(" ")}.`);
}

/** A task of this service was of no use: it counts against its deployment, and the next start waits. */
export function failure(service: ServiceRecord, task: TaskRecord): ServiceRecord {
  const deployments = service.deployments.map((deployment) =>
    deployment.id === task.startedBy && deployment.rolloutState === "IN_PROGRESS"
      ? { ...deployment, failedTasks: deployment.failedTasks + 1 }
      : deployment,
  );
  return { ...service, deployments };
}

/** A task ended by itself before it had run for a while. */
export function earlyEnd(service: ServiceRecord, context: OperationContext): ServiceRecord {
  const failures = service.failures + 1;
  const startNotBeforeMs = context.nowMs + waitMs(failures);
  const changed = { ...service, failures, startNotBeforeMs };
  return failures === 3
    ? note(
        changed,
        context,
        "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section.",
      )
    : changed;
}

/** The deployment is given up: it is rolled back to the last that was completed, if that is asked for and there is one. */
function breakCircuit(tx: Transaction, service: ServiceRecord, context: OperationContext): ServiceRecord {
  const [primary, ...older] = service.deployments as readonly [DeploymentRecord, ...DeploymentRecord[]];
  const { nowMs } = context;
  const ref = refOfService(service);
  const back = service.deploymentSettings.circuitBreaker.rollback
    ? older.find(({ rolloutState }) => rolloutState === "COMPLETED")
    : undefined;
  const failed: DeploymentRecord = {
    ...primary,
    rolloutState: "FAILED",
    rolloutStateReason: `ECS deployment circuit breaker: tasks failed to start.`,
    updatedMs: nowMs,
  };
  const told = note(service, context, `(deployment ${primary.id}) deployment failed: tasks failed to start.`);
  tx.emit({
    type: DEPLOYMENT_CHANGED,
    detail: { ...ref, id: primary.id, name: "SERVICE_DEPLOYMENT_FAILED", reason: failed.rolloutStateReason },
  });
  if (!back) return { ...told, deployments: [failed, ...older] };
  const rollback: DeploymentRecord = {
    ...back,
    id: newDeploymentId(context),
    status: "PRIMARY",
    createdMs: nowMs,
    updatedMs: nowMs,
    failedTasks: 0,
    rolloutState: "IN_PROGRESS",
    rolloutStateReason: `ECS deployment circuit breaker: rolling back to deploymentId ${back.id}.`,
    rollback: true,
  };
  tx.emit({ type: SERVICE_DUE, detail: ref });
  return note(
    {
      ...told,
      failures: 0,
      startNotBeforeMs: 0,
      deployments: [rollback, { ...failed, status: "ACTIVE" }, ...older],
    },
    context,
    `rolling back to deployment ${back.id}.`,
  );
}
