/**
 * Ordered keys. A key is a tuple of strings, numbers and bytes, encoded so that comparing the encodings byte by byte gives
 * the order of the tuples: element by element; bytes before numbers before strings; strings by their UTF-8 bytes.
 *
 * A Key is held as a JavaScript string with one character per byte (0-255): V8 stores it compactly, compares it natively,
 * and it can be the key of a Map.
 *
 *     element  = 0x01 bytes'  0x00          bytes' and text': 0x00 written as 0x00 0xff
 *              | 0x02 8 bytes               IEEE double, big-endian; sign flipped, all bits flipped if negative
 *              | 0x03 text'   0x00
 */
import { assert } from "../kernel/errors.ts";

declare const brand: unique symbol;
export type Key = string & { readonly [brand]: "Key" };
export type KeyPart = string | number | Uint8Array;

/** The engine's limit at an 8 KiB page. */
export const KEY_BYTES_MAX = 4026;

const BYTES = "\x01";
const NUMBER = "\x02";
const TEXT = "\x03";
const END = "\x00";
/** Greater than any element's first byte. */
const AFTER = "\xff";

const ASCII = /^[\x01-\x7f]*$/;
const double = new DataView(new ArrayBuffer(8));

/** Encodes a tuple. */
export function key(...parts: KeyPart[]): Key {
  let text = "";
  for (const part of parts) text += element(part);
  return text as Key;
}

/** The tuple that `stem` encodes with one or two numbers behind it: for many keys that begin alike. */
export function numberedKey(stem: Key, first: number, second?: number): Key {
  const text = stem + NUMBER + ordered(first);
  return (second === undefined ? text : text + NUMBER + ordered(second)) as Key;
}

/** The last element of a tuple that ends in a number. */
export function lastNumber(encoded: Key): number {
  return numberAt(encoded, encoded.length - 8);
}

/** The half-open range [start, end) of all keys that begin with these elements and have more; the tuple itself is included too. */
export function keysUnder(...parts: KeyPart[]): { start: Key; end: Key } {
  const start = key(...parts);
  return { start, end: (start + AFTER) as Key };
}

/** The smallest key greater than `start` and every key that extends it: where a page that ended at `start` goes on. */
export function after(start: Key): Key {
  return (start + AFTER) as Key;
}

/** All keys whose elements begin with `parts` and whose next element is a string beginning with `prefix`. */
export function keysWithPrefix(parts: readonly KeyPart[], prefix: string): { start: Key; end: Key } {
  const stem = key(...parts) + TEXT + escaped(prefix);
  return { start: stem as Key, end: (stem + AFTER) as Key };
}

/** Decodes what {@link key} encoded. */
export function decodeKey(encoded: Key): KeyPart[] {
  const parts: KeyPart[] = [];
  let at = 0;
  while (at < encoded.length) {
    const tag = encoded[at++];
    if (tag === NUMBER) {
      parts.push(numberAt(encoded, at));
      at += 8;
      continue;
    }
    assert(tag === TEXT || tag === BYTES, "a key element has a known tag");
    let body = "";
    for (;;) {
      const end = encoded.indexOf(END, at);
      assert(end >= 0, "a key element is terminated");
      body += encoded.slice(at, end);
      at = end + 1;
      if (encoded[at] !== "\xff") break;
      body += "\x00";
      at++;
    }
    if (tag === TEXT && ASCII.test(body)) {
      parts.push(body);
      continue;
    }
    const bytes = Buffer.from(body, "latin1");
    parts.push(tag === TEXT ? bytes.toString("utf8") : bytes);
  }
  return parts;
}

function numberAt(encoded: string, at: number): number {
  const flip = encoded.charCodeAt(at) & 0x80 ? 0 : 0xff;
  for (let i = 0; i < 8; i++) double.setUint8(i, encoded.charCodeAt(at + i) ^ flip);
  if (flip === 0) double.setUint8(0, double.getUint8(0) ^ 0x80);
  return double.getFloat64(0);
}

function element(part: KeyPart): string {
  if (typeof part === "string") return TEXT + escaped(part) + END;
  if (typeof part === "number") return NUMBER + ordered(part);
  return (
    BYTES +
    Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("latin1").replaceAll("\x00", "\x00\xff") +
    END
  );
}

function escaped(text: string): string {
  if (ASCII.test(text)) return text;
  return Buffer.from(text, "utf8").toString("latin1").replaceAll("\x00", "\x00\xff");
}

function ordered(value: number): string {
  assert(!Number.isNaN(value), "NaN has no place in an order");
  double.setFloat64(0, value === 0 ? 0 : value);
  const flip = value < 0 ? 0xffffffff : 0;
  const high = (double.getUint32(0) ^ (flip || 0x80000000)) >>> 0;
  const low = (double.getUint32(4) ^ flip) >>> 0;
  return String.fromCharCode(
    high >>> 24,
    (high >>> 16) & 255,
    (high >>> 8) & 255,
    high & 255,
    low >>> 24,
    (low >>> 16) & 255,
    (low >>> 8) & 255,
    low & 255,
  );
}
