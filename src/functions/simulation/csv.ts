/** Comma-separated files of traces: a head line, then one row a line. None of the public schemas quotes anything. */
import { TraceRefused } from "./trace.ts";

export interface Table {
  readonly file: string;
  readonly columns: readonly string[];
  /** Fields by position; the line number for messages. */
  rows(): Iterable<{ readonly fields: readonly string[]; readonly line: number }>;
}

/** @throws TraceRefused for an empty file, quotes, or a row that is shorter or longer than the head */
export function readTable(file: string, text: string): Table {
  const end = text.indexOf("\n");
  const columns = (end === -1 ? text : text.slice(0, end)).trim().split(",");
  if (columns.length < 2) throw new TraceRefused(`${file}: the first line is no head line of a CSV file.`);
  return {
    file,
    columns,
    *rows() {
      let line = 1;
      for (let at = end + 1; end !== -1 && at < text.length; ) {
        const next = text.indexOf("\n", at);
        const row = text.slice(at, next === -1 ? text.length : next).trim();
        at = next === -1 ? text.length : next + 1;
        line++;
        if (row === "") continue;
        if (row.includes('"')) throw new TraceRefused(`${file}, line ${line}: quoted fields are not understood.`);
        const fields = row.split(",");
        if (fields.length !== columns.length)
          throw new TraceRefused(
            `${file}, line ${line}: ${fields.length} fields where the head line has ${columns.length}.`,
          );
        yield { fields, line };
      }
    },
  };
}

/** The positions of named columns. @throws TraceRefused naming the first that is missing */
export function positions<Name extends string>(table: Table, ...names: readonly Name[]): Record<Name, number> {
  const found = {} as Record<Name, number>;
  for (const name of names) {
    found[name] = table.columns.indexOf(name);
    if (found[name] === -1) throw new TraceRefused(`${table.file}: there is no column ${name}.`);
  }
  return found;
}

/** @throws TraceRefused unless it is a number from `least` on */
export function numberAt(table: Table, fields: readonly string[], line: number, column: number, least = 0): number {
  const text = fields[column]!;
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < least)
    throw new TraceRefused(
      `${table.file}, line ${line}, column ${table.columns[column]}: ${text || "nothing"} is not a number from ${least} on.`,
    );
  return value;
}

/** The columns `1`, `2` … to the last minute, in order. @throws TraceRefused when they are not there */
export function minuteColumns(table: Table): number[] {
  const first = table.columns.indexOf("1");
  if (first === -1)
    throw new TraceRefused(`${table.file}: there is no column 1: minutes are expected as columns 1, 2, 3 ….`);
  const columns: number[] = [];
  for (let column = first; column < table.columns.length; column++) {
    if (table.columns[column] !== String(columns.length + 1))
      throw new TraceRefused(
        `${table.file}: column ${columns.length + 1} is expected where ${table.columns[column]} stands.`,
      );
    columns.push(column);
  }
  return columns;
}
