/** The end of resources: what policies keep, what a replacement leaves behind, and what is told of it. */
import type { Transaction } from "../../../storage/transaction.ts";
import type { OperationContext } from "../../service.ts";
import { setResource, tellResource } from "../events.ts";
import { garbage, type Incarnation, keys, type Phase, resources, type Stack, type Task } from "../state.ts";
import { endTask, send } from "./tasks.ts";

/** Leaves what a resource was to the cleanup. */
export function discard(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  logicalId: string,
  incarnation: Incarnation,
): void {
  const { type, physicalId, attributes, properties, deletionPolicy, updateReplacePolicy, dependsOn } = incarnation;
  const number = stack.nextGarbage++;
  garbage.put(tx, keys.garbage(context, stack.uuid, number), {
    number,
    logicalId,
    incarnation: {
      type,
      attributes,
      properties,
      dependsOn,
      ...(physicalId === undefined ? {} : { physicalId }),
      ...(deletionPolicy === undefined ? {} : { deletionPolicy }),
      ...(updateReplacePolicy === undefined ? {} : { updateReplacePolicy }),
    },
  });
}

/** Begins a delete task, unless there is nothing to delete or a policy keeps it. */
export function beginDelete(tx: Transaction, context: OperationContext, stack: Stack, task: Task): void {
  const { phase, keep, retainExceptOnCreate } = stack.operation!;
  const target = task.target!;
  const resource = resources.get(tx, keys.resource(context, stack.uuid, task.logicalId));
  // What this very operation made is not what a Retain policy was put on, when the caller says so.
  const madeNow = phase === "rollback" || (phase === "restore-cleanup" && resource?.change === "create");
  const policy = policyOf(task, phase, madeNow, retainExceptOnCreate);
  const kept = policy === "Retain" || (phase === "delete" && keep.includes(task.logicalId));
  if (target.physicalId === undefined || kept) {
    endDelete(tx, context, stack, task, kept && target.physicalId !== undefined ? "DELETE_SKIPPED" : "DELETE_COMPLETE");
    return;
  }
  tellDelete(tx, context, stack, task, "DELETE_IN_PROGRESS");
  send(tx, context, stack, task);
}

/** What becomes of the thing itself. Garbage goes by the policy for replacements, and not at all by one when the replacement is taken back. */
function policyOf(task: Task, phase: Phase, madeNow: boolean, retainExceptOnCreate: boolean): "Delete" | "Retain" {
  const { deletionPolicy, updateReplacePolicy } = task.target!;
  if (task.garbage !== undefined) {
    return phase !== "restore-cleanup" && updateReplacePolicy === "Retain" ? "Retain" : "Delete";
  }
  if (deletionPolicy === undefined || deletionPolicy === "Delete") return "Delete";
  return madeNow && (deletionPolicy === "RetainExceptOnCreate" || retainExceptOnCreate) ? "Delete" : "Retain";
}

/** Ends a delete task; its record or garbage goes, unless the deletion failed. */
export function endDelete(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  task: Task,
  status: "DELETE_COMPLETE" | "DELETE_SKIPPED" | "DELETE_FAILED",
  reason?: string,
): void {
  tellDelete(tx, context, stack, task, status, reason);
  const { phase } = stack.operation!;
  const forgiven = phase === "cleanup" || phase === "restore-cleanup";
  if (status !== "DELETE_FAILED" || forgiven) {
    if (task.garbage !== undefined) tx.delete(keys.garbage(context, stack.uuid, task.garbage));
    else if (phase !== "delete" && phase !== "rollback") tx.delete(keys.resource(context, stack.uuid, task.logicalId));
  }
  endTask(tx, context, stack, task, status === "DELETE_FAILED" && !forgiven ? "failed" : "done");
}

function tellDelete(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  task: Task,
  status: "DELETE_IN_PROGRESS" | "DELETE_COMPLETE" | "DELETE_SKIPPED" | "DELETE_FAILED",
  reason?: string,
): void {
  const { type, physicalId } = task.target!;
  const record =
    task.garbage === undefined ? resources.get(tx, keys.resource(context, stack.uuid, task.logicalId)) : undefined;
  if (!record) {
    tellResource(tx, context, stack, { logicalId: task.logicalId, physicalId, type, status, reason });
    return;
  }
  const { statusReason: _, updatedMs: __, ...rest } = record;
  setResource(tx, context, stack, { ...rest, status, ...(reason === undefined ? {} : { statusReason: reason }) });
}
