/** A deployed REST API made ready to answer: methods in a tree, templates parsed, throttles filled. Made once per revision. */
import type { MethodSetting } from "@aws-sdk/client-api-gateway";
import type { Transaction } from "../../../storage/transaction.ts";
import { createRouter, type Router } from "../../apigateway-common/router.ts";
import { createThrottle, type Throttle } from "../../apigateway-common/throttle.ts";
import {
  type Authorizer,
  apis,
  deployments,
  type GatewayResponse,
  type Integration,
  type IntegrationResponse,
  type Method,
  type Model,
  type Owner,
  type Resource,
  type Stage,
  stages,
  type Validator,
} from "../state.ts";
import { parseTemplate, type Template } from "./vtl.ts";

export interface CompiledResponse {
  readonly response: IntegrationResponse;
  /** Undefined for the default. */
  readonly pattern?: RegExp;
  readonly templates: ReadonlyMap<string, Template>;
}

export interface CompiledMethod {
  readonly resource: Resource;
  readonly method: Method;
  readonly integration: Integration;
  readonly templates: ReadonlyMap<string, Template>;
  readonly responses: readonly CompiledResponse[];
  readonly authorizer?: Authorizer;
  readonly validator?: Validator;
  readonly throttle?: Throttle;
}

export interface CompiledStage {
  readonly name: string;
  readonly deploymentId: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly router: Router<CompiledMethod>;
  readonly gatewayResponses: ReadonlyMap<string, GatewayResponse>;
  readonly models: ReadonlyMap<string, Model>;
  readonly binaryMediaTypes: readonly string[];
  readonly apiKeySource: "HEADER" | "AUTHORIZER";
  readonly policy?: string;
}

export interface CompiledApi {
  readonly revision: number;
  readonly name: string;
  readonly disabled: boolean;
  readonly stages: ReadonlyMap<string, CompiledStage>;
}

export function compileApi(tx: Transaction, owner: Owner, apiId: string, revision: number): CompiledApi {
  const compiled = new Map<string, CompiledStage>();
  for (const stage of stages.all(tx, owner, apiId)) {
    const deployment = deployments.get(tx, owner, apiId, stage.deploymentId);
    if (!deployment) continue;
    const { snapshot } = deployment;
    const authorizers = new Map(snapshot.authorizers.map((one) => [one.id, one]));
    const validators = new Map(snapshot.validators.map((one) => [one.id, one]));
    const routes = snapshot.resources.flatMap((resource) =>
      Object.values(resource.methods).map((method): [string, CompiledMethod] => [
        `${method.httpMethod} ${resource.path}`,
        compileMethod(stage, resource, method, authorizers, validators),
      ]),
    );
    compiled.set(stage.stageName, {
      name: stage.stageName,
      deploymentId: deployment.id,
      variables: stage.variables,
      router: createRouter(routes),
      gatewayResponses: new Map(snapshot.gatewayResponses.map((one) => [one.responseType, one])),
      models: new Map(snapshot.models.map((one) => [one.name, one])),
      binaryMediaTypes: snapshot.binaryMediaTypes,
      apiKeySource: snapshot.apiKeySource,
      ...(snapshot.policy !== undefined && { policy: snapshot.policy }),
    });
  }
  const api = apis.get(tx, owner, apiId);
  return { revision, name: api?.name ?? apiId, disabled: api?.disableExecuteApiEndpoint ?? true, stages: compiled };
}

function compileMethod(
  stage: Stage,
  resource: Resource,
  method: Method,
  authorizers: ReadonlyMap<string, Authorizer>,
  validators: ReadonlyMap<string, Validator>,
): CompiledMethod {
  const integration = method.methodIntegration!;
  const authorizer = method.authorizerId === undefined ? undefined : authorizers.get(method.authorizerId);
  const validator = method.requestValidatorId === undefined ? undefined : validators.get(method.requestValidatorId);
  const settings = settingsOf(stage, resource, method);
  const throttle = createThrottle(settings.throttlingRateLimit, settings.throttlingBurstLimit);
  return {
    resource,
    method,
    integration,
    templates: compiledTemplates(integration.requestTemplates),
    responses: Object.values(integration.integrationResponses).map((response) => ({
      response,
      ...(response.selectionPattern && { pattern: new RegExp(`^(?:${response.selectionPattern})$`) }),
      templates: compiledTemplates(response.responseTemplates),
    })),
    ...(authorizer && { authorizer }),
    ...(validator && { validator }),
    ...(throttle && { throttle }),
  };
}

function compiledTemplates(templates: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, Template> {
  return new Map(Object.entries(templates ?? {}).map(([type, text]) => [type.toLowerCase(), parseTemplate(text)]));
}

/** The settings of one method over those of the whole stage. */
function settingsOf(stage: Stage, resource: Resource, method: Method): MethodSetting {
  const own = `${resource.path.slice(1)}/${method.httpMethod}`;
  return { ...stage.methodSettings["*/*"], ...stage.methodSettings[own] };
}
