/**
 * A bucket's event notifications: what is asked for, checked in S3's order, and who is to be told.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
 */
import { parseArn } from "../../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { requireBucket } from "../buckets.ts";
import { invalidArgument, s3Error } from "../errors.ts";
import { type BucketRecord, bucketKey, buckets, settingKey, settings } from "../state.ts";
import { checkDestinations } from "./destinations.ts";
import { EVENTS_ELSEWHERE, eventsOf, isEventType } from "./event-types.ts";

export type DestinationKind = "topic" | "queue" | "function";

/** One rule: these events of these keys are told to this destination. */
export interface NotificationRule {
  readonly kind: DestinationKind;
  readonly id: string;
  readonly arn: string;
  /** As asked for: `s3:ObjectCreated:*`. */
  readonly events: readonly string[];
  /** Name as asked for, in either case. */
  readonly filter: readonly { readonly Name: string; readonly Value: string }[];
}

export interface NotificationConfiguration {
  readonly rules: readonly NotificationRule[];
  readonly eventBridge: boolean;
}

const NONE: NotificationConfiguration = { rules: [], eventBridge: false };
const FILTER_VALUE_BYTES_MAX = 1024;
const RULES_MAX = 100;

type Input = InputOf<"s3", "PutBucketNotificationConfiguration">;
type Asked = NonNullable<Input["NotificationConfiguration"]>;
type AskedRule = NonNullable<Asked["QueueConfigurations"]>[number];

/** What S3's documents call the destination, and which service it belongs to. */
const KINDS = {
  topic: { element: "Topic", service: "sns" },
  queue: { element: "Queue", service: "sqs" },
  function: { element: "CloudFunction", service: "lambda" },
} as const;

/** Replaces the whole configuration, after every destination was found to take events from this bucket. */
export function putBucketNotificationConfiguration(
  tx: Transaction,
  input: Input,
  context: OperationContext,
): OutputOf<"s3", "PutBucketNotificationConfiguration"> {
  const bucket = requireBucket(tx, context, input);
  const asked = input.NotificationConfiguration ?? {};
  const rules = [
    ...(asked.TopicConfigurations ?? []).map((rule) => readRule(bucket, context, "topic", rule.TopicArn, rule)),
    ...(asked.QueueConfigurations ?? []).map((rule) => readRule(bucket, context, "queue", rule.QueueArn, rule)),
    ...(asked.LambdaFunctionConfigurations ?? []).map((rule) =>
      readRule(bucket, context, "function", rule.LambdaFunctionArn, rule),
    ),
  ];
  if (rules.length > RULES_MAX) {
    throw new AwsError(
      "TooManyConfigurations",
      "You are attempting to create a new configuration but have already reached the 100-configuration limit.",
    );
  }
  checkIds(rules);
  checkOverlaps(rules);
  if (!input.SkipDestinationValidation) checkDestinations(context, bucket, rules);
  const configuration: NotificationConfiguration = { rules, eventBridge: asked.EventBridgeConfiguration !== undefined };
  const told = rules.length > 0 || configuration.eventBridge;
  if (told) settings.put(tx, settingKey(bucket.name, "notification"), configuration);
  else tx.delete(settingKey(bucket.name, "notification"));
  const { notifies: _, ...rest } = bucket;
  buckets.put(tx, bucketKey(bucket.name), told ? { ...rest, notifies: true } : rest);
  return {};
}

/** The rules of a bucket; none where nobody is told. */
export function notificationsOf(tx: Transaction, bucket: BucketRecord): NotificationConfiguration {
  if (!bucket.notifies) return NONE;
  return (settings.read(tx, settingKey(bucket.name, "notification")) as NotificationConfiguration | undefined) ?? NONE;
}

export function getBucketNotificationConfiguration(
  tx: Transaction,
  input: InputOf<"s3", "GetBucketNotificationConfiguration">,
  context: OperationContext,
): OutputOf<"s3", "GetBucketNotificationConfiguration"> {
  const { rules, eventBridge } = notificationsOf(tx, requireBucket(tx, context, input));
  const of = (kind: DestinationKind) =>
    rules
      .filter((rule) => rule.kind === kind)
      .map(({ id, events, filter, arn }) => ({
        Id: id,
        arn,
        Events: [...events] as AskedRule["Events"],
        ...(filter.length > 0 ? { Filter: { Key: { FilterRules: filter as never } } } : {}),
      }));
  const topics = of("topic").map(({ arn, ...rule }) => ({ ...rule, TopicArn: arn }));
  const queues = of("queue").map(({ arn, ...rule }) => ({ ...rule, QueueArn: arn }));
  const functions = of("function").map(({ arn, ...rule }) => ({ ...rule, LambdaFunctionArn: arn }));
  return {
    ...(topics.length > 0 ? { TopicConfigurations: topics } : {}),
    ...(queues.length > 0 ? { QueueConfigurations: queues } : {}),
    ...(functions.length > 0 ? { LambdaFunctionConfigurations: functions } : {}),
    ...(eventBridge ? { EventBridgeConfiguration: {} } : {}),
  };
}

function readRule(
  bucket: BucketRecord,
  context: OperationContext,
  kind: DestinationKind,
  arn: string | undefined,
  rule: Pick<AskedRule, "Id" | "Events" | "Filter">,
): NotificationRule {
  const { element, service } = KINDS[kind];
  if (!arn || !rule.Events?.length) throw s3Error("MalformedXML");
  for (const event of rule.Events) {
    if (EVENTS_ELSEWHERE.has(event)) throw notImplemented(`the S3 event type ${event}`);
    if (!isEventType(event)) {
      throw invalidArgument("The event is not supported for notifications", "Event", event);
    }
  }
  const parts = parseArn(arn);
  if (parts?.service !== service) throw invalidArgument("The ARN could not be parsed", element, arn);
  if (parts.region !== bucket.region) {
    throw invalidArgument(
      "The notification destination service region is not valid for the bucket location constraint",
      element,
      arn,
    );
  }
  return {
    kind,
    id: rule.Id || Buffer.from(context.random.uuid()).toString("base64"),
    arn,
    events: rule.Events,
    filter: readFilter(rule.Filter),
  };
}

function readFilter(filter: AskedRule["Filter"]): NotificationRule["filter"] {
  const seen = new Set<string>();
  return (filter?.Key?.FilterRules ?? []).map(({ Name, Value }) => {
    if (Name === undefined || Value === undefined) throw s3Error("MalformedXML");
    const name = Name.toLowerCase();
    if (name !== "prefix" && name !== "suffix") {
      throw invalidArgument("filter rule name must be either prefix or suffix", "FilterRule.Name", Name);
    }
    if (seen.has(name)) {
      throw invalidArgument(`Cannot specify more than one ${name} rule in a filter.`, "FilterRule.Name", Name);
    }
    seen.add(name);
    if (Buffer.byteLength(Value) > FILTER_VALUE_BYTES_MAX) {
      throw invalidArgument(
        "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
        "FilterRule.Value",
        Value,
      );
    }
    // S3 shows the names so, however they were written.
    return { Name: name === "prefix" ? "Prefix" : "Suffix", Value };
  });
}

function checkIds(rules: readonly NotificationRule[]): void {
  if (new Set(rules.map(({ id }) => id)).size < rules.length) {
    throw new AwsError("InvalidArgument", "Same ID used for multiple configurations. IDs must be unique");
  }
}

/** No event of any key may fall to two rules. */
function checkOverlaps(rules: readonly NotificationRule[]): void {
  rules.forEach((one, at) => {
    const events = new Set(one.events.flatMap(eventsOf));
    for (const other of rules.slice(at + 1)) {
      if (!other.events.flatMap(eventsOf).some((event) => events.has(event))) continue;
      const [left, right] = [filterOf(one), filterOf(other)];
      const prefixes = left.prefix.startsWith(right.prefix) || right.prefix.startsWith(left.prefix);
      const suffixes = left.suffix.endsWith(right.suffix) || right.suffix.endsWith(left.suffix);
      if (!prefixes || !suffixes) continue;
      throw new AwsError(
        "InvalidArgument",
        one.filter.length === 0 && other.filter.length === 0
          ? "Configurations overlap. Configurations on the same bucket cannot share a common event type."
          : "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type.",
      );
    }
  });
}

/** Prefix and suffix as keys have them. A filter's value is written as in a URL: `+` stands for a space. */
export function filterOf({ filter }: Pick<NotificationRule, "filter">): { prefix: string; suffix: string } {
  const value = (name: string) => decoded(filter.find((rule) => rule.Name === name)?.Value ?? "");
  return { prefix: value("Prefix"), suffix: value("Suffix") };
}

function decoded(text: string): string {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
