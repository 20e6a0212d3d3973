/** How DynamoDB Streams reads what DynamoDB wrote: DynamoDB keeps the records, because they are written in the commit of the change. */
import type { Transaction } from "../../storage/transaction.ts";
import type { OutputOf } from "../service.ts";

export type StreamRecordShape = NonNullable<OutputOf<"dynamodbstreams", "GetRecords">["Records"]>[number];
export type StreamViewType = "KEYS_ONLY" | "NEW_IMAGE" | "OLD_IMAGE" | "NEW_AND_OLD_IMAGES";

export interface Stream {
  readonly arn: string;
  readonly label: string;
  readonly tableName: string;
  readonly viewType: StreamViewType;
  readonly enabled: boolean;
  readonly createdMs: number;
  readonly keys: { readonly hash: string; readonly range?: string };
}

/** A shard and the sequences of its records: counted from 1 within its line of shards. */
export interface Shard {
  readonly id: string;
  readonly parentId?: string;
  readonly start: number;
  /** The last sequence; absent while the shard is open. Below `start` when the shard was closed empty. */
  readonly end?: number;
  /** The next sequence to be written, for an open shard; the one after the last for a closed one. */
  readonly next: number;
  /** The oldest sequence that has not been trimmed, if that lies in this shard or behind it. */
  readonly horizon: number;
}

export interface Streams {
  /** Streams by table and age. @param after the last one of the page before */
  list(
    tx: Transaction,
    place: { readonly accountId: string; readonly region: string },
    options: {
      readonly tableName?: string | undefined;
      readonly after?: { readonly tableName: string; readonly label: string } | undefined;
      readonly limit: number;
    },
  ): Stream[];
  /** By ARN, in the account and region that are asked. */
  find(
    tx: Transaction,
    place: { readonly accountId: string; readonly region: string },
    arn: string,
  ): Stream | undefined;
  /** Parents before their children. */
  shards(tx: Transaction, stream: Stream): Shard[];
  /** Records of one shard from a sequence on. @returns them and the sequence at which the next page begins */
  read(
    tx: Transaction,
    stream: Stream,
    shard: Shard,
    from: number,
    limits: { readonly records: number; readonly bytes: number },
  ): { readonly records: StreamRecordShape[]; readonly next: number };
}
