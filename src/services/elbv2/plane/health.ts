/**
 * Health checks of targets: real requests, at the group's interval, counted against its thresholds. A target that is new is asked more often until
 * it is known: one success makes it healthy, and failures count once in the group's interval, so that one that is still starting is not given up. What is known is an observation: after a restart everything is found out anew.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
 */
import type { Clock, Timer } from "../../../kernel/clock.ts";
import type { Target, TargetGroup } from "../state.ts";
import type { Group } from "./snapshot.ts";

export interface Health {
  readonly state: "initial" | "healthy" | "unhealthy";
  readonly reason?:
    | "Elb.RegistrationInProgress"
    | "Target.ResponseCodeMismatch"
    | "Target.Timeout"
    | "Target.FailedHealthChecks";
  readonly description?: string;
}

/** Asks a target once: the status of its answer, or why there was none. */
export type Probe = (
  ip: string,
  port: number,
  path: string,
  timeoutMs: number,
) => Promise<number | "timeout" | "failed">;

type TargetId = Pick<Target, "id" | "port">;

/** Where it is read how targets are. */
export interface HealthBook {
  of(group: string, target: TargetId): Health;
}

const INITIAL: Health = {
  state: "initial",
  reason: "Elb.RegistrationInProgress",
  description: "Target registration is in progress",
};
const HEALTHY: Health = { state: "healthy" };
/** How often a target is asked that is not known yet: a request may be waiting for it. */
const FRESH_INTERVAL_MS = 100;
const INITIAL_INTERVAL_MS = 1000;
/** How long it is fresh. */
const FRESH_MS = 5000;

interface Watched {
  readonly registeredMs: number;
  /** Since when it is watched: after a restart later than it was registered. */
  readonly watchedMs: number;
  group: Group;
  health: Health;
  successes: number;
  failures: number;
  /** When a failure last counted. */
  failedMs?: number;
  timer?: Timer;
}

export interface HealthChecks extends HealthBook {
  /** Watches these groups' targets, and no others. */
  watch(groups: readonly Group[]): void;
  stop(): void;
}

/**
 * @param changed a target is healthy that was not, or the other way round
 * @param checked after every check: how many of the group's targets are well
 */
export function createHealthChecks(
  probe: Probe,
  clock: () => Clock,
  changed: (group: string) => void,
  checked: (group: Group, healthy: number, unhealthy: number) => void,
): HealthChecks {
  const watched = new Map<string, Watched>();
  const nameOf = (group: string, { id, port }: TargetId) => `${group} ${id} ${port}`;

  const check = async (name: string, one: Watched, target: TargetId): Promise<void> => {
    const { healthCheck } = one.group.record;
    const port = healthCheck.port === "traffic-port" ? target.port : Number(healthCheck.port);
    const answer = await probe(target.id, port, healthCheck.path, healthCheck.timeoutSeconds * 1000);
    if (watched.get(name) !== one) return;
    const before = one.health.state;
    const nowMs = clock().nowMs();
    one.health = judge(one, answer, nowMs);
    if (one.health.state !== before) changed(one.group.arn);
    count(one.group);
    const initialMs = nowMs - one.watchedMs < FRESH_MS ? FRESH_INTERVAL_MS : INITIAL_INTERVAL_MS;
    const pauseMs = one.health.state === "initial" ? initialMs : healthCheck.intervalSeconds * 1000;
    one.timer = clock().at(nowMs + pauseMs, () => void check(name, one, target));
  };

  const count = (group: Group) => {
    const states = group.targets.map((target) => watched.get(nameOf(group.arn, target))?.health.state);
    const healthy = states.filter((state) => state === "healthy").length;
    checked(group, healthy, states.filter((state) => state === "unhealthy").length);
  };

  return {
    of: (group, target) => watched.get(nameOf(group, target))?.health ?? INITIAL,
    watch(groups) {
      const wanted = new Set<string>();
      for (const group of groups) {
        if (group.record.targetType !== "ip" || !group.record.healthCheck.enabled) continue;
        for (const target of group.targets) {
          if (target.drainingUntilMs !== undefined) continue;
          const name = nameOf(group.arn, target);
          wanted.add(name);
          const known = watched.get(name);
          if (known?.registeredMs === target.registeredMs) {
            known.group = group;
            continue;
          }
          known?.timer?.cancel();
          const { registeredMs } = target;
          const watchedMs = clock().nowMs();
          const one: Watched = { registeredMs, watchedMs, group, health: INITIAL, successes: 0, failures: 0 };
          watched.set(name, one);
          void check(name, one, target);
        }
      }
      for (const [name, one] of watched) {
        if (wanted.has(name)) continue;
        one.timer?.cancel();
        watched.delete(name);
      }
    },
    stop() {
      for (const { timer } of watched.values()) timer?.cancel();
      watched.clear();
    },
  };
}

function judge(one: Watched, answer: number | "timeout" | "failed", nowMs: number): Health {
  const { healthCheck } = one.group.record;
  if (typeof answer === "number" && matches(healthCheck, answer)) {
    one.failures = 0;
    one.successes++;
    const enough = one.health.state === "initial" || one.successes >= healthCheck.healthyThreshold;
    return one.health.state === "healthy" || enough ? HEALTHY : one.health;
  }
  one.successes = 0;
  const sinceMs = nowMs - (one.failedMs ?? one.watchedMs);
  if (one.health.state === "initial" && sinceMs < healthCheck.intervalSeconds * 1000) return one.health;
  one.failedMs = nowMs;
  one.failures++;
  if (one.failures < healthCheck.unhealthyThreshold) return one.health;
  if (answer === "timeout") return { state: "unhealthy", reason: "Target.Timeout", description: "Request timed out" };
  if (answer === "failed")
    return { state: "unhealthy", reason: "Target.FailedHealthChecks", description: "Health checks failed" };
  const description = `Health checks failed with these codes: [${answer}]`;
  return { state: "unhealthy", reason: "Target.ResponseCodeMismatch", description };
}

const matches = ({ matcher }: TargetGroup["healthCheck"], status: number): boolean =>
  matcher.split(",").some((part) => {
    const [least, most = least] = part.split("-").map(Number);
    return status >= least! && status <= most!;
  });
