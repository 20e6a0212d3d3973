/** Subscription attributes: read, checked, and shown. @see https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html */
import { parseArn } from "../../kernel/arn.ts";
import { notImplemented } from "../../kernel/errors.ts";
import { checkSubscriptionPolicy, effectivePolicy } from "./delivery-policy.ts";
import { invalidParameter } from "./errors.ts";
import { compileFilterPolicy, type FilterScope } from "./filter-policy.ts";
import {
  type Protocol,
  type Subscription,
  type SubscriptionAttributes,
  subscriptionArn,
  type Topic,
  topicArn,
} from "./state.ts";

export const DEFAULT_ATTRIBUTES: SubscriptionAttributes = {
  RawMessageDelivery: false,
  FilterPolicyScope: "MessageAttributes",
};

const RAW_PROTOCOLS: readonly Protocol[] = ["sqs", "http", "https"];

/**
 * The attributes after a change. An empty string takes a policy away.
 * @param prefix `Attributes Reason: ` in Subscribe
 * @throws InvalidParameter
 */
export function changeSubscriptionAttributes(
  topic: Topic,
  protocol: Protocol,
  current: SubscriptionAttributes,
  changes: Readonly<Record<string, string | undefined>>,
  prefix = "",
): SubscriptionAttributes {
  const next: { -readonly [K in keyof SubscriptionAttributes]: SubscriptionAttributes[K] } = { ...current };
  for (const [name, text = ""] of Object.entries(changes)) {
    switch (name) {
      case "RawMessageDelivery":
        if (text !== "true" && text !== "false") {
          throw invalidParameter(`${prefix}RawMessageDelivery: Invalid value [${text}]. Must be true or false.`);
        }
        if (text === "true" && !RAW_PROTOCOLS.includes(protocol)) {
          throw invalidParameter(`${prefix}Delivery protocol [${protocol}] does not support raw message delivery.`);
        }
        next.RawMessageDelivery = text === "true";
        break;
      case "FilterPolicyScope":
        if (text !== "MessageAttributes" && text !== "MessageBody") {
          throw invalidParameter(
            `${prefix}FilterPolicyScope: Invalid value [${text}]. Please use either MessageBody or MessageAttributes`,
          );
        }
        next.FilterPolicyScope = text;
        break;
      case "FilterPolicy":
        if (text === "" || text === "{}") delete next.FilterPolicy;
        else next.FilterPolicy = text;
        break;
      case "DeliveryPolicy":
        if (text === "") delete next.DeliveryPolicy;
        else {
          if (protocol !== "http" && protocol !== "https") {
            throw invalidParameter(`${prefix}DeliveryPolicy: only http and https endpoints have one`);
          }
          checkSubscriptionPolicy(text);
          next.DeliveryPolicy = text;
        }
        break;
      case "RedrivePolicy":
        if (text === "") delete next.RedrivePolicy;
        else {
          checkRedrivePolicy(topic, text, prefix);
          next.RedrivePolicy = text;
        }
        break;
      case "SubscriptionRoleArn":
      case "ReplayPolicy":
        throw notImplemented(`the SNS attribute ${name}`);
      default:
        throw invalidParameter(prefix === "" ? "AttributeName" : `${prefix}Unknown attribute ${name}`);
    }
  }
  // Whichever of the two changed: the policy must fit the scope.
  if (next.FilterPolicy !== undefined) compileFilterPolicy(next.FilterPolicy, next.FilterPolicyScope, prefix);
  return next;
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html */
function checkRedrivePolicy(topic: Topic, text: string, prefix: string): void {
  const refuse = (reason: string) => invalidParameter(`${prefix}RedrivePolicy: ${reason}`);
  let target: unknown;
  try {
    target = (JSON.parse(text) as { deadLetterTargetArn?: unknown }).deadLetterTargetArn;
  } catch {
    throw refuse("failed to parse JSON.");
  }
  if (target === undefined) throw refuse("Missing deadLetterTargetArn attribute");
  const parts = typeof target === "string" ? parseArn(target) : undefined;
  if (parts?.service !== "sqs") throw refuse("deadLetterTargetArn is an invalid arn");
  if (parts.accountId !== topic.accountId || parts.region !== topic.region) {
    throw refuse("deadLetterTargetArn must be in the account and region of the subscription");
  }
  if (topic.attributes.FifoTopic && !parts.resource.endsWith(".fifo")) {
    throw refuse("must use a FIFO queue as DLQ for a FIFO topic");
  }
  if (!topic.attributes.FifoTopic && parts.resource.endsWith(".fifo")) {
    throw refuse("must use a standard queue as DLQ for a standard topic");
  }
}

/** The queue for what cannot be delivered. */
export function deadLetterTarget({ RedrivePolicy }: SubscriptionAttributes): string | undefined {
  if (RedrivePolicy === undefined) return undefined;
  return (JSON.parse(RedrivePolicy) as { deadLetterTargetArn: string }).deadLetterTargetArn;
}

/** Of an endpoint, what may be shown: a password in a URL is not. */
export const shownEndpoint = ({ protocol, endpoint }: Pick<Subscription, "protocol" | "endpoint">): string =>
  protocol === "http" || protocol === "https"
    ? endpoint.replace(/^(https?:\/\/[^/:@]*):[^/@]*@/, "$1:****@")
    : endpoint;

/** How a subscription looks to clients. */
export function shownSubscription(subscription: Subscription, topic: Topic | undefined): Record<string, string> {
  const { attributes, protocol } = subscription;
  const { RawMessageDelivery, FilterPolicy, FilterPolicyScope, DeliveryPolicy, RedrivePolicy } = attributes;
  const http = protocol === "http" || protocol === "https";
  return {
    SubscriptionArn: subscriptionArn(subscription),
    TopicArn: topicArn(subscription.topic),
    Owner: subscription.owner,
    Protocol: protocol,
    Endpoint: shownEndpoint(subscription),
    PendingConfirmation: String(!subscription.confirmed),
    ConfirmationWasAuthenticated: String(subscription.confirmedWithAuthentication),
    SubscriptionPrincipal: subscription.principal,
    RawMessageDelivery: String(RawMessageDelivery),
    ...(FilterPolicy === undefined ? {} : { FilterPolicy, FilterPolicyScope: FilterPolicyScope satisfies FilterScope }),
    ...(DeliveryPolicy === undefined ? {} : { DeliveryPolicy }),
    ...(http
      ? { EffectiveDeliveryPolicy: JSON.stringify(effectivePolicy(topic?.attributes.DeliveryPolicy, DeliveryPolicy)) }
      : {}),
    ...(RedrivePolicy === undefined ? {} : { RedrivePolicy }),
  };
}
