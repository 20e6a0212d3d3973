/** Operations that are broken off, and rollbacks that are taken up again. */
import type {
  CancelUpdateStackCommandInput,
  CancelUpdateStackCommandOutput,
  ContinueUpdateRollbackCommandInput,
  ContinueUpdateRollbackCommandOutput,
} from "@aws-sdk/client-cloudformation";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { deploymentOf } from "./deployments.ts";
import { advance, beginOperation } from "./engine/advance.ts";
import type { Engine } from "./engine/types.ts";
import { validationError } from "./errors.ts";
import { setResource } from "./events.ts";
import { needStack, operationOf, type StartOptions } from "./stacks.ts";
import { allResources, deployments, keys, stacks } from "./state.ts";

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html */
export function cancelUpdateStack(
  engine: Engine,
  tx: Transaction,
  input: CancelUpdateStackCommandInput,
  context: OperationContext,
): Omit<CancelUpdateStackCommandOutput, "$metadata"> {
  const stack = needStack(tx, context, input.StackName);
  if (stack.status !== "UPDATE_IN_PROGRESS" || !stack.operation) {
    throw validationError(`CancelUpdateStack cannot be called from current stack status`);
  }
  stack.operation.stopped = "User Initiated";
  advance(engine, tx, context, stack);
  return {};
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html */
export function continueUpdateRollback(
  engine: Engine,
  tx: Transaction,
  input: ContinueUpdateRollbackCommandInput,
  context: OperationContext,
): Omit<ContinueUpdateRollbackCommandOutput, "$metadata"> {
  const stack = needStack(tx, context, input.StackName);
  if (stack.status !== "UPDATE_ROLLBACK_FAILED") {
    throw validationError(`Stack:${stack.stackId} is in ${stack.status} state and can not continue rollback.`);
  }
  const skip = input.ResourcesToSkip ?? [];
  const all = allResources(tx, context, stack.uuid);
  for (const logicalId of skip) {
    const resource = all.find((candidate) => candidate.logicalId === logicalId);
    if (resource?.status !== "UPDATE_FAILED") {
      throw validationError(`Resource ${logicalId} cannot be skipped: it is not in UPDATE_FAILED state.`);
    }
    const { previous: _, updatedMs: __, statusReason: ___, ...rest } = resource;
    setResource(tx, context, stack, { ...rest, status: "UPDATE_COMPLETE", statusReason: "Resource update skipped" });
  }
  if (input.RoleARN !== undefined) {
    const deployment = deploymentOf(tx, context, stack)!;
    stack.deployment = context.random.uuid();
    deployments.put(tx, keys.deployment(context, stack.uuid, stack.deployment), {
      ...deployment,
      roleArn: input.RoleARN,
    });
  }
  const options: StartOptions = {
    onFailure: "ROLLBACK",
    retainExceptOnCreate: false,
    clientRequestToken: input.ClientRequestToken,
  };
  beginOperation(
    engine,
    tx,
    context,
    stack,
    operationOf(context, context.random.uuid(), "restore", options, { keep: skip }),
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "User Initiated",
  );
  return {};
}

/** Hears `cloudformation.CreationTimeout`. */
export function creationTimeout(
  engine: Engine,
  tx: Transaction,
  detail: { readonly stack: string; readonly operation: string },
  context: OperationContext,
): void {
  const stack = stacks.get(tx, keys.stack(context, detail.stack));
  if (stack?.operation?.id !== detail.operation || stack.operation.phase !== "create") return;
  stack.operation.stopped = "Stack creation time exceeded the specified timeout. ";
  advance(engine, tx, context, stack);
}
