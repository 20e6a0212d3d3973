/** AWS::Serverless::Api → REST API, deployment, stage. @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html */
import { isObject, type Value, type ValueObject } from "../template/values.ts";
import { type ApiRoutes, pathsOf, withConditions } from "./apis.ts";
import { invalidResource } from "./errors.ts";
import { type Draft, hash, isIntrinsic, present, ref, s3Location, tagList } from "./shapes.ts";
import type { Work } from "./work.ts";

/** Handed to the REST API as they are. */
const PASSED = [
  "ApiKeySourceType",
  "BinaryMediaTypes",
  "Description",
  "FailOnWarnings",
  "MinimumCompressionSize",
  "Mode",
  "Name",
] as const;
/** Handed to the stage. */
const STAGE = [
  "AccessLogSetting",
  "CacheClusterEnabled",
  "CacheClusterSize",
  "CanarySetting",
  "MethodSettings",
  "TracingEnabled",
  "Variables",
] as const;

export const REST_API_PROPERTIES = {
  known: [
    ...PASSED,
    ...STAGE,
    "AlwaysDeploy",
    "Cors",
    "DefinitionBody",
    "DefinitionUri",
    "DisableExecuteApiEndpoint",
    "EndpointConfiguration",
    "OpenApiVersion",
    "PropagateTags",
    "StageName",
    "Tags",
  ],
  unsupported: [
    "Auth",
    "Domain",
    "EndpointAccessMode",
    "GatewayResponses",
    "MergeDefinitions",
    "Models",
    "Policy",
    "SecurityPolicy",
  ],
};

/** The end of a stage's logical id and of permissions; undefined when the name is not known now. */
export function restStageSuffix(properties: ValueObject): string | undefined {
  const name = properties["StageName"];
  return typeof name === "string" && /^[A-Za-z0-9]+$/.test(name) ? name : undefined;
}

export function makeRestApi(work: Work, routes: ApiRoutes): void {
  const { resource } = routes;
  const { logicalId, properties } = resource;
  const stageName = properties["StageName"];
  if (stageName === undefined) throw invalidResource(logicalId, "Missing required property 'StageName'.");
  const definition = definitionOf(work, routes);
  const location = properties["DefinitionUri"] === undefined ? undefined : s3Location(properties["DefinitionUri"]);
  if (properties["DefinitionUri"] !== undefined && !location) {
    throw invalidResource(
      logicalId,
      "'DefinitionUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.",
    );
  }
  const endpoint = endpointConfiguration(logicalId, properties["EndpointConfiguration"]);
  const api: Draft = present({ Body: definition, BodyS3Location: location, ...endpoint });
  for (const name of PASSED) if (properties[name] !== undefined) api[name] = properties[name];
  if (properties["DisableExecuteApiEndpoint"] !== undefined) {
    api["DisableExecuteApiEndpoint"] = properties["DisableExecuteApiEndpoint"];
  }
  work.add(resource, logicalId, "AWS::ApiGateway::RestApi", api, { dependsOn: true });

  const digest = hash(definition ?? location, 40);
  const deploymentId = `${logicalId}Deployment${digest.slice(0, 10)}`;
  // SAM's deployments make a stage named Stage besides the one that is asked for, unless the OpenAPI version is given.
  const extraStage = properties["OpenApiVersion"] === undefined ? { StageName: "Stage" } : {};
  work.add(resource, deploymentId, "AWS::ApiGateway::Deployment", {
    Description: `RestApi deployment id: ${digest}`,
    RestApiId: ref(logicalId),
    ...extraStage,
  });
  const stage: Draft = {
    DeploymentId: ref(deploymentId),
    RestApiId: ref(logicalId),
    StageName: stageName,
  };
  for (const name of STAGE) if (properties[name] !== undefined) stage[name] = properties[name];
  if (properties["Tags"] !== undefined) stage["Tags"] = tagList(properties["Tags"]);
  const stageId =
    typeof stageName !== "string"
      ? `${logicalId}Stage`
      : /^[A-Za-z0-9]+$/.test(stageName)
        ? `${logicalId}${stageName}Stage`
        : `${logicalId}Stage${hash(stageName)}`;
  work.add(resource, stageId, "AWS::ApiGateway::Stage", stage);
  work.refer(`${logicalId}.Stage`, stageId);
  work.refer(`${logicalId}.Deployment`, deploymentId);
}

function definitionOf(work: Work, routes: ApiRoutes): Draft | undefined {
  const { logicalId, properties } = routes.resource;
  const { DefinitionBody, DefinitionUri, Cors, OpenApiVersion } = properties;
  if (DefinitionUri !== undefined) {
    if (DefinitionBody !== undefined) {
      throw invalidResource(logicalId, "Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.");
    }
    if (Cors !== undefined) {
      throw invalidResource(logicalId, "Cors works only with inline Swagger specified in 'DefinitionBody' property.");
    }
    return undefined;
  }
  if (DefinitionBody !== undefined && !isObject(DefinitionBody)) {
    throw invalidResource(logicalId, "'DefinitionBody' must be a map.");
  }
  const version = OpenApiVersion === undefined ? { swagger: "2.0" } : { openapi: String(OpenApiVersion) };
  const body: Draft = DefinitionBody
    ? structuredClone(DefinitionBody as Draft)
    : { info: { version: "1.0", title: { Ref: "AWS::StackName" } }, paths: pathsOf(routes), ...version };
  if (Cors !== undefined) addCors(logicalId, body, Cors);
  const paths = body["paths"];
  if (routes.managed && isObject(paths)) body["paths"] = withConditions(routes, paths as Draft, work.conditions);
  const media = properties["BinaryMediaTypes"];
  if (Array.isArray(media) && !isIntrinsic(DefinitionBody)) {
    body["x-amazon-apigateway-binary-media-types"] = media.map((type) =>
      typeof type === "string" ? type.replaceAll("~1", "/") : type,
    );
  }
  return body;
}

function endpointConfiguration(logicalId: string, value: Value | undefined): Draft {
  if (value === undefined) return {};
  if (isIntrinsic(value))
    return { EndpointConfiguration: { Types: [value] }, Parameters: { endpointConfigurationTypes: value } };
  if (!isObject(value)) throw invalidResource(logicalId, "'EndpointConfiguration' must be a map.");
  const { Type, VPCEndpointIds, ...rest }: ValueObject = value;
  return {
    EndpointConfiguration: present({
      Types: Type === undefined ? undefined : [Type],
      VpcEndpointIds: VPCEndpointIds,
      ...rest,
    }),
    ...(Type === undefined ? {} : { Parameters: { endpointConfigurationTypes: Type } }),
  };
}

const CORS_MEMBERS = ["AllowOrigin", "AllowMethods", "AllowHeaders", "AllowCredentials", "MaxAge"];
const ALL_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
const HTTP_METHODS = ["delete", "get", "head", "options", "patch", "post", "put"];
const ANY = "x-amazon-apigateway-any-method";

/** Gives every path an OPTIONS method that answers a preflight, unless it has one. */
function addCors(logicalId: string, body: Draft, cors: Value): void {
  const given: ValueObject = isObject(cors) && !isIntrinsic(cors) ? cors : { AllowOrigin: cors };
  const unknown = Object.keys(given).find((name) => !CORS_MEMBERS.includes(name));
  if (unknown !== undefined || given["AllowOrigin"] === undefined) {
    throw invalidResource(logicalId, "Invalid value for 'Cors' property.");
  }
  const paths = body["paths"];
  if (!isObject(paths)) return;
  for (const operations of Object.values(paths as Record<string, Draft>)) {
    if (!isObject(operations) || isIntrinsic(operations) || Object.hasOwn(operations, "options")) continue;
    (operations as Draft)["options"] = preflight(given, Object.keys(operations));
  }
}

function preflight(cors: ValueObject, methods: readonly string[]): Draft {
  const own = methods.includes(ANY)
    ? ALL_METHODS
    : [...methods.filter((name) => HTTP_METHODS.includes(name)).map((name) => name.toUpperCase()), "OPTIONS"].sort();
  const headers: [name: string, value: unknown, type: string][] = [
    ["Access-Control-Allow-Origin", cors["AllowOrigin"], "string"],
    ["Access-Control-Allow-Headers", cors["AllowHeaders"], "string"],
    ["Access-Control-Allow-Methods", cors["AllowMethods"] ?? `'${own.join(",")}'`, "string"],
    ["Access-Control-Max-Age", cors["MaxAge"], "integer"],
    ["Access-Control-Allow-Credentials", cors["AllowCredentials"] === true ? "'true'" : undefined, "string"],
  ];
  const set = headers.filter(([, value]) => value !== undefined);
  return {
    summary: "CORS support",
    consumes: ["application/json"],
    produces: ["application/json"],
    "x-amazon-apigateway-integration": {
      type: "mock",
      requestTemplates: { "application/json": '{\n  "statusCode" : 200\n}\n' },
      responses: {
        default: {
          statusCode: "200",
          responseParameters: Object.fromEntries(set.map(([name, value]) => [`method.response.header.${name}`, value])),
          responseTemplates: { "application/json": "{}\n" },
        },
      },
    },
    responses: {
      "200": {
        description: "Default response for CORS method",
        headers: Object.fromEntries(set.map(([name, , type]) => [name, { type }])),
      },
    },
  };
}
