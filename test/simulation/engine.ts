/** A memory engine that can lose power: what was committed and not flushed is gone after a crash, and faults strike where the simulation says. */
import type { Engine, Writes } from "../../src/storage/engine.ts";
import type { MemoryEngine } from "../../src/storage/engines/memory.ts";
import type { Key } from "../../src/storage/keys.ts";

/** Thrown where the machine dies; nothing that comes after it in the same process counts. */
export class PowerFailure extends Error {
  override readonly name = "PowerFailure";
}

export type Fault = "none" | "refuse" | "before-flush" | "after-flush" | "slow";

export class SimulatedEngine implements Engine {
  readonly #visible: MemoryEngine;
  #durable: MemoryEngine;
  readonly #fault: () => Fault;
  /** Flushes that wait for a slow disk. */
  readonly #waiting: Array<() => void> = [];
  /** Set by a fault: the simulation restarts from {@link survivor}. */
  dead = false;

  constructor(from: MemoryEngine, fault: () => Fault) {
    this.#visible = from;
    this.#durable = from.snapshot();
    this.#fault = fault;
  }

  get(key: Key): unknown {
    return this.#visible.get(key);
  }

  range(start: Key, end: Key, options: { reverse?: boolean }): IterableIterator<[Key, unknown]> {
    return this.#visible.range(start, end, options);
  }

  commit(writes: Writes): Promise<void> {
    // A dead machine answers nobody.
    if (this.dead) return new Promise(() => {});
    const fault = this.#fault();
    if (fault === "refuse") throw new Error("the disk is full");
    void this.#visible.commit(writes);
    if (fault === "before-flush") {
      this.dead = true;
      return new Promise(() => {});
    }
    // A flush covers everything committed so far: earlier slow ones too.
    if (fault === "slow") return new Promise((resolve) => this.#waiting.push(() => this.#flush(resolve)));
    if (fault === "after-flush") {
      this.#durable = this.#visible.snapshot();
      this.dead = true;
      return new Promise(() => {});
    }
    return new Promise((resolve) => {
      this.#waiting.push(() => this.#flush(resolve));
      this.release();
    });
  }

  #flush(resolve: () => void): void {
    if (this.dead) return;
    this.#durable = this.#visible.snapshot();
    resolve();
  }

  /** The slow disk catches up. */
  release(): void {
    for (const flush of this.#waiting.splice(0)) flush();
  }

  /** What is on the disk after the power failed. */
  survivor(): MemoryEngine {
    return this.#durable.snapshot();
  }

  async close(): Promise<void> {}
}
