/**
 * Bodies that are too large for the store, as files. A body is streamed to a temporary file while it is looked at, synced, and
 * becomes part of the data when an operation calls {@link keepBlob}. What no operation kept is swept away at start.
 *
 *     DIRECTORY/tmp/ID          being written
 *     DIRECTORY/ab/ID           complete and synced; ID begins with "ab"
 *     ("blob", ID) → Reference  kept, by how many
 */
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { assert } from "../kernel/errors.ts";
import type { Random } from "../kernel/random.ts";
import { key } from "./keys.ts";
import { defineRecord } from "./records.ts";
import type { Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";

/** A body that lies in the blob folder. Plain data: records hold it. */
export interface Blob {
  readonly id: string;
  readonly bytes: number;
}

export interface WriteBlobOptions {
  /** Refuses a longer body with this error. */
  readonly bytesMax?: number;
  readonly tooLarge?: () => Error;
  /** Sees every chunk as it passes: for hashes and checksums. May ask to be waited for. */
  readonly onChunk?: (chunk: Buffer) => Promise<void> | undefined;
}

export interface Blobs {
  /** Streams a body to a file and syncs it. Until {@link keepBlob} it is temporary and goes at the next start. */
  write(body: Readable | Uint8Array | AsyncIterable<Uint8Array>, options?: WriteBlobOptions): Promise<Blob>;
  /** A stream over the bytes from `start` to `end`, both inclusive; the whole body when left out. Opens the file before it returns. */
  read(blob: Blob, range?: { readonly start: number; readonly end: number }): Promise<Readable>;
  readAll(blob: Blob): Promise<Buffer>;
  /** The file's path, for handing to a process. Read only. */
  path(blob: Pick<Blob, "id">): string;
  /** Removes a body that was written and not kept: an upload that was refused. */
  discard(blob: Blob): Promise<void>;
}

/** Received bytes are written in batches of about this size; two of them are in memory at a time. */
const WRITE_BYTES = 512 * 1024;

const References = defineRecord<{ count: number }>("storage.BlobReference", 1);

/** Emitted when the last reference goes; the platform hears it and removes the file. */
export const BLOB_DROPPED = "storage.BlobDropped";

/** Makes a body part of the data, once for every record that names it. */
export function keepBlob(tx: Transaction, blob: Blob): void {
  const count = References.get(tx, key("blob", blob.id))?.count ?? 0;
  References.put(tx, key("blob", blob.id), { count: count + 1 });
}

/** Takes one reference back; the file goes with the last one, after the commit. Whoever is reading it reads on. */
export function dropBlob(tx: Transaction, blob: Blob): void {
  const count = References.get(tx, key("blob", blob.id))?.count ?? 0;
  assert(count > 0, `blob ${blob.id} is kept by someone`);
  if (count > 1) {
    References.put(tx, key("blob", blob.id), { count: count - 1 });
  } else {
    tx.delete(key("blob", blob.id));
    tx.emit({ type: BLOB_DROPPED, detail: { id: blob.id } });
  }
}

export class FileBlobs implements Blobs {
  readonly #directory: string;
  readonly #random: Random;
  /** False for data that nobody expects back: nothing is synced. */
  readonly #durable: boolean;
  readonly #folders = new Set<string>();

  private constructor(directory: string, random: Random, durable: boolean) {
    this.#directory = directory;
    this.#random = random;
    this.#durable = durable;
  }

  static async open(directory: string, random: Random, options: { readonly durable: boolean }): Promise<FileBlobs> {
    await rm(join(directory, "tmp"), { recursive: true, force: true });
    await mkdir(join(directory, "tmp"), { recursive: true, mode: 0o700 });
    return new FileBlobs(directory, random, options.durable);
  }

  async write(body: Readable | Uint8Array | AsyncIterable<Uint8Array>, options: WriteBlobOptions = {}): Promise<Blob> {
    const id = this.#random.bytes(16).toString("hex");
    const temporary = join(this.#directory, "tmp", id);
    const file = await open(temporary, "wx", 0o600);
    let bytes = 0;
    let waiting: Buffer[] = [];
    let waitingBytes = 0;
    // While one batch is written, the next one is received and looked at.
    let writing: Promise<void> = Promise.resolve();
    const flush = async () => {
      await writing;
      writing = writeAll(file, waiting, waitingBytes);
      writing.catch(() => {});
      waiting = [];
      waitingBytes = 0;
    };
    try {
      for await (const piece of body instanceof Uint8Array ? [body] : body) {
        const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
        bytes += chunk.length;
        if (options.bytesMax !== undefined && bytes > options.bytesMax) {
          throw options.tooLarge?.() ?? new RangeError(`The body exceeds ${options.bytesMax} bytes`);
        }
        const wait = options.onChunk?.(chunk);
        if (wait) await wait;
        waiting.push(chunk);
        waitingBytes += chunk.length;
        if (waitingBytes >= WRITE_BYTES) await flush();
      }
      await flush();
      await writing;
      if (this.#durable) await file.datasync();
      await file.close();
    } catch (error) {
      await file.close().catch(() => {});
      await rm(temporary, { force: true });
      throw error;
    }
    const folder = await this.#folder(id);
    await rename(temporary, this.path({ id }));
    if (this.#durable) await syncFolder(folder);
    return { id, bytes };
  }

  async read(blob: Blob, range?: { readonly start: number; readonly end: number }): Promise<Readable> {
    if (blob.bytes === 0) return Readable.from([]);
    const file = await open(this.path(blob), "r");
    return createReadStream("", { fd: file as any, autoClose: true, highWaterMark: 256 * 1024, ...range });
  }

  readAll(blob: Blob): Promise<Buffer> {
    return readFile(this.path(blob));
  }

  path(blob: Pick<Blob, "id">): string {
    return join(this.#directory, blob.id.slice(0, 2), blob.id);
  }

  async discard(blob: Blob): Promise<void> {
    await this.remove(blob.id);
  }

  /** Removes a file; succeeds when it is gone already. */
  async remove(id: string): Promise<void> {
    await unlink(this.path({ id })).catch((error) => {
      if (error.code !== "ENOENT") throw error;
    });
  }

  /** Removes every file that no record keeps. Call before anything is written. Returns how many. */
  async sweep(store: Store): Promise<number> {
    let removed = 0;
    for (const folder of await readdir(this.#directory)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      const ids = await readdir(join(this.#directory, folder));
      const orphans = await store.write((tx) => ids.filter((id) => References.get(tx, key("blob", id)) === undefined));
      for (const id of orphans) await this.remove(id);
      removed += orphans.length;
    }
    return removed;
  }

  async #folder(id: string): Promise<string> {
    const folder = join(this.#directory, id.slice(0, 2));
    if (!this.#folders.has(folder)) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (this.#durable) await syncFolder(this.#directory);
      this.#folders.add(folder);
    }
    return folder;
  }
}

async function writeAll(file: FileHandle, chunks: readonly Buffer[], bytes: number): Promise<void> {
  if (bytes === 0) return;
  let { bytesWritten: written } = await file.writev(chunks as Buffer[]);
  if (written === bytes) return;
  // A disk may take less than it is given: the rest goes on from where it stopped.
  const rest = Buffer.concat(chunks);
  while (written < bytes) written += (await file.write(rest, written)).bytesWritten;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}
