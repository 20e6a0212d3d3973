/**
 * Health checks, run inside the container. Engines have checks of their own, but Podman's need systemd, and each reports in its own time.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
 */
import { type Clock, sleep } from "../kernel/clock.ts";
import type { Health, HealthCheck } from "./task.ts";

export interface HealthCheckOptions {
  readonly clock: Clock;
  readonly check: HealthCheck;
  readonly startedMs: number;
  readonly signal: AbortSignal;
  readonly going: () => boolean;
  readonly exec: (signal: AbortSignal) => Promise<number>;
  /** Told when it changes. */
  readonly tell: (health: Health) => void;
}

/** Checks at every interval until the container has ended. */
export function startHealthChecks(options: HealthCheckOptions): void {
  void checks(options);
}

async function checks({ clock, check, startedMs, signal, going, exec, tell }: HealthCheckOptions): Promise<void> {
  let health: Health = "UNKNOWN";
  let failures = 0;
  for (;;) {
    await sleep(clock, check.intervalMs, signal);
    if (signal.aborted || !going()) return;
    const beganMs = clock.nowMs();
    const healthy = await once(clock, check.timeoutMs, exec);
    if (signal.aborted || !going()) return;
    if (healthy) failures = 0;
    else if (beganMs - startedMs >= check.startPeriodMs) failures++;
    const next: Health = healthy ? "HEALTHY" : failures >= check.retries ? "UNHEALTHY" : health;
    if (next !== health) {
      health = next;
      tell(health);
    }
  }
}

async function once(clock: Clock, timeoutMs: number, exec: HealthCheckOptions["exec"]): Promise<boolean> {
  const late = new AbortController();
  const timer = clock.at(clock.nowMs() + timeoutMs, () => late.abort());
  try {
    return (await exec(late.signal)) === 0;
  } catch {
    return false;
  } finally {
    timer.cancel();
  }
}
