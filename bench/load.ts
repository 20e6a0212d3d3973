/**
 * A load generator of its own process: keeps `connections` requests in flight for a while, and says how many were answered.
 *
 *     node load.ts '{"port":1,"connections":64,"seconds":2,"request":"<base64>"}'   →  {"answered":n,"seconds":s,"bad":n}
 */
import { Sender } from "./sender.ts";

interface Job {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** The whole request, head and body, as base64. `@@@@@@@@` in it becomes a running number of eight digits. */
  readonly request: string;
}

const { port, connections, seconds, request } = JSON.parse(process.argv[2]!) as Job;
const sender = new Sender(port, connections, Buffer.from(request, "base64"), (error) => {
  console.error(error.message);
  process.exit(1);
});
sender.start();
// The first moments warm both sides up and are not counted.
setTimeout(() => {
  sender.answered = sender.bad = 0;
  const began = performance.now();
  setTimeout(() => {
    const { answered, bad } = sender;
    console.log(JSON.stringify({ answered, bad, seconds: (performance.now() - began) / 1000 }));
    process.exit(0);
  }, seconds * 1000);
}, 400);
