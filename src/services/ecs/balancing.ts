/**
 * Services behind load balancers: targets that come and go with tasks, what the load balancer finds of them, and the wish for a service that
 * has none.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
 */

import { type AccountId, parseArn, type Region } from "../../kernel/arn.ts";
import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import {
  SERVICE_DUE,
  type ServiceRecord,
  type ServiceRef,
  Services,
  serviceKey,
  type TaskRecord,
  Tasks,
  taskKey,
} from "./state.ts";
import { changeTask, tasksOfGroup } from "./tasks.ts";

/** Health is asked for this often while a service has tasks behind a load balancer. */
const LOOK_MS = 2000;
const FIRST_LOOK_MS = 200;
/** A target that is draining after this long is left behind: AWS's longest deregistration delay. */
const DRAIN_MS_MAX = 3600_000;
const DRAIN_LOOK_MS = 500;

export const BALANCER_DUE = "ecs.BalancerDue";

interface Target {
  readonly group: string;
  readonly id: string;
  readonly port: number;
}

/** Where a load balancer reaches a task: its address, or loopback where its ports are published. */
function targetsOf(service: ServiceRecord, task: TaskRecord): Target[] {
  return service.loadBalancers.flatMap(({ targetGroupArn, containerPort }) => {
    const published = task.published[`${containerPort}/tcp`];
    if (published !== undefined) return [{ group: targetGroupArn!, id: "127.0.0.1", port: published }];
    return task.address === undefined ? [] : [{ group: targetGroupArn!, id: task.address, port: containerPort! }];
  });
}

async function serviceOfTask(flow: FlowContext, task: TaskRecord): Promise<ServiceRecord | undefined> {
  return flow.write((tx) => Services.get(tx, serviceKey(task, task.cluster, task.group.slice("service:".length))));
}

export async function register(flow: FlowContext, task: TaskRecord): Promise<void> {
  const service = await serviceOfTask(flow, task);
  if (!service) return;
  for (const { group, id, port } of targetsOf(service, task)) {
    await flow.call("elbv2", "RegisterTargets", { TargetGroupArn: group, Targets: [{ Id: id, Port: port }] });
  }
  const ref: ServiceRef = {
    accountId: service.accountId,
    region: service.region,
    cluster: service.cluster,
    service: service.name,
  };
  await flow.write((tx, { nowMs }) => {
    const place = serviceKey(ref, ref.cluster, ref.service);
    const now = Services.get(tx, place);
    if (!now || now.looking) return;
    Services.put(tx, place, { ...now, looking: true });
    tx.emit({ type: BALANCER_DUE, detail: ref, dueMs: nowMs + FIRST_LOOK_MS });
  });
}

export async function deregister(flow: FlowContext, task: TaskRecord): Promise<void> {
  const service = await serviceOfTask(flow, task);
  if (!service) return;
  for (const { group, id, port } of targetsOf(service, task)) {
    await flow
      .call("elbv2", "DeregisterTargets", { TargetGroupArn: group, Targets: [{ Id: id, Port: port }] })
      .catch(ignoreGone);
  }
}

/** A target group that is gone has no targets. */
function ignoreGone(error: unknown): undefined {
  if (error instanceof AwsError && /TargetGroupNotFound|InvalidTarget/.test(error.code)) return undefined;
  throw error;
}

/** Waits until no load balancer sends requests to the task any more. */
export async function drained(flow: FlowContext, task: TaskRecord): Promise<void> {
  const service = await serviceOfTask(flow, task);
  if (!service) return;
  const endMs = flow.clock.nowMs() + DRAIN_MS_MAX;
  for (const target of targetsOf(service, task)) {
    while (!flow.signal.aborted && flow.clock.nowMs() < endMs && (await stateOf(flow, target)) === "draining") {
      await sleep(flow.clock, DRAIN_LOOK_MS, flow.signal);
    }
  }
}

async function stateOf(flow: FlowContext, { group, id, port }: Target): Promise<string | undefined> {
  const found = await flow
    .call("elbv2", "DescribeTargetHealth", { TargetGroupArn: group, Targets: [{ Id: id, Port: port }] })
    .catch(ignoreGone);
  return found?.TargetHealthDescriptions?.[0]?.TargetHealth?.State;
}

/** Asks what load balancers find of a service's tasks, and again while it has any. Hears {@link BALANCER_DUE}. */
export async function look(flow: FlowContext, ref: ServiceRef): Promise<void> {
  const { service, tasks } = await flow.write((tx) => {
    const place = serviceKey(ref, ref.cluster, ref.service);
    const service = Services.get(tx, place);
    const live = tasksOfGroup(tx, ref, ref.cluster, `service:${ref.service}`).filter(
      ({ balanced, desiredStatus }) => balanced && desiredStatus === "RUNNING",
    );
    // The last look: the next task that registers begins again.
    if (service && live.length === 0) Services.put(tx, place, { ...service, looking: false });
    return {
      service: live.length === 0 ? undefined : service,
      tasks: live.filter(({ lastStatus }) => lastStatus === "RUNNING"),
    };
  });
  if (!service) return;
  const found = new Map<string, TaskRecord["balancerHealth"]>();
  for (const task of tasks) {
    const states = await Promise.all(targetsOf(service, task).map((target) => stateOf(flow, target)));
    // "unused": no listener leads to the target group; nothing finds the target wanting.
    if (states.every((state) => state === "healthy" || state === "unused")) found.set(task.id, "healthy");
    else found.set(task.id, states.includes("unhealthy") ? "unhealthy" : "initial");
  }
  await flow.write((tx, { nowMs }) => {
    let changed = false;
    for (const [id, balancerHealth] of found) {
      const task = Tasks.get(tx, taskKey(ref, ref.cluster, id));
      if (task?.lastStatus !== "RUNNING" || task.balancerHealth === balancerHealth) continue;
      changeTask(tx, task, { balancerHealth: balancerHealth! });
      changed = true;
    }
    if (changed || [...found.values()].includes("unhealthy")) tx.emit({ type: SERVICE_DUE, detail: ref });
    tx.emit({ type: BALANCER_DUE, detail: ref, dueMs: nowMs + LOOK_MS });
  });
}

/** Said by the load balancer when a request waits for a target group that has no target. */
export const TARGETS_WANTED = "elbv2.TargetsWanted";
/** Woken for the load balancer when targets are coming: the request waits for them then. */
const targetsComing = (targetGroupArn: string): string => `elbv2.TargetsComing ${targetGroupArn}`;

/**
 * Wakes services that are scaled to zero: Virga's own addition, which takes a scalable target that says zero is their minimum. Hears
 * {@link TARGETS_WANTED}.
 */
export async function wake(
  everywhere: FlowContext,
  { targetGroupArn }: { readonly targetGroupArn: string },
): Promise<void> {
  const parts = parseArn(targetGroupArn);
  if (!parts) return;
  const flow = everywhere.as({ accountId: parts.accountId as AccountId, region: parts.region as Region });
  const behind = await flow.write((tx, context) => servicesBehind(tx, context, targetGroupArn));
  let coming = behind.some(({ desiredCount }) => desiredCount > 0);
  for (const { cluster, name, desiredCount } of behind) {
    if (desiredCount > 0) continue;
    const { ScalableTargets = [] } = await flow.call("applicationautoscaling", "DescribeScalableTargets", {
      ServiceNamespace: "ecs",
      ResourceIds: [`service/${cluster}/${name}`],
      ScalableDimension: "ecs:service:DesiredCount",
    });
    const [target] = ScalableTargets;
    if (target?.MinCapacity !== 0 || (target.MaxCapacity ?? 0) < 1) continue;
    await flow.call("ecs", "UpdateService", { cluster, service: name, desiredCount: 1 });
    coming = true;
  }
  if (coming) await flow.write((_tx, context) => context.wake(targetsComing(targetGroupArn)));
}

/** Active services behind this target group. */
function servicesBehind(
  tx: Transaction,
  { accountId, region }: Pick<OperationContext, "accountId" | "region">,
  targetGroupArn: string,
): ServiceRecord[] {
  const { start, end } = keysUnder("ecs", accountId, region, "service");
  return [...Services.range(tx, start, end)]
    .map(([, service]) => service)
    .filter(
      ({ status, loadBalancers }) =>
        status === "ACTIVE" && loadBalancers.some((one) => one.targetGroupArn === targetGroupArn),
    );
}
