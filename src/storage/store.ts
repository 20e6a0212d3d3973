/**
 * The store: runs operations one after the other, each all or nothing, commits those that arrived together in one batch, and answers
 * when the batch is durable.
 */
import { assert } from "../kernel/errors.ts";
import type { Engine } from "./engine.ts";
import type { Key } from "./keys.ts";
import { type Addition, Overlay, OverlayTransaction } from "./overlay.ts";
import { SharedValues } from "./shared.ts";
import type { DomainEvent, Transaction } from "./transaction.ts";

/** Operations in one commit; more wait for the next one. */
const BATCH_MAX = 1024;

/** Turns the events of a batch into rows, written with it, and says what to do once the batch is durable. */
export type CommitHook = (events: readonly DomainEvent[]) => {
  readonly rows: Iterable<readonly [Key, unknown]>;
  committed(): void;
};

interface Pending {
  readonly operation: (tx: Transaction) => unknown;
  readonly resolve: (value: any) => void;
  readonly reject: (error: unknown) => void;
}

interface Outcome {
  readonly threw: boolean;
  readonly value: unknown;
}

export interface StoreOptions {
  readonly engine: Engine;
  /** Runs a batch soon, once: `setImmediate` for real, a queue in a simulation. */
  readonly soon: (run: () => void) => void;
  readonly hook?: CommitHook;
  /**
   * Runs something a little later, once. With it, what does nothing but count (reads that are metered) is committed at most once in that while and
   * nobody waits for the disk: a killed process loses no more of those counts than that. Counts beside other writes are committed with them, always.
   */
  readonly later?: (run: () => void) => void;
}

export class Store {
  readonly #engine: Engine;
  readonly #shared: SharedValues;
  readonly #soon: (run: () => void) => void;
  readonly #later: ((run: () => void) => void) | undefined;
  /** Counts that wait for the next commit. */
  readonly #held = new Map<Key, number>();
  /** Since counts were last committed by themselves only a moment has passed. */
  #holding = false;
  #countsFlushed: Promise<unknown> = Promise.resolve();
  #hook: CommitHook | undefined;
  #queue: Pending[] = [];
  #scheduled = false;
  #closed = false;
  /** Settles when everything committed so far is durable. */
  #flushed: Promise<void> = Promise.resolve();
  #unflushed = 0;

  constructor({ engine, soon, hook, later }: StoreOptions) {
    this.#engine = engine;
    this.#shared = new SharedValues(engine);
    this.#soon = soon;
    this.#hook = hook;
    this.#later = later;
  }

  /** The outbox is built over the store and hooks itself in. */
  hook(hook: CommitHook): void {
    assert(this.#hook === undefined, "the store has one commit hook");
    this.#hook = hook;
  }

  /**
   * Runs an operation in the next batch. Resolves with its result once what it wrote, and all it read, is durable.
   * @throws whatever the operation throws, after undoing what it wrote
   */
  write<T>(operation: (tx: Transaction) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(new Error("The store is closed"));
      this.#queue.push({ operation, resolve, reject });
      this.#schedule();
    });
  }

  /** Adds to a counter outside any operation: for what is counted when work is over that wrote nothing. See {@link StoreOptions.later}. */
  count(key: Key, amount: number): void {
    assert(Number.isFinite(amount), "what is added to a counter is a number");
    if (this.#closed) return;
    addUp(this.#held, [{ key, amount }]);
    this.#commitCounts();
  }

  /**
   * Looks at what is committed, at once and outside any batch: for what must be known before an operation is queued, such as who
   * signed it. What it sees may not be durable yet, and nothing it writes is kept.
   */
  peek<T>(operation: (tx: Transaction) => T): T {
    return operation(new OverlayTransaction(this.#shared));
  }

  /** Waits for everything that was accepted, then closes the engine. */
  async close(): Promise<void> {
    while (this.#queue.length > 0 || this.#unflushed > 0) {
      if (this.#queue.length > 0) this.commitBatch();
      await this.#flushed.catch(() => {});
      await Promise.resolve();
    }
    this.#closed = true;
    this.#commitHeld();
    await this.#countsFlushed;
    await this.#engine.close();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#soon(() => this.commitBatch());
  }

  /** Runs what waits. Called by `soon`; a simulation may call it itself. */
  commitBatch(): void {
    this.#scheduled = false;
    const batch = this.#queue.length <= BATCH_MAX ? this.#queue : this.#queue.slice(0, BATCH_MAX);
    this.#queue = batch.length === this.#queue.length ? [] : this.#queue.slice(BATCH_MAX);
    if (this.#queue.length > 0) this.#schedule();
    if (batch.length === 0) return;

    const outer = new Overlay(this.#shared);
    const outcomes: Outcome[] = [];
    for (const { operation } of batch) {
      const inner = new OverlayTransaction(outer);
      try {
        const value = operation(inner);
        assert(!(value instanceof Promise), "an operation does not await");
        inner.overlay.mergeInto(outer);
        outcomes.push({ threw: false, value });
      } catch (error) {
        outcomes.push({ threw: true, value: error });
      }
    }
    const rejectAll = (error: unknown) => {
      for (const { reject } of batch) reject(error);
    };

    let delivered: (() => void) | undefined;
    const writes = outer.writes.size > 0 || outer.events.length > 0;
    if (!writes && this.#later) {
      addUp(this.#held, outer.additions);
      this.#commitCounts();
    } else if (writes || outer.additions.length > 0) {
      try {
        outer.settle(addUp(new Map(this.#held), outer.additions));
        if (this.#hook && outer.events.length > 0) {
          const { rows, committed } = this.#hook(outer.events);
          const transaction = new OverlayTransaction(outer);
          for (const [key, value] of rows) transaction.put(key, value);
          transaction.overlay.mergeInto(outer);
          delivered = committed;
        }
        const durable = this.#engine.commit(outer.writes);
        this.#held.clear();
        this.#shared.forget(outer.writes.keys());
        const before = this.#flushed;
        this.#unflushed++;
        this.#flushed = before.then(() => durable).finally(() => this.#unflushed--);
      } catch (error) {
        rejectAll(error);
        return;
      }
    }

    const finish = () => {
      for (let i = 0; i < batch.length; i++) {
        const { threw, value } = outcomes[i]!;
        if (threw) batch[i]!.reject(value);
        else batch[i]!.resolve(value);
      }
      for (const effect of outer.effects) effect();
      delivered?.();
    };
    if (this.#unflushed === 0) finish();
    else this.#flushed.then(finish, rejectAll);
  }

  /** Commits what is held, unless that was done a moment ago: then in a moment. */
  #commitCounts(): void {
    if (this.#holding || this.#held.size === 0) return;
    this.#commitHeld();
    if (!this.#later) return;
    this.#holding = true;
    this.#later(() => {
      this.#holding = false;
      if (!this.#closed) this.#commitCounts();
    });
  }

  /** Commits what was held, without waiting for the disk. */
  #commitHeld(): void {
    if (this.#held.size === 0) return;
    const overlay = new Overlay(this.#shared);
    overlay.settle(this.#held);
    let durable: Promise<void>;
    try {
      durable = this.#engine.commit(overlay.writes);
    } catch {
      // The disk takes nothing now. Whoever waits for a write is told; what was counted goes with the next commit.
      return;
    }
    this.#held.clear();
    this.#shared.forget(overlay.writes.keys());
    // A disk that fails is told by whoever waits for it.
    this.#countsFlushed = durable.catch(() => {});
  }
}

function addUp(sums: Map<Key, number>, additions: readonly Addition[]): Map<Key, number> {
  for (const { key, amount } of additions) sums.set(key, (sums.get(key) ?? 0) + amount);
  return sums;
}
