/** AWS::Lambda::Function, and what its type shares with those of its neighbours. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html */
import { AwsError } from "../../kernel/errors.ts";
import type { ResourceContext, ResourceProperties, ResourceState, ResourceType } from "../resources.ts";
import type { InputOf } from "../service.ts";
import { inlineFiles } from "./inline-code.ts";
import { functionArn } from "./names.ts";
import type { LambdaPorts } from "./ports.ts";

export const TAGS = [{ object: { Key: "string", Value: "string" } }] as const;
const notFound = (error: unknown): boolean => error instanceof AwsError && error.code === "ResourceNotFoundException";

/** Deleting what is gone already is done. */
export const gone = (error: unknown): void => {
  if (!notFound(error)) throw error;
};

export function tagsOf(context: ResourceContext, properties: ResourceProperties): Record<string, string> {
  const own = (properties.Tags ?? []) as { Key: string; Value: string }[];
  return { ...context.tags, ...Object.fromEntries(own.map(({ Key, Value }) => [Key, Value])) };
}

export async function retag(
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
export function functionType(ports: LambdaPorts): ResourceType {
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
