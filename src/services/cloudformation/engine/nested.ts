/**
 * AWS::CloudFormation::Stack: a stack as a resource of another. Its step begins an operation on the inner stack and ends with it: the end of
 * that operation finishes the outer task in the same transaction, so that nothing waits or looks again meanwhile.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
 */
import type { Capability } from "@aws-sdk/client-cloudformation";
import { AwsError, assert } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { ResourceType } from "../../resources.ts";
import type { FlowContext, OperationContext } from "../../service.ts";
import { validationError } from "../errors.ts";
import { checkUpdatable, createStack, deleteStack, startUpdate, updateStack } from "../stacks.ts";
import { keys, resources, type Stack, saveStack, stacks, tasks } from "../state.ts";
import { newTemplateText } from "../templates.ts";
import { physicalName } from "./names.ts";
import { finishStep, principalOf, type RunningStep } from "./step.ts";
import type { Engine } from "./types.ts";

export const NESTED_STACK = "AWS::CloudFormation::Stack";
const STACK_NAME_LENGTH_MAX = 128;

const notCalled = (): never => {
  throw new Error("The engine itself runs nested stacks");
};

/** What its properties may be; the rest is {@link requestNested}. */
export const nestedStack: ResourceType = {
  properties: {
    TemplateURL: "string",
    Parameters: { map: "json" },
    Tags: [{ object: { Key: "string", Value: "string" } }],
    TimeoutInMinutes: "integer",
  },
  required: ["TemplateURL"],
  attributes: ["Outputs.*"],
  create: notCalled,
  update: notCalled,
  delete: notCalled,
};

/** Begins what a task wants of its inner stack. */
export async function requestNested(engine: Engine, flow: FlowContext, step: RunningStep): Promise<void> {
  const detail = { stack: step.stack.uuid, operation: step.stack.operation!.id, task: step.task.id };
  try {
    const own = flow.as({ principal: await principalOf(flow, step.stack, step.deployment) });
    const TemplateURL = step.task.properties?.["TemplateURL"];
    const fetches = step.task.kind === "apply";
    const text = fetches ? await newTemplateText(own, { TemplateURL: TemplateURL as string }) : "";
    await own.write((tx, context) => begin(engine, tx, context, step, detail, text));
  } catch (error) {
    if (flow.signal.aborted || !(error instanceof AwsError)) throw error;
    await flow.write((tx, context) => finishStep(engine, tx, context, detail, NESTED_STACK, { error }));
  }
}

type Detail = Parameters<typeof finishStep>[3];

function begin(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  step: RunningStep,
  detail: Detail,
  text: string,
): void {
  const { stack: parent, task } = step;
  const current = tasks.get(tx, keys.task(context, parent.uuid, task.id));
  const under = stacks.get(tx, keys.stack(context, parent.uuid))?.operation?.id === detail.operation;
  if (!under || current?.state !== "running" || current.awaits !== undefined) return;
  const outer = { stack: parent.uuid, operation: detail.operation, task: task.id };
  if (task.action === "create" || task.action === "replace") {
    tasks.put(tx, keys.task(context, parent.uuid, task.id), { ...current, awaits: true });
    const StackName = physicalName(
      { stackName: parent.stackName, logicalId: task.logicalId, token: task.nameToken },
      STACK_NAME_LENGTH_MAX,
    );
    const { TimeoutInMinutes } = task.properties!;
    createStack(
      engine,
      tx,
      {
        StackName,
        OnFailure: "DO_NOTHING",
        ...request(step),
        ...(TimeoutInMinutes === undefined ? {} : { TimeoutInMinutes: TimeoutInMinutes as number }),
      },
      context,
      text,
      { parentId: parent.stackId, rootId: parent.rootId ?? parent.stackId, outer },
    );
    return;
  }
  const inner = innerStack(tx, context, task.target!.physicalId!);
  if (task.action === "delete") {
    if (!inner || inner.status === "DELETE_COMPLETE") {
      finishStep(engine, tx, context, detail, NESTED_STACK, { state: undefined });
      return;
    }
    tasks.put(tx, keys.task(context, parent.uuid, task.id), { ...current, awaits: true });
    saveStack(tx, context, { ...inner, outer });
    const begun = deleteStack(engine, tx, { StackName: inner.stackId }, context);
    if (begun !== undefined && innerStack(tx, context, inner.stackId)!.operation === undefined) {
      innerEnded(engine, tx, context, innerStack(tx, context, inner.stackId)!);
    }
    return;
  }
  if (!inner) throw validationError(`Stack [${task.target!.physicalId}] does not exist`);
  tasks.put(tx, keys.task(context, parent.uuid, task.id), { ...current, awaits: true });
  if (task.kind === "restore") {
    goBack(engine, tx, context, { ...inner, outer }, parent, task.logicalId);
    return;
  }
  saveStack(tx, context, { ...inner, outer });
  try {
    updateStack(engine, tx, { StackName: inner.stackId, ...request(step) }, context, text);
  } catch (error) {
    if (!(error instanceof AwsError) || error.message !== "No updates are to be performed.") throw error;
    innerEnded(engine, tx, context, innerStack(tx, context, inner.stackId)!, true);
  }
}

/** The attribute, of no use to templates, that tells which deployment an inner stack had: what lies at its URL may be another template by now. */
const DEPLOYMENT = "Deployment";

/** Takes an inner stack back to the deployment that it had before the outer update. */
function goBack(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  inner: Stack,
  parent: Stack,
  logicalId: string,
): void {
  const before = resources.get(tx, keys.resource(context, parent.uuid, logicalId))?.previous?.attributes[DEPLOYMENT];
  checkUpdatable(inner);
  if (inner.deployment === before) {
    innerEnded(engine, tx, context, inner, true);
    return;
  }
  startUpdate(engine, tx, context, inner, before as string, {
    onFailure: "ROLLBACK",
    retainExceptOnCreate: false,
    clientRequestToken: undefined,
  });
}

function innerStack(tx: Transaction, context: OperationContext, stackId: string): Stack | undefined {
  return stacks.get(tx, keys.stack(context, stackId.split("/")[2] ?? ""));
}

/** What creation and update have in common. An inner stack may do what its parent was allowed to. */
function request({ task, deployment }: RunningStep) {
  const { Parameters, Tags } = task.properties!;
  const own = (Tags ?? []) as readonly { readonly Key: string; readonly Value: string }[];
  const inherited = Object.entries(deployment.tags)
    .filter(([Key]) => !own.some((tag) => tag.Key === Key))
    .map(([Key, Value]) => ({ Key, Value }));
  return {
    Parameters: Object.entries(Parameters ?? {}).map(([ParameterKey, value]) => ({
      ParameterKey,
      ParameterValue: Array.isArray(value) ? value.join(",") : String(value),
    })),
    Tags: [...own, ...inherited],
    Capabilities: [...deployment.capabilities] as Capability[],
    ...(deployment.roleArn === undefined ? {} : { RoleARN: deployment.roleArn }),
  };
}

const DONE: ReadonlySet<string> = new Set(["CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"]);

/**
 * An operation on an inner stack is over: ends the task that began it.
 * @param unchanged there was nothing to do, whatever the stack's status says of earlier operations
 */
export function innerEnded(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  unchanged = false,
): void {
  const { outer } = stack;
  if (!outer) return;
  delete stack.outer;
  saveStack(tx, context, stack);
  const task = tasks.get(tx, keys.task(context, outer.stack, outer.task));
  if (!task) return;
  const { awaits: _, ...rest } = task;
  tasks.put(tx, keys.task(context, outer.stack, outer.task), rest);
  if (unchanged || DONE.has(stack.status)) {
    finishStep(engine, tx, context, outer, NESTED_STACK, {
      state: {
        id: stack.stackId,
        attributes: {
          ...Object.fromEntries(stack.outputs.map((output) => [`Outputs.${output.name}`, output.value])),
          [DEPLOYMENT]: stack.deployment,
        },
      },
    });
    return;
  }
  const verb = task.action === "delete" ? "deleted" : task.action === "update" ? "updated" : "created";
  const reason = stack.statusReason ?? stack.status;
  assert(stack.operation === undefined, "an inner stack that ended has no operation");
  finishStep(engine, tx, context, outer, NESTED_STACK, {
    error: `Embedded stack ${stack.stackId} was not successfully ${verb}: ${reason}`,
    ...(verb === "created" ? { physicalId: stack.stackId } : {}),
  });
}
