/** AWS::ApiGateway::Authorizer, ::GatewayResponse, ::Model and ::RequestValidator. */
import type { ResourceType } from "../../resources.ts";
import { definedOnly, gone, scalarPatches } from "./common.ts";

const authorizer: ResourceType = {
  properties: {
    AuthType: "string",
    AuthorizerCredentials: "string",
    AuthorizerResultTtlInSeconds: "integer",
    AuthorizerUri: "string",
    IdentitySource: "string",
    IdentityValidationExpression: "string",
    Name: "string",
    RestApiId: "string",
    Type: "string",
  },
  required: ["Name", "RestApiId", "Type"],
  replacement: ["RestApiId"],
  attributes: ["AuthorizerId"],
  async create(context, properties) {
    const made = await context.call(
      "apigateway",
      "CreateAuthorizer",
      definedOnly({
        restApiId: properties.RestApiId,
        name: properties.Name,
        type: properties.Type,
        authType: properties.AuthType,
        authorizerUri: properties.AuthorizerUri,
        authorizerCredentials: properties.AuthorizerCredentials,
        identitySource: properties.IdentitySource,
        identityValidationExpression: properties.IdentityValidationExpression,
        authorizerResultTtlInSeconds: properties.AuthorizerResultTtlInSeconds,
      }),
    );
    return { id: made.id!, attributes: { AuthorizerId: made.id } };
  },
  async update(context, id, properties, previous) {
    const patchOperations = scalarPatches(
      {
        Name: "/name",
        Type: "/type",
        AuthType: "/authType",
        AuthorizerUri: "/authorizerUri",
        AuthorizerCredentials: "/authorizerCredentials",
        IdentitySource: "/identitySource",
        IdentityValidationExpression: "/identityValidationExpression",
        AuthorizerResultTtlInSeconds: "/authorizerResultTtlInSeconds",
      },
      properties,
      previous,
    );
    if (patchOperations.length > 0) {
      await context.call("apigateway", "UpdateAuthorizer", {
        restApiId: properties.RestApiId,
        authorizerId: id,
        patchOperations,
      });
    }
    return { id, attributes: { AuthorizerId: id } };
  },
  delete: (context, authorizerId, { RestApiId }) =>
    gone(context.call("apigateway", "DeleteAuthorizer", { restApiId: RestApiId, authorizerId })),
};

const gatewayResponse: ResourceType = {
  properties: {
    ResponseParameters: { map: "string" },
    ResponseTemplates: { map: "string" },
    ResponseType: "string",
    RestApiId: "string",
    StatusCode: "string",
  },
  required: ["ResponseType", "RestApiId"],
  replacement: ["ResponseType", "RestApiId"],
  attributes: ["Id"],
  async create(context, properties) {
    const { RestApiId: restApiId, ResponseType: responseType } = properties;
    await context.call(
      "apigateway",
      "PutGatewayResponse",
      definedOnly({
        restApiId,
        responseType,
        statusCode: properties.StatusCode,
        responseParameters: properties.ResponseParameters,
        responseTemplates: properties.ResponseTemplates,
      }),
    );
    const id = `${restApiId}-${responseType}`;
    return { id, attributes: { Id: id } };
  },
  update: (context, _id, properties) => gatewayResponse.create(context, properties),
  delete: (context, _id, { RestApiId, ResponseType }) =>
    gone(context.call("apigateway", "DeleteGatewayResponse", { restApiId: RestApiId, responseType: ResponseType })),
};

const model: ResourceType = {
  properties: { ContentType: "string", Description: "string", Name: "string", RestApiId: "string", Schema: "json" },
  required: ["RestApiId"],
  replacement: ["ContentType", "Name", "RestApiId"],
  nameProperty: "Name",
  async create(context, properties) {
    const name: string = properties.Name ?? context.physicalName(64).replaceAll(/[^A-Za-z0-9]/g, "");
    await context.call(
      "apigateway",
      "CreateModel",
      definedOnly({
        restApiId: properties.RestApiId,
        name,
        contentType: properties.ContentType ?? "application/json",
        description: properties.Description,
        schema: schemaText(properties.Schema),
      }),
    );
    return { id: name, attributes: {} };
  },
  async update(context, id, properties, previous) {
    const patchOperations = scalarPatches(
      { Description: "/description", Schema: "/schema" },
      { ...properties, Schema: schemaText(properties.Schema) },
      { ...previous, Schema: schemaText(previous.Schema) },
    );
    if (patchOperations.length > 0) {
      await context.call("apigateway", "UpdateModel", {
        restApiId: properties.RestApiId,
        modelName: id,
        patchOperations,
      });
    }
    return { id, attributes: {} };
  },
  delete: (context, modelName, { RestApiId }) =>
    gone(context.call("apigateway", "DeleteModel", { restApiId: RestApiId, modelName })),
};

function schemaText(schema: unknown): string {
  if (schema === undefined) return "{}";
  return typeof schema === "string" ? schema : JSON.stringify(schema);
}

const requestValidator: ResourceType = {
  properties: {
    Name: "string",
    RestApiId: "string",
    ValidateRequestBody: "boolean",
    ValidateRequestParameters: "boolean",
  },
  required: ["RestApiId"],
  replacement: ["Name", "RestApiId"],
  attributes: ["RequestValidatorId"],
  async create(context, properties) {
    const made = await context.call(
      "apigateway",
      "CreateRequestValidator",
      definedOnly({
        restApiId: properties.RestApiId,
        name: properties.Name,
        validateRequestBody: properties.ValidateRequestBody,
        validateRequestParameters: properties.ValidateRequestParameters,
      }),
    );
    return { id: made.id!, attributes: { RequestValidatorId: made.id } };
  },
  async update(context, id, properties) {
    await context.call("apigateway", "UpdateRequestValidator", {
      restApiId: properties.RestApiId,
      requestValidatorId: id,
      patchOperations: [
        { op: "replace", path: "/validateRequestBody", value: String(properties.ValidateRequestBody ?? false) },
        {
          op: "replace",
          path: "/validateRequestParameters",
          value: String(properties.ValidateRequestParameters ?? false),
        },
      ],
    });
    return { id, attributes: { RequestValidatorId: id } };
  },
  delete: (context, requestValidatorId, { RestApiId }) =>
    gone(context.call("apigateway", "DeleteRequestValidator", { restApiId: RestApiId, requestValidatorId })),
};

export const gatewayResources = {
  "AWS::ApiGateway::Authorizer": authorizer,
  "AWS::ApiGateway::GatewayResponse": gatewayResponse,
  "AWS::ApiGateway::Model": model,
  "AWS::ApiGateway::RequestValidator": requestValidator,
} as const;
