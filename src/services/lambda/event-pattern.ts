/**
 * Event patterns, as the filter criteria of event source mappings are written: a JSON document whose leaves are lists of what a field may
 * be. Fields are combined with AND, the elements of a list with OR. Pure.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
 */

export type EventPattern = (event: unknown) => boolean;
/** Says whether one value fits; undefined stands for a field that is not there. */
type ValueTest = (value: unknown) => boolean;

/** Thrown for a text that is no pattern. */
export class InvalidPattern extends Error {
  override readonly name = "InvalidPattern";
}

const invalid = (why: string): never => {
  throw new InvalidPattern(why);
};

/** @throws InvalidPattern */
export function compilePattern(pattern: unknown): EventPattern {
  if (!isObject(pattern)) return invalid("a pattern is a JSON object");
  const fields = Object.entries(pattern).map(([name, part]) =>
    name === "$or" ? alternatives(part) : field(name, part),
  );
  return (event) => fields.every((matches) => matches(event));
}

function alternatives(part: unknown): EventPattern {
  if (!Array.isArray(part) || part.length < 2) return invalid("$or takes a list of at least two patterns");
  const patterns = part.map(compilePattern);
  return (event) => patterns.some((matches) => matches(event));
}

function field(name: string, part: unknown): EventPattern {
  if (isObject(part)) {
    const inner = compilePattern(part);
    if (Object.keys(part).length === 0) return invalid(`the field ${name} has no pattern`);
    return (event) => {
      const value = member(event, name);
      // Any element of a list of objects may be the one.
      return Array.isArray(value) ? value.some((element) => inner(element)) : inner(value);
    };
  }
  if (!Array.isArray(part) || part.length === 0) return invalid(`the field ${name} needs a list of at least one value`);
  const tests = part.map(valueTest);
  return (event) => {
    const value = member(event, name);
    const values = Array.isArray(value) ? value : [value];
    return tests.some((fits) => (values.length === 0 ? fits(undefined) : values.some((one) => fits(one))));
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const member = (event: unknown, name: string): unknown =>
  isObject(event) && Object.hasOwn(event, name) ? event[name] : undefined;

function valueTest(wanted: unknown): ValueTest {
  if (!isObject(wanted)) {
    if (Array.isArray(wanted)) return invalid("a list in a list is no value");
    return (value) => value === wanted;
  }
  const [entry, ...more] = Object.entries(wanted);
  if (!entry || more.length > 0) return invalid("a comparison has one operator");
  const [operator, operand] = entry;
  switch (operator) {
    case "prefix":
    case "suffix":
    case "equals-ignore-case":
      return textTest(operator, operand);
    case "exists":
      if (typeof operand !== "boolean") return invalid("exists takes true or false");
      return (value) => (value !== undefined && !isObject(value)) === operand;
    case "numeric":
      return numericTest(operand);
    case "anything-but":
      return anythingBut(operand);
    default:
      return invalid(`there is no operator ${operator}`);
  }
}

function textTest(operator: "prefix" | "suffix" | "equals-ignore-case", operand: unknown): ValueTest {
  if (typeof operand !== "string") return invalid(`${operator} takes a string`);
  if (operator === "prefix") return (value) => typeof value === "string" && value.startsWith(operand);
  if (operator === "suffix") return (value) => typeof value === "string" && value.endsWith(operand);
  const folded = operand.toLowerCase();
  return (value) => typeof value === "string" && value.toLowerCase() === folded;
}

/** A field that is not there is not anything, so it does not fit either. */
function anythingBut(operand: unknown): ValueTest {
  if (isObject(operand)) {
    const [entry, ...more] = Object.entries(operand);
    if (!entry || more.length > 0 || (entry[0] !== "prefix" && entry[0] !== "suffix")) {
      return invalid("anything-but takes values, a prefix or a suffix");
    }
    const fits = textTest(entry[0], entry[1]);
    return (value) => value !== undefined && !fits(value);
  }
  const excluded = Array.isArray(operand) ? operand : [operand];
  if (excluded.length === 0 || excluded.some((one) => typeof one !== "string" && typeof one !== "number")) {
    return invalid("anything-but takes strings or numbers");
  }
  return (value) => value !== undefined && !excluded.includes(value as never);
}

const COMPARE: Readonly<Record<string, (left: number, right: number) => boolean>> = {
  "=": (left, right) => left === right,
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

/** `["=", 5]` or `[">", 0, "<=", 10]` */
function numericTest(operand: unknown): ValueTest {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) {
    return invalid("numeric takes one comparison or two");
  }
  const bounds: ((value: number) => boolean)[] = [];
  for (let i = 0; i < operand.length; i += 2) {
    const compare = Object.hasOwn(COMPARE, operand[i] as string) ? COMPARE[operand[i] as string] : undefined;
    const bound: unknown = operand[i + 1];
    if (!compare || typeof bound !== "number") return invalid("numeric takes operators and numbers in turn");
    bounds.push((value) => compare(value, bound));
  }
  return (value) => typeof value === "number" && bounds.every((holds) => holds(value));
}
