/** Delivering outside the transaction: to functions, HTTP endpoints and mail addresses. */
import { AwsError } from "../../kernel/errors.ts";
import { traceHeader } from "../../kernel/trace.ts";
import type { FlowContext } from "../service.ts";
import {
  bodyOf,
  makeDelivery,
  type OwedDelivery,
  Refused,
  servicePrincipal,
  signer,
  type Target,
} from "./deliveries.ts";
import { AWS_ENDPOINTS, effectivePolicy, MAIL } from "./delivery-policy.ts";
import { lambdaEvent, mail, type Outgoing, unsubscribeUrl } from "./documents.ts";
import type { Signature } from "./signing.ts";
import { subscriptionArn, topicArn } from "./state.ts";

/** A POST to somebody's server. Rejects when no answer came. */
export interface Post {
  readonly url: URL;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}
export type SendPost = (post: Post) => Promise<{ readonly status: number }>;

/** How long SNS waits for an HTTP endpoint. */
const PATIENCE_MS = 15_000;

const signed = (flow: FlowContext, outgoing: Outgoing): Promise<Signature | undefined> =>
  flow.write((tx) => signer(tx, flow.endpoint)(outgoing));

/** Errors by which a function refuses for good: it is gone, or does not allow it. Throttling and failures of the platform pass. */
const passes = ({ status }: AwsError): boolean => status === 429 || status >= 500;

export function toFunction(flow: FlowContext, owed: OwedDelivery): Promise<void> {
  return makeDelivery(flow, owed, AWS_ENDPOINTS, async ({ subscription }) => {
    const { outgoing } = owed;
    if (outgoing.kind !== "Notification") return;
    const own = subscriptionArn(subscription);
    const signature = (await signed(flow, outgoing))!;
    const event = lambdaEvent(outgoing, signature, own, unsubscribeUrl(flow.endpoint, own));
    try {
      await flow.call(
        "lambda",
        "Invoke",
        { FunctionName: subscription.endpoint, InvocationType: "Event", Payload: Buffer.from(event) },
        { principal: servicePrincipal(subscription.topic) },
      );
    } catch (error) {
      throw error instanceof AwsError && !passes(error) ? new Refused(error.message) : error;
    }
  });
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html */
export const toServer =
  (post: SendPost) =>
  (flow: FlowContext, owed: OwedDelivery): Promise<void> => {
    const policyOf = ({ topic, subscription }: Target) =>
      effectivePolicy(topic.attributes.DeliveryPolicy, subscription.attributes.DeliveryPolicy);
    return makeDelivery(
      flow,
      owed,
      (target) => policyOf(target).healthyRetryPolicy,
      async (target) => {
        const { outgoing } = owed;
        const { subscription } = target;
        const signature = await signed(flow, outgoing);
        const body = bodyOf(subscription, outgoing, flow.endpoint, () => signature);
        const raw = outgoing.kind === "Notification" && subscription.attributes.RawMessageDelivery;
        const url = new URL(subscription.endpoint);
        const credentials =
          url.username === "" ? undefined : `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
        url.username = "";
        url.password = "";
        const patience = new AbortController();
        const timer = flow.clock.at(flow.clock.nowMs() + PATIENCE_MS, () =>
          patience.abort(new Error(`no answer within ${PATIENCE_MS / 1000} seconds`)),
        );
        try {
          const { status } = await post({
            url,
            headers: [
              ["x-amz-sns-message-type", outgoing.kind],
              ["x-amz-sns-message-id", outgoing.id],
              ["x-amz-sns-topic-arn", outgoing.topicArn],
              ...(outgoing.kind === "Notification"
                ? ([["x-amz-sns-subscription-arn", subscriptionArn(subscription)]] as const)
                : []),
              ...(raw ? ([["x-amz-sns-rawdelivery", "true"]] as const) : []),
              ...(credentials === undefined
                ? []
                : ([["authorization", `Basic ${Buffer.from(credentials).toString("base64")}`]] as const)),
              ["content-type", policyOf(target).requestPolicy.headerContentType],
              ["content-length", String(Buffer.byteLength(body))],
              ["host", url.host],
              ["user-agent", "Amazon Simple Notification Service Agent"],
              ["x-amzn-trace-id", traceHeader(flow.trace)],
            ],
            body: Buffer.from(body),
            signal: AbortSignal.any([patience.signal, flow.signal]),
          });
          if (status >= 200 && status < 300) return;
          const reason = `the endpoint answered ${status}`;
          throw status >= 500 || status === 429 || status < 200 ? new Error(reason) : new Refused(reason);
        } finally {
          timer.cancel();
        }
      },
    );
  };

/** SNS's mail comes from an address of its own, which nobody had to verify. */
const SENDER = "no-reply@sns.amazonaws.com";

export function toMail(flow: FlowContext, owed: OwedDelivery): Promise<void> {
  return makeDelivery(flow, owed, MAIL, async ({ subscription, topic }) => {
    const { outgoing } = owed;
    const unsubscribe = unsubscribeUrl(flow.endpoint, subscriptionArn(subscription));
    const readable = mail(outgoing, unsubscribe);
    const text =
      subscription.protocol === "email" || outgoing.kind === "SubscriptionConfirmation"
        ? readable.text
        : bodyOf(subscription, outgoing, flow.endpoint, await signed(flow, outgoing).then((one) => () => one));
    const name = topic.attributes.DisplayName || "AWS Notifications";
    try {
      await flow.call(
        "ses",
        "SendEmail",
        {
          Source: `${JSON.stringify(name)} <${SENDER}>`,
          Destination: { ToAddresses: [subscription.endpoint] },
          Message: { Subject: { Data: readable.subject }, Body: { Text: { Data: text } } },
          Tags: [{ Name: "sns-topic", Value: topicArn(topic).split(":").at(-1)!.replaceAll(".", "-") }],
        },
        { principal: servicePrincipal(topic) },
      );
    } catch (error) {
      throw error instanceof AwsError && !passes(error) ? new Refused(error.message) : error;
    }
  });
}
