/** Many secrets at once: lists, and values in a batch. */
import { AwsError } from "../../kernel/errors.ts";
import { keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { invalidParameter } from "./errors.ts";
import { requireLive } from "./find.ts";
import { shown, stagesByVersion } from "./secrets.ts";
import { type Secret, Secrets } from "./state.ts";
import { noteAccess, readValue } from "./versions.ts";

type Filters = InputOf<"secretsmanager", "ListSecrets">["Filters"];

const LIST_MAX = 100;
const BATCH_MAX = 20;
const KEYS = ["description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"] as const;

/** Texts of a secret that a filter looks at; replicas and managed secrets there are none. */
function textsOf(key: (typeof KEYS)[number], { name, description, tags }: Secret): readonly string[] {
  switch (key) {
    case "name":
      return [name];
    case "description":
      return description === undefined ? [] : [description];
    case "tag-key":
      return Object.keys(tags);
    case "tag-value":
      return Object.values(tags);
    case "all":
      return [name, ...(description === undefined ? [] : [description]), ...Object.keys(tags), ...Object.values(tags)];
    default:
      return [];
  }
}

/** Values are prefixes; `!` before one says that it is not. Descriptions and `all` are compared whatever the case. @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html */
function passes(filters: Filters, secret: Secret): boolean {
  return (filters ?? []).every(({ Key, Values = [] }) => {
    const loose = Key === "description" || Key === "all";
    const fold = (text: string) => (loose ? text.toLowerCase() : text);
    const texts = textsOf(Key!, secret).map(fold);
    return Values.some((value) => {
      const negated = value.startsWith("!");
      const wanted = fold(negated ? value.slice(1) : value);
      const found = texts.some((text) => text.startsWith(wanted) || (loose && text.split(/\W+/).includes(wanted)));
      return found !== negated;
    });
  });
}

function checkFilters(filters: Filters): void {
  for (const { Key, Values } of filters ?? []) {
    if (!KEYS.includes(Key as "name")) throw invalidParameter(`Invalid filter key: ${Key}.`);
    if (!Values?.length) throw invalidParameter(`Invalid filter values for key: ${Key}.`);
  }
}

function* live(tx: Transaction, context: OperationContext, filters: Filters, deletedToo = false): Generator<Secret> {
  const { start, end } = keysUnder("secretsmanager", context.accountId, context.region, "secret");
  for (const [, secret] of Secrets.range(tx, start, end)) {
    if ((deletedToo || secret.deletionMs === undefined) && passes(filters, secret)) yield secret;
  }
}

/** From the `offset`-th on. */
function pageFrom<T>(all: readonly T[], limit: number, token: string | undefined) {
  const offset = token === undefined ? 0 : Number(token);
  if (!Number.isInteger(offset) || offset < 0) throw new AwsError("InvalidNextTokenException", "Invalid token.");
  const end = offset + limit;
  return { items: all.slice(offset, end), ...(end < all.length ? { token: String(end) } : {}) };
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html */
export function listSecrets(
  tx: Transaction,
  input: InputOf<"secretsmanager", "ListSecrets">,
  context: OperationContext,
): OutputOf<"secretsmanager", "ListSecrets"> {
  new Constraints()
    .range("maxResults", input.MaxResults, 1, LIST_MAX)
    .oneOf("sortOrder", input.SortOrder, ["asc", "desc"])
    .oneOf("sortBy", input.SortBy, ["created-date", "last-accessed-date", "last-changed-date", "name"])
    .check();
  checkFilters(input.Filters);
  const by = (secret: Secret): number | string => {
    if (input.SortBy === "name") return secret.name;
    if (input.SortBy === "last-accessed-date") return secret.accessedMs ?? 0;
    return input.SortBy === "last-changed-date" ? secret.changedMs : secret.createdMs;
  };
  const sign = input.SortOrder === "desc" ? -1 : 1;
  const all = [...live(tx, context, input.Filters, input.IncludePlannedDeletion)].sort((left, right) => {
    const [a, b] = [by(left), by(right)];
    return a === b ? 0 : a < b ? -sign : sign;
  });
  const { items, token } = pageFrom(all, input.MaxResults ?? LIST_MAX, input.NextToken);
  return {
    SecretList: items.map((secret) => ({ ...shown(context, secret), SecretVersionsToStages: stagesByVersion(secret) })),
    ...(token === undefined ? {} : { NextToken: token }),
  };
}

/** By a list of ids or by filters; what cannot be read is told apart. @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html */
export function batchGetSecretValue(
  tx: Transaction,
  input: InputOf<"secretsmanager", "BatchGetSecretValue">,
  context: OperationContext,
): OutputOf<"secretsmanager", "BatchGetSecretValue"> {
  const { SecretIdList: ids, Filters, MaxResults } = input;
  new Constraints().length("secretIdList", ids, 1, BATCH_MAX).range("maxResults", MaxResults, 1, BATCH_MAX).check();
  if ((ids === undefined) === (Filters === undefined)) {
    throw invalidParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.");
  }
  if (ids !== undefined && MaxResults !== undefined) {
    throw invalidParameter("MaxResults can only be used with Filters.");
  }
  checkFilters(Filters);
  const wanted = ids ?? [...live(tx, context, Filters)].map(({ name }) => name);
  const { items, token } = pageFrom(wanted, MaxResults ?? BATCH_MAX, input.NextToken);
  const values: ReturnType<typeof readValue>[] = [];
  const errors: { SecretId: string; ErrorCode: string; Message: string }[] = [];
  for (const SecretId of items) {
    try {
      const found = requireLive(tx, context, SecretId);
      values.push(readValue(tx, found, {}));
      noteAccess(tx, found, context.nowMs);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      errors.push({ SecretId, ErrorCode: error.code, Message: error.message });
    }
  }
  return { SecretValues: values, Errors: errors, ...(token === undefined ? {} : { NextToken: token }) };
}
