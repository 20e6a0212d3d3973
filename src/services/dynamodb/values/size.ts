/**
 * How many bytes DynamoDB counts: for the 400 KB limit, for pages of 1 MB and for capacity units.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
import { type AttributeMap, type AttributeValue, typeOf } from "./attribute-value.ts";
import { numberSize } from "./numbers.ts";

export const ITEM_BYTES_MAX = 400 * 1024;

/** Of a list or a map, besides its members, each of which takes one more. */
const DOCUMENT_BYTES = 3;

const textSize = (text: string): number => Buffer.byteLength(text, "utf8");

/** Names and values. */
export function itemSize(item: AttributeMap): number {
  let bytes = 0;
  for (const name of Object.keys(item)) bytes += textSize(name) + valueSize(item[name]!);
  return bytes;
}

export function valueSize(value: AttributeValue): number {
  switch (typeOf(value)) {
    case "S":
      return textSize(value.S!);
    case "N":
      return numberSize(value.N!);
    case "B":
      return value.B!.byteLength;
    case "BOOL":
    case "NULL":
      return 1;
    case "SS":
      return total(value.SS!, textSize);
    case "NS":
      return total(value.NS!, numberSize);
    case "BS":
      return total(value.BS!, (member) => member.byteLength);
    case "L":
      return DOCUMENT_BYTES + total(value.L!, (member) => 1 + valueSize(member));
    case "M":
      return DOCUMENT_BYTES + Object.keys(value.M!).length + itemSize(value.M!);
  }
}

function total<T>(members: readonly T[], size: (member: T) => number): number {
  let bytes = 0;
  for (const member of members) bytes += size(member);
  return bytes;
}
