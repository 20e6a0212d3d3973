/** ListTables. @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListTables.html */
import { after } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { allTables, tableKey } from "../state.ts";
import { tableRecord } from "../stored.ts";

const LIMIT_MAX = 100;

/** Names of tables in their order. @throws ValidationException */
export function listTables(
  tx: Transaction,
  input: InputOf<"dynamodb", "ListTables">,
  context: OperationContext,
): OutputOf<"dynamodb", "ListTables"> {
  const constraints = createConstraints();
  const first = input.ExclusiveStartTableName;
  constraints.pattern("exclusiveStartTableName", first);
  constraints.length("exclusiveStartTableName", first, 3, 255);
  constraints.atLeast("limit", input.Limit, 1);
  constraints.atMost("limit", input.Limit, LIMIT_MAX);
  constraints.check();
  const limit = input.Limit ?? LIMIT_MAX;
  const { start, end } = allTables(context);
  const from = first === undefined ? start : after(tableKey(context, first));
  const names = [...tableRecord.names(tx, from, end, { limit: limit + 1 })];
  const page = names.slice(0, limit);
  return { TableNames: page, ...(names.length > limit && { LastEvaluatedTableName: page.at(-1)! }) };
}
