/**
 * Writes a stream record in the commit of the change that it tells of. Which line of shards it belongs to follows from the item's partition
 * key, so that the changes of one item stay in order; a shard that is four hours old gets a successor, as on AWS.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
 */
import { createHash } from "node:crypto";
import { assert } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import { shardTopic } from "../../dynamodb-common/positions.ts";
import type { OperationContext } from "../../service.ts";
import { partitionHash } from "../keys.ts";
import type { Place } from "../state.ts";
import { type Table, tableArn } from "../table.ts";
import { keyOf } from "../time-to-live/expiry.ts";
import { type AttributeMap, attribute, equalMaps } from "../values/attribute-value.ts";
import { type PackedItem, pack } from "../values/packed.ts";
import { itemSize } from "../values/size.ts";
import {
  type ChangeRecord,
  changeKey,
  changeRecord,
  type LineRecord,
  lineKey,
  lineRecord,
  shardKey,
  shardRecord,
  type TableStream,
} from "./state.ts";
import { RETENTION_MS, scheduleTrim } from "./trimming.ts";

const SHARD_AGE_MS_MAX = 4 * 3_600_000;
/** Digits of the time in a shard's id. */
const SHARD_TIME_DIGITS = 20;

export const streamArn = (place: Place, tableName: string, label: string): string =>
  `${tableArn(place, tableName)}/stream/${label}`;

/** `shardId-00000001414576573621-f55eea83` */
export function shardIdOf(stream: number, line: number, start: number, openedMs: number): string {
  const tail = createHash("md5").update(`${stream}/${line}/${start}`).digest("hex").slice(0, 8);
  return `shardId-${String(openedMs).padStart(SHARD_TIME_DIGITS, "0")}-${tail}`;
}

/** Who changed an item: a caller, or DynamoDB because it had expired. */
export type Cause = "caller" | "expiry";

/** An item before and after a write; undefined is no item. */
export interface Change {
  readonly before: AttributeMap | undefined;
  readonly after: AttributeMap | undefined;
  /** `after`, as it is stored. */
  readonly packed: PackedItem | undefined;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Nothing is written where nothing changed. */
export function capture(
  tx: Transaction,
  { place, record }: Table,
  stream: TableStream,
  { before, after, packed, bytesBefore, bytesAfter }: Change,
  context: Pick<OperationContext, "nowMs" | "wake">,
  cause: Cause,
): void {
  const item = after ?? before;
  if (!item || (before && after && equalMaps(before, after))) return;
  const line = partitionHash(attribute(item, record.hash)!) % stream.lines;
  const { nowMs } = context;
  const arn = streamArn(place, record.name, stream.label);
  const open = openShard(tx, place, stream, line, nowMs, (closed) => context.wake(shardTopic(arn, closed)));
  const keys = keyOf(record, item);
  const shows = (image: "NEW_IMAGE" | "OLD_IMAGE") =>
    stream.viewType === image || stream.viewType === "NEW_AND_OLD_IMAGES";
  const newImage = shows("NEW_IMAGE") ? packed : undefined;
  const oldImage = shows("OLD_IMAGE") ? before : undefined;
  const change: ChangeRecord = {
    event: !before ? "INSERT" : after ? "MODIFY" : "REMOVE",
    createdMs: nowMs,
    keys: pack(keys),
    ...(newImage && { after: newImage }),
    ...(oldImage && { before: pack(oldImage) }),
    bytes: itemSize(keys) + (newImage ? bytesAfter : 0) + (oldImage ? bytesBefore : 0),
    ...(cause === "expiry" && { expired: true as const }),
  };
  changeRecord.put(tx, changeKey(place, stream.number, line, open.next), change);
  lineRecord.put(tx, lineKey(place, stream.number, line), { ...open, next: open.next + 1 });
  if (open.horizon === open.next) {
    scheduleTrim(
      tx,
      place,
      { tableName: record.name, label: stream.label, number: stream.number },
      nowMs + RETENTION_MS,
    );
  }
  context.wake(shardTopic(arn, open.shardId));
}

/** The line, with a young enough shard at its end. One that holds no record yet is never too old. */
function openShard(
  tx: Transaction,
  place: Place,
  stream: TableStream,
  line: number,
  nowMs: number,
  onClosed: (shardId: string) => void,
): LineRecord {
  const current = lineRecord.get(tx, lineKey(place, stream.number, line));
  assert(current, "an enabled stream has its lines");
  if (nowMs - current.openedMs < SHARD_AGE_MS_MAX || current.next === current.shardStart) return current;
  closeShard(tx, place, stream.number, line, current, nowMs);
  onClosed(current.shardId);
  return beginShard(tx, place, stream.number, line, { parent: current, nowMs });
}

/** Opens a line's next shard, or its first. */
export function beginShard(
  tx: Transaction,
  place: Place,
  stream: number,
  line: number,
  { parent, nowMs }: { readonly parent?: LineRecord; readonly nowMs: number },
): LineRecord {
  const start = parent?.next ?? 1;
  const id = shardIdOf(stream, line, start, nowMs);
  shardRecord.put(tx, shardKey(place, stream, line, start), { id, ...(parent && { parentId: parent.shardId }), start });
  const opened: LineRecord = {
    shardId: id,
    shardStart: start,
    openedMs: nowMs,
    next: start,
    horizon: parent?.horizon ?? start,
  };
  lineRecord.put(tx, lineKey(place, stream, line), opened);
  return opened;
}

/** No more records come into a line's open shard. */
export function closeShard(
  tx: Transaction,
  place: Place,
  stream: number,
  line: number,
  current: LineRecord,
  nowMs: number,
): void {
  const at = shardKey(place, stream, line, current.shardStart);
  const shard = shardRecord.get(tx, at);
  assert(shard, "a line's open shard is there");
  shardRecord.put(tx, at, { ...shard, end: current.next - 1, closedMs: nowMs });
}
