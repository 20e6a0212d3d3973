/** In-memory wake-ups by topic: whoever waits is told that something happened. Nothing is kept; the truth is in the store. */
import type { Clock, Timer } from "../kernel/clock.ts";

export class Hub {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(topic: string): void {
    const waiters = this.#waiting.get(topic);
    if (!waiters) return;
    this.#waiting.delete(topic);
    for (const waiter of waiters) waiter();
  }

  /** Resolves true when the topic is woken, false after `timeoutMs` or when the signal aborts. Listens from the moment of the call. */
  wait(topic: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      if (signal.aborted || timeoutMs <= 0) return resolve(false);
      let timer: Timer | undefined;
      const settle = (woken: boolean) => {
        timer?.cancel();
        signal.removeEventListener("abort", onAbort);
        const waiters = this.#waiting.get(topic);
        if (waiters?.delete(onWake) && waiters.size === 0) this.#waiting.delete(topic);
        resolve(woken);
      };
      const onWake = () => settle(true);
      const onAbort = () => settle(false);
      const waiters = this.#waiting.get(topic);
      if (waiters) waiters.add(onWake);
      else this.#waiting.set(topic, new Set([onWake]));
      if (timeoutMs !== Number.POSITIVE_INFINITY)
        timer = this.#clock.at(this.#clock.nowMs() + timeoutMs, () => settle(false));
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
