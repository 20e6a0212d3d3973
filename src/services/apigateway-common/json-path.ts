/**
 * JSONPath as API Gateway reads it: `$`, `.name`, `['name']`, `[0]`, `[-1]`, `[0:2]`, `[0,1]`, `['a','b']`, `.*`, `[*]`, `..name`.
 * Filter and script expressions are refused.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
 */

type Step =
  | { readonly kind: "names"; readonly names: readonly string[] }
  | { readonly kind: "indexes"; readonly indexes: readonly number[] }
  | { readonly kind: "slice"; readonly start: number | undefined; readonly end: number | undefined }
  | { readonly kind: "all" }
  | { readonly kind: "deep" };

export interface JsonPath {
  readonly steps: readonly Step[];
  /** It can only find one value: the answer is that value, not a list. */
  readonly definite: boolean;
}

export class JsonPathError extends Error {}

/** @throws JsonPathError when the text is not a path that is supported */
export function parseJsonPath(text: string): JsonPath {
  const path = text.trim();
  let at = path.startsWith("$") ? 1 : 0;
  const steps: Step[] = [];
  let definite = true;
  const bareStart = at === 0;
  while (at < path.length) {
    if (path.startsWith("..", at)) {
      steps.push({ kind: "deep" });
      definite = false;
      at += 2;
      if (path[at] === "[") continue;
    } else if (path[at] === ".") {
      at++;
    } else if (path[at] !== "[" && !(bareStart && at === 0)) {
      throw new JsonPathError(`Invalid JSON path: ${text}`);
    }
    if (path[at] === "[") {
      const end = closing(path, at);
      const step = bracket(path.slice(at + 1, end).trim(), text);
      if (step.kind !== "names" && step.kind !== "indexes") definite = false;
      else if ((step.kind === "names" ? step.names : step.indexes).length > 1) definite = false;
      steps.push(step);
      at = end + 1;
      continue;
    }
    const name = /^[^.[\]()]+/.exec(path.slice(at))?.[0];
    if (name === undefined) throw new JsonPathError(`Invalid JSON path: ${text}`);
    at += name.length;
    if (name === "*") {
      steps.push({ kind: "all" });
      definite = false;
    } else steps.push({ kind: "names", names: [name] });
  }
  return { steps, definite };
}

/** The value found; undefined when a definite path finds nothing; a list (possibly empty) for any other path. */
export function readJsonPath(document: unknown, path: JsonPath): unknown {
  let found: unknown[] = [document];
  for (const step of path.steps) found = found.flatMap((value) => apply(step, value));
  return path.definite ? found[0] : found;
}

function closing(path: string, open: number): number {
  let quote = "";
  for (let at = open + 1; at < path.length; at++) {
    const char = path[at]!;
    if (quote) {
      if (char === quote) quote = "";
    } else if (char === "'" || char === '"') quote = char;
    else if (char === "]") return at;
  }
  throw new JsonPathError(`Invalid JSON path: ${path}`);
}

function bracket(inner: string, text: string): Step {
  if (inner === "*") return { kind: "all" };
  if (/^-?\d+(\s*,\s*-?\d+)*$/.test(inner)) return { kind: "indexes", indexes: inner.split(",").map(Number) };
  const slice = /^(-?\d+)?\s*:\s*(-?\d+)?$/.exec(inner);
  if (slice) {
    return {
      kind: "slice",
      start: slice[1] === undefined ? undefined : Number(slice[1]),
      end: slice[2] === undefined ? undefined : Number(slice[2]),
    };
  }
  const quoted = /^(?:'[^']*'|"[^"]*")(?:\s*,\s*(?:'[^']*'|"[^"]*"))*$/;
  if (quoted.test(inner)) {
    return {
      kind: "names",
      names: [...inner.matchAll(/'([^']*)'|"([^"]*)"/g)].map((match) => match[1] ?? match[2] ?? ""),
    };
  }
  throw new JsonPathError(`Invalid JSON path: ${text}`);
}

function apply(step: Step, value: unknown): unknown[] {
  if (step.kind === "deep") return descendants(value);
  if (typeof value !== "object" || value === null) return [];
  switch (step.kind) {
    case "all":
      return Object.values(value);
    case "names":
      if (Array.isArray(value)) return [];
      return step.names.filter((name) => Object.hasOwn(value, name)).map((name) => (value as any)[name]);
    case "indexes":
      if (!Array.isArray(value)) return [];
      return step.indexes
        .map((index) => (index < 0 ? value.length + index : index))
        .filter((index) => index >= 0 && index < value.length)
        .map((index) => value[index]);
    case "slice":
      return Array.isArray(value) ? value.slice(step.start, step.end) : [];
  }
}

function descendants(value: unknown): unknown[] {
  const found: unknown[] = [value];
  for (let at = 0; at < found.length; at++) {
    const next = found[at];
    if (typeof next === "object" && next !== null) for (const child of Object.values(next)) found.push(child);
  }
  return found;
}
