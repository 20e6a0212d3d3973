/** Scalars as text: in headers, labels, query strings, forms and XML. And the error of a value that has the wrong type. */
import { AwsError } from "../kernel/errors.ts";
import type { Shape } from "./shapes.ts";

export type TimestampFormat = "date-time" | "http-date" | "epoch-seconds";

/** A request body that does not have the shape its operation needs. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CommonErrors.html */
export function serializationError(message: string): AwsError {
  return new AwsError("SerializationException", message);
}

/** `NUMBER_VALUE cannot be converted to String`, as AWS's JSON services say it. */
export function wrongType(value: unknown, wanted: string): AwsError {
  return serializationError(`${tokenOf(value)} cannot be converted to ${wanted}`);
}

function tokenOf(value: unknown): string {
  if (value === null) return "NULL_VALUE";
  if (Array.isArray(value)) return "Start of list found where not expected; it";
  switch (typeof value) {
    case "string":
      return "STRING_VALUE";
    case "number":
      return Number.isInteger(value) ? "NUMBER_VALUE" : "DECIMAL_VALUE";
    case "boolean":
      return value ? "TRUE_VALUE" : "FALSE_VALUE";
    default:
      return "Start of structure or map found where not expected; it";
  }
}

export function timestampFormat(shape: Shape, fallback: TimestampFormat): TimestampFormat {
  const [, format] = shape.kind.split(":");
  return (format as TimestampFormat | undefined) ?? fallback;
}

/** @param date a Date, or milliseconds since the epoch */
export function formatTimestamp(date: Date | number, format: TimestampFormat): string | number {
  const value = typeof date === "number" ? new Date(date) : date;
  if (format === "epoch-seconds") return value.getTime() / 1000;
  if (format === "http-date") return value.toUTCString();
  const ms = value.getTime();
  if (ms !== lastMs) {
    const text = value.toISOString();
    lastText = text.endsWith(".000Z") ? `${text.slice(0, -5)}Z` : text;
    lastMs = ms;
  }
  return lastText;
}

/** The last date that was written: what is listed together often happened in the same second. */
let lastMs = Number.NaN;
let lastText = "";

/** Any of the three formats, whichever is meant: clients differ. */
export function parseTimestamp(value: unknown, format: TimestampFormat): Date {
  const seconds =
    typeof value === "number"
      ? value
      : format === "epoch-seconds" || /^-?[\d.]+$/.test(String(value))
        ? Number(value)
        : Number.NaN;
  const date = Number.isNaN(seconds) ? new Date(String(value)) : new Date(Math.round(seconds * 1000));
  if (Number.isNaN(date.getTime())) throw serializationError(`${JSON.stringify(value)} is not a timestamp`);
  return date;
}

/** Reads a scalar from text. */
export function scalarFromText(shape: Shape, format: TimestampFormat): (text: string) => unknown {
  switch (shape.kind.split(":")[0]) {
    case "number":
      return (text) => {
        const value = Number(text);
        if (text.trim() === "" || (Number.isNaN(value) && text !== "NaN"))
          throw serializationError(`${JSON.stringify(text)} is not a number`);
        return value;
      };
    case "boolean":
      return (text) => {
        const lower = text.toLowerCase();
        if (lower !== "true" && lower !== "false") throw serializationError(`${JSON.stringify(text)} is not a boolean`);
        return lower === "true";
      };
    case "timestamp": {
      const wanted = timestampFormat(shape, format);
      return (text) => parseTimestamp(text, wanted);
    }
    case "blob":
      return (text) => Buffer.from(text, "base64");
    case "bigInteger":
      return (text) => {
        if (!/^-?\d+$/.test(text)) throw serializationError(`${JSON.stringify(text)} is not an integer`);
        return BigInt(text);
      };
    case "document":
      return (text) => JSON.parse(text);
    default:
      return (text) => text;
  }
}

/** Writes a scalar as text. */
export function scalarToText(shape: Shape, format: TimestampFormat): (value: any) => string {
  switch (shape.kind.split(":")[0]) {
    case "timestamp": {
      const wanted = timestampFormat(shape, format);
      return (value) => String(formatTimestamp(value, wanted));
    }
    case "blob":
      return (value) => (typeof value === "string" ? value : base64(value));
    case "document":
      return (value) => JSON.stringify(value);
    default:
      return String;
  }
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
