/** DeleteTable. The table is gone at once; what it held is swept away in steps, but for its stream, which can be read for another day. */
import type { Transaction } from "../../../storage/transaction.ts";
import { createConstraints, tableNameConstraint } from "../../dynamodb-common/constraints.ts";
import type { InputOf, OperationContext, OutputOf } from "../../service.ts";
import { validation } from "../errors.ts";
import { changeProvisioned, changeStored } from "../metering.ts";
import {
  countersKey,
  itemsPrefix,
  NO_ITEMS,
  tableEntriesPrefix,
  tableExpiriesPrefix,
  tableKey,
  tagsKey,
  timerKey,
} from "../state.ts";
import { countersRecord } from "../stored.ts";
import { disableStream } from "../streams/streams.ts";
import { findTable } from "../table.ts";
import { describe } from "./describe.ts";
import { sweep } from "./sweep.ts";

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html @throws ValidationException, ResourceNotFoundException */
export function deleteTable(
  tx: Transaction,
  input: InputOf<"dynamodb", "DeleteTable">,
  context: OperationContext,
): OutputOf<"dynamodb", "DeleteTable"> {
  const constraints = createConstraints();
  tableNameConstraint(constraints, input.TableName);
  constraints.check();
  const record = findTable(tx, context, input.TableName!);
  if (record.deletionProtection) {
    throw validation(
      "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
    );
  }
  const description = describe(tx, context, { ...record, indexes: [] }, { table: "DELETING" });
  const { number } = record;
  changeStored(
    context,
    context,
    record.name,
    countersRecord.get(tx, countersKey(context, number)) ?? NO_ITEMS,
    NO_ITEMS,
  );
  changeProvisioned(context, context, record, undefined);
  if (record.stream) disableStream(tx, context, record.name, record.stream, context);
  for (const key of [
    tableKey(context, record.name),
    tagsKey(context, number),
    countersKey(context, number),
    timerKey(context, number),
  ]) {
    tx.delete(key);
  }
  for (const prefix of [itemsPrefix, tableEntriesPrefix, tableExpiriesPrefix]) sweep(tx, prefix(context, number));
  return { TableDescription: description };
}
