/** CreateResource, GetResource, GetResources, UpdateResource, DeleteResource: the tree of paths. */
import type { Resource as ResourceDescription } from "@aws-sdk/client-api-gateway";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { badRequest, conflict, limitExceeded, resourceNotFound } from "./errors.ts";
import { describeMethod } from "./methods.ts";
import { patched } from "./patch.ts";
import { requireApi } from "./rest-apis.ts";
import { page, type Resource, resources } from "./state.ts";

type V1 = "apigateway";
const RESOURCES_PER_API_MAX = 300;

export function requireResource(
  tx: Transaction,
  context: OperationContext,
  input: { readonly restApiId?: string | undefined; readonly resourceId?: string | undefined },
): { apiId: string; resource: Resource } {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const resource = resources.get(tx, context, apiId, input.resourceId ?? "");
  if (!resource) throw resourceNotFound();
  return { apiId, resource };
}

function checkPathPart(part: string): void {
  if (!/^([a-zA-Z0-9._~:$@-]+|%[0-9A-Fa-f]{2}|[a-zA-Z0-9._~:$@-]*\{[a-zA-Z0-9._~:$@-]+\+?\})+$/.test(part)) {
    throw badRequest(
      "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.",
    );
  }
}

/** @throws ConflictException when a sibling has the same path part, or another variable stands in the same place */
export function addResource(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  parent: Resource,
  pathPart: string,
): Resource {
  checkPathPart(pathPart);
  if (parent.pathPart?.endsWith("+}")) {
    throw badRequest(`Cannot create a child of a resource with a greedy path variable: ${parent.path}`);
  }
  const all = resources.all(tx, context, apiId);
  if (all.length >= RESOURCES_PER_API_MAX)
    throw limitExceeded(
      "Maximum number of Resources for this API has been reached. Please contact AWS if you need additional Resources.",
    );
  const siblings = all.filter((one) => one.parentId === parent.id);
  if (siblings.some((one) => one.pathPart === pathPart)) {
    throw conflict(`Another resource with the same parent already has this name: ${pathPart}`);
  }
  const kind = variableKind(pathPart);
  const rival = kind && siblings.find((one) => variableKind(one.pathPart ?? "") === kind);
  if (rival)
    throw badRequest(
      `A sibling (${rival.pathPart}) of this resource already has a variable path part -- only one is allowed`,
    );
  const resource: Resource = {
    id: lowerId(context.random, 6),
    parentId: parent.id,
    pathPart,
    path: `${parent.path === "/" ? "" : parent.path}/${pathPart}`,
    methods: {},
  };
  resources.put(tx, context, resource, apiId, resource.id);
  return resource;
}

function variableKind(part: string): "greedy" | "variable" | undefined {
  if (!/^\{.+\}$/.test(part)) return undefined;
  return part.endsWith("+}") ? "greedy" : "variable";
}

export function createResource(
  tx: Transaction,
  input: InputOf<V1, "CreateResource">,
  context: OperationContext,
): OutputOf<V1, "CreateResource"> {
  const { apiId, resource: parent } = requireResource(tx, context, {
    restApiId: input.restApiId,
    resourceId: input.parentId,
  });
  if (!input.pathPart) throw badRequest("Resource's path part must be specified");
  return describeResource(addResource(tx, context, apiId, parent, input.pathPart), false);
}

export function getResource(
  tx: Transaction,
  input: InputOf<V1, "GetResource">,
  context: OperationContext,
): OutputOf<V1, "GetResource"> {
  return describeResource(requireResource(tx, context, input).resource, input.embed?.includes("methods") ?? false);
}

export function getResources(
  tx: Transaction,
  input: InputOf<V1, "GetResources">,
  context: OperationContext,
): OutputOf<V1, "GetResources"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const { items, position } = page(resources.all(tx, context, apiId), input);
  const embed = input.embed?.includes("methods") ?? false;
  return { items: items.map((resource) => describeResource(resource, embed)), position };
}

/** Renames or moves a resource; everything below it moves along. */
export function updateResource(
  tx: Transaction,
  input: InputOf<V1, "UpdateResource">,
  context: OperationContext,
): OutputOf<V1, "UpdateResource"> {
  const { apiId, resource } = requireResource(tx, context, input);
  if (resource.parentId === undefined) throw badRequest("Root resource cannot be updated");
  const updated = patched(resource, input.patchOperations, {
    "/pathPart": { only: ["replace"] },
    "/parentId": { only: ["replace"] },
  });
  checkPathPart(updated.pathPart!);
  const parent = resources.get(tx, context, apiId, updated.parentId!);
  if (!parent) throw resourceNotFound();
  const all = resources.all(tx, context, apiId);
  const twin = all.find(
    (one) => one.id !== resource.id && one.parentId === parent.id && one.pathPart === updated.pathPart,
  );
  if (twin) throw conflict(`Another resource with the same parent already has this name: ${updated.pathPart}`);
  if (parent.path === resource.path || parent.path.startsWith(`${resource.path}/`)) {
    throw badRequest("A resource cannot be moved below itself");
  }
  const path = `${parent.path === "/" ? "" : parent.path}/${updated.pathPart}`;
  for (const one of all) {
    if (!one.path.startsWith(`${resource.path}/`)) continue;
    resources.put(tx, context, { ...one, path: path + one.path.slice(resource.path.length) }, apiId, one.id);
  }
  const result = { ...updated, path };
  resources.put(tx, context, result, apiId, resource.id);
  return describeResource(result, false);
}

export function deleteResource(
  tx: Transaction,
  input: InputOf<V1, "DeleteResource">,
  context: OperationContext,
): object {
  const { apiId, resource } = requireResource(tx, context, input);
  if (resource.parentId === undefined) throw badRequest("Root resource cannot be removed");
  for (const one of resources.all(tx, context, apiId)) {
    if (one.id === resource.id || one.path.startsWith(`${resource.path}/`))
      resources.delete(tx, context, apiId, one.id);
  }
  return {};
}

/** @param embed whether methods come in full, or only by name */
function describeResource(resource: Resource, embed: boolean): ResourceDescription {
  const { methods, ...members } = resource;
  const entries = Object.entries(methods).map(([name, method]) => [name, embed ? describeMethod(method) : {}] as const);
  return { ...members, ...(entries.length > 0 && { resourceMethods: Object.fromEntries(entries) }) };
}
