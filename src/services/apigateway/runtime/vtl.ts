/**
 * Mapping templates: Velocity with API Gateway's `$input`, `$util`, `$context` and `$stageVariables`. The library parses and walks templates; which
 * methods values have, and how much a template may do, is decided here: nothing of JavaScript's own prototypes can be reached.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
 */
import velocity from "velocityjs";
import { JsonPathError, parseJsonPath, readJsonPath } from "../../apigateway-common/json-path.ts";
import { own } from "../../apigateway-common/request.ts";

const { Compile, parse } = velocity;

export class TemplateError extends Error {}

type Ast = ReturnType<typeof parse>;
export type Template = Ast;

/** Nodes that one rendering may walk through. */
const STEPS_MAX = 200_000;
const OUTPUT_CHARACTERS_MAX = 10 * 1024 * 1024;
/** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html#api-gateway-execution-service-limits-table */
const ITERATIONS_MAX = 1_000;
const DEPTH_MAX = 100;
const TEMPLATE_CHARACTERS_MAX = 300 * 1024;

/** @throws TemplateError when the text is no template */
export function parseTemplate(text: string): Template {
  if (text.length > TEMPLATE_CHARACTERS_MAX) throw new TemplateError("The template is larger than 300 KB");
  try {
    return parse(text);
  } catch (error) {
    throw new TemplateError(error instanceof Error ? error.message.split("\n")[0]! : "The template cannot be parsed");
  }
}

export interface TemplateScope {
  /** The payload as text. */
  readonly body: string;
  readonly params: {
    readonly path: Readonly<Record<string, string>>;
    readonly querystring: Readonly<Record<string, string>>;
    readonly header: Readonly<Record<string, string>>;
  };
  /** `$context`; may be written to (`$context.responseOverride.status`). */
  readonly context: Record<string, unknown>;
  readonly stageVariables: Readonly<Record<string, string>>;
}

/** @throws TemplateError when the template does too much, or calls what is not there */
export function renderTemplate(template: Template, scope: TemplateScope): string {
  const values = {
    input: inputOf(scope),
    util: UTIL,
    context: scope.context,
    stageVariables: { ...scope.stageVariables },
  };
  try {
    return new BoundedCompile(template, {
      customMethodHandlers: [
        {
          uid: "values",
          match: () => true,
          resolve: ({ property, context, params }) => method(context, property, params),
        },
      ],
    }).render(values);
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    throw new TemplateError(error instanceof Error ? error.message : String(error));
  }
}

/** Values whose methods are API Gateway's own functions, told from data by this tag. */
const FUNCTIONS = Symbol("functions");
type Functions = Readonly<Record<string, (...parameters: any[]) => unknown>>;
const functions = (table: Functions): object => Object.assign(Object.create(null), { [FUNCTIONS]: table });

/** Unknown members of these are empty text; of anything else the reference itself is printed, as Velocity does. */
const OWN_NAMES = new Set(["context", "input", "stageVariables", "util"]);

class BoundedCompile extends Compile {
  #steps = 0;
  #depth = 0;

  // The library mixes its parts into one class at run time, so that types do not show that these exist on it.
  override renderAstList(asts?: Ast, contextId?: string): string {
    this.#steps += (asts ?? this.asts).length;
    if (this.#steps > STEPS_MAX) throw new TemplateError("The template takes too many steps");
    if (++this.#depth > DEPTH_MAX) throw new TemplateError("The template is nested too deeply");
    try {
      return bounded((Compile.prototype as any).renderAstList.call(this, asts, contextId));
    } finally {
      this.#depth--;
    }
  }

  protected override getReferences(ast: any, isVal?: boolean): string {
    this.#steps++;
    if (this.#steps > STEPS_MAX) throw new TemplateError("The template takes too many steps");
    const value: any = (Compile.prototype as any).getReferences.call(this, ast, false);
    if (!isVal) return bounded(value);
    if (value === undefined || value === null) {
      if (OWN_NAMES.has(ast.id) || ast.leader === "$!") return "";
      return (Compile.prototype as any).getReferences.call(this, ast, true) ?? "";
    }
    return bounded(value);
  }

  protected getArray(literal: any): unknown[] {
    if (literal.isRange === true) {
      const [begin, end] = literal.value.map((bound: any) =>
        typeof bound === "object" ? Number(this.getReferences(bound)) : Number(bound),
      );
      if (Math.abs(end - begin) >= ITERATIONS_MAX) throw new TemplateError("A range has more than 1000 elements");
    }
    return (Compile.prototype as any).getArray.call(this, literal);
  }

  protected getBlockEach(block: any): string {
    const from: unknown = this.getLiteral({ ...block[0].from, pos: block[0].pos });
    const length = Array.isArray(from)
      ? from.length
      : typeof from === "object" && from !== null
        ? Object.keys(from).length
        : 0;
    if (length > ITERATIONS_MAX) throw new TemplateError("#foreach goes over more than 1000 elements");
    const text: string = (Compile.prototype as any).getBlockEach.call(this, block);
    if (length > 0 && !Array.isArray(from)) {
      // The library leaves the scope of a loop over a map behind.
      this.runState.break = false;
      this.conditions.shift();
      this.contextId = this.conditions[0] ?? "";
    }
    return text;
  }
}

function bounded<T>(value: T): T {
  if (typeof value === "string" && value.length > OUTPUT_CHARACTERS_MAX)
    throw new TemplateError("The template writes more than 10 MB");
  return value;
}

function inputOf(scope: TemplateScope): object {
  let parsed: { value: unknown } | undefined;
  const document = () => {
    parsed ??= { value: parseBody(scope.body) };
    return parsed.value;
  };
  const find = (path: unknown) => {
    try {
      return readJsonPath(document(), parseJsonPath(String(path)));
    } catch (error) {
      if (error instanceof JsonPathError) throw new TemplateError(error.message);
      throw error;
    }
  };
  const { path, querystring, header } = scope.params;
  const input = functions({
    path: (path) => find(path) ?? "",
    json(jsonPath) {
      const value = find(jsonPath);
      return value === undefined ? '""' : JSON.stringify(value);
    },
    params(name?: unknown) {
      if (name === undefined) return { path: { ...path }, querystring: { ...querystring }, header: { ...header } };
      const key = String(name);
      return own(path, key) ?? own(querystring, key) ?? headerValue(header, key) ?? "";
    },
  });
  return Object.assign(input, { body: scope.body });
}

function headerValue(header: Readonly<Record<string, string>>, name: string): string | undefined {
  if (Object.hasOwn(header, name)) return header[name];
  const lower = name.toLowerCase();
  return Object.entries(header).find(([other]) => other.toLowerCase() === lower)?.[1];
}

/** A body that is no JSON is one piece of text; an empty body is an empty object. */
function parseBody(body: string): unknown {
  if (body.trim() === "") return {};
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "'": "\\'",
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

const UTIL = functions({
  escapeJavaScript: (value) =>
    text(value).replaceAll(
      /['"\\/]|[^\x20-\x7e]/g,
      (char) => ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
    ),
  parseJson(value) {
    try {
      return JSON.parse(text(value));
    } catch {
      throw new TemplateError("$util.parseJson was given what is no JSON");
    }
  },
  urlEncode: (value) =>
    encodeURIComponent(text(value))
      .replaceAll("%20", "+")
      .replaceAll(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`),
  urlDecode(value) {
    try {
      return decodeURIComponent(text(value).replaceAll("+", " "));
    } catch {
      throw new TemplateError("$util.urlDecode was given what is not encoded");
    }
  },
  base64Encode: (value) => Buffer.from(text(value)).toString("base64"),
  base64Decode: (value) => Buffer.from(text(value), "base64").toString("utf8"),
});

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The methods that Java's strings, lists, maps and numbers have in templates. */
function method(on: any, name: string, parameters: any[]): unknown {
  if (typeof on === "object" && on !== null && on[FUNCTIONS]) {
    const table: Functions = on[FUNCTIONS];
    if (!Object.hasOwn(table, name)) throw new TemplateError(`There is no function ${name}`);
    return table[name]!(...parameters);
  }
  const table =
    typeof on === "string"
      ? STRINGS
      : Array.isArray(on)
        ? LISTS
        : typeof on === "object" && on !== null
          ? MAPS
          : NUMBERS;
  if (!Object.hasOwn(table, name)) throw new TemplateError(`There is no method ${name} on ${describe(on)}`);
  return table[name]!(on, ...parameters);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "a map" : `a ${typeof value}`;
}

function pattern(source: unknown): RegExp {
  try {
    return new RegExp(String(source), "g");
  } catch {
    throw new TemplateError(`Invalid pattern ${String(source)}`);
  }
}

const ANY_VALUE: Functions = {
  toString: (on: unknown) => (typeof on === "object" ? JSON.stringify(on) : String(on)),
  equals: (on, other) => on === other || (typeof on === "object" && JSON.stringify(on) === JSON.stringify(other)),
};

const STRINGS: Functions = {
  ...ANY_VALUE,
  charAt: (on: string, at: number) => on.charAt(at),
  compareTo: (on: string, other: string) => (on < other ? -1 : on > other ? 1 : 0),
  concat: (on: string, other) => on + text(other),
  contains: (on: string, other) => on.includes(text(other)),
  endsWith: (on: string, other) => on.endsWith(text(other)),
  equalsIgnoreCase: (on: string, other) => on.toLowerCase() === text(other).toLowerCase(),
  indexOf: (on: string, other, from = 0) => on.indexOf(text(other), from),
  isEmpty: (on: string) => on.length === 0,
  lastIndexOf: (on: string, other) => on.lastIndexOf(text(other)),
  length: (on: string) => on.length,
  matches: (on: string, source: unknown) => new RegExp(`^(?:${pattern(source).source})$`).test(on),
  replace: (on: string, from, to) => on.replaceAll(text(from), () => text(to)),
  replaceAll: (on: string, source, to) => on.replaceAll(pattern(source), text(to)),
  replaceFirst: (on: string, source, to) => on.replace(new RegExp(pattern(source).source), text(to)),
  split(on: string, source) {
    const parts = on.split(new RegExp(pattern(source).source));
    while (parts.length > 0 && parts.at(-1) === "") parts.pop();
    return parts;
  },
  startsWith: (on: string, other) => on.startsWith(text(other)),
  substring: (on: string, start: number, end?: number) => on.slice(start, end),
  toLowerCase: (on: string) => on.toLowerCase(),
  toUpperCase: (on: string) => on.toUpperCase(),
  trim: (on: string) => on.trim(),
};

const LISTS: Functions = {
  ...ANY_VALUE,
  add(on: unknown[], value) {
    if (on.length >= ITERATIONS_MAX * 10) throw new TemplateError("A list grows too long");
    on.push(value);
    return true;
  },
  addAll(on: unknown[], values: unknown[]) {
    if (on.length + values.length >= ITERATIONS_MAX * 10) throw new TemplateError("A list grows too long");
    on.push(...values);
    return true;
  },
  contains: (on: unknown[], value) => on.includes(value),
  get: (on: unknown[], at: number) => on[at],
  indexOf: (on: unknown[], value) => on.indexOf(value),
  isEmpty: (on: unknown[]) => on.length === 0,
  remove: (on: unknown[], at: number) => on.splice(at, 1)[0],
  set: (on: unknown[], at: number, value) => {
    const before = on[at];
    on[at] = value;
    return before;
  },
  size: (on: unknown[]) => on.length,
  subList: (on: unknown[], start: number, end: number) => on.slice(start, end),
};

type Members = Record<string, unknown>;
const member = (on: Members, name: unknown): unknown => own(on, String(name));

const MAPS: Functions = {
  ...ANY_VALUE,
  containsKey: (on: Members, name) => Object.hasOwn(on, String(name)),
  containsValue: (on: Members, value) => Object.values(on).includes(value),
  entrySet: (on: Members) => Object.entries(on).map(([key, value]) => ({ key, value })),
  get: member,
  getKey: (on: Members) => member(on, "key"),
  getValue: (on: Members) => member(on, "value"),
  getOrDefault: (on: Members, name, fallback) => member(on, name) ?? fallback,
  isEmpty: (on: Members) => Object.keys(on).length === 0,
  keySet: (on: Members) => Object.keys(on),
  put(on: Members, name, value) {
    const before = member(on, name);
    Object.defineProperty(on, String(name), { value, enumerable: true, configurable: true, writable: true });
    return before ?? "";
  },
  putAll(on: Members, others: Members) {
    for (const [name, value] of Object.entries(others)) {
      Object.defineProperty(on, name, { value, enumerable: true, configurable: true, writable: true });
    }
    return "";
  },
  remove(on: Members, name) {
    const before = member(on, name);
    delete on[String(name)];
    return before;
  },
  size: (on: Members) => Object.keys(on).length,
  values: (on: Members) => Object.values(on),
};

const NUMBERS: Functions = {
  ...ANY_VALUE,
  intValue: (on) => Math.trunc(Number(on)),
  longValue: (on) => Math.trunc(Number(on)),
  doubleValue: (on) => Number(on),
};
