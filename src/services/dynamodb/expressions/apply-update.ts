/**
 * What an update does to an item. Every value is taken from the item as it was; then sets, additions and deletions happen, then removals, so
 * that list indexes always mean the list as it was.
 */
import { validation } from "../errors.ts";
import {
  type AttributeMap,
  type AttributeValue,
  attribute,
  setAttribute,
  setMembers,
  setOf,
  typeOf,
} from "../values/attribute-value.ts";
import { addNumbers, subtractNumbers } from "../values/numbers.ts";
import { follow, type Path } from "./paths.ts";
import type { Change, Update, UpdateValue } from "./update.ts";

const wrongOperand = () => validation("An operand in the update expression has an incorrect data type");
const invalidPath = () => validation("The document path provided in the update expression is invalid for update");

/** @returns the new item; the given one stays as it is. @throws ValidationException where the item does not allow the update */
export function applyUpdate(update: Update, item: AttributeMap): AttributeMap {
  const values = update.map((change) => outcome(change, item));
  const changed: AttributeMap = { ...item };
  const copied = new Set<string>();
  const parentOf = (path: Path): AttributeMap | AttributeValue[] => {
    const [name] = path;
    if (path.length === 1) return changed;
    const top = attribute(changed, name);
    if (top !== undefined && !copied.has(name)) {
      setAttribute(changed, name, copyOf(top));
      copied.add(name);
    }
    const parent = follow(path.slice(0, -1) as unknown as Path, changed);
    const container = typeof path.at(-1) === "number" ? parent?.L : parent?.M;
    if (container === undefined) throw invalidPath();
    return container;
  };
  const removals: { readonly list: AttributeValue[]; readonly index: number }[] = [];
  const appended: { readonly list: AttributeValue[]; readonly index: number; readonly value: AttributeValue }[] = [];
  for (const [at, { path, kind }] of update.entries()) {
    const parent = parentOf(path);
    const last = path.at(-1)!;
    const value = values[at];
    if (Array.isArray(parent)) {
      const index = last as number;
      if (value === undefined) {
        if (kind === "REMOVE" || kind === "DELETE") removals.push({ list: parent, index });
      } else if (index < parent.length) {
        parent[index] = value;
      } else {
        appended.push({ list: parent, index, value });
      }
    } else if (value === undefined) {
      delete parent[last as string];
    } else {
      setAttribute(parent, last as string, value);
    }
  }
  // From behind, so that what is still to be removed keeps its place.
  for (const { list, index } of removals.sort((left, right) => right.index - left.index)) list.splice(index, 1);
  // Beyond the end means at the end, in the order of the indexes.
  for (const { list, value } of appended.sort((left, right) => left.index - right.index)) list.push(value);
  return changed;
}

/** What the attribute will be; undefined when it goes. */
function outcome(change: Change, item: AttributeMap): AttributeValue | undefined {
  switch (change.kind) {
    case "SET":
      return evaluate(change.value, item);
    case "ADD":
      return added(follow(change.path, item), change.value);
    case "DELETE":
      return removed(follow(change.path, item), change.value);
    case "REMOVE":
      return undefined;
  }
}

function evaluate(value: UpdateValue, item: AttributeMap): AttributeValue {
  switch (value.kind) {
    case "value":
      return value.value;
    case "path": {
      const found = follow(value.path, item);
      if (found === undefined) {
        throw validation("The provided expression refers to an attribute that does not exist in the item");
      }
      return found;
    }
    case "if_not_exists":
      return follow(value.path, item) ?? evaluate(value.otherwise, item);
    case "plus":
    case "minus": {
      const left = evaluate(value.left, item);
      const right = evaluate(value.right, item);
      if (left.N === undefined || right.N === undefined) throw wrongOperand();
      return { N: (value.kind === "plus" ? addNumbers : subtractNumbers)(left.N, right.N) };
    }
    case "list_append": {
      const left = evaluate(value.left, item);
      const right = evaluate(value.right, item);
      if (left.L === undefined || right.L === undefined) throw wrongOperand();
      return { L: [...left.L, ...right.L] };
    }
  }
}

/** ADD: the sum of numbers or the union of sets of one type. */
export function added(existing: AttributeValue | undefined, value: AttributeValue): AttributeValue {
  if (existing === undefined) return value;
  if (typeOf(existing) !== typeOf(value)) throw wrongOperand();
  if (value.N !== undefined) return { N: addNumbers(existing.N!, value.N) };
  return setOf(value, [...new Set([...setMembers(existing), ...setMembers(value)])])!;
}

/** DELETE: the set without these members; undefined when none is left. */
export function removed(existing: AttributeValue | undefined, value: AttributeValue): AttributeValue | undefined {
  if (existing === undefined) return undefined;
  if (typeOf(existing) !== typeOf(value)) throw wrongOperand();
  const members = new Set(setMembers(value));
  return setOf(
    existing,
    setMembers(existing).filter((member) => !members.has(member)),
  );
}

/** Lists and maps anew, everything else shared. */
function copyOf(value: AttributeValue): AttributeValue {
  if (value.L !== undefined) return { L: value.L.map(copyOf) };
  if (value.M === undefined) return value;
  const map: AttributeMap = {};
  for (const name of Object.keys(value.M)) setAttribute(map, name, copyOf(value.M[name]!));
  return { M: map };
}
