/** What goes into an invocation by a mapping of a stream, and what comes out of it: records, filters, windows, the answer. Pure. */
import { createHash } from "node:crypto";
import type { StreamRecordShape } from "../dynamodb-common/ports.ts";
import { sequenceOf } from "../dynamodb-common/positions.ts";
import { compilePattern } from "./event-pattern.ts";

/** A record of the event that a function gets. @see https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
export interface StreamEventRecord {
  readonly eventID: string;
  readonly eventName: string;
  readonly eventVersion: string;
  readonly eventSource: string;
  readonly awsRegion: string;
  readonly dynamodb: {
    /** Seconds since the epoch. */
    readonly ApproximateCreationDateTime: number;
    readonly Keys: Readonly<Record<string, unknown>>;
    readonly SequenceNumber: string;
  };
  readonly userIdentity?: { readonly type: string; readonly principalId: string };
  readonly eventSourceARN: string;
}

export function eventRecord(record: StreamRecordShape, streamArn: string): StreamEventRecord {
  const change = record.dynamodb!;
  const { PrincipalId: principalId, Type: type } = record.userIdentity ?? {};
  return {
    eventID: record.eventID!,
    eventName: record.eventName!,
    eventVersion: record.eventVersion!,
    eventSource: record.eventSource!,
    awsRegion: record.awsRegion!,
    dynamodb: {
      ApproximateCreationDateTime: change.ApproximateCreationDateTime!.getTime() / 1000,
      Keys: plainMap(change.Keys!),
      ...(change.NewImage && { NewImage: plainMap(change.NewImage) }),
      ...(change.OldImage && { OldImage: plainMap(change.OldImage) }),
      SequenceNumber: change.SequenceNumber!,
      SizeBytes: change.SizeBytes,
      StreamViewType: change.StreamViewType,
    } as StreamEventRecord["dynamodb"],
    ...(principalId !== undefined && { userIdentity: { type: type!, principalId } }),
    eventSourceARN: streamArn,
  };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** Attribute values as JSON has them: bytes in base64. */
const plainMap = (map: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, plainValue(value as never)]));

function plainValue(value: Readonly<Record<string, unknown>>): unknown {
  const [[type, content] = []] = Object.entries(value).filter(([, given]) => given !== undefined);
  switch (type) {
    case "B":
      return { B: base64(content as Uint8Array) };
    case "BS":
      return { BS: (content as Uint8Array[]).map(base64) };
    case "L":
      return { L: (content as never[]).map(plainValue) };
    case "M":
      return { M: plainMap(content as never) };
    default:
      return value;
  }
}

export const createdMs = (record: StreamEventRecord): number => record.dynamodb.ApproximateCreationDateTime * 1000;
export const sequenceIn = (record: StreamEventRecord): number => sequenceOf(record.dynamodb.SequenceNumber)!;

/** Whether a record passes at least one filter. @param patterns JSON texts @throws InvalidPattern, SyntaxError */
export function streamFilter(patterns: readonly string[]): (record: StreamEventRecord) => boolean {
  if (patterns.length === 0) return () => true;
  const filters = patterns.map((text) => compilePattern(JSON.parse(text) as unknown));
  return (record) => filters.some((matches) => matches(record));
}

/** Which of `count` consumers of a shard an item belongs to. @param hash name of the partition key */
export function consumerOf(record: StreamEventRecord, hash: string, count: number): number {
  if (count === 1) return 0;
  return createHash("md5").update(JSON.stringify(record.dynamodb.Keys[hash])).digest().readUInt32BE(0) % count;
}

/** A tumbling window and what the function has made of its records so far. */
export interface TumblingWindow {
  readonly startMs: number;
  /** JSON text. */
  readonly state: string;
}

export const windowStartMs = (record: StreamEventRecord, windowSeconds: number): number => {
  const lengthMs = windowSeconds * 1000;
  return Math.floor(createdMs(record) / lengthMs) * lengthMs;
};

/** What an invocation for a tumbling window carries beside its records. */
export function windowMembers(
  { startMs, state }: TumblingWindow,
  windowSeconds: number,
  shard: { readonly shardId: string; readonly streamArn: string },
  final: { readonly isFinal: boolean; readonly isEarly: boolean },
) {
  const second = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");
  return {
    window: { start: second(startMs), end: second(startMs + windowSeconds * 1000) },
    state: JSON.parse(state) as unknown,
    shardId: shard.shardId,
    eventSourceARN: shard.streamArn,
    isFinalInvokeForWindow: final.isFinal,
    isWindowTerminatedEarly: final.isEarly,
  };
}

/** The state in a function's answer, as JSON text; undefined when there is none, which makes it a failure. */
export function stateIn(payload: Buffer): string | undefined {
  const state = (parsed(payload) as { state?: unknown } | null | undefined)?.state;
  return typeof state === "object" && state !== null ? JSON.stringify(state) : undefined;
}

/**
 * How far a function came, from its answer with ReportBatchItemFailures: the index of the first record that failed, which is where it goes on;
 * `batch.length` when none did, and 0 for an answer that is not valid.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 */
export function firstFailure(payload: Buffer, batch: readonly StreamEventRecord[]): number {
  const answer = payload.byteLength === 0 ? null : parsed(payload);
  if (answer === null) return batch.length;
  if (typeof answer !== "object") return 0;
  const failures = (answer as { batchItemFailures?: unknown }).batchItemFailures;
  if (failures === undefined || failures === null) return batch.length;
  if (!Array.isArray(failures)) return 0;
  const at = new Map(batch.map((record, index) => [record.dynamodb.SequenceNumber, index]));
  let first = batch.length;
  for (const failure of failures as unknown[]) {
    const index = at.get((failure as { itemIdentifier?: string } | null)?.itemIdentifier ?? "");
    if (index === undefined) return 0;
    first = Math.min(first, index);
  }
  return first;
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch {
    return undefined;
  }
}
