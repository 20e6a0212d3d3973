/** Services with a bug planted in them: what the auditors are there to notice. */
import type { FlowContext, OperationContext, Service } from "../../src/services/service.ts";
import { sqs } from "../../src/services/sqs/service.ts";
import {
  Groups,
  groupKey,
  Leases,
  leaseKey,
  Queues,
  queueKey,
  readyKey,
  visibleKey,
} from "../../src/services/sqs/state.ts";
import type { Transaction } from "../../src/storage/transaction.ts";
import type { WorldOptions } from "./world.ts";

const operations = sqs.operations as Record<string, (tx: Transaction, input: any, context: OperationContext) => any>;
const flows = sqs.flows as Record<string, (flow: FlowContext, input: any) => Promise<any>>;
const mutant = (changes: { operations?: object; flows?: object }): WorldOptions => ({
  service: {
    ...sqs,
    operations: { ...operations, ...changes.operations },
    flows: { ...flows, ...changes.flows },
  } as unknown as Service,
});
const queueOf = (tx: Transaction, input: { QueueUrl: string }, context: OperationContext) =>
  Queues.get(tx, queueKey(context.accountId, context.region, input.QueueUrl.split("/").at(-1)!))!;

let counter = 0;
export const mutants: Record<string, () => WorldOptions> = {
  "acknowledges before the flush": () => ({ lyingDisk: true }),
  "forgets one send in thirty": () =>
    mutant({
      operations: {
        SendMessage: (tx: Transaction, input: any, context: OperationContext) =>
          ++counter % 30 === 0
            ? { MessageId: context.random.uuid(), MD5OfMessageBody: "x" }
            : operations["SendMessage"]!(tx, input, context),
      },
    }),
  "accepts a deletion and does nothing": () => mutant({ operations: { DeleteMessage: () => ({}) } }),
  "accepts a visibility change and does nothing": () => mutant({ operations: { ChangeMessageVisibility: () => ({}) } }),
  "lends for half the time": () =>
    mutant({
      flows: {
        ReceiveMessage: (flow: FlowContext, input: any) =>
          flows["ReceiveMessage"]!(flow, {
            ...input,
            VisibilityTimeout: Math.floor((input.VisibilityTimeout ?? 20) / 2),
          }),
      },
    }),
  "lets a group go on while some of it is in flight": () =>
    mutant({
      flows: {
        ReceiveMessage: async (flow: FlowContext, input: any) => {
          const output = await flows["ReceiveMessage"]!(flow, input);
          await flow.write((tx, context) => {
            const queue = queueOf(tx, input, context);
            for (let n = 0; n < 3; n++) {
              const group = Groups.get(tx, groupKey(queue.generation, `g${n}`));
              if (!group) continue;
              tx.delete(readyKey(queue.generation, group.readyMs, `g${n}`));
              tx.put(readyKey(queue.generation, context.nowMs, `g${n}`), 0);
              Groups.put(tx, groupKey(queue.generation, `g${n}`), { inFlight: [], readyMs: context.nowMs });
            }
          });
          return output;
        },
      },
    }),
  "delivers a batch in reverse": () =>
    mutant({
      flows: {
        ReceiveMessage: async (flow: FlowContext, input: any) => {
          const output = await flows["ReceiveMessage"]!(flow, input);
          return output.Messages ? { Messages: [...output.Messages].reverse() } : output;
        },
      },
    }),
  "does not recognise a repeated message": () =>
    mutant({
      operations: {
        SendMessage: (tx: Transaction, input: any, context: OperationContext) =>
          operations["SendMessage"]!(
            tx,
            input.MessageDeduplicationId ? { ...input, MessageDeduplicationId: `d${++counter}` } : input,
            context,
          ),
      },
    }),
  "loses a lease as soon as it is given": () =>
    mutant({
      flows: {
        ReceiveMessage: async (flow: FlowContext, input: any) => {
          const output = await flows["ReceiveMessage"]!(flow, input);
          await flow.write((tx, context) => {
            const queue = queueOf(tx, input, context);
            for (const message of output.Messages ?? []) {
              const [, sequence] = Buffer.from(message.ReceiptHandle, "base64").toString().split(":");
              const lease = Leases.get(tx, leaseKey(queue.generation, Number(sequence)));
              // Visible at once, as if the lease had been lost.
              if (!lease || queue.attributes.FifoQueue) continue;
              tx.delete(visibleKey(queue.generation, lease.visibleMs, Number(sequence)));
              tx.put(visibleKey(queue.generation, context.nowMs, Number(sequence)), 1);
              Leases.put(tx, leaseKey(queue.generation, Number(sequence)), { ...lease, visibleMs: context.nowMs });
            }
          });
          return output;
        },
      },
    }),
};
