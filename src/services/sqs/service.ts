/**
 * Amazon SQS. The model service: its rooms are the plan for every other.
 *
 * `state.ts` says what is kept; `line.ts` how messages wait; `queues.ts`, `send.ts`, `receive.ts`, `settle.ts` and `moves.ts` hold the operations; `upkeep.ts`
 * what happens by itself, `peek.ts` what can be seen without receiving.
 */
import { arn, parseArn } from "../../kernel/arn.ts";
import { defineService, type OperationContext, type Permission } from "../service.ts";
import { RETENTION_DUE } from "./line.ts";
import { metered } from "./metering.ts";
import { cancelMessageMoveTask, listMessageMoveTasks, MOVE_STEP, moveStep, startMessageMoveTask } from "./moves.ts";
import { peekFront } from "./peek.ts";
import {
  addPermission,
  createQueue,
  deleteQueue,
  GENERATION_ENDED,
  getQueueAttributes,
  getQueueUrl,
  listDeadLetterSourceQueues,
  listQueues,
  listQueueTags,
  purgeQueue,
  removePermission,
  setQueueAttributes,
  splitUrl,
  tagQueue,
  untagQueue,
} from "./queues.ts";
import { receiveMessage } from "./receive.ts";
import { resources } from "./resources.ts";
import { SAMPLE_DUE, sample } from "./sampling.ts";
import { sendMessage, sendMessageBatch } from "./send.ts";
import { changeMessageVisibility, changeMessageVisibilityBatch, deleteMessage, deleteMessageBatch } from "./settle.ts";
import { Queues, queueKey } from "./state.ts";
import { sweepExpired, sweepGeneration } from "./upkeep.ts";

type Where = Pick<OperationContext, "accountId" | "region">;

/** A permission on the queue that a URL names. */
const onQueue =
  (action: string) =>
  (input: { QueueUrl?: string | undefined }, { region }: Where): Permission => {
    const { accountId, name } = splitUrl(input.QueueUrl);
    return { action: `sqs:${action}`, resource: arn("sqs", region, accountId, name) };
  };

const onNamedQueue =
  (action: string) =>
  (
    input: { QueueName?: string | undefined; QueueOwnerAWSAccountId?: string | undefined },
    { region, accountId }: Where,
  ): Permission => ({
    action: `sqs:${action}`,
    resource: arn("sqs", region, input.QueueOwnerAWSAccountId ?? accountId, input.QueueName ?? ""),
  });

const onSource =
  (action: string) =>
  (input: { SourceArn?: string | undefined }): Permission => ({
    action: `sqs:${action}`,
    resource: input.SourceArn ?? "*",
  });

export const sqs = defineService<"sqs">({
  name: "sqs",
  operations: metered({
    AddPermission: addPermission,
    CancelMessageMoveTask: cancelMessageMoveTask,
    ChangeMessageVisibility: changeMessageVisibility,
    ChangeMessageVisibilityBatch: changeMessageVisibilityBatch,
    CreateQueue: createQueue,
    DeleteMessage: deleteMessage,
    DeleteMessageBatch: deleteMessageBatch,
    DeleteQueue: deleteQueue,
    GetQueueAttributes: getQueueAttributes,
    GetQueueUrl: getQueueUrl,
    ListDeadLetterSourceQueues: listDeadLetterSourceQueues,
    ListMessageMoveTasks: listMessageMoveTasks,
    ListQueues: listQueues,
    ListQueueTags: listQueueTags,
    PurgeQueue: purgeQueue,
    RemovePermission: removePermission,
    SendMessage: sendMessage,
    SendMessageBatch: sendMessageBatch,
    SetQueueAttributes: setQueueAttributes,
    StartMessageMoveTask: startMessageMoveTask,
    TagQueue: tagQueue,
    UntagQueue: untagQueue,
  }),
  flows: { ReceiveMessage: receiveMessage },
  permissions: {
    AddPermission: onQueue("AddPermission"),
    ChangeMessageVisibility: onQueue("ChangeMessageVisibility"),
    ChangeMessageVisibilityBatch: onQueue("ChangeMessageVisibility"),
    CreateQueue: onNamedQueue("CreateQueue"),
    DeleteMessage: onQueue("DeleteMessage"),
    DeleteMessageBatch: onQueue("DeleteMessage"),
    DeleteQueue: onQueue("DeleteQueue"),
    GetQueueAttributes: onQueue("GetQueueAttributes"),
    GetQueueUrl: onNamedQueue("GetQueueUrl"),
    ListDeadLetterSourceQueues: onQueue("ListDeadLetterSourceQueues"),
    ListMessageMoveTasks: onSource("ListMessageMoveTasks"),
    ListQueueTags: onQueue("ListQueueTags"),
    PurgeQueue: onQueue("PurgeQueue"),
    ReceiveMessage: onQueue("ReceiveMessage"),
    RemovePermission: onQueue("RemovePermission"),
    SendMessage: onQueue("SendMessage"),
    SendMessageBatch: onQueue("SendMessage"),
    SetQueueAttributes: onQueue("SetQueueAttributes"),
    StartMessageMoveTask: onSource("StartMessageMoveTask"),
    TagQueue: onQueue("TagQueue"),
    UntagQueue: onQueue("UntagQueue"),
  },
  resourcePolicy(tx, resource) {
    const parts = parseArn(resource);
    return parts
      ? Queues.get(tx, queueKey(parts.accountId, parts.region, parts.resource))?.attributes.Policy
      : undefined;
  },
  hears: {
    [RETENTION_DUE]: { operation: sweepExpired },
    [GENERATION_ENDED]: { operation: sweepGeneration },
    [MOVE_STEP]: { operation: moveStep },
    [SAMPLE_DUE]: { operation: sample, untraced: true },
  },
  resources,
  fronts: [peekFront],
});
