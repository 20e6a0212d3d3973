/** HTTP and HTTP_PROXY integrations. */

import type { ApigatewayPorts, IncomingResponse } from "../../apigateway-common/ports.ts";
import { HOP_BY_HOP, headersOf } from "../../apigateway-common/replies.ts";
import { own } from "../../apigateway-common/request.ts";
import type { HttpResponse } from "../../service.ts";
import type { Exchange } from "./exchange.ts";
import { GatewayError, internalServerError } from "./gateway.ts";
import { type BackendRequest, type BackendResponse, resolvedUri } from "./integrate.ts";

export const PAYLOAD_BYTES_MAX = 10 * 1024 * 1024;

/** The URI with `{variables}` filled in, as mapped to the integration or, for proxies, by the path itself. */
function target(exchange: Exchange, path: Readonly<Record<string, string>>): URL {
  const uri = resolvedUri(exchange, exchange.target!.integration.uri ?? "").replaceAll(
    /\{([^{}]+?)\+?\}/g,
    (whole, name: string) => {
      const value = own(path, name);
      return value === undefined ? whole : value.split("/").map(encodeURIComponent).join("/");
    },
  );
  try {
    return new URL(uri);
  } catch {
    throw internalServerError();
  }
}

async function send(
  exchange: Exchange,
  url: URL,
  headers: readonly (readonly [string, string])[],
  body: Buffer,
  signal: AbortSignal,
  ports: ApigatewayPorts,
): Promise<IncomingResponse> {
  const { integration } = exchange.target!;
  const method = integration.httpMethod === "ANY" ? exchange.request.method : integration.httpMethod!;
  const own = headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !/^(host|content-length)$/i.test(name));
  try {
    return await ports.sendHttp({
      method,
      url,
      headers: [
        ...own,
        ["Host", url.host],
        ["x-amzn-apigateway-api-id", exchange.apiId],
        ["Content-Length", String(body.length)],
      ],
      body,
      signal,
      responseBytesMax: PAYLOAD_BYTES_MAX,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    exchange.flow.log.warn("An HTTP integration could not be reached", { url: url.href, error: String(error) });
    throw new GatewayError("INTEGRATION_FAILURE", "Network error communicating with endpoint");
  }
}

export async function callHttp(
  exchange: Exchange,
  request: BackendRequest,
  signal: AbortSignal,
  ports: ApigatewayPorts,
): Promise<BackendResponse> {
  const url = target(exchange, request.path);
  for (const [name, value] of request.query) url.searchParams.append(name, value);
  const answer = await send(exchange, url, request.headers, request.body, signal, ports);
  return { ...answer, selector: String(answer.status) };
}

/** Everything passes as it came, with the mapped parameters on top. */
export async function proxyHttp(
  exchange: Exchange,
  mapped: Omit<BackendRequest, "body">,
  signal: AbortSignal,
  ports: ApigatewayPorts,
): Promise<HttpResponse> {
  const url = target(exchange, { ...exchange.pathParameters, ...mapped.path });
  const query = new Set(mapped.query.map(([name]) => name));
  for (const [name, values] of exchange.query)
    if (!query.has(name)) for (const value of values) url.searchParams.append(name, value);
  for (const [name, value] of mapped.query) url.searchParams.append(name, value);
  const named = new Set(mapped.headers.map(([name]) => name.toLowerCase()));
  const headers: [string, string][] = [];
  for (const [name, values] of exchange.headers)
    if (!named.has(name.toLowerCase())) for (const value of values) headers.push([name, value]);
  headers.push(...mapped.headers.map(([name, value]): [string, string] => [name, value]));
  const answer = await send(exchange, url, headers, exchange.body, signal, ports);
  const kept = answer.headers.filter(
    ([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && name.toLowerCase() !== "content-length",
  );
  return { status: answer.status, headers: headersOf(kept), body: answer.body };
}
