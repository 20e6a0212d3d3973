/** The engine for real data: LMDB. A commit is atomic on disk at every instant; readers never see half of one. */
import { type Database, open } from "lmdb";
import type { Engine, Writes } from "../engine.ts";
import type { Key } from "../keys.ts";

export type Durability = "strict" | "relaxed";

/** Up to 8 KiB pages take keys of 4,026 bytes. */
const PAGE_BYTES = 8192;

export class LmdbEngine implements Engine {
  readonly #db: Database<Buffer, Key>;
  readonly #durability: Durability;

  /** @param path of the data file; its folder exists */
  constructor(path: string, durability: Durability) {
    this.#durability = durability;
    this.#db = open<Buffer, Key>({
      path,
      noSubdir: true,
      pageSize: PAGE_BYTES,
      encoding: "binary",
      keyEncoder: {
        writeKey: (key: Key, target: Buffer, position: number) => position + target.write(key, position, "latin1"),
        readKey: (source: Buffer, start: number, end: number) => source.toString("latin1", start, end),
      },
      cache: false,
      noSync: false,
      overlappingSync: true,
      maxReaders: 16,
    } as Parameters<typeof open>[0]) as Database<Buffer, Key>;
  }

  get(key: Key): Uint8Array | undefined {
    return this.#db.getBinary(key);
  }

  *range(start: Key, end: Key, { reverse = false }: { reverse?: boolean }): IterableIterator<[Key, Uint8Array]> {
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
        else this.#db.putSync(key, value as Buffer);
      }
    });
    return this.#durability === "strict" ? this.#db.flushed.then(() => {}) : Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#db.flushed;
    await this.#db.close();
  }
}
