/**
 * How far a mapping has read a stream: durable, so that a platform that was killed goes on where it was. Each shard has as many consumers as
 * the mapping's parallelisation factor, each with a place of its own.
 */
import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import {
  type CheckpointRecord,
  checkpointKey,
  checkpointRange,
  checkpoints,
  mappingKey,
  mappings,
  type Place,
} from "./state.ts";

/** Where a consumer goes on: at a sequence, at the oldest record there is, or nowhere because it is done. */
export interface Resumption {
  readonly sequence?: number;
  readonly done: boolean;
  readonly window?: CheckpointRecord["window"];
  /** Invocations that have failed with the batch that begins there. */
  readonly failures?: number;
}

const FROM_THE_OLDEST: Resumption = { done: false };

/** Where the consumers of a shard go on. When their number has changed, all begin where the slowest was. */
export function resume(tx: Transaction, at: Place, uuid: string, shardId: string, consumers: number): Resumption[] {
  const { start, end } = checkpointRange(at, uuid, shardId);
  const rows = [...checkpoints.range(tx, start, end)].map(([, row]) => row);
  const each = (resumption: (consumer: number) => Resumption) =>
    Array.from({ length: consumers }, (_, consumer) => resumption(consumer));
  if (rows.length === 0) return each(() => FROM_THE_OLDEST);
  if (rows.every(({ of }) => of === consumers)) {
    return each((consumer) => rows.find((row) => row.consumer === consumer) ?? FROM_THE_OLDEST);
  }
  const open = rows.filter(({ done }) => !done);
  if (rows.length === rows[0]!.of && open.length === 0) return each(() => ({ done: true }));
  // A consumer without a row has not begun.
  const isComplete = rows.length === rows[0]!.of;
  const slowest = isComplete ? Math.min(...open.map(({ sequence }) => sequence)) : undefined;
  for (const row of rows) tx.delete(checkpointKey(at, uuid, shardId, row.consumer));
  if (slowest === undefined) return each(() => FROM_THE_OLDEST);
  for (let consumer = 0; consumer < consumers; consumer++) {
    checkpoints.put(tx, checkpointKey(at, uuid, shardId, consumer), {
      consumer,
      of: consumers,
      sequence: slowest,
      done: false,
    });
  }
  return each(() => ({ sequence: slowest, done: false }));
}

/** Keeps a consumer's place, unless its mapping has gone meanwhile. */
export function keep(tx: Transaction, at: Place, uuid: string, shardId: string, row: CheckpointRecord): void {
  const mapping = mappings.get(tx, mappingKey(at, uuid));
  if (!mapping || mapping.state === "Deleting") return;
  checkpoints.put(tx, checkpointKey(at, uuid, shardId, row.consumer), row);
}

/** Whether every consumer of a shard has come to its end. */
export const isDone = (tx: Transaction, at: Place, uuid: string, shardId: string, consumers: number): boolean =>
  resume(tx, at, uuid, shardId, consumers).every(({ done }) => done);

/** Forgets the places of a mapping, but for those in the shards that are named. */
export function forget(tx: Transaction, at: Place, uuid: string, except: ReadonlySet<string> = new Set()): void {
  const { start, end } = checkpointRange(at, uuid);
  const gone = [...checkpoints.range(tx, start, end)].filter(([key]) => !except.has(decodeKey(key).at(-2) as string));
  for (const [key] of gone) tx.delete(key);
}
