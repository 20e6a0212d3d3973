/** Stages and deployments: what of an API is live, and under which name. */
import type { Stage as StageDescription } from "@aws-sdk/client-apigatewayv2";
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { reviseApi } from "../apigateway-common/addresses.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { requireApi } from "./apis.ts";
import { autoDeploy, newDeployment } from "./deploying.ts";
import { badRequest, conflict, notFound, partNotFound, stageNotFound } from "./errors.ts";
import {
  checkRouteSettings,
  checkStageName,
  checkStageVariables,
  DEPLOYMENTS_PER_API_MAX,
  STAGES_PER_API_MAX,
} from "./rules.ts";
import { type Deployment, deployments, page, routes, type Stage, stages } from "./state.ts";

type V2 = "apigatewayv2";
type StageMembers = Partial<InputOf<V2, "CreateStage">>;

export function createStage(
  tx: Transaction,
  input: InputOf<V2, "CreateStage">,
  context: OperationContext,
): OutputOf<V2, "CreateStage"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const name = input.StageName ?? "";
  checkStageName(name);
  const all = stages.all(tx, context, apiId);
  if (all.some((stage) => stage.StageName === name)) throw conflict("Stage already exists");
  if (all.length >= STAGES_PER_API_MAX) {
    throw badRequest(
      "Maximum number of Stages for this API has been reached. Please contact AWS if you need additional Stages.",
    );
  }
  if (input.AutoDeploy && input.DeploymentId)
    throw badRequest("Cannot set DeploymentId when AutoDeploy is set to true");
  checkMembers(tx, context, apiId, input);
  const stage: Stage = {
    StageName: name,
    AutoDeploy: input.AutoDeploy ?? false,
    ...(input.DeploymentId && { DeploymentId: input.DeploymentId }),
    ...(input.Description !== undefined && { Description: input.Description }),
    DefaultRouteSettings: input.DefaultRouteSettings ?? {},
    RouteSettings: input.RouteSettings ?? {},
    StageVariables: input.StageVariables ?? {},
    Tags: input.Tags ?? {},
    createdMs: context.nowMs,
    updatedMs: context.nowMs,
  };
  stages.put(tx, context, apiId, name, stage);
  if (stage.AutoDeploy) autoDeploy(tx, context, apiId, [...all, stage]);
  reviseApi(tx, apiId);
  return describe(stages.get(tx, context, apiId, name)!);
}

function checkMembers(tx: Transaction, context: OperationContext, apiId: string, input: StageMembers): void {
  if (input.AccessLogSettings?.DestinationArn)
    throw notImplemented("access logs of API Gateway stages (AccessLogSettings)");
  if (input.ClientCertificateId) throw badRequest("Client certificates are not supported on protocolType HTTP");
  if (input.DeploymentId && !deployments.get(tx, context, apiId, input.DeploymentId)) {
    throw badRequest("Deployment id does not exist");
  }
  checkStageVariables(input.StageVariables ?? {});
  if (input.DefaultRouteSettings) checkRouteSettings(input.DefaultRouteSettings);
  for (const [routeKey, settings] of Object.entries(input.RouteSettings ?? {})) {
    if (!routes.all(tx, context, apiId).some((route) => route.RouteKey === routeKey)) {
      throw notFound("Route", `Unable to find Route by key ${routeKey} within the provided RouteSettings`);
    }
    checkRouteSettings(settings);
  }
}

export function requireStage(
  tx: Transaction,
  context: OperationContext,
  input: { ApiId?: string | undefined; StageName?: string | undefined },
): { apiId: string; stage: Stage } {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const stage = stages.get(tx, context, apiId, input.StageName ?? "");
  if (!stage) throw stageNotFound();
  return { apiId, stage };
}

export function getStage(
  tx: Transaction,
  input: InputOf<V2, "GetStage">,
  context: OperationContext,
): OutputOf<V2, "GetStage"> {
  return describe(requireStage(tx, context, input).stage);
}

export function getStages(
  tx: Transaction,
  input: InputOf<V2, "GetStages">,
  context: OperationContext,
): OutputOf<V2, "GetStages"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const { items, nextToken } = page(stages.all(tx, context, apiId), input);
  return { Items: items.map(describe), NextToken: nextToken };
}

/** Variables and route settings are merged into the old ones; a variable set to the empty string goes. */
export function updateStage(
  tx: Transaction,
  input: InputOf<V2, "UpdateStage">,
  context: OperationContext,
): OutputOf<V2, "UpdateStage"> {
  const { apiId, stage } = requireStage(tx, context, input);
  const auto = input.AutoDeploy ?? stage.AutoDeploy;
  if (auto && input.DeploymentId) throw badRequest("Cannot set DeploymentId when AutoDeploy is set to true");
  checkMembers(tx, context, apiId, input);
  const updated: Stage = {
    ...stage,
    AutoDeploy: auto,
    ...(input.DeploymentId && { DeploymentId: input.DeploymentId }),
    ...(input.Description !== undefined && { Description: input.Description }),
    DefaultRouteSettings: { ...stage.DefaultRouteSettings, ...input.DefaultRouteSettings },
    RouteSettings: { ...stage.RouteSettings, ...input.RouteSettings },
    StageVariables: Object.fromEntries(
      Object.entries({ ...stage.StageVariables, ...input.StageVariables }).filter(([, value]) => value !== ""),
    ),
    updatedMs: context.nowMs,
  };
  stages.put(tx, context, apiId, stage.StageName, updated);
  if (auto && !stage.AutoDeploy) autoDeploy(tx, context, apiId, stages.all(tx, context, apiId));
  reviseApi(tx, apiId);
  return describe(stages.get(tx, context, apiId, stage.StageName)!);
}

export function deleteStage(tx: Transaction, input: InputOf<V2, "DeleteStage">, context: OperationContext): object {
  const { apiId, stage } = requireStage(tx, context, input);
  stages.delete(tx, context, apiId, stage.StageName);
  reviseApi(tx, apiId);
  return {};
}

export function deleteRouteSettings(
  tx: Transaction,
  input: InputOf<V2, "DeleteRouteSettings">,
  context: OperationContext,
): object {
  const { apiId, stage } = requireStage(tx, context, input);
  const { [input.RouteKey ?? ""]: removed, ...RouteSettings } = stage.RouteSettings;
  if (!removed) throw notFound("RouteSettings", "Invalid route settings specified");
  stages.put(tx, context, apiId, stage.StageName, { ...stage, RouteSettings, updatedMs: context.nowMs });
  reviseApi(tx, apiId);
  return {};
}

/** A snapshot of the API as it is now; with a StageName that stage shows it at once. */
export function createDeployment(
  tx: Transaction,
  input: InputOf<V2, "CreateDeployment">,
  context: OperationContext,
): OutputOf<V2, "CreateDeployment"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const stage = input.StageName ? requireStage(tx, context, input).stage : undefined;
  if (stage?.AutoDeploy) throw badRequest("Cannot deploy to a stage with AutoDeploy enabled");
  const known = routes.all(tx, context, apiId);
  if (known.length === 0) throw badRequest("At least one route is required before deploying the Api.");
  if (!known.some((route) => route.Target)) {
    throw badRequest("Unable to deploy API because no routes have a target integration.");
  }
  if (deployments.all(tx, context, apiId).length >= DEPLOYMENTS_PER_API_MAX) {
    throw badRequest(
      "Maximum number of Deployments for this API has been reached. Please delete deployments that are not in use.",
    );
  }
  const deployment = newDeployment(tx, context, apiId, { auto: false, description: input.Description });
  if (stage) {
    stages.put(tx, context, apiId, stage.StageName, {
      ...stage,
      DeploymentId: deployment.DeploymentId,
      updatedMs: context.nowMs,
    });
    reviseApi(tx, apiId);
  }
  return describeDeployment(deployment);
}

function requireDeployment(
  tx: Transaction,
  context: OperationContext,
  input: { ApiId?: string | undefined; DeploymentId?: string | undefined },
): { apiId: string; deployment: Deployment } {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const deployment = deployments.get(tx, context, apiId, input.DeploymentId ?? "");
  if (!deployment) throw partNotFound("Deployment", input.DeploymentId ?? "");
  return { apiId, deployment };
}

export function getDeployment(
  tx: Transaction,
  input: InputOf<V2, "GetDeployment">,
  context: OperationContext,
): OutputOf<V2, "GetDeployment"> {
  return describeDeployment(requireDeployment(tx, context, input).deployment);
}

export function getDeployments(
  tx: Transaction,
  input: InputOf<V2, "GetDeployments">,
  context: OperationContext,
): OutputOf<V2, "GetDeployments"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const newestFirst = deployments.all(tx, context, apiId).sort((left, right) => right.createdMs - left.createdMs);
  const { items, nextToken } = page(newestFirst, input);
  return { Items: items.map(describeDeployment), NextToken: nextToken };
}

export function updateDeployment(
  tx: Transaction,
  input: InputOf<V2, "UpdateDeployment">,
  context: OperationContext,
): OutputOf<V2, "UpdateDeployment"> {
  const { apiId, deployment } = requireDeployment(tx, context, input);
  const updated = { ...deployment, ...(input.Description !== undefined && { Description: input.Description }) };
  deployments.put(tx, context, apiId, deployment.DeploymentId, updated);
  return describeDeployment(updated);
}

export function deleteDeployment(
  tx: Transaction,
  input: InputOf<V2, "DeleteDeployment">,
  context: OperationContext,
): object {
  const { apiId, deployment } = requireDeployment(tx, context, input);
  if (stages.all(tx, context, apiId).some((stage) => stage.DeploymentId === deployment.DeploymentId)) {
    throw badRequest("Active stages pointing to this deployment must be moved or deleted");
  }
  deployments.delete(tx, context, apiId, deployment.DeploymentId);
  return {};
}

function describeDeployment(deployment: Deployment): OutputOf<V2, "GetDeployment"> {
  const { snapshot: _, createdMs, ...members } = deployment;
  return { ...members, DeploymentStatus: "DEPLOYED", CreatedDate: new Date(createdMs) };
}

export function describe(stage: Stage): StageDescription {
  const { createdMs, updatedMs, ...members } = stage;
  return {
    ...members,
    DefaultRouteSettings: { DetailedMetricsEnabled: false, ...members.DefaultRouteSettings },
    CreatedDate: new Date(createdMs),
    LastUpdatedDate: new Date(updatedMs),
  };
}
