/** Finds out what kind of trace a file or folder is, and reads it. Files may be compressed with gzip. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readCalls2021, readConcurrency, readInvocations } from "./azure.ts";
import { readTable } from "./csv.ts";
import { readSingleCalls } from "./single-calls.ts";
import { type Trace, TraceRefused } from "./trace.ts";

const SCHEMAS = `Understood are, as .csv or .csv.gz:
  a file with HashApp, AverageMemMb, 1 … 1440        containers a minute (Azure Functions 2019, as in femux)
  a file with HashApp, HashFunction, 1 … 1440        calls a minute (Azure Functions 2019)
  a file with app, func, end_timestamp, duration     single calls (Azure Functions 2021)
  a folder with invocations, durations, memory       the first of them with durations and memory (Azure 2019, invitro)
  a folder with functions, invocations               single calls with memory and cold starts (arrival_ms, function, duration_ms)`;

/** @throws TraceRefused in words for whoever named the path */
export function openTrace(path: string): Trace {
  if (!existsSync(path)) throw new TraceRefused(`${path} does not exist.`);
  if (statSync(path).isDirectory()) return openFolder(path);
  const text = read(path);
  const table = readTable(path, text);
  if (table.columns.includes("AverageMemMb")) return readConcurrency(path, text);
  if (table.columns.includes("HashFunction")) return readInvocations(path, text);
  if (table.columns.includes("end_timestamp")) return readCalls2021(path, text);
  throw new TraceRefused(
    `${path}: the columns ${table.columns.slice(0, 6).join(", ")} … are of no known kind. ${SCHEMAS}`,
  );
}

function openFolder(folder: string): Trace {
  const invocations = find(folder, "invocations");
  if (!invocations) throw new TraceRefused(`${folder}: there are no invocations in it. ${SCHEMAS}`);
  const functions = find(folder, "functions");
  if (functions) return readSingleCalls(functions, invocations);
  return readInvocations(invocations.file, invocations.text, find(folder, "durations"), find(folder, "memory"));
}

/** `invocations.csv`, or as Azure names it `invocations_per_function_md.anon.d01.csv`; the first of several by name. */
function find(folder: string, kind: string): { readonly file: string; readonly text: string } | undefined {
  const name = readdirSync(folder)
    .filter((entry) => /\.csv(\.gz)?$/.test(entry) && (entry.startsWith(`${kind}.`) || entry.includes(`${kind}_`)))
    .sort()[0];
  const file = name === undefined ? undefined : join(folder, name);
  return file === undefined ? undefined : { file: basename(file), text: read(file) };
}

function read(file: string): string {
  const bytes = readFileSync(file);
  try {
    return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString("utf8");
  } catch (error) {
    throw new TraceRefused(`${file} cannot be read: ${(error as Error).message}`);
  }
}
