/**
 * Conditions: ConditionExpression, FilterExpression and KeyConditionExpression share one grammar (`condition-syntax.ts`). Here every name and
 * value is put in and every check made; evaluation is in `evaluate.ts`.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
 */
import { assert } from "../../../kernel/errors.ts";
import { type AttributeType, type AttributeValue, compareScalars, printed, typeOf } from "../values/attribute-value.ts";
import { type Comparator, parseWritten, type Written, type WrittenOperand } from "./condition-syntax.ts";
import { bindPath, type Path, printedPath, samePath } from "./paths.ts";
import { createProblems, type Placeholders, type ProblemKind, type Problems, refuseProblems } from "./placeholders.ts";
import type { ExpressionParameter } from "./tokens.ts";

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
const IN_OPERANDS_MAX = 100;

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
  const { written, redundantParentheses } = parseWritten(parameter, source);
  const problems = createProblems();
  if (redundantParentheses) problems.note("parentheses", "The expression has redundant parentheses;");
  const condition = bind(written, placeholders, problems);
  refuseProblems(parameter, problems, PROBLEM_ORDER);
  return condition;
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
