/** Requests as the benches make them: one at a time over kept connections, and functions made from source text. */
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import type { Virga } from "./measure.ts";

const agent = new Agent({ keepAlive: true });

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Over kept connections. */
export function http(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string>,
  body = "",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent,
        headers: { ...headers, "content-length": Buffer.byteLength(body) },
      },
      (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode!, text }));
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

export const signed = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
  "x-amz-date": "20260101T000000Z",
  "content-type": "application/json",
});

export async function rest(port: number, service: string, method: string, path: string, body?: object): Promise<any> {
  const { status, text } = await http(
    port,
    method,
    path,
    signed(service),
    body === undefined ? "" : JSON.stringify(body),
  );
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}

export async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

export interface Source {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Default: Node, `index.handler`. */
  readonly runtime?: string;
  readonly handler?: string;
}

/** A function whose code is a folder below `folder`. */
export async function createFunction(
  virga: Virga,
  folder: string,
  name: string,
  source: string | Source,
): Promise<void> {
  const { files, runtime, handler } = typeof source === "string" ? { files: { "index.mjs": source } } : source;
  const code = join(folder, name);
  mkdirSync(code, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(code, file), content, { mode: 0o755 });
  await rest(virga.port, "lambda", "POST", "/2015-03-31/functions", {
    FunctionName: name,
    Runtime: runtime ?? "nodejs24.x",
    Handler: handler ?? "index.handler",
    Role: "arn:aws:iam::000000000000:role/bench",
    MemorySize: 1024,
    Timeout: 30,
    Code: { S3Bucket: "hot-reload", S3Key: code },
  });
}

export const invoke = (virga: Virga, name: string) =>
  http(virga.port, "POST", `/2015-03-31/functions/${name}/invocations`, signed("lambda"), "{}");
