/**
 * The service scheduler: what a service's tasks should be, and what is to be done about it. Pure: the same service, tasks and time give the same
 * answer. `reconcile.ts` carries it out.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
 */
import type { DeploymentRecord, ServiceRecord } from "./state.ts";

/** What the scheduler sees of a task that has not ended. */
export interface Seen {
  readonly id: string;
  readonly deployment: string;
  readonly createdMs: number;
  /** It is to end, or ending. */
  readonly leaving: boolean;
  readonly running: boolean;
  /** Running, and nothing that checks it has anything against it: neither container nor load balancer. */
  readonly ready: boolean;
  /** Something that checks it has found it wanting. */
  readonly unhealthy?: string;
}

export interface Verdict {
  /** Tasks to start, of the primary deployment. */
  readonly start: number;
  readonly stop: readonly { readonly id: string; readonly reason: string }[];
  /** When to look again, if nothing happens before. */
  readonly dueMs?: number;
  /** The deployment is over; nothing older remains. */
  readonly completed: boolean;
  /** The circuit breaker opens. */
  readonly failed: boolean;
  readonly steady: boolean;
}

const THRESHOLD_MIN = 3;
const THRESHOLD_MAX = 200;

/** Failed tasks at which the circuit breaker opens. */
export const thresholdOf = (desiredCount: number): number =>
  Math.min(THRESHOLD_MAX, Math.max(THRESHOLD_MIN, Math.ceil(desiredCount * 0.5)));

/** After so many tasks in a row ended by themselves, the next waits: 0, 1, 2, 4 … seconds, at most five minutes. */
const WAIT_MS_MAX = 5 * 60_000;
export const waitMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(1000 * 2 ** (failures - 1), WAIT_MS_MAX);

export function decide(service: ServiceRecord, tasks: readonly Seen[], nowMs: number): Verdict {
  const [primary, ...older] = service.deployments as readonly [DeploymentRecord, ...DeploymentRecord[]];
  const wanted = service.status === "ACTIVE" ? service.desiredCount : 0;
  const { minimumHealthyPercent, maximumPercent, circuitBreaker } = service.deploymentSettings;
  const staying = tasks.filter(({ leaving }) => !leaving);
  const current = staying.filter(({ deployment }) => deployment === primary.id);
  const outdated = staying.filter(({ deployment }) => deployment !== primary.id);
  const failed =
    circuitBreaker.enable &&
    primary.rolloutState === "IN_PROGRESS" &&
    !primary.rollback &&
    primary.failedTasks >= thresholdOf(service.desiredCount);

  const floor = Math.ceil((wanted * minimumHealthyPercent) / 100);
  const ceiling = Math.max(Math.floor((wanted * maximumPercent) / 100), wanted === 0 ? 0 : 1);
  const stop: { id: string; reason: string }[] = [];
  const leave = (task: Seen, reason: string) => stop.push({ id: task.id, reason });

  // What is found wanting is replaced, wherever it belongs; a replacement that would break the floor waits for no one: it serves nobody.
  for (const task of staying) if (task.unhealthy !== undefined) leave(task, task.unhealthy);
  const leftOut = new Set(stop.map(({ id }) => id));
  const good = (list: readonly Seen[]) => list.filter(({ id }) => !leftOut.has(id));

  // Too many of the primary: the youngest and least useful first.
  const kept = good(current).sort(byUse);
  for (const task of kept.slice(wanted)) leave(task, scaling(primary));
  const remaining = kept.slice(0, wanted);

  // The older ones go as far as the floor allows, useless ones at once. Of a deployment that failed nothing takes their place.
  const blocked = failed || primary.rolloutState === "FAILED";
  const old = good(outdated).sort(byUse);
  let ready = [...remaining, ...old].filter((task) => task.ready).length;
  let left = old.length;
  for (const task of old.reverse()) {
    if (task.ready && ready - 1 < floor) continue;
    if (blocked && remaining.length + left <= wanted) continue;
    if (task.ready) ready--;
    left--;
    leave(task, scaling(older[0] ?? primary));
  }

  // Tasks that are ending take up room too.
  const room = ceiling - tasks.length;
  const missing = wanted - remaining.length;
  const held = nowMs < service.startNotBeforeMs;
  const start = blocked || held ? 0 : Math.max(0, Math.min(missing, room));

  const settled =
    outdated.length === 0 && remaining.length === wanted && stop.length === 0 && remaining.every((task) => task.ready);
  const leaving = tasks.some((task) => task.leaving);
  return {
    start,
    stop,
    ...(held && missing > 0 && !blocked ? { dueMs: service.startNotBeforeMs } : {}),
    completed: settled && primary.rolloutState === "IN_PROGRESS" && !failed,
    failed,
    steady: settled && !leaving && start === 0,
  };
}

const scaling = ({ id }: DeploymentRecord): string => `Scaling activity initiated by (deployment ${id})`;

/** The most useful first: ready, then running, then the oldest. */
function byUse(left: Seen, right: Seen): number {
  return (
    Number(right.ready) - Number(left.ready) ||
    Number(right.running) - Number(left.running) ||
    left.createdMs - right.createdMs ||
    (left.id < right.id ? -1 : 1)
  );
}
