/** A snapshot as lines of text. Pure: the same snapshot and size give the same lines. */
import { stripVTControlCharacters } from "node:util";
import type { Snapshot } from "./snapshot.ts";

/** How words are set off; nothing does where there are no colours. */
export interface Styles {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
}

export interface Size {
  readonly columns: number;
  /** Infinity: as many as there are. */
  readonly rows: number;
}

type Row = readonly string[];

/** Rows that a section keeps at least, heading included, when the screen is low. */
const SECTION_ROWS_MIN = 3;

export function renderSnapshot(snapshot: Snapshot, { columns, rows }: Size, styles: Styles): string[] {
  const sections = [functionSection(snapshot, styles), queueSection(snapshot), serviceSection(snapshot)].filter(
    (section) => section.length > 1,
  );
  const lines = [heading(snapshot, styles), ""];
  if (sections.length === 0) lines.push(styles.dim("Nothing has run yet, and there are no queues and no services."));
  let left = rows - lines.length;
  for (const [index, section] of sections.entries()) {
    const others = sections.length - index - 1;
    const room = Math.max(left - others * (SECTION_ROWS_MIN + 1), SECTION_ROWS_MIN);
    const shown = section.length <= room ? section : section.slice(0, Math.max(room - 1, 1));
    lines.push(...aligned(shown, styles));
    if (shown.length < section.length) lines.push(styles.dim(`  … and ${section.length - shown.length} more`));
    if (others > 0) lines.push("");
    left = rows - lines.length;
  }
  return lines.slice(0, rows).map((line) => cut(line, columns));
}

function heading({ at, windowMinutes, functions, functionCount, cost }: Snapshot, { bold, dim, red }: Styles): string {
  const calls = sum(functions, ({ invocations }) => invocations);
  const errors = sum(functions, ({ errors }) => errors);
  const parts = [
    bold("virga"),
    `${at.slice(11, 19)} UTC`,
    functionCount === 1 ? "1 function" : `${functionCount} functions`,
    `${rate(calls, windowMinutes)} calls/s`,
    errors > 0 ? red(`${errors} errors`) : "no errors",
    ...(cost ? [`today ${money(cost.amount)} ${cost.unit}`] : []),
    dim(`last ${windowMinutes} min`),
  ];
  return parts.join("  ");
}

function functionSection({ functions, windowMinutes }: Snapshot, { red }: Styles): Row[] {
  return [
    ["FUNCTION", "CALLS", "PER S", "ERRORS", "THROTTLED", "AVERAGE", "AT ONCE"],
    ...functions.map((line) => [
      line.name,
      String(line.invocations),
      rate(line.invocations, windowMinutes),
      line.errors > 0 ? red(String(line.errors)) : "0",
      line.throttles > 0 ? red(String(line.throttles)) : "0",
      line.averageMs === undefined ? "-" : `${line.averageMs.toFixed(line.averageMs < 10 ? 1 : 0)} ms`,
      String(line.concurrentMax),
    ]),
  ];
}

const queueSection = ({ queues }: Snapshot): Row[] => [
  ["QUEUE", "WAITING", "IN FLIGHT", "DELAYED"],
  ...queues.map(({ name, waiting, inFlight, delayed }) => [name, String(waiting), String(inFlight), String(delayed)]),
];

const serviceSection = ({ services }: Snapshot): Row[] => [
  ["SERVICE", "DESIRED", "RUNNING", "PENDING"],
  ...services.map((line) => [
    `${line.cluster}/${line.name}`,
    String(line.desired),
    String(line.running),
    String(line.pending),
  ]),
];

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((all, item) => all + of(item), 0);

/** Calls a second: 0.05, 3.2, 140. */
function rate(count: number, minutes: number): string {
  const perSecond = count / (minutes * 60);
  return perSecond === 0 ? "0" : perSecond.toFixed(perSecond < 1 ? 2 : perSecond < 10 ? 1 : 0);
}

/** Fractions of a cent are what most of it is. */
function money(amount: string): string {
  const value = Number(amount);
  return value === 0 ? "0.00" : value < 0.01 ? value.toPrecision(2) : value.toFixed(2);
}

const width = (text: string): number => stripVTControlCharacters(text).length;

/** The first column to the left, figures to the right. */
function aligned(rows: readonly Row[], { bold }: Styles): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => width(row[column]!))));
  return rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      const pad = " ".repeat(widths[column]! - width(cell));
      return column === 0 ? cell + pad : pad + cell;
    });
    const line = cells.join("  ");
    return index === 0 ? bold(line) : line;
  });
}

/** Cut at the right edge; a line with colours is cut after taking them off. */
function cut(line: string, columns: number): string {
  if (width(line) <= columns) return line;
  return `${stripVTControlCharacters(line).slice(0, Math.max(columns - 1, 0))}…`;
}
