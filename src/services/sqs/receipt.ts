/**
 * Receipt handles: which message, and which of its receives. Opaque to clients; a handle of an earlier receive is recognised as stale.
 *
 *     base64("generation:sequence:receives:visibleMs")
 */
import type { Transaction } from "../../storage/transaction.ts";
import { missingParameter, receiptHandleIsInvalid } from "./errors.ts";
import { find, type Waiting } from "./line.ts";
import type { Lease, Queue } from "./state.ts";

export const encodeHandle = (generation: string, sequence: number, lease: Lease): string =>
  Buffer.from(`${generation}:${sequence}:${lease.receives}:${lease.visibleMs}`).toString("base64");

export interface Receipt {
  readonly handle: string;
  /** Undefined when the message is gone. */
  readonly waiting: Waiting | undefined;
  /** False when the message was received again since. */
  readonly current: boolean;
}

/** @throws MissingParameter, ReceiptHandleIsInvalid when it never was one of this queue's */
export function readHandle(tx: Transaction, queue: Queue, handle: string | undefined): Receipt {
  if (!handle) throw missingParameter("ReceiptHandle");
  const match = /^([a-z0-9]{12}):(\d{1,16}):(\d{1,9}):(\d{1,16})$/.exec(
    Buffer.from(handle, "base64").toString("latin1"),
  );
  if (!match) throw receiptHandleIsInvalid(handle);
  const [, generation, sequence, receives] = match;
  // Of an earlier generation: the queue was purged, the message with it.
  if (generation !== queue.generation) return { handle, waiting: undefined, current: false };
  const waiting = find(tx, queue.generation, Number(sequence));
  return { handle, waiting, current: waiting?.lease?.receives === Number(receives) };
}
