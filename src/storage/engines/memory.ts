/** An engine that keeps nothing: for `--ephemeral` and for tests. */
import BTreeModule from "sorted-btree";
import { decodeValue } from "../codec.ts";
import type { Engine, Writes } from "../engine.ts";
import type { Key } from "../keys.ts";

// The package is CommonJS with a default export, which Node hands over as the module object.
const BTree = ((BTreeModule as any).default ?? BTreeModule) as typeof import("sorted-btree").default;

const byBytes = (left: Key, right: Key): number => (left < right ? -1 : left > right ? 1 : 0);

export class MemoryEngine implements Engine {
  #entries = new BTree<Key, Uint8Array>(undefined, byBytes);

  get(key: Key): unknown {
    const bytes = this.#entries.get(key);
    return bytes === undefined ? undefined : decodeValue(bytes);
  }

  *range(start: Key, end: Key, { reverse = false }: { reverse?: boolean }): IterableIterator<[Key, unknown]> {
    const walk = reverse ? this.#entries.entriesReversed(end, undefined, true) : this.#entries.entries(start);
    for (const [key, bytes] of walk) {
      if (reverse ? key < start : key >= end) return;
      if (key < end) yield [key, decodeValue(bytes)];
    }
  }

  async commit(writes: Writes): Promise<void> {
    for (const [key, value] of writes) {
      if (value === null) this.#entries.delete(key);
      else this.#entries.set(key, value);
    }
  }

  async close(): Promise<void> {}

  /** A copy that shares nothing observable with this one; costs almost nothing. For simulated crashes. */
  snapshot(): MemoryEngine {
    const copy = new MemoryEngine();
    copy.#entries = this.#entries.clone();
    return copy;
  }
}
