/**
 * Time, handed in. Everything that needs to know the time or to wait for it takes a {@link Clock}; nothing else in the
 * house reads the machine's clock. The virtual clock lets a test live through days in milliseconds.
 */

/** A task set for later; cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Milliseconds on a scale that never jumps, for measuring durations (fractions allowed). */
  monotonicMs(): number;
  /** Runs `task` once, at `dueMs` or as soon as possible after it. Tasks due at the same time run in the order they were set. */
  at(dueMs: number, task: () => void): Timer;
}

/** Resolves `delayMs` from now on the given clock, or at once when the signal aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const onAbort = () => {
      timer.cancel();
      resolve();
    };
    const timer = clock.at(clock.nowMs() + delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** setTimeout holds at most 2^31-1 milliseconds; longer waits are taken in steps. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** The machine's own clock. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now();
  }

  at(dueMs: number, task: () => void): Timer {
    let handle: NodeJS.Timeout;
    const arm = () => {
      const delayMs = Math.max(0, dueMs - Date.now());
      handle =
        delayMs > TIMEOUT_MS_MAX
          ? setTimeout(arm, TIMEOUT_MS_MAX)
          : setTimeout(() => (Date.now() < dueMs ? arm() : task()), delayMs);
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }
}

interface Entry {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
  cancelled: boolean;
}

/** A clock that stands still until it is told to move. */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  /** A binary heap, earliest first. */
  readonly #heap: Entry[] = [];

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  at(dueMs: number, task: () => void): Timer {
    const entry: Entry = { dueMs, order: this.#order++, task, cancelled: false };
    this.#push(entry);
    return {
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  /** When the next task is due, or undefined when none is set. */
  nextDueMs(): number | undefined {
    while (this.#heap[0]?.cancelled) this.#pop();
    return this.#heap[0]?.dueMs;
  }

  /** Moves time to `targetMs`, running every task that falls due on the way, each at its own time. */
  advanceTo(targetMs: number): void {
    for (let dueMs = this.nextDueMs(); dueMs !== undefined && dueMs <= targetMs; dueMs = this.nextDueMs()) {
      const entry = this.#pop();
      this.#nowMs = Math.max(this.#nowMs, entry.dueMs);
      entry.task();
    }
    this.#nowMs = Math.max(this.#nowMs, targetMs);
  }

  advance(byMs: number): void {
    this.advanceTo(this.#nowMs + byMs);
  }

  /** Sets the time without running anything, backwards too: the wall clock of a machine that was corrected. */
  jumpTo(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!earlier(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++;
      if (!earlier(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function earlier(left: Entry, right: Entry): boolean {
  return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);
}
