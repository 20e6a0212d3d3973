/**
 * Conditions: ConditionExpression, FilterExpression and KeyConditionExpression share one grammar. From text to a tree with every name and
 * value put in, every check made; evaluation is in `evaluate.ts`.
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
import { assert } from "../../../kernel/errors.ts";
import { type AttributeType, type AttributeValue, compareScalars, printed, typeOf } from "../values/attribute-value.ts";
import { bindPath, type Path, parsePath, printedPath, samePath, type WrittenPath } from "./paths.ts";
import { createProblems, type Placeholders, type ProblemKind, type Problems, refuseProblems } from "./placeholders.ts";
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

export type Operand =
  | { readonly kind: "path"; readonly path: Path }
  | { readonly kind: "value"; readonly value: AttributeValue }
  | { readonly kind: "size"; readonly of: Operand };

export type Condition =
  | { readonly kind: "and" | "or"; readonly left: Condition; readonly right: Condition }
  | { readonly kind: "not"; readonly condition: Condition }
  | { readonly kind: "compare"; readonly comparator: Comparator; readonly left: Operand; readonly right: Operand }
  | { readonly kind: "between"; readonly operand: Operand; readonly low: Operand; readonly high: Operand }
  | { readonly kind: "in"; readonly operand: Operand; readonly list: readonly Operand[] }
  | { readonly kind: "attribute_exists" | "attribute_not_exists"; readonly path: Path }
  | { readonly kind: "attribute_type"; readonly operand: Operand; readonly type: AttributeType }
  | {
      readonly kind: "begins_with" | "contains" | "not_contains";
      readonly operand: Operand;
      readonly argument: Operand;
    };

type WrittenOperand =
  | WrittenPath
  | { readonly kind: "value"; readonly placeholder: string }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly WrittenOperand[] };

type Written =
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

/** Arguments of each function. */
const FUNCTIONS: Readonly<Record<string, number>> = {
  attribute_exists: 1,
  attribute_not_exists: 1,
  attribute_type: 2,
  begins_with: 2,
  contains: 2,
  size: 1,
};
const TYPES: readonly AttributeType[] = ["B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"];
const ORDERED: ReadonlySet<string> = new Set(["S", "N", "B"]);

/** @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters */
const OPERATORS_MAX = 300;
const IN_OPERANDS_MAX = 100;
/** Parentheses within one another; far above what the operator limit lets through. */
const NESTING_MAX = 400;

const PROBLEM_ORDER: readonly ProblemKind[] = [
  "parentheses",
  "unknownFunction",
  "misusedFunction",
  "reserved",
  "condition",
];
/** Within one comparison or function. */
const LEAF_ORDER: readonly ProblemKind[] = ["undefined", "operandCount", "distinct", "operandType"];

/** @throws ValidationException for syntax, unknown functions, reserved words, undefined placeholders and wrong operands, in AWS's order */
export function parseCondition(parameter: ExpressionParameter, source: string, placeholders: Placeholders): Condition {
  const parser: Parser = { cursor: tokenize(parameter, source), operators: 0, depth: 0, redundant: false };
  const written = asCondition(parser, parseOr(parser));
  if (peek(parser.cursor).kind !== "end") throw syntaxError(parser.cursor);
  if (parser.operators > OPERATORS_MAX) {
    throw invalidExpression(
      parameter,
      `The expression has exceeded the maximum number of operators; operator count: ${parser.operators}, maximum: ${OPERATORS_MAX}`,
    );
  }
  const problems = createProblems();
  if (parser.redundant) problems.note("parentheses", "The expression has redundant parentheses;");
  const condition = bind(written, placeholders, problems);
  refuseProblems(parameter, problems, PROBLEM_ORDER);
  return condition;
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

/** Stands for what is refused anyway. */
const NOTHING: Condition = { kind: "attribute_exists", path: [""] };

function bind(written: Written, placeholders: Placeholders, problems: Problems): Condition {
  switch (written.kind) {
    case "and":
    case "or": {
      const left = bind(written.left, placeholders, problems);
      return { kind: written.kind, left, right: bind(written.right, placeholders, problems) };
    }
    case "not":
      return { kind: "not", condition: bind(written.condition, placeholders, problems) };
    case "path":
    case "value":
      return assert(false, "an operand alone is not a condition") as never;
  }
  const leaf = createProblems();
  const condition = bindLeaf(written, placeholders, leaf);
  for (const kind of ["unknownFunction", "misusedFunction", "reserved"] as const) {
    const text = leaf.first([kind]);
    if (text !== undefined) problems.note(kind, text);
  }
  const text = leaf.first(LEAF_ORDER);
  if (text !== undefined) problems.note("condition", text);
  return condition;
}

function bindLeaf(
  written: Exclude<Written, { kind: "and" | "or" | "not" | "path" | "value" }>,
  placeholders: Placeholders,
  problems: Problems,
): Condition {
  const operand = (given: WrittenOperand): Operand => bindOperand(given, placeholders, problems);
  switch (written.kind) {
    case "compare": {
      const { comparator } = written;
      const left = operand(written.left);
      const right = operand(written.right);
      checkDistinct(comparator, [left, right], problems);
      if (comparator !== "=" && comparator !== "<>") {
        for (const side of [left, right]) checkOrdered(comparator, side, problems);
      }
      return { kind: "compare", comparator, left, right };
    }
    case "between": {
      const bound = { operand: operand(written.operand), low: operand(written.low), high: operand(written.high) };
      for (const side of Object.values(bound)) checkOrdered("BETWEEN", side, problems);
      checkBounds(bound.low, bound.high, problems);
      return { kind: "between", ...bound };
    }
    case "in": {
      if (written.list.length > IN_OPERANDS_MAX) {
        problems.note(
          "operandCount",
          `The IN operator is provided with too many operands; number of operands: ${written.list.length}`,
        );
      }
      return { kind: "in", operand: operand(written.operand), list: written.list.map(operand) };
    }
    case "call": {
      if (written.name === "size") misused("size", problems);
      return bindFunction(written.name, written.args.map(operand), problems);
    }
  }
}

function bindOperand(written: WrittenOperand, placeholders: Placeholders, problems: Problems): Operand {
  switch (written.kind) {
    case "path":
      return { kind: "path", path: bindPath(written, placeholders, problems) };
    case "value":
      return { kind: "value", value: placeholders.value(written.placeholder, problems) };
    case "call": {
      const args = written.args.map((argument) => bindOperand(argument, placeholders, problems));
      if (written.name !== "size") {
        misused(written.name, problems);
        bindFunction(written.name, args, problems);
        return { kind: "path", path: [""] };
      }
      if (!checkCount("size", args.length, problems)) return args[0]!;
      const of = args[0]!;
      // size(size(a)): the inner one is a number, which has no size.
      const type = literalType(of);
      if (type === "N" || type === "BOOL" || type === "NULL") wrongType("size", type, problems);
      return { kind: "size", of };
    }
  }
}

const misused = (name: string, problems: Problems): void =>
  problems.note(
    "misusedFunction",
    `The function is not allowed to be used this way in an expression; function: ${name}`,
  );

function bindFunction(name: string, args: readonly Operand[], problems: Problems): Condition {
  if (!Object.hasOwn(FUNCTIONS, name)) {
    problems.note("unknownFunction", `Invalid function name; function: ${name}`);
    return NOTHING;
  }
  if (!checkCount(name, args.length, problems)) return NOTHING;
  checkDistinct(name, args, problems);
  const [first, second] = args as [Operand, Operand];
  switch (name) {
    case "attribute_exists":
    case "attribute_not_exists":
      if (first.kind !== "path") {
        problems.note("operandType", `Operator or function requires a document path; operator or function: ${name}`);
        return NOTHING;
      }
      return { kind: name, path: first.path };
    case "attribute_type": {
      const type = literalType(second);
      if (type !== "S") {
        wrongType(name, type ?? "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}", problems);
        return NOTHING;
      }
      const wanted = (second as { value: AttributeValue }).value.S!;
      if (!TYPES.includes(wanted as AttributeType)) {
        problems.note(
          "operandType",
          `Invalid attribute type name found; type: ${wanted}, valid types: {${TYPES.join(",")}}`,
        );
      }
      return { kind: "attribute_type", operand: first, type: wanted as AttributeType };
    }
    case "begins_with":
      for (const argument of args) {
        const type = literalType(argument);
        if (type !== undefined && type !== "S" && type !== "B") wrongType(name, type, problems);
      }
      return { kind: "begins_with", operand: first, argument: second };
    case "contains":
      return { kind: "contains", operand: first, argument: second };
    default:
      return NOTHING;
  }
}

/** The type that is known before any item is seen. */
function literalType(operand: Operand): AttributeType | undefined {
  if (operand.kind === "value") return typeOf(operand.value);
  return operand.kind === "size" ? "N" : undefined;
}

function checkCount(name: string, count: number, problems: Problems): boolean {
  if (FUNCTIONS[name] === count) return true;
  problems.note(
    "operandCount",
    `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${count}`,
  );
  return false;
}

function checkDistinct(name: string, args: readonly Operand[], problems: Problems): void {
  const [first, second] = args;
  if (first?.kind !== "path" || second?.kind !== "path" || !samePath(first.path, second.path)) return;
  problems.note(
    "distinct",
    "The first operand must be distinct from the remaining operands for this operator or function; " +
      `operator: ${name}, first operand: ${printedPath(first.path)}`,
  );
}

const wrongType = (name: string, type: string, problems: Problems): void =>
  problems.note(
    "operandType",
    `Incorrect operand type for operator or function; operator or function: ${name}, operand type: ${type}`,
  );

function checkOrdered(name: string, operand: Operand, problems: Problems): void {
  const type = literalType(operand);
  if (type !== undefined && !ORDERED.has(type)) wrongType(name, type, problems);
}

function checkBounds(low: Operand, high: Operand, problems: Problems): void {
  if (low.kind !== "value" || high.kind !== "value" || problems.has("operandType")) return;
  const bounds =
    `lower bound operand: AttributeValue: ${printed(low.value)}, ` +
    `upper bound operand: AttributeValue: ${printed(high.value)}`;
  if (typeOf(low.value) !== typeOf(high.value)) {
    problems.note("operandType", `The BETWEEN operator requires same data type for lower and upper bounds; ${bounds}`);
  } else if (ORDERED.has(typeOf(low.value)) && compareScalars(low.value, high.value) > 0) {
    problems.note(
      "operandType",
      `The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ${bounds}`,
    );
  }
}

/** Calls `visit` with every path in the condition, in its order. */
export function eachPath(condition: Condition, visit: (path: Path) => void): void {
  switch (condition.kind) {
    case "and":
    case "or":
      eachPath(condition.left, visit);
      eachPath(condition.right, visit);
      break;
    case "not":
      eachPath(condition.condition, visit);
      break;
    case "attribute_exists":
    case "attribute_not_exists":
      visit(condition.path);
      break;
    default:
      for (const operand of operandsOf(condition)) {
        const inner = operand.kind === "size" ? operand.of : operand;
        if (inner.kind === "path") visit(inner.path);
      }
  }
}

function operandsOf(
  condition: Extract<
    Condition,
    { kind: "compare" | "between" | "in" | "attribute_type" | "begins_with" | "contains" | "not_contains" }
  >,
): readonly Operand[] {
  switch (condition.kind) {
    case "compare":
      return [condition.left, condition.right];
    case "between":
      return [condition.operand, condition.low, condition.high];
    case "in":
      return [condition.operand, ...condition.list];
    case "attribute_type":
      return [condition.operand];
    default:
      return [condition.operand, condition.argument];
  }
}
