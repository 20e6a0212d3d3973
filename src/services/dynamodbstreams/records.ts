/** GetShardIterator and GetRecords. An iterator is good for 15 minutes, a record for 24 hours. */
import type { Transaction } from "../../storage/transaction.ts";
import { createConstraints } from "../dynamodb-common/constraints.ts";
import type { Shard, Stream, Streams } from "../dynamodb-common/ports.ts";
import { parseShardIterator, sequenceOf, shardIterator } from "../dynamodb-common/positions.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { expiredIterator, shardNotFound, trimmedDataAccess, validation } from "./errors.ts";
import { arnConstraint, requireStream, shardIdConstraint } from "./streams.ts";

const ITERATOR_MS_MAX = 15 * 60_000;
const RECORDS_MAX = 1000;
const BYTES_MAX = 1024 * 1024;
const TYPES = ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "LATEST", "TRIM_HORIZON"];

type IteratorInput = InputOf<"dynamodbstreams", "GetShardIterator">;

function requireShard(streams: Streams, tx: Transaction, stream: Stream, id: string): Shard {
  const shard = streams.shards(tx, stream).find((known) => known.id === id);
  if (!shard) throw shardNotFound();
  return shard;
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html @throws ValidationException, ResourceNotFoundException, TrimmedDataAccessException */
export const getShardIterator =
  (streams: Streams): Operation<IteratorInput, OutputOf<"dynamodbstreams", "GetShardIterator">> =>
  (tx, input, context) => {
    const constraints = createConstraints();
    constraints.notNull("streamArn", input.StreamArn);
    arnConstraint(constraints, "streamArn", input.StreamArn);
    constraints.notNull("shardId", input.ShardId);
    shardIdConstraint(constraints, "shardId", input.ShardId);
    constraints.notNull("shardIteratorType", input.ShardIteratorType);
    constraints.oneOf("shardIteratorType", input.ShardIteratorType, TYPES);
    constraints.length("sequenceNumber", input.SequenceNumber, 21, 40);
    constraints.check();
    const needsNumber = input.ShardIteratorType!.endsWith("_SEQUENCE_NUMBER");
    if (needsNumber !== (input.SequenceNumber !== undefined)) {
      throw validation(
        needsNumber
          ? `SequenceNumber is required when ShardIteratorType is ${input.ShardIteratorType}`
          : `SequenceNumber must not be specified when ShardIteratorType is ${input.ShardIteratorType}`,
      );
    }
    const stream = requireStream(streams, tx, context, input.StreamArn!);
    const shard = requireShard(streams, tx, stream, input.ShardId!);
    return {
      ShardIterator: shardIterator({
        streamArn: stream.arn,
        shardId: shard.id,
        sequence: startOf(shard, input),
        issuedMs: context.nowMs,
      }),
    };
  };

function startOf(shard: Shard, { ShardIteratorType: type, SequenceNumber: text }: IteratorInput): number {
  if (type === "TRIM_HORIZON") return Math.max(shard.start, shard.horizon);
  if (type === "LATEST") return shard.next;
  const sequence = sequenceOf(text!);
  if (sequence === undefined || sequence < shard.start || sequence > Math.max(shard.next - 1, shard.start)) {
    throw validation(`Invalid SequenceNumber: ${text} is not in the shard ${shard.id}`);
  }
  const start = type === "AT_SEQUENCE_NUMBER" ? sequence : sequence + 1;
  if (start < shard.horizon) throw trimmedDataAccess();
  // The number at which an empty shard begins stands for no record yet.
  return Math.min(start, shard.next);
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html @throws ValidationException, ExpiredIteratorException, ResourceNotFoundException, TrimmedDataAccessException */
export const getRecords =
  (streams: Streams): Operation<InputOf<"dynamodbstreams", "GetRecords">, OutputOf<"dynamodbstreams", "GetRecords">> =>
  (tx, input, context) => {
    const constraints = createConstraints();
    constraints.notNull("shardIterator", input.ShardIterator);
    constraints.length("shardIterator", input.ShardIterator, 1, 2048);
    constraints.atLeast("limit", input.Limit, 1);
    constraints.atMost("limit", input.Limit, RECORDS_MAX);
    constraints.check();
    const position = parseShardIterator(input.ShardIterator!);
    if (!position) throw validation("Invalid ShardIterator");
    if (context.nowMs - position.issuedMs > ITERATOR_MS_MAX) throw expiredIterator();
    const stream = requireStream(streams, tx, context, position.streamArn);
    const shard = requireShard(streams, tx, stream, position.shardId);
    if (position.sequence < shard.start || position.sequence > shard.next) throw validation("Invalid ShardIterator");
    if (position.sequence < shard.horizon) throw trimmedDataAccess();
    const { records, next } = streams.read(tx, stream, shard, position.sequence, {
      records: input.Limit ?? RECORDS_MAX,
      bytes: BYTES_MAX,
    });
    // What the platform reads for event source mappings is free. @see https://aws.amazon.com/dynamodb/pricing/on-demand/
    if (context.sourceIp !== undefined)
      context.use({ resource: stream.arn, usageType: "Streams-Requests", quantity: 1 });
    const isDone = shard.end !== undefined && next > shard.end;
    return {
      Records: records,
      ...(!isDone && {
        NextShardIterator: shardIterator({ ...position, sequence: next, issuedMs: context.nowMs }),
      }),
    };
  };
