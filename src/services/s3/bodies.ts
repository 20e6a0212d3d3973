/**
 * Objects' bytes: taking them in (hashing while they stream), keeping them (small ones in the store, large ones as files), reading
 * ranges of them back, and letting go of them without harming who still reads.
 */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { AwsError, assert } from "../../kernel/errors.ts";
import { type Blob, type Blobs, dropBlob, keepBlob } from "../../storage/blobs.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../service.ts";
import { type ChecksumMembers, hasherFor, prepareChecksums, statedChecksum, verifyChecksum } from "./checksums.ts";
import { s3Error } from "./errors.ts";
import { Md5Thread } from "./md5-thread.ts";
import { BODY_INLINE_BYTES_MAX, PUT_BYTES_MAX } from "./rules.ts";
import {
  type Body,
  type ChecksumAlgorithm,
  inlineBodies,
  inlineBodyKey,
  type Segment,
  type SingleBody,
  type StoredChecksum,
  segmentLists,
  segmentsKey,
} from "./state.ts";

/** A body that has arrived and is not part of any object yet. */
export interface ReceivedBody {
  readonly size: number;
  /** MD5 in hexadecimal. */
  readonly etag: string;
  readonly checksum: StoredChecksum;
  readonly bytes: { readonly inline: Buffer } | { readonly blob: Blob };
  /** Checks the digests that the request states. Apart, because a missing bucket is the more important news. */
  verify(): void;
}

export interface BodyInput extends ChecksumMembers {
  readonly Body?: unknown;
  readonly ContentLength?: number | undefined;
  readonly ContentMD5?: string | undefined;
  readonly ChecksumAlgorithm?: string | undefined;
}

export interface ReceiveOptions {
  /** The checksum to keep, whatever the request states. Else the stated one is kept, or CRC64NVME, as S3 does. */
  readonly algorithm?: ChecksumAlgorithm | undefined;
  /** Called before a body that will become a file is read: the chance to refuse it early. */
  readonly before?: () => Promise<void>;
}

/**
 * Reads a request's body to its end.
 * @throws MissingContentLength, EntityTooLarge, IncompleteBody; and what `before` throws
 */
export async function receiveBody(
  flow: Pick<FlowContext, "blobs" | "http" | "clock">,
  input: BodyInput,
  options: ReceiveOptions = {},
): Promise<ReceivedBody> {
  const expected = expectedBytes(flow, input);
  if (expected !== undefined && expected > PUT_BYTES_MAX) throw tooLarge(expected);
  const contentMd5 = input.ContentMD5 === undefined ? undefined : checkedMd5(input.ContentMD5);
  const stated = statedChecksum(input, flow.http?.headers);
  const algorithm = options.algorithm ?? stated?.algorithm ?? "CRC64NVME";
  await prepareChecksums();
  const distant = expected !== undefined && expected >= DISTANT_BYTES_MIN ? md5Thread.begin(flow.clock) : undefined;
  const md5 = distant ? undefined : createHash("md5");
  const hasher = hasherFor(algorithm);
  const statedHasher = stated && stated.algorithm !== algorithm ? hasherFor(stated.algorithm) : undefined;
  let size = 0;
  const onChunk = (chunk: Uint8Array) => {
    size += chunk.length;
    md5?.update(chunk);
    const wait = distant?.update(chunk);
    hasher.update(chunk);
    statedHasher?.update(chunk);
    return wait;
  };

  const toFile = async (body: Readable | Uint8Array | AsyncIterable<Uint8Array>) => {
    await options.before?.();
    return flow.blobs.write(body, {
      bytesMax: PUT_BYTES_MAX,
      tooLarge: () => tooLarge(undefined),
      onChunk,
    });
  };
  const source = sourceOf(input.Body);
  let bytes: { inline: Buffer } | { blob: Blob };
  try {
    const small =
      source instanceof Uint8Array
        ? source.length <= BODY_INLINE_BYTES_MAX
        : expected === undefined || expected <= BODY_INLINE_BYTES_MAX;
    if (!small) bytes = { blob: await toFile(source) };
    else if (source instanceof Uint8Array) bytes = { inline: Buffer.from(source) };
    else if (expected !== undefined) bytes = { inline: await collect(source, expected) };
    else bytes = await peeked(source, toFile);
  } catch (error) {
    distant?.drop();
    // Whoever sent the body went away in the middle of it.
    if (CONNECTION_LOST.has((error as NodeJS.ErrnoException).code ?? "")) throw s3Error("IncompleteBody");
    throw error;
  }
  if ("inline" in bytes) void onChunk(bytes.inline);
  const digest = distant ? await distant.digest() : md5!.digest();
  if (expected !== undefined && size !== expected) throw s3Error("IncompleteBody");

  const computed = hasher.digest();
  const toCompare = statedHasher?.digest() ?? computed;
  return {
    size,
    etag: digest.toString("hex"),
    checksum: { algorithm, value: computed, type: "FULL_OBJECT" },
    bytes,
    verify() {
      if (contentMd5 && !contentMd5.equals(digest)) {
        throw s3Error("BadDigest", {
          ExpectedDigest: contentMd5.toString("base64"),
          CalculatedDigest: digest.toString("base64"),
        });
      }
      if (stated) verifyChecksum(stated, toCompare, flow.http?.trailers());
    },
  };
}

/** From here on a body's MD5 is left to another thread. */
const DISTANT_BYTES_MIN = 4 * 1024 * 1024;
const md5Thread = new Md5Thread();

const CONNECTION_LOST = new Set(["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE"]);

/** A body of known, small length. @throws IncompleteBody when it turns out longer */
function collect(stream: Readable, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // A body may have failed before anybody asked for it.
    if (stream.destroyed) return reject(stream.errored ?? s3Error("IncompleteBody"));
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > bytesMax) {
        stream.destroy();
        reject(s3Error("IncompleteBody"));
      }
    });
    stream.on("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    stream.on("error", reject);
    stream.on("close", () => {
      if (!stream.readableEnded) reject(s3Error("IncompleteBody"));
    });
  });
}

/** A body of unknown length: kept in memory while it is small, else what was read and the rest go to a file. */
async function peeked(
  source: Readable,
  toFile: (body: AsyncIterable<Uint8Array>) => Promise<Blob>,
): Promise<{ inline: Buffer } | { blob: Blob }> {
  const head: Buffer[] = [];
  let held = 0;
  const iterator: AsyncIterator<Buffer> = source[Symbol.asyncIterator]();
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    const chunk = Buffer.from(next.value);
    head.push(chunk);
    held += chunk.length;
    if (held > BODY_INLINE_BYTES_MAX) return { blob: await toFile(continued(head, iterator)) };
  }
  return { inline: Buffer.concat(head) };
}

async function* continued(head: readonly Buffer[], iterator: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  yield* head;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
}

/** How long the body says it is, without aws-chunked framing. */
function expectedBytes(flow: Pick<FlowContext, "http">, input: BodyInput): number | undefined {
  const headers = flow.http?.headers;
  if (!headers) return input.ContentLength;
  const text = headers["x-amz-decoded-content-length"] ?? headers["content-length"];
  if (text === undefined) throw s3Error("MissingContentLength");
  return Number(text);
}

function sourceOf(body: unknown): Readable | Uint8Array {
  if (body === undefined || body === null) return new Uint8Array(0);
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array || body instanceof Readable) return body;
  return Readable.from(body as AsyncIterable<Uint8Array>);
}

function checkedMd5(text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length !== 16 || bytes.toString("base64") !== text) throw s3Error("InvalidDigest", { "Content-MD5": text });
  return bytes;
}

const tooLarge = (size: number | undefined) =>
  s3Error("EntityTooLarge", { ...(size !== undefined && { ProposedSize: size }), MaxSizeAllowed: PUT_BYTES_MAX });

/**
 * Removes a body whose operation was refused. Of any other failure nobody knows whether the commit reached the disk: the file stays, and is
 * swept at the next start if no record names it.
 */
export async function discardRefused(
  flow: Pick<FlowContext, "blobs">,
  received: ReceivedBody,
  error: unknown,
): Promise<void> {
  if (error instanceof AwsError && "blob" in received.bytes) await flow.blobs.discard(received.bytes.blob);
}

/** Makes a received body part of the data, with this transaction. */
export function keepBody(
  tx: Transaction,
  context: Pick<OperationContext, "nowMs" | "random">,
  bytes: ReceivedBody["bytes"],
): SingleBody {
  if ("blob" in bytes) {
    keepBlob(tx, bytes.blob);
    return { kind: "blob", blob: bytes.blob };
  }
  if (bytes.inline.length === 0) return { kind: "empty" };
  const place = { ms: context.nowMs, id: context.random.bytes(8).toString("hex") };
  inlineBodies.put(tx, inlineBodyKey(place), bytes.inline);
  return { kind: "inline", ...place };
}

/** Makes a body out of parts that are kept already. */
export function joinBodies(
  tx: Transaction,
  context: Pick<OperationContext, "nowMs" | "random">,
  segments: readonly Segment[],
): Body {
  const place = { ms: context.nowMs, id: context.random.bytes(8).toString("hex") };
  segmentLists.put(tx, segmentsKey(place), segments);
  return { kind: "parts", ...place };
}

/** How long a file outlives the object it belonged to: who asked for the object just before has begun to read it by then. */
const BODY_GRACE_MS = 60_000;

/** Heard by this service: {@link releaseBlobs}. */
export const BODIES_DROPPED = "s3.BodiesDropped";

/** Lets go of a body with this transaction. Files go later, when nobody reads them. */
export function dropBody(tx: Transaction, body: Body, nowMs: number): void {
  const blobs: Blob[] = [];
  const drop = (single: Exclude<Body, { kind: "parts" }>) => {
    if (single.kind === "inline") tx.delete(inlineBodyKey(single));
    if (single.kind === "blob") blobs.push(single.blob);
  };
  if (body.kind === "parts") {
    for (const segment of segmentsOf(tx, body)) drop(segment.body);
    tx.delete(segmentsKey(body));
  } else drop(body);
  if (blobs.length > 0) tx.emit({ type: BODIES_DROPPED, detail: { blobs }, dueMs: nowMs + BODY_GRACE_MS });
}

/** Lets go of files whose object went a while ago, except those that are still being read: they are asked for again later. */
export function releaseBlobs(tx: Transaction, detail: { readonly blobs: readonly Blob[] }, nowMs: number): void {
  const busy = detail.blobs.filter((blob) => readers.has(blob.id));
  for (const blob of detail.blobs) if (!readers.has(blob.id)) dropBlob(tx, blob);
  if (busy.length > 0) tx.emit({ type: BODIES_DROPPED, detail: { blobs: busy }, dueMs: nowMs + BODY_GRACE_MS });
}

/** Another reference to the same bytes, for a copy of an object. Files are shared, small bodies copied. */
export function shareBody(tx: Transaction, context: Pick<OperationContext, "nowMs" | "random">, body: Body): Body {
  if (body.kind === "parts") {
    return joinBodies(
      tx,
      context,
      segmentsOf(tx, body).map((segment) => ({ ...segment, body: shareSingle(tx, context, segment.body) })),
    );
  }
  return shareSingle(tx, context, body);
}

function shareSingle(
  tx: Transaction,
  context: Pick<OperationContext, "nowMs" | "random">,
  body: SingleBody,
): SingleBody {
  if (body.kind === "inline") return keepBody(tx, context, { inline: Buffer.from(inlineBytes(tx, body)) });
  if (body.kind === "blob") keepBlob(tx, body.blob);
  return body;
}

function inlineBytes(tx: Transaction, body: { readonly ms: number; readonly id: string }): Uint8Array {
  const bytes = inlineBodies.get(tx, inlineBodyKey(body));
  assert(bytes, "a small body lies beside its object");
  return bytes;
}

export function segmentsOf(tx: Transaction, body: Body & { kind: "parts" }): readonly Segment[] {
  const segments = segmentLists.get(tx, segmentsKey(body));
  assert(segments, "an object in parts has a list of them");
  return segments;
}

/** A body as a transaction found it: what is small is in hand, files are known by name. */
export type OpenBody = readonly (
  | { readonly bytes: Uint8Array; readonly size: number }
  | { readonly blob: Blob; readonly size: number }
)[];

export function openBody(tx: Transaction, body: Body): OpenBody {
  const open = (single: SingleBody): OpenBody => {
    if (single.kind === "empty") return [];
    if (single.kind === "blob") return [{ blob: single.blob, size: single.blob.bytes }];
    const bytes = inlineBytes(tx, single);
    return [{ bytes, size: bytes.length }];
  };
  return body.kind === "parts" ? segmentsOf(tx, body).flatMap((segment) => open(segment.body)) : open(body);
}

/** Files being read in this process, by id. */
const readers = new Map<string, number>();

function hold(blob: Blob): void {
  readers.set(blob.id, (readers.get(blob.id) ?? 0) + 1);
}

function letGo(blob: Blob): void {
  const left = readers.get(blob.id)! - 1;
  if (left > 0) readers.set(blob.id, left);
  else readers.delete(blob.id);
}

/** The bytes of a body from `start` to `end`, both inclusive. In hand when they are few, else a stream. */
export async function readBody(
  blobs: Blobs,
  body: OpenBody,
  start: number,
  end: number,
): Promise<Uint8Array | Readable> {
  const pieces: { piece: OpenBody[number]; start: number; end: number }[] = [];
  let at = 0;
  for (const piece of body) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, piece.size - 1);
    if (from <= to) pieces.push({ piece, start: from, end: to });
    at += piece.size;
  }
  const only = pieces[0];
  if (only === undefined) return new Uint8Array(0);
  if (pieces.length === 1 && "bytes" in only.piece) return only.piece.bytes.subarray(only.start, only.end + 1);

  const held = pieces.flatMap(({ piece }) => ("blob" in piece ? [piece.blob] : []));
  for (const blob of held) hold(blob);
  const release = () => {
    for (const blob of held.splice(0)) letGo(blob);
  };
  try {
    const stream =
      pieces.length === 1 && "blob" in only.piece
        ? await blobs.read(only.piece.blob, only)
        : Readable.from(concatenated(blobs, pieces), { objectMode: false });
    return stream.once("close", release);
  } catch (error) {
    release();
    throw error;
  }
}

async function* concatenated(
  blobs: Blobs,
  pieces: readonly { readonly piece: OpenBody[number]; readonly start: number; readonly end: number }[],
): AsyncGenerator<Uint8Array> {
  for (const { piece, start, end } of pieces) {
    if ("bytes" in piece) yield piece.bytes.subarray(start, end + 1);
    else yield* await blobs.read(piece.blob, { start, end });
  }
}
