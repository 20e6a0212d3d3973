/** Writes that are not committed yet, over something that can be read. Overlays stack: operation over batch over engine. */
import { assert } from "../kernel/errors.ts";
import { type Trace, traceHeader } from "../kernel/trace.ts";
import { decodeValue, encodeValue } from "./codec.ts";
import type { Engine } from "./engine.ts";
import type { Key } from "./keys.ts";
import { KEY_BYTES_MAX } from "./keys.ts";
import type { DomainEvent, RangeOptions, Transaction } from "./transaction.ts";

export interface Readable extends Pick<Engine, "get" | "range"> {
  /** A shared, frozen value. */
  read(key: Key): unknown;
}

/** Above this many new keys, sorting everything is cheaper than inserting one by one. */
const INSERT_MAX = 32;

const NOTHING: Map<Key, Uint8Array | null> = new Map();
const NONE: never[] = [];

/** What is to be added to a counter. */
export interface Addition {
  readonly key: Key;
  readonly amount: number;
}

export class Overlay implements Readable {
  readonly #base: Readable;
  /** Most operations only read, so what they would write into is made when they write. */
  writes: Map<Key, Uint8Array | null> = NOTHING;
  events: DomainEvent[] = NONE;
  effects: Array<() => void> = NONE;
  /** What is to be added to counters when the batch commits; summed up then, once for all its operations. */
  additions: Addition[] = NONE;
  /** The written keys in order, as far as they were needed in order; the rest waits in `#unsorted`. */
  #sorted: Key[] = NONE;
  #unsorted: Key[] = NONE;

  constructor(base: Readable) {
    this.#base = base;
  }

  get(key: Key): unknown {
    const written = this.writes.get(key);
    if (written === undefined) return this.#base.get(key);
    return written === null ? undefined : decodeValue(written);
  }

  read(key: Key): unknown {
    return this.writes.has(key) ? this.get(key) : this.#base.read(key);
  }

  set(key: Key, value: Uint8Array | null): void {
    if (this.writes === NOTHING) {
      this.writes = new Map();
      this.#unsorted = [];
    }
    if (!this.writes.has(key)) this.#unsorted.push(key);
    this.writes.set(key, value);
  }

  emit(event: DomainEvent): void {
    if (this.events === NONE) this.events = [];
    this.events.push(event);
  }

  effect(effect: () => void): void {
    if (this.effects === NONE) this.effects = [];
    this.effects.push(effect);
  }

  add(addition: Addition): void {
    if (this.additions === NONE) this.additions = [];
    this.additions.push(addition);
  }

  /** Turns sums of additions into writes. For the batch, once every operation has run. */
  settle(sums: ReadonlyMap<Key, number>): void {
    for (const [key, amount] of sums) {
      const sum = ((this.get(key) as number | undefined) ?? 0) + amount;
      this.set(key, sum === 0 ? null : encodeValue(sum));
    }
  }

  range(start: Key, end: Key, options: { reverse?: boolean }): IterableIterator<[Key, unknown]> {
    // Handed on as it is: every layer between a reader and the engine costs it something for each entry.
    return this.writes.size === 0 ? this.#base.range(start, end, options) : this.#merged(start, end, options);
  }

  *#merged(start: Key, end: Key, { reverse = false }: { reverse?: boolean }): IterableIterator<[Key, unknown]> {
    const keys = this.#order();
    const first = lowerBound(keys, start);
    const last = lowerBound(keys, end);
    // The overlay's part is copied: the caller may write elsewhere while it reads.
    const own = keys.slice(first, last);
    if (reverse) own.reverse();
    const below = this.#base.range(start, end, { reverse });
    try {
      let next = below.next();
      for (const key of own) {
        while (!next.done && (reverse ? next.value[0] > key : next.value[0] < key)) {
          yield next.value;
          next = below.next();
        }
        if (!next.done && next.value[0] === key) next = below.next();
        const value = this.writes.get(key);
        if (value) yield [key, decodeValue(value)];
      }
      while (!next.done) {
        yield next.value;
        next = below.next();
      }
    } finally {
      below.return?.();
    }
  }

  /** Hands everything to the overlay below, which must be this one's base. */
  mergeInto(parent: Overlay): void {
    for (const [key, value] of this.writes) parent.set(key, value);
    for (const event of this.events) parent.emit(event);
    for (const effect of this.effects) parent.effect(effect);
    for (const addition of this.additions) parent.add(addition);
  }

  #order(): Key[] {
    const fresh = this.#unsorted;
    if (fresh.length > 0) {
      if (fresh.length > INSERT_MAX) {
        this.#sorted = [...this.#sorted, ...fresh].sort();
      } else {
        if (this.#sorted === NONE) this.#sorted = [];
        for (const key of fresh) this.#sorted.splice(lowerBound(this.#sorted, key), 0, key);
      }
      this.#unsorted = [];
    }
    return this.#sorted;
  }
}

/** The transaction of one operation. */
export class OverlayTransaction implements Transaction {
  readonly overlay: Overlay;
  /** What runs, where that is written down: given to events that name no other. */
  trace: Trace | undefined;

  constructor(base: Readable) {
    this.overlay = new Overlay(base);
  }

  get(key: Key): unknown {
    return this.overlay.get(key);
  }

  read(key: Key): unknown {
    return this.overlay.read(key);
  }

  put(key: Key, value: unknown): void {
    assert(value !== undefined, "a stored value is not undefined");
    assert(key.length > 0 && key.length <= KEY_BYTES_MAX, `a key has 1 to ${KEY_BYTES_MAX} bytes, not ${key.length}`);
    this.overlay.set(key, encodeValue(value));
  }

  delete(key: Key): void {
    this.overlay.set(key, null);
  }

  add(key: Key, amount: number): void {
    assert(Number.isFinite(amount), "what is added to a counter is a number");
    this.overlay.add({ key, amount });
  }

  range(start: Key, end: Key, options: RangeOptions = {}): IterableIterator<[Key, unknown]> {
    const entries = this.overlay.range(start, end, options);
    return options.limit === undefined ? entries : firstOf(entries, options.limit);
  }

  emit(event: DomainEvent): void {
    const inherits = this.trace !== undefined && event.trace === undefined;
    this.overlay.emit(inherits ? { ...event, trace: traceHeader(this.trace!) } : event);
  }

  afterCommit(effect: () => void): void {
    this.overlay.effect(effect);
  }
}

function* firstOf<T>(entries: IterableIterator<T>, limit: number): IterableIterator<T> {
  let left = limit;
  if (left <= 0) return;
  for (const entry of entries) {
    yield entry;
    if (--left === 0) return;
  }
}

/** Runs `operation` in a transaction inside `tx`: its writes reach `tx` only if it returns. */
export function nested<T>(tx: Transaction, operation: (tx: Transaction) => T): T {
  assert(tx instanceof OverlayTransaction, "a nested operation runs inside a transaction of the store");
  const inner = new OverlayTransaction(tx.overlay);
  inner.trace = tx.trace;
  const result = operation(inner);
  inner.overlay.mergeInto(tx.overlay);
  return result;
}

/** Index of the first element not less than `key`. */
function lowerBound(keys: readonly Key[], key: Key): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
