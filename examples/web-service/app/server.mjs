// A service that can be put under load in every way that it is scaled by: processor, memory, network.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

const PORT = 8080;
const MEGABYTE = 1024 * 1024;
/** What `/hold` keeps, a megabyte each; given back by `/hold?mb=0`. */
const held = [];

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
  "/hold": async ({ mb = "0" }) => {
    const wanted = Math.min(Number(mb), 400);
    held.length = Math.min(held.length, wanted);
    while (held.length < wanted) {
      held.push(Buffer.alloc(MEGABYTE, 1));
      // Health checks are answered in between.
      if (held.length % 8 === 0) await pause(20);
    }
    if (wanted === 0) globalThis.gc?.();
    return `Holding ${held.length} MB\n`;
  },
};

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const answer = routes[url.pathname];
  if (!answer) {
    response.writeHead(404).end("Not found\n");
    return;
  }
  response.end(await answer(Object.fromEntries(url.searchParams)));
});

/** Bytes that all network interfaces but the loopback have sent since they are there. */
function sentBytes() {
  return readFileSync("/proc/net/dev", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/[:\s]+/))
    .filter(([name, ...counters]) => name !== "lo" && counters.length >= 16 && !Number.isNaN(Number(counters[0])))
    .reduce((sum, [, ...counters]) => sum + Number(counters[8]), 0);
}

// A metric of our own, in the log: CloudWatch reads it there (embedded metric format).
const METRIC_SECONDS = 10;
let before = sentBytes();
setInterval(() => {
  const now = sentBytes();
  const metric = {
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: "WebService",
          Dimensions: [["Service"]],
          Metrics: [{ Name: "SentBytesPerSecond", Unit: "Bytes/Second" }],
        },
      ],
    },
    Service: process.env.SERVICE ?? "web-service",
    SentBytesPerSecond: Math.round((now - before) / METRIC_SECONDS),
  };
  before = now;
  console.log(JSON.stringify(metric));
}, METRIC_SECONDS * 1000);

server.listen(PORT, () => console.log(`Listening on ${PORT}`));

// What is under way is finished; load balancers have stopped sending by now.
process.on("SIGTERM", () => {
  console.log("Ending");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
