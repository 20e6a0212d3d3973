/** TagResource, UntagResource and ListTagsOfResource. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Tagging.html */
import { parseArn } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { invalidParameter, validation } from "./errors.ts";
import { type Place, type TableRecord, tableKey, tagsKey, tagsRecord } from "./state.ts";
import { tableRecord } from "./stored.ts";

type Tags = NonNullable<InputOf<"dynamodb", "TagResource">["Tags"]>;

const TAGS_MAX = 50;
const KEY_LENGTH_MAX = 128;
const VALUE_LENGTH_MAX = 256;
const TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** @throws ValidationException */
export function checkTags(tags: Tags): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const { Key: key, Value: value } of tags) {
    checkTagKey(key);
    if (value === undefined || value.length > VALUE_LENGTH_MAX || !TEXT.test(value)) {
      throw validation(`The Tag Value provided is invalid, Value: ${value ?? "null"}`);
    }
    if (Object.hasOwn(checked, key!)) {
      throw validation(`Duplicate Tag Keys provided as input: Duplicate Tag Key found ${key}`);
    }
    checked[key!] = value;
  }
  checkCount(checked);
  return checked;
}

function checkTagKey(key: string | undefined): void {
  if (!key || key.length > KEY_LENGTH_MAX || !TEXT.test(key)) {
    throw validation(`The Tag Key provided is invalid, Key: ${key ?? "null"}`);
  }
  // CloudFormation marks its resources, and nobody else may.
  if (key.startsWith("aws:") && !key.startsWith("aws:cloudformation:")) {
    throw validation(`Tag Key cannot be prefixed with aws:, Key: ${key}`);
  }
}

function checkCount(tags: Readonly<Record<string, string>>): void {
  if (Object.keys(tags).length > TAGS_MAX) {
    throw validation("Number of Tags exceed the current limit for the provided ResourceArn");
  }
}

/** @throws ValidationException, ResourceNotFoundException */
export function tagResource(
  tx: Transaction,
  input: InputOf<"dynamodb", "TagResource">,
  context: OperationContext,
): OutputOf<"dynamodb", "TagResource"> {
  const record = tagged(tx, context, input.ResourceArn);
  if (!input.Tags || input.Tags.length === 0) throw validation("Atleast one Tag needs to be provided as Input.");
  const key = tagsKey(context, record.number);
  const tags = { ...tagsRecord.get(tx, key), ...checkTags(input.Tags) };
  checkCount(tags);
  tagsRecord.put(tx, key, tags);
  return {};
}

/** @throws ValidationException, ResourceNotFoundException */
export function untagResource(
  tx: Transaction,
  input: InputOf<"dynamodb", "UntagResource">,
  context: OperationContext,
): OutputOf<"dynamodb", "UntagResource"> {
  const record = tagged(tx, context, input.ResourceArn);
  if (!input.TagKeys || input.TagKeys.length === 0) {
    throw validation("Atleast one Tag Key needs to be provided as Input.");
  }
  for (const name of input.TagKeys) checkTagKey(name);
  const key = tagsKey(context, record.number);
  const gone = new Set(input.TagKeys);
  const left = Object.entries(tagsRecord.get(tx, key) ?? {}).filter(([name]) => !gone.has(name));
  if (left.length === 0) tx.delete(key);
  else tagsRecord.put(tx, key, Object.fromEntries(left));
  return {};
}

/** All at once: a table has at most fifty. @throws ValidationException, ResourceNotFoundException */
export function listTagsOfResource(
  tx: Transaction,
  input: InputOf<"dynamodb", "ListTagsOfResource">,
  context: OperationContext,
): OutputOf<"dynamodb", "ListTagsOfResource"> {
  const record = tagged(tx, context, input.ResourceArn);
  if (input.NextToken !== undefined) throw validation("The provided NextToken is invalid");
  const tags = tagsRecord.get(tx, tagsKey(context, record.number)) ?? {};
  return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
}

function tagged(tx: Transaction, place: Place, given: string | undefined): TableRecord {
  if (given === undefined) throw validation("Invalid TableArn");
  const parts = parseArn(given);
  if (!parts) throw invalidParameter(`ARNs must start with 'arn:': ${given}`);
  if (parts.service !== "dynamodb") throw invalidParameter(`Provided Arn is not a DynamoDB resource arn: ${given}`);
  const name = /^table\/([a-zA-Z0-9_.-]{3,255})$/.exec(parts.resource)?.[1];
  if (name === undefined) {
    throw invalidParameter(
      `Invalid resource arn provided, only table or stream is accepted. Provided resource arn: ${given}`,
    );
  }
  if (parts.region !== place.region) {
    throw validation(`Invalid TableArn: Invalid ResourceArn provided as input ${given}`);
  }
  const record = parts.accountId === place.accountId ? tableRecord.get(tx, tableKey(place, name)) : undefined;
  if (!record) {
    throw new AwsError("ResourceNotFoundException", `Requested resource not found: ResourcArn: ${given} not found`);
  }
  return record;
}
