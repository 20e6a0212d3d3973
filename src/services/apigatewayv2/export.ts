/** ExportApi: HTTP APIs as OpenAPI 3 documents with API Gateway's extensions. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-export.html */
import { stringify } from "yaml";
import type { Transaction } from "../../storage/transaction.ts";
import type { Json } from "../apigateway-common/openapi.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { apiEndpoint, requireApi } from "./apis.ts";
import { takeSnapshot } from "./deploying.ts";
import { badRequest } from "./errors.ts";
import { requireStage } from "./stages.ts";
import { type Api, type Authorizer, deployments, type Integration, type Snapshot } from "./state.ts";

type V2 = "apigatewayv2";

export function exportApi(
  tx: Transaction,
  input: InputOf<V2, "ExportApi">,
  context: OperationContext,
): OutputOf<V2, "ExportApi"> {
  const api = requireApi(tx, context, input.ApiId);
  if (input.Specification !== "OAS30") throw badRequest("Specification must be OAS30");
  if (input.OutputType !== "JSON" && input.OutputType !== "YAML") throw badRequest("OutputType must be JSON or YAML");
  if (input.ExportVersion !== undefined && input.ExportVersion !== "1.0") throw badRequest("ExportVersion must be 1.0");
  let snapshot: Snapshot = takeSnapshot(tx, context, api.ApiId);
  if (input.StageName !== undefined) {
    const { stage } = requireStage(tx, context, { ApiId: api.ApiId, StageName: input.StageName });
    const deployment = stage.DeploymentId && deployments.get(tx, context, api.ApiId, stage.DeploymentId);
    if (!deployment) throw badRequest(`Stage ${input.StageName} has no deployment`);
    snapshot = deployment.snapshot;
  }
  const document = toOpenApi(api, snapshot, input.StageName, input.IncludeExtensions ?? true, context);
  const text = input.OutputType === "JSON" ? JSON.stringify(document, undefined, 2) : stringify(document);
  return { body: Buffer.from(text) as never };
}

function toOpenApi(
  api: Api,
  snapshot: Snapshot,
  stage: string | undefined,
  extensions: boolean,
  context: OperationContext,
): Json {
  const paths: Record<string, Json> = {};
  const integrations = new Map(snapshot.integrations.map((one) => [`integrations/${one.IntegrationId}`, one]));
  const authorizers = new Map(snapshot.authorizers.map((one) => [one.AuthorizerId, one]));
  for (const route of snapshot.routes) {
    const [method = "", path = "/$default"] = route.RouteKey.split(" ");
    if (!extensions && (method === "ANY" || route.RouteKey === "$default")) continue;
    const verb = method === "ANY" || method === "$default" ? "x-amazon-apigateway-any-method" : method.toLowerCase();
    const integration = route.Target === undefined ? undefined : integrations.get(route.Target);
    const authorizer = route.AuthorizerId === undefined ? undefined : authorizers.get(route.AuthorizerId);
    const parameters = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({
      name,
      in: "path",
      description: `Generated path parameter for ${name}`,
      required: true,
      schema: { type: "string" },
    }));
    paths[path] ??= {};
    paths[path][verb] = {
      ...(route.OperationName !== undefined && { operationId: route.OperationName }),
      ...(parameters.length > 0 && { parameters }),
      responses: {
        default: { description: `Default response for ${route.RouteKey === "$default" ? "$default" : route.RouteKey}` },
      },
      ...(route.RouteKey === "$default" && { isDefaultRoute: true }),
      ...(authorizer && { security: [{ [authorizer.Name]: [...(route.AuthorizationScopes ?? [])] }] }),
      ...(extensions && route.AuthorizationType === "AWS_IAM" && { "x-amazon-apigateway-auth": { type: "AWS_IAM" } }),
      ...(extensions && integration && { "x-amazon-apigateway-integration": exportedIntegration(integration) }),
    };
  }
  const schemes = Object.fromEntries(
    snapshot.authorizers.map((one) => [one.Name, exportedAuthorizer(one, extensions)]),
  );
  const basePath = stage === undefined || stage === "$default" ? "" : `/${stage}`;
  return {
    openapi: "3.0.1",
    info: {
      title: api.Name,
      ...(api.Description !== undefined && { description: api.Description }),
      version: api.Version ?? new Date(api.createdMs).toISOString(),
    },
    servers: [
      { url: `${apiEndpoint(api.ApiId, context)}/{basePath}`, variables: { basePath: { default: basePath.slice(1) } } },
    ],
    ...(Object.keys(api.Tags).length > 0 && {
      tags: Object.entries(api.Tags).map(([name, value]) => ({ name, "x-amazon-apigateway-tag-value": value })),
    }),
    paths,
    ...(snapshot.authorizers.length > 0 && { components: { securitySchemes: schemes } }),
    ...(extensions && snapshot.cors && { "x-amazon-apigateway-cors": lowerFirst(snapshot.cors as Json) }),
    ...(extensions && { "x-amazon-apigateway-importexport-version": "1.0" }),
  };
}

function exportedIntegration(integration: Integration): Json {
  return {
    payloadFormatVersion: integration.PayloadFormatVersion,
    type: integration.IntegrationType.toLowerCase(),
    ...(integration.IntegrationSubtype !== undefined && { integrationSubtype: integration.IntegrationSubtype }),
    ...(integration.IntegrationUri !== undefined && { uri: integration.IntegrationUri }),
    httpMethod: integration.IntegrationMethod ?? "POST",
    ...(integration.CredentialsArn !== undefined && { credentials: integration.CredentialsArn }),
    ...(integration.Description !== undefined && { description: integration.Description }),
    ...(integration.RequestParameters && { requestParameters: integration.RequestParameters }),
    ...(integration.ResponseParameters && { responseParameters: integration.ResponseParameters }),
    connectionType: "INTERNET",
    timeoutInMillis: integration.TimeoutInMillis,
  };
}

function exportedAuthorizer(authorizer: Authorizer, extensions: boolean): Json {
  const isJwt = authorizer.AuthorizerType === "JWT";
  const {
    AuthorizerId: _,
    AuthorizerType: __,
    Name: ___,
    AuthorizerCredentialsArn,
    IdentitySource,
    ...members
  } = authorizer;
  const { AuthorizerResultTtlInSeconds, EnableSimpleResponses, JwtConfiguration, ...rest } = members;
  return {
    ...(isJwt ? { type: "oauth2", flows: {} } : { type: "apiKey", name: "Authorization", in: "header" }),
    ...(extensions && {
      "x-amazon-apigateway-authorizer": {
        type: isJwt ? "jwt" : "request",
        identitySource: IdentitySource.join(","),
        ...lowerFirst(rest),
        ...(JwtConfiguration && { jwtConfiguration: lowerFirst(JwtConfiguration as Json) }),
        ...(!isJwt && {
          authorizerResultTtlInSeconds: AuthorizerResultTtlInSeconds,
          enableSimpleResponses: EnableSimpleResponses,
        }),
        ...(AuthorizerCredentialsArn && { authorizerCredentials: AuthorizerCredentialsArn }),
      },
    }),
  };
}

function lowerFirst(value: Json): Json {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name[0]!.toLowerCase() + name.slice(1), member]),
  );
}
