/**
 * Reads one shard of a stream for one consumer: hands out the records that are the consumer's and pass its filters, in order, and waits for more
 * without asking again and again.
 */
import { AwsError } from "../../kernel/errors.ts";
import { shardIterator, shardTopic } from "../dynamodb-common/positions.ts";
import type { FlowContext, Principal } from "../service.ts";
import { eventRecord, type StreamEventRecord, sequenceIn } from "./stream-events.ts";

const PAGE_RECORDS = 1000;

export interface ShardSource {
  readonly flow: FlowContext;
  readonly streamArn: string;
  readonly shardId: string;
  readonly passes: (record: StreamEventRecord) => boolean;
  readonly principal: () => Promise<Principal>;
  readonly signal: AbortSignal;
}

export interface ShardReader {
  /** Where reading goes on when nothing of what was handed out is to come again. */
  readonly sequence: number | undefined;
  /** The shard is closed, and everything in it was handed out. */
  readonly ended: boolean;
  /** The next record, without handing it out; waits for one until `untilMs`, at most to the shard's end. */
  peek(untilMs: number): Promise<StreamEventRecord | undefined>;
  /** Hands out the record that was peeked at. */
  take(): StreamEventRecord;
}

/** @param start undefined: at the oldest record */
export function openShard(source: ShardSource, start: number | undefined): ShardReader {
  const { flow, streamArn, shardId, passes, signal } = source;
  const held: StreamEventRecord[] = [];
  /** Of the next page. */
  let at = start;
  let closed = false;

  const iterator = async (principal: Principal): Promise<string> => {
    if (at !== undefined) return shardIterator({ streamArn, shardId, sequence: at, issuedMs: flow.clock.nowMs() });
    const { ShardIterator } = await flow.call(
      "dynamodbstreams",
      "GetShardIterator",
      { StreamArn: streamArn, ShardId: shardId, ShardIteratorType: "TRIM_HORIZON" },
      { principal },
    );
    return ShardIterator!;
  };

  /** @returns whether there was anything at all */
  const readPage = async (): Promise<boolean> => {
    const principal = await source.principal();
    try {
      const { Records = [], NextShardIterator } = await flow.call(
        "dynamodbstreams",
        "GetRecords",
        { ShardIterator: await iterator(principal), Limit: PAGE_RECORDS },
        { principal },
      );
      for (const record of Records) {
        const event = eventRecord(record, streamArn);
        at = sequenceIn(event) + 1;
        if (passes(event)) held.push(event);
      }
      closed = NextShardIterator === undefined;
      return Records.length > 0;
    } catch (error) {
      if (!(error instanceof AwsError) || error.code !== "TrimmedDataAccessException") throw error;
      // What was not read within a day is gone.
      at = undefined;
      return true;
    }
  };

  return {
    get sequence() {
      const [next] = held;
      return next ? sequenceIn(next) : at;
    },
    get ended() {
      return closed && held.length === 0;
    },
    async peek(untilMs) {
      while (held.length === 0 && !closed && !signal.aborted) {
        const done = new AbortController();
        const leftMs = untilMs - flow.clock.nowMs();
        // Asked before the state is read, so that nothing is missed in between.
        const woken = flow.wait(shardTopic(streamArn, shardId), leftMs, AbortSignal.any([signal, done.signal]));
        try {
          if (await readPage()) continue;
          if (closed || leftMs <= 0) break;
          await woken;
        } finally {
          done.abort();
        }
      }
      return held[0];
    },
    take: () => held.shift()!,
  };
}
