/**
 * The outbox: events written in the commit of what caused them, and delivered afterwards to whoever hears them, at least once, until the
 * delivery succeeds or has failed too often. An event with a due time is a durable timer.
 *
 *     ("outbox", subscriber, dueMs, sequence)        → a delivery that is owed
 *     ("outbox-dead", subscriber, failedMs, sequence) → a delivery that was given up
 *
 * Every subscriber has a line of its own: a slow one delays nobody else.
 */
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import { decodeKey, type Key, key, keysUnder } from "./keys.ts";
import { defineRecord } from "./records.ts";
import type { Store } from "./store.ts";
import type { DomainEvent, Transaction } from "./transaction.ts";

/** One event on its way to one subscriber. */
export interface Delivery {
  readonly type: string;
  readonly detail: unknown;
  readonly attempts: number;
  /** When the event happened, in milliseconds since the epoch. */
  readonly emittedMs: number;
  /** The X-Ray header of what caused it. */
  readonly trace?: string;
}

export const Deliveries = defineRecord<Delivery>("storage.Delivery", 1);
export const DeadDeliveries = defineRecord<Delivery & { readonly error: string }>("storage.DeadDelivery", 1);

export interface OutboxSubscriber {
  /** `sqs:sqs.MessageMoveStep`: unique, and the same in the next release. */
  readonly name: string;
  readonly type: string;
  /** Deliveries under way at once. */
  readonly concurrency: number;
  /**
   * Delivers one event. `done` must be called in a transaction: it takes the event off the outbox, so that an operation can do
   * its work in that same transaction and happen exactly once. Rejects when the delivery failed.
   */
  deliver(delivery: Delivery, done: (tx: Transaction) => void): Promise<void>;
}

/** Failed deliveries are tried again after 1 s, 2 s, 4 s … at most 5 minutes apart; after the last attempt the event is dead. */
export const ATTEMPTS_MAX = 14;
const BACKOFF_MS_MAX = 5 * 60_000;
export const backoffMs = (attempts: number): number => Math.min(1000 * 2 ** (attempts - 1), BACKOFF_MS_MAX);

interface Line {
  readonly subscriber: OutboxSubscriber;
  readonly inFlight: Set<Key>;
  timer: Timer | undefined;
  timerMs: number;
  reading: boolean;
  readAgain: boolean;
}

export class Outbox {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lines = new Map<string, Line[]>();
  #sequence = 0;
  #running = false;

  constructor(store: Store, clock: Clock, log: Log, subscribers: readonly OutboxSubscriber[]) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    for (const subscriber of subscribers) {
      const line: Line = {
        subscriber,
        inFlight: new Set(),
        timer: undefined,
        timerMs: Infinity,
        reading: false,
        readAgain: false,
      };
      this.#lines.set(subscriber.type, [...(this.#lines.get(subscriber.type) ?? []), line]);
    }
    store.hook((events) => this.#record(events));
  }

  /** Takes up what was owed when the platform last stopped. */
  async start(): Promise<void> {
    await this.#store.write((tx) => {
      for (const { subscriber } of this.#all()) {
        const { start, end } = keysUnder("outbox", subscriber.name);
        for (const [found] of tx.range(start, end)) {
          this.#sequence = Math.max(this.#sequence, (decodeKey(found)[3] as number) + 1);
        }
      }
    });
    this.#running = true;
    for (const line of this.#all()) this.#read(line);
  }

  /** Stops handing out deliveries and waits, at most until the signal, for those under way. */
  async stop(): Promise<void> {
    this.#running = false;
    for (const line of this.#all()) line.timer?.cancel();
  }

  /** Deliveries under way or due now; a simulation is quiet when there are none. */
  get busy(): boolean {
    return [...this.#all()].some((line) => line.inFlight.size > 0 || line.reading);
  }

  *#all(): IterableIterator<Line> {
    for (const lines of this.#lines.values()) yield* lines;
  }

  /** The rows of a batch; once it is durable, those that are due are handed over without being read back. */
  #record(events: readonly DomainEvent[]) {
    const nowMs = this.#clock.nowMs();
    const fresh: Array<{ line: Line; row: Key; delivery: Delivery; dueMs: number }> = [];
    for (const event of events) {
      const dueMs = Math.max(event.dueMs ?? nowMs, 0);
      const delivery: Delivery = {
        type: event.type,
        detail: event.detail,
        attempts: 0,
        emittedMs: nowMs,
        ...(event.trace === undefined ? {} : { trace: event.trace }),
      };
      for (const line of this.#lines.get(event.type) ?? []) {
        fresh.push({ line, row: key("outbox", line.subscriber.name, dueMs, this.#sequence++), delivery, dueMs });
      }
    }
    return {
      rows: fresh.map(({ row, delivery }) => [row, [Deliveries.version, delivery]] as const),
      committed: () => {
        if (!this.#running) return;
        for (const { line, row, delivery, dueMs } of fresh) {
          if (dueMs > this.#clock.nowMs()) this.#wakeAt(line, dueMs);
          else if (line.inFlight.has(row)) continue;
          else if (line.inFlight.size < line.subscriber.concurrency) this.#deliver(line, row, delivery);
        }
      },
    };
  }

  #wakeAt(line: Line, dueMs: number): void {
    if (line.timerMs <= dueMs) return;
    line.timer?.cancel();
    line.timerMs = dueMs;
    line.timer = this.#clock.at(dueMs, () => {
      line.timerMs = Infinity;
      this.#read(line);
    });
  }

  /** Reads what is due and free to go, and sets the timer for what is next. */
  #read(line: Line): void {
    if (!this.#running) return;
    if (line.reading) {
      line.readAgain = true;
      return;
    }
    line.reading = true;
    const nowMs = this.#clock.nowMs();
    this.#store
      .write((tx) => {
        const due: Array<[Key, Delivery]> = [];
        let free = line.subscriber.concurrency - line.inFlight.size;
        const { start, end } = keysUnder("outbox", line.subscriber.name);
        for (const [row, delivery] of Deliveries.range(tx, start, end)) {
          const dueMs = decodeKey(row)[2] as number;
          if (dueMs > nowMs) return { due, nextMs: dueMs };
          if (line.inFlight.has(row)) continue;
          if (free-- <= 0) break;
          due.push([row, delivery]);
        }
        return { due, nextMs: undefined };
      })
      .then(
        ({ due, nextMs }) => {
          line.reading = false;
          for (const [row, delivery] of due) {
            if (!line.inFlight.has(row)) this.#deliver(line, row, delivery);
          }
          if (nextMs !== undefined) this.#wakeAt(line, nextMs);
          if (line.readAgain) {
            line.readAgain = false;
            this.#read(line);
          }
        },
        (error) => {
          line.reading = false;
          this.#log.error("The outbox could not be read", { subscriber: line.subscriber.name, error: String(error) });
          this.#wakeAt(line, this.#clock.nowMs() + 1000);
        },
      );
  }

  #deliver(line: Line, row: Key, delivery: Delivery): void {
    line.inFlight.add(row);
    const full = line.inFlight.size >= line.subscriber.concurrency;
    const finished = () => {
      line.inFlight.delete(row);
      // Rows past the capacity were left on disk: look for them as soon as there is room.
      if (full || line.inFlight.size === 0) this.#read(line);
    };
    line.subscriber
      .deliver(delivery, (tx) => tx.delete(row))
      .catch((error) => this.#failed(line, row, delivery, error))
      .then(finished, finished);
  }

  async #failed(line: Line, row: Key, delivery: Delivery, error: unknown): Promise<void> {
    if (!this.#running) return;
    const nowMs = this.#clock.nowMs();
    const attempts = delivery.attempts + 1;
    const dead = attempts >= ATTEMPTS_MAX;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log[dead ? "error" : "warn"](dead ? "A delivery was given up" : "A delivery failed and will be tried again", {
      subscriber: line.subscriber.name,
      attempts,
      error: text,
    });
    const sequence = decodeKey(row)[3] as number;
    const dueMs = nowMs + backoffMs(attempts);
    await this.#store.write((tx) => {
      tx.delete(row);
      if (dead)
        DeadDeliveries.put(tx, key("outbox-dead", line.subscriber.name, nowMs, sequence), {
          ...delivery,
          attempts,
          error: text,
        });
      else Deliveries.put(tx, key("outbox", line.subscriber.name, dueMs, sequence), { ...delivery, attempts });
    });
    if (!dead) this.#wakeAt(line, dueMs);
  }
}
