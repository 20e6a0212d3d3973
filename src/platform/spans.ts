/**
 * The spans of late, in memory: what the X-Ray service answers from, and what the console's event stream is fed with. The oldest are forgotten
 * when there are too many; a trace is an observation, not a promise.
 */
import type { Clock } from "../kernel/clock.ts";
import { AwsError } from "../kernel/errors.ts";
import type { Span, SpanSink, Trace } from "../kernel/trace.ts";
import { UNTRACED } from "../kernel/trace.ts";
import type { Caller, Entry } from "./core.ts";
import { preview } from "./preview.ts";

const SPANS_MAX = 65_536;
/** Inputs that are written down beside their spans: a few are read by people, thousands a second by nobody. */
const PREVIEWS_PER_SECOND = 20;
const PREVIEWS_MAX = 200;

/** A call that is over. */
export interface Work {
  readonly caller: Omit<Caller, "signal">;
  readonly trace: Trace;
  readonly startMs: number;
  readonly durationMs: number;
  readonly service: string;
  readonly name: string;
  readonly requestId?: string;
  readonly error?: unknown;
  readonly resource?: string;
  readonly attributes?: Span["attributes"];
}

export class Spans implements SpanSink {
  readonly #clock: Clock;
  readonly #ring: Span[] = [];
  #next = 0;
  readonly #listeners = new Set<(span: Span) => void>();
  #previews = PREVIEWS_MAX;
  #previewsMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record(span: Span): void {
    if (this.#ring.length < SPANS_MAX) this.#ring.push(span);
    else this.#ring[this.#next] = span;
    this.#next = (this.#next + 1) % SPANS_MAX;
    for (const listener of this.#listeners) listener(span);
  }

  /** Writes down what a caller asked for and what came of it. */
  work(work: Work): void {
    this.record(spanOf(work));
  }

  /** Writes down an operation of a service, with the resource that it asked permission for and, while few come, its input. */
  operation(entry: Entry, input: unknown, work: Work): void {
    const span = spanOf(work);
    const resource = resourceOf(entry, input, work.caller);
    if (resource !== undefined) span.resource = resource;
    const payload = this.#mayPreview() ? preview(input) : undefined;
    if (payload !== undefined) span.attributes = { payload };
    this.record(span);
  }

  /** Newest last. */
  *recent(): IterableIterator<Span> {
    const from = this.#ring.length < SPANS_MAX ? 0 : this.#next;
    for (let i = 0; i < this.#ring.length; i++) yield this.#ring[(from + i) % this.#ring.length]!;
  }

  /** Calls back for every span from now on, until the returned function is called. */
  listen(listener: (span: Span) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #mayPreview(): boolean {
    const nowMs = this.#clock.nowMs();
    const refill = ((nowMs - this.#previewsMs) * PREVIEWS_PER_SECOND) / 1000;
    if (refill >= 1) {
      this.#previews = Math.min(PREVIEWS_MAX, this.#previews + refill);
      this.#previewsMs = nowMs;
    }
    if (this.#previews < 1) return false;
    this.#previews--;
    return true;
  }
}

/** Members are set one by one: many are written down, and few have them all. */
function spanOf(work: Work): { -readonly [name in keyof Span]: Span[name] } {
  const { caller, trace, service, name, startMs, durationMs, resource, requestId, error, attributes } = work;
  const { accountId, region } = caller;
  const span: ReturnType<typeof spanOf> = {
    traceId: trace.traceId,
    id: trace.spanId,
    accountId,
    region,
    service,
    name,
    startMs,
    durationMs,
  };
  if (caller.trace && caller.trace.spanId !== UNTRACED.spanId) span.parentId = caller.trace.spanId;
  if (resource !== undefined) span.resource = resource;
  if (requestId !== undefined) span.requestId = requestId;
  if (error !== undefined && !isAnswer(error)) span.error = described(error);
  if (attributes !== undefined) span.attributes = attributes;
  return span;
}

/** The first resource that the operation needs a permission for; undefined where it names none. */
function resourceOf(entry: Entry, input: unknown, caller: Work["caller"]): string | undefined {
  try {
    const resource = entry.permissions(input, caller as never)[0]?.resource;
    return resource === "*" ? undefined : resource;
  } catch {
    // Permissions that look things up have nothing to look in here, and input that was refused may have any form.
    return undefined;
  }
}

/** Not modified, moved elsewhere: said with an error, but nothing went wrong. */
const isAnswer = (error: unknown): boolean => error instanceof AwsError && error.status < 400;

function described(error: unknown): NonNullable<Span["error"]> {
  if (error instanceof AwsError) return { code: error.code, message: error.message, fault: error.status >= 500 };
  return { code: "InternalFailure", message: error instanceof Error ? error.message : String(error), fault: true };
}
