/**
 * What a storage engine must do: an ordered map with atomic batches. Values are written as bytes (`codec.ts`) and read decoded, so that an engine can decode
 * them where they lie. One conformance suite holds every engine to this.
 */
import type { Key } from "./keys.ts";
import type { RangeOptions } from "./transaction.ts";

/** Null means: delete. */
export type Writes = ReadonlyMap<Key, Uint8Array | null>;

export interface Engine {
  /** A fresh value at every call; undefined when there is none. */
  get(key: Key): unknown;
  /** Entries with start <= key < end, in key order or its reverse. */
  range(start: Key, end: Key, options: Pick<RangeOptions, "reverse">): IterableIterator<[Key, unknown]>;
  /** Applies all or nothing. Visible to reads when it returns; resolves when it is as durable as the engine promises. */
  commit(writes: Writes): Promise<void>;
  close(): Promise<void>;
}
