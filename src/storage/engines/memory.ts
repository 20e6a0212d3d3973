/** An engine that keeps nothing: for `--ephemeral` and for tests. */
import BTreeModule from "sorted-btree";
import type { Engine, Writes } from "../engine.ts";
import type { Key } from "../keys.ts";

// The package is CommonJS with a default export, which Node hands over as the module object.
const BTree = ((BTreeModule as any).default ?? BTreeModule) as typeof import("sorted-btree").default;

const byBytes = (left: Key, right: Key): number => (left < right ? -1 : left > right ? 1 : 0);

export class MemoryEngine implements Engine {
  #entries = new BTree<Key, Uint8Array>(undefined, byBytes);

  get(key: Key): Uint8Array | undefined {
    return this.#entries.get(key);
  }

  *range(start: Key, end: Key, { reverse = false }: { reverse?: boolean }): IterableIterator<[Key, Uint8Array]> {
    const walk = reverse ? this.#entries.entriesReversed(end, undefined, true) : this.#entries.entries(start);
    for (const [key, value] of walk) {
      if (reverse ? key < start : key >= end) return;
      if (key < end) yield [key, value];
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
