/** What a consumer does with what it received: deletes it, or changes how long it stays invisible. */
import type {
  ChangeMessageVisibilityBatchCommandInput,
  ChangeMessageVisibilityCommandInput,
  DeleteMessageBatchCommandInput,
  DeleteMessageCommandInput,
} from "@aws-sdk/client-sqs";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { inBatch } from "./batch.ts";
import { invalidValue, messageNotInflight, missingParameter, receiptHandleExpired } from "./errors.ts";
import { extend, remove } from "./line.ts";
import { queueOf } from "./queues.ts";
import { readHandle } from "./receipt.ts";
import { checkBatch, checkRange, VISIBILITY_SECONDS_MAX } from "./rules.ts";
import { type Queue, topicOf } from "./state.ts";

/**
 * Deletes a message by the handle of its latest receive. Deleting what is gone succeeds. A stale handle deletes nothing: on a standard queue silently,
 * on a FIFO queue as an error, also when its visibility timeout has passed.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
 */
export function deleteMessage(
  tx: Transaction,
  input: DeleteMessageCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "DeleteMessage"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  deleteOne(tx, queue, input.ReceiptHandle, context);
  return {};
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html */
export function deleteMessageBatch(
  tx: Transaction,
  input: DeleteMessageBatchCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "DeleteMessageBatch"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  checkBatch(input.Entries, "DeleteMessageBatchRequestEntry");
  return inBatch(tx, input.Entries!, (inner, entry) => deleteOne(inner, queue, entry.ReceiptHandle, context));
}

function deleteOne(tx: Transaction, queue: Queue, handle: string | undefined, context: OperationContext): object {
  const { waiting, current } = readHandle(tx, queue, handle);
  if (!waiting) return {};
  if (queue.attributes.FifoQueue) {
    if (!current || waiting.lease!.visibleMs <= context.nowMs) throw receiptHandleExpired(handle!);
    // The rest of its group may be received now.
    context.wake(topicOf(queue.generation));
  } else if (!current) return {};
  remove(tx, queue, waiting);
  return {};
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html */
export function changeMessageVisibility(
  tx: Transaction,
  input: ChangeMessageVisibilityCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "ChangeMessageVisibility"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  changeOne(tx, queue, input.ReceiptHandle, input.VisibilityTimeout, context);
  return {};
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html */
export function changeMessageVisibilityBatch(
  tx: Transaction,
  input: ChangeMessageVisibilityBatchCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "ChangeMessageVisibilityBatch"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  checkBatch(input.Entries, "ChangeMessageVisibilityBatchRequestEntry");
  return inBatch(tx, input.Entries!, (inner, entry) =>
    changeOne(inner, queue, entry.ReceiptHandle, entry.VisibilityTimeout, context),
  );
}

function changeOne(
  tx: Transaction,
  queue: Queue,
  handle: string | undefined,
  seconds: number | undefined,
  context: OperationContext,
): object {
  if (seconds === undefined) throw missingParameter("VisibilityTimeout");
  checkRange(seconds, "VisibilityTimeout", 0, VISIBILITY_SECONDS_MAX);
  const { waiting, current } = readHandle(tx, queue, handle);
  const { nowMs } = context;
  if (!waiting || !current || waiting.lease!.visibleMs <= nowMs) throw messageNotInflight(handle!);
  const visibleMs = nowMs + seconds * 1000;
  // Twelve hours count from the first time this receive was made, whatever the changes since.
  if (visibleMs > waiting.lease!.firstReceivedMs + VISIBILITY_SECONDS_MAX * 1000 && waiting.lease!.receives === 1) {
    throw invalidValue(
      seconds,
      "VisibilityTimeout",
      "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].",
    );
  }
  extend(tx, queue, waiting, visibleMs);
  context.wake(topicOf(queue.generation));
  return {};
}
