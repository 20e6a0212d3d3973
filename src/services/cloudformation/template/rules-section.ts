/** The Rules section: assertions about parameters, checked before a stack is made or changed. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html */
import { templateError, validationError } from "../errors.ts";
import { evaluateCondition, NO_VALUE, resolve, type Scope } from "./intrinsics.ts";
import type { Template } from "./sections.ts";
import { isObject, isScalar, textOf, type Value } from "./values.ts";

/** @throws ValidationError for the first assertion that does not hold */
export function checkRules(template: Template, scope: Scope): void {
  for (const [name, rule] of Object.entries(template.rules)) {
    if (rule.condition !== undefined && !holds(rule.condition, scope)) continue;
    for (const { assert, description } of rule.assertions) {
      if (!holds(assert, scope)) {
        throw validationError(`Template error: rule ${name} is not satisfied${description ? `: ${description}` : ""}`);
      }
    }
  }
}

function holds(value: Value, scope: Scope): boolean {
  if (!isObject(value)) return evaluateCondition(value, scope);
  const name = Object.keys(value)[0] ?? "";
  const argument = value[name]!;
  const list = (item: Value): string[] => {
    const resolved = resolve(item, scope);
    if (resolved === NO_VALUE || !Array.isArray(resolved) || !resolved.every(isScalar)) {
      throw templateError(`${name} requires lists of strings`);
    }
    return resolved.map(textOf);
  };
  const pair = (): [Value, Value] => {
    if (!Array.isArray(argument) || argument.length !== 2) throw templateError(`${name} requires two parameters`);
    return argument as unknown as [Value, Value];
  };
  const scalar = (item: Value): string => {
    const resolved = resolve(item, scope);
    if (resolved === NO_VALUE || !isScalar(resolved)) throw templateError(`${name} requires a string`);
    return textOf(resolved);
  };
  switch (name) {
    case "Fn::And":
    case "Fn::Or": {
      if (!Array.isArray(argument)) break;
      const values = argument.map((item: Value) => holds(item, scope));
      return name === "Fn::And" ? values.every(Boolean) : values.some(Boolean);
    }
    case "Fn::Not":
      if (!Array.isArray(argument) || argument.length !== 1) break;
      return !holds(argument[0], scope);
    case "Fn::Contains": {
      const [items, wanted] = pair();
      return list(items).includes(scalar(wanted));
    }
    case "Fn::EachMemberEquals": {
      const [items, wanted] = pair();
      return list(items).every((item) => item === scalar(wanted));
    }
    case "Fn::EachMemberIn": {
      const [items, allowed] = pair();
      const set = new Set(list(allowed));
      return list(items).every((item) => set.has(item));
    }
  }
  return evaluateCondition(value, scope);
}
