/**
 * Function events that are told by others: a bucket's notifications, a topic's messages. Queues, routes and schedules are elsewhere.
 *
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-s3.html
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-sns.html
 */
import { isObject, sameValue, type Value, type ValueObject } from "../template/values.ts";
import { invalidEvent } from "./errors.ts";
import type { MadeFunction } from "./function.ts";
import { type Draft, getAtt, present, ref, refName } from "./shapes.ts";
import type { Work } from "./work.ts";

interface Event {
  readonly id: string;
  readonly properties: ValueObject;
}

/** The function's ARN, as other resources refer to it: that of the alias when there is one. */
const arnOf = (made: MadeFunction): Draft =>
  made.target["Ref"] === made.resource.logicalId ? getAtt(made.resource.logicalId, "Arn") : made.target;

/**
 * The permission names the account and not the bucket: the bucket's configuration refers to the function and waits for the permission, so a
 * permission that referred to the bucket would close a circle.
 */
export function addBucketEvent(work: Work, made: MadeFunction, event: Event): void {
  const { logicalId, attributes } = made.resource;
  const { Bucket, Events, Filter } = event.properties;
  if (Bucket === undefined || Events === undefined) {
    throw invalidEvent(
      logicalId,
      event.id,
      `Missing required property '${Bucket === undefined ? "Bucket" : "Events"}'.`,
    );
  }
  const bucketId = refName(Bucket) ?? (typeof Bucket === "string" ? Bucket : undefined);
  const bucket = bucketId === undefined ? undefined : work.resources[bucketId];
  if (!isObject(bucket) || bucket["Type"] !== "AWS::S3::Bucket") {
    throw invalidEvent(logicalId, event.id, "S3 events must reference an S3 bucket in the same template.");
  }
  const permissionId = `${logicalId}${event.id}Permission`;
  work.add(made.resource, permissionId, "AWS::Lambda::Permission", {
    Action: "lambda:InvokeFunction",
    FunctionName: made.target,
    Principal: "s3.amazonaws.com",
    SourceAccount: ref("AWS::AccountId"),
  });
  const condition = attributes["Condition"];
  const told = (Array.isArray(Events) ? Events : [Events]).map((type) => {
    const rule = present({ Function: arnOf(made), Event: type, Filter });
    return condition === undefined ? rule : { "Fn::If": [condition, rule, { Ref: "AWS::NoValue" }] };
  });
  const properties = (bucket["Properties"] ?? {}) as ValueObject;
  const notifications = (properties["NotificationConfiguration"] ?? {}) as ValueObject;
  const rules = [...((notifications["LambdaConfigurations"] ?? []) as Value[])];
  for (const rule of told as Value[]) if (!rules.some((known) => sameValue(known, rule))) rules.push(rule);
  work.resources[bucketId!] = {
    ...bucket,
    ...(condition === undefined ? { DependsOn: waitingFor(bucket["DependsOn"], permissionId) } : {}),
    Properties: {
      ...properties,
      NotificationConfiguration: { ...notifications, LambdaConfigurations: rules },
      // A DependsOn cannot be conditional; a reference in a tag can.
      ...(condition === undefined ? {} : { Tags: taggedWith(properties["Tags"], condition, permissionId) }),
    },
  };
}

function waitingFor(declared: Value | undefined, permissionId: string): Value[] {
  const known = declared === undefined ? [] : Array.isArray(declared) ? declared : [declared];
  return [...new Set([...known, permissionId])] as Value[];
}

function taggedWith(declared: Value | undefined, condition: Value, permissionId: string): Draft[] {
  return [
    ...((declared ?? []) as Draft[]),
    {
      Key: `sam:ConditionalDependsOn:${permissionId}`,
      Value: { "Fn::If": [condition, ref(permissionId), "no dependency"] },
    },
  ];
}

export function addTopicEvent(work: Work, made: MadeFunction, event: Event): void {
  const { resource } = made;
  const { Topic, Region, FilterPolicy, FilterPolicyScope, RedrivePolicy, SqsSubscription } = event.properties;
  if (Topic === undefined) throw invalidEvent(resource.logicalId, event.id, "Missing required property 'Topic'.");
  const id = resource.logicalId + event.id;
  const subscribe = (protocol: string, endpoint: Value | Draft) =>
    work.add(
      resource,
      id,
      "AWS::SNS::Subscription",
      present({
        Protocol: protocol,
        Endpoint: endpoint,
        TopicArn: Topic,
        Region,
        FilterPolicy,
        FilterPolicyScope,
        RedrivePolicy,
      }),
    );
  if (SqsSubscription === undefined || SqsSubscription === false) {
    work.add(resource, `${id}Permission`, "AWS::Lambda::Permission", {
      Action: "lambda:InvokeFunction",
      FunctionName: made.target,
      Principal: "sns.amazonaws.com",
      SourceArn: Topic,
    });
    subscribe("lambda", arnOf(made));
    return;
  }
  const given = queueOf(work, made, event, SqsSubscription);
  subscribe("sqs", given.arn);
  work.add(resource, given.policyId, "AWS::SQS::QueuePolicy", {
    PolicyDocument: {
      Version: "2012-10-17",
      Statement: [
        {
          Action: "sqs:SendMessage",
          Effect: "Allow",
          Principal: "*",
          Resource: given.arn,
          Condition: { ArnEquals: { "aws:SourceArn": Topic } },
        },
      ],
    },
    Queues: [given.url],
  });
  work.add(resource, `${id}EventSourceMapping`, "AWS::Lambda::EventSourceMapping", {
    BatchSize: given.batchSize,
    Enabled: given.enabled,
    EventSourceArn: given.arn,
    FunctionName: made.target,
  });
  made.managed.push("AWSLambdaSQSQueueExecutionRole");
}

const QUEUE_MEMBERS = ["BatchSize", "Enabled", "QueueArn", "QueuePolicyLogicalId", "QueueUrl"];

/** The queue between topic and function: one of its own, or one that is given. */
function queueOf(work: Work, made: MadeFunction, event: Event, asked: Value) {
  const { resource } = made;
  const id = resource.logicalId + event.id;
  if (asked === true) {
    const queueId = `${id}Queue`;
    work.add(resource, queueId, "AWS::SQS::Queue", {});
    const policyId = `${id}QueuePolicy`;
    return { arn: getAtt(queueId, "Arn"), url: ref(queueId), policyId, batchSize: 10, enabled: true };
  }
  if (!isObject(asked))
    throw invalidEvent(resource.logicalId, event.id, "'SqsSubscription' must be a boolean or a map.");
  const unknown = Object.keys(asked).find((name) => !QUEUE_MEMBERS.includes(name));
  if (unknown !== undefined) {
    throw invalidEvent(resource.logicalId, event.id, `Virga does not support the property SqsSubscription.${unknown}.`);
  }
  const { QueueArn, QueueUrl, QueuePolicyLogicalId, BatchSize, Enabled } = asked;
  if (QueueArn === undefined || QueueUrl === undefined) {
    throw invalidEvent(resource.logicalId, event.id, "No QueueARN or QueueURL provided.");
  }
  const policyId = typeof QueuePolicyLogicalId === "string" ? QueuePolicyLogicalId : `${id}QueuePolicy`;
  return { arn: QueueArn, url: QueueUrl, policyId, batchSize: BatchSize ?? 10, enabled: Enabled ?? true };
}
