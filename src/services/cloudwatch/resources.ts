/** CloudFormation's `AWS::CloudWatch::Alarm`, `CompositeAlarm` and `Dashboard`. */
import type { ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";

const DIMENSIONS = [{ object: { Name: "string", Value: "string" } }] as const;
const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;
const METRIC_STAT = {
  object: {
    Metric: { object: { Namespace: "string", MetricName: "string", Dimensions: DIMENSIONS } },
    Period: "integer",
    Stat: "string",
    Unit: "string",
  },
} as const;

const tagsOf = (context: ResourceContext, properties: ResourceProperties) => {
  const own = (properties.Tags ?? []) as Array<{ Key: string; Value: string }>;
  const all: Record<string, string> = {
    ...context.tags,
    ...Object.fromEntries(own.map(({ Key, Value }) => [Key, Value])),
  };
  return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
};

async function arnOf(context: ResourceContext, name: string): Promise<string> {
  const { MetricAlarms, CompositeAlarms } = await context.call("cloudwatch", "DescribeAlarms", {
    AlarmNames: [name],
    AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
  });
  return (MetricAlarms?.[0]?.AlarmArn ?? CompositeAlarms?.[0]?.AlarmArn)!;
}

/** What a template no longer tags. */
async function retag(context: ResourceContext, ResourceARN: string, properties: ResourceProperties): Promise<void> {
  const wanted = tagsOf(context, properties);
  const { Tags = [] } = await context.call("cloudwatch", "ListTagsForResource", { ResourceARN });
  const dropped = Tags.map(({ Key }) => Key!).filter((name) => !wanted.some(({ Key }) => Key === name));
  if (dropped.length > 0) await context.call("cloudwatch", "UntagResource", { ResourceARN, TagKeys: dropped });
  if (wanted.length > 0) await context.call("cloudwatch", "TagResource", { ResourceARN, Tags: wanted });
}

const deleteAlarm: ResourceType["delete"] = async (context, id) => {
  await context.call("cloudwatch", "DeleteAlarms", { AlarmNames: [id] }).catch((error) => {
    if ((error as { code?: string }).code !== "ResourceNotFound") throw error;
  });
};

function putAlarm(operation: "PutMetricAlarm" | "PutCompositeAlarm") {
  const put = async (context: ResourceContext, name: string, properties: ResourceProperties, update: boolean) => {
    const input = { ...properties, AlarmName: name, Tags: tagsOf(context, properties) };
    await context.call("cloudwatch", operation, input);
    const Arn = await arnOf(context, name);
    if (update) await retag(context, Arn, properties);
    return { id: name, attributes: { Arn } };
  };
  return {
    replacement: ["AlarmName"],
    nameProperty: "AlarmName",
    attributes: ["Arn"],
    create: (context, properties) => put(context, properties.AlarmName ?? context.physicalName(255), properties, false),
    update: (context, id, properties) => put(context, id, properties, true),
    delete: deleteAlarm,
  } satisfies Partial<ResourceType>;
}

const ACTIONS = {
  ActionsEnabled: "boolean",
  AlarmActions: ["string"],
  AlarmDescription: "string",
  AlarmName: "string",
  InsufficientDataActions: ["string"],
  OKActions: ["string"],
  Tags: TAGS,
} as const;

const alarm: ResourceType = {
  properties: {
    ...ACTIONS,
    ComparisonOperator: "string",
    DatapointsToAlarm: "integer",
    Dimensions: DIMENSIONS,
    EvaluateLowSampleCountPercentile: "string",
    EvaluationPeriods: "integer",
    ExtendedStatistic: "string",
    MetricName: "string",
    Metrics: [
      {
        object: {
          AccountId: "string",
          Expression: "string",
          Id: "string",
          Label: "string",
          MetricStat: METRIC_STAT,
          Period: "integer",
          ReturnData: "boolean",
        },
      },
    ],
    Namespace: "string",
    Period: "integer",
    Statistic: "string",
    Threshold: "number",
    TreatMissingData: "string",
    Unit: "string",
  },
  required: ["ComparisonOperator", "EvaluationPeriods"],
  ...putAlarm("PutMetricAlarm"),
};

const compositeAlarm: ResourceType = {
  properties: {
    ...ACTIONS,
    ActionsSuppressor: "string",
    ActionsSuppressorExtensionPeriod: "integer",
    ActionsSuppressorWaitPeriod: "integer",
    AlarmRule: "string",
  },
  required: ["AlarmRule"],
  ...putAlarm("PutCompositeAlarm"),
};

const dashboard: ResourceType = {
  properties: { DashboardBody: "string", DashboardName: "string" },
  required: ["DashboardBody"],
  replacement: ["DashboardName"],
  nameProperty: "DashboardName",
  attributes: [],
  async create(context, properties) {
    const DashboardName = properties.DashboardName ?? context.physicalName(255);
    await context.call("cloudwatch", "PutDashboard", { DashboardName, DashboardBody: properties.DashboardBody });
    return { id: DashboardName, attributes: {} };
  },
  async update(context, id, properties) {
    await context.call("cloudwatch", "PutDashboard", { DashboardName: id, DashboardBody: properties.DashboardBody });
    return { id, attributes: {} };
  },
  async delete(context, id) {
    await context.call("cloudwatch", "DeleteDashboards", { DashboardNames: [id] }).catch((error) => {
      if ((error as { code?: string }).code !== "DashboardNotFoundError") throw error;
    });
  },
};

export const resources = {
  "AWS::CloudWatch::Alarm": alarm,
  "AWS::CloudWatch::CompositeAlarm": compositeAlarm,
  "AWS::CloudWatch::Dashboard": dashboard,
} as const;
