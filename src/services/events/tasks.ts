/** Targets that are ECS clusters: a task is run for each event. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EcsParameters.html */
import { parseArn, type Region } from "../../kernel/arn.ts";
import { DeliveryFailure } from "../delivery-common/failures.ts";
import type { FlowContext, InputOf, Principal } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { validation } from "./errors.ts";
import type { Target, TaskParameters } from "./state.ts";

type GivenTarget = NonNullable<InputOf<"events", "PutTargets">["Targets"]>[number];
type GivenTask = NonNullable<GivenTarget["EcsParameters"]>;

const TASKS_MAX = 10;

/** @throws ValidationException */
export function taskOf({ Id: id, RoleArn, EcsParameters: given }: GivenTarget): TaskParameters {
  if (given === undefined) throw validation(`Parameter(s) EcsParameters must be specified for target: ${id}.`);
  if (RoleArn === undefined) throw validation(`RoleArn is required for target ${id}.`);
  new Constraints()
    .required("targets.member.ecsParameters.taskDefinitionArn", given.TaskDefinitionArn)
    .range("targets.member.ecsParameters.taskCount", given.TaskCount, 1, TASKS_MAX)
    .oneOf("targets.member.ecsParameters.launchType", given.LaunchType, ["FARGATE"])
    .oneOf("targets.member.ecsParameters.propagateTags", given.PropagateTags, ["TASK_DEFINITION"])
    .check();
  const network = given.NetworkConfiguration?.awsvpcConfiguration;
  return {
    taskDefinition: given.TaskDefinitionArn!,
    count: given.TaskCount ?? 1,
    ...(given.LaunchType === undefined ? {} : { launchType: "FARGATE" }),
    ...(given.PlatformVersion === undefined ? {} : { platformVersion: given.PlatformVersion }),
    ...(given.Group === undefined ? {} : { group: given.Group }),
    ...(given.EnableECSManagedTags === undefined ? {} : { enableEcsManagedTags: given.EnableECSManagedTags }),
    ...(given.PropagateTags === undefined ? {} : { propagateTags: "TASK_DEFINITION" }),
    ...(network
      ? {
          network: {
            subnets: network.Subnets ?? [],
            securityGroups: network.SecurityGroups ?? [],
            ...(network.AssignPublicIp === undefined ? {} : { assignPublicIp: network.AssignPublicIp }),
          },
        }
      : {}),
    tags: (given.Tags ?? []).map(({ Key, Value }) => ({ key: Key!, value: Value! })),
  };
}

/** As ListTargetsByRule shows it. */
export function shownTask(task: TaskParameters): GivenTask {
  const { network } = task;
  return {
    TaskDefinitionArn: task.taskDefinition,
    TaskCount: task.count,
    ...(task.launchType === undefined ? {} : { LaunchType: task.launchType }),
    ...(task.platformVersion === undefined ? {} : { PlatformVersion: task.platformVersion }),
    ...(task.group === undefined ? {} : { Group: task.group }),
    ...(task.enableEcsManagedTags === undefined ? {} : { EnableECSManagedTags: task.enableEcsManagedTags }),
    ...(task.propagateTags === undefined ? {} : { PropagateTags: task.propagateTags }),
    ...(network
      ? {
          NetworkConfiguration: {
            awsvpcConfiguration: {
              Subnets: [...network.subnets],
              SecurityGroups: [...network.securityGroups],
              ...(network.assignPublicIp === undefined ? {} : { AssignPublicIp: network.assignPublicIp }),
            },
          },
        }
      : {}),
    ...(task.tags.length > 0 ? { Tags: task.tags.map(({ key, value }) => ({ Key: key, Value: value })) } : {}),
  };
}

/** The target's input says what is to be different: `{ "containerOverrides": [ … ] }`. An event that was not transformed says nothing. */
export async function runTask(flow: FlowContext, target: Target, payload: string, principal: Principal): Promise<void> {
  const task = target.task!;
  const isOwn = target.input !== undefined || target.inputPath !== undefined || target.inputTransformer !== undefined;
  const { network } = task;
  const input: InputOf<"ecs", "RunTask"> = {
    cluster: target.arn,
    taskDefinition: task.taskDefinition,
    count: task.count,
    ...(task.launchType === undefined ? {} : { launchType: task.launchType }),
    ...(task.platformVersion === undefined ? {} : { platformVersion: task.platformVersion }),
    ...(task.group === undefined ? {} : { group: task.group }),
    ...(task.enableEcsManagedTags === undefined ? {} : { enableECSManagedTags: task.enableEcsManagedTags }),
    ...(task.propagateTags === undefined ? {} : { propagateTags: task.propagateTags }),
    ...(network
      ? {
          networkConfiguration: {
            awsvpcConfiguration: {
              ...network,
              subnets: [...network.subnets],
              securityGroups: [...network.securityGroups],
            },
          },
        }
      : {}),
    ...(task.tags.length > 0 ? { tags: task.tags.map((tag) => ({ ...tag })) } : {}),
    ...(isOwn ? { overrides: overridesOf(payload) } : {}),
  };
  const { failures = [] } = await flow.call("ecs", "RunTask", input, {
    principal,
    region: parseArn(target.arn)!.region as Region,
  });
  const [failure] = failures;
  if (failure) throw new DeliveryFailure("ERROR_FROM_TARGET", failure.reason ?? "The task could not be run.");
}

function overridesOf(payload: string): InputOf<"ecs", "RunTask">["overrides"] {
  try {
    const document: unknown = JSON.parse(payload);
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return document;
  } catch {
    // Told below.
  }
  throw new DeliveryFailure("INVALID_JSON", "The input of a task is not an object with overrides.");
}
