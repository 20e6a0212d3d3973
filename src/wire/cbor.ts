/** rpc-v2-cbor: values to and from what the CBOR library reads and writes. @see https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html */
import { cbor, tag } from "@smithy/core/cbor";
import { perShape } from "./memo.ts";
import { isStructure, type Shape } from "./shapes.ts";
import { serializationError, wrongType } from "./text.ts";

type Codec = (value: any) => any;

export function parseCbor(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return cbor.deserialize(body);
  } catch {
    throw serializationError("The request body is not valid CBOR");
  }
}

export const writeCbor = (value: unknown): Uint8Array => cbor.serialize(value);

export const cborDecoder: (shape: Shape) => Codec = perShape<Codec>((shape) => {
  if (isStructure(shape)) {
    const members = new Map(shape.members.map((member) => [member.name, member.shape]));
    return (value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(value, "Structure");
      const out: Record<string, unknown> = {};
      for (const name of Object.keys(value)) {
        const member = members.get(name);
        if (member && value[name] != null) out[name] = cborDecoder(member)(value[name]);
      }
      return out;
    };
  }
  if (shape.kind === "list") {
    return (value) => {
      if (!Array.isArray(value)) throw wrongType(value, "List");
      return value.map((entry) => (entry == null ? entry : cborDecoder(shape.member.shape)(entry)));
    };
  }
  if (shape.kind === "map") {
    return (value) => {
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(value, "Map");
      return Object.fromEntries(
        Object.entries(value).map(([name, entry]) => [name, cborDecoder(shape.value.shape)(entry)]),
      );
    };
  }
  if (shape.kind.startsWith("timestamp")) {
    return (value) => {
      if (value instanceof Date) return value;
      const seconds = Number(typeof value === "object" && value !== null && "value" in value ? value.value : value);
      if (Number.isNaN(seconds)) throw wrongType(value, "Timestamp");
      return new Date(Math.round(seconds * 1000));
    };
  }
  if (shape.kind === "number") {
    return (value) => {
      if (typeof value !== "number" && typeof value !== "bigint") throw wrongType(value, "Number");
      return Number(value);
    };
  }
  if (shape.kind === "string" || shape.kind === "boolean") {
    return (value) => {
      if (typeof value !== shape.kind) throw wrongType(value, shape.kind === "string" ? "String" : "Boolean");
      return value;
    };
  }
  if (shape.kind === "blob") {
    return (value) => {
      if (!(value instanceof Uint8Array)) throw wrongType(value, "Blob");
      return Buffer.from(value);
    };
  }
  return (value) => value;
});

export const cborEncoder: (shape: Shape) => Codec = perShape<Codec>((shape) => {
  if (isStructure(shape)) {
    return (value) => {
      const out: Record<string, unknown> = {};
      for (const member of shape.members) {
        const entry = value[member.name];
        if (entry != null) out[member.name] = cborEncoder(member.shape)(entry);
      }
      return out;
    };
  }
  if (shape.kind === "list")
    return (value) => value.map((entry: unknown) => (entry == null ? null : cborEncoder(shape.member.shape)(entry)));
  if (shape.kind === "map") {
    return (value) =>
      Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, cborEncoder(shape.value.shape)(entry)]));
  }
  if (shape.kind.startsWith("timestamp"))
    return (value) => tag({ tag: 1, value: (value instanceof Date ? value.getTime() : value) / 1000 });
  return (value) => value;
});
