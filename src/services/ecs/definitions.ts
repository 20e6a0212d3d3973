/** Task definitions: register, describe, list, deregister, delete. A revision never changes. */
import type {
  ContainerDefinition,
  DeleteTaskDefinitionsCommandInput,
  DeregisterTaskDefinitionCommandInput,
  DescribeTaskDefinitionCommandInput,
  ListTaskDefinitionFamiliesCommandInput,
  ListTaskDefinitionsCommandInput,
  RegisterTaskDefinitionCommandInput,
  TaskDefinition,
} from "@aws-sdk/client-ecs";
import { AwsError } from "../../kernel/errors.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { clientException, invalidParameter } from "./errors.ts";
import { checkDefinition } from "./fargate.ts";
import { definitionArn, definitionOf } from "./names.ts";
import { page } from "./paging.ts";
import { type Definition, Definitions, definitionKey, Families, familyKey, type Place } from "./state.ts";
import { checkTags } from "./tags.ts";

const DELETE_MAX = 10;

export function describeDefinition({ shape, registeredMs, deregisteredMs }: Definition): TaskDefinition {
  return {
    ...shape,
    registeredAt: new Date(registeredMs),
    ...(deregisteredMs === undefined ? {} : { deregisteredAt: new Date(deregisteredMs) }),
  };
}

/** Containers with the defaults that AWS answers with. */
function withDefaults(container: ContainerDefinition): ContainerDefinition {
  return {
    ...container,
    cpu: container.cpu ?? 0,
    essential: container.essential ?? true,
    environment: container.environment ?? [],
    mountPoints: container.mountPoints ?? [],
    volumesFrom: [],
    systemControls: container.systemControls ?? [],
    portMappings: (container.portMappings ?? []).map((mapping) => ({
      ...mapping,
      hostPort: mapping.containerPort,
      protocol: mapping.protocol ?? "tcp",
    })),
    ...(container.healthCheck
      ? {
          healthCheck: {
            ...container.healthCheck,
            interval: container.healthCheck.interval ?? 30,
            timeout: container.healthCheck.timeout ?? 5,
            retries: container.healthCheck.retries ?? 3,
          },
        }
      : {}),
  };
}

/**
 * Registers the next revision of a family.
 * Errors: ClientException, InvalidParameterException.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
 */
export function registerTaskDefinition(
  tx: Transaction,
  input: RegisterTaskDefinitionCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "RegisterTaskDefinition"> {
  const { cpu, memory } = checkDefinition(input);
  checkTags(input.tags);
  const family = input.family!;
  const revision = (Families.get(tx, familyKey(context, family))?.latest ?? 0) + 1;
  Families.put(tx, familyKey(context, family), { latest: revision });
  const definition: Definition = {
    shape: {
      taskDefinitionArn: definitionArn(context, family, revision),
      family,
      revision,
      status: "ACTIVE",
      containerDefinitions: input.containerDefinitions!.map(withDefaults),
      ...(input.taskRoleArn ? { taskRoleArn: input.taskRoleArn } : {}),
      ...(input.executionRoleArn ? { executionRoleArn: input.executionRoleArn } : {}),
      networkMode: "awsvpc",
      volumes: (input.volumes ?? []).map(({ name }) => ({ name, host: {} })),
      placementConstraints: [],
      compatibilities: ["EC2", "FARGATE"],
      requiresCompatibilities: input.requiresCompatibilities?.length ? [...input.requiresCompatibilities] : [],
      ...(input.runtimePlatform ? { runtimePlatform: input.runtimePlatform } : {}),
      cpu: String(cpu),
      memory: String(memory),
      registeredBy: "arn" in context.principal ? context.principal.arn : context.principal.type,
    },
    registeredMs: context.nowMs,
    tags: input.tags ?? [],
  };
  Definitions.put(tx, definitionKey(context, family, revision), definition);
  return { taskDefinition: describeDefinition(definition), ...(input.tags?.length ? { tags: input.tags } : {}) };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTaskDefinition.html */
export function describeTaskDefinition(
  tx: Transaction,
  input: DescribeTaskDefinitionCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DescribeTaskDefinition"> {
  const found = definitionOf(tx, context, input.taskDefinition);
  return {
    taskDefinition: describeDefinition(found),
    ...(input.include?.includes("TAGS") ? { tags: [...found.tags] } : {}),
  };
}

/** INACTIVE: what runs goes on, and nothing new starts from it. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html */
export function deregisterTaskDefinition(
  tx: Transaction,
  input: DeregisterTaskDefinitionCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DeregisterTaskDefinition"> {
  if (!/:\d+$/.test(input.taskDefinition ?? "")) {
    throw invalidParameter("A revision is required: family:revision, or its full ARN.");
  }
  const found = definitionOf(tx, context, input.taskDefinition);
  const { family, revision, status } = found.shape;
  if (status !== "ACTIVE") throw clientException("The specified task definition is inactive.");
  const changed: Definition = {
    ...found,
    shape: { ...found.shape, status: "INACTIVE" },
    deregisteredMs: context.nowMs,
  };
  Definitions.put(tx, definitionKey(context, family!, revision!), changed);
  return { taskDefinition: describeDefinition(changed) };
}

/** Only what is INACTIVE can be deleted. @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html */
export function deleteTaskDefinitions(
  tx: Transaction,
  { taskDefinitions = [] }: DeleteTaskDefinitionsCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "DeleteTaskDefinitions"> {
  if (taskDefinitions.length === 0 || taskDefinitions.length > DELETE_MAX) {
    throw invalidParameter(`Between 1 and ${DELETE_MAX} task definitions can be deleted at once.`);
  }
  const deleted: TaskDefinition[] = [];
  const failures: { arn: string; reason: string; detail?: string }[] = [];
  for (const reference of taskDefinitions) {
    try {
      if (!/:\d+$/.test(reference)) throw invalidParameter("A revision is required.");
      const found = definitionOf(tx, context, reference);
      const { family, revision, status } = found.shape;
      if (status === "ACTIVE") {
        throw clientException(
          "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
        );
      }
      tx.delete(definitionKey(context, family!, revision!));
      deleted.push({ ...describeDefinition(found), status: "DELETE_IN_PROGRESS" });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      failures.push({ arn: reference, reason: error.message });
    }
  }
  return { taskDefinitions: deleted, failures };
}

function* revisions(tx: Transaction, at: Place): Generator<Definition> {
  const { start, end } = keysUnder("ecs", at.accountId, at.region, "definition");
  for (const [, found] of Definitions.range(tx, start, end)) yield found;
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitions.html */
export function listTaskDefinitions(
  tx: Transaction,
  input: ListTaskDefinitionsCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "ListTaskDefinitions"> {
  const wanted = input.status ?? "ACTIVE";
  const arns = [...revisions(tx, context)]
    .filter(
      ({ shape }) =>
        shape.status === wanted && (input.familyPrefix === undefined || shape.family === input.familyPrefix),
    )
    .map(({ shape }) => shape.taskDefinitionArn!);
  if (input.sort === "DESC") arns.reverse();
  const { items, nextToken } = page(arns, input);
  return { taskDefinitionArns: [...items], ...(nextToken ? { nextToken } : {}) };
}

/** @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTaskDefinitionFamilies.html */
export function listTaskDefinitionFamilies(
  tx: Transaction,
  input: ListTaskDefinitionFamiliesCommandInput,
  context: OperationContext,
): OutputOf<"ecs", "ListTaskDefinitionFamilies"> {
  const active = new Map<string, boolean>();
  for (const { shape } of revisions(tx, context)) {
    active.set(shape.family!, (active.get(shape.family!) ?? false) || shape.status === "ACTIVE");
  }
  const families = [...active]
    .filter(
      ([family, isActive]) =>
        family.startsWith(input.familyPrefix ?? "") &&
        (input.status === undefined || input.status === "ALL" || (input.status === "ACTIVE") === isActive),
    )
    .map(([family]) => family);
  const { items, nextToken } = page(families, input);
  return { families: [...items], ...(nextToken ? { nextToken } : {}) };
}
