/** The real adapter of {@link ApigatewayPorts.sendHttp}: plain node:http, no redirects, no retries, as API Gateway does it. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { IncomingResponse, OutgoingRequest } from "./ports.ts";

export function sendHttp(outgoing: OutgoingRequest): Promise<IncomingResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingResponse>();
  const send = outgoing.url.protocol === "https:" ? requestHttps : requestHttp;
  const request = send(
    outgoing.url,
    { method: outgoing.method, headers: outgoing.headers.flat() as unknown as string[], signal: outgoing.signal },
    (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > outgoing.responseBytesMax) response.destroy(new Error("The integration's response is too large"));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", () => {
        const headers: [string, string][] = [];
        for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
          headers.push([response.rawHeaders[i]!, response.rawHeaders[i + 1]!]);
        }
        resolve({ status: response.statusCode ?? 502, headers, body: Buffer.concat(chunks) });
      });
    },
  );
  request.on("error", reject);
  request.end(outgoing.body);
  return promise;
}
