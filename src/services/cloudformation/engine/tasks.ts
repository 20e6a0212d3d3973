/** Tasks begin and end: their records, and the event that sends a step off. */
import type { Transaction } from "../../../storage/transaction.ts";
import type { OperationContext } from "../../service.ts";
import { clear, keys, type Stack, type Task, tasks } from "../state.ts";

/** Marks a task as running and sends its step off. */
export function send(tx: Transaction, context: OperationContext, stack: Stack, task: Task): void {
  tasks.put(tx, keys.task(context, stack.uuid, task.id), { ...task, state: "running" });
  tx.emit({
    type: "cloudformation.Step",
    detail: {
      accountId: context.accountId,
      region: context.region,
      stack: stack.uuid,
      operation: stack.operation!.id,
      task: task.id,
    },
  });
}

export function endTask(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  task: Task,
  state: "done" | "failed",
): void {
  const { responseToken, ...rest } = task;
  if (responseToken !== undefined) tx.delete(keys.response(context, responseToken));
  tasks.put(tx, keys.task(context, stack.uuid, task.id), { ...rest, state });
  clear(tx, keys.journal(context, stack.uuid, task.id));
}
