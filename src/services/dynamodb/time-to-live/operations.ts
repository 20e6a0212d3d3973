/** UpdateTimeToLive and DescribeTimeToLive, and the steps that follow from them. */
import { after, type Key } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints, tableNameConstraint } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { validation } from "../errors.ts";
import { expiriesPrefix, itemRecord, type Place, tableKey, timerKey, timerRecord } from "../state.ts";
import { tableRecord } from "../stored.ts";
import { findTable, tableOf } from "../table.ts";
import { sweep } from "../tables/sweep.ts";
import type { AttributeMap } from "../values/attribute-value.ts";
import { unpack } from "../values/packed.ts";
import { readItem, writeItem } from "../writing.ts";
import { addExpiry, type ExpiryDue, expiredRows, expirySeconds, schedule } from "./expiry.ts";

/** Finds the items that will expire after time to live was enabled; the detail is {@link Fill}. */
export const EXPIRY_FILL = "dynamodb.ExpiryFill";

export interface Fill extends Place {
  readonly tableName: string;
  readonly tableNumber: number;
  readonly generation: number;
  /** The last item that is done. */
  readonly done?: string;
}

const STEP_ITEMS = 200;
/** Items that expire in one transaction. */
const STEP_EXPIRED = 50;

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html @throws ValidationException, ResourceNotFoundException */
export function updateTimeToLive(
  tx: Transaction,
  input: InputOf<"dynamodb", "UpdateTimeToLive">,
  context: OperationContext,
): OutputOf<"dynamodb", "UpdateTimeToLive"> {
  const constraints = createConstraints();
  tableNameConstraint(constraints, input.TableName);
  const specification = input.TimeToLiveSpecification;
  constraints.notNull("timeToLiveSpecification", specification);
  if (specification) {
    constraints.notNull("timeToLiveSpecification.enabled", specification.Enabled);
    constraints.notNull("timeToLiveSpecification.attributeName", specification.AttributeName);
    constraints.length("timeToLiveSpecification.attributeName", specification.AttributeName, 1, 255);
  }
  constraints.check();
  const { Enabled: enabled, AttributeName: attribute } = specification as { Enabled: boolean; AttributeName: string };
  const record = findTable(tx, context, input.TableName!);
  const active = record.timeToLive;
  if (active && active.attribute !== attribute) {
    throw validation(`TimeToLive is active on a different AttributeName: current AttributeName is ${active.attribute}`);
  }
  if (enabled && active) throw validation("TimeToLive is already enabled");
  if (!enabled && !active) throw validation("TimeToLive is already disabled");
  if (active) {
    const { timeToLive: _, ...without } = record;
    tableRecord.put(tx, tableKey(context, record.name), without);
    tx.delete(timerKey(context, record.number));
    sweep(tx, expiriesPrefix(context, record.number, active.generation));
  } else {
    const generation = record.timeToLiveGeneration + 1;
    tableRecord.put(tx, tableKey(context, record.name), {
      ...record,
      timeToLive: { attribute, generation },
      timeToLiveGeneration: generation,
    });
    const { accountId, region } = context;
    const detail: Fill = { accountId, region, tableName: record.name, tableNumber: record.number, generation };
    tx.emit({ type: EXPIRY_FILL, detail });
  }
  return { TimeToLiveSpecification: { Enabled: enabled, AttributeName: attribute } };
}

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTimeToLive.html @throws ValidationException, ResourceNotFoundException */
export function describeTimeToLive(
  tx: Transaction,
  input: InputOf<"dynamodb", "DescribeTimeToLive">,
  context: OperationContext,
): OutputOf<"dynamodb", "DescribeTimeToLive"> {
  const constraints = createConstraints();
  tableNameConstraint(constraints, input.TableName);
  constraints.check();
  const { timeToLive } = findTable(tx, context, input.TableName!);
  return {
    TimeToLiveDescription: timeToLive
      ? { TimeToLiveStatus: "ENABLED", AttributeName: timeToLive.attribute }
      : { TimeToLiveStatus: "DISABLED" },
  };
}

/** A page of the items that were there when time to live was enabled. */
export function fillStep(tx: Transaction, detail: Fill, context: OperationContext): void {
  const record = tableRecord.get(tx, tableKey(detail, detail.tableName));
  const timeToLive = record?.timeToLive;
  if (!record || record.number !== detail.tableNumber || timeToLive?.generation !== detail.generation) return;
  const table = tableOf(detail, record);
  const start = detail.done === undefined ? table.prefix : after(detail.done as Key);
  const page: [Key, AttributeMap][] = [];
  for (const [key, packed] of itemRecord.range(tx, start, after(table.prefix), { limit: STEP_ITEMS })) {
    page.push([key, unpack(packed)]);
  }
  for (const [, item] of page) {
    const seconds = expirySeconds(item, timeToLive.attribute, context.nowMs);
    if (seconds !== undefined) addExpiry(tx, table, timeToLive, seconds, item);
  }
  if (page.length < STEP_ITEMS) return;
  const next: Fill = { ...detail, done: page.at(-1)![0] };
  tx.emit({ type: EXPIRY_FILL, detail: next });
}

/** Deletes items whose time has come, and sets the next time. */
export function expire(tx: Transaction, detail: ExpiryDue, context: OperationContext): void {
  const record = tableRecord.get(tx, tableKey(detail, detail.tableName));
  const timer = timerKey(detail, detail.tableNumber);
  // An earlier time was set since, or time to live was disabled: somebody else's turn.
  if (!record?.timeToLive || record.number !== detail.tableNumber || timerRecord.get(tx, timer) !== detail.dueMs)
    return;
  tx.delete(timer);
  const table = tableOf(detail, record);
  const { rows, nextMs } = expiredRows(tx, table, record.timeToLive, context.nowMs, STEP_EXPIRED);
  for (const { row, key } of rows) {
    tx.delete(row);
    const item = readItem(tx, table, key);
    const seconds = item && expirySeconds(item, record.timeToLive.attribute, context.nowMs);
    if (seconds !== undefined && seconds * 1000 <= context.nowMs) {
      writeItem(tx, table, item, undefined, context, "expiry");
    }
  }
  if (nextMs !== undefined) schedule(tx, table, nextMs);
}
