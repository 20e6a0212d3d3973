/** Lists in pages: MaxItems, Marker and IsTruncated, the same for every List operation of IAM. */
import { after, type Key } from "../../storage/keys.ts";
import type { RecordType } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { validationError } from "./errors.ts";
import { PAGE_DEFAULT, PAGE_MAX } from "./rules.ts";
import type { KeyRange } from "./state.ts";

export interface PageInput {
  readonly MaxItems?: number | undefined;
  readonly Marker?: string | undefined;
}

export interface Page<T> {
  readonly items: T[];
  /** To be spread into the output. */
  readonly position: { readonly IsTruncated: boolean; readonly Marker: string | undefined };
}

/**
 * One page of a range of records.
 *
 * @param choose turns a record into an item; undefined leaves it out
 */
export function readPage<R, T>(
  tx: Transaction,
  record: RecordType<R>,
  range: KeyRange,
  input: PageInput,
  choose: (value: R, key: Key) => T | undefined,
): Page<T> {
  const max = pageSize(input);
  const start = input.Marker === undefined ? range.start : after(decodeMarker(input.Marker, range));
  const items: T[] = [];
  let last: Key | undefined;
  for (const [key, value] of record.range(tx, start, range.end)) {
    const item = choose(value, key);
    if (item === undefined) continue;
    if (items.length === max) return { items, position: { IsTruncated: true, Marker: encodeMarker(last!) } };
    items.push(item);
    last = key;
  }
  return { items, position: { IsTruncated: false, Marker: undefined } };
}

/** One page of what is at hand already, in this order. */
export function pageOf<T>(all: readonly T[], input: PageInput): Page<T> {
  const max = pageSize(input);
  const start = input.Marker === undefined ? 0 : Number(Buffer.from(input.Marker, "base64url").toString("latin1"));
  if (!Number.isInteger(start) || start < 0) throw invalidMarker();
  const items = all.slice(start, start + max);
  const truncated = start + max < all.length;
  return {
    items,
    position: { IsTruncated: truncated, Marker: truncated ? encodeMarker(String(start + max)) : undefined },
  };
}

function pageSize(input: PageInput): number {
  const max = input.MaxItems ?? PAGE_DEFAULT;
  if (max >= 1 && max <= PAGE_MAX) return max;
  throw validationError(
    `1 validation error detected: Value '${max}' at 'maxItems' failed to satisfy constraint: Member must have value ${
      max < 1 ? "greater than or equal to 1" : `less than or equal to ${PAGE_MAX}`
    }`,
  );
}

const encodeMarker = (text: string): string => Buffer.from(text, "latin1").toString("base64url");

function decodeMarker(marker: string, range: KeyRange): Key {
  const key = Buffer.from(marker, "base64url").toString("latin1") as Key;
  if (key < range.start || key >= range.end) throw invalidMarker();
  return key;
}

const invalidMarker = () => validationError("Invalid Marker.");
