/**
 * The Runtime API of one worker, as AWS publishes it, for runtimes that are not our own (`provided.*`): an HTTP server on a loopback
 * port of its own. It says and hears the same as a {@link ./channel.ts channel}, so that a worker does not care which of the two it has.
 *
 * Every port on the loopback is within everybody's reach, so a connection is answered only when it comes from the worker itself.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { FromWorker, ToWorker } from "./channel.ts";
import type { Extensions } from "./extensions.ts";
import { RESPONSE_BYTES_MAX } from "./outcome.ts";
import type { Connection } from "./processes.ts";

export interface RuntimeApi {
  /** `127.0.0.1:34567`, the value of AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /** Gives the runtime its next event, now or when it asks. */
  invoke(header: Extract<ToWorker, { kind: "invoke" }>, payload: Uint8Array, deadlineMs: number): void;
  close(): void;
}

const PREFIX = "/2018-06-01/runtime/";
const HEADER_ERROR_TYPE = "lambda-runtime-function-error-type";

/** A runtime asks and waits, frozen for hours if need be. The interval at which a server looks for slow clients is as good as never. */
const UNTIMED = { keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, connectionsCheckingInterval: 2 ** 31 - 1 };

interface Given {
  readonly header: Extract<ToWorker, { kind: "invoke" }>;
  readonly payload: Uint8Array;
  readonly deadlineMs: number;
}

/**
 * @param belongs whether a connection was made by the worker
 * @param onFrame what the runtime says; `idle` whenever it asks for an event. What it returns is waited for before more of a stream is read
 */
export async function openRuntimeApi(
  belongs: (connection: Connection) => boolean,
  onFrame: (header: FromWorker | { readonly kind: "idle" }, body: Buffer) => Promise<void> | undefined,
  extensions?: Extensions,
): Promise<RuntimeApi> {
  let next: Given | undefined;
  let asking: ServerResponse | undefined;
  let running: string | undefined;
  let ready = false;

  const give = () => {
    if (next === undefined || asking === undefined) return;
    const { header, payload, deadlineMs } = next;
    const response = asking;
    next = undefined;
    asking = undefined;
    running = header.requestId;
    response.writeHead(200, {
      "Content-Type": "application/json",
      "Content-Length": payload.length,
      "Lambda-Runtime-Aws-Request-Id": header.requestId,
      "Lambda-Runtime-Deadline-Ms": deadlineMs,
      "Lambda-Runtime-Invoked-Function-Arn": header.invokedArn,
      ...(header.traceId !== undefined && { "Lambda-Runtime-Trace-Id": header.traceId }),
      ...(header.clientContext !== undefined && { "Lambda-Runtime-Client-Context": header.clientContext }),
    });
    response.end(payload);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (await extensions?.handle(request, response)) return;
    const path = request.url!.startsWith(PREFIX) ? request.url!.slice(PREFIX.length) : undefined;
    if (request.method === "GET" && path === "invocation/next") {
      if (running !== undefined) return refuse(response, 403, "InvalidStateTransition", "Transition is not allowed");
      asking = response;
      response.on("close", () => {
        if (asking === response) asking = undefined;
      });
      if (!ready) {
        ready = true;
        onFrame({ kind: "ready" }, Buffer.alloc(0));
      }
      onFrame({ kind: "idle" }, Buffer.alloc(0));
      give();
      return;
    }
    if (request.method === "POST" && path === "init/error") {
      const body = await read(request);
      if (ready) return refuse(response, 403, "InvalidStateTransition", "Transition is not allowed");
      accept(response);
      onFrame({ kind: "init-error" }, withType(body, request));
      return;
    }
    const post = request.method === "POST" ? /^invocation\/([^/]+)\/(response|error)$/.exec(path ?? "") : null;
    if (post === null) {
      request.resume();
      response.writeHead(404).end();
      return;
    }
    const requestId = decodeURIComponent(post[1]!);
    if (post[2] === "response" && request.headers["lambda-runtime-function-response-mode"] === "streaming")
      return stream(request, response, requestId);
    const body = await read(request);
    if (requestId !== running) return refuse(response, 400, "InvalidRequestID", "Invalid request ID");
    running = undefined;
    if (post[2] === "error") {
      accept(response);
      onFrame({ kind: "error", requestId }, withType(body, request));
    } else if (request.trailers[HEADER_ERROR_TYPE] !== undefined) {
      accept(response);
      onFrame({ kind: "error", requestId }, errorInTrailers(request));
    } else if (body.length > RESPONSE_BYTES_MAX) {
      const limit = `Exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`;
      refuse(response, 413, "RequestEntityTooLarge", limit);
      onFrame({ kind: "response", requestId }, body);
    } else {
      accept(response);
      onFrame({ kind: "response", requestId }, body);
    }
  };

  /** A response that comes in pieces; an error in the middle of it stands in the trailers. */
  const stream = async (request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> => {
    if (requestId !== running) return refuse(response, 400, "InvalidRequestID", "Invalid request ID");
    const contentType = request.headers["content-type"];
    const kind = { requestId, ...(contentType !== undefined && { contentType }) };
    for await (const chunk of request as AsyncIterable<Buffer>) await onFrame({ kind: "chunk", ...kind }, chunk);
    running = undefined;
    accept(response);
    if (request.trailers[HEADER_ERROR_TYPE] === undefined) onFrame({ kind: "end", ...kind }, Buffer.alloc(0));
    else onFrame({ kind: "error", requestId }, errorInTrailers(request));
  };

  const server = createServer(UNTIMED, (request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.on("connection", (socket: Socket) => {
    if (!belongs({ clientPort: socket.remotePort ?? 0, serverPort: socket.localPort ?? 0 })) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    invoke(header, payload, deadlineMs) {
      next = { header, payload, deadlineMs };
      give();
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Reads a body; what exceeds the limit of a response is counted and dropped, all but its first byte too many. */
async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if (bytes <= RESPONSE_BYTES_MAX) chunks.push(chunk);
    bytes += chunk.length;
  }
  return Buffer.concat(chunks);
}

const errorInTrailers = (request: IncomingMessage): Buffer =>
  Buffer.from(request.trailers["lambda-runtime-function-error-body"] ?? "", "base64");

/** The error's type, where the runtime gave it in a header alone. */
function withType(body: Buffer, request: IncomingMessage): Buffer {
  const errorType = request.headers[HEADER_ERROR_TYPE];
  if (body.length > 0 || typeof errorType !== "string") return body;
  return Buffer.from(JSON.stringify({ errorType, errorMessage: "" }));
}

function accept(response: ServerResponse): void {
  response.writeHead(202, { "Content-Type": "application/json" }).end('{"status":"OK"}\n');
}

function refuse(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  response
    .writeHead(status, { "Content-Type": "application/json" })
    .end(`${JSON.stringify({ errorMessage, errorType })}\n`);
}
