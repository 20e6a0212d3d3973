/**
 * Document paths: `a.b[2].#c`. How they are read from an expression, resolved, compared with one another, and followed into an item.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.Attributes.html
 */
import { type AttributeMap, type AttributeValue, attribute, setAttribute } from "../values/attribute-value.ts";
import type { Placeholders, Problems } from "./placeholders.ts";
import { isReserved } from "./reserved-words.ts";
import { accept, type Cursor, expect, peek, syntaxError } from "./tokens.ts";

/** Attribute names and list indexes; the first is the name of a top-level attribute. */
export type Path = readonly [string, ...(string | number)[]];

/** As written: names may be placeholders. */
export interface WrittenPath {
  readonly kind: "path";
  readonly elements: readonly { readonly name?: string; readonly placeholder?: string; readonly index?: number }[];
}

/** @param keyword true for words that cannot be a name in this kind of expression */
export function parsePath(cursor: Cursor, keyword: (text: string) => boolean): WrittenPath {
  const elements: WrittenPath["elements"][number][] = [nameAt(cursor, keyword)];
  for (;;) {
    if (accept(cursor, ".")) {
      elements.push(nameAt(cursor, keyword));
    } else if (accept(cursor, "[")) {
      const token = peek(cursor);
      if (token.kind !== "number") throw syntaxError(cursor);
      cursor.at++;
      elements.push({ index: Number(token.text) });
      expect(cursor, "]");
    } else {
      return { kind: "path", elements };
    }
  }
}

function nameAt(cursor: Cursor, keyword: (text: string) => boolean): WrittenPath["elements"][number] {
  const token = peek(cursor);
  if (token.kind === "#name") {
    cursor.at++;
    return { placeholder: token.text };
  }
  if (token.kind !== "name" || keyword(token.text)) throw syntaxError(cursor);
  cursor.at++;
  return { name: token.text };
}

/** Puts in the names; notes reserved words and undefined placeholders as problems. */
export function bindPath(written: WrittenPath, placeholders: Placeholders, problems: Problems): Path {
  const path = written.elements.map(({ name, placeholder, index }) => {
    if (index !== undefined) return index;
    if (placeholder !== undefined) return placeholders.name(placeholder, problems);
    if (isReserved(name!)) {
      problems.note("reserved", `Attribute name is a reserved keyword; reserved keyword: ${name}`);
    }
    return name!;
  });
  return path as unknown as Path;
}

/** `[a, b, [2]]`: as AWS prints a path. */
export const printedPath = (path: Path): string =>
  `[${path.map((element) => (typeof element === "number" ? `[${element}]` : element)).join(", ")}]`;

export const samePath = (left: Path, right: Path): boolean =>
  left.length === right.length && left.every((element, index) => element === right[index]);

/** Notes two paths of which one lies in the other, or which take one attribute for both a list and a map. */
export function checkOverlaps(paths: readonly Path[], problems: Problems): void {
  for (let second = 1; second < paths.length; second++) {
    for (let first = 0; first < second; first++) {
      const kind = relation(paths[first]!, paths[second]!);
      if (kind === "apart") continue;
      problems.note(
        kind,
        `Two document paths ${kind} with each other; must remove or rewrite one of these paths; ` +
          `path one: ${printedPath(paths[first]!)}, path two: ${printedPath(paths[second]!)}`,
      );
    }
  }
}

function relation(left: Path, right: Path): "overlap" | "conflict" | "apart" {
  for (let i = 0; i < left.length && i < right.length; i++) {
    if (typeof left[i] !== typeof right[i]) return "conflict";
    if (left[i] !== right[i]) return "apart";
  }
  return "overlap";
}

/** The value at a path, or undefined. */
export function follow(path: Path, item: AttributeMap): AttributeValue | undefined {
  let value = attribute(item, path[0]);
  for (let i = 1; i < path.length && value !== undefined; i++) {
    const element = path[i]!;
    if (typeof element === "number") value = value.L?.[element];
    else value = value.M === undefined ? undefined : attribute(value.M, element);
  }
  return value;
}

interface Branch {
  whole: boolean;
  readonly children: Map<string | number, Branch>;
}

/** What lies at the paths, in its place within its maps; list elements close up, in the order of the list. */
export function project(paths: readonly Path[], item: AttributeMap): AttributeMap {
  const root: Branch = { whole: false, children: new Map() };
  for (const path of paths) {
    let branch = root;
    for (const element of path) {
      let child = branch.children.get(element);
      if (!child) {
        child = { whole: false, children: new Map() };
        branch.children.set(element, child);
      }
      branch = child;
    }
    branch.whole = true;
  }
  return projectMap(root, item) ?? {};
}

function projectMap(branch: Branch, map: AttributeMap): AttributeMap | undefined {
  let result: AttributeMap | undefined;
  for (const [name, child] of branch.children) {
    const value = typeof name === "string" ? attribute(map, name) : undefined;
    const found = value === undefined ? undefined : projectValue(child, value);
    if (found === undefined) continue;
    result ??= {};
    setAttribute(result, name as string, found);
  }
  return result;
}

function projectValue(branch: Branch, value: AttributeValue): AttributeValue | undefined {
  if (branch.whole) return value;
  if (value.M !== undefined) {
    const map = projectMap(branch, value.M);
    return map && { M: map };
  }
  if (value.L === undefined) return undefined;
  const members: AttributeValue[] = [];
  const indexes = [...branch.children.keys()].filter((index): index is number => typeof index === "number");
  for (const index of indexes.sort((left, right) => left - right)) {
    const member = value.L[index];
    const found = member === undefined ? undefined : projectValue(branch.children.get(index)!, member);
    if (found !== undefined) members.push(found);
  }
  return members.length === 0 ? undefined : { L: members };
}
