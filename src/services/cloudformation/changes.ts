/** What a new template would change in a stack: for change sets, and to tell that there is nothing to do. */
import type { Change, ResourceChange, ResourceChangeDetail } from "@aws-sdk/client-cloudformation";
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { deploymentOf, evaluationOf } from "./deployments.ts";
import { type Engine, isCustom } from "./engine/types.ts";
import { lookupOf } from "./exports.ts";
import { allResources, type Resource, type Stack } from "./state.ts";
import { type Evaluation, scopeOf } from "./template/evaluate.ts";
import { NO_VALUE, resolve, type Scope } from "./template/intrinsics.ts";
import { coerceProperties } from "./template/properties.ts";
import { visitReferences } from "./template/references.ts";
import type { ResourceDeclaration } from "./template/sections.ts";
import { isObject, sameValue, type Value, type ValueObject } from "./template/values.ts";

export interface Difference {
  readonly changes: readonly Change[];
  /** Something other than resources differs: outputs, tags, the stack's own attributes. */
  readonly elsewhere: boolean;
}

type Effect = "none" | "add" | "update" | "replace" | "maybe-replace";

/** Compares a stack as it is with an evaluated template. A stack that was never deployed has nothing. */
export function difference(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  evaluation: Evaluation,
  tags: Readonly<Record<string, string>>,
): Difference {
  const existing = new Map(allResources(tx, context, stack.uuid).map((resource) => [resource.logicalId, resource]));
  const scope = scopeOf(evaluation, lookupOf(tx, context, stack, new Set()));
  const retagged = !sameValue(deploymentOf(tx, context, stack)?.tags ?? {}, tags);
  const effects = new Map<string, Effect>();
  const changes: Change[] = [];
  for (const logicalId of inOrder(evaluation)) {
    const declaration = evaluation.resources.get(logicalId)!;
    const before = existing.get(logicalId);
    const change = before?.physicalId
      ? modification(engine, evaluation, scope, effects, before, declaration, retagged)
      : addition(logicalId, declaration);
    effects.set(logicalId, change?.effect ?? "none");
    if (change) changes.push({ Type: "Resource", ResourceChange: change.change });
  }
  for (const resource of existing.values()) {
    if (evaluation.resources.has(resource.logicalId)) continue;
    changes.push({
      Type: "Resource",
      ResourceChange: {
        Action: "Remove",
        LogicalResourceId: resource.logicalId,
        ...(resource.physicalId === undefined ? {} : { PhysicalResourceId: resource.physicalId }),
        ResourceType: resource.type,
        PolicyAction:
          resource.deletionPolicy === undefined || resource.deletionPolicy === "Delete" ? "Delete" : "Retain",
        Scope: [],
        Details: [],
      },
    });
  }
  const current =
    stack.deployment === undefined ? undefined : evaluationOf(engine, tx, context, stack, stack.deployment);
  const outputs = (of: Evaluation) => [...of.outputs].map(([name, output]) => [name, { ...output }]);
  const outputsDiffer =
    current === undefined ||
    !sameValue(outputs(current), outputs(evaluation)) ||
    [...evaluation.outputs.values()].some((output) => !sameOutput(output.value, scope, effects, stack, evaluation));
  return { changes, elsewhere: outputsDiffer || retagged };
}

/** Dependencies before those that need them. */
function inOrder(evaluation: Evaluation): string[] {
  const order = new Set<string>();
  const visit = (logicalId: string) => {
    if (order.has(logicalId)) return;
    for (const needed of evaluation.dependencies.get(logicalId) ?? []) visit(needed);
    order.add(logicalId);
  };
  for (const logicalId of evaluation.resources.keys()) visit(logicalId);
  return [...order];
}

function addition(logicalId: string, declaration: ResourceDeclaration): { effect: Effect; change: ResourceChange } {
  return {
    effect: "add",
    change: {
      Action: "Add",
      LogicalResourceId: logicalId,
      ResourceType: declaration.type,
      Scope: [],
      Details: [],
    },
  };
}

interface PropertyChange {
  readonly name: string;
  readonly evaluation: "Static" | "Dynamic";
  readonly details: readonly Pick<ResourceChangeDetail, "ChangeSource" | "CausingEntity">[];
}

function modification(
  engine: Engine,
  evaluation: Evaluation,
  scope: Scope,
  effects: ReadonlyMap<string, Effect>,
  before: Resource,
  declaration: ResourceDeclaration,
  retagged: boolean,
): { effect: Effect; change: ResourceChange } | undefined {
  const type = engine.resourceTypes().get(declaration.type);
  const failed = before.status === "CREATE_FAILED" || before.status === "UPDATE_FAILED";
  const typeChanged = before.type !== declaration.type;
  const properties = propertyChanges(engine, evaluation, scope, effects, before, declaration);
  const metadata = !sameValue(before.metadata ?? {}, metadataOf(declaration, scope));
  const tagged = retagged && type !== undefined && Object.hasOwn(type.properties, "Tags");
  if (properties.length === 0 && !metadata && !typeChanged && !failed && !tagged) return undefined;
  const recreation = (name: string): "Never" | "Always" | "Conditionally" => {
    if (isCustom(declaration.type)) return name === "ServiceToken" ? "Always" : "Never";
    return !type?.update || type.replacement?.includes(name) ? "Always" : type.replaces ? "Conditionally" : "Never";
  };
  const replaced = (evaluationKind: PropertyChange["evaluation"]) =>
    properties.some((change) => change.evaluation === evaluationKind && recreation(change.name) === "Always");
  const conditional = replaced("Dynamic") || properties.some((change) => recreation(change.name) === "Conditionally");
  const effect: Effect =
    typeChanged || before.status === "CREATE_FAILED" || replaced("Static")
      ? "replace"
      : conditional
        ? "maybe-replace"
        : "update";
  const details: ResourceChangeDetail[] = properties.flatMap((change) =>
    change.details.map((detail) => ({
      Target: { Attribute: "Properties" as const, Name: change.name, RequiresRecreation: recreation(change.name) },
      Evaluation: change.evaluation,
      ...detail,
    })),
  );
  if (metadata) {
    details.push({
      Target: { Attribute: "Metadata", RequiresRecreation: "Never" },
      Evaluation: "Static",
      ChangeSource: "DirectModification",
    });
  }
  if (tagged) {
    details.push({
      Target: { Attribute: "Tags", RequiresRecreation: "Never" },
      Evaluation: "Static",
      ChangeSource: "DirectModification",
    });
  }
  const retain = declaration.updateReplacePolicy === "Retain";
  return {
    effect,
    change: {
      Action: "Modify",
      LogicalResourceId: before.logicalId,
      PhysicalResourceId: before.physicalId!,
      ResourceType: declaration.type,
      Replacement: effect === "replace" ? "True" : effect === "maybe-replace" ? "Conditional" : "False",
      ...(effect === "replace" ? { PolicyAction: retain ? "ReplaceAndRetain" : "ReplaceAndDelete" } : {}),
      Scope: [
        ...(properties.length > 0 ? (["Properties"] as const) : []),
        ...(metadata ? (["Metadata"] as const) : []),
        ...(tagged ? (["Tags"] as const) : []),
      ],
      Details: details,
    },
  };
}

function metadataOf(declaration: ResourceDeclaration, scope: Scope): unknown {
  if (declaration.metadata === undefined) return {};
  try {
    return resolve(declaration.metadata, scope);
  } catch (error) {
    if (error instanceof AwsError) return {};
    throw error;
  }
}

/** Top-level properties whose value differs, or may differ once what they refer to has changed. */
function propertyChanges(
  engine: Engine,
  evaluation: Evaluation,
  scope: Scope,
  effects: ReadonlyMap<string, Effect>,
  before: Resource,
  declaration: ResourceDeclaration,
): PropertyChange[] {
  const changes: PropertyChange[] = [];
  const names = new Set([...Object.keys(before.properties), ...Object.keys(declaration.properties)]);
  for (const name of names) {
    const value = declaration.properties[name];
    const causes = value === undefined ? [] : causesOf(value, evaluation, effects);
    if (causes.length > 0) {
      changes.push({ name, evaluation: "Dynamic", details: causes });
      continue;
    }
    const resolved =
      value === undefined ? undefined : resolvedProperty(engine, declaration, before.logicalId, name, value, scope);
    if (sameValue(before.properties[name], resolved)) continue;
    const parameters = value === undefined ? [] : parametersIn(value, evaluation);
    changes.push({
      name,
      evaluation: "Static",
      details:
        parameters.length > 0
          ? parameters.map((parameter) => ({ ChangeSource: "ParameterReference", CausingEntity: parameter }))
          : [{ ChangeSource: "DirectModification" }],
    });
  }
  return changes;
}

function resolvedProperty(
  engine: Engine,
  declaration: ResourceDeclaration,
  logicalId: string,
  name: string,
  value: Value,
  scope: Scope,
): unknown {
  const resolved = resolve(value, scope);
  if (resolved === NO_VALUE) return undefined;
  const type = engine.resourceTypes().get(declaration.type);
  if (!type) return stringOf(resolved);
  const single = { properties: type.properties, create: type.create, delete: type.delete };
  return coerceProperties(single, logicalId, { [name]: resolved } as ValueObject)[name];
}

function stringOf(value: Value): Value {
  if (Array.isArray(value)) return value.map(stringOf);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, stringOf(member)]));
  return String(value);
}

function causesOf(
  value: Value,
  evaluation: Evaluation,
  effects: ReadonlyMap<string, Effect>,
): Pick<ResourceChangeDetail, "ChangeSource" | "CausingEntity">[] {
  const causes = new Map<string, Pick<ResourceChangeDetail, "ChangeSource" | "CausingEntity">>();
  visitReferences(value, {
    takes: (name) => evaluation.conditions[name] === true,
    ref(name) {
      const effect = effects.get(name) ?? "none";
      if (effect === "add" || effect === "replace" || effect === "maybe-replace") {
        causes.set(name, { ChangeSource: "ResourceReference", CausingEntity: name });
      }
    },
    getAtt(logicalId, attribute) {
      const effect = effects.get(logicalId) ?? "none";
      if (effect === "none") return;
      const entity = `${logicalId}.${attribute ?? ""}`;
      causes.set(entity, { ChangeSource: "ResourceAttribute", CausingEntity: entity });
    },
  });
  return [...causes.values()];
}

function parametersIn(value: Value, evaluation: Evaluation): string[] {
  const found = new Set<string>();
  visitReferences(value, {
    takes: (name) => evaluation.conditions[name] === true,
    ref(name) {
      if (Object.hasOwn(evaluation.template.parameters, name)) found.add(name);
    },
    getAtt() {},
  });
  return [...found];
}

/** Whether an output surely keeps a value that the stack shows now. */
function sameOutput(
  value: Value,
  scope: Scope,
  effects: ReadonlyMap<string, Effect>,
  stack: Stack,
  evaluation: Evaluation,
): boolean {
  if (causesOf(value, evaluation, effects).length > 0) return false;
  try {
    const resolved = resolve(value, scope);
    return stack.outputs.some((output) => output.value === String(resolved as string));
  } catch (error) {
    if (error instanceof AwsError) return false;
    throw error;
  }
}
