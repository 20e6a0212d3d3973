/** GetExport: a deployed stage as a Swagger 2 or OpenAPI 3 document. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-export-api.html */
import { stringify } from "yaml";
import type { Transaction } from "../../storage/transaction.ts";
import type { Json } from "../apigateway-common/openapi.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { badRequest, deploymentNotFound } from "./errors.ts";
import { requireApi } from "./rest-apis.ts";
import { requireStage } from "./stages.ts";
import {
  type Authorizer,
  deployments,
  type Integration,
  type Method,
  type Resource,
  type RestApi,
  type Snapshot,
} from "./state.ts";

type V1 = "apigateway";

export function getExport(
  tx: Transaction,
  input: InputOf<V1, "GetExport">,
  context: OperationContext,
): OutputOf<V1, "GetExport"> {
  const { apiId, stage } = requireStage(tx, context, input);
  const api = requireApi(tx, context, apiId);
  if (input.exportType !== "swagger" && input.exportType !== "oas30") {
    throw badRequest("Invalid export type specified. Must be one of [swagger, oas30]");
  }
  const deployment = deployments.get(tx, context, apiId, stage.deploymentId);
  if (!deployment) throw deploymentNotFound();
  const extensions = new Set((input.parameters?.["extensions"] ?? "").split(",").map((name) => name.trim()));
  if (extensions.has("apigateway")) for (const name of ["integrations", "authorizers"]) extensions.add(name);
  const is3 = input.exportType === "oas30";
  const document = toDocument(api, deployment.snapshot, stage.stageName, is3, extensions, context);
  const yaml = input.accepts === "application/yaml" || input.accepts === "application/x-yaml";
  return {
    body: Buffer.from(yaml ? stringify(document) : JSON.stringify(document, undefined, 2)) as never,
    contentType: yaml ? "application/yaml" : "application/json",
    contentDisposition: `attachment; filename="${input.exportType}_${new Date(context.nowMs).toISOString()}.${yaml ? "yaml" : "json"}"`,
  };
}

function toDocument(
  api: RestApi,
  snapshot: Snapshot,
  stage: string,
  is3: boolean,
  extensions: ReadonlySet<string>,
  context: OperationContext,
): Json {
  const all = extensions.has("apigateway");
  const authorizers = new Map(snapshot.authorizers.map((one) => [one.id, one]));
  const validators = new Map(snapshot.validators.map((one) => [one.id, one]));
  const paths: Record<string, Json> = {};
  for (const resource of snapshot.resources) {
    for (const method of Object.values(resource.methods)) {
      const verb = method.httpMethod === "ANY" ? "x-amazon-apigateway-any-method" : method.httpMethod.toLowerCase();
      const validator = method.requestValidatorId === undefined ? undefined : validators.get(method.requestValidatorId);
      paths[resource.path] ??= {};
      paths[resource.path]![verb] = {
        ...exportedMethod(resource, method, is3),
        ...securityOf(method, authorizers),
        ...(all && validator && { "x-amazon-apigateway-request-validator": validator.name }),
        ...(extensions.has("integrations") &&
          method.methodIntegration && {
            "x-amazon-apigateway-integration": exportedIntegration(method.methodIntegration),
          }),
      };
    }
  }
  const schemas = Object.fromEntries(
    snapshot.models.filter((one) => one.schema).map((one) => [one.name, JSON.parse(one.schema!)]),
  );
  const schemes = securitySchemes(snapshot, extensions.has("authorizers"));
  const host = new URL(context.endpoint).host;
  return {
    ...(is3 ? { openapi: "3.0.1" } : { swagger: "2.0" }),
    info: {
      title: api.name,
      ...(api.description !== undefined && { description: api.description }),
      version: api.version ?? new Date(api.createdMs).toISOString(),
    },
    ...(is3
      ? {
          servers: [
            { url: `http://${api.id}.execute-api.${host}/{basePath}`, variables: { basePath: { default: stage } } },
          ],
        }
      : { host: `${api.id}.execute-api.${host}`, basePath: `/${stage}`, schemes: ["http"] }),
    paths,
    ...(is3
      ? {
          components: {
            ...(Object.keys(schemas).length > 0 && { schemas }),
            ...(Object.keys(schemes).length > 0 && { securitySchemes: schemes }),
          },
        }
      : {
          ...(Object.keys(schemes).length > 0 && { securityDefinitions: schemes }),
          ...(Object.keys(schemas).length > 0 && { definitions: schemas }),
        }),
    ...(all && apiExtensions(api, snapshot)),
  };
}

function apiExtensions(api: RestApi, snapshot: Snapshot): Json {
  return {
    ...(snapshot.binaryMediaTypes.length > 0 && {
      "x-amazon-apigateway-binary-media-types": [...snapshot.binaryMediaTypes],
    }),
    ...(api.apiKeySource !== "HEADER" && { "x-amazon-apigateway-api-key-source": api.apiKeySource }),
    ...(snapshot.policy !== undefined && { "x-amazon-apigateway-policy": JSON.parse(snapshot.policy) }),
    ...(snapshot.validators.length > 0 && {
      "x-amazon-apigateway-request-validators": Object.fromEntries(
        snapshot.validators.map(({ id: _, name, ...validator }) => [name, validator]),
      ),
    }),
    ...(snapshot.gatewayResponses.length > 0 && {
      "x-amazon-apigateway-gateway-responses": Object.fromEntries(
        snapshot.gatewayResponses.map(({ responseType, statusCode, ...response }) => [
          responseType,
          { ...(statusCode !== undefined && { statusCode: Number(statusCode) }), ...response },
        ]),
      ),
    }),
  };
}

function exportedMethod(resource: Resource, method: Method, is3: boolean): Json {
  const parameters: Json[] = [];
  const declared = new Map(Object.entries(method.requestParameters ?? {}));
  for (const [, name] of resource.path.matchAll(/\{([^}+]+)\+?\}/g)) declared.set(`method.request.path.${name}`, true);
  for (const [expression, required] of declared) {
    const [, place = "", name] = /^method\.request\.(\w+)\.(.+)$/.exec(expression) ?? [];
    const where = { querystring: "query", header: "header", path: "path" }[place];
    if (!where) continue;
    parameters.push({ name, in: where, required, ...(is3 ? { schema: { type: "string" } } : { type: "string" }) });
  }
  const models = Object.entries(method.requestModels ?? {});
  const reference = (name: string) => ({ $ref: is3 ? `#/components/schemas/${name}` : `#/definitions/${name}` });
  if (!is3 && models[0])
    parameters.push({ in: "body", name: models[0][1], required: true, schema: reference(models[0][1]) });
  const responses = Object.values(method.methodResponses).map((response) => {
    const headers = Object.keys(response.responseParameters ?? {}).map((name) => [
      name.slice("method.response.header.".length),
      is3 ? { schema: { type: "string" } } : { type: "string" },
    ]);
    const content = Object.entries(response.responseModels ?? {});
    return [
      response.statusCode,
      {
        description: `${response.statusCode} response`,
        ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
        ...(is3
          ? { content: Object.fromEntries(content.map(([type, name]) => [type, { schema: reference(name) }])) }
          : content[0] && { schema: reference(content[0][1]) }),
      },
    ];
  });
  return {
    ...(method.operationName !== undefined && { operationId: method.operationName }),
    ...(!is3 && models.length > 0 && { consumes: models.map(([type]) => type) }),
    ...(parameters.length > 0 && { parameters }),
    ...(is3 &&
      models.length > 0 && {
        requestBody: {
          content: Object.fromEntries(models.map(([type, name]) => [type, { schema: reference(name) }])),
          required: true,
        },
      }),
    responses: Object.fromEntries(responses),
  };
}

const SIGV4 = "sigv4";
const API_KEY = "api_key";

function securityOf(method: Method, authorizers: ReadonlyMap<string, Authorizer>): Json {
  const authorizer = method.authorizerId === undefined ? undefined : authorizers.get(method.authorizerId);
  const security = [
    ...(method.authorizationType === "AWS_IAM" ? [{ [SIGV4]: [] }] : []),
    ...(authorizer ? [{ [authorizer.name]: [] }] : []),
    ...(method.apiKeyRequired ? [{ [API_KEY]: [] }] : []),
  ];
  return security.length > 0 ? { security } : {};
}

function securitySchemes(snapshot: Snapshot, extensions: boolean): Json {
  const methods = snapshot.resources.flatMap((resource) => Object.values(resource.methods));
  const schemes: Json = {};
  if (methods.some((method) => method.apiKeyRequired))
    schemes[API_KEY] = { type: "apiKey", name: "x-api-key", in: "header" };
  if (methods.some((method) => method.authorizationType === "AWS_IAM")) {
    schemes[SIGV4] = {
      type: "apiKey",
      name: "Authorization",
      in: "header",
      "x-amazon-apigateway-authtype": "awsSigv4",
    };
  }
  for (const { id: _, name, type, authType, ...authorizer } of snapshot.authorizers) {
    schemes[name] = {
      type: "apiKey",
      name: /^method\.request\.header\.(\S+)$/.exec(authorizer.identitySource ?? "")?.[1] ?? "Unused",
      in: "header",
      "x-amazon-apigateway-authtype": authType ?? "custom",
      ...(extensions && { "x-amazon-apigateway-authorizer": { type: type.toLowerCase(), ...authorizer } }),
    };
  }
  return schemes;
}

function exportedIntegration(integration: Integration): Json {
  const {
    type,
    passthroughBehavior,
    integrationResponses,
    cacheNamespace: _,
    cacheKeyParameters: __,
    ...members
  } = integration;
  return {
    type: type.toLowerCase(),
    ...members,
    passthroughBehavior: passthroughBehavior.toLowerCase(),
    responses: Object.fromEntries(
      Object.values(integrationResponses).map(({ selectionPattern, ...response }) => [
        selectionPattern ?? "default",
        response,
      ]),
    ),
  };
}
