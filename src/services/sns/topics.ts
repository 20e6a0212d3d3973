/** Topics: create, list, change, delete, tag, permit. */
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { invalidParameter, resourceNotFound, topicNotFound } from "./errors.ts";
import { pageStart, pageToken } from "./pages.ts";
import { checkedTags, checkTagCount, checkTopicName, DELETED_MS, PAGE_MAX } from "./rules.ts";
import { ensureSigningKey, type MakeKeyPair } from "./signing.ts";
import {
  deletedKey,
  placeOfTopic,
  removeSubscription,
  Subscriptions,
  sequenceKey,
  type Topic,
  type TopicPlace,
  Topics,
  topicArn,
  topicKey,
} from "./state.ts";
import { changeTopicAttributes, defaultPolicy, readFifoTopic, shownTopicAttributes } from "./topic-attributes.ts";

/** Emitted when a topic was deleted: its subscriptions and what it remembers are swept in steps. */
export const TOPIC_DELETED = "sns.TopicDeleted";
/** Keys swept in one transaction. */
const SWEEP_MAX = 500;

/** The topic that an ARN names. @throws InvalidParameter, NotFound */
export function topicOf(tx: Transaction, text: string | undefined): Topic {
  if (!text) throw invalidParameter("TopicArn Reason: no value for required parameter");
  const place = placeOfTopic(text);
  if (!place) {
    const elements = text.split(":").length;
    throw invalidParameter(
      elements < 6
        ? `TopicArn Reason: An ARN must have at least 6 elements, not ${elements}`
        : "TopicArn Reason: A TopicArn must have exactly 6 elements",
    );
  }
  const topic = Topics.read(tx, topicKey(place));
  if (!topic) throw topicNotFound();
  return topic;
}

/**
 * Creates a topic, or answers with the one that exists if nothing about it differs.
 * Errors: InvalidParameter, TagLimitExceeded.
 * @see https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
 */
export const createTopic =
  (makeKeyPair: MakeKeyPair) =>
  (
    tx: Transaction,
    input: InputOf<"sns", "CreateTopic">,
    context: OperationContext,
  ): OutputOf<"sns", "CreateTopic"> => {
    const changes = input.Attributes ?? {};
    const fifo = readFifoTopic(changes["FifoTopic"]);
    checkTopicName(input.Name, fifo);
    const tags = checkedTags(input.Tags);
    checkTagCount(tags);
    const place: TopicPlace = { accountId: context.accountId, region: context.region, name: input.Name };
    const existing = Topics.get(tx, topicKey(place));
    if (existing) {
      const asked = changeTopicAttributes(place, existing.attributes, changes, "Attributes Reason: ");
      if (
        existing.attributes.FifoTopic !== fifo ||
        Object.keys(changes).some(
          (name) =>
            asked[name as keyof typeof asked] !== existing.attributes[name as keyof typeof asked] &&
            name !== "FifoTopic",
        )
      ) {
        throw invalidParameter("Attributes Reason: Topic already exists with different attributes");
      }
      if (input.Tags !== undefined && !sameTags(existing.tags, tags)) {
        throw invalidParameter("Tags Reason: Topic already exists with different tags");
      }
      return { TopicArn: topicArn(place) };
    }
    const attributes = changeTopicAttributes(
      place,
      {
        DisplayName: "",
        Policy: defaultPolicy(place),
        FifoTopic: fifo,
        ContentBasedDeduplication: false,
        FifoThroughputScope: "Topic",
      },
      changes,
      "Attributes Reason: ",
    );
    ensureSigningKey(tx, context, makeKeyPair);
    Topics.put(tx, topicKey(place), { ...place, createdMs: context.nowMs, attributes, tags });
    return { TopicArn: topicArn(place) };
  };

const sameTags = (left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean =>
  Object.keys(left).length === Object.keys(right).length &&
  Object.entries(left).every(([name, value]) => right[name] === value);

/** Deleting what is not there is a success. @see https://docs.aws.amazon.com/sns/latest/api/API_DeleteTopic.html */
export function deleteTopic(
  tx: Transaction,
  input: InputOf<"sns", "DeleteTopic">,
  _context: OperationContext,
): OutputOf<"sns", "DeleteTopic"> {
  const place = placeOfTopic(input.TopicArn);
  if (!place) throw invalidParameter("TopicArn Reason: An ARN must have at least 6 elements");
  if (!Topics.get(tx, topicKey(place))) return {};
  tx.delete(topicKey(place));
  tx.delete(sequenceKey(place));
  // Small topics go at once, so that a new topic of this name begins without subscriptions; what is left of large ones follows.
  sweepTopic(tx, place);
  return {};
}

/** Removes some of what a deleted topic left behind, and asks for the next step while there is more. */
export function sweepTopic(tx: Transaction, place: TopicPlace): void {
  const { accountId, region, name } = place;
  let left = SWEEP_MAX;
  const subscriptions = keysUnder("sns", accountId, region, "subscription", name);
  for (const [, subscription] of [
    ...Subscriptions.range(tx, subscriptions.start, subscriptions.end, { limit: left }),
  ]) {
    removeSubscription(tx, subscription);
    left--;
  }
  for (const kind of ["deleted", "dedup", "dedup-end"]) {
    if (left <= 0) break;
    const { start, end } = keysUnder("sns", accountId, region, kind, name);
    for (const [at] of [...tx.range(start, end, { limit: left })]) {
      tx.delete(at);
      left--;
    }
  }
  if (left <= 0) tx.emit({ type: TOPIC_DELETED, detail: place });
}

/** @see https://docs.aws.amazon.com/sns/latest/api/API_ListTopics.html */
export function listTopics(
  tx: Transaction,
  input: InputOf<"sns", "ListTopics">,
  { accountId, region }: OperationContext,
): OutputOf<"sns", "ListTopics"> {
  const range = keysUnder("sns", accountId, region, "topic");
  const start = pageStart(input.NextToken, range);
  const found = [...Topics.range(tx, start, range.end, { limit: PAGE_MAX + 1 })];
  const page = found.slice(0, PAGE_MAX);
  return {
    Topics: page.map(([, topic]) => ({ TopicArn: topicArn(topic) })),
    ...(found.length > PAGE_MAX ? { NextToken: pageToken(page.at(-1)![0]) } : {}),
  };
}

/** @see https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html */
export function getTopicAttributes(
  tx: Transaction,
  input: InputOf<"sns", "GetTopicAttributes">,
  context: OperationContext,
): OutputOf<"sns", "GetTopicAttributes"> {
  const topic = topicOf(tx, input.TopicArn);
  const { accountId, region, name } = topic;
  let confirmed = 0;
  let pending = 0;
  const { start, end } = keysUnder("sns", accountId, region, "subscription", name);
  for (const [, subscription] of Subscriptions.range(tx, start, end)) {
    if (subscription.confirmed) confirmed++;
    else pending++;
  }
  let deleted = 0;
  const since = deletedKey(topic, context.nowMs - DELETED_MS, "");
  for (const _ of tx.range(since, keysUnder("sns", accountId, region, "deleted", name).end)) deleted++;
  return {
    Attributes: {
      ...shownTopicAttributes(topic),
      SubscriptionsConfirmed: String(confirmed),
      SubscriptionsPending: String(pending),
      SubscriptionsDeleted: String(deleted),
    },
  };
}

/** @see https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html */
export function setTopicAttributes(
  tx: Transaction,
  input: InputOf<"sns", "SetTopicAttributes">,
  _context: OperationContext,
): OutputOf<"sns", "SetTopicAttributes"> {
  if (!input.AttributeName) throw invalidParameter("AttributeName");
  const topic = topicOf(tx, input.TopicArn);
  const attributes = changeTopicAttributes(topic, topic.attributes, { [input.AttributeName]: input.AttributeValue });
  Topics.put(tx, topicKey(topic), { ...topic, attributes });
  return {};
}

// Tags

/** Here a topic that does not exist has another name. @throws InvalidParameter, ResourceNotFound */
function tagged(tx: Transaction, resource: string | undefined): Topic {
  const place = placeOfTopic(resource);
  if (!place) throw invalidParameter("ResourceArn");
  const topic = Topics.read(tx, topicKey(place));
  if (!topic) throw resourceNotFound();
  return topic;
}

export function tagResource(
  tx: Transaction,
  input: InputOf<"sns", "TagResource">,
  _context: OperationContext,
): OutputOf<"sns", "TagResource"> {
  const topic = tagged(tx, input.ResourceArn);
  const tags = { ...topic.tags, ...checkedTags(input.Tags) };
  checkTagCount(tags);
  Topics.put(tx, topicKey(topic), { ...topic, tags });
  return {};
}

export function untagResource(
  tx: Transaction,
  input: InputOf<"sns", "UntagResource">,
  _context: OperationContext,
): OutputOf<"sns", "UntagResource"> {
  const topic = tagged(tx, input.ResourceArn);
  const gone = new Set(input.TagKeys);
  const tags = Object.fromEntries(Object.entries(topic.tags).filter(([name]) => !gone.has(name)));
  Topics.put(tx, topicKey(topic), { ...topic, tags });
  return {};
}

export function listTagsForResource(
  tx: Transaction,
  input: InputOf<"sns", "ListTagsForResource">,
  _context: OperationContext,
): OutputOf<"sns", "ListTagsForResource"> {
  const { tags } = tagged(tx, input.ResourceArn);
  return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}

// Permissions: statements of the topic's policy, by label

interface Policy {
  readonly Statement: ReadonlyArray<Readonly<Record<string, unknown>>>;
}

const ACTIONS: ReadonlySet<string> = new Set([
  "*",
  "AddPermission",
  "DeleteTopic",
  "GetDataProtectionPolicy",
  "GetTopicAttributes",
  "ListSubscriptionsByTopic",
  "ListTagsForResource",
  "Publish",
  "PutDataProtectionPolicy",
  "RemovePermission",
  "SetTopicAttributes",
  "Subscribe",
]);

/** @see https://docs.aws.amazon.com/sns/latest/api/API_AddPermission.html */
export function addPermission(
  tx: Transaction,
  input: InputOf<"sns", "AddPermission">,
  _context: OperationContext,
): OutputOf<"sns", "AddPermission"> {
  const topic = topicOf(tx, input.TopicArn);
  if (!input.Label) throw invalidParameter("Label");
  const accounts = input.AWSAccountId ?? [];
  const actions = input.ActionName ?? [];
  if (accounts.length === 0 || !accounts.every((one) => /^\d{12}$/.test(one))) throw invalidParameter("AWSAccountId");
  if (actions.length === 0 || !actions.every((one) => ACTIONS.has(one))) {
    throw invalidParameter("Policy statement action out of service scope!");
  }
  const policy = JSON.parse(topic.attributes.Policy) as Policy;
  const statements = [policy.Statement].flat();
  if (statements.some((statement) => statement["Sid"] === input.Label))
    throw invalidParameter("Statement already exists");
  const principals = accounts.map((account) => `arn:aws:iam::${account}:root`);
  const names = actions.map((action) => `SNS:${action}`);
  const one = <T>(list: readonly T[]) => (list.length === 1 ? list[0] : list);
  const statement = {
    Sid: input.Label,
    Effect: "Allow",
    Principal: { AWS: one(principals) },
    Action: one(names),
    Resource: topicArn(topic),
  };
  return putPolicy(tx, topic, { ...policy, Statement: [...statements, statement] });
}

/** @see https://docs.aws.amazon.com/sns/latest/api/API_RemovePermission.html */
export function removePermission(
  tx: Transaction,
  input: InputOf<"sns", "RemovePermission">,
  _context: OperationContext,
): OutputOf<"sns", "RemovePermission"> {
  const topic = topicOf(tx, input.TopicArn);
  const policy = JSON.parse(topic.attributes.Policy) as Policy;
  const left = [policy.Statement].flat().filter((statement) => statement["Sid"] !== input.Label);
  return putPolicy(tx, topic, { ...policy, Statement: left });
}

function putPolicy(tx: Transaction, topic: Topic, policy: Policy): Record<string, never> {
  const attributes = changeTopicAttributes(topic, topic.attributes, {
    Policy: policy.Statement.length === 0 ? "" : JSON.stringify(policy),
  });
  Topics.put(tx, topicKey(topic), { ...topic, attributes });
  return {};
}

/** The topic's policy by ARN, for the authorizer. */
export function resourcePolicy(tx: Transaction, resource: string): string | undefined {
  const place = placeOfTopic(resource);
  return place && Topics.read(tx, topicKey(place))?.attributes.Policy;
}
