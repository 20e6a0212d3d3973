/**
 * SNS's limits and checks, each with its source.
 * @see https://docs.aws.amazon.com/general/latest/gr/sns.html
 */
import type { MessageAttributeValue } from "@aws-sdk/client-sns";
import {
  batchEntryIdsNotDistinct,
  emptyBatch,
  invalidBatchEntryId,
  invalidParameter,
  invalidParameterValue,
  tagLimitExceeded,
  tooManyEntries,
} from "./errors.ts";

/** A message with its attributes, and all messages of a batch together: 256 KB. */
export const MESSAGE_BYTES_MAX = 262_144;
export const BATCH_ENTRIES_MAX = 10;
export const SUBJECT_CHARACTERS_MAX = 100;
export const TAGS_MAX = 50;
/** Of a FIFO topic. */
export const FIFO_SUBSCRIPTIONS_MAX = 100;
export const ENDPOINT_CHARACTERS_MAX = 2048;
export const PAGE_MAX = 100;
/** How long SNS remembers a deduplication id. */
export const DEDUPLICATION_MS = 5 * 60_000;
/** A confirmation's token is good for two days; what was not confirmed by then is forgotten. */
export const CONFIRMATION_MS = 2 * 24 * 3_600_000;
/** Deleted subscriptions are counted for three days. */
export const DELETED_MS = 3 * 24 * 3_600_000;

/** Up to 256 letters, digits, hyphens and underscores; FIFO names end in `.fifo`, which counts. @see https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html */
export function checkTopicName(name: string | undefined, fifo: boolean): asserts name is string {
  if (!name) throw invalidParameter("Topic Name");
  if (fifo && !name.endsWith(".fifo")) {
    throw invalidParameter(
      "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
    );
  }
  const stem = fifo ? name.slice(0, -".fifo".length) : name;
  if (name.length > 256 || !/^[a-zA-Z0-9_-]+$/.test(stem)) throw invalidParameter("Topic Name");
}

/** Up to 100 characters without line breaks or control characters. */
export function checkSubject(subject: string | undefined): void {
  if (subject === undefined) return;
  if (subject === "" || subject.length > SUBJECT_CHARACTERS_MAX || /[\u0000-\u001f\u007f]/.test(subject)) {
    throw invalidParameter("Subject");
  }
}

type Attributes = Readonly<Record<string, MessageAttributeValue>> | undefined;

/** Bytes that count against the limit: the message, and name, type and value of every attribute. */
export function messageBytes(message: string, attributes: Attributes): number {
  let bytes = Buffer.byteLength(message);
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes ?? {})) {
    bytes +=
      Buffer.byteLength(name) +
      Buffer.byteLength(DataType ?? "") +
      (BinaryValue?.length ?? Buffer.byteLength(StringValue ?? ""));
  }
  return bytes;
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html */
export function checkMessageAttributes(attributes: Attributes): void {
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes ?? {})) {
    checkAttributeName(name);
    if (!DataType) {
      throw invalidParameterValue(`The message attribute '${name}' must contain non-empty message attribute type.`);
    }
    const base = DataType.split(".")[0];
    if (base !== "String" && base !== "Number" && base !== "Binary") {
      throw invalidParameterValue(
        `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
      );
    }
    if (StringValue !== undefined && BinaryValue !== undefined) {
      throw invalidParameterValue(`The message attribute '${name}' has multiple values.`);
    }
    if (!(base === "Binary" ? BinaryValue?.length : StringValue?.length)) {
      throw invalidParameterValue(
        `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${DataType}'.`,
      );
    }
    if (base === "Number" && !/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(StringValue!.trim())) {
      throw invalidParameterValue(`Could not cast message attribute '${name}' value to number.`);
    }
  }
}

function checkAttributeName(name: string): void {
  if (!/^[a-zA-Z0-9_.-]{1,256}$/.test(name)) {
    throw invalidParameterValue(
      "Message attribute name can not be longer than 256 characters and can only contain alphanumeric characters, underscores, hyphens and periods.",
    );
  }
  if (/^(aws|amazon)\./i.test(name)) {
    throw invalidParameterValue("Message attribute name can not start with 'AWS.' or 'Amazon.' as they are reserved.");
  }
  if (name.startsWith(".") || name.endsWith(".") || name.includes("..")) {
    throw invalidParameterValue(
      "Message attribute name can not start or end with a period, or have periods in succession.",
    );
  }
}

/** Ids of deduplication and groups: 1 to 128 letters, digits and punctuation. */
export function checkFifoId(value: string, name: "MessageGroupId" | "MessageDeduplicationId"): void {
  if (!/^[!-~]{1,128}$/.test(value)) {
    throw invalidParameter(
      `${name} Reason: The ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length`,
    );
  }
}

/** Checks a batch as a whole, in AWS's order. */
export function checkBatch(entries: readonly { readonly Id?: string | undefined }[] | undefined): void {
  if (!entries?.length) throw emptyBatch();
  if (entries.length > BATCH_ENTRIES_MAX) throw tooManyEntries();
  for (const { Id } of entries) if (!Id || !/^[a-zA-Z0-9_-]{1,80}$/.test(Id)) throw invalidBatchEntryId();
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) throw batchEntryIdsNotDistinct();
}

type TagInput = { readonly Key?: string | undefined; readonly Value?: string | undefined };

/** @see https://docs.aws.amazon.com/sns/latest/api/API_TagResource.html */
export function checkedTags(tags: readonly TagInput[] | undefined): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const { Key = "", Value = "" } of tags ?? []) {
    if (Key.length < 1 || Key.length > 128 || Value.length > 256) {
      throw invalidParameter("Tags Reason: a key has 1 to 128 characters, a value at most 256");
    }
    if (/^aws:/i.test(Key)) throw invalidParameter("Tags Reason: aws: prefixed tag key names are not allowed");
    if (Object.hasOwn(checked, Key)) throw invalidParameter("Duplicated keys are not allowed.");
    checked[Key] = Value;
  }
  return checked;
}

export function checkTagCount(tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length > TAGS_MAX) throw tagLimitExceeded();
}
