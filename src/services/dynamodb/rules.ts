/**
 * What keys and items must satisfy, in DynamoDB's order of precedence.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
 */
import type { AwsError } from "../../kernel/errors.ts";
import { invalidParameter, keyDoesNotMatch, notValidParameter, validation } from "./errors.ts";
import { type Condition, eachPath } from "./expressions/condition.ts";
import type { Path } from "./expressions/paths.ts";
import { knownType, type Update } from "./expressions/update.ts";
import { typeOfKey } from "./keys.ts";
import type { IndexRecord } from "./state.ts";
import type { TableSchema } from "./stored.ts";
import {
  type AttributeMap,
  type AttributeType,
  type AttributeValue,
  attribute,
  type KeyType,
  typeOf,
} from "./values/attribute-value.ts";
import { ITEM_BYTES_MAX, itemSize } from "./values/size.ts";

const HASH_KEY_BYTES_MAX = 2048;
const RANGE_KEY_BYTES_MAX = 1024;

/** Key attributes of a table or an index with their types, the partition key first. */
export function keyAttributes(
  table: TableSchema,
  schema: { readonly hash: string; readonly range?: string } = table,
): { readonly name: string; readonly type: KeyType; readonly isHash: boolean }[] {
  const hash = { name: schema.hash, type: typeOfKey(table, schema.hash), isHash: true };
  if (schema.range === undefined) return [hash];
  return [hash, { name: schema.range, type: typeOfKey(table, schema.range), isHash: false }];
}

/** Checks that a map holds the key's attributes and no others. @throws ValidationException */
export function checkKey(table: TableSchema, map: AttributeMap): void {
  const attributes = keyAttributes(table);
  if (Object.keys(map).length !== attributes.length) throw keyDoesNotMatch();
  for (const { name, type, isHash } of attributes) checkKeyAttribute(map, name, type, isHash);
}

/** Checks one attribute of a key that somebody looks up. @throws ValidationException */
export function checkKeyAttribute(map: AttributeMap, name: string, type: KeyType, isHash: boolean): void {
  const value = attribute(map, name);
  if (value === undefined || typeOf(value) !== type) throw keyDoesNotMatch();
  checkKeyValue(name, value, isHash);
}

/** Neither empty nor too long. @throws ValidationException */
export function checkKeyValue(name: string, value: AttributeValue, isHash: boolean): void {
  const empty = emptyKind(value);
  if (empty) {
    throw notValidParameter(
      `The AttributeValue for a key attribute cannot contain an empty ${empty} value. Key: ${name}`,
    );
  }
  checkKeyLength(value, isHash);
}

function emptyKind(value: AttributeValue): "string" | "binary" | undefined {
  if (value.S === "") return "string";
  return value.B?.byteLength === 0 ? "binary" : undefined;
}

function checkKeyLength(value: AttributeValue, isHash: boolean): void {
  const bytes = value.S !== undefined ? Buffer.byteLength(value.S, "utf8") : (value.B?.byteLength ?? 0);
  if (isHash && bytes > HASH_KEY_BYTES_MAX) {
    throw invalidParameter("Size of hashkey has exceeded the maximum size limit of2048 bytes");
  }
  if (!isHash && bytes > RANGE_KEY_BYTES_MAX) {
    throw invalidParameter("Aggregated size of all range keys has exceeded the size limit of 1024 bytes");
  }
}

/** Checks an item that is to be put whole: the table's key, then the keys of its indexes. @throws ValidationException */
export function checkItemKeys(table: TableSchema, item: AttributeMap): void {
  checkTableKeyOfItem(table, item);
  for (const index of indexesByName(table)) {
    for (const { name, type, isHash } of keyAttributes(table, index)) {
      const value = attribute(item, name);
      if (value === undefined) continue;
      if (typeOf(value) !== type) throw indexTypeMismatch(name, type, typeOf(value), index);
      const empty = emptyKind(value);
      if (empty) {
        throw notValidParameter(
          "A value specified for a secondary index key is not supported. " +
            `The AttributeValue for a key attribute cannot contain an empty ${empty} value. ` +
            `IndexName: ${index.name}, IndexKey: ${name}`,
        );
      }
      checkKeyLength(value, isHash);
    }
  }
}

/** @throws ValidationException naming the attribute that is missing or of the wrong type */
export function checkTableKeyOfItem(table: TableSchema, item: AttributeMap): void {
  for (const { name, type, isHash } of keyAttributes(table)) {
    const value = attribute(item, name);
    if (value === undefined) throw invalidParameter(`Missing the key ${name} in the item`);
    if (typeOf(value) !== type) {
      throw invalidParameter(`Type mismatch for key ${name} expected: ${type} actual: ${typeOf(value)}`);
    }
    checkKeyValue(name, value, isHash);
  }
}

/** The index that an error names is the first by name. */
const indexesByName = (table: TableSchema): readonly IndexRecord[] =>
  table.indexes.length < 2
    ? table.indexes
    : [...table.indexes].sort((left, right) => (left.name < right.name ? -1 : 1));

const indexTypeMismatch = (name: string, expected: string, actual: string, index: IndexRecord): AwsError =>
  invalidParameter(
    `Type mismatch for Index Key ${name} Expected: ${expected} Actual: ${actual} IndexName: ${index.name}`,
  );

/** What an update sets a top-level attribute to, as far as that is known before the item is seen. */
export interface PlannedChange {
  readonly path: Path;
  readonly type?: AttributeType;
  readonly value?: AttributeValue;
  /** It takes something away: REMOVE or DELETE. */
  readonly takes?: true;
}

export const plannedChanges = (update: Update): PlannedChange[] =>
  update.map((change): PlannedChange => {
    if (change.kind === "ADD") return { path: change.path, type: typeOf(change.value), value: change.value };
    if (change.kind !== "SET") return { path: change.path, takes: true };
    const type = knownType(change.value);
    return {
      path: change.path,
      ...(type && { type }),
      ...(change.value.kind === "value" && { value: change.value.value }),
    };
  });

/** Refuses to change key attributes, and to set an index key to what cannot be one. @throws ValidationException */
export function checkPlannedChanges(table: TableSchema, changes: readonly PlannedChange[]): void {
  for (const { name } of keyAttributes(table)) {
    if (changes.some(({ path }) => path[0] === name)) {
      throw invalidParameter(`Cannot update attribute ${name}. This attribute is part of the key`);
    }
  }
  for (const index of indexesByName(table)) {
    for (const { name, type } of keyAttributes(table, index)) {
      const change = changes.find(({ path }) => path.length === 1 && path[0] === name);
      if (change?.type !== undefined && change.type !== type) {
        throw indexTypeMismatch(name, type, change.type, index);
      }
      const empty = change?.value && emptyKind(change.value);
      if (empty) throw emptyIndexKey(empty);
    }
  }
  checkKeyPaths(
    table,
    changes.map(({ path }) => path),
  );
}

const emptyIndexKey = (empty: string): AwsError =>
  notValidParameter(
    "The update expression attempted to update a secondary index key to a value that is not supported. " +
      `The AttributeValue for a key attribute cannot contain an empty ${empty} value.`,
  );

/** Checks the index keys of what an update made. @throws ValidationException */
export function checkUpdatedIndexKeys(table: TableSchema, item: AttributeMap): void {
  for (const index of indexesByName(table)) {
    for (const { name, type, isHash } of keyAttributes(table, index)) {
      const value = attribute(item, name);
      if (value === undefined) continue;
      if (typeOf(value) !== type) {
        throw validation("The update expression attempted to update the secondary index key to unsupported type");
      }
      const empty = emptyKind(value);
      if (empty) throw emptyIndexKey(empty);
      checkKeyLength(value, isHash);
    }
  }
}

/** Refuses paths into key attributes. @throws ValidationException */
export function checkKeyPaths(table: TableSchema, paths: readonly Path[]): void {
  const nested = new Set(paths.filter((path) => path.length > 1).map((path) => path[0]));
  if (nested.size === 0) return;
  const refuse = (kind: string, name: string) =>
    validation(
      `Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: ${kind}: ${name}`,
    );
  for (const { name } of keyAttributes(table)) if (nested.has(name)) throw refuse("Key", name);
  for (const index of indexesByName(table)) {
    for (const { name } of keyAttributes(table, index)) if (nested.has(name)) throw refuse("IndexKey", name);
  }
}

/** Top-level attributes and all paths of a condition. */
export function pathsOf(condition: Condition): Path[] {
  const paths: Path[] = [];
  eachPath(condition, (path) => paths.push(path));
  return paths;
}

/** @throws ValidationException for an item over 400 KB */
export function checkItemSize(item: AttributeMap): number {
  const bytes = itemSize(item);
  if (bytes > ITEM_BYTES_MAX) throw validation("Item size has exceeded the maximum allowed size");
  return bytes;
}

/** @throws ValidationException for an item that an update made larger than 400 KB */
export function checkUpdatedSize(item: AttributeMap): number {
  const bytes = itemSize(item);
  if (bytes > ITEM_BYTES_MAX) throw updatedTooLarge();
  return bytes;
}

export const updatedTooLarge = (): AwsError => validation("Item size to update has exceeded the maximum allowed size");

/** @throws ValidationException for a name given twice */
export function checkDistinctNames(names: readonly string[] | undefined): void {
  const seen = new Set<string>();
  for (const name of names ?? []) {
    if (seen.has(name)) throw invalidParameter(`Duplicate value in attribute name: ${name}`);
    seen.add(name);
  }
}
