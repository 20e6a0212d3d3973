/** AWS::Serverless::HttpApi → HTTP API and its stage. @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-httpapi.html */
import { isObject, type Value, type ValueObject } from "../template/values.ts";
import { type ApiRoutes, pathsOf, withConditions } from "./apis.ts";
import { invalidResource } from "./errors.ts";
import { type Draft, hash, isIntrinsic, present, ref, s3Location } from "./shapes.ts";
import type { Work } from "./work.ts";

export const HTTP_API_PROPERTIES = {
  known: [
    "AccessLogSettings",
    "CorsConfiguration",
    "DefaultRouteSettings",
    "DefinitionBody",
    "DefinitionUri",
    "Description",
    "DisableExecuteApiEndpoint",
    "FailOnWarnings",
    "Name",
    "PropagateTags",
    "RouteSettings",
    "StageName",
    "StageVariables",
    "Tags",
  ],
  unsupported: ["Auth", "Domain"],
};

const DEFAULT_STAGE = "$default";

/** CORS members as SAM and as the definition name them. */
const CORS: Readonly<Record<string, string>> = {
  AllowOrigins: "allowOrigins",
  AllowHeaders: "allowHeaders",
  AllowMethods: "allowMethods",
  ExposeHeaders: "exposeHeaders",
  MaxAge: "maxAge",
  AllowCredentials: "allowCredentials",
};

export function makeHttpApi(work: Work, routes: ApiRoutes): void {
  const { resource } = routes;
  const { logicalId, properties } = resource;
  const tags = { ...((properties["Tags"] ?? {}) as ValueObject), "httpapi:createdBy": "SAM" };
  const definition = definitionOf(work, routes, tags);
  const location = properties["DefinitionUri"] === undefined ? undefined : s3Location(properties["DefinitionUri"]);
  if (properties["DefinitionUri"] !== undefined && !location) {
    throw invalidResource(
      logicalId,
      "'DefinitionUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.",
    );
  }
  work.add(
    resource,
    logicalId,
    "AWS::ApiGatewayV2::Api",
    present({ Body: definition, BodyS3Location: location, FailOnWarnings: properties["FailOnWarnings"] }),
    { dependsOn: true },
  );
  const stageName = properties["StageName"] ?? DEFAULT_STAGE;
  const stageId =
    stageName === DEFAULT_STAGE
      ? `${logicalId}ApiGatewayDefaultStage`
      : typeof stageName !== "string"
        ? `${logicalId}Stage`
        : /^[A-Za-z0-9]+$/.test(stageName)
          ? `${logicalId}${stageName}Stage`
          : `${logicalId}Stage${hash(stageName)}`;
  const routeSettings = { ...routes.routeSettings, ...((properties["RouteSettings"] ?? {}) as ValueObject) };
  work.add(
    resource,
    stageId,
    "AWS::ApiGatewayV2::Stage",
    present({
      AccessLogSettings: properties["AccessLogSettings"],
      DefaultRouteSettings: properties["DefaultRouteSettings"],
      RouteSettings: Object.keys(routeSettings).length > 0 ? routeSettings : undefined,
      ApiId: ref(logicalId),
      StageName: stageName,
      Tags: tags,
      StageVariables: properties["StageVariables"],
      AutoDeploy: true,
    }),
  );
  work.refer(`${logicalId}.Stage`, stageId);
}

function definitionOf(work: Work, routes: ApiRoutes, tags: ValueObject): Draft | undefined {
  const { logicalId, properties } = routes.resource;
  const { DefinitionBody, DefinitionUri, CorsConfiguration, Name, Description, DisableExecuteApiEndpoint } = properties;
  if (DefinitionUri !== undefined) {
    if (DefinitionBody !== undefined) {
      throw invalidResource(logicalId, "Specify either 'DefinitionUri' or 'DefinitionBody' property and not both.");
    }
    if (CorsConfiguration !== undefined) {
      throw invalidResource(
        logicalId,
        "'CorsConfiguration' works only with an inline definition in the 'DefinitionBody' property.",
      );
    }
    return undefined;
  }
  if (DefinitionBody !== undefined && !isObject(DefinitionBody)) {
    throw invalidResource(logicalId, "'DefinitionBody' must be a map.");
  }
  const body: Draft = DefinitionBody
    ? structuredClone(DefinitionBody as Draft)
    : {
        info: { version: "1.0", title: Name ?? { Ref: "AWS::StackName" } },
        paths: withConditions(routes, pathsOf(routes), work.conditions),
      };
  if (DefinitionBody && Name !== undefined) body["info"] = { ...(body["info"] as Draft), title: Name };
  if (Description !== undefined) body["info"] = { ...(body["info"] as Draft), description: Description };
  if (CorsConfiguration !== undefined) {
    const cors = corsOf(logicalId, CorsConfiguration);
    if (cors) body["x-amazon-apigateway-cors"] = cors;
  }
  if (DisableExecuteApiEndpoint !== undefined) {
    body["x-amazon-apigateway-endpoint-configuration"] = { disableExecuteApiEndpoint: DisableExecuteApiEndpoint };
  }
  body["openapi"] ??= "3.0.1";
  const marks = Object.entries(tags).map(([name, value]) => ({ name, "x-amazon-apigateway-tag-value": value }));
  const given = Array.isArray(body["tags"]) ? (body["tags"] as Draft[]) : [];
  body["tags"] = [...given.filter((tag) => !Object.hasOwn(tags, tag["name"])), ...marks];
  return body;
}

/** `true` allows every origin. */
function corsOf(logicalId: string, value: Value): Draft | undefined {
  if (value === false) return undefined;
  if (value === true) return { allowOrigins: ["*"] };
  if (isIntrinsic(value) || !isObject(value))
    throw invalidResource(logicalId, "Invalid value for 'CorsConfiguration' property.");
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (!Object.hasOwn(CORS, name)) {
        throw invalidResource(logicalId, `Invalid value '${name}' for 'CorsConfiguration' property.`);
      }
      return [CORS[name]!, member];
    }),
  );
}
