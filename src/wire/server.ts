/**
 * The HTTP server: tells AWS API calls from the surfaces that are not (websites, API stages …), finds service, protocol and operation, checks the
 * signature, decodes, hands over, encodes. The only place where errors become replies.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { pipeline, type Readable, type Transform } from "node:stream";
import { AwsError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import type { Random } from "../kernel/random.ts";
import { type Authentication, type Authenticator, authenticate, authenticateForm } from "./authenticate.ts";
import { collect, gunzip, PayloadHashCheck, payloadMismatch, RequestAborted, requestTooLarge } from "./body.ts";
import { checkHost, foreignPage, isolated, knownKeysOnly } from "./browsers.ts";
import { AwsChunkedDecoder } from "./chunked.ts";
import { hostName } from "./hosts.ts";
import { internalFailure, type Reply } from "./protocols.ts";
import { type FormTree, parseForm } from "./query.ts";
import type { RequestParts } from "./rest.ts";
import { addQueueUrl, type Head, RequestRouter, type Routed, refused, type Target, unknownOperation } from "./route.ts";
import type { ShapeLibrary } from "./shapes.ts";
import { readClaim, sha256Hex } from "./sigv4.ts";

/** A decoded API call. */
export interface ApiCall<Who> {
  readonly service: string;
  readonly operation: string;
  readonly input: unknown;
  readonly who: Who;
  /** Undefined where the request does not say. */
  readonly region: string | undefined;
  readonly requestId: string;
  /** `http://localhost:4566`, as the caller wrote it. */
  readonly endpoint: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sourceIp: string;
  /** aws-chunked trailers; complete once the body has been read. */
  trailers(): Readonly<Record<string, string>>;
  /** Aborted when the caller goes away. Made when first asked for. */
  readonly signal: AbortSignal;
}

/** A request for a surface that is not an AWS API. */
export interface FrontCall<Who> {
  /** Who signed the policy in a browser's form. @throws AwsError */
  readonly signerOfForm: (fields: Readonly<Record<string, string>>) => Who;
  readonly message: IncomingMessage;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly who: Who | undefined;
  readonly region: string | undefined;
  readonly requestId: string;
  readonly endpoint: string;
  readonly signal: AbortSignal;
}

export interface FrontReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array | Readable;
}

/** Decides whether a request is for a surface; the answer handles it. */
export type FrontMatcher<Who> = (head: Head) => ((call: FrontCall<Who>) => Promise<FrontReply>) | undefined;

export interface WireOptions<Who> {
  readonly shapes: ShapeLibrary;
  readonly authenticator: Authenticator<Who>;
  readonly dispatch: (call: ApiCall<Who>) => Promise<any>;
  readonly front: FrontMatcher<Who>;
  /** Headers that a service adds to its replies, errors included: S3's CORS. */
  readonly extraHeaders?: (call: {
    service: string;
    headers: Readonly<Record<string, string>>;
    method: string;
    bucket: string | undefined;
  }) => Record<string, string> | undefined;
  /** Looks at a body that was collected, before it is decoded: S3's digests, in headers and trailers. Throws what the caller is to hear. */
  readonly inspectBody?: (call: {
    service: string;
    operation: string;
    headers: Readonly<Record<string, string>>;
    trailers: Readonly<Record<string, string>>;
    body: Buffer;
  }) => void;
  readonly nowMs: () => number;
  readonly random: Random;
  readonly log: Log;
}

const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** A 50 MB archive as base64, and what is around it. */
const CODE_BYTES_MAX = 72 * 1024 * 1024;
/** A client that sends nothing for this long while it owes a body is cut off. */
const BODY_IDLE_MS_MAX = 60_000;

export function createWireServer<Who>(options: WireOptions<Who>): Server {
  const { shapes, random, log } = options;
  const router = new RequestRouter(shapes);

  const server = createServer(
    { keepAliveTimeout: 65_000, headersTimeout: 60_000, requestTimeout: 0, maxHeaderSize: 32 * 1024 },
    (request, response) => {
      handle(request, response).catch((error: unknown) => {
        // Nothing is thrown while a request is served; this is for an answer that cannot be written, such as a header with a line break.
        log.error("An answer could not be written", { error: error instanceof Error ? error.message : String(error) });
        if (response.headersSent) response.destroy();
        else response.writeHead(500, { "content-length": "0" }).end();
      });
    },
  );
  // A client that owes a body must keep sending it; one that waits for an answer may be silent.
  const latest = new WeakMap<Socket, IncomingMessage>();
  server.setTimeout(BODY_IDLE_MS_MAX, (socket) => {
    if (latest.get(socket)?.complete === false) socket.destroy();
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return socket.destroy();
    const [status, text] =
      error.code === "HPE_HEADER_OVERFLOW"
        ? ["431 Request Header Fields Too Large", "Your request header section exceeds the maximum allowed size"]
        : ["400 Bad Request", "The request is not valid HTTP"];
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>BadRequest</Code><Message>${text}</Message></Error>`;
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/xml\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  });
  return server;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = random.uuid();
    const url = request.url ?? "/";
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? "" : url.slice(mark + 1);
    const headers = request.headers as Record<string, string>;
    const host = hostName(headers["host"]);
    latest.set(request.socket, request);

    const head: Head = { method: request.method!, path, query, host, headers };
    const page = options.authenticator.required ? undefined : foreignPage(head);
    const authenticator = page === undefined ? options.authenticator : knownKeysOnly(options.authenticator, page);
    const front = options.front(head);
    if (front) return serveFront(front, request, response, head, requestId, authenticator);

    let routed: Routed = UNKNOWN;
    let reply: Reply;
    try {
      if (!authenticator.required) checkHost(host);
      let form: FormTree | undefined;
      let body: Buffer | undefined;
      const byHead = router.byHead(head);
      if (byHead) routed = byHead;
      else {
        routed = UNKNOWN_QUERY;
        if (request.method === "POST") body = await collect(request, BODY_BYTES_MAX);
        form = parseForm(body?.toString("utf8") ?? query);
        routed = router.byForm(head, form);
        addQueueUrl(form, routed.service, endpointOf(headers), path);
      }
      const target = routed.target();

      const { who, region, input, trailers } = await readCall(request, head, target, authenticator, form, body);
      const call = new Call(request, response, target, input, who, region, requestId, trailers);
      const output = await options.dispatch(call);
      reply = router.protocolOf(target.service).encode(target.operation, target.protocol, output ?? {}, requestId);
    } catch (thrown) {
      if (thrown instanceof RequestAborted) return;
      let error = thrown;
      if (!(error instanceof AwsError)) {
        log.error("An operation failed with a defect", {
          service: routed.service,
          requestId,
          path,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
        error = internalFailure(routed.protocol);
      }
      const { service, protocol } = routed;
      reply = router.protocolOf(service).encodeError(error as AwsError, protocol, requestId, decodedPath(path));
      if (!request.complete) request.resume();
    }
    const extra = options.extraHeaders?.({
      service: routed.service,
      headers,
      method: request.method!,
      bucket: routed.bucket,
    });
    if (extra) Object.assign(reply.headers, extra);
    send(request, response, isolated(head, reply));
  }

  /** Reads and checks the body, verifies the signature, decodes the input. */
  async function readCall(
    request: IncomingMessage,
    head: Head,
    target: Target,
    authenticator: Authenticator<Who>,
    form: FormTree | undefined,
    collected: Buffer | undefined,
  ) {
    const codec = router.protocolOf(target.service);
    // The headers as the service is to see them change below; what was signed is what was sent.
    const headers = head.headers as Record<string, string>;
    const streams = target.labels !== undefined && codec.streamsInput(target.operation);
    const contentHash = headers["x-amz-content-sha256"];
    const isS3 = target.service === "s3";
    const chunked =
      isS3 && (contentHash?.startsWith("STREAMING-") || headers["content-encoding"]?.includes("aws-chunked"));
    let body: Buffer | Readable = collected ?? NO_BYTES;
    let trailers = noTrailers;
    let authentication: Authentication<Who>;
    const verify = (payloadHash: () => string) =>
      authenticate(head, target.service, target.protocol, authenticator, options.nowMs(), payloadHash, target.claim);

    if (streams || chunked) {
      authentication = verify(() => contentHash ?? "UNSIGNED-PAYLOAD");
      body = request;
      if (chunked) {
        const decoder = chunkDecoder(headers, contentHash, authentication);
        trailers = () => decoder.trailers;
        body = passOn(request, decoder);
        dropChunkedEncoding(headers);
      } else if (isS3 && contentHash && /^[0-9a-f]{64}$/.test(contentHash)) {
        body = passOn(request, new PayloadHashCheck(contentHash));
      }
      if (!streams) body = await collectStream(body, BODY_BYTES_MAX);
    } else {
      const limit = target.service === "lambda" ? CODE_BYTES_MAX : BODY_BYTES_MAX;
      let bytes = collected ?? (await collect(request, limit));
      const raw = bytes;
      authentication = verify(() => contentHash ?? (isS3 ? "UNSIGNED-PAYLOAD" : sha256Hex(raw)));
      if (contentHash && /^[0-9a-f]{64}$/.test(contentHash) && (isS3 || authentication.verification)) {
        const computed = sha256Hex(raw);
        if (computed !== contentHash) throw payloadMismatch(contentHash, computed);
      }
      if (headers["content-encoding"] === "gzip") bytes = gunzip(bytes, limit);
      body = bytes;
    }
    if (Buffer.isBuffer(body)) {
      const { service, operation } = target;
      options.inspectBody?.({ service, operation: operation.name, headers, trailers: trailers(), body });
    }

    const input =
      form !== undefined
        ? codec.decodeForm(target.operation, form)
        : target.labels !== undefined
          ? codec.decodeRest(
              target.operation,
              { labels: target.labels, query: target.query ?? [], headers } satisfies RequestParts,
              body,
            )
          : codec.decodeRpc(target.operation, target.protocol, body as Buffer);
    return { who: authentication.who, region: authentication.region, input, trailers };
  }

  async function serveFront(
    front: (call: FrontCall<Who>) => Promise<FrontReply>,
    request: IncomingMessage,
    response: ServerResponse,
    head: Head,
    requestId: string,
    authenticator: Authenticator<Who>,
  ): Promise<void> {
    const { host, path, query } = head;
    const headers = head.headers as Record<string, string>;
    let abort: AbortController | undefined;
    let reply: FrontReply;
    try {
      if (!authenticator.required) checkHost(host);
      const claim = readClaim(head);
      // Only what claims to be signed is looked at; a front decides what strangers may.
      const identified =
        claim.kind === "signed"
          ? authenticate(
              head,
              claim.signed.service,
              "restJson1",
              authenticator,
              options.nowMs(),
              () => headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD",
            )
          : undefined;
      reply = await front({
        message: request,
        host,
        path,
        query,
        requestId,
        who: identified?.who,
        region: identified?.region,
        signerOfForm: (fields) => authenticateForm(fields, authenticator, options.nowMs()),
        endpoint: endpointOf(headers),
        get signal() {
          return (abort ??= abortWith(response)).signal;
        },
      });
    } catch (error) {
      if (error instanceof RequestAborted) return;
      if (error instanceof AwsError) {
        reply = {
          status: error.status,
          headers: { "content-type": "application/json", "x-amzn-errortype": error.code },
          body: JSON.stringify({ message: error.message }),
        };
      } else {
        log.error("A front failed with a defect", {
          host,
          path,
          requestId,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
        reply = {
          status: 500,
          headers: { "content-type": "application/json" },
          body: '{"message":"Internal Server Error"}',
        };
      }
      if (!request.complete) request.resume();
    }
    send(request, response, isolated(head, reply));
  }
}

class Call<Who> implements ApiCall<Who> {
  readonly service: string;
  readonly operation: string;
  readonly input: unknown;
  readonly who: Who;
  readonly region: string | undefined;
  readonly requestId: string;
  /** Read at once: a socket that was closed does not know it any more. */
  readonly sourceIp: string;
  readonly trailers: () => Readonly<Record<string, string>>;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #abort: AbortController | undefined;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    input: unknown,
    who: Who,
    region: string | undefined,
    requestId: string,
    trailers: () => Readonly<Record<string, string>>,
  ) {
    this.service = target.service;
    this.operation = target.operation.name;
    this.input = input;
    this.who = who;
    this.region = region;
    this.requestId = requestId;
    this.sourceIp = sourceIpOf(request);
    this.trailers = trailers;
    this.#request = request;
    this.#response = response;
  }

  get endpoint(): string {
    return endpointOf(this.headers);
  }

  get method(): string {
    return this.#request.method!;
  }

  get headers(): Readonly<Record<string, string>> {
    return this.#request.headers as Record<string, string>;
  }

  get signal(): AbortSignal {
    this.#abort ??= abortWith(this.#response);
    return this.#abort.signal;
  }
}

/** What a request is taken for until it is known better. */
const UNKNOWN = refused("s3", "restXml", unknownOperation(""));
const UNKNOWN_QUERY = refused("s3", "awsQuery", unknownOperation(""));

function chunkDecoder<Who>(
  headers: Record<string, string>,
  contentHash: string | undefined,
  authentication: Authentication<Who>,
): AwsChunkedDecoder {
  const decodedBytes =
    headers["x-amz-decoded-content-length"] === undefined ? undefined : Number(headers["x-amz-decoded-content-length"]);
  const { verification, signed } = authentication;
  const signing =
    verification && signed && contentHash?.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
      ? {
          key: verification.signingKey,
          timestamp: signed.timestamp,
          scope: verification.scope,
          seed: signed.signature,
          trailer: contentHash.endsWith("-TRAILER"),
        }
      : undefined;
  return new AwsChunkedDecoder(decodedBytes, signing);
}

/**
 * Sends a request's body through a check. A check that fails must not take the request down with it, as a pipeline would: the caller is still to be
 * told. The rest of the body is then read and dropped.
 */
function passOn(request: IncomingMessage, check: Transform): Readable {
  request.once("error", () => check.destroy(new RequestAborted()));
  check.once("error", () => {
    request.unpipe(check);
    request.resume();
  });
  return request.pipe(check);
}

/** The service sees the body and the length that the object has, not the transfer's. */
function dropChunkedEncoding(headers: Record<string, string>): void {
  const encodings = (headers["content-encoding"] ?? "")
    .split(",")
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== "" && encoding !== "aws-chunked");
  if (encodings.length > 0) headers["content-encoding"] = encodings.join(", ");
  else delete headers["content-encoding"];
  if (headers["x-amz-decoded-content-length"] !== undefined)
    headers["content-length"] = headers["x-amz-decoded-content-length"];
}

async function collectStream(stream: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw requestTooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function sourceIpOf(request: IncomingMessage): string {
  return request.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "127.0.0.1";
}

function endpointOf(headers: Readonly<Record<string, string>>): string {
  return `http://${headers["host"] ?? "localhost"}`;
}

function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function abortWith(response: ServerResponse): AbortController {
  const abort = new AbortController();
  if (response.closed) abort.abort();
  else
    response.once("close", () => {
      if (!response.writableFinished) abort.abort();
    });
  return abort;
}

const NO_BYTES = Buffer.alloc(0);
const NO_TRAILERS: Readonly<Record<string, string>> = {};
const noTrailers = () => NO_TRAILERS;

const NO_BODY = new Set([204, 304]);
/** Larger bodies cost more to copy than a piece of their own does. Bytes. */
const ONE_PIECE_MAX = 8192;

function send(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Pick<FrontReply, "status" | "headers" | "body">,
): void {
  if (response.destroyed) {
    if (reply.body && typeof (reply.body as Readable).pipe === "function") (reply.body as Readable).destroy();
    return;
  }
  const headers = reply.headers as Record<string, string | string[]>;
  const bodiless = request.method === "HEAD" || NO_BODY.has(reply.status);
  const { body } = reply;
  if (body !== undefined && typeof (body as Readable).pipe === "function") {
    response.writeHead(reply.status, headers);
    if (bodiless) {
      (body as Readable).destroy();
      response.end();
    } else pipeline(body as Readable, response, () => {});
    return;
  }
  const whole = body as string | Uint8Array | undefined;
  const length = whole === undefined ? 0 : typeof whole === "string" ? Buffer.byteLength(whole) : whole.length;
  if (headers["content-length"] === undefined && !NO_BODY.has(reply.status)) headers["content-length"] = String(length);
  response.writeHead(reply.status, headers);
  if (bodiless || whole === undefined) response.end();
  // As many bytes as characters: all of them are ASCII, which is sent without being encoded.
  else if (typeof whole === "string") response.end(whole, length === whole.length ? "latin1" : "utf8");
  // Characters of one byte each go out in one piece with the head; bytes would be a second one.
  else if (length <= ONE_PIECE_MAX)
    response.end(Buffer.from(whole.buffer, whole.byteOffset, length).toString("latin1"), "latin1");
  else response.end(whole);
}
