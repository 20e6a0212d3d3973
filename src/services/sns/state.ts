/**
 * What SNS keeps. A topic's subscriptions lie together, so that a publish reads one range.
 *
 *     ("sns", account, region, "topic", name)                            → Topic
 *     ("sns", account, region, "subscription", topic, id)                → Subscription; account and region are the topic's
 *     ("sns", account, region, "endpoint", topic, protocol, endpoint)    → id of the subscription of this endpoint
 *     ("sns", account, region, "deleted", topic, deletedMs, id)          → 0: counted for three days
 *     ("sns", account, region, "sequence", topic)                        → last sequence number of a FIFO topic
 *     ("sns", account, region, "dedup", topic, scope, id)                → Deduplication
 *     ("sns", account, region, "dedup-end", topic, endMs, scope, id)     → 0
 *     ("sns-owned", owner, region, topicArn, id)                         → 0: an account's subscriptions, to whichever topic
 *     ("sns-token", token)                                               → Token: what a confirmation link stands for
 *     ("sns-signing")                                                    → SigningKey: made once, at the first topic
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { arn, parseArn } from "../../kernel/arn.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";

/** Where a topic is. */
export interface TopicPlace {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly name: string;
}

export interface TopicAttributes {
  readonly DisplayName: string;
  /** JSON text. */
  readonly Policy: string;
  /** JSON text, as given. */
  readonly DeliveryPolicy?: string;
  readonly SignatureVersion?: "1" | "2";
  readonly TracingConfig?: "PassThrough" | "Active";
  readonly FifoTopic: boolean;
  readonly ContentBasedDeduplication: boolean;
  readonly FifoThroughputScope: "Topic" | "MessageGroup";
}

export interface Topic extends TopicPlace {
  readonly createdMs: number;
  readonly attributes: TopicAttributes;
  readonly tags: Readonly<Record<string, string>>;
}
export const Topics = defineRecord<Topic>("sns.Topic", 1);
export const topicKey = ({ accountId, region, name }: TopicPlace): Key => key("sns", accountId, region, "topic", name);
export const topicArn = ({ accountId, region, name }: TopicPlace): string => arn("sns", region, accountId, name);

export type Protocol = "sqs" | "lambda" | "http" | "https" | "email" | "email-json";

export interface SubscriptionAttributes {
  readonly RawMessageDelivery: boolean;
  /** JSON text, as given. */
  readonly FilterPolicy?: string;
  readonly FilterPolicyScope: "MessageAttributes" | "MessageBody";
  /** JSON text, as given. */
  readonly DeliveryPolicy?: string;
  /** JSON text: `{"deadLetterTargetArn":"…"}`. */
  readonly RedrivePolicy?: string;
}

export interface Subscription {
  readonly topic: TopicPlace;
  readonly id: string;
  readonly protocol: Protocol;
  readonly endpoint: string;
  /** The account that subscribed. */
  readonly owner: AccountId;
  /** ARN of who subscribed. */
  readonly principal: string;
  readonly confirmed: boolean;
  /** While it is not confirmed: when it is forgotten. */
  readonly confirmByMs?: number;
  /** Whoever confirmed it had signed, or owned the endpoint. */
  readonly confirmedWithAuthentication: boolean;
  /** Only the owner may end it. */
  readonly authenticateOnUnsubscribe: boolean;
  readonly attributes: SubscriptionAttributes;
  /** When the next HTTP delivery may leave, under a throttle policy. */
  readonly nextReceiveMs?: number;
}
export const Subscriptions = defineRecord<Subscription>("sns.Subscription", 1);
export const subscriptionKey = ({ accountId, region, name }: TopicPlace, id: string): Key =>
  key("sns", accountId, region, "subscription", name, id);
export const subscriptionArn = ({ topic, id }: Pick<Subscription, "topic" | "id">): string =>
  `${topicArn(topic)}:${id}`;

export const Endpoints = defineRecord<{ readonly id: string }>("sns.Endpoint", 1);
export const endpointKey = ({ accountId, region, name }: TopicPlace, protocol: string, endpoint: string): Key =>
  key("sns", accountId, region, "endpoint", name, protocol, endpoint);

export const ownedKey = (owner: string, region: string, topic: string, id: string): Key =>
  key("sns-owned", owner, region, topic, id);

export const deletedKey = ({ accountId, region, name }: TopicPlace, deletedMs: number, id: string): Key =>
  key("sns", accountId, region, "deleted", name, deletedMs, id);

export interface Token {
  readonly topic: TopicPlace;
  readonly id: string;
  readonly endMs: number;
}
export const Tokens = defineRecord<Token>("sns.Token", 1);
export const tokenKey = (token: string): Key => key("sns-token", token);

export const Sequences = defineRecord<number>("sns.Sequence", 1);
export const sequenceKey = ({ accountId, region, name }: TopicPlace): Key =>
  key("sns", accountId, region, "sequence", name);

export interface Deduplication {
  readonly messageId: string;
  readonly sequenceNumber: string;
  readonly endMs: number;
}
export const Deduplications = defineRecord<Deduplication>("sns.Deduplication", 1);
export const dedupKey = ({ accountId, region, name }: TopicPlace, scope: string, id: string): Key =>
  key("sns", accountId, region, "dedup", name, scope, id);
export const dedupEndKey = ({ accountId, region, name }: TopicPlace, endMs: number, scope: string, id: string): Key =>
  key("sns", accountId, region, "dedup-end", name, endMs, scope, id);

export interface SigningKey {
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** X.509, PEM: what {@link SigningKey.privateKey} signs can be verified with it. */
  readonly certificate: string;
  /** The certificate's digest, which is part of its address. */
  readonly id: string;
}
export const SigningKeys = defineRecord<SigningKey>("sns.SigningKey", 1);
export const signingKey: Key = key("sns-signing");

/** The place that a topic's ARN names; undefined when it is no topic's ARN. */
export function placeOfTopic(text: string | undefined): TopicPlace | undefined {
  const parts = text === undefined ? undefined : parseArn(text);
  if (parts?.service !== "sns" || parts.resource.includes(":")) return undefined;
  return { accountId: parts.accountId as AccountId, region: parts.region as Region, name: parts.resource };
}

/** Topic and id that a subscription's ARN names; undefined when it is none. */
export function placeOfSubscription(
  text: string | undefined,
): { readonly topic: TopicPlace; readonly id: string } | undefined {
  const parts = text === undefined ? undefined : parseArn(text);
  const match = parts && /^([^:]+):([^:]+)$/.exec(parts.resource);
  if (parts?.service !== "sns" || !match) return undefined;
  const topic = { accountId: parts.accountId as AccountId, region: parts.region as Region, name: match[1]! };
  return { topic, id: match[2]! };
}

/** Takes a subscription away, with what leads to it. */
export function removeSubscription(tx: Transaction, subscription: Subscription): void {
  const { topic, id, protocol, endpoint, owner } = subscription;
  tx.delete(subscriptionKey(topic, id));
  tx.delete(endpointKey(topic, protocol, endpoint));
  tx.delete(ownedKey(owner, topic.region, topicArn(topic), id));
}
