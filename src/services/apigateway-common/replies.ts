/** Answers that API Gateway makes by itself, and the headers it keeps to itself. */
import { validateHeaderName, validateHeaderValue } from "node:http";
import type { Random } from "../../kernel/random.ts";
import type { Trace } from "../../kernel/trace.ts";
import type { HttpResponse } from "../service.ts";

export type HeaderPair = readonly [name: string, value: string];

export function jsonMessage(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify({ message }) };
}

/** `JKJaXmPLvHcESHA=`: the request id of HTTP APIs, and what REST APIs call the extended one. */
export function extendedRequestId(random: Random): string {
  return random.bytes(11).toString("base64").replaceAll("+", "A").replaceAll("/", "B");
}

/** `Root=1-5e272390-8c398be037738dc042009320`. @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html */
export function traceId({ trace }: { readonly trace: Trace }): string {
  return `Root=${trace.traceId}`;
}

/** Whether HTTP can carry the answer: a final status, header names and values without line breaks and the like. */
export function canBeSent({ status, headers }: HttpResponse): boolean {
  if (!Number.isInteger(status) || status < 200 || status > 599) return false;
  try {
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name);
      for (const one of typeof value === "string" ? [value] : value) validateHeaderValue(name, one);
    }
  } catch {
    return false;
  }
  return true;
}

/** Headers of one connection only; no gateway forwards them. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "trailers",
  "transfer-encoding",
  "upgrade",
]);

/** Collects pairs into a response's headers; repeated names become lists. */
export function headersOf(pairs: readonly HeaderPair[]): Record<string, string | string[]> {
  const headers = new Map<string, string | string[]>();
  for (const [name, value] of pairs) {
    const before = headers.get(name);
    if (before === undefined) headers.set(name, value);
    else if (typeof before === "string") headers.set(name, [before, value]);
    else before.push(value);
  }
  return Object.fromEntries(headers);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `12/Mar/2020:19:03:58 +0000` */
export function commonLogTime(nowMs: number): string {
  const date = new Date(nowMs);
  const two = (value: number) => String(value).padStart(2, "0");
  return (
    `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}` +
    `:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`
  );
}
