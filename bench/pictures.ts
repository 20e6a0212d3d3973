/** Many pictures for `examples/image-upload` at once: starting it, uploading them, and watching what the platform does meanwhile. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import sharp from "sharp";

const root = join(import.meta.dirname, "..");
const READY = /\{\n[\s\S]*\n\}\n/;
/** Different pictures; the others are these again. */
const PICTURES = 20;

export interface Site {
  readonly child: ChildProcess;
  readonly endpoint: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Copies the example into a folder, once. */
export function copyExample(folder: string): void {
  const target = join(folder, "image-upload");
  cpSync(join(root, "examples/image-upload"), target, {
    recursive: true,
    filter: (path) => !/node_modules|\.virga/.test(path),
  });
  // As after `npm install` in a copy of the example.
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
}

export async function startSite(folder: string, port: string, ...more: readonly string[]): Promise<Site> {
  const args = ["up", "image-upload", "--port", port, "--data", "data", "--no-watch", "--json", ...more];
  const child = spawn(process.execPath, [join(root, "src/cli/main.ts"), ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const text = await new Promise<string>((resolve, reject) => {
    let heard = "";
    const hear = (chunk: Buffer) => {
      heard += chunk;
      const match = READY.exec(heard);
      if (match) resolve(match[0]);
    };
    child.stdout!.on("data", hear);
    child.stderr!.on("data", hear);
    child.once("exit", () => reject(new Error(`It ended before it was ready: ${heard}`)));
  });
  const { endpoint, applications } = JSON.parse(text) as {
    endpoint: string;
    applications: { outputs: { name: string; value: string }[] }[];
  };
  const outputs = Object.fromEntries(applications[0]!.outputs.map(({ name, value }) => [name, value]));
  return { child, endpoint, outputs };
}

export const clientOf = (site: Site) => ({
  endpoint: site.endpoint.replace("//localhost", "//127.0.0.1"),
  region: "us-east-1",
  credentials: { accessKeyId: "000000000000", secretAccessKey: "test" },
});

export async function pictures(): Promise<Buffer[]> {
  const one = (n: number) =>
    sharp({ create: { width: 1200, height: 800, channels: 3, background: { r: n * 12, g: 90, b: 255 - n * 12 } } })
      .jpeg()
      .toBuffer();
  return Promise.all(Array.from({ length: PICTURES }, (_, n) => one(n)));
}

/**
 * Uploads so many pictures.
 * @param atOnce connections; all pictures at the same time unless told otherwise
 * @returns the ids of those that were acknowledged
 */
export async function uploadAll(
  site: Site,
  count: number,
  uploaded: (id: string) => void = () => {},
  atOnce = count,
): Promise<string[]> {
  // All at once: the client's own queue of 50 connections is none of the platform's.
  const requestHandler = { httpAgent: new Agent({ keepAlive: true, maxSockets: atOnce }) };
  const s3 = new S3Client({ ...clientOf(site), maxAttempts: 1, requestHandler });
  const all = await pictures();
  const acknowledged: string[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const id = randomUUID();
      const command = new PutObjectCommand({
        Bucket: site.outputs["UploadsBucket"]!,
        Key: `uploads/${id}`,
        Body: all[n % PICTURES]!,
        ContentType: "image/jpeg",
      });
      try {
        await s3.send(command);
      } catch {
        return;
      }
      acknowledged.push(id);
      uploaded(id);
    }),
  );
  s3.destroy();
  return acknowledged;
}

/** Keys of the results bucket. */
export async function resultKeys(site: Site): Promise<string[]> {
  const s3 = new S3Client(clientOf(site));
  const keys: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: site.outputs["ResultsBucket"]!, ContinuationToken }));
    keys.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  s3.destroy();
  return keys;
}

/** Waits until every picture has its result. @returns how many have when time is up */
export async function untilDone(site: Site, ids: readonly string[], withinMs: number): Promise<number> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const done = new Set(
      (await resultKeys(site)).flatMap((key) => /^pictures\/(.+)\/result\.json$/.exec(key)?.[1] ?? []),
    );
    const count = ids.filter((id) => done.has(id)).length;
    if (count === ids.length || Date.now() > untilMs) return count;
    await sleep(500);
  }
}

export async function deadLetters(site: Site): Promise<number> {
  const sqs = new SQSClient(clientOf(site));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: site.outputs["DeadLetterQueueUrl"]!,
      AttributeNames: ["ApproximateNumberOfMessages"],
    }),
  );
  sqs.destroy();
  return Number(Attributes!.ApproximateNumberOfMessages);
}

/** One look at the platform. */
export interface Sample {
  /** Since the watch began. */
  readonly atMs: number;
  /** Processes that run functions, or wait to. */
  readonly workers: number;
  /** Of the platform itself. */
  readonly residentMb: number;
  readonly done: number;
}

/** Every process below another, by what the kernel says. */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while we looked.
    }
  }
  const found: number[] = [];
  const queue = [pid];
  while (queue.length > 0) {
    for (const child of children.get(queue.pop()!) ?? []) {
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}

/** Processes of the platform that run a Lambda bootstrap; the walls around them are not counted. */
export function workersOf(site: Site): number {
  return descendants(site.child.pid!).filter((pid) => {
    try {
      const [program = "", ...words] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return !program.endsWith("bwrap") && words.some((word) => /bootstrap\.(cjs|mjs|py)$/.test(word));
    } catch {
      return false;
    }
  }).length;
}

export function residentMbOf(site: Site): number {
  const status = readFileSync(`/proc/${site.child.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024;
}

/** Looks at the platform again and again until told to stop. */
export function watch(site: Site, everyMs: number, done: () => number): { readonly samples: Sample[]; stop(): void } {
  const samples: Sample[] = [];
  const startMs = Date.now();
  const look = () => {
    const atMs = Date.now() - startMs;
    samples.push({ atMs, workers: workersOf(site), residentMb: residentMbOf(site), done: done() });
  };
  look();
  const timer = setInterval(look, everyMs);
  return { samples, stop: () => clearInterval(timer) };
}

/** Whether another function of the application answers, and how long it took. */
export async function askOther(site: Site, id: string): Promise<number> {
  const api = new URL(site.outputs["ApiUrl"]!);
  const from = performance.now();
  await new Promise<void>((resolve, reject) => {
    const { port } = api;
    get({ host: "127.0.0.1", port, path: `/pictures/${id}`, headers: { host: api.host } }, (response) => {
      response.resume().on("end", () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`The API answered ${response.statusCode}`));
      });
    }).once("error", reject);
  });
  return performance.now() - from;
}

export async function end(site: Site, signal: NodeJS.Signals): Promise<void> {
  if (site.child.exitCode !== null || site.child.signalCode !== null) return;
  const closed = new Promise((resolve) => site.child.once("close", resolve));
  site.child.kill(signal);
  await closed;
}
