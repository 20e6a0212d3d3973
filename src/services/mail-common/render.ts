/**
 * SES's templates: the part of Handlebars that SES documents. `{{name}}` (never escaped: "SES doesn't escape HTML content"), nested
 * paths, `#if`, `#unless`, `#each`, `#with`, sections, `else`, comments, inline partials, whitespace control.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html
 */

/** The template's grammar is broken. */
export class InvalidTemplate extends Error {}

/** The data lacks what the template names. */
export class MissingAttribute extends Error {
  readonly attribute: string;

  constructor(attribute: string) {
    super(`Attribute '${attribute}' is not present in the rendering data.`);
    this.attribute = attribute;
  }
}

/** Rendered characters; a template in loops over loops could make any number of them. */
const OUTPUT_MAX = 40 * 1024 * 1024;
/** Nodes rendered, those that write nothing included. */
const STEPS_MAX = 250_000;
/** Blocks in blocks, and partials in partials. */
const DEPTH_MAX = 100;

type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly path: string }
  | { readonly kind: "partial"; readonly name: string; readonly path: string | undefined }
  | { readonly kind: "inline"; readonly name: string; readonly body: readonly Node[] }
  | Block;

interface Block {
  readonly kind: "block";
  /** `section` and `inverse` are blocks by a value's name: `{{#name}}`, `{{^name}}`. */
  readonly helper: "if" | "unless" | "each" | "with" | "section" | "inverse";
  readonly path: string;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

export type CompiledTemplate = readonly Node[];

interface Scope {
  readonly value: unknown;
  readonly parent: Scope | undefined;
  /** `@index`, `@key`, `@first`, `@last` */
  readonly data: Readonly<Record<string, unknown>>;
}

/** @throws InvalidTemplate */
export function compileTemplate(source: string): CompiledTemplate {
  return new Parser(tokenize(source)).all();
}

/** @throws MissingAttribute, InvalidTemplate when the output grows beyond all measure */
export function renderTemplate(template: CompiledTemplate, data: unknown): string {
  let output = "";
  let steps = 0;
  const write = (text: string) => {
    output += text;
    if (output.length > OUTPUT_MAX) throw new InvalidTemplate("The rendered template is too large");
  };
  const run = (nodes: readonly Node[], scope: Scope, partials: ReadonlyMap<string, readonly Node[]>, depth: number) => {
    if (depth > DEPTH_MAX) throw new InvalidTemplate("The template is nested too deeply");
    steps += 1 + nodes.length;
    if (steps > STEPS_MAX) throw new InvalidTemplate("The template takes too many steps");
    let known = partials;
    for (const node of nodes) if (node.kind === "inline") known = new Map(known).set(node.name, node.body);
    const within = (body: readonly Node[], value: unknown, extra: Readonly<Record<string, unknown>> = {}) =>
      run(body, { value, parent: scope, data: { ...scope.data, ...extra } }, known, depth + 1);
    for (const node of nodes) {
      if (node.kind === "text") write(node.text);
      else if (node.kind === "value") {
        const value = resolve(node.path, scope);
        if (value === undefined || value === null) throw new MissingAttribute(node.path);
        write(typeof value === "object" ? JSON.stringify(value) : String(value));
      } else if (node.kind === "partial") {
        const body = known.get(node.name);
        if (!body) throw new InvalidTemplate(`The partial ${node.name} could not be found`);
        if (node.path === undefined) run(body, scope, known, depth + 1);
        else within(body, resolve(node.path, scope));
      } else if (node.kind === "block")
        runBlock(
          node,
          resolve(node.path, scope),
          within,
          () => run(node.body, scope, known, depth + 1),
          () => run(node.otherwise, scope, known, depth + 1),
        );
    }
  };
  run(template, { value: data, parent: undefined, data: { root: data } }, new Map(), 0);
  return output;
}

function runBlock(
  block: Block,
  value: unknown,
  within: (body: readonly Node[], value: unknown, extra?: Readonly<Record<string, unknown>>) => void,
  body: () => void,
  otherwise: () => void,
): void {
  switch (block.helper) {
    case "if":
      return truthy(value) ? body() : otherwise();
    case "unless":
    case "inverse":
      return truthy(value) ? otherwise() : body();
    case "with":
      return truthy(value) ? within(block.body, value) : otherwise();
    case "section":
      if (!truthy(value)) return otherwise();
      if (!Array.isArray(value)) return value === true ? body() : within(block.body, value);
  }
  const entries = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : typeof value === "object" && value !== null
      ? Object.entries(value)
      : [];
  if (entries.length === 0) return otherwise();
  for (const [index, [key, item]] of entries.entries()) {
    within(block.body, item, { index, key, first: index === 0, last: index === entries.length - 1 });
  }
}

/** As Handlebars has it: an empty list is false. */
function truthy(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

function resolve(path: string, scope: Scope): unknown {
  const literal = /^(?:"([^"]*)"|'([^']*)'|(-?\d+(?:\.\d+)?)|(true|false))$/.exec(path);
  if (literal) {
    if (literal[3] !== undefined) return Number(literal[3]);
    return literal[4] === undefined ? (literal[1] ?? literal[2]) : literal[4] === "true";
  }
  let rest = path;
  let at: Scope | undefined = scope;
  while (rest === ".." || rest.startsWith("../")) {
    at = at?.parent;
    rest = rest.slice(3);
  }
  if (!at) return undefined;
  const steps = [...rest.replace(/^\.\//, "").matchAll(/\[([^\]]*)\]|([^.[\]/]+)/g)].map(
    (match) => match[1] ?? match[2]!,
  );
  let value: unknown = at.value;
  if (steps[0]?.startsWith("@")) {
    const name = steps.shift()!.slice(1);
    value = Object.hasOwn(at.data, name) ? at.data[name] : undefined;
  } else if (steps[0] === "this") steps.shift();
  for (const step of steps) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}

type Token =
  | { readonly kind: "text"; text: string }
  | { readonly kind: "tag"; readonly sign: "" | "#" | "^" | "/" | ">" | "!" | "#*"; readonly body: string };

/** Text and tags, with the white space that belongs to tags taken away. Reads the source once, whatever is in it. */
function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  let trimNext = false;
  for (let open = source.indexOf("{{"); open >= 0; open = source.indexOf("{{", end)) {
    const trimBefore = source[open + 2] === "~";
    const start = open + (trimBefore ? 3 : 2);
    let text = source.slice(end, open);
    if (trimNext) text = text.trimStart();
    if (trimBefore) text = text.trimEnd();
    tokens.push({ kind: "text", text });
    const long = source.startsWith("!--", start);
    const triple = source[start] === "{";
    const close = long ? closing(source, "--", start + 3) : closing(source, triple ? "}" : "", start);
    if (long) tokens.push({ kind: "tag", sign: "!", body: "" });
    else if (triple) tokens.push({ kind: "tag", sign: "", body: source.slice(start + 1, close.at).trim() });
    else {
      const [, sign, body] = /^([#^/>!&]?\*?)([\s\S]*)$/.exec(source.slice(start, close.at))!;
      tokens.push({ kind: "tag", sign: (sign === "&" ? "" : sign) as "#", body: body!.trim() });
    }
    trimNext = close.trims;
    end = close.end;
  }
  const rest = source.slice(end);
  tokens.push({ kind: "text", text: trimNext ? rest.trimStart() : rest });
  trimStandalone(tokens);
  return tokens;
}

/** Where a tag ends: at the next `}}` that follows `mark`, with or without a `~` between them. */
function closing(source: string, mark: string, from: number): { at: number; end: number; trims: boolean } {
  for (let braces = source.indexOf("}}", from); braces >= 0; braces = source.indexOf("}}", braces + 1)) {
    // The mark may be a brace itself, and then is the first of those found.
    const last = mark === "}" && source[braces + 2] === "}" ? braces + 1 : braces;
    const trims = source[last - 1] === "~";
    const at = (trims ? last - 1 : last) - mark.length;
    if (at >= from && source.startsWith(mark, at)) return { at, end: last + 2, trims };
  }
  throw new InvalidTemplate("A tag is not closed");
}

/** A block tag, comment or partial that has a line for itself takes the line with it. */
function trimStandalone(tokens: Token[]): void {
  const original = tokens.map((token) => (token.kind === "text" ? token.text : ""));
  for (let at = 1; at < tokens.length; at += 2) {
    const tag = tokens[at]!;
    if (tag.kind !== "tag" || (tag.sign === "" && !/^else\b/.test(tag.body))) continue;
    const before = original[at - 1]!;
    const after = original[at + 1]!;
    const lineStart = /(^|\n)[ \t]*$/.exec(before);
    const lineEnd = /^[ \t]*(\r?\n|$)/.exec(after);
    const alone =
      lineStart && (lineStart[1] === "\n" || at === 1) && lineEnd && (lineEnd[1] !== "" || at === tokens.length - 2);
    if (!alone) continue;
    const left = tokens[at - 1] as { text: string };
    const right = tokens[at + 1] as { text: string };
    left.text = left.text.slice(0, left.text.length - (lineStart[0].length - lineStart[1]!.length));
    right.text = right.text.replace(/^[ \t]*(\r?\n|$)/, "");
  }
}

const PATH = /^(?:@?(?:\[[^\]]*\]|[^\s(){}|=#&!>^"'*[\]])+|"[^"]*"|'[^']*')$/;

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  all(): readonly Node[] {
    const { nodes, stop } = this.#nodes(0);
    if (stop) throw new InvalidTemplate(`Unexpected ${stop.body}`);
    return nodes;
  }

  /** Nodes up to the end, an else, or a closing tag. */
  #nodes(depth: number): { nodes: Node[]; stop: { sign: string; body: string } | undefined } {
    if (depth > DEPTH_MAX) throw new InvalidTemplate("The template is nested too deeply");
    const nodes: Node[] = [];
    while (this.#at < this.#tokens.length) {
      const token = this.#tokens[this.#at++]!;
      if (token.kind === "text") {
        if (token.text !== "") nodes.push({ kind: "text", text: token.text });
        continue;
      }
      const { sign, body } = token;
      if (sign === "!") continue;
      if (sign === "/" || (sign === "" && /^else(\s|$)/.test(body)) || (sign === "^" && body === "")) {
        return { nodes, stop: { sign: sign === "^" ? "" : sign, body: sign === "^" ? "else" : body } };
      }
      nodes.push(this.#node(sign, body, depth));
    }
    return { nodes, stop: undefined };
  }

  #node(sign: string, body: string, depth: number): Node {
    if (sign === "") return { kind: "value", path: checkPath(body) };
    if (sign === ">") {
      const [name, path, ...more] = body.split(/\s+/);
      if (!name || more.length > 0) throw new InvalidTemplate(`Invalid partial: ${body}`);
      return { kind: "partial", name: unquote(name), path: path === undefined ? undefined : checkPath(path) };
    }
    if (sign === "#*") {
      const name = /^inline\s+("[^"]+"|'[^']+')$/.exec(body)?.[1];
      if (!name) throw new InvalidTemplate(`Invalid decorator: ${body}`);
      const { nodes, stop } = this.#nodes(depth + 1);
      if (stop?.sign !== "/" || stop.body !== "inline") throw new InvalidTemplate("{{#* inline}} is not closed");
      return { kind: "inline", name: unquote(name), body: nodes };
    }
    if (sign === "^") return this.#block("inverse", body, checkPath(body), depth);
    const [, helper, argument] = /^(if|unless|each|with)\s+([\s\S]+)$/.exec(body) ?? [];
    if (helper) return this.#block(helper as Block["helper"], helper, checkPath(argument!.trim()), depth);
    return this.#block("section", body, checkPath(body), depth);
  }

  #block(helper: Block["helper"], name: string, path: string, depth: number): Block {
    const { nodes, stop } = this.#nodes(depth + 1);
    let otherwise: readonly Node[] = [];
    let end = stop;
    if (stop?.sign === "") {
      const [, chained, argument] = /^else\s+(if|unless|each|with)\s+([\s\S]+)$/.exec(stop.body) ?? [];
      if (chained) {
        // `{{else if}}` is closed by the tag of the block around it.
        const inner = this.#block(chained as Block["helper"], name, checkPath(argument!.trim()), depth + 1);
        return { kind: "block", helper, path, body: nodes, otherwise: [inner] };
      }
      if (stop.body !== "else") throw new InvalidTemplate(`Unexpected ${stop.body}`);
      const rest = this.#nodes(depth + 1);
      otherwise = rest.nodes;
      end = rest.stop;
    }
    if (end?.sign !== "/" || end.body !== name) {
      throw new InvalidTemplate(end ? `${name} doesn't match ${end.body}` : `{{#${name}}} is not closed`);
    }
    return { kind: "block", helper, path, body: nodes, otherwise };
  }
}

function checkPath(path: string): string {
  if (!PATH.test(path)) throw new InvalidTemplate(`Invalid expression: ${path}`);
  return path;
}

const unquote = (text: string): string => text.replace(/^(["'])(.*)\1$/s, "$2");
