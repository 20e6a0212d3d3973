/** Records live for 24 hours. One durable timer per stream is due when the oldest of them goes; an empty stream has none. */
import type { Key } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { OperationContext } from "../../service.ts";
import type { Place } from "../state.ts";
import { sweep } from "../tables/sweep.ts";
import {
  changeRecord,
  changesOfLine,
  lineKey,
  lineRecord,
  shardRecord,
  shardsOfLine,
  streamKey,
  streamPrefixes,
  streamRecord,
  trimKey,
  trimRecord,
} from "./state.ts";

export const RETENTION_MS = 24 * 3_600_000;
/** Records removed in one transaction. */
const STEP_RECORDS = 500;

/** The oldest records of a stream have had their day; the detail is {@link TrimDue}. */
export const TRIM_DUE = "dynamodb.TrimDue";
/** A disabled stream has had its day; the detail is {@link StreamName}. */
export const STREAM_EXPIRED = "dynamodb.StreamExpired";

interface StreamName {
  readonly tableName: string;
  readonly label: string;
}

export interface TrimDue extends Place, StreamName {
  readonly dueMs: number;
}

/** Makes sure that the stream is trimmed at this time or before. */
export function scheduleTrim(
  tx: Transaction,
  place: Place,
  stream: StreamName & { readonly number: number },
  dueMs: number,
): void {
  const timer = trimKey(place, stream.number);
  const setMs = trimRecord.get(tx, timer);
  if (setMs !== undefined && setMs <= dueMs) return;
  trimRecord.put(tx, timer, dueMs);
  const { accountId, region } = place;
  const detail: TrimDue = { accountId, region, tableName: stream.tableName, label: stream.label, dueMs };
  tx.emit({ type: TRIM_DUE, detail, dueMs });
}

/** Removes a day-old page of every line, and the closed shards that are empty after it. */
export function trim(tx: Transaction, detail: TrimDue, context: Pick<OperationContext, "nowMs">): void {
  const stream = streamRecord.get(tx, streamKey(detail, detail.tableName, detail.label));
  const timer = stream && trimKey(detail, stream.number);
  if (!timer || trimRecord.get(tx, timer) !== detail.dueMs) return;
  tx.delete(timer);
  const horizonMs = context.nowMs - RETENTION_MS;
  let nextMs = Number.POSITIVE_INFINITY;
  for (let line = 0; line < stream.lines; line++) {
    nextMs = Math.min(nextMs, trimLine(tx, detail, stream.number, line, horizonMs) ?? nextMs);
  }
  if (nextMs < Number.POSITIVE_INFINITY) scheduleTrim(tx, detail, stream, nextMs + RETENTION_MS);
}

/** @returns when the oldest record that is left was written */
function trimLine(tx: Transaction, place: Place, stream: number, line: number, horizonMs: number): number | undefined {
  const old: Key[] = [];
  let oldestMs: number | undefined;
  const { start, end } = changesOfLine(place, stream, line);
  for (const [key, { createdMs }] of changeRecord.range(tx, start, end, { limit: STEP_RECORDS + 1 })) {
    if (createdMs > horizonMs || old.length === STEP_RECORDS) {
      oldestMs = createdMs;
      break;
    }
    old.push(key);
  }
  if (old.length === 0) return oldestMs;
  for (const key of old) tx.delete(key);
  const at = lineKey(place, stream, line);
  const current = lineRecord.get(tx, at)!;
  const horizon = current.horizon + old.length;
  lineRecord.put(tx, at, { ...current, horizon });
  const shards = shardsOfLine(place, stream, line);
  const empty: Key[] = [];
  for (const [key, shard] of shardRecord.range(tx, shards.start, shards.end)) {
    if (shard.end !== undefined && shard.end < horizon) empty.push(key);
  }
  for (const key of empty) tx.delete(key);
  return oldestMs;
}

/** Removes a disabled stream with all that it held. */
export function expireStream(tx: Transaction, detail: Place & StreamName): void {
  const at = streamKey(detail, detail.tableName, detail.label);
  const stream = streamRecord.get(tx, at);
  if (stream?.disabledMs === undefined) return;
  tx.delete(at);
  tx.delete(trimKey(detail, stream.number));
  for (const prefix of streamPrefixes(detail, stream.number)) sweep(tx, prefix);
}
