/**
 * Bodies that are too large for the store, as files. A body is streamed to a temporary file while it is hashed, synced, and
 * becomes part of the data when an operation puts its id into a record. What no record names is swept away at start.
 */
import type { Readable } from "node:stream";

/** A body that lies in the blob folder. Plain data: records hold it. */
export interface Blob {
  readonly id: string;
  readonly bytes: number;
}

export interface WriteBlobOptions {
  /** Refuses a longer body with this error. */
  readonly bytesMax?: number;
  readonly tooLarge?: () => Error;
  /** Sees every chunk as it passes: for hashes and checksums. */
  readonly onChunk?: (chunk: Buffer) => void;
}

export interface Blobs {
  /** Streams a body to a file and syncs it. Until {@link keep} is called in a transaction it is temporary and may be swept. */
  write(body: Readable | Uint8Array | AsyncIterable<Uint8Array>, options?: WriteBlobOptions): Promise<Blob>;
  /** A stream over the bytes from `start` to `end`, both inclusive; the whole body when left out. */
  read(blob: Blob, range?: { readonly start: number; readonly end: number }): Readable;
  readAll(blob: Blob): Promise<Buffer>;
  /** The file's path, for handing to a process. Read only. */
  path(blob: Blob): string;
}
