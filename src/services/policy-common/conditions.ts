/**
 * The Condition element: every operator, `…IfExists`, `ForAnyValue:` and `ForAllValues:`.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
 */
import { BlockList, isIP } from "node:net";
import { compilePattern, type Variables } from "./pattern.ts";

/** Condition keys in lower case with their values. */
export type ConditionValues = ReadonlyMap<string, readonly string[]>;

/** One operator and one key of it: true when it holds for the request. */
export type Condition = (values: ConditionValues, variables: Variables) => boolean;

/** Whether one value of the request matches one value of the policy. */
type Match = (actual: string, variables: Variables) => boolean;

interface Operator {
  /** Undefined when the policy's value makes no sense to this operator: it then matches nothing. */
  readonly compile: (expected: string, options: { readonly variables: boolean }) => Match | undefined;
  /** `…Not…`: holds when no value matches, and when the key is missing. */
  readonly negated?: boolean;
}

const text =
  (wildcards: boolean, ignoreCase: boolean): Operator["compile"] =>
  (expected, { variables }) => {
    const pattern = compilePattern(expected, { wildcards, variables, ignoreCase });
    return (actual, resolve) => pattern.matches(actual, resolve) === true;
  };

const compared =
  (parse: (value: string) => number, holds: (actual: number, expected: number) => boolean): Operator["compile"] =>
  (expected) => {
    const wanted = parse(expected);
    if (Number.isNaN(wanted)) return undefined;
    return (actual) => {
      const given = parse(actual);
      return !Number.isNaN(given) && holds(given, wanted);
    };
  };

const number = (value: string): number =>
  /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value) ? Number(value) : Number.NaN;
/** A date in ISO 8601 or in seconds of the Unix epoch, as milliseconds. */
const date = (value: string): number => (/^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value));
const equal = (actual: number, expected: number) => actual === expected;
const less = (actual: number, expected: number) => actual < expected;
const lessOrEqual = (actual: number, expected: number) => actual <= expected;
const greater = (actual: number, expected: number) => actual > expected;
const greaterOrEqual = (actual: number, expected: number) => actual >= expected;

/** "Each of the six colon-delimited components of the ARN is checked separately." */
const arn: Operator["compile"] = (expected, { variables }) => {
  const components = arnComponents(expected);
  if (!components) return undefined;
  const patterns = components.map((component) => compilePattern(component, { wildcards: true, variables }));
  return (actual, resolve) => {
    const given = arnComponents(actual);
    return given !== undefined && patterns.every((pattern, index) => pattern.matches(given[index]!, resolve) === true);
  };
};

function arnComponents(value: string): string[] | undefined {
  if (value === "*") return ["*", "*", "*", "*", "*", "*"];
  const parts = value.split(":");
  if (parts.length < 6) return undefined;
  return [...parts.slice(0, 5), parts.slice(5).join(":")];
}

const bool: Operator["compile"] = (expected) => {
  const wanted = expected.toLowerCase();
  if (wanted !== "true" && wanted !== "false") return undefined;
  return (actual) => actual.toLowerCase() === wanted;
};

const binary: Operator["compile"] = (expected) => {
  const wanted = Buffer.from(expected, "base64");
  return (actual) => Buffer.from(actual, "base64").equals(wanted);
};

const ipAddress: Operator["compile"] = (expected) => {
  const range = parseCidr(expected);
  return range && ((actual) => range(actual));
};

/** `203.0.113.0/24`, `2001:db8::/32`, or one address; undefined when it is neither. */
export function parseCidr(cidr: string): ((address: string) => boolean) | undefined {
  const slash = cidr.indexOf("/");
  const address = slash < 0 ? cidr : cidr.slice(0, slash);
  const family = isIP(address);
  if (family === 0) return undefined;
  const bitsMax = family === 4 ? 32 : 128;
  const bits = slash < 0 ? bitsMax : Number(/^\d{1,3}$/.exec(cidr.slice(slash + 1))?.[0]);
  if (!(bits <= bitsMax)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  return (value) => {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(value)?.[1] ?? value;
    const given = isIP(mapped);
    return given !== 0 && given === family && list.check(mapped, given === 4 ? "ipv4" : "ipv6");
  };
}

const negate = (operator: Operator["compile"]): Operator => ({ compile: operator, negated: true });

/** By lower-case name; `Null` is apart. */
const OPERATORS: Readonly<Record<string, Operator>> = {
  stringequals: { compile: text(false, false) },
  stringnotequals: negate(text(false, false)),
  stringequalsignorecase: { compile: text(false, true) },
  stringnotequalsignorecase: negate(text(false, true)),
  stringlike: { compile: text(true, false) },
  stringnotlike: negate(text(true, false)),
  numericequals: { compile: compared(number, equal) },
  numericnotequals: negate(compared(number, equal)),
  numericlessthan: { compile: compared(number, less) },
  numericlessthanequals: { compile: compared(number, lessOrEqual) },
  numericgreaterthan: { compile: compared(number, greater) },
  numericgreaterthanequals: { compile: compared(number, greaterOrEqual) },
  dateequals: { compile: compared(date, equal) },
  datenotequals: negate(compared(date, equal)),
  datelessthan: { compile: compared(date, less) },
  datelessthanequals: { compile: compared(date, lessOrEqual) },
  dategreaterthan: { compile: compared(date, greater) },
  dategreaterthanequals: { compile: compared(date, greaterOrEqual) },
  bool: { compile: bool },
  binaryequals: { compile: binary },
  ipaddress: { compile: ipAddress },
  notipaddress: negate(ipAddress),
  arnequals: { compile: arn },
  arnlike: { compile: arn },
  arnnotequals: negate(arn),
  arnnotlike: negate(arn),
};

/**
 * Compiles one operator of a Condition element with one of its keys.
 *
 * @param name `ForAnyValue:StringLikeIfExists`
 * @returns undefined when there is no such operator
 */
export function compileCondition(
  name: string,
  key: string,
  expected: readonly string[],
  options: { readonly variables: boolean },
): Condition | undefined {
  const [, set, base, ifExists] =
    /^(?:(foranyvalue|forallvalues):)?([a-z]+?)(ifexists)?$/.exec(name.toLowerCase()) ?? [];
  if (base === undefined) return undefined;
  const lowerKey = key.toLowerCase();
  if (base === "null") {
    if (ifExists) return undefined;
    return (values) => expected.some((wanted) => (wanted.toLowerCase() === "true") === !has(values, lowerKey));
  }
  const operator = Object.hasOwn(OPERATORS, base) ? OPERATORS[base] : undefined;
  if (!operator) return undefined;
  const matches = expected.map((value) => operator.compile(value, options)).filter((match) => match !== undefined);
  const holds = (actual: string, variables: Variables): boolean => {
    const matched = matches.some((match) => match(actual, variables));
    return operator.negated ? !matched : matched;
  };
  return (values, variables) => {
    const actual = values.get(lowerKey);
    if (actual === undefined || actual.length === 0) {
      if (set === "foranyvalue") return ifExists !== undefined;
      return set === "forallvalues" || ifExists !== undefined || operator.negated === true;
    }
    if (set === "forallvalues") return actual.every((value) => holds(value, variables));
    if (set === "foranyvalue") return actual.some((value) => holds(value, variables));
    return operator.negated
      ? actual.every((value) => holds(value, variables))
      : actual.some((value) => holds(value, variables));
  };
}

function has(values: ConditionValues, key: string): boolean {
  return (values.get(key)?.length ?? 0) > 0;
}
