/** What goes into an invocation by an event source mapping and what comes out of it: filters, batches, the event, the answer. Pure. */
import type { Message } from "@aws-sdk/client-sqs";
import { parseTraceHeader, type Trace } from "../../kernel/trace.ts";
import { compilePattern, type EventPattern } from "./event-pattern.ts";

/** An invocation's payload, with room for the frame around the records. */
export const BATCH_BYTES_MAX = 6 * 1024 * 1024 - 1024;

/** A record of the event that a function gets. @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export interface SqsRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly messageAttributes: Readonly<Record<string, unknown>>;
  readonly md5OfMessageAttributes?: string;
  readonly md5OfBody: string;
  readonly eventSource: "aws:sqs";
  readonly eventSourceARN: string;
  readonly awsRegion: string;
}

const ATTRIBUTE_ORDER = [
  "ApproximateReceiveCount",
  "AWSTraceHeader",
  "SentTimestamp",
  "SequenceNumber",
  "MessageGroupId",
  "SenderId",
  "MessageDeduplicationId",
  "ApproximateFirstReceiveTimestamp",
  "DeadLetterQueueSourceArn",
] as const;

/** Why each message was sent; not part of the record that functions see. */
const causes = new WeakMap<SqsRecord, Trace>();
export const causeOf = (record: SqsRecord): Trace | undefined => causes.get(record);

/** The attribute under which SQS tells Virga's own pollers of a message's trace. */
export const CAUSE_ATTRIBUTE = "VirgaTraceHeader";

export function recordOf(message: Message, eventSourceArn: string): SqsRecord {
  const attributes: Record<string, string> = {};
  for (const name of ATTRIBUTE_ORDER) {
    const value = message.Attributes?.[name];
    if (value !== undefined) attributes[name] = value;
  }
  const messageAttributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(message.MessageAttributes ?? {})) {
    messageAttributes[name] = {
      ...(value.StringValue === undefined ? {} : { stringValue: value.StringValue }),
      ...(value.BinaryValue === undefined ? {} : { binaryValue: Buffer.from(value.BinaryValue).toString("base64") }),
      stringListValues: [],
      binaryListValues: [],
      dataType: value.DataType,
    };
  }
  const record: SqsRecord = {
    messageId: message.MessageId!,
    receiptHandle: message.ReceiptHandle!,
    body: message.Body!,
    attributes,
    messageAttributes,
    ...(message.MD5OfMessageAttributes === undefined ? {} : { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody!,
    eventSource: "aws:sqs",
    eventSourceARN: eventSourceArn,
    awsRegion: eventSourceArn.split(":")[3]!,
  };
  const cause = parseTraceHeader((message.Attributes as Record<string, string> | undefined)?.[CAUSE_ATTRIBUTE]);
  if (cause) causes.set(record, cause);
  return record;
}

/** Whether a record passes at least one filter; without filters every record does. */
export type RecordFilter = (record: SqsRecord) => boolean;

/**
 * A filter on fields of the body takes JSON objects, one on the body itself takes plain strings; the other kind is dropped.
 * @param patterns JSON texts
 * @throws InvalidPattern, SyntaxError
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
 */
export function recordFilter(patterns: readonly string[]): RecordFilter {
  if (patterns.length === 0) return () => true;
  const filters = patterns.map((text) => {
    const pattern = JSON.parse(text) as unknown;
    const matches: EventPattern = compilePattern(pattern);
    const body = (pattern as { body?: unknown }).body;
    if (body === undefined) return matches;
    const wantsJson = !Array.isArray(body);
    return (record: unknown) => {
      const { body: plain } = record as SqsRecord;
      const parsed = parsedObject(plain);
      if (wantsJson !== (parsed !== undefined)) return false;
      return matches(wantsJson ? { ...(record as SqsRecord), body: parsed } : record);
    };
  });
  return (record) => filters.some((matches) => matches(record));
}

function parsedObject(text: string): object | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

/** Batches that must run one after the other; lanes are independent of one another. */
export type Lane = readonly (readonly SqsRecord[])[];

/** Cuts records into batches, by number and by size. What comes of one message group of a FIFO queue shares a lane; every other batch has its own. */
export function lanesOf(
  records: readonly SqsRecord[],
  { batchSize, fifo }: { readonly batchSize: number; readonly fifo: boolean },
): Lane[] {
  if (!fifo) return cut(records, batchSize).map((batch) => [batch]);
  const groups = Map.groupBy(records, (record) => record.attributes.MessageGroupId ?? "");
  return [...groups.values()].map((group) => cut(group, batchSize));
}

function cut(records: readonly SqsRecord[], batchSize: number): SqsRecord[][] {
  const batches: SqsRecord[][] = [];
  let batch: SqsRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    const size = Buffer.byteLength(JSON.stringify(record)) + 1;
    if (batch.length > 0 && (batch.length === batchSize || bytes + size > BATCH_BYTES_MAX)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(record);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/**
 * Which messages failed, from a function's answer with ReportBatchItemFailures. Undefined: the answer is not valid, and the whole batch
 * counts as failed.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export function failedMessageIds(payload: Buffer, batch: readonly SqsRecord[]): ReadonlySet<string> | undefined {
  const none: ReadonlySet<string> = new Set();
  if (payload.byteLength === 0) return none;
  let answer: unknown;
  try {
    answer = JSON.parse(payload.toString("utf8"));
  } catch {
    return undefined;
  }
  if (answer === null) return none;
  if (typeof answer !== "object") return undefined;
  const failures = (answer as { batchItemFailures?: unknown }).batchItemFailures;
  if (failures === undefined || failures === null) return none;
  if (!Array.isArray(failures)) return undefined;
  const known = new Set(batch.map(({ messageId }) => messageId));
  const failed = new Set<string>();
  for (const failure of failures as unknown[]) {
    const id = (failure as { itemIdentifier?: unknown } | null)?.itemIdentifier;
    if (typeof id !== "string" || !known.has(id)) return undefined;
    failed.add(id);
  }
  return failed;
}
