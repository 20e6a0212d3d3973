/**
 * CloudFormation resource types of HTTP APIs, as calls to the operations.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html
 */
import type { Readable } from "node:stream";
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";

/** Deletes that find nothing to delete have succeeded. */
async function gone(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof AwsError && error.code === "NotFoundException")) throw error;
  });
}

function definedOnly<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

async function setTags(
  context: ResourceContext,
  ResourceArn: string,
  tags: Readonly<Record<string, string>> | undefined,
  previous: Readonly<Record<string, string>> | undefined,
): Promise<void> {
  const wanted = { ...context.tags, ...tags };
  const TagKeys = Object.keys(previous ?? {}).filter((name) => !(name in wanted));
  if (TagKeys.length > 0) await context.call("apigatewayv2", "UntagResource", { ResourceArn, TagKeys });
  if (Object.keys(wanted).length > 0) await context.call("apigatewayv2", "TagResource", { ResourceArn, Tags: wanted });
}

const apiArn = (context: ResourceContext, apiId: string) => `arn:aws:apigateway:${context.region}::/apis/${apiId}`;

async function bodyOf(context: ResourceContext, properties: ResourceProperties): Promise<string | undefined> {
  if (properties.Body !== undefined) {
    return typeof properties.Body === "string" ? properties.Body : JSON.stringify(properties.Body);
  }
  const location = properties.BodyS3Location;
  if (location === undefined) return undefined;
  const object = await context.call(
    "s3",
    "GetObject",
    definedOnly({
      Bucket: location.Bucket,
      Key: location.Key,
      VersionId: location.Version,
      IfMatch: location.Etag,
    }),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of object.Body as unknown as Readable) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString("utf8");
}

const settings = {
  Name: "string",
  Description: "string",
  Version: "string",
  DisableExecuteApiEndpoint: "boolean",
  IpAddressType: "string",
  RouteSelectionExpression: "string",
  CorsConfiguration: {
    object: {
      AllowCredentials: "boolean",
      AllowHeaders: ["string"],
      AllowMethods: ["string"],
      AllowOrigins: ["string"],
      ExposeHeaders: ["string"],
      MaxAge: "integer",
    },
  },
} as const;

function apiSettings(properties: ResourceProperties): Record<string, unknown> {
  return definedOnly(Object.fromEntries(Object.keys(settings).map((name) => [name, properties[name]])));
}

async function describeApi(context: ResourceContext, ApiId: string): Promise<ResourceState> {
  const api = await context.call("apigatewayv2", "GetApi", { ApiId });
  return { id: ApiId, attributes: { ApiId, ApiEndpoint: api.ApiEndpoint } };
}

const api: ResourceType = {
  properties: {
    ...settings,
    ProtocolType: "string",
    Body: "json",
    BodyS3Location: { object: { Bucket: "string", Key: "string", Version: "string", Etag: "string" } },
    BasePath: "string",
    FailOnWarnings: "boolean",
    Target: "string",
    RouteKey: "string",
    CredentialsArn: "string",
    Tags: { map: "string" },
  },
  replacement: ["ProtocolType"],
  attributes: ["ApiId", "ApiEndpoint"],
  async create(context, properties) {
    const Body = await bodyOf(context, properties);
    let apiId: string;
    if (Body !== undefined) {
      const imported = await context.call(
        "apigatewayv2",
        "ImportApi",
        definedOnly({
          Body,
          Basepath: properties.BasePath,
          FailOnWarnings: properties.FailOnWarnings,
        }),
      );
      apiId = imported.ApiId!;
      const given = apiSettings(properties);
      if (Object.keys(given).length > 0) await context.call("apigatewayv2", "UpdateApi", { ApiId: apiId, ...given });
    } else {
      const { Target, RouteKey, CredentialsArn, ProtocolType } = properties;
      const created = await context.call(
        "apigatewayv2",
        "CreateApi",
        definedOnly({
          ...apiSettings(properties),
          Name: properties.Name,
          ProtocolType,
          Target,
          RouteKey,
          CredentialsArn,
        }),
      );
      apiId = created.ApiId!;
    }
    await setTags(context, apiArn(context, apiId), properties.Tags, undefined);
    return describeApi(context, apiId);
  },
  async update(context, id, properties, previous) {
    const Body = await bodyOf(context, properties);
    if (Body !== undefined) {
      await context.call(
        "apigatewayv2",
        "ReimportApi",
        definedOnly({
          ApiId: id,
          Body,
          Basepath: properties.BasePath,
          FailOnWarnings: properties.FailOnWarnings,
        }),
      );
    }
    if (previous.CorsConfiguration && !properties.CorsConfiguration && Body === undefined) {
      await context.call("apigatewayv2", "DeleteCorsConfiguration", { ApiId: id });
    }
    const { Target, RouteKey, CredentialsArn } = properties;
    const given = definedOnly({ ...apiSettings(properties), Target, RouteKey, CredentialsArn });
    if (Object.keys(given).length > 0) await context.call("apigatewayv2", "UpdateApi", { ApiId: id, ...given });
    await setTags(context, apiArn(context, id), properties.Tags, previous.Tags);
    return describeApi(context, id);
  },
  delete: (context, ApiId) => gone(context.call("apigatewayv2", "DeleteApi", { ApiId })),
};

const routeSettings = {
  object: {
    DataTraceEnabled: "boolean",
    DetailedMetricsEnabled: "boolean",
    LoggingLevel: "string",
    ThrottlingBurstLimit: "integer",
    ThrottlingRateLimit: "number",
  },
} as const;

const stage: ResourceType = {
  properties: {
    ApiId: "string",
    StageName: "string",
    AutoDeploy: "boolean",
    DeploymentId: "string",
    Description: "string",
    DefaultRouteSettings: routeSettings,
    RouteSettings: { map: routeSettings },
    StageVariables: { map: "string" },
    Tags: { map: "string" },
  },
  required: ["ApiId", "StageName"],
  replacement: ["ApiId", "StageName"],
  nameProperty: "StageName",
  async create(context, properties) {
    const { Tags, ...members } = properties;
    await context.call("apigatewayv2", "CreateStage", { ...members, Tags: { ...context.tags, ...Tags } });
    return { id: properties.StageName, attributes: {} };
  },
  async update(context, id, properties, previous) {
    const { Tags, ApiId, StageName: _, ...members } = properties;
    const removed = Object.keys(previous.StageVariables ?? {}).filter(
      (name) => !(name in (properties.StageVariables ?? {})),
    );
    for (const RouteKey of Object.keys(previous.RouteSettings ?? {})) {
      if (RouteKey in (properties.RouteSettings ?? {})) continue;
      await gone(context.call("apigatewayv2", "DeleteRouteSettings", { ApiId, StageName: id, RouteKey }));
    }
    await context.call("apigatewayv2", "UpdateStage", {
      ...members,
      ApiId,
      StageName: id,
      StageVariables: { ...Object.fromEntries(removed.map((name) => [name, ""])), ...properties.StageVariables },
    });
    await setTags(context, `${apiArn(context, ApiId)}/stages/${encodeURIComponent(id)}`, Tags, previous.Tags);
    return { id, attributes: {} };
  },
  delete: (context, StageName, { ApiId }) => gone(context.call("apigatewayv2", "DeleteStage", { ApiId, StageName })),
};

const deployment: ResourceType = {
  properties: { ApiId: "string", Description: "string", StageName: "string" },
  required: ["ApiId"],
  replacement: ["ApiId"],
  attributes: ["DeploymentId"],
  async create(context, properties) {
    const made = await context.call("apigatewayv2", "CreateDeployment", properties);
    return { id: made.DeploymentId!, attributes: { DeploymentId: made.DeploymentId } };
  },
  async update(context, id, { ApiId, Description, StageName }) {
    await context.call("apigatewayv2", "UpdateDeployment", definedOnly({ ApiId, DeploymentId: id, Description }));
    if (StageName !== undefined) {
      await context.call("apigatewayv2", "UpdateStage", { ApiId, StageName, DeploymentId: id });
    }
    return { id, attributes: { DeploymentId: id } };
  },
  delete: (context, DeploymentId, { ApiId }) =>
    gone(context.call("apigatewayv2", "DeleteDeployment", { ApiId, DeploymentId })),
};

const route: ResourceType = {
  properties: {
    ApiId: "string",
    RouteKey: "string",
    Target: "string",
    ApiKeyRequired: "boolean",
    AuthorizationType: "string",
    AuthorizationScopes: ["string"],
    AuthorizerId: "string",
    OperationName: "string",
  },
  required: ["ApiId", "RouteKey"],
  replacement: ["ApiId"],
  attributes: ["RouteId"],
  async create(context, properties) {
    const made = await context.call("apigatewayv2", "CreateRoute", properties);
    return { id: made.RouteId!, attributes: { RouteId: made.RouteId } };
  },
  async update(context, id, properties, previous) {
    await context.call("apigatewayv2", "UpdateRoute", {
      ...properties,
      RouteId: id,
      AuthorizationType: properties.AuthorizationType ?? (previous.AuthorizationType ? "NONE" : undefined),
      AuthorizationScopes: properties.AuthorizationScopes ?? (previous.AuthorizationScopes ? [] : undefined),
    });
    return { id, attributes: { RouteId: id } };
  },
  delete: (context, RouteId, { ApiId }) => gone(context.call("apigatewayv2", "DeleteRoute", { ApiId, RouteId })),
};

/** CloudFormation gives response parameters as lists of destination and source. */
function integrationMembers(properties: ResourceProperties): ResourceProperties {
  const { ResponseParameters, ...members } = properties;
  if (ResponseParameters === undefined) return members;
  const flat = Object.entries(ResponseParameters).map(([status, given]: [string, any]) => [
    status,
    Array.isArray(given?.ResponseParameters)
      ? Object.fromEntries(given.ResponseParameters.map((one: any) => [one.Destination, one.Source]))
      : given,
  ]);
  return { ...members, ResponseParameters: Object.fromEntries(flat) };
}

const integration: ResourceType = {
  properties: {
    ApiId: "string",
    ConnectionType: "string",
    CredentialsArn: "string",
    Description: "string",
    IntegrationMethod: "string",
    IntegrationSubtype: "string",
    IntegrationType: "string",
    IntegrationUri: "string",
    PayloadFormatVersion: "string",
    RequestParameters: { map: "string" },
    ResponseParameters: "json",
    TimeoutInMillis: "integer",
  },
  required: ["ApiId", "IntegrationType"],
  replacement: ["ApiId"],
  attributes: ["IntegrationId"],
  async create(context, properties) {
    const made = await context.call("apigatewayv2", "CreateIntegration", integrationMembers(properties));
    return { id: made.IntegrationId!, attributes: { IntegrationId: made.IntegrationId } };
  },
  async update(context, id, properties, previous) {
    const now = integrationMembers(properties);
    const before = integrationMembers(previous);
    const removed = Object.keys(before.RequestParameters ?? {}).filter(
      (name) => !(name in (now.RequestParameters ?? {})),
    );
    const responses: Record<string, Record<string, string>> = {};
    for (const [status, given] of Object.entries<Record<string, string>>(before.ResponseParameters ?? {})) {
      const kept = now.ResponseParameters?.[status];
      responses[status] = kept ? Object.fromEntries(Object.keys(given).map((name) => [name, ""])) : {};
    }
    for (const [status, given] of Object.entries<Record<string, string>>(now.ResponseParameters ?? {})) {
      responses[status] = { ...responses[status], ...given };
    }
    await context.call("apigatewayv2", "UpdateIntegration", {
      ...now,
      IntegrationId: id,
      ...(before.CredentialsArn && !now.CredentialsArn && { CredentialsArn: "" }),
      RequestParameters: { ...Object.fromEntries(removed.map((name) => [name, ""])), ...now.RequestParameters },
      ResponseParameters: responses,
    });
    return { id, attributes: { IntegrationId: id } };
  },
  delete: (context, IntegrationId, { ApiId }) =>
    gone(context.call("apigatewayv2", "DeleteIntegration", { ApiId, IntegrationId })),
};

const authorizer: ResourceType = {
  properties: {
    ApiId: "string",
    AuthorizerCredentialsArn: "string",
    AuthorizerPayloadFormatVersion: "string",
    AuthorizerResultTtlInSeconds: "integer",
    AuthorizerType: "string",
    AuthorizerUri: "string",
    EnableSimpleResponses: "boolean",
    IdentitySource: ["string"],
    JwtConfiguration: { object: { Audience: ["string"], Issuer: "string" } },
    Name: "string",
  },
  required: ["ApiId", "AuthorizerType", "Name"],
  replacement: ["ApiId", "AuthorizerType"],
  attributes: ["AuthorizerId"],
  async create(context, properties) {
    const made = await context.call("apigatewayv2", "CreateAuthorizer", properties);
    return { id: made.AuthorizerId!, attributes: { AuthorizerId: made.AuthorizerId } };
  },
  async update(context, id, properties) {
    await context.call("apigatewayv2", "UpdateAuthorizer", { ...properties, AuthorizerId: id });
    return { id, attributes: { AuthorizerId: id } };
  },
  delete: (context, AuthorizerId, { ApiId }) =>
    gone(context.call("apigatewayv2", "DeleteAuthorizer", { ApiId, AuthorizerId })),
};

export const resources: Readonly<Record<`AWS::${string}`, ResourceType>> = {
  "AWS::ApiGatewayV2::Api": api,
  "AWS::ApiGatewayV2::Authorizer": authorizer,
  "AWS::ApiGatewayV2::Deployment": deployment,
  "AWS::ApiGatewayV2::Integration": integration,
  "AWS::ApiGatewayV2::Route": route,
  "AWS::ApiGatewayV2::Stage": stage,
};
