/** A platform with both API Gateways and stand-ins for what lies behind them: for the tests of this room and its neighbours. */
import { Readable } from "node:stream";
import { AwsError } from "../../kernel/errors.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { createApigateway } from "../apigateway/service.ts";
import { createApigatewayv2 } from "../apigatewayv2/service.ts";
import {
  type Service as AnyService,
  type CallAs,
  defineService,
  type HttpRequest,
  type HttpResponse,
} from "../service.ts";
import type { ApigatewayPorts, AwsRequest, IncomingResponse, OutgoingRequest } from "./ports.ts";

export interface Invoked {
  readonly functionName: string;
  readonly event: any;
  readonly as: import("../service.ts").Principal;
  readonly type: string | undefined;
}

export interface ApiPlatformOptions {
  /** What a function answers; a thrown Error is a function error, an AwsError is Lambda's own. */
  readonly lambda?: (invoked: Invoked) => unknown;
  readonly http?: (request: OutgoingRequest) => Promise<IncomingResponse> | IncomingResponse;
  readonly aws?: (
    request: AwsRequest,
    as: Parameters<ApigatewayPorts["dispatchAws"]>[2],
  ) => { status?: number; headers?: Record<string, string>; body?: string };
  readonly mayInvoke?: ApigatewayPorts["mayInvoke"];
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly text: string;
  readonly json: any;
}

export interface ApiPlatform extends TestPlatform {
  readonly invoked: Invoked[];
  readonly sent: OutgoingRequest[];
  readonly dispatched: { request: AwsRequest; as: Parameters<ApigatewayPorts["dispatchAws"]>[2] }[];
  /** `send("GET", "abc123/stage/path?x=1")`, by host name. */
  send(
    method: string,
    target: string,
    options?: {
      readonly headers?: Record<string, string> | readonly (readonly [string, string])[];
      readonly body?: string | Buffer;
      readonly as?: CallAs;
    },
  ): Promise<Reply>;
}

export async function openApiPlatform(options: ApiPlatformOptions = {}): Promise<ApiPlatform> {
  const invoked: Invoked[] = [];
  const sent: OutgoingRequest[] = [];
  const dispatched: ApiPlatform["dispatched"] = [];
  const ports: ApigatewayPorts = {
    async dispatchAws(_flow, request, as) {
      dispatched.push({ request, as });
      const answer = options.aws?.(request, as) ?? {};
      return { status: answer.status ?? 200, headers: answer.headers ?? {}, body: Buffer.from(answer.body ?? "") };
    },
    mayInvoke: options.mayInvoke ?? (async () => true),
    async sendHttp(request) {
      sent.push(request);
      if (!options.http) throw new Error("unreachable");
      return options.http(request);
    },
  };
  const lambda = defineService<"lambda">({
    name: "lambda",
    operations: {},
    flows: {
      async Invoke(flow, input) {
        const call: Invoked = {
          functionName: input.FunctionName!,
          event: JSON.parse(Buffer.from(input.Payload as Uint8Array).toString()),
          as: flow.principal,
          type: input.InvocationType,
        };
        invoked.push(call);
        try {
          const answer = await options.lambda?.(call);
          return { StatusCode: 200, Payload: Buffer.from(JSON.stringify(answer ?? null)) as never };
        } catch (error) {
          if (error instanceof AwsError) throw error;
          const errorMessage = error instanceof Error ? error.message : String(error);
          return {
            StatusCode: 200,
            FunctionError: "Unhandled",
            Payload: Buffer.from(JSON.stringify({ errorMessage, errorType: "Error" })) as never,
          };
        }
      },
    },
  });
  const sts = defineService<"sts">({
    name: "sts",
    operations: {
      AssumeRole(_tx, input) {
        const roleName = input.RoleArn!.split("/").at(-1)!;
        if (roleName === "untrusting")
          throw new AwsError("AccessDenied", "not authorized to perform: sts:AssumeRole", 403);
        return {
          AssumedRoleUser: {
            Arn: `arn:aws:sts::000000000000:assumed-role/${roleName}/${input.RoleSessionName}`,
            AssumedRoleId: `AROAEXAMPLE:${input.RoleSessionName}`,
          },
        };
      },
    },
  });
  const v2 = createApigatewayv2(ports);
  const v1 = createApigateway(ports, v2.plane);
  const services = [lambda, sts, v1, v2.service] as unknown as readonly AnyService[];
  const platform = await openTestPlatform({ services });
  return {
    ...platform,
    invoked,
    sent,
    dispatched,
    async send(method, target, { headers = {}, body = "", as } = {}) {
      const [apiId = "", ...rest] = target.split("/");
      const [path = "", query = ""] = `/${rest.join("/")}`.split(/\?(.*)/s);
      const host = `${apiId}.execute-api.localhost:4566`;
      const given = Array.isArray(headers) ? headers : Object.entries(headers);
      const rawHeaders: [string, string][] = [["host", host], ...(given as [string, string][])];
      const front = v1.fronts!.find((candidate) => candidate.host?.test(host))!;
      const groups = front.host!.exec(host)!.groups!;
      const flow = platform.flow(as ?? { principal: { type: "anonymous" } });
      return readResponse(
        await front.handle(flow, httpRequest(method, path, query, rawHeaders, Buffer.from(body)), groups),
      );
    },
  };
}

function httpRequest(
  method: string,
  path: string,
  query: string,
  rawHeaders: [string, string][],
  body: Buffer,
): HttpRequest {
  const headers: Record<string, string> = {};
  for (const [sent, value] of rawHeaders) {
    const name = sent.toLowerCase();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return {
    method,
    path,
    query,
    headers,
    rawHeaders,
    host: headers["host"]!,
    sourceIp: "127.0.0.1",
    protocol: "HTTP/1.1",
    body: Readable.from([body]),
    signerOfForm() {
      throw new Error("this is no form");
    },
    async readBody(bytesMax, tooLarge) {
      if (body.length > bytesMax) throw tooLarge?.() ?? new Error("too large");
      return body;
    },
  };
}

async function readResponse(response: HttpResponse): Promise<Reply> {
  const { body } = response;
  const chunks: Buffer[] = [];
  if (body instanceof Readable) for await (const chunk of body) chunks.push(Buffer.from(chunk));
  else if (body !== undefined) chunks.push(Buffer.from(body as string));
  const text = Buffer.concat(chunks).toString();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}
