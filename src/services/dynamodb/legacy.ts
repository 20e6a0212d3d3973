/**
 * The parameters that expressions replaced: Expected, QueryFilter, ScanFilter, KeyConditions, AttributeUpdates and ConditionalOperator. They
 * become the same conditions and changes as expressions do.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
 */
import type { InputOf } from "../service.ts";
import { invalidParameter, validation } from "./errors.ts";
import { added, removed } from "./expressions/apply-update.ts";
import type { Condition, Operand } from "./expressions/condition.ts";
import type { Comparator } from "./expressions/condition-syntax.ts";
import type { KeyCondition, KeyOperator } from "./expressions/key-condition.ts";
import type { PlannedChange } from "./rules.ts";
import {
  type AttributeMap,
  type AttributeType,
  type AttributeValue,
  attribute,
  compareScalars,
  normalizeValue,
  setAttribute,
  typeOf,
} from "./values/attribute-value.ts";

export type Expected = NonNullable<InputOf<"dynamodb", "PutItem">["Expected"]>;
export type LegacyConditions = NonNullable<InputOf<"dynamodb", "Query">["QueryFilter"]>;
export type AttributeUpdates = NonNullable<InputOf<"dynamodb", "UpdateItem">["AttributeUpdates"]>;
type ConditionalOperator = "AND" | "OR" | undefined;

/** How many values each operator takes. */
const COUNTS: Readonly<Record<string, number>> = {
  NULL: 0,
  NOT_NULL: 0,
  EQ: 1,
  NE: 1,
  LE: 1,
  LT: 1,
  GE: 1,
  GT: 1,
  CONTAINS: 1,
  NOT_CONTAINS: 1,
  BEGINS_WITH: 1,
  BETWEEN: 2,
};
const SCALARS: readonly AttributeType[] = ["S", "N", "B"];
/** Types of value that each operator takes; all where nothing is said. */
const TYPES: Readonly<Record<string, readonly AttributeType[]>> = {
  LE: SCALARS,
  LT: SCALARS,
  GE: SCALARS,
  GT: SCALARS,
  CONTAINS: [...SCALARS, "BOOL", "NULL"],
  NOT_CONTAINS: [...SCALARS, "BOOL", "NULL"],
  BEGINS_WITH: ["S", "B"],
  IN: SCALARS,
  BETWEEN: SCALARS,
};
const COMPARATORS: Readonly<Record<string, Comparator>> = { EQ: "=", NE: "<>", LE: "<=", LT: "<", GE: ">=", GT: ">" };
const KEY_OPERATORS: ReadonlySet<string> = new Set(["EQ", "LE", "LT", "GE", "GT", "BEGINS_WITH", "BETWEEN"]);

/** One attribute's condition, checked. */
export interface Checked {
  readonly name: string;
  readonly operator: string;
  readonly values: readonly AttributeValue[];
}

/** @throws ValidationException for wrong counts and types of values, and for BETWEEN with its bounds turned */
export function checkConditions(conditions: LegacyConditions | undefined): Checked[] {
  return Object.entries(conditions ?? {}).map(([name, condition]) => {
    const operator = condition.ComparisonOperator!;
    const values = (condition.AttributeValueList ?? []).map((value) => normalizeValue(value));
    checkOperands(operator, values);
    return { name, operator, values };
  });
}

export function checkOperands(operator: string, values: readonly AttributeValue[]): void {
  const wrongCount = operator === "IN" ? values.length === 0 : values.length !== COUNTS[operator];
  if (wrongCount) throw invalidParameter(`Invalid number of argument(s) for the ${operator} ComparisonOperator`);
  if (values.length === 0) return;
  const type = typeOf(values[0]!);
  if (values.some((value) => typeOf(value) !== type)) {
    throw invalidParameter("AttributeValues inside AttributeValueList must be of same type");
  }
  const types = TYPES[operator];
  if (types && !types.includes(type)) {
    throw invalidParameter(`ComparisonOperator ${operator} is not valid for ${type} AttributeValue type`);
  }
  if (operator === "BETWEEN" && compareScalars(values[0]!, values[1]!) > 0) {
    throw validation(
      "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
    );
  }
}

/** One condition for all attributes; undefined when there are none. */
export function joined(checked: readonly Checked[], conditional: ConditionalOperator): Condition | undefined {
  const kind = conditional === "OR" ? "or" : "and";
  return checked
    .map(conditionOf)
    .reduce<Condition | undefined>((left, right) => (left === undefined ? right : { kind, left, right }), undefined);
}

export function conditionOf({ name, operator, values }: Checked): Condition {
  const operand: Operand = { kind: "path", path: [name] };
  const [first, second] = values.map((value): Operand => ({ kind: "value", value }));
  switch (operator) {
    case "NULL":
      return { kind: "attribute_not_exists", path: [name] };
    case "NOT_NULL":
      return { kind: "attribute_exists", path: [name] };
    case "BETWEEN":
      return { kind: "between", operand, low: first!, high: second! };
    case "IN":
      return { kind: "in", operand, list: values.map((value): Operand => ({ kind: "value", value })) };
    case "CONTAINS":
      return { kind: "contains", operand, argument: first! };
    case "NOT_CONTAINS":
      return { kind: "not_contains", operand, argument: first! };
    case "BEGINS_WITH":
      return { kind: "begins_with", operand, argument: first! };
    default:
      return { kind: "compare", comparator: COMPARATORS[operator]!, left: operand, right: first! };
  }
}

/** @throws ValidationException for conditions that no key can be searched by */
export function legacyKeyConditions(checked: readonly Checked[]): ReadonlyMap<string, KeyCondition> {
  return new Map(checked.map(({ name, operator, values }) => [name, { operator: operator as KeyOperator, values }]));
}

/** Whether an index can be searched by this operator. */
export const isKeyOperator = (operator: string): boolean => KEY_OPERATORS.has(operator);

/** @throws ValidationException for what Expected must not combine */
export function checkExpected(expected: Expected | undefined): Checked[] {
  return Object.entries(expected ?? {}).map(([name, condition]) => {
    const { AttributeValueList: list, Value: value, Exists: exists, ComparisonOperator: operator } = condition;
    if (list !== undefined && value !== undefined) {
      throw invalidParameter(`Value and AttributeValueList cannot be used together for Attribute: ${name}`);
    }
    if (operator !== undefined) {
      if (exists !== undefined) {
        throw invalidParameter(`Exists and ComparisonOperator cannot be used together for Attribute: ${name}`);
      }
      if (operator !== "NULL" && operator !== "NOT_NULL" && list === undefined && value === undefined) {
        throw invalidParameter(
          `Value or AttributeValueList must be used with ComparisonOperator: ${operator} for Attribute: ${name}`,
        );
      }
      const values = (list ?? (value === undefined ? [] : [value])).map((given) => normalizeValue(given));
      checkOperands(operator, values);
      return { name, operator, values };
    }
    if (list !== undefined) {
      throw invalidParameter(`AttributeValueList can only be used with a ComparisonOperator for Attribute: ${name}`);
    }
    if (exists !== false) {
      if (value === undefined) {
        throw invalidParameter(`Value must be provided when Exists is ${exists ?? "null"} for Attribute: ${name}`);
      }
      return { name, operator: "EQ", values: [normalizeValue(value)] };
    }
    if (value !== undefined) {
      throw invalidParameter(`Value cannot be used when Exists is false for Attribute: ${name}`);
    }
    return { name, operator: "NULL", values: [] };
  });
}

/** @throws ValidationException for a ConditionalOperator that has nothing to join */
export function checkConditionalOperator(
  conditional: string | undefined,
  conditions: Readonly<Record<string, unknown>> | undefined,
): void {
  if (conditional === undefined) return;
  if (conditions === undefined) {
    throw validation("ConditionalOperator cannot be used without Filter or Expected");
  }
  if (Object.keys(conditions).length < 2) {
    throw validation("ConditionalOperator can only be used when Filter or Expected has two or more elements");
  }
}

/** AttributeUpdates, checked. */
export interface LegacyUpdate {
  readonly name: string;
  readonly action: "PUT" | "ADD" | "DELETE";
  readonly value?: AttributeValue;
}

/** @throws ValidationException for actions that lack a value or cannot take it */
export function checkAttributeUpdates(updates: AttributeUpdates | undefined): LegacyUpdate[] {
  return Object.entries(updates ?? {}).map(([name, { Action: action = "PUT", Value: given }]) => {
    const value = given && normalizeValue(given);
    if (value === undefined) {
      if (action !== "DELETE") {
        throw invalidParameter("Only DELETE action is allowed when no attribute value is specified");
      }
      return { name, action };
    }
    const type = typeOf(value);
    if (action === "DELETE" && type !== "SS" && type !== "NS" && type !== "BS") {
      throw invalidParameter(`DELETE action with value is not supported for the type ${type}`);
    }
    if (action === "ADD" && type !== "L" && type !== "N" && type !== "SS" && type !== "NS" && type !== "BS") {
      throw invalidParameter(`ADD action is not supported for the type ${type}`);
    }
    return { name, action, value };
  });
}

export const plannedLegacyChanges = (updates: readonly LegacyUpdate[]): PlannedChange[] =>
  updates.map(({ name, action, value }) =>
    value === undefined || action === "DELETE"
      ? { path: [name], takes: true }
      : { path: [name], type: typeOf(value), value },
  );

/** @returns the new item @throws ValidationException where an attribute has another type */
export function applyAttributeUpdates(updates: readonly LegacyUpdate[], item: AttributeMap): AttributeMap {
  const changed: AttributeMap = { ...item };
  for (const { name, action, value } of updates) {
    const result = outcome(action, attribute(item, name), value);
    if (result === undefined) delete changed[name];
    else setAttribute(changed, name, result);
  }
  return changed;
}

function outcome(
  action: LegacyUpdate["action"],
  existing: AttributeValue | undefined,
  value: AttributeValue | undefined,
): AttributeValue | undefined {
  if (action === "PUT" || value === undefined) return value;
  if (existing !== undefined && typeOf(existing) !== typeOf(value)) {
    throw validation("Type mismatch for attribute to update");
  }
  if (action === "DELETE") return removed(existing, value);
  if (value.L !== undefined) return { L: [...(existing?.L ?? []), ...value.L] };
  return added(existing, value);
}
