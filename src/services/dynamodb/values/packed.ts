/**
 * Items as they are stored: a flat list of names and values, smaller and faster to read than the API's nested objects, and able to carry
 * any name.
 *
 *     item   = [name, value, name, value …]
 *     value  = text                      S
 *            | bytes                     B
 *            | true | false | null       BOOL, NULL
 *            | [1, text]                 N
 *            | [2, value …]              L
 *            | [3, name, value …]        M
 *            | [4, text …] | [5, text …] | [6, bytes …]   SS, NS, BS
 */
import { type AttributeMap, type AttributeValue, setAttribute, typeOf } from "./attribute-value.ts";

export type PackedItem = readonly Packed[];
type Packed = string | boolean | null | Uint8Array | readonly [number, ...Packed[]];

const N = 1;
const L = 2;
const M = 3;
const SS = 4;
const NS = 5;
const BS = 6;

export function pack(item: AttributeMap): PackedItem {
  const packed: Packed[] = [];
  for (const name of Object.keys(item)) packed.push(name, packValue(item[name]!));
  return packed;
}

function packValue(value: AttributeValue): Packed {
  switch (typeOf(value)) {
    case "S":
      return value.S!;
    case "N":
      return [N, value.N!];
    case "B":
      return value.B!;
    case "BOOL":
      return value.BOOL!;
    case "NULL":
      return null;
    case "L":
      return [L, ...value.L!.map(packValue)];
    case "M":
      return [M, ...pack(value.M!)];
    case "SS":
      return [SS, ...value.SS!];
    case "NS":
      return [NS, ...value.NS!];
    case "BS":
      return [BS, ...value.BS!];
  }
}

export const unpack = (packed: PackedItem): AttributeMap => unpackFrom(packed, 0);

function unpackFrom(packed: readonly Packed[], start: number): AttributeMap {
  const item: AttributeMap = {};
  for (let i = start; i < packed.length; i += 2) setAttribute(item, packed[i] as string, unpackValue(packed[i + 1]!));
  return item;
}

function unpackValue(packed: Packed): AttributeValue {
  if (typeof packed === "string") return { S: packed };
  if (typeof packed === "boolean") return { BOOL: packed };
  if (packed === null) return { NULL: true };
  if (packed instanceof Uint8Array) return { B: packed };
  switch (packed[0]) {
    case N:
      return { N: packed[1] as string };
    case L:
      return { L: (packed.slice(1) as Packed[]).map(unpackValue) };
    case M:
      return { M: unpackFrom(packed as readonly Packed[], 1) };
    case SS:
      return { SS: packed.slice(1) as string[] };
    case NS:
      return { NS: packed.slice(1) as string[] };
    default:
      return { BS: packed.slice(1) as Uint8Array[] };
  }
}
