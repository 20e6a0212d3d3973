/**
 * The aws-chunked encoding: chunks with a length and perhaps a signature each, then trailers. Passes the body on and keeps the trailers.
 *
 *     HEX[;chunk-signature=SIG] CRLF data CRLF … 0[;chunk-signature=SIG] CRLF name:value CRLF … [x-amz-trailer-signature:SIG CRLF] CRLF
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
 */
import { Transform, type TransformCallback } from "node:stream";
import { AwsError } from "../kernel/errors.ts";
import { chunkSignature, equalHex } from "./sigv4.ts";

/** How signed chunks are verified; absent for unsigned ones. */
export interface ChunkSigning {
  readonly key: Buffer;
  readonly timestamp: string;
  readonly scope: string;
  /** The signature of the request's own headers, with which the chain begins. */
  readonly seed: string;
  /** Whether the trailers must be signed too. */
  readonly trailer: boolean;
}

const LINE_BYTES_MAX = 16 * 1024;
const TRAILERS_MAX = 32;
/** Signed chunks are held back until their signature is known. */
const SIGNED_CHUNK_BYTES_MAX = 16 * 1024 * 1024;

const incomplete = () => new AwsError("IncompleteBody", "The request body terminated unexpectedly");
const badChunk = () =>
  new AwsError("InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes", 403);
const mismatch = () =>
  new AwsError(
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    403,
  );

export class AwsChunkedDecoder extends Transform {
  readonly trailers: Record<string, string> = {};
  readonly #signing: ChunkSigning | undefined;
  readonly #decodedBytes: number | undefined;
  #state: "size" | "data" | "data-end" | "trailers" | "done" = "size";
  #line: Buffer[] = [];
  #lineBytes = 0;
  #left = 0;
  #passed = 0;
  #previous: string;
  #signature = "";
  #held: Buffer[] = [];
  #trailerText = "";
  #trailerVerified = false;

  /** @param decodedBytes what X-Amz-Decoded-Content-Length promises */
  constructor(decodedBytes: number | undefined, signing?: ChunkSigning) {
    super();
    this.#decodedBytes = decodedBytes;
    this.#signing = signing;
    this.#previous = signing?.seed ?? "";
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    try {
      this.#consume(chunk);
      callback();
    } catch (error) {
      callback(error as Error);
    }
  }

  override _flush(callback: TransformCallback): void {
    if (this.#state === "trailers" && this.#signing?.trailer && !this.#trailerVerified) return callback(mismatch());
    if (this.#state !== "done" || (this.#decodedBytes !== undefined && this.#passed !== this.#decodedBytes))
      callback(incomplete());
    else callback();
  }

  #consume(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "data") {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        this.#data(piece);
        if (this.#left === 0) this.#state = "data-end";
        continue;
      }
      if (this.#state === "done") return;
      const newline = chunk.indexOf(10, at);
      const piece = chunk.subarray(at, newline < 0 ? chunk.length : newline);
      this.#lineBytes += piece.length;
      if (this.#lineBytes > LINE_BYTES_MAX) throw incomplete();
      this.#line.push(piece);
      if (newline < 0) return;
      at = newline + 1;
      const line = Buffer.concat(this.#line).toString("latin1").replace(/\r$/, "");
      this.#line = [];
      this.#lineBytes = 0;
      this.#handle(line);
    }
  }

  #handle(line: string): void {
    if (this.#state === "data-end") {
      if (line !== "") throw incomplete();
      this.#finishChunk();
      this.#state = "size";
    } else if (this.#state === "size") {
      const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]+))?$/.exec(line);
      if (!match) throw incomplete();
      this.#left = Number.parseInt(match[1]!, 16);
      this.#signature = match[2] ?? "";
      if (this.#signing && this.#left > SIGNED_CHUNK_BYTES_MAX) throw badChunk();
      if (this.#left > 0) this.#state = "data";
      else {
        this.#finishChunk();
        this.#state = "trailers";
      }
    } else if (line === "") {
      // Some clients set the trailers apart from their signature by an empty line: the end is the one after the signature.
      if (!this.#signing?.trailer || this.#trailerVerified) this.#state = "done";
    } else {
      this.#trailer(line);
    }
  }

  #data(piece: Buffer): void {
    this.#passed += piece.length;
    if (this.#signing) this.#held.push(piece);
    else this.push(piece);
  }

  #finishChunk(): void {
    if (!this.#signing) return;
    const data = Buffer.concat(this.#held);
    this.#held = [];
    const { key, timestamp, scope } = this.#signing;
    const expected = chunkSignature("PAYLOAD", key, timestamp, scope, this.#previous, data);
    if (!equalHex(expected, this.#signature)) throw mismatch();
    this.#previous = expected;
    if (data.length > 0) this.push(data);
  }

  #trailer(line: string): void {
    const colon = line.indexOf(":");
    if (colon <= 0 || Object.keys(this.trailers).length >= TRAILERS_MAX) throw incomplete();
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "x-amz-trailer-signature") {
      if (!this.#signing) return;
      const { key, timestamp, scope } = this.#signing;
      const trailers = Buffer.from(this.#trailerText);
      if (!equalHex(chunkSignature("TRAILER", key, timestamp, scope, this.#previous, trailers), value))
        throw mismatch();
      this.#trailerVerified = true;
      return;
    }
    this.#trailerText += `${name}:${value}\n`;
    this.trailers[name] = value;
  }
}
