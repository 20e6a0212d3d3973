/**
 * The traces of Azure Functions in their public schemas: calls a minute (2019, with durations and memory in files of their own, as its authors and
 * invitro publish them), containers a minute (2019, as femux distributes it), and single calls (2021).
 *
 * @see https://github.com/Azure/AzurePublicDataset
 * @see https://github.com/vhive-serverless/invitro
 */
import { SeededRandom } from "../../kernel/random.ts";
import { minuteColumns, numberAt, positions, readTable, type Table } from "./csv.ts";
import { ASSUMED, type Call, checkSize, MINUTE_MS, type Trace, type TracedFunction, TraceRefused } from "./trace.ts";

/** What happens in each minute: function, count, function, count … */
type Minutes = number[][];

function readMinutes(table: Table): {
  rows: { fields: readonly string[]; line: number }[];
  minutes: Minutes;
  calls: number;
} {
  const columns = minuteColumns(table);
  const minutes: Minutes = columns.map(() => []);
  const rows: { fields: readonly string[]; line: number }[] = [];
  let calls = 0;
  for (const { fields, line } of table.rows()) {
    const fn = rows.length;
    for (const [minute, column] of columns.entries()) {
      if (fields[column] === "0") continue;
      const count = numberAt(table, fields, line, column);
      if (!Number.isInteger(count))
        throw new TraceRefused(`${table.file}, line ${line}, minute ${minute + 1}: ${count} is not whole.`);
      if (count > 0) minutes[minute]!.push(fn, count);
      calls += count;
    }
    rows.push({ fields: fields.slice(0, columns[0]), line });
  }
  checkSize(table.file, rows.length, calls);
  return { rows, minutes, calls };
}

const byTime = (left: Call, right: Call): number => left.atMs - right.atMs || left.fn - right.fn;

/** A unit of concurrency in a minute stands for one call of this length, begun in the minute's first half with the others of its function. */
const BUSY_MS = 30_000;

/** Columns HashApp, AverageMemMb, NumInvocations, 1 … 1440: containers that were busy in that minute, rounded up. */
export function readConcurrency(file: string, text: string): Trace {
  const table = readTable(file, text);
  const at = positions(table, "HashApp", "AverageMemMb");
  const { rows, minutes, calls } = readMinutes(table);
  const functions = rows.map(({ fields, line }) => ({
    name: fields[at.HashApp]!,
    memoryMb: numberAt(table, fields, line, at.AverageMemMb, 1),
    coldMs: ASSUMED.coldMs,
  }));
  return {
    schema: "Azure Functions 2019, containers a minute",
    functions,
    lengthMs: minutes.length * MINUTE_MS,
    callCount: calls,
    assumed: [
      `each container of a minute is one call of ${BUSY_MS / 1000} s, begun with the others of its application in the minute's first half`,
      `a cold start takes ${ASSUMED.coldMs} ms`,
    ],
    *calls(seed) {
      const random = new SeededRandom(seed);
      for (const [minute, entries] of minutes.entries()) {
        const calls: Call[] = [];
        for (let entry = 0; entry < entries.length; entry += 2) {
          const atMs = minute * MINUTE_MS + Math.floor(random.next() * (MINUTE_MS - BUSY_MS));
          for (let count = entries[entry + 1]!; count > 0; count--)
            calls.push({ atMs, fn: entries[entry]!, durationMs: BUSY_MS });
        }
        yield* calls.sort(byTime);
      }
    },
  };
}

/** The percentiles of a function's durations that the files give. */
const PERCENTILES = [0, 1, 25, 50, 75, 99, 100];

/**
 * Columns HashOwner, HashApp, HashFunction, Trigger, 1 … 1440: calls in that minute.
 * @param durations milliseconds: `percentile_Average_…`, by HashFunction
 * @param memory `AverageAllocatedMb`, by HashFunction or HashApp: invitro's files have the one, Azure's own the other
 */
export function readInvocations(
  file: string,
  text: string,
  durations?: { readonly file: string; readonly text: string },
  memory?: { readonly file: string; readonly text: string },
): Trace {
  const table = readTable(file, text);
  const at = positions(table, "HashApp", "HashFunction");
  const percentiles = durations && readDurations(readTable(durations.file, durations.text));
  const megabytes = memory && readMemory(readTable(memory.file, memory.text));
  const { rows, minutes, calls } = readMinutes(table);
  const lengths = rows.map(({ fields }) => percentiles?.get(fields[at.HashFunction]!));
  const functions: TracedFunction[] = rows.map(({ fields }) => ({
    name: fields[at.HashFunction]!,
    memoryMb: megabytes?.get(fields[at.HashFunction]!) ?? megabytes?.get(fields[at.HashApp]!) ?? ASSUMED.memoryMb,
    coldMs: ASSUMED.coldMs,
  }));
  const without = lengths.filter((length) => length === undefined).length;
  return {
    schema: "Azure Functions 2019, calls a minute",
    functions,
    lengthMs: minutes.length * MINUTE_MS,
    callCount: calls,
    assumed: [
      "the calls of a minute are spread over it evenly by chance",
      `a cold start takes ${ASSUMED.coldMs} ms`,
      ...(without > 0 ? [`${without} functions without durations take ${ASSUMED.durationMs} ms`] : []),
      ...(megabytes ? [] : [`a worker holds ${ASSUMED.memoryMb} MB`]),
    ],
    *calls(seed) {
      const random = new SeededRandom(seed);
      for (const [minute, entries] of minutes.entries()) {
        const calls: Call[] = [];
        for (let entry = 0; entry < entries.length; entry += 2) {
          const fn = entries[entry]!;
          for (let count = entries[entry + 1]!; count > 0; count--) {
            const atMs = minute * MINUTE_MS + Math.floor(random.next() * MINUTE_MS);
            calls.push({ atMs, fn, durationMs: drawDuration(lengths[fn], random.next()) });
          }
        }
        yield* calls.sort(byTime);
      }
    },
  };
}

function readDurations(table: Table): Map<string, readonly number[]> {
  const { HashFunction } = positions(table, "HashFunction");
  const columns = PERCENTILES.map((percentile) => `percentile_Average_${percentile}`);
  const at = positions(table, ...columns);
  const found = new Map<string, readonly number[]>();
  for (const { fields, line } of table.rows())
    found.set(
      fields[HashFunction]!,
      columns.map((column) => numberAt(table, fields, line, at[column]!)),
    );
  return found;
}

function readMemory(table: Table): Map<string, number> {
  const { AverageAllocatedMb } = positions(table, "AverageAllocatedMb");
  const by = table.columns.includes("HashFunction") ? "HashFunction" : "HashApp";
  const at = positions(table, by);
  const found = new Map<string, number>();
  for (const { fields, line } of table.rows())
    found.set(fields[at[by]]!, numberAt(table, fields, line, AverageAllocatedMb, 1));
  return found;
}

/** Between two percentiles the duration grows evenly. */
function drawDuration(values: readonly number[] | undefined, chance: number): number {
  if (!values) return ASSUMED.durationMs;
  const percentile = chance * 100;
  let upper = 1;
  while (PERCENTILES[upper]! < percentile) upper++;
  const from = PERCENTILES[upper - 1]!;
  const part = (percentile - from) / (PERCENTILES[upper]! - from);
  return Math.max(1, Math.round(values[upper - 1]! + part * (values[upper]! - values[upper - 1]!)));
}

/** Columns app, func, end_timestamp, duration; both in seconds. */
export function readCalls2021(file: string, text: string): Trace {
  const table = readTable(file, text);
  const at = positions(table, "func", "end_timestamp", "duration");
  const functions: TracedFunction[] = [];
  const known = new Map<string, number>();
  const calls: Call[] = [];
  for (const { fields, line } of table.rows()) {
    const name = fields[at.func]!;
    let fn = known.get(name);
    if (fn === undefined) {
      fn = functions.length;
      known.set(name, fn);
      functions.push({ name, memoryMb: ASSUMED.memoryMb, coldMs: ASSUMED.coldMs });
    }
    const durationMs = Math.max(1, Math.round(numberAt(table, fields, line, at.duration) * 1000));
    const endMs = Math.round(numberAt(table, fields, line, at.end_timestamp) * 1000);
    calls.push({ atMs: Math.max(0, endMs - durationMs), fn, durationMs });
  }
  checkSize(file, functions.length, calls.length);
  calls.sort(byTime);
  return {
    schema: "Azure Functions 2021, single calls",
    functions,
    lengthMs: Math.max(...calls.map(({ atMs, durationMs }) => atMs + durationMs)),
    callCount: calls.length,
    assumed: [`a cold start takes ${ASSUMED.coldMs} ms`, `a worker holds ${ASSUMED.memoryMb} MB`],
    calls: () => calls,
  };
}
