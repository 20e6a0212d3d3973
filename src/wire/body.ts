/** Request bodies: collected within a limit, or passed on as a stream that is checked on its way. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Transform, type TransformCallback } from "node:stream";
import { gunzipSync } from "node:zlib";
import { AwsError } from "../kernel/errors.ts";

export function requestTooLarge(bytesMax: number): AwsError {
  return new AwsError(
    "RequestEntityTooLargeException",
    `Request must be smaller than ${bytesMax} bytes for this operation`,
    413,
  );
}

/** Collects a body. @throws RequestEntityTooLargeException, or what `tooLarge` makes */
export function collect(
  request: IncomingMessage,
  bytesMax: number,
  tooLarge = () => requestTooLarge(bytesMax) as Error,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) return reject(tooLarge());
    let first: Buffer | undefined;
    let rest: Buffer[] | undefined;
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        request.removeAllListeners("data");
        request.resume();
        reject(tooLarge());
      } else if (first === undefined) first = chunk;
      else (rest ??= []).push(chunk);
    });
    request.on("end", () => resolve(rest ? Buffer.concat([first!, ...rest]) : (first ?? Buffer.alloc(0))));
    request.on("error", () => reject(new RequestAborted()));
    request.on("close", () => {
      if (!request.complete) reject(new RequestAborted());
    });
  });
}

/** The caller went away before its request was complete. Nobody is there to answer. */
export class RequestAborted extends Error {
  override readonly name = "RequestAborted";
}

/** @throws SerializationException for what is not gzip or grows too large */
export function gunzip(body: Buffer, bytesMax: number): Buffer {
  try {
    return gunzipSync(body, { maxOutputLength: bytesMax });
  } catch {
    throw new AwsError("SerializationException", "The request body is not valid gzip");
  }
}

/** Passes a body on and fails at its end when its hash is not what x-amz-content-sha256 promised. */
export class PayloadHashCheck extends Transform {
  readonly #hash = createHash("sha256");
  readonly #expected: string;

  constructor(expected: string) {
    super();
    this.#expected = expected;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#hash.update(chunk);
    callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    const computed = this.#hash.digest("hex");
    callback(computed === this.#expected ? null : payloadMismatch(this.#expected, computed));
  }
}

export function payloadMismatch(given: string, computed: string): AwsError {
  return new AwsError(
    "XAmzContentSHA256Mismatch",
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
    400,
    {
      ClientComputedContentSHA256: given,
      S3ComputedContentSHA256: computed,
    },
  );
}
