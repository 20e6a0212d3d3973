/**
 * Asking whoever is subscribed whether they agree: a token, and a message that carries it. The token is the right to confirm.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html
 */
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { deliver } from "./deliveries.ts";
import { invalidParameter, subscriptionNotFound } from "./errors.ts";
import { CONFIRMATION_MS } from "./rules.ts";
import {
  removeSubscription,
  type Subscription,
  Subscriptions,
  subscriptionKey,
  Tokens,
  type Topic,
  type TopicPlace,
  tokenKey,
  topicArn,
} from "./state.ts";

/** A durable timer: a token's time is over. */
export const CONFIRMATION_ENDED = "sns.ConfirmationEnded";

export interface ConfirmationEnded {
  readonly topic: TopicPlace;
  readonly id: string;
  readonly token: string;
}

const TOKEN_BYTES = 128;

/** Sends a new token. Those sent before stay good until their own time is over. */
export function askForConfirmation(tx: Transaction, subscription: Subscription, context: OperationContext): void {
  const { topic, id } = subscription;
  const token = context.random.bytes(TOKEN_BYTES).toString("hex");
  const endMs = context.nowMs + CONFIRMATION_MS;
  Tokens.put(tx, tokenKey(token), { topic, id, endMs });
  Subscriptions.put(tx, subscriptionKey(topic, id), { ...subscription, confirmByMs: endMs });
  const ended: ConfirmationEnded = { topic, id, token };
  tx.emit({ type: CONFIRMATION_ENDED, detail: ended, dueMs: endMs });
  deliver(tx, context, subscription, {
    kind: "SubscriptionConfirmation",
    id: context.random.uuid(),
    topicArn: topicArn(topic),
    token,
    subscribeUrl: confirmationUrl(context.endpoint, topicArn(topic), token),
    timestampMs: context.nowMs,
  });
}

export const confirmationUrl = (endpoint: string, topic: string, token: string): string =>
  `${endpoint}/?${new URLSearchParams({ Action: "ConfirmSubscription", Version: "2010-03-31", TopicArn: topic, Token: token })}`;

/** The subscription that a token stands for. @throws InvalidParameter, NotFound */
export function redeemToken(tx: Transaction, topic: Topic, token: string | undefined, nowMs: number): Subscription {
  if (!token) throw invalidParameter("Token Reason: no value for required parameter");
  const known = Tokens.get(tx, tokenKey(token));
  if (!known || known.endMs <= nowMs || topicArn(known.topic) !== topicArn(topic)) throw invalidParameter("Token");
  const subscription = Subscriptions.get(tx, subscriptionKey(topic, known.id));
  if (!subscription) throw subscriptionNotFound();
  return subscription;
}

/** Forgets a token, and a subscription that nobody confirmed by its last one. */
export function endConfirmation(tx: Transaction, { topic, id, token }: ConfirmationEnded, nowMs: number): void {
  tx.delete(tokenKey(token));
  const subscription = Subscriptions.get(tx, subscriptionKey(topic, id));
  if (!subscription || subscription.confirmed || subscription.confirmByMs! > nowMs) return;
  removeSubscription(tx, subscription);
}
