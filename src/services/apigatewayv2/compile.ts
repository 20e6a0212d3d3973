/** A deployed API made ready to answer: routes in a tree, mappings compiled, throttles filled. Made once per revision. */
import type { Cors } from "@aws-sdk/client-apigatewayv2";
import type { Transaction } from "../../storage/transaction.ts";
import { createRouter, type Router } from "../apigateway-common/router.ts";
import { createThrottle, type Throttle } from "../apigateway-common/throttle.ts";
import {
  compileRequestMapping,
  compileResponseMapping,
  compileTemplate,
  type Mapping,
  type Template,
} from "./mapping.ts";
import {
  type Authorizer,
  apis,
  deployments,
  type Integration,
  type Owner,
  type Route,
  type Snapshot,
  type Stage,
  stages,
} from "./state.ts";

export interface CompiledIntegration {
  readonly integration: Integration;
  /** Parameters of a first-class integration. */
  readonly parameters: readonly (readonly [string, Template])[];
  readonly request: readonly Mapping[];
  readonly response: ReadonlyMap<number, readonly Mapping[]>;
}

export interface CompiledRoute {
  readonly routeKey: string;
  /** `GET`, `ANY`; empty for `$default`. */
  readonly method: string;
  /** `/pets/{id}`; empty for `$default`. */
  readonly path: string;
  readonly route: Route;
  readonly integration?: CompiledIntegration;
  readonly authorizer?: Authorizer;
  readonly identity: readonly Template[];
  readonly throttle?: Throttle;
}

export interface CompiledStage {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly cors?: Cors;
  readonly router: Router<CompiledRoute>;
}

export interface CompiledApi {
  readonly revision: number;
  readonly disabled: boolean;
  readonly stages: ReadonlyMap<string, CompiledStage>;
}

export function compileApi(tx: Transaction, owner: Owner, apiId: string, revision: number): CompiledApi {
  const compiled = new Map<string, CompiledStage>();
  for (const stage of stages.all(tx, owner, apiId)) {
    const deployment = stage.DeploymentId ? deployments.get(tx, owner, apiId, stage.DeploymentId) : undefined;
    if (deployment) compiled.set(stage.StageName, compileStage(stage, deployment.snapshot));
  }
  return { revision, disabled: apis.get(tx, owner, apiId)?.DisableExecuteApiEndpoint ?? true, stages: compiled };
}

function compileStage(stage: Stage, snapshot: Snapshot): CompiledStage {
  const integrations = new Map(
    snapshot.integrations.map((one) => [`integrations/${one.IntegrationId}`, compileIntegration(one)]),
  );
  const authorizers = new Map(snapshot.authorizers.map((one) => [one.AuthorizerId, one]));
  const routes = snapshot.routes.map((route): [string, CompiledRoute] => {
    const space = route.RouteKey.indexOf(" ");
    const integration = route.Target === undefined ? undefined : integrations.get(route.Target);
    const authorizer = route.AuthorizerId === undefined ? undefined : authorizers.get(route.AuthorizerId);
    const settings = { ...stage.DefaultRouteSettings, ...stage.RouteSettings[route.RouteKey] };
    const throttle = createThrottle(settings.ThrottlingRateLimit, settings.ThrottlingBurstLimit);
    return [
      route.RouteKey,
      {
        routeKey: route.RouteKey,
        method: route.RouteKey.slice(0, Math.max(0, space)),
        path: space < 0 ? "" : route.RouteKey.slice(space + 1),
        route,
        identity: authorizer?.IdentitySource.map(compileTemplate) ?? [],
        ...(integration && { integration }),
        ...(authorizer && { authorizer }),
        ...(throttle && { throttle }),
      },
    ];
  });
  return {
    name: stage.StageName,
    variables: stage.StageVariables,
    router: createRouter(routes),
    ...(snapshot.cors && { cors: snapshot.cors }),
  };
}

function compileIntegration(integration: Integration): CompiledIntegration {
  const given = Object.entries(integration.RequestParameters ?? {});
  const isSubtype = integration.IntegrationSubtype !== undefined;
  const response = new Map<number, readonly Mapping[]>();
  for (const [status, mappings] of Object.entries(integration.ResponseParameters ?? {})) {
    response.set(
      Number(status),
      Object.entries(mappings).map(([name, value]) => compileResponseMapping(name, value)),
    );
  }
  return {
    integration,
    parameters: isSubtype ? given.map(([name, value]) => [name, compileTemplate(value)]) : [],
    request: isSubtype ? [] : given.map(([name, value]) => compileRequestMapping(name, value)),
    response,
  };
}
