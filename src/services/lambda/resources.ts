/** CloudFormation resource types of Lambda, as calls to its operations. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html */
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";
import { inlineFiles } from "./inline-code.ts";
import { functionArn, isVersion, locate, mappingArn } from "./names.ts";
import type { LambdaPorts } from "./ports.ts";

const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;
const DESTINATIONS = {
  object: {
    OnSuccess: { object: { Destination: "string" } },
    OnFailure: { object: { Destination: "string" } },
  },
} as const;

const notFound = (error: unknown): boolean => error instanceof AwsError && error.code === "ResourceNotFoundException";

/** Deleting what is gone already is done. */
const gone = (error: unknown): void => {
  if (!notFound(error)) throw error;
};

function tagsOf(context: ResourceContext, properties: ResourceProperties): Record<string, string> {
  const own = (properties.Tags ?? []) as { Key: string; Value: string }[];
  return { ...context.tags, ...Object.fromEntries(own.map(({ Key, Value }) => [Key, Value])) };
}

async function retag(
  context: ResourceContext,
  Resource: string,
  properties: ResourceProperties,
  previous: ResourceProperties,
): Promise<void> {
  const Tags = tagsOf(context, properties);
  const TagKeys = Object.keys(tagsOf(context, previous)).filter((name) => !Object.hasOwn(Tags, name));
  if (TagKeys.length > 0) await context.call("lambda", "UntagResource", { Resource, TagKeys });
  if (Object.keys(Tags).length > 0) await context.call("lambda", "TagResource", { Resource, Tags });
}

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

type FunctionInput = InputOf<"lambda", "CreateFunction">;
type Code = FunctionInput["Code"];

/** What a template leaves out goes back to what CreateFunction would choose. */
function configurationOf(properties: ResourceProperties): Omit<FunctionInput, "FunctionName" | "Code"> {
  return {
    Role: properties.Role,
    Runtime: properties.Runtime,
    Handler: properties.Handler,
    Description: properties.Description ?? "",
    Timeout: properties.Timeout ?? 3,
    MemorySize: properties.MemorySize ?? 128,
    Environment: { Variables: properties.Environment?.Variables ?? {} },
    DeadLetterConfig: { TargetArn: properties.DeadLetterConfig?.TargetArn ?? "" },
    Layers: properties.Layers ?? [],
    EphemeralStorage: { Size: properties.EphemeralStorage?.Size ?? 512 },
    LoggingConfig: properties.LoggingConfig ?? { LogFormat: "Text" },
    ...(properties.TracingConfig === undefined ? {} : { TracingConfig: properties.TracingConfig }),
    ...(properties.SnapStart === undefined ? {} : { SnapStart: properties.SnapStart }),
    ...(properties.VpcConfig === undefined ? {} : { VpcConfig: properties.VpcConfig }),
  };
}

function functionState(context: ResourceContext, name: string): ResourceState {
  return {
    id: name,
    attributes: {
      Arn: functionArn({ ...context, name }),
      "SnapStartResponse.ApplyOn": "None",
      "SnapStartResponse.OptimizationStatus": "Off",
    },
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html */
function functionType(ports: LambdaPorts): ResourceType {
  const codeOf = async (properties: ResourceProperties): Promise<Code> => {
    const { ZipFile, ...code } = properties.Code ?? {};
    if (ZipFile === undefined) return code;
    return { ZipFile: await ports.packages.zip(inlineFiles(properties.Runtime ?? "", ZipFile)) };
  };
  const reserve = async (context: ResourceContext, FunctionName: string, concurrency: number | undefined) => {
    if (concurrency === undefined) await context.call("lambda", "DeleteFunctionConcurrency", { FunctionName });
    else {
      await context.call("lambda", "PutFunctionConcurrency", {
        FunctionName,
        ReservedConcurrentExecutions: concurrency,
      });
    }
  };
  const put = async (context: ResourceContext, FunctionName: string, properties: ResourceProperties) => {
    await context.call("lambda", "UpdateFunctionCode", {
      FunctionName,
      ...(await codeOf(properties)),
      Architectures: properties.Architectures ?? ["x86_64"],
    });
    await context.call("lambda", "UpdateFunctionConfiguration", { FunctionName, ...configurationOf(properties) });
  };
  return {
    properties: {
      FunctionName: "string",
      Code: { object: { ZipFile: "string", S3Bucket: "string", S3Key: "string", S3ObjectVersion: "string" } },
      Role: "string",
      Runtime: "string",
      Handler: "string",
      Description: "string",
      Timeout: "integer",
      MemorySize: "integer",
      Environment: { object: { Variables: { map: "string" } } },
      DeadLetterConfig: { object: { TargetArn: "string" } },
      TracingConfig: { object: { Mode: "string" } },
      VpcConfig: {
        object: { SubnetIds: ["string"], SecurityGroupIds: ["string"], Ipv6AllowedForDualStack: "boolean" },
      },
      Layers: ["string"],
      EphemeralStorage: { object: { Size: "integer" } },
      SnapStart: { object: { ApplyOn: "string" } },
      LoggingConfig: {
        object: {
          LogFormat: "string",
          LogGroup: "string",
          ApplicationLogLevel: "string",
          SystemLogLevel: "string",
        },
      },
      ReservedConcurrentExecutions: "integer",
      Architectures: ["string"],
      PackageType: "string",
      Tags: TAGS,
    },
    required: ["Code", "Role"],
    replacement: ["FunctionName", "PackageType"],
    nameProperty: "FunctionName",
    attributes: ["Arn", "SnapStartResponse.ApplyOn", "SnapStartResponse.OptimizationStatus"],
    async create(context, properties) {
      const FunctionName: string = properties.FunctionName ?? context.physicalName(64);
      const tags = tagsOf(context, properties);
      const exists =
        context.retried &&
        (await context.call("lambda", "GetFunctionConfiguration", { FunctionName }).then(
          () => true,
          (error: unknown) => gone(error),
        ));
      if (exists) await put(context, FunctionName, properties);
      else {
        await context.call("lambda", "CreateFunction", {
          FunctionName,
          ...configurationOf(properties),
          Code: await codeOf(properties),
          Architectures: properties.Architectures ?? ["x86_64"],
          ...(properties.PackageType === undefined ? {} : { PackageType: properties.PackageType }),
          ...(Object.keys(tags).length > 0 ? { Tags: tags } : {}),
        });
      }
      if (properties.ReservedConcurrentExecutions !== undefined) {
        await reserve(context, FunctionName, properties.ReservedConcurrentExecutions);
      }
      return functionState(context, FunctionName);
    },
    async update(context, id, properties, previous) {
      const isNewCode =
        !same(properties.Code, previous.Code) ||
        !same(properties.Architectures, previous.Architectures) ||
        // Inline code is packed for its runtime.
        (properties.Code?.ZipFile !== undefined && properties.Runtime !== previous.Runtime);
      if (isNewCode) {
        await context.call("lambda", "UpdateFunctionCode", {
          FunctionName: id,
          ...(await codeOf(properties)),
          Architectures: properties.Architectures ?? ["x86_64"],
        });
      }
      if (!same(configurationOf(properties), configurationOf(previous))) {
        await context.call("lambda", "UpdateFunctionConfiguration", {
          FunctionName: id,
          ...configurationOf(properties),
        });
      }
      if (properties.ReservedConcurrentExecutions !== previous.ReservedConcurrentExecutions) {
        await reserve(context, id, properties.ReservedConcurrentExecutions);
      }
      await retag(context, functionArn({ ...context, name: id }), properties, previous);
      return functionState(context, id);
    },
    async delete(context, id) {
      await context.call("lambda", "DeleteFunction", { FunctionName: id }).catch(gone);
    },
  };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-version.html */
const version: ResourceType = {
  properties: { FunctionName: "string", Description: "string", CodeSha256: "string" },
  required: ["FunctionName"],
  replacement: ["FunctionName", "Description", "CodeSha256"],
  attributes: ["FunctionArn", "Version"],
  async create(context, properties) {
    const published = await context.call("lambda", "PublishVersion", {
      FunctionName: properties.FunctionName,
      ...(properties.Description === undefined ? {} : { Description: properties.Description }),
      ...(properties.CodeSha256 === undefined ? {} : { CodeSha256: properties.CodeSha256 }),
    });
    const arn = published.FunctionArn!;
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
    return { id: AliasArn!, attributes: { AliasArn: AliasArn! } };
  },
  async update(context, id, properties) {
    await context.call("lambda", "UpdateAlias", {
      FunctionName: properties.FunctionName,
      Name: properties.Name,
      FunctionVersion: properties.FunctionVersion,
      Description: properties.Description ?? "",
      RoutingConfig: routingOf(properties),
    });
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
  return {
    FunctionName: properties.FunctionName,
    Enabled: properties.Enabled ?? true,
    BatchSize: properties.BatchSize ?? 10,
    MaximumBatchingWindowInSeconds: properties.MaximumBatchingWindowInSeconds ?? 0,
    FilterCriteria: { Filters: properties.FilterCriteria?.Filters ?? [] },
    FunctionResponseTypes: properties.FunctionResponseTypes ?? [],
    ScalingConfig: properties.ScalingConfig ?? {},
  };
}

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
    Tags: TAGS,
  },
  required: ["FunctionName"],
  replacement: ["EventSourceArn"],
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
