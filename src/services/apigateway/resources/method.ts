/** AWS::ApiGateway::Method: a method with its responses, its integration and that one's responses. */
import type { ResourceContext, ResourceProperties, ResourceType } from "../../resources.ts";
import { definedOnly, gone } from "./common.ts";

interface At {
  readonly restApiId: string;
  readonly resourceId: string;
  readonly httpMethod: string;
}

const placeOf = (properties: ResourceProperties): At => ({
  restApiId: properties.RestApiId,
  resourceId: properties.ResourceId,
  httpMethod: properties.HttpMethod,
});

async function put(context: ResourceContext, properties: ResourceProperties): Promise<void> {
  const at = placeOf(properties);
  await context.call(
    "apigateway",
    "PutMethod",
    definedOnly({
      ...at,
      authorizationType: properties.AuthorizationType ?? "NONE",
      authorizerId: properties.AuthorizerId,
      apiKeyRequired: properties.ApiKeyRequired,
      operationName: properties.OperationName,
      requestParameters: properties.RequestParameters,
      requestModels: properties.RequestModels,
      requestValidatorId: properties.RequestValidatorId,
      authorizationScopes: properties.AuthorizationScopes,
    }),
  );
  for (const { StatusCode, ResponseParameters, ResponseModels } of properties.MethodResponses ?? []) {
    await context.call(
      "apigateway",
      "PutMethodResponse",
      definedOnly({
        ...at,
        statusCode: String(StatusCode),
        responseParameters: ResponseParameters,
        responseModels: ResponseModels,
      }),
    );
  }
  const { Integration } = properties;
  if (Integration) await putIntegration(context, at, Integration);
}

async function putIntegration(context: ResourceContext, at: At, integration: ResourceProperties): Promise<void> {
  await context.call(
    "apigateway",
    "PutIntegration",
    definedOnly({
      ...at,
      type: integration.Type,
      integrationHttpMethod: integration.IntegrationHttpMethod,
      uri: integration.Uri,
      connectionType: integration.ConnectionType,
      credentials: integration.Credentials,
      requestParameters: integration.RequestParameters,
      requestTemplates: integration.RequestTemplates,
      passthroughBehavior: integration.PassthroughBehavior,
      cacheNamespace: integration.CacheNamespace,
      cacheKeyParameters: integration.CacheKeyParameters,
      contentHandling: integration.ContentHandling,
      timeoutInMillis: integration.TimeoutInMillis,
    }),
  );
  for (const response of integration.IntegrationResponses ?? []) {
    await context.call(
      "apigateway",
      "PutIntegrationResponse",
      definedOnly({
        ...at,
        statusCode: String(response.StatusCode),
        selectionPattern: response.SelectionPattern,
        responseParameters: response.ResponseParameters,
        responseTemplates: response.ResponseTemplates,
        contentHandling: response.ContentHandling,
      }),
    );
  }
}

export const methodResource: ResourceType = {
  properties: {
    ApiKeyRequired: "boolean",
    AuthorizationScopes: ["string"],
    AuthorizationType: "string",
    AuthorizerId: "string",
    HttpMethod: "string",
    Integration: {
      object: {
        CacheKeyParameters: ["string"],
        CacheNamespace: "string",
        ConnectionType: "string",
        ContentHandling: "string",
        Credentials: "string",
        IntegrationHttpMethod: "string",
        IntegrationResponses: [
          {
            object: {
              ContentHandling: "string",
              ResponseParameters: { map: "string" },
              ResponseTemplates: { map: "string" },
              SelectionPattern: "string",
              StatusCode: "string",
            },
          },
        ],
        PassthroughBehavior: "string",
        RequestParameters: { map: "string" },
        RequestTemplates: { map: "string" },
        TimeoutInMillis: "integer",
        Type: "string",
        Uri: "string",
      },
    },
    MethodResponses: [
      {
        object: { ResponseModels: { map: "string" }, ResponseParameters: { map: "boolean" }, StatusCode: "string" },
      },
    ],
    OperationName: "string",
    RequestModels: { map: "string" },
    RequestParameters: { map: "boolean" },
    RequestValidatorId: "string",
    ResourceId: "string",
    RestApiId: "string",
  },
  required: ["HttpMethod", "ResourceId", "RestApiId"],
  replacement: ["HttpMethod", "ResourceId", "RestApiId"],
  async create(context, properties) {
    await put(context, properties);
    const { restApiId, resourceId, httpMethod } = placeOf(properties);
    return { id: `${restApiId}-${resourceId}-${httpMethod}`, attributes: {} };
  },
  // Made anew: nothing is live before the next deployment, so nobody sees it missing.
  async update(context, id, properties) {
    await gone(context.call("apigateway", "DeleteMethod", placeOf(properties)));
    await put(context, properties);
    return { id, attributes: {} };
  },
  delete: (context, _id, properties) => gone(context.call("apigateway", "DeleteMethod", placeOf(properties))),
};
