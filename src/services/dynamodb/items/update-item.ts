/** UpdateItem. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html */
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { checkCondition, expectedCondition, modifyConstraints, modifyReport } from "../conditional.ts";
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
  updatedTooLarge,
} from "../rules.ts";
import { openTable } from "../table.ts";
import { type AttributeMap, attribute, checkDepth, normalizeMap } from "../values/attribute-value.ts";
import { ITEM_BYTES_MAX, itemSize, valueSize } from "../values/size.ts";
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
  checkWrittenSize(changes, after);
  const written = writeItem(tx, table, before, after, context);
  const attributes = returned(input.ReturnValues, changes, before, after);
  return {
    ...(attributes && { Attributes: attributes }),
    ...modifyReport(tx, table, input, key, written, context),
  };
}

/** What DynamoDB adds for the update itself, for each attribute that is given a value, for each that loses one, and for a list index. */
const UPDATE_BYTES = 3;
const GIVEN_BYTES = 19;
const TAKEN_BYTES = 2;
const INDEX_BYTES = 1;

/**
 * UpdateItem alone measures, beside the whole item, what it writes: the attributes it names and a little for each of its clauses. Only for
 * items close to the limit does it matter. Measured on AWS by github.com/nubo-db/dynamodb-conformance, tests/tier3/limits.
 */
function checkWrittenSize(changes: readonly PlannedChange[], after: AttributeMap): void {
  if (itemSize(after) < ITEM_BYTES_MAX - changes.length * (GIVEN_BYTES + INDEX_BYTES) - UPDATE_BYTES) return;
  let bytes = UPDATE_BYTES;
  for (const { path, takes } of changes) {
    bytes += takes ? TAKEN_BYTES : GIVEN_BYTES;
    if (!takes && typeof path.at(-1) === "number") bytes += INDEX_BYTES;
  }
  for (const name of new Set(changes.map(({ path }) => path[0]))) {
    const value = attribute(after, name);
    if (value !== undefined) bytes += Buffer.byteLength(name, "utf8") + valueSize(value);
  }
  if (bytes > ITEM_BYTES_MAX) throw updatedTooLarge();
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
