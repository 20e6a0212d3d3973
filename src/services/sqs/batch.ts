/** Batches: each entry is done or refused by itself, in one commit. */
import { AwsError } from "../../kernel/errors.ts";
import { nested } from "../../storage/overlay.ts";
import type { Transaction } from "../../storage/transaction.ts";

export interface Refusal {
  readonly Id: string;
  readonly SenderFault: boolean;
  readonly Code: string;
  readonly Message: string;
}

/** Runs every entry in a transaction of its own inside this one. Anything but an AwsError fails the whole batch: it is our bug. */
export function inBatch<E extends { readonly Id?: string | undefined }, R extends object>(
  tx: Transaction,
  entries: readonly E[],
  run: (tx: Transaction, entry: E) => R,
): { Successful: Array<R & { Id: string }>; Failed: Refusal[] } {
  const Successful: Array<R & { Id: string }> = [];
  const Failed: Refusal[] = [];
  for (const entry of entries) {
    const Id = entry.Id!;
    try {
      Successful.push({ Id, ...nested(tx, (inner) => run(inner, entry)) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      Failed.push({ Id, SenderFault: error.fault === "Sender", Code: error.code, Message: error.message });
    }
  }
  return { Successful, Failed };
}
