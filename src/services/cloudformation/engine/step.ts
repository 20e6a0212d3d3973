/**
 * The steps: where resource types and custom resources are called. A step hears `cloudformation.Step` at least once; what it calls is noted in
 * the journal, so that running it again after the platform was stopped does not make things twice.
 */
import { createHash } from "node:crypto";
import type { AccountId, Region } from "../../../kernel/arn.ts";
import { AwsError, assert } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { ResourceContext, ResourceState } from "../../resources.ts";
import type { Call, FlowContext, OperationContext, Principal } from "../../service.ts";
import { deploymentOf } from "../deployments.ts";
import { type Deployment, journal, keys, type Stack, stacks, type Task, tasks } from "../state.ts";
import { advance } from "./advance.ts";
import { applied, applyFailed } from "./apply.ts";
import { requestCustom } from "./custom-resource.ts";
import { endDelete } from "./deletion.ts";
import { physicalName } from "./names.ts";
import { NESTED_STACK, requestNested } from "./nested.ts";
import { withValues } from "./references.ts";
import { type Engine, failureReason, isCustom } from "./types.ts";

export interface StepDetail {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly stack: string;
  readonly operation: string;
  readonly task: string;
}

/** A task that is under way, with what its step needs to know. */
export interface RunningStep {
  readonly stack: Stack;
  readonly task: Task;
  readonly deployment: Deployment;
}

/** Hears `cloudformation.Step`. */
export async function runStep(engine: Engine, flow: FlowContext, detail: StepDetail): Promise<void> {
  const claimed = await flow.write((tx, context) => claim(tx, context, detail));
  if (!claimed) return;
  const type = claimed.task.type ?? claimed.task.target!.type;
  let step: RunningStep;
  try {
    step = await withValues(engine, flow, claimed, type);
  } catch (error) {
    if (flow.signal.aborted || !(error instanceof AwsError)) throw error;
    await flow.write((tx, context) => finishStep(engine, tx, context, detail, type, { error }));
    return;
  }
  if (isCustom(type)) {
    await requestCustom(engine, flow, step, type);
    return;
  }
  if (type === NESTED_STACK) {
    await requestNested(engine, flow, step);
    return;
  }
  let outcome: { readonly state: ResourceState | undefined } | { readonly error: unknown };
  try {
    outcome = { state: await callType(engine, flow, step, type) };
  } catch (error) {
    // The platform is closing: this delivery is made again when it is back.
    if (flow.signal.aborted) throw error;
    outcome = { error };
    if (!(error instanceof AwsError))
      flow.log.error("a resource step failed", { type, logicalId: step.task.logicalId, error });
  }
  await flow.write((tx, context) => finishStep(engine, tx, context, detail, type, outcome));
}

/** Takes a step on; undefined when the operation has gone on without it. */
function claim(tx: Transaction, context: OperationContext, detail: StepDetail): RunningStep | undefined {
  const stack = stacks.get(tx, keys.stack(context, detail.stack));
  const task = tasks.get(tx, keys.task(context, detail.stack, detail.task));
  if (
    !stack ||
    stack.operation?.id !== detail.operation ||
    task?.state !== "running" ||
    task.responseToken !== undefined ||
    task.awaits
  ) {
    return undefined;
  }
  const deployment = deploymentOf(tx, context, stack);
  assert(deployment, "a stack with an operation has a deployment");
  const claimed = { ...task, attempts: task.attempts + 1 };
  tasks.put(tx, keys.task(context, detail.stack, detail.task), claimed);
  return { stack, task: claimed, deployment };
}

/** Records how a step ended, and goes on. */
export function finishStep(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  detail: Pick<StepDetail, "stack" | "operation" | "task">,
  type: string,
  outcome:
    | { readonly state: (ResourceState & { readonly noEcho?: boolean }) | undefined }
    | { readonly error: unknown; readonly physicalId?: string },
): void {
  const stack = stacks.get(tx, keys.stack(context, detail.stack));
  const task = tasks.get(tx, keys.task(context, detail.stack, detail.task));
  if (!stack || stack.operation?.id !== detail.operation || task?.state !== "running") return;
  if ("error" in outcome) {
    const reason =
      typeof outcome.error === "string" ? outcome.error : failureReason(outcome.error, type, context.requestId);
    if (task.kind === "delete") endDelete(tx, context, stack, task, "DELETE_FAILED", reason);
    else applyFailed(tx, context, stack, task, reason, outcome.physicalId);
  } else if (task.kind === "delete") endDelete(tx, context, stack, task, "DELETE_COMPLETE");
  else applied(engine, tx, context, stack, task, outcome.state!);
  advance(engine, tx, context, stack);
}

async function callType(
  engine: Engine,
  flow: FlowContext,
  step: RunningStep,
  typeName: string,
): Promise<ResourceState | undefined> {
  const type = engine.resourceTypes().get(typeName);
  if (!type) throw new AwsError("ValidationError", `Template format error: Unrecognized resource types: [${typeName}]`);
  const { task } = step;
  const context = resourceContext(engine, flow, step, await principalOf(flow, step.stack, step.deployment));
  switch (task.action) {
    case "create":
    case "replace":
      return type.create(context, task.properties);
    case "update":
      if (!type.update) return type.create(context, task.properties);
      return type.update(context, task.target!.physicalId!, task.properties, task.target!.properties);
    default:
      await type.delete(context, task.target!.physicalId!, task.target!.properties);
      return undefined;
  }
}

function resourceContext(engine: Engine, flow: FlowContext, step: RunningStep, principal: Principal): ResourceContext {
  const { stack, task, deployment } = step;
  const own = flow.as({ principal });
  return {
    accountId: flow.accountId,
    region: flow.region,
    clock: flow.clock,
    random: flow.random,
    log: flow.log,
    signal: flow.signal,
    blobs: flow.blobs,
    endpoint: flow.endpoint,
    stackId: stack.stackId,
    stackName: stack.stackName,
    logicalId: task.logicalId,
    retried: task.attempts > 1,
    tags: deployment.tags,
    physicalName: (lengthMax, options) =>
      physicalName(
        { stackName: stack.stackName, logicalId: task.logicalId, token: task.nameToken },
        lengthMax,
        options,
      ),
    call: journalled(engine, own, flow, step),
  };
}

/**
 * As whom the services are called: the stack's role, or whoever asked.
 * @throws AwsError when the role cannot be assumed by CloudFormation
 */
export async function principalOf(flow: FlowContext, stack: Stack, deployment: Deployment): Promise<Principal> {
  const { roleArn } = deployment;
  if (roleArn === undefined) return stack.operation!.principal;
  const sessionName = "AWSCloudFormation";
  try {
    const { AssumedRoleUser } = await flow.call(
      "sts",
      "AssumeRole",
      { RoleArn: roleArn, RoleSessionName: sessionName },
      { principal: { type: "service", service: "cloudformation.amazonaws.com" } },
    );
    return {
      type: "assumed-role",
      accountId: flow.accountId,
      arn: AssumedRoleUser!.Arn!,
      roleArn,
      roleId: AssumedRoleUser!.AssumedRoleId!.split(":")[0]!,
      sessionName,
    };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new AwsError("ValidationError", `Role ${roleArn} is invalid or cannot be assumed`);
  }
}

/** Calls that are remembered with their results. The n-th call with the same input answers as the n-th did. */
function journalled(engine: Engine, own: FlowContext, flow: FlowContext, step: RunningStep): FlowContext["call"] {
  const { stack, task } = step;
  const seen = new Map<string, number>();
  return async (service, operation, input, as = {}) => {
    if (!engine.isOperation(service, operation)) return own.call(service, operation, input, as);
    const signature = createHash("sha256")
      .update(JSON.stringify([service, operation, as.accountId, as.region, input]))
      .digest("hex");
    const time = seen.get(signature) ?? 0;
    seen.set(signature, time + 1);
    const call = `${signature}/${time}`;
    return flow.write((tx, context) => {
      const { start, end } = keys.journal(context, stack.uuid, task.id);
      const notes = [...journal.range(tx, start, end)].map(([, note]) => note);
      const known = notes.find((note) => note.call === call);
      if (known) return known.output as never;
      const output = (context.call as Call)(service, operation, input, { principal: own.principal, ...as });
      const current = tasks.get(tx, keys.task(context, stack.uuid, task.id));
      assert(current?.state === "running", "a step's task runs as long as the step does");
      journal.put(tx, keys.journalEntry(context, stack.uuid, task.id, notes.length), { call, output: output ?? null });
      return output;
    });
  };
}
