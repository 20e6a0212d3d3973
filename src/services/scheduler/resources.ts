/** AWS::Scheduler::Schedule and ScheduleGroup. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Scheduler.html */
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";
import { DEFAULT_GROUP, groupArn, scheduleArn } from "./state.ts";

const gone = (error: unknown): void => {
  if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
};

type ScheduleInput = InputOf<"scheduler", "CreateSchedule">;

function inputOf(properties: ResourceProperties, Name: string): ScheduleInput {
  const { StartDate, EndDate, ...rest } = properties;
  return {
    ...rest,
    Name,
    ...(StartDate === undefined ? {} : { StartDate: new Date(StartDate) }),
    ...(EndDate === undefined ? {} : { EndDate: new Date(EndDate) }),
  } as ScheduleInput;
}

const scheduleState = (context: ResourceContext, properties: ResourceProperties, name: string): ResourceState => ({
  id: name,
  attributes: { Arn: scheduleArn(context, { group: properties.GroupName ?? DEFAULT_GROUP, name }) },
});

const schedule: ResourceType = {
  properties: {
    Name: "string",
    GroupName: "string",
    Description: "string",
    ScheduleExpression: "string",
    ScheduleExpressionTimezone: "string",
    StartDate: "string",
    EndDate: "string",
    State: "string",
    FlexibleTimeWindow: { object: { Mode: "string", MaximumWindowInMinutes: "integer" } },
    Target: {
      object: {
        Arn: "string",
        RoleArn: "string",
        Input: "string",
        DeadLetterConfig: { object: { Arn: "string" } },
        RetryPolicy: { object: { MaximumRetryAttempts: "integer", MaximumEventAgeInSeconds: "integer" } },
        EventBridgeParameters: { object: { DetailType: "string", Source: "string" } },
        SqsParameters: { object: { MessageGroupId: "string" } },
      },
    },
  },
  required: ["FlexibleTimeWindow", "ScheduleExpression", "Target"],
  replacement: ["Name"],
  nameProperty: "Name",
  attributes: ["Arn"],
  async create(context, properties) {
    const name: string = properties.Name ?? context.physicalName(64);
    await context.call("scheduler", "CreateSchedule", inputOf(properties, name));
    return scheduleState(context, properties, name);
  },
  async update(context, id, properties, previous) {
    if ((properties.GroupName ?? DEFAULT_GROUP) === (previous.GroupName ?? DEFAULT_GROUP)) {
      await context.call("scheduler", "UpdateSchedule", inputOf(properties, id));
    } else {
      // A schedule cannot move to another group: it is made there, and ended here.
      await context.call("scheduler", "CreateSchedule", inputOf(properties, id));
      await context.call("scheduler", "DeleteSchedule", { Name: id, GroupName: previous.GroupName }).catch(gone);
    }
    return scheduleState(context, properties, id);
  },
  async delete(context, id, properties) {
    await context.call("scheduler", "DeleteSchedule", { Name: id, GroupName: properties?.GroupName }).catch(gone);
  },
};

const tagsOf = (context: ResourceContext, properties: ResourceProperties): { Key: string; Value: string }[] => {
  const own = ((properties?.Tags ?? []) as { Key: string; Value: string }[]).map(({ Key, Value }) => [Key, Value]);
  const all: Record<string, string> = { ...context.tags, ...Object.fromEntries(own) };
  return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
};

async function groupState(context: ResourceContext, Name: string): Promise<ResourceState> {
  const found = await context.call("scheduler", "GetScheduleGroup", { Name });
  return {
    id: Name,
    attributes: {
      Arn: found.Arn!,
      CreationDate: found.CreationDate!.toISOString(),
      LastModificationDate: found.LastModificationDate!.toISOString(),
      State: found.State!,
    },
  };
}

const scheduleGroup: ResourceType = {
  properties: { Name: "string", Tags: [{ object: { Key: "string", Value: "string" } }] },
  replacement: ["Name"],
  nameProperty: "Name",
  attributes: ["Arn", "CreationDate", "LastModificationDate", "State"],
  async create(context, properties) {
    const Name: string = properties.Name ?? context.physicalName(64);
    await context.call("scheduler", "CreateScheduleGroup", { Name, Tags: tagsOf(context, properties) });
    return groupState(context, Name);
  },
  async update(context, id, properties, previous) {
    const ResourceArn = groupArn(context, id);
    const Tags = tagsOf(context, properties);
    const TagKeys = tagsOf(context, previous)
      .map(({ Key }) => Key)
      .filter((name) => !Tags.some(({ Key }) => Key === name));
    if (TagKeys.length > 0) await context.call("scheduler", "UntagResource", { ResourceArn, TagKeys });
    if (Tags.length > 0) await context.call("scheduler", "TagResource", { ResourceArn, Tags });
    return groupState(context, id);
  },
  async delete(context, id) {
    await context.call("scheduler", "DeleteScheduleGroup", { Name: id }).catch((error: unknown) => {
      // Being deleted already.
      if (!(error instanceof AwsError && error.code === "ConflictException")) gone(error);
    });
  },
};

export const resources = {
  "AWS::Scheduler::Schedule": schedule,
  "AWS::Scheduler::ScheduleGroup": scheduleGroup,
} as const;
