/** A template with its parameters: which conditions hold, which resources there are, and the scope in which their properties resolve. */
import { formatError, templateError, validationError } from "../errors.ts";
import { evaluateCondition, NO_VALUE, type Resolved, resolve, type Scope } from "./intrinsics.ts";
import { parameterValue } from "./parameters.ts";
import { dependenciesOf } from "./references.ts";
import { checkRules } from "./rules-section.ts";
import type { OutputDeclaration, ResourceDeclaration, Template } from "./sections.ts";
import { isScalar, textOf, type Value } from "./values.ts";

/** What pseudo parameters tell. */
export interface Environment {
  readonly accountId: string;
  readonly region: string;
  readonly stackId: string;
  readonly stackName: string;
  readonly notificationArns: readonly string[];
}

export interface Evaluation {
  readonly template: Template;
  readonly parameters: Readonly<Record<string, string>>;
  readonly environment: Environment;
  readonly conditions: Readonly<Record<string, boolean>>;
  /** The resources whose condition holds. */
  readonly resources: ReadonlyMap<string, ResourceDeclaration>;
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  readonly outputs: ReadonlyMap<string, OutputDeclaration>;
}

/** What becomes known as a stack grows. */
export interface Lookup {
  /** Undefined: not made yet, or not part of the stack. */
  resource(
    logicalId: string,
  ): { readonly id: string; readonly attributes: Readonly<Record<string, unknown>> } | undefined;
  importValue(exportName: string): Value;
}

const AVAILABILITY_ZONES = ["a", "b", "c"];

export function evaluate(
  template: Template,
  parameters: Readonly<Record<string, string>>,
  environment: Environment,
): Evaluation {
  const conditions = evaluateConditions(template, parameters, environment);
  const holds = (name: string) => conditions[name] === true;
  checkRules(template, staticScope(template, parameters, environment, holds));
  const exists = (declared: { readonly condition?: string }) =>
    declared.condition === undefined || holds(declared.condition);
  return {
    template,
    parameters,
    environment,
    conditions,
    resources: new Map(Object.entries(template.resources).filter(([, resource]) => exists(resource))),
    dependencies: dependenciesOf(template, holds),
    outputs: new Map(Object.entries(template.outputs).filter(([, output]) => exists(output))),
  };
}

function evaluateConditions(
  template: Template,
  parameters: Readonly<Record<string, string>>,
  environment: Environment,
): Record<string, boolean> {
  const values: Record<string, boolean> = {};
  const open: string[] = [];
  const evaluated = (name: string): boolean => {
    const known = Object.hasOwn(values, name) ? values[name] : undefined;
    if (known !== undefined) return known;
    if (!Object.hasOwn(template.conditions, name)) throw formatError(`Condition ${name} is not defined.`);
    if (open.includes(name)) {
      throw formatError(`Circular dependency between conditions: [${open.slice(open.indexOf(name)).join(", ")}]`);
    }
    open.push(name);
    const value = evaluateCondition(
      template.conditions[name]!,
      staticScope(template, parameters, environment, evaluated),
    );
    open.pop();
    values[name] = value;
    return value;
  };
  for (const name of Object.keys(template.conditions)) evaluated(name);
  return values;
}

/** The scope of conditions and rules: no resources yet. */
function staticScope(
  template: Template,
  parameters: Readonly<Record<string, string>>,
  environment: Environment,
  condition: (name: string) => boolean,
): Scope {
  const unresolved = (name: string): Error =>
    formatError(
      `Unresolved dependencies [${name}]. Cannot reference resources in the Conditions block of the template`,
    );
  return {
    mappings: template.mappings,
    extended: isExtended(template),
    condition,
    ref(name) {
      const value = parameterOrPseudo(template, parameters, environment, name);
      if (value === undefined) throw unresolved(name);
      return value;
    },
    getAtt(logicalId) {
      throw unresolved(logicalId);
    },
    importValue() {
      throw templateError("Fn::ImportValue cannot be used in the Conditions block of the template");
    },
    availabilityZones: (region) => AVAILABILITY_ZONES.map((zone) => (region || environment.region) + zone),
  };
}

function isExtended(template: Template): boolean {
  return template.transforms.includes("AWS::LanguageExtensions");
}

/** A parameter's or pseudo parameter's value; undefined when the name is neither. */
export function parameterOrPseudo(
  template: Pick<Template, "parameters">,
  parameters: Readonly<Record<string, string>>,
  environment: Environment,
  name: string,
): Value | undefined {
  switch (name) {
    case "AWS::AccountId":
      return environment.accountId;
    case "AWS::NotificationARNs":
      return environment.notificationArns;
    case "AWS::Partition":
      return "aws";
    case "AWS::Region":
      return environment.region;
    case "AWS::StackId":
      return environment.stackId;
    case "AWS::StackName":
      return environment.stackName;
    case "AWS::URLSuffix":
      return "amazonaws.com";
  }
  const declaration = Object.hasOwn(template.parameters, name) ? template.parameters[name] : undefined;
  const text = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  return declaration && text !== undefined ? parameterValue(declaration, text) : undefined;
}

/** The scope of properties and outputs. */
export function scopeOf(evaluation: Evaluation, lookup: Lookup): Scope {
  const { template, parameters, environment, conditions } = evaluation;
  const condition = (name: string): boolean => {
    if (!Object.hasOwn(conditions, name)) throw formatError(`Condition ${name} is not defined.`);
    return conditions[name]!;
  };
  return {
    ...staticScope(template, parameters, environment, condition),
    importValue: (name) => lookup.importValue(name),
    ref(name) {
      const value = parameterOrPseudo(template, parameters, environment, name) ?? lookup.resource(name)?.id;
      if (value === undefined) throw unresolvedDependency(name);
      return value;
    },
    getAtt(logicalId, attribute) {
      const resource = lookup.resource(logicalId);
      if (!resource) throw unresolvedDependency(logicalId);
      const value = Object.hasOwn(resource.attributes, attribute) ? resource.attributes[attribute] : undefined;
      if (value === undefined) throw unknownAttribute(logicalId, attribute);
      return value as Value;
    },
  };
}

const unresolvedDependency = (name: string) =>
  formatError(`Unresolved resource dependencies [${name}] in the Resources block of the template`);

export const unknownAttribute = (logicalId: string, attribute: string) =>
  templateError(`resource ${logicalId} does not support attribute type ${attribute} in Fn::GetAtt`);

/** Text that an output, an export's name or the like must be. */
export function resolveText(value: Value, scope: Scope, what: string): string {
  const resolved: Resolved = resolve(value, scope);
  if (resolved === NO_VALUE || !isScalar(resolved)) {
    throw validationError(`Template format error: The ${what} must be a string.`);
  }
  return textOf(resolved);
}
