/** A stream's life: enabled with or on a table, disabled with it or before, readable for a day after that. */
import type { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { Constraints } from "../../dynamodb-common/constraints.ts";
import { shardTopic } from "../../dynamodb-common/positions.ts";
import type { InputOf, OperationContext } from "../../service.ts";
import { invalidParameter, validation } from "../errors.ts";
import type { Place, TableRecord } from "../state.ts";
import { beginShard, closeShard, streamArn } from "./capture.ts";
import {
  lineKey,
  lineRecord,
  nextStreamNumberKey,
  type StreamRecord,
  streamKey,
  streamNumberRecord,
  streamRecord,
  type TableStream,
} from "./state.ts";
import { RETENTION_MS, STREAM_EXPIRED } from "./trimming.ts";

type Specification = InputOf<"dynamodb", "CreateTable">["StreamSpecification"];

const VIEW_TYPES = ["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"];

/** A partition takes this many units; a shard belongs to a partition. */
const PARTITION_READ_UNITS = 3000;
const PARTITION_WRITE_UNITS = 1000;
/** A new table on demand begins with this many partitions. */
const ON_DEMAND_LINES = 4;
const LINES_MAX = 16;

export function streamConstraints(constraints: Constraints, specification: Specification): void {
  if (!specification) return;
  constraints.notNull("streamSpecification.streamEnabled", specification.StreamEnabled);
  constraints.oneOf("streamSpecification.streamViewType", specification.StreamViewType, VIEW_TYPES);
}

/** @throws ValidationException @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_StreamSpecification.html */
export function checkNewStream(specification: Specification): void {
  if (!specification) return;
  if (specification.StreamEnabled && specification.StreamViewType === undefined) throw viewTypeRequired();
  if (!specification.StreamEnabled && specification.StreamViewType !== undefined) {
    throw invalidParameter("Table is being created with a stream disabled, UpdateViewType should not be specified");
  }
}

const viewTypeRequired = (): AwsError => invalidParameter("If stream is being enabled then UpdateViewType is required");

/** @throws ValidationException */
export function checkStreamUpdate(specification: Specification): void {
  if (!specification) return;
  if (specification.StreamEnabled && specification.StreamViewType === undefined) throw viewTypeRequired();
  if (!specification.StreamEnabled && specification.StreamViewType !== undefined) {
    throw invalidParameter("If stream is being disabled, then UpdateViewType must not be specified");
  }
}

/** The table as its stream specification wants it. @throws ValidationException when that is no change */
export function withStream(
  tx: Transaction,
  record: TableRecord,
  specification: Specification,
  context: OperationContext,
): TableRecord {
  if (!specification) return record;
  if (specification.StreamEnabled) {
    if (record.stream) throw validation(`Table already has an enabled stream: TableName: ${record.name}`);
    return withNewStream(tx, record, specification.StreamViewType!, context);
  }
  if (!record.stream) throw validation(`Table has no stream to disable: TableName: ${record.name}`);
  disableStream(tx, context, record.name, record.stream, context);
  const { stream: _, ...without } = record;
  return without;
}

/** Enables a stream on a table that has none. */
export function withNewStream(
  tx: Transaction,
  record: TableRecord,
  viewType: TableStream["viewType"],
  context: OperationContext,
): TableRecord {
  const number = streamNumberRecord.get(tx, nextStreamNumberKey(context)) ?? 1;
  streamNumberRecord.put(tx, nextStreamNumberKey(context), number + 1);
  const label = freeLabel(tx, context, record.name, context.nowMs);
  const lines = linesFor(record);
  const stream: TableStream = { number, label, viewType, lines };
  const { hash, range } = record;
  streamRecord.put(tx, streamKey(context, record.name, label), {
    ...stream,
    tableName: record.name,
    hash,
    ...(range !== undefined && { range }),
    createdMs: context.nowMs,
  });
  for (let line = 0; line < lines; line++) beginShard(tx, context, number, line, { nowMs: context.nowMs });
  return { ...record, stream, latestStreamLabel: label };
}

/** As many as the table has partitions on AWS. */
function linesFor({ throughput }: Pick<TableRecord, "throughput">): number {
  if (!throughput) return ON_DEMAND_LINES;
  const partitions = throughput.read / PARTITION_READ_UNITS + throughput.write / PARTITION_WRITE_UNITS;
  return Math.min(LINES_MAX, Math.max(1, Math.ceil(partitions)));
}

/** The time, to the millisecond; a later one when a stream of that name is still there. */
function freeLabel(tx: Transaction, place: Place, tableName: string, nowMs: number): string {
  for (let ms = nowMs; ; ms++) {
    const label = new Date(ms).toISOString().slice(0, -1);
    if (tx.get(streamKey(place, tableName, label)) === undefined) return label;
  }
}

/** Closes a stream's shards and lets it live for another day. */
export function disableStream(
  tx: Transaction,
  place: Place,
  tableName: string,
  { number, label, lines }: TableStream,
  context: Pick<OperationContext, "nowMs" | "wake">,
): void {
  const at = streamKey(place, tableName, label);
  const disabled: StreamRecord = { ...streamRecord.get(tx, at)!, disabledMs: context.nowMs };
  streamRecord.put(tx, at, disabled);
  for (let line = 0; line < lines; line++) {
    const current = lineRecord.get(tx, lineKey(place, number, line))!;
    closeShard(tx, place, number, line, current, context.nowMs);
    context.wake(shardTopic(streamArn(place, tableName, label), current.shardId));
  }
  const { accountId, region } = place;
  tx.emit({
    type: STREAM_EXPIRED,
    detail: { accountId, region, tableName, label },
    dueMs: context.nowMs + RETENTION_MS,
  });
}

/** What DescribeTable says of a table's streams. */
export function describedStream(place: Place, { name, stream, latestStreamLabel: label }: TableRecord) {
  return {
    ...(stream && { StreamSpecification: { StreamEnabled: true, StreamViewType: stream.viewType } }),
    ...(label !== undefined && { LatestStreamLabel: label, LatestStreamArn: streamArn(place, name, label) }),
  };
}
