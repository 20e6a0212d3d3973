/**
 * UpdateExpression: from text to the changes it asks for. What they do to an item is in `apply-update.ts`.
 *
 *     update  = section { section }
 *     section = SET path "=" value { "," … } | REMOVE path { "," … } | ADD path :value { "," … } | DELETE path :value { "," … }
 *     value   = "(" value ")" | operand [ ( "+" | "-" ) operand ]
 *     operand = "(" operand ")" | path | :value | if_not_exists "(" … ")" | list_append "(" … ")"
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
 */
import { type AttributeType, type AttributeValue, typeOf } from "../values/attribute-value.ts";
import { bindPath, checkOverlaps, type Path, parsePath, type WrittenPath } from "./paths.ts";
import { createProblems, type Placeholders, type ProblemKind, type Problems, refuseProblems } from "./placeholders.ts";
import {
  accept,
  acceptKeyword,
  type Cursor,
  expect,
  invalidExpression,
  peek,
  syntaxError,
  tokenize,
} from "./tokens.ts";

export type UpdateValue =
  | { readonly kind: "path"; readonly path: Path }
  | { readonly kind: "value"; readonly value: AttributeValue }
  | { readonly kind: "plus" | "minus" | "list_append"; readonly left: UpdateValue; readonly right: UpdateValue }
  | { readonly kind: "if_not_exists"; readonly path: Path; readonly otherwise: UpdateValue };

export type Change =
  | { readonly kind: "SET"; readonly path: Path; readonly value: UpdateValue }
  | { readonly kind: "REMOVE"; readonly path: Path }
  | { readonly kind: "ADD"; readonly path: Path; readonly value: AttributeValue }
  | { readonly kind: "DELETE"; readonly path: Path; readonly value: AttributeValue };

/** In the order of the source. */
export type Update = readonly Change[];

type WrittenValue =
  | WrittenPath
  | { readonly kind: "value"; readonly placeholder: string }
  | { readonly kind: "plus" | "minus"; readonly left: WrittenValue; readonly right: WrittenValue }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly WrittenValue[] };

const SECTIONS = ["SET", "REMOVE", "ADD", "DELETE"] as const;
type Section = (typeof SECTIONS)[number];

const isUpdateKeyword = (text: string): boolean => (SECTIONS as readonly string[]).includes(text.toUpperCase());

const PROBLEM_ORDER: readonly ProblemKind[] = [
  "reserved",
  "unknownFunction",
  "section",
  "undefinedName",
  "undefinedValue",
  "overlap",
  "conflict",
  "operatorType",
  "operandCount",
  "operandType",
];

const NESTING_MAX = 100;

const SPELLED: Partial<Record<AttributeType, string>> = {
  S: "STRING",
  N: "NUMBER",
  B: "BINARY",
  NULL: "NULL",
  BOOL: "BOOLEAN",
  L: "LIST",
  M: "MAP",
};

/** @throws ValidationException in the order of {@link PROBLEM_ORDER}, syntax first */
export function parseUpdate(source: string, placeholders: Placeholders): Update {
  const cursor = tokenize("UpdateExpression", source);
  const problems = createProblems();
  const seen = new Set<Section>();
  const written: { section: Section; path: WrittenPath; value?: WrittenValue }[] = [];
  do {
    const section = SECTIONS.find((word) => acceptKeyword(cursor, word));
    if (!section) throw syntaxError(cursor);
    if (seen.has(section)) {
      problems.note("section", `The "${section}" section can only be used once in an update expression;`);
    }
    seen.add(section);
    do {
      const path = parsePath(cursor, isUpdateKeyword);
      if (section === "REMOVE") {
        written.push({ section, path });
      } else if (section === "SET") {
        expect(cursor, "=");
        written.push({ section, path, value: parseValue(cursor, 0) });
      } else {
        const token = peek(cursor);
        if (token.kind !== ":value") throw syntaxError(cursor);
        cursor.at++;
        written.push({ section, path, value: { kind: "value", placeholder: token.text } });
      }
    } while (accept(cursor, ","));
  } while (peek(cursor).kind !== "end");

  const update = written.map(({ section, path, value }): Change => {
    const bound = bindPath(path, placeholders, problems);
    if (section === "REMOVE") return { kind: section, path: bound };
    const given = bindValue(value!, placeholders, problems);
    if (section === "SET") return { kind: section, path: bound, value: given };
    const literal = (given as { value: AttributeValue }).value;
    checkOperator(section, literal, problems);
    return { kind: section, path: bound, value: literal };
  });
  checkOverlaps(
    update.map(({ path }) => path),
    problems,
  );
  refuseProblems("UpdateExpression", problems, PROBLEM_ORDER);
  return update;
}

/** A value with at most one + or -, perhaps in parentheses. */
function parseValue(cursor: Cursor, depth: number): WrittenValue {
  const left = parseOperand(cursor, depth);
  if (accept(cursor, "+")) return { kind: "plus", left, right: parseOperand(cursor, depth) };
  if (accept(cursor, "-")) return { kind: "minus", left, right: parseOperand(cursor, depth) };
  return left;
}

function parseOperand(cursor: Cursor, depth: number): WrittenValue {
  if (depth > NESTING_MAX) {
    throw invalidExpression("UpdateExpression", "The expression has redundant parentheses;");
  }
  if (accept(cursor, "(")) {
    const value = parseValue(cursor, depth + 1);
    expect(cursor, ")");
    return value;
  }
  const token = peek(cursor);
  if (token.kind === ":value") {
    cursor.at++;
    return { kind: "value", placeholder: token.text };
  }
  const next = cursor.tokens[cursor.at + 1];
  if (token.kind === "name" && !isUpdateKeyword(token.text) && next?.kind === "symbol" && next.text === "(") {
    cursor.at += 2;
    const args = [parseOperand(cursor, depth + 1)];
    while (accept(cursor, ",")) args.push(parseOperand(cursor, depth + 1));
    expect(cursor, ")");
    return { kind: "call", name: token.text, args };
  }
  return parsePath(cursor, isUpdateKeyword);
}

const NOTHING: UpdateValue = { kind: "value", value: { NULL: true } };

function bindValue(written: WrittenValue, placeholders: Placeholders, problems: Problems): UpdateValue {
  switch (written.kind) {
    case "path":
      return { kind: "path", path: bindPath(written, placeholders, problems) };
    case "value":
      return { kind: "value", value: placeholders.value(written.placeholder, problems) };
    case "plus":
    case "minus": {
      const left = bindValue(written.left, placeholders, problems);
      const right = bindValue(written.right, placeholders, problems);
      for (const side of [left, right]) checkLiteral(written.kind === "plus" ? "+" : "-", side, "N", problems);
      return { kind: written.kind, left, right };
    }
    case "call": {
      const { name } = written;
      const args = written.args.map((argument) => bindValue(argument, placeholders, problems));
      if (name !== "if_not_exists" && name !== "list_append") {
        problems.note("unknownFunction", `Invalid function name; function: ${name}`);
        return NOTHING;
      }
      if (args.length !== 2) {
        problems.note(
          "operandCount",
          `Incorrect number of operands for operator or function; operator or function: ${name}, number of operands: ${args.length}`,
        );
        return NOTHING;
      }
      const [first, second] = args as [UpdateValue, UpdateValue];
      if (name === "if_not_exists") {
        if (first.kind === "path") return { kind: "if_not_exists", path: first.path, otherwise: second };
        problems.note(
          "operandType",
          "Operator or function requires a document path; operator or function: if_not_exists",
        );
        return NOTHING;
      }
      for (const side of args) checkLiteral(name, side, "L", problems);
      return { kind: "list_append", left: first, right: second };
    }
  }
}

function checkLiteral(name: string, value: UpdateValue, wanted: AttributeType, problems: Problems): void {
  if (value.kind !== "value" || typeOf(value.value) === wanted || problems.has("undefinedValue")) return;
  problems.note(
    "operandType",
    `Incorrect operand type for operator or function; operator or function: ${name}, operand type: ${typeOf(value.value)}`,
  );
}

/** ADD takes numbers and sets, DELETE only sets. */
function checkOperator(section: "ADD" | "DELETE", value: AttributeValue, problems: Problems): void {
  const type = typeOf(value);
  const spelled = SPELLED[type];
  if (spelled === undefined || (section === "ADD" && type === "N") || problems.has("undefinedValue")) return;
  problems.note(
    "operatorType",
    `Incorrect operand type for operator or function; operator: ${section}, operand type: ${spelled}`,
  );
}

/** The type a value will have, as far as it is known before any item is seen. */
export function knownType(value: UpdateValue): AttributeType | undefined {
  switch (value.kind) {
    case "value":
      return typeOf(value.value);
    case "plus":
    case "minus":
      return "N";
    case "list_append":
      return "L";
    case "if_not_exists":
      return knownType(value.otherwise);
    case "path":
      return undefined;
  }
}
