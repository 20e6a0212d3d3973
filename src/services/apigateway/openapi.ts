/**
 * ImportRestApi and PutRestApi: REST APIs from Swagger 2 and OpenAPI 3 documents with API Gateway's extensions. What AWS would only warn about is
 * an error here, so that failOnWarnings makes no difference.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api.html
 */
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import {
  DOCUMENT_BYTES_MAX,
  type DocumentOperation,
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
import { addAuthorizer } from "./authorizers.ts";
import { badRequest } from "./errors.ts";
import { addGatewayResponse } from "./gateway-responses.ts";
import { putIntegration, putIntegrationResponse } from "./integrations.ts";
import { putMethod, putMethodResponse } from "./methods.ts";
import { addModel, createRequestValidator } from "./models.ts";
import { addResource } from "./paths.ts";
import { addRoot, checkApi, createRestApi, DEFAULT_MODELS, describeApi, requireApi } from "./rest-apis.ts";
import { apis, deleteParts, models, type Resource, type RestApi, resources } from "./state.ts";

type V1 = "apigateway";

export function importRestApi(
  tx: Transaction,
  input: InputOf<V1, "ImportRestApi">,
  context: OperationContext,
): OutputOf<V1, "ImportRestApi"> {
  return reading(() => {
    const document = readBody(input.body);
    const { id } = createRestApi(tx, { name: titleOf(document) ?? "Untitled API" }, context);
    return put(tx, context, requireApi(tx, context, id), document, input.parameters, "merge");
  });
}

/** `merge` adds to what is there; `overwrite` replaces everything but the API's id and its stages. */
export function putRestApi(
  tx: Transaction,
  input: InputOf<V1, "PutRestApi">,
  context: OperationContext,
): OutputOf<V1, "PutRestApi"> {
  return reading(() => {
    const api = requireApi(tx, context, input.restApiId);
    return put(tx, context, api, readBody(input.body), input.parameters, input.mode ?? "merge");
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

function readBody(given: InputOf<V1, "PutRestApi">["body"]): Json {
  const body = Buffer.from((given ?? "") as string);
  if (body.length === 0) throw badRequest("Body must be specified");
  if (body.length > DOCUMENT_BYTES_MAX) {
    throw new AwsError("BadRequestException", "Invalid OpenAPI input: the document is larger than 6 MB", 400);
  }
  const document = readDocument(body.toString("utf8"));
  const version = String(document["swagger"] ?? document["openapi"] ?? "");
  if (!/^(2\.0|3\.0\.\d+)$/.test(version))
    throw new OpenApiError("Unsupported OpenAPI version: use Swagger 2.0 or OpenAPI 3.0");
  refuseUnknown("the document", document, [
    "x-amazon-apigateway-api-key-source",
    "x-amazon-apigateway-binary-media-types",
    "x-amazon-apigateway-documentation",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-gateway-responses",
    "x-amazon-apigateway-importexport-version",
    "x-amazon-apigateway-minimum-compression-size",
    "x-amazon-apigateway-policy",
    "x-amazon-apigateway-request-validator",
    "x-amazon-apigateway-request-validators",
  ]);
  return document;
}

function refuseUnknown(where: string, value: Json, known: readonly string[]): void {
  const [unknown] = unknownExtensions(value, known);
  if (unknown) throw notImplemented(`the OpenAPI extension ${unknown} in ${where} of a REST API`);
}

const titleOf = (document: Json): string | undefined =>
  isObject(document["info"]) && document["info"]["title"] ? String(document["info"]["title"]) : undefined;

function put(
  tx: Transaction,
  context: OperationContext,
  before: RestApi,
  document: Json,
  parameters: Readonly<Record<string, string>> | undefined,
  mode: string,
): OutputOf<V1, "PutRestApi"> {
  if (mode !== "merge" && mode !== "overwrite")
    throw badRequest("Invalid mode specified. Must be one of [merge, overwrite]");
  let base = before;
  if (mode === "overwrite") {
    deleteParts(tx, context, before.id, ["authorizer", "gateway-response", "model", "resource", "validator"]);
    addRoot(tx, context, before);
    for (const model of DEFAULT_MODELS)
      models.put(tx, context, { ...model, id: model.name.toLowerCase() }, before.id, model.name);
    const { policy: _, ...rest } = before;
    base = { ...rest, binaryMediaTypes: [] };
  }
  const api = withMembers(base, document, parameters ?? {});
  checkApi(api);
  apis.put(tx, context, api, api.id);
  new Import(tx, context, api.id, document, parameters?.["basepath"]).run();
  return describeApi(api);
}

function withMembers(api: RestApi, document: Json, parameters: Readonly<Record<string, string>>): RestApi {
  const info = isObject(document["info"]) ? document["info"] : {};
  const endpoint = document["x-amazon-apigateway-endpoint-configuration"];
  const binary = document["x-amazon-apigateway-binary-media-types"];
  const keySource = document["x-amazon-apigateway-api-key-source"];
  const policy = document["x-amazon-apigateway-policy"];
  const compression = document["x-amazon-apigateway-minimum-compression-size"];
  const types = parameters["endpointConfigurationTypes"];
  if (isObject(endpoint) && endpoint["vpcEndpointIds"]) throw notImplemented("private endpoints of API Gateway");
  return {
    ...api,
    ...(titleOf(document) !== undefined && { name: titleOf(document)! }),
    ...(info["description"] !== undefined && { description: String(info["description"]) }),
    ...(info["version"] !== undefined && { version: String(info["version"]) }),
    ...(Array.isArray(binary) && { binaryMediaTypes: [...new Set([...api.binaryMediaTypes, ...binary.map(String)])] }),
    ...(keySource !== undefined && { apiKeySource: String(keySource).toUpperCase() as RestApi["apiKeySource"] }),
    ...(policy !== undefined && { policy: typeof policy === "string" ? policy : JSON.stringify(policy) }),
    ...(compression !== undefined && { minimumCompressionSize: Number(compression) }),
    ...(isObject(endpoint) &&
      endpoint["disableExecuteApiEndpoint"] !== undefined && {
        disableExecuteApiEndpoint: endpoint["disableExecuteApiEndpoint"] === true,
      }),
    ...(types !== undefined && { endpointTypes: types.split(",") as unknown as RestApi["endpointTypes"] }),
  };
}

interface Scheme {
  readonly type: "NONE" | "AWS_IAM" | "CUSTOM" | "API_KEY";
  readonly authorizerId?: string;
}

/** One document on its way into an API. */
class Import {
  readonly #tx: Transaction;
  readonly #context: OperationContext;
  readonly #apiId: string;
  readonly #document: Json;
  readonly #prefix: string;
  readonly #schemes = new Map<string, Scheme>();
  readonly #validators = new Map<string, string>();
  readonly #resources = new Map<string, Resource>();

  constructor(tx: Transaction, context: OperationContext, apiId: string, document: Json, basePath: string | undefined) {
    if (basePath !== undefined && !["ignore", "prepend", "split"].includes(basePath)) {
      throw badRequest("Invalid basepath specified. Must be one of [ignore, prepend, split]");
    }
    this.#tx = tx;
    this.#context = context;
    this.#apiId = apiId;
    this.#document = document;
    this.#prefix = pathPrefix(document, basePath);
    for (const resource of resources.all(tx, context, apiId)) this.#resources.set(resource.path, resource);
  }

  run(): void {
    this.#models();
    this.#requestValidators();
    this.#securitySchemes();
    this.#gatewayResponses();
    const seen = new Set<string>();
    for (const path of Object.keys(isObject(this.#document["paths"]) ? this.#document["paths"] : {}))
      this.#resource(path);
    for (const operation of operationsOf(this.#document)) {
      const name = `${operation.method} ${operation.path}`;
      if (!seen.has(name)) this.#method(operation);
      seen.add(name);
    }
  }

  #models(): void {
    const schemas = this.#document["definitions"] ?? this.#document["components"]?.["schemas"];
    for (const [name, schema] of Object.entries(isObject(schemas) ? schemas : {})) {
      // A model of the same name is replaced when merging.
      models.delete(this.#tx, this.#context, this.#apiId, name);
      addModel(this.#tx, this.#context, this.#apiId, {
        name,
        contentType: "application/json",
        ...(isObject(schema) && typeof schema["description"] === "string" && { description: schema["description"] }),
        schema: JSON.stringify(schema),
      });
    }
  }

  #requestValidators(): void {
    const given = this.#document["x-amazon-apigateway-request-validators"];
    for (const [name, validator] of Object.entries(isObject(given) ? given : {})) {
      const made = createRequestValidator(
        this.#tx,
        {
          restApiId: this.#apiId,
          name,
          validateRequestBody: validator?.validateRequestBody === true,
          validateRequestParameters: validator?.validateRequestParameters === true,
        },
        this.#context,
      );
      this.#validators.set(name, made.id!);
    }
  }

  #securitySchemes(): void {
    const schemes = this.#document["securityDefinitions"] ?? this.#document["components"]?.["securitySchemes"];
    for (const [name, given] of Object.entries(isObject(schemes) ? schemes : {})) {
      const scheme = deref(this.#document, given);
      if (isObject(scheme)) this.#schemes.set(name, this.#scheme(name, scheme));
    }
  }

  #scheme(name: string, scheme: Json): Scheme {
    const authType = String(scheme["x-amazon-apigateway-authtype"] ?? "").toLowerCase();
    if (authType === "awssigv4") return { type: "AWS_IAM" };
    if (authType === "cognito_user_pools") throw notImplemented("Cognito user pool authorizers of API Gateway");
    const authorizer = deref(this.#document, scheme["x-amazon-apigateway-authorizer"]);
    if (!isObject(authorizer)) {
      const isKey = String(scheme["type"]).toLowerCase() === "apikey" && /^x-api-key$/i.test(String(scheme["name"]));
      return { type: isKey ? "API_KEY" : "NONE" };
    }
    const type = String(authorizer["type"]).toUpperCase();
    const source =
      authorizer["identitySource"] ??
      (type === "TOKEN" ? `method.request.header.${scheme["name"] ?? "Authorization"}` : undefined);
    const { id } = addAuthorizer(this.#tx, this.#context, this.#apiId, {
      name,
      type: type as "TOKEN",
      authType: scheme["x-amazon-apigateway-authtype"] ?? "custom",
      authorizerUri: authorizer["authorizerUri"],
      ...(authorizer["authorizerCredentials"] && { authorizerCredentials: authorizer["authorizerCredentials"] }),
      ...(source !== undefined && { identitySource: String(source) }),
      ...(authorizer["identityValidationExpression"] && {
        identityValidationExpression: authorizer["identityValidationExpression"],
      }),
      ...(authorizer["authorizerResultTtlInSeconds"] !== undefined && {
        authorizerResultTtlInSeconds: Number(authorizer["authorizerResultTtlInSeconds"]),
      }),
    });
    return { type: "CUSTOM", authorizerId: id };
  }

  #gatewayResponses(): void {
    const given = this.#document["x-amazon-apigateway-gateway-responses"];
    for (const [responseType, response] of Object.entries(isObject(given) ? given : {})) {
      addGatewayResponse(this.#tx, this.#context, this.#apiId, {
        responseType: responseType as "DEFAULT_4XX",
        ...(response?.statusCode !== undefined && { statusCode: String(response.statusCode) }),
        ...(response?.responseParameters && { responseParameters: response.responseParameters }),
        ...(response?.responseTemplates && { responseTemplates: response.responseTemplates }),
      });
    }
  }

  /** The resource of a path, made with all that lead to it. */
  #resource(documentPath: string): Resource {
    const path = `${this.#prefix}${documentPath}`.replaceAll(/\/+/g, "/").replace(/(?<=.)\/$/, "");
    let parent = this.#resources.get("/")!;
    let at = "";
    for (const part of path.split("/").filter((one) => one !== "")) {
      at += `/${part}`;
      let next = this.#resources.get(at);
      if (!next) {
        next = addResource(this.#tx, this.#context, this.#apiId, parent, part);
        this.#resources.set(at, next);
      }
      parent = next;
    }
    return parent;
  }

  #method({ path, method, operation, item }: DocumentOperation): void {
    refuseUnknown(`${method} ${path}`, operation, [
      "x-amazon-apigateway-auth",
      "x-amazon-apigateway-integration",
      "x-amazon-apigateway-request-validator",
    ]);
    const resource = this.#resource(path);
    const at = { restApiId: this.#apiId, resourceId: resource.id, httpMethod: method };
    const current = resources.get(this.#tx, this.#context, this.#apiId, resource.id)!;
    if (current.methods[method]) {
      const { [method]: _, ...methods } = current.methods;
      resources.put(this.#tx, this.#context, { ...current, methods }, this.#apiId, resource.id);
    }
    putMethod(this.#tx, { ...at, ...this.#methodInput(operation, item) }, this.#context);
    for (const [statusCode, given] of Object.entries(isObject(operation["responses"]) ? operation["responses"] : {})) {
      if (!/^\d{3}$/.test(statusCode)) continue;
      putMethodResponse(
        this.#tx,
        { ...at, statusCode, ...this.#responseInput(deref(this.#document, given)) },
        this.#context,
      );
    }
    const integration = deref(this.#document, operation["x-amazon-apigateway-integration"]);
    if (isObject(integration)) this.#integration(at, integration);
  }

  #methodInput(operation: Json, item: Json): Omit<InputOf<V1, "PutMethod">, "restApiId" | "resourceId" | "httpMethod"> {
    const requestParameters: Record<string, boolean> = {};
    const requestModels: Record<string, string> = {};
    const shared = Array.isArray(item["parameters"]) ? item["parameters"] : [];
    const own = Array.isArray(operation["parameters"]) ? operation["parameters"] : [];
    for (const given of [...shared, ...own]) {
      const parameter = deref(this.#document, given);
      const place = { query: "querystring", header: "header", path: "path" }[String(parameter?.["in"])];
      if (place)
        requestParameters[`method.request.${place}.${parameter["name"]}`] =
          place === "path" || parameter["required"] === true;
      const model = parameter?.["in"] === "body" ? this.#modelName(parameter["schema"]) : undefined;
      if (model) {
        const consumes = operation["consumes"] ?? this.#document["consumes"] ?? ["application/json"];
        for (const type of consumes) requestModels[type] = model;
      }
    }
    const body = deref(this.#document, operation["requestBody"]);
    for (const [type, media] of Object.entries<any>(isObject(body?.["content"]) ? body["content"] : {})) {
      const model = this.#modelName(media?.schema);
      if (model) requestModels[type] = model;
    }
    const validatorName =
      operation["x-amazon-apigateway-request-validator"] ?? this.#document["x-amazon-apigateway-request-validator"];
    const requestValidatorId = validatorName === undefined ? undefined : this.#validators.get(String(validatorName));
    if (validatorName !== undefined && !requestValidatorId)
      throw new OpenApiError(`Request validator ${validatorName} is not defined`);
    return {
      ...this.#authorization(operation),
      ...(operation["operationId"] !== undefined && { operationName: String(operation["operationId"]) }),
      ...(Object.keys(requestParameters).length > 0 && { requestParameters }),
      ...(Object.keys(requestModels).length > 0 && { requestModels }),
      ...(requestValidatorId && { requestValidatorId }),
    };
  }

  #modelName(schema: unknown): string | undefined {
    const reference = isObject(schema) ? schema["$ref"] : undefined;
    return typeof reference === "string" ? reference.slice(reference.lastIndexOf("/") + 1) : undefined;
  }

  #authorization(
    operation: Json,
  ): Pick<InputOf<V1, "PutMethod">, "authorizationType" | "authorizerId" | "apiKeyRequired"> {
    const auth = operation["x-amazon-apigateway-auth"];
    let authorizationType = isObject(auth) ? String(auth["type"]).toUpperCase() : "NONE";
    let authorizerId: string | undefined;
    let apiKeyRequired = false;
    const security = operation["security"] ?? this.#document["security"];
    for (const requirement of Array.isArray(security) ? security : []) {
      for (const name of Object.keys(isObject(requirement) ? requirement : {})) {
        const scheme = this.#schemes.get(name);
        if (scheme?.type === "API_KEY") apiKeyRequired = true;
        else if (scheme && scheme.type !== "NONE" && !isObject(auth)) {
          authorizationType = scheme.type;
          authorizerId = scheme.authorizerId;
        }
      }
    }
    return { authorizationType, apiKeyRequired, ...(authorizerId && { authorizerId }) };
  }

  #responseInput(response: any): Pick<InputOf<V1, "PutMethodResponse">, "responseParameters" | "responseModels"> {
    const headers = Object.keys(isObject(response?.["headers"]) ? response["headers"] : {});
    const responseModels: Record<string, string> = {};
    const plain = this.#modelName(response?.["schema"]);
    if (plain) responseModels["application/json"] = plain;
    for (const [type, media] of Object.entries<any>(isObject(response?.["content"]) ? response["content"] : {})) {
      const model = this.#modelName(media?.schema);
      if (model) responseModels[type] = model;
    }
    return {
      ...(headers.length > 0 && {
        responseParameters: Object.fromEntries(headers.map((name) => [`method.response.header.${name}`, false])),
      }),
      ...(Object.keys(responseModels).length > 0 && { responseModels }),
    };
  }

  #integration(at: { restApiId: string; resourceId: string; httpMethod: string }, integration: Json): void {
    const known = [
      "cacheKeyParameters",
      "cacheNamespace",
      "connectionId",
      "connectionType",
      "contentHandling",
      "credentials",
      "httpMethod",
      "passthroughBehavior",
      "payloadFormatVersion",
      "requestParameters",
      "requestTemplates",
      "responseTransferMode",
      "responses",
      "timeoutInMillis",
      "type",
      "uri",
    ];
    const unknown = Object.keys(integration).find((name) => !known.includes(name));
    if (unknown) throw notImplemented(`${unknown} in x-amazon-apigateway-integration of a REST API`);
    const { type, httpMethod, uri, credentials, requestParameters, requestTemplates, timeoutInMillis } = integration;
    const upper = (value: unknown) => (value === undefined ? undefined : String(value).toUpperCase());
    putIntegration(
      this.#tx,
      {
        ...at,
        type: upper(type) as "AWS",
        ...(httpMethod !== undefined && {
          integrationHttpMethod:
            String(httpMethod).toLowerCase() === "x-amazon-apigateway-any-method" ? "ANY" : upper(httpMethod)!,
        }),
        ...(uri !== undefined && { uri: String(uri) }),
        ...(credentials && { credentials: String(credentials) }),
        ...(isObject(requestParameters) && { requestParameters }),
        ...(isObject(requestTemplates) && { requestTemplates }),
        ...(integration["passthroughBehavior"] !== undefined && {
          passthroughBehavior: upper(integration["passthroughBehavior"])!,
        }),
        ...(integration["contentHandling"] && {
          contentHandling: upper(integration["contentHandling"]) as "CONVERT_TO_TEXT",
        }),
        ...(timeoutInMillis !== undefined && { timeoutInMillis: Number(timeoutInMillis) }),
        ...(integration["cacheNamespace"] && { cacheNamespace: String(integration["cacheNamespace"]) }),
        ...(Array.isArray(integration["cacheKeyParameters"]) && {
          cacheKeyParameters: integration["cacheKeyParameters"],
        }),
        ...(integration["connectionType"] && { connectionType: upper(integration["connectionType"]) as "INTERNET" }),
        ...(integration["connectionId"] && { connectionId: String(integration["connectionId"]) }),
        ...(integration["responseTransferMode"] && {
          responseTransferMode: upper(integration["responseTransferMode"]) as "BUFFERED",
        }),
      },
      this.#context,
    );
    if (/proxy/i.test(String(type))) return;
    for (const [pattern, response] of Object.entries<any>(
      isObject(integration["responses"]) ? integration["responses"] : {},
    )) {
      putIntegrationResponse(
        this.#tx,
        {
          ...at,
          statusCode: String(response?.statusCode),
          ...(pattern !== "default" && { selectionPattern: pattern }),
          ...(response?.responseParameters && { responseParameters: response.responseParameters }),
          ...(response?.responseTemplates && { responseTemplates: response.responseTemplates }),
          ...(response?.contentHandling && { contentHandling: upper(response.contentHandling) as "CONVERT_TO_TEXT" }),
        },
        this.#context,
      );
    }
  }
}
