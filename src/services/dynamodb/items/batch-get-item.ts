/** BatchGetItem. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html */
import type { Transaction } from "../../../storage/transaction.ts";
import { CAPACITY_MODES, createConstraints } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { addUnits, readUnits, type Units } from "../capacity.ts";
import { validation } from "../errors.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import { type Path, project } from "../expressions/paths.ts";
import { consume } from "../metering.ts";
import { checkDistinctNames, checkKey, checkKeyPaths } from "../rules.ts";
import type { TableSchema } from "../stored.ts";
import { openTable } from "../table.ts";
import { type AttributeMap, equalMaps, normalizeMap } from "../values/attribute-value.ts";
import { itemSize } from "../values/size.ts";
import { readItem } from "../writing.ts";
import { namedPaths } from "./get-item.ts";

const KEYS_MAX = 100;
const ATTRIBUTES_MAX = 255;
const RESPONSE_BYTES_MAX = 16 * 1024 * 1024;

type Request = NonNullable<InputOf<"dynamodb", "BatchGetItem">["RequestItems"]>[string];

interface Checked {
  readonly tableName: string;
  readonly request: Request;
  readonly keys: readonly AttributeMap[];
  readonly paths: readonly Path[] | undefined;
}

/** Reads up to 100 items of several tables; what does not fit into 16 MB is left for another call. @throws ValidationException, ResourceNotFoundException */
export function batchGetItem(
  tx: Transaction,
  input: InputOf<"dynamodb", "BatchGetItem">,
  context: OperationContext,
): OutputOf<"dynamodb", "BatchGetItem"> {
  const checked = check(input);
  const responses: Record<string, AttributeMap[]> = {};
  const unprocessed: Record<string, Request> = {};
  const units = new Map<string, { readonly record: TableSchema; readonly consumed: readonly Units[] }>();
  let bytes = 0;
  for (const { tableName, request, keys, paths } of checked) {
    const table = openTable(tx, context, tableName);
    for (const key of keys) checkKey(table.record, key);
    if (paths) checkKeyPaths(table.record, paths);
    const found: AttributeMap[] = [];
    const consumed: Units[] = [];
    for (const [at, key] of keys.entries()) {
      const item = readItem(tx, table, key);
      const size = item ? itemSize(item) : 0;
      if (bytes + size > RESPONSE_BYTES_MAX) {
        unprocessed[tableName] = { ...request, Keys: keys.slice(at) };
        break;
      }
      bytes += size;
      consumed.push({ table: readUnits(size, request.ConsistentRead), indexes: [] });
      if (item) found.push(paths ? project(paths, item) : item);
    }
    responses[tableName] = found;
    units.set(tableName, { record: table.record, consumed });
  }
  const capacity = [...units].flatMap(
    ([name, { record, consumed }]) =>
      consume(context, "Read", input.ReturnConsumedCapacity, { name, record }, addUnits(consumed)) ?? [],
  );
  return {
    Responses: responses,
    UnprocessedKeys: unprocessed,
    ...(capacity.length > 0 && { ConsumedCapacity: capacity }),
  };
}

function check(input: InputOf<"dynamodb", "BatchGetItem">): Checked[] {
  const requests = Object.entries(input.RequestItems ?? {});
  const constraints = createConstraints();
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  constraints.notNull("requestItems", input.RequestItems);
  for (const [tableName, request] of requests) {
    const path = `requestItems.${tableName}.member`;
    constraints.notNull(`${path}.keys`, request.Keys);
    constraints.length(`${path}.keys`, request.Keys, 1);
    constraints.length(`${path}.attributesToGet`, request.AttributesToGet, 1, ATTRIBUTES_MAX);
  }
  constraints.check();
  if (requests.length === 0) throw validation("The requestItems parameter is required for BatchGetItem");
  for (const [tableName, request] of requests) {
    if (request.Keys!.length <= KEYS_MAX) continue;
    throw validation(
      `1 validation error detected: Value at 'RequestItems.${tableName}.member.Keys' failed to satisfy constraint: ` +
        `Member must have length less than or equal to ${KEYS_MAX}`,
    );
  }
  let total = 0;
  let expressions = false;
  let legacy = false;
  return requests.map(([tableName, request]) => {
    checkExpressionParameters(request, ["ProjectionExpression"], ["AttributesToGet"]);
    expressions ||= request.ProjectionExpression !== undefined;
    legacy ||= request.AttributesToGet !== undefined;
    if (expressions && legacy) {
      throw validation(
        "Can not use both expression and non-expression parameters in the same request: " +
          "Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}",
      );
    }
    const keys: AttributeMap[] = [];
    for (const given of request.Keys!) {
      const key = normalizeMap(given);
      if (keys.some((other) => equalMaps(other, key))) {
        throw validation("Provided list of item keys contains duplicates");
      }
      keys.push(key);
      if (++total > KEYS_MAX) throw validation("Too many items requested for the BatchGetItem call");
    }
    checkDistinctNames(request.AttributesToGet);
    const paths = parseExpressions(request).projection ?? namedPaths(request.AttributesToGet);
    return { tableName, request, keys, paths };
  });
}
