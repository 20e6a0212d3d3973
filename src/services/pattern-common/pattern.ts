/**
 * Event patterns, the language of EventBridge's rules and of Lambda's filter criteria: a JSON document whose leaves are lists of what a
 * field may be. Fields are combined with AND, the elements of a list with OR. Pure. What one element of a list may be is in `tests.ts`.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
import { InvalidPattern, isObject, OPERATORS, type Operator, type ValueTest, valueTest } from "./tests.ts";

export type EventPattern = (event: unknown) => boolean;

export interface Dialect {
  /** Comparisons that may be used; all of them unless told otherwise. */
  readonly operators?: readonly Operator[];
}

/**
 * Texts of refusals are those of AWS's open-source matcher, which EventBridge repeats.
 * @throws InvalidPattern
 * @see https://github.com/aws/event-ruler
 */
export function compilePattern(pattern: unknown, { operators = OPERATORS }: Dialect = {}): EventPattern {
  if (!isObject(pattern)) throw new InvalidPattern("Filter is not an object");
  return compileObject(pattern, operators, false);
}

/** Words that mean something else inside of `$or`. */
const RESERVED_IN_OR: ReadonlySet<string> = new Set([...OPERATORS, "exactly"]);

function compileObject(
  pattern: Readonly<Record<string, unknown>>,
  operators: readonly Operator[],
  inOr: boolean,
): EventPattern {
  const fields = Object.entries(pattern).map(([name, part]) => {
    if (name === "$or") return alternatives(part, operators);
    if (inOr && RESERVED_IN_OR.has(name)) {
      throw new InvalidPattern(`${name} is Ruler reserved fieldName which cannot be used inside $or.`);
    }
    return field(name, part, operators, inOr);
  });
  if (fields.length === 0) throw new InvalidPattern("Empty objects are not allowed");
  return (event) => fields.every((matches) => matches(event));
}

function alternatives(part: unknown, operators: readonly Operator[]): EventPattern {
  if (!Array.isArray(part)) throw new InvalidPattern("It must be an Array followed with $or.");
  const patterns = part.map((one) => {
    if (!isObject(one)) throw new InvalidPattern("Only JSON object is allowed in array of $or relationship.");
    return compileObject(one, operators, true);
  });
  if (patterns.length < 2) throw new InvalidPattern("There must have at least 2 Objects in $or relationship.");
  return (event) => patterns.some((matches) => matches(event));
}

function field(name: string, part: unknown, operators: readonly Operator[], inOr: boolean): EventPattern {
  if (isObject(part)) {
    const inner = compileObject(part, operators, inOr);
    return (event) => {
      const value = member(event, name);
      // Any element of a list of objects may be the one; an absent object still answers to `exists: false`.
      return Array.isArray(value) && value.length > 0 ? value.flat(Infinity).some(inner) : inner(value);
    };
  }
  if (!Array.isArray(part)) throw new InvalidPattern(`"${name}" must be an object or an array`);
  const tests = part.map((wanted) => valueTest(wanted, operators));
  if (tests.length === 0) throw new InvalidPattern("Empty arrays are not allowed");
  return (event) => {
    const values = leaves(member(event, name));
    return tests.some((fits: ValueTest) => (values.length === 0 ? fits(undefined) : values.some(fits)));
  };
}

/** The values of a field: of a list each of its own, nested lists flattened; objects are no values. */
function leaves(value: unknown): readonly unknown[] {
  const values = Array.isArray(value) ? value.flat(Infinity) : [value];
  return values.filter((one) => one !== undefined && !isObject(one));
}

const member = (event: unknown, name: string): unknown =>
  isObject(event) && Object.hasOwn(event, name) ? event[name] : undefined;
