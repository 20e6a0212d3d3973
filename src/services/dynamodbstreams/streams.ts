/** ListStreams and DescribeStream. */
import type { Transaction } from "../../storage/transaction.ts";
import { createConstraints } from "../dynamodb-common/constraints.ts";
import type { Shard, Stream, Streams } from "../dynamodb-common/ports.ts";
import { sequenceNumber } from "../dynamodb-common/positions.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { shardNotFound, streamNotFound } from "./errors.ts";

const PAGE_MAX = 100;
const ARN_LENGTH_MIN = 37;
const ARN_LENGTH_MAX = 1024;
const SHARD_ID_LENGTH_MIN = 28;
const SHARD_ID_LENGTH_MAX = 65;

type Constraints = ReturnType<typeof createConstraints>;

export const arnConstraint = (constraints: Constraints, path: string, arn: string | undefined): void =>
  constraints.length(path, arn, ARN_LENGTH_MIN, ARN_LENGTH_MAX);

export const shardIdConstraint = (constraints: Constraints, path: string, id: string | undefined): void =>
  constraints.length(path, id, SHARD_ID_LENGTH_MIN, SHARD_ID_LENGTH_MAX);

/** @throws ResourceNotFoundException */
export function requireStream(streams: Streams, tx: Transaction, context: OperationContext, arn: string): Stream {
  const stream = streams.find(tx, context, arn);
  if (!stream) throw streamNotFound(arn);
  return stream;
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_ListStreams.html @throws ValidationException, ResourceNotFoundException */
export const listStreams =
  (
    streams: Streams,
  ): Operation<InputOf<"dynamodbstreams", "ListStreams">, OutputOf<"dynamodbstreams", "ListStreams">> =>
  (tx, input, context) => {
    const constraints = createConstraints();
    constraints.pattern("tableName", input.TableName);
    constraints.length("tableName", input.TableName, 3, 255);
    constraints.atLeast("limit", input.Limit, 1);
    constraints.atMost("limit", input.Limit, PAGE_MAX);
    arnConstraint(constraints, "exclusiveStartStreamArn", input.ExclusiveStartStreamArn);
    constraints.check();
    const limit = input.Limit ?? PAGE_MAX;
    const after =
      input.ExclusiveStartStreamArn === undefined
        ? undefined
        : requireStream(streams, tx, context, input.ExclusiveStartStreamArn);
    // One more, to know whether there is another page.
    const found = streams.list(tx, context, { tableName: input.TableName, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    return {
      Streams: page.map(({ arn, tableName, label }) => ({ StreamArn: arn, TableName: tableName, StreamLabel: label })),
      ...(found.length > limit && last && { LastEvaluatedStreamArn: last.arn }),
    };
  };

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_DescribeStream.html @throws ValidationException, ResourceNotFoundException */
export const describeStream =
  (
    streams: Streams,
  ): Operation<InputOf<"dynamodbstreams", "DescribeStream">, OutputOf<"dynamodbstreams", "DescribeStream">> =>
  (tx, input, context) => {
    const constraints = createConstraints();
    constraints.notNull("streamArn", input.StreamArn);
    arnConstraint(constraints, "streamArn", input.StreamArn);
    constraints.atLeast("limit", input.Limit, 1);
    constraints.atMost("limit", input.Limit, PAGE_MAX);
    shardIdConstraint(constraints, "exclusiveStartShardId", input.ExclusiveStartShardId);
    constraints.oneOf("shardFilter.type", input.ShardFilter?.Type, ["CHILD_SHARDS"]);
    shardIdConstraint(constraints, "shardFilter.shardId", input.ShardFilter?.ShardId);
    constraints.check();
    const stream = requireStream(streams, tx, context, input.StreamArn!);
    const all = streams.shards(tx, stream);
    const behind = startAfter(all, input.ExclusiveStartShardId);
    const wanted = filtered(behind, all, input.ShardFilter);
    const page = wanted.slice(0, input.Limit ?? PAGE_MAX);
    const last = page.at(-1);
    const { hash, range } = stream.keys;
    return {
      StreamDescription: {
        StreamArn: stream.arn,
        StreamLabel: stream.label,
        StreamStatus: stream.enabled ? "ENABLED" : "DISABLED",
        StreamViewType: stream.viewType,
        CreationRequestDateTime: new Date(stream.createdMs),
        TableName: stream.tableName,
        KeySchema: [
          { AttributeName: hash, KeyType: "HASH" },
          ...(range === undefined ? [] : [{ AttributeName: range, KeyType: "RANGE" as const }]),
        ],
        Shards: page.map(shown),
        ...(wanted.length > page.length && last && { LastEvaluatedShardId: last.id }),
      },
    };
  };

function startAfter(shards: readonly Shard[], id: string | undefined): readonly Shard[] {
  if (id === undefined) return shards;
  const at = shards.findIndex((shard) => shard.id === id);
  if (at < 0) throw shardNotFound();
  return shards.slice(at + 1);
}

function filtered(
  shards: readonly Shard[],
  all: readonly Shard[],
  filter: InputOf<"dynamodbstreams", "DescribeStream">["ShardFilter"],
): readonly Shard[] {
  if (filter?.Type === undefined && filter?.ShardId === undefined) return shards;
  if (!all.some(({ id }) => id === filter.ShardId)) throw shardNotFound();
  return shards.filter(({ parentId }) => parentId === filter.ShardId);
}

function shown(shard: Shard) {
  return {
    ShardId: shard.id,
    SequenceNumberRange: {
      StartingSequenceNumber: sequenceNumber(shard.start),
      ...(shard.end !== undefined && { EndingSequenceNumber: sequenceNumber(Math.max(shard.start, shard.end)) }),
    },
    ...(shard.parentId !== undefined && { ParentShardId: shard.parentId }),
  };
}
