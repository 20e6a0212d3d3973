/**
 * Intrinsic functions → values. Who knows parameters, resources and exports is handed in as a {@link Scope}; the same code serves conditions,
 * properties and outputs.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
 */
import { formatError, templateError } from "../errors.ts";
import { CIDR_COUNT_MAX, cidrBlocks } from "./cidr.ts";
import type { Template } from "./sections.ts";
import { isObject, isScalar, textOf, type Value, type ValueObject } from "./values.ts";

/** What `Ref: AWS::NoValue` gives: the member or item that holds it disappears. */
export const NO_VALUE: unique symbol = Symbol("AWS::NoValue");

/** A value after its functions: plain data, or nothing. */
export type Resolved = Value | typeof NO_VALUE;

export interface Scope {
  readonly mappings: Template["mappings"];
  /** `AWS::LanguageExtensions` is declared. */
  readonly extended: boolean;
  /** A parameter, pseudo parameter or resource. */
  ref(name: string): Resolved;
  getAtt(logicalId: string, attribute: string): Value;
  importValue(exportName: string): Value;
  condition(name: string): boolean;
  availabilityZones(region: string): readonly string[];
}

/** Functions that are conditions: booleans. */
export const CONDITION_FUNCTIONS: ReadonlySet<string> = new Set(["Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"]);

const EXTENSIONS: ReadonlySet<string> = new Set(["Fn::Length", "Fn::ToJsonString"]);

/** Resolves every function in a value. */
export function resolve(value: Value, scope: Scope): Resolved {
  if (Array.isArray(value)) {
    return (value as readonly Value[])
      .map((item) => resolve(item, scope))
      .filter((item) => item !== NO_VALUE) as Value[];
  }
  if (!isObject(value)) return value;
  const names = Object.keys(value);
  const name = names[0];
  if (names.length === 1 && name !== undefined && (name === "Ref" || name.startsWith("Fn::"))) {
    return call(name, value[name]!, scope);
  }
  const result: Record<string, Value> = {};
  for (const [member, inner] of Object.entries(value)) {
    const resolved = resolve(inner, scope);
    if (resolved !== NO_VALUE) result[member] = resolved;
  }
  return result;
}

/** Resolves where a value must remain; `what` is the function that asks. */
function needed(value: Value, scope: Scope, refuse: () => Error): Value {
  const resolved = resolve(value, scope);
  if (resolved === NO_VALUE) throw refuse();
  return resolved;
}

function text(value: Value, scope: Scope, refuse: () => Error): string {
  const resolved = needed(value, scope, refuse);
  if (!isScalar(resolved)) throw refuse();
  return textOf(resolved);
}

function call(name: string, argument: Value, scope: Scope): Resolved {
  if (name === "Ref") {
    const target = scope.extended ? needed(argument, scope, refErrors) : argument;
    if (typeof target !== "string" || target === "") throw refErrors();
    return target === "AWS::NoValue" ? NO_VALUE : scope.ref(target);
  }
  if (CONDITION_FUNCTIONS.has(name)) return conditionFunction(name, argument, scope);
  if (EXTENSIONS.has(name) && !scope.extended) {
    throw templateError(`${name} is only supported with the transform AWS::LanguageExtensions`);
  }
  switch (name) {
    case "Fn::Base64": {
      const refuse = () => templateError("every Fn::Base64 object must have a String-typed value.");
      return Buffer.from(text(argument, scope, refuse), "utf8").toString("base64");
    }
    case "Fn::Cidr":
      return cidr(argument, scope);
    case "Fn::FindInMap":
      return findInMap(argument, scope);
    case "Fn::GetAtt":
      return getAtt(argument, scope);
    case "Fn::GetAZs": {
      const refuse = () => templateError("every Fn::GetAZs object must have a String-typed value.");
      return [...scope.availabilityZones(text(argument, scope, refuse))];
    }
    case "Fn::If":
      return resolve(branchOf(argument, scope), scope);
    case "Fn::ImportValue": {
      const refuse = () =>
        templateError("the attribute in Fn::ImportValue must be a string or a function that returns a string");
      return scope.importValue(text(argument, scope, refuse));
    }
    case "Fn::Join":
      return join(argument, scope);
    case "Fn::Length": {
      const list = needed(argument, scope, lengthErrors);
      if (!Array.isArray(list)) throw lengthErrors();
      return list.length;
    }
    case "Fn::Select":
      return select(argument, scope);
    case "Fn::Split":
      return split(argument, scope);
    case "Fn::Sub":
      return substitute(argument, scope);
    case "Fn::ToJsonString": {
      const refuse = () => templateError("Fn::ToJsonString requires an object or a list");
      const inner = needed(argument, scope, refuse);
      if (!Array.isArray(inner) && !isObject(inner)) throw refuse();
      return JSON.stringify(inner);
    }
    default:
      throw templateError(`${name} is not a function that this template may use here`);
  }
}

const refErrors = () => templateError("every Ref object must have a single String value.");
const lengthErrors = () => templateError("Fn::Length requires a list");

/** The branch of an `Fn::If` that its condition takes, unresolved. */
export function branchOf(argument: Value, scope: Pick<Scope, "condition">): Value {
  if (!Array.isArray(argument) || argument.length !== 3) {
    throw templateError("Fn::If requires a list argument with three elements");
  }
  const [name, whenTrue, whenFalse] = argument as unknown as readonly [Value, Value, Value];
  if (typeof name !== "string") {
    throw templateError("Fn::If requires a list argument with the first element being a condition");
  }
  return scope.condition(name) ? whenTrue : whenFalse;
}

function getAtt(argument: Value, scope: Scope): Value {
  const parts = typeof argument === "string" ? splitAttribute(argument) : argument;
  const refuse = () =>
    templateError(
      "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
    );
  if (!Array.isArray(parts) || parts.length < 2) throw refuse();
  const [logicalId, ...rest] = parts as readonly Value[];
  const id = scope.extended ? needed(logicalId!, scope, refuse) : logicalId;
  const attribute = rest.map((part) => text(part, scope, refuse)).join(".");
  if (typeof id !== "string" || id === "" || attribute === "") throw refuse();
  return scope.getAtt(id, attribute);
}

/** `Queue.Arn` as YAML's long form may give it. */
export function splitAttribute(reference: string): readonly string[] {
  const dot = reference.indexOf(".");
  return dot < 0 ? [reference] : [reference.slice(0, dot), reference.slice(dot + 1)];
}

function join(argument: Value, scope: Scope): Value {
  const refuse = () =>
    templateError(
      "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
    );
  if (!Array.isArray(argument) || argument.length !== 2) throw refuse();
  const delimiter = needed(argument[0], scope, refuse);
  const list = needed(argument[1], scope, refuse);
  if (typeof delimiter !== "string" || !Array.isArray(list)) throw refuse();
  return list
    .map((item) => {
      if (!isScalar(item)) throw refuse();
      return textOf(item);
    })
    .join(delimiter);
}

function select(argument: Value, scope: Scope): Value {
  const refuse = () =>
    templateError("Fn::Select requires a list argument with two elements: an integer index and a list");
  if (!Array.isArray(argument) || argument.length !== 2) throw refuse();
  const index = text(argument[0], scope, refuse);
  const list = needed(argument[1], scope, refuse);
  if (!/^\d+$/.test(index) || !Array.isArray(list)) throw refuse();
  const item = list[Number(index)];
  if (item === undefined) throw templateError(`Fn::Select cannot select nonexistent value at index ${index}`);
  return item;
}

function split(argument: Value, scope: Scope): Value {
  const refuse = () =>
    templateError(
      "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
    );
  if (!Array.isArray(argument) || argument.length !== 2) throw refuse();
  const delimiter = argument[0];
  if (typeof delimiter !== "string" || delimiter === "") throw refuse();
  return text(argument[1], scope, refuse).split(delimiter);
}

/** `${Name}`, `${Resource.Attribute}`, and `${!Literal}` which stays as `${Literal}`. */
export const SUBSTITUTION = /\$\{([^!][^}]*|)\}|\$\{!([^}]*)\}/g;

/** The template and the variables of an `Fn::Sub`. */
export function subParts(argument: Value): { readonly template: string; readonly variables: ValueObject } {
  const [template, variables] = Array.isArray(argument) && argument.length <= 2 ? argument : [argument, {}];
  const given = Array.isArray(argument) && argument.length === 1 ? undefined : variables;
  if (typeof template !== "string" || !isObject(given)) {
    throw templateError(
      "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string",
    );
  }
  return { template, variables: given };
}

/** The name in `${ … }`, without the blanks that AWS forgives. */
export function subName(raw: string): string {
  const name = raw.trim();
  if (!/^[A-Za-z0-9_.:]+$/.test(name)) {
    throw templateError(
      "variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
    );
  }
  return name;
}

function substitute(argument: Value, scope: Scope): Value {
  const { template, variables } = subParts(argument);
  return template.replace(SUBSTITUTION, (_, raw: string | undefined, literal: string | undefined) => {
    if (raw === undefined) return `\${${literal}}`;
    const name = subName(raw);
    const refuse = () => templateError(`Fn::Sub expected a string for the variable ${name}`);
    if (Object.hasOwn(variables, name)) return text(variables[name]!, scope, refuse);
    if (!name.includes(".")) return text({ Ref: name }, scope, refuse);
    return text({ "Fn::GetAtt": splitAttribute(name) }, scope, refuse);
  });
}

function findInMap(argument: Value, scope: Scope): Resolved {
  const refuse = () =>
    templateError(
      "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value",
    );
  if (!Array.isArray(argument) || argument.length < 3) throw refuse();
  const options = argument[3] as Value | undefined;
  const fallback = isObject(options) ? options["DefaultValue"] : undefined;
  if (argument.length > 4 || (options !== undefined && (fallback === undefined || !scope.extended))) throw refuse();
  const [map, first, second] = argument.slice(0, 3).map((part: Value) => text(part, scope, refuse)) as [
    string,
    string,
    string,
  ];
  const mapping = own(scope.mappings, map);
  const value = mapping && own(own(mapping, first) ?? {}, second);
  if (value !== undefined) return value;
  if (fallback !== undefined) return resolve(fallback, scope);
  if (!mapping) throw templateError(`Mapping named '${map}' is not present in the 'Mappings' section of template.`);
  throw templateError(`Unable to get mapping for ${map}::${first}::${second}`);
}

function own<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function cidr(argument: Value, scope: Scope): Value {
  const refuse = () =>
    templateError(
      "every Fn::Cidr object requires two parameters, the IP address block and the count, and an optional number of subnet bits",
    );
  if (!Array.isArray(argument) || argument.length < 2 || argument.length > 3) throw refuse();
  const [block, count, bits] = argument.map((part: Value) => text(part, scope, refuse)) as [string, string, string?];
  const hostBits = bits ?? (block.includes(":") ? "64" : "8");
  if (!/^\d+$/.test(count) || Number(count) < 1 || Number(count) > CIDR_COUNT_MAX || !/^\d+$/.test(hostBits)) {
    throw refuse();
  }
  return cidrBlocks(block, Number(count), Number(hostBits));
}

function conditionFunction(name: string, argument: Value, scope: Scope): boolean {
  switch (name) {
    case "Fn::Equals": {
      const refuse = () => templateError("every Fn::Equals object requires a list of 2 string parameters.");
      if (!Array.isArray(argument) || argument.length !== 2) throw refuse();
      return comparable(argument[0], scope, refuse) === comparable(argument[1], scope, refuse);
    }
    case "Fn::Not": {
      if (!Array.isArray(argument) || argument.length !== 1) {
        throw templateError("every Fn::Not object requires one boolean parameter.");
      }
      return !evaluateCondition(argument[0], scope);
    }
    default: {
      if (!Array.isArray(argument) || argument.length < 2 || argument.length > 10) {
        throw templateError(`every ${name} object requires a list of at least 2 and at most 10 boolean parameters.`);
      }
      const values = argument.map((item: Value) => evaluateCondition(item, scope));
      return name === "Fn::And" ? values.every(Boolean) : values.some(Boolean);
    }
  }
}

/** Lists are compared as AWS prints them; scalars by their text. */
function comparable(value: Value, scope: Scope, refuse: () => Error): string {
  const resolved = needed(value, scope, refuse);
  return isScalar(resolved) ? textOf(resolved) : JSON.stringify(resolved);
}

/** The value of a condition: a condition function, `{Condition: name}`, or a boolean. */
export function evaluateCondition(value: Value, scope: Scope): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  if (isObject(value)) {
    const [name, ...others] = Object.keys(value);
    if (name !== undefined && others.length === 0) {
      const argument = value[name]!;
      if (name === "Condition" && typeof argument === "string") return scope.condition(argument);
      if (CONDITION_FUNCTIONS.has(name)) return conditionFunction(name, argument, scope);
    }
  }
  throw formatError("Conditions can only be boolean operations on parameters and other conditions");
}
