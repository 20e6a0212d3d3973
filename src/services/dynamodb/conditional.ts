/** What the four operations on single items share: the condition on the item as it is, and what they answer with. */

import type { Transaction } from "../../storage/transaction.ts";
import {
  CAPACITY_MODES,
  COMPARISON_OPERATORS,
  CONDITIONAL_OPERATORS,
  type Constraints,
  METRICS_MODES,
  RETURN_VALUES,
  tableNameConstraint,
} from "../dynamodb-common/constraints.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { type CapacityMode, writeUnits } from "./capacity.ts";
import { conditionalCheckFailed } from "./errors.ts";
import type { Condition } from "./expressions/condition.ts";
import { matches } from "./expressions/evaluate.ts";
import { checkConditionalOperator, checkExpected, type Expected, joined, type LegacyConditions } from "./legacy.ts";
import { consume } from "./metering.ts";
import { countersKey } from "./state.ts";
import { countersRecord } from "./stored.ts";
import type { Table } from "./table.ts";
import { type AttributeMap, attribute } from "./values/attribute-value.ts";
import type { Written } from "./writing.ts";

/** Members that PutItem, UpdateItem and DeleteItem have in common. */
export interface ModifyInput {
  readonly TableName?: string | undefined;
  readonly Expected?: Expected | undefined;
  readonly ConditionalOperator?: "AND" | "OR" | undefined;
  readonly ReturnValues?: string | undefined;
  readonly ReturnValuesOnConditionCheckFailure?: string | undefined;
  readonly ReturnConsumedCapacity?: CapacityMode;
  readonly ReturnItemCollectionMetrics?: "SIZE" | "NONE" | undefined;
}

/** @param notNull the member that must be given beside the table: `item` or `key` */
export function modifyConstraints(constraints: Constraints, input: ModifyInput, notNull: string, value: unknown): void {
  if (input.TableName === "") {
    // Nothing else is looked at.
    tableNameConstraint(constraints, input.TableName);
    constraints.check();
  }
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  tableNameConstraint(constraints, input.TableName);
  constraints.notNull(notNull, value);
  constraints.oneOf("conditionalOperator", input.ConditionalOperator, CONDITIONAL_OPERATORS);
  for (const [name, condition] of Object.entries(input.Expected ?? {})) {
    constraints.oneOf(`expected.${name}.member.comparisonOperator`, condition.ComparisonOperator, COMPARISON_OPERATORS);
  }
  constraints.oneOf("returnValues", input.ReturnValues, RETURN_VALUES);
  constraints.oneOf("returnItemCollectionMetrics", input.ReturnItemCollectionMetrics, METRICS_MODES);
  constraints.oneOf("returnValuesOnConditionCheckFailure", input.ReturnValuesOnConditionCheckFailure, [
    "ALL_OLD",
    "NONE",
  ]);
}

/** For maps of legacy conditions: `keyConditions`, `queryFilter`, `scanFilter`. */
export function legacyConstraints(
  constraints: Constraints,
  path: string,
  conditions: LegacyConditions | undefined,
): void {
  for (const [name, condition] of Object.entries(conditions ?? {})) {
    const member = `${path}.${name}.member.comparisonOperator`;
    constraints.notNull(member, condition.ComparisonOperator);
    constraints.oneOf(member, condition.ComparisonOperator, COMPARISON_OPERATORS);
  }
}

/** The condition that Expected makes, checked. */
export function expectedCondition(input: ModifyInput): Condition | undefined {
  const checked = checkExpected(input.Expected);
  checkConditionalOperator(input.ConditionalOperator, input.Expected);
  return joined(checked, input.ConditionalOperator);
}

const NO_ITEM: AttributeMap = {};

export const holds = (condition: Condition | undefined, item: AttributeMap | undefined): boolean =>
  condition === undefined || matches(condition, item ?? NO_ITEM);

/** @throws ConditionalCheckFailedException, with the item if the caller wants it */
export function checkCondition(
  condition: Condition | undefined,
  item: AttributeMap | undefined,
  returnValues: string | undefined,
): void {
  if (!holds(condition, item)) throw conditionalCheckFailed(returnValues === "ALL_OLD" ? item : undefined);
}

type Metrics = NonNullable<OutputOf<"dynamodb", "PutItem">["ItemCollectionMetrics"]>;

const GIGABYTE = 2 ** 30;

/**
 * Size of the item's collection: the items with its partition key, and their entries in local indexes. Reported are bounds, as AWS does;
 * ours are those of the whole table.
 */
export function collectionMetrics(
  tx: Transaction,
  table: Table,
  item: AttributeMap,
  mode: "SIZE" | "NONE" | undefined,
): Metrics | undefined {
  const { record, place } = table;
  if (mode !== "SIZE" || !record.indexes.some((index) => index.local)) return undefined;
  const counters = countersRecord.get(tx, countersKey(place, record.number));
  let bytes = counters?.bytes ?? 0;
  for (const index of record.indexes) if (index.local) bytes += counters?.indexes[index.number]?.[1] ?? 0;
  return {
    ItemCollectionKey: { [record.hash]: attribute(item, record.hash)! },
    SizeEstimateRangeGB: [0, Math.max(1, Math.ceil(bytes / GIGABYTE))],
  };
}

/** ConsumedCapacity and ItemCollectionMetrics, where they are wanted. */
export function modifyReport(
  tx: Transaction,
  table: Table,
  input: ModifyInput,
  item: AttributeMap,
  written: Written,
  context: OperationContext,
): { ConsumedCapacity?: ReturnType<typeof consume>; ItemCollectionMetrics?: Metrics } {
  const capacity = consume(
    context,
    "Write",
    input.ReturnConsumedCapacity,
    { name: input.TableName!, record: table.record },
    writeUnits(written),
  );
  const metrics = collectionMetrics(tx, table, item, input.ReturnItemCollectionMetrics);
  return { ...(capacity && { ConsumedCapacity: capacity }), ...(metrics && { ItemCollectionMetrics: metrics }) };
}
