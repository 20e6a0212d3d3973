/** CreateIntegration, GetIntegration, GetIntegrations, UpdateIntegration, DeleteIntegration. */

import { notImplemented } from "../../kernel/errors.ts";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { requireApi } from "./apis.ts";
import { apiChanged } from "./deploying.ts";
import { badRequest, conflict, partNotFound } from "./errors.ts";
import { checkIntegration, INTEGRATIONS_PER_API_MAX, TIMEOUT_MS_MAX } from "./rules.ts";
import { type Integration, integrations, page, routes } from "./state.ts";

type V2 = "apigatewayv2";

export function createIntegration(
  tx: Transaction,
  input: InputOf<V2, "CreateIntegration">,
  context: OperationContext,
): OutputOf<V2, "CreateIntegration"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const integration = addIntegration(tx, context, apiId, input);
  apiChanged(tx, context, apiId);
  return describe(integration);
}

/** Without telling the stages: for whoever adds many. */
export function addIntegration(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  input: Omit<InputOf<V2, "CreateIntegration">, "ApiId">,
): Integration {
  if (integrations.all(tx, context, apiId).length >= INTEGRATIONS_PER_API_MAX) {
    throw badRequest(
      "Maximum number of Integrations for this API has been reached. Please contact AWS if you need additional Integrations.",
    );
  }
  refuseConnections(input);
  const integration = {
    IntegrationId: lowerId(context.random, 7),
    TimeoutInMillis: TIMEOUT_MS_MAX,
    ...members(input),
    ...(input.RequestParameters && { RequestParameters: merged({}, input.RequestParameters) }),
    ...(input.ResponseParameters && { ResponseParameters: mergedResponses({}, input.ResponseParameters) }),
  } as Integration;
  checkIntegration(integration);
  integrations.put(tx, context, apiId, integration.IntegrationId, integration);
  return integration;
}

function refuseConnections(input: { ConnectionType?: string | undefined; ConnectionId?: string | undefined }): void {
  if (input.ConnectionType === "VPC_LINK" || input.ConnectionId) throw notImplemented("API Gateway VPC links");
}

function members(input: Partial<InputOf<V2, "CreateIntegration">>): Partial<Integration> {
  return {
    ...(input.IntegrationType !== undefined && {
      IntegrationType: input.IntegrationType as Integration["IntegrationType"],
    }),
    ...(input.IntegrationSubtype !== undefined && { IntegrationSubtype: input.IntegrationSubtype }),
    ...(input.IntegrationUri !== undefined && { IntegrationUri: input.IntegrationUri }),
    ...(input.IntegrationMethod !== undefined && { IntegrationMethod: input.IntegrationMethod }),
    ...(input.PayloadFormatVersion !== undefined && {
      PayloadFormatVersion: input.PayloadFormatVersion as Integration["PayloadFormatVersion"],
    }),
    ...(input.CredentialsArn !== undefined && input.CredentialsArn !== "" && { CredentialsArn: input.CredentialsArn }),
    ...(input.Description !== undefined && { Description: input.Description }),
    ...(input.TimeoutInMillis !== undefined && { TimeoutInMillis: input.TimeoutInMillis }),
  };
}

/** Parameters with an empty value go, the others are added: how UpdateIntegration works. */
function merged(
  before: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== ""));
}

function mergedResponses(
  before: Readonly<Record<string, Readonly<Record<string, string>>>>,
  change: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Record<string, Record<string, string>> {
  const after: Record<string, Record<string, string>> = {};
  for (const status of new Set([...Object.keys(before), ...Object.keys(change)])) {
    const given = change[status];
    const parameters = given && Object.keys(given).length === 0 ? {} : merged(before[status] ?? {}, given ?? {});
    if (Object.keys(parameters).length > 0) after[status] = parameters;
  }
  return after;
}

function requireIntegration(
  tx: Transaction,
  context: OperationContext,
  input: { ApiId?: string | undefined; IntegrationId?: string | undefined },
): { apiId: string; integration: Integration } {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const integration = integrations.get(tx, context, apiId, input.IntegrationId ?? "");
  if (!integration) throw partNotFound("Integration", input.IntegrationId ?? "");
  return { apiId, integration };
}

export function getIntegration(
  tx: Transaction,
  input: InputOf<V2, "GetIntegration">,
  context: OperationContext,
): OutputOf<V2, "GetIntegration"> {
  return describe(requireIntegration(tx, context, input).integration);
}

export function getIntegrations(
  tx: Transaction,
  input: InputOf<V2, "GetIntegrations">,
  context: OperationContext,
): OutputOf<V2, "GetIntegrations"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const { items, nextToken } = page(integrations.all(tx, context, apiId), input);
  return { Items: items.map(describe), NextToken: nextToken };
}

export function updateIntegration(
  tx: Transaction,
  input: InputOf<V2, "UpdateIntegration">,
  context: OperationContext,
): OutputOf<V2, "UpdateIntegration"> {
  const { apiId, integration } = requireIntegration(tx, context, input);
  refuseConnections(input);
  const { CredentialsArn, ...rest } = integration;
  const updated: Integration = {
    ...rest,
    ...(CredentialsArn && input.CredentialsArn !== "" && { CredentialsArn }),
    ...members(input as Partial<InputOf<V2, "CreateIntegration">>),
    ...(input.RequestParameters && {
      RequestParameters: merged(integration.RequestParameters ?? {}, input.RequestParameters),
    }),
    ...(input.ResponseParameters && {
      ResponseParameters: mergedResponses(integration.ResponseParameters ?? {}, input.ResponseParameters),
    }),
  };
  checkIntegration(updated);
  integrations.put(tx, context, apiId, integration.IntegrationId, updated);
  apiChanged(tx, context, apiId);
  return describe(updated);
}

export function deleteIntegration(
  tx: Transaction,
  input: InputOf<V2, "DeleteIntegration">,
  context: OperationContext,
): object {
  const { apiId, integration } = requireIntegration(tx, context, input);
  const target = `integrations/${integration.IntegrationId}`;
  const user = routes.all(tx, context, apiId).find((route) => route.Target === target);
  if (user) {
    throw conflict(
      `Cannot delete Integration '${integration.IntegrationId}'. It is referenced by one or more Route(s) [${user.RouteId}]`,
    );
  }
  integrations.delete(tx, context, apiId, integration.IntegrationId);
  apiChanged(tx, context, apiId);
  return {};
}

export function describe(integration: Integration): OutputOf<V2, "GetIntegration"> {
  const { RequestParameters, ResponseParameters, ...rest } = integration;
  return {
    ...rest,
    ...(RequestParameters && { RequestParameters: { ...RequestParameters } }),
    ...(ResponseParameters && {
      ResponseParameters: Object.fromEntries(
        Object.entries(ResponseParameters).map(([status, parameters]) => [status, { ...parameters }]),
      ),
    }),
    ConnectionType: "INTERNET",
    ...(integration.IntegrationType === "AWS_PROXY" &&
      !integration.IntegrationSubtype &&
      !integration.IntegrationMethod && { IntegrationMethod: "POST" }),
  };
}
