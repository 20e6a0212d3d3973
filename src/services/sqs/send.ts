/** Sending messages, one or a batch. */

import { createHash } from "node:crypto";
import type {
  MessageAttributeValue,
  SendMessageBatchCommandInput,
  SendMessageBatchRequestEntry,
  SendMessageCommandInput,
} from "@aws-sdk/client-sqs";
import { traceHeader as headerOf } from "../../kernel/trace.ts";
import { decodeKey, key, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { inBatch } from "./batch.ts";
import { invalidParameter, invalidValue, missingParameter } from "./errors.ts";
import { deposit } from "./line.ts";
import { attributesMd5, md5Hex } from "./md5.ts";
import { queueOf } from "./queues.ts";
import {
  checkBatch,
  checkBatchBytes,
  checkBody,
  checkFifoId,
  checkMessageAttributes,
  checkMessageBytes,
  checkRange,
  checkSystemAttributes,
  DEDUPLICATION_MS,
  DELAY_SECONDS_MAX,
  messageBytes,
} from "./rules.ts";
import { type Body, Deduplications, dedupEndKey, dedupKey, type Queue, topicOf } from "./state.ts";

type Entry = Omit<SendMessageBatchRequestEntry, "Id">;

interface Sent {
  readonly MessageId: string;
  readonly MD5OfMessageBody: string;
  readonly MD5OfMessageAttributes?: string;
  readonly MD5OfMessageSystemAttributes?: string;
  readonly SequenceNumber?: string;
}

/**
 * Errors: MissingParameter, QueueDoesNotExist, InvalidMessageContents, InvalidParameterValue (size, attributes, delay, group, deduplication).
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
export function sendMessage(
  tx: Transaction,
  input: SendMessageCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "SendMessage"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  const sent = send(tx, queue, input, context);
  context.wake(topicOf(queue.generation));
  return sent;
}

/** Each entry succeeds or fails by itself. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html */
export function sendMessageBatch(
  tx: Transaction,
  input: SendMessageBatchCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "SendMessageBatch"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  checkBatch(input.Entries, "SendMessageBatchRequestEntry");
  const entries = input.Entries!;
  checkBatchBytes(
    entries.reduce((sum, entry) => sum + messageBytes(entry.MessageBody ?? "", entry.MessageAttributes), 0),
  );
  const result = inBatch(tx, entries, (inner, entry) => send(inner, queue, entry, context));
  if (result.Successful.length > 0) context.wake(topicOf(queue.generation));
  return result;
}

function send(tx: Transaction, queue: Queue, entry: Entry, context: OperationContext): Sent {
  const { MessageBody: text, MessageAttributes: attributes } = entry;
  checkBody(text);
  checkMessageAttributes(attributes);
  const traceHeader = checkSystemAttributes(entry.MessageSystemAttributes);
  checkMessageBytes(messageBytes(text, attributes), queue.attributes.MaximumMessageSize);
  const delaySeconds = delayOf(queue, entry.DelaySeconds);
  const fifo = fifoIds(queue, entry, text);
  if (entry.MessageGroupId !== undefined) checkFifoId(entry.MessageGroupId, "MessageGroupId");

  const { nowMs } = context;
  const md5 = md5Hex(text);
  const attributesDigest = attributesMd5(attributes);
  const traceDigest =
    traceHeader === undefined
      ? undefined
      : attributesMd5(entry.MessageSystemAttributes as Record<string, MessageAttributeValue>);
  const digests = {
    MD5OfMessageBody: md5,
    ...(attributesDigest ? { MD5OfMessageAttributes: attributesDigest } : {}),
    ...(traceDigest ? { MD5OfMessageSystemAttributes: traceDigest } : {}),
  };
  if (fifo) {
    const known = Deduplications.get(tx, dedupKey(queue.generation, fifo.scope, fifo.deduplicationId));
    // Accepted and not delivered again: the answer is that of the first.
    if (known && known.endMs > nowMs)
      return { ...digests, MessageId: known.messageId, SequenceNumber: sequenceNumber(known.sequence) };
  }
  const id = context.random.uuid();
  const body: Body = {
    id,
    text,
    md5,
    ...(attributes && Object.keys(attributes).length > 0 ? { attributes } : {}),
    ...(attributesDigest ? { attributesMd5: attributesDigest } : {}),
    sentMs: nowMs,
    enqueuedMs: nowMs,
    visibleMs: nowMs + delaySeconds * 1000,
    senderId: senderIdOf(context),
    ...(traceHeader !== undefined ? { traceHeader } : context.trace.sampled ? { cause: headerOf(context.trace) } : {}),
    ...(fifo
      ? { groupId: fifo.groupId, deduplicationId: fifo.deduplicationId }
      : entry.MessageGroupId
        ? { groupId: entry.MessageGroupId }
        : {}),
  };
  const sequence = deposit(tx, queue, body);
  if (!fifo) return { ...digests, MessageId: id };
  remember(tx, queue.generation, fifo.scope, fifo.deduplicationId, id, sequence, nowMs);
  return { ...digests, MessageId: id, SequenceNumber: sequenceNumber(sequence) };
}

function delayOf(queue: Queue, delaySeconds: number | undefined): number {
  if (delaySeconds === undefined) return queue.attributes.DelaySeconds;
  if (delaySeconds < 0 || delaySeconds > DELAY_SECONDS_MAX || !Number.isInteger(delaySeconds)) {
    throw invalidValue(delaySeconds, "DelaySeconds", `DelaySeconds must be >= 0 and <= ${DELAY_SECONDS_MAX}.`);
  }
  if (queue.attributes.FifoQueue && delaySeconds > 0) {
    throw invalidValue(
      delaySeconds,
      "DelaySeconds",
      "The request include parameter that is not valid for this queue type.",
    );
  }
  checkRange(delaySeconds, "DelaySeconds", 0, DELAY_SECONDS_MAX);
  return queue.attributes.FifoQueue ? queue.attributes.DelaySeconds : delaySeconds;
}

/** What a FIFO message needs; undefined for standard queues. */
function fifoIds(queue: Queue, entry: Entry, text: string) {
  if (!queue.attributes.FifoQueue) {
    if (entry.MessageDeduplicationId !== undefined) {
      throw invalidValue(
        entry.MessageDeduplicationId,
        "MessageDeduplicationId",
        "The request include parameter that is not valid for this queue type.",
      );
    }
    return undefined;
  }
  if (!entry.MessageGroupId) throw missingParameter("MessageGroupId");
  checkFifoId(entry.MessageGroupId, "MessageGroupId");
  if (entry.MessageDeduplicationId !== undefined) checkFifoId(entry.MessageDeduplicationId, "MessageDeduplicationId");
  else if (!queue.attributes.ContentBasedDeduplication) {
    throw invalidParameter(
      "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    );
  }
  // Content means the body alone, not the attributes.
  const deduplicationId = entry.MessageDeduplicationId ?? createHash("sha256").update(text).digest("hex");
  const scope = queue.attributes.DeduplicationScope === "messageGroup" ? entry.MessageGroupId : "";
  return { groupId: entry.MessageGroupId, deduplicationId, scope };
}

/** Remembers a deduplication id, and forgets two that have ended: what comes in pays for what goes. */
function remember(
  tx: Transaction,
  generation: string,
  scope: string,
  id: string,
  messageId: string,
  sequence: number,
  nowMs: number,
): void {
  const { start } = keysUnder("sqs-data", generation, "dedup-end");
  const ended = [...tx.range(start, key("sqs-data", generation, "dedup-end", nowMs), { limit: 2 })];
  for (const [place] of ended) {
    const [, , , endMs, endedScope, endedId] = decodeKey(place) as [string, string, string, number, string, string];
    tx.delete(place);
    if (Deduplications.get(tx, dedupKey(generation, endedScope, endedId))?.endMs === endMs)
      tx.delete(dedupKey(generation, endedScope, endedId));
  }
  const endMs = nowMs + DEDUPLICATION_MS;
  Deduplications.put(tx, dedupKey(generation, scope, id), { messageId, sequence, endMs });
  tx.put(dedupEndKey(generation, endMs, scope, id), 0);
}

/** Twenty digits, growing. */
export const sequenceNumber = (sequence: number): string =>
  String(18_850_000_000_000_000_000n + BigInt(sequence) * 256n);

function senderIdOf({ principal, accountId }: OperationContext): string {
  switch (principal.type) {
    case "user":
      return principal.userId;
    case "assumed-role":
      return `${principal.roleId}:${principal.sessionName}`;
    default:
      return accountId;
  }
}
