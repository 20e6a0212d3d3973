/**
 * Deliveries to subscriptions. Queues get their message in the transaction of the publish; for everybody else a delivery is an event in that
 * same commit, tried until it succeeds, is refused for good, or its retries are used up. What cannot be delivered goes to the
 * subscription's dead-letter queue.
 */

import type { AccountId, Region } from "../../kernel/arn.ts";
import { parseArn } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext, Principal } from "../service.ts";
import { effectivePolicy, type RetryPolicy, retryDelayMs } from "./delivery-policy.ts";
import { jsonDocument, type Notification, type Outgoing, signedFields, unsubscribeUrl } from "./documents.ts";
import { type Signature, signatureOf } from "./signing.ts";
import {
  type Protocol,
  type Subscription,
  Subscriptions,
  subscriptionArn,
  subscriptionKey,
  type Topic,
  type TopicPlace,
  Topics,
  topicArn,
  topicKey,
} from "./state.ts";
import { deadLetterTarget } from "./subscription-attributes.ts";

/** One delivery that is owed; plain data. */
export interface OwedDelivery {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly topic: TopicPlace;
  readonly id: string;
  readonly outgoing: Outgoing;
  /** How many attempts have failed. */
  readonly failures: number;
}

export const LAMBDA_DELIVERY = "sns.LambdaDelivery";
export const HTTP_DELIVERY = "sns.HttpDelivery";
export const MAIL_DELIVERY = "sns.MailDelivery";

const EVENTS: Readonly<Record<Exclude<Protocol, "sqs">, string>> = {
  lambda: LAMBDA_DELIVERY,
  http: HTTP_DELIVERY,
  https: HTTP_DELIVERY,
  email: MAIL_DELIVERY,
  "email-json": MAIL_DELIVERY,
};

/** SNS itself, acting for a topic. */
export const servicePrincipal = (topic: TopicPlace): Principal => ({
  type: "service",
  service: "sns.amazonaws.com",
  sourceArn: topicArn(topic),
  sourceAccount: topic.accountId,
});

/** Delivers now, or writes down that a delivery is owed. */
export function deliver(
  tx: Transaction,
  context: OperationContext,
  subscription: Subscription,
  outgoing: Outgoing,
  sign: (outgoing: Outgoing) => Signature | undefined = signer(tx, context.endpoint),
): void {
  const { topic, id, protocol } = subscription;
  if (protocol === "sqs") {
    deliverToQueue(context, subscription, outgoing, sign);
    return;
  }
  const dueMs = throttled(tx, subscription, context.nowMs);
  const owed: OwedDelivery = {
    accountId: topic.accountId,
    region: topic.region,
    topic: { accountId: topic.accountId, region: topic.region, name: topic.name },
    id,
    outgoing,
    failures: 0,
  };
  tx.emit({ type: EVENTS[protocol], detail: owed, ...(dueMs > context.nowMs ? { dueMs } : {}) });
}

/** Under a throttle policy deliveries leave one after the other. Returns when this one may. */
function throttled(tx: Transaction, subscription: Subscription, nowMs: number): number {
  const { topic, id, protocol, attributes } = subscription;
  if (protocol !== "http" && protocol !== "https") return nowMs;
  const topicPolicy = Topics.read(tx, topicKey(topic))?.attributes.DeliveryPolicy;
  const { throttlePolicy } = effectivePolicy(topicPolicy, attributes.DeliveryPolicy);
  if (!throttlePolicy) return nowMs;
  const current = Subscriptions.get(tx, subscriptionKey(topic, id)) ?? subscription;
  const dueMs = Math.max(nowMs, current.nextReceiveMs ?? 0);
  const nextReceiveMs = dueMs + 1000 / throttlePolicy.maxReceivesPerSecond;
  Subscriptions.put(tx, subscriptionKey(topic, id), { ...current, nextReceiveMs });
  return dueMs;
}

/** Signs what has to be signed, each text once. */
export function signer(tx: Transaction, endpoint: string): (outgoing: Outgoing) => Signature | undefined {
  const known = new Map<string, Signature>();
  return (outgoing) => {
    if (outgoing.kind === "Notification" && outgoing.sequenceNumber !== undefined) return undefined;
    const id = outgoing.kind === "Notification" ? outgoing.text : outgoing.token;
    let signature = known.get(id);
    if (!signature) {
      const version = outgoing.kind === "Notification" ? outgoing.signatureVersion : "1";
      signature = signatureOf(tx, endpoint, version, signedFields(outgoing));
      known.set(id, signature);
    }
    return signature;
  };
}

/** The body for a queue or an HTTP endpoint: the message alone, or the document around it. */
export function bodyOf(
  subscription: Subscription,
  outgoing: Outgoing,
  endpoint: string,
  sign: (outgoing: Outgoing) => Signature | undefined,
): string {
  if (outgoing.kind === "Notification" && subscription.attributes.RawMessageDelivery) return outgoing.text;
  return jsonDocument(outgoing, sign(outgoing), unsubscribeUrl(endpoint, subscriptionArn(subscription)));
}

/** A queue refuses for good: it is gone, it does not allow it, or the message does not fit. */
function deliverToQueue(
  context: OperationContext,
  subscription: Subscription,
  outgoing: Outgoing,
  sign: (outgoing: Outgoing) => Signature | undefined,
): void {
  const body = bodyOf(subscription, outgoing, context.endpoint, sign);
  try {
    send(context, subscription, subscription.endpoint, outgoing, body);
    delivered(context, subscription, "NumberOfNotificationsDelivered");
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    delivered(context, subscription, "NumberOfNotificationsFailed");
    deadLetter(context, subscription, outgoing, body);
  }
}

function send(
  context: OperationContext,
  { topic, attributes }: Subscription,
  queueArn: string,
  outgoing: Outgoing,
  body: string,
): void {
  const queue = parseArn(queueArn)!;
  const raw = outgoing.kind === "Notification" && attributes.RawMessageDelivery;
  context.call(
    "sqs",
    "SendMessage",
    {
      QueueUrl: `${context.endpoint}/${queue.accountId}/${queue.resource}`,
      MessageBody: body,
      ...(raw ? { MessageAttributes: { ...outgoing.attributes } } : {}),
      ...(outgoing.kind === "Notification" ? fifoIds(outgoing, queue.resource) : {}),
    },
    { principal: servicePrincipal(topic), region: queue.region as Region },
  );
}

/** A FIFO queue orders and deduplicates by the topic's ids; a standard queue may know the group. */
function fifoIds({ groupId, deduplicationId, id }: Notification, queueName: string) {
  if (!queueName.endsWith(".fifo")) return groupId === undefined ? {} : { MessageGroupId: groupId };
  return { MessageGroupId: groupId ?? id, MessageDeduplicationId: deduplicationId ?? id };
}

export function delivered(
  context: Pick<OperationContext, "measure">,
  { topic }: Pick<Subscription, "topic">,
  name: string,
): void {
  context.measure({ namespace: "AWS/SNS", name, dimensions: { TopicName: topic.name }, unit: "Count", value: 1 });
}

/** Without a dead-letter queue, or when that refuses too, the message is gone, as on AWS. Confirmations are never kept. */
function deadLetter(context: OperationContext, subscription: Subscription, outgoing: Outgoing, body: string): void {
  const target = deadLetterTarget(subscription.attributes);
  if (target === undefined || outgoing.kind !== "Notification") return;
  try {
    send(context, subscription, target, outgoing, body);
    delivered(context, subscription, "NumberOfNotificationsRedrivenToDlq");
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    delivered(context, subscription, "NumberOfNotificationsFailedToRedriveToDlq");
  }
}

/** A delivery was refused for good, by the receiver or by its nature. */
export class Refused extends Error {}

/** What a delivery is made to, as it is now. */
export interface Target {
  readonly subscription: Subscription;
  readonly topic: Topic;
}

/** Deliveries to queues and functions are free. @see https://aws.amazon.com/sns/pricing/ */
const ATTEMPTS: Readonly<Partial<Record<Protocol, string>>> = {
  http: "DeliveryAttempts-HTTP",
  https: "DeliveryAttempts-HTTP",
  email: "DeliveryAttempts-SMTP",
  "email-json": "DeliveryAttempts-SMTP",
};

/**
 * Makes one owed delivery. `attempt` throws {@link Refused} when trying again is of no use, anything else when it is.
 * What was owed to a subscription or topic that is gone by now is dropped.
 */
export async function makeDelivery(
  flow: FlowContext,
  owed: OwedDelivery,
  retries: RetryPolicy | ((target: Target) => RetryPolicy),
  attempt: (target: Target) => Promise<void>,
): Promise<void> {
  const { topic: place, id, outgoing } = owed;
  const target = await flow.write((tx): Target | undefined => {
    const subscription = Subscriptions.get(tx, subscriptionKey(place, id));
    const topic = Topics.get(tx, topicKey(place));
    return subscription && topic && { subscription, topic };
  });
  if (!target) return;
  const { subscription, topic } = target;
  try {
    const usageType = ATTEMPTS[subscription.protocol];
    if (usageType !== undefined && outgoing.kind === "Notification")
      flow.use({ resource: topicArn(topic), usageType, quantity: 1 });
    await attempt(target);
    delivered(flow, subscription, "NumberOfNotificationsDelivered");
  } catch (error) {
    if (flow.signal.aborted) throw error;
    const policy = typeof retries === "function" ? retries(target) : retries;
    const failures = owed.failures + 1;
    const delayMs = error instanceof Refused ? undefined : retryDelayMs(policy, failures);
    flow.log.info("A notification could not be delivered", {
      subscription: subscriptionArn(subscription),
      again: delayMs !== undefined,
      error: (error as Error).message,
    });
    await flow.write((tx, context) => {
      if (delayMs !== undefined) {
        const type = EVENTS[subscription.protocol as Exclude<Protocol, "sqs">];
        tx.emit({ type, detail: { ...owed, failures }, dueMs: context.nowMs + delayMs });
        return;
      }
      delivered(context, subscription, "NumberOfNotificationsFailed");
      deadLetter(
        context,
        subscription,
        outgoing,
        bodyOf(subscription, outgoing, context.endpoint, signer(tx, context.endpoint)),
      );
    });
  }
}
