/**
 * Plain values → a template whose sections have their shape. Names are checked here, references in `references.ts`, what functions say in
 * `intrinsics.ts`. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
 */
import { notImplemented } from "../../../kernel/errors.ts";
import { formatError, validationError } from "../errors.ts";
import { isObject, isScalar, textOf, type Value, type ValueObject } from "./values.ts";

export type DeletionPolicy = "Delete" | "Retain" | "RetainExceptOnCreate";

export interface ParameterDeclaration {
  readonly type: string;
  readonly default?: string;
  readonly noEcho: boolean;
  readonly description?: string;
  readonly allowedValues?: readonly string[];
  readonly allowedPattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minValue?: number;
  readonly maxValue?: number;
  readonly constraintDescription?: string;
}

export interface ResourceDeclaration {
  readonly type: string;
  readonly properties: ValueObject;
  readonly condition?: string;
  readonly dependsOn: readonly string[];
  /** Absent: Delete. */
  readonly deletionPolicy?: DeletionPolicy;
  readonly updateReplacePolicy?: DeletionPolicy;
  readonly metadata?: Value;
}

export interface OutputDeclaration {
  readonly value: Value;
  readonly description?: string;
  readonly condition?: string;
  readonly exportName?: Value;
}

export interface RuleDeclaration {
  readonly condition?: Value;
  readonly assertions: readonly { readonly assert: Value; readonly description?: string }[];
}

export interface Template {
  readonly description?: string;
  readonly metadata?: Value;
  readonly transforms: readonly string[];
  readonly parameters: Readonly<Record<string, ParameterDeclaration>>;
  readonly mappings: Readonly<Record<string, Readonly<Record<string, ValueObject>>>>;
  readonly conditions: ValueObject;
  readonly rules: Readonly<Record<string, RuleDeclaration>>;
  readonly resources: Readonly<Record<string, ResourceDeclaration>>;
  readonly outputs: Readonly<Record<string, OutputDeclaration>>;
}

const SECTIONS: ReadonlySet<string> = new Set([
  "AWSTemplateFormatVersion",
  "Description",
  "Metadata",
  "Parameters",
  "Rules",
  "Mappings",
  "Conditions",
  "Transform",
  "Resources",
  "Outputs",
]);

/** Limits. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const DESCRIPTION_BYTES_MAX = 1024;
const RESOURCES_MAX = 500;
const PARAMETERS_MAX = 200;
const MAPPINGS_MAX = 200;
const OUTPUTS_MAX = 200;

const NAME = /^[A-Za-z0-9]{1,255}$/;

/** The transforms that a template declares, in order. */
export function transformsOf(root: ValueObject): readonly string[] {
  const declared = root["Transform"];
  if (declared === undefined) return [];
  const list = Array.isArray(declared) ? declared : [declared];
  return list.map((item) => {
    if (typeof item === "string") return item;
    if (isObject(item) && typeof item["Name"] === "string") throw notImplemented(`the transform ${item["Name"]}`);
    throw formatError("The value of the Transform section must be a string or a list of strings.");
  });
}

/** Checks the shape of a whole template. The transforms must have been applied already. */
export function readTemplate(root: ValueObject): Template {
  const unknown = Object.keys(root).filter((name) => !SECTIONS.has(name));
  if (unknown.length > 0) throw validationError(`Invalid template property or properties [${unknown.join(", ")}]`);
  const version = root["AWSTemplateFormatVersion"];
  if (version !== undefined && version !== "2010-09-09") {
    throw formatError(`unsupported value for AWSTemplateFormatVersion. No such version ${String(version)}.`);
  }
  refuseNull(root, "");
  const description = root["Description"];
  if (description !== undefined) {
    if (typeof description !== "string") throw formatError("Template Description must be a string.");
    if (Buffer.byteLength(description) > DESCRIPTION_BYTES_MAX) {
      throw formatError(`Template description is too long. Max allowed length is ${DESCRIPTION_BYTES_MAX}.`);
    }
  }
  const resources = section(root, "Resources");
  if (Object.keys(resources).length === 0) throw formatError("At least one Resources member must be defined.");
  for (const [name, declared, most] of [
    ["resources", resources, RESOURCES_MAX],
    ["parameters", section(root, "Parameters"), PARAMETERS_MAX],
    ["mappings", section(root, "Mappings"), MAPPINGS_MAX],
    ["outputs", section(root, "Outputs"), OUTPUTS_MAX],
  ] as const) {
    const count = Object.keys(declared).length;
    if (count > most) throw formatError(`Number of ${name}, ${count}, is greater than maximum allowed, ${most}`);
  }
  return {
    ...(description === undefined ? {} : { description: description as string }),
    ...(root["Metadata"] === undefined ? {} : { metadata: root["Metadata"] }),
    transforms: transformsOf(root),
    parameters: readParameters(root),
    mappings: each(section(root, "Mappings"), "Mappings", "Mappings attribute", readMapping),
    conditions: each(section(root, "Conditions"), "Conditions", "Conditions", (value) => value),
    rules: each(section(root, "Rules"), "Rules", "Rules", readRule),
    resources: each(resources, "Resources", "Resource", readResource),
    outputs: each(section(root, "Outputs"), "Outputs", "Output", readOutput),
  };
}

/** The Parameters section alone: transforms need it before the rest can be read. */
export function readParameters(root: ValueObject): Template["parameters"] {
  return each(section(root, "Parameters"), "Parameters", "Parameter", readParameter);
}

function section(root: ValueObject, name: string): ValueObject {
  const value = root[name];
  if (value === undefined) return {};
  if (!isObject(value)) throw formatError(`${name} must be an object.`);
  return value;
}

function each<T>(
  declared: ValueObject,
  sectionName: string,
  noun: string,
  read: (value: Value, name: string) => T,
): Record<string, T> {
  const result: Record<string, T> = {};
  for (const [name, value] of Object.entries(declared)) {
    if (!NAME.test(name)) throw formatError(`${noun} name ${name} is non alphanumeric.`);
    if (sectionName !== "Conditions" && !isObject(value)) {
      throw formatError(`[/${sectionName}/${name}] Every ${sectionName} member must be an object.`);
    }
    result[name] = read(value, name);
  }
  return result;
}

function refuseNull(value: Value, path: string): void {
  if (value === null) throw formatError(`[${path}] 'null' values are not allowed in templates`);
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      refuseNull(item, `${path}/${index}`);
    });
  } else if (isObject(value)) {
    for (const [name, member] of Object.entries(value)) refuseNull(member, `${path}/${name}`);
  }
}

function members(value: ValueObject, allowed: ReadonlySet<string>, refuse: (name: string) => Error): void {
  for (const name of Object.keys(value)) if (!allowed.has(name)) throw refuse(name);
}

const PARAMETER_MEMBERS: ReadonlySet<string> = new Set([
  "Type",
  "Default",
  "NoEcho",
  "Description",
  "AllowedValues",
  "AllowedPattern",
  "MinLength",
  "MaxLength",
  "MinValue",
  "MaxValue",
  "ConstraintDescription",
]);

function readParameter(value: Value, name: string): ParameterDeclaration {
  const declared = value as ValueObject;
  members(declared, PARAMETER_MEMBERS, (member) => formatError(`Invalid template parameter property '${member}'`));
  const type = declared["Type"];
  if (typeof type !== "string") throw formatError("Every Parameters object must contain a Type member.");
  const text = (member: string): string | undefined => {
    const given = declared[member];
    if (given === undefined) return undefined;
    if (!isScalar(given)) throw formatError(`Every ${member} member must be a string.`);
    return textOf(given);
  };
  const number = (member: string): number | undefined => {
    const given = text(member);
    if (given === undefined) return undefined;
    if (given.trim() === "" || Number.isNaN(Number(given))) {
      throw formatError(`Parameter '${name}' must have a numeric ${member}.`);
    }
    return Number(given);
  };
  const allowed = declared["AllowedValues"];
  if (allowed !== undefined && !(Array.isArray(allowed) && allowed.every(isScalar))) {
    throw formatError("Every AllowedValues member must be a list.");
  }
  const noEcho = text("NoEcho");
  if (noEcho !== undefined && noEcho !== "true" && noEcho !== "false") {
    throw formatError(`NoEcho of parameter ${name} must be true or false.`);
  }
  return {
    type,
    noEcho: noEcho === "true",
    ...present("default", text("Default")),
    ...present("description", text("Description")),
    ...present("allowedValues", (allowed as readonly (string | number | boolean)[] | undefined)?.map(textOf)),
    ...present("allowedPattern", text("AllowedPattern")),
    ...present("minLength", number("MinLength")),
    ...present("maxLength", number("MaxLength")),
    ...present("minValue", number("MinValue")),
    ...present("maxValue", number("MaxValue")),
    ...present("constraintDescription", text("ConstraintDescription")),
  };
}

function present<N extends string, T>(name: N, value: T | undefined): { [K in N]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { [K in N]?: T };
}

function readMapping(value: Value, name: string): Record<string, ValueObject> {
  for (const [first, inner] of Object.entries(value as ValueObject)) {
    if (!isObject(inner)) {
      throw formatError(`Every Mappings attribute must be a String or a List. [/Mappings/${name}/${first}]`);
    }
    for (const [second, leaf] of Object.entries(inner)) {
      if (!isScalar(leaf) && !(Array.isArray(leaf) && leaf.every(isScalar))) {
        throw formatError(
          `Every Mappings attribute must be a String or a List. [/Mappings/${name}/${first}/${second}]`,
        );
      }
    }
  }
  return value as Record<string, ValueObject>;
}

function readRule(value: Value, name: string): RuleDeclaration {
  const declared = value as ValueObject;
  members(declared, new Set(["RuleCondition", "Assertions"]), (member) =>
    formatError(`Invalid template rule property '${member}'`),
  );
  const assertions = declared["Assertions"];
  if (!Array.isArray(assertions) || assertions.length === 0) {
    throw formatError(`Rule ${name} must contain at least one Assertions member.`);
  }
  return {
    ...present("condition", declared["RuleCondition"]),
    assertions: assertions.map((assertion: Value) => {
      if (!isObject(assertion) || assertion["Assert"] === undefined) {
        throw formatError(`Every assertion of rule ${name} must contain an Assert member.`);
      }
      members(assertion, new Set(["Assert", "AssertDescription"]), (member) =>
        formatError(`Invalid template rule property '${member}'`),
      );
      const description = assertion["AssertDescription"];
      return { assert: assertion["Assert"], ...(typeof description === "string" ? { description } : {}) };
    }),
  };
}

const RESOURCE_MEMBERS: ReadonlySet<string> = new Set([
  "Type",
  "Properties",
  "Condition",
  "DependsOn",
  "DeletionPolicy",
  "UpdateReplacePolicy",
  "Metadata",
]);

/** Resource attributes that exist on AWS and that Virga does not have. */
const UNSUPPORTED_RESOURCE_MEMBERS: ReadonlySet<string> = new Set(["CreationPolicy", "UpdatePolicy"]);

function readResource(value: Value, name: string): ResourceDeclaration {
  const declared = value as ValueObject;
  for (const member of Object.keys(declared)) {
    if (UNSUPPORTED_RESOURCE_MEMBERS.has(member)) {
      throw validationError(`Virga does not support the resource attribute ${member} (resource ${name}).`);
    }
  }
  members(declared, RESOURCE_MEMBERS, (member) => validationError(`Invalid template resource property '${member}'`));
  const type = declared["Type"];
  if (typeof type !== "string" || type === "") {
    throw formatError(`[/Resources/${name}] Every Resources object must contain a Type member.`);
  }
  const properties = declared["Properties"] ?? {};
  if (!isObject(properties)) throw formatError(`[/Resources/${name}/Properties] Properties must be an object.`);
  const condition = declared["Condition"];
  if (condition !== undefined && typeof condition !== "string") {
    throw formatError("Every Condition member must be a string.");
  }
  const dependsOn = declared["DependsOn"] ?? [];
  const names = typeof dependsOn === "string" ? [dependsOn] : dependsOn;
  if (!Array.isArray(names) || !names.every((item) => typeof item === "string")) {
    throw formatError("DependsOn must be a string or list of strings.");
  }
  return {
    type,
    properties,
    dependsOn: [...new Set(names as string[])],
    ...present("condition", condition),
    ...present("deletionPolicy", policy(declared, "DeletionPolicy", name)),
    ...present("updateReplacePolicy", policy(declared, "UpdateReplacePolicy", name)),
    ...present("metadata", declared["Metadata"]),
  };
}

function policy(declared: ValueObject, member: string, name: string): DeletionPolicy | undefined {
  const value = declared[member];
  if (value === undefined || value === "Delete" || value === "Retain") return value;
  if (value === "RetainExceptOnCreate" && member === "DeletionPolicy") return value;
  if (value === "Snapshot") {
    throw formatError(`${member} Snapshot is not supported for the type of resource ${name}.`);
  }
  throw formatError(`Unrecognized ${member} ${typeof value === "string" ? value : ""} for resource ${name}`);
}

function readOutput(value: Value, name: string): OutputDeclaration {
  const declared = value as ValueObject;
  members(declared, new Set(["Value", "Description", "Export", "Condition"]), (member) =>
    formatError(`Invalid template output property '${member}'`),
  );
  if (declared["Value"] === undefined)
    throw formatError(`Output ${name} is malformed. Every Outputs member must contain a Value object`);
  const condition = declared["Condition"];
  if (condition !== undefined && typeof condition !== "string") {
    throw formatError("Every Condition member must be a string.");
  }
  const exported = declared["Export"];
  let exportName: Value | undefined;
  if (exported !== undefined) {
    if (!isObject(exported) || exported["Name"] === undefined || Object.keys(exported).length !== 1) {
      throw formatError(`Output ${name} is malformed. The Export member must contain a Name and nothing else`);
    }
    exportName = exported["Name"];
  }
  const description = declared["Description"];
  return {
    value: declared["Value"],
    ...present("description", isScalar(description) ? textOf(description) : undefined),
    ...present("condition", condition),
    ...present("exportName", exportName),
  };
}
