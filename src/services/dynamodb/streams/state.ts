/**
 * What is stored of streams. A stream has a fixed number of lines, among which partition keys are spread; each line is a chain of shards, one
 * open at a time, and counts its records from 1.
 *
 *     dynamodb / ACCOUNT / REGION
 *       ├ "stream" / TABLE NAME / LABEL          StreamRecord
 *       ├ "stream-number"                        the number that the next stream gets
 *       ├ "trim"   / NUMBER                      when the next trim event is due
 *       ├ "line"   / NUMBER / LINE               LineRecord
 *       ├ "shard"  / NUMBER / LINE / START       ShardRecord
 *       └ "change" / NUMBER / LINE / SEQUENCE    ChangeRecord     appended, so that what is written together lies together
 */
import { type Key, key, keysUnder } from "../../../storage/keys.ts";
import { defineRecord } from "../../../storage/records.ts";
import type { StreamViewType } from "../../dynamodb-common/ports.ts";
import type { Place } from "../state.ts";
import type { PackedItem } from "../values/packed.ts";

/** What a table knows of its stream: enough to write records. */
export interface TableStream {
  readonly number: number;
  readonly label: string;
  readonly viewType: StreamViewType;
  readonly lines: number;
}

export interface StreamRecord extends TableStream {
  readonly tableName: string;
  readonly hash: string;
  readonly range?: string;
  readonly createdMs: number;
  /** Set when it was disabled; its records stay readable for a day. */
  readonly disabledMs?: number;
}

export interface LineRecord {
  /** Of its open shard. */
  readonly shardId: string;
  readonly shardStart: number;
  readonly openedMs: number;
  /** The next record's sequence. */
  readonly next: number;
  /** The oldest record that is left; `next` when there is none. */
  readonly horizon: number;
}

export interface ShardRecord {
  readonly id: string;
  readonly parentId?: string;
  readonly start: number;
  /** The last record's sequence, once the shard is closed. */
  readonly end?: number;
  readonly closedMs?: number;
}

export type ChangeEvent = "INSERT" | "MODIFY" | "REMOVE";

/** One change of one item, with what the stream's view type asks for. */
export interface ChangeRecord {
  readonly event: ChangeEvent;
  readonly createdMs: number;
  readonly keys: PackedItem;
  readonly after?: PackedItem;
  readonly before?: PackedItem;
  /** Of keys and images. */
  readonly bytes: number;
  /** DynamoDB itself did it: the item had expired. */
  readonly expired?: true;
}

export const streamRecord = defineRecord<StreamRecord>("dynamodb.Stream", 1);
export const streamNumberRecord = defineRecord<number>("dynamodb.NextStreamNumber", 1);
export const trimRecord = defineRecord<number>("dynamodb.TrimTimer", 1);
export const lineRecord = defineRecord<LineRecord>("dynamodb.StreamLine", 1);
export const shardRecord = defineRecord<ShardRecord>("dynamodb.Shard", 1);
export const changeRecord = defineRecord<ChangeRecord>("dynamodb.Change", 1);

const at = ({ accountId, region }: Place, ...rest: (string | number)[]): Key =>
  key("dynamodb", accountId, region, ...rest);
const under = ({ accountId, region }: Place, ...rest: (string | number)[]) =>
  keysUnder("dynamodb", accountId, region, ...rest);

export const streamKey = (place: Place, tableName: string, label: string): Key => at(place, "stream", tableName, label);
export const allStreams = (place: Place) => under(place, "stream");
export const streamsOfTable = (place: Place, tableName: string) => under(place, "stream", tableName);
export const nextStreamNumberKey = (place: Place): Key => at(place, "stream-number");
export const trimKey = (place: Place, stream: number): Key => at(place, "trim", stream);
export const lineKey = (place: Place, stream: number, line: number): Key => at(place, "line", stream, line);
export const shardKey = (place: Place, stream: number, line: number, start: number): Key =>
  at(place, "shard", stream, line, start);
export const shardsOfStream = (place: Place, stream: number) => under(place, "shard", stream);
export const shardsOfLine = (place: Place, stream: number, line: number) => under(place, "shard", stream, line);
export const changeKey = (place: Place, stream: number, line: number, sequence: number): Key =>
  at(place, "change", stream, line, sequence);
export const changesOfLine = (place: Place, stream: number, line: number) => under(place, "change", stream, line);

/** Everything of a stream that is swept away in the end. */
export const streamPrefixes = (place: Place, stream: number): readonly Key[] =>
  ["line", "shard", "change"].map((noun) => at(place, noun, stream));
