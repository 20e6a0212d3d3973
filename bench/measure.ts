/** What every measurement uses: child processes, load, medians, and a table that sets each figure beside what it is measured against. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly against: string;
  readonly ratio: number | undefined;
  readonly budget: string;
  readonly met: boolean | undefined;
}

export const rows: Row[] = [];

/** Prints a row as soon as it is known: long work shows progress. */
export function report(row: Row): void {
  rows.push(row);
  const mark = row.met === undefined ? " " : row.met ? "✔" : "✖";
  console.log(
    `${mark} ${row.what.padEnd(52)} ${row.measured.padStart(16)}  against ${row.against.padEnd(30)} ${row.ratio === undefined ? "" : `ratio ${row.ratio.toFixed(2)}`}  (${row.budget})`,
  );
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Starts a program and waits until it prints the pattern, to either output. */
export function start(
  args: readonly string[],
  pattern: RegExp,
): Promise<{ child: ChildProcess; match: RegExpExecArray }> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], cwd: root });
  children.add(child);
  return new Promise((resolve, reject) => {
    let text = "";
    const hear = (chunk: Buffer) => {
      text += chunk;
      const match = pattern.exec(text);
      if (match) resolve({ child, match });
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", () => reject(new Error(`${args.join(" ")} ended before it was ready: ${text}`)));
  });
}

export async function stop(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** The command as it is published: `npm run bench` bundles it first. */
export const virga = join(root, "dist/virga.js");

export interface Virga {
  readonly child: ChildProcess;
  readonly port: number;
  readonly endpoint: string;
  call(target: string, body: object): Promise<any>;
  /** An operation of AWS's query protocol. @returns XML */
  query(scope: string, version: string, action: string, parameters: Readonly<Record<string, string>>): Promise<string>;
}

export async function startVirga(flags: readonly string[]): Promise<Virga> {
  const { child, match } = await start(
    [virga, "start", "--port", "0", "--log-level", "error", ...flags],
    /http:\/\/[\w.]+:(\d+)/,
  );
  return apiOf(child, Number(match[1]));
}

export function apiOf(child: ChildProcess, port: number): Virga {
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    child,
    port,
    endpoint,
    async call(target, body) {
      const response = await fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": target },
        body: JSON.stringify(body),
      });
      if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
      return response.json();
    },
    async query(scope, Version, Action, parameters) {
      const response = await fetch(endpoint, {
        method: "POST",
        headers: {
          "x-amz-date": "20260101T000000Z",
          authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${scope}/aws4_request, SignedHeaders=host, Signature=0`,
        },
        body: new URLSearchParams({ Action, Version, ...parameters }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${Action}: ${text}`);
      return text;
    },
  };
}

/** A bare node:http server that parses a JSON request and answers with `bytes` bytes, or makes its answer of what it holds. */
export async function startEcho(
  bytes: number,
  made?: "messages" | "keys",
): Promise<{ child: ChildProcess; port: number }> {
  const flags = [String(bytes), ...(made === undefined ? [] : [made])];
  const { child, match } = await start([join(root, "bench/echo.ts"), ...flags], /port (\d+)/);
  return { child, port: Number(match[1]) };
}

export function jsonRequest(port: number, target: string, body: object): Buffer {
  const text = JSON.stringify(body);
  return Buffer.from(
    `POST / HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: ${target}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** Requests a second. */
export function load(port: number, connections: number, seconds: number, request: Buffer): Promise<number> {
  const job = JSON.stringify({ port, connections, seconds, request: request.toString("base64") });
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(root, "bench/load.ts"), job], { maxBuffer: 1e8 }, (error, stdout) => {
      if (error) return reject(error);
      const { answered, bad, seconds: took } = JSON.parse(stdout) as { answered: number; bad: number; seconds: number };
      if (bad > 0) return reject(new Error(`${bad} of ${answered} requests were refused`));
      resolve(answered / took);
    });
  });
}

/** Both sides in turn, A B A B …; the median of the ratios, pair by pair. */
export async function paired(
  rounds: number,
  measured: () => Promise<number>,
  against: () => Promise<number>,
): Promise<{ measured: number; against: number; ratio: number }> {
  const a: number[] = [];
  const b: number[] = [];
  for (let round = 0; round < rounds; round++) {
    b.push(await against());
    a.push(await measured());
  }
  return { measured: median(a), against: median(b), ratio: median(a.map((value, index) => value / b[index]!)) };
}

/** CPU time of a process so far, in milliseconds. Linux only. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory in MB. Linux only. */
export function memoryMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) / 1024;
}
