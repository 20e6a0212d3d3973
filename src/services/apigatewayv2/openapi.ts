/**
 * ImportApi and ReimportApi: HTTP APIs as OpenAPI 3 documents with API Gateway's extensions. What AWS would only warn about is an error
 * here, so that FailOnWarnings makes no difference.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html
 */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import {
  DOCUMENT_BYTES_MAX,
  deref,
  isObject,
  type Json,
  OpenApiError,
  operationsOf,
  pathPrefix,
  readDocument,
  unknownExtensions,
} from "../apigateway-common/openapi.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { createApi, describeApi, requireApi } from "./apis.ts";
import { addAuthorizer } from "./authorizers.ts";
import { apiChanged } from "./deploying.ts";
import { badRequest } from "./errors.ts";
import { addIntegration } from "./integrations.ts";
import { addRoute } from "./routes.ts";
import { checkCors } from "./rules.ts";
import { type Api, apis, deleteParts } from "./state.ts";

type V2 = "apigatewayv2";

export function importApi(
  tx: Transaction,
  input: InputOf<V2, "ImportApi">,
  context: OperationContext,
): OutputOf<V2, "ImportApi"> {
  return reading(() => {
    const document = readOpenApi3(input.Body);
    const { ApiId } = createApi(tx, { ...apiMembers(document), ProtocolType: "HTTP" }, context);
    fill(tx, context, ApiId!, document, input.Basepath);
    return describeApi(requireApi(tx, context, ApiId), context);
  });
}

/** Everything in the document takes the place of everything the API had; stages stay. */
export function reimportApi(
  tx: Transaction,
  input: InputOf<V2, "ReimportApi">,
  context: OperationContext,
): OutputOf<V2, "ReimportApi"> {
  return reading(() => {
    const { CorsConfiguration: _, Description: __, Version: ___, ...api } = requireApi(tx, context, input.ApiId);
    const document = readOpenApi3(input.Body);
    const { Tags, ...members } = apiMembers(document);
    if (members.CorsConfiguration) checkCors(members.CorsConfiguration);
    apis.put(tx, context, { ...api, ...members, Tags: { ...api.Tags, ...Tags } } as Api);
    deleteParts(tx, context, api.ApiId, ["route", "integration", "authorizer"]);
    fill(tx, context, api.ApiId, document, input.Basepath);
    return describeApi(requireApi(tx, context, api.ApiId), context);
  });
}

function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OpenApiError) throw badRequest(error.message);
    throw error;
  }
}

function readOpenApi3(body: string | undefined): Json {
  if (!body) throw badRequest("Body must be specified");
  if (Buffer.byteLength(body) > DOCUMENT_BYTES_MAX)
    throw new AwsError("RequestEntityTooLargeException", "Request Entity Too Large", 413);
  const document = readDocument(body);
  if (!/^3\.[01]\.\d+$/.test(String(document["openapi"] ?? ""))) {
    throw new OpenApiError("Unsupported OpenAPI version. HTTP APIs support OpenAPI 3.0 only");
  }
  refuseUnknown("the document", document, [
    "x-amazon-apigateway-cors",
    "x-amazon-apigateway-importexport-version",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-policy",
  ]);
  return document;
}

function refuseUnknown(where: string, value: Json, known: readonly string[]): void {
  const [unknown] = unknownExtensions(value, known);
  if (unknown) throw notImplemented(`the OpenAPI extension ${unknown} in ${where} of an HTTP API`);
}

function apiMembers(document: Json): Omit<InputOf<V2, "CreateApi">, "ProtocolType"> {
  const info = isObject(document["info"]) ? document["info"] : {};
  const cors = document["x-amazon-apigateway-cors"];
  const tags: Record<string, string> = {};
  for (const tag of Array.isArray(document["tags"]) ? document["tags"] : []) {
    if (isObject(tag) && tag["x-amazon-apigateway-tag-value"] !== undefined) {
      tags[String(tag["name"])] = String(tag["x-amazon-apigateway-tag-value"]);
    }
  }
  const endpoint = document["x-amazon-apigateway-endpoint-configuration"];
  return {
    Name: String(info["title"] ?? "").trim() || "HTTP API",
    ...(info["description"] !== undefined && { Description: String(info["description"]) }),
    ...(info["version"] !== undefined && { Version: String(info["version"]) }),
    ...(isObject(cors) && { CorsConfiguration: corsOf(cors) }),
    ...(isObject(endpoint) && { DisableExecuteApiEndpoint: endpoint["disableExecuteApiEndpoint"] === true }),
    Tags: tags,
  };
}

function corsOf(cors: Json): NonNullable<Api["CorsConfiguration"]> {
  const list = (value: unknown) => (Array.isArray(value) ? value.map(String) : [String(value)]);
  return {
    ...(cors["allowOrigins"] !== undefined && { AllowOrigins: list(cors["allowOrigins"]) }),
    ...(cors["allowMethods"] !== undefined && { AllowMethods: list(cors["allowMethods"]) }),
    ...(cors["allowHeaders"] !== undefined && { AllowHeaders: list(cors["allowHeaders"]) }),
    ...(cors["exposeHeaders"] !== undefined && { ExposeHeaders: list(cors["exposeHeaders"]) }),
    ...(cors["maxAge"] !== undefined && { MaxAge: Number(cors["maxAge"]) }),
    ...(cors["allowCredentials"] !== undefined && { AllowCredentials: cors["allowCredentials"] === true }),
  };
}

function fill(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  document: Json,
  basePath: string | undefined,
): void {
  if (basePath !== undefined && !["ignore", "prepend", "split"].includes(basePath)) {
    throw badRequest("Basepath must be one of [ignore, prepend, split]");
  }
  const prefix = pathPrefix(document, basePath);
  const authorizerIds = importAuthorizers(tx, context, apiId, document);
  const shared = new Map<unknown, string>();
  for (const { path, method, operation } of operationsOf(document)) {
    refuseUnknown(`${method} ${path}`, operation, ["x-amazon-apigateway-integration", "x-amazon-apigateway-auth"]);
    // API Gateway exports it with a slash, SAM writes it without.
    const isDefault = /^\/?\$default$/.test(path) && method === "ANY";
    const integration = deref(document, operation["x-amazon-apigateway-integration"]);
    let integrationId: string | undefined;
    if (isObject(integration)) {
      integrationId = shared.get(integration);
      integrationId ??= addIntegration(tx, context, apiId, integrationInput(integration)).IntegrationId;
      shared.set(integration, integrationId);
    }
    addRoute(tx, context, apiId, {
      RouteKey: isDefault ? "$default" : `${method} ${prefix}${path}`,
      ...(integrationId && { Target: `integrations/${integrationId}` }),
      ...(typeof operation["operationId"] === "string" && { OperationName: operation["operationId"] }),
      ...authorizationOf(document, operation, authorizerIds),
    });
  }
  apiChanged(tx, context, apiId);
}

/** Members that mean something to HTTP APIs; `contentHandling` and the like are for REST APIs. */
function integrationInput(integration: Json): Omit<InputOf<V2, "CreateIntegration">, "ApiId"> {
  const known: Record<string, string> = {
    credentials: "CredentialsArn",
    description: "Description",
    httpMethod: "IntegrationMethod",
    integrationSubtype: "IntegrationSubtype",
    payloadFormatVersion: "PayloadFormatVersion",
    uri: "IntegrationUri",
    connectionType: "ConnectionType",
    connectionId: "ConnectionId",
    timeoutInMillis: "TimeoutInMillis",
    requestParameters: "RequestParameters",
    responseParameters: "ResponseParameters",
    type: "IntegrationType",
    passthroughBehavior: "",
  };
  const input: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(integration)) {
    const member = known[name];
    if (member === undefined) throw notImplemented(`${name} in x-amazon-apigateway-integration of an HTTP API`);
    if (member !== "" && value !== undefined && value !== null) input[member] = value;
  }
  return {
    ...input,
    IntegrationType: String(input["IntegrationType"] ?? "").toUpperCase() as never,
    ...(input["IntegrationMethod"] !== undefined && {
      IntegrationMethod: /any/i.test(String(input["IntegrationMethod"]))
        ? "ANY"
        : String(input["IntegrationMethod"]).toUpperCase(),
    }),
    ...(input["PayloadFormatVersion"] !== undefined && {
      PayloadFormatVersion:
        { 1: "1.0", 2: "2.0" }[String(input["PayloadFormatVersion"])] ?? String(input["PayloadFormatVersion"]),
    }),
    ...(input["TimeoutInMillis"] !== undefined && { TimeoutInMillis: Number(input["TimeoutInMillis"]) }),
  };
}

interface ImportedAuthorizer {
  readonly id?: string;
  readonly type: "JWT" | "CUSTOM" | "AWS_IAM";
}

function importAuthorizers(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  document: Json,
): ReadonlyMap<string, ImportedAuthorizer> {
  const imported = new Map<string, ImportedAuthorizer>();
  const schemes = document["components"]?.["securitySchemes"];
  for (const [name, given] of Object.entries(isObject(schemes) ? schemes : {})) {
    const scheme = deref(document, given);
    if (!isObject(scheme)) continue;
    if (String(scheme["x-amazon-apigateway-authtype"]).toLowerCase() === "awssigv4") {
      imported.set(name, { type: "AWS_IAM" });
      continue;
    }
    const authorizer = deref(document, scheme["x-amazon-apigateway-authorizer"]);
    if (!isObject(authorizer)) continue;
    const type = String(authorizer["type"]).toLowerCase();
    if (type !== "jwt" && type !== "request")
      throw new OpenApiError(`Unsupported authorizer type ${authorizer["type"]} in ${name}`);
    const source = authorizer["identitySource"];
    const sources: string[] = Array.isArray(source)
      ? source.map(String)
      : source
        ? String(source)
            .split(",")
            .map((one) => one.trim())
        : [];
    const { AuthorizerId } = addAuthorizer(tx, context, apiId, {
      Name: name,
      AuthorizerType: type === "jwt" ? "JWT" : "REQUEST",
      IdentitySource: type === "jwt" && sources.length === 0 ? ["$request.header.Authorization"] : sources,
      ...(isObject(authorizer["jwtConfiguration"]) && {
        JwtConfiguration: {
          Issuer: authorizer["jwtConfiguration"]["issuer"],
          Audience: [authorizer["jwtConfiguration"]["audience"] ?? []].flat().map(String),
        },
      }),
      ...(authorizer["authorizerUri"] !== undefined && { AuthorizerUri: authorizer["authorizerUri"] }),
      ...(authorizer["authorizerCredentials"] !== undefined && {
        AuthorizerCredentialsArn: authorizer["authorizerCredentials"],
      }),
      ...(authorizer["authorizerPayloadFormatVersion"] !== undefined && {
        AuthorizerPayloadFormatVersion:
          { 1: "1.0", 2: "2.0" }[String(authorizer["authorizerPayloadFormatVersion"])] ??
          String(authorizer["authorizerPayloadFormatVersion"]),
      }),
      ...(authorizer["authorizerResultTtlInSeconds"] !== undefined && {
        AuthorizerResultTtlInSeconds: Number(authorizer["authorizerResultTtlInSeconds"]),
      }),
      ...(authorizer["enableSimpleResponses"] !== undefined && {
        EnableSimpleResponses: authorizer["enableSimpleResponses"] === true,
      }),
    });
    imported.set(name, { id: AuthorizerId, type: type === "jwt" ? "JWT" : "CUSTOM" });
  }
  return imported;
}

function authorizationOf(
  document: Json,
  operation: Json,
  imported: ReadonlyMap<string, ImportedAuthorizer>,
): Partial<InputOf<V2, "CreateRoute">> {
  const auth = operation["x-amazon-apigateway-auth"];
  if (isObject(auth)) {
    const type = String(auth["type"]).toUpperCase();
    if (type !== "AWS_IAM" && type !== "NONE")
      throw new OpenApiError(`Unsupported x-amazon-apigateway-auth type ${auth["type"]}`);
    return { AuthorizationType: type };
  }
  const security = operation["security"] ?? document["security"];
  for (const requirement of Array.isArray(security) ? security : []) {
    for (const [name, scopes] of Object.entries(isObject(requirement) ? requirement : {})) {
      const authorizer = imported.get(name);
      if (!authorizer) continue;
      return {
        AuthorizationType: authorizer.type,
        ...(authorizer.id && { AuthorizerId: authorizer.id }),
        ...(authorizer.type === "JWT" &&
          Array.isArray(scopes) &&
          scopes.length > 0 && { AuthorizationScopes: scopes.map(String) }),
      };
    }
  }
  return {};
}
