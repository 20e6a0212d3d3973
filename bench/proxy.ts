/** What a load balancer is measured against: a reverse proxy of node:http alone, over kept connections, which adds one header. */
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

const target = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, response) => {
  const outgoing = request(
    {
      agent,
      host: "127.0.0.1",
      port: target,
      method: incoming.method,
      path: incoming.url,
      headers: { ...incoming.headers, "x-forwarded-for": incoming.socket.remoteAddress },
    },
    (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    },
  );
  outgoing.on("error", () => response.writeHead(502).end());
  incoming.pipe(outgoing);
});
server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as AddressInfo).port}`));
