/**
 * What a KeyConditionExpression may say: equality on the partition key, and one condition on the sort key.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
 */
import { validation } from "../errors.ts";
import type { AttributeValue } from "../values/attribute-value.ts";
import type { Condition, Operand } from "./condition.ts";
import type { Comparator } from "./condition-syntax.ts";

/** The legacy names of the operators serve for both spellings. */
export type KeyOperator = "EQ" | "LT" | "LE" | "GT" | "GE" | "BEGINS_WITH" | "BETWEEN";

export interface KeyCondition {
  readonly operator: KeyOperator;
  /** One value, two for BETWEEN. */
  readonly values: readonly AttributeValue[];
}

const OPERATORS: Readonly<Record<Exclude<Comparator, "<>">, KeyOperator>> = {
  "=": "EQ",
  "<": "LT",
  "<=": "LE",
  ">": "GT",
  ">=": "GE",
};
const TURNED: Readonly<Record<Exclude<Comparator, "<>">, KeyOperator>> = {
  "=": "EQ",
  "<": "GT",
  "<=": "GE",
  ">": "LT",
  ">=": "LE",
};

/** The conditions by attribute name. @throws ValidationException for anything but conditions on single attributes joined by AND */
export function keyConditions(condition: Condition): ReadonlyMap<string, KeyCondition> {
  const found = new Map<string, KeyCondition>();
  collect(condition, found);
  return found;
}

function collect(condition: Condition, found: Map<string, KeyCondition>): void {
  switch (condition.kind) {
    case "and":
      collect(condition.left, found);
      collect(condition.right, found);
      break;
    case "or":
    case "not":
    case "in":
      throw invalidOperator(condition.kind.toUpperCase());
    case "attribute_exists":
    case "attribute_not_exists":
    case "attribute_type":
    case "contains":
    case "not_contains":
      throw invalidOperator(condition.kind);
    case "between": {
      if (condition.operand.kind === "value") throw keyFirst("BETWEEN");
      const { name, values } = attributeAndValues([condition.operand, condition.low, condition.high]);
      add(found, name, { operator: "BETWEEN", values });
      break;
    }
    case "begins_with": {
      if (condition.operand.kind === "value") throw keyFirst("begins_with");
      const { name, values } = attributeAndValues([condition.operand, condition.argument]);
      add(found, name, { operator: "BEGINS_WITH", values });
      break;
    }
    case "compare": {
      const { comparator } = condition;
      if (comparator === "<>") throw invalidOperator("<>");
      const { name, at, values } = attributeAndValues([condition.left, condition.right]);
      add(found, name, { operator: (at === 0 ? OPERATORS : TURNED)[comparator], values });
      break;
    }
  }
}

function attributeAndValues(operands: readonly Operand[]): { name: string; at: number; values: AttributeValue[] } {
  let name: string | undefined;
  let at = 0;
  const values: AttributeValue[] = [];
  for (const [index, operand] of operands.entries()) {
    if (operand.kind === "size") throw validation("KeyConditionExpressions cannot contain nested operations");
    if (operand.kind === "value") {
      values.push(operand.value);
      continue;
    }
    if (name !== undefined) {
      throw validation("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition");
    }
    if (operand.path.length > 1) {
      throw validation("KeyConditionExpressions cannot have conditions on nested attributes");
    }
    name = operand.path[0];
    at = index;
  }
  if (name === undefined) {
    throw validation("Invalid condition in KeyConditionExpression: No key attribute specified");
  }
  return { name, at, values };
}

function add(found: Map<string, KeyCondition>, name: string, condition: KeyCondition): void {
  if (found.has(name)) throw validation("KeyConditionExpressions must only contain one condition per key");
  found.set(name, condition);
}

const invalidOperator = (operator: string) =>
  validation(`Invalid operator used in KeyConditionExpression: ${operator}`);

const keyFirst = (operator: string) =>
  validation(
    `Invalid condition in KeyConditionExpression: ${operator} operator must have the key attribute as its first operand`,
  );
