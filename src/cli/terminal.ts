/** Writing to people and to programs. People read stderr when stdout carries a result; colours only where a terminal shows them. */
import { stripVTControlCharacters, styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Styled for the stream, which decides with NO_COLOR, FORCE_COLOR and whether it is a terminal. */
const styled =
  (style: Style, stream: NodeJS.WriteStream = process.stderr) =>
  (text: string): string =>
    styleText(style, text, { stream });

export const bold = styled("bold");
export const dim = styled("dim");
export const red = styled("red");
export const green = styled("green");
export const yellow = styled("yellow");
export const cyan = styled("cyan");

/** For what is written to stdout. */
export const printed = { dim: styled("dim", process.stdout), cyan: styled("cyan", process.stdout) };

/** A line for people. */
export function say(text = ""): void {
  process.stderr.write(`${text}\n`);
}

/** A result for programs, or for people who pipe. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

/** Columns padded to their widest cell; the last one is left as it is. */
export function table(rows: readonly (readonly string[])[], indent = "  "): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    });
  }
  return rows
    .map((row) =>
      (
        indent +
        row
          .map((cell, column) => (column === row.length - 1 ? cell : cell + " ".repeat(widths[column]! - width(cell))))
          .join("  ")
      ).trimEnd(),
    )
    .join("\n");
}

const width = (text: string): number => stripVTControlCharacters(text).length;

/** `0.2 s`, `1 min 5 s` */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
