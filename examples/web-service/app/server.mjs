// A service that can be put under load in every way that it is scaled by: processor, memory, network.
import { createServer } from "node:http";
import { hostname } from "node:os";

const PORT = 8080;
const MEGABYTE = 1024 * 1024;
/** What `/hold` keeps; given back by `/hold?mb=0`. */
let held = [];

/** Computes for about so many milliseconds of processor time. */
function work(milliseconds) {
  const start = process.cpuUsage();
  let rounds = 0;
  while (process.cpuUsage(start).user < milliseconds * 1000) {
    for (let step = 0; step < 10_000; step++) rounds += Math.sqrt(step);
  }
  return rounds;
}

const routes = {
  "/": () => `Answered by ${hostname()}\n`,
  "/health": () => "ok\n",
  "/work": ({ ms = "50" }) => {
    work(Math.min(Number(ms), 1000));
    return `Worked for ${ms} ms on ${hostname()}\n`;
  },
  "/bytes": ({ kb = "64" }) => Buffer.alloc(Math.min(Number(kb), 10_240) * 1024, "."),
  "/hold": ({ mb = "0" }) => {
    // What was held goes first: both together may be more than the task has.
    held = [];
    held = Array.from({ length: Math.min(Number(mb), 400) }, () => Buffer.alloc(MEGABYTE, 1));
    return `Holding ${held.length} MB\n`;
  },
};

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const answer = routes[url.pathname];
  if (!answer) {
    response.writeHead(404).end("Not found\n");
    return;
  }
  response.end(answer(Object.fromEntries(url.searchParams)));
});

server.listen(PORT, () => console.log(`Listening on ${PORT}`));

// What is under way is finished; load balancers have stopped sending by now.
process.on("SIGTERM", () => {
  console.log("Ending");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
