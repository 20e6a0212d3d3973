/** One resource of a template: what must happen to it, and what its record says before, after, and when it failed. */
import { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { ResourceState } from "../../resources.ts";
import type { OperationContext } from "../../service.ts";
import { deploymentOf, evaluationOf } from "../deployments.ts";
import { setResource, tellResource } from "../events.ts";
import { lookupOf } from "../exports.ts";
import { type Incarnation, imports, keys, type Resource, resources, type Stack, type Task } from "../state.ts";
import { type Evaluation, scopeOf } from "../template/evaluate.ts";
import { type Resolved, resolve } from "../template/intrinsics.ts";
import { coerceProperties } from "../template/properties.ts";
import type { ResourceDeclaration } from "../template/sections.ts";
import { isObject, sameValue, type Value, type ValueObject } from "../template/values.ts";
import { endTask, send } from "./tasks.ts";
import { type Engine, isCustom } from "./types.ts";

const MASK = "****";

/** A resource's properties, resolved against the stack as it is. Exports that they import are noted at once, so that nobody takes them away. */
export function resolveProperties(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  evaluation: Evaluation,
  logicalId: string,
  declaration: ResourceDeclaration,
): { readonly properties: ValueObject; readonly metadata: Resolved; readonly shown: string } {
  const imported = new Set<string>();
  const lookup = lookupOf(tx, context, stack, imported);
  const scope = scopeOf(evaluation, lookup);
  const resolved = resolve(declaration.properties, scope) as ValueObject;
  for (const name of imported) {
    imports.put(tx, keys.import(context, name, stack.uuid), { stackName: stack.stackName });
    if (!stack.imports.includes(name)) stack.imports = [...stack.imports, name];
  }
  const type = engine.resourceTypes().get(declaration.type);
  const properties = type ? coerceProperties(type, logicalId, resolved) : stringified(resolved);
  return {
    properties,
    metadata: declaration.metadata === undefined ? {} : resolve(declaration.metadata, scope),
    shown: JSON.stringify(
      resolve(declaration.properties, scopeOf(masked(evaluation), maskedLookup(tx, context, stack))),
    ),
  };
}

/** Custom resources get every scalar as text. */
function stringified(value: ValueObject): ValueObject {
  const text = (inner: Value): Value =>
    Array.isArray(inner)
      ? inner.map(text)
      : isObject(inner)
        ? Object.fromEntries(Object.entries(inner).map(([name, member]) => [name, text(member)]))
        : String(inner);
  return text(value) as ValueObject;
}

function masked(evaluation: Evaluation): Evaluation {
  const parameters = Object.fromEntries(
    Object.entries(evaluation.parameters).map(([name, text]) => [
      name,
      evaluation.template.parameters[name]?.noEcho ? MASK : text,
    ]),
  );
  return { ...evaluation, parameters };
}

function maskedLookup(tx: Transaction, context: OperationContext, stack: Stack) {
  const lookup = lookupOf(tx, context, stack, new Set());
  return {
    ...lookup,
    resource(logicalId: string) {
      const found = lookup.resource(logicalId);
      const noEcho = resources.get(tx, keys.resource(context, stack.uuid, logicalId))?.noEcho;
      if (!found || !noEcho) return found;
      return {
        id: found.id,
        attributes: Object.fromEntries(Object.keys(found.attributes).map((name) => [name, MASK])),
      };
    },
  };
}

/** Begins to apply a resource's declaration: creates, updates, replaces or leaves it. */
export function beginApply(engine: Engine, tx: Transaction, context: OperationContext, stack: Stack, task: Task): void {
  const evaluation = evaluationOf(engine, tx, context, stack, stack.deployment!);
  const { logicalId } = task;
  const declaration = evaluation.resources.get(logicalId)!;
  const existing = resources.get(tx, keys.resource(context, stack.uuid, logicalId));
  const described = {
    ...(declaration.deletionPolicy === undefined ? {} : { deletionPolicy: declaration.deletionPolicy }),
    ...(declaration.updateReplacePolicy === undefined ? {} : { updateReplacePolicy: declaration.updateReplacePolicy }),
    dependsOn: evaluation.dependencies.get(logicalId) ?? [],
  };
  let resolved: ReturnType<typeof resolveProperties>;
  try {
    resolved = resolveProperties(engine, tx, context, stack, evaluation, logicalId, declaration);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const before = existing
      ? incarnationOf(existing)
      : { ...described, type: declaration.type, attributes: {}, properties: {} };
    const status = existing?.physicalId === undefined ? "CREATE_FAILED" : "UPDATE_FAILED";
    setResource(tx, context, stack, { ...before, logicalId, status, statusReason: error.message });
    endTask(
      tx,
      context,
      stack,
      { ...task, action: existing?.physicalId === undefined ? "create" : "update" },
      "failed",
    );
    stack.operation!.stopped = "";
    return;
  }
  const { properties, metadata, shown } = resolved;
  const wanted = { ...described, ...(declaration.metadata === undefined ? {} : { metadata }) };
  const running = { ...task, properties, type: declaration.type };
  if (existing?.physicalId === undefined) {
    setResource(
      tx,
      context,
      stack,
      {
        ...wanted,
        logicalId,
        type: declaration.type,
        attributes: {},
        properties,
        change: "create",
        status: "CREATE_IN_PROGRESS",
      },
      shown,
    );
    send(tx, context, stack, { ...running, action: "create" });
    return;
  }
  const before = incarnationOf(existing);
  const action = decide(engine, tx, context, stack, existing, declaration.type, properties);
  if (action === "none") {
    const { metadata: _, deletionPolicy: __, updateReplacePolicy: ___, ...rest } = existing;
    resources.put(tx, keys.resource(context, stack.uuid, logicalId), { ...rest, ...wanted });
    endTask(tx, context, stack, task, "done");
    return;
  }
  const change = action === "replace" ? "replace" : "update";
  const started = { ...before, logicalId, change, previous: before } as const;
  const name = engine.resourceTypes().get(declaration.type)?.nameProperty;
  const keepsName =
    action === "replace" &&
    existing.type === declaration.type &&
    name !== undefined &&
    properties[name] !== undefined &&
    properties[name] === existing.properties[name];
  if (keepsName) {
    const reason = `CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename ${String(properties[name])} and update the stack again.`;
    setResource(tx, context, stack, { ...before, logicalId, status: "UPDATE_FAILED", statusReason: reason }, shown);
    endTask(tx, context, stack, { ...task, action: "update" }, "failed");
    stack.operation!.stopped = "";
    return;
  }
  const reason = "Requested update requires the creation of a new physical resource; hence creating one.";
  setResource(
    tx,
    context,
    stack,
    { ...started, status: "UPDATE_IN_PROGRESS", ...(action === "replace" ? { statusReason: reason } : {}) },
    shown,
  );
  send(tx, context, stack, { ...running, action, target: before });
}

export function incarnationOf(resource: Resource): Incarnation {
  const {
    logicalId: _,
    status: __,
    statusReason: ___,
    updatedMs: ____,
    change: _____,
    previous: ______,
    ...rest
  } = resource;
  return rest;
}

/** Create again, change in place, or leave alone. */
function decide(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  existing: Resource,
  typeName: string,
  properties: ValueObject,
): "none" | "update" | "replace" {
  if (existing.type !== typeName || existing.status === "CREATE_FAILED") return "replace";
  const same = sameValue(existing.properties, properties);
  if (isCustom(typeName)) {
    if (same) return existing.status === "UPDATE_FAILED" ? "update" : "none";
    return existing.properties["ServiceToken"] === properties["ServiceToken"] ? "update" : "replace";
  }
  const type = engine.resourceTypes().get(typeName)!;
  if (same) {
    const retagged = Object.hasOwn(type.properties, "Tags") && tagsChanged(tx, context, stack);
    return type.update && (existing.status === "UPDATE_FAILED" || retagged) ? "update" : "none";
  }
  return needsReplacement(type, existing.properties, properties) ? "replace" : "update";
}

function tagsChanged(tx: Transaction, context: OperationContext, stack: Stack): boolean {
  const before = deploymentOf(tx, context, stack, stack.operation!.previousDeployment);
  return before !== undefined && !sameValue(before.tags, deploymentOf(tx, context, stack)?.tags);
}

export function needsReplacement(
  type: NonNullable<ReturnType<ReturnType<Engine["resourceTypes"]>["get"]>>,
  previous: Readonly<Record<string, unknown>>,
  properties: Readonly<Record<string, unknown>>,
): boolean {
  if (!type.update) return true;
  if (type.replacement?.some((name) => !sameValue(previous[name], properties[name]))) return true;
  return type.replaces?.(properties, previous) ?? false;
}

/** A step of an apply or restore has succeeded. */
export function applied(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  task: Task,
  state: ResourceState & { readonly noEcho?: boolean },
): void {
  const record = resources.get(tx, keys.resource(context, stack.uuid, task.logicalId))!;
  const { statusReason: _, updatedMs: __, noEcho: ___, ...rest } = record;
  const made = {
    properties: task.properties!,
    physicalId: state.id,
    attributes: state.attributes,
    ...(state.noEcho ? { noEcho: true } : {}),
  };
  if (task.kind === "restore") {
    const { change: ____, previous, ...kept } = rest;
    setResource(tx, context, stack, {
      ...kept,
      ...previous!,
      ...made,
      logicalId: task.logicalId,
      status: "UPDATE_COMPLETE",
    });
    endTask(tx, context, stack, task, "done");
    return;
  }
  const evaluation = evaluationOf(engine, tx, context, stack, stack.deployment!);
  const declaration = evaluation.resources.get(task.logicalId)!;
  const { deletionPolicy: ____, updateReplacePolicy: _____, ...bare } = rest;
  const next = {
    ...bare,
    ...made,
    type: declaration.type,
    dependsOn: evaluation.dependencies.get(task.logicalId) ?? [],
    ...(declaration.deletionPolicy === undefined ? {} : { deletionPolicy: declaration.deletionPolicy }),
    ...(declaration.updateReplacePolicy === undefined ? {} : { updateReplacePolicy: declaration.updateReplacePolicy }),
  };
  if (task.action === "create") {
    const { logicalId, type } = next;
    tellResource(tx, context, stack, {
      logicalId,
      type,
      physicalId: state.id,
      status: "CREATE_IN_PROGRESS",
      reason: "Resource creation Initiated",
    });
    setResource(tx, context, stack, { ...next, status: "CREATE_COMPLETE" });
  } else {
    setResource(tx, context, stack, { ...next, status: "UPDATE_COMPLETE" });
  }
  endTask(tx, context, stack, task, "done");
}

/**
 * A step of an apply or restore has failed.
 * @param physicalId what may have been made all the same, to be deleted by the rollback
 */
export function applyFailed(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  task: Task,
  reason: string,
  physicalId?: string,
): void {
  const record = resources.get(tx, keys.resource(context, stack.uuid, task.logicalId))!;
  const { statusReason: _, updatedMs: __, ...rest } = record;
  if (task.action === "create") {
    setResource(tx, context, stack, {
      ...rest,
      ...(physicalId === undefined ? {} : { physicalId }),
      status: "CREATE_FAILED",
      statusReason: reason,
    });
  } else {
    // Who knows how far an update in place came: the way back starts from what was asked for.
    const properties = task.action === "update" && task.kind === "apply" ? task.properties! : rest.properties;
    setResource(tx, context, stack, { ...rest, properties, status: "UPDATE_FAILED", statusReason: reason });
  }
  endTask(tx, context, stack, task, "failed");
  if (task.kind === "apply" && stack.operation!.stopped === undefined) stack.operation!.stopped = "";
}
