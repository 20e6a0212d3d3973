/**
 * Virga's own schema, for workloads of one's own: `functions.csv` with function, mem_mb, cold_ms (further columns are passed over), and
 * `invocations.csv` with arrival_ms, function, duration_ms, in order of arrival.
 */
import { numberAt, positions, readTable } from "./csv.ts";
import { type Call, checkSize, MINUTE_MS, type Trace, type TracedFunction, TraceRefused } from "./trace.ts";

interface File {
  readonly file: string;
  readonly text: string;
}

export function readSingleCalls(functionsFile: File, callsFile: File): Trace {
  const table = readTable(functionsFile.file, functionsFile.text);
  const of = positions(table, "function", "mem_mb", "cold_ms");
  const functions: TracedFunction[] = [];
  const known = new Map<string, number>();
  for (const { fields, line } of table.rows()) {
    known.set(fields[of.function]!, functions.length);
    functions.push({
      name: fields[of.function]!,
      memoryMb: numberAt(table, fields, line, of.mem_mb, 1),
      coldMs: numberAt(table, fields, line, of.cold_ms),
    });
  }
  const list = readTable(callsFile.file, callsFile.text);
  const at = positions(list, "arrival_ms", "function", "duration_ms");
  const calls: Call[] = [];
  let lastMs = 0;
  for (const { fields, line } of list.rows()) {
    const fn = known.get(fields[at.function]!);
    if (fn === undefined)
      throw new TraceRefused(
        `${list.file}, line ${line}: ${fields[at.function]} is not among the functions of ${table.file}.`,
      );
    const atMs = numberAt(list, fields, line, at.arrival_ms);
    if (atMs < lastMs) throw new TraceRefused(`${list.file}, line ${line}: calls must stand in order of arrival.`);
    lastMs = atMs;
    calls.push({ atMs, fn, durationMs: numberAt(list, fields, line, at.duration_ms) });
  }
  checkSize(list.file, functions.length, calls.length);
  return {
    schema: "single calls",
    functions,
    lengthMs: Math.ceil((lastMs + 1) / MINUTE_MS) * MINUTE_MS,
    callCount: calls.length,
    assumed: [],
    calls: () => calls,
  };
}
