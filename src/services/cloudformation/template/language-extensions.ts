/**
 * `Fn::ForEach` of the transform AWS::LanguageExtensions: loops are unrolled before the template is read. The transform's other functions
 * (`Fn::Length`, `Fn::ToJsonString`, `DefaultValue` of `Fn::FindInMap`) are resolved with the rest.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-languageextensions.html
 */
import { validationError } from "../errors.ts";
import { isObject, isScalar, textOf, type Value, type ValueObject } from "./values.ts";

const LOOP = /^Fn::ForEach::([A-Za-z0-9]+)$/;

/** Items that all loops of one template may make together. */
const ITERATIONS_MAX = 10_000;

const refuse = (reason: string) =>
  validationError(`Transform AWS::LanguageExtensions failed with: ${reason}. Rollback requested by user.`);

/**
 * Unrolls every loop.
 * @param parameter a parameter's value, for collections given by `Ref`
 */
export function expandLoops(root: ValueObject, parameter: (name: string) => Value | undefined): ValueObject {
  const result: Record<string, Value> = {};
  const budget = { left: ITERATIONS_MAX };
  for (const [section, value] of Object.entries(root)) {
    const looped = section === "Resources" || section === "Conditions" || section === "Outputs";
    result[section] = looped ? expand(value, parameter, budget) : value;
  }
  return result;
}

function expand(value: Value, parameter: (name: string) => Value | undefined, budget: { left: number }): Value {
  if (Array.isArray(value)) return value.map((item: Value) => expand(item, parameter, budget));
  if (!isObject(value)) return value;
  const result: Record<string, Value> = {};
  const add = (name: string, member: Value) => {
    if (Object.hasOwn(result, name)) throw refuse(`Fn::ForEach makes the key ${name} twice`);
    result[name] = member;
  };
  for (const [name, member] of Object.entries(value)) {
    const loop = LOOP.exec(name);
    if (!loop) {
      add(name, expand(member, parameter, budget));
      continue;
    }
    for (const [key, made] of unroll(loop[1]!, member, parameter, budget)) add(key, made);
  }
  return result;
}

function unroll(
  loopName: string,
  argument: Value,
  parameter: (name: string) => Value | undefined,
  budget: { left: number },
): [string, Value][] {
  const malformed = () => refuse(`Fn::ForEach::${loopName} layout is incorrect`);
  if (!Array.isArray(argument) || argument.length !== 3) throw malformed();
  const [identifier, collection, body] = argument as unknown as [Value, Value, Value];
  if (typeof identifier !== "string" || !isObject(body)) throw malformed();
  const items = itemsOf(collection, parameter);
  if (!items) throw malformed();
  return items.flatMap((item) => {
    if (--budget.left < 0) throw refuse(`the template's loops make more than ${ITERATIONS_MAX} items`);
    const replaced = replace(body, identifier, item);
    return Object.entries(expand(replaced, parameter, budget) as ValueObject);
  });
}

function itemsOf(collection: Value, parameter: (name: string) => Value | undefined): string[] | undefined {
  let value: Value | undefined = collection;
  if (isObject(value) && typeof value["Ref"] === "string") value = parameter(value["Ref"]);
  if (!Array.isArray(value)) return undefined;
  const items = value.flatMap((item: Value) => {
    const inner = isObject(item) && typeof item["Ref"] === "string" ? parameter(item["Ref"]) : item;
    return Array.isArray(inner) ? inner : [inner];
  });
  return items.every(isScalar) ? items.map(textOf) : undefined;
}

/** `${Id}` and `{Ref: Id}` become the item; `&{Id}` becomes it without what a logical id may not hold. */
function replace(value: Value, identifier: string, item: string): Value {
  const inText = (text: string) =>
    text.replaceAll(`\${${identifier}}`, item).replaceAll(`&{${identifier}}`, item.replace(/[^A-Za-z0-9]/g, ""));
  if (typeof value === "string") return inText(value);
  if (Array.isArray(value)) return value.map((inner: Value) => replace(inner, identifier, item));
  if (!isObject(value)) return value;
  if (value["Ref"] === identifier && Object.keys(value).length === 1) return item;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [inText(name), replace(member, identifier, item)]),
  );
}
