/** What can be asked about stacks, their resources and their events. Reads only. */
import type {
  DescribeStackEventsCommandInput,
  DescribeStackEventsCommandOutput,
  DescribeStackResourceCommandInput,
  DescribeStackResourceCommandOutput,
  DescribeStackResourcesCommandInput,
  DescribeStackResourcesCommandOutput,
  DescribeStacksCommandInput,
  DescribeStacksCommandOutput,
  ListStackResourcesCommandInput,
  ListStackResourcesCommandOutput,
  ListStacksCommandInput,
  ListStacksCommandOutput,
  Stack as StackDescription,
  StackResource,
} from "@aws-sdk/client-cloudformation";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { deploymentOf } from "./deployments.ts";
import { resourceDoesNotExist, stackDoesNotExist, stackNotFound, validationError } from "./errors.ts";
import { page } from "./rules.ts";
import {
  allResources,
  events,
  findStack,
  type Home,
  keys,
  type Resource,
  resources,
  type Stack,
  stacks,
} from "./state.ts";
import { readTemplate } from "./template/sections.ts";

const STACKS_PAGE = 100;
const RESOURCES_PAGE = 100;
const EVENTS_PAGE = 100;
const NO_ECHO = "****";

function tokenOf(nextToken: string | undefined): { NextToken?: string } {
  return nextToken === undefined ? {} : { NextToken: nextToken };
}

function allStacks(tx: Transaction, home: Home): Stack[] {
  const { start, end } = keys.stacks(home);
  return [...stacks.range(tx, start, end)].map(([, stack]) => stack).sort((a, b) => b.createdMs - a.createdMs);
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html */
export function describeStacks(
  tx: Transaction,
  input: DescribeStacksCommandInput,
  context: OperationContext,
): Omit<DescribeStacksCommandOutput, "$metadata"> {
  if (input.StackName !== undefined) {
    const stack = findStack(tx, context, input.StackName);
    if (!stack) throw stackDoesNotExist(input.StackName);
    return { Stacks: [describe(tx, context, stack)] };
  }
  const live = allStacks(tx, context).filter((stack) => stack.status !== "DELETE_COMPLETE");
  const { items, nextToken } = page(live, STACKS_PAGE, input.NextToken, (stack) => stack.stackId);
  return { Stacks: items.map((stack) => describe(tx, context, stack)), ...tokenOf(nextToken) };
}

function describe(tx: Transaction, context: OperationContext, stack: Stack): StackDescription {
  const deployment = deploymentOf(tx, context, stack);
  const template = deployment && readTemplate(JSON.parse(deployment.processed));
  return {
    StackId: stack.stackId,
    StackName: stack.stackName,
    ...(stack.changeSetId === undefined ? {} : { ChangeSetId: stack.changeSetId }),
    ...(template?.description === undefined ? {} : { Description: template.description }),
    Parameters: Object.entries(deployment?.parameters ?? {}).map(([name, value]) => ({
      ParameterKey: name,
      ParameterValue: template?.parameters[name]?.noEcho ? NO_ECHO : value,
      ...(deployment?.stored?.[name] === undefined
        ? {}
        : { ResolvedValue: template?.parameters[name]?.noEcho ? NO_ECHO : deployment.stored[name] }),
    })),
    CreationTime: new Date(stack.createdMs),
    ...(stack.updatedMs === undefined ? {} : { LastUpdatedTime: new Date(stack.updatedMs) }),
    ...(stack.deletedMs === undefined ? {} : { DeletionTime: new Date(stack.deletedMs) }),
    RollbackConfiguration: {},
    StackStatus: stack.status,
    ...(stack.statusReason === undefined ? {} : { StackStatusReason: stack.statusReason }),
    DisableRollback: stack.disableRollback,
    NotificationARNs: [],
    ...(stack.timeoutMinutes === undefined ? {} : { TimeoutInMinutes: stack.timeoutMinutes }),
    Capabilities: [...(deployment?.capabilities ?? [])],
    Outputs: stack.outputs.map((output) => ({
      OutputKey: output.name,
      OutputValue: output.value,
      ...(output.description === undefined ? {} : { Description: output.description }),
      ...(output.exportName === undefined ? {} : { ExportName: output.exportName }),
    })),
    ...(deployment?.roleArn === undefined ? {} : { RoleARN: deployment.roleArn }),
    Tags: Object.entries(deployment?.tags ?? {}).map(([Key, Value]) => ({ Key, Value })),
    EnableTerminationProtection: stack.terminationProtection,
    ...(stack.parentId === undefined ? {} : { ParentId: stack.parentId, RootId: stack.rootId }),
    DriftInformation: { StackDriftStatus: "NOT_CHECKED" },
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html */
export function listStacks(
  tx: Transaction,
  input: ListStacksCommandInput,
  context: OperationContext,
): Omit<ListStacksCommandOutput, "$metadata"> {
  const wanted = input.StackStatusFilter;
  const all = allStacks(tx, context).filter((stack) => !wanted?.length || wanted.includes(stack.status));
  const { items, nextToken } = page(all, STACKS_PAGE, input.NextToken, (stack) => stack.stackId);
  return {
    StackSummaries: items.map((stack) => {
      const deployment = deploymentOf(tx, context, stack);
      const description = deployment && readTemplate(JSON.parse(deployment.processed)).description;
      return {
        StackId: stack.stackId,
        StackName: stack.stackName,
        ...(description === undefined ? {} : { TemplateDescription: description }),
        CreationTime: new Date(stack.createdMs),
        ...(stack.updatedMs === undefined ? {} : { LastUpdatedTime: new Date(stack.updatedMs) }),
        ...(stack.deletedMs === undefined ? {} : { DeletionTime: new Date(stack.deletedMs) }),
        StackStatus: stack.status,
        ...(stack.parentId === undefined ? {} : { ParentId: stack.parentId, RootId: stack.rootId }),
        ...(stack.statusReason === undefined ? {} : { StackStatusReason: stack.statusReason }),
        DriftInformation: { StackDriftStatus: "NOT_CHECKED" as const },
      };
    }),
    ...tokenOf(nextToken),
  };
}

/** Newest first. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html */
export function describeStackEvents(
  tx: Transaction,
  input: DescribeStackEventsCommandInput,
  context: OperationContext,
): Omit<DescribeStackEventsCommandOutput, "$metadata"> {
  const stack = findStack(tx, context, input.StackName ?? "");
  if (!stack) throw stackNotFound(input.StackName ?? "");
  const { start, end } = keys.events(context, stack.uuid);
  let before = end;
  if (input.NextToken !== undefined) {
    const number = Number(Buffer.from(input.NextToken, "base64url").toString("utf8"));
    if (!Number.isInteger(number)) throw validationError("The specified NextToken is not valid.");
    before = keys.event(context, stack.uuid, number);
  }
  const rows = [...events.range(tx, start, before, { reverse: true, limit: EVENTS_PAGE + 1 })].map(
    ([, event]) => event,
  );
  const items = rows.slice(0, EVENTS_PAGE);
  // Numbers are dense: the last one of this page follows from the first, and from where the page began.
  const first =
    input.NextToken === undefined
      ? stack.nextEvent
      : Number(Buffer.from(input.NextToken, "base64url").toString("utf8"));
  const nextToken =
    rows.length > EVENTS_PAGE ? Buffer.from(String(first - EVENTS_PAGE)).toString("base64url") : undefined;
  return {
    StackEvents: items.map((event) => ({
      StackId: stack.stackId,
      EventId: event.eventId,
      StackName: stack.stackName,
      LogicalResourceId: event.logicalId,
      PhysicalResourceId: event.physicalId,
      ResourceType: event.type,
      Timestamp: new Date(event.timestampMs),
      ResourceStatus: event.status as NonNullable<StackResource["ResourceStatus"]>,
      ...(event.reason === undefined ? {} : { ResourceStatusReason: event.reason }),
      ...(event.properties === undefined ? {} : { ResourceProperties: event.properties }),
      ...(event.clientRequestToken === undefined ? {} : { ClientRequestToken: event.clientRequestToken }),
    })),
    ...tokenOf(nextToken),
  };
}

/** What describes a resource everywhere. */
function summary(resource: Resource) {
  return {
    LogicalResourceId: resource.logicalId,
    ...(resource.physicalId === undefined ? {} : { PhysicalResourceId: resource.physicalId }),
    ResourceType: resource.type,
    ResourceStatus: resource.status,
    ...(resource.statusReason === undefined ? {} : { ResourceStatusReason: resource.statusReason }),
    DriftInformation: { StackResourceDriftStatus: "NOT_CHECKED" as const },
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html */
export function describeStackResource(
  tx: Transaction,
  input: DescribeStackResourceCommandInput,
  context: OperationContext,
): Omit<DescribeStackResourceCommandOutput, "$metadata"> {
  const name = input.StackName ?? "";
  const stack = findStack(tx, context, name);
  if (!stack) throw validationError(`Stack '${name}' does not exist`);
  const logicalId = input.LogicalResourceId ?? "";
  const resource = resources.get(tx, keys.resource(context, stack.uuid, logicalId));
  if (!resource) throw resourceDoesNotExist(logicalId, stack.stackName);
  return {
    StackResourceDetail: {
      StackName: stack.stackName,
      StackId: stack.stackId,
      ...summary(resource),
      LastUpdatedTimestamp: new Date(resource.updatedMs),
      Metadata: JSON.stringify(resource.metadata ?? {}),
    },
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html */
export function describeStackResources(
  tx: Transaction,
  input: DescribeStackResourcesCommandInput,
  context: OperationContext,
): Omit<DescribeStackResourcesCommandOutput, "$metadata"> {
  const stack =
    input.StackName === undefined
      ? byPhysicalId(tx, context, input.PhysicalResourceId)
      : findStack(tx, context, input.StackName);
  if (!stack) {
    throw input.StackName === undefined
      ? validationError(`Stack for ${input.PhysicalResourceId ?? ""} does not exist`)
      : stackDoesNotExist(input.StackName);
  }
  const wanted = input.LogicalResourceId;
  const found = allResources(tx, context, stack.uuid).filter(
    (resource) => wanted === undefined || resource.logicalId === wanted,
  );
  if (wanted !== undefined && found.length === 0) throw resourceDoesNotExist(wanted, stack.stackName);
  return {
    StackResources: found.map((resource) => ({
      StackName: stack.stackName,
      StackId: stack.stackId,
      ...summary(resource),
      Timestamp: new Date(resource.updatedMs),
    })),
  };
}

function byPhysicalId(tx: Transaction, context: OperationContext, physicalId: string | undefined): Stack | undefined {
  if (physicalId === undefined) throw validationError("Either StackName or PhysicalResourceId must be specified");
  return allStacks(tx, context).find(
    (stack) =>
      stack.status !== "DELETE_COMPLETE" &&
      allResources(tx, context, stack.uuid).some((resource) => resource.physicalId === physicalId),
  );
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html */
export function listStackResources(
  tx: Transaction,
  input: ListStackResourcesCommandInput,
  context: OperationContext,
): Omit<ListStackResourcesCommandOutput, "$metadata"> {
  const stack = findStack(tx, context, input.StackName ?? "");
  if (!stack) throw stackDoesNotExist(input.StackName ?? "");
  const all = allResources(tx, context, stack.uuid);
  const { items, nextToken } = page(all, RESOURCES_PAGE, input.NextToken, (resource) => resource.logicalId);
  return {
    StackResourceSummaries: items.map((resource) => ({
      ...summary(resource),
      LastUpdatedTimestamp: new Date(resource.updatedMs),
    })),
    ...tokenOf(nextToken),
  };
}
