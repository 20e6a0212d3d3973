/**
 * Places in a stream. Records of a shard are counted; clients see the count as a sequence number, and carry their place from page to page in
 * a shard iterator. Pure: DynamoDB, DynamoDB Streams and whoever keeps a checkpoint share it.
 */

/** Sequence numbers have at least 21 digits; all of ours have as many, so that they sort as text too. */
const FIRST_DIGIT = "1";
const DIGITS = 20;

/** @param sequence counts from 1 */
export const sequenceNumber = (sequence: number): string => FIRST_DIGIT + String(sequence).padStart(DIGITS, "0");

/** The count behind a sequence number; undefined for a text that is none of ours. */
export function sequenceOf(text: string): number | undefined {
  if (!/^1\d{20}$/.test(text)) return undefined;
  const sequence = Number(text.slice(FIRST_DIGIT.length));
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}

/** A place in a shard. */
export interface ShardPosition {
  readonly streamArn: string;
  readonly shardId: string;
  /** Of the record that is read next. */
  readonly sequence: number;
  /** When the iterator was made, in milliseconds since the epoch. */
  readonly issuedMs: number;
}

export function shardIterator({ streamArn, shardId, sequence, issuedMs }: ShardPosition): string {
  return `${streamArn}|1|${Buffer.from(JSON.stringify([shardId, sequence, issuedMs])).toString("base64url")}`;
}

/** Undefined for a text that is no iterator. */
export function parseShardIterator(iterator: string): ShardPosition | undefined {
  const [streamArn, version, token, ...more] = iterator.split("|");
  if (streamArn === undefined || version !== "1" || token === undefined || more.length > 0) return undefined;
  try {
    const [shardId, sequence, issuedMs] = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as unknown[];
    if (typeof shardId !== "string" || !Number.isSafeInteger(sequence) || !Number.isSafeInteger(issuedMs)) {
      return undefined;
    }
    return { streamArn, shardId, sequence: sequence as number, issuedMs: issuedMs as number };
  } catch {
    return undefined;
  }
}

/** Woken when records were added to a shard, or it was closed. */
export const shardTopic = (streamArn: string, shardId: string): string => `dynamodb-stream ${streamArn} ${shardId}`;
