/**
 * What a worker's log stream holds: the function's own lines between START and END, and REPORT after them, in AWS's text and JSON formats.
 * Lines are handed on together, one call per invocation or per burst; nothing here writes anywhere.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
 */
import type { FunctionSpec, LogLine } from "./host.ts";

/** `LogResult` holds the last 4 KB of an invocation's log. */
const TAIL_BYTES_MAX = 4096;
/** AWS cuts longer entries. */
const ENTRY_BYTES_MAX = 256 * 1024 - 26;
/** Held back at most, before lines are handed on in the middle of an invocation. */
const HELD_BYTES_MAX = 256 * 1024;

export interface Report {
  readonly requestId: string;
  readonly durationMs: number;
  readonly billedMs: number;
  readonly memoryMb: number;
  readonly memoryUsedMb: number;
  readonly initMs?: number;
  readonly traceId?: string;
  readonly status: "success" | "error" | "timeout";
  readonly errorType?: string;
}

const SYSTEM_LEVELS = ["DEBUG", "INFO", "WARN"] as const;

export class InvocationLog {
  readonly #spec: FunctionSpec;
  readonly #emit: (lines: readonly LogLine[]) => void;
  #lines: LogLine[] = [];
  #heldBytes = 0;
  #tail: string[] = [];
  #tailBytes = 0;

  constructor(spec: FunctionSpec, emit: (lines: readonly LogLine[]) => void) {
    this.#spec = spec;
    this.#emit = emit;
  }

  get hasLines(): boolean {
    return this.#lines.length > 0;
  }

  /** A line or entry of the function's own, with or without its line feed. */
  write(timestampMs: number, text: string): void {
    const whole = text.endsWith("\n") ? text : `${text}\n`;
    for (const message of cut(whole)) {
      this.#lines.push({ timestampMs, message });
      this.#heldBytes += message.length;
      this.#tail.push(message);
      this.#tailBytes += message.length;
    }
    while (this.#tailBytes - this.#tail[0]!.length > 4 * TAIL_BYTES_MAX) this.#tailBytes -= this.#tail.shift()!.length;
    if (this.#heldBytes > HELD_BYTES_MAX) this.flush();
  }

  /** Hands on what was held back. */
  flush(): void {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#heldBytes = 0;
    this.#emit(lines);
  }

  start(nowMs: number, requestId: string): void {
    this.#tail = [];
    this.#tailBytes = 0;
    const { version } = this.#spec;
    if (this.#spec.logFormat === "Text") this.write(nowMs, `START RequestId: ${requestId} Version: ${version}`);
    else this.#platform(nowMs, "INFO", "platform.start", { requestId, version });
  }

  /** @returns the last 4 KB of the invocation's log */
  end(nowMs: number, report: Report): Buffer {
    if (this.#spec.logFormat === "Text") {
      this.write(nowMs, `END RequestId: ${report.requestId}`);
      this.write(nowMs, reportText(report));
    } else this.#reportJson(nowMs, report);
    this.flush();
    const tail = Buffer.from(this.#tail.join(""));
    return tail.subarray(Math.max(0, tail.length - TAIL_BYTES_MAX));
  }

  /** An initialisation that failed, or that took longer than it may. */
  initReport(
    nowMs: number,
    phase: "init" | "invoke",
    initMs: number,
    failure: { readonly status: "error" | "timeout"; readonly errorType: string },
  ): void {
    const { status } = failure;
    const errorType = status === "error" ? failure.errorType : undefined;
    if (this.#spec.logFormat === "Text") {
      const type = errorType ? `\tError Type: ${errorType}` : "";
      this.write(
        nowMs,
        `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: ${phase}\tStatus: ${status}${type}`,
      );
    } else
      this.#platform(nowMs, "WARN", "platform.initReport", {
        initializationType: "on-demand",
        phase,
        status,
        ...(errorType && { errorType }),
        metrics: { durationMs: round(initMs) },
      });
  }

  #reportJson(nowMs: number, report: Report): void {
    const { requestId, status, errorType } = report;
    const failed = status !== "success";
    const common = { requestId, status, ...(errorType && { errorType }) };
    this.#platform(nowMs, failed ? "WARN" : "DEBUG", "platform.runtimeDone", {
      ...common,
      metrics: { durationMs: round(report.durationMs) },
    });
    this.#platform(nowMs, failed ? "WARN" : "INFO", "platform.report", {
      ...common,
      metrics: {
        durationMs: round(report.durationMs),
        billedDurationMs: report.billedMs,
        memorySizeMB: report.memoryMb,
        maxMemoryUsedMB: report.memoryUsedMb,
        ...(report.initMs !== undefined && { initDurationMs: round(report.initMs) }),
      },
    });
  }

  #platform(nowMs: number, level: (typeof SYSTEM_LEVELS)[number], type: string, record: object): void {
    if (SYSTEM_LEVELS.indexOf(level) < SYSTEM_LEVELS.indexOf(this.#spec.systemLogLevel ?? "INFO")) return;
    this.write(nowMs, JSON.stringify({ time: new Date(nowMs).toISOString(), type, record }));
  }
}

function reportText(report: Report): string {
  const fields = [
    `REPORT RequestId: ${report.requestId}`,
    `Duration: ${report.durationMs.toFixed(2)} ms`,
    `Billed Duration: ${report.billedMs} ms`,
    `Memory Size: ${report.memoryMb} MB`,
    `Max Memory Used: ${report.memoryUsedMb} MB`,
  ];
  if (report.initMs !== undefined) fields.push(`Init Duration: ${report.initMs.toFixed(2)} ms`);
  if (report.status !== "success") fields.push(`Status: ${report.status}`);
  if (report.errorType !== undefined && report.status === "error") fields.push(`Error Type: ${report.errorType}`);
  return `${fields.join("\t")}\t`;
}

const round = (milliseconds: number): number => Math.round(milliseconds * 1000) / 1000;

function* cut(text: string): Iterable<string> {
  for (let at = 0; at < text.length; at += ENTRY_BYTES_MAX) yield text.slice(at, at + ENTRY_BYTES_MAX);
}

/** Cuts a raw stream into lines; `rest` gives what has no line feed yet. */
export function lineSplitter(onLine: (line: string) => void): { write(chunk: Buffer): void; rest(): void } {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const flush = () => {
    if (pendingBytes > 0) onLine(Buffer.concat(pending).toString("utf8"));
    pending = [];
    pendingBytes = 0;
  };
  return {
    write(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        pending.push(chunk.subarray(from, at + 1));
        pendingBytes += at + 1 - from;
        flush();
        from = at + 1;
      }
      if (from < chunk.length) {
        pending.push(chunk.subarray(from));
        pendingBytes += chunk.length - from;
        if (pendingBytes > ENTRY_BYTES_MAX) flush();
      }
    },
    rest: flush,
  };
}
