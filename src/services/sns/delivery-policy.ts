/**
 * How often and how far apart deliveries are tried: what a delivery policy says for HTTP endpoints, and what SNS does by itself for all others.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
 */
import { invalidParameter } from "./errors.ts";

type Backoff = "linear" | "arithmetic" | "geometric" | "exponential";

/** Delays in seconds. Retries come in four phases: at once, at the least delay, backing off between the two delays, at the greatest delay. */
export interface RetryPolicy {
  readonly minDelayTarget: number;
  readonly maxDelayTarget: number;
  readonly numRetries: number;
  readonly numNoDelayRetries: number;
  readonly numMinDelayRetries: number;
  readonly numMaxDelayRetries: number;
  readonly backoffFunction: Backoff;
}

export interface EffectivePolicy {
  readonly healthyRetryPolicy: RetryPolicy;
  readonly throttlePolicy?: { readonly maxReceivesPerSecond: number };
  readonly requestPolicy: { readonly headerContentType: string };
}

const DEFAULT_RETRIES: RetryPolicy = {
  minDelayTarget: 20,
  maxDelayTarget: 20,
  numRetries: 3,
  numMaxDelayRetries: 0,
  numNoDelayRetries: 0,
  numMinDelayRetries: 0,
  backoffFunction: "linear",
};
const DEFAULT_REQUEST = { headerContentType: "text/plain; charset=UTF-8" };

/** Lambda functions and queues: 100,015 attempts over 23 days. */
export const AWS_ENDPOINTS: RetryPolicy = {
  minDelayTarget: 1,
  maxDelayTarget: 20,
  numRetries: 100_015,
  numNoDelayRetries: 3,
  numMinDelayRetries: 2,
  numMaxDelayRetries: 100_000,
  backoffFunction: "exponential",
};
/** Mail: 50 attempts over 6 hours. */
export const MAIL: RetryPolicy = {
  minDelayTarget: 10,
  maxDelayTarget: 600,
  numRetries: 50,
  numNoDelayRetries: 0,
  numMinDelayRetries: 2,
  numMaxDelayRetries: 38,
  backoffFunction: "exponential",
};

/** The total time of an HTTP policy's retries. */
const RETRY_SECONDS_MAX = 3600;
const RETRIES_MAX = 100;
const CONTENT_TYPES =
  /^(application\/(json|octet-stream|xml|xhtml\+xml|atom\+xml|rss\+xml|x-www-form-urlencoded)|text\/(css|csv|html|plain|xml))(; ?charset=[\w-]+)?$/i;

/** Milliseconds to wait before retry number `retry` (the first is 1); undefined when there is none left. */
export function retryDelayMs(policy: RetryPolicy, retry: number): number | undefined {
  const { numRetries, numNoDelayRetries, numMinDelayRetries, numMaxDelayRetries } = policy;
  if (retry > numRetries) return undefined;
  if (retry <= numNoDelayRetries) return 0;
  const minMs = policy.minDelayTarget * 1000;
  const maxMs = policy.maxDelayTarget * 1000;
  if (retry <= numNoDelayRetries + numMinDelayRetries) return minMs;
  if (retry > numRetries - numMaxDelayRetries) return maxMs;
  const steps = numRetries - numNoDelayRetries - numMinDelayRetries - numMaxDelayRetries;
  const step = retry - numNoDelayRetries - numMinDelayRetries - 1;
  const share = steps === 1 ? 0 : step / (steps - 1);
  return Math.round(minMs + (maxMs - minMs) * rise(policy.backoffFunction, share));
}

/** From 0 to 1: straight, by growing steps, by a constant factor, or late and steep. */
function rise(backoff: Backoff, share: number): number {
  switch (backoff) {
    case "linear":
      return share;
    case "arithmetic":
      return (share * (share + 1)) / 2;
    case "geometric":
      return share ** 2;
    case "exponential":
      return (2 ** (share * 5) - 1) / 31;
  }
}

/** A topic's policy: `{"http":{"defaultHealthyRetryPolicy":{…},"disableSubscriptionOverrides":false,…}}`. @throws InvalidParameter */
export function checkTopicPolicy(text: string): void {
  const { http, ...others } = parsed(text);
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw refuse(`Unexpected JSON member: ${unknown}`);
  const members = objectOf(http, "http");
  only(members, [
    "defaultHealthyRetryPolicy",
    "disableSubscriptionOverrides",
    "defaultThrottlePolicy",
    "defaultRequestPolicy",
  ]);
  readParts(members["defaultHealthyRetryPolicy"], members["defaultThrottlePolicy"], members["defaultRequestPolicy"]);
  const disabled = members["disableSubscriptionOverrides"];
  if (disabled !== undefined && typeof disabled !== "boolean") throw refuse("disableSubscriptionOverrides");
}

/** A subscription's policy: `{"healthyRetryPolicy":{…},"throttlePolicy":{…},"requestPolicy":{…}}`. @throws InvalidParameter */
export function checkSubscriptionPolicy(text: string): void {
  const members = parsed(text);
  only(members, ["healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"]);
  readParts(members["healthyRetryPolicy"], members["throttlePolicy"], members["requestPolicy"]);
  if (members["sicklyRetryPolicy"] !== undefined && members["sicklyRetryPolicy"] !== null) {
    throw refuse("sicklyRetryPolicy is no longer supported");
  }
}

/** What holds for a subscription: its own policy unless the topic forbids that, the topic's, SNS's. */
export function effectivePolicy(topicPolicy: string | undefined, own: string | undefined): EffectivePolicy {
  const http = topicPolicy === undefined ? {} : objectOf(parsed(topicPolicy)["http"], "http");
  const fallback = readParts(
    http["defaultHealthyRetryPolicy"],
    http["defaultThrottlePolicy"],
    http["defaultRequestPolicy"],
  );
  if (own === undefined || http["disableSubscriptionOverrides"] === true) return fallback;
  const members = parsed(own);
  const given = readParts(members["healthyRetryPolicy"], members["throttlePolicy"], members["requestPolicy"]);
  return {
    healthyRetryPolicy: members["healthyRetryPolicy"] ? given.healthyRetryPolicy : fallback.healthyRetryPolicy,
    ...((given.throttlePolicy ?? fallback.throttlePolicy)
      ? { throttlePolicy: (given.throttlePolicy ?? fallback.throttlePolicy)! }
      : {}),
    requestPolicy: members["requestPolicy"] ? given.requestPolicy : fallback.requestPolicy,
  };
}

/** As GetTopicAttributes shows it. */
export function effectiveTopicPolicy(topicPolicy: string | undefined): string {
  const { healthyRetryPolicy, throttlePolicy, requestPolicy } = effectivePolicy(topicPolicy, undefined);
  const http = topicPolicy === undefined ? {} : objectOf(parsed(topicPolicy)["http"], "http");
  return JSON.stringify({
    http: {
      defaultHealthyRetryPolicy: healthyRetryPolicy,
      disableSubscriptionOverrides: http["disableSubscriptionOverrides"] ?? false,
      ...(throttlePolicy ? { defaultThrottlePolicy: throttlePolicy } : {}),
      defaultRequestPolicy: requestPolicy,
    },
  });
}

const refuse = (reason: string) => invalidParameter(`DeliveryPolicy: ${reason}`);

function parsed(text: string): Record<string, unknown> {
  try {
    return objectOf(JSON.parse(text), "DeliveryPolicy");
  } catch (error) {
    if (error instanceof SyntaxError) throw refuse("failed to parse JSON.");
    throw error;
  }
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw refuse(`${name} must be an object`);
  return value as Record<string, unknown>;
}

function only(members: Record<string, unknown>, allowed: readonly string[]): void {
  const unknown = Object.keys(members).find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw refuse(`Unexpected JSON member: ${unknown}`);
}

function readParts(retries: unknown, throttle: unknown, request: unknown): EffectivePolicy {
  const throttlePolicy = objectOf(throttle, "throttlePolicy");
  only(throttlePolicy, ["maxReceivesPerSecond"]);
  const perSecond = throttlePolicy["maxReceivesPerSecond"];
  if (perSecond !== undefined && !(Number.isInteger(perSecond) && (perSecond as number) >= 1)) {
    throw refuse("throttlePolicy.maxReceivesPerSecond must be greater than or equal to 1");
  }
  const requestPolicy = objectOf(request, "requestPolicy");
  only(requestPolicy, ["headerContentType"]);
  const type = requestPolicy["headerContentType"];
  if (type !== undefined && !(typeof type === "string" && CONTENT_TYPES.test(type))) {
    throw refuse("requestPolicy.headerContentType is not a supported content type");
  }
  return {
    healthyRetryPolicy: readRetries(objectOf(retries, "healthyRetryPolicy")),
    ...(perSecond === undefined ? {} : { throttlePolicy: { maxReceivesPerSecond: perSecond as number } }),
    requestPolicy: typeof type === "string" ? { headerContentType: type } : DEFAULT_REQUEST,
  };
}

function readRetries(members: Record<string, unknown>): RetryPolicy {
  only(members, Object.keys(DEFAULT_RETRIES));
  const number = (name: keyof RetryPolicy, least: number, most: number): number => {
    const value = members[name] ?? DEFAULT_RETRIES[name];
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw refuse(`healthyRetryPolicy.${name} must be between ${least} and ${most}`);
    }
    return value as number;
  };
  const backoffFunction = (members["backoffFunction"] ?? "linear") as Backoff;
  if (!["linear", "arithmetic", "geometric", "exponential"].includes(backoffFunction)) {
    throw refuse("healthyRetryPolicy.backoffFunction must be one of linear, arithmetic, geometric, exponential");
  }
  const minDelayTarget = number("minDelayTarget", 1, RETRY_SECONDS_MAX);
  const policy: RetryPolicy = {
    minDelayTarget,
    maxDelayTarget: number("maxDelayTarget", minDelayTarget, RETRY_SECONDS_MAX),
    numRetries: number("numRetries", 0, RETRIES_MAX),
    numMaxDelayRetries: number("numMaxDelayRetries", 0, RETRIES_MAX),
    numNoDelayRetries: number("numNoDelayRetries", 0, RETRIES_MAX),
    numMinDelayRetries: number("numMinDelayRetries", 0, RETRIES_MAX),
    backoffFunction,
  };
  const { numRetries, numMaxDelayRetries, numNoDelayRetries, numMinDelayRetries } = policy;
  if (numMaxDelayRetries + numNoDelayRetries + numMinDelayRetries > numRetries) {
    throw refuse(
      "healthyRetryPolicy.numRetries must be greater than or equal to total of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries",
    );
  }
  let totalMs = 0;
  for (let retry = 1; retry <= numRetries; retry++) totalMs += retryDelayMs(policy, retry)!;
  if (totalMs > RETRY_SECONDS_MAX * 1000) {
    throw refuse("healthyRetryPolicy: total retry delay must not exceed 3600 seconds");
  }
  return policy;
}
