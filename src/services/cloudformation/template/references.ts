/** Who refers to whom: names that do not exist, the order of creation, circles. */
import { notImplemented } from "../../../kernel/errors.ts";
import { formatError, templateError, validationError } from "../errors.ts";
import { branchOf, CONDITION_FUNCTIONS, SUBSTITUTION, splitAttribute, subName, subParts } from "./intrinsics.ts";
import type { Template } from "./sections.ts";
import { isObject, type Value } from "./values.ts";

export const PSEUDO_PARAMETERS: ReadonlySet<string> = new Set([
  "AWS::AccountId",
  "AWS::NoValue",
  "AWS::NotificationARNs",
  "AWS::Partition",
  "AWS::Region",
  "AWS::StackId",
  "AWS::StackName",
  "AWS::URLSuffix",
]);

export interface ReferenceVisitor {
  ref(name: string): void;
  getAtt(logicalId: string, attribute: string | undefined): void;
  /** A condition's name, in `Fn::If` or `{Condition: name}` inside a condition function. */
  condition?(name: string): void;
  /** Present: only the branch that is taken is visited. */
  takes?(condition: string): boolean;
}

/** Visits every reference in a value. */
export function visitReferences(value: Value, visitor: ReferenceVisitor): void {
  if (Array.isArray(value)) {
    for (const item of value) visitReferences(item, visitor);
    return;
  }
  if (!isObject(value)) return;
  const names = Object.keys(value);
  const name = names[0];
  if (names.length === 1 && name !== undefined) {
    const argument = value[name]!;
    if (name === "Ref" && typeof argument === "string") {
      visitor.ref(argument);
      return;
    }
    if (name === "Fn::GetAtt") {
      const parts = typeof argument === "string" ? splitAttribute(argument) : argument;
      if (Array.isArray(parts) && typeof parts[0] === "string") {
        const rest = parts.slice(1);
        const plain = rest.length > 0 && rest.every((part: Value) => typeof part === "string");
        visitor.getAtt(parts[0], plain ? rest.join(".") : undefined);
        for (const part of rest) visitReferences(part, visitor);
        return;
      }
    }
    if (name === "Fn::Sub") {
      visitSub(argument, visitor);
      return;
    }
    if (name === "Fn::If" && Array.isArray(argument) && typeof argument[0] === "string") {
      visitor.condition?.(argument[0]);
      if (visitor.takes) {
        visitReferences(branchOf(argument, { condition: (wanted) => visitor.takes!(wanted) }), visitor);
        return;
      }
    }
    if (CONDITION_FUNCTIONS.has(name) && Array.isArray(argument)) {
      for (const item of argument) {
        if (isObject(item) && typeof item["Condition"] === "string") visitor.condition?.(item["Condition"]);
      }
    }
  }
  for (const member of Object.values(value)) visitReferences(member, visitor);
}

function visitSub(argument: Value, visitor: ReferenceVisitor): void {
  const { template, variables } = subParts(argument);
  for (const match of template.matchAll(SUBSTITUTION)) {
    if (match[1] === undefined) continue;
    const name = subName(match[1]);
    if (Object.hasOwn(variables, name)) continue;
    if (!name.includes(".")) visitor.ref(name);
    else {
      const [logicalId, attribute] = splitAttribute(name);
      visitor.getAtt(logicalId!, attribute);
    }
  }
  visitReferences(variables, visitor);
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  ...CONDITION_FUNCTIONS,
  "Fn::Base64",
  "Fn::Cidr",
  "Fn::FindInMap",
  "Fn::GetAZs",
  "Fn::GetAtt",
  "Fn::If",
  "Fn::ImportValue",
  "Fn::Join",
  "Fn::Length",
  "Fn::Select",
  "Fn::Split",
  "Fn::Sub",
  "Fn::ToJsonString",
]);

/** Refuses functions that there are not, before anything is made. */
export function checkFunctions(template: Template): void {
  const check = (value: Value): void => {
    if (Array.isArray(value)) value.forEach(check);
    else if (isObject(value)) {
      const [name, ...others] = Object.keys(value);
      if (name?.startsWith("Fn::") && others.length === 0 && !FUNCTIONS.has(name)) {
        if (name === "Fn::Transform") throw notImplemented("the function Fn::Transform");
        throw formatError(`Unrecognized function ${name}`);
      }
      Object.values(value).forEach(check);
    }
  };
  for (const resource of Object.values(template.resources)) check(resource.properties);
  for (const output of Object.values(template.outputs)) check([output.value, output.exportName ?? ""]);
  check(template.conditions);
}

/** Refuses names that are nowhere declared, wherever in the template they stand. */
export function checkReferences(template: Template): void {
  const { parameters, resources, conditions, outputs } = template;
  const declared = (name: string) => Object.hasOwn(parameters, name) || Object.hasOwn(resources, name);
  const checkCondition = (name: string) => {
    if (!Object.hasOwn(conditions, name)) throw formatError(`Condition ${name} is not defined.`);
  };
  const conditionMissing = new Set<string>();
  for (const value of Object.values(conditions)) {
    if (isObject(value) && typeof value["Condition"] === "string") checkCondition(value["Condition"]);
    visitReferences(value, {
      ref(name) {
        if (!Object.hasOwn(parameters, name) && !PSEUDO_PARAMETERS.has(name)) conditionMissing.add(name);
      },
      getAtt: (logicalId) => conditionMissing.add(logicalId),
      condition: checkCondition,
    });
  }
  if (conditionMissing.size > 0) {
    throw formatError(
      `Unresolved dependencies [${[...conditionMissing].join(", ")}]. Cannot reference resources in the Conditions block of the template`,
    );
  }
  const check = (block: "Resources" | "Outputs", values: Iterable<Value>, dependsOn: Iterable<string>) => {
    const missing = new Set<string>();
    for (const name of dependsOn) if (!Object.hasOwn(resources, name)) missing.add(name);
    for (const value of values) {
      visitReferences(value, {
        ref(name) {
          if (!declared(name) && !PSEUDO_PARAMETERS.has(name)) missing.add(name);
        },
        getAtt(logicalId) {
          if (!Object.hasOwn(resources, logicalId)) {
            throw templateError(`instance of Fn::GetAtt references undefined resource ${logicalId}`);
          }
        },
        condition: checkCondition,
      });
    }
    if (missing.size > 0) {
      throw formatError(
        `Unresolved resource dependencies [${[...missing].join(", ")}] in the ${block} block of the template`,
      );
    }
  };
  for (const declaration of [...Object.values(resources), ...Object.values(outputs)]) {
    if (declaration.condition !== undefined) checkCondition(declaration.condition);
  }
  check(
    "Resources",
    Object.values(resources).flatMap((resource) => [resource.properties, resource.metadata ?? {}]),
    Object.values(resources).flatMap((resource) => resource.dependsOn),
  );
  check(
    "Outputs",
    Object.values(outputs).flatMap((output) => [output.value, output.exportName ?? ""]),
    [],
  );
}

/**
 * What each resource waits for, among the resources that exist under the given conditions.
 * @throws ValidationError when one refers to a resource whose condition is false, or when they form a circle
 */
export function dependenciesOf(
  template: Template,
  condition: (name: string) => boolean,
): ReadonlyMap<string, readonly string[]> {
  const exists = (name: string) => {
    const declared = template.resources[name];
    return declared !== undefined && (declared.condition === undefined || condition(declared.condition));
  };
  const missing = new Set<string>();
  const edges = new Map<string, readonly string[]>();
  for (const [logicalId, resource] of Object.entries(template.resources)) {
    if (!exists(logicalId)) continue;
    const needs = new Set(resource.dependsOn.filter(exists));
    const add = (name: string) => {
      if (!Object.hasOwn(template.resources, name)) return;
      if (exists(name)) needs.add(name);
      else missing.add(name);
    };
    visitReferences([resource.properties, resource.metadata ?? {}], { ref: add, getAtt: add, takes: condition });
    edges.set(logicalId, [...needs]);
  }
  if (missing.size > 0) {
    throw formatError(
      `Unresolved resource dependencies [${[...missing].join(", ")}] in the Resources block of the template`,
    );
  }
  refuseCircles(edges);
  return edges;
}

function refuseCircles(edges: ReadonlyMap<string, readonly string[]>): void {
  // What never becomes free is on a circle or waits for one; what nothing waits for in the rest only leads into it.
  const waiting = new Set(edges.keys());
  const shrink = (free: (name: string) => boolean) => {
    for (let again = true; again; ) {
      again = false;
      for (const name of waiting) {
        if (!free(name)) continue;
        waiting.delete(name);
        again = true;
      }
    }
  };
  shrink((name) => !edges.get(name)!.some((needed) => waiting.has(needed)));
  shrink((name) => ![...waiting].some((other) => edges.get(other)!.includes(name)));
  if (waiting.size > 0) throw validationError(`Circular dependency between resources: [${[...waiting].join(", ")}]`);
}
