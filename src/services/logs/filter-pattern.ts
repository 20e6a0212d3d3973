/**
 * The filter pattern language of CloudWatch Logs: which messages a pattern matches. Pure.
 *
 *     ERROR "exact phrase" -excluded      every term, none of the excluded ones
 *     ?ERROR ?WARN                        any of them; beside other terms, `?` terms have no effect
 *     %expression%                        a regular expression of the supported subset
 *     { $.a.b[0] = "text*" && … }         fields of a JSON message
 *     [ip, user, ..., status = 4*, rest]  fields of a space-delimited message
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
import { invalidFilterPattern } from "./errors.ts";
import { type Comparison, comparison, type Matcher, Scanner } from "./filter-terms.ts";

/** Regular expressions in one pattern. */
const EXPRESSIONS_MAX = 2;
/** Wildcard selectors in one JSON pattern. */
const WILDCARDS_MAX = 3;

/** @throws InvalidParameterException when the pattern is not of the language */
export function parseFilterPattern(pattern: string): Matcher {
  const trimmed = pattern.trim();
  if (trimmed === "") return () => true;
  const scanner = new Scanner(trimmed);
  const matcher = trimmed.startsWith("{")
    ? jsonPattern(scanner)
    : trimmed.startsWith("[")
      ? delimitedPattern(scanner)
      : termPattern(scanner);
  if (scanner.expressions > EXPRESSIONS_MAX) throw invalidFilterPattern();
  return matcher;
}

function termPattern(scanner: Scanner): Matcher {
  const all: Matcher[] = [];
  const any: Matcher[] = [];
  const none: Matcher[] = [];
  while (!scanner.atEnd()) {
    const group = scanner.take("?") ? any : scanner.take("-") ? none : all;
    group.push(term(scanner));
    scanner.skipSpace();
  }
  return (message) => {
    if (none.some((matches) => matches(message))) return false;
    if (all.length > 0 || none.length > 0) return all.every((matches) => matches(message));
    return any.some((matches) => matches(message));
  };
}

/** A word, a phrase or an expression, found anywhere in the message; case matters. */
function term(scanner: Scanner): Matcher {
  if (scanner.peek() === "%") {
    const expression = scanner.expression();
    return (message) => expression.test(message);
  }
  const text = scanner.peek() === '"' ? scanner.quoted() : scanner.until(/\s/);
  if (text === "") throw invalidFilterPattern();
  // A phrase of spaces alone matches everything.
  if (text.trim() === "") return () => true;
  return (message) => message.includes(text);
}

/** A step from a JSON value to those below it: a name, an index, or all of them. */
type Step = string | number | "*";
type Condition = (event: unknown) => boolean;

function jsonPattern(scanner: Scanner): Matcher {
  scanner.expect("{");
  let wildcards = 0;
  const condition = disjunction(scanner, () => jsonCondition(scanner, () => wildcards++));
  scanner.skipSpace();
  scanner.expect("}");
  scanner.expectEnd();
  if (wildcards > WILDCARDS_MAX) throw invalidFilterPattern();
  return (message) => {
    let event: unknown;
    try {
      event = JSON.parse(message);
    } catch {
      return false;
    }
    return typeof event === "object" && event !== null && condition(event);
  };
}

/** Parentheses before `&&` before `||`. */
function disjunction<T>(scanner: Scanner, operand: () => (value: T) => boolean): (value: T) => boolean {
  const parts = [conjunction(scanner, operand)];
  while (scanner.take("||")) parts.push(conjunction(scanner, operand));
  return parts.length === 1 ? parts[0]! : (value) => parts.some((matches) => matches(value));
}

function conjunction<T>(scanner: Scanner, operand: () => (value: T) => boolean): (value: T) => boolean {
  const parts: Array<(value: T) => boolean> = [];
  do {
    if (scanner.take("(")) {
      parts.push(disjunction(scanner, operand));
      scanner.skipSpace();
      scanner.expect(")");
    } else {
      parts.push(operand());
    }
    scanner.skipSpace();
  } while (scanner.take("&&"));
  return parts.length === 1 ? parts[0]! : (value) => parts.every((matches) => matches(value));
}

function jsonCondition(scanner: Scanner, onWildcard: () => void): Condition {
  const path = selector(scanner);
  const wildcards = path.filter((step) => step === "*").length;
  if (wildcards > 1) throw invalidFilterPattern();
  if (wildcards === 1) onWildcard();
  scanner.skipSpace();
  if (scanner.takeWord("NOT")) {
    scanner.skipSpace();
    if (!scanner.takeWord("EXISTS")) throw invalidFilterPattern();
    return (event) => selected(event, path).length === 0;
  }
  if (scanner.takeWord("IS")) {
    scanner.skipSpace();
    const expected = scanner.takeWord("NULL")
      ? null
      : scanner.takeWord("TRUE")
        ? true
        : scanner.takeWord("FALSE")
          ? false
          : undefined;
    if (expected === undefined) throw invalidFilterPattern();
    return (event) => selected(event, path).some((value) => value === expected);
  }
  const compare = comparison(scanner, /[\s)}&|]/);
  if (!compare) throw invalidFilterPattern();
  return (event) => selected(event, path).some((value) => compared(value, compare));
}

/** Arrays and objects are never values; null is not either. */
function compared(value: unknown, compare: Comparison): boolean {
  if (typeof value === "string") return compare(value, undefined);
  if (typeof value === "number") return compare(String(value), value);
  if (typeof value === "boolean") return compare(String(value), undefined);
  return false;
}

/** `$.a.b[0].*`, `$.['a.b']` */
function selector(scanner: Scanner): Step[] {
  scanner.skipSpace();
  scanner.expect("$");
  const path: Step[] = [];
  for (;;) {
    if (scanner.peek() === "[") {
      path.push(bracketed(scanner));
    } else if (scanner.take(".")) {
      if (scanner.peek() === "[") continue;
      const name = scanner.take("*") ? "*" : scanner.match(/[\p{L}\p{N}_@-]+/uy);
      if (!name) throw invalidFilterPattern();
      path.push(name);
    } else {
      break;
    }
  }
  if (path.length === 0) throw invalidFilterPattern();
  return path;
}

function bracketed(scanner: Scanner): Step {
  scanner.expect("[");
  let step: Step;
  if (scanner.take("*")) step = "*";
  else if (scanner.peek() === "'") step = scanner.quoted("'");
  else if (scanner.peek() === '"') step = scanner.quoted();
  else {
    const index = scanner.match(/\d+/y);
    if (!index) throw invalidFilterPattern();
    step = Number(index);
  }
  scanner.expect("]");
  return step;
}

/** The values that a path leads to; with a wildcard there may be several. */
function selected(event: unknown, path: readonly Step[]): unknown[] {
  let values = [event];
  for (const step of path) {
    values = values.flatMap((value) => {
      if (typeof value !== "object" || value === null) return [];
      if (step === "*") return Object.values(value);
      if (Array.isArray(value)) return typeof step === "number" && step < value.length ? [value[step]] : [];
      return typeof step === "string" && Object.hasOwn(value, step) ? [(value as Record<string, unknown>)[step]] : [];
    });
  }
  return values;
}

/** A place in a space-delimited pattern: a field with its condition, or any number of fields. */
type Slot = "ellipsis" | ((field: string) => boolean);

function delimitedPattern(scanner: Scanner): Matcher {
  scanner.expect("[");
  const slots: Slot[] = [];
  do {
    scanner.skipSpace();
    slots.push(scanner.take("...") ? "ellipsis" : slot(scanner));
    scanner.skipSpace();
  } while (scanner.take(","));
  scanner.expect("]");
  scanner.expectEnd();
  if (slots.filter((one) => one === "ellipsis").length > 1) throw invalidFilterPattern();
  return (message) => fits(slots, message);
}

function slot(scanner: Scanner): Slot {
  // A blank place, as in `[a,,b]`, takes any field.
  if (scanner.peek() === "," || scanner.peek() === "]") return () => true;
  return disjunction<string>(scanner, () => {
    scanner.skipSpace();
    const name = scanner.match(/[\p{L}\p{N}_$.@#-]+/uy);
    if (!name) throw invalidFilterPattern();
    const compare = comparison(scanner, /[\s,\]&|)]/);
    if (!compare) return () => true;
    return (field) => {
      const number = field.trim() === "" ? Number.NaN : Number(field);
      return compare(field, Number.isNaN(number) ? undefined : number);
    };
  });
}

/** Text between brackets or double quotation marks is one field. The last place of a pattern without ellipsis takes the rest of the message. */
function fits(slots: readonly Slot[], message: string): boolean {
  const fields: { readonly text: string; readonly start: number }[] = [];
  for (const match of message.matchAll(/"([^"]*)"|\[([^\]]*)\]|\S+/g)) {
    fields.push({ text: match[1] ?? match[2] ?? match[0], start: match.index });
  }
  const gap = slots.indexOf("ellipsis");
  const named = slots.filter((one) => one !== "ellipsis");
  if (fields.length < named.length) return false;
  if (gap >= 0) {
    const tail = fields.length - (named.length - gap);
    return named.every((matches, index) => matches(fields[index < gap ? index : tail + index - gap]!.text));
  }
  return named.every((matches, index) => {
    const rest = index === named.length - 1 && fields.length > named.length;
    return matches(rest ? message.slice(fields[index]!.start) : fields[index]!.text);
  });
}
