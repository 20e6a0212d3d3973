/** What `#name` and `:value` stand for, which of them were used, and the problems found on the way. */
import { validation } from "../errors.ts";
import { type AttributeMap, type AttributeValue, attribute, normalizeValue } from "../values/attribute-value.ts";
import { type ExpressionParameter, invalidExpression } from "./tokens.ts";

export interface Placeholders {
  name(placeholder: string, problems: Problems): string;
  value(placeholder: string, problems: Problems): AttributeValue;
  /** @throws ValidationException naming placeholders that no expression used */
  checkAllUsed(): void;
}

const NAME = /^#[0-9a-zA-Z_]+$/;
const VALUE = /^:[0-9a-zA-Z_]+$/;
/** Stands in for what is not defined: the expression is refused before anybody looks at it. */
const UNDEFINED_VALUE: AttributeValue = { NULL: true };

/** @throws ValidationException for empty maps, malformed placeholders and invalid values */
export function createPlaceholders(
  names: Readonly<Record<string, string>> | undefined,
  values: AttributeMap | undefined,
): Placeholders {
  if (names !== undefined) {
    if (Object.keys(names).length === 0) throw validation("ExpressionAttributeNames must not be empty");
    for (const placeholder of Object.keys(names)) {
      if (!NAME.test(placeholder)) {
        throw validation(`ExpressionAttributeNames contains invalid key: Syntax error; key: "${placeholder}"`);
      }
    }
  }
  const normalized: AttributeMap = {};
  if (values !== undefined) {
    if (Object.keys(values).length === 0) throw validation("ExpressionAttributeValues must not be empty");
    for (const placeholder of Object.keys(values)) {
      if (!VALUE.test(placeholder)) {
        throw validation(`ExpressionAttributeValues contains invalid key: Syntax error; key: "${placeholder}"`);
      }
    }
    for (const placeholder of Object.keys(values)) {
      try {
        normalized[placeholder] = normalizeValue(values[placeholder]!);
      } catch (error) {
        const { message } = error as Error;
        throw validation(
          `ExpressionAttributeValues contains invalid value: ${message.replace(/;$/, "")} for key ${placeholder}`,
        );
      }
    }
  }
  const unusedNames = new Set(Object.keys(names ?? {}));
  const unusedValues = new Set(Object.keys(normalized));
  return {
    name(placeholder, problems) {
      unusedNames.delete(placeholder);
      const name = names && Object.hasOwn(names, placeholder) ? names[placeholder] : undefined;
      if (name === undefined) {
        const text = `An expression attribute name used in the document path is not defined; attribute name: ${placeholder}`;
        problems.note("undefinedName", text);
        problems.note("undefined", text);
        return placeholder;
      }
      return name;
    },
    value(placeholder, problems) {
      unusedValues.delete(placeholder);
      const value = attribute(normalized, placeholder);
      if (value === undefined) {
        const text = `An expression attribute value used in expression is not defined; attribute value: ${placeholder}`;
        problems.note("undefinedValue", text);
        problems.note("undefined", text);
        return UNDEFINED_VALUE;
      }
      return value;
    },
    checkAllUsed() {
      if (unusedNames.size > 0) {
        throw validation(
          `Value provided in ExpressionAttributeNames unused in expressions: keys: {${[...unusedNames].join(", ")}}`,
        );
      }
      if (unusedValues.size > 0) {
        throw validation(
          `Value provided in ExpressionAttributeValues unused in expressions: keys: {${[...unusedValues].join(", ")}}`,
        );
      }
    },
  };
}

export type ProblemKind =
  | "parentheses"
  | "unknownFunction"
  | "misusedFunction"
  | "reserved"
  | "section"
  /** Either of the next two: conditions do not rank them. */
  | "undefined"
  | "undefinedName"
  | "undefinedValue"
  | "operandCount"
  | "distinct"
  | "operandType"
  | "operatorType"
  | "condition"
  | "overlap"
  | "conflict";

/** Of every kind the first problem, in the order of the source. DynamoDB reports one of them, by kind. */
export interface Problems {
  note(kind: ProblemKind, text: string): void;
  has(kind: ProblemKind): boolean;
  /** The first problem of the first kind in this order. */
  first(order: readonly ProblemKind[]): string | undefined;
}

export function createProblems(): Problems {
  const found = new Map<ProblemKind, string>();
  return {
    note(kind, text) {
      if (!found.has(kind)) found.set(kind, text);
    },
    has: (kind) => found.has(kind),
    first(order) {
      for (const kind of order) {
        const text = found.get(kind);
        if (text !== undefined) return text;
      }
      return undefined;
    },
  };
}

/** @throws ValidationException with the first problem of the first kind in this order, if there is any */
export function refuseProblems(
  parameter: ExpressionParameter,
  problems: Problems,
  order: readonly ProblemKind[],
): void {
  const text = problems.first(order);
  if (text !== undefined) throw invalidExpression(parameter, text);
}
