/** PutItem. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html */
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { checkCondition, expectedCondition, modifyConstraints, modifyReport } from "../conditional.ts";
import { validation } from "../errors.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import { checkItemKeys, checkItemSize } from "../rules.ts";
import { openTable } from "../table.ts";
import { normalizeMap } from "../values/attribute-value.ts";
import { readItem, writeItem } from "../writing.ts";

/** Creates an item or replaces the one with its key. @throws ValidationException, ResourceNotFoundException, ConditionalCheckFailedException */
export function putItem(
  tx: Transaction,
  input: InputOf<"dynamodb", "PutItem">,
  context: OperationContext,
): OutputOf<"dynamodb", "PutItem"> {
  const constraints = createConstraints();
  modifyConstraints(constraints, input, "item", input.Item);
  constraints.check();
  checkExpressionParameters(input, ["ConditionExpression"], ["Expected", "ConditionalOperator"]);
  const item = normalizeMap(input.Item!);
  if (input.ReturnValues !== undefined && input.ReturnValues !== "ALL_OLD" && input.ReturnValues !== "NONE") {
    throw validation("ReturnValues can only be ALL_OLD or NONE");
  }
  checkItemSize(item);
  const expected = expectedCondition(input);
  const condition = parseExpressions(input).condition ?? expected;

  const table = openTable(tx, context, input.TableName!);
  checkItemKeys(table.record, item);
  const before = readItem(tx, table, item);
  checkCondition(condition, before, input.ReturnValuesOnConditionCheckFailure);
  const written = writeItem(tx, table, before, item, context);
  return {
    ...(before && input.ReturnValues === "ALL_OLD" && { Attributes: before }),
    ...modifyReport(tx, table, input, item, written, context),
  };
}
