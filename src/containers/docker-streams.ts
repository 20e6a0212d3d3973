/** Docker's streams: logs with their frames of eight bytes, and progress reports as lines of JSON. */
import type { LogLine } from "./engine.ts";

/** A line longer than this is cut: CloudWatch Logs takes no longer event. */
const LINE_BYTES_MAX = 256 * 1024;
const HEADER_BYTES = 8;
/** `2026-11-28T11:43:23.833656337Z text` */
const STAMPED = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)$/s;
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d) ?/;

/** Lines of a log asked for with timestamps. A terminal's log has no frames. @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach */
export async function* decodeLog(
  stream: AsyncIterable<unknown>,
  terminal: boolean,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  let pending = Buffer.alloc(0);
  /** Text of each stream that has no line break yet. */
  const open = { stdout: "", stderr: "" };
  const lines = function* (name: "stdout" | "stderr", text: string): Generator<LogLine> {
    // A line that comes in several frames is stamped in each.
    const rest = open[name] === "" ? text : text.replace(STAMP, "");
    const parts = (open[name] + rest).split("\n");
    open[name] = parts.pop()!;
    for (const part of parts) yield lineOf(name, part);
    if (open[name].length > LINE_BYTES_MAX) {
      yield lineOf(name, open[name]);
      open[name] = "";
    }
  };
  try {
    for await (const chunk of stream) {
      if (terminal) {
        yield* lines("stdout", (chunk as Buffer).toString("utf8").replaceAll("\r\n", "\n"));
        continue;
      }
      pending = pending.length === 0 ? Buffer.from(chunk as Buffer) : Buffer.concat([pending, chunk as Buffer]);
      while (pending.length >= HEADER_BYTES) {
        const bytes = pending.readUInt32BE(4);
        if (pending.length < HEADER_BYTES + bytes) break;
        const name = pending[0] === 2 ? "stderr" : "stdout";
        yield* lines(name, pending.subarray(HEADER_BYTES, HEADER_BYTES + bytes).toString("utf8"));
        pending = pending.subarray(HEADER_BYTES + bytes);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  for (const name of ["stdout", "stderr"] as const) if (open[name] !== "") yield lineOf(name, open[name]);
}

function lineOf(stream: "stdout" | "stderr", line: string): LogLine {
  const [, stamp, text] = STAMPED.exec(line) ?? [];
  return stamp === undefined
    ? { timestampMs: 0, stream, text: line }
    : { timestampMs: Date.parse(stamp), stream, text: text! };
}

/** Reads a progress report to its end. @throws Error with what the engine reported as its error */
export async function waitForEnd(stream: AsyncIterable<unknown>): Promise<void> {
  let rest = "";
  let tail = "";
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop()!;
    for (const line of lines) tail = read(line, tail);
  }
  read(rest, tail);
}

/** How much of a build's own output an error shows. */
const TAIL_LENGTH = 2000;

function read(line: string, tail: string): string {
  if (line.trim() === "") return tail;
  const { error, stream = "" } = JSON.parse(line) as { error?: string; stream?: string };
  if (error !== undefined) throw new Error(tail === "" ? error : `${tail.trimEnd()}\n${error}`);
  return (tail + stream).slice(-TAIL_LENGTH);
}
