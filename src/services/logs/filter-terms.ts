/** The small parts of filter patterns: reading the text of a pattern, and comparing a value with what a pattern asks for. Pure. */
import { invalidFilterPattern } from "./errors.ts";

export type Matcher = (message: string) => boolean;

/** Compares a value, given as text and, where it is one, as a number. */
export type Comparison = (text: string, number: number | undefined) => boolean;

/** What an expression may consist of: letters, digits, some symbols and the operators without parentheses. */
const EXPRESSION = /^[A-Za-z0-9:_#=@/;,\- ^$?[\]{}|\\*+.]+$/;

/** Reads a pattern from left to right. */
export class Scanner {
  readonly #text: string;
  #at = 0;
  /** Regular expressions met so far. */
  expressions = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  peek(): string | undefined {
    return this.#text[this.#at];
  }

  skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at++;
  }

  /** Takes `token` if it comes next, after spaces when it is an operator of several characters. */
  take(token: string): boolean {
    if (token !== "?" && token !== "-" && token !== "." && token !== "*") this.skipSpace();
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  /** A keyword in capitals, not followed by more letters. */
  takeWord(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    if (/[A-Za-z0-9_]/.test(this.#text[this.#at + word.length] ?? "")) return false;
    this.#at += word.length;
    return true;
  }

  expect(token: string): void {
    if (!this.take(token)) throw invalidFilterPattern();
  }

  expectEnd(): void {
    this.skipSpace();
    if (!this.atEnd()) throw invalidFilterPattern();
  }

  /** @param expression sticky */
  match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text)?.[0];
    if (found) this.#at += found.length;
    return found;
  }

  /** Up to the next character that matches, or the end. */
  until(stop: RegExp): string {
    const start = this.#at;
    while (!this.atEnd() && !stop.test(this.#text[this.#at]!)) this.#at++;
    return this.#text.slice(start, this.#at);
  }

  /** A quoted text; a backslash takes the next character as it is. */
  quoted(mark = '"'): string {
    this.expect(mark);
    let text = "";
    for (;;) {
      const next = this.#text[this.#at++];
      if (next === undefined) throw invalidFilterPattern();
      if (next === mark) return text;
      text += next === "\\" ? (this.#text[this.#at++] ?? "") : next;
    }
  }

  /** `%…%` */
  expression(): RegExp {
    this.expect("%");
    const source = this.until(/%/);
    this.expect("%");
    this.expressions++;
    if (!EXPRESSION.test(source)) throw invalidFilterPattern();
    try {
      return new RegExp(source);
    } catch {
      throw invalidFilterPattern();
    }
  }
}

/**
 * An operator and what stands behind it; undefined when there is no operator.
 * @param stop where an unquoted value ends
 */
export function comparison(scanner: Scanner, stop: RegExp): Comparison | undefined {
  scanner.skipSpace();
  const operator = scanner.match(/!=|>=|<=|=|>|</y);
  if (!operator) return undefined;
  scanner.skipSpace();
  const ordered = operator !== "=" && operator !== "!=";
  if (scanner.peek() === "%") {
    if (ordered) throw invalidFilterPattern();
    const expression = scanner.expression();
    return operator === "=" ? (text) => expression.test(text) : (text) => !expression.test(text);
  }
  const isQuoted = scanner.peek() === '"';
  const wanted = isQuoted ? scanner.quoted() : scanner.until(stop);
  if (wanted === "" && !isQuoted) throw invalidFilterPattern();
  const number = isQuoted || wanted.trim() === "" ? Number.NaN : Number(wanted);
  if (ordered) {
    if (Number.isNaN(number)) throw invalidFilterPattern();
    const holds = ORDER[operator as keyof typeof ORDER];
    return (_text, value) => value !== undefined && holds(value, number);
  }
  const textual = wildcard(wanted);
  const equal: Comparison = (text, value) =>
    value !== undefined && !Number.isNaN(number) ? value === number : textual(text);
  return operator === "=" ? equal : (text, value) => !equal(text, value);
}

const ORDER = {
  ">": (left: number, right: number) => left > right,
  "<": (left: number, right: number) => left < right,
  ">=": (left: number, right: number) => left >= right,
  "<=": (left: number, right: number) => left <= right,
};

/** `*` stands for any text. */
function wildcard(pattern: string): (text: string) => boolean {
  if (!pattern.includes("*")) return (text) => text === pattern;
  const parts = pattern.split("*");
  const first = parts.shift()!;
  const last = parts.pop()!;
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    const end = text.length - last.length;
    for (const part of parts) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return at <= end;
  };
}
