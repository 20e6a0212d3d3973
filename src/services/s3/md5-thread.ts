/**
 * MD5 of large bodies on a thread beside the event loop. An upload needs two digests of every byte; one after the other on one thread they
 * take longer than the disk, and while they run nobody else is answered. The thread is shared by all uploads, started by the first, and
 * ends when none has come for a while.
 */
import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../../kernel/clock.ts";

/** Bytes handed over at a time, and bytes handed over that the thread may not have seen yet. */
const PIECE_BYTES = 512 * 1024;
const AHEAD_BYTES_MAX = 8 * 1024 * 1024;
const IDLE_MS = 10_000;

type Order =
  | { readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly end: true }
  | { readonly id: number; readonly drop: true };
type Answer = { readonly id: number; readonly seen: number } | { readonly id: number; readonly digest: Uint8Array };

/** The thread's whole program: it stands alone, and knows nothing of this file. */
function program(): void {
  const { parentPort } = process.getBuiltinModule("node:worker_threads");
  const { createHash } = process.getBuiltinModule("node:crypto");
  const hashes = new Map<number, ReturnType<typeof createHash>>();
  parentPort!.on("message", (order: any) => {
    const { id } = order;
    const hash = hashes.get(id) ?? createHash("md5");
    if (order.bytes) {
      hashes.set(id, hash.update(order.bytes));
      parentPort!.postMessage({ id, seen: order.bytes.length });
      return;
    }
    hashes.delete(id);
    if (order.end) parentPort!.postMessage({ id, digest: hash.digest() });
  });
}

/** The digest of one body. */
export interface DistantMd5 {
  /** @returns what to wait for before more is handed over; undefined where there is no need */
  update(chunk: Uint8Array): Promise<void> | undefined;
  /** Called once, last. */
  digest(): Promise<Buffer>;
  /** Instead of {@link digest}: the body came to nothing. */
  drop(): void;
}

interface Job {
  ahead: number;
  heard: (() => void) | undefined;
  done: ((digest: Buffer) => void) | undefined;
  failed: ((error: Error) => void) | undefined;
}

export class Md5Thread {
  readonly #jobs = new Map<number, Job>();
  #worker: Worker | undefined;
  #next = 1;
  #idle: Timer | undefined;

  /** @param clock tells when the thread has been idle for long enough */
  begin(clock: Clock): DistantMd5 {
    this.#idle?.cancel();
    const worker = (this.#worker ??= this.#start());
    // Waited for while there is work; a platform that closes does not wait for an idle one.
    worker.ref();
    const id = this.#next++;
    const job: Job = { ahead: 0, heard: undefined, done: undefined, failed: undefined };
    this.#jobs.set(id, job);
    let piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
    let filled = 0;
    const order = (one: Order, transfer: ArrayBuffer[] = []) => worker.postMessage(one, transfer);
    const hand = () => {
      job.ahead += filled;
      order({ id, bytes: piece.subarray(0, filled) }, [piece.buffer]);
      piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
      filled = 0;
    };
    const settle = () => {
      this.#jobs.delete(id);
      if (this.#jobs.size > 0) return;
      worker.unref();
      this.#idle = clock.at(clock.nowMs() + IDLE_MS, () => this.#end());
    };
    return {
      update: (chunk) => {
        for (let at = 0; at < chunk.length; ) {
          const taken = Math.min(chunk.length - at, PIECE_BYTES - filled);
          piece.set(chunk.subarray(at, at + taken), filled);
          filled += taken;
          at += taken;
          if (filled === PIECE_BYTES) hand();
        }
        if (job.ahead <= AHEAD_BYTES_MAX) return undefined;
        return new Promise((resolve, reject) => {
          job.heard = resolve;
          job.failed = reject;
        });
      },
      digest: () => {
        if (filled > 0) hand();
        order({ id, end: true });
        return new Promise<Buffer>((resolve, reject) => {
          job.done = resolve;
          job.failed = reject;
        }).finally(settle);
      },
      drop: () => {
        order({ id, drop: true });
        settle();
      },
    };
  }

  #start(): Worker {
    const worker = new Worker(`(${program.toString()})()`, { eval: true, name: "md5" });
    worker.on("message", (answer: Answer) => {
      const job = this.#jobs.get(answer.id);
      if (!job) return;
      if ("digest" in answer) return job.done?.(Buffer.from(answer.digest));
      job.ahead -= answer.seen;
      if (job.ahead > AHEAD_BYTES_MAX / 2) return;
      job.heard?.();
      job.heard = undefined;
    });
    worker.on("error", (error: Error) => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const job of this.#jobs.values()) job.failed?.(error);
    });
    return worker;
  }

  #end(): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
  }
}
