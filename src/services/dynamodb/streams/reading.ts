/** What DynamoDB Streams reads: streams, their shards, their records as the API has them. */
import { createHash } from "node:crypto";
import { parseArn } from "../../../kernel/arn.ts";
import { after, decodeKey } from "../../../storage/keys.ts";
import type { Shard, Stream, StreamRecordShape, Streams } from "../../dynamodb-common/ports.ts";
import { sequenceNumber } from "../../dynamodb-common/positions.ts";
import type { Place } from "../state.ts";
import { unpack } from "../values/packed.ts";
import { streamArn } from "./capture.ts";
import {
  allStreams,
  type ChangeRecord,
  changeKey,
  changeRecord,
  lineKey,
  lineRecord,
  type StreamRecord,
  shardRecord,
  shardsOfStream,
  streamKey,
  streamRecord,
  streamsOfTable,
} from "./state.ts";

interface FoundStream extends Stream {
  readonly place: Place;
  readonly number: number;
}

interface FoundShard extends Shard {
  readonly line: number;
}

const found = (place: Place, record: StreamRecord): FoundStream => ({
  place,
  number: record.number,
  arn: streamArn(place, record.tableName, record.label),
  label: record.label,
  tableName: record.tableName,
  viewType: record.viewType,
  enabled: record.disabledMs === undefined,
  createdMs: record.createdMs,
  keys: { hash: record.hash, ...(record.range !== undefined && { range: record.range }) },
});

export const streams: Streams = {
  list(tx, at, { tableName, after: last, limit }) {
    const place = at as Place;
    const { start, end } = tableName === undefined ? allStreams(place) : streamsOfTable(place, tableName);
    const from = last ? after(streamKey(place, last.tableName, last.label)) : start;
    const page: Stream[] = [];
    for (const [, record] of streamRecord.range(tx, from > start ? from : start, end, { limit })) {
      page.push(found(place, record));
    }
    return page;
  },

  find(tx, at, arn) {
    const parts = parseArn(arn);
    const [, tableName, label] = /^table\/([^/]+)\/stream\/(.+)$/.exec(parts?.resource ?? "") ?? [];
    if (tableName === undefined || label === undefined || parts?.service !== "dynamodb") return undefined;
    if (parts.accountId !== at.accountId || parts.region !== at.region) return undefined;
    const place = at as Place;
    const record = streamRecord.get(tx, streamKey(place, tableName, label));
    return record && found(place, record);
  },

  shards(tx, stream) {
    const { place, number } = stream as FoundStream;
    const shards: FoundShard[] = [];
    const { start, end } = shardsOfStream(place, number);
    for (const [key, shard] of shardRecord.range(tx, start, end)) {
      const line = decodeKey(key).at(-2) as number;
      const { next, horizon } = lineRecord.get(tx, lineKey(place, number, line))!;
      shards.push({
        line,
        id: shard.id,
        ...(shard.parentId !== undefined && { parentId: shard.parentId }),
        start: shard.start,
        ...(shard.end !== undefined && { end: shard.end }),
        next: shard.end === undefined ? next : shard.end + 1,
        horizon,
      });
    }
    return shards;
  },

  read(tx, stream, shard, from, limits) {
    const { place, number } = stream as FoundStream;
    const { line, next: end } = shard as FoundShard;
    const records: StreamRecordShape[] = [];
    let bytes = 0;
    let next = from;
    const range = changeRecord.range(tx, changeKey(place, number, line, from), changeKey(place, number, line, end), {
      limit: limits.records,
    });
    for (const [key, change] of range) {
      bytes += change.bytes;
      if (records.length > 0 && bytes > limits.bytes) break;
      const sequence = decodeKey(key).at(-1) as number;
      records.push(shown(stream as FoundStream, line, sequence, change));
      next = sequence + 1;
    }
    return { records, next };
  },
};

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html */
function shown(
  { place, number, viewType }: FoundStream,
  line: number,
  sequence: number,
  change: ChangeRecord,
): StreamRecordShape {
  return {
    eventID: createHash("md5").update(`${place.accountId}/${place.region}/${number}/${line}/${sequence}`).digest("hex"),
    eventName: change.event,
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: place.region,
    dynamodb: {
      // To the second, as AWS has it.
      ApproximateCreationDateTime: new Date(Math.floor(change.createdMs / 1000) * 1000),
      Keys: unpack(change.keys) as never,
      ...(change.after && { NewImage: unpack(change.after) as never }),
      ...(change.before && { OldImage: unpack(change.before) as never }),
      SequenceNumber: sequenceNumber(sequence),
      SizeBytes: change.bytes,
      StreamViewType: viewType,
    },
    ...(change.expired && { userIdentity: { PrincipalId: "dynamodb.amazonaws.com", Type: "Service" } }),
  };
}
