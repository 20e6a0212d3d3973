/** What is to say of a trace as a whole. Pure. */
import type { TraceSummary } from "@aws-sdk/client-xray";
import type { Span } from "../../kernel/trace.ts";
import { isThrottle, originOf } from "./segments.ts";

export interface TraceFacts {
  readonly traceId: string;
  /** By start. */
  readonly spans: readonly Span[];
  readonly startMs: number;
  /** From the first start to the last end, waits in queues included. */
  readonly durationMs: number;
  /** How long the one who asked waited. */
  readonly responseMs: number;
  readonly hasError: boolean;
  readonly hasFault: boolean;
  readonly hasThrottle: boolean;
  readonly http: { readonly method?: string; readonly url?: string; readonly status?: number } | undefined;
  /** The same of some of its spans. */
  partOf(spans: readonly Span[]): TraceFacts;
}

/** Spans of an account by trace, the trace that began last first. */
export function tracesOf(spans: Iterable<Span>, accountId: string): Map<string, Span[]> {
  const traces = new Map<string, Span[]>();
  for (const span of spans) {
    if (span.accountId !== accountId) continue;
    const known = traces.get(span.traceId);
    if (known) known.push(span);
    else traces.set(span.traceId, [span]);
  }
  return traces;
}

export function factsOf(traceId: string, unordered: readonly Span[]): TraceFacts {
  const spans = [...unordered].sort((a, b) => a.startMs - b.startMs);
  const ids = new Set(spans.map(({ id }) => id));
  const root = spans.find(({ parentId }) => parentId === undefined || !ids.has(parentId)) ?? spans[0]!;
  const startMs = spans[0]!.startMs;
  const endMs = spans.reduce((latest, span) => Math.max(latest, span.startMs + span.durationMs), startMs);
  const status = spans.map(({ attributes }) => attributes?.["status"]).find((value) => typeof value === "number");
  const [method, path] = /^([A-Z]+) (\/.*)$/.exec(root.name)?.slice(1) ?? [];
  return {
    traceId,
    spans,
    startMs,
    durationMs: endMs - startMs,
    responseMs: root.durationMs,
    hasError:
      spans.some(({ error }) => error !== undefined && !error.fault) ||
      (status !== undefined && status >= 400 && status < 500),
    hasFault: spans.some(({ error }) => error?.fault === true) || (status !== undefined && status >= 500),
    hasThrottle: spans.some(({ error }) => error !== undefined && isThrottle(error.code)),
    http:
      method === undefined
        ? undefined
        : {
            method,
            url: `http://${root.resource ?? ""}${path}`,
            ...(status === undefined ? {} : { status: status as number }),
          },
    partOf: (some) => factsOf(traceId, some),
  };
}

/** @see https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html */
export function summaryOf(facts: TraceFacts): TraceSummary {
  const { spans, http } = facts;
  const services = new Map(spans.map((span) => [`${span.service} ${span.name}`, span]));
  const arns = new Set(spans.flatMap(({ resource }) => (resource?.startsWith("arn:") ? [resource] : [])));
  const root = spans[0]!;
  return {
    Id: facts.traceId,
    StartTime: new Date(facts.startMs),
    Duration: facts.durationMs / 1000,
    ResponseTime: facts.responseMs / 1000,
    HasError: facts.hasError,
    HasFault: facts.hasFault,
    HasThrottle: facts.hasThrottle,
    IsPartial: false,
    ...(http === undefined
      ? {}
      : {
          Http: {
            HttpMethod: http.method,
            HttpURL: http.url,
            ...(http.status === undefined ? {} : { HttpStatus: http.status }),
          },
        }),
    Annotations: annotationsOf(spans),
    Users: [],
    ServiceIds: [...services.values()].map((span) => ({
      Name: span.name,
      Names: [span.name],
      AccountId: span.accountId,
      Type: originOf(span.service),
    })),
    ResourceARNs: [...arns].map((ARN) => ({ ARN })),
    EntryPoint: { Name: root.name, Names: [root.name], AccountId: root.accountId, Type: originOf(root.service) },
    Revision: spans.length,
  };
}

function annotationsOf(spans: readonly Span[]): NonNullable<TraceSummary["Annotations"]> {
  const found: Record<string, Array<{ AnnotationValue: any; ServiceIds: any[] }>> = {};
  for (const span of spans) {
    for (const [name, value] of Object.entries(span.attributes ?? {})) {
      if (name === "payload") continue;
      const AnnotationValue =
        typeof value === "number"
          ? { NumberValue: value }
          : typeof value === "boolean"
            ? { BooleanValue: value }
            : { StringValue: value };
      (found[name] ??= []).push({ AnnotationValue, ServiceIds: [{ Name: span.name, AccountId: span.accountId }] });
    }
  }
  return found;
}
