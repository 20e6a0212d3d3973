/** Pages of the Describe operations: a token is the key at which the next page begins. */
import type { Key } from "../../storage/keys.ts";
import type { RecordType } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { invalidNextToken } from "./errors.ts";
import { PAGE_MAX } from "./rules.ts";

export interface Page<T> {
  readonly rows: readonly T[];
  readonly nextToken?: string;
}

export function pageOf<T>(
  tx: Transaction,
  record: RecordType<T>,
  { start, end }: { readonly start: Key; readonly end: Key },
  options: {
    readonly limit?: number | undefined;
    readonly token?: string | undefined;
    readonly newestFirst?: boolean;
    readonly where?: (row: T) => boolean;
  },
): Page<T> {
  const { limit = PAGE_MAX, token, newestFirst = false, where = () => true } = options;
  const at = token === undefined ? undefined : (Buffer.from(token, "base64url").toString("latin1") as Key);
  if (at !== undefined && (at < start || at >= end)) throw invalidNextToken();
  // A token names the first row that was left out: where a page goes backwards, the range ends just behind it.
  const range = newestFirst
    ? record.range(tx, start, at === undefined ? end : (`${at}\x00` as Key), { reverse: true })
    : record.range(tx, at ?? start, end);
  const rows: T[] = [];
  for (const [key, row] of range) {
    if (!where(row)) continue;
    if (rows.length === limit) return { rows, nextToken: Buffer.from(key, "latin1").toString("base64url") };
    rows.push(row);
  }
  return { rows };
}
