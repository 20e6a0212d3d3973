/**
 * The state machine of a stack. {@link advance} looks at the tasks of the phase under way, begins what can begin, and goes on to the next phase
 * when nothing is left. It runs inside the transaction that ended a task, so that a stack's state, its events and the steps to come commit
 * together; the steps themselves (`step.ts`) hear the event `cloudformation.Step`.
 *
 *     create ─ok→ done            update ─ok→ cleanup → done
 *        └fail→ rollback → done      └fail→ restore ─ok→ restore-cleanup → done
 *     delete → done
 */
import type { StackStatus } from "@aws-sdk/client-cloudformation";
import { upperId } from "../../../kernel/ids.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { OperationContext } from "../../service.ts";
import { evaluationOf } from "../deployments.ts";
import { setResource, setStackStatus } from "../events.ts";
import { dropExports, noteImports, publish } from "../exports.ts";
import {
  allGarbage,
  allResources,
  allTasks,
  clear,
  keys,
  type Resource,
  resources,
  type Stack,
  type StackOperation,
  saveStack,
  type Task,
  tasks,
} from "../state.ts";
import { applyFailed, beginApply, incarnationOf } from "./apply.ts";
import { beginDelete, discard } from "./deletion.ts";
import { standIn } from "./names.ts";
import { innerEnded } from "./nested.ts";
import { topicOf } from "./patience.ts";
import { applyTasks, type Doomed, deleteTasks, type NewTask, readyTasks, restoreTasks } from "./plan.ts";
import { endTask, send } from "./tasks.ts";
import type { Engine } from "./types.ts";

/** Steps of one stack that run at once. */
const RUNNING_MAX = 10;
const NAME_TOKEN_LENGTH = 12;
/** How long a deleted stack can still be described. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html */
const DELETED_KEPT_MS = 90 * 24 * 3600 * 1000;

/** Begins an operation on a stack, which must have none under way. Saves the stack. */
export function beginOperation(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  operation: StackOperation,
  status: StackStatus,
  reason?: string,
): void {
  stack.operation = operation;
  setStackStatus(tx, context, stack, status, reason);
  enter(engine, tx, context, stack, operation.phase);
  advance(engine, tx, context, stack);
}

/** Makes the tasks of a phase. */
function enter(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  phase: StackOperation["phase"],
): void {
  stack.operation!.phase = phase;
  delete stack.operation!.stopped;
  for (const task of allTasks(tx, context, stack.uuid)) clear(tx, keys.journal(context, stack.uuid, task.id));
  clear(tx, keys.tasks(context, stack.uuid));
  for (const task of tasksOf(engine, tx, context, stack, phase)) {
    tasks.put(tx, keys.task(context, stack.uuid, task.id), {
      ...task,
      state: "waiting",
      attempts: 0,
      nameToken: upperId(context.random, NAME_TOKEN_LENGTH),
    });
  }
}

function tasksOf(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  phase: StackOperation["phase"],
): NewTask[] {
  if (phase === "create" || phase === "update")
    return applyTasks(evaluationOf(engine, tx, context, stack, stack.deployment!));
  const all = allResources(tx, context, stack.uuid);
  if (phase === "restore") {
    return restoreTasks(all).filter((task) => !stack.operation!.keep.includes(task.logicalId));
  }
  const leftovers: Doomed[] = allGarbage(tx, context, stack.uuid).map((item) => ({
    logicalId: item.logicalId,
    target: item.incarnation,
    garbage: item.number,
  }));
  const whole = (resource: Resource): Doomed => ({ logicalId: resource.logicalId, target: resource });
  if (phase === "delete" || phase === "rollback") return deleteTasks([...all.map(whole), ...leftovers]);
  const present = evaluationOf(engine, tx, context, stack, stack.deployment!).resources;
  return deleteTasks([...all.filter((resource) => !present.has(resource.logicalId)).map(whole), ...leftovers]);
}

/** Does everything that can be done now. Saves the stack. */
export function advance(engine: Engine, tx: Transaction, context: OperationContext, stack: Stack): void {
  while (stack.operation) {
    const operation = stack.operation;
    const all = allTasks(tx, context, stack.uuid);
    if (operation.stopped !== undefined) {
      for (const task of all)
        if (task.responseToken !== undefined && task.state === "running") cancel(tx, context, stack, task);
      const left = allTasks(tx, context, stack.uuid).some((task) => task.state === "running");
      if (left) break;
      leave(engine, tx, context, stack, operation, false);
      continue;
    }
    const ready = readyTasks(all, RUNNING_MAX);
    if (ready.length > 0) {
      for (const task of ready) {
        begin(engine, tx, context, stack, task);
        if (operation.stopped !== undefined) break;
      }
      continue;
    }
    if (all.some((task) => task.state === "running")) break;
    leave(engine, tx, context, stack, operation, !all.some((task) => task.state === "failed"));
  }
  saveStack(tx, context, stack);
}

function begin(engine: Engine, tx: Transaction, context: OperationContext, stack: Stack, task: Task): void {
  if (task.kind === "apply") beginApply(engine, tx, context, stack, task);
  else if (task.kind === "restore") beginRestore(tx, context, stack, task);
  else beginDelete(tx, context, stack, task);
}

function beginRestore(tx: Transaction, context: OperationContext, stack: Stack, task: Task): void {
  const resource = resources.get(tx, keys.resource(context, stack.uuid, task.logicalId))!;
  const { logicalId, change, previous } = resource;
  const current = incarnationOf(resource);
  if (change === "update") {
    setResource(tx, context, stack, {
      ...current,
      logicalId,
      change,
      previous: previous!,
      status: "UPDATE_IN_PROGRESS",
    });
    send(tx, context, stack, {
      ...task,
      action: "update",
      target: current,
      properties: previous!.properties,
    });
    return;
  }
  if (current.physicalId !== undefined && current.physicalId !== previous!.physicalId)
    discard(tx, context, stack, logicalId, current);
  setResource(tx, context, stack, { ...previous!, logicalId, status: "UPDATE_COMPLETE" });
  endTask(tx, context, stack, task, "done");
}

/** Gives up on a custom resource that has not answered, because something else failed. */
function cancel(tx: Transaction, context: OperationContext, stack: Stack, task: Task): void {
  const creating = task.action !== "update";
  const reason = creating ? "Resource creation cancelled" : "Resource update cancelled";
  applyFailed(tx, context, stack, task, reason, creating ? standIn(stack.stackName, task) : undefined);
}

/** The end of a phase, and the beginning of the next. */
function leave(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  operation: StackOperation,
  succeeded: boolean,
): void {
  const failure = () => operation.stopped || failureSummary(tx, context, stack, operation);
  const next = (phase: StackOperation["phase"], status: StackStatus, reason?: string) => {
    setStackStatus(tx, context, stack, status, reason);
    enter(engine, tx, context, stack, phase);
  };
  const finish = (status: StackStatus, reason?: string) => {
    setStackStatus(tx, context, stack, status, reason);
    end(engine, tx, context, stack);
  };
  if (operation.deleteNext) {
    const { principal, clientRequestToken } = operation.deleteNext;
    const { deleteNext: _, clientRequestToken: __, ...rest } = operation;
    stack.operation = { ...rest, principal, keep: [], ...(clientRequestToken ? { clientRequestToken } : {}) };
    next("delete", "DELETE_IN_PROGRESS", "User Initiated");
    return;
  }
  switch (operation.phase) {
    case "create": {
      const refused = succeeded ? publish(engine, tx, context, stack) : failure();
      if (refused === undefined) return finish("CREATE_COMPLETE");
      if (operation.onFailure === "DO_NOTHING") return finish("CREATE_FAILED", refused);
      if (operation.onFailure === "DELETE")
        return next("delete", "DELETE_IN_PROGRESS", `${refused}Delete requested by user.`);
      return next("rollback", "ROLLBACK_IN_PROGRESS", `${refused}Rollback requested by user.`);
    }
    case "update": {
      const refused = succeeded ? publish(engine, tx, context, stack) : failure();
      if (refused === undefined) {
        settleResources(tx, context, stack, true);
        return next("cleanup", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS");
      }
      if (operation.onFailure === "DO_NOTHING") {
        settleResources(tx, context, stack, true);
        return finish("UPDATE_FAILED", refused);
      }
      stack.deployment = operation.previousDeployment!;
      return next("restore", "UPDATE_ROLLBACK_IN_PROGRESS", refused);
    }
    case "restore": {
      if (!succeeded) return finish("UPDATE_ROLLBACK_FAILED", failure());
      settleResources(tx, context, stack, false);
      publish(engine, tx, context, stack);
      return next("restore-cleanup", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
    }
    case "cleanup":
      return finish("UPDATE_COMPLETE");
    case "restore-cleanup":
      settleResources(tx, context, stack, true);
      return finish("UPDATE_ROLLBACK_COMPLETE");
    case "rollback":
      if (!succeeded) return finish("ROLLBACK_FAILED", failure());
      noteImports(tx, context, stack, new Set());
      return finish("ROLLBACK_COMPLETE");
    case "delete":
      if (!succeeded) return finish("DELETE_FAILED", failure());
      finish("DELETE_COMPLETE");
      forget(tx, context, stack);
  }
}

function failureSummary(tx: Transaction, context: OperationContext, stack: Stack, operation: StackOperation): string {
  const failed = allTasks(tx, context, stack.uuid).filter((task) => task.state === "failed");
  const names = (verb: string, wanted: (task: Task) => boolean) => {
    const list = failed.filter(wanted).map((task) => task.logicalId);
    return list.length === 0 ? "" : `The following resource(s) failed to ${verb}: [${list.join(", ")}]. `;
  };
  if (operation.phase === "delete" || operation.phase === "rollback") return names("delete", () => true);
  const creating = (task: Task) => task.action !== "update" && task.kind === "apply";
  return names("create", creating) + names("update", (task) => !creating(task));
}

/**
 * Forgets what resources were before the update: it is over. What a replacement left is garbage from now on.
 * @param all false: keeps the mark of what the failed update created, which the cleanup goes by
 */
function settleResources(tx: Transaction, context: OperationContext, stack: Stack, all: boolean): void {
  for (const resource of allResources(tx, context, stack.uuid)) {
    const { change, previous, ...rest } = resource;
    if (change === undefined && previous === undefined) continue;
    if (
      previous?.physicalId !== undefined &&
      previous.physicalId !== resource.physicalId &&
      rest.physicalId !== undefined
    ) {
      discard(tx, context, stack, resource.logicalId, previous);
    }
    resources.put(
      tx,
      keys.resource(context, stack.uuid, resource.logicalId),
      all || change === undefined ? rest : { ...rest, change },
    );
  }
}

function end(engine: Engine, tx: Transaction, context: OperationContext, stack: Stack): void {
  delete stack.operation;
  context.wake(topicOf(stack.uuid));
  for (const task of allTasks(tx, context, stack.uuid)) clear(tx, keys.journal(context, stack.uuid, task.id));
  clear(tx, keys.tasks(context, stack.uuid));
  innerEnded(engine, tx, context, stack);
}

/** A deleted stack: its name is free, its history stays for ninety days. */
function forget(tx: Transaction, context: OperationContext, stack: Stack): void {
  stack.deletedMs = context.nowMs;
  dropExports(tx, context, stack);
  stack.outputs = [];
  noteImports(tx, context, stack, new Set());
  tx.delete(keys.name(context, stack.stackName));
  tx.emit({
    type: "cloudformation.Forget",
    detail: { accountId: context.accountId, region: context.region, stack: stack.uuid },
    dueMs: context.nowMs + DELETED_KEPT_MS,
  });
}

/** Hears `cloudformation.Forget`. */
export function forgetStack(tx: Transaction, detail: { readonly stack: string }, context: OperationContext): void {
  const { stack } = detail;
  tx.delete(keys.stack(context, stack));
  for (const range of [
    keys.resources(context, stack),
    keys.events(context, stack),
    keys.changeSets(context, stack),
    keys.allGarbage(context, stack),
    keys.tasks(context, stack),
    keys.deployments(context, stack),
  ]) {
    clear(tx, range);
  }
}
