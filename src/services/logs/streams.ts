/** Log streams: create, describe, delete. */

import { lowerId } from "../../kernel/ids.ts";
import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { invalidParameter, logStreamExists } from "./errors.ts";
import { readToken, writeToken } from "./groups.ts";
import { constraints, LIMITS } from "./rules.ts";
import {
  eventKey,
  events,
  type GroupRecord,
  groupArn,
  groupKey,
  groups,
  nameOfGroup,
  type Place,
  requireGroup,
  requireStream,
  type StreamRecord,
  streamArn,
  streamEventRange,
  streamKey,
  streamRange,
  streams,
} from "./state.ts";

export const STREAM_DELETED = "logs.LogStreamDeleted";
const STEP_KEYS = 2000;

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogStream.html */
export const createLogStream: Operation<InputOf<"logs", "CreateLogStream">, OutputOf<"logs", "CreateLogStream">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.streamName(input.logStreamName);
  found.check();
  const group = requireGroup(tx, context, input.logGroupName!);
  const name = input.logStreamName!;
  if (streams.get(tx, streamKey(context, group.id, name))) throw logStreamExists();
  streams.put(tx, streamKey(context, group.id, name), {
    name,
    id: lowerId(context.random, 12),
    createdMs: context.nowMs,
    nextSequence: 0,
  });
  return {};
};

export interface StreamDeletion extends Place {
  readonly group: string;
  readonly groupId: string;
  readonly streamId: string;
}

/** The stream is gone at once, its events soon after. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogStream.html */
export const deleteLogStream: Operation<InputOf<"logs", "DeleteLogStream">, OutputOf<"logs", "DeleteLogStream">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.streamName(input.logStreamName);
  found.check();
  const group = requireGroup(tx, context, input.logGroupName!);
  const stream = requireStream(tx, context, group, input.logStreamName!);
  tx.delete(streamKey(context, group.id, stream.name));
  const detail: StreamDeletion = {
    accountId: context.accountId,
    region: context.region,
    group: group.name,
    groupId: group.id,
    streamId: stream.id,
  };
  removeStream(tx, detail, context);
  return {};
};

/** One step of a deleted stream's removal; the rest follows. */
export function removeStream(tx: Transaction, detail: StreamDeletion, context: OperationContext): void {
  const at = { accountId: detail.accountId, region: detail.region };
  const { start, end } = streamEventRange(at, detail.groupId, detail.streamId);
  const rows = [...tx.range(start, end, { limit: STEP_KEYS })].map(([place]) => place);
  let bytes = 0;
  for (const row of rows) {
    const [timestampMs, sequence] = decodeKey(row).slice(6) as [number, number];
    const place = eventKey(at, detail.groupId, timestampMs, detail.streamId, sequence);
    bytes += Buffer.byteLength(events.get(tx, place)!.message) + LIMITS.eventOverheadBytes;
    tx.delete(place);
    tx.delete(row);
  }
  const group = groups.get(tx, groupKey(at, detail.group));
  if (group?.id === detail.groupId && bytes > 0) {
    changeLevel(context, groupArn(at, group.name), "TimedStorage-ByteHrs", -Math.min(bytes, group.storedBytes));
    groups.put(tx, groupKey(at, group.name), { ...group, storedBytes: Math.max(0, group.storedBytes - bytes) });
  }
  if (rows.length === STEP_KEYS) tx.emit({ type: STREAM_DELETED, detail });
}

/** The group that `logGroupName` or `logGroupIdentifier` names; one of them must be given. */
export function identifiedGroup(
  tx: Transaction,
  at: Place,
  input: { readonly logGroupName?: string | undefined; readonly logGroupIdentifier?: string | undefined },
): GroupRecord {
  if (input.logGroupName !== undefined && input.logGroupIdentifier !== undefined) {
    throw invalidParameter("LogGroup name and LogGroup ARN are mutually exclusive parameters.");
  }
  const name = input.logGroupName ?? (input.logGroupIdentifier && nameOfGroup(input.logGroupIdentifier));
  const found = constraints();
  found.groupName(name, input.logGroupIdentifier === undefined ? "logGroupName" : "logGroupIdentifier");
  found.check();
  return requireGroup(tx, at, name!);
}

type Described = NonNullable<OutputOf<"logs", "DescribeLogStreams">["logStreams"]>[number];

/** `storedBytes` is always 0, as on AWS since 2019. */
function described(at: Place, group: GroupRecord, stream: StreamRecord): Described {
  return {
    logStreamName: stream.name,
    creationTime: stream.createdMs,
    ...(stream.firstEventMs === undefined ? {} : { firstEventTimestamp: stream.firstEventMs }),
    ...(stream.lastEventMs === undefined ? {} : { lastEventTimestamp: stream.lastEventMs }),
    ...(stream.lastIngestionMs === undefined ? {} : { lastIngestionTime: stream.lastIngestionMs }),
    uploadSequenceToken: sequenceToken(stream),
    arn: streamArn(at, group.name, stream.name),
    storedBytes: 0,
  };
}

/** Sequence tokens are handed out and ignored, as on AWS. */
export const sequenceToken = (stream: StreamRecord): string => String(stream.nextSequence).padStart(56, "4");

/** By name, or by the time of the last event; streams without events count as older than all others. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html */
export const describeLogStreams: Operation<
  InputOf<"logs", "DescribeLogStreams">,
  OutputOf<"logs", "DescribeLogStreams">
> = (tx, input, context) => {
  const found = constraints();
  found.range("limit", input.limit, 1, 50);
  found.check();
  const byTime = input.orderBy === "LastEventTime";
  if (byTime && input.logStreamNamePrefix !== undefined) {
    throw invalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.");
  }
  const group = identifiedGroup(tx, context, input);
  const limit = input.limit ?? 50;
  const prefix = input.logStreamNamePrefix ?? "";
  const { end } = streamRange(context, group.id);
  const all: StreamRecord[] = [];
  for (const [, stream] of streams.range(tx, streamKey(context, group.id, prefix), end)) {
    if (!stream.name.startsWith(prefix)) break;
    all.push(stream);
  }
  if (byTime) all.sort((left, right) => (left.lastEventMs ?? 0) - (right.lastEventMs ?? 0));
  if (input.descending) all.reverse();
  const from = input.nextToken === undefined ? 0 : Math.max(0, positionAfter(all, readToken(input.nextToken)));
  const page = all.slice(from, from + limit);
  const more = from + limit < all.length;
  return {
    logStreams: page.map((stream) => described(context, group, stream)),
    ...(more ? { nextToken: writeToken(page.at(-1)!.name) } : {}),
  };
};

const positionAfter = (all: readonly StreamRecord[], name: string): number =>
  all.findIndex((stream) => stream.name === name) + 1;
