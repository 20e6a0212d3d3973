/** Message move tasks: dead letters go back to where they came from, or elsewhere, at a given pace. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html */
import type {
  CancelMessageMoveTaskCommandInput,
  ListMessageMoveTasksCommandInput,
  StartMessageMoveTaskCommandInput,
} from "@aws-sdk/client-sqs";
import { parseArn } from "../../kernel/arn.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { queueArnOf } from "./attributes.ts";
import { invalidParameter, missingParameter, resourceNotFound, unsupportedOperation } from "./errors.ts";
import { available, countersOf, deposit, remove, type Waiting } from "./line.ts";
import { sourcesOf } from "./queues.ts";
import { checkRange } from "./rules.ts";
import { type MoveTask, MoveTasks, moveTaskKey, type Queue, Queues, queueKey, topicOf } from "./state.ts";

/** Emitted for every step of a running task. */
export const MOVE_STEP = "sqs.MoveStep";

const PER_SECOND_MAX = 500;
/** Messages moved in one transaction when the pace is not limited. */
const STEP = 100;
const LIST_MAX = 10;

interface Step {
  readonly accountId: string;
  readonly region: string;
  readonly sourceName: string;
  readonly id: string;
}

function queueOfArn(tx: Transaction, text: string | undefined, parameter: string): Queue {
  if (!text) throw missingParameter(parameter);
  const parts = parseArn(text);
  if (parts?.service !== "sqs")
    throw invalidParameter(`Value ${text} for parameter ${parameter} is invalid. Reason: Must be a valid queue ARN.`);
  const queue = Queues.get(tx, queueKey(parts.accountId, parts.region, parts.resource));
  if (!queue)
    throw resourceNotFound("The resource that you specified for the " + parameter + " parameter doesn't exist.");
  return queue;
}

const handleOf = (source: Queue, id: string): string =>
  Buffer.from(JSON.stringify({ taskId: id, sourceArn: queueArnOf(source) })).toString("base64");

export function startMessageMoveTask(
  tx: Transaction,
  input: StartMessageMoveTaskCommandInput,
  context: OperationContext,
): OutputOf<"sqs", "StartMessageMoveTask"> {
  const source = queueOfArn(tx, input.SourceArn, "SourceArn");
  const destination =
    input.DestinationArn === undefined ? undefined : queueOfArn(tx, input.DestinationArn, "DestinationArn");
  if (input.MaxNumberOfMessagesPerSecond !== undefined)
    checkRange(input.MaxNumberOfMessagesPerSecond, "MaxNumberOfMessagesPerSecond", 1, PER_SECOND_MAX);
  if (sourcesOf(tx, source, queueArnOf(source)).next().done) {
    throw invalidParameter("Source queue must be configured as a Dead Letter Queue.");
  }
  if (destination && queueArnOf(destination) === queueArnOf(source))
    throw invalidParameter("Source queue arn and destination queue arn can't be the same.");
  if (destination && destination.attributes.FifoQueue !== source.attributes.FifoQueue)
    throw invalidParameter("The destination queue must be of the same type as the source queue.");
  if (tasksOf(tx, source).some((task) => task.status === "RUNNING" || task.status === "CANCELLING")) {
    throw unsupportedOperation(
      "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    );
  }
  const id = context.random.uuid();
  const counters = countersOf(tx, source.generation);
  const task: MoveTask = {
    id,
    sourceName: source.name,
    ...(destination ? { destinationArn: queueArnOf(destination) } : {}),
    ...(input.MaxNumberOfMessagesPerSecond === undefined ? {} : { maxPerSecond: input.MaxNumberOfMessagesPerSecond }),
    status: "RUNNING",
    startedMs: context.nowMs,
    moved: 0,
    toMove: counters.messages,
    beforeSequence: counters.nextSequence,
  };
  const { accountId, region } = source;
  MoveTasks.put(tx, moveTaskKey(accountId, region, source.name, id), task);
  tx.emit({ type: MOVE_STEP, detail: { accountId, region, sourceName: source.name, id } satisfies Step });
  return { TaskHandle: handleOf(source, id) };
}

export function cancelMessageMoveTask(
  tx: Transaction,
  input: CancelMessageMoveTaskCommandInput,
  _context: OperationContext,
): OutputOf<"sqs", "CancelMessageMoveTask"> {
  if (!input.TaskHandle) throw missingParameter("TaskHandle");
  const { id, source } = readTaskHandle(tx, input.TaskHandle);
  const place = moveTaskKey(source.accountId, source.region, source.name, id);
  const task = MoveTasks.get(tx, place);
  if (!task) throw resourceNotFound("Task does not exist.");
  if (task.status !== "RUNNING") throw unsupportedOperation("Only active tasks can be cancelled");
  MoveTasks.put(tx, place, { ...task, status: "CANCELLING" });
  return { ApproximateNumberOfMessagesMoved: task.moved };
}

function readTaskHandle(tx: Transaction, handle: string): { id: string; source: Queue } {
  let parsed: { taskId?: unknown; sourceArn?: unknown };
  try {
    parsed = JSON.parse(Buffer.from(handle, "base64").toString("utf8"));
  } catch {
    throw invalidParameter("Value for parameter TaskHandle is invalid.");
  }
  if (typeof parsed?.taskId !== "string" || typeof parsed.sourceArn !== "string")
    throw invalidParameter("Value for parameter TaskHandle is invalid.");
  return { id: parsed.taskId, source: queueOfArn(tx, parsed.sourceArn, "TaskHandle") };
}

/** The latest tasks of a queue, newest first. */
export function listMessageMoveTasks(
  tx: Transaction,
  input: ListMessageMoveTasksCommandInput,
  _context: OperationContext,
): OutputOf<"sqs", "ListMessageMoveTasks"> {
  const source = queueOfArn(tx, input.SourceArn, "SourceArn");
  const limit = input.MaxResults ?? 1;
  checkRange(limit, "MaxResults", 1, LIST_MAX);
  const tasks = tasksOf(tx, source)
    .sort((a, b) => b.startedMs - a.startedMs)
    .slice(0, limit);
  return {
    Results: tasks.map((task) => ({
      ...(task.status === "RUNNING" ? { TaskHandle: handleOf(source, task.id) } : {}),
      Status: task.status,
      SourceArn: queueArnOf(source),
      ...(task.destinationArn ? { DestinationArn: task.destinationArn } : {}),
      ...(task.maxPerSecond ? { MaxNumberOfMessagesPerSecond: task.maxPerSecond } : {}),
      ApproximateNumberOfMessagesMoved: task.moved,
      ApproximateNumberOfMessagesToMove: task.toMove,
      ...(task.failureReason ? { FailureReason: task.failureReason } : {}),
      StartedTimestamp: task.startedMs,
    })),
  };
}

function tasksOf(tx: Transaction, source: Queue): MoveTask[] {
  const { start, end } = keysUnder("sqs", source.accountId, source.region, "move", source.name);
  return [...MoveTasks.range(tx, start, end)].map(([, task]) => task);
}

/** Moves one step's worth, then asks for the next step until nothing is left of what there was at the start. */
export function moveStep(tx: Transaction, step: Step, context: OperationContext): void {
  const place = moveTaskKey(step.accountId, step.region, step.sourceName, step.id);
  const task = MoveTasks.get(tx, place);
  const source = Queues.get(tx, queueKey(step.accountId, step.region, step.sourceName));
  if (!task || !source) return;
  if (task.status === "CANCELLING") return MoveTasks.put(tx, place, { ...task, status: "CANCELLED" });
  if (task.status !== "RUNNING") return;

  const waiting = available(tx, source, task.maxPerSecond ?? STEP, context.nowMs).filter(
    ({ sequence }) => sequence < task.beforeSequence,
  );
  let { moved } = task;
  for (const message of waiting) {
    const destination = destinationOf(tx, task, message);
    if (!destination) {
      MoveTasks.put(tx, place, {
        ...task,
        moved,
        status: "FAILED",
        failureReason: "AWS.SimpleQueueService.NonExistentQueue",
      });
      return;
    }
    remove(tx, source, message);
    const { sourceArn: _, ...body } = message.body;
    deposit(tx, destination, { ...body, sentMs: context.nowMs, enqueuedMs: context.nowMs, visibleMs: context.nowMs });
    context.wake(topicOf(destination.generation));
    moved++;
  }
  if (waiting.length === 0) MoveTasks.put(tx, place, { ...task, status: "COMPLETED" });
  else {
    MoveTasks.put(tx, place, { ...task, moved });
    tx.emit({ type: MOVE_STEP, detail: step, ...(task.maxPerSecond ? { dueMs: context.nowMs + 1000 } : {}) });
  }
}

/** Where the task says, or where the message came from. */
function destinationOf(tx: Transaction, task: MoveTask, { body }: Waiting): Queue | undefined {
  const arn = parseArn(task.destinationArn ?? body.sourceArn ?? "");
  return arn && Queues.get(tx, queueKey(arn.accountId, arn.region, arn.resource));
}
