/** CloudFormation resource types of CloudWatch Logs. */
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import { groupArn } from "./state.ts";

const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;

const gone = (error: unknown): void => {
  if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
};

const tagsOf = (context: ResourceContext, properties: ResourceProperties): Record<string, string> => ({
  ...context.tags,
  ...Object.fromEntries(
    ((properties?.Tags ?? []) as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]),
  ),
});

const groupState = (context: ResourceContext, name: string): ResourceState => ({
  id: name,
  attributes: { Arn: `${groupArn(context, name)}:*` },
});

async function setRetention(context: ResourceContext, logGroupName: string, days: number | undefined): Promise<void> {
  if (days === undefined) await context.call("logs", "DeleteRetentionPolicy", { logGroupName });
  else await context.call("logs", "PutRetentionPolicy", { logGroupName, retentionInDays: days });
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html */
const logGroup: ResourceType = {
  properties: {
    LogGroupName: "string",
    LogGroupClass: "string",
    RetentionInDays: "integer",
    DeletionProtectionEnabled: "boolean",
    Tags: TAGS,
  },
  replacement: ["LogGroupName", "LogGroupClass"],
  nameProperty: "LogGroupName",
  attributes: ["Arn"],
  async create(context, properties) {
    const logGroupName: string = properties.LogGroupName ?? context.physicalName(512);
    const tags = tagsOf(context, properties);
    await context.call("logs", "CreateLogGroup", {
      logGroupName,
      ...(Object.keys(tags).length > 0 ? { tags } : {}),
      ...(properties.LogGroupClass === undefined ? {} : { logGroupClass: properties.LogGroupClass }),
      ...(properties.DeletionProtectionEnabled === undefined
        ? {}
        : { deletionProtectionEnabled: properties.DeletionProtectionEnabled }),
    });
    if (properties.RetentionInDays !== undefined) await setRetention(context, logGroupName, properties.RetentionInDays);
    return groupState(context, logGroupName);
  },
  async update(context, id, properties, previous) {
    if (properties.RetentionInDays !== previous.RetentionInDays) {
      await setRetention(context, id, properties.RetentionInDays);
    }
    const isProtected: boolean = properties.DeletionProtectionEnabled ?? false;
    if (isProtected !== (previous.DeletionProtectionEnabled ?? false)) {
      const protection = { logGroupIdentifier: id, deletionProtectionEnabled: isProtected };
      await context.call("logs", "PutLogGroupDeletionProtection", protection);
    }
    const resourceArn = groupArn(context, id);
    const tags = tagsOf(context, properties);
    const tagKeys = Object.keys(tagsOf(context, previous)).filter((name) => !Object.hasOwn(tags, name));
    if (tagKeys.length > 0) await context.call("logs", "UntagResource", { resourceArn, tagKeys });
    if (Object.keys(tags).length > 0) await context.call("logs", "TagResource", { resourceArn, tags });
    return groupState(context, id);
  },
  async delete(context, id) {
    await context.call("logs", "DeleteLogGroup", { logGroupName: id }).catch(gone);
  },
};

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-logstream.html */
const logStream: ResourceType = {
  properties: { LogGroupName: "string", LogStreamName: "string" },
  required: ["LogGroupName"],
  replacement: ["LogGroupName", "LogStreamName"],
  nameProperty: "LogStreamName",
  attributes: [],
  async create(context, properties) {
    const logStreamName: string = properties.LogStreamName ?? context.physicalName(512);
    await context.call("logs", "CreateLogStream", { logGroupName: properties.LogGroupName, logStreamName });
    return { id: logStreamName, attributes: {} };
  },
  async delete(context, id, properties) {
    await context
      .call("logs", "DeleteLogStream", { logGroupName: properties.LogGroupName, logStreamName: id })
      .catch(gone);
  },
};

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-metricfilter.html */
const metricFilter: ResourceType = {
  properties: {
    FilterName: "string",
    FilterPattern: "string",
    LogGroupName: "string",
    MetricTransformations: [
      {
        object: {
          DefaultValue: "number",
          Dimensions: [{ object: { Key: "string", Value: "string" } }],
          MetricName: "string",
          MetricNamespace: "string",
          MetricValue: "string",
          Unit: "string",
        },
      },
    ],
  },
  required: ["FilterPattern", "LogGroupName", "MetricTransformations"],
  replacement: ["FilterName", "LogGroupName"],
  nameProperty: "FilterName",
  attributes: [],
  create: (context, properties) => putFilter(context, properties.FilterName ?? context.physicalName(512), properties),
  update: (context, id, properties) => putFilter(context, id, properties),
  async delete(context, id, properties) {
    await context
      .call("logs", "DeleteMetricFilter", { logGroupName: properties.LogGroupName, filterName: id })
      .catch(gone);
  },
};

async function putFilter(
  context: ResourceContext,
  filterName: string,
  properties: ResourceProperties,
): Promise<ResourceState> {
  const metricTransformations = (properties.MetricTransformations as Record<string, any>[]).map((given) => ({
    metricName: given.MetricName,
    metricNamespace: given.MetricNamespace,
    metricValue: given.MetricValue,
    ...(given.DefaultValue === undefined ? {} : { defaultValue: given.DefaultValue }),
    ...(given.Unit === undefined ? {} : { unit: given.Unit }),
    ...(given.Dimensions
      ? {
          dimensions: Object.fromEntries(
            given.Dimensions.map(({ Key, Value }: { Key: string; Value: string }) => [Key, Value]),
          ),
        }
      : {}),
  }));
  const { FilterPattern: filterPattern, LogGroupName: logGroupName } = properties;
  await context.call("logs", "PutMetricFilter", { logGroupName, filterName, filterPattern, metricTransformations });
  return { id: filterName, attributes: {} };
}

export const resources = {
  "AWS::Logs::LogGroup": logGroup,
  "AWS::Logs::LogStream": logStream,
  "AWS::Logs::MetricFilter": metricFilter,
} as const;
