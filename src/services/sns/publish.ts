/** Publishing, one message or a batch, and handing each to the subscriptions that want it. */
import { createHash } from "node:crypto";
import type { PublishBatchRequestEntry } from "@aws-sdk/client-sns";
import { AwsError } from "../../kernel/errors.ts";
import { after, decodeKey, key, keysUnder } from "../../storage/keys.ts";
import { nested } from "../../storage/overlay.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { deliver, delivered, signer } from "./deliveries.ts";
import type { Notification } from "./documents.ts";
import { batchRequestTooLong, invalidParameter } from "./errors.ts";
import { matchesAttributes, matchesBody, storedFilterPolicy } from "./filter-policy.ts";
import {
  checkBatch,
  checkFifoId,
  checkMessageAttributes,
  checkSubject,
  DEDUPLICATION_MS,
  MESSAGE_BYTES_MAX,
  messageBytes,
} from "./rules.ts";
import {
  Deduplications,
  dedupEndKey,
  dedupKey,
  type Protocol,
  Sequences,
  type Subscription,
  Subscriptions,
  sequenceKey,
  subscriptionKey,
  type Topic,
  type TopicPlace,
  Topics,
  topicArn,
  topicKey,
} from "./state.ts";
import { topicOf } from "./topics.ts";

/** Heard by this service: a publish to more subscriptions than one transaction serves goes on with the next of them. */
export const FAN_OUT = "sns.FanOut";
/** Subscriptions served in one transaction. A FIFO topic has no more, so that its order holds. */
const FAN_OUT_MAX = 100;
/** SNS bills a publish by pieces of 64 KB. */
const BILLED_BYTES = 65_536;

export interface FanOut {
  readonly topic: TopicPlace;
  readonly message: Message;
  /** The last subscription that was served. */
  readonly after: string;
}

/** A message before it is known who gets it. Plain data. */
interface Message extends Omit<Notification, "kind" | "text"> {
  readonly text: string;
  /** Other texts for some protocols: `MessageStructure: json`. */
  readonly texts?: Readonly<Partial<Record<Protocol, string>>>;
}

type Entry = Omit<PublishBatchRequestEntry, "Id">;
interface Published {
  readonly MessageId: string;
  readonly SequenceNumber?: string;
}

/**
 * Errors: InvalidParameter, NotFound, ParameterValueInvalid.
 * @see https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export function publish(
  tx: Transaction,
  input: InputOf<"sns", "Publish">,
  context: OperationContext,
): OutputOf<"sns", "Publish"> {
  const target = input.TopicArn ?? input.TargetArn;
  if (!target) throw invalidParameter("TopicArn or TargetArn Reason: no value for required parameter");
  return publishEntry(tx, topicOf(tx, target), input, context);
}

/** Each entry succeeds or fails by itself. @see https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html */
export function publishBatch(
  tx: Transaction,
  input: InputOf<"sns", "PublishBatch">,
  context: OperationContext,
): OutputOf<"sns", "PublishBatch"> {
  const topic = topicOf(tx, input.TopicArn);
  checkBatch(input.PublishBatchRequestEntries);
  const entries = input.PublishBatchRequestEntries!;
  const bytes = entries.reduce((sum, entry) => sum + messageBytes(entry.Message ?? "", entry.MessageAttributes), 0);
  if (bytes > MESSAGE_BYTES_MAX) throw batchRequestTooLong();
  const Successful: NonNullable<OutputOf<"sns", "PublishBatch">["Successful"]> = [];
  const Failed: NonNullable<OutputOf<"sns", "PublishBatch">["Failed"]> = [];
  for (const { Id, ...entry } of entries) {
    try {
      Successful.push({ Id, ...nested(tx, (inner) => publishEntry(inner, topic, entry, context)) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const Code = error.code.replace(/Exception$/, "");
      Failed.push({ Id, Code, Message: error.message, SenderFault: error.fault === "Sender" });
    }
  }
  return { Successful, Failed };
}

function publishEntry(tx: Transaction, topic: Topic, entry: Entry, context: OperationContext): Published {
  const { Message: text, MessageAttributes: attributes = {} } = entry;
  if (!text) throw invalidParameter("Empty message");
  checkSubject(entry.Subject);
  checkMessageAttributes(attributes);
  const bytes = messageBytes(text, attributes);
  if (bytes > MESSAGE_BYTES_MAX) throw invalidParameter("Message too long");
  const texts = textsOf(entry);
  const fifo = fifoIds(topic, entry, text);

  const { nowMs } = context;
  const known = fifo && Deduplications.get(tx, dedupKey(topic, fifo.scope, fifo.deduplicationId));
  // Accepted and not delivered again: the answer is that of the first.
  if (known && known.endMs > nowMs) return { MessageId: known.messageId, SequenceNumber: known.sequenceNumber };

  const message: Message = {
    id: context.random.uuid(),
    topicArn: topicArn(topic),
    ...(entry.Subject === undefined ? {} : { subject: entry.Subject }),
    ...texts,
    attributes,
    timestampMs: nowMs,
    signatureVersion: topic.attributes.SignatureVersion ?? "1",
    ...(fifo
      ? { sequenceNumber: nextSequence(tx, topic), deduplicationId: fifo.deduplicationId, groupId: fifo.groupId }
      : entry.MessageGroupId
        ? { groupId: entry.MessageGroupId }
        : {}),
  };
  if (fifo) remember(tx, topic, fifo.scope, fifo.deduplicationId, message, nowMs);
  measure(context, topic, bytes);
  fanOut(tx, context, topic, message);
  return {
    MessageId: message.id,
    ...(message.sequenceNumber === undefined ? {} : { SequenceNumber: message.sequenceNumber }),
  };
}

/** The message, or with `MessageStructure: json` the texts of a JSON object by protocol. */
function textsOf(entry: Entry): Pick<Message, "text" | "texts"> {
  if (entry.MessageStructure === undefined || entry.MessageStructure === "") return { text: entry.Message! };
  if (entry.MessageStructure !== "json") throw invalidParameter("MessageStructure");
  let parsed: unknown;
  try {
    parsed = JSON.parse(entry.Message!);
  } catch {
    throw invalidParameter("Message Structure - JSON message body failed to parse");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw invalidParameter("Message Structure - JSON message body failed to parse");
  }
  const { default: text, ...others } = parsed as Record<string, unknown>;
  if (typeof text !== "string") throw invalidParameter("Message Structure - No default entry in JSON message body");
  const texts = Object.fromEntries(Object.entries(others).filter(([, value]) => typeof value === "string"));
  return { text, texts: texts as Message["texts"] & object };
}

/** What a FIFO message needs; undefined for standard topics. */
function fifoIds(topic: Topic, entry: Entry, text: string) {
  const { FifoTopic, ContentBasedDeduplication, FifoThroughputScope } = topic.attributes;
  const { MessageGroupId: groupId, MessageDeduplicationId: given } = entry;
  if (groupId !== undefined && groupId !== "") checkFifoId(groupId, "MessageGroupId");
  if (!FifoTopic) {
    if (given !== undefined) {
      throw invalidParameter(
        "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for this topic type",
      );
    }
    return undefined;
  }
  if (!groupId) throw invalidParameter("The MessageGroupId parameter is required for FIFO topics");
  if (given !== undefined) checkFifoId(given, "MessageDeduplicationId");
  else if (!ContentBasedDeduplication) {
    throw invalidParameter(
      "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    );
  }
  const deduplicationId = given ?? createHash("sha256").update(text).digest("hex");
  return { groupId, deduplicationId, scope: FifoThroughputScope === "MessageGroup" ? groupId : "" };
}

/** Twenty digits, growing. */
function nextSequence(tx: Transaction, topic: Topic): string {
  const next = (Sequences.get(tx, sequenceKey(topic)) ?? 0) + 1;
  Sequences.put(tx, sequenceKey(topic), next);
  return String(10_000_000_000_000_000_000n + BigInt(next) * 1000n);
}

/** Remembers a deduplication id, and forgets two that have ended: what comes in pays for what goes. */
function remember(tx: Transaction, topic: Topic, scope: string, id: string, message: Message, nowMs: number): void {
  const { accountId, region, name } = topic;
  const { start } = keysUnder("sns", accountId, region, "dedup-end", name);
  const until = key("sns", accountId, region, "dedup-end", name, nowMs);
  for (const [place] of [...tx.range(start, until, { limit: 2 })]) {
    const [endMs, endedScope, endedId] = decodeKey(place).slice(5) as [number, string, string];
    tx.delete(place);
    const at = dedupKey(topic, endedScope, endedId);
    if (Deduplications.get(tx, at)?.endMs === endMs) tx.delete(at);
  }
  const endMs = nowMs + DEDUPLICATION_MS;
  const { id: messageId, sequenceNumber } = message;
  Deduplications.put(tx, dedupKey(topic, scope, id), { messageId, sequenceNumber: sequenceNumber!, endMs });
  tx.put(dedupEndKey(topic, endMs, scope, id), 0);
}

function measure(context: OperationContext, topic: Topic, bytes: number): void {
  const shared = { namespace: "AWS/SNS", dimensions: { TopicName: topic.name } };
  context.measure({ ...shared, name: "NumberOfMessagesPublished", unit: "Count", value: 1 });
  context.measure({ ...shared, name: "PublishSize", unit: "Bytes", value: bytes });
  const quantity = Math.max(1, Math.ceil(bytes / BILLED_BYTES));
  context.use({ resource: topicArn(topic), usageType: "Requests-Tier1", quantity });
}

/** Hands a message to the topic's subscriptions, beginning after one of them. */
function fanOut(tx: Transaction, context: OperationContext, topic: Topic, message: Message, last?: string): void {
  const range = keysUnder("sns", topic.accountId, topic.region, "subscription", topic.name);
  const start = last === undefined ? range.start : after(subscriptionKey(topic, last));
  const found = [...Subscriptions.range(tx, start, range.end, { limit: FAN_OUT_MAX })];
  const sign = signer(tx, context.endpoint);
  for (const [, subscription] of found) {
    if (!subscription.confirmed) continue;
    if (!wants(subscription, message)) {
      delivered(context, subscription, "NumberOfNotificationsFilteredOut");
      continue;
    }
    const { texts, ...rest } = message;
    deliver(
      tx,
      context,
      subscription,
      { ...rest, kind: "Notification", text: texts?.[subscription.protocol] ?? message.text },
      sign,
    );
  }
  if (found.length < FAN_OUT_MAX) return;
  const place: TopicPlace = { accountId: topic.accountId, region: topic.region, name: topic.name };
  const next: FanOut = { topic: place, message, after: found.at(-1)![1].id };
  tx.emit({ type: FAN_OUT, detail: { ...next, accountId: topic.accountId, region: topic.region } });
}

export function continueFanOut(
  tx: Transaction,
  { topic: place, message, after: last }: FanOut,
  context: OperationContext,
): void {
  const topic = Topics.read(tx, topicKey(place));
  if (topic) fanOut(tx, context, topic, message, last);
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html */
function wants({ attributes, protocol }: Subscription, message: Message): boolean {
  const { FilterPolicy, FilterPolicyScope } = attributes;
  if (FilterPolicy === undefined) return true;
  const policy = storedFilterPolicy(FilterPolicy, FilterPolicyScope);
  return FilterPolicyScope === "MessageBody"
    ? matchesBody(policy, message.texts?.[protocol] ?? message.text)
    : matchesAttributes(policy, message.attributes);
}
