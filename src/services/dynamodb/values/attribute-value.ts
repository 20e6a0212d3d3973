/**
 * Attribute values as the API has them: `{ S: "text" }`, `{ N: "1.5" }`, `{ L: [ … ] }`. Their type, validity, normal form, equality and
 * order. An item is a map of attribute names to such values; since a name may be `__proto__` or `constructor`, items are read with
 * {@link attribute} and written with {@link setAttribute}.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
 */
import type { InputOf } from "../../service.ts";
import { invalidParameter, validation } from "../errors.ts";
import { compareNumbers, normalizeNumber } from "./numbers.ts";

export type AttributeMap = NonNullable<InputOf<"dynamodb", "PutItem">["Item"]>;
export type AttributeValue = AttributeMap[string];
export type AttributeType = "S" | "N" | "B" | "BOOL" | "NULL" | "SS" | "NS" | "BS" | "L" | "M";
/** What a key attribute can be. */
export type KeyType = "S" | "N" | "B";

/** Levels of lists and maps within one another. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const NESTING_MAX = 32;

/** The value of one attribute, or undefined; never something inherited. */
export function attribute(item: AttributeMap, name: string): AttributeValue | undefined {
  return Object.hasOwn(item, name) ? item[name] : undefined;
}

export function setAttribute(item: AttributeMap, name: string, value: AttributeValue): void {
  if (name === "__proto__") {
    Object.defineProperty(item, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    item[name] = value;
  }
}

/** The type of a valid value. */
export function typeOf(value: AttributeValue): AttributeType {
  if (value.S !== undefined) return "S";
  if (value.N !== undefined) return "N";
  if (value.M !== undefined) return "M";
  if (value.L !== undefined) return "L";
  if (value.BOOL !== undefined) return "BOOL";
  if (value.B !== undefined) return "B";
  if (value.NULL !== undefined) return "NULL";
  if (value.SS !== undefined) return "SS";
  if (value.NS !== undefined) return "NS";
  return "BS";
}

/** Bytes as a Buffer over the same memory. */
export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Checks every attribute and returns the map with numbers in plain form. @throws ValidationException */
export function normalizeMap(map: AttributeMap, depth = 0): AttributeMap {
  const result: AttributeMap = {};
  for (const name of Object.keys(map)) setAttribute(result, name, normalizeValue(map[name]!, depth));
  return result;
}

/** Checks a value and returns it with numbers in plain form. @param depth lists and maps around it @throws ValidationException */
export function normalizeValue(value: AttributeValue, depth = 0): AttributeValue {
  let found: AttributeValue | undefined;
  let types = 0;
  for (const type in value) {
    const content = (value as unknown as Record<string, unknown>)[type];
    if (content === undefined || content === null) continue;
    found = normalized(type, content, value, depth);
    types++;
  }
  if (found === undefined) {
    throw validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  }
  if (types > 1) {
    throw validation(
      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    );
  }
  return found;
}

function normalized(type: string, content: unknown, value: AttributeValue, depth: number): AttributeValue | undefined {
  switch (type as AttributeType) {
    case "S":
    case "B":
    case "BOOL":
      return value;
    case "N":
      return { N: normalizeNumber(content as string) };
    case "NULL":
      if (content !== true) throw invalidParameter("Null attribute value types must have the value of true");
      return value;
    case "SS": {
      const members = content as string[];
      if (members.length === 0) throw invalidParameter("An string set  may not be empty");
      if (new Set(members).size < members.length) {
        throw invalidParameter(`Input collection [${members.join(", ")}] contains duplicates.`);
      }
      return value;
    }
    case "NS": {
      const members = content as string[];
      if (members.length === 0) throw invalidParameter("An number set  may not be empty");
      const numbers = members.map(normalizeNumber);
      if (new Set(numbers).size < numbers.length) throw validation("Input collection contains duplicates");
      return { NS: numbers };
    }
    case "BS": {
      const members = content as Uint8Array[];
      if (members.length === 0) throw invalidParameter("Binary sets should not be empty");
      const texts = members.map((member) => bufferOf(member).toString("base64"));
      if (new Set(texts).size < texts.length) {
        throw invalidParameter(`Input collection [${texts.join(", ")}]of type BS contains duplicates.`);
      }
      return value;
    }
    case "L":
      deeper(depth);
      return { L: (content as AttributeValue[]).map((member) => normalizeValue(member, depth + 1)) };
    case "M":
      deeper(depth);
      return { M: normalizeMap(content as AttributeMap, depth + 1) };
    default:
      return undefined;
  }
}

function deeper(depth: number): void {
  if (depth >= NESTING_MAX) throw nestedTooDeep();
}

const nestedTooDeep = () =>
  validation(
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
  );

/** Refuses an item that an update made too deep. @throws ValidationException */
export function checkDepth(map: AttributeMap, depth = 0): void {
  for (const name of Object.keys(map)) checkValueDepth(map[name]!, depth);
}

function checkValueDepth(value: AttributeValue, depth: number): void {
  if (value.M !== undefined) {
    deeper(depth);
    checkDepth(value.M, depth + 1);
  } else if (value.L !== undefined) {
    deeper(depth);
    for (const member of value.L) checkValueDepth(member, depth + 1);
  }
}

/** Equality of valid values: sets without order, numbers by their plain form. */
export function equalValues(left: AttributeValue, right: AttributeValue): boolean {
  if (left === right) return true;
  const type = typeOf(left);
  if (type !== typeOf(right)) return false;
  switch (type) {
    case "S":
      return left.S === right.S;
    case "N":
      return left.N === right.N;
    case "BOOL":
      return left.BOOL === right.BOOL;
    case "NULL":
      return true;
    case "B":
      return bufferOf(left.B!).equals(right.B!);
    case "SS":
      return sameMembers(left.SS!, right.SS!);
    case "NS":
      return sameMembers(left.NS!, right.NS!);
    case "BS":
      return sameMembers(left.BS!.map(base64), right.BS!.map(base64));
    case "L":
      return (
        left.L!.length === right.L!.length && left.L!.every((member, index) => equalValues(member, right.L![index]!))
      );
    case "M":
      return equalMaps(left.M!, right.M!);
  }
}

/** Equality of items, whatever the order of their attributes. */
export function equalMaps(left: AttributeMap, right: AttributeMap): boolean {
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => {
    const other = attribute(right, name);
    return other !== undefined && equalValues(left[name]!, other);
  });
}

const base64 = (bytes: Uint8Array): string => bufferOf(bytes).toString("base64");

function sameMembers(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false;
  const members = new Set(left);
  return right.every((member) => members.has(member));
}

/** The order of two values of the same scalar type S, N or B: below, at or above zero. */
export function compareScalars(left: AttributeValue, right: AttributeValue): number {
  if (left.S !== undefined) return compareText(left.S, right.S!);
  if (left.N !== undefined) return compareNumbers(left.N, right.N!);
  return Buffer.compare(left.B!, right.B!);
}

/** By UTF-8 bytes, which differs from JavaScript's order only where surrogates meet characters above them. */
function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    let a = left.charCodeAt(i);
    let b = right.charCodeAt(i);
    if (a === b) continue;
    if (a >= 0xd800 && b >= 0xd800) {
      a = a >= 0xe000 ? a - 0x800 : a + 0x2000;
      b = b >= 0xe000 ? b - 0x800 : b + 0x2000;
    }
    return a - b;
  }
  return left.length - right.length;
}

/** Members of a set value as comparable text, with the way back. */
export function setMembers(value: AttributeValue): string[] {
  return value.SS ?? value.NS ?? value.BS!.map(base64);
}

/** A set of the same type as `like` from the members that {@link setMembers} gave; undefined when it would be empty. */
export function setOf(like: AttributeValue, members: readonly string[]): AttributeValue | undefined {
  if (members.length === 0) return undefined;
  if (like.SS !== undefined) return { SS: [...members] };
  if (like.NS !== undefined) return { NS: [...members] };
  return { BS: members.map((member) => Buffer.from(member, "base64")) };
}

/** A value as AWS prints it in error texts: `{S:abc}`. */
export function printed(value: AttributeValue): string {
  const type = typeOf(value);
  return `{${type}:${content(value, type)}}`;
}

function content(value: AttributeValue, type: AttributeType): string {
  switch (type) {
    case "S":
      return value.S!;
    case "N":
      return value.N!;
    case "B":
      return base64(value.B!);
    case "BOOL":
      return String(value.BOOL);
    case "NULL":
      return "true";
    case "L":
      return `[${value.L!.map(printed).join(", ")}]`;
    case "M":
      return `{${Object.entries(value.M!)
        .map(([name, member]) => `${name}=${printed(member)}`)
        .join(", ")}}`;
    default:
      return `[${setMembers(value).join(", ")}]`;
  }
}
