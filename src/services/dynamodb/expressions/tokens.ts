/** The words of an expression, and a cursor over them that knows AWS's syntax error. */
import type { AwsError } from "../../../kernel/errors.ts";
import { validation } from "../errors.ts";

export type TokenKind = "name" | "#name" | ":value" | "number" | "symbol" | "unknown" | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offset in the source, for the text around an error. */
  readonly start: number;
}

/** Which parameter holds the expression: part of every error text. */
export type ExpressionParameter =
  | "UpdateExpression"
  | "ConditionExpression"
  | "KeyConditionExpression"
  | "FilterExpression"
  | "ProjectionExpression";

export interface Cursor {
  readonly parameter: ExpressionParameter;
  readonly source: string;
  readonly tokens: readonly Token[];
  at: number;
}

/** Bytes of one expression. @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const EXPRESSION_BYTES_MAX = 4096;

const TOKEN = /\s*(?:([A-Za-z][A-Za-z0-9_]*)|(#[A-Za-z0-9_]+)|(:[A-Za-z0-9_]+)|(\d+)|(<>|<=|>=|[=<>()[\],.+-])|(\S))/uy;
const KINDS: readonly TokenKind[] = ["name", "#name", ":value", "number", "symbol", "unknown"];

export const invalidExpression = (parameter: ExpressionParameter, detail: string): AwsError =>
  validation(`Invalid ${parameter}: ${detail}`);

/** @throws ValidationException for an expression that is empty or too long */
export function tokenize(parameter: ExpressionParameter, source: string): Cursor {
  if (source === "") throw invalidExpression(parameter, "The expression can not be empty;");
  const bytes = Buffer.byteLength(source, "utf8");
  if (bytes > EXPRESSION_BYTES_MAX) {
    throw invalidExpression(
      parameter,
      `Expression size has exceeded the maximum allowed size; expression size: ${bytes}`,
    );
  }
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(source); match; match = TOKEN.exec(source)) {
    const group = match.findIndex((text, index) => index > 0 && text !== undefined);
    const text = match[group]!;
    tokens.push({ kind: KINDS[group - 1]!, text, start: TOKEN.lastIndex - text.length });
  }
  tokens.push({ kind: "end", text: "<EOF>", start: source.length });
  return { parameter, source, tokens, at: 0 };
}

export const peek = (cursor: Cursor): Token => cursor.tokens[cursor.at]!;

/** Steps over the symbol if it is next. */
export function accept(cursor: Cursor, symbol: string): boolean {
  const token = peek(cursor);
  if (token.kind !== "symbol" || token.text !== symbol) return false;
  cursor.at++;
  return true;
}

export function expect(cursor: Cursor, symbol: string): void {
  if (!accept(cursor, symbol)) throw syntaxError(cursor);
}

export function isKeyword(token: Token, word: string): boolean {
  return token.kind === "name" && token.text.length === word.length && token.text.toUpperCase() === word;
}

/** Steps over the keyword, in any case, if it is next. */
export function acceptKeyword(cursor: Cursor, word: string): boolean {
  if (!isKeyword(peek(cursor), word)) return false;
  cursor.at++;
  return true;
}

/** Names the token that does not fit, and the text from the token before it to the one after it. */
export function syntaxError(cursor: Cursor): AwsError {
  const { tokens, at, source } = cursor;
  const after = tokens[at + 1];
  const from = (tokens[at - 1] ?? tokens[at]!).start;
  const to = after && after.kind !== "end" ? after.start + after.text.length : source.length;
  return invalidExpression(
    cursor.parameter,
    `Syntax error; token: "${tokens[at]!.text}", near: "${source.slice(from, to)}"`,
  );
}
