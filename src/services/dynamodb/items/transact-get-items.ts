/** TransactGetItems. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactGetItems.html */
import type { Transaction } from "../../../storage/transaction.ts";
import { CAPACITY_MODES, createConstraints, tableNameConstraint } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { addUnits, readUnits, type Units } from "../capacity.ts";
import { validation } from "../errors.ts";
import { checkExpressionParameters, parseExpressions } from "../expressions/expressions.ts";
import { project } from "../expressions/paths.ts";
import { consume } from "../metering.ts";
import { checkKey, checkKeyPaths } from "../rules.ts";
import { openTable } from "../table.ts";
import { type AttributeMap, normalizeMap } from "../values/attribute-value.ts";
import { itemSize } from "../values/size.ts";
import { readItem } from "../writing.ts";
import { cancelled, itemIdentity, type Reason, reasonOf } from "./transactions.ts";

const ITEMS_MAX = 100;
const TRANSACTION_BYTES_MAX = 4 * 1024 * 1024;

/** Reads up to 100 items as they are at one moment. @throws ValidationException, ResourceNotFoundException, TransactionCanceledException */
export function transactGetItems(
  tx: Transaction,
  input: InputOf<"dynamodb", "TransactGetItems">,
  context: OperationContext,
): OutputOf<"dynamodb", "TransactGetItems"> {
  const constraints = createConstraints();
  constraints.oneOf("returnConsumedCapacity", input.ReturnConsumedCapacity, CAPACITY_MODES);
  constraints.notNull("transactItems", input.TransactItems);
  constraints.length(
    "transactItems",
    input.TransactItems,
    1,
    ITEMS_MAX,
    () => `[${input.TransactItems!.map(({ Get: get }) => `TransactGetItem(get=${get?.TableName})`).join(", ")}]`,
  );
  for (const [at, { Get: get }] of (input.TransactItems ?? []).entries()) {
    const path = `transactItems.${at + 1}.member.get`;
    constraints.notNull(path, get);
    if (!get) continue;
    constraints.notNull(`${path}.key`, get.Key);
    tableNameConstraint(constraints, get.TableName, `${path}.tableName`);
  }
  constraints.check();
  const gets = input.TransactItems!.map(({ Get: get }) => {
    checkExpressionParameters(get!, ["ProjectionExpression"], []);
    const key = normalizeMap(get!.Key!);
    return { tableName: get!.TableName!, key, paths: parseExpressions(get!).projection };
  });
  const seen = new Set<string>();
  const opened = gets.map((get) => {
    const table = openTable(tx, context, get.tableName);
    const identity = itemIdentity(table, get.key);
    if (seen.has(identity)) {
      throw validation("Transaction request cannot include multiple operations on one item");
    }
    seen.add(identity);
    return { ...get, table };
  });
  const reasons = opened.map(({ table, key, paths }) =>
    reasonOf(
      (): Reason => {
        checkKey(table.record, key);
        if (paths) checkKeyPaths(table.record, paths);
        return { Code: "None" };
      },
      (reason) => reason,
    ),
  );
  const empty = reasons.find(({ Message }) => Message?.includes("cannot contain an empty"));
  if (empty) throw validation(empty.Message!);
  if (reasons.some(({ Code }) => Code !== "None")) throw cancelled(reasons);

  const units = new Map<string, Units[]>();
  let bytes = 0;
  const responses = opened.map(({ tableName, table, key, paths }): { Item?: AttributeMap } => {
    const item = readItem(tx, table, key);
    const size = item ? itemSize(item) : 0;
    bytes += size;
    const consumed = { table: readUnits(size, true), indexes: [] };
    units.set(tableName, [...(units.get(tableName) ?? []), consumed]);
    return item ? { Item: paths ? project(paths, item) : item } : {};
  });
  if (bytes > TRANSACTION_BYTES_MAX) {
    throw validation("Transaction payload size exceeds the limit of 4194304 bytes");
  }
  const recordOf = (name: string) => opened.find(({ tableName }) => tableName === name)!.table.record;
  const capacity = [...units].flatMap(
    ([name, consumed]) =>
      consume(context, "Read", input.ReturnConsumedCapacity, { name, record: recordOf(name) }, addUnits(consumed), {
        factor: 2,
        split: "ReadCapacityUnits",
      }) ?? [],
  );
  return { Responses: responses, ...(capacity.length > 0 && { ConsumedCapacity: capacity }) };
}
