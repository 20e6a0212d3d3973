/** What the API Gateways need: Virga's own wire without a socket, decisions about callers, and HTTP to the world. */
import { Readable } from "node:stream";
import type { AccountId, Region } from "../kernel/arn.ts";
import { AwsError } from "../kernel/errors.ts";
import { sendHttp } from "../services/apigateway-common/http-client.ts";
import type { ApigatewayPorts, AwsRequest, AwsResponse } from "../services/apigateway-common/ports.ts";
import type { Permission, Principal } from "../services/service.ts";
import type { Transaction } from "../storage/transaction.ts";
import { internalFailure, type Protocol, type Reply, ServiceProtocol } from "../wire/protocols.ts";
import { parseForm } from "../wire/query.ts";
import { decodeSegment, parseQuery } from "../wire/rest.ts";
import { isStructure, type Operation, type ShapeLibrary } from "../wire/shapes.ts";
import type { Core } from "./core.ts";

export interface ApigatewayPortOptions {
  readonly shapes: () => ShapeLibrary;
  readonly core: () => Core;
  /** Whether a principal's own policies allow it; asked for routes whose authorization is AWS_IAM. */
  readonly allows: (tx: Transaction, principal: Principal, permission: Permission) => boolean;
}

/** Endpoint prefixes whose service is called otherwise. */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  email: ["sesv2", "ses"],
  apigateway: ["apigateway", "apigatewayv2"],
  monitoring: ["cloudwatch"],
};

interface Decoded {
  readonly service: string;
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly input: unknown;
}

export function apigatewayPorts({ shapes, core, allows }: ApigatewayPortOptions): ApigatewayPorts {
  const protocols = new Map<string, ServiceProtocol>();
  const protocolOf = (service: string): ServiceProtocol => {
    let protocol = protocols.get(service);
    if (!protocol) {
      protocol = new ServiceProtocol(shapes().model(service));
      protocols.set(service, protocol);
    }
    return protocol;
  };

  function decode(request: AwsRequest, candidates: readonly string[]): Decoded {
    const { headers, body } = request;
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const service = candidates[0]!;
    const target = headers["x-amz-target"];
    if (target !== undefined) {
      const protocol = headers["content-type"]?.includes("json-1.1") ? "awsJson1_1" : "awsJson1_0";
      const operation = named(service, target.slice(target.lastIndexOf(".") + 1));
      return { service, protocol, operation, input: protocolOf(service).decodeRpc(operation, protocol, bytes) };
    }
    const text = /(^|&)Action=/.test(request.query) ? request.query : bytes.toString("utf8");
    if (service !== "s3" && /(^|&)Action=/.test(text)) {
      const form = parseForm(text);
      const operation = named(service, String(form["Action"]));
      if (service === "sqs" && form["QueueUrl"] === undefined && /^\/\d{12}\/[^/]+\/?$/.test(request.path)) {
        form["QueueUrl"] = `http://localhost${request.path}`;
      }
      return { service, protocol: "awsQuery", operation, input: protocolOf(service).decodeForm(operation, form) };
    }
    const query = parseQuery(request.query);
    const [, bucket = "", key] = /^\/([^/]*)(?:\/(.*))?$/s.exec(request.path) ?? [];
    for (const candidate of candidates) {
      const codec = protocolOf(candidate);
      const match =
        candidate === "s3"
          ? codec.router(
              request.method,
              request.path,
              query,
              headers,
              bucket === "" ? undefined : decodeSegment(bucket),
              key ? decodeSegment(key) : undefined,
            )
          : codec.router(request.method, request.path, query, headers);
      if (!match) continue;
      const streams = codec.streamsInput(match.operation);
      const input = codec.decodeRest(
        match.operation,
        { labels: match.labels, query, headers },
        streams ? Readable.from(bytes.length > 0 ? [bytes] : []) : bytes,
      );
      return {
        service: candidate,
        protocol: candidate === "s3" ? "restXml" : "restJson1",
        operation: match.operation,
        input,
      };
    }
    throw unknownOperation(`${request.method} ${request.path}`);
  }

  function named(service: string, name: string): Operation {
    const operation = protocolOf(service).operation(name);
    if (!operation) throw unknownOperation(name);
    return operation;
  }

  return {
    sendHttp,
    mayInvoke: (flow, { principal, resource }) =>
      flow.write((tx) => allows(tx, principal, { action: "execute-api:Invoke", resource })),
    async dispatchAws(flow, request, as) {
      const candidates = (
        (Object.hasOwn(SERVICES, request.service) && SERVICES[request.service]) || [request.service]
      ).filter((name) => shapes().facts.has(name));
      if (candidates.length === 0) return refusal(`Virga does not know the service ${request.service}`);
      const requestId = flow.random.uuid();
      let service = candidates[0]!;
      let protocol: Protocol = service === "s3" ? "restXml" : "restJson1";
      if (request.headers["x-amz-target"] !== undefined) protocol = "awsJson1_0";
      else if (request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded")) protocol = "awsQuery";
      try {
        const call = decode(request, candidates);
        service = call.service;
        protocol = call.protocol;
        const output = await core().dispatch(service, call.operation.name, call.input, {
          principal: as.principal,
          accountId: as.accountId as AccountId,
          region: as.region as Region,
          requestId,
          endpoint: flow.endpoint,
          signal: flow.signal,
          http: { method: request.method, headers: request.headers, trailers: () => ({}) },
        });
        if (protocol === "awsQuery" && wantsJson(request))
          return queryJson(protocolOf(service), call.operation, output, requestId);
        return await collected(protocolOf(service).encode(call.operation, protocol, output ?? {}, requestId));
      } catch (thrown) {
        let error = thrown;
        if (!(error instanceof AwsError)) {
          flow.log.error("An operation behind an API failed with a defect", {
            service,
            error: error instanceof Error ? (error.stack ?? error.message) : String(error),
          });
          error = internalFailure(protocol);
        }
        if (protocol === "awsQuery" && wantsJson(request)) {
          const reply = protocolOf(service).encodeError(error as AwsError, protocol, requestId, request.path);
          return queryErrorJson(error as AwsError, reply, requestId);
        }
        return collected(protocolOf(service).encodeError(error as AwsError, protocol, requestId, request.path));
      }
    },
  };
}

/** Query services answer in JSON whoever accepts it, which REST APIs do: `{"SendMessageResponse":{"SendMessageResult":{…},"ResponseMetadata":{…}}}`. */
const wantsJson = (request: AwsRequest): boolean => request.headers["accept"]?.startsWith("application/json") ?? false;

function queryJson(codec: ServiceProtocol, operation: Operation, output: unknown, requestId: string): AwsResponse {
  const { body } = codec.encode(operation, "awsJson1_0", output ?? {}, requestId);
  const { output: shape } = operation;
  // Members that have no value are there as null.
  const result = isStructure(shape)
    ? { ...Object.fromEntries(shape.members.map(({ name }) => [name, null])), ...JSON.parse(String(body)) }
    : undefined;
  const name = operation.name;
  return jsonAnswer(200, requestId, {
    [`${name}Response`]: {
      ...(result && { [`${name}Result`]: result }),
      ResponseMetadata: { RequestId: requestId },
    },
  });
}

function queryErrorJson(error: AwsError, reply: Reply, requestId: string): AwsResponse {
  const code = /<Code>([^<]*)<\/Code>/.exec(String(reply.body))?.[1] ?? error.code;
  const detail = { Code: code, Message: error.message, Type: error.fault };
  return jsonAnswer(reply.status, requestId, { Error: detail, RequestId: requestId });
}

function jsonAnswer(status: number, requestId: string, content: object): AwsResponse {
  return {
    status,
    headers: { "content-type": "application/json", "x-amzn-requestid": requestId },
    body: Buffer.from(JSON.stringify(content)),
  };
}

function unknownOperation(name: string): AwsError {
  return new AwsError("UnknownOperationException", `Unknown operation ${name.slice(0, 200)}`, 404);
}

function refusal(message: string): AwsResponse {
  return {
    status: 501,
    headers: { "content-type": "application/json", "x-amzn-errortype": "NotImplemented" },
    body: Buffer.from(JSON.stringify({ message })),
  };
}

async function collected(reply: Reply): Promise<AwsResponse> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(reply.headers)) headers[name.toLowerCase()] = value;
  const { body } = reply;
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) {
    return { status: reply.status, headers, body: Buffer.from((body as string) ?? "") };
  }
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk as Uint8Array));
  return { status: reply.status, headers, body: Buffer.concat(chunks) };
}
