/**
 * The first line of checks: each member against the constraints of the API's model. DynamoDB collects what is wrong, up to ten, and answers
 * with all of it: `2 validation errors detected: Value 'x' at 'select' failed to satisfy constraint: …; …`.
 */
import { AwsError } from "../../kernel/errors.ts";

const ERRORS_MAX = 10;
const NAME = /^[a-zA-Z0-9_.-]+$/;

export interface Constraints {
  notNull(path: string, value: unknown): void;
  oneOf(path: string, value: string | undefined, values: readonly string[]): void;
  atLeast(path: string, value: number | undefined, least: number): void;
  atMost(path: string, value: number | undefined, most: number): void;
  /** Of a text, a list or a map. @param printedAs for what prints in a way of its own */
  length(path: string, value: Sized | undefined, least: number, most?: number, printedAs?: () => string): void;
  pattern(path: string, value: string | undefined): void;
  add(path: string, printed: string | null, constraint: string): void;
  /** @throws ValidationException with everything that was found */
  check(): void;
}

type Sized = string | readonly unknown[] | Readonly<Record<string, unknown>>;

export function createConstraints(): Constraints {
  const errors: string[] = [];
  const add = (path: string, printed: string | null, constraint: string): void => {
    if (errors.length >= ERRORS_MAX) return;
    errors.push(
      `Value ${printed === null ? "null" : `'${printed}'`} at '${path}' failed to satisfy constraint: ${constraint}`,
    );
  };
  return {
    add,
    notNull(path, value) {
      if (value === undefined || value === null) add(path, null, "Member must not be null");
    },
    oneOf(path, value, values) {
      if (value !== undefined && !values.includes(value)) {
        add(path, value, `Member must satisfy enum value set: [${values.join(", ")}]`);
      }
    },
    atLeast(path, value, least) {
      if (value !== undefined && value < least) {
        add(path, String(value), `Member must have value greater than or equal to ${least}`);
      }
    },
    atMost(path, value, most) {
      if (value !== undefined && value > most) {
        add(path, String(value), `Member must have value less than or equal to ${most}`);
      }
    },
    length(path, value, least, most = Number.POSITIVE_INFINITY, printedAs = () => printed(value!)) {
      if (value === undefined) return;
      const length = typeof value === "string" || Array.isArray(value) ? value.length : Object.keys(value).length;
      if (length < least) add(path, printedAs(), `Member must have length greater than or equal to ${least}`);
      if (length > most) add(path, printedAs(), `Member must have length less than or equal to ${most}`);
    },
    pattern(path, value) {
      if (value !== undefined && !NAME.test(value)) {
        add(path, value, "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+");
      }
    },
    check() {
      if (errors.length === 0) return;
      throw new AwsError(
        "ValidationException",
        `${errors.length} validation error${errors.length > 1 ? "s" : ""} detected: ${errors.join("; ")}`,
      );
    },
  };
}

/** As Java prints lists and maps. */
export function printed(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printed).join(", ")}]`;
  if (value instanceof Uint8Array) return "java.nio.HeapByteBuffer";
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([name, member]) => `${name}=${printed(member)}`)
      .join(", ")}}`;
  }
  return String(value);
}

/** As Java prints a structure: `KeySchemaElement(attributeName=pk, keyType=HASH)`. */
export const printedStructure = (name: string, members: Readonly<Record<string, unknown>>): string =>
  `${name}(${Object.entries(members)
    .map(([member, value]) => `${member}=${value === undefined ? "null" : printed(value)}`)
    .join(", ")})`;

/** Longest ARN of a table. */
const ARN_LENGTH_MAX = 1024;

/** The table of a data operation: a name, or an ARN. */
export function tableNameConstraint(constraints: Constraints, value: string | undefined, path = "tableName"): void {
  constraints.notNull(path, value);
  if (value === undefined) return;
  if (value === "") constraints.length(path, value, 1);
  else if (value.startsWith("arn:")) constraints.length(path, value, 1, ARN_LENGTH_MAX);
  else {
    constraints.pattern(path, value);
    constraints.length(path, value, 1, 255);
  }
}

/** The table of a table operation. */
export function strictTableNameConstraint(constraints: Constraints, value: string): void {
  constraints.pattern("tableName", value);
  constraints.length("tableName", value, 3, 255);
}

export function indexNameConstraint(constraints: Constraints, path: string, value: string | undefined): void {
  constraints.pattern(path, value);
  constraints.length(path, value, 3, 255);
}

export const CAPACITY_MODES = ["INDEXES", "TOTAL", "NONE"];
export const METRICS_MODES = ["SIZE", "NONE"];
export const RETURN_VALUES = ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"];
export const SELECTS = ["SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"];
export const CONDITIONAL_OPERATORS = ["OR", "AND"];
export const COMPARISON_OPERATORS = [
  "IN",
  "NULL",
  "BETWEEN",
  "LT",
  "NOT_CONTAINS",
  "EQ",
  "GT",
  "NOT_NULL",
  "NE",
  "LE",
  "BEGINS_WITH",
  "GE",
  "CONTAINS",
];
