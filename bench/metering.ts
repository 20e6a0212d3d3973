/**
 * What metering costs: two platforms of the same code, one with ledger and metrics and one without, under the same load in turns of a quarter of a
 * second. The median over the pairs of turns says little about what else the machine did meanwhile. Beside the requests answered in a turn stands
 * the CPU time that the platform took for each: on a busy machine the steadier of the two.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiOf, jsonRequest, median, report, root, stop, type Virga } from "./measure.ts";
import { s3, s3Request, table } from "./rates.ts";
import { createFunction } from "./requests.ts";
import { Sender } from "./sender.ts";

const PAIRS = Number(process.env["VIRGA_BENCH_PAIRS"] ?? 60);
const TURN_MS = 250;
const WARM_UP_PAIRS = 6;
const CONNECTIONS = 64;
const KILOBYTE = "x".repeat(1024);

interface Case {
  readonly name: string;
  readonly connections: number;
  prepare(virga: Virga, folder: string): Promise<unknown>;
  request(port: number): Buffer;
}

const cases: readonly Case[] = [
  {
    name: "SendMessage 1 KB",
    connections: CONNECTIONS,
    prepare: (virga) => virga.call("AmazonSQS.CreateQueue", { QueueName: "bench" }),
    request: (port) =>
      jsonRequest(port, "AmazonSQS.SendMessage", {
        QueueUrl: "http://localhost/000000000000/bench",
        MessageBody: KILOBYTE,
      }),
  },
  {
    name: "GetItem 1 KB",
    connections: CONNECTIONS,
    prepare: table,
    request: (port) => jsonRequest(port, "DynamoDB_20120810.GetItem", { TableName: "bench", Key: { pk: { S: "k" } } }),
  },
  {
    name: "PutObject 1 KB",
    connections: CONNECTIONS,
    prepare: (virga) => s3(virga, "PUT", "/bench"),
    request: (port) => s3Request(port, "PUT", "/bench/@@@@@@@@", KILOBYTE),
  },
  {
    name: "warm invocation",
    // As many workers as there are connections, on the machine that is measured.
    connections: 4,
    prepare: (virga, folder) => createFunction(virga, folder, "warm", "export const handler = async () => ({});"),
    request: (port) => s3Request(port, "POST", "/2015-03-31/functions/warm/invocations", "{}", "lambda"),
  },
];

interface Side extends Virga {
  cpuMs(): Promise<number>;
}

async function open(metering: "on" | "off", data: string | undefined): Promise<Side> {
  const child = fork(join(root, "bench/metered-platform.ts"), data === undefined ? [metering] : [metering, data], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const [chunk] = (await once(child.stdout!, "data")) as [Buffer];
  return {
    ...apiOf(child as ChildProcess, Number(/port (\d+)/.exec(chunk.toString())![1])),
    async cpuMs() {
      const answer = once(child, "message");
      child.send("cpu");
      return ((await answer)[0] as number) / 1000;
    },
  };
}

interface Turn {
  readonly perSecond: number;
  readonly cpuPerRequest: number;
}

async function turn(side: Side, sender: Sender): Promise<Turn> {
  sender.answered = sender.bad = 0;
  const cpu = await side.cpuMs();
  const began = performance.now();
  sender.start();
  await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  await sender.stop();
  const took = performance.now() - began;
  if (sender.bad > 0) throw new Error(`${sender.bad} of ${sender.answered} requests were refused`);
  return {
    perSecond: (sender.answered * 1000) / took,
    cpuPerRequest: ((await side.cpuMs()) - cpu) / sender.answered,
  };
}

export async function metering(): Promise<void> {
  const only = process.env["VIRGA_BENCH_CASE"];
  for (const mode of ["ephemeral", "durable"] as const) {
    const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
    const data = (name: string) => (mode === "durable" ? join(folder, name) : undefined);
    const on = await open("on", data("on"));
    const off = await open("off", data("off"));
    try {
      for (const one of cases) {
        if (only && !`${one.name} ${mode}`.includes(only)) continue;
        for (const side of [on, off]) await one.prepare(side, join(folder, "functions"));
        await compare(one, mode, on, off);
      }
    } finally {
      await stop(on.child);
      await stop(off.child);
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function compare(one: Case, mode: string, on: Side, off: Side): Promise<void> {
  const failed = (error: Error) => {
    throw error;
  };
  const senders = [on, off].map(({ port }) => new Sender(port, one.connections, one.request(port), failed));
  const rates: number[] = [];
  const costs: number[] = [];
  const measured: number[] = [];
  const against: number[] = [];
  for (let pair = -WARM_UP_PAIRS; pair < PAIRS; pair++) {
    // Whoever goes first in one pair goes second in the next.
    const first = Math.abs(pair) % 2;
    const turns: Turn[] = [];
    turns[first] = await turn([on, off][first]!, senders[first]!);
    turns[1 - first] = await turn([on, off][1 - first]!, senders[1 - first]!);
    const [metered, bare] = turns as [Turn, Turn];
    if (pair < 0) continue;
    rates.push(metered.perSecond / bare.perSecond);
    costs.push(bare.cpuPerRequest / metered.cpuPerRequest);
    measured.push(metered.perSecond);
    against.push(bare.perSecond);
  }
  for (const sender of senders) sender.close();
  const ratio = median(rates);
  report({
    what: `metered: ${one.name}, ${mode}`,
    measured: `${Math.round(median(measured))}/s`,
    against: `off: ${Math.round(median(against))}/s (CPU ${median(costs).toFixed(3)})`,
    ratio,
    budget: "≥ 0.95",
    met: ratio >= 0.95,
  });
}
