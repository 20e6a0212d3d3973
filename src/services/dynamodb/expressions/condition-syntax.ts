/**
 * The grammar of conditions, from text to a tree in which names and values are still placeholders.
 *
 *     condition  = and { OR and }
 *     and        = not { AND not }
 *     not        = [ NOT ] primary
 *     primary    = "(" condition ")" | operand comparator operand | operand BETWEEN operand AND operand
 *                | operand IN "(" operand { "," operand } ")" | function
 *     operand    = "(" operand ")" | path | :value | function
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */
import { parsePath, type WrittenPath } from "./paths.ts";
import {
  accept,
  acceptKeyword,
  type Cursor,
  type ExpressionParameter,
  expect,
  invalidExpression,
  isKeyword,
  peek,
  syntaxError,
  tokenize,
} from "./tokens.ts";

export type Comparator = "=" | "<>" | "<" | "<=" | ">" | ">=";

export type WrittenOperand =
  | WrittenPath
  | { readonly kind: "value"; readonly placeholder: string }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly WrittenOperand[] };

export type Written =
  | WrittenOperand
  | { readonly kind: "and" | "or"; readonly left: Written; readonly right: Written }
  | { readonly kind: "not"; readonly condition: Written }
  | {
      readonly kind: "compare";
      readonly comparator: Comparator;
      readonly left: WrittenOperand;
      readonly right: WrittenOperand;
    }
  | {
      readonly kind: "between";
      readonly operand: WrittenOperand;
      readonly low: WrittenOperand;
      readonly high: WrittenOperand;
    }
  | { readonly kind: "in"; readonly operand: WrittenOperand; readonly list: readonly WrittenOperand[] };

const COMPARATORS: ReadonlySet<string> = new Set(["=", "<>", "<", "<=", ">", ">="]);
const KEYWORDS: ReadonlySet<string> = new Set(["AND", "OR", "NOT", "IN", "BETWEEN"]);
const isConditionKeyword = (text: string): boolean => KEYWORDS.has(text.toUpperCase());

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters */
const OPERATORS_MAX = 300;
/** Parentheses within one another; far above what the operator limit lets through. */
const NESTING_MAX = 400;

export interface WrittenCondition {
  readonly written: Written;
  /** Somewhere a pair of parentheses directly wraps another. */
  readonly redundantParentheses: boolean;
}

/** @throws ValidationException for syntax and for too many operators */
export function parseWritten(parameter: ExpressionParameter, source: string): WrittenCondition {
  const parser: Parser = { cursor: tokenize(parameter, source), operators: 0, depth: 0, redundant: false };
  const written = asCondition(parser, parseOr(parser));
  if (peek(parser.cursor).kind !== "end") throw syntaxError(parser.cursor);
  if (parser.operators > OPERATORS_MAX) {
    throw invalidExpression(
      parameter,
      `The expression has exceeded the maximum number of operators; operator count: ${parser.operators}, maximum: ${OPERATORS_MAX}`,
    );
  }
  return { written, redundantParentheses: parser.redundant };
}

interface Parser {
  readonly cursor: Cursor;
  operators: number;
  depth: number;
  redundant: boolean;
  /** Token numbers of the parentheses closed last. */
  closed?: readonly [number, number];
}

function parseOr(parser: Parser): Written {
  let left = parseAnd(parser);
  while (isKeyword(peek(parser.cursor), "OR")) {
    left = asCondition(parser, left);
    parser.cursor.at++;
    parser.operators++;
    left = { kind: "or", left, right: asCondition(parser, parseAnd(parser)) };
  }
  return left;
}

function parseAnd(parser: Parser): Written {
  let left = parseNot(parser);
  while (isKeyword(peek(parser.cursor), "AND")) {
    left = asCondition(parser, left);
    parser.cursor.at++;
    parser.operators++;
    left = { kind: "and", left, right: asCondition(parser, parseNot(parser)) };
  }
  return left;
}

function parseNot(parser: Parser): Written {
  if (!acceptKeyword(parser.cursor, "NOT")) return parsePrimary(parser);
  parser.operators++;
  return { kind: "not", condition: asCondition(parser, parsePrimary(parser)) };
}

/** May be a mere operand: it is the caller who knows whether that will do. */
function parsePrimary(parser: Parser): Written {
  const { cursor } = parser;
  const open = cursor.at;
  let term: Written;
  if (accept(cursor, "(")) {
    term = within(parser, () => parseOr(parser));
    close(parser, open);
  } else {
    term = parseSimpleOperand(parser);
  }
  if (!isOperand(term)) return term;
  const token = peek(cursor);
  if (token.kind === "symbol" && COMPARATORS.has(token.text)) {
    cursor.at++;
    parser.operators++;
    return { kind: "compare", comparator: token.text as Comparator, left: term, right: parseOperand(parser) };
  }
  if (acceptKeyword(cursor, "BETWEEN")) {
    parser.operators++;
    const low = parseOperand(parser);
    if (!acceptKeyword(cursor, "AND")) throw syntaxError(cursor);
    return { kind: "between", operand: term, low, high: parseOperand(parser) };
  }
  if (acceptKeyword(cursor, "IN")) {
    parser.operators++;
    expect(cursor, "(");
    return { kind: "in", operand: term, list: parseList(parser) };
  }
  return term;
}

function within<T>(parser: Parser, parse: () => T): T {
  if (++parser.depth > NESTING_MAX) {
    throw invalidExpression(parser.cursor.parameter, "The expression has redundant parentheses;");
  }
  const result = parse();
  parser.depth--;
  return result;
}

/** Steps over ")" and notes whether this pair directly wraps another. */
function close(parser: Parser, open: number): void {
  const inner = parser.closed;
  if (inner && inner[0] === open + 1 && inner[1] === parser.cursor.at - 1) parser.redundant = true;
  const at = parser.cursor.at;
  expect(parser.cursor, ")");
  parser.closed = [open, at];
}

function parseOperand(parser: Parser): WrittenOperand {
  const open = parser.cursor.at;
  if (!accept(parser.cursor, "(")) return parseSimpleOperand(parser);
  const operand = within(parser, () => parseOperand(parser));
  close(parser, open);
  return operand;
}

function parseSimpleOperand(parser: Parser): WrittenOperand {
  const { cursor } = parser;
  const token = peek(cursor);
  if (token.kind === ":value") {
    cursor.at++;
    return { kind: "value", placeholder: token.text };
  }
  const next = cursor.tokens[cursor.at + 1];
  if (token.kind === "name" && !isConditionKeyword(token.text) && next?.kind === "symbol" && next.text === "(") {
    cursor.at += 2;
    parser.operators++;
    return { kind: "call", name: token.text, args: within(parser, () => parseList(parser)) };
  }
  return parsePath(cursor, isConditionKeyword);
}

/** Operands up to and with the closing parenthesis. */
function parseList(parser: Parser): WrittenOperand[] {
  const list = [parseOperand(parser)];
  while (accept(parser.cursor, ",")) list.push(parseOperand(parser));
  expect(parser.cursor, ")");
  return list;
}

const isOperand = (written: Written): written is WrittenOperand =>
  written.kind === "path" || written.kind === "value" || written.kind === "call";

function asCondition(parser: Parser, written: Written): Written {
  if (written.kind === "path" || written.kind === "value") throw syntaxError(parser.cursor);
  return written;
}
