/**
 * A resource's properties against its type: names, required members, and the coercions that CloudFormation does (numbers and booleans to text,
 * text to numbers and booleans).
 */

import type { PropertySpec, ResourceType } from "../../resources.ts";
import { validationError } from "../errors.ts";
import { hasReference } from "./dynamic-references.ts";
import { branchOf } from "./intrinsics.ts";
import { intrinsicOf, isObject, isScalar, textOf, type Value, type ValueObject } from "./values.ts";

/** How values are looked at before functions are resolved: they may still become anything, except the branch that an Fn::If takes. */
interface Unresolved {
  condition(name: string): boolean;
}

/** @throws ValidationError naming the property: a check on properties as the template writes them, before anything is made. */
export function checkProperties(
  type: ResourceType,
  logicalId: string,
  properties: ValueObject,
  condition: (name: string) => boolean,
): void {
  convert(type, logicalId, properties, { condition });
}

/** Resolved properties, coerced. */
export function coerceProperties(type: ResourceType, logicalId: string, properties: ValueObject): ValueObject {
  return convert(type, logicalId, properties, undefined);
}

function convert(
  type: ResourceType,
  logicalId: string,
  properties: ValueObject,
  unresolved: Unresolved | undefined,
): ValueObject {
  const converted: Record<string, Value> = {};
  for (const [name, value] of Object.entries(properties)) {
    const spec = Object.hasOwn(type.properties, name) ? type.properties[name] : undefined;
    if (spec === undefined) {
      throw validationError(`Encountered unsupported property ${name} (resource ${logicalId})`);
    }
    const result = coerce(spec, value, `#/${name}`, logicalId, unresolved);
    if (result !== undefined) converted[name] = result;
  }
  for (const name of type.required ?? []) {
    if (converted[name] === undefined) throw invalid(logicalId, `#: required key [${name}] not found`);
  }
  return converted;
}

function invalid(logicalId: string, problem: string): Error {
  return validationError(`Properties validation failed for resource ${logicalId} with message:\n${problem}`);
}

/** Undefined when the value is absent after all. */
function coerce(
  spec: PropertySpec,
  value: Value,
  path: string,
  logicalId: string,
  unresolved: Unresolved | undefined,
): Value | undefined {
  if (unresolved) {
    const intrinsic = intrinsicOf(value);
    if (intrinsic) {
      const [name, argument] = intrinsic;
      if (name === "Fn::If") return coerce(spec, branchOf(argument, unresolved), path, logicalId, unresolved);
      return name === "Ref" && argument === "AWS::NoValue" ? undefined : value;
    }
  }
  const mismatch = (expected: string) =>
    invalid(logicalId, `${path}: expected type: ${expected}, found: ${kindOf(value)}`);
  if (spec === "json") return value;
  if (typeof spec === "string") return scalar(spec, value, mismatch);
  if (Array.isArray(spec)) {
    if (!Array.isArray(value)) throw mismatch("JSONArray");
    return value
      .map((item: Value, index) => coerce(spec[0], item, `${path}/${index}`, logicalId, unresolved))
      .filter((item) => item !== undefined);
  }
  if (!isObject(value)) throw mismatch("JSONObject");
  const entries: [string, Value][] = [];
  const shape = spec as { map: PropertySpec } | { object: Readonly<Record<string, PropertySpec>> };
  for (const [name, member] of Object.entries(value)) {
    const inner = "map" in shape ? shape.map : Object.hasOwn(shape.object, name) ? shape.object[name] : undefined;
    if (inner === undefined) {
      throw validationError(`Encountered unsupported property ${name} (resource ${logicalId}, ${path})`);
    }
    const result = coerce(inner, member, `${path}/${name}`, logicalId, unresolved);
    if (result !== undefined) entries.push([name, result]);
  }
  return Object.fromEntries(entries);
}

function scalar(
  spec: "string" | "integer" | "number" | "boolean",
  value: Value,
  mismatch: (expected: string) => Error,
): Value {
  // What a reference stands for is known, and coerced, when the resource is made.
  if (typeof value === "string" && hasReference(value)) return value;
  if (spec === "string") {
    if (!isScalar(value)) throw mismatch("String");
    return textOf(value);
  }
  if (spec === "boolean") {
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "True") return true;
    if (value === "false" || value === "False") return false;
    throw mismatch("Boolean");
  }
  const expected = spec === "integer" ? "Integer" : "Number";
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number)) throw mismatch(expected);
  if (spec === "integer" && !Number.isInteger(number)) throw mismatch(expected);
  return number;
}

function kindOf(value: Value): string {
  if (Array.isArray(value)) return "JSONArray";
  if (isObject(value)) return "JSONObject";
  return typeof value === "string" ? "String" : typeof value === "boolean" ? "Boolean" : "Number";
}
