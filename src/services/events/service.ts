/**
 * Amazon EventBridge: buses, rules, and events that reach every target whose rule they match.
 *
 * `state.ts` says what is kept; `buses.ts`, `bus-policies.ts`, `rules.ts`, `targets.ts`, `tags.ts` and `put-events.ts` hold the operations;
 * `arrivals.ts` what happens to an event, `schedules.ts` what falls due by itself, `input.ts` what a target is given, `deliveries.ts` and
 * `tasks.ts` how it gets there. Limits and shared checks are in `limits.ts`: rules are something else here.
 */
import { arn, parseArn } from "../../kernel/arn.ts";
import { createRoles } from "../delivery-common/roles.ts";
import { defineService, type OperationContext, type Permission, type Service } from "../service.ts";
import { TARGET_DUE } from "./arrivals.ts";
import { policyOf, putPermission, removePermission } from "./bus-policies.ts";
import { createEventBus, deleteEventBus, describeEventBus, listEventBuses, updateEventBus } from "./buses.ts";
import { deliverTo } from "./deliveries.ts";
import { locateBus } from "./limits.ts";
import { putEvents } from "./put-events.ts";
import { resources } from "./resources.ts";
import { deleteRule, describeRule, disableRule, enableRule, listRules, putRule, testEventPattern } from "./rules.ts";
import { SCHEDULE_DUE, scheduleDue } from "./schedules.ts";
import { type Bus, Buses, busArn, busKey, DEFAULT_BUS, ruleArn } from "./state.ts";
import { listTagsForResource, tagResource, untagResource } from "./tags.ts";
import { listRuleNamesByTarget, listTargetsByRule, putTargets, removeTargets } from "./targets.ts";

type Where = Pick<OperationContext, "accountId" | "region">;

/** Deliveries under way at once. */
const DELIVERIES_MAX = 64;

const onBus =
  (action: string) =>
  (input: { Name?: string | undefined }, at: Where): Permission => {
    const bus = locateBus(at, input.Name, "name");
    return { action: `events:${action}`, resource: busArn(bus, bus.name) };
  };

const onBusNamed =
  (action: string) =>
  (input: { EventBusName?: string | undefined }, at: Where): Permission => {
    const bus = locateBus(at, input.EventBusName);
    return { action: `events:${action}`, resource: busArn(bus, bus.name) };
  };

const onRule =
  (action: string) =>
  (
    input: { Name?: string | undefined; Rule?: string | undefined; EventBusName?: string | undefined },
    at: Where,
  ): Permission => {
    const bus = locateBus(at, input.EventBusName);
    const name = input.Name ?? input.Rule ?? "";
    return { action: `events:${action}`, resource: ruleArn(bus, { busName: bus.name, name }) };
  };

const onArn =
  (action: string) =>
  (input: { ResourceARN?: string | undefined }): Permission => ({
    action: `events:${action}`,
    resource: input.ResourceARN ?? "*",
  });

const onAllRules =
  (action: string) =>
  (_input: unknown, { region, accountId }: Where): Permission => ({
    action: `events:${action}`,
    resource: arn("events", region, accountId, "rule/*"),
  });

export function createEvents(): Service<"events"> {
  return defineService<"events">({
    name: "events",
    operations: {
      CreateEventBus: createEventBus,
      DeleteEventBus: deleteEventBus,
      DeleteRule: deleteRule,
      DescribeEventBus: describeEventBus,
      DescribeRule: describeRule,
      DisableRule: disableRule,
      EnableRule: enableRule,
      ListEventBuses: listEventBuses,
      ListRuleNamesByTarget: listRuleNamesByTarget,
      ListRules: listRules,
      ListTagsForResource: listTagsForResource,
      ListTargetsByRule: listTargetsByRule,
      PutEvents: putEvents,
      PutPermission: putPermission,
      PutRule: putRule,
      PutTargets: putTargets,
      RemovePermission: removePermission,
      RemoveTargets: removeTargets,
      TagResource: tagResource,
      TestEventPattern: testEventPattern,
      UntagResource: untagResource,
      UpdateEventBus: updateEventBus,
    },
    unsupported: {
      CreateEventBus: ["DeadLetterConfig", "EventSourceName", "KmsKeyIdentifier", "LogConfig"],
      UpdateEventBus: ["DeadLetterConfig", "KmsKeyIdentifier", "LogConfig"],
      PutEvents: ["EndpointId"],
      PutTargets: [
        "Targets[].AppSyncParameters",
        "Targets[].BatchParameters",
        "Targets[].EcsParameters.CapacityProviderStrategy",
        "Targets[].EcsParameters.EnableExecuteCommand",
        "Targets[].EcsParameters.PlacementConstraints",
        "Targets[].EcsParameters.PlacementStrategy",
        "Targets[].EcsParameters.ReferenceId",
        "Targets[].HttpParameters",
        "Targets[].KinesisParameters",
        "Targets[].RedshiftDataParameters",
        "Targets[].RunCommandParameters",
        "Targets[].SageMakerPipelineParameters",
      ],
    },
    permissions: {
      CreateEventBus: onBus("CreateEventBus"),
      DeleteEventBus: onBus("DeleteEventBus"),
      DescribeEventBus: onBus("DescribeEventBus"),
      UpdateEventBus: onBus("UpdateEventBus"),
      DeleteRule: onRule("DeleteRule"),
      DescribeRule: onRule("DescribeRule"),
      DisableRule: onRule("DisableRule"),
      EnableRule: onRule("EnableRule"),
      ListTargetsByRule: onRule("ListTargetsByRule"),
      PutRule: onRule("PutRule"),
      PutTargets: (input, at) => [
        onRule("PutTargets")(input, at),
        ...(input.Targets ?? []).flatMap(({ RoleArn }) => passRole(RoleArn)),
      ],
      RemoveTargets: onRule("RemoveTargets"),
      ListRules: onAllRules("ListRules"),
      ListRuleNamesByTarget: onAllRules("ListRuleNamesByTarget"),
      ListTagsForResource: onArn("ListTagsForResource"),
      TagResource: onArn("TagResource"),
      UntagResource: onArn("UntagResource"),
      PutPermission: onBusNamed("PutPermission"),
      RemovePermission: onBusNamed("RemovePermission"),
      PutEvents: (input, at) =>
        (input.Entries ?? []).map((entry) => ({
          ...onBusNamed("PutEvents")(entry, at),
          conditions: { "events:source": entry.Source ?? "", "events:detail-type": entry.DetailType ?? "" },
        })),
    },
    resourcePolicy(tx, resource) {
      const at = parseArn(resource);
      if (!at?.resource.startsWith("event-bus/")) return undefined;
      const name = at.resource.slice("event-bus/".length);
      const bus = Buses.get(tx, busKey(at, name));
      return name === DEFAULT_BUS ? defaultBusPolicy(bus, resource) : bus && policyOf(bus);
    },
    hears: {
      [SCHEDULE_DUE]: { operation: scheduleDue },
      [TARGET_DUE]: { flow: deliverTo(createRoles("events.amazonaws.com")), concurrency: DELIVERIES_MAX },
    },
    resources,
  });
}

/** AWS's services that tell the default bus of what happens in them. */
const TELLING = ["autoscaling", "cloudformation", "cloudwatch", "ecs", "s3", "ssm"].map(
  (name) => `${name}.amazonaws.com`,
);

/** The default bus takes what AWS's services tell, whatever its own policy says. */
function defaultBusPolicy(bus: Bus | undefined, resource: string): string {
  const telling = {
    Effect: "Allow",
    Principal: { Service: TELLING },
    Action: "events:PutEvents",
    Resource: resource,
  };
  return JSON.stringify({ Version: "2012-10-17", Statement: [...(bus?.policy ?? []), telling] });
}

const passRole = (roleArn: string | undefined): Permission[] =>
  roleArn === undefined
    ? []
    : [{ action: "iam:PassRole", resource: roleArn, conditions: { "iam:PassedToService": "events.amazonaws.com" } }];
