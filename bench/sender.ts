/**
 * Keeps a number of requests in flight on kept-alive sockets, and counts the answers. Sends the same bytes again and again, so that it costs less
 * than any server it measures.
 */
import { connect, type Socket } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");
/** Becomes a running number of eight digits. */
const MARK = Buffer.from("@@@@@@@@");

export class Sender {
  readonly #request: Buffer;
  readonly #marks: number[] = [];
  readonly #sockets: Socket[] = [];
  #number = 0;
  #running = false;
  #inFlight = 0;
  #rest: (() => void) | undefined;
  answered = 0;
  /** Of those, what was refused. */
  bad = 0;

  /** @param failed hears of a broken connection */
  constructor(port: number, connections: number, request: Buffer, failed: (error: Error) => void) {
    this.#request = request;
    for (let at = request.indexOf(MARK); at >= 0; at = request.indexOf(MARK, at + 1)) this.#marks.push(at);
    for (let n = 0; n < connections; n++) this.#open(port, failed);
  }

  start(): void {
    this.#running = true;
    for (const socket of this.#sockets) this.#send(socket);
  }

  /** Sends nothing new; resolves when everything is answered. */
  async stop(): Promise<void> {
    this.#running = false;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#rest = resolve));
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #open(port: number, failed: (error: Error) => void): void {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    let pending = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const end = pending.indexOf(HEAD_END);
      if (end < 0) return;
      const head = pending.toString("latin1", 0, end);
      const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (pending.length < end + 4 + length) return;
      pending = pending.subarray(end + 4 + length);
      this.answered++;
      if (!head.startsWith("HTTP/1.1 2")) this.bad++;
      this.#inFlight--;
      if (this.#running) this.#send(socket);
      else if (this.#inFlight === 0) this.#rest?.();
    });
    socket.on("error", (error) => {
      if (this.#running) failed(error);
    });
    this.#sockets.push(socket);
  }

  #send(socket: Socket): void {
    this.#inFlight++;
    socket.write(this.#next());
  }

  #next(): Buffer {
    if (this.#marks.length === 0) return this.#request;
    const copy = Buffer.from(this.#request);
    const digits = String(this.#number++).padStart(8, "0");
    for (const at of this.#marks) copy.write(digits, at, "latin1");
    return copy;
  }
}
