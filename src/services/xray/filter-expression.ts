/**
 * X-Ray's filter expressions: `fault AND responsetime > 1 OR service("orders") { error }`. Compiled to a test of one trace. Pure.
 *
 * @see https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html
 */
import type { TraceFacts } from "./summaries.ts";

export type TraceFilter = (facts: TraceFacts) => boolean;

/** What the expression gets wrong, for a person. */
export class InvalidExpression extends Error {}

const TOKEN = /\s*(?:"((?:[^"\\]|\\.)*)"|(!=|<=|>=|[(){}!=<>,[\]])|([A-Za-z_][\w.:-]*)|(-?\d+(?:\.\d+)?))/y;
const LENGTH_MAX = 2000;

type Token =
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "sign"; readonly text: string }
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "number"; readonly text: string };

function tokensOf(expression: string): Token[] {
  if (expression.length > LENGTH_MAX)
    throw new InvalidExpression(`A filter expression has at most ${LENGTH_MAX} characters`);
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const text = expression.trimEnd();
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new InvalidExpression(`Unexpected character at ${at}: ${text.slice(at, at + 20)}`);
    const [, quoted, sign, word, number] = match;
    if (quoted !== undefined) tokens.push({ kind: "string", text: quoted.replace(/\\(.)/g, "$1") });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else tokens.push({ kind: "number", text: number! });
  }
  return tokens;
}

const BOOLEANS: Readonly<Record<string, (facts: TraceFacts) => boolean>> = {
  ok: (facts) => !facts.hasError && !facts.hasFault && !facts.hasThrottle,
  error: (facts) => facts.hasError,
  fault: (facts) => facts.hasFault,
  throttle: (facts) => facts.hasThrottle,
  partial: () => false,
};

const NUMBERS: Readonly<Record<string, (facts: TraceFacts) => number | undefined>> = {
  duration: (facts) => facts.durationMs / 1000,
  responsetime: (facts) => facts.responseMs / 1000,
  "http.status": (facts) => facts.http?.status,
};

const STRINGS: Readonly<Record<string, (facts: TraceFacts) => readonly string[]>> = {
  "http.url": (facts) => one(facts.http?.url),
  "http.method": (facts) => one(facts.http?.method),
  name: (facts) => facts.spans.map(({ name }) => name),
  resource: (facts) => facts.spans.flatMap(({ resource }) => one(resource)),
};

const one = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);

/** @throws InvalidExpression */
export function compileFilter(expression: string): TraceFilter {
  const tokens = tokensOf(expression);
  let next = 0;
  const peek = (): Token | undefined => tokens[next];
  const isNext = (text: string): boolean => peek()?.kind !== "string" && peek()?.text.toUpperCase() === text;
  const takeIf = (text: string): boolean => {
    if (!isNext(text)) return false;
    next++;
    return true;
  };
  const expect = (text: string) => {
    if (!takeIf(text)) throw new InvalidExpression(`Expected ${text} but found ${peek()?.text ?? "the end"}`);
  };

  const either = (): TraceFilter => {
    let left = both();
    while (takeIf("OR")) {
      const [a, b] = [left, both()];
      left = (facts) => a(facts) || b(facts);
    }
    return left;
  };
  const both = (): TraceFilter => {
    let left = unary();
    while (takeIf("AND")) {
      const [a, b] = [left, unary()];
      left = (facts) => a(facts) && b(facts);
    }
    return left;
  };
  const unary = (): TraceFilter => {
    if (takeIf("!")) {
      const inner = unary();
      return (facts) => !inner(facts);
    }
    if (takeIf("(")) {
      const inner = either();
      expect(")");
      return inner;
    }
    return term();
  };
  const term = (): TraceFilter => {
    const token = peek();
    if (token?.kind !== "word") throw new InvalidExpression(`Expected a keyword but found ${token?.text ?? "the end"}`);
    next++;
    const word = token.text;
    if (word === "service") return ofService();
    if (word === "annotation" || word.startsWith("annotation.")) return comparison(annotationOf(word));
    if (Object.hasOwn(BOOLEANS, word)) {
      const test = BOOLEANS[word]!;
      if (!isNext("=") && !isNext("!=")) return test;
      const wanted = takeIf("=") || !takeIf("!=");
      if (takeIf("TRUE")) return (facts) => test(facts) === wanted;
      expect("FALSE");
      return (facts) => test(facts) !== wanted;
    }
    if (Object.hasOwn(NUMBERS, word)) {
      const read = NUMBERS[word]!;
      return comparison((facts) => {
        const value = read(facts);
        return value === undefined ? [] : [value];
      });
    }
    if (Object.hasOwn(STRINGS, word)) return comparison(STRINGS[word]!);
    throw new InvalidExpression(`The keyword ${word} is not supported`);
  };
  /** `service("orders")`, with what must hold of that service's part of the trace. */
  const ofService = (): TraceFilter => {
    expect("(");
    const named = peek();
    if (named?.kind === "string") next++;
    expect(")");
    let inner: TraceFilter = () => true;
    if (takeIf("{")) {
      inner = either();
      expect("}");
    }
    return (facts) => {
      const spans = facts.spans.filter(
        ({ name, service }) => named === undefined || name === named.text || service === named.text,
      );
      return spans.length > 0 && inner(facts.partOf(spans));
    };
  };
  const annotationOf = (word: string) => {
    let key = word.slice("annotation.".length);
    if (takeIf("[")) {
      key = peek()?.text ?? "";
      next++;
      expect("]");
    }
    return (facts: TraceFacts) =>
      facts.spans.flatMap(({ attributes }) => {
        const value = attributes?.[key];
        return value === undefined ? [] : [value];
      });
  };
  const comparison = (read: (facts: TraceFacts) => readonly (string | number | boolean)[]): TraceFilter => {
    const operator = peek();
    if (operator === undefined || /^(?:[)}]|AND|OR)$/i.test(operator.text)) return (facts) => read(facts).length > 0;
    next++;
    const value = peek();
    if (value === undefined) throw new InvalidExpression(`${operator.text} needs a value`);
    next++;
    const test = COMPARISONS[operator.text.toUpperCase()];
    if (!test) throw new InvalidExpression(`The operator ${operator.text} is not supported`);
    const wanted = value.kind === "number" ? Number(value.text) : value.text;
    return (facts) => read(facts).some((found) => test(found, wanted));
  };

  const filter = either();
  if (next < tokens.length) throw new InvalidExpression(`Unexpected ${peek()!.text}`);
  return filter;
}

const COMPARISONS: Readonly<Record<string, (found: string | number | boolean, wanted: string | number) => boolean>> = {
  "=": (found, wanted) => String(found) === String(wanted),
  "!=": (found, wanted) => String(found) !== String(wanted),
  "<": (found, wanted) => Number(found) < Number(wanted),
  "<=": (found, wanted) => Number(found) <= Number(wanted),
  ">": (found, wanted) => Number(found) > Number(wanted),
  ">=": (found, wanted) => Number(found) >= Number(wanted),
  CONTAINS: (found, wanted) => String(found).includes(String(wanted)),
  BEGINSWITH: (found, wanted) => String(found).startsWith(String(wanted)),
  ENDSWITH: (found, wanted) => String(found).endsWith(String(wanted)),
};
