/** What the API Gateways need: Virga's own wire without a socket, decisions about callers, and HTTP to the world. */
import { Readable } from "node:stream";
import type { AccountId, Region } from "../kernel/arn.ts";
import { AwsError } from "../kernel/errors.ts";
import { sendHttp } from "../services/apigateway-common/http-client.ts";
import type { ApigatewayPorts, AwsRequest, AwsResponse } from "../services/apigateway-common/ports.ts";
import type { Permission, Principal } from "../services/service.ts";
import type { Transaction } from "../storage/transaction.ts";
import { internalFailure, type Protocol, type Reply, type ServiceProtocol } from "../wire/protocols.ts";
import { parseForm } from "../wire/query.ts";
import { addQueueUrl, type Head, RequestRouter, type Routed, type Target } from "../wire/route.ts";
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

export function apigatewayPorts({ shapes, core, allows }: ApigatewayPortOptions): ApigatewayPorts {
  let made: RequestRouter | undefined;
  const router = (): RequestRouter => (made ??= new RequestRouter(shapes()));

  /** What a request means, and what its input is once that is known to be an operation. */
  function route(
    request: AwsRequest,
    candidates: readonly string[],
  ): { routed: Routed; input(target: Target): unknown } {
    const { method, path, query, headers, body } = request;
    const head: Head = { method, path, query, headers, host: "localhost" };
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const codec = (target: Target) => router().protocolOf(target.service);
    if (headers["x-amz-target"] !== undefined) {
      return {
        routed: router().byHead(head)!,
        input: (target) => codec(target).decodeRpc(target.operation, target.protocol, bytes),
      };
    }
    const text = /(^|&)Action=/.test(query) ? query : bytes.toString("utf8");
    if (candidates[0] !== "s3" && /(^|&)Action=/.test(text)) {
      const form = parseForm(text);
      addQueueUrl(form, candidates[0]!, "http://localhost", path);
      return {
        routed: router().byForm(head, form, candidates[0]),
        input: (target) => codec(target).decodeForm(target.operation, form),
      };
    }
    return {
      routed: router().rest(head, candidates),
      input: (target) => {
        const parts = { labels: target.labels!, query: target.query!, headers };
        const streams = codec(target).streamsInput(target.operation);
        const whole = streams ? Readable.from(bytes.length > 0 ? [bytes] : []) : bytes;
        return codec(target).decodeRest(target.operation, parts, whole);
      },
    };
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
      try {
        const { routed, input } = route(request, candidates);
        ({ service, protocol } = routed);
        const target = routed.target();
        const output = await core().dispatch(service, target.operation.name, input(target), {
          principal: as.principal,
          accountId: as.accountId as AccountId,
          region: as.region as Region,
          requestId,
          endpoint: flow.endpoint,
          signal: flow.signal,
          trace: flow.trace,
          http: { method: request.method, headers: request.headers, trailers: () => ({}) },
        });
        if (protocol === "awsQuery" && wantsJson(request))
          return queryJson(router().protocolOf(service), target.operation, output, requestId);
        return await collected(
          router()
            .protocolOf(service)
            .encode(target.operation, protocol, output ?? {}, requestId),
        );
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
          const reply = router()
            .protocolOf(service)
            .encodeError(error as AwsError, protocol, requestId, request.path);
          return queryErrorJson(error as AwsError, reply, requestId);
        }
        return collected(
          router()
            .protocolOf(service)
            .encodeError(error as AwsError, protocol, requestId, request.path),
        );
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
