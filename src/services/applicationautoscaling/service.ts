/**
 * Application Auto Scaling: scalable targets, policies that track a target or go in steps, scheduled actions, and what came of them. What moves is
 * in `dimensions/`, the decision in `decide.ts`.
 *
 * Absent, and refused by name: predictive scaling, custom resources, and the namespaces of services that Virga has not.
 */
import { defineService, type Permission } from "../service.ts";
import { describeScalingActivities } from "./activities.ts";
import { EVALUATION_DUE } from "./evaluation.ts";
import { deleteScalingPolicy, describeScalingPolicies, putScalingPolicy } from "./policies.ts";
import { resources } from "./resources.ts";
import { evaluate, hearAlarm } from "./scaling.ts";
import {
  ACTION_DUE,
  deleteScheduledAction,
  describeScheduledActions,
  putScheduledAction,
  runAction,
} from "./scheduled-actions.ts";
import { listTagsForResource, tagResource, untagResource } from "./tags.ts";
import { deregisterScalableTarget, describeScalableTargets, registerScalableTarget } from "./targets.ts";

const onArn =
  (action: string) =>
  (input: { readonly ResourceARN?: string | undefined }): Permission => ({
    action: `application-autoscaling:${action}`,
    resource: input.ResourceARN ?? "*",
  });

export const applicationautoscaling = defineService<"applicationautoscaling">({
  name: "applicationautoscaling",
  operations: {
    DeleteScalingPolicy: deleteScalingPolicy,
    DeleteScheduledAction: deleteScheduledAction,
    DeregisterScalableTarget: deregisterScalableTarget,
    DescribeScalableTargets: describeScalableTargets,
    DescribeScalingActivities: describeScalingActivities,
    DescribeScalingPolicies: describeScalingPolicies,
    DescribeScheduledActions: describeScheduledActions,
    ListTagsForResource: listTagsForResource,
    PutScalingPolicy: putScalingPolicy,
    PutScheduledAction: putScheduledAction,
    TagResource: tagResource,
    UntagResource: untagResource,
  },
  flows: { RegisterScalableTarget: registerScalableTarget },
  unsupported: { PutScalingPolicy: ["PredictiveScalingPolicyConfiguration"] },
  permissions: {
    ListTagsForResource: onArn("ListTagsForResource"),
    TagResource: onArn("TagResource"),
    UntagResource: onArn("UntagResource"),
  },
  hears: {
    "cloudwatch.AlarmStateChanged": { operation: hearAlarm },
    [ACTION_DUE]: { operation: runAction },
    [EVALUATION_DUE]: { flow: evaluate },
  },
  resources,
});
