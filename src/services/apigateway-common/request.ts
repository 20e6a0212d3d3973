/** An incoming request taken apart, as far as both kinds of API need it. */
import type { HttpRequest } from "../service.ts";

/** `a=1&a=2&b` → [["a","1"],["a","2"],["b",""]], decoded; `+` is a space. */
export function parseQuery(query: string): [string, string][] {
  if (query === "") return [];
  return [...new URLSearchParams(query)];
}

/** Percent-decodes a path segment; what is not valid stays as it is. */
export function decodePath(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A member of a record that strangers name: never what every object inherits. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** First value wins or last value wins, as the caller needs; names in order of appearance. */
export function grouped(pairs: Iterable<readonly [string, string]>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const values = groups.get(name);
    if (values) values.push(value);
    else groups.set(name, [value]);
  }
  return groups;
}

/** The port by which clients reach the platform, from the Host header; 80 when it names none. */
export function portOf(request: HttpRequest): string {
  return /:(\d+)$/.exec(request.headers["host"] ?? "")?.[1] ?? "80";
}

/** `a=1; b=2` → ["a=1", "b=2"] */
export function parseCookies(header: string | undefined): string[] {
  if (!header) return [];
  return header
    .split(";")
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== "");
}
