/** Finds the HTTP surface that a request is for: by host (an API's, a website's), or by a path under `/_`. */
import type { IncomingMessage } from "node:http";
import type { AccountId, Region } from "../kernel/arn.ts";
import { AwsError } from "../kernel/errors.ts";
import { parseTraceHeader, UNTRACED } from "../kernel/trace.ts";
import type { HttpFront, HttpRequest, Service } from "../services/service.ts";
import { collect } from "../wire/body.ts";
import { type FrontCall, type FrontMatcher, type FrontReply, sourceIpOf } from "../wire/server.ts";
import type { Caller, Core } from "./core.ts";
import type { Who } from "./identity.ts";

export interface FrontOptions {
  readonly core: () => Core;
  readonly services: readonly Service[];
  /** The platform's own, before any service's. */
  readonly own: readonly HttpFront[];
  readonly accountId: AccountId;
  readonly region: Region;
}

export function createFrontMatcher({ core, services, own, accountId, region }: FrontOptions): FrontMatcher<Who> {
  const fronts = [...own, ...services.flatMap((service) => service.fronts ?? [])];
  const byPath = fronts.filter(({ host }) => host === undefined);
  const anywhere = byPath.filter(({ path }) => !path?.source.startsWith("^\\/_"));
  const serviceOf = new Map(
    services.flatMap(({ name, fronts = [] }) => fronts.map((front) => [front, name as string])),
  );
  const serve =
    (front: HttpFront, groups: Record<string, string>, path: string) =>
    async (call: FrontCall<Who>): Promise<FrontReply> => {
      const { clock, spans } = core();
      const caller: Caller = {
        principal: call.who?.principal ?? { type: "anonymous" },
        accountId: call.who?.accountId ?? accountId,
        region: (call.region as Region | undefined) ?? region,
        requestId: call.requestId,
        endpoint: call.endpoint,
        signal: call.signal,
        conditions: {
          "aws:SourceIp": sourceIpOf(call.message),
          "aws:UserAgent": call.message.headers["user-agent"] ?? "",
        },
        trace: front.untraced
          ? UNTRACED
          : parseTraceHeader(call.message.headers["x-amzn-trace-id"] as string | undefined),
      };
      const trace = core().traceUnder(caller);
      const startMs = clock.nowMs();
      const from = clock.monotonicMs();
      const written = (status: number, error?: unknown) => {
        if (!trace.sampled) return;
        spans.work({
          caller,
          trace,
          startMs,
          durationMs: clock.monotonicMs() - from,
          service: serviceOf.get(front) ?? front.name,
          name: `${call.message.method} ${path}`,
          resource: front.host ? call.host : `${front.name}${call.path.slice(0, call.path.length - path.length)}`,
          requestId: call.requestId,
          error,
          attributes: { front: front.name, status, ...groups },
        });
      };
      try {
        const reply = await front.handle(core().flow(caller, trace), requestOf(call, path), groups);
        written(reply.status);
        return reply;
      } catch (error) {
        written(error instanceof AwsError ? error.status : 500, error);
        throw error;
      }
    };
  return (head) => {
    const { host, path, method, headers } = head;
    const plain = host === "localhost" || /^[\d.]+$/.test(host) || host.startsWith("[");
    // Every API call comes by here: what lies under `/_` is looked for only there.
    for (const front of !plain ? fronts : path.startsWith("/_") ? byPath : anywhere) {
      if (front.method && !front.method.test(method)) continue;
      if (front.contentType && !front.contentType.test(headers["content-type"] ?? "")) continue;
      if (front.when && !front.when(head)) continue;
      if (front.host) {
        if (plain) continue;
        const match = front.host.exec(host);
        if (match) return serve(front, { ...match.groups }, path);
      } else if (front.path) {
        const match = front.path.exec(path);
        if (match) return serve(front, { ...match.groups }, `/${path.slice(match[0].length).replace(/^\//, "")}`);
      }
    }
    return undefined;
  };
}

function requestOf(call: FrontCall<Who>, path: string): HttpRequest {
  const message: IncomingMessage = call.message;
  const rawHeaders: Array<readonly [string, string]> = [];
  for (let i = 0; i < message.rawHeaders.length; i += 2)
    rawHeaders.push([message.rawHeaders[i]!, message.rawHeaders[i + 1]!]);
  return {
    method: message.method!,
    path,
    query: call.query,
    headers: message.headers as Record<string, string>,
    rawHeaders,
    host: call.host,
    sourceIp: sourceIpOf(message),
    protocol: `HTTP/${message.httpVersion}`,
    body: message,
    readBody: (bytesMax, tooLarge) => collect(message, bytesMax, tooLarge),
    signerOfForm: call.signerOfForm,
  };
}
