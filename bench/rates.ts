/** Requests a second of single operations, ephemeral and durable, as ratios to a bare server that answers as many bytes. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jsonRequest, load, paired, report, startEcho, startVirga, stop, type Virga } from "./measure.ts";

const KILOBYTE = "x".repeat(1024);
const SECONDS = 2;
const ROUNDS = 3;
const QUEUE = "http://localhost/000000000000/bench";

interface Case {
  readonly name: string;
  /** What the answer weighs, for the bare server beside it. */
  readonly answerBytes: number;
  /** What the bare server makes its answer of, where it does not send the same bytes again and again. */
  readonly made?: "messages" | "keys";
  readonly connections: readonly number[];
  readonly budget: { readonly ephemeral: number; readonly durable: number };
  request(port: number): Buffer;
  prepare(virga: Virga): Promise<void>;
}

export const s3Request = (port: number, method: string, path: string, body = "", service = "s3"): Buffer => {
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  return Buffer.from(
    `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: AWS4-HMAC-SHA256 Credential=test/${date.slice(0, 8)}/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Date: ${date}\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
};

export async function s3(virga: Virga, method: string, path: string, body?: string): Promise<void> {
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const response = await fetch(virga.endpoint + path, {
    method,
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=test/${date.slice(0, 8)}/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0`,
      "x-amz-date": date,
    },
    ...(body === undefined ? {} : { body }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
}

export const table = async (virga: Virga) => {
  await virga.call("DynamoDB_20120810.CreateTable", {
    TableName: "bench",
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
    BillingMode: "PAY_PER_REQUEST",
  });
  await virga.call("DynamoDB_20120810.PutItem", { TableName: "bench", Item: { pk: { S: "k" }, v: { S: KILOBYTE } } });
};

const cases: readonly Case[] = [
  {
    name: "SendMessage 1 KB",
    answerBytes: 110,
    connections: [64, 256],
    budget: { ephemeral: 0.45, durable: 0.4 },
    request: (port) => jsonRequest(port, "AmazonSQS.SendMessage", { QueueUrl: QUEUE, MessageBody: KILOBYTE }),
    prepare: async (virga) => void (await virga.call("AmazonSQS.CreateQueue", { QueueName: "bench" })),
  },
  {
    name: "ReceiveMessage ×10, 1 KB each",
    answerBytes: 12_600,
    made: "messages",
    connections: [64],
    budget: { ephemeral: 0.35, durable: 0.2 },
    request: (port) =>
      jsonRequest(port, "AmazonSQS.ReceiveMessage", {
        QueueUrl: `${QUEUE}2`,
        MaxNumberOfMessages: 10,
        VisibilityTimeout: 0,
      }),
    prepare: async (virga) => {
      await virga.call("AmazonSQS.CreateQueue", { QueueName: "bench2" });
      for (let n = 0; n < 100; n++)
        await virga.call("AmazonSQS.SendMessage", { QueueUrl: `${QUEUE}2`, MessageBody: KILOBYTE });
    },
  },
  {
    name: "GetItem 1 KB",
    answerBytes: 1080,
    connections: [64],
    budget: { ephemeral: 0.6, durable: 0.6 },
    request: (port) => jsonRequest(port, "DynamoDB_20120810.GetItem", { TableName: "bench", Key: { pk: { S: "k" } } }),
    prepare: table,
  },
  {
    name: "PutItem 1 KB",
    answerBytes: 2,
    connections: [64],
    budget: { ephemeral: 0.45, durable: 0.4 },
    request: (port) =>
      jsonRequest(port, "DynamoDB_20120810.PutItem", {
        TableName: "bench",
        Item: { pk: { S: "@@@@@@@@" }, v: { S: KILOBYTE } },
      }),
    prepare: async () => {},
  },
  {
    name: "PutObject 1 KB",
    answerBytes: 0,
    connections: [64],
    budget: { ephemeral: 0.3, durable: 0.15 },
    request: (port) => s3Request(port, "PUT", "/bench/@@@@@@@@", KILOBYTE),
    prepare: (virga) => s3(virga, "PUT", "/bench"),
  },
  {
    name: "GetObject 1 KB",
    answerBytes: 1024,
    connections: [64],
    budget: { ephemeral: 0.4, durable: 0.4 },
    request: (port) => s3Request(port, "GET", "/bench/one"),
    prepare: (virga) => s3(virga, "PUT", "/bench/one", KILOBYTE),
  },
  {
    name: "ListObjectsV2 ×100",
    answerBytes: 26_500,
    made: "keys",
    connections: [64],
    budget: { ephemeral: 0.4, durable: 0.4 },
    request: (port) => s3Request(port, "GET", "/listed?list-type=2&max-keys=100"),
    prepare: async (virga) => {
      await s3(virga, "PUT", "/listed");
      for (let n = 0; n < 100; n++)
        await s3(virga, "PUT", `/listed/${createHash("md5").update(String(n)).digest("hex")}`, "x");
    },
  },
];

export async function rates(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  const modes = { ephemeral: await startVirga(["--ephemeral"]), durable: await startVirga(["--data", folder]) };
  try {
    for (const one of cases) {
      for (const virga of Object.values(modes)) await one.prepare(virga);
      const echo = await startEcho(one.answerBytes, one.made);
      for (const connections of one.connections) {
        for (const [mode, virga] of Object.entries(modes) as Array<[keyof typeof modes, Virga]>) {
          const result = await paired(
            ROUNDS,
            () => load(virga.port, connections, SECONDS, one.request(virga.port)),
            () => load(echo.port, connections, SECONDS, bare(one, echo.port)),
          );
          report({
            what: `${one.name}, ${mode}, ${connections} connections`,
            measured: `${Math.round(result.measured)}/s`,
            against: `bare server ${Math.round(result.against)}/s`,
            ratio: result.ratio,
            budget: `≥ ${one.budget[mode]}`,
            met: result.ratio >= one.budget[mode],
          });
        }
      }
      await stop(echo.child);
    }
  } finally {
    for (const virga of Object.values(modes)) await stop(virga.child);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same request with a body that the bare server can parse. */
function bare(one: Case, port: number): Buffer {
  const request = one.request(port);
  const end = request.indexOf("\r\n\r\n") + 4;
  const body = request.subarray(end);
  if (body.length === 0 || body[0] === 0x7b) return request;
  const text = JSON.stringify(body.toString("latin1").slice(2));
  return Buffer.concat([request.subarray(0, end), Buffer.from(text)]);
}
