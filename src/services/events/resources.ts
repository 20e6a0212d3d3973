/** AWS::Events::EventBus, EventBusPolicy and Rule. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Events.html */

import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";
import { DEFAULT_BUS, ruleArn } from "./state.ts";

const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;

const gone = (error: unknown): void => {
  if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
};

const tagsOf = (context: ResourceContext, properties: ResourceProperties): { Key: string; Value: string }[] => {
  const own = ((properties?.Tags ?? []) as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]);
  return Object.entries({ ...context.tags, ...Object.fromEntries(own) }).map(([Key, Value]) => ({
    Key,
    Value: String(Value),
  }));
};

async function retag(
  context: ResourceContext,
  ResourceARN: string,
  properties: ResourceProperties,
  previous: ResourceProperties,
): Promise<void> {
  const Tags = tagsOf(context, properties);
  const TagKeys = tagsOf(context, previous)
    .map(({ Key }) => Key)
    .filter((name) => !Tags.some(({ Key }) => Key === name));
  if (TagKeys.length > 0) await context.call("events", "UntagResource", { ResourceARN, TagKeys });
  if (Tags.length > 0) await context.call("events", "TagResource", { ResourceARN, Tags });
}

const text = (document: unknown): string => (typeof document === "string" ? document : JSON.stringify(document));

async function busState(context: ResourceContext, Name: string): Promise<ResourceState> {
  const { Arn, Policy } = await context.call("events", "DescribeEventBus", { Name });
  return { id: Name, attributes: { Arn: Arn!, Name, Policy: Policy ?? "" } };
}

async function setPolicy(context: ResourceContext, EventBusName: string, Policy: unknown): Promise<void> {
  if (Policy !== undefined) await context.call("events", "PutPermission", { EventBusName, Policy: text(Policy) });
  else await context.call("events", "RemovePermission", { EventBusName, RemoveAllPermissions: true }).catch(gone);
}

const eventBus: ResourceType = {
  properties: { Name: "string", Description: "string", Policy: "json", Tags: TAGS },
  required: ["Name"],
  replacement: ["Name"],
  nameProperty: "Name",
  attributes: ["Arn", "Name", "Policy"],
  async create(context, { Name, Description, Policy, ...properties }) {
    await context.call("events", "CreateEventBus", { Name, Description, Tags: tagsOf(context, properties) });
    if (Policy !== undefined) await setPolicy(context, Name, Policy);
    return busState(context, Name);
  },
  async update(context, id, properties, previous) {
    const { Arn } = await context.call("events", "UpdateEventBus", { Name: id, Description: properties.Description });
    if (JSON.stringify(properties.Policy) !== JSON.stringify(previous.Policy)) {
      await setPolicy(context, id, properties.Policy);
    }
    await retag(context, Arn!, properties, previous);
    return busState(context, id);
  },
  async delete(context, id) {
    await context.call("events", "DeleteEventBus", { Name: id });
  },
};

/** Puts one statement into a bus's policy, in the place of the one with its id. */
async function putStatement(context: ResourceContext, properties: ResourceProperties): Promise<void> {
  const { StatementId, Statement, EventBusName = DEFAULT_BUS, Action, Principal, Condition } = properties;
  if (Statement === undefined) {
    await context.call("events", "PutPermission", { EventBusName, StatementId, Action, Principal, Condition });
    return;
  }
  const { Policy } = await context.call("events", "DescribeEventBus", { Name: EventBusName });
  const statements = Policy === undefined ? [] : (JSON.parse(Policy) as { Statement: { Sid?: string }[] }).Statement;
  const given = typeof Statement === "string" ? JSON.parse(Statement) : Statement;
  const changed = [...statements.filter(({ Sid }) => Sid !== StatementId), { Sid: StatementId, ...given }];
  await setPolicy(context, EventBusName, { Version: "2012-10-17", Statement: changed });
}

const eventBusPolicy: ResourceType = {
  properties: {
    StatementId: "string",
    EventBusName: "string",
    Statement: "json",
    Action: "string",
    Principal: "string",
    Condition: { object: { Type: "string", Key: "string", Value: "string" } },
  },
  required: ["StatementId"],
  replacement: ["StatementId", "EventBusName"],
  attributes: ["Id"],
  async create(context, properties) {
    await putStatement(context, properties);
    const id = `${properties.EventBusName ?? DEFAULT_BUS}|${properties.StatementId}`;
    return { id, attributes: { Id: id } };
  },
  async update(context, id, properties) {
    await putStatement(context, properties);
    return { id, attributes: { Id: id } };
  },
  async delete(context, _id, { EventBusName, StatementId }) {
    await context.call("events", "RemovePermission", { EventBusName, StatementId }).catch(gone);
  },
};

/** `Ref` gives the name of a rule of the default bus, and `bus|name` of another's. */
function ruleOf(id: string): { readonly busName: string; readonly name: string } {
  const [first, second] = id.split("|") as [string, string?];
  return second === undefined ? { busName: DEFAULT_BUS, name: first } : { busName: first, name: second };
}

/** Templates name two members of a task otherwise than the API does. */
function apiTarget(target: ResourceProperties): NonNullable<InputOf<"events", "PutTargets">["Targets"]>[number] {
  if (target.EcsParameters === undefined) return target;
  const { TagList, NetworkConfiguration, ...rest } = target.EcsParameters;
  const awsvpcConfiguration = NetworkConfiguration?.AwsVpcConfiguration;
  return {
    ...target,
    EcsParameters: {
      ...rest,
      ...(TagList === undefined ? {} : { Tags: TagList }),
      ...(awsvpcConfiguration === undefined ? {} : { NetworkConfiguration: { awsvpcConfiguration } }),
    },
  };
}

async function putRule(context: ResourceContext, name: string, properties: ResourceProperties, Tags?: object[]) {
  const { EventPattern, ScheduleExpression, Description, RoleArn, State, EventBusName } = properties;
  await context.call("events", "PutRule", {
    Name: name,
    EventBusName,
    ScheduleExpression,
    Description,
    RoleArn,
    State,
    ...(EventPattern === undefined ? {} : { EventPattern: text(EventPattern) }),
    ...(Tags ? { Tags } : {}),
  } as InputOf<"events", "PutRule">);
  if (properties.Targets?.length > 0) {
    await context.call("events", "PutTargets", {
      Rule: name,
      EventBusName,
      Targets: properties.Targets.map(apiTarget),
    });
  }
}

function ruleState(context: ResourceContext, properties: ResourceProperties, name: string): ResourceState {
  const busName = (properties.EventBusName ?? DEFAULT_BUS).split("event-bus/").at(-1)!;
  return {
    id: busName === DEFAULT_BUS ? name : `${busName}|${name}`,
    attributes: { Arn: ruleArn(context, { busName, name }) },
  };
}

const idsOf = ({ Targets = [] }: ResourceProperties): string[] => Targets.map(({ Id }: { Id: string }) => Id);

const rule: ResourceType = {
  properties: {
    Name: "string",
    Description: "string",
    EventBusName: "string",
    EventPattern: "json",
    RoleArn: "string",
    ScheduleExpression: "string",
    State: "string",
    Tags: TAGS,
    Targets: [
      {
        object: {
          Id: "string",
          Arn: "string",
          RoleArn: "string",
          Input: "string",
          InputPath: "string",
          InputTransformer: { object: { InputPathsMap: { map: "string" }, InputTemplate: "string" } },
          SqsParameters: { object: { MessageGroupId: "string" } },
          EcsParameters: {
            object: {
              TaskDefinitionArn: "string",
              TaskCount: "integer",
              LaunchType: "string",
              PlatformVersion: "string",
              Group: "string",
              EnableECSManagedTags: "boolean",
              PropagateTags: "string",
              TagList: TAGS,
              NetworkConfiguration: {
                object: {
                  AwsVpcConfiguration: {
                    object: { Subnets: ["string"], SecurityGroups: ["string"], AssignPublicIp: "string" },
                  },
                },
              },
            },
          },
          DeadLetterConfig: { object: { Arn: "string" } },
          RetryPolicy: { object: { MaximumRetryAttempts: "integer", MaximumEventAgeInSeconds: "integer" } },
        },
      },
    ],
  },
  replacement: ["Name", "EventBusName"],
  nameProperty: "Name",
  attributes: ["Arn"],
  async create(context, properties) {
    const name: string = properties.Name ?? context.physicalName(64);
    await putRule(context, name, properties, tagsOf(context, properties));
    return ruleState(context, properties, name);
  },
  async update(context, id, properties, previous) {
    const { name } = ruleOf(id);
    const { EventBusName } = properties;
    const Ids = idsOf(previous).filter((target) => !idsOf(properties).includes(target));
    if (Ids.length > 0) await context.call("events", "RemoveTargets", { Rule: name, EventBusName, Ids });
    await putRule(context, name, properties);
    const state = ruleState(context, properties, name);
    await retag(context, state.attributes.Arn as string, properties, previous);
    return state;
  },
  async delete(context, id, properties) {
    const { name } = ruleOf(id);
    const EventBusName = properties?.EventBusName;
    try {
      const { Targets = [] } = await context.call("events", "ListTargetsByRule", { Rule: name, EventBusName });
      const Ids = Targets.map((target) => target.Id!);
      if (Ids.length > 0) await context.call("events", "RemoveTargets", { Rule: name, EventBusName, Ids });
      await context.call("events", "DeleteRule", { Name: name, EventBusName });
    } catch (error) {
      gone(error);
    }
  },
};

export const resources = {
  "AWS::Events::EventBus": eventBus,
  "AWS::Events::EventBusPolicy": eventBusPolicy,
  "AWS::Events::Rule": rule,
} as const;
