/** One line of each trace, from whole traces and from X-Ray's summaries alike. Pure. */
import type { Span } from "./events.ts";
import { HOUSEKEEPING } from "./graph.ts";
import type { Summary, Trace } from "./spans.ts";

export interface TraceRow {
  readonly id: string;
  readonly name: string;
  readonly startMs: number;
  /** From the first start to the last end, waits included. */
  readonly durationMs: number;
  /** How long the one who asked waited. */
  readonly responseMs: number;
  readonly status: number | undefined;
  readonly outcome: "ok" | "error" | "fault" | "throttle";
  /** The first error's code. */
  readonly error: string | undefined;
  /** Refusals that a function was given and went on after: a key that is not there yet, a condition that does not hold. */
  readonly handled: number;
  readonly coldStarts: number;
  /** Services it went through, in the order in which they were first called. */
  readonly through: readonly string[];
  readonly spans: number;
  /** Deploying and looking rather than what the application does. */
  readonly control: boolean;
  /** In lower case: what it is searched by. */
  readonly text: string;
}

export const isThrottle = (code: string): boolean =>
  /Throttl|TooManyRequests|ProvisionedThroughputExceeded|SlowDown/.test(code);

export function rowOf({ id, spans }: Trace): TraceRow {
  let root: Span | undefined;
  let startMs = Number.POSITIVE_INFINITY;
  let endMs = 0;
  let error: Span["error"];
  let status: number | undefined;
  let coldStarts = 0;
  let handled = 0;
  const text = [id];
  for (const span of spans.values()) {
    if ((span.parentId === undefined || !spans.has(span.parentId)) && (!root || span.startMs < root.startMs))
      root = span;
    startMs = Math.min(startMs, span.startMs);
    endMs = Math.max(endMs, span.startMs + span.durationMs);
    if (isHandled(span, spans)) handled++;
    else if (span.error && (!error || (span.error.fault && !error.fault))) error = span.error;
    if (typeof span.attributes?.["status"] === "number") status ??= span.attributes["status"];
    if (span.attributes?.["coldStart"] === true) coldStarts++;
    text.push(
      span.service,
      span.name,
      span.resource ?? "",
      span.error?.code ?? "",
      span.error?.message ?? "",
      span.requestId ?? "",
    );
  }
  return {
    id,
    name: root ? titleOf(root) : id,
    startMs,
    durationMs: endMs - startMs,
    responseMs: root?.durationMs ?? 0,
    status,
    outcome: error
      ? isThrottle(error.code)
        ? "throttle"
        : error.fault
          ? "fault"
          : "error"
      : (status ?? 200) >= 500
        ? "fault"
        : (status ?? 200) >= 400
          ? "error"
          : "ok",
    error: error?.code,
    handled,
    coldStarts,
    through: throughOf(spans.values()),
    spans: spans.size,
    control: root !== undefined && HOUSEKEEPING.has(root.service),
    text: text.join(" ").toLowerCase(),
  };
}

export function rowOfSummary(summary: Summary): TraceRow {
  const services = (summary.ServiceIds ?? []).flatMap(({ Name, Type }) => [Name, Type ?? ""]);
  const resources = (summary.ResourceARNs ?? []).map(({ ARN }) => ARN);
  return {
    id: summary.Id,
    name: summary.EntryPoint?.Name ?? summary.Id,
    startMs: summary.StartTime * 1000,
    durationMs: summary.Duration * 1000,
    responseMs: summary.ResponseTime * 1000,
    status: summary.Http?.HttpStatus,
    outcome: summary.HasThrottle ? "throttle" : summary.HasFault ? "fault" : summary.HasError ? "error" : "ok",
    error: undefined,
    handled: 0,
    coldStarts: 0,
    through: [
      ...new Set((summary.ServiceIds ?? []).flatMap(({ Type }) => (Type ? [Type.split("::")[1]!.toLowerCase()] : []))),
    ],
    control: HOUSEKEEPING.has((summary.EntryPoint?.Type ?? "").replace("AWS::", "").toLowerCase()),
    spans: summary.Revision ?? summary.ServiceIds?.length ?? 0,
    text: [summary.Id, ...services, ...resources].join(" ").toLowerCase(),
  };
}

/** A caller before whom it called, even within one millisecond. */
const throughOf = (spans: Iterable<Span>): string[] => [...new Set(waterfall(spans).map(({ span }) => span.service))];

/** A function that ran to its end knew what to do about what it was refused. */
export function isHandled(span: Span, spans: ReadonlyMap<string, Span>): boolean {
  if (!span.error || span.error.fault || span.parentId === undefined) return false;
  const caller = spans.get(span.parentId);
  return caller !== undefined && caller.attributes?.["ran"] === true && caller.error === undefined;
}

/** Events by which the platform goes on with what it has accepted. */
const EVENTS: Readonly<Record<string, string>> = {
  "s3.NotificationOwed": "s3 notification",
  "lambda.InvocationAccepted": "asynchronous run",
};

/** `SendMessage` says little without its service; a path says enough, but not in a bucket's form upload. */
export function titleOf({ service, name, attributes }: Span): string {
  if (/^[A-Z]+ \//.test(name)) {
    const bucket = attributes?.["bucket"];
    return bucket !== undefined && /form upload/.test(String(attributes?.["front"]))
      ? name.replace(" /", ` s3://${bucket}/`)
      : name;
  }
  if (EVENTS[name]) return EVENTS[name];
  if (name.startsWith(`${service}.`)) return `${service} ${inWords(name.slice(service.length + 1))}`;
  return service === "lambda" || service === "application" ? name : `${service} ${name}`;
}

/** `ObjectCreated` → `object created` */
export const inWords = (name: string): string => name.replace(/\B([A-Z])(?=[a-z])/g, " $1").toLowerCase();

export interface Branch {
  readonly span: Span;
  readonly depth: number;
}

/** Spans in the order of a waterfall: each under what caused it, the earlier first. */
export function waterfall(spans: Iterable<Span>): Branch[] {
  const all = [...spans].sort((a, b) => a.startMs - b.startMs);
  const ids = new Set(all.map(({ id }) => id));
  const children = Map.groupBy(all, ({ parentId }) => (parentId !== undefined && ids.has(parentId) ? parentId : ""));
  const branches: Branch[] = [];
  const stack: Branch[] = (children.get("") ?? []).map((span) => ({ span, depth: 0 })).reverse();
  while (stack.length > 0) {
    const branch = stack.pop()!;
    branches.push(branch);
    for (const span of (children.get(branch.span.id) ?? []).toReversed()) stack.push({ span, depth: branch.depth + 1 });
  }
  return branches;
}
