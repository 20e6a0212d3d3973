/** Query. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html */
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
import { invalidParameter, validation } from "../errors.ts";
import type { Condition } from "../expressions/condition.ts";
import { matches } from "../expressions/evaluate.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import type { KeyCondition } from "../expressions/key-condition.ts";
import { partitionRange } from "../keys.ts";
import {
  checkConditionalOperator,
  checkConditions,
  checkOperands,
  conditionOf,
  isKeyOperator,
  joined,
  type LegacyConditions,
  legacyKeyConditions,
} from "../legacy.ts";
import {
  checkStartKey,
  needsTable,
  normalizeStartKey,
  readPage,
  type Source,
  selectionOf,
  sourceOf,
} from "../reading.ts";
import { checkDistinctNames, checkKeyPaths, checkKeyValue, keyAttributes, pathsOf } from "../rules.ts";
import { openTable } from "../table.ts";
import { type AttributeMap, attribute, equalValues, typeOf } from "../values/attribute-value.ts";

const ATTRIBUTES_MAX = 255;

type QueryInput = InputOf<"dynamodb", "Query">;
type KeyConditions = ReadonlyMap<string, KeyCondition>;

/** Reads a page of one partition of a table or an index, in the order of the sort key. @throws ValidationException, ResourceNotFoundException */
export function query(tx: Transaction, input: QueryInput, context: OperationContext): OutputOf<"dynamodb", "Query"> {
  const constraints = createConstraints();
  constraints.atLeast("limit", input.Limit, 1);
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  constraints.length("attributesToGet", input.AttributesToGet, 1, ATTRIBUTES_MAX);
  legacyConstraints(constraints, "queryFilter", input.QueryFilter);
  constraints.oneOf("select", input.Select, SELECTS);
  constraints.oneOf("conditionalOperator", input.ConditionalOperator, CONDITIONAL_OPERATORS);
  legacyConstraints(constraints, "keyConditions", input.KeyConditions);
  tableNameConstraint(constraints, input.TableName);
  indexNameConstraint(constraints, "indexName", input.IndexName);
  constraints.check();
  checkExpressionParameters(
    input,
    ["ProjectionExpression", "FilterExpression", "KeyConditionExpression"],
    // KeyConditions may stand beside expressions as long as there is no KeyConditionExpression.
    input.KeyConditionExpression === undefined
      ? ["AttributesToGet", "QueryFilter", "ConditionalOperator"]
      : ["AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"],
  );
  const legacyFilter = checkConditions(input.QueryFilter);
  checkConditionalOperator(input.ConditionalOperator, input.QueryFilter);
  checkDistinctNames(input.AttributesToGet);
  const startKey = normalizeStartKey(input.ExclusiveStartKey);
  if (input.KeyConditions === undefined && input.KeyConditionExpression === undefined) {
    throw validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
  }
  const expressions = parseExpressions(input);
  const conditions = expressions.keyConditions ?? legacyKeys(input.KeyConditions!);
  for (const { operator, values } of conditions.values()) checkOperands(operator, values);
  if (conditions.size !== 1 && conditions.size !== 2) throw validation("Conditions can be of length 1 or 2 only");
  const selection = selectionOf(input, expressions.projection, "Querying");
  const filter = expressions.filter ?? joined(legacyFilter, input.ConditionalOperator);

  const table = openTable(tx, context, input.TableName!);
  const source = sourceOf(table, input);
  if (startKey && Object.keys(startKey).length !== source.startNames.length) {
    throw validation("The provided starting key is invalid");
  }
  const { hash, range } = searchedKeys(source, conditions);
  if (startKey) {
    checkStartKey(source, startKey);
    checkStartInside(source, startKey, hash, range);
  }
  if (expressions.projection) checkKeyPaths(table.record, expressions.projection);
  checkFilterAttributes(source, input.QueryFilter, expressions.filter);
  const fromTable = needsTable(source, input, selection, filter);
  if (expressions.filter) checkKeyPaths(table.record, pathsOf(expressions.filter));
  return readPage(
    tx,
    source,
    input,
    {
      ...partitionRange(source.prefix, hash.values[0]!, range),
      reverse: input.ScanIndexForward === false,
      selection,
      fromTable,
      ...(startKey && { startKey }),
      ...(filter && { filter }),
    },
    context,
  );
}

function legacyKeys(given: LegacyConditions): KeyConditions {
  return legacyKeyConditions(checkConditions(given));
}

/** The conditions on partition and sort key. @throws ValidationException where they do not fit the key */
function searchedKeys(
  { table, index }: Source,
  conditions: KeyConditions,
): { readonly hash: KeyCondition; readonly range?: KeyCondition } {
  const attributes = keyAttributes(table.record, index ?? table.record);
  if (attributes.length === 1 && conditions.size > 1) throw validation("Query key condition not supported");
  const found: KeyCondition[] = [];
  for (const { name, type, isHash } of attributes) {
    const condition = conditions.get(name);
    if (!condition) {
      if (isHash || conditions.size > 1) throw validation(`Query condition missed key schema element: ${name}`);
      continue;
    }
    if (!isKeyOperator(condition.operator)) {
      throw validation("Attempted conditional constraint is not an indexable operation");
    }
    if (condition.values.some((value) => typeOf(value) !== type)) {
      throw invalidParameter("Condition parameter type does not match schema type");
    }
    if (isHash && condition.operator !== "EQ") throw validation("Query key condition not supported");
    // A prefix may be empty, and as long as it likes.
    if (condition.operator !== "BEGINS_WITH") {
      for (const value of condition.values) checkKeyValue(name, value, isHash);
    }
    found.push(condition);
  }
  const [hash, range] = found as [KeyCondition, KeyCondition?];
  return { hash, ...(range && { range }) };
}

/** @throws ValidationException for a start outside what is searched */
function checkStartInside(
  { table, index }: Source,
  startKey: AttributeMap,
  hash: KeyCondition,
  range: KeyCondition | undefined,
): void {
  const schema = index ?? table.record;
  if (range) {
    const condition = conditionOf({ name: schema.range!, operator: range.operator, values: range.values });
    if (!matches(condition, startKey)) {
      throw validation("The provided starting key does not match the range key predicate");
    }
  }
  if (!equalValues(attribute(startKey, schema.hash)!, hash.values[0]!)) {
    throw validation(
      range
        ? "The query can return at most one row and cannot be restarted"
        : "The provided starting key is outside query boundaries based on provided conditions",
    );
  }
}

/** @throws ValidationException for a filter on the key that is searched */
function checkFilterAttributes(
  { table, index }: Source,
  legacy: LegacyConditions | undefined,
  filter: Condition | undefined,
): void {
  if (!legacy && !filter) return;
  const named = new Set(legacy ? Object.keys(legacy) : pathsOf(filter!).map(([name]) => name));
  for (const { name } of keyAttributes(table.record, index ?? table.record)) {
    if (named.has(name)) {
      throw validation(
        `${legacy ? "QueryFilter" : "Filter Expression"} can only contain non-primary key attributes: ` +
          `Primary key attribute: ${name}`,
      );
    }
  }
}
