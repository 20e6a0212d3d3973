/**
 * Wildcard patterns of policies: `*` is any run of characters, `?` any one, `${key}` a policy variable. A pattern is compiled once and
 * matched often; what a variable is replaced by is taken literally, so a user named `*` matches only itself.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */

const ANY_RUN = -1;
const ANY_ONE = -2;

/** Resolves a policy variable to its single value; undefined when the request has none. */
export type Variables = (name: string) => string | undefined;

interface Variable {
  readonly name: string;
  readonly fallback: string | undefined;
}

export interface Pattern {
  readonly text: string;
  /** Undefined when the pattern names a variable that the request does not have and that has no default. */
  matches(value: string, variables: Variables): boolean | undefined;
}

export interface PatternOptions {
  /** `*` and `?` are wildcards. */
  readonly wildcards: boolean;
  /** `${…}` is a variable: policies of version 2012-10-17. */
  readonly variables: boolean;
  readonly ignoreCase?: boolean;
}

/** Compiles a pattern. Matching takes time proportional to pattern × value at worst, never exponential. */
export function compilePattern(text: string, options: PatternOptions): Pattern {
  const fold = (value: string) => (options.ignoreCase ? value.toLowerCase() : value);
  const parts = split(text, options);
  const folded = parts.map((part) => (typeof part === "string" ? fold(part) : part));
  if (folded.every((part) => typeof part === "string")) {
    const literal = folded.join("");
    return { text, matches: (value) => fold(value) === literal };
  }
  if (folded.length === 1 && folded[0] === ANY_RUN) return { text, matches: () => true };
  if (folded.length === 2 && typeof folded[0] === "string" && folded[1] === ANY_RUN) {
    const prefix = folded[0];
    return { text, matches: (value) => fold(value).startsWith(prefix) };
  }
  if (folded.every((part) => typeof part !== "object")) {
    const symbols = symbolsOf(folded as (string | number)[]);
    return { text, matches: (value) => glob(symbols, fold(value)) };
  }
  return {
    text,
    matches(value, variables) {
      const resolved: (string | number)[] = [];
      for (const part of folded) {
        if (typeof part !== "object") resolved.push(part);
        else {
          const replacement = variables(part.name) ?? part.fallback;
          if (replacement === undefined) return undefined;
          resolved.push(fold(replacement));
        }
      }
      return glob(symbolsOf(resolved), fold(value));
    },
  };
}

/** Literal text, wildcards and variables, in order. */
function split(text: string, options: PatternOptions): (string | number | Variable)[] {
  const parts: (string | number | Variable)[] = [];
  let literal = "";
  const flush = () => {
    if (literal !== "") parts.push(literal);
    literal = "";
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (options.variables && character === "$" && text[at + 1] === "{") {
      const end = text.indexOf("}", at);
      if (end > 0) {
        const body = text.slice(at + 2, end);
        at = end;
        if (body === "*" || body === "?" || body === "$") literal += body;
        else {
          flush();
          const [, name, fallback] = /^\s*([^,]*?)\s*(?:,\s*'(.*)'\s*)?$/s.exec(body) ?? [undefined, body, undefined];
          parts.push({ name: name!, fallback });
        }
        continue;
      }
    }
    if (options.wildcards && (character === "*" || character === "?")) {
      flush();
      const wildcard = character === "*" ? ANY_RUN : ANY_ONE;
      if (wildcard === ANY_ONE || parts.at(-1) !== ANY_RUN) parts.push(wildcard);
    } else literal += character;
  }
  flush();
  return parts;
}

function symbolsOf(parts: readonly (string | number)[]): number[] {
  const symbols: number[] = [];
  for (const part of parts) {
    if (typeof part === "number") symbols.push(part);
    else for (let at = 0; at < part.length; at++) symbols.push(part.charCodeAt(at));
  }
  return symbols;
}

/** On a mismatch goes back to the last `*` alone and lets it swallow one character more. */
function glob(symbols: readonly number[], value: string): boolean {
  let at = 0;
  let symbol = 0;
  let star = -1;
  let starAt = 0;
  while (at < value.length) {
    const wanted = symbols[symbol];
    if (wanted === ANY_RUN) {
      star = symbol++;
      starAt = at;
    } else if (wanted !== undefined && (wanted === ANY_ONE || wanted === value.charCodeAt(at))) {
      symbol++;
      at++;
    } else if (star >= 0) {
      symbol = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (symbols[symbol] === ANY_RUN) symbol++;
  return symbol === symbols.length;
}
