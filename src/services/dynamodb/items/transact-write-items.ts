/**
 * TransactWriteItems: up to 100 actions on items, all or none.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 */
import { createHash } from "node:crypto";
import { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import {
  CAPACITY_MODES,
  createConstraints,
  METRICS_MODES,
  tableNameConstraint,
} from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { addUnits, type ConsumedCapacity, readUnits, type Units, writeUnits } from "../capacity.ts";
import { collectionMetrics, holds } from "../conditional.ts";
import { idempotentParameterMismatch, validation } from "../errors.ts";
import { applyUpdate } from "../expressions/apply-update.ts";
import type { Condition } from "../expressions/condition.ts";
import { checkExpressionParameters, type Expressions, parseExpressions } from "../expressions/expressions.ts";
import { consume } from "../metering.ts";
import {
  checkItemKeys,
  checkItemSize,
  checkKey,
  checkPlannedChanges,
  checkUpdatedIndexKeys,
  checkUpdatedSize,
  plannedChanges,
} from "../rules.ts";
import { tokenKey, tokenRecord } from "../state.ts";
import type { TableSchema } from "../stored.ts";
import { openTable, type Table } from "../table.ts";
import { type AttributeMap, checkDepth, normalizeMap } from "../values/attribute-value.ts";
import { itemSize } from "../values/size.ts";
import { readItem, writeItem } from "../writing.ts";
import { cancelled, itemIdentity, type Reason, reasonOf } from "./transactions.ts";

const ACTIONS_MAX = 100;
const TRANSACTION_BYTES_MAX = 4 * 1024 * 1024;
/** How long a client token stands for its request. */
const TOKEN_MS = 10 * 60_000;
/** A token's time is over; the detail names it. */
export const TOKEN_EXPIRED = "dynamodb.TokenExpired";

type Input = InputOf<"dynamodb", "TransactWriteItems">;
type Output = OutputOf<"dynamodb", "TransactWriteItems">;
type TransactItem = NonNullable<Input["TransactItems"]>[number];

type Kind = "Put" | "Update" | "Delete" | "ConditionCheck";
const KINDS: readonly Kind[] = ["ConditionCheck", "Put", "Delete", "Update"];

/** One action, checked as far as the request alone allows. */
interface Action {
  readonly kind: Kind;
  readonly tableName: string;
  /** The item to put, else the key. */
  readonly map: AttributeMap;
  readonly expressions: Expressions;
  readonly returnItem: boolean;
}

/** @throws ValidationException, ResourceNotFoundException, IdempotentParameterMismatchException, TransactionCanceledException with a reason for every action */
export function transactWriteItems(tx: Transaction, input: Input, context: OperationContext): Output {
  checkConstraints(input);
  const actions = input.TransactItems!.map(checkAction);
  if (actions.reduce((sum, { map }) => sum + itemSize(map), 0) > TRANSACTION_BYTES_MAX) {
    throw validation("Transaction payload size exceeds the limit of 4194304 bytes");
  }
  const opened = actions.map((action) => ({ action, table: openTable(tx, context, action.tableName) }));
  const seen = new Set<string>();
  for (const { action, table } of opened) {
    const identity = itemIdentity(table, action.map);
    if (seen.has(identity)) {
      throw validation("Transaction request cannot include multiple operations on one item");
    }
    seen.add(identity);
    refuseEmptyKeys(table, action);
  }
  if (isReplay(tx, input, context)) return replayed(tx, context, input, opened);

  const prepared = opened.map(({ action, table }) => prepare(tx, table, action));
  const reasons = prepared.map(({ reason }) => reason);
  if (reasons.some((reason) => reason.Code !== "None")) throw cancelled(reasons);
  const units = new Map<string, Units[]>();
  const metrics: NonNullable<Output["ItemCollectionMetrics"]> = {};
  for (const [at, { action, table }] of opened.entries()) {
    const { before, after } = prepared[at]!;
    const written =
      action.kind === "ConditionCheck"
        ? { bytesBefore: before ? itemSize(before) : 0, bytesAfter: 0, indexes: [] }
        : writeItem(tx, table, before, after, context);
    units.set(action.tableName, [...(units.get(action.tableName) ?? []), writeUnits(written)]);
    const collection = collectionMetrics(tx, table, action.map, input.ReturnItemCollectionMetrics);
    if (collection) metrics[action.tableName] = [...(metrics[action.tableName] ?? []), collection];
  }
  const capacity = [...units].flatMap(([tableName, consumed]) =>
    report(
      context,
      input,
      { name: tableName, record: recordOf(opened, tableName) },
      addUnits(consumed),
      "WriteCapacityUnits",
    ),
  );
  return {
    ...(capacity.length > 0 && { ConsumedCapacity: capacity }),
    ...(Object.keys(metrics).length > 0 && { ItemCollectionMetrics: metrics }),
  };
}

type Opened = readonly { readonly action: Action; readonly table: Table }[];

const recordOf = (opened: Opened, name: string): TableSchema =>
  opened.find(({ action }) => action.tableName === name)!.table.record;

const report = (
  context: OperationContext,
  input: Input,
  table: { readonly name: string; readonly record: TableSchema },
  units: Units,
  split: "ReadCapacityUnits" | "WriteCapacityUnits",
): ConsumedCapacity[] => {
  const capacity = consume(
    context,
    split === "WriteCapacityUnits" ? "Write" : "Read",
    input.ReturnConsumedCapacity,
    table,
    units,
    { factor: 2, split },
  );
  return capacity ? [capacity] : [];
};

function checkConstraints(input: Input): void {
  const constraints = createConstraints();
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  constraints.oneOf("returnItemCollectionMetrics", input.ReturnItemCollectionMetrics, METRICS_MODES);
  constraints.length("clientRequestToken", input.ClientRequestToken, 1, 36);
  constraints.notNull("transactItems", input.TransactItems);
  constraints.length("transactItems", input.TransactItems, 1, ACTIONS_MAX, () =>
    input.TransactItems!.length === 0 ? "[]" : `[${input.TransactItems!.map(printedAction).join(", ")}]`,
  );
  for (const [at, item] of (input.TransactItems ?? []).entries()) {
    for (const kind of KINDS) {
      const action = item[kind];
      if (!action) continue;
      const path = `transactItems.${at + 1}.member.${kind[0]!.toLowerCase()}${kind.slice(1)}`;
      const value = kind === "Put" ? item.Put!.Item : (action as { Key?: unknown }).Key;
      constraints.notNull(`${path}.${kind === "Put" ? "item" : "key"}`, value);
      tableNameConstraint(constraints, action.TableName, `${path}.tableName`);
      if (kind === "ConditionCheck") {
        constraints.notNull(`${path}.conditionExpression`, item.ConditionCheck!.ConditionExpression);
      }
      if (kind === "Update") constraints.notNull(`${path}.updateExpression`, item.Update!.UpdateExpression);
    }
  }
  constraints.check();
}

const printedAction = (item: TransactItem): string => {
  const kind = KINDS.find((name) => item[name]);
  return kind ? `TransactWriteItem(${kind[0]!.toLowerCase()}${kind.slice(1)}=${item[kind]!.TableName})` : "null";
};

function checkAction(item: TransactItem): Action {
  const given = KINDS.filter((kind) => item[kind] !== undefined);
  if (given.length !== 1) {
    throw validation("TransactItems can only contain one of Check, Put, Update or Delete");
  }
  const [kind] = given as [Kind];
  const action = item[kind]!;
  checkExpressionParameters(
    action,
    kind === "Update" ? ["UpdateExpression", "ConditionExpression"] : ["ConditionExpression"],
    [],
  );
  const map = normalizeMap(kind === "Put" ? item.Put!.Item! : (action as { Key?: AttributeMap }).Key!);
  if (kind === "Put") checkItemSize(map);
  return {
    kind,
    tableName: action.TableName!,
    map,
    expressions: parseExpressions(action),
    returnItem: action.ReturnValuesOnConditionCheckFailure === "ALL_OLD",
  };
}

/** An empty key value refuses the whole request; every other fault of a key is the reason of its own action. */
function refuseEmptyKeys({ record }: Table, { kind, map, expressions }: Action): void {
  const check = () => {
    if (kind === "Put") checkItemKeys(record, map);
    else {
      checkKey(record, map);
      if (expressions.update) checkPlannedChanges(record, plannedChanges(expressions.update));
    }
  };
  try {
    check();
  } catch (error) {
    if (error instanceof AwsError && error.message.includes("cannot contain an empty")) throw error;
  }
}

interface Prepared {
  readonly reason: Reason;
  readonly before?: AttributeMap | undefined;
  readonly after?: AttributeMap | undefined;
}

/** What an action would do, or why it cannot. */
function prepare(tx: Transaction, table: Table, { kind, map, expressions, returnItem }: Action): Prepared {
  const { record } = table;
  return reasonOf(
    (): Prepared => {
      if (kind === "Put") checkItemKeys(record, map);
      else checkKey(record, map);
      if (expressions.update) checkPlannedChanges(record, plannedChanges(expressions.update));
      const before = readItem(tx, table, map);
      if (!holds(expressions.condition as Condition | undefined, before)) {
        return {
          reason: {
            Code: "ConditionalCheckFailed",
            Message: "The conditional request failed",
            ...(returnItem && before && { Item: before }),
          },
        };
      }
      if (kind === "ConditionCheck" || kind === "Delete") return { reason: { Code: "None" }, before };
      if (kind === "Put") return { reason: { Code: "None" }, before, after: map };
      const after = applyUpdate(expressions.update!, before ?? map);
      checkUpdatedIndexKeys(record, after);
      checkDepth(after);
      checkUpdatedSize(after);
      return { reason: { Code: "None" }, before, after };
    },
    (reason) => ({ reason }),
  );
}

/** Whether this very request was made before under its token; remembers it if not. @throws IdempotentParameterMismatchException */
function isReplay(tx: Transaction, input: Input, context: OperationContext): boolean {
  const token = input.ClientRequestToken;
  if (token === undefined) return false;
  const requestHash = hashOf(input);
  const key = tokenKey(context, token);
  const known = tokenRecord.get(tx, key);
  if (known && known.expiresMs > context.nowMs) {
    if (known.requestHash !== requestHash) throw idempotentParameterMismatch();
    return true;
  }
  const expiresMs = context.nowMs + TOKEN_MS;
  tokenRecord.put(tx, key, { requestHash, expiresMs });
  const { accountId, region } = context;
  tx.emit({ type: TOKEN_EXPIRED, detail: { accountId, region, token, expiresMs }, dueMs: expiresMs });
  return false;
}

/** Only what the transaction does counts, not what it reports. */
function hashOf({ TransactItems: items }: Input): string {
  const text = JSON.stringify(items, (_, value) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value,
  );
  return createHash("sha256").update(text).digest("base64");
}

/** A replay changes nothing, and costs the reading of the items. */
function replayed(tx: Transaction, context: OperationContext, input: Input, opened: Opened): Output {
  const units = new Map<string, Units[]>();
  for (const { action, table } of opened) {
    const item = readItem(tx, table, action.map);
    const consumed = { table: readUnits(item ? itemSize(item) : 0, true), indexes: [] };
    units.set(action.tableName, [...(units.get(action.tableName) ?? []), consumed]);
  }
  const capacity = [...units].flatMap(([tableName, consumed]) =>
    report(
      context,
      input,
      { name: tableName, record: recordOf(opened, tableName) },
      addUnits(consumed),
      "ReadCapacityUnits",
    ),
  );
  return capacity.length > 0 ? { ConsumedCapacity: capacity } : {};
}

/** Forgets a token whose time is over. */
export function expireToken(
  tx: Transaction,
  detail: { readonly token: string; readonly expiresMs: number },
  context: OperationContext,
): void {
  const key = tokenKey(context, detail.token);
  if (tokenRecord.get(tx, key)?.expiresMs === detail.expiresMs) tx.delete(key);
}
