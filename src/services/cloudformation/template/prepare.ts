/** Template text and given parameters → everything that is checked before anything is made. */
import { notImplemented } from "../../../kernel/errors.ts";
import { checkTypes, type Engine } from "../engine/types.ts";
import { validationError } from "../errors.ts";
import { transformServerless } from "../sam/transform.ts";
import { type Environment, type Evaluation, evaluate, parameterOrPseudo } from "./evaluate.ts";
import { expandLoops } from "./language-extensions.ts";
import {
  checkParameterTypes,
  type GivenParameter,
  type ParameterStore,
  parameterTexts,
  parameterValue,
  storedTexts,
} from "./parameters.ts";
import { parseTemplateText } from "./parse.ts";
import { checkFunctions, checkReferences } from "./references.ts";
import { readParameters, readTemplate, type Template, transformsOf } from "./sections.ts";
import { isObject, type Value, type ValueObject } from "./values.ts";

export const SERVERLESS = "AWS::Serverless-2016-10-31";
const EXTENSIONS = "AWS::LanguageExtensions";
/** Transforms of AWS that Virga does not have. */
const UNSUPPORTED = new Set([
  "AWS::Include",
  "AWS::CodeDeployBlueGreen",
  "AWS::SecretsManager-2020-07-23",
  "AWS::SecretsManager-2024-09-16",
]);

/** A template after its transforms. */
export interface Processed {
  readonly root: ValueObject;
  readonly template: Template;
  /** JSON text of `root`. */
  readonly text: string;
  readonly transforms: readonly string[];
}

export interface Prepared {
  readonly processed: Processed;
  readonly parameters: Readonly<Record<string, string>>;
  /** Of those parameters that name something in Parameter Store: what that was. */
  readonly stored: Readonly<Record<string, string>>;
  readonly evaluation: Evaluation;
}

/**
 * Applies the transforms with the parameters' values as far as they are known, and checks the template by itself.
 * @param known texts of parameters; missing ones have their default or nothing
 */
export function processTemplate(
  text: string,
  known: Readonly<Record<string, string>>,
  environment: Environment,
): Processed {
  const source = parseTemplateText(text);
  const transforms = transformsOf(source);
  for (const name of transforms) {
    if (UNSUPPORTED.has(name)) throw notImplemented(`the transform ${name}`);
    if (name !== SERVERLESS && name !== EXTENSIONS)
      throw validationError(`No transform named ${environment.accountId}::${name} found.`);
  }
  let root = source;
  if (transforms.length > 0) {
    const parameters = readParameters(source);
    const texts = Object.fromEntries(
      Object.entries(parameters).flatMap(([name, declaration]) => {
        const value = known[name] ?? declaration.default;
        return value === undefined ? [] : [[name, value]];
      }),
    );
    const valueNamed = (name: string): Value | undefined => parameterOrPseudo({ parameters }, texts, environment, name);
    // Loops first, whatever the order of the list: SAM resources may be made by one.
    if (transforms.includes(EXTENSIONS)) {
      root = expandLoops(root, (name) => {
        const declaration = parameters[name];
        const value = texts[name];
        return declaration && value !== undefined ? parameterValue(declaration, value) : undefined;
      });
    }
    if (transforms.includes(SERVERLESS)) root = transformServerless(root, valueNamed);
  }
  const template = readTemplate(root);
  checkParameterTypes(template.parameters);
  checkFunctions(template);
  checkReferences(template);
  return { root, template, text: JSON.stringify(root), transforms };
}

/** What can be said of a template by itself. Its transforms are not applied: they would need parameters, and packaged code. */
export interface Outline {
  readonly root: ValueObject;
  readonly parameters: Template["parameters"];
  /** By logical id. Empty members where the template has none. */
  readonly resources: Readonly<Record<string, { readonly type: string; readonly properties: ValueObject }>>;
  readonly transforms: readonly string[];
}

export function outlineOf(text: string, environment: Environment): Outline {
  const root = parseTemplateText(text);
  if (transformsOf(root).length === 0) {
    const { template } = processTemplate(text, {}, environment);
    return { root, parameters: template.parameters, resources: template.resources, transforms: [] };
  }
  const parameters = readParameters(root);
  checkParameterTypes(parameters);
  const declared = root["Resources"];
  const resources = Object.entries(isObject(declared) ? declared : {}).flatMap(([logicalId, value]) => {
    const type = isObject(value) ? value["Type"] : undefined;
    if (!isObject(value) || typeof type !== "string") return [];
    const properties = value["Properties"];
    return [[logicalId, { type, properties: isObject(properties) ? properties : {} }] as const];
  });
  return { root, parameters, resources: Object.fromEntries(resources), transforms: transformsOf(root) };
}

/**
 * @param given parameters of the request
 * @param previous texts of the stack as it is
 * @param store where parameters look that name something in Parameter Store
 * @throws ValidationError
 */
export function prepare(
  engine: Engine,
  text: string,
  given: readonly GivenParameter[],
  previous: Readonly<Record<string, string>>,
  environment: Environment,
  store: ParameterStore,
): Prepared {
  const known: Record<string, string> = {};
  for (const { ParameterKey, ParameterValue, UsePreviousValue } of given) {
    const value = UsePreviousValue ? previous[ParameterKey ?? ""] : ParameterValue;
    if (ParameterKey !== undefined && value !== undefined) known[ParameterKey] = value;
  }
  const processed = processTemplate(text, known, environment);
  const parameters = parameterTexts(processed.template.parameters, given, previous);
  const stored = storedTexts(processed.template.parameters, parameters, store);
  const evaluation = evaluate(processed.template, { ...parameters, ...stored }, environment);
  checkTypes(engine, evaluation);
  return { processed, parameters, stored, evaluation };
}
