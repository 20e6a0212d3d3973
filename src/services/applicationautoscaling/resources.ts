/** AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApplicationAutoScaling.html */
import { AwsError } from "../../kernel/errors.ts";
import type { PropertySpec, ResourceContext, ResourceProperties, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";

const DIMENSIONS: PropertySpec = [{ object: { Name: "string", Value: "string" } }];

/** Ref: what `ScalingTargetId` of a policy takes. */
const idOf = (properties: ResourceProperties): string =>
  `${properties.ResourceId}|${properties.ScalableDimension}|${properties.ServiceNamespace}`;

type TargetId = Pick<
  InputOf<"applicationautoscaling", "DeregisterScalableTarget">,
  "ResourceId" | "ScalableDimension" | "ServiceNamespace"
>;

const partsOf = (id: string): TargetId => {
  const [ResourceId, ScalableDimension, ServiceNamespace] = id.split("|");
  return { ResourceId, ScalableDimension, ServiceNamespace } as TargetId;
};

function gone(error: unknown): void {
  if (!(error instanceof AwsError) || error.code !== "ObjectNotFoundException") throw error;
}

async function register(context: ResourceContext, properties: ResourceProperties): Promise<void> {
  const { ScheduledActions: _, SuspendedState, ...input } = properties;
  await context.call("applicationautoscaling", "RegisterScalableTarget", {
    ...input,
    SuspendedState: {
      DynamicScalingInSuspended: SuspendedState?.DynamicScalingInSuspended ?? false,
      DynamicScalingOutSuspended: SuspendedState?.DynamicScalingOutSuspended ?? false,
      ScheduledScalingSuspended: SuspendedState?.ScheduledScalingSuspended ?? false,
    },
  });
}

async function schedule(
  context: ResourceContext,
  id: TargetId,
  wanted: readonly ResourceProperties[],
  previous: readonly ResourceProperties[],
): Promise<void> {
  for (const { ScheduledActionName } of previous) {
    if (wanted.some((action) => action.ScheduledActionName === ScheduledActionName)) continue;
    await context.call("applicationautoscaling", "DeleteScheduledAction", { ...id, ScheduledActionName }).catch(gone);
  }
  for (const { StartTime, EndTime, ...action } of wanted) {
    await context.call("applicationautoscaling", "PutScheduledAction", {
      ...id,
      ...(action as { ScheduledActionName: string }),
      ...(StartTime !== undefined && { StartTime: new Date(StartTime) }),
      ...(EndTime !== undefined && { EndTime: new Date(EndTime) }),
    });
  }
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalabletarget.html */
const scalableTarget: ResourceType = {
  properties: {
    MaxCapacity: "integer",
    MinCapacity: "integer",
    ResourceId: "string",
    RoleARN: "string",
    ScalableDimension: "string",
    ScheduledActions: [
      {
        object: {
          EndTime: "string",
          ScalableTargetAction: { object: { MaxCapacity: "integer", MinCapacity: "integer" } },
          Schedule: "string",
          ScheduledActionName: "string",
          StartTime: "string",
          Timezone: "string",
        },
      },
    ],
    ServiceNamespace: "string",
    SuspendedState: {
      object: {
        DynamicScalingInSuspended: "boolean",
        DynamicScalingOutSuspended: "boolean",
        ScheduledScalingSuspended: "boolean",
      },
    },
  },
  required: ["MaxCapacity", "MinCapacity", "ResourceId", "ScalableDimension", "ServiceNamespace"],
  replacement: ["ResourceId", "ScalableDimension", "ServiceNamespace"],
  attributes: ["Id"],
  async create(context, properties) {
    const id = idOf(properties);
    await register(context, properties);
    await schedule(context, partsOf(id), properties.ScheduledActions ?? [], []);
    return { id, attributes: { Id: id } };
  },
  async update(context, id, properties, previous) {
    await register(context, properties);
    await schedule(context, partsOf(id), properties.ScheduledActions ?? [], previous.ScheduledActions ?? []);
    return { id, attributes: { Id: id } };
  },
  async delete(context, id) {
    await context.call("applicationautoscaling", "DeregisterScalableTarget", partsOf(id)).catch(gone);
  },
};

/** A policy names its target by the target's Ref, or by its parts. */
const targetOf = (properties: ResourceProperties): TargetId =>
  properties.ScalingTargetId === undefined
    ? {
        ResourceId: properties.ResourceId,
        ScalableDimension: properties.ScalableDimension,
        ServiceNamespace: properties.ServiceNamespace,
      }
    : partsOf(properties.ScalingTargetId);

async function put(context: ResourceContext, properties: ResourceProperties) {
  const { PolicyARN } = await context.call("applicationautoscaling", "PutScalingPolicy", {
    ...targetOf(properties),
    PolicyName: properties.PolicyName,
    PolicyType: properties.PolicyType,
    ...(properties.StepScalingPolicyConfiguration && {
      StepScalingPolicyConfiguration: properties.StepScalingPolicyConfiguration,
    }),
    ...(properties.TargetTrackingScalingPolicyConfiguration && {
      TargetTrackingScalingPolicyConfiguration: properties.TargetTrackingScalingPolicyConfiguration,
    }),
  });
  return { id: PolicyARN!, attributes: { Arn: PolicyARN! } };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-applicationautoscaling-scalingpolicy.html */
const scalingPolicy: ResourceType = {
  properties: {
    PolicyName: "string",
    PolicyType: "string",
    ResourceId: "string",
    ScalableDimension: "string",
    ScalingTargetId: "string",
    ServiceNamespace: "string",
    StepScalingPolicyConfiguration: {
      object: {
        AdjustmentType: "string",
        Cooldown: "integer",
        MetricAggregationType: "string",
        MinAdjustmentMagnitude: "integer",
        StepAdjustments: [
          {
            object: {
              MetricIntervalLowerBound: "number",
              MetricIntervalUpperBound: "number",
              ScalingAdjustment: "integer",
            },
          },
        ],
      },
    },
    TargetTrackingScalingPolicyConfiguration: {
      object: {
        CustomizedMetricSpecification: {
          object: {
            Dimensions: DIMENSIONS,
            MetricName: "string",
            Metrics: [
              {
                object: {
                  Expression: "string",
                  Id: "string",
                  Label: "string",
                  MetricStat: {
                    object: {
                      Metric: { object: { Dimensions: DIMENSIONS, MetricName: "string", Namespace: "string" } },
                      Stat: "string",
                      Unit: "string",
                    },
                  },
                  ReturnData: "boolean",
                },
              },
            ],
            Namespace: "string",
            Statistic: "string",
            Unit: "string",
          },
        },
        DisableScaleIn: "boolean",
        PredefinedMetricSpecification: { object: { PredefinedMetricType: "string", ResourceLabel: "string" } },
        ScaleInCooldown: "integer",
        ScaleOutCooldown: "integer",
        TargetValue: "number",
      },
    },
  },
  required: ["PolicyName", "PolicyType"],
  replacement: ["PolicyName", "ResourceId", "ScalableDimension", "ScalingTargetId", "ServiceNamespace"],
  attributes: ["Arn"],
  create: put,
  update: (context, _id, properties) => put(context, properties),
  async delete(context, _id, properties) {
    await context
      .call("applicationautoscaling", "DeleteScalingPolicy", {
        ...targetOf(properties),
        PolicyName: properties.PolicyName,
      })
      .catch(gone);
  },
};

export const resources = {
  "AWS::ApplicationAutoScaling::ScalableTarget": scalableTarget,
  "AWS::ApplicationAutoScaling::ScalingPolicy": scalingPolicy,
} as const;
