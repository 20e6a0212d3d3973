/**
 * Template text → plain values. JSON, or YAML with CloudFormation's short forms (`!Ref x` is `{Ref: x}`). What the sections mean is not
 * known here. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
 */
import { type Document, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { formatError } from "../errors.ts";
import { isObject, type Value, type ValueObject } from "./values.ts";

/** Levels of nesting that a template may have; far above what templates need, far below what the stack bears. */
const DEPTH_MAX = 100;

const SHORT_FORMS: ReadonlySet<string> = new Set([
  "And",
  "Base64",
  "Cidr",
  "Equals",
  "FindInMap",
  "GetAZs",
  "GetAtt",
  "If",
  "ImportValue",
  "Join",
  "Length",
  "Not",
  "Or",
  "Select",
  "Split",
  "Sub",
  "ToJsonString",
  "Transform",
]);

/** Parses a template. Duplicate keys, unknown tags and anything that is no mapping are refused. */
export function parseTemplateText(text: string): ValueObject {
  const value = text.trimStart().startsWith("{") ? parseJson(text) : parseYaml(text);
  if (!isObject(value)) throw formatError("unsupported structure.");
  return value;
}

function parseJson(text: string): Value {
  let value: Value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const position = /position (\d+)/.exec((error as Error).message)?.[1];
    const before = text.slice(0, position === undefined ? text.length : Number(position)).split("\n");
    throw formatError(`JSON not well-formed. (line ${before.length}, column ${before.at(-1)!.length + 1})`);
  }
  refuseDuplicateJsonKeys(text);
  checkJson(value, 0);
  return value;
}

function checkJson(value: Value, depth: number): void {
  if (depth > DEPTH_MAX) throw formatError(`the template is nested deeper than ${DEPTH_MAX} levels.`);
  if (Array.isArray(value)) for (const item of value) checkJson(item, depth + 1);
  else if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      if (name === "__proto__") throw formatError("the name __proto__ is not allowed.");
      checkJson(member, depth + 1);
    }
  }
}

/** JSON.parse keeps the last of two equal keys and says nothing. `text` is known to be well-formed. */
function refuseDuplicateJsonKeys(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const mark = match[0];
    if (mark === "{") open.push(new Set());
    else if (mark === "[") open.push(undefined);
    else if (mark === "}" || mark === "]") open.pop();
    else if (/^\s*:/.test(text.slice(token.lastIndex, token.lastIndex + 64))) {
      const name: string = JSON.parse(mark);
      const names = open.at(-1);
      if (names?.has(name)) {
        const line = text.slice(0, match.index).split("\n").length;
        throw formatError(`JSON not well-formed. Duplicate key ${name} (line ${line})`);
      }
      names?.add(name);
    }
  }
}

function parseYaml(text: string): Value {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    version: "1.1",
    schema: "yaml-1.1",
    merge: false,
    // CloudFormation leaves these kinds of YAML 1.1 out: a date stays text.
    customTags: (tags) =>
      tags.filter((tag) => typeof tag === "string" || !/(timestamp|binary|omap|pairs|set|merge)$/.test(tag.tag ?? "")),
    logLevel: "silent",
  });
  const where = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `(line ${line}, column ${col})`;
  };
  const error = document.errors[0];
  if (error) {
    const reason = error.code === "DUPLICATE_KEY" ? " Duplicate key" : "";
    throw formatError(`YAML not well-formed.${reason} ${where(error.pos[0])}`);
  }
  if (!document.contents) throw formatError("unsupported structure.");
  return fromNode(document.contents as Node, { document, where, aliases: 0 }, 0);
}

interface Reading {
  readonly document: Document;
  readonly where: (offset: number) => string;
  aliases: number;
}

/** Aliases followed in one template: enough for real ones, too few for one that unfolds without end. */
const ALIASES_MAX = 1000;

function fromNode(node: Node | null, reading: Reading, depth: number): Value {
  if (node === null) return null;
  const refuse = (what: string) => formatError(`YAML not well-formed. ${what} ${reading.where(node.range?.[0] ?? 0)}`);
  if (depth > DEPTH_MAX) throw refuse(`Nested deeper than ${DEPTH_MAX} levels`);
  if (isAlias(node)) {
    if (++reading.aliases > ALIASES_MAX) throw refuse("Too many aliases");
    const target = node.resolve(reading.document);
    if (!target) throw refuse(`Unresolved alias ${node.source}`);
    return fromNode(target, reading, depth + 1);
  }
  return withTag(node, untagged(node, reading, depth, refuse), refuse);
}

function untagged(node: Node, reading: Reading, depth: number, refuse: (what: string) => Error): Value {
  if (isScalar(node)) {
    const value = node.value;
    // A tagged scalar is text: `!Select [!Ref 1, …]` aside, `!Ref 007` must not become a number.
    if (node.tag?.startsWith("!") && typeof node.source === "string") return node.source;
    // YAML 1.1 lets single letters be booleans; AWS's parser does not.
    if (typeof value === "boolean" && node.source?.length === 1) return node.source;
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number" || typeof value === "bigint") return Number(value);
    throw refuse("Unsupported scalar");
  }
  if (isSeq(node)) return node.items.map((item) => fromNode(item as Node, reading, depth + 1));
  if (!isMap(node)) throw refuse("Unsupported structure");
  const entries: [string, Value][] = [];
  for (const pair of node.items) {
    if (!isPair(pair)) throw refuse("Unsupported structure");
    // A key is the text that was written: `on:` is no boolean.
    const name =
      isScalar(pair.key) && typeof pair.key.source === "string"
        ? pair.key.source
        : fromNode(pair.key as Node | null, reading, depth + 1);
    if (name === null || typeof name === "object") throw refuse("A key must be text");
    if (name === "__proto__") throw refuse("The name __proto__ is not allowed");
    entries.push([String(name), fromNode(pair.value as Node | null, reading, depth + 1)]);
  }
  return Object.fromEntries(entries);
}

function withTag(node: Node, value: Value, refuse: (what: string) => Error): Value {
  const tag = node.tag;
  if (tag === undefined || !tag.startsWith("!")) return value;
  const name = tag.slice(1);
  if (name === "Ref" || name === "Condition") return { [name]: value };
  if (name === "GetAtt" && typeof value === "string") {
    const dot = value.indexOf(".");
    return { "Fn::GetAtt": dot < 0 ? [value] : [value.slice(0, dot), value.slice(dot + 1)] };
  }
  if (SHORT_FORMS.has(name)) return { [`Fn::${name}`]: value };
  throw refuse(`Unknown tag ${tag}`);
}
