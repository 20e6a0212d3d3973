/** CloudFormation resource types of Lambda, as calls to its operations. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html */
import { sleep } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import { invalidParameterValue } from "./errors.ts";
import { functionType, gone, retag, TAGS, tagsOf } from "./function-resource.ts";
import { isVersion, locate, mappingArn } from "./names.ts";
import type { LambdaPorts } from "./ports.ts";

const DESTINATIONS = {
  object: {
    OnSuccess: { object: { Destination: "string" } },
    OnFailure: { object: { Destination: "string" } },
  },
} as const;

const PROVISIONED = {
  ProvisionedConcurrencyConfig: { object: { ProvisionedConcurrentExecutions: "integer" } },
} as const;
const PROVISIONED_POLL_MS = 100;
/** As long as one initialisation may take at most: the timeout of a function. */
const PROVISIONED_LOOKS_MAX = 9000;

/** A stack goes on when the workers are there, and fails when they cannot be had. */
async function provision(context: ResourceContext, properties: ResourceProperties, Qualifier: string): Promise<void> {
  const wanted = properties.ProvisionedConcurrencyConfig?.ProvisionedConcurrentExecutions;
  if (wanted === undefined) return;
  const of = { FunctionName: properties.FunctionName as string, Qualifier };
  await context.call("lambda", "PutProvisionedConcurrencyConfig", { ...of, ProvisionedConcurrentExecutions: wanted });
  for (let looks = 1; looks <= PROVISIONED_LOOKS_MAX; looks++) {
    const { Status, StatusReason } = await context.call("lambda", "GetProvisionedConcurrencyConfig", of);
    if (Status === "READY") return;
    if (Status === "FAILED") throw invalidParameterValue(`Provisioned concurrency could not be had: ${StatusReason}`);
    await sleep(context.clock, PROVISIONED_POLL_MS, context.signal);
    context.signal.throwIfAborted();
  }
  throw invalidParameterValue("Provisioned concurrency was not there in time.");
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html */
const version: ResourceType = {
  properties: { FunctionName: "string", Description: "string", CodeSha256: "string", ...PROVISIONED },
  required: ["FunctionName"],
  replacement: ["FunctionName", "Description", "CodeSha256", "ProvisionedConcurrencyConfig"],
  attributes: ["FunctionArn", "Version"],
  async create(context, properties) {
    const published = await context.call("lambda", "PublishVersion", {
      FunctionName: properties.FunctionName,
      ...(properties.Description === undefined ? {} : { Description: properties.Description }),
      ...(properties.CodeSha256 === undefined ? {} : { CodeSha256: properties.CodeSha256 }),
    });
    const arn = published.FunctionArn!;
    await provision(context, properties, published.Version!);
    return { id: arn, attributes: { FunctionArn: arn, Version: published.Version! } };
  },
  async delete(context, id) {
    const { qualifier } = locate(id, context);
    if (qualifier === undefined || !isVersion(qualifier)) return;
    await context.call("lambda", "DeleteFunction", { FunctionName: id }).catch((error: unknown) => {
      // Another resource may hold the same version: publishing an unchanged function gives the version that is there.
      if (!(error instanceof AwsError) || error.code !== "ResourceConflictException") gone(error);
    });
  },
};

function routingOf(properties: ResourceProperties) {
  const weights = (properties.RoutingConfig?.AdditionalVersionWeights ?? []) as {
    FunctionVersion: string;
    FunctionWeight: number;
  }[];
  return {
    AdditionalVersionWeights: Object.fromEntries(
      weights.map(({ FunctionVersion, FunctionWeight }) => [FunctionVersion, FunctionWeight]),
    ),
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-alias.html */
const alias: ResourceType = {
  properties: {
    FunctionName: "string",
    FunctionVersion: "string",
    Name: "string",
    Description: "string",
    ...PROVISIONED,
    RoutingConfig: {
      object: { AdditionalVersionWeights: [{ object: { FunctionVersion: "string", FunctionWeight: "number" } }] },
    },
  },
  required: ["FunctionName", "FunctionVersion", "Name"],
  replacement: ["FunctionName", "Name"],
  attributes: ["AliasArn"],
  async create(context, properties) {
    const { AliasArn } = await context.call("lambda", "CreateAlias", {
      FunctionName: properties.FunctionName,
      Name: properties.Name,
      FunctionVersion: properties.FunctionVersion,
      Description: properties.Description ?? "",
      RoutingConfig: routingOf(properties),
    });
    await provision(context, properties, properties.Name);
    return { id: AliasArn!, attributes: { AliasArn: AliasArn! } };
  },
  async update(context, id, properties, previous) {
    await context.call("lambda", "UpdateAlias", {
      FunctionName: properties.FunctionName,
      Name: properties.Name,
      FunctionVersion: properties.FunctionVersion,
      Description: properties.Description ?? "",
      RoutingConfig: routingOf(properties),
    });
    if (properties.ProvisionedConcurrencyConfig !== undefined) await provision(context, properties, properties.Name);
    else if (previous.ProvisionedConcurrencyConfig !== undefined) {
      await context.call("lambda", "DeleteProvisionedConcurrencyConfig", {
        FunctionName: properties.FunctionName,
        Qualifier: properties.Name,
      });
    }
    return { id, attributes: { AliasArn: id } };
  },
  async delete(context, id) {
    const { name, qualifier } = locate(id, context);
    await context.call("lambda", "DeleteAlias", { FunctionName: name, Name: qualifier! }).catch(gone);
  },
};

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html */
const permission: ResourceType = {
  properties: {
    Action: "string",
    FunctionName: "string",
    Principal: "string",
    SourceArn: "string",
    SourceAccount: "string",
    EventSourceToken: "string",
    FunctionUrlAuthType: "string",
    InvokedViaFunctionUrl: "boolean",
    PrincipalOrgID: "string",
  },
  required: ["Action", "FunctionName", "Principal"],
  replacement: [
    "Action",
    "FunctionName",
    "Principal",
    "SourceArn",
    "SourceAccount",
    "EventSourceToken",
    "FunctionUrlAuthType",
    "InvokedViaFunctionUrl",
    "PrincipalOrgID",
  ],
  attributes: ["Id"],
  async create(context, properties) {
    const StatementId = context.physicalName(100);
    await context.call("lambda", "AddPermission", { ...properties, StatementId });
    return { id: StatementId, attributes: { Id: StatementId } };
  },
  async delete(context, id, properties) {
    await context
      .call("lambda", "RemovePermission", { FunctionName: properties.FunctionName, StatementId: id })
      .catch(gone);
  },
};

/** What a template leaves out goes back to what CreateEventSourceMapping would choose. */
function mappingInput(properties: ResourceProperties) {
  const isStream = isStreamArn(properties.EventSourceArn);
  return {
    FunctionName: properties.FunctionName,
    Enabled: properties.Enabled ?? true,
    BatchSize: properties.BatchSize ?? (isStream ? 100 : 10),
    MaximumBatchingWindowInSeconds: properties.MaximumBatchingWindowInSeconds ?? 0,
    FilterCriteria: { Filters: properties.FilterCriteria?.Filters ?? [] },
    FunctionResponseTypes: properties.FunctionResponseTypes ?? [],
    ...(isStream
      ? {
          ParallelizationFactor: properties.ParallelizationFactor ?? 1,
          BisectBatchOnFunctionError: properties.BisectBatchOnFunctionError ?? false,
          MaximumRecordAgeInSeconds: properties.MaximumRecordAgeInSeconds ?? -1,
          MaximumRetryAttempts: properties.MaximumRetryAttempts ?? -1,
          TumblingWindowInSeconds: properties.TumblingWindowInSeconds ?? 0,
          DestinationConfig: properties.DestinationConfig ?? {},
          ...(properties.ScalingConfig === undefined ? {} : { ScalingConfig: properties.ScalingConfig }),
        }
      : {
          ScalingConfig: properties.ScalingConfig ?? {},
          // Refused by the operation, which names them.
          ...Object.fromEntries(
            STREAM_PROPERTIES.filter((name) => properties[name] !== undefined).map((name) => [name, properties[name]]),
          ),
        }),
  };
}

const STREAM_PROPERTIES = [
  "ParallelizationFactor",
  "BisectBatchOnFunctionError",
  "MaximumRecordAgeInSeconds",
  "MaximumRetryAttempts",
  "TumblingWindowInSeconds",
  "DestinationConfig",
] as const;

const isStreamArn = (arn: unknown): boolean => String(arn).split(":")[2] === "dynamodb";

const mappingState = (context: ResourceContext, uuid: string): ResourceState => ({
  id: uuid,
  attributes: { Id: uuid, EventSourceMappingArn: mappingArn(context, uuid) },
});

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html */
const eventSourceMapping: ResourceType = {
  properties: {
    EventSourceArn: "string",
    FunctionName: "string",
    Enabled: "boolean",
    BatchSize: "integer",
    MaximumBatchingWindowInSeconds: "integer",
    FilterCriteria: { object: { Filters: [{ object: { Pattern: "string" } }] } },
    FunctionResponseTypes: ["string"],
    ScalingConfig: { object: { MaximumConcurrency: "integer" } },
    StartingPosition: "string",
    ParallelizationFactor: "integer",
    BisectBatchOnFunctionError: "boolean",
    MaximumRecordAgeInSeconds: "integer",
    MaximumRetryAttempts: "integer",
    TumblingWindowInSeconds: "integer",
    DestinationConfig: { object: { OnFailure: { object: { Destination: "string" } } } },
    Tags: TAGS,
  },
  required: ["FunctionName"],
  replacement: ["EventSourceArn", "StartingPosition"],
  attributes: ["Id", "EventSourceMappingArn"],
  async create(context, properties) {
    const Tags = tagsOf(context, properties);
    if (context.retried) {
      const { EventSourceMappings = [] } = await context.call("lambda", "ListEventSourceMappings", {
        FunctionName: properties.FunctionName,
        EventSourceArn: properties.EventSourceArn,
      });
      const made = EventSourceMappings[0]?.UUID;
      if (made !== undefined) {
        await context.call("lambda", "UpdateEventSourceMapping", { UUID: made, ...mappingInput(properties) });
        return mappingState(context, made);
      }
    }
    const { UUID } = await context.call("lambda", "CreateEventSourceMapping", {
      EventSourceArn: properties.EventSourceArn,
      ...(properties.StartingPosition === undefined ? {} : { StartingPosition: properties.StartingPosition }),
      ...mappingInput(properties),
      ...(Object.keys(Tags).length > 0 ? { Tags } : {}),
    });
    return mappingState(context, UUID!);
  },
  async update(context, id, properties, previous) {
    await context.call("lambda", "UpdateEventSourceMapping", { UUID: id, ...mappingInput(properties) });
    await retag(context, mappingArn(context, id), properties, previous);
    return mappingState(context, id);
  },
  async delete(context, id) {
    await context.call("lambda", "DeleteEventSourceMapping", { UUID: id }).catch(gone);
  },
};

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-layerversion.html */
const layerVersion: ResourceType = {
  properties: {
    LayerName: "string",
    Description: "string",
    Content: { object: { S3Bucket: "string", S3Key: "string", S3ObjectVersion: "string" } },
    CompatibleRuntimes: ["string"],
    CompatibleArchitectures: ["string"],
    LicenseInfo: "string",
  },
  required: ["Content"],
  replacement: ["LayerName", "Description", "Content", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"],
  attributes: ["LayerVersionArn"],
  async create(context, properties) {
    const { LayerName = context.physicalName(64), ...input } = properties;
    const { LayerVersionArn } = await context.call("lambda", "PublishLayerVersion", { LayerName, ...input });
    return { id: LayerVersionArn!, attributes: { LayerVersionArn: LayerVersionArn! } };
  },
  async delete(context, id) {
    const cut = id.lastIndexOf(":");
    await context.call("lambda", "DeleteLayerVersion", {
      LayerName: id.slice(0, cut),
      VersionNumber: Number(id.slice(cut + 1)),
    });
  },
};

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventinvokeconfig.html */
const eventInvokeConfig: ResourceType = {
  properties: {
    FunctionName: "string",
    Qualifier: "string",
    MaximumRetryAttempts: "integer",
    MaximumEventAgeInSeconds: "integer",
    DestinationConfig: DESTINATIONS,
  },
  required: ["FunctionName", "Qualifier"],
  replacement: ["FunctionName", "Qualifier"],
  attributes: [],
  async create(context, properties) {
    await context.call("lambda", "PutFunctionEventInvokeConfig", properties);
    return { id: `${properties.FunctionName}|${properties.Qualifier}`, attributes: {} };
  },
  async update(context, id, properties) {
    await context.call("lambda", "PutFunctionEventInvokeConfig", properties);
    return { id, attributes: {} };
  },
  async delete(context, _id, properties) {
    const { FunctionName, Qualifier } = properties;
    await context.call("lambda", "DeleteFunctionEventInvokeConfig", { FunctionName, Qualifier }).catch(gone);
  },
};

const CORS = {
  object: {
    AllowCredentials: "boolean",
    AllowHeaders: ["string"],
    AllowMethods: ["string"],
    AllowOrigins: ["string"],
    ExposeHeaders: ["string"],
    MaxAge: "integer",
  },
} as const;

/** The function by name, and the alias by which its URL is known. */
const urlTarget = (properties: ResourceProperties) => ({
  FunctionName: properties.TargetFunctionArn as string,
  ...(properties.Qualifier === undefined ? {} : { Qualifier: properties.Qualifier as string }),
});

const urlState = (config: { FunctionArn?: string | undefined; FunctionUrl?: string | undefined }): ResourceState => ({
  id: config.FunctionArn!,
  attributes: { FunctionArn: config.FunctionArn!, FunctionUrl: config.FunctionUrl! },
});

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-url.html */
const url: ResourceType = {
  properties: {
    TargetFunctionArn: "string",
    Qualifier: "string",
    AuthType: "string",
    Cors: CORS,
    InvokeMode: "string",
  },
  required: ["TargetFunctionArn", "AuthType"],
  replacement: ["TargetFunctionArn", "Qualifier"],
  attributes: ["FunctionArn", "FunctionUrl"],
  async create(context, properties) {
    return urlState(
      await context.call("lambda", "CreateFunctionUrlConfig", {
        ...urlTarget(properties),
        AuthType: properties.AuthType,
        ...(properties.Cors === undefined ? {} : { Cors: properties.Cors }),
        ...(properties.InvokeMode === undefined ? {} : { InvokeMode: properties.InvokeMode }),
      }),
    );
  },
  async update(context, _id, properties) {
    return urlState(
      await context.call("lambda", "UpdateFunctionUrlConfig", {
        ...urlTarget(properties),
        AuthType: properties.AuthType,
        Cors: properties.Cors ?? {},
        ...(properties.InvokeMode === undefined ? {} : { InvokeMode: properties.InvokeMode }),
      }),
    );
  },
  async delete(context, _id, properties) {
    await context.call("lambda", "DeleteFunctionUrlConfig", urlTarget(properties)).catch(gone);
  },
};

export const resourcesOf = (ports: LambdaPorts) =>
  ({
    "AWS::Lambda::Function": functionType(ports),
    "AWS::Lambda::Version": version,
    "AWS::Lambda::Alias": alias,
    "AWS::Lambda::Permission": permission,
    "AWS::Lambda::EventSourceMapping": eventSourceMapping,
    "AWS::Lambda::LayerVersion": layerVersion,
    "AWS::Lambda::EventInvokeConfig": eventInvokeConfig,
    "AWS::Lambda::Url": url,
  }) as const;
