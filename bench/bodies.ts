/** Large bodies: PutObject against MD5 and a synced write of the same bytes in one process, GetObject against a bare file stream. */
import { createHash } from "node:crypto";
import { closeSync, createReadStream, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { paired, report, startVirga, stop } from "./measure.ts";

const BYTES = 64 * 1024 * 1024;
const ROUNDS = 5;
const MIB = 1024 * 1024;

function exchange(port: number, method: string, path: string, body?: Buffer): Promise<number> {
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, "");
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=test/${date.slice(0, 8)}/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0`,
          "x-amz-date": date,
          "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
          "content-length": body?.length ?? 0,
        },
      },
      (response) => {
        response.on("data", () => {});
        response.on("end", () =>
          response.statusCode! < 300
            ? resolve((performance.now() - began) / 1000)
            : reject(new Error(`${response.statusCode}`)),
        );
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

export async function bodies(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  const virga = await startVirga(["--data", folder]);
  const body = Buffer.alloc(BYTES, "virga ");
  const file = join(folder, "plain");
  const hashAndWrite = async () => {
    const began = performance.now();
    const hash = createHash("md5");
    const handle = openSync(file, "w");
    for (let at = 0; at < BYTES; at += MIB) {
      const chunk = body.subarray(at, at + MIB);
      hash.update(chunk);
      writeSync(handle, chunk);
    }
    fdatasyncSync(handle);
    closeSync(handle);
    hash.digest();
    return BYTES / MIB / ((performance.now() - began) / 1000);
  };
  const bare = createServer((_, response) => createReadStream(file, { highWaterMark: 256 * 1024 }).pipe(response));
  await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
  const barePort = (bare.address() as AddressInfo).port;
  try {
    await exchange(virga.port, "PUT", "/bodies");
    const put = await paired(
      ROUNDS,
      async () => BYTES / MIB / (await exchange(virga.port, "PUT", "/bodies/large", body)),
      hashAndWrite,
    );
    report({
      what: "PutObject 64 MiB, durable",
      measured: `${put.measured.toFixed(0)} MiB/s`,
      against: `MD5 + write ${put.against.toFixed(0)} MiB/s`,
      ratio: put.ratio,
      budget: "≥ 0.5",
      met: put.ratio >= 0.5,
    });
    const get = await paired(
      ROUNDS,
      async () => BYTES / MIB / (await exchange(virga.port, "GET", "/bodies/large")),
      async () => BYTES / MIB / (await exchange(barePort, "GET", "/")),
    );
    report({
      what: "GetObject 64 MiB",
      measured: `${get.measured.toFixed(0)} MiB/s`,
      against: `bare file stream ${get.against.toFixed(0)} MiB/s`,
      ratio: get.ratio,
      budget: "≥ 0.8",
      met: get.ratio >= 0.8,
    });
  } finally {
    bare.close();
    await stop(virga.child);
    rmSync(folder, { recursive: true, force: true });
  }
}
