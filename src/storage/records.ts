/**
 * Versioned records. A room defines each kind of record once, with the version of its shape; a record written by an older version is
 * upgraded when it is read, and one written by a newer version is refused.
 *
 *     stored value = [version, payload]
 */
import type { Key } from "./keys.ts";
import type { RangeOptions, Transaction } from "./transaction.ts";

export interface RecordType<T> {
  readonly name: string;
  readonly version: number;
  get(tx: Transaction, key: Key): T | undefined;
  /** Shared and frozen: see {@link Transaction.read}. */
  read(tx: Transaction, key: Key): T | undefined;
  put(tx: Transaction, key: Key, value: T): void;
  range(tx: Transaction, start: Key, end: Key, options?: RangeOptions): IterableIterator<[Key, T]>;
}

/**
 * @param name as it appears in errors, for example `sqs.Queue`
 * @param version of the shape that this code writes; starts at 1
 * @param upgrades step n turns a payload of version n into one of version n + 1
 */
export function defineRecord<T>(
  name: string,
  version: number,
  upgrades: Readonly<Record<number, (payload: any) => unknown>> = {},
): RecordType<T> {
  const decode = (stored: unknown): T => {
    const [storedVersion, payload] = stored as [number, unknown];
    if (storedVersion === version) return payload as T;
    if (storedVersion > version) {
      throw new Error(
        `${name} was written by a newer Virga (record version ${storedVersion}, this one knows ${version}). Update Virga to open this data.`,
      );
    }
    let upgraded = payload;
    for (let step = storedVersion; step < version; step++) {
      const upgrade = upgrades[step];
      if (!upgrade) throw new Error(`${name} has no upgrade from version ${step}`);
      upgraded = upgrade(upgraded);
    }
    return upgraded as T;
  };
  return {
    name,
    version,
    get(tx, key) {
      const stored = tx.get(key);
      return stored === undefined ? undefined : decode(stored);
    },
    read(tx, key) {
      const stored = tx.read(key);
      return stored === undefined ? undefined : decode(stored);
    },
    put(tx, key, value) {
      tx.put(key, [version, value]);
    },
    *range(tx, start, end, options) {
      for (const [key, stored] of tx.range(start, end, options)) yield [key, decode(stored)];
    },
  };
}
