/** AWS::ApiGateway::Deployment and AWS::ApiGateway::Stage. */
import type { PatchOperation } from "@aws-sdk/client-api-gateway";
import { AwsError, notImplemented } from "../../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceType } from "../../resources.ts";
import { definedOnly, gone, mapPatches, pathStep, scalarPatches, setTags, TAGS, tagsOf } from "./common.ts";

const METHOD_SETTINGS = [
  {
    object: {
      CacheDataEncrypted: "boolean",
      CachingEnabled: "boolean",
      DataTraceEnabled: "boolean",
      HttpMethod: "string",
      LoggingLevel: "string",
      MetricsEnabled: "boolean",
      ResourcePath: "string",
      ThrottlingBurstLimit: "integer",
      ThrottlingRateLimit: "number",
    },
  },
] as const;

const SETTING_PATHS: Readonly<Record<string, string>> = {
  CacheDataEncrypted: "caching/dataEncrypted",
  CachingEnabled: "caching/enabled",
  DataTraceEnabled: "logging/dataTrace",
  LoggingLevel: "logging/loglevel",
  MetricsEnabled: "metrics/enabled",
  ThrottlingBurstLimit: "throttling/burstLimit",
  ThrottlingRateLimit: "throttling/rateLimit",
};

function settingPatches(settings: readonly ResourceProperties[] | undefined): PatchOperation[] {
  return (settings ?? []).flatMap((setting) => {
    const place = `/${pathStep(setting.ResourcePath ?? "/*")}/${setting.HttpMethod ?? "*"}`.replace("/~1*/", "/*/");
    return Object.entries(SETTING_PATHS)
      .filter(([name]) => setting[name] !== undefined)
      .map(
        ([name, path]): PatchOperation => ({ op: "replace", path: `${place}/${path}`, value: String(setting[name]) }),
      );
  });
}

const stageArn = (context: ResourceContext, restApiId: string, name: string) =>
  `arn:aws:apigateway:${context.region}::/restapis/${restApiId}/stages/${name}`;

const stage: ResourceType = {
  properties: {
    CacheClusterEnabled: "boolean",
    DeploymentId: "string",
    Description: "string",
    MethodSettings: METHOD_SETTINGS,
    RestApiId: "string",
    StageName: "string",
    Tags: TAGS,
    TracingEnabled: "boolean",
    Variables: { map: "string" },
  },
  required: ["RestApiId"],
  replacement: ["RestApiId", "StageName"],
  nameProperty: "StageName",
  async create(context, properties) {
    const { RestApiId: restApiId, StageName: stageName = "Stage" } = properties;
    await context.call(
      "apigateway",
      "CreateStage",
      definedOnly({
        restApiId,
        stageName,
        deploymentId: properties.DeploymentId,
        description: properties.Description,
        variables: properties.Variables,
        tracingEnabled: properties.TracingEnabled,
        cacheClusterEnabled: properties.CacheClusterEnabled,
        tags: tagsOf(context, properties.Tags),
      }),
    );
    const patchOperations = settingPatches(properties.MethodSettings);
    if (patchOperations.length > 0)
      await context.call("apigateway", "UpdateStage", { restApiId, stageName, patchOperations });
    return { id: stageName, attributes: {} };
  },
  async update(context, id, properties, previous) {
    if (properties.TracingEnabled) throw notImplemented("X-Ray tracing of API Gateway stages");
    if (properties.CacheClusterEnabled) throw notImplemented("cache clusters of API Gateway stages");
    const removed = settingPatches(previous.MethodSettings).map(({ path }) => ({ op: "remove" as const, path }));
    const patchOperations = [
      ...scalarPatches({ DeploymentId: "/deploymentId", Description: "/description" }, properties, previous),
      ...mapPatches("/variables", properties.Variables, previous.Variables),
      ...removed,
      ...settingPatches(properties.MethodSettings),
    ];
    if (patchOperations.length > 0) {
      await context.call("apigateway", "UpdateStage", {
        restApiId: properties.RestApiId,
        stageName: id,
        patchOperations,
      });
    }
    await setTags(context, stageArn(context, properties.RestApiId, id), properties.Tags, previous.Tags);
    return { id, attributes: {} };
  },
  delete: (context, stageName, { RestApiId }) =>
    gone(context.call("apigateway", "DeleteStage", { restApiId: RestApiId, stageName })),
};

const deployment: ResourceType = {
  properties: {
    Description: "string",
    RestApiId: "string",
    StageDescription: {
      object: { Description: "string", MethodSettings: METHOD_SETTINGS, Tags: TAGS, Variables: { map: "string" } },
    },
    StageName: "string",
  },
  required: ["RestApiId"],
  replacement: ["RestApiId"],
  attributes: ["DeploymentId"],
  async create(context, { RestApiId: restApiId, StageName: stageName, Description, StageDescription }) {
    const made = await context.call(
      "apigateway",
      "CreateDeployment",
      definedOnly({
        restApiId,
        stageName,
        description: Description,
        stageDescription: StageDescription?.Description,
        variables: StageDescription?.Variables,
      }),
    );
    const patchOperations = settingPatches(StageDescription?.MethodSettings);
    if (stageName && patchOperations.length > 0) {
      await context.call("apigateway", "UpdateStage", { restApiId, stageName, patchOperations });
    }
    if (stageName) await setTags(context, stageArn(context, restApiId, stageName), StageDescription?.Tags, undefined);
    return { id: made.id!, attributes: { DeploymentId: made.id } };
  },
  async update(context, id, properties, previous) {
    const { RestApiId: restApiId, StageName: stageName } = properties;
    const patchOperations = scalarPatches({ Description: "/description" }, properties, previous);
    if (patchOperations.length > 0) {
      await context.call("apigateway", "UpdateDeployment", { restApiId, deploymentId: id, patchOperations });
    }
    if (stageName && stageName !== previous.StageName) {
      await context.call("apigateway", "CreateStage", { restApiId, stageName, deploymentId: id });
    }
    return { id, attributes: { DeploymentId: id } };
  },
  /** A stage that this deployment made goes with it. */
  async delete(context, deploymentId, { RestApiId: restApiId, StageName: stageName }) {
    if (stageName) {
      const shown = await context.call("apigateway", "GetStage", { restApiId, stageName }).catch((error: unknown) => {
        if (error instanceof AwsError && error.code === "NotFoundException") return undefined;
        throw error;
      });
      if (shown?.deploymentId === deploymentId) {
        await gone(context.call("apigateway", "DeleteStage", { restApiId, stageName }));
      }
    }
    await gone(context.call("apigateway", "DeleteDeployment", { restApiId, deploymentId }));
  },
};

export const stageResources = { "AWS::ApiGateway::Deployment": deployment, "AWS::ApiGateway::Stage": stage } as const;
