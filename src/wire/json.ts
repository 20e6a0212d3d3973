/**
 * AWS JSON: values from and to parsed JSON. awsJson uses member names, restJson uses `jsonName` where the model has one; timestamps are epoch
 * seconds unless the model says otherwise.
 * @see https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
import { perShape } from "./memo.ts";
import { isStructure, type Member, type Shape } from "./shapes.ts";
import { base64, formatTimestamp, parseTimestamp, serializationError, timestampFormat, wrongType } from "./text.ts";

type Codec = (value: any) => any;

/** Nesting that a request may have: deeper than any model, shallower than the stack. */
const DEPTH_MAX = 512;
/** A shorter text cannot be nested deep enough to exhaust the stack, whatever its depth. */
const DEEP_BYTES_MIN = 16 * 1024;

/** Parses a body. An empty body is an empty structure. */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  const text = body.toString("utf8");
  if (tooDeep(text)) throw serializationError(`The request is nested more than ${DEPTH_MAX} levels deep`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw serializationError(`The request body is not valid JSON: ${(error as Error).message}`);
  }
}

function tooDeep(text: string): boolean {
  if (text.length < DEEP_BYTES_MIN) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 92) i++;
      else if (c === 34) inString = false;
    } else if (c === 34) inString = true;
    else if (c === 123 || c === 91) {
      if (++depth > DEPTH_MAX) return true;
    } else if (c === 125 || c === 93) depth--;
  }
  return false;
}

const decodeString: Codec = (value) => {
  if (typeof value === "string") return value;
  throw wrongType(value, "String");
};
const decodeNumber: Codec = (value) => {
  if (typeof value === "number") return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  throw wrongType(value, "Number");
};
const decodeBoolean: Codec = (value) => {
  if (typeof value === "boolean") return value;
  throw wrongType(value, "Boolean");
};
const decodeBlob: Codec = (value) => {
  if (typeof value !== "string") throw wrongType(value, "Blob");
  const bytes = Buffer.from(value, "base64");
  // Node skips what is not base64; AWS refuses it.
  if (!BASE64.test(value)) throw serializationError("A blob is not valid base64");
  return bytes;
};
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const same: Codec = (value) => value;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Sets a member whatever its name: `__proto__` is a name like any other. */
function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__")
    Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
  else target[name] = value;
}

export interface JsonCodec {
  decoder(shape: Shape): Codec;
  encoder(shape: Shape): Codec;
}

function jsonCodec(nameOf: (member: Member) => string): JsonCodec {
  const decoder = perShape<Codec>((shape) => {
    switch (shape.kind) {
      case "string":
        return decodeString;
      case "number":
        return decodeNumber;
      case "boolean":
        return decodeBoolean;
      case "blob":
        return decodeBlob;
      case "bigInteger":
        return (value) => BigInt(value);
      case "list": {
        const element = decoder(shape.member.shape);
        const { sparse } = shape;
        return (value) => {
          if (!Array.isArray(value)) throw wrongType(value, "List");
          const out = new Array(value.length);
          for (let i = 0; i < value.length; i++) {
            const entry = value[i];
            if (entry === null && !sparse) throw serializationError("A list element must not be null");
            out[i] = entry === null ? null : element(entry);
          }
          return out;
        };
      }
      case "map": {
        const element = decoder(shape.value.shape);
        return (value) => {
          if (!isObject(value)) throw wrongType(value, "Map");
          const out: Record<string, unknown> = {};
          for (const name of Object.keys(value)) {
            const entry = value[name];
            if (entry !== null) setOwn(out, name, element(entry));
          }
          return out;
        };
      }
      case "structure":
      case "union": {
        const members: Record<string, { name: string; decode: Codec }> = Object.create(null);
        for (const member of shape.members)
          members[nameOf(member)] = { name: member.name, decode: decoder(member.shape) };
        return (value) => {
          if (!isObject(value)) throw wrongType(value, "Structure");
          const out: Record<string, unknown> = {};
          for (const name in value) {
            const member = members[name];
            if (member === undefined) continue;
            const entry = value[name];
            if (entry !== null) out[member.name] = member.decode(entry);
          }
          return out;
        };
      }
      default:
        if (shape.kind.startsWith("timestamp")) {
          const format = timestampFormat(shape, "epoch-seconds");
          return (value) => {
            if (typeof value !== "number" && typeof value !== "string") throw wrongType(value, "Timestamp");
            return parseTimestamp(value, format);
          };
        }
        return same;
    }
  });

  /** Whether JSON.stringify already writes a shape as the protocol wants it. */
  const plain = (shape: Shape, seen: Set<Shape>): boolean => {
    if (seen.has(shape)) return true;
    seen.add(shape);
    if (isStructure(shape))
      return shape.members.every((member) => nameOf(member) === member.name && plain(member.shape, seen));
    if (shape.kind === "list") return plain(shape.member.shape, seen);
    if (shape.kind === "map") return plain(shape.value.shape, seen);
    return shape.kind === "string" || shape.kind === "boolean" || shape.kind === "document" || shape.kind === "unit";
  };

  const encoder = perShape<Codec>((shape) => {
    if (plain(shape, new Set())) return same;
    switch (shape.kind) {
      case "number":
        return (value) => (Number.isFinite(value) ? value : String(value));
      case "blob":
        return (value) => (typeof value === "string" ? value : base64(value));
      case "bigInteger":
        return (value) => Number(value);
      case "list": {
        const element = encoder(shape.member.shape);
        return (value) => value.map((entry: unknown) => (entry == null ? null : element(entry)));
      }
      case "map": {
        const element = encoder(shape.value.shape);
        return (value) => {
          const out: Record<string, unknown> = {};
          for (const name of Object.keys(value)) if (value[name] != null) setOwn(out, name, element(value[name]));
          return out;
        };
      }
      case "structure":
      case "union": {
        const members = shape.members.map((member) => ({
          name: member.name,
          wire: nameOf(member),
          encode: encoder(member.shape),
        }));
        return (value) => {
          const out: Record<string, unknown> = {};
          for (const member of members) {
            const entry = value[member.name];
            if (entry != null) out[member.wire] = member.encode(entry);
          }
          return out;
        };
      }
      default:
        if (shape.kind.startsWith("timestamp")) {
          const format = timestampFormat(shape, "epoch-seconds");
          return (value) => formatTimestamp(value, format);
        }
        return same;
    }
  });

  return { decoder, encoder };
}

/** awsJson1_0 and awsJson1_1. */
export const awsJson = jsonCodec((member) => member.name);
/** restJson1. */
export const restJson = jsonCodec((member) => member.traits.jsonName ?? member.name);
