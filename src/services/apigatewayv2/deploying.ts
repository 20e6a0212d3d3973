/** How changes reach the stages: snapshots, by hand or automatically. */

import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { reviseApi } from "../apigateway-common/addresses.ts";
import type { OperationContext } from "../service.ts";
import {
  apis,
  authorizers,
  type Deployment,
  deployments,
  integrations,
  routes,
  type Snapshot,
  type Stage,
  stages,
} from "./state.ts";

const AUTO_DESCRIPTION = "Automatic deployment triggered by changes to the Api configuration";

export function takeSnapshot(tx: Transaction, context: OperationContext, apiId: string): Snapshot {
  const cors = apis.get(tx, context, apiId)?.CorsConfiguration;
  return {
    routes: routes.all(tx, context, apiId),
    integrations: integrations.all(tx, context, apiId),
    authorizers: authorizers.all(tx, context, apiId),
    ...(cors && { cors }),
  };
}

export function newDeployment(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  options: { readonly description?: string | undefined; readonly auto: boolean },
): Deployment {
  const deployment: Deployment = {
    DeploymentId: lowerId(context.random, 6),
    ...(options.description !== undefined && { Description: options.description }),
    AutoDeployed: options.auto,
    createdMs: context.nowMs,
    snapshot: takeSnapshot(tx, context, apiId),
  };
  deployments.put(tx, context, apiId, deployment.DeploymentId, deployment);
  return deployment;
}

/** To be called after every change to an API's parts: deploys to the stages that deploy by themselves. */
export function apiChanged(tx: Transaction, context: OperationContext, apiId: string): void {
  const all = stages.all(tx, context, apiId);
  if (all.some((stage) => stage.AutoDeploy)) autoDeploy(tx, context, apiId, all);
  reviseApi(tx, apiId);
}

/** One automatic deployment serves all such stages; the one before goes once no stage shows it. */
export function autoDeploy(tx: Transaction, context: OperationContext, apiId: string, all: readonly Stage[]): void {
  const deployment = newDeployment(tx, context, apiId, { auto: true, description: AUTO_DESCRIPTION });
  const shown = new Set<string | undefined>([deployment.DeploymentId]);
  for (const stage of all) {
    if (!stage.AutoDeploy) {
      shown.add(stage.DeploymentId);
      continue;
    }
    stages.put(tx, context, apiId, stage.StageName, {
      ...stage,
      DeploymentId: deployment.DeploymentId,
      LastDeploymentStatusMessage: `Successfully deployed stage with deployment ID '${deployment.DeploymentId}'`,
      updatedMs: context.nowMs,
    });
  }
  for (const old of deployments.all(tx, context, apiId)) {
    if (old.AutoDeployed && !shown.has(old.DeploymentId)) deployments.delete(tx, context, apiId, old.DeploymentId);
  }
}
