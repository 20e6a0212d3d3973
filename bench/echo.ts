/**
 * What every request rate is measured against: node:http alone, reading a body whole and answering with as many bytes as Virga would.
 *
 *     node echo.ts BYTES             bytes that were prepared once
 *     node echo.ts BYTES raw         the same, and the request's body is not parsed
 *     node echo.ts BYTES messages    ten stored messages, decoded and encoded for each answer
 *     node echo.ts BYTES keys        a hundred stored keys, decoded and encoded for each answer
 *
 * The last two are what any server pays that answers from what it stores: see docs/decisions/0012.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pack, unpack } from "msgpackr";

const bytes = Number(process.argv[2] ?? 100);
const mode = process.argv[3];
const answer = Buffer.alloc(bytes, 0x20);

const messages = Array.from({ length: 10 }, (_, n) =>
  pack({
    MessageId: `00000000-0000-4000-8000-00000000000${n}`,
    ReceiptHandle: "x".repeat(80),
    MD5OfBody: "0".repeat(32),
    Body: "x".repeat(1024),
  }),
);
const keys = Array.from(
  { length: 100 },
  (_, n) =>
    [
      String(n).padStart(32, "0"),
      pack({ etag: "0".repeat(32), size: 1, modifiedMs: 1_800_000_000_000 + n, checksum: "00000000" }),
    ] as const,
);

const make: Record<string, () => string | Buffer> = {
  messages: () => JSON.stringify({ Messages: messages.map((stored) => unpack(stored)) }),
  keys: () => {
    let text =
      '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
    for (const [key, stored] of keys) {
      const { etag, size, modifiedMs, checksum } = unpack(stored);
      text += `<Contents><Key>${key}</Key><LastModified>${new Date(modifiedMs).toISOString()}</LastModified><ETag>&quot;${etag}&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>${checksum}</ChecksumType><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
    }
    return `${text}</ListBucketResult>`;
  },
};
const body = make[mode ?? ""] ?? (() => answer);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const received = Buffer.concat(chunks);
    if (mode !== "raw" && received.length > 0) JSON.parse(received.toString());
    const whole = body();
    response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
    response.end(whole, "latin1");
  });
});
server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as AddressInfo).port}`));
