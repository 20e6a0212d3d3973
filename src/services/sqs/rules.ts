/**
 * SQS's limits and checks, each with its source.
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-quotas.html
 */
import type { MessageAttributeValue, MessageSystemAttributeValue } from "@aws-sdk/client-sqs";
import {
  batchEntryIdsNotDistinct,
  batchRequestTooLong,
  emptyBatch,
  invalidBatchEntryId,
  invalidMessageContents,
  invalidParameter,
  invalidParameters,
  invalidValue,
  missingParameter,
  tooManyEntries,
} from "./errors.ts";

export const MESSAGE_BYTES_MAX = 1_048_576;
export const BATCH_ENTRIES_MAX = 10;
export const MESSAGE_ATTRIBUTES_MAX = 10;
export const IN_FLIGHT_MAX = 120_000;
export const DELAY_SECONDS_MAX = 900;
export const VISIBILITY_SECONDS_MAX = 43_200;
export const WAIT_SECONDS_MAX = 20;
/** How long SQS remembers a deduplication id or a receive attempt. */
export const DEDUPLICATION_MS = 5 * 60_000;

/** Up to 80 letters, digits, hyphens and underscores; FIFO names end in `.fifo`, which counts. */
export function checkQueueName(name: string | undefined, fifo: boolean): asserts name is string {
  if (!name) throw missingParameter("QueueName");
  const stem = name.endsWith(".fifo") ? name.slice(0, -5) : name;
  if (name.length > 80 || !/^[a-zA-Z0-9_-]+$/.test(stem) || (name.endsWith(".fifo") && !fifo)) {
    throw invalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
  }
  if (fifo && !name.endsWith(".fifo"))
    throw invalidParameter(
      "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.",
    );
}

/** An integer within bounds. @throws InvalidParameterValue */
export function checkRange(value: number, name: string, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw invalidValue(value, name, `Must be between ${minimum} and ${maximum}, if provided.`);
  }
}

/** XML 1.0's characters, the only ones a message may hold. @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html */
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;
const isForbidden = (text: string): boolean => FORBIDDEN.test(text) || !text.isWellFormed();

export function checkBody(text: string | undefined): asserts text is string {
  if (text === undefined) throw missingParameter("MessageBody");
  if (text === "") throw missingParameter("MessageBody");
  if (isForbidden(text)) throw invalidMessageContents();
}

/** Bytes that count against the limit: body, and name, type and value of every attribute. */
export function messageBytes(
  text: string,
  attributes: Readonly<Record<string, MessageAttributeValue>> | undefined,
): number {
  let bytes = Buffer.byteLength(text);
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes ?? {})) {
    bytes +=
      Buffer.byteLength(name) +
      Buffer.byteLength(DataType ?? "") +
      (BinaryValue?.length ?? Buffer.byteLength(StringValue ?? ""));
  }
  return bytes;
}

export function checkMessageBytes(bytes: number, maximum: number): void {
  if (bytes > maximum) throw invalidParameters(`Message must be shorter than ${maximum} bytes.`);
}

/** @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
export function checkMessageAttributes(attributes: Readonly<Record<string, MessageAttributeValue>> | undefined): void {
  const entries = Object.entries(attributes ?? {});
  if (entries.length > MESSAGE_ATTRIBUTES_MAX) {
    throw invalidParameter(
      `Number of message attributes [${entries.length}] exceeds the allowed maximum [${MESSAGE_ATTRIBUTES_MAX}].`,
    );
  }
  for (const [name, value] of entries) {
    checkAttributeName(name);
    checkAttributeValue(name, value);
  }
}

function checkAttributeName(name: string): void {
  if (!/^[a-zA-Z0-9_.-]{1,256}$/.test(name)) {
    throw invalidParameter(
      "Message attribute name can not be longer than 256 characters and can only contain alphanumeric characters, underscores, hyphens and periods.",
    );
  }
  if (/^(aws|amazon)\./i.test(name))
    throw invalidParameter("The message attribute name can not start with the reserved prefix 'AWS.' or 'Amazon.'.");
  if (name.startsWith(".") || name.endsWith(".") || name.includes("..")) {
    throw invalidParameter(
      "The message attribute name can not start or end with a period, or have periods in succession.",
    );
  }
}

function checkAttributeValue(name: string, value: MessageAttributeValue): void {
  const { DataType, StringValue, BinaryValue } = value;
  if (!DataType)
    throw invalidParameter(`The message attribute '${name}' must contain non-empty message attribute type.`);
  if (value.StringListValues?.length || value.BinaryListValues?.length) {
    throw invalidParameter(`Message attribute list values in SendMessage operation are not supported.`);
  }
  const base = DataType.split(".")[0];
  if ((base !== "String" && base !== "Number" && base !== "Binary") || DataType.length > 256) {
    throw invalidParameter(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    );
  }
  const present = base === "Binary" ? BinaryValue?.length : StringValue?.length;
  const other = base === "Binary" ? StringValue : BinaryValue;
  if (!present) {
    throw invalidParameter(
      `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${base}'.`,
    );
  }
  if (other !== undefined && other.length > 0)
    throw invalidParameter(`The message attribute '${name}' has multiple values.`);
  if (StringValue !== undefined && isForbidden(StringValue)) throw invalidMessageContents();
  if (base === "Number" && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(StringValue!.trim())) {
    throw invalidParameter(`Can't cast the value of message attribute '${name}' to a number.`);
  }
}

/** Only AWSTraceHeader may be sent as a system attribute. Returns it. */
export function checkSystemAttributes(
  attributes: Readonly<Record<string, MessageSystemAttributeValue>> | undefined,
): string | undefined {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name !== "AWSTraceHeader") {
      throw invalidParameter(`Message system attribute name '${name}' is invalid.`);
    }
    if (value.DataType !== "String" || !value.StringValue) {
      throw invalidParameter(
        `The message system attribute '${name}' must contain non-empty message attribute value for message attribute type 'String'.`,
      );
    }
  }
  return attributes?.["AWSTraceHeader"]?.StringValue;
}

/** Ids of deduplication and groups: 1 to 128 letters, digits and punctuation. */
export function checkFifoId(
  value: string,
  name: "MessageGroupId" | "MessageDeduplicationId" | "ReceiveRequestAttemptId",
): void {
  if (!/^[a-zA-Z0-9!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]{1,128}$/.test(value)) {
    throw invalidValue(
      value,
      name,
      `${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
    );
  }
}

/** Checks a batch as a whole, in AWS's order. @param entry the entry type's name, for the text of an empty batch */
export function checkBatch(entries: readonly { readonly Id?: string | undefined }[] | undefined, entry: string): void {
  if (!entries?.length) throw emptyBatch(entry);
  if (entries.length > BATCH_ENTRIES_MAX) throw tooManyEntries(entries.length);
  const seen = new Set<string>();
  for (const { Id } of entries) {
    if (!Id || !/^[a-zA-Z0-9_-]{1,80}$/.test(Id)) throw invalidBatchEntryId();
    if (seen.has(Id)) throw batchEntryIdsNotDistinct(Id);
    seen.add(Id);
  }
}

export function checkBatchBytes(bytes: number): void {
  if (bytes > MESSAGE_BYTES_MAX) throw batchRequestTooLong(bytes);
}
