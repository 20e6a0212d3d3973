/**
 * The private line between the host and our own runtime bootstraps: frames over two inherited descriptors, 3 towards the worker and 4 back.
 * Being inherited, nobody else can reach it: no port, no address, no secret.
 *
 * A frame is: length of the header (4 bytes, big endian), length of the body (4 bytes), the header as JSON, the body.
 */

/** What the host says. */
export type ToWorker =
  | {
      readonly kind: "start";
      readonly taskRoot: string;
      readonly handler: string;
      readonly environment: Readonly<Record<string, string>>;
      /** The process has them already, and what a wrapper script of the function's has added. */
      readonly inherits: boolean;
      /** Folders searched for libraries after the function's own: Python, Ruby, Java. */
      readonly path: readonly string[];
      /** Node without a sandbox: where ES modules find the SDK. */
      readonly sdkFolder?: string;
    }
  | {
      readonly kind: "invoke";
      readonly requestId: string;
      readonly invokedArn: string;
      readonly remainingMs: number;
      readonly traceId?: string;
      /** JSON text. */
      readonly clientContext?: string;
    };

/** What a worker says. `memoryKb` is the most that its process has held. */
export type FromWorker =
  | { readonly kind: "log"; readonly timestampMs: number }
  /** The runtime is loaded and has no function yet. */
  | { readonly kind: "waiting" }
  | { readonly kind: "ready" }
  | { readonly kind: "init-error" }
  | { readonly kind: "response"; readonly requestId: string; readonly memoryKb?: number }
  /** `last`: the runtime ends with it, as after an exception that nobody caught. */
  | { readonly kind: "error"; readonly requestId: string; readonly memoryKb?: number; readonly last?: boolean }
  | { readonly kind: "chunk"; readonly requestId: string; readonly contentType?: string }
  | {
      readonly kind: "end";
      readonly requestId: string;
      readonly memoryKb?: number;
      readonly contentType?: string;
    };

const HEADER_BYTES_MAX = 64 * 1024;
/** More than any response or log entry may hold; a worker that says more is ended. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

export function encodeFrame(header: ToWorker, body: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.from(JSON.stringify(header));
  const frame = Buffer.allocUnsafe(8 + head.length + body.length);
  frame.writeUInt32BE(head.length, 0);
  frame.writeUInt32BE(body.length, 4);
  head.copy(frame, 8);
  frame.set(body, 8 + head.length);
  return frame;
}

/**
 * Cuts a stream of bytes into frames. The function given takes each chunk as it comes.
 * @throws Error when the bytes are no frames: the worker's own code has written to the line
 */
export function frameReader(onFrame: (header: FromWorker, body: Buffer) => unknown): (chunk: Buffer) => void {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  return (chunk) => {
    pending.push(chunk);
    pendingBytes += chunk.length;
    while (pendingBytes >= 8) {
      if (pending[0]!.length < 8) pending = [Buffer.concat(pending)];
      const first = pending[0]!;
      const headBytes = first.readUInt32BE(0);
      const bodyBytes = first.readUInt32BE(4);
      if (headBytes > HEADER_BYTES_MAX || bodyBytes > BODY_BYTES_MAX) throw new Error("not a frame");
      const frameBytes = 8 + headBytes + bodyBytes;
      if (pendingBytes < frameBytes) return;
      const data = pending.length === 1 ? first : Buffer.concat(pending);
      pending = data.length > frameBytes ? [data.subarray(frameBytes)] : [];
      pendingBytes -= frameBytes;
      const header = JSON.parse(data.toString("utf8", 8, 8 + headBytes)) as FromWorker;
      onFrame(header, data.subarray(8 + headBytes, frameBytes));
    }
  };
}
