/**
 * Amazon SNS: topics, subscriptions, and messages that reach every subscription that wants them.
 *
 * `state.ts` says what is kept; `topics.ts`, `subscriptions.ts`, `confirmations.ts` and `publish.ts` hold the operations;
 * `deliveries.ts` and `endpoints.ts` how messages reach their receivers, `documents.ts` what they look like, `signing.ts` how they are signed.
 */
import { defineService, type OperationContext, type Permission, type Service } from "../service.ts";
import { CONFIRMATION_ENDED, type ConfirmationEnded, endConfirmation } from "./confirmations.ts";
import { HTTP_DELIVERY, LAMBDA_DELIVERY, MAIL_DELIVERY } from "./deliveries.ts";
import { type SendPost, toFunction, toMail, toServer } from "./endpoints.ts";
import { continueFanOut, FAN_OUT, publish, publishBatch } from "./publish.ts";
import { resources } from "./resources.ts";
import { certificateFront, type MakeKeyPair } from "./signing.ts";
import {
  confirmSubscription,
  getSubscriptionAttributes,
  listSubscriptions,
  listSubscriptionsByTopic,
  setSubscriptionAttributes,
  subscribe,
  unsubscribe,
} from "./subscriptions.ts";
import * as topics from "./topics.ts";

/** What SNS needs of the outside world. */
export interface SnsPorts {
  readonly post: SendPost;
  readonly makeKeyPair: MakeKeyPair;
}

type Where = Pick<OperationContext, "accountId" | "region" | "principal">;

/** Default policies grant to whoever owns the topic, by a condition of SNS's own. AWS's services own none. */
const ownerOf = ({ accountId, principal }: Where): Record<string, string> =>
  principal.type === "service" || principal.type === "anonymous" ? {} : { "aws:SourceOwner": accountId };

const onTopic =
  (action: string) =>
  (
    input: { readonly TopicArn?: string | undefined; readonly TargetArn?: string | undefined },
    at: Where,
  ): Permission => ({
    action: `sns:${action}`,
    resource: input.TopicArn ?? input.TargetArn ?? "*",
    conditions: ownerOf(at),
  });

const onResource =
  (action: string) =>
  (input: { readonly ResourceArn?: string | undefined }): Permission => ({
    action: `sns:${action}`,
    resource: input.ResourceArn ?? "*",
  });

export function createSns({ post, makeKeyPair }: SnsPorts): Service<"sns"> {
  return defineService<"sns">({
    name: "sns",
    operations: {
      AddPermission: topics.addPermission,
      ConfirmSubscription: confirmSubscription,
      CreateTopic: topics.createTopic(makeKeyPair),
      DeleteTopic: topics.deleteTopic,
      GetSubscriptionAttributes: getSubscriptionAttributes,
      GetTopicAttributes: topics.getTopicAttributes,
      ListSubscriptions: listSubscriptions,
      ListSubscriptionsByTopic: listSubscriptionsByTopic,
      ListTagsForResource: topics.listTagsForResource,
      ListTopics: topics.listTopics,
      Publish: publish,
      PublishBatch: publishBatch,
      RemovePermission: topics.removePermission,
      SetSubscriptionAttributes: setSubscriptionAttributes,
      SetTopicAttributes: topics.setTopicAttributes,
      Subscribe: subscribe,
      TagResource: topics.tagResource,
      Unsubscribe: unsubscribe,
      UntagResource: topics.untagResource,
    },
    unsupported: {
      CreateTopic: ["DataProtectionPolicy"],
      Publish: ["PhoneNumber"],
    },
    permissions: {
      AddPermission: onTopic("AddPermission"),
      // Whoever holds the token may: the operation says what more that needs.
      ConfirmSubscription: () => [],
      CreateTopic: (input, { accountId, region }) => ({
        action: "sns:CreateTopic",
        resource: `arn:aws:sns:${region}:${accountId}:${input.Name ?? ""}`,
      }),
      DeleteTopic: onTopic("DeleteTopic"),
      GetTopicAttributes: onTopic("GetTopicAttributes"),
      ListSubscriptionsByTopic: onTopic("ListSubscriptionsByTopic"),
      ListTagsForResource: onResource("ListTagsForResource"),
      Publish: onTopic("Publish"),
      PublishBatch: onTopic("Publish"),
      RemovePermission: onTopic("RemovePermission"),
      SetTopicAttributes: onTopic("SetTopicAttributes"),
      Subscribe: (input, at) => ({
        action: "sns:Subscribe",
        resource: input.TopicArn ?? "*",
        conditions: { ...ownerOf(at), "sns:Protocol": input.Protocol ?? "", "sns:Endpoint": input.Endpoint ?? "" },
      }),
      TagResource: onResource("TagResource"),
      // A link in a mail is followed without a signature: the operation says who may.
      Unsubscribe: () => [],
      UntagResource: onResource("UntagResource"),
    },
    resourcePolicy: topics.resourcePolicy,
    hears: {
      [FAN_OUT]: { operation: continueFanOut },
      [CONFIRMATION_ENDED]: {
        operation: (tx, detail: ConfirmationEnded, context) => endConfirmation(tx, detail, context.nowMs),
      },
      [topics.TOPIC_DELETED]: { operation: topics.sweepTopic },
      [LAMBDA_DELIVERY]: { flow: toFunction, concurrency: 64 },
      [HTTP_DELIVERY]: { flow: toServer(post), concurrency: 64 },
      [MAIL_DELIVERY]: { flow: toMail, concurrency: 8 },
    },
    resources,
    fronts: [certificateFront],
  });
}
