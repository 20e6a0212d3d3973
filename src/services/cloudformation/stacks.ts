/** Stacks: create, update, delete, cancel, continue. What happens afterwards is the engine's affair. */
import type {
  CreateStackCommandInput,
  CreateStackCommandOutput,
  DeleteStackCommandInput,
  StackStatus,
  UpdateStackCommandInput,
  UpdateStackCommandOutput,
  UpdateTerminationProtectionCommandInput,
  UpdateTerminationProtectionCommandOutput,
} from "@aws-sdk/client-cloudformation";
import { assert, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { difference } from "./changes.ts";
import { deploymentOf, environmentOf } from "./deployments.ts";
import { advance, beginOperation } from "./engine/advance.ts";
import { type Engine, neededCapabilities } from "./engine/types.ts";
import {
  insufficientCapabilities,
  stackAlreadyExists,
  stackNotFound,
  tokenAlreadyExists,
  validationError,
} from "./errors.ts";
import { setStackStatus } from "./events.ts";
import { exportInUse } from "./exports.ts";
import { parameterStore } from "./parameter-store.ts";
import { checkName, readTags, refuseMembers } from "./rules.ts";
import {
  type Deployment,
  deployments,
  findStack,
  keys,
  type OnFailure,
  type Stack,
  saveStack,
  stackNames,
} from "./state.ts";
import { type Prepared, prepare } from "./template/prepare.ts";

/** What all requests that carry a template have in common. */
type TemplateInput = Pick<
  CreateStackCommandInput,
  | "Parameters"
  | "Capabilities"
  | "Tags"
  | "RoleARN"
  | "ClientRequestToken"
  | "DisableRollback"
  | "NotificationARNs"
  | "RollbackConfiguration"
>;

/** Members that Virga refuses unless they are empty, for every such request. */
export const UNSUPPORTED_MEMBERS = ["NotificationARNs", "RollbackConfiguration"] as const;

const UPDATABLE: ReadonlySet<StackStatus> = new Set([
  "CREATE_COMPLETE",
  "CREATE_FAILED",
  "UPDATE_COMPLETE",
  "UPDATE_FAILED",
  "UPDATE_ROLLBACK_COMPLETE",
]);

/** Makes the record of a stack that does not exist yet. Not saved. */
export function newStack(tx: Transaction, context: OperationContext, stackName: string): Stack {
  const uuid = context.random.uuid();
  stackNames.put(tx, keys.name(context, stackName), { uuid });
  return {
    uuid,
    stackId: `arn:aws:cloudformation:${context.region}:${context.accountId}:stack/${stackName}/${uuid}`,
    stackName,
    createdMs: context.nowMs,
    status: "REVIEW_IN_PROGRESS",
    outputs: [],
    disableRollback: false,
    terminationProtection: false,
    imports: [],
    nextEvent: 0,
    nextGarbage: 0,
  };
}

/** Keeps a deployment under a new id. */
export function addDeployment(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  original: string,
  prepared: Prepared,
  input: TemplateInput,
  tags: Readonly<Record<string, string>>,
): string {
  const id = context.random.uuid();
  const deployment: Deployment = {
    original,
    processed: prepared.processed.text,
    parameters: prepared.parameters,
    ...(Object.keys(prepared.stored).length > 0 ? { stored: prepared.stored } : {}),
    tags,
    capabilities: input.Capabilities ?? [],
    ...(input.RoleARN === undefined ? {} : { roleArn: input.RoleARN }),
  };
  deployments.put(tx, keys.deployment(context, stack.uuid, id), deployment);
  return id;
}

/** @throws InsufficientCapabilitiesException */
export function checkCapabilities(prepared: Prepared, input: TemplateInput, expands: boolean): void {
  const given = new Set<string>(input.Capabilities ?? []);
  const missing: string[] = neededCapabilities(prepared.evaluation.template.resources).capabilities.filter(
    (needed) => !given.has(needed) && !(needed === "CAPABILITY_IAM" && given.has("CAPABILITY_NAMED_IAM")),
  );
  if (expands && prepared.processed.transforms.length > 0 && !given.has("CAPABILITY_AUTO_EXPAND")) {
    missing.push("CAPABILITY_AUTO_EXPAND");
  }
  if (missing.length > 0) throw insufficientCapabilities(missing);
}

/**
 * Errors in this order: ValidationError (name, template, parameters), InsufficientCapabilitiesException, AlreadyExistsException.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
 */
export function createStack(
  engine: Engine,
  tx: Transaction,
  input: CreateStackCommandInput,
  context: OperationContext,
  text: string,
  nested: Pick<Stack, "parentId" | "rootId" | "outer"> = {},
): Omit<CreateStackCommandOutput, "$metadata"> {
  checkName(input.StackName, "stackName");
  refuseMembers("CreateStack", input, UNSUPPORTED_MEMBERS);
  if (input.OnFailure !== undefined && input.DisableRollback !== undefined) {
    throw validationError("You can specify either DisableRollback or OnFailure, but not both.");
  }
  const existing = findStack(tx, context, input.StackName);
  if (existing && input.ClientRequestToken !== undefined && existing.creationToken === input.ClientRequestToken) {
    return { StackId: existing.stackId };
  }
  const tags = readTags(input.Tags);
  if (existing && existing.status !== "REVIEW_IN_PROGRESS") throw stackAlreadyExists(input.StackName);
  const stack = { ...(existing ?? newStack(tx, context, input.StackName)), ...nested };
  const prepared = prepare(
    engine,
    text,
    input.Parameters ?? [],
    {},
    environmentOf(context, stack),
    parameterStore(context),
  );
  checkCapabilities(prepared, input, true);
  stack.deployment = addDeployment(tx, context, stack, text, prepared, input, tags);
  stack.disableRollback = input.DisableRollback ?? input.OnFailure === "DO_NOTHING";
  stack.terminationProtection = input.EnableTerminationProtection ?? false;
  if (input.TimeoutInMinutes !== undefined) stack.timeoutMinutes = input.TimeoutInMinutes;
  if (input.ClientRequestToken !== undefined) stack.creationToken = input.ClientRequestToken;
  startCreation(engine, tx, context, stack, {
    onFailure: input.OnFailure ?? (input.DisableRollback ? "DO_NOTHING" : "ROLLBACK"),
    retainExceptOnCreate: input.RetainExceptOnCreate ?? false,
    clientRequestToken: input.ClientRequestToken,
  });
  return { StackId: stack.stackId };
}

export interface StartOptions {
  readonly onFailure: OnFailure;
  readonly retainExceptOnCreate: boolean;
  readonly clientRequestToken: string | undefined;
}

/** Begins to create a stack whose deployment is set. */
export function startCreation(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  options: StartOptions,
): void {
  const id = context.random.uuid();
  if (stack.timeoutMinutes !== undefined) {
    tx.emit({
      type: "cloudformation.CreationTimeout",
      detail: { accountId: context.accountId, region: context.region, stack: stack.uuid, operation: id },
      dueMs: context.nowMs + stack.timeoutMinutes * 60_000,
    });
  }
  beginOperation(
    engine,
    tx,
    context,
    stack,
    operationOf(context, id, "create", options, {}),
    "CREATE_IN_PROGRESS",
    "User Initiated",
  );
}

export function operationOf(
  context: OperationContext,
  id: string,
  phase: "create" | "update" | "delete" | "restore",
  options: StartOptions,
  more: { readonly previousDeployment?: string; readonly keep?: readonly string[] },
) {
  return {
    id,
    phase,
    principal: context.principal,
    onFailure: options.onFailure,
    retainExceptOnCreate: options.retainExceptOnCreate,
    keep: more.keep ?? [],
    ...(options.clientRequestToken === undefined ? {} : { clientRequestToken: options.clientRequestToken }),
    ...(more.previousDeployment === undefined ? {} : { previousDeployment: more.previousDeployment }),
  };
}

/** Begins to update a stack to a deployment. */
export function startUpdate(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  deployment: string,
  options: StartOptions,
): void {
  const previousDeployment = stack.deployment!;
  stack.deployment = deployment;
  stack.updatedMs = context.nowMs;
  stack.disableRollback = options.onFailure === "DO_NOTHING";
  beginOperation(
    engine,
    tx,
    context,
    stack,
    operationOf(context, context.random.uuid(), "update", options, { previousDeployment }),
    "UPDATE_IN_PROGRESS",
    "User Initiated",
  );
}

export function needStack(tx: Transaction, context: OperationContext, name: string | undefined): Stack {
  const stack = findStack(tx, context, name ?? "");
  if (!stack) throw stackNotFound(name ?? "");
  return stack;
}

export function checkUpdatable(stack: Stack): void {
  if (!UPDATABLE.has(stack.status)) {
    throw validationError(`Stack:${stack.stackId} is in ${stack.status} state and can not be updated.`);
  }
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html */
export function updateStack(
  engine: Engine,
  tx: Transaction,
  input: UpdateStackCommandInput,
  context: OperationContext,
  text: string | undefined,
): Omit<UpdateStackCommandOutput, "$metadata"> {
  refuseMembers("UpdateStack", input, UNSUPPORTED_MEMBERS);
  const stack = needStack(tx, context, input.StackName);
  const token = input.ClientRequestToken;
  if (token !== undefined && stack.operation?.clientRequestToken === token) {
    if (stack.operation.phase === "delete") throw tokenAlreadyExists(token);
    return { StackId: stack.stackId };
  }
  checkUpdatable(stack);
  const before = deploymentOf(tx, context, stack);
  assert(before, "an updatable stack has a deployment");
  const template = text ?? before.original;
  const prepared = prepare(
    engine,
    template,
    input.Parameters ?? [],
    before.parameters,
    environmentOf(context, stack),
    parameterStore(context),
  );
  checkCapabilities(prepared, input, true);
  const tags = input.Tags === undefined ? before.tags : readTags(input.Tags);
  const { changes, elsewhere } = difference(engine, tx, context, stack, prepared.evaluation, tags);
  if (changes.length === 0 && !elsewhere) throw validationError("No updates are to be performed.");
  const roleArn = input.RoleARN ?? before.roleArn;
  const deployment = addDeployment(
    tx,
    context,
    stack,
    template,
    prepared,
    { ...input, ...(roleArn === undefined ? {} : { RoleARN: roleArn }) },
    tags,
  );
  startUpdate(engine, tx, context, stack, deployment, {
    onFailure: input.DisableRollback ? "DO_NOTHING" : "ROLLBACK",
    retainExceptOnCreate: input.RetainExceptOnCreate ?? false,
    clientRequestToken: token,
  });
  return { StackId: stack.stackId };
}

const DELETABLE_IN_PROGRESS: ReadonlySet<StackStatus> = new Set(["CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"]);

/**
 * Succeeds for a stack that does not exist.
 * @returns the stack that is being deleted
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
 */
export function deleteStack(
  engine: Engine,
  tx: Transaction,
  input: DeleteStackCommandInput,
  context: OperationContext,
): string | undefined {
  if (input.DeletionMode !== undefined && input.DeletionMode !== "STANDARD") {
    throw notImplemented(`DeletionMode ${input.DeletionMode} of cloudformation:DeleteStack`);
  }
  const stack = findStack(tx, context, input.StackName ?? "");
  if (!stack || stack.status === "DELETE_COMPLETE" || stack.status === "DELETE_IN_PROGRESS") return undefined;
  if (stack.terminationProtection) {
    throw validationError(`Stack [${stack.stackName}] cannot be deleted while TerminationProtection is enabled`);
  }
  if (stack.status.endsWith("_IN_PROGRESS") && !DELETABLE_IN_PROGRESS.has(stack.status)) {
    throw validationError(`Stack [${stack.stackName}] cannot be deleted while in status ${stack.status}`);
  }
  const keep = input.RetainResources ?? [];
  if (keep.length > 0 && stack.status !== "DELETE_FAILED") {
    throw validationError(
      "Invalid operation on stack [" +
        stack.stackId +
        "]. RetainResources can only be specified for a stack in the DELETE_FAILED state",
    );
  }
  const token = input.ClientRequestToken;
  if (stack.operation) {
    const { principal } = context;
    stack.operation.deleteNext = { principal, ...(token === undefined ? {} : { clientRequestToken: token }) };
    stack.operation.stopped = "User Initiated";
    advance(engine, tx, context, stack);
    return stack.uuid;
  }
  const inUse = exportInUse(tx, context, stack);
  if (inUse !== undefined) {
    setStackStatus(tx, context, stack, "DELETE_FAILED", inUse);
    saveStack(tx, context, stack);
    return stack.uuid;
  }
  const deployment = deploymentOf(tx, context, stack);
  if (deployment && input.RoleARN !== undefined) {
    stack.deployment = context.random.uuid();
    deployments.put(tx, keys.deployment(context, stack.uuid, stack.deployment), {
      ...deployment,
      roleArn: input.RoleARN,
    });
  }
  const options: StartOptions = { onFailure: "DO_NOTHING", retainExceptOnCreate: false, clientRequestToken: token };
  beginOperation(
    engine,
    tx,
    context,
    stack,
    operationOf(context, context.random.uuid(), "delete", options, { keep }),
    "DELETE_IN_PROGRESS",
    "User Initiated",
  );
  return stack.uuid;
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html */
export function updateTerminationProtection(
  tx: Transaction,
  input: UpdateTerminationProtectionCommandInput,
  context: OperationContext,
): Omit<UpdateTerminationProtectionCommandOutput, "$metadata"> {
  const stack = needStack(tx, context, input.StackName);
  if (stack.status.startsWith("DELETE_") && stack.status !== "DELETE_FAILED") {
    throw validationError(
      `Stack [${stack.stackName}] is in ${stack.status} and its termination protection cannot be changed`,
    );
  }
  saveStack(tx, context, { ...stack, terminationProtection: input.EnableTerminationProtection ?? false });
  return { StackId: stack.stackId };
}
