/** Removes what a deleted table, a deleted index or a disabled time to live leaves behind, in steps that hold nobody up. */
import { after, type Key } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";

/** The detail is {@link Sweep}. */
export const SWEEP = "dynamodb.Sweep";

export interface Sweep {
  /** Everything under this key goes. */
  readonly prefix: string;
}

const STEP_KEYS = 500;

/** Has everything under a prefix removed, soon. Nothing may be written there any more. */
export function sweep(tx: Transaction, prefix: Key): void {
  const detail: Sweep = { prefix };
  tx.emit({ type: SWEEP, detail });
}

export function sweepStep(tx: Transaction, { prefix }: Sweep): void {
  const start = prefix as Key;
  const keys: Key[] = [];
  for (const [key] of tx.range(start, after(start), { limit: STEP_KEYS })) keys.push(key);
  for (const key of keys) tx.delete(key);
  if (keys.length === STEP_KEYS) sweep(tx, start);
}
