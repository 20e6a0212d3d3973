/**
 * Gauges of active queues, sampled at the end of each minute by a durable timer: how many messages are visible, in flight and delayed, and how old the
 * oldest is. A queue becomes active by a send; it rests once it has been empty for a while, or six hours after the last send.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
 */
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { countDelayed, countersOf, countInFlight } from "./line.ts";
import { measure } from "./measure.ts";
import { Bodies, type Queue, Queues, queueKey } from "./state.ts";

export const SAMPLE_DUE = "sqs.SampleDue";
const MINUTE_MS = 60_000;
/** Before the minute ends, so that the sample belongs to it. */
const BEFORE_END_MS = 500;
const EMPTY_SAMPLES_MAX = 5;
const ACTIVE_MS = 6 * 3600_000;
/** Counting goes no further. */
const COUNTED_MAX = 120_000;

interface Sample {
  readonly accountId: string;
  readonly region: string;
  readonly name: string;
  readonly generation: string;
  /** Samples without any message, one after the other. */
  readonly empty: number;
}

const sampledKey = (generation: string) => key("sqs-data", generation, "sampled");
/** Asked for by every send, and made once for each revision of a queue. */
const sampledKeys = new WeakMap<Queue, Key>();

/** Sees to it that the queue is sampled. */
export function requireSample(tx: Transaction, queue: Queue, nowMs: number): void {
  const { accountId, region, name, generation } = queue;
  let sampled = sampledKeys.get(queue);
  if (sampled === undefined) sampledKeys.set(queue, (sampled = sampledKey(generation)));
  if (tx.read(sampled) !== undefined) return;
  tx.put(sampled, 1);
  emit(tx, { accountId, region, name, generation, empty: 0 }, nowMs);
}

function emit(tx: Transaction, detail: Sample, nowMs: number): void {
  const at = nowMs + BEFORE_END_MS;
  tx.emit({ type: SAMPLE_DUE, detail, dueMs: at - (at % MINUTE_MS) + MINUTE_MS - BEFORE_END_MS });
}

export function sample(tx: Transaction, detail: Sample, context: OperationContext): void {
  const queue = Queues.get(tx, queueKey(detail.accountId, detail.region, detail.name));
  if (queue?.generation !== detail.generation) return;
  const { nowMs } = context;
  const { messages } = countersOf(tx, queue.generation);
  const inFlight = messages === 0 ? 0 : countInFlight(tx, queue, nowMs, COUNTED_MAX);
  const delayed = messages === 0 ? 0 : countDelayed(tx, queue, nowMs);
  measure(context, queue, "ApproximateNumberOfMessagesVisible", Math.max(0, messages - inFlight - delayed));
  measure(context, queue, "ApproximateNumberOfMessagesNotVisible", inFlight);
  measure(context, queue, "ApproximateNumberOfMessagesDelayed", delayed);
  const { start, end } = keysUnder("sqs-data", queue.generation, "body");
  const [oldest] = Bodies.range(tx, start, end, { limit: 1 });
  const age = oldest ? Math.max(0, Math.floor((nowMs - oldest[1].enqueuedMs) / 1000)) : 0;
  measure(context, queue, "ApproximateAgeOfOldestMessage", age, "Seconds");
  const empty = messages === 0 ? detail.empty + 1 : 0;
  const [newest] = Bodies.range(tx, start, end, { limit: 1, reverse: true });
  const rests = empty >= EMPTY_SAMPLES_MAX || (newest !== undefined && nowMs - newest[1].sentMs > ACTIVE_MS);
  if (rests) tx.delete(sampledKey(queue.generation));
  else emit(tx, { ...detail, empty }, nowMs);
}
