/**
 * What SQS measures and bills: a request for every 64 KB of payload that begins, whether anything came or not.
 * @see https://aws.amazon.com/sqs/pricing/ and https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
 */
import type { Message } from "@aws-sdk/client-sqs";
import { arn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, Operations } from "../service.ts";
import { measure } from "./measure.ts";
import { queueOf, splitUrl } from "./queues.ts";
import { messageBytes } from "./rules.ts";
import { requireSample } from "./sampling.ts";
import type { Queue } from "./state.ts";

const UNIT_BYTES = 64 * 1024;

type Measuring = Pick<OperationContext, "use" | "measure" | "accountId" | "region">;

/** Every operation with its usage: one request, or what {@link SPECIAL} says. */
export function metered(operations: Operations<"sqs">): Operations<"sqs"> {
  const wrapped = Object.entries(operations).map(([name, operation]) => {
    const run = operation as (tx: Transaction, input: any, context: OperationContext) => any;
    const special = SPECIAL[name];
    return [
      name,
      (tx: Transaction, input: any, context: OperationContext) => {
        const output = run(tx, input, context);
        if (special) special(tx, input, output, context);
        else chargeRequests(context, resourceOf(input, context), 1);
        return output;
      },
    ];
  });
  return Object.fromEntries(wrapped);
}

const SPECIAL: Readonly<Record<string, (tx: Transaction, input: any, output: any, context: OperationContext) => void>> =
  {
    SendMessage(tx, input, _output, context) {
      sent(tx, queueOf(tx, context, input.QueueUrl), [input], context);
    },
    SendMessageBatch(tx, input, output, context) {
      const refused = new Set(output.Failed.map(({ Id }: { Id: string }) => Id));
      const entries = input.Entries.filter(({ Id }: { Id: string }) => !refused.has(Id));
      sent(tx, queueOf(tx, context, input.QueueUrl), entries, context);
    },
    DeleteMessage(tx, input, _output, context) {
      deleted(queueOf(tx, context, input.QueueUrl), 1, context);
    },
    DeleteMessageBatch(tx, input, output, context) {
      deleted(queueOf(tx, context, input.QueueUrl), output.Successful.length, context);
    },
  };

function sent(
  tx: Transaction,
  queue: Queue,
  entries: readonly { MessageBody: string; MessageAttributes?: any }[],
  context: OperationContext,
): void {
  let bytes = 0;
  for (const entry of entries) {
    const size = messageBytes(entry.MessageBody, entry.MessageAttributes);
    bytes += size;
    measure(context, queue, "SentMessageSize", size, "Bytes");
  }
  if (entries.length > 0) {
    measure(context, queue, "NumberOfMessagesSent", entries.length);
    requireSample(tx, queue, context.nowMs);
  }
  chargeRequests(context, queueArn(queue), Math.max(1, Math.ceil(bytes / UNIT_BYTES)));
}

function deleted(queue: Queue, count: number, context: OperationContext): void {
  if (count > 0) measure(context, queue, "NumberOfMessagesDeleted", count);
  chargeRequests(context, queueArn(queue), 1);
}

/** One look of a receive: the first pays for the request, whatever it finds; a later one for what it hands over beyond the first unit. */
export function received(queue: Queue, messages: readonly Message[], isFirst: boolean, context: Measuring): void {
  let bytes = 0;
  for (const { Body, MessageAttributes } of messages) bytes += messageBytes(Body!, MessageAttributes);
  const units = Math.max(1, Math.ceil(bytes / UNIT_BYTES)) - (isFirst ? 0 : 1);
  if (units > 0) chargeRequests(context, queueArn(queue), units);
  if (messages.length > 0) measure(context, queue, "NumberOfMessagesReceived", messages.length);
}

const arns = new WeakMap<Queue, string>();
/** Made once for each revision of a queue. */
function queueArn(queue: Queue): string {
  let found = arns.get(queue);
  if (found === undefined) arns.set(queue, (found = arn("sqs", queue.region, queue.accountId, queue.name)));
  return found;
}

/** The queue that an input names, or all of the account. */
function resourceOf(input: any, { accountId, region }: Measuring): string {
  if (input.QueueUrl !== undefined) {
    const place = splitUrl(input.QueueUrl);
    return arn("sqs", region, place.accountId, place.name);
  }
  return input.SourceArn ?? arn("sqs", region, accountId, input.QueueName ?? "*");
}

function chargeRequests(context: Measuring, resource: string, quantity: number): void {
  context.use({ resource, usageType: resource.endsWith(".fifo") ? "Requests-FIFO-Tier1" : "Requests-Tier1", quantity });
}
