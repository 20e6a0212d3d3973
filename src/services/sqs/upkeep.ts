/** What happens by itself: messages past their retention go, what lies under ended generations goes, in steps that leave room for others. */
import { decodeKey, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { countersOf, emitSweep, find, remove } from "./line.ts";
import { GENERATION_ENDED } from "./queues.ts";
import { isExpired } from "./receive.ts";
import { Bodies, countersKey, QueueCounters, Queues, queueKey } from "./state.ts";

/** Messages or keys dealt with in one transaction. */
const STEP = 500;

/** Removes messages whose retention has passed, oldest first, and sets the time of the next sweep. */
export function sweepExpired(
  tx: Transaction,
  detail: { accountId: string; region: string; name: string; generation: string },
  context: OperationContext,
): void {
  const queue = Queues.get(tx, queueKey(detail.accountId, detail.region, detail.name));
  if (queue?.generation !== detail.generation) return;
  const { generation } = queue;
  const { start, end } = keysUnder("sqs-data", generation, "body");
  const expired: number[] = [];
  let nextMs: number | undefined;
  // In the order of sending, which is that of expiry but for messages that a redrive brought with their old age.
  for (const [place, body] of Bodies.range(tx, start, end)) {
    if (expired.length === STEP) {
      nextMs = context.nowMs;
      break;
    }
    if (!isExpired(queue, body, context.nowMs)) {
      nextMs = body.enqueuedMs + queue.attributes.MessageRetentionPeriod * 1000;
      break;
    }
    expired.push(decodeKey(place)[3] as number);
  }
  for (const sequence of expired) remove(tx, queue, find(tx, generation, sequence)!);
  const { sweepMs: _, ...counters } = countersOf(tx, generation);
  QueueCounters.put(tx, countersKey(generation), nextMs === undefined ? counters : { ...counters, sweepMs: nextMs });
  if (nextMs !== undefined) emitSweep(tx, queue, nextMs);
}

/** Deletes what lies under a generation that no queue has any more. */
export function sweepGeneration(tx: Transaction, detail: { generation: string }): void {
  const { start, end } = keysUnder("sqs-data", detail.generation);
  const places = [...tx.range(start, end, { limit: STEP })].map(([place]) => place);
  for (const place of places) tx.delete(place);
  if (places.length === STEP) tx.emit({ type: GENERATION_ENDED, detail });
}
