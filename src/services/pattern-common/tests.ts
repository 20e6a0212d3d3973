/** What one element of a pattern's list accepts: a value, or a comparison such as `{ "prefix": "a" }`. */
import { cidrTest } from "./cidr.ts";
import { wildcardTest } from "./wildcard.ts";

/** Says whether one value fits; undefined stands for a field that is not there. */
export type ValueTest = (value: unknown) => boolean;

/** Thrown for what is no pattern; its message is AWS's reason. */
export class InvalidPattern extends Error {
  override readonly name = "InvalidPattern";
}

export const OPERATORS = [
  "prefix",
  "suffix",
  "equals-ignore-case",
  "wildcard",
  "anything-but",
  "numeric",
  "cidr",
  "exists",
] as const;
export type Operator = (typeof OPERATORS)[number];

/** Numbers that a pattern may name lie within ±5 billion. */
const NUMBER_MAX = 5_000_000_000;

const invalid = (reason: string): never => {
  throw new InvalidPattern(reason);
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws InvalidPattern */
export function valueTest(wanted: unknown, operators: readonly Operator[]): ValueTest {
  if (Array.isArray(wanted)) return invalid("Match value must be String, number, true, false, or null");
  if (!isObject(wanted)) return (value) => value === wanted;
  const [operator, operand] = comparison(wanted, "Match expression name not found");
  if (!operators.includes(operator as Operator)) return invalid(`Unrecognized match type ${operator}`);
  switch (operator as Operator) {
    case "prefix":
    case "suffix":
      return affixTest(operator as "prefix" | "suffix", operand);
    case "equals-ignore-case":
      return ignoringCase(text(operand, "equals-ignore-case match pattern must be a string"));
    case "wildcard":
      return wildcardTest(text(operand, "wildcard match pattern must be a string"), invalid);
    case "anything-but":
      return anythingBut(operand, operators);
    case "numeric":
      return numericTest(operand);
    case "cidr":
      return cidrTest(text(operand, "prefix match pattern must be a string"), invalid);
    case "exists":
      if (typeof operand !== "boolean") return invalid("exists match pattern must be either true or false.");
      return (value) => (value !== undefined) === operand;
  }
}

/** The one operator of a comparison and what stands behind it. */
function comparison(part: Readonly<Record<string, unknown>>, whenEmpty: string): readonly [string, unknown] {
  const [entry, ...more] = Object.entries(part);
  if (!entry) return invalid(whenEmpty);
  if (more.length > 0) return invalid("Only one key allowed in match expression");
  return entry;
}

const text = (operand: unknown, otherwise: string): string =>
  typeof operand === "string" ? operand : invalid(otherwise);

const ignoringCase = (wanted: string): ValueTest => {
  const folded = wanted.toLowerCase();
  return (value) => typeof value === "string" && value.toLowerCase() === folded;
};

const affix =
  (operator: "prefix" | "suffix", wanted: string): ValueTest =>
  (value) =>
    typeof value === "string" && (operator === "prefix" ? value.startsWith(wanted) : value.endsWith(wanted));

/** `{ "prefix": "a" }` or `{ "prefix": { "equals-ignore-case": "a" } }` */
function affixTest(operator: "prefix" | "suffix", operand: unknown): ValueTest {
  if (!isObject(operand)) return affix(operator, text(operand, `${operator} match pattern must be a string`));
  const title = operator === "prefix" ? "Prefix" : "Suffix";
  const [inner, wanted] = comparison(operand, `${title} expression name not found`);
  if (inner !== "equals-ignore-case") return invalid(`Unsupported ${operator} pattern: ${inner}`);
  const folded = affix(operator, text(wanted, "equals-ignore-case match pattern must be a string").toLowerCase());
  return (value) => typeof value === "string" && folded(value.toLowerCase());
}

const MIXED = "Inside anything but list, either all values are number or string, mixed type is not supported";

/** A field that is not there is not anything, so it does not fit either. */
function anythingBut(operand: unknown, operators: readonly Operator[]): ValueTest {
  if (isObject(operand)) {
    const refused = anyOf(operand, operators);
    return (value) => value !== undefined && !refused(value);
  }
  if (Array.isArray(operand)) {
    if (operand.some((one) => typeof one !== "string" && typeof one !== "number")) {
      return invalid("Inside anything but list, start|null|boolean is not supported.");
    }
    if (new Set(operand.map((one) => typeof one)).size !== 1) return invalid(MIXED);
  } else if (typeof operand !== "string" && typeof operand !== "number") {
    return invalid("Value of anything-but must be an array or single string/number value.");
  }
  const excluded: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  return (value) => value !== undefined && !excluded.includes(value);
}

/** What stands in `anything-but`'s braces: one operator with a text or a list of texts. */
function anyOf(operand: Readonly<Record<string, unknown>>, operators: readonly Operator[]): ValueTest {
  const [operator, given] = comparison(operand, "Anything-But expression name not found");
  const known = ["prefix", "suffix", "equals-ignore-case", "wildcard"].includes(operator);
  if (!known || !operators.includes(operator as Operator))
    return invalid(`Unsupported anything-but pattern: ${operator}`);
  const otherwise =
    operator === "equals-ignore-case"
      ? "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
      : operator === "wildcard"
        ? "wildcard match pattern must be a string"
        : "prefix/suffix match pattern must be a string";
  const wanted = (Array.isArray(given) ? given : [given]).map((one) => text(one, otherwise));
  if (wanted.length === 0) return invalid("Empty arrays are not allowed");
  const tests = wanted.map((one): ValueTest => {
    switch (operator) {
      case "wildcard":
        return wildcardTest(one, invalid);
      case "equals-ignore-case":
        return ignoringCase(one);
      default:
        if (one === "") return invalid("Null prefix/suffix not allowed");
        return affix(operator as "prefix" | "suffix", one);
    }
  });
  return (value) => tests.some((fits) => fits(value));
}

/** `["=", 5]`, `["<", 5]` or `[">", 0, "<=", 10]` */
function numericTest(operand: unknown): ValueTest {
  if (!Array.isArray(operand)) return invalid("Value of numeric must be an array.");
  const [operator, first, second, last, ...more] = operand as unknown[];
  if (typeof operator !== "string") return invalid(`Invalid member in numeric match: ${operator ?? "]"}`);
  const bound = numeric(first, operator === "=" ? "equals" : operator);
  const two = operand.length > 2;
  switch (operator) {
    case "=":
    case "<":
    case "<=": {
      if (two) return invalid("Too many elements in numeric expression");
      if (operator === "=") return number((value) => value === bound);
      return number((value) => (operator === "<" ? value < bound : value <= bound));
    }
    case ">":
    case ">=": {
      const above = (value: number) => (operator === ">" ? value > bound : value >= bound);
      if (!two) return number(above);
      if (typeof second !== "string") return invalid(`Bad value in numeric range: ${String(second)}`);
      if (second !== "<" && second !== "<=") return invalid(`Bad numeric range operator: ${second}`);
      const top = numeric(last, second);
      if (more.length > 0) return invalid("Too many terms in numeric range expression");
      if (bound >= top) return invalid("Bottom must be less than top");
      return number((value) => above(value) && (second === "<" ? value < top : value <= top));
    }
    default:
      return invalid(`Unrecognized numeric range operator: ${operator}`);
  }
}

const number =
  (fits: (value: number) => boolean): ValueTest =>
  (value) =>
    typeof value === "number" && fits(value);

function numeric(value: unknown, operator: string): number {
  if (typeof value !== "number") return invalid(`Value of ${operator} must be numeric`);
  if (Math.abs(value) > NUMBER_MAX) return invalid("Value must be between -5.0E9 and 5.0E9, inclusive");
  return value;
}
