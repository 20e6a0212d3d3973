/** What a storage engine must do: an ordered map of bytes with atomic batches. One conformance suite holds every engine to this. */
import type { Key } from "./keys.ts";
import type { RangeOptions } from "./transaction.ts";

/** Null means: delete. */
export type Writes = ReadonlyMap<Key, Uint8Array | null>;

export interface Engine {
  get(key: Key): Uint8Array | undefined;
  /** Entries with start <= key < end, in key order or its reverse. */
  range(start: Key, end: Key, options: Pick<RangeOptions, "reverse">): IterableIterator<[Key, Uint8Array]>;
  /** Applies all or nothing. Visible to reads when it returns; resolves when it is as durable as the engine promises. */
  commit(writes: Writes): Promise<void>;
  close(): Promise<void>;
}
