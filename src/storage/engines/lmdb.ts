/**
 * The engine for real data: LMDB. A commit is atomic on disk at every instant; readers never see half of one. Commit and flush are one step: it
 * returns when the data is on the disk (docs/decisions/0007).
 */
import { type Database, open } from "lmdb";
import { decodeValue } from "../codec.ts";
import type { Engine, Writes } from "../engine.ts";
import type { Key } from "../keys.ts";

/** Up to 8 KiB pages take keys of 4,026 bytes. */
const PAGE_BYTES = 8192;

/** The library hands over its page buffer with the length as a number, or with options that say nothing of it. */
const decodeMapped = (bytes: Uint8Array, length?: unknown): unknown =>
  decodeValue(bytes, typeof length === "number" ? length : undefined);

export class LmdbEngine implements Engine {
  readonly #db: Database<unknown, Key>;

  /** @param path of the data file; its folder exists */
  constructor(path: string) {
    this.#db = open<unknown, Key>({
      path,
      noSubdir: true,
      pageSize: PAGE_BYTES,
      // Values come as bytes and are decoded from the mapped page, without a copy in between.
      encoder: { encode: (bytes: Uint8Array) => bytes, decode: decodeMapped },
      keyEncoder: {
        writeKey: (key: Key, target: Buffer, position: number) => position + target.write(key, position, "latin1"),
        readKey: (source: Buffer, start: number, end: number) => source.toString("latin1", start, end),
      },
      cache: false,
      noSync: false,
      overlappingSync: true,
      maxReaders: 16,
    } as Parameters<typeof open>[0]) as Database<unknown, Key>;
  }

  get(key: Key): unknown {
    return this.#db.get(key);
  }

  *range(start: Key, end: Key, { reverse = false }: { reverse?: boolean }): IterableIterator<[Key, unknown]> {
    // LMDB's reversed range includes its first bound and excludes its last, so both ends are checked here.
    const entries = this.#db.getRange(
      reverse
        ? ({ start: end, end: start, reverse: true, exclusiveStart: true, inclusiveEnd: true } as any)
        : { start, end },
    );
    for (const { key, value } of entries) {
      if (key >= start && key < end) yield [key, value];
    }
  }

  commit(writes: Writes): Promise<void> {
    this.#db.transactionSync(() => {
      for (const [key, value] of writes) {
        if (value === null) this.#db.removeSync(key);
        else this.#db.putSync(key, value);
      }
    });
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#db.flushed;
    await this.#db.close();
  }
}
