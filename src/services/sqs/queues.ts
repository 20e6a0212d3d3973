/** Queues: create, find, list, change, purge, delete, tag, permit. */
import type {
  AddPermissionCommandInput,
  CreateQueueCommandInput,
  DeleteQueueCommandInput,
  GetQueueAttributesCommandInput,
  GetQueueUrlCommandInput,
  ListDeadLetterSourceQueuesCommandInput,
  ListQueuesCommandInput,
  ListQueueTagsCommandInput,
  PurgeQueueCommandInput,
  RemovePermissionCommandInput,
  SetQueueAttributesCommandInput,
  TagQueueCommandInput,
  UntagQueueCommandInput,
} from "@aws-sdk/client-sqs";
import { AwsError } from "../../kernel/errors.ts";
import { lowerId } from "../../kernel/ids.ts";
import { type Key, keysUnder, keysWithPrefix } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { changeAttributes, checkFifoFlag, DEFAULTS, differingAttribute, queueArnOf, settingsOf } from "./attributes.ts";
import {
  invalidAddress,
  invalidAttributeName,
  invalidParameter,
  missingParameter,
  purgeQueueInProgress,
  queueDoesNotExist,
  queueNameExists,
} from "./errors.ts";
import { countDelayed, countersOf, countInFlight, emitSweep } from "./line.ts";
import { checkQueueName, checkRange } from "./rules.ts";
import { countersKey, MoveTasks, type Queue, QueueCounters, Queues, queueKey, topicOf } from "./state.ts";

/** Emitted when a generation's messages are to be swept: its queue was purged or deleted. */
export const GENERATION_ENDED = "sqs.GenerationEnded";

const PURGE_INTERVAL_MS = 60_000;
const LIST_MAX = 1000;

/** The queue that a URL names: its last two segments are account and name, whatever the host. @throws InvalidAddress, QueueDoesNotExist */
export function queueOf(tx: Transaction, context: Pick<OperationContext, "region">, url: string | undefined): Queue {
  const queue = Queues.read(tx, keyOfUrl(url, context.region));
  if (!queue) throw queueDoesNotExist();
  return queue;
}

/** Keys of the URLs that were asked for of late, for the region that last asked: every request names one, most more than once. */
const knownKeys = new Map<string, { readonly region: string; readonly key: Key }>();
const KNOWN_KEYS_MAX = 1000;

function keyOfUrl(url: string | undefined, region: string): Key {
  const known = knownKeys.get(url!);
  if (known?.region === region) return known.key;
  const { accountId, name } = splitUrl(url);
  const found = { region, key: queueKey(accountId, region, name) };
  if (knownKeys.size >= KNOWN_KEYS_MAX) knownKeys.clear();
  knownKeys.set(url!, found);
  return found.key;
}

/** @throws MissingParameter, InvalidAddress */
export function splitUrl(url: string | undefined): { readonly accountId: string; readonly name: string } {
  if (!url) throw missingParameter("QueueUrl");
  const match = /(?:^|\/)(\d{12})\/([^/?#]+)\/?$/.exec(url);
  if (!match) throw invalidAddress(url);
  return { accountId: match[1]!, name: match[2]! };
}

export const urlOf = (queue: Queue, context: Pick<OperationContext, "endpoint">): string =>
  `${context.endpoint}/${queue.accountId}/${queue.name}`;

/**
 * Creates a queue, or answers with the one that exists if nothing about it differs.
 * Errors: MissingParameter, InvalidParameterValue, InvalidAttributeName, InvalidAttributeValue, QueueNameExists.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
 */
export function createQueue(
  tx: Transaction,
  input: CreateQueueCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "CreateQueue"> {
  const changes = (input.Attributes ?? {}) as Record<string, string>;
  const fifo = checkFifoFlag(changes);
  checkQueueName(input.QueueName, fifo);
  checkTags(input.tags);
  const { accountId, region, nowMs } = context;
  const place = queueKey(accountId, region, input.QueueName);
  const identity = { name: input.QueueName, accountId, region };
  const attributes = changeAttributes(tx, context, queueArnOf(identity), { ...DEFAULTS, FifoQueue: fifo }, changes);
  const existing = Queues.get(tx, place);
  if (existing) {
    const differing = differingAttribute(existing.attributes, attributes, Object.keys(changes));
    if (differing) throw queueNameExists(differing);
    return { QueueUrl: urlOf(existing, context) };
  }
  const queue: Queue = {
    ...identity,
    generation: newGeneration(context),
    createdMs: nowMs,
    modifiedMs: nowMs,
    attributes,
    tags: input.tags ?? {},
  };
  Queues.put(tx, place, queue);
  return { QueueUrl: urlOf(queue, context) };
}

const newGeneration = (context: OperationContext): string => lowerId(context.random, 12);

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html */
export function getQueueUrl(
  tx: Transaction,
  input: GetQueueUrlCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "GetQueueUrl"> {
  if (!input.QueueName) throw missingParameter("QueueName");
  const queue = Queues.get(
    tx,
    queueKey(input.QueueOwnerAWSAccountId ?? context.accountId, context.region, input.QueueName),
  );
  if (!queue) throw queueDoesNotExist();
  return { QueueUrl: urlOf(queue, context) };
}

/** Pages begin after the name that the token holds. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html */
export function listQueues(
  tx: Transaction,
  input: ListQueuesCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "ListQueues"> {
  const limit = pageSize(input);
  const { start, end } = keysWithPrefix(
    ["sqs", context.accountId, context.region, "queue"],
    input.QueueNamePrefix ?? "",
  );
  const { page, token } = paged(queuesIn(tx, start, end), limit, input.NextToken);
  return {
    ...(page.length > 0 ? { QueueUrls: page.map((queue) => urlOf(queue, context)) } : {}),
    ...(token && input.MaxResults ? { NextToken: token } : {}),
  };
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListDeadLetterSourceQueues.html */
export function listDeadLetterSourceQueues(
  tx: Transaction,
  input: ListDeadLetterSourceQueuesCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "ListDeadLetterSourceQueues"> {
  const target = queueArnOf(queueOf(tx, context, input.QueueUrl));
  const limit = pageSize(input);
  const { page, token } = paged(sourcesOf(tx, context, target), limit, input.NextToken);
  return {
    queueUrls: page.map((queue) => urlOf(queue, context)),
    ...(token && input.MaxResults ? { NextToken: token } : {}),
  };
}

function* queuesIn(
  tx: Transaction,
  start: Parameters<typeof Queues.range>[1],
  end: Parameters<typeof Queues.range>[2],
): IterableIterator<Queue> {
  for (const [, queue] of Queues.range(tx, start, end)) yield queue;
}

/** Queues whose redrive policy names this dead-letter queue. */
export function* sourcesOf(
  tx: Transaction,
  context: { readonly accountId: string; readonly region: string },
  deadLetterArn: string,
): IterableIterator<Queue> {
  const { start, end } = keysUnder("sqs", context.accountId, context.region, "queue");
  for (const queue of queuesIn(tx, start, end)) {
    if (queue.attributes.RedrivePolicy?.deadLetterTargetArn === deadLetterArn) yield queue;
  }
}

function pageSize({
  MaxResults,
  NextToken,
}: {
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}): number {
  if (MaxResults === undefined) {
    if (NextToken)
      throw invalidParameter("MaxResults is a mandatory parameter when you provide a value for NextToken.");
    return LIST_MAX;
  }
  checkRange(MaxResults, "MaxResults", 1, LIST_MAX);
  return MaxResults;
}

function paged(
  queues: Iterable<Queue>,
  limit: number,
  token: string | undefined,
): { page: Queue[]; token: string | undefined } {
  const from = token === undefined ? "" : Buffer.from(token, "base64url").toString("utf8");
  const page: Queue[] = [];
  for (const queue of queues) {
    if (queue.name <= from) continue;
    if (page.length === limit) return { page, token: Buffer.from(page.at(-1)!.name).toString("base64url") };
    page.push(queue);
  }
  return { page, token: undefined };
}

const COUNTS = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
];
const SETTINGS = [
  "VisibilityTimeout",
  "MaximumMessageSize",
  "MessageRetentionPeriod",
  "DelaySeconds",
  "ReceiveMessageWaitTimeSeconds",
  "SqsManagedSseEnabled",
  "Policy",
  "RedrivePolicy",
  "RedriveAllowPolicy",
  "FifoQueue",
  "ContentBasedDeduplication",
  "DeduplicationScope",
  "FifoThroughputLimit",
  "KmsMasterKeyId",
  "KmsDataKeyReusePeriodSeconds",
];
const FACTS = ["QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"];

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html */
export function getQueueAttributes(
  tx: Transaction,
  input: GetQueueAttributesCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "GetQueueAttributes"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  const asked = input.AttributeNames ?? [];
  for (const name of asked) {
    if (name !== "All" && ![...COUNTS, ...SETTINGS, ...FACTS].includes(name)) throw invalidAttributeName(name);
  }
  if (asked.length === 0) return {};
  const wants = (name: string) => asked.includes("All") || asked.includes(name as (typeof asked)[number]);
  const all: Record<string, string> = {
    QueueArn: queueArnOf(queue),
    CreatedTimestamp: seconds(queue.createdMs),
    LastModifiedTimestamp: seconds(queue.modifiedMs),
    ...settingsOf(queue),
  };
  if (COUNTS.some(wants)) Object.assign(all, countsOf(tx, queue, context.nowMs));
  return { Attributes: Object.fromEntries(Object.entries(all).filter(([name]) => wants(name))) };
}

function countsOf(tx: Transaction, queue: Queue, nowMs: number): Record<string, string> {
  const { messages } = countersOf(tx, queue.generation);
  const inFlight = countInFlight(tx, queue, nowMs, Number.POSITIVE_INFINITY);
  const delayed = countDelayed(tx, queue, nowMs);
  return {
    ApproximateNumberOfMessages: String(messages - inFlight - delayed),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
  };
}

const seconds = (ms: number): string => String(Math.floor(ms / 1000));

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
export function setQueueAttributes(
  tx: Transaction,
  input: SetQueueAttributesCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "SetQueueAttributes"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  if (!input.Attributes) throw missingParameter("Attributes");
  const attributes = changeAttributes(
    tx,
    context,
    queueArnOf(queue),
    queue.attributes,
    input.Attributes as Record<string, string>,
  );
  const next = { ...queue, attributes, modifiedMs: context.nowMs };
  putQueue(tx, next);
  if (attributes.MessageRetentionPeriod < queue.attributes.MessageRetentionPeriod) {
    const counters = countersOf(tx, queue.generation);
    if (counters.messages > 0) {
      QueueCounters.put(tx, countersKey(queue.generation), { ...counters, sweepMs: context.nowMs });
      emitSweep(tx, next, context.nowMs);
    }
  }
  return {};
}

function putQueue(tx: Transaction, queue: Queue): void {
  Queues.put(tx, queueKey(queue.accountId, queue.region, queue.name), queue);
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_PurgeQueue.html */
export function purgeQueue(
  tx: Transaction,
  input: PurgeQueueCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "PurgeQueue"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  if (queue.purgedMs !== undefined && context.nowMs - queue.purgedMs < PURGE_INTERVAL_MS)
    throw purgeQueueInProgress(queue.name);
  const generation = newGeneration(context);
  // Sequence numbers go on: they order messages for as long as the queue lives.
  QueueCounters.put(tx, countersKey(generation), {
    nextSequence: countersOf(tx, queue.generation).nextSequence,
    messages: 0,
  });
  putQueue(tx, { ...queue, generation, purgedMs: context.nowMs });
  endGeneration(tx, queue, context);
  return {};
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html */
export function deleteQueue(
  tx: Transaction,
  input: DeleteQueueCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "DeleteQueue"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  tx.delete(queueKey(queue.accountId, queue.region, queue.name));
  const tasks = keysUnder("sqs", queue.accountId, queue.region, "move", queue.name);
  for (const [place] of [...MoveTasks.range(tx, tasks.start, tasks.end)]) tx.delete(place);
  endGeneration(tx, queue, context);
  return {};
}

function endGeneration(tx: Transaction, queue: Queue, context: OperationContext): void {
  tx.emit({ type: GENERATION_ENDED, detail: { generation: queue.generation } });
  // Whoever polls the old generation looks again and finds the new one, or none.
  context.wake(topicOf(queue.generation));
}

// Tags

const TAGS_MAX = 50;

function checkTags(tags: Readonly<Record<string, string>> | undefined): void {
  const entries = Object.entries(tags ?? {});
  if (entries.length > TAGS_MAX) throw invalidParameter(`Too many tags added for queue. Maximum is ${TAGS_MAX}.`);
  for (const [name, value] of entries) {
    if (name.length < 1 || name.length > 128 || value.length > 256)
      throw invalidParameter("Tag keys must be between 1 and 128 characters in length, tag values at most 256.");
    if (/^aws:/i.test(name)) throw invalidParameter("Tag keys cannot start with the reserved prefix 'aws:'.");
  }
}

export function tagQueue(
  tx: Transaction,
  input: TagQueueCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "TagQueue"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  if (!input.Tags || Object.keys(input.Tags).length === 0) throw missingParameter("Tags");
  const tags = { ...queue.tags, ...input.Tags };
  checkTags(tags);
  putQueue(tx, { ...queue, tags });
  return {};
}

export function untagQueue(
  tx: Transaction,
  input: UntagQueueCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "UntagQueue"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  if (!input.TagKeys?.length) throw missingParameter("TagKeys");
  putQueue(tx, {
    ...queue,
    tags: Object.fromEntries(Object.entries(queue.tags).filter(([name]) => !input.TagKeys!.includes(name))),
  });
  return {};
}

export function listQueueTags(
  tx: Transaction,
  input: ListQueueTagsCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "ListQueueTags"> {
  const { tags } = queueOf(tx, context, input.QueueUrl);
  return Object.keys(tags).length > 0 ? { Tags: { ...tags } } : {};
}

// Permissions: statements of the queue's policy, by label

const ACTIONS = [
  "*",
  "SendMessage",
  "ReceiveMessage",
  "DeleteMessage",
  "ChangeMessageVisibility",
  "GetQueueAttributes",
  "GetQueueUrl",
  "ListDeadLetterSourceQueues",
  "PurgeQueue",
];

interface Policy {
  Version: string;
  Id?: string;
  Statement: Array<Record<string, unknown>>;
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html */
export function addPermission(
  tx: Transaction,
  input: AddPermissionCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "AddPermission"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  if (!input.Label) throw missingParameter("Label");
  if (!/^[a-zA-Z0-9_-]{1,80}$/.test(input.Label))
    throw invalidParameter(
      `Value ${input.Label} for parameter Label is invalid. Reason: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.`,
    );
  if (!input.AWSAccountIds?.length) throw missingParameter("AWSAccountIds");
  if (!input.Actions?.length) throw missingParameter("Actions");
  const unknown = input.Actions.find((action) => !ACTIONS.includes(action));
  if (unknown)
    throw invalidParameter(
      `Value SQS:${unknown} for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list of valid actions.`,
    );
  const arn = queueArnOf(queue);
  const policy: Policy = queue.attributes.Policy
    ? JSON.parse(queue.attributes.Policy)
    : { Version: "2012-10-17", Id: `${arn}/SQSDefaultPolicy`, Statement: [] };
  if (policy.Statement.some((statement) => statement["Sid"] === input.Label)) {
    throw invalidParameter(`Value ${input.Label} for parameter Label is invalid. Reason: Already exists.`);
  }
  const single = <T>(values: readonly T[]) => (values.length === 1 ? values[0] : values);
  policy.Statement.push({
    Sid: input.Label,
    Effect: "Allow",
    Principal: { AWS: single(input.AWSAccountIds.map((account) => `arn:aws:iam::${account}:root`)) },
    Action: single(input.Actions.map((action) => `SQS:${action}`)),
    Resource: arn,
  });
  putQueue(tx, { ...queue, attributes: { ...queue.attributes, Policy: JSON.stringify(policy) } });
  return {};
}

export function removePermission(
  tx: Transaction,
  input: RemovePermissionCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "RemovePermission"> {
  const queue = queueOf(tx, context, input.QueueUrl);
  if (!input.Label) throw missingParameter("Label");
  const policy: Policy | undefined = queue.attributes.Policy ? JSON.parse(queue.attributes.Policy) : undefined;
  const left = policy?.Statement.filter((statement) => statement["Sid"] !== input.Label) ?? [];
  if (!policy || left.length === policy.Statement.length) {
    throw new AwsError(
      "InvalidParameterValue",
      `Value ${input.Label} for parameter Label is invalid. Reason: can't find label on existing policy.`,
    );
  }
  const { Policy: _, ...others } = queue.attributes;
  putQueue(tx, {
    ...queue,
    attributes: left.length > 0 ? { ...others, Policy: JSON.stringify({ ...policy, Statement: left }) } : others,
  });
  return {};
}
