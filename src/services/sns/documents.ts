/**
 * What receivers get: the JSON document for queues, HTTP endpoints and email-json, the event for functions, the text for mail. Field by
 * field, and space by space, as SNS writes them.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
 */
import type { MessageAttributeValue } from "@aws-sdk/client-sns";
import type { Signature } from "./signing.ts";

/** A published message on its way to one subscription. Plain data. */
export interface Notification {
  readonly kind: "Notification";
  readonly id: string;
  readonly topicArn: string;
  readonly subject?: string;
  /** What this protocol is to be told. */
  readonly text: string;
  readonly attributes: Readonly<Record<string, MessageAttributeValue>>;
  readonly timestampMs: number;
  readonly signatureVersion: "1" | "2";
  /** FIFO topics only. */
  readonly sequenceNumber?: string;
  readonly deduplicationId?: string;
  readonly groupId?: string;
}

/** The question whether somebody agrees to be subscribed. */
export interface Confirmation {
  readonly kind: "SubscriptionConfirmation";
  readonly id: string;
  readonly topicArn: string;
  readonly token: string;
  readonly subscribeUrl: string;
  readonly timestampMs: number;
}

export type Outgoing = Notification | Confirmation;

const timestamp = ({ timestampMs }: Outgoing): string => new Date(timestampMs).toISOString();

/** The fields that a signature covers. */
export function signedFields(outgoing: Outgoing): Record<string, string | undefined> {
  const { id, topicArn, kind } = outgoing;
  const common = { MessageId: id, TopicArn: topicArn, Timestamp: timestamp(outgoing), Type: kind };
  return outgoing.kind === "Notification"
    ? { ...common, Message: outgoing.text, Subject: outgoing.subject }
    : { ...common, Message: question(outgoing), SubscribeURL: outgoing.subscribeUrl, Token: outgoing.token };
}

const question = ({ topicArn }: Confirmation): string =>
  `You have chosen to subscribe to the topic ${topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`;

export const unsubscribeUrl = (endpoint: string, subscriptionArn: string): string =>
  `${endpoint}/?${new URLSearchParams({ Action: "Unsubscribe", Version: "2010-03-31", SubscriptionArn: subscriptionArn })}`;

/** @param signature absent for FIFO topics, whose messages SNS does not sign */
export function jsonDocument(outgoing: Outgoing, signature: Signature | undefined, unsubscribe: string): string {
  const { id, topicArn, kind } = outgoing;
  if (outgoing.kind === "SubscriptionConfirmation") {
    return written({
      Type: kind,
      MessageId: id,
      Token: outgoing.token,
      TopicArn: topicArn,
      Message: question(outgoing),
      SubscribeURL: outgoing.subscribeUrl,
      Timestamp: timestamp(outgoing),
      ...signature,
    });
  }
  const attributes = shownAttributes(outgoing);
  return written({
    Type: kind,
    MessageId: id,
    ...(outgoing.sequenceNumber === undefined ? {} : { SequenceNumber: outgoing.sequenceNumber }),
    TopicArn: topicArn,
    ...(outgoing.subject === undefined ? {} : { Subject: outgoing.subject }),
    Message: outgoing.text,
    Timestamp: timestamp(outgoing),
    ...signature,
    UnsubscribeURL: unsubscribe,
    ...(Object.keys(attributes).length > 0 ? { MessageAttributes: attributes } : {}),
  });
}

type Shown = Readonly<Record<string, { readonly Type: string; readonly Value: string }>>;

function shownAttributes({ attributes }: Notification): Shown {
  const shown: Record<string, { Type: string; Value: string }> = {};
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes)) {
    const Value = StringValue ?? Buffer.from(BinaryValue ?? []).toString("base64");
    shown[name] = { Type: DataType!, Value };
  }
  return shown;
}

/** One member a line, a space on either side of the colon. */
function written(fields: Readonly<Record<string, string | Shown>>): string {
  const line = (name: string, value: string) => `${JSON.stringify(name)} : ${value}`;
  const lines = Object.entries(fields).map(([name, value]) => {
    if (typeof value === "string") return `  ${line(name, JSON.stringify(value))}`;
    const inner = Object.entries(value).map(([one, shown]) => `    ${line(one, JSON.stringify(shown))}`);
    return `  ${line(name, `{\n${inner.join(",\n")}\n  }`)}`;
  });
  return `{\n${lines.join(",\n")}\n}`;
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
export function lambdaEvent(
  outgoing: Notification,
  signature: Signature,
  subscriptionArn: string,
  unsubscribe: string,
): string {
  const { SignatureVersion, Signature, SigningCertURL } = signature;
  return JSON.stringify({
    Records: [
      {
        EventSource: "aws:sns",
        EventVersion: "1.0",
        EventSubscriptionArn: subscriptionArn,
        Sns: {
          Type: "Notification",
          MessageId: outgoing.id,
          TopicArn: outgoing.topicArn,
          Subject: outgoing.subject ?? null,
          Message: outgoing.text,
          Timestamp: timestamp(outgoing),
          SignatureVersion,
          Signature,
          SigningCertUrl: SigningCertURL,
          UnsubscribeUrl: unsubscribe,
          MessageAttributes: shownAttributes(outgoing),
        },
      },
    ],
  });
}

/** What a person reads. */
export function mail(outgoing: Outgoing, unsubscribe: string): { readonly subject: string; readonly text: string } {
  if (outgoing.kind === "SubscriptionConfirmation") {
    return {
      subject: "AWS Notification - Subscription Confirmation",
      text: [
        `You have chosen to subscribe to the topic:\n${outgoing.topicArn}\n`,
        `To confirm this subscription, visit this address (if this was in error no action is necessary):\n${outgoing.subscribeUrl}\n`,
      ].join("\n"),
    };
  }
  return {
    subject: outgoing.subject ?? "AWS Notification Message",
    text: [
      `${outgoing.text}\n`,
      "--",
      `If you wish to stop receiving notifications from this topic, please visit this address to unsubscribe:\n${unsubscribe}\n`,
    ].join("\n"),
  };
}
