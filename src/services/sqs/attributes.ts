/** Queue attributes: read from the strings that clients send, checked, and written back as strings. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html */
import { arn, parseArn } from "../../kernel/arn.ts";
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { invalidAttributeName, invalidAttributeValue, invalidValue } from "./errors.ts";
import { MESSAGE_BYTES_MAX } from "./rules.ts";
import { type Queue, type QueueAttributes, Queues, queueKey } from "./state.ts";

export const DEFAULTS: QueueAttributes = {
  VisibilityTimeout: 30,
  MaximumMessageSize: MESSAGE_BYTES_MAX,
  MessageRetentionPeriod: 345_600,
  DelaySeconds: 0,
  ReceiveMessageWaitTimeSeconds: 0,
  SqsManagedSseEnabled: true,
  FifoQueue: false,
  ContentBasedDeduplication: false,
  DeduplicationScope: "queue",
  FifoThroughputLimit: "perQueue",
};

const RANGES = {
  VisibilityTimeout: [0, 43_200],
  MaximumMessageSize: [1024, MESSAGE_BYTES_MAX],
  MessageRetentionPeriod: [60, 1_209_600],
  DelaySeconds: [0, 900],
  ReceiveMessageWaitTimeSeconds: [0, 20],
} as const;

const FIFO_ONLY = ["ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];

const isBoolean = (text: string) => /^(true|false)$/i.test(text);
const toBoolean = (text: string) => text.toLowerCase() === "true";

/**
 * The attributes after a change. An empty string takes a policy away.
 * @throws InvalidAttributeName, InvalidAttributeValue; InvalidParameterValue for redrive policies
 */
export function changeAttributes(
  tx: Transaction,
  context: OperationContext,
  queueArn: string,
  current: QueueAttributes,
  changes: Readonly<Record<string, string | undefined>>,
): QueueAttributes {
  const next: Record<string, unknown> = { ...current };
  for (const [name, text] of Object.entries(changes)) {
    if (text === undefined) continue;
    if (name in RANGES) {
      const [minimum, maximum] = RANGES[name as keyof typeof RANGES];
      const value = Number(text);
      if (text.trim() === "" || !Number.isInteger(value) || value < minimum || value > maximum)
        throw invalidAttributeValue(name);
      next[name] = value;
    } else if (name === "Policy") {
      next[name] = text === "" ? undefined : readPolicy(text);
    } else if (name === "RedrivePolicy") {
      next[name] = text === "" ? undefined : readRedrivePolicy(tx, context, queueArn, text, current.FifoQueue);
    } else if (name === "RedriveAllowPolicy") {
      next[name] = text === "" ? undefined : readRedriveAllowPolicy(text);
    } else if (name === "FifoQueue") {
      if (!isBoolean(text)) throw invalidAttributeValue(name);
      if (toBoolean(text) !== current.FifoQueue) throw invalidAttributeName(name);
    } else if (name === "SqsManagedSseEnabled") {
      if (!isBoolean(text)) throw invalidAttributeValue(name);
      next[name] = toBoolean(text);
    } else if (FIFO_ONLY.includes(name)) {
      if (!current.FifoQueue) throw invalidAttributeName(name);
      next[name] = readFifoAttribute(name, text);
    } else if (name === "KmsMasterKeyId" || name === "KmsDataKeyReusePeriodSeconds") {
      if (text !== "" || name !== "KmsMasterKeyId") throw notImplemented(`the SQS attribute ${name}`);
    } else throw invalidAttributeName(name);
  }
  const result = next as unknown as QueueAttributes;
  if (result.FifoThroughputLimit === "perMessageGroupId" && result.DeduplicationScope !== "messageGroup") {
    throw invalidAttributeValue(
      "FifoThroughputLimit",
      "The FifoThroughputLimit attribute can be set to perMessageGroupId only when DeduplicationScope is set to messageGroup.",
    );
  }
  return result;
}

function readFifoAttribute(name: string, text: string): boolean | string {
  if (name === "ContentBasedDeduplication") {
    if (!isBoolean(text)) throw invalidAttributeValue(name);
    return toBoolean(text);
  }
  const allowed = name === "DeduplicationScope" ? ["queue", "messageGroup"] : ["perQueue", "perMessageGroupId"];
  if (!allowed.includes(text)) throw invalidAttributeValue(name);
  return text;
}

function readPolicy(text: string): string {
  try {
    const policy = JSON.parse(text);
    if (typeof policy === "object" && policy !== null && "Statement" in policy) return text;
  } catch {}
  throw invalidAttributeValue("Policy");
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html */
function readRedrivePolicy(tx: Transaction, context: OperationContext, queueArn: string, text: string, fifo: boolean) {
  const refuse = (reason: string) => invalidValue(text, "RedrivePolicy", reason);
  let policy: Record<string, unknown>;
  try {
    policy = JSON.parse(text);
  } catch {
    throw refuse("Redrive policy is not a valid JSON map.");
  }
  if (typeof policy !== "object" || policy === null) throw refuse("Redrive policy is not a valid JSON map.");
  const { deadLetterTargetArn, maxReceiveCount } = policy;
  if (deadLetterTargetArn === undefined)
    throw refuse("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
  if (maxReceiveCount === undefined)
    throw refuse("Redrive policy does not contain mandatory attribute: maxReceiveCount.");
  const count = Number(maxReceiveCount);
  if (!Number.isInteger(count) || count < 1 || count > 1000)
    throw refuse(
      "Invalid value for maxReceiveCount: " + maxReceiveCount + ", valid values are from 1 to 1000 both inclusive.",
    );
  const target = parseArn(String(deadLetterTargetArn));
  if (target?.service !== "sqs" || target.accountId !== context.accountId || target.region !== context.region) {
    throw refuse("Invalid value for deadLetterTargetArn.");
  }
  const dead = Queues.get(tx, queueKey(target.accountId, target.region, target.resource));
  if (!dead) throw refuse("Dead letter target does not exist.");
  if (dead.attributes.FifoQueue !== fifo) throw refuse("Dead-letter queue must be same type of queue as the source.");
  const allow = dead.attributes.RedriveAllowPolicy;
  if (
    allow?.redrivePermission === "denyAll" ||
    (allow?.redrivePermission === "byQueue" && !allow.sourceQueueArns!.includes(queueArn))
  ) {
    throw refuse("Queue does not have permission to use the dead-letter queue: " + deadLetterTargetArn + ".");
  }
  return { deadLetterTargetArn: String(deadLetterTargetArn), maxReceiveCount: count };
}

function readRedriveAllowPolicy(text: string): QueueAttributes["RedriveAllowPolicy"] {
  const refuse = (reason: string) => invalidValue(text, "RedriveAllowPolicy", reason);
  let policy: Record<string, unknown>;
  try {
    policy = JSON.parse(text);
  } catch {
    throw refuse("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.");
  }
  const { redrivePermission, sourceQueueArns } = policy ?? {};
  if (redrivePermission !== "allowAll" && redrivePermission !== "denyAll" && redrivePermission !== "byQueue") {
    throw refuse("Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format.");
  }
  const sources = sourceQueueArns as readonly string[] | undefined;
  if (redrivePermission === "byQueue") {
    if (!Array.isArray(sources) || sources.length < 1 || sources.length > 10)
      throw refuse("Amazon SQS can't create the redrive allow policy. Specify 1 to 10 source queue ARNs for byQueue.");
    return { redrivePermission, sourceQueueArns: sources };
  }
  if (sources !== undefined)
    throw refuse("Amazon SQS can't create the redrive allow policy. Source queue ARNs are allowed for byQueue only.");
  return { redrivePermission };
}

export const queueArnOf = (queue: Pick<Queue, "accountId" | "region" | "name">): string =>
  arn("sqs", queue.region, queue.accountId, queue.name);

/** How attributes look to clients: strings, absent ones left out. */
export function settingsOf(queue: Queue): Record<string, string> {
  const { FifoQueue, ContentBasedDeduplication, DeduplicationScope, FifoThroughputLimit, ...common } = queue.attributes;
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(common)) {
    if (value !== undefined) out[name] = typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  if (FifoQueue) {
    Object.assign(out, {
      FifoQueue: "true",
      ContentBasedDeduplication: String(ContentBasedDeduplication),
      DeduplicationScope,
      FifoThroughputLimit,
    });
  }
  return out;
}

/** The first attribute that an existing queue has otherwise than a repeated CreateQueue asks for. */
export function differingAttribute(
  existing: QueueAttributes,
  asked: QueueAttributes,
  named: readonly string[],
): string | undefined {
  return named.find(
    (name) =>
      JSON.stringify(existing[name as keyof QueueAttributes]) !== JSON.stringify(asked[name as keyof QueueAttributes]),
  );
}

export function checkFifoFlag(changes: Readonly<Record<string, string | undefined>>): boolean {
  const text = changes["FifoQueue"];
  if (text === undefined) return false;
  if (!isBoolean(text)) throw invalidAttributeValue("FifoQueue");
  if (!toBoolean(text)) throw invalidAttributeName("FifoQueue");
  return true;
}
