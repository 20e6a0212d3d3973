/** GetItem. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html */
import type { Transaction } from "../../../storage/transaction.ts";
import { CAPACITY_MODES, createConstraints, tableNameConstraint } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { readUnits } from "../capacity.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import { type Path, project } from "../expressions/paths.ts";
import { consume } from "../metering.ts";
import { checkDistinctNames, checkKey, checkKeyPaths } from "../rules.ts";
import { openTable } from "../table.ts";
import { normalizeMap } from "../values/attribute-value.ts";
import { itemSize } from "../values/size.ts";
import { readItem } from "../writing.ts";

const ATTRIBUTES_MAX = 255;

/** Reads one item. @throws ValidationException, ResourceNotFoundException */
export function getItem(
  tx: Transaction,
  input: InputOf<"dynamodb", "GetItem">,
  context: OperationContext,
): OutputOf<"dynamodb", "GetItem"> {
  const constraints = createConstraints();
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  constraints.length("attributesToGet", input.AttributesToGet, 1, ATTRIBUTES_MAX);
  tableNameConstraint(constraints, input.TableName);
  constraints.notNull("key", input.Key);
  constraints.check();
  checkExpressionParameters(input, ["ProjectionExpression"], ["AttributesToGet"]);
  const key = normalizeMap(input.Key!);
  checkDistinctNames(input.AttributesToGet);
  const paths = parseExpressions(input).projection ?? namedPaths(input.AttributesToGet);

  const table = openTable(tx, context, input.TableName!);
  checkKey(table.record, key);
  if (paths) checkKeyPaths(table.record, paths);
  const item = readItem(tx, table, key);
  const capacity = consume(
    context,
    "Read",
    input.ReturnConsumedCapacity,
    { name: input.TableName!, record: table.record },
    {
      table: readUnits(item ? itemSize(item) : 0, input.ConsistentRead),
      indexes: [],
    },
  );
  return {
    ...(item && { Item: paths ? project(paths, item) : item }),
    ...(capacity && { ConsumedCapacity: capacity }),
  };
}

/** AttributesToGet as paths. */
export const namedPaths = (names: readonly string[] | undefined): readonly Path[] | undefined =>
  names?.map((name): Path => [name]);
