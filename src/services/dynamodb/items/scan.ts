/** Scan. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html */
import { after } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import {
  CAPACITY_MODES,
  CONDITIONAL_OPERATORS,
  createConstraints,
  indexNameConstraint,
  SELECTS,
  tableNameConstraint,
} from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { legacyConstraints } from "../conditional.ts";
import { validation } from "../errors.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import { checkConditionalOperator, checkConditions, joined } from "../legacy.ts";
import { checkStartKey, needsTable, normalizeStartKey, readPage, selectionOf, sourceOf } from "../reading.ts";
import { checkDistinctNames, checkKeyPaths, pathsOf } from "../rules.ts";
import { openTable } from "../table.ts";

const ATTRIBUTES_MAX = 255;
const SEGMENTS_MAX = 1_000_000;

/** Reads a page of a table or an index, whatever the keys. @throws ValidationException, ResourceNotFoundException */
export function scan(
  tx: Transaction,
  input: InputOf<"dynamodb", "Scan">,
  context: OperationContext,
): OutputOf<"dynamodb", "Scan"> {
  const constraints = createConstraints();
  constraints.atLeast("limit", input.Limit, 1);
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  constraints.length("attributesToGet", input.AttributesToGet, 1, ATTRIBUTES_MAX);
  constraints.atLeast("segment", input.Segment, 0);
  constraints.atMost("segment", input.Segment, SEGMENTS_MAX - 1);
  constraints.oneOf("select", input.Select, SELECTS);
  legacyConstraints(constraints, "scanFilter", input.ScanFilter);
  constraints.oneOf("conditionalOperator", input.ConditionalOperator, CONDITIONAL_OPERATORS);
  constraints.atLeast("totalSegments", input.TotalSegments, 1);
  constraints.atMost("totalSegments", input.TotalSegments, SEGMENTS_MAX);
  tableNameConstraint(constraints, input.TableName);
  indexNameConstraint(constraints, "indexName", input.IndexName);
  constraints.check();
  checkExpressionParameters(
    input,
    ["ProjectionExpression", "FilterExpression"],
    ["AttributesToGet", "ScanFilter", "ConditionalOperator"],
  );
  checkDistinctNames(input.AttributesToGet);
  const legacy = checkConditions(input.ScanFilter);
  checkConditionalOperator(input.ConditionalOperator, input.ScanFilter);
  const startKey = normalizeStartKey(input.ExclusiveStartKey);
  const segment = segmentOf(input);
  const expressions = parseExpressions(input);
  const selection = selectionOf(input, expressions.projection, "Scanning");
  const filter = expressions.filter ?? joined(legacy, input.ConditionalOperator);

  const table = openTable(tx, context, input.TableName!);
  const source = sourceOf(table, input);
  if (startKey) checkStartKey(source, startKey);
  const fromTable = needsTable(source, input, selection, filter);
  if (expressions.projection) checkKeyPaths(table.record, expressions.projection);
  if (expressions.filter) checkKeyPaths(table.record, pathsOf(expressions.filter));
  return readPage(
    tx,
    source,
    input,
    {
      start: source.prefix,
      end: after(source.prefix),
      selection,
      fromTable,
      ...(startKey && { startKey }),
      ...(filter && { filter }),
      ...(segment && { segment }),
    },
    context,
  );
}

function segmentOf(input: InputOf<"dynamodb", "Scan">): { number: number; total: number } | undefined {
  const { Segment: number, TotalSegments: total } = input;
  if (number !== undefined && total === undefined) {
    throw validation(
      "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
    );
  }
  if (total === undefined) return undefined;
  if (number === undefined) {
    throw validation(
      "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
    );
  }
  if (number >= total) {
    throw validation(
      "The Segment parameter is zero-based and must be less than parameter TotalSegments: " +
        `Segment: ${number} is not less than TotalSegments: ${total}`,
    );
  }
  return total === 1 ? undefined : { number, total };
}
