/** Parameters: what was given + what is declared → values, checked. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html */
import { formatError, validationError } from "../errors.ts";
import type { ParameterDeclaration, Template } from "./sections.ts";

const TYPES: ReadonlySet<string> = new Set([
  "String",
  "Number",
  "List<Number>",
  "List<String>",
  "CommaDelimitedList",
  "AWS::SSM::Parameter::Name",
  "AWS::SSM::Parameter::Value<String>",
  "AWS::SSM::Parameter::Value<List<String>>",
  "AWS::SSM::Parameter::Value<CommaDelimitedList>",
]);
const STORED = "AWS::SSM::Parameter::Value<";

/** A parameter as a caller gives it. */
export interface GivenParameter {
  readonly ParameterKey?: string | undefined;
  readonly ParameterValue?: string | undefined;
  readonly UsePreviousValue?: boolean | undefined;
}

/** Refuses types that do not exist and those that look something up which Virga does not have. */
export function checkParameterTypes(parameters: Template["parameters"]): void {
  for (const [name, { type }] of Object.entries(parameters)) {
    if (TYPES.has(type)) continue;
    if (/^(List<)?AWS::/.test(type)) {
      throw validationError(`Virga does not support the parameter type ${type} (parameter ${name}).`);
    }
    throw formatError(`Unrecognized parameter type: ${type}`);
  }
}

/**
 * The text of every parameter.
 * @param previous values of the stack as it is, for `UsePreviousValue`
 * @throws ValidationError: unknown, then missing, then violated constraints, in declaration order
 */
export function parameterTexts(
  parameters: Template["parameters"],
  given: readonly GivenParameter[],
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const names = given.map((parameter) => parameter.ParameterKey ?? "");
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw validationError(`Parameter ${twice} is specified more than once`);
  const unknown = names.filter((name) => !Object.hasOwn(parameters, name));
  if (unknown.length > 0) throw validationError(`Parameters: [${unknown.join(", ")}] do not exist in the template`);
  const texts: Record<string, string> = {};
  const missing: string[] = [];
  for (const [name, declaration] of Object.entries(parameters)) {
    const entry = given.find((parameter) => parameter.ParameterKey === name);
    const text = entry?.UsePreviousValue ? previous[name] : (entry?.ParameterValue ?? declaration.default);
    if (text === undefined) missing.push(name);
    else texts[name] = text;
  }
  if (missing.length > 0) throw validationError(`Parameters: [${missing.join(", ")}] must have values`);
  for (const [name, declaration] of Object.entries(parameters)) checkParameter(name, declaration, texts[name]!);
  return texts;
}

/** The value of a parameter of Parameter Store, by name. @throws ValidationError */
export type ParameterStore = (name: string) => string;

/** What the parameters stand for whose texts are names of Parameter Store. */
export function storedTexts(
  parameters: Template["parameters"],
  texts: Readonly<Record<string, string>>,
  store: ParameterStore,
): Record<string, string> {
  const stored = Object.entries(parameters).filter(([, { type }]) => type.startsWith(STORED));
  return Object.fromEntries(stored.map(([name]) => [name, store(texts[name]!)]));
}

function isList(type: string): boolean {
  return type === "CommaDelimitedList" || type.startsWith("List<");
}

/** What `Ref` gives: text, or a list for the list types. */
export function parameterValue({ type }: ParameterDeclaration, text: string): string | string[] {
  if (!isList(type.startsWith(STORED) ? type.slice(STORED.length, -1) : type)) return text;
  return text === "" ? [] : text.split(",").map((item) => item.trim());
}

function checkParameter(name: string, declaration: ParameterDeclaration, text: string): void {
  const value = parameterValue(declaration, text);
  for (const item of Array.isArray(value) ? value : [value]) {
    const problem = violation(name, declaration, item);
    if (problem === undefined) continue;
    throw validationError(
      declaration.constraintDescription === undefined
        ? problem
        : `Parameter ${name} failed to satisfy constraint: ${declaration.constraintDescription}`,
    );
  }
}

function violation(name: string, declaration: ParameterDeclaration, text: string): string | undefined {
  const { type, allowedValues, allowedPattern, minLength, maxLength, minValue, maxValue } = declaration;
  if ((type === "Number" || type === "List<Number>") && (text.trim() === "" || !Number.isFinite(Number(text)))) {
    return `Parameter '${name}' must be a number.`;
  }
  if (allowedValues && !allowedValues.includes(text)) return `Parameter '${name}' must be one of AllowedValues`;
  if (minLength !== undefined && text.length < minLength) {
    return `Parameter '${name}' must contain at least ${minLength} characters`;
  }
  if (maxLength !== undefined && text.length > maxLength) {
    return `Parameter '${name}' must contain at most ${maxLength} characters`;
  }
  if (minValue !== undefined && Number(text) < minValue) {
    return `Parameter '${name}' must be a number not less than ${minValue}`;
  }
  if (maxValue !== undefined && Number(text) > maxValue) {
    return `Parameter '${name}' must be a number not greater than ${maxValue}`;
  }
  if (allowedPattern !== undefined && !pattern(name, allowedPattern).test(text)) {
    return `Parameter '${name}' must match pattern ${allowedPattern}`;
  }
  return undefined;
}

function pattern(name: string, source: string): RegExp {
  try {
    return new RegExp(`^(?:${source})$`, "s");
  } catch {
    throw formatError(`The AllowedPattern of parameter ${name} is not a valid regular expression.`);
  }
}
