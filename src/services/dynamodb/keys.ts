/**
 * Where an item and its index entries lie. Attributes of the key become parts of the ordered key:
 *
 *     S → text      N → bytes that sort as the numbers do      B → bytes
 *
 * The partition key is only ever compared for equality: one that is long is replaced by its digest, in the other kind of part, so that it
 * meets no other. That keeps every key below the engine's limit, even where each byte is a zero and takes two. An index entry ends with the
 * table's key (its tail), which makes it unique among equal index keys and gives a page somewhere to go on.
 */
import { createHash } from "node:crypto";
import { assert } from "../../kernel/errors.ts";
import { after, type Key, type KeyPart, key } from "../../storage/keys.ts";
import type { KeyCondition } from "./expressions/key-condition.ts";
import type { IndexRecord } from "./state.ts";
import type { TableSchema } from "./stored.ts";
import { type AttributeMap, type AttributeValue, attribute, type KeyType } from "./values/attribute-value.ts";
import { orderedNumber } from "./values/numbers.ts";

/** Bytes up to which a partition key is kept as it is. */
const HASH_BYTES_MAX = 512;
/** The same for each of the two parts of a tail. */
const TAIL_BYTES_MAX = 128;

/** Hash and range attribute of a table or an index. */
export interface KeySchema {
  readonly hash: string;
  readonly range?: string;
}

/** A sort key's part: it keeps its order. */
export function rangePart(value: AttributeValue): KeyPart {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return orderedNumber(value.N);
  assert(value.B !== undefined, "a key attribute is a string, a number or binary");
  return value.B;
}

/** A partition key's part. */
export function hashPart(value: AttributeValue, bytesMax = HASH_BYTES_MAX): KeyPart {
  if (value.S !== undefined) {
    // A character takes up to three bytes: most keys are short enough without counting.
    if (value.S.length * 3 <= bytesMax || Buffer.byteLength(value.S, "utf8") <= bytesMax) return value.S;
    return createHash("sha256").update(value.S, "utf8").digest();
  }
  const part = rangePart(value) as Uint8Array;
  return part.byteLength <= bytesMax ? part : createHash("sha256").update(part).digest("base64");
}

/** The key of an item in its table. @param map an item, or just its key attributes, valid */
export function itemKey(prefix: Key, schema: KeySchema, map: AttributeMap): Key {
  const text = prefix + key(hashPart(map[schema.hash]!));
  return (schema.range === undefined ? text : text + key(rangePart(map[schema.range]!))) as Key;
}

/** What follows the index's own key. */
export function tailParts(table: KeySchema, map: AttributeMap): KeyPart[] {
  const hash = hashPart(map[table.hash]!, TAIL_BYTES_MAX);
  return table.range === undefined ? [hash] : [hash, hashPart(map[table.range]!, TAIL_BYTES_MAX)];
}

/** The key of an item's entry in an index; undefined when the item lacks an attribute of the index's key. */
export function entryKey(prefix: Key, index: IndexRecord, table: TableSchema, map: AttributeMap): Key | undefined {
  const hash = attribute(map, index.hash);
  if (hash === undefined) return undefined;
  let text = prefix + key(hashPart(hash));
  if (index.range !== undefined) {
    const range = attribute(map, index.range);
    if (range === undefined) return undefined;
    text += key(rangePart(range));
  }
  return (text + key(...tailParts(table, map))) as Key;
}

/** The half-open range of keys in one partition that meet a condition on the sort key. */
export function partitionRange(
  prefix: Key,
  hash: AttributeValue,
  condition: KeyCondition | undefined,
): { readonly start: Key; readonly end: Key } {
  const partition = prefix + key(hashPart(hash));
  const start = partition as Key;
  const end = after(start);
  if (!condition) return { start, end };
  const at = (value: AttributeValue) => (partition + key(rangePart(value))) as Key;
  const [low, high] = condition.values as [AttributeValue, AttributeValue?];
  switch (condition.operator) {
    case "EQ":
      return { start: at(low), end: after(at(low)) };
    case "LT":
      return { start, end: at(low) };
    case "LE":
      return { start, end: after(at(low)) };
    case "GT":
      return { start: after(at(low)), end };
    case "GE":
      return { start: at(low), end };
    case "BETWEEN":
      return { start: at(low), end: after(at(high!)) };
    case "BEGINS_WITH": {
      // Without the terminator: whatever begins like this.
      const stem = at(low).slice(0, -1);
      return { start: stem as Key, end: successor(stem) };
    }
  }
}

/** The smallest key after all that begin with `stem`. */
function successor(stem: string): Key {
  const kept = stem.replace(/\xff+$/, "");
  return (kept.slice(0, -1) + String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1)) as Key;
}

/** A number from 0 to 2^32 - 1 that spreads partitions evenly over the segments of a parallel scan. */
export function partitionHash(value: AttributeValue): number {
  const part = rangePart(value);
  return createHash("md5")
    .update(typeof part === "number" ? String(part) : part)
    .digest()
    .readUInt32BE(0);
}

export const typeOfKey = (table: TableSchema, name: string): KeyType => {
  const definition = table.attributes.find((defined) => defined.name === name);
  assert(definition, `the key attribute ${name} is defined`);
  return definition.type;
};
