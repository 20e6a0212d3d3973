/** What every request rate is measured against: node:http alone, reading a body whole and answering with as many bytes as Virga would. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const answer = Buffer.alloc(Number(process.argv[2] ?? 100), 0x20);
const parses = process.argv[3] !== "raw";

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks);
    if (parses && body.length > 0) JSON.parse(body.toString());
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as AddressInfo).port}`));
