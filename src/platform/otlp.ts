/**
 * Traces for other people's tools: spans as OpenTelemetry, sent to a collector over HTTP as JSON. Gathered for a moment, sent in one piece, and
 * dropped with a word in the log when the collector does not take them: traces are observations, and nothing waits for them.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 * @see https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/
 */
import type { Clock, Timer } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Span } from "../kernel/trace.ts";
import type { Spans } from "./spans.ts";

const GATHER_MS = 1000;
const GATHERED_MAX = 4096;
/** A collector that has not answered by then has not taken them. */
const PATIENCE_MS = 10_000;

export interface OtlpOptions {
  /** `http://localhost:4318`: spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly spans: Spans;
  /** `fetch` unless told otherwise. */
  readonly post?: (url: string, body: string) => Promise<{ readonly ok: boolean; readonly status: number }>;
}

/** @returns what stops it, after the last spans were sent */
export function exportSpans(options: OtlpOptions): () => Promise<void> {
  const { clock, log, post = postJson } = options;
  const url = `${options.endpoint.replace(/\/$/, "")}/v1/traces`;
  let gathered: Span[] = [];
  let dropped = 0;
  let timer: Timer | undefined;
  let sending: Promise<void> = Promise.resolve();
  const send = async () => {
    timer = undefined;
    const spans = gathered;
    gathered = [];
    if (spans.length === 0) return;
    try {
      const answer = await post(url, JSON.stringify(tracesData(spans, options.version)));
      if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    } catch (error) {
      dropped += spans.length;
      log.warn("The OpenTelemetry collector did not take spans", { url, dropped, error: (error as Error).message });
    }
  };
  const flush = () => {
    sending = sending.then(send);
    return sending;
  };
  const stopListening = options.spans.listen((span) => {
    if (gathered.length >= GATHERED_MAX) dropped++;
    else gathered.push(span);
    timer ??= clock.at(clock.nowMs() + GATHER_MS, flush);
  });
  return async () => {
    stopListening();
    timer?.cancel();
    await flush();
  };
}

async function postJson(url: string, body: string) {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body, signal });
}

/** SPAN_KIND_… @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
const KIND = { internal: 1, server: 2, consumer: 5 } as const;
const STATUS_ERROR = 2;

/** An ExportTraceServiceRequest: one resource per service of Virga. */
export function tracesData(spans: readonly Span[], version: string): object {
  const byService = new Map<string, Span[]>();
  for (const span of spans) {
    const known = byService.get(span.service);
    if (known) known.push(span);
    else byService.set(span.service, [span]);
  }
  return {
    resourceSpans: [...byService].map(([service, own]) => ({
      resource: { attributes: attributesOf({ "service.name": service, "cloud.provider": "aws" }) },
      scopeSpans: [{ scope: { name: "virga", version }, spans: own.map(spanData) }],
    })),
  };
}

function spanData(span: Span): object {
  const { error, attributes } = span;
  const front = attributes?.["front"] !== undefined;
  const waited = attributes?.["messageId"] !== undefined || attributes?.["waitMs"] !== undefined;
  return {
    // X-Ray's id is the same 32 digits with a version and two hyphens.
    traceId: span.traceId.slice(2).replace("-", ""),
    spanId: span.id,
    ...(span.parentId === undefined ? {} : { parentSpanId: span.parentId }),
    name: span.name,
    kind: front ? KIND.server : waited ? KIND.consumer : KIND.internal,
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.startMs + span.durationMs),
    attributes: attributesOf({
      "cloud.account.id": span.accountId,
      "cloud.region": span.region,
      ...(span.requestId === undefined ? {} : { "aws.request_id": span.requestId }),
      ...(span.resource === undefined ? {} : { "aws.resource": span.resource }),
      ...Object.fromEntries(Object.entries(attributes ?? {}).map(([name, value]) => [`virga.${name}`, value])),
      ...(typeof attributes?.["status"] === "number" ? { "http.response.status_code": attributes["status"] } : {}),
      ...(error === undefined ? {} : { "error.type": error.code }),
    }),
    ...(error === undefined ? {} : { status: { code: STATUS_ERROR, message: error.message } }),
  };
}

/** Milliseconds with a fraction, as the integer text that 64 bits need in JSON. */
const nanoseconds = (ms: number): string => (BigInt(Math.round(ms * 1000)) * 1000n).toString();

function attributesOf(values: Readonly<Record<string, string | number | boolean>>): object[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === "string"
        ? { stringValue: value }
        : typeof value === "boolean"
          ? { boolValue: value }
          : Number.isInteger(value)
            ? { intValue: String(value) }
            : { doubleValue: value },
  }));
}
