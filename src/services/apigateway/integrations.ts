/** Integrations and integration responses: the side of an API that its backends see. */
import type { Integration as IntegrationDescription } from "@aws-sdk/client-api-gateway";
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { CALLER_CREDENTIALS, functionArnOf } from "../apigateway-common/caller.ts";
import { own } from "../apigateway-common/request.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { badRequest, conflict, integrationNotFound, invalidMapping, responseNotFound } from "./errors.ts";
import { checkStatusCode, requireMethod, saveMethod } from "./methods.ts";
import { type PatchRules, patched } from "./patch.ts";
import { checkRequestExpression, checkResponseExpression } from "./runtime/parameters.ts";
import { parseTemplate, TemplateError } from "./runtime/vtl.ts";
import type { Integration, IntegrationResponse, Method, Texts } from "./state.ts";

type V1 = "apigateway";
const TYPES = ["AWS", "AWS_PROXY", "HTTP", "HTTP_PROXY", "MOCK"];
const TIMEOUT_MS_MIN = 50;
const TIMEOUT_MS_MAX = 29_000;

/** Replaces an integration that is there already, with its responses. */
export function putIntegration(
  tx: Transaction,
  input: InputOf<V1, "PutIntegration">,
  context: OperationContext,
): OutputOf<V1, "PutIntegration"> {
  const { apiId, resource, method } = requireMethod(tx, context, input);
  if (input.connectionType === "VPC_LINK" || input.connectionId) throw notImplemented("API Gateway VPC links");
  if (input.responseTransferMode === "STREAM")
    throw notImplemented("streamed responses of API Gateway (responseTransferMode)");
  const integration: Integration = {
    type: input.type!,
    ...(input.integrationHttpMethod && { httpMethod: input.integrationHttpMethod }),
    ...(input.uri && { uri: input.uri }),
    ...(input.credentials && { credentials: input.credentials }),
    ...(input.requestParameters && { requestParameters: input.requestParameters }),
    ...(input.requestTemplates && { requestTemplates: input.requestTemplates }),
    passthroughBehavior: (input.passthroughBehavior ?? "WHEN_NO_MATCH") as Integration["passthroughBehavior"],
    ...(input.contentHandling && { contentHandling: input.contentHandling }),
    timeoutInMillis: input.timeoutInMillis ?? TIMEOUT_MS_MAX,
    cacheNamespace: input.cacheNamespace ?? resource.id,
    cacheKeyParameters: input.cacheKeyParameters ?? [],
    integrationResponses: {},
  };
  checkIntegration(integration, method);
  saveMethod(tx, context, apiId, resource, { ...method, methodIntegration: integration });
  return describeIntegration(integration);
}

export function checkIntegration(integration: Integration, method: Method): void {
  const { type, uri, httpMethod } = integration;
  if (!TYPES.includes(type))
    throw badRequest("Invalid integration type specified. Must be one of [HTTP, AWS, MOCK, HTTP_PROXY, AWS_PROXY]");
  if (type !== "MOCK") {
    if (!httpMethod) throw badRequest("Enumeration value for HttpMethod must be non-empty");
    if (!uri) throw badRequest("Invalid HTTP endpoint specified for URI");
  }
  if (type === "HTTP" || type === "HTTP_PROXY") {
    if (!/^https?:\/\/\S+$/.test(uri!) && !/stageVariables\./.test(uri!))
      throw badRequest("Invalid HTTP endpoint specified for URI");
  }
  if (type === "AWS" || type === "AWS_PROXY") checkAwsUri(type, uri!, httpMethod!);
  if (!["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"].includes(integration.passthroughBehavior)) {
    throw badRequest("Invalid passthrough behavior specified");
  }
  const { timeoutInMillis: timeout } = integration;
  if (timeout < TIMEOUT_MS_MIN || timeout > TIMEOUT_MS_MAX) {
    throw badRequest("Timeout should be between 50 ms and 29000 ms");
  }
  const { credentials } = integration;
  if (credentials && credentials !== CALLER_CREDENTIALS && !/^arn:[^:]+:iam::\d{12}:role\/.+$/.test(credentials)) {
    throw badRequest("Invalid ARN specified in the request");
  }
  if (integration.cacheKeyParameters.length > 0)
    throw notImplemented("caching of API Gateway responses (cacheKeyParameters)");
  for (const [name, value] of Object.entries(integration.requestParameters ?? {})) {
    if (!/^integration\.request\.(header|querystring|path)\.\S+$/.test(name)) {
      throw invalidMapping(`Invalid mapping expression specified: ${name}`);
    }
    checkRequestExpression(value, method.requestParameters ?? {});
  }
  checkTemplates(integration.requestTemplates);
}

function checkAwsUri(type: string, uri: string, httpMethod: string): void {
  if (/stageVariables\./.test(uri)) return;
  const match = /^arn:[^:]+:apigateway:[^:]+:([^:]+):(path|action)\/(.*)$/s.exec(uri);
  if (!match) throw badRequest("Invalid ARN specified in the request");
  if (match[1] === "lambda") {
    if (match[2] === "path" && !functionArnOf(uri)) throw badRequest("Invalid function ARN or invalid uri");
    if (httpMethod !== "POST" && type === "AWS_PROXY")
      throw badRequest("Invalid integration HTTP method for a Lambda function: must be POST");
  } else if (type === "AWS_PROXY") {
    throw badRequest(
      "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
    );
  }
}

/** @throws BadRequestException when a template cannot be parsed */
function checkTemplates(templates: Texts | undefined): void {
  for (const text of Object.values(templates ?? {})) {
    try {
      parseTemplate(text);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw badRequest(`Invalid mapping template specified: ${error.message}`);
    }
  }
}

interface MethodInput {
  readonly restApiId?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly httpMethod?: string | undefined;
}

function requireIntegration(tx: Transaction, context: OperationContext, input: MethodInput) {
  const found = requireMethod(tx, context, input);
  const integration = found.method.methodIntegration;
  if (!integration) throw integrationNotFound();
  return { ...found, integration };
}

export function getIntegration(
  tx: Transaction,
  input: InputOf<V1, "GetIntegration">,
  context: OperationContext,
): OutputOf<V1, "GetIntegration"> {
  return describeIntegration(requireIntegration(tx, context, input).integration);
}

const RULES: PatchRules = {
  "/httpMethod": { only: ["replace"] },
  "/uri": { only: ["replace"] },
  "/credentials": {},
  "/passthroughBehavior": { only: ["replace"] },
  "/contentHandling": {},
  "/timeoutInMillis": { type: "integer", only: ["replace"] },
  "/requestParameters/*": {},
  "/requestTemplates/*": {},
  "/cacheNamespace": {},
  "/cacheKeyParameters/*": { list: true },
  "/connectionId": { unsupported: true },
  "/connectionType": { unsupported: true },
};

export function updateIntegration(
  tx: Transaction,
  input: InputOf<V1, "UpdateIntegration">,
  context: OperationContext,
): OutputOf<V1, "UpdateIntegration"> {
  const { apiId, resource, method, integration } = requireIntegration(tx, context, input);
  const updated = patched(integration, input.patchOperations, RULES);
  checkIntegration(updated, method);
  saveMethod(tx, context, apiId, resource, { ...method, methodIntegration: updated });
  return describeIntegration(updated);
}

export function deleteIntegration(
  tx: Transaction,
  input: InputOf<V1, "DeleteIntegration">,
  context: OperationContext,
): object {
  const { apiId, resource, method } = requireIntegration(tx, context, input);
  const { methodIntegration: _, ...rest } = method;
  saveMethod(tx, context, apiId, resource, rest);
  return {};
}

interface ResponseInput extends MethodInput {
  readonly statusCode?: string | undefined;
}

export function putIntegrationResponse(
  tx: Transaction,
  input: InputOf<V1, "PutIntegrationResponse">,
  context: OperationContext,
): OutputOf<V1, "PutIntegrationResponse"> {
  const { apiId, resource, method, integration } = requireIntegration(tx, context, input);
  const statusCode = checkStatusCode(input.statusCode);
  const response: IntegrationResponse = {
    statusCode,
    ...(input.selectionPattern && { selectionPattern: input.selectionPattern }),
    ...(input.responseParameters && { responseParameters: input.responseParameters }),
    ...(input.responseTemplates && { responseTemplates: input.responseTemplates }),
    ...(input.contentHandling && { contentHandling: input.contentHandling }),
  };
  checkResponse(response, method, integration);
  save(tx, context, apiId, resource, method, integration, {
    ...integration.integrationResponses,
    [statusCode]: response,
  });
  return structuredClone(response);
}

function save(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  resource: Parameters<typeof saveMethod>[3],
  method: Method,
  integration: Integration,
  integrationResponses: Integration["integrationResponses"],
): void {
  const methodIntegration = { ...integration, integrationResponses };
  saveMethod(tx, context, apiId, resource, { ...method, methodIntegration });
}

/** Headers that a response sets have to be declared by the method's response of that status. */
export function checkResponse(response: IntegrationResponse, method: Method, integration: Integration): void {
  const declared = method.methodResponses[response.statusCode];
  if (!declared) throw badRequest("Invalid Response status code specified");
  for (const [name, value] of Object.entries(response.responseParameters ?? {})) {
    if (declared.responseParameters?.[name] === undefined) {
      throw invalidMapping(`Invalid mapping expression parameter specified: ${name}`);
    }
    checkResponseExpression(value);
  }
  checkTemplates(response.responseTemplates);
  const pattern = response.selectionPattern;
  if (pattern) {
    try {
      new RegExp(pattern);
    } catch {
      throw badRequest("Invalid selection pattern: it is not a valid regular expression");
    }
  }
  for (const other of Object.values(integration.integrationResponses)) {
    if (other.statusCode !== response.statusCode && other.selectionPattern === pattern && pattern !== undefined) {
      throw conflict("Another integration response has the same selection pattern");
    }
  }
}

function requireResponse(tx: Transaction, context: OperationContext, input: ResponseInput) {
  const found = requireIntegration(tx, context, input);
  const response = own(found.integration.integrationResponses, input.statusCode ?? "");
  if (!response) throw responseNotFound();
  return { ...found, response };
}

export function getIntegrationResponse(
  tx: Transaction,
  input: InputOf<V1, "GetIntegrationResponse">,
  context: OperationContext,
): OutputOf<V1, "GetIntegrationResponse"> {
  return structuredClone(requireResponse(tx, context, input).response);
}

export function updateIntegrationResponse(
  tx: Transaction,
  input: InputOf<V1, "UpdateIntegrationResponse">,
  context: OperationContext,
): OutputOf<V1, "UpdateIntegrationResponse"> {
  const { apiId, resource, method, integration, response } = requireResponse(tx, context, input);
  const updated = patched(response, input.patchOperations, {
    "/selectionPattern": {},
    "/contentHandling": {},
    "/responseParameters/*": {},
    "/responseTemplates/*": {},
  });
  checkResponse(updated, method, integration);
  save(tx, context, apiId, resource, method, integration, {
    ...integration.integrationResponses,
    [response.statusCode]: updated,
  });
  return structuredClone(updated);
}

export function deleteIntegrationResponse(
  tx: Transaction,
  input: InputOf<V1, "DeleteIntegrationResponse">,
  context: OperationContext,
): object {
  const { apiId, resource, method, integration, response } = requireResponse(tx, context, input);
  const { [response.statusCode]: _, ...others } = integration.integrationResponses;
  save(tx, context, apiId, resource, method, integration, others);
  return {};
}

export function describeIntegration(integration: Integration): IntegrationDescription {
  const { integrationResponses, cacheKeyParameters, ...members } = structuredClone(integration);
  return {
    ...members,
    cacheKeyParameters: [...cacheKeyParameters],
    ...(Object.keys(integrationResponses).length > 0 && { integrationResponses }),
  };
}
