/** Deployments and stages: what of an API is live, and under which name. Changes reach requests by a deployment only. */
import type {
  Deployment as DeploymentDescription,
  MethodSetting,
  Stage as StageDescription,
} from "@aws-sdk/client-api-gateway";
import { notImplemented } from "../../kernel/errors.ts";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { reviseApi } from "../apigateway-common/addresses.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { badRequest, conflict, deploymentNotFound, stageNotFound } from "./errors.ts";
import { type PatchRules, patched, pathSegments } from "./patch.ts";
import { requireApi } from "./rest-apis.ts";
import {
  authorizers,
  type Deployment,
  deployments,
  gatewayResponses,
  models,
  page,
  type RestApi,
  resources,
  type Snapshot,
  type Stage,
  stages,
  usagePlans,
  validators,
} from "./state.ts";

type V1 = "apigateway";

function takeSnapshot(tx: Transaction, context: OperationContext, api: RestApi): Snapshot {
  return {
    resources: resources.all(tx, context, api.id),
    authorizers: authorizers.all(tx, context, api.id),
    models: models.all(tx, context, api.id),
    validators: validators.all(tx, context, api.id),
    gatewayResponses: gatewayResponses.all(tx, context, api.id),
    binaryMediaTypes: api.binaryMediaTypes,
    apiKeySource: api.apiKeySource,
    ...(api.policy !== undefined && { policy: api.policy }),
  };
}

/** With a stageName the stage is made, or pointed to this deployment. */
export function createDeployment(
  tx: Transaction,
  input: InputOf<V1, "CreateDeployment">,
  context: OperationContext,
): OutputOf<V1, "CreateDeployment"> {
  const api = requireApi(tx, context, input.restApiId);
  if (input.cacheClusterEnabled) throw notImplemented("cache clusters of API Gateway stages");
  if (input.tracingEnabled) throw notImplemented("X-Ray tracing of API Gateway stages");
  const snapshot = takeSnapshot(tx, context, api);
  const methods = snapshot.resources.flatMap((resource) => Object.values(resource.methods));
  if (methods.length === 0) throw badRequest("The REST API doesn't contain any methods");
  if (methods.some((method) => !method.methodIntegration)) throw badRequest("No integration defined for method");
  const deployment: Deployment = {
    id: lowerId(context.random, 6),
    ...(input.description !== undefined && { description: input.description }),
    createdMs: context.nowMs,
    snapshot,
  };
  deployments.put(tx, context, deployment, api.id, deployment.id);
  if (input.stageName) {
    const stage = stages.get(tx, context, api.id, input.stageName);
    if (stage) {
      checkVariables(input.variables);
      const updated: Stage = {
        ...stage,
        deploymentId: deployment.id,
        ...(input.stageDescription !== undefined && { description: input.stageDescription }),
        variables: { ...stage.variables, ...input.variables },
        updatedMs: context.nowMs,
      };
      stages.put(tx, context, updated, api.id, stage.stageName);
      reviseApi(tx, api.id);
    } else {
      createStage(
        tx,
        {
          restApiId: api.id,
          stageName: input.stageName,
          deploymentId: deployment.id,
          ...(input.stageDescription !== undefined && { description: input.stageDescription }),
          ...(input.variables && { variables: input.variables }),
        },
        context,
      );
    }
  }
  return describeDeployment(deployment, false);
}

function requireDeployment(
  tx: Transaction,
  context: OperationContext,
  input: { readonly restApiId?: string | undefined; readonly deploymentId?: string | undefined },
): { apiId: string; deployment: Deployment } {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const deployment = deployments.get(tx, context, apiId, input.deploymentId ?? "");
  if (!deployment) throw deploymentNotFound();
  return { apiId, deployment };
}

export function getDeployment(
  tx: Transaction,
  input: InputOf<V1, "GetDeployment">,
  context: OperationContext,
): OutputOf<V1, "GetDeployment"> {
  return describeDeployment(
    requireDeployment(tx, context, input).deployment,
    input.embed?.includes("apisummary") ?? false,
  );
}

export function getDeployments(
  tx: Transaction,
  input: InputOf<V1, "GetDeployments">,
  context: OperationContext,
): OutputOf<V1, "GetDeployments"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const { items, position } = page(deployments.all(tx, context, apiId), input);
  return { items: items.map((deployment) => describeDeployment(deployment, false)), position };
}

export function updateDeployment(
  tx: Transaction,
  input: InputOf<V1, "UpdateDeployment">,
  context: OperationContext,
): OutputOf<V1, "UpdateDeployment"> {
  const { apiId, deployment } = requireDeployment(tx, context, input);
  const updated = patched(deployment, input.patchOperations, { "/description": {} });
  deployments.put(tx, context, updated, apiId, deployment.id);
  return describeDeployment(updated, false);
}

export function deleteDeployment(
  tx: Transaction,
  input: InputOf<V1, "DeleteDeployment">,
  context: OperationContext,
): object {
  const { apiId, deployment } = requireDeployment(tx, context, input);
  if (stages.all(tx, context, apiId).some((stage) => stage.deploymentId === deployment.id)) {
    throw badRequest("Active stages pointing to this deployment must be moved or deleted");
  }
  deployments.delete(tx, context, apiId, deployment.id);
  return {};
}

function describeDeployment(deployment: Deployment, summary: boolean): DeploymentDescription {
  const { snapshot, createdMs, ...members } = deployment;
  if (!summary) return { ...members, createdDate: new Date(createdMs) };
  const apiSummary: NonNullable<DeploymentDescription["apiSummary"]> = {};
  for (const resource of snapshot.resources) {
    for (const { httpMethod, authorizationType, apiKeyRequired } of Object.values(resource.methods)) {
      apiSummary[resource.path] = { ...apiSummary[resource.path], [httpMethod]: { authorizationType, apiKeyRequired } };
    }
  }
  return { ...members, createdDate: new Date(createdMs), apiSummary };
}

function checkVariables(variables: Readonly<Record<string, string>> | undefined): void {
  for (const [name, value] of Object.entries(variables ?? {})) {
    if (!/^[A-Za-z0-9_]+$/.test(name)) {
      throw badRequest(`Stage variable name ${name} is invalid. Please use alphanumeric characters and underscores.`);
    }
    if (!/^[A-Za-z0-9\-._~:/?#&=,@ ]*$/.test(value)) {
      throw badRequest(
        `Stage variable value ${value} is invalid. Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.`,
      );
    }
  }
}

export function createStage(
  tx: Transaction,
  input: InputOf<V1, "CreateStage">,
  context: OperationContext,
): OutputOf<V1, "CreateStage"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const stageName = input.stageName ?? "";
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(stageName)) throw badRequest("Stage name only allows a-zA-Z0-9_-");
  if (!deployments.get(tx, context, apiId, input.deploymentId ?? "")) throw badRequest("Deployment id does not exist");
  if (stages.get(tx, context, apiId, stageName)) throw conflict("Stage already exists");
  if (input.cacheClusterEnabled) throw notImplemented("cache clusters of API Gateway stages");
  if (input.tracingEnabled) throw notImplemented("X-Ray tracing of API Gateway stages");
  checkVariables(input.variables);
  const stage: Stage = {
    stageName,
    deploymentId: input.deploymentId!,
    ...(input.description !== undefined && { description: input.description }),
    variables: input.variables ?? {},
    methodSettings: {},
    tags: input.tags ?? {},
    createdMs: context.nowMs,
    updatedMs: context.nowMs,
  };
  stages.put(tx, context, stage, apiId, stageName);
  reviseApi(tx, apiId);
  return describeStage(stage);
}

export function requireStage(
  tx: Transaction,
  context: OperationContext,
  input: { readonly restApiId?: string | undefined; readonly stageName?: string | undefined },
): { apiId: string; stage: Stage } {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const stage = stages.get(tx, context, apiId, input.stageName ?? "");
  if (!stage) throw stageNotFound();
  return { apiId, stage };
}

export function getStage(
  tx: Transaction,
  input: InputOf<V1, "GetStage">,
  context: OperationContext,
): OutputOf<V1, "GetStage"> {
  return describeStage(requireStage(tx, context, input).stage);
}

export function getStages(
  tx: Transaction,
  input: InputOf<V1, "GetStages">,
  context: OperationContext,
): OutputOf<V1, "GetStages"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const all = stages.all(tx, context, apiId);
  const shown = input.deploymentId === undefined ? all : all.filter((one) => one.deploymentId === input.deploymentId);
  return { item: shown.map(describeStage) };
}

const RULES: PatchRules = {
  "/deploymentId": { only: ["replace"] },
  "/description": {},
  "/variables/*": {},
  "/cacheClusterEnabled": { unsupported: true },
  "/cacheClusterSize": { unsupported: true },
  "/clientCertificateId": { unsupported: true },
  "/documentationVersion": { unsupported: true },
  "/tracingEnabled": { unsupported: true },
  "/accessLogSettings/destinationArn": { unsupported: true },
  "/accessLogSettings/format": { unsupported: true },
  "/canarySettings/percentTraffic": { unsupported: true },
};

/** Where the last steps of a method setting's patch path lead. */
const SETTINGS: Readonly<
  Record<string, { readonly member: keyof MethodSetting; readonly type: "integer" | "number" | "off" }>
> = {
  "throttling/burstLimit": { member: "throttlingBurstLimit", type: "integer" },
  "throttling/rateLimit": { member: "throttlingRateLimit", type: "number" },
  "metrics/enabled": { member: "metricsEnabled", type: "off" },
  "logging/dataTrace": { member: "dataTraceEnabled", type: "off" },
  "logging/loglevel": { member: "loggingLevel", type: "off" },
  "caching/enabled": { member: "cachingEnabled", type: "off" },
  "caching/dataEncrypted": { member: "cacheDataEncrypted", type: "off" },
};

export function updateStage(
  tx: Transaction,
  input: InputOf<V1, "UpdateStage">,
  context: OperationContext,
): OutputOf<V1, "UpdateStage"> {
  const { apiId, stage } = requireStage(tx, context, input);
  const methodSettings: Record<string, MethodSetting> = structuredClone(stage.methodSettings);
  const rest = (input.patchOperations ?? []).filter((operation) => !patchSetting(methodSettings, operation));
  const updated: Stage = { ...patched(stage, rest, RULES), methodSettings, updatedMs: context.nowMs };
  if (!deployments.get(tx, context, apiId, updated.deploymentId)) throw badRequest("Deployment id does not exist");
  checkVariables(updated.variables);
  stages.put(tx, context, updated, apiId, stage.stageName);
  reviseApi(tx, apiId);
  return describeStage(updated);
}

/** `/~1pets~1{id}/GET/throttling/rateLimit` and the like. @returns false when the path is none of these */
function patchSetting(
  settings: Record<string, MethodSetting>,
  operation: {
    readonly op?: string | undefined;
    readonly path?: string | undefined;
    readonly value?: string | undefined;
  },
): boolean {
  const segments = pathSegments(operation.path ?? "");
  const setting = SETTINGS[segments.slice(-2).join("/")];
  // All settings of one method at once: remove /path/METHOD.
  if (operation.op === "remove" && segments.length === 2 && /^(\*|[A-Z]+)$/.test(segments[1]!)) {
    delete settings[settingKey(segments)];
    return true;
  }
  if (!setting || segments.length < 4) return false;
  const name = settingKey(segments.slice(0, -2));
  const value = operation.value ?? "";
  if (operation.op === "remove") {
    const { [setting.member]: _, ...rest } = settings[name] ?? {};
    if (Object.keys(rest).length > 0) settings[name] = rest;
    else delete settings[name];
    return true;
  }
  if (setting.type === "off") {
    if (!/^(false|off)$/i.test(value))
      throw notImplemented(`the API Gateway method setting ${segments.slice(-2).join("/")}`);
    Object.assign((settings[name] ??= {}), { [setting.member]: /^off$/i.test(value) ? "OFF" : false });
    return true;
  }
  const number = Number(value);
  if (value === "" || Number.isNaN(number) || number < 0)
    throw badRequest(`Invalid value '${value}' for ${operation.path}`);
  Object.assign((settings[name] ??= {}), { [setting.member]: number });
  return true;
}

/** AWS shows settings under `pets/{id}/GET`, without the leading slash; for the root `/GET`. */
function settingKey(segments: readonly string[]): string {
  const method = segments.at(-1)!;
  const path = segments.slice(0, -1).join("/").replace(/^\//, "");
  return path === "" ? `/${method}` : `${path}/${method}`;
}

export function deleteStage(tx: Transaction, input: InputOf<V1, "DeleteStage">, context: OperationContext): object {
  const { apiId, stage } = requireStage(tx, context, input);
  for (const plan of usagePlans.all(tx, context)) {
    if (plan.apiStages.some((one) => one.apiId === apiId && one.stage === stage.stageName)) {
      throw badRequest(
        `Cannot delete stage ${stage.stageName} as it is part of usage plan ${plan.id}. First remove it from the usage plan.`,
      );
    }
  }
  stages.delete(tx, context, apiId, stage.stageName);
  reviseApi(tx, apiId);
  return {};
}

/** Cached answers of authorizers belong to a revision of the API, so a new revision forgets them. */
export function flushStageAuthorizersCache(
  tx: Transaction,
  input: InputOf<V1, "FlushStageAuthorizersCache">,
  context: OperationContext,
): object {
  reviseApi(tx, requireStage(tx, context, input).apiId);
  return {};
}

export function describeStage(stage: Stage): StageDescription {
  const { createdMs, updatedMs, variables, tags, methodSettings, ...members } = stage;
  return {
    ...members,
    cacheClusterEnabled: false,
    cacheClusterStatus: "NOT_AVAILABLE",
    methodSettings: structuredClone(methodSettings),
    ...(Object.keys(variables).length > 0 && { variables: { ...variables } }),
    ...(Object.keys(tags).length > 0 && { tags: { ...tags } }),
    tracingEnabled: false,
    createdDate: new Date(createdMs),
    lastUpdatedDate: new Date(updatedMs),
  };
}
