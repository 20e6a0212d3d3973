/**
 * Traces in AWS X-Ray's terms: what one request caused, however many services and waits it went through. A trace is made where a request
 * comes in, handed on with every call and event, and written down as spans by whoever runs the work.
 *
 * @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
import type { AccountId, Region } from "./arn.ts";
import type { Random } from "./random.ts";

/** Where in which trace something happens. */
export interface Trace {
  /** `1-5759e988-bd862e3fe1be46a994272793` */
  readonly traceId: string;
  /** Sixteen hexadecimal digits: the span that this happens under. */
  readonly spanId: string;
  /** Unsampled work writes no spans down: what the platform does by itself, and what a caller's header said not to. */
  readonly sampled: boolean;
}

/** One piece of work, after it is done. */
export interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly accountId: AccountId;
  readonly region: Region;
  /** As Virga names its services: `sqs`. */
  readonly service: string;
  /** The operation, the event that was heard, or the surface that answered: `SendMessage`, `s3.ObjectCreated`, `GET /contact`. */
  readonly name: string;
  /** ARN or name of what it was done to, where that is known. */
  readonly resource?: string;
  readonly startMs: number;
  /** Fractions of a millisecond allowed. */
  readonly durationMs: number;
  readonly requestId?: string;
  /** AWS's code and text, and whether the caller or the callee is to blame. */
  readonly error?: { readonly code: string; readonly message: string; readonly fault: boolean };
  /** What there is to say beside: `coldStart`, `waitMs`, `attempts`, `status`, `payload` … */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
}

export interface SpanSink {
  record(span: Span): void;
}

const HEX8 = /^[0-9a-f]{8}$/;
const HEADER_PART = /^(Root|Parent|Sampled)=(.*)$/i;

/** Traces that are all written down in each second; of those beyond it, one in {@link SAMPLED_OF}. X-Ray's default rule has 1 and 20. */
const RESERVOIR_PER_SECOND = 100;
const SAMPLED_OF = 20;

/**
 * Begins traces and makes ids. They are unique rather than unguessable: a random part drawn once, and a count.
 * @see https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html
 */
export class Tracer {
  readonly #tracePrefix: string;
  readonly #spanPrefix: string;
  #traces = 0;
  #spans = 0;
  #second = 0;
  #begunInSecond = 0;

  constructor(random: Random) {
    this.#tracePrefix = random.bytes(8).toString("hex");
    this.#spanPrefix = random.bytes(4).toString("hex");
  }

  /** A trace that begins here. Its span id is the one to be written down for the request itself. */
  begin(nowMs: number): Trace {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#begunInSecond = 0;
    }
    const number = this.#traces++;
    const sampled = this.#begunInSecond++ < RESERVOIR_PER_SECOND || number % SAMPLED_OF === 0;
    if (!sampled) return new UnsampledTrace(this, second, number);
    return { traceId: this.traceId(second, number), spanId: this.spanId(), sampled: true };
  }

  traceId(second: number, number: number): string {
    return `1-${hex8(second)}-${this.#tracePrefix}${hex8(number)}`;
  }

  /** The same trace, one level further down. */
  under(trace: Trace): Trace {
    return trace.sampled ? { traceId: trace.traceId, spanId: this.spanId(), sampled: true } : trace;
  }

  spanId(): string {
    return this.#spanPrefix + hex8(this.#spans++);
  }
}

/** Most are never asked for their ids. */
class UnsampledTrace implements Trace {
  readonly #tracer: Tracer;
  readonly #second: number;
  readonly #number: number;
  readonly sampled = false;

  constructor(tracer: Tracer, second: number, number: number) {
    this.#tracer = tracer;
    this.#second = second;
    this.#number = number;
  }

  get traceId(): string {
    return this.#tracer.traceId(this.#second, this.#number);
  }

  get spanId(): string {
    return UNTRACED.spanId;
  }
}

function hex8(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** The platform's own housekeeping belongs to no request. */
export const UNTRACED: Trace = {
  traceId: "1-00000000-000000000000000000000000",
  spanId: "0000000000000000",
  sampled: false,
};

/** `Root=1-…;Parent=…;Sampled=1`, as the X-Amzn-Trace-Id header and the AWSTraceHeader attribute carry it. */
export function traceHeader(trace: Trace): string {
  return `Root=${trace.traceId};Parent=${trace.spanId};Sampled=${trace.sampled ? 1 : 0}`;
}

/** Undefined unless the text names a trace. A header without a parent or a decision is one that begins here and is sampled. */
export function parseTraceHeader(text: string | undefined): Trace | undefined {
  if (text === undefined || text.length > 512) return undefined;
  let traceId: string | undefined;
  let spanId = UNTRACED.spanId;
  let sampled = true;
  for (const part of text.split(";")) {
    const [, name, value] = HEADER_PART.exec(part.trim()) ?? [];
    if (name === undefined || value === undefined) continue;
    switch (name.toLowerCase()) {
      case "root": {
        const [version, seconds = "", rest = ""] = value.split("-");
        if (version !== "1" || !HEX8.test(seconds) || !/^[0-9a-f]{24}$/.test(rest)) return undefined;
        traceId = value;
        break;
      }
      case "parent":
        if (/^[0-9a-f]{16}$/.test(value)) spanId = value;
        break;
      default:
        sampled = value !== "0";
    }
  }
  return traceId === undefined ? undefined : { traceId, spanId, sampled };
}
