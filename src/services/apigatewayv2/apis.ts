/** CreateApi, GetApi, GetApis, UpdateApi, DeleteApi, DeleteCorsConfiguration, TagResource, UntagResource, GetTags. */

import type { Api as ApiDescription } from "@aws-sdk/client-apigatewayv2";
import { notImplemented } from "../../kernel/errors.ts";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { registerApi, unregisterApi } from "../apigateway-common/addresses.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { apiChanged } from "./deploying.ts";
import { apiNotFound, badRequest, stageNotFound } from "./errors.ts";
import { createIntegration } from "./integrations.ts";
import { createRoute } from "./routes.ts";
import { checkCors, checkRouteKey } from "./rules.ts";
import { createStage } from "./stages.ts";
import { type Api, apis, deleteParts, integrations, type Owner, page, routes, stages } from "./state.ts";

type V2 = "apigatewayv2";
const DEFAULT_SELECTION = "$request.method $request.path";
const API_KEY_SELECTION = "$request.header.x-api-key";

export function requireApi(tx: Transaction, owner: Owner, apiId: string | undefined): Api {
  const api = apiId === undefined ? undefined : apis.get(tx, owner, apiId);
  if (!api) throw apiNotFound(owner.accountId, apiId ?? "");
  return api;
}

/** A `Target` (with an optional `RouteKey`) makes a quick-created API: integration, route and an automatically deployed `$default` stage. */
export function createApi(
  tx: Transaction,
  input: InputOf<V2, "CreateApi">,
  context: OperationContext,
): OutputOf<V2, "CreateApi"> {
  if (!input.Name) throw badRequest("Name must be specified");
  if (input.ProtocolType === "WEBSOCKET") throw notImplemented("WebSocket APIs of API Gateway");
  if (input.ProtocolType !== "HTTP")
    throw badRequest("Invalid protocol type specified. Must be one of [HTTP, WEBSOCKET]");
  if (input.RouteSelectionExpression && !isDefaultSelection(input.RouteSelectionExpression)) {
    throw badRequest(
      "Invalid routeSelectionExpression. For HTTP protocol type, the expression must be ${request.method} ${request.path}",
    );
  }
  if (input.CorsConfiguration) checkCors(input.CorsConfiguration);
  if (input.RouteKey) checkRouteKey(input.RouteKey);
  if (input.RouteKey && !input.Target) throw badRequest("Target must be specified when route key is provided");
  if (input.CredentialsArn && !input.Target) throw badRequest("Target must be specified when credentials are provided");
  const api: Api = {
    ApiId: lowerId(context.random, 10),
    Name: input.Name,
    ...(input.Description !== undefined && { Description: input.Description }),
    ...(input.Version !== undefined && { Version: input.Version }),
    RouteSelectionExpression: input.RouteSelectionExpression ?? DEFAULT_SELECTION,
    ApiKeySelectionExpression: API_KEY_SELECTION,
    ...(input.CorsConfiguration && { CorsConfiguration: input.CorsConfiguration }),
    DisableExecuteApiEndpoint: input.DisableExecuteApiEndpoint ?? false,
    IpAddressType: input.IpAddressType ?? "ipv4",
    Tags: input.Tags ?? {},
    createdMs: context.nowMs,
  };
  apis.put(tx, context, api);
  registerApi(tx, api.ApiId, { accountId: context.accountId, region: context.region, kind: "HTTP" });
  if (input.Target) quickCreate(tx, context, api.ApiId, input);
  return describeApi(api, context);
}

function isDefaultSelection(expression: string): boolean {
  return expression.replaceAll(/[{}]/g, "") === DEFAULT_SELECTION;
}

function quickCreate(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  input: { Target?: string | undefined; RouteKey?: string | undefined; CredentialsArn?: string | undefined },
): void {
  const isHttp = /^https?:/.test(input.Target!);
  const { IntegrationId } = createIntegration(
    tx,
    {
      ApiId: apiId,
      IntegrationType: isHttp ? "HTTP_PROXY" : "AWS_PROXY",
      IntegrationUri: input.Target!,
      ...(isHttp && { IntegrationMethod: "ANY" }),
      PayloadFormatVersion: isHttp ? "1.0" : "2.0",
      ...(input.CredentialsArn && { CredentialsArn: input.CredentialsArn }),
    },
    context,
  );
  const { RouteId } = createRoute(
    tx,
    { ApiId: apiId, RouteKey: input.RouteKey ?? "$default", Target: `integrations/${IntegrationId}` },
    context,
  );
  integrations.put(tx, context, apiId, IntegrationId!, {
    ...integrations.get(tx, context, apiId, IntegrationId!)!,
    ApiGatewayManaged: true,
  });
  routes.put(tx, context, apiId, RouteId!, { ...routes.get(tx, context, apiId, RouteId!)!, ApiGatewayManaged: true });
  createStage(tx, { ApiId: apiId, StageName: "$default", AutoDeploy: true }, context);
  stages.put(tx, context, apiId, "$default", {
    ...stages.get(tx, context, apiId, "$default")!,
    ApiGatewayManaged: true,
  });
}

export function getApi(
  tx: Transaction,
  input: InputOf<V2, "GetApi">,
  context: OperationContext,
): OutputOf<V2, "GetApi"> {
  return describeApi(requireApi(tx, context, input.ApiId), context);
}

export function getApis(
  tx: Transaction,
  input: InputOf<V2, "GetApis">,
  context: OperationContext,
): OutputOf<V2, "GetApis"> {
  const { items, nextToken } = page(apis.all(tx, context), input);
  return { Items: items.map((api) => describeApi(api, context)), NextToken: nextToken };
}

/** Members that are given replace the old ones. The target of a quick-created API can be changed here too. */
export function updateApi(
  tx: Transaction,
  input: InputOf<V2, "UpdateApi">,
  context: OperationContext,
): OutputOf<V2, "UpdateApi"> {
  const api = requireApi(tx, context, input.ApiId);
  if (input.RouteSelectionExpression && !isDefaultSelection(input.RouteSelectionExpression)) {
    throw badRequest(
      "Invalid routeSelectionExpression. For HTTP protocol type, the expression must be ${request.method} ${request.path}",
    );
  }
  if (input.CorsConfiguration) checkCors(input.CorsConfiguration);
  const updated: Api = {
    ...api,
    ...(input.Name && { Name: input.Name }),
    ...(input.Description !== undefined && { Description: input.Description }),
    ...(input.Version !== undefined && { Version: input.Version }),
    ...(input.CorsConfiguration && { CorsConfiguration: input.CorsConfiguration }),
    ...(input.DisableExecuteApiEndpoint !== undefined && {
      DisableExecuteApiEndpoint: input.DisableExecuteApiEndpoint,
    }),
    ...(input.IpAddressType && { IpAddressType: input.IpAddressType }),
  };
  apis.put(tx, context, updated);
  if (input.Target || input.RouteKey || input.CredentialsArn) updateQuickCreated(tx, context, api.ApiId, input);
  apiChanged(tx, context, api.ApiId);
  return describeApi(updated, context);
}

function updateQuickCreated(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  input: InputOf<V2, "UpdateApi">,
): void {
  const route = routes.all(tx, context, apiId).find((candidate) => candidate.ApiGatewayManaged);
  const integration = integrations.all(tx, context, apiId).find((candidate) => candidate.ApiGatewayManaged);
  if (!route || !integration)
    throw badRequest("Target, route key and credentials can be updated only for a quick created API");
  if (input.RouteKey) {
    checkRouteKey(input.RouteKey);
    routes.put(tx, context, apiId, route.RouteId, { ...route, RouteKey: input.RouteKey });
  }
  integrations.put(tx, context, apiId, integration.IntegrationId, {
    ...integration,
    ...(input.Target && { IntegrationUri: input.Target }),
    ...(input.CredentialsArn && { CredentialsArn: input.CredentialsArn }),
  });
}

export function deleteApi(tx: Transaction, input: InputOf<V2, "DeleteApi">, context: OperationContext): object {
  const api = requireApi(tx, context, input.ApiId);
  deleteParts(tx, context, api.ApiId);
  apis.delete(tx, context, api.ApiId);
  unregisterApi(tx, api.ApiId);
  return {};
}

export function deleteCorsConfiguration(
  tx: Transaction,
  input: InputOf<V2, "DeleteCorsConfiguration">,
  context: OperationContext,
): object {
  const { CorsConfiguration: _, ...api } = requireApi(tx, context, input.ApiId);
  apis.put(tx, context, api);
  apiChanged(tx, context, api.ApiId);
  return {};
}

/** The parts of an API's ARN or a stage's ARN. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html */
function taggable(
  tx: Transaction,
  context: OperationContext,
  resourceArn: string | undefined,
): { readonly tags: Readonly<Record<string, string>>; put(tags: Record<string, string>): void } {
  const match = /^arn:[^:]+:apigateway:([^:]+)::\/(?:v2\/)?apis\/([a-z0-9]+)(?:\/stages\/(.+))?$/.exec(
    resourceArn ?? "",
  );
  if (!match || match[1] !== context.region) throw badRequest("Invalid ARN specified in the request");
  const api = requireApi(tx, context, match[2]!);
  if (match[3] === undefined) {
    return { tags: api.Tags, put: (tags) => apis.put(tx, context, { ...api, Tags: tags }) };
  }
  const stage = stages.get(tx, context, api.ApiId, decodeURIComponent(match[3]));
  if (!stage) throw stageNotFound();
  return {
    tags: stage.Tags,
    put: (tags) => stages.put(tx, context, api.ApiId, stage.StageName, { ...stage, Tags: tags }),
  };
}

export function tagResource(tx: Transaction, input: InputOf<V2, "TagResource">, context: OperationContext): object {
  const resource = taggable(tx, context, input.ResourceArn);
  const tags = { ...resource.tags, ...input.Tags };
  if (Object.keys(tags).length > 50) throw badRequest("The number of tags on a resource cannot exceed 50");
  resource.put(tags);
  return {};
}

export function untagResource(tx: Transaction, input: InputOf<V2, "UntagResource">, context: OperationContext): object {
  const resource = taggable(tx, context, input.ResourceArn);
  resource.put(Object.fromEntries(Object.entries(resource.tags).filter(([name]) => !input.TagKeys?.includes(name))));
  return {};
}

export function getTags(
  tx: Transaction,
  input: InputOf<V2, "GetTags">,
  context: OperationContext,
): OutputOf<V2, "GetTags"> {
  return { Tags: { ...taggable(tx, context, input.ResourceArn).tags } };
}

/** `http://abc.execute-api.us-east-1.localhost:4566` in place of `https://abc.execute-api.us-east-1.amazonaws.com`. */
export function apiEndpoint(apiId: string, context: Pick<OperationContext, "endpoint" | "region">): string {
  const endpoint = new URL(context.endpoint);
  const named = /^[\d.]+$|^\[/.test(endpoint.hostname) ? "localhost" : endpoint.hostname;
  return `${endpoint.protocol}//${apiId}.execute-api.${named}${endpoint.port ? `:${endpoint.port}` : ""}`;
}

export function describeApi(api: Api, context: OperationContext): ApiDescription {
  const { createdMs, ImportInfo, ...members } = api;
  return {
    ...members,
    ...(ImportInfo && { ImportInfo: [...ImportInfo] }),
    ApiEndpoint: apiEndpoint(api.ApiId, context),
    ProtocolType: "HTTP",
    CreatedDate: new Date(createdMs),
  };
}
