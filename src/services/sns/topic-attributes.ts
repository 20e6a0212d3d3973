/** Topic attributes: read from the strings that clients send, checked, and shown as strings. @see https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { compilePolicy } from "../policy-common/document.ts";
import { checkTopicPolicy, effectiveTopicPolicy } from "./delivery-policy.ts";
import { invalidParameter } from "./errors.ts";
import { type Topic, type TopicAttributes, type TopicPlace, topicArn } from "./state.ts";

const POLICY_BYTES_MAX = 30_720;
const DISPLAY_NAME_MAX = 100;

/** What SNS grants while nobody says otherwise: everything, to the topic's own account. */
export function defaultPolicy(place: TopicPlace): string {
  return JSON.stringify({
    Version: "2008-10-17",
    Id: "__default_policy_ID",
    Statement: [
      {
        Sid: "__default_statement_ID",
        Effect: "Allow",
        Principal: { AWS: "*" },
        Action: [
          "SNS:GetTopicAttributes",
          "SNS:SetTopicAttributes",
          "SNS:AddPermission",
          "SNS:RemovePermission",
          "SNS:DeleteTopic",
          "SNS:Subscribe",
          "SNS:ListSubscriptionsByTopic",
          "SNS:Publish",
        ],
        Resource: topicArn(place),
        Condition: { StringEquals: { "AWS:SourceOwner": place.accountId } },
      },
    ],
  });
}

const isBoolean = (text: string) => text === "true" || text === "false";

/** Success and failure of deliveries are written to no log: there is the dead-letter queue. */
const FEEDBACK = /^(HTTP|Lambda|SQS|Firehose|Application)(Success|Failure)Feedback(RoleArn|SampleRate)$/;

/** Whether CreateTopic asks for a FIFO topic. @throws InvalidParameter */
export function readFifoTopic(text: string | undefined): boolean {
  if (text === undefined) return false;
  if (!isBoolean(text)) throw invalidParameter("Attributes Reason: FifoTopic");
  return text === "true";
}

/**
 * The attributes after a change. An empty string takes a policy away.
 * @param prefix `Attributes Reason: ` in CreateTopic
 * @throws InvalidParameter
 */
export function changeTopicAttributes(
  place: TopicPlace,
  current: TopicAttributes,
  changes: Readonly<Record<string, string | undefined>>,
  prefix = "",
): TopicAttributes {
  const next: Record<string, unknown> = { ...current };
  for (const [name, text = ""] of Object.entries(changes)) {
    switch (name) {
      case "DisplayName":
        if (text.length > DISPLAY_NAME_MAX || /[\u0000-\u001f\u007f]/.test(text)) {
          throw invalidParameter(`${prefix}DisplayName`);
        }
        next[name] = text;
        break;
      case "Policy":
        next[name] = text === "" ? defaultPolicy(place) : checkedPolicy(text, prefix);
        break;
      case "DeliveryPolicy":
        if (text !== "") checkTopicPolicy(text);
        next[name] = text === "" ? undefined : text;
        break;
      case "SignatureVersion":
        if (text !== "1" && text !== "2") throw invalidParameter(`${prefix}SignatureVersion`);
        next[name] = text;
        break;
      case "TracingConfig":
        if (text !== "PassThrough" && text !== "Active") throw invalidParameter(`${prefix}TracingConfig`);
        next[name] = text;
        break;
      case "ContentBasedDeduplication":
        if (!isBoolean(text) || (!current.FifoTopic && text === "true")) {
          throw invalidParameter(`${prefix}ContentBasedDeduplication`);
        }
        next[name] = text === "true";
        break;
      case "FifoThroughputScope":
        if ((text !== "Topic" && text !== "MessageGroup") || !current.FifoTopic) {
          throw invalidParameter(`${prefix}FifoThroughputScope`);
        }
        next[name] = text;
        break;
      case "FifoTopic":
        if (prefix === "") throw invalidParameter("AttributeName");
        break;
      case "KmsMasterKeyId":
        if (text !== "") throw notImplemented("the SNS attribute KmsMasterKeyId");
        break;
      default:
        if (name === "ArchivePolicy" || FEEDBACK.test(name)) throw notImplemented(`the SNS attribute ${name}`);
        throw invalidParameter(prefix === "" ? "AttributeName" : `${prefix}Unknown attribute ${name}`);
    }
  }
  return next as unknown as TopicAttributes;
}

function checkedPolicy(text: string, prefix: string): string {
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX)
    throw invalidParameter(`${prefix}Policy statement action out of service scope!`);
  try {
    compilePolicy(text);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalidParameter(`${prefix}Policy Error: null`);
  }
  return text;
}

/** How attributes look to clients. */
export function shownTopicAttributes(topic: Topic): Record<string, string> {
  const { attributes } = topic;
  const { FifoTopic, ContentBasedDeduplication, FifoThroughputScope, DeliveryPolicy, ...common } = attributes;
  const shown: Record<string, string> = {
    TopicArn: topicArn(topic),
    Owner: topic.accountId,
    EffectiveDeliveryPolicy: effectiveTopicPolicy(DeliveryPolicy),
    ...(DeliveryPolicy === undefined ? {} : { DeliveryPolicy }),
  };
  for (const [name, value] of Object.entries(common)) if (value !== undefined) shown[name] = String(value);
  if (FifoTopic) {
    shown["FifoTopic"] = "true";
    shown["ContentBasedDeduplication"] = String(ContentBasedDeduplication);
    shown["FifoThroughputScope"] = FifoThroughputScope;
  }
  return shown;
}
