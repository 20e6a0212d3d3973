/**
 * A load generator of its own process: keeps `connections` requests in flight on kept-alive sockets for a while, and says how many were answered.
 * Sends the same bytes again and again, so that it costs less than any server it measures.
 *
 *     node load.ts '{"port":1,"connections":64,"seconds":2,"request":"<base64>"}'   →  {"answered":n,"seconds":s,"bad":n}
 */
import { connect } from "node:net";

interface Job {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** The whole request, head and body, as base64. `@@@@@@@@` in it becomes a running number of eight digits. */
  readonly request: string;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const MARK = Buffer.from("@@@@@@@@");

const job = JSON.parse(process.argv[2]!) as Job;
const request = Buffer.from(job.request, "base64");
const marks: number[] = [];
for (let at = request.indexOf(MARK); at >= 0; at = request.indexOf(MARK, at + 1)) marks.push(at);

let number = 0;
let answered = 0;
let bad = 0;
let running = true;
let counting = false;

function next(): Buffer {
  if (marks.length === 0) return request;
  const copy = Buffer.from(request);
  const digits = String(number++).padStart(8, "0");
  for (const at of marks) copy.write(digits, at, "latin1");
  return copy;
}

function open(): void {
  const socket = connect(job.port, "127.0.0.1");
  socket.setNoDelay(true);
  let pending = Buffer.alloc(0);
  socket.on("connect", () => socket.write(next()));
  socket.on("data", (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const end = pending.indexOf(HEAD_END);
    if (end < 0) return;
    const head = pending.toString("latin1", 0, end);
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (pending.length < end + 4 + length) return;
    pending = pending.subarray(end + 4 + length);
    if (counting) {
      answered++;
      if (!head.startsWith("HTTP/1.1 2")) bad++;
    }
    if (running) socket.write(next());
    else socket.destroy();
  });
  socket.on("error", (error) => {
    if (!running) return;
    console.error(error.message);
    process.exit(1);
  });
}

for (let n = 0; n < job.connections; n++) open();
// The first moments warm both sides up and are not counted.
setTimeout(() => {
  counting = true;
  const began = performance.now();
  setTimeout(() => {
    running = false;
    counting = false;
    console.log(JSON.stringify({ answered, bad, seconds: (performance.now() - began) / 1000 }));
    process.exit(0);
  }, job.seconds * 1000);
}, 400);
