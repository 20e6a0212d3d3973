/** AWS::SQS::Queue and AWS::SQS::QueuePolicy. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html */
import type { ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";

const ATTRIBUTES = [
  "ContentBasedDeduplication",
  "DeduplicationScope",
  "DelaySeconds",
  "FifoQueue",
  "FifoThroughputLimit",
  "MaximumMessageSize",
  "MessageRetentionPeriod",
  "ReceiveMessageWaitTimeSeconds",
  "RedriveAllowPolicy",
  "RedrivePolicy",
  "SqsManagedSseEnabled",
  "VisibilityTimeout",
] as const;

/** What an attribute returns to when a template no longer mentions it. */
const DEFAULTS: Readonly<Record<string, string>> = {
  ContentBasedDeduplication: "false",
  DeduplicationScope: "queue",
  DelaySeconds: "0",
  FifoThroughputLimit: "perQueue",
  MaximumMessageSize: "1048576",
  MessageRetentionPeriod: "345600",
  ReceiveMessageWaitTimeSeconds: "0",
  RedriveAllowPolicy: "",
  RedrivePolicy: "",
  SqsManagedSseEnabled: "true",
  VisibilityTimeout: "30",
};

function attributesOf(properties: ResourceProperties): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of ATTRIBUTES) {
    const value = properties[name];
    if (value === undefined || (name === "FifoQueue" && value === false)) continue;
    out[name] = typeof value === "object" ? JSON.stringify(value) : String(value);
  }
  return out;
}

function tagsOf(context: ResourceContext, properties: ResourceProperties): Record<string, string> {
  const own = (properties.Tags ?? []) as Array<{ Key: string; Value: string }>;
  return { ...context.tags, ...Object.fromEntries(own.map(({ Key, Value }) => [Key, Value])) };
}

async function stateOf(context: ResourceContext, id: string) {
  const { Attributes } = await context.call("sqs", "GetQueueAttributes", {
    QueueUrl: id,
    AttributeNames: ["QueueArn"],
  });
  return { id, attributes: { Arn: Attributes!.QueueArn!, QueueName: id.split("/").at(-1)!, QueueUrl: id } };
}

const gone = (error: unknown): boolean => (error as { code?: string }).code === "QueueDoesNotExist";

const queue: ResourceType = {
  properties: {
    QueueName: "string",
    ContentBasedDeduplication: "boolean",
    DeduplicationScope: "string",
    DelaySeconds: "integer",
    FifoQueue: "boolean",
    FifoThroughputLimit: "string",
    MaximumMessageSize: "integer",
    MessageRetentionPeriod: "integer",
    ReceiveMessageWaitTimeSeconds: "integer",
    RedriveAllowPolicy: "json",
    RedrivePolicy: "json",
    SqsManagedSseEnabled: "boolean",
    Tags: [{ object: { Key: "string", Value: "string" } }],
    VisibilityTimeout: "integer",
  },
  replacement: ["QueueName", "FifoQueue"],
  nameProperty: "QueueName",
  attributes: ["Arn", "QueueName", "QueueUrl"],
  async create(context, properties) {
    const QueueName = properties.QueueName ?? context.physicalName(80, properties.FifoQueue ? { suffix: ".fifo" } : {});
    const { QueueUrl } = await context.call("sqs", "CreateQueue", {
      QueueName,
      Attributes: attributesOf(properties),
      tags: tagsOf(context, properties),
    });
    return stateOf(context, QueueUrl!);
  },
  async update(context, id, properties, previous) {
    const wanted = attributesOf(properties);
    const before = attributesOf(previous);
    const Attributes: Record<string, string> = {};
    for (const name of Object.keys({ ...before, ...wanted })) {
      if (name !== "FifoQueue" && wanted[name] !== before[name]) Attributes[name] = wanted[name] ?? DEFAULTS[name]!;
    }
    if (Object.keys(Attributes).length > 0)
      await context.call("sqs", "SetQueueAttributes", { QueueUrl: id, Attributes });
    const tags = tagsOf(context, properties);
    const { Tags = {} } = await context.call("sqs", "ListQueueTags", { QueueUrl: id });
    const dropped = Object.keys(Tags).filter((name) => !(name in tags));
    if (dropped.length > 0) await context.call("sqs", "UntagQueue", { QueueUrl: id, TagKeys: dropped });
    if (Object.keys(tags).length > 0) await context.call("sqs", "TagQueue", { QueueUrl: id, Tags: tags });
    return stateOf(context, id);
  },
  async delete(context, id) {
    await context.call("sqs", "DeleteQueue", { QueueUrl: id }).catch((error) => {
      if (!gone(error)) throw error;
    });
  },
};

async function setPolicy(context: ResourceContext, queues: readonly string[], document: unknown): Promise<void> {
  const Policy = document === undefined ? "" : typeof document === "string" ? document : JSON.stringify(document);
  for (const QueueUrl of queues) {
    await context.call("sqs", "SetQueueAttributes", { QueueUrl, Attributes: { Policy } }).catch((error) => {
      if (document !== undefined || !gone(error)) throw error;
    });
  }
}

const queuePolicy: ResourceType = {
  properties: { PolicyDocument: "json", Queues: ["string"] },
  required: ["PolicyDocument", "Queues"],
  attributes: ["Id"],
  async create(context, properties) {
    await setPolicy(context, properties.Queues, properties.PolicyDocument);
    const id = context.physicalName(100);
    return { id, attributes: { Id: id } };
  },
  async update(context, id, properties, previous) {
    const dropped = previous.Queues.filter((url: string) => !properties.Queues.includes(url));
    await setPolicy(context, dropped, undefined);
    await setPolicy(context, properties.Queues, properties.PolicyDocument);
    return { id, attributes: { Id: id } };
  },
  async delete(context, _id, properties) {
    await setPolicy(context, properties.Queues, undefined);
  },
};

export const resources = { "AWS::SQS::Queue": queue, "AWS::SQS::QueuePolicy": queuePolicy } as const;
