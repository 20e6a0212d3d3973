/**
 * The spans that this page knows of: those of late, asked of X-Ray when they are first wanted, and all that came since. Everything that shows
 * what happens is made from these.
 */
import { useSyncExternalStore } from "react";
import { call } from "../aws/client.ts";
import { onEvents, type Span, spansOf } from "./events.ts";
import { Graph, type GraphEdge } from "./graph.ts";

/** What is remembered of one request, however many services it went through. */
export interface Trace {
  readonly id: string;
  readonly spans: Map<string, Span>;
  /** Changes whenever a span was added. */
  revision: number;
}

const TRACES_MAX = 12_000;
/** Those who look are told at most this often. */
const TOLD_MS = 200;

const traces = new Map<string, Trace>();
const listeners = new Set<() => void>();
const heard = new Set<(steps: readonly GraphEdge[]) => void>();
let revision = 0;
let telling = false;
let lost = 0;

export const knownTraces = (): ReadonlyMap<string, Trace> => traces;
export const lostSpans = (): number => lost;

/** All of it as a graph of resources. */
export const graph = new Graph();

/** Calls back with the steps between resources, as they are taken. */
export function onSteps(listener: (steps: readonly GraphEdge[]) => void): () => void {
  heard.add(listener);
  return () => void heard.delete(listener);
}

export function addSpans(spans: readonly Span[]): void {
  const fresh: Span[] = [];
  for (const span of spans) {
    let trace = traces.get(span.traceId);
    if (!trace) traces.set(span.traceId, (trace = { id: span.traceId, spans: new Map(), revision: 0 }));
    if (trace.spans.has(span.id)) continue;
    trace.spans.set(span.id, span);
    trace.revision++;
    fresh.push(span);
  }
  if (fresh.length === 0) return;
  for (const id of traces.keys()) {
    if (traces.size <= TRACES_MAX) break;
    traces.delete(id);
  }
  const steps = graph.add(fresh);
  if (steps.length > 0) for (const listener of heard) listener(steps);
  if (telling) return;
  telling = true;
  setTimeout(() => {
    telling = false;
    revision++;
    for (const listener of listeners) listener();
  }, TOLD_MS);
}

onEvents((events) => {
  for (const event of events) {
    addSpans(spansOf(event));
    if (event.type === "lost") lost += Number(event["count"]);
  }
});

/** Changes whenever spans came. */
export function useSpanRevision(): number {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    () => revision,
  );
}

interface Document {
  readonly id: string;
  readonly trace_id: string;
  readonly parent_id?: string;
  readonly name: string;
  readonly start_time: number;
  readonly end_time: number;
  readonly resource_arn?: string;
  readonly aws?: { readonly service?: string; readonly request_id?: string };
  readonly fault?: boolean;
  readonly error?: boolean;
  readonly cause?: { readonly exceptions?: readonly { readonly type: string; readonly message: string }[] };
  readonly annotations?: Span["attributes"];
}

function spanOf(text: string): Span {
  const document = JSON.parse(text) as Document;
  const { resource_arn: resource, annotations: attributes } = document;
  const exception = document.cause?.exceptions?.[0];
  return {
    traceId: document.trace_id,
    id: document.id,
    ...(document.parent_id ? { parentId: document.parent_id } : {}),
    service: document.aws?.service ?? "application",
    name: document.name,
    startMs: document.start_time * 1000,
    durationMs: (document.end_time - document.start_time) * 1000,
    ...(resource ? { resource } : {}),
    ...(document.aws?.request_id ? { requestId: document.aws.request_id } : {}),
    ...(document.error || document.fault
      ? {
          error: {
            code: exception?.type ?? "Error",
            message: exception?.message ?? "",
            fault: document.fault === true,
          },
        }
      : {}),
    ...(attributes ? { attributes } : {}),
  };
}

const PER_BATCH = 5;
const AT_ONCE = 4;

/** Brings whole traces in. @returns the ids that nobody knows */
export async function fetchTraces(ids: readonly string[]): Promise<readonly string[]> {
  const batches: string[][] = [];
  for (let at = 0; at < ids.length; at += PER_BATCH) batches.push(ids.slice(at, at + PER_BATCH));
  const unknown: string[] = [];
  const work = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      const { Traces = [], UnprocessedTraceIds = [] } = await call<{
        Traces?: { Segments: { Document: string }[] }[];
        UnprocessedTraceIds?: string[];
      }>("xray", "BatchGetTraces", { TraceIds: batch });
      addSpans(Traces.flatMap(({ Segments }) => Segments.map(({ Document: text }) => spanOf(text))));
      unknown.push(...UnprocessedTraceIds);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return unknown;
}

export interface Summary {
  readonly Id: string;
  readonly StartTime: number;
  readonly Duration: number;
  readonly ResponseTime: number;
  readonly HasError: boolean;
  readonly HasFault: boolean;
  readonly HasThrottle: boolean;
  readonly Http?: { readonly HttpStatus?: number };
  readonly EntryPoint?: { readonly Name: string; readonly Type?: string };
  readonly ServiceIds?: readonly { readonly Name: string; readonly Type?: string }[];
  readonly ResourceARNs?: readonly { readonly ARN: string }[];
  readonly Revision?: number;
}

/** One page of what X-Ray remembers, the newest first. */
export async function summaries(
  sinceMs: number,
  token?: string,
): Promise<{ page: Summary[]; next: string | undefined }> {
  const { TraceSummaries = [], NextToken } = await call<{ TraceSummaries?: Summary[]; NextToken?: string }>(
    "xray",
    "GetTraceSummaries",
    { StartTime: sinceMs / 1000, EndTime: Date.now() / 1000 + 1, ...(token ? { NextToken: token } : {}) },
  );
  return { page: TraceSummaries, next: NextToken };
}

const HISTORY_MS = 3_600_000;
const HISTORY_TRACES = 100;
let history: Promise<unknown> | undefined;

/** What happened before the page was opened, brought in once. */
export function bringHistory(): Promise<unknown> {
  history ??= summaries(Date.now() - HISTORY_MS)
    .then(({ page }) => fetchTraces(page.slice(0, HISTORY_TRACES).map(({ Id }) => Id)))
    .catch(() => {
      history = undefined;
    });
  return history;
}
