/** DeleteItem. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html */
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { checkCondition, expectedCondition, modifyConstraints, modifyReport } from "../conditional.ts";
import { validation } from "../errors.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import { checkKey } from "../rules.ts";
import { openTable } from "../table.ts";
import { normalizeMap } from "../values/attribute-value.ts";
import { readItem, writeItem } from "../writing.ts";

/** Deletes an item; none there is fine. @throws ValidationException, ResourceNotFoundException, ConditionalCheckFailedException */
export function deleteItem(
  tx: Transaction,
  input: InputOf<"dynamodb", "DeleteItem">,
  context: OperationContext,
): OutputOf<"dynamodb", "DeleteItem"> {
  const constraints = createConstraints();
  modifyConstraints(constraints, input, "key", input.Key);
  constraints.check();
  checkExpressionParameters(input, ["ConditionExpression"], ["Expected", "ConditionalOperator"]);
  const key = normalizeMap(input.Key!);
  if (input.ReturnValues !== undefined && input.ReturnValues !== "ALL_OLD" && input.ReturnValues !== "NONE") {
    throw validation("ReturnValues can only be ALL_OLD or NONE");
  }
  const expected = expectedCondition(input);
  const condition = parseExpressions(input).condition ?? expected;

  const table = openTable(tx, context, input.TableName!);
  checkKey(table.record, key);
  const before = readItem(tx, table, key);
  checkCondition(condition, before, input.ReturnValuesOnConditionCheckFailure);
  const written = writeItem(tx, table, before, undefined, context);
  return {
    ...(before && input.ReturnValues === "ALL_OLD" && { Attributes: before }),
    ...modifyReport(tx, table, input, key, written, context),
  };
}
