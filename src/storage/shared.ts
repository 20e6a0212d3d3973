/**
 * Decoded values that are read again and again, kept frozen until they are written. Only what is committed is kept here; a batch that has not
 * been committed is read through its overlay.
 */
import type { Engine } from "./engine.ts";
import type { Key } from "./keys.ts";
import type { Readable } from "./overlay.ts";

/** Then all are forgotten: cheaper than to know which was used last. */
const VALUES_MAX = 4096;

export class SharedValues implements Readable {
  readonly #engine: Engine;
  readonly #values = new Map<Key, unknown>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get(key: Key): unknown {
    return this.#engine.get(key);
  }

  range(start: Key, end: Key, options: { reverse?: boolean }): IterableIterator<[Key, unknown]> {
    return this.#engine.range(start, end, options);
  }

  read(key: Key): unknown {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const value = this.#engine.get(key);
    if (value === undefined) return undefined;
    if (this.#values.size >= VALUES_MAX) this.#values.clear();
    this.#values.set(key, freeze(value));
    return value;
  }

  /** What was just committed is read anew. */
  forget(keys: Iterable<Key>): void {
    if (this.#values.size === 0) return;
    for (const key of keys) this.#values.delete(key);
  }
}

function freeze(value: unknown): unknown {
  // Bytes cannot be frozen; records that are shared hold none that anybody writes to.
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
