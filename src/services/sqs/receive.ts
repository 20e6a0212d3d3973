/** Receiving messages: one look at the queue as an operation, and the long poll around it as a flow. */
import type { Message, MessageAttributeValue, ReceiveMessageCommandInput } from "@aws-sdk/client-sqs";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext, OutputOf } from "../service.ts";
import { queueArnOf } from "./attributes.ts";
import { invalidAttributeName, overLimit } from "./errors.ts";
import {
  available,
  countersOf,
  countInFlight,
  deposit,
  find,
  lend,
  nextVisibleMs,
  remove,
  type Waiting,
} from "./line.ts";
import { attributesMd5 } from "./md5.ts";
import { measure } from "./measure.ts";
import { received } from "./metering.ts";
import { queueOf } from "./queues.ts";
import { encodeHandle } from "./receipt.ts";
import {
  checkFifoId,
  checkRange,
  DEDUPLICATION_MS,
  IN_FLIGHT_MAX,
  VISIBILITY_SECONDS_MAX,
  WAIT_SECONDS_MAX,
} from "./rules.ts";
import { sequenceNumber } from "./send.ts";
import { Attempts, attemptKey, type Body, type Lease, type Queue, Queues, queueKey, topicOf } from "./state.ts";

/** Asked for by name by what goes on with a message's trace; never part of `All`. */
const CAUSE = "VirgaTraceHeader";

const SYSTEM_ATTRIBUTES = [
  "All",
  "SenderId",
  "SentTimestamp",
  "ApproximateReceiveCount",
  "ApproximateFirstReceiveTimestamp",
  "SequenceNumber",
  "MessageDeduplicationId",
  "MessageGroupId",
  "AWSTraceHeader",
  "DeadLetterQueueSourceArn",
  CAUSE,
];

interface Look {
  readonly queue: Queue;
  readonly messages: Message[];
  readonly waitSeconds: number;
  readonly topic: string;
  /** When something that is invisible now will be receivable. */
  readonly nextMs: number | undefined;
}

/**
 * Long poll: answers as soon as there is a message, at the latest after WaitTimeSeconds (the queue's own when not given). Nothing runs
 * while it waits: it is woken by a send, or by the clock when a message is due to become visible.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
 */
export async function receiveMessage(
  flow: FlowContext,
  input: ReceiveMessageCommandInput,
): Promise<OutputOf<"sqs", "ReceiveMessage">> {
  checkReceive(input);
  const startMs = flow.clock.nowMs();
  let look = await flow.write((tx, context) => lookOnce(tx, input, context, true));
  const deadlineMs = startMs + look.waitSeconds * 1000;
  while (look.messages.length === 0) {
    const nowMs = flow.clock.nowMs();
    if (nowMs >= deadlineMs || flow.signal.aborted) break;
    const untilMs = Math.min(deadlineMs, look.nextMs ?? deadlineMs);
    const stop = new AbortController();
    const woken = flow.wait(look.topic, Math.max(untilMs - nowMs, 1), AbortSignal.any([flow.signal, stop.signal]));
    try {
      // Something may have come between the last look and the wait.
      look = await flow.write((tx, context) => lookOnce(tx, input, context));
      if (look.messages.length > 0) break;
      await woken;
      if (flow.signal.aborted) break;
      look = await flow.write((tx, context) => lookOnce(tx, input, context));
    } finally {
      stop.abort();
    }
  }
  if (look.messages.length > 0) return { Messages: look.messages };
  measure(flow, look.queue, "NumberOfEmptyReceives", 1);
  return {};
}

function checkReceive(input: ReceiveMessageCommandInput): void {
  if (input.MaxNumberOfMessages !== undefined) checkRange(input.MaxNumberOfMessages, "MaxNumberOfMessages", 1, 10);
  if (input.WaitTimeSeconds !== undefined) checkRange(input.WaitTimeSeconds, "WaitTimeSeconds", 0, WAIT_SECONDS_MAX);
  if (input.VisibilityTimeout !== undefined)
    checkRange(input.VisibilityTimeout, "VisibilityTimeout", 0, VISIBILITY_SECONDS_MAX);
  if (input.ReceiveRequestAttemptId !== undefined)
    checkFifoId(input.ReceiveRequestAttemptId, "ReceiveRequestAttemptId");
  for (const name of [...(input.AttributeNames ?? []), ...(input.MessageSystemAttributeNames ?? [])]) {
    // The query protocol hands queue attribute names through here too; SQS ignores those.
    if (!SYSTEM_ATTRIBUTES.includes(name)) throw invalidAttributeName(name);
  }
}

/** One look: takes what is there. */
export function lookOnce(
  tx: Transaction,
  input: ReceiveMessageCommandInput,
  context: OperationContext,
  isFirst = false,
): Look {
  const queue = queueOf(tx, context, input.QueueUrl);
  const { nowMs } = context;
  const limit = input.MaxNumberOfMessages ?? 1;
  const visibilitySeconds = input.VisibilityTimeout ?? queue.attributes.VisibilityTimeout;
  const visibleMs = nowMs + visibilitySeconds * 1000;
  if (
    countersOf(tx, queue.generation).messages > IN_FLIGHT_MAX &&
    countInFlight(tx, queue, nowMs, IN_FLIGHT_MAX) >= IN_FLIGHT_MAX
  ) {
    throw overLimit();
  }
  const attemptId = queue.attributes.FifoQueue ? input.ReceiveRequestAttemptId : undefined;
  const messages =
    (attemptId && repeatAttempt(tx, queue, attemptId, visibleMs, input, context)) ||
    take(tx, queue, limit, visibleMs, input, context);
  if (attemptId && messages.length > 0) rememberAttempt(tx, queue, attemptId, messages, nowMs);
  received(
    queue,
    messages.map(({ message }) => message),
    isFirst,
    context,
  );
  return {
    queue,
    messages: messages.map(({ message }) => message),
    waitSeconds: input.WaitTimeSeconds ?? queue.attributes.ReceiveMessageWaitTimeSeconds,
    topic: topicOf(queue.generation),
    nextMs: messages.length > 0 ? undefined : nextVisibleMs(tx, queue, nowMs),
  };
}

interface Taken {
  readonly sequence: number;
  readonly lease: Lease;
  readonly message: Message;
}

/** Expired messages are dropped and exhausted ones moved to the dead-letter queue on the way, until there are enough or none are left. */
function take(
  tx: Transaction,
  queue: Queue,
  limit: number,
  visibleMs: number,
  input: ReceiveMessageCommandInput,
  context: OperationContext,
): Taken[] {
  const { nowMs } = context;
  const taken: Taken[] = [];
  // Each round either fills up, or removes at least one message from those available, or is the last.
  for (;;) {
    const lent = new Set(taken.map(({ sequence }) => sequence));
    const found = available(tx, queue, limit, nowMs).filter(({ sequence }) => !lent.has(sequence));
    let removed = false;
    for (const waiting of found) {
      if (taken.length === limit) return taken;
      if (isExpired(queue, waiting.body, nowMs)) {
        remove(tx, queue, waiting);
        removed = true;
      } else if (isExhausted(queue, waiting) && moveToDeadLetters(tx, queue, waiting, context)) {
        removed = true;
      } else {
        const lease = lend(tx, queue, waiting, visibleMs, nowMs);
        taken.push({ sequence: waiting.sequence, lease, message: toMessage(queue, waiting, lease, input) });
      }
    }
    if (!removed || taken.length === limit) return taken;
  }
}

export const isExpired = (queue: Queue, body: Body, nowMs: number): boolean =>
  body.enqueuedMs + queue.attributes.MessageRetentionPeriod * 1000 <= nowMs;

function isExhausted(queue: Queue, { lease }: Waiting): boolean {
  const policy = queue.attributes.RedrivePolicy;
  return policy !== undefined && (lease?.receives ?? 0) >= policy.maxReceiveCount;
}

/**
 * A message that was received maxReceiveCount times and not deleted goes to the dead-letter queue instead of being received again. False when that
 * queue is gone: the message stays. In a standard queue its age goes on counting; in a FIFO queue it starts anew.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
 */
function moveToDeadLetters(tx: Transaction, queue: Queue, waiting: Waiting, context: OperationContext): boolean {
  const name = queue.attributes.RedrivePolicy!.deadLetterTargetArn.split(":")[5]!;
  const dead = Queues.get(tx, queueKey(queue.accountId, queue.region, name));
  if (!dead) return false;
  remove(tx, queue, waiting);
  const { nowMs } = context;
  deposit(tx, dead, {
    ...waiting.body,
    enqueuedMs: dead.attributes.FifoQueue ? nowMs : waiting.body.enqueuedMs,
    visibleMs: nowMs,
    sourceArn: queueArnOf(queue),
  });
  context.wake(topicOf(dead.generation));
  return true;
}

function repeatAttempt(
  tx: Transaction,
  queue: Queue,
  attemptId: string,
  visibleMs: number,
  input: ReceiveMessageCommandInput,
  context: OperationContext,
): Taken[] | undefined {
  const attempt = Attempts.get(tx, attemptKey(queue.generation, attemptId));
  if (!attempt || attempt.endMs <= context.nowMs) return undefined;
  const again: Array<{ waiting: Waiting; lease: Lease }> = [];
  for (const { sequence, receives } of attempt.received) {
    const waiting = find(tx, queue.generation, sequence);
    // Deleted, received by somebody else or visible again in between: the attempt cannot be repeated.
    if (waiting?.lease?.receives !== receives || waiting.lease.visibleMs <= context.nowMs) return undefined;
    again.push({ waiting, lease: waiting.lease });
  }
  return again.map(({ waiting, lease }) => {
    // Repeating resets the visibility timeout and is not another receive.
    const next = lend(
      tx,
      queue,
      { ...waiting, lease: { ...lease, receives: lease.receives - 1 } },
      visibleMs,
      context.nowMs,
    );
    return { sequence: waiting.sequence, lease: next, message: toMessage(queue, waiting, next, input) };
  });
}

function rememberAttempt(
  tx: Transaction,
  queue: Queue,
  attemptId: string,
  taken: readonly Taken[],
  nowMs: number,
): void {
  Attempts.put(tx, attemptKey(queue.generation, attemptId), {
    endMs: nowMs + DEDUPLICATION_MS,
    received: taken.map(({ sequence, lease }) => ({ sequence, receives: lease.receives })),
  });
}

function toMessage(
  queue: Queue,
  { sequence, body }: Waiting,
  lease: Lease,
  input: ReceiveMessageCommandInput,
): Message {
  const Attributes = systemAttributes(queue, sequence, body, lease, input);
  const chosen = chooseAttributes(body.attributes, input.MessageAttributeNames);
  const digest = chosen === body.attributes ? body.attributesMd5 : attributesMd5(chosen);
  return {
    MessageId: body.id,
    ReceiptHandle: encodeHandle(queue.generation, sequence, lease),
    MD5OfBody: body.md5,
    Body: body.text,
    ...(Attributes ? { Attributes } : {}),
    ...(chosen ? { MessageAttributes: chosen, ...(digest ? { MD5OfMessageAttributes: digest } : {}) } : {}),
  };
}

/** Those that were asked for; undefined where none of them is there. */
function systemAttributes(
  queue: Queue,
  sequence: number,
  body: Body,
  lease: Lease,
  { AttributeNames = [], MessageSystemAttributeNames = [] }: ReceiveMessageCommandInput,
): Record<string, string> | undefined {
  if (AttributeNames.length === 0 && MessageSystemAttributeNames.length === 0) return undefined;
  const asked = new Set<string>([...AttributeNames, ...MessageSystemAttributeNames]);
  const system: Record<string, string | undefined> = {
    SenderId: body.senderId,
    SentTimestamp: String(body.sentMs),
    ApproximateReceiveCount: String(lease.receives),
    ApproximateFirstReceiveTimestamp: String(lease.firstReceivedMs),
    SequenceNumber: queue.attributes.FifoQueue ? sequenceNumber(sequence) : undefined,
    MessageDeduplicationId: body.deduplicationId,
    MessageGroupId: body.groupId,
    AWSTraceHeader: body.traceHeader,
    DeadLetterQueueSourceArn: body.sourceArn,
  };
  const chosen: Record<string, string> = {};
  for (const name in system) {
    const value = system[name];
    if (value !== undefined && (asked.has("All") || asked.has(name))) chosen[name] = value;
  }
  const cause = asked.has(CAUSE) ? (body.traceHeader ?? body.cause) : undefined;
  if (cause !== undefined) chosen[CAUSE] = cause;
  return Object.keys(chosen).length > 0 ? chosen : undefined;
}

/** By name, by prefix `name.*`, or all. */
function chooseAttributes(
  attributes: Body["attributes"],
  names: readonly string[] | undefined,
): Record<string, MessageAttributeValue> | undefined {
  if (!attributes || !names?.length) return undefined;
  if (names.includes("All") || names.includes(".*")) return attributes as Record<string, MessageAttributeValue>;
  const chosen = Object.entries(attributes).filter(([name]) =>
    names.some((wanted) =>
      wanted.endsWith(".*") ? name === wanted.slice(0, -2) || name.startsWith(wanted.slice(0, -1)) : name === wanted,
    ),
  );
  return chosen.length > 0 ? Object.fromEntries(chosen) : undefined;
}
