/** Other servers that people run on their own machines, under the same load: dynalite for tables, s3rver for objects. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiOf, load, paired, report, start, startVirga, stop, type Virga } from "./measure.ts";
import { s3, s3Request, table } from "./rates.ts";

const SECONDS = 2;
const ROUNDS = 3;
const CONNECTIONS = 64;
const INSTALL_MS_MAX = 240_000;
const KILOBYTE = "x".repeat(1024);

export async function rivals(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  try {
    if (!install(folder, ["dynalite@4", "s3rver@3"])) return;
    const virga = await startVirga(["--data", join(folder, "data")]);
    try {
      await besideDynalite(virga, folder);
      await besideS3rver(virga, folder);
    } finally {
      await stop(virga.child);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts packages where nothing of ours is, for this run alone. False, and a line that says why, where they are not to be had. */
export function install(folder: string, packages: readonly string[]): boolean {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true,"type":"commonjs"}');
  try {
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], {
      cwd: folder,
      stdio: "pipe",
      timeout: INSTALL_MS_MAX,
    });
    return true;
  } catch (error) {
    console.log(`  ${packages.join(", ")}: skipped, cannot be installed: ${(error as Error).message.split("\n")[0]}`);
    return false;
  }
}

/** dynalite keeps its table in memory; Virga answers once the write is on the disk. */
async function besideDynalite(virga: Virga, folder: string): Promise<void> {
  const { child, match } = await start(
    [join(folder, "node_modules/dynalite/cli.js"), "--host", "127.0.0.1", "--port", "0", "--createTableMs", "0"],
    /http:\/\/[\w.]+:(\d+)/,
  );
  const dynalite = apiOf(child, Number(match[1]));
  try {
    for (const server of [virga, dynalite]) await table({ ...server, call: signed(server) });
    const operations = {
      PutItem: { TableName: "bench", Item: { pk: { S: "@@@@@@@@" }, v: { S: KILOBYTE } } },
      GetItem: { TableName: "bench", Key: { pk: { S: "k" } } },
    };
    for (const [operation, body] of Object.entries(operations))
      await beside(
        `${operation} 1 KB, durable, against dynalite in memory`,
        "dynalite",
        1,
        virga,
        dynalite,
        ({ port }) => signedRequest(port, `DynamoDB_20120810.${operation}`, body),
      );
  } finally {
    await stop(child);
  }
}

async function besideS3rver(virga: Virga, folder: string): Promise<void> {
  const flags = ["-d", join(folder, "s3rver"), "-a", "127.0.0.1", "-p", "0", "--allow-mismatched-signatures"];
  mkdirSync(join(folder, "s3rver"));
  const { child, match } = await start(
    [join(folder, "node_modules/s3rver/bin/s3rver.js"), ...flags, "--configure-bucket", "rival"],
    /127\.0\.0\.1:(\d+)/,
  );
  const s3rver = apiOf(child, Number(match[1]));
  try {
    await s3(virga, "PUT", "/rival");
    await beside("PutObject 1 KB, durable, against s3rver", "s3rver", 5, virga, s3rver, ({ port }) =>
      Buffer.from(
        s3Request(port, "PUT", "/rival/@@@@@@@@", KILOBYTE)
          .toString("latin1")
          .replace("Credential=test", "Credential=S3RVER"),
        "latin1",
      ),
    );
  } finally {
    await stop(child);
  }
}

async function beside(
  what: string,
  name: string,
  budget: number,
  ours: Virga,
  theirs: Virga,
  request: (server: Virga) => Buffer,
): Promise<void> {
  const result = await paired(
    ROUNDS,
    () => load(ours.port, CONNECTIONS, SECONDS, request(ours)),
    () => load(theirs.port, CONNECTIONS, SECONDS, request(theirs)),
  );
  report({
    what,
    measured: `${Math.round(result.measured)}/s`,
    against: `${name} ${Math.round(result.against)}/s`,
    ratio: result.ratio,
    budget: `≥ ${budget}`,
    met: result.ratio >= budget,
  });
}

const AUTHORIZATION =
  "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";

/** dynalite answers nobody who has not signed, whatever the signature. */
function signedRequest(port: number, target: string, body: object): Buffer {
  const text = JSON.stringify(body);
  return Buffer.from(
    `POST / HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: ${target}\r\nX-Amz-Date: 20260101T000000Z\r\nAuthorization: ${AUTHORIZATION}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

const signed =
  ({ endpoint }: Virga): Virga["call"] =>
  async (target, body) => {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": target,
        "x-amz-date": "20260101T000000Z",
        authorization: AUTHORIZATION,
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${target}: ${response.status} ${await response.text()}`);
    return response.json();
  };
