/**
 * Subscriptions: begin, confirm, list, change, end.
 *
 * Queues and functions of the caller's own account are subscribed at once; whoever else is to receive messages is asked first, by a message
 * with a token (`confirmations.ts`).
 */
import { parseArn } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { decodeKey, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf, Principal } from "../service.ts";
import { askForConfirmation, redeemToken } from "./confirmations.ts";
import { invalidParameter, notAuthorized, subscriptionNotFound } from "./errors.ts";
import { pageStart, pageToken } from "./pages.ts";
import { DELETED_MS, ENDPOINT_CHARACTERS_MAX, FIFO_SUBSCRIPTIONS_MAX, PAGE_MAX } from "./rules.ts";
import {
  deletedKey,
  Endpoints,
  endpointKey,
  ownedKey,
  type Protocol,
  placeOfSubscription,
  placeOfTopic,
  removeSubscription,
  type Subscription,
  Subscriptions,
  subscriptionArn,
  subscriptionKey,
  type Topic,
  Topics,
  topicArn,
  topicKey,
} from "./state.ts";
import {
  changeSubscriptionAttributes,
  DEFAULT_ATTRIBUTES,
  shownEndpoint,
  shownSubscription,
} from "./subscription-attributes.ts";
import { topicOf } from "./topics.ts";

const PROTOCOLS: ReadonlySet<string> = new Set(["sqs", "lambda", "http", "https", "email", "email-json"]);
const REFUSED_PROTOCOLS: ReadonlySet<string> = new Set(["sms", "application", "firehose"]);

/**
 * Subscribing again with nothing different answers with the subscription that there is.
 * Errors: InvalidParameter, NotFound, SubscriptionLimitExceeded.
 * @see https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
 */
export function subscribe(
  tx: Transaction,
  input: InputOf<"sns", "Subscribe">,
  context: OperationContext,
): OutputOf<"sns", "Subscribe"> {
  const { Protocol: protocol = "", Endpoint: endpoint = "" } = input;
  if (REFUSED_PROTOCOLS.has(protocol)) throw notImplemented(`SNS subscriptions of the protocol ${protocol}`);
  if (!PROTOCOLS.has(protocol)) throw invalidParameter(`Amazon SNS does not support this protocol string: ${protocol}`);
  checkEndpoint(protocol as Protocol, endpoint);
  const topic = topicOf(tx, input.TopicArn);
  checkFit(tx, topic, protocol as Protocol, endpoint);
  const known = Endpoints.get(tx, endpointKey(topic, protocol, endpoint));
  const existing = known && Subscriptions.get(tx, subscriptionKey(topic, known.id));
  const base = existing?.attributes ?? DEFAULT_ATTRIBUTES;
  const attributes = changeSubscriptionAttributes(
    topic,
    protocol as Protocol,
    base,
    input.Attributes ?? {},
    "Attributes Reason: ",
  );
  if (existing) {
    if (Object.keys(input.Attributes ?? {}).some((name) => !sameAttribute(base, attributes, name))) {
      throw invalidParameter("Attributes Reason: Subscription already exists with different attributes");
    }
    if (!existing.confirmed) askForConfirmation(tx, existing, context);
    return answer(existing, input.ReturnSubscriptionArn);
  }
  const owned = isOwnEndpoint(protocol as Protocol, endpoint, context);
  const subscription: Subscription = {
    topic: { accountId: topic.accountId, region: topic.region, name: topic.name },
    id: context.random.uuid(),
    protocol: protocol as Protocol,
    endpoint,
    owner: context.accountId,
    principal: nameOf(context.principal, context.accountId),
    confirmed: owned,
    confirmedWithAuthentication: owned,
    authenticateOnUnsubscribe: owned,
    attributes,
  };
  Subscriptions.put(tx, subscriptionKey(topic, subscription.id), subscription);
  Endpoints.put(tx, endpointKey(topic, protocol, endpoint), { id: subscription.id });
  tx.put(ownedKey(context.accountId, topic.region, topicArn(topic), subscription.id), 0);
  if (!owned) askForConfirmation(tx, subscription, context);
  return answer(subscription, input.ReturnSubscriptionArn);
}

const answer = (subscription: Subscription, always: boolean | undefined) => ({
  SubscriptionArn: subscription.confirmed || always ? subscriptionArn(subscription) : "pending confirmation",
});

const sameAttribute = (left: object, right: object, name: string): boolean =>
  (left as Record<string, unknown>)[name] === (right as Record<string, unknown>)[name];

const nameOf = (principal: Principal, accountId: string): string =>
  principal.type === "anonymous" || principal.type === "service" ? `arn:aws:iam::${accountId}:root` : principal.arn;

function checkEndpoint(protocol: Protocol, endpoint: string): void {
  if (endpoint === "" || endpoint.length > ENDPOINT_CHARACTERS_MAX) throw invalidParameter("Endpoint");
  switch (protocol) {
    case "sqs":
      if (parseArn(endpoint)?.service !== "sqs") throw invalidParameter("SQS endpoint ARN");
      return;
    case "lambda":
      if (!/^arn:[^:]*:lambda:[^:]+:\d{12}:function:[^:]+(:[^:]+)?$/.test(endpoint)) {
        throw invalidParameter("Lambda endpoint ARN");
      }
      return;
    case "http":
    case "https":
      if (!endpoint.startsWith(`${protocol}://`) || !URL.canParse(endpoint)) {
        throw invalidParameter("Endpoint must match the specified protocol");
      }
      return;
    default:
      if (!/^[^\s@<>"(),]+@[^\s@<>"(),]+$/.test(endpoint)) throw invalidParameter("Email address");
  }
}

/** Which topics and endpoints go together. @see https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html */
function checkFit(tx: Transaction, topic: Topic, protocol: Protocol, endpoint: string): void {
  if (!topic.attributes.FifoTopic) {
    if (protocol === "sqs" && endpoint.endsWith(".fifo")) {
      throw invalidParameter(
        "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
      );
    }
    return;
  }
  if (protocol !== "sqs") {
    throw invalidParameter(`Protocol Reason: FIFO topics deliver to SQS queues only, not to ${protocol} endpoints`);
  }
  const { start, end } = keysUnder("sns", topic.accountId, topic.region, "subscription", topic.name);
  let count = 0;
  for (const _ of tx.range(start, end, { limit: FIFO_SUBSCRIPTIONS_MAX })) count++;
  if (count >= FIFO_SUBSCRIPTIONS_MAX) {
    throw new AwsError(
      "SubscriptionLimitExceededException",
      `Subscription limit of ${FIFO_SUBSCRIPTIONS_MAX} for the FIFO topic exceeded`,
      403,
    );
  }
}

/** A queue or function of the caller's account needs no confirmation. */
function isOwnEndpoint(protocol: Protocol, endpoint: string, context: OperationContext): boolean {
  if (protocol !== "sqs" && protocol !== "lambda") return false;
  if (parseArn(endpoint)?.accountId === context.accountId) return true;
  if (protocol === "lambda") throw notImplemented("subscribing a function of another account to an SNS topic");
  return false;
}

/**
 * The token is the right to confirm: no signature is asked for, unless the answer is to be trusted for ending the subscription too.
 * @see https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html
 */
export function confirmSubscription(
  tx: Transaction,
  input: InputOf<"sns", "ConfirmSubscription">,
  context: OperationContext,
): OutputOf<"sns", "ConfirmSubscription"> {
  const topic = topicOf(tx, input.TopicArn);
  const subscription = redeemToken(tx, topic, input.Token, context.nowMs);
  const signed = context.principal.type !== "anonymous";
  const authenticate = input.AuthenticateOnUnsubscribe === "true";
  if (authenticate && !signed) {
    throw notAuthorized("AuthenticateOnUnsubscribe can only be set by a request that is signed");
  }
  if (!subscription.confirmed) {
    Subscriptions.put(tx, subscriptionKey(topic, subscription.id), {
      ...subscription,
      confirmed: true,
      confirmedWithAuthentication: signed,
      authenticateOnUnsubscribe: authenticate,
    });
  }
  return { SubscriptionArn: subscriptionArn(subscription) };
}

/** The subscription that an ARN names. @throws InvalidParameter, NotFound */
function subscriptionOf(tx: Transaction, text: string | undefined): Subscription {
  const place = requirePlace(text);
  const subscription = Subscriptions.get(tx, subscriptionKey(place.topic, place.id));
  if (!subscription) throw subscriptionNotFound();
  return subscription;
}

function requirePlace(text: string | undefined) {
  const place = placeOfSubscription(text);
  if (place) return place;
  const elements = (text ?? "").split(":").length;
  throw invalidParameter(
    elements < 6
      ? `SubscriptionArn Reason: An ARN must have at least 6 elements, not ${elements}`
      : "SubscriptionArn Reason: not a subscription's ARN",
  );
}

/**
 * Without a signature only what was confirmed without asking for one. Ending what has ended is a success.
 * @see https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html
 */
export function unsubscribe(
  tx: Transaction,
  input: InputOf<"sns", "Unsubscribe">,
  context: OperationContext,
): OutputOf<"sns", "Unsubscribe"> {
  const place = requirePlace(input.SubscriptionArn);
  const subscription = Subscriptions.get(tx, subscriptionKey(place.topic, place.id));
  if (!subscription) return {};
  const { principal } = context;
  if (principal.type === "anonymous" ? subscription.authenticateOnUnsubscribe : !mayManage(subscription, context)) {
    throw notAuthorized("Not authorized to perform: SNS:Unsubscribe on this subscription");
  }
  if (!subscription.confirmed) throw invalidParameter("SubscriptionArn Reason: pending confirmation");
  removeSubscription(tx, subscription);
  tx.put(deletedKey(place.topic, context.nowMs, place.id), 0);
  // What comes in pays for what goes.
  const { accountId, region, name } = place.topic;
  const { start } = keysUnder("sns", accountId, region, "deleted", name);
  for (const [old] of [...tx.range(start, deletedKey(place.topic, context.nowMs - DELETED_MS, ""), { limit: 2 })]) {
    tx.delete(old);
  }
  return {};
}

const mayManage = (subscription: Subscription, context: OperationContext): boolean =>
  (context.accountId === subscription.owner || context.accountId === subscription.topic.accountId) &&
  context.allows("sns", { action: "sns:Unsubscribe", resource: topicArn(subscription.topic) });

/** @see https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html */
export function getSubscriptionAttributes(
  tx: Transaction,
  input: InputOf<"sns", "GetSubscriptionAttributes">,
  _context: OperationContext,
): OutputOf<"sns", "GetSubscriptionAttributes"> {
  const subscription = subscriptionOf(tx, input.SubscriptionArn);
  return { Attributes: shownSubscription(subscription, Topics.read(tx, topicKey(subscription.topic))) };
}

/** @see https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html */
export function setSubscriptionAttributes(
  tx: Transaction,
  input: InputOf<"sns", "SetSubscriptionAttributes">,
  _context: OperationContext,
): OutputOf<"sns", "SetSubscriptionAttributes"> {
  if (!input.AttributeName) throw invalidParameter("AttributeName");
  const subscription = subscriptionOf(tx, input.SubscriptionArn);
  const topic = topicOf(tx, topicArn(subscription.topic));
  const changes = { [input.AttributeName]: input.AttributeValue };
  const attributes = changeSubscriptionAttributes(topic, subscription.protocol, subscription.attributes, changes);
  Subscriptions.put(tx, subscriptionKey(topic, subscription.id), { ...subscription, attributes });
  return {};
}

const listed = (subscription: Subscription) => ({
  SubscriptionArn: subscription.confirmed ? subscriptionArn(subscription) : "PendingConfirmation",
  Owner: subscription.owner,
  Protocol: subscription.protocol,
  Endpoint: shownEndpoint(subscription),
  TopicArn: topicArn(subscription.topic),
});

/** @see https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptions.html */
export function listSubscriptions(
  tx: Transaction,
  input: InputOf<"sns", "ListSubscriptions">,
  { accountId, region }: OperationContext,
): OutputOf<"sns", "ListSubscriptions"> {
  const range = keysUnder("sns-owned", accountId, region);
  const start = pageStart(input.NextToken, range);
  const found = [...tx.range(start, range.end, { limit: PAGE_MAX + 1 })];
  const page = found.slice(0, PAGE_MAX);
  return {
    Subscriptions: page.flatMap(([at]) => {
      const [, , , topic, id] = decodeKey(at) as string[];
      const subscription = Subscriptions.get(tx, subscriptionKey(placeOfTopic(topic)!, id!));
      return subscription ? [listed(subscription)] : [];
    }),
    ...(found.length > PAGE_MAX ? { NextToken: pageToken(page.at(-1)![0]) } : {}),
  };
}

/** @see https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html */
export function listSubscriptionsByTopic(
  tx: Transaction,
  input: InputOf<"sns", "ListSubscriptionsByTopic">,
  _context: OperationContext,
): OutputOf<"sns", "ListSubscriptionsByTopic"> {
  const topic = topicOf(tx, input.TopicArn);
  const range = keysUnder("sns", topic.accountId, topic.region, "subscription", topic.name);
  const start = pageStart(input.NextToken, range);
  const found = [...Subscriptions.range(tx, start, range.end, { limit: PAGE_MAX + 1 })];
  const page = found.slice(0, PAGE_MAX);
  return {
    Subscriptions: page.map(([, subscription]) => listed(subscription)),
    ...(found.length > PAGE_MAX ? { NextToken: pageToken(page.at(-1)![0]) } : {}),
  };
}
