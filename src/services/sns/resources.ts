/** AWS::SNS::Topic, AWS::SNS::Subscription and AWS::SNS::TopicPolicy. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html */
import type { ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";

const textOf = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

const TOPIC_ATTRIBUTES = [
  "ContentBasedDeduplication",
  "DeliveryPolicy",
  "DisplayName",
  "FifoThroughputScope",
  "FifoTopic",
  "SignatureVersion",
  "TracingConfig",
] as const;

/** What an attribute returns to when a template no longer mentions it. */
const TOPIC_DEFAULTS: Readonly<Record<string, string>> = {
  ContentBasedDeduplication: "false",
  DeliveryPolicy: "",
  DisplayName: "",
  FifoThroughputScope: "Topic",
  SignatureVersion: "1",
  TracingConfig: "PassThrough",
};

function topicAttributes(properties: ResourceProperties): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of TOPIC_ATTRIBUTES) {
    const value = properties[name];
    if (value === undefined || (name === "FifoTopic" && value === false)) continue;
    out[name] = textOf(value);
  }
  return out;
}

function tagsOf(context: ResourceContext, properties: ResourceProperties): Record<string, string> {
  const own = (properties.Tags ?? []) as Array<{ Key: string; Value: string }>;
  return { ...context.tags, ...Object.fromEntries(own.map(({ Key, Value }) => [Key, Value])) };
}

const tagList = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

const topicState = (id: string) => ({ id, attributes: { TopicArn: id, TopicName: id.split(":").at(-1)! } });

/** The `Subscription` property: subscriptions that belong to the topic. */
async function subscribeAll(context: ResourceContext, TopicArn: string, wanted: any[], had: any[]): Promise<void> {
  const same = (one: any) => (other: any) => one.Protocol === other.Protocol && one.Endpoint === other.Endpoint;
  for (const { Protocol, Endpoint } of wanted) {
    if (!had.some(same({ Protocol, Endpoint })))
      await context.call("sns", "Subscribe", { TopicArn, Protocol, Endpoint });
  }
  const gone = had.filter((one) => !wanted.some(same(one)));
  if (gone.length === 0) return;
  let NextToken: string | undefined;
  do {
    const page: { Subscriptions?: any[]; NextToken?: string } = await context.call("sns", "ListSubscriptionsByTopic", {
      TopicArn,
      ...(NextToken === undefined ? {} : { NextToken }),
    });
    for (const { SubscriptionArn, ...listed } of page.Subscriptions ?? []) {
      if (gone.some(same(listed)) && SubscriptionArn.startsWith("arn:")) {
        await context.call("sns", "Unsubscribe", { SubscriptionArn });
      }
    }
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
}

const topic: ResourceType = {
  properties: {
    ContentBasedDeduplication: "boolean",
    DeliveryPolicy: "json",
    DisplayName: "string",
    FifoThroughputScope: "string",
    FifoTopic: "boolean",
    SignatureVersion: "string",
    Subscription: [{ object: { Endpoint: "string", Protocol: "string" } }],
    Tags: [{ object: { Key: "string", Value: "string" } }],
    TopicName: "string",
    TracingConfig: "string",
  },
  replacement: ["TopicName", "FifoTopic"],
  nameProperty: "TopicName",
  attributes: ["TopicArn", "TopicName"],
  async create(context, properties) {
    const suffix = properties.FifoTopic ? { suffix: ".fifo" } : {};
    const { TopicArn } = await context.call("sns", "CreateTopic", {
      Name: properties.TopicName ?? context.physicalName(256, suffix),
      Attributes: topicAttributes(properties),
      Tags: tagList(tagsOf(context, properties)),
    });
    await subscribeAll(context, TopicArn!, properties.Subscription ?? [], []);
    return topicState(TopicArn!);
  },
  async update(context, id, properties, previous) {
    const wanted = topicAttributes(properties);
    const before = topicAttributes(previous);
    for (const name of Object.keys({ ...before, ...wanted })) {
      if (name === "FifoTopic" || wanted[name] === before[name]) continue;
      const AttributeValue = wanted[name] ?? TOPIC_DEFAULTS[name]!;
      await context.call("sns", "SetTopicAttributes", { TopicArn: id, AttributeName: name, AttributeValue });
    }
    const tags = tagsOf(context, properties);
    const { Tags = [] } = await context.call("sns", "ListTagsForResource", { ResourceArn: id });
    const dropped = Tags.map(({ Key }) => Key!).filter((name) => !(name in tags));
    if (dropped.length > 0) await context.call("sns", "UntagResource", { ResourceArn: id, TagKeys: dropped });
    if (Object.keys(tags).length > 0)
      await context.call("sns", "TagResource", { ResourceArn: id, Tags: tagList(tags) });
    await subscribeAll(context, id, properties.Subscription ?? [], previous.Subscription ?? []);
    return topicState(id);
  },
  async delete(context, id) {
    await context.call("sns", "DeleteTopic", { TopicArn: id });
  },
};

const SUBSCRIPTION_ATTRIBUTES = [
  "DeliveryPolicy",
  "FilterPolicyScope",
  "FilterPolicy",
  "RawMessageDelivery",
  "RedrivePolicy",
] as const;

const SUBSCRIPTION_DEFAULTS: Readonly<Record<string, string>> = {
  DeliveryPolicy: "",
  FilterPolicy: "",
  FilterPolicyScope: "MessageAttributes",
  RawMessageDelivery: "false",
  RedrivePolicy: "",
};

function subscriptionAttributes(properties: ResourceProperties): Record<string, string> {
  const given = SUBSCRIPTION_ATTRIBUTES.filter((name) => properties[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, textOf(properties[name])]));
}

const gone = (error: unknown): boolean => (error as { code?: string }).code === "NotFoundException";

const subscription: ResourceType = {
  properties: {
    DeliveryPolicy: "json",
    Endpoint: "string",
    FilterPolicy: "json",
    FilterPolicyScope: "string",
    Protocol: "string",
    RawMessageDelivery: "boolean",
    RedrivePolicy: "json",
    Region: "string",
    TopicArn: "string",
  },
  required: ["Protocol", "TopicArn"],
  replacement: ["Endpoint", "Protocol", "TopicArn"],
  attributes: ["Arn"],
  async create(context, properties) {
    const { SubscriptionArn } = await context.call(
      "sns",
      "Subscribe",
      {
        TopicArn: properties.TopicArn,
        Protocol: properties.Protocol,
        Endpoint: properties.Endpoint,
        Attributes: subscriptionAttributes(properties),
        ReturnSubscriptionArn: true,
      },
      properties.Region === undefined ? {} : { region: properties.Region },
    );
    return { id: SubscriptionArn!, attributes: { Arn: SubscriptionArn! } };
  },
  async update(context, id, properties, previous) {
    const wanted = subscriptionAttributes(properties);
    const before = subscriptionAttributes(previous);
    const changed = SUBSCRIPTION_ATTRIBUTES.filter((name) => wanted[name] !== before[name]);
    // A policy and its scope must fit at every moment: the policy goes before the scope changes.
    if (changed.includes("FilterPolicyScope")) {
      await context.call("sns", "SetSubscriptionAttributes", {
        SubscriptionArn: id,
        AttributeName: "FilterPolicy",
        AttributeValue: "",
      });
    }
    const names = changed.includes("FilterPolicyScope") ? [...new Set([...changed, "FilterPolicy" as const])] : changed;
    for (const AttributeName of [...names].sort((one) => (one === "FilterPolicyScope" ? -1 : 0))) {
      const AttributeValue = wanted[AttributeName] ?? SUBSCRIPTION_DEFAULTS[AttributeName]!;
      await context.call("sns", "SetSubscriptionAttributes", { SubscriptionArn: id, AttributeName, AttributeValue });
    }
    return { id, attributes: { Arn: id } };
  },
  async delete(context, id) {
    await context.call("sns", "Unsubscribe", { SubscriptionArn: id }).catch((error) => {
      if (!gone(error) && !/pending confirmation/.test((error as Error).message)) throw error;
    });
  },
};

async function setPolicy(context: ResourceContext, topics: readonly string[], document: unknown): Promise<void> {
  const AttributeValue = document === undefined ? "" : textOf(document);
  for (const TopicArn of topics) {
    await context
      .call("sns", "SetTopicAttributes", { TopicArn, AttributeName: "Policy", AttributeValue })
      .catch((error) => {
        if (document !== undefined || !gone(error)) throw error;
      });
  }
}

const topicPolicy: ResourceType = {
  properties: { PolicyDocument: "json", Topics: ["string"] },
  required: ["PolicyDocument", "Topics"],
  attributes: ["Id"],
  async create(context, properties) {
    await setPolicy(context, properties.Topics, properties.PolicyDocument);
    const id = context.physicalName(100);
    return { id, attributes: { Id: id } };
  },
  async update(context, id, properties, previous) {
    const dropped = previous.Topics.filter((topicArn: string) => !properties.Topics.includes(topicArn));
    await setPolicy(context, dropped, undefined);
    await setPolicy(context, properties.Topics, properties.PolicyDocument);
    return { id, attributes: { Id: id } };
  },
  async delete(context, _id, properties) {
    await setPolicy(context, properties.Topics, undefined);
  },
};

export const resources = {
  "AWS::SNS::Topic": topic,
  "AWS::SNS::Subscription": subscription,
  "AWS::SNS::TopicPolicy": topicPolicy,
} as const;
