/**
 * The outbox: events written in the commit of what caused them, and delivered afterwards to whoever hears them, at least once, until the
 * delivery succeeds or has failed too often. An event with a due time is a durable timer.
 *
 *     ("outbox", subscriber, dueMs, sequence)         → a delivery that is owed
 *     ("outbox", subscriber LF lane, dueMs, sequence) → one of a subscriber that tells lanes apart
 *     ("outbox-dead", subscriber, failedMs, sequence) → a delivery that was given up
 *
 * Every subscriber has a line of its own: a slow one delays nobody else. One that serves many, as Lambda serves functions, has a line for each:
 * none may have more deliveries under way than are still to be had, so that there is always room for whoever comes next.
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
  /** Whose event it is: no lane may keep the others waiting. Text without a line feed. All in one lane when absent. */
  laneOf?(detail: unknown): string;
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
  readonly feed: Feed;
  /** As its rows' keys have it. */
  readonly name: string;
  readonly inFlight: Set<Key>;
  timer: Timer | undefined;
  timerMs: number;
  reading: boolean;
  readAgain: boolean;
}

/** A subscriber with its lines. */
interface Feed {
  readonly subscriber: OutboxSubscriber;
  /** By name; those of lanes only while something is known of them. */
  readonly lines: Map<string, Line>;
  /** Lines with rows on disk that are due and found no room, in the order in which they shall have it. */
  readonly blocked: Set<Line>;
  inFlight: number;
}

/** A line that is blocked reads again when an eighth of what it had under way is done: a read looks at all that is still under way. */
const READ_AGAIN_SHIFT = 3;

export class Outbox {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #feeds: readonly Feed[];
  readonly #byType = new Map<string, Feed[]>();
  #sequence = 0;
  #running = false;

  constructor(store: Store, clock: Clock, log: Log, subscribers: readonly OutboxSubscriber[]) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#feeds = subscribers.map((subscriber) => ({ subscriber, lines: new Map(), blocked: new Set(), inFlight: 0 }));
    for (const feed of this.#feeds) {
      const { type } = feed.subscriber;
      this.#byType.set(type, [...(this.#byType.get(type) ?? []), feed]);
    }
    store.hook((events) => this.#record(events));
  }

  /** Takes up what was owed when the platform last stopped. */
  async start(): Promise<void> {
    const owed = new Set<string>();
    await this.#store.write((tx) => {
      const { start, end } = keysUnder("outbox");
      for (const [found] of tx.range(start, end)) {
        const [, name, , sequence] = decodeKey(found) as [string, string, number, number];
        this.#sequence = Math.max(this.#sequence, sequence + 1);
        owed.add(name);
      }
    });
    this.#running = true;
    for (const name of owed) {
      const subscriber = name.split(LANE, 1)[0];
      const feed = this.#feeds.find((feed) => feed.subscriber.name === subscriber);
      if (feed) this.#read(this.#line(feed, name));
    }
  }

  /** Stops handing out deliveries and waits, at most until the signal, for those under way. */
  async stop(): Promise<void> {
    this.#running = false;
    for (const line of this.#all()) line.timer?.cancel();
  }

  /** Deliveries under way or due now; a simulation is quiet when there are none. */
  get busy(): boolean {
    for (const line of this.#all()) if (line.inFlight.size > 0 || line.reading) return true;
    return false;
  }

  *#all(): IterableIterator<Line> {
    for (const { lines } of this.#feeds) yield* lines.values();
  }

  #line(feed: Feed, name: string): Line {
    let line = feed.lines.get(name);
    if (!line) {
      line = {
        feed,
        name,
        inFlight: new Set(),
        timer: undefined,
        timerMs: Number.POSITIVE_INFINITY,
        reading: false,
        readAgain: false,
      };
      feed.lines.set(name, line);
    }
    return line;
  }

  /** A lane of which nothing is left is forgotten. */
  #forget(line: Line): void {
    const { feed } = line;
    if (line.inFlight.size > 0 || line.reading || line.timerMs !== Number.POSITIVE_INFINITY || feed.blocked.has(line))
      return;
    feed.lines.delete(line.name);
  }

  /** The rows of a batch; once it is durable, those that are due are handed over without being read back. */
  #record(events: readonly DomainEvent[]) {
    const nowMs = this.#clock.nowMs();
    const fresh: Array<{ feed: Feed; name: string; row: Key; delivery: Delivery; dueMs: number }> = [];
    for (const event of events) {
      const dueMs = Math.max(event.dueMs ?? nowMs, 0);
      const delivery: Delivery = {
        type: event.type,
        detail: event.detail,
        attempts: 0,
        emittedMs: nowMs,
        ...(event.trace === undefined ? {} : { trace: event.trace }),
      };
      for (const feed of this.#byType.get(event.type) ?? []) {
        const name = lineName(feed.subscriber, event.detail);
        fresh.push({ feed, name, row: key("outbox", name, dueMs, this.#sequence++), delivery, dueMs });
      }
    }
    return {
      rows: fresh.map(({ row, delivery }) => [row, [Deliveries.version, delivery]] as const),
      committed: () => {
        if (!this.#running) return;
        for (const { feed, name, row, delivery, dueMs } of fresh) {
          const line = this.#line(feed, name);
          if (dueMs > this.#clock.nowMs()) this.#wakeAt(line, dueMs);
          else this.#deliver(line, row, delivery);
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
    const { feed } = line;
    feed.blocked.delete(line);
    const nowMs = this.#clock.nowMs();
    this.#store
      .write((tx) => {
        const due: Array<[Key, Delivery]> = [];
        const { start, end } = keysUnder("outbox", line.name);
        for (const [row, delivery] of Deliveries.range(tx, start, end)) {
          const dueMs = decodeKey(row)[2] as number;
          if (dueMs > nowMs) return { due, nextMs: dueMs };
          if (line.inFlight.has(row)) continue;
          due.push([row, delivery]);
          // One more than there is room for tells that there are more.
          if (!hasRoom(line, due.length - 1)) break;
        }
        return { due, nextMs: undefined };
      })
      .then(
        ({ due, nextMs }) => {
          line.reading = false;
          for (const [row, delivery] of due) this.#deliver(line, row, delivery);
          if (nextMs !== undefined) this.#wakeAt(line, nextMs);
          if (line.readAgain) {
            line.readAgain = false;
            this.#read(line);
          } else this.#forget(line);
          if (due.length === 0) this.#next(feed);
        },
        (error) => {
          line.reading = false;
          this.#log.error("The outbox could not be read", { subscriber: line.name, error: String(error) });
          this.#wakeAt(line, this.#clock.nowMs() + 1000);
        },
      );
  }

  /** Hands a delivery over; one for which there is no room stays on disk until there is. */
  #deliver(line: Line, row: Key, delivery: Delivery): void {
    const { feed, inFlight } = line;
    if (inFlight.has(row)) return;
    if (!hasRoom(line)) {
      feed.blocked.add(line);
      return;
    }
    inFlight.add(row);
    feed.inFlight++;
    const finished = () => {
      inFlight.delete(row);
      feed.inFlight--;
      this.#next(feed);
      this.#forget(line);
    };
    feed.subscriber
      .deliver(delivery, (tx) => tx.delete(row))
      .catch((error) => this.#failed(line, row, delivery, error))
      .then(finished, finished);
  }

  /** Reads for the line that has waited longest of those that have room. */
  #next({ blocked }: Feed): void {
    for (const line of blocked) {
      if (!hasRoom(line, line.inFlight.size >> READ_AGAIN_SHIFT)) continue;
      this.#read(line);
      return;
    }
  }

  async #failed(line: Line, row: Key, delivery: Delivery, error: unknown): Promise<void> {
    if (!this.#running) return;
    const nowMs = this.#clock.nowMs();
    const attempts = delivery.attempts + 1;
    const dead = attempts >= ATTEMPTS_MAX;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log[dead ? "error" : "warn"](dead ? "A delivery was given up" : "A delivery failed and will be tried again", {
      subscriber: line.name,
      attempts,
      error: text,
    });
    const sequence = decodeKey(row)[3] as number;
    const dueMs = nowMs + backoffMs(attempts);
    await this.#store.write((tx) => {
      tx.delete(row);
      if (dead)
        DeadDeliveries.put(tx, key("outbox-dead", line.feed.subscriber.name, nowMs, sequence), {
          ...delivery,
          attempts,
          error: text,
        });
      else Deliveries.put(tx, key("outbox", line.name, dueMs, sequence), { ...delivery, attempts });
    });
    if (!dead) this.#wakeAt(line, dueMs);
  }
}

const LANE = "\n";

function lineName({ name, laneOf }: OutboxSubscriber, detail: unknown): string {
  return laneOf === undefined ? name : name + LANE + laneOf(detail);
}

/** Whether another delivery may begin besides so many that are about to: within the subscriber's number, and for a lane within half of what is left to it. */
function hasRoom({ feed, inFlight }: Line, besides = 0): boolean {
  const free = feed.subscriber.concurrency - feed.inFlight - besides;
  return feed.subscriber.laneOf === undefined ? free > 0 : inFlight.size + besides < free;
}
