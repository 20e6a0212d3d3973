/** Change sets: a deployment that is looked at before it is carried out. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html */
import type {
  CreateChangeSetCommandInput,
  CreateChangeSetCommandOutput,
  DeleteChangeSetCommandInput,
  DeleteChangeSetCommandOutput,
  DescribeChangeSetCommandInput,
  DescribeChangeSetCommandOutput,
  ExecuteChangeSetCommandInput,
  ListChangeSetsCommandInput,
  ListChangeSetsCommandOutput,
} from "@aws-sdk/client-cloudformation";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { type Difference, difference } from "./changes.ts";
import { deploymentOf, environmentOf } from "./deployments.ts";
import type { Engine } from "./engine/types.ts";
import {
  changeSetAlreadyExists,
  changeSetNotFound,
  invalidChangeSetStatus,
  stackDoesNotExist,
  stackNotFound,
  validationError,
} from "./errors.ts";
import { setStackStatus } from "./events.ts";
import { changeSetsOf, type FoundChangeSet, findChangeSet } from "./find-change-set.ts";
import { parameterStore } from "./parameter-store.ts";
import { checkName, page, readTags, refuseMembers } from "./rules.ts";
import {
  addDeployment,
  checkCapabilities,
  checkUpdatable,
  newStack,
  startCreation,
  startUpdate,
  UNSUPPORTED_MEMBERS,
} from "./stacks.ts";
import { type ChangeSet, changeSets, findStack, keys, type Stack, saveStack } from "./state.ts";
import { prepare } from "./template/prepare.ts";

const CHANGES_PAGE = 100;
const NO_ECHO = "****";

/**
 * The change set is complete, or failed with its reason, when this returns; AWS takes a while.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html
 */
export function createChangeSet(
  engine: Engine,
  tx: Transaction,
  input: CreateChangeSetCommandInput,
  context: OperationContext,
  given: string | undefined,
): Omit<CreateChangeSetCommandOutput, "$metadata"> {
  checkName(input.ChangeSetName, "changeSetName");
  refuseMembers("CreateChangeSet", input, [
    ...UNSUPPORTED_MEMBERS,
    "IncludeNestedStacks",
    "ImportExistingResources",
    "ResourcesToImport",
  ]);
  const type = input.ChangeSetType ?? "UPDATE";
  if (type !== "CREATE" && type !== "UPDATE") throw notImplemented(`change sets of type ${type}`);
  const name = input.StackName ?? "";
  const existing = findStack(tx, context, name);
  const stack = stackOf(tx, context, existing, name, type);
  const known = changeSetsOf(tx, context, stack).find((item) => item.name === input.ChangeSetName);
  if (known) {
    if (input.ClientToken !== undefined && known.clientRequestToken === input.ClientToken) {
      return { Id: known.changeSetId, StackId: stack.stackId };
    }
    throw changeSetAlreadyExists(input.ChangeSetName, stack.stackName);
  }
  const before = type === "UPDATE" ? deploymentOf(tx, context, stack) : undefined;
  const text = given ?? before?.original;
  if (text === undefined) throw validationError("Either Template URL or Template Body must be specified.");
  const tags = input.Tags === undefined && before ? before.tags : readTags(input.Tags);
  const uuid = context.random.uuid();
  const base = {
    uuid,
    changeSetId: `arn:aws:cloudformation:${context.region}:${context.accountId}:changeSet/${input.ChangeSetName}/${uuid}`,
    name: input.ChangeSetName,
    stackUuid: stack.uuid,
    type,
    createdMs: context.nowMs,
    original: text,
    tags,
    capabilities: input.Capabilities ?? [],
    ...(input.Description === undefined ? {} : { description: input.Description }),
    ...(input.OnStackFailure === undefined ? {} : { onStackFailure: input.OnStackFailure }),
    ...(input.ClientToken === undefined ? {} : { clientRequestToken: input.ClientToken }),
  } as const;
  const outcome = plan(engine, tx, context, stack, input, text, before?.parameters ?? {}, tags, before?.roleArn);
  const made: ChangeSet = { ...base, ...outcome };
  changeSets.put(tx, keys.changeSet(context, stack.uuid, uuid), made);
  if (!existing || stack.status === "REVIEW_IN_PROGRESS") stack.changeSetId = made.changeSetId;
  saveStack(tx, context, stack);
  return { Id: made.changeSetId, StackId: stack.stackId };
}

function stackOf(
  tx: Transaction,
  context: OperationContext,
  existing: Stack | undefined,
  name: string,
  type: "CREATE" | "UPDATE",
): Stack {
  if (type === "UPDATE") {
    if (!existing || existing.status === "REVIEW_IN_PROGRESS") throw stackNotFound(name);
    checkUpdatable(existing);
    return existing;
  }
  if (existing && existing.status !== "REVIEW_IN_PROGRESS") {
    throw validationError(
      `Stack [${existing.stackName}] already exists and cannot be created again with the changeSet [CREATE].`,
    );
  }
  if (existing) return existing;
  checkName(name, "stackName");
  const stack = newStack(tx, context, name);
  setStackStatus(tx, context, stack, "REVIEW_IN_PROGRESS", "User Initiated");
  return stack;
}

type Outcome = Pick<ChangeSet, "status" | "statusReason" | "executionStatus" | "deployment" | "parameters" | "changes">;

/** Errors of the template itself are the caller's at once; those that only its transforms or its changes show are the change set's. */
function plan(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  input: CreateChangeSetCommandInput,
  text: string,
  previous: Readonly<Record<string, string>>,
  tags: Readonly<Record<string, string>>,
  previousRole: string | undefined,
): Outcome {
  const failed = (statusReason: string): Outcome => ({
    status: "FAILED",
    statusReason,
    executionStatus: "UNAVAILABLE",
    parameters: [],
    changes: [],
  });
  let prepared: ReturnType<typeof prepare>;
  try {
    prepared = prepare(
      engine,
      text,
      input.Parameters ?? [],
      previous,
      environmentOf(context, stack),
      parameterStore(context),
    );
  } catch (error) {
    if (error instanceof AwsError && error.message.startsWith("Transform ")) return failed(error.message);
    throw error;
  }
  checkCapabilities(prepared, input, false);
  const parameters = Object.entries(prepared.parameters).map(([key, value]) => ({
    key,
    value,
    noEcho: prepared.processed.template.parameters[key]?.noEcho ?? false,
    ...(prepared.stored[key] === undefined ? {} : { stored: prepared.stored[key] }),
  }));
  let found: Difference;
  try {
    found = difference(engine, tx, context, stack, prepared.evaluation, tags);
  } catch (error) {
    if (error instanceof AwsError) return { ...failed(error.message), parameters };
    throw error;
  }
  if (found.changes.length === 0 && !found.elsewhere) {
    return {
      ...failed(
        "The submitted information didn't contain changes. Submit different information to create a change set.",
      ),
      parameters,
    };
  }
  const roleArn = input.RoleARN ?? previousRole;
  const fields = { Capabilities: input.Capabilities, ...(roleArn === undefined ? {} : { RoleARN: roleArn }) };
  return {
    status: "CREATE_COMPLETE",
    executionStatus: "AVAILABLE",
    deployment: addDeployment(tx, context, stack, text, prepared, fields, tags),
    parameters,
    changes: found.changes,
  };
}

function needChangeSet(
  tx: Transaction,
  context: OperationContext,
  name: string | undefined,
  stackName: string | undefined,
): FoundChangeSet {
  if (name !== undefined && !name.startsWith("arn:") && stackName === undefined) {
    throw validationError("StackName must be specified if ChangeSetName is not specified as an ARN.");
  }
  if (stackName !== undefined && !findStack(tx, context, stackName)) throw stackNotFound(stackName);
  const found = findChangeSet(tx, context, name ?? "", stackName);
  if (!found) throw changeSetNotFound(name ?? "");
  return found;
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html */
export function describeChangeSet(
  tx: Transaction,
  input: DescribeChangeSetCommandInput,
  context: OperationContext,
): Omit<DescribeChangeSetCommandOutput, "$metadata"> {
  refuseMembers("DescribeChangeSet", input, ["IncludePropertyValues"]);
  const { stack, changeSet } = needChangeSet(tx, context, input.ChangeSetName, input.StackName);
  const { items, nextToken } = page(
    changeSet.changes,
    CHANGES_PAGE,
    input.NextToken,
    (change) => change.ResourceChange?.LogicalResourceId ?? "",
  );
  return {
    ChangeSetName: changeSet.name,
    ChangeSetId: changeSet.changeSetId,
    StackId: stack.stackId,
    StackName: stack.stackName,
    ...(changeSet.description === undefined ? {} : { Description: changeSet.description }),
    Parameters: changeSet.parameters.map(({ key, value, noEcho, stored }) => ({
      ParameterKey: key,
      ParameterValue: noEcho ? NO_ECHO : value,
      ...(stored === undefined ? {} : { ResolvedValue: noEcho ? NO_ECHO : stored }),
    })),
    CreationTime: new Date(changeSet.createdMs),
    ExecutionStatus: changeSet.executionStatus,
    Status: changeSet.status,
    ...(changeSet.statusReason === undefined ? {} : { StatusReason: changeSet.statusReason }),
    NotificationARNs: [],
    RollbackConfiguration: {},
    Capabilities: [...changeSet.capabilities],
    Tags: Object.entries(changeSet.tags).map(([Key, Value]) => ({ Key, Value })),
    Changes: items,
    IncludeNestedStacks: false,
    ...(changeSet.onStackFailure === undefined ? {} : { OnStackFailure: changeSet.onStackFailure }),
    ...(nextToken === undefined ? {} : { NextToken: nextToken }),
  };
}

/**
 * @returns the stack
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html
 */
export function executeChangeSet(
  engine: Engine,
  tx: Transaction,
  input: ExecuteChangeSetCommandInput,
  context: OperationContext,
): string {
  const { stack, changeSet } = needChangeSet(tx, context, input.ChangeSetName, input.StackName);
  if (changeSet.executionStatus !== "AVAILABLE" || changeSet.deployment === undefined) {
    throw invalidChangeSetStatus(changeSet.changeSetId, changeSet.status, changeSet.statusReason ?? "");
  }
  if (input.DisableRollback !== undefined && changeSet.onStackFailure !== undefined) {
    throw validationError("DisableRollback cannot be specified for a change set that was created with OnStackFailure.");
  }
  if (changeSet.type === "UPDATE") checkUpdatable(stack);
  for (const other of changeSetsOf(tx, context, stack)) {
    tx.delete(keys.changeSet(context, stack.uuid, other.uuid));
  }
  changeSets.put(tx, keys.changeSet(context, stack.uuid, changeSet.uuid), {
    ...changeSet,
    executionStatus: "EXECUTE_COMPLETE",
  });
  stack.changeSetId = changeSet.changeSetId;
  const options = {
    onFailure: changeSet.onStackFailure ?? (input.DisableRollback ? ("DO_NOTHING" as const) : ("ROLLBACK" as const)),
    retainExceptOnCreate: input.RetainExceptOnCreate ?? false,
    clientRequestToken: input.ClientRequestToken,
  };
  if (changeSet.type === "CREATE") {
    stack.deployment = changeSet.deployment;
    stack.disableRollback = options.onFailure === "DO_NOTHING";
    startCreation(engine, tx, context, stack, options);
  } else startUpdate(engine, tx, context, stack, changeSet.deployment, options);
  return stack.uuid;
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html */
export function deleteChangeSet(
  tx: Transaction,
  input: DeleteChangeSetCommandInput,
  context: OperationContext,
): Omit<DeleteChangeSetCommandOutput, "$metadata"> {
  const name = input.ChangeSetName ?? "";
  if (input.StackName !== undefined && !findStack(tx, context, input.StackName)) throw stackNotFound(input.StackName);
  const found = findChangeSet(tx, context, name, input.StackName);
  if (!found) return {};
  const { stack, changeSet } = found;
  tx.delete(keys.changeSet(context, stack.uuid, changeSet.uuid));
  const unused = changeSet.deployment !== undefined && changeSet.executionStatus === "AVAILABLE";
  if (unused) tx.delete(keys.deployment(context, stack.uuid, changeSet.deployment!));
  return {};
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html */
export function listChangeSets(
  tx: Transaction,
  input: ListChangeSetsCommandInput,
  context: OperationContext,
): Omit<ListChangeSetsCommandOutput, "$metadata"> {
  const stack = findStack(tx, context, input.StackName ?? "");
  if (!stack) throw stackDoesNotExist(input.StackName ?? "");
  const { items, nextToken } = page(
    changeSetsOf(tx, context, stack),
    CHANGES_PAGE,
    input.NextToken,
    (item) => item.uuid,
  );
  return {
    Summaries: items.map((changeSet) => ({
      StackId: stack.stackId,
      StackName: stack.stackName,
      ChangeSetId: changeSet.changeSetId,
      ChangeSetName: changeSet.name,
      ExecutionStatus: changeSet.executionStatus,
      Status: changeSet.status,
      ...(changeSet.statusReason === undefined ? {} : { StatusReason: changeSet.statusReason }),
      CreationTime: new Date(changeSet.createdMs),
      ...(changeSet.description === undefined ? {} : { Description: changeSet.description }),
      IncludeNestedStacks: false,
    })),
    ...(nextToken === undefined ? {} : { NextToken: nextToken }),
  };
}
