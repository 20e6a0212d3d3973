/**
 * How messages wait and are taken: one implementation for standard queues (by the time they become visible), one for FIFO queues (by group). Operations
 * above know neither layout. Nothing here checks input.
 */
import { assert } from "../../kernel/errors.ts";
import { decodeKey, key, keysUnder, lastNumber } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import {
  Bodies,
  type Body,
  bodyKey,
  type Counters,
  countersKey,
  type Group,
  Groups,
  groupKey,
  type Lease,
  Leases,
  leaseKey,
  lineKey,
  type Queue,
  QueueCounters,
  readyKey,
  visibleKey,
} from "./state.ts";

/** Emitted with a due time when a queue has messages that will expire. */
export const RETENTION_DUE = "sqs.RetentionDue";

export interface Waiting {
  readonly sequence: number;
  readonly body: Body;
  /** Undefined until it is first received. */
  readonly lease: Lease | undefined;
}

export function countersOf(tx: Transaction, generation: string): Counters {
  return QueueCounters.get(tx, countersKey(generation)) ?? { nextSequence: 1, messages: 0 };
}

/** Puts a message into a queue. Returns its sequence number. */
export function deposit(tx: Transaction, queue: Queue, body: Body): number {
  const { generation } = queue;
  const counters = countersOf(tx, generation);
  const sequence = counters.nextSequence;
  let { sweepMs } = counters;
  const expiresMs = body.enqueuedMs + queue.attributes.MessageRetentionPeriod * 1000;
  if (sweepMs === undefined || expiresMs < sweepMs) {
    sweepMs = expiresMs;
    emitSweep(tx, queue, sweepMs);
  }
  QueueCounters.put(tx, countersKey(generation), {
    nextSequence: sequence + 1,
    messages: counters.messages + 1,
    sweepMs,
  });
  Bodies.put(tx, bodyKey(generation, sequence), body);
  if (queue.attributes.FifoQueue) {
    const group = body.groupId!;
    tx.put(lineKey(generation, group, sequence), 0);
    if (!Groups.get(tx, groupKey(generation, group)))
      putGroup(tx, generation, group, undefined, { inFlight: [], readyMs: body.visibleMs });
  } else tx.put(visibleKey(generation, body.visibleMs, sequence), 0);
  return sequence;
}

export function emitSweep(tx: Transaction, queue: Queue, dueMs: number): void {
  const { accountId, region, name, generation } = queue;
  tx.emit({ type: RETENTION_DUE, detail: { accountId, region, name, generation }, dueMs });
}

/** Takes a message out for good. */
export function remove(tx: Transaction, queue: Queue, { sequence, body, lease }: Waiting): void {
  const { generation } = queue;
  const counters = countersOf(tx, generation);
  QueueCounters.put(tx, countersKey(generation), { ...counters, messages: counters.messages - 1 });
  tx.delete(bodyKey(generation, sequence));
  if (lease) tx.delete(leaseKey(generation, sequence));
  if (!queue.attributes.FifoQueue) {
    tx.delete(visibleKey(generation, lease?.visibleMs ?? body.visibleMs, sequence));
    return;
  }
  const group = body.groupId!;
  tx.delete(lineKey(generation, group, sequence));
  const before = Groups.get(tx, groupKey(generation, group));
  assert(before, "a FIFO message has its group");
  const inFlight = before.inFlight.filter((entry) => entry.sequence !== sequence);
  settleGroup(tx, queue, group, before, inFlight);
}

/** The message with this sequence number, if it is still there. */
export function find(tx: Transaction, generation: string, sequence: number): Waiting | undefined {
  const body = Bodies.get(tx, bodyKey(generation, sequence));
  return body && { sequence, body, lease: Leases.get(tx, leaseKey(generation, sequence)) };
}

/** Changes until when a received message stays invisible. */
export function extend(tx: Transaction, queue: Queue, waiting: Waiting, visibleMs: number): void {
  const { sequence, body, lease } = waiting;
  assert(lease, "only a received message has a lease to change");
  Leases.put(tx, leaseKey(queue.generation, sequence), { ...lease, visibleMs });
  if (!queue.attributes.FifoQueue) {
    tx.delete(visibleKey(queue.generation, lease.visibleMs, sequence));
    tx.put(visibleKey(queue.generation, visibleMs, sequence), 1);
    return;
  }
  const group = body.groupId!;
  const before = Groups.get(tx, groupKey(queue.generation, group))!;
  settleGroup(
    tx,
    queue,
    group,
    before,
    before.inFlight.map((entry) => (entry.sequence === sequence ? { sequence, visibleMs } : entry)),
  );
}

/** Gives a message to a consumer: invisible until `visibleMs`, received once more. Returns the new lease. */
export function lend(
  tx: Transaction,
  queue: Queue,
  { sequence, body, lease }: Waiting,
  visibleMs: number,
  nowMs: number,
): Lease {
  const next: Lease = {
    visibleMs,
    receives: (lease?.receives ?? 0) + 1,
    firstReceivedMs: lease?.firstReceivedMs ?? nowMs,
  };
  Leases.put(tx, leaseKey(queue.generation, sequence), next);
  if (!queue.attributes.FifoQueue) {
    tx.delete(visibleKey(queue.generation, lease?.visibleMs ?? body.visibleMs, sequence));
    tx.put(visibleKey(queue.generation, visibleMs, sequence), 1);
  } else {
    const group = body.groupId!;
    const before = Groups.get(tx, groupKey(queue.generation, group))!;
    const others = before.inFlight.filter((entry) => entry.sequence !== sequence && entry.visibleMs > nowMs);
    settleGroup(tx, queue, group, before, [...others, { sequence, visibleMs }]);
  }
  return next;
}

/** Messages that may be received now, in the order they should be. Collects before anything is written. */
export function available(tx: Transaction, queue: Queue, limit: number, nowMs: number): Waiting[] {
  return queue.attributes.FifoQueue
    ? availableInGroups(tx, queue.generation, limit, nowMs)
    : availableByTime(tx, queue.generation, limit, nowMs);
}

function availableByTime(tx: Transaction, generation: string, limit: number, nowMs: number): Waiting[] {
  const found: Waiting[] = [];
  const { start } = keysUnder("sqs-data", generation, "visible");
  const end = key("sqs-data", generation, "visible", nowMs + 1);
  for (const [entry, received] of tx.range(start, end, { limit })) {
    const sequence = lastNumber(entry);
    const body = Bodies.get(tx, bodyKey(generation, sequence))!;
    found.push({ sequence, body, lease: received ? Leases.get(tx, leaseKey(generation, sequence)) : undefined });
  }
  return found;
}

function availableInGroups(tx: Transaction, generation: string, limit: number, nowMs: number): Waiting[] {
  const found: Waiting[] = [];
  const { start } = keysUnder("sqs-data", generation, "ready");
  const end = key("sqs-data", generation, "ready", nowMs + 1);
  for (const [entry] of tx.range(start, end)) {
    const group = decodeKey(entry)[4] as string;
    const line = keysUnder("sqs-data", generation, "line", group);
    for (const [place] of tx.range(line.start, line.end, { limit: limit - found.length })) {
      const sequence = lastNumber(place);
      const waiting = find(tx, generation, sequence)!;
      if (waiting.body.visibleMs > nowMs) break;
      found.push(waiting);
    }
    if (found.length >= limit) break;
  }
  return found;
}

/** When the next message that is not receivable now becomes so; undefined when there is none. */
export function nextVisibleMs(tx: Transaction, queue: Queue, nowMs: number): number | undefined {
  const kind = queue.attributes.FifoQueue ? "ready" : "visible";
  const start = key("sqs-data", queue.generation, kind, nowMs + 1);
  const { end } = keysUnder("sqs-data", queue.generation, kind);
  for (const [entry] of tx.range(start, end, { limit: 1 })) return decodeKey(entry)[3] as number;
  return undefined;
}

/** Messages received and not yet visible again; counting stops at `limit`. */
export function countInFlight(tx: Transaction, queue: Queue, nowMs: number, limit: number): number {
  let count = 0;
  if (queue.attributes.FifoQueue) {
    const { start, end } = keysUnder("sqs-data", queue.generation, "group");
    for (const [, group] of Groups.range(tx, start, end)) {
      count += group.inFlight.filter((entry) => entry.visibleMs > nowMs).length;
      if (count >= limit) break;
    }
    return count;
  }
  for (const received of invisible(tx, queue.generation, nowMs)) {
    if (received && ++count >= limit) break;
  }
  return count;
}

/** Messages whose delay has not passed. */
export function countDelayed(tx: Transaction, queue: Queue, nowMs: number): number {
  if (!queue.attributes.FifoQueue)
    return [...invisible(tx, queue.generation, nowMs)].filter((received) => !received).length;
  if (queue.attributes.DelaySeconds === 0) return 0;
  let count = 0;
  const { start, end } = keysUnder("sqs-data", queue.generation, "body");
  for (const [, body] of Bodies.range(tx, start, end, { reverse: true })) {
    if (body.visibleMs <= nowMs) break;
    count++;
  }
  return count;
}

function* invisible(tx: Transaction, generation: string, nowMs: number): IterableIterator<boolean> {
  const start = key("sqs-data", generation, "visible", nowMs + 1);
  const { end } = keysUnder("sqs-data", generation, "visible");
  for (const [, received] of tx.range(start, end)) yield received === 1;
}

/** A group is ready when nothing of it is in flight: when its last lease ends, or its first message's delay. A group without messages goes. */
function settleGroup(tx: Transaction, queue: Queue, group: string, before: Group, inFlight: Group["inFlight"]): void {
  const { generation } = queue;
  const line = keysUnder("sqs-data", generation, "line", group);
  const [first] = tx.range(line.start, line.end, { limit: 1 });
  if (!first) {
    tx.delete(groupKey(generation, group));
    tx.delete(readyKey(generation, before.readyMs, group));
    return;
  }
  const head = Bodies.get(tx, bodyKey(generation, decodeKey(first[0])[4] as number))!;
  const readyMs = Math.max(head.visibleMs, ...inFlight.map((entry) => entry.visibleMs));
  putGroup(tx, generation, group, before, { inFlight, readyMs });
}

function putGroup(tx: Transaction, generation: string, group: string, before: Group | undefined, next: Group): void {
  if (before && before.readyMs !== next.readyMs) tx.delete(readyKey(generation, before.readyMs, group));
  if (before?.readyMs !== next.readyMs) tx.put(readyKey(generation, next.readyMs, group), 0);
  Groups.put(tx, groupKey(generation, group), next);
}
