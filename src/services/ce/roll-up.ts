/** Hours of the ledger become days once they are two weeks old: when the platform starts, and in steps until that is done. */
import { rollUpHours } from "../../metering/usage.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";

export const LEDGER_ROLL_UP = "ce.LedgerRollUpDue";

export function rollUp(tx: Transaction, _detail: unknown, context: Pick<OperationContext, "nowMs">): void {
  if (rollUpHours(tx, context.nowMs)) tx.emit({ type: LEDGER_ROLL_UP, detail: {} });
}

export async function rollUpAtStart(flow: FlowContext): Promise<() => Promise<void>> {
  await flow.write((tx, context) => rollUp(tx, undefined, context));
  return async () => {};
}
