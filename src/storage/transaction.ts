/**
 * What an operation sees of storage. Small on purpose: whatever implements these eight verbs can carry every service.
 *
 * Values are plain data (objects, arrays, strings, numbers, booleans, null, Uint8Array). They are copied on the way in and on the way
 * out, so changing an object that was read or written changes nothing stored. Members that are undefined are dropped.
 */
import type { Key } from "./keys.ts";

export interface RangeOptions {
  readonly limit?: number;
  readonly reverse?: boolean;
}

export interface Transaction {
  get(key: Key): unknown;
  /** Like get, but the value is shared and frozen: for what every request reads and few change, such as a queue's settings. */
  read(key: Key): unknown;
  put(key: Key, value: unknown): void;
  delete(key: Key): void;
  /**
   * Adds to a counter, a number that starts at 0, and takes no room while it is 0. Additions commute: those of a batch become one write, and nobody reads what others are about to
   * change. Read it by `get` and `range`, which see what earlier batches added; never `put` it.
   */
  add(key: Key, amount: number): void;
  /** Entries with start <= key < end in key order, read lazily. Do not write inside the range while reading it: collect first. */
  range(start: Key, end: Key, options?: RangeOptions): IterableIterator<[Key, unknown]>;
  /** Puts an event into the durable outbox, in this commit: delivered at least once to whoever hears its type, not before `dueMs`. */
  emit(event: DomainEvent): void;
  /** Runs after the commit is durable. For wake-ups only: it is lost in a crash. */
  afterCommit(effect: () => void): void;
}

export interface DomainEvent {
  /** `service.WhatHappened`, for example `s3.ObjectCreated`. */
  readonly type: string;
  /** Plain data. */
  readonly detail: unknown;
  /** Not delivered before this time; at once when absent. A durable timer is an event with a due time. */
  readonly dueMs?: number;
  /** The X-Ray header of what caused it; the transaction's own unless given. */
  readonly trace?: string;
}
