/** Simulated days of SQS: the same seed twice gives the same history, the auditors find nothing, and they do find every planted bug. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
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
import { liveThrough, type WorldOptions } from "./world.ts";

const SEEDS = Number(process.env["VIRGA_SIMULATION_SEEDS"] ?? 1000);
/** Seeds within which a planted bug must be found. */
const MUTANT_SEEDS = 40;

test(`${SEEDS} days with power failures, full and slow disks and jumping clocks`, async () => {
  let crashes = 0;
  let deliveries = 0;
  let acknowledged = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const day = await liveThrough(seed).catch((error) => {
      error.message = `seed ${seed}: ${error.message}`;
      throw error;
    });
    crashes += day.crashes;
    deliveries += day.deliveries;
    acknowledged += day.acknowledged;
  }
  console.log(
    `${SEEDS} seeds: ${acknowledged} sends acknowledged, ${deliveries} deliveries, ${crashes} power failures`,
  );
  assert.ok(crashes > SEEDS / 2, "the machine failed often enough to mean something");
  assert.ok(deliveries > SEEDS * 10, "enough was delivered to mean something");
});

test("the same seed gives the same history", async () => {
  for (const seed of [1, 7, 42]) assert.equal((await liveThrough(seed)).digest, (await liveThrough(seed)).digest);
  assert.notEqual((await liveThrough(1)).digest, (await liveThrough(2)).digest);
});

// Planted bugs

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
const mutants: Record<string, () => WorldOptions> = {
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

describe("the auditors notice a service that", () => {
  for (const [name, plant] of Object.entries(mutants)) {
    test(name, async () => {
      for (let seed = 1; seed <= MUTANT_SEEDS; seed++) {
        const noticed = await liveThrough(seed, plant()).then(
          () => false,
          () => true,
        );
        if (noticed) return;
      }
      assert.fail(`${MUTANT_SEEDS} days went by and nobody noticed`);
    });
  }
});
