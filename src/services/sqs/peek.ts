/**
 * Looking at a queue without receiving: at `/_aws/sqs/messages`, the address where local tools look for it. Reading here counts as no receive,
 * hides nothing, and moves nothing to a dead-letter queue.
 *
 *     GET /_aws/sqs/messages?QueueUrl=…[&MaxNumberOfMessages=100][&NextToken=…]
 *
 * Whoever may receive from the queue may look at it.
 */
import { after, decodeKey, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { HttpFront, OperationContext } from "../service.ts";
import { queueArnOf } from "./attributes.ts";
import { accessDenied } from "./errors.ts";
import { queueOf } from "./queues.ts";
import { isExpired } from "./receive.ts";
import { sequenceNumber } from "./send.ts";
import { Bodies, bodyKey, type Lease, Leases, leaseKey } from "./state.ts";

const PAGE_MAX = 100;
/** Texts are cut, because a page of whole messages could be 100 MB. */
const TEXT_MAX = 64 * 1024;

interface Peeked {
  readonly MessageId: string;
  /** At most 65,536 characters of it. */
  readonly Body: string;
  readonly BodyLength: number;
  readonly State: "visible" | "in-flight" | "delayed";
  /** Milliseconds since the epoch; present unless it is visible now. */
  readonly VisibleTimestamp?: number;
  readonly Attributes: Readonly<Record<string, string>>;
  readonly MessageAttributes?: unknown;
}

export const peekFront: HttpFront = {
  name: "sqs-messages",
  method: /^GET$/,
  path: /^\/_aws\/sqs\/messages\/?$/,
  async handle(flow, request) {
    const query = new URLSearchParams(request.query);
    const body = await flow.write((tx, context) => peek(tx, query, context));
    return {
      status: 200,
      headers: { "content-type": "application/json", "cache-control": "no-store" },
      body: JSON.stringify(body),
    };
  },
};

/** In the order in which they were sent. @throws AccessDenied, QueueDoesNotExist, InvalidAddress, MissingParameter */
function peek(tx: Transaction, query: URLSearchParams, context: OperationContext) {
  const { nowMs } = context;
  const queue = queueOf(tx, context, query.get("QueueUrl") ?? undefined);
  if (!context.allows("sqs", { action: "sqs:ReceiveMessage", resource: queueArnOf(queue) })) throw accessDenied();
  const limit = Math.min(Number(query.get("MaxNumberOfMessages")) || PAGE_MAX, PAGE_MAX);
  const { start, end } = keysUnder("sqs-data", queue.generation, "body");
  const from = Number(query.get("NextToken"));
  const messages: Peeked[] = [];
  let last: number | undefined;
  for (const [key, body] of Bodies.range(tx, from > 0 ? after(bodyKey(queue.generation, from)) : start, end)) {
    if (messages.length === limit) return { Messages: messages, NextToken: String(last) };
    const sequence = decodeKey(key)[3] as number;
    last = sequence;
    if (isExpired(queue, body, nowMs)) continue;
    const lease = Leases.get(tx, leaseKey(queue.generation, sequence));
    const visibleMs = lease?.visibleMs ?? body.visibleMs;
    const attributes: Record<string, string | undefined> = {
      SenderId: body.senderId,
      SentTimestamp: String(body.sentMs),
      ...received(lease),
      SequenceNumber: queue.attributes.FifoQueue ? sequenceNumber(sequence) : undefined,
      MessageDeduplicationId: body.deduplicationId,
      MessageGroupId: body.groupId,
      AWSTraceHeader: body.traceHeader,
      DeadLetterQueueSourceArn: body.sourceArn,
    };
    messages.push({
      MessageId: body.id,
      Body: body.text.slice(0, TEXT_MAX),
      BodyLength: body.text.length,
      State: visibleMs <= nowMs ? "visible" : lease ? "in-flight" : "delayed",
      ...(visibleMs <= nowMs ? {} : { VisibleTimestamp: visibleMs }),
      Attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)) as Record<
        string,
        string
      >,
      ...(body.attributes ? { MessageAttributes: body.attributes } : {}),
    });
  }
  return { Messages: messages };
}

function received(lease: Lease | undefined): Record<string, string> {
  if (!lease) return { ApproximateReceiveCount: "0" };
  return {
    ApproximateReceiveCount: String(lease.receives),
    ApproximateFirstReceiveTimestamp: String(lease.firstReceivedMs),
  };
}
