/** CloudFormation: templates in, resources of every service out. The engine's steps are events, so that an operation on a stack outlives the process. */
import type { ResourceType } from "../resources.ts";
import { defineService, type OperationContext, type Permission, type Service } from "../service.ts";
import {
  createChangeSet,
  deleteChangeSet,
  describeChangeSet,
  executeChangeSet,
  listChangeSets,
} from "./change-sets.ts";
import {
  describeStackEvents,
  describeStackResource,
  describeStackResources,
  describeStacks,
  listStackResources,
  listStacks,
} from "./describe.ts";
import { forgetStack } from "./engine/advance.ts";
import { invokeCustom, responseFront, responseTimeout } from "./engine/custom-resource.ts";
import { patiently } from "./engine/patience.ts";
import { runStep } from "./engine/step.ts";
import type { Engine, Ports } from "./engine/types.ts";
import { listExports, listImports } from "./exports.ts";
import { resources } from "./resources.ts";
import { cancelUpdateStack, continueUpdateRollback, creationTimeout } from "./rollback.ts";
import { createStack, deleteStack, updateStack, updateTerminationProtection } from "./stacks.ts";
import { getTemplate, getTemplateSummary, newTemplateText, templateText, validateTemplate } from "./templates.ts";

export type { Ports } from "./engine/types.ts";

/** Steps of all stacks that run at once. */
const STEPS_MAX = 32;

/** The end of a stack's ARN. */
const uuidOf = (stackId: string | undefined): string => stackId?.split("/")[2] ?? "";

type Place = Pick<OperationContext, "accountId" | "region">;

/** The permission for an operation on one stack; with a role, also the right to hand it over. */
const onStack =
  (operation: string) =>
  (
    input: { readonly StackName?: string | undefined; readonly RoleARN?: string | undefined },
    place: Place,
  ): Permission[] => {
    const name = input.StackName ?? "*";
    const resource = name.startsWith("arn:")
      ? name
      : `arn:aws:cloudformation:${place.region}:${place.accountId}:stack/${name}/*`;
    const permissions: Permission[] = [{ action: `cloudformation:${operation}`, resource }];
    if (input.RoleARN !== undefined) permissions.push({ action: "iam:PassRole", resource: input.RoleARN });
    return permissions;
  };

export function createCloudformation(ports: Ports): Service<"cloudformation"> {
  let types: ReadonlyMap<string, ResourceType> | undefined;
  const engine: Engine = {
    ...ports,
    evaluations: new Map(),
    resourceTypes() {
      types ??= new Map([...Object.entries(resources), ...ports.resourceTypes()]);
      return types;
    },
  };
  return defineService<"cloudformation">({
    name: "cloudformation",
    operations: {
      CancelUpdateStack: (tx, input, context) => cancelUpdateStack(engine, tx, input, context),
      ContinueUpdateRollback: (tx, input, context) => continueUpdateRollback(engine, tx, input, context),
      DeleteChangeSet: deleteChangeSet,
      DescribeChangeSet: describeChangeSet,
      DescribeStackEvents: describeStackEvents,
      DescribeStackResource: describeStackResource,
      DescribeStackResources: describeStackResources,
      DescribeStacks: describeStacks,
      GetTemplate: getTemplate,
      ListChangeSets: listChangeSets,
      ListExports: listExports,
      ListImports: listImports,
      ListStackResources: listStackResources,
      ListStacks: listStacks,
      UpdateTerminationProtection: updateTerminationProtection,
    },
    flows: {
      async CreateChangeSet(flow, input) {
        const text = await templateText(flow, input);
        return flow.write((tx, context) => createChangeSet(engine, tx, input, context, text));
      },
      async CreateStack(flow, input) {
        const text = await newTemplateText(flow, input);
        const output = await flow.write((tx, context) => createStack(engine, tx, input, context, text));
        await patiently(engine, flow, uuidOf(output.StackId));
        return output;
      },
      async UpdateStack(flow, input) {
        const text = await templateText(flow, input);
        const output = await flow.write((tx, context) => updateStack(engine, tx, input, context, text));
        await patiently(engine, flow, uuidOf(output.StackId));
        return output;
      },
      async DeleteStack(flow, input) {
        const stack = await flow.write((tx, context) => deleteStack(engine, tx, input, context));
        if (stack !== undefined) await patiently(engine, flow, stack);
        return {};
      },
      async ExecuteChangeSet(flow, input) {
        const stack = await flow.write((tx, context) => executeChangeSet(engine, tx, input, context));
        await patiently(engine, flow, stack);
        return {};
      },
      GetTemplateSummary: (flow, input) => getTemplateSummary(engine, flow, input),
      ValidateTemplate: (flow, input) => validateTemplate(engine, flow, input),
    },
    // RollbackConfiguration, NotificationARNs and the like are refused in `rules.ts`, unless they are empty as some tools send them.
    unsupported: {
      ContinueUpdateRollback: ["ForceRollback"],
      CreateStack: [
        "DeploymentConfig",
        "DisableValidation",
        "Parameters[].ResolvedValue",
        "ResourceTypes",
        "RollbackConfiguration.MonitoringTimeInMinutes",
        "RollbackConfiguration.RollbackTriggers[]",
        "StackPolicyBody",
        "StackPolicyURL",
      ],
      UpdateStack: [
        "DeploymentConfig",
        "DisableValidation",
        "Parameters[].ResolvedValue",
        "ResourceTypes",
        "RollbackConfiguration.MonitoringTimeInMinutes",
        "RollbackConfiguration.RollbackTriggers[]",
        "StackPolicyBody",
        "StackPolicyURL",
        "StackPolicyDuringUpdateBody",
        "StackPolicyDuringUpdateURL",
      ],
      CreateChangeSet: [
        "DeploymentConfig",
        "DeploymentMode",
        "DisableValidation",
        "Parameters[].ResolvedValue",
        "ResourceTypes",
        "ResourcesToImport[].ResourceIdentifier",
        "RollbackConfiguration.MonitoringTimeInMinutes",
        "RollbackConfiguration.RollbackTriggers[]",
      ],
      DeleteStack: ["DeploymentConfig"],
      GetTemplateSummary: ["CallAs", "StackSetName", "TemplateSummaryConfig"],
    },
    permissions: {
      CancelUpdateStack: onStack("CancelUpdateStack"),
      ContinueUpdateRollback: onStack("ContinueUpdateRollback"),
      CreateChangeSet: onStack("CreateChangeSet"),
      CreateStack: onStack("CreateStack"),
      DeleteChangeSet: onStack("DeleteChangeSet"),
      DeleteStack: onStack("DeleteStack"),
      DescribeChangeSet: onStack("DescribeChangeSet"),
      DescribeStackEvents: onStack("DescribeStackEvents"),
      DescribeStackResource: onStack("DescribeStackResource"),
      DescribeStackResources: onStack("DescribeStackResources"),
      DescribeStacks: onStack("DescribeStacks"),
      ExecuteChangeSet: onStack("ExecuteChangeSet"),
      GetTemplate: onStack("GetTemplate"),
      ListChangeSets: onStack("ListChangeSets"),
      ListStackResources: onStack("ListStackResources"),
      UpdateStack: onStack("UpdateStack"),
      UpdateTerminationProtection: onStack("UpdateTerminationProtection"),
    },
    hears: {
      "cloudformation.Step": { flow: (flow, detail) => runStep(engine, flow, detail), concurrency: STEPS_MAX },
      "cloudformation.InvokeCustom": { flow: (flow, detail) => invokeCustom(engine, flow, detail) },
      "cloudformation.ResponseTimeout": {
        operation: (tx, detail, context) => responseTimeout(engine, tx, detail, context),
      },
      "cloudformation.CreationTimeout": {
        operation: (tx, detail, context) => creationTimeout(engine, tx, detail, context),
      },
      "cloudformation.Forget": { operation: forgetStack },
    },
    fronts: [responseFront(engine)],
    resources,
  });
}
