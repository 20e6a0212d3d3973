/** UpdateItem. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html */
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { checkCondition, expectedCondition, modifyConstraints, modifyReport } from "../conditional.ts";
import { createConstraints } from "../constraints.ts";
import { applyUpdate } from "../expressions/apply-update.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import { type Path, project } from "../expressions/paths.ts";
import { applyAttributeUpdates, checkAttributeUpdates, plannedLegacyChanges } from "../legacy.ts";
import {
  checkKey,
  checkPlannedChanges,
  checkUpdatedIndexKeys,
  checkUpdatedSize,
  type PlannedChange,
  plannedChanges,
} from "../rules.ts";
import { openTable } from "../table.ts";
import { type AttributeMap, checkDepth, normalizeMap } from "../values/attribute-value.ts";
import { readItem, writeItem } from "../writing.ts";

/** Changes an item, or creates it. @throws ValidationException, ResourceNotFoundException, ConditionalCheckFailedException */
export function updateItem(
  tx: Transaction,
  input: InputOf<"dynamodb", "UpdateItem">,
  context: OperationContext,
): OutputOf<"dynamodb", "UpdateItem"> {
  const constraints = createConstraints();
  modifyConstraints(constraints, input, "key", input.Key);
  for (const [name, update] of Object.entries(input.AttributeUpdates ?? {})) {
    constraints.oneOf(`attributeUpdates.${name}.member.action`, update.Action, ["ADD", "PUT", "DELETE"]);
  }
  constraints.check();
  checkExpressionParameters(
    input,
    ["UpdateExpression", "ConditionExpression"],
    ["AttributeUpdates", "Expected", "ConditionalOperator"],
  );
  const key = normalizeMap(input.Key!);
  const legacy = checkAttributeUpdates(input.AttributeUpdates);
  const expected = expectedCondition(input);
  const expressions = parseExpressions(input);
  const changes = expressions.update ? plannedChanges(expressions.update) : plannedLegacyChanges(legacy);

  const table = openTable(tx, context, input.TableName!);
  checkKey(table.record, key);
  checkPlannedChanges(table.record, changes);
  const before = readItem(tx, table, key);
  checkCondition(expressions.condition ?? expected, before, input.ReturnValuesOnConditionCheckFailure);
  const after = expressions.update
    ? applyUpdate(expressions.update, before ?? key)
    : applyAttributeUpdates(legacy, before ?? key);
  checkUpdatedIndexKeys(table.record, after);
  checkDepth(after);
  checkUpdatedSize(after);
  const written = writeItem(tx, table, before, after, context.nowMs);
  const attributes = returned(input.ReturnValues, changes, before, after);
  return {
    ...(attributes && { Attributes: attributes }),
    ...modifyReport(tx, table, input, key, written),
  };
}

function returned(
  mode: string | undefined,
  changes: readonly PlannedChange[],
  before: AttributeMap | undefined,
  after: AttributeMap,
): AttributeMap | undefined {
  const touched = (item: AttributeMap) => {
    const attributes = project(
      changes.map(({ path }): Path => path),
      item,
    );
    return Object.keys(attributes).length === 0 ? undefined : attributes;
  };
  switch (mode) {
    case "ALL_OLD":
      return before;
    case "ALL_NEW":
      return after;
    case "UPDATED_OLD":
      return before && touched(before);
    case "UPDATED_NEW":
      return touched(after);
    default:
      return undefined;
  }
}
