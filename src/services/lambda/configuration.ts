/** A version's configuration: how it is checked when it comes in, and how answers show it. */
import { parseArn } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext, OutputOf } from "../service.ts";
import { invalidParameterValue, validation } from "./errors.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import type { FunctionHost } from "./ports.ts";
import { checkEnvironment, checkRuntime, constraints, LIMITS, matches, PATTERNS } from "./rules.ts";
import { type LoggingConfig, layerVersionKey, layerVersions, type Place, type VersionRecord } from "./state.ts";

export type FunctionConfiguration = OutputOf<"lambda", "GetFunctionConfiguration">;

/** The members that CreateFunction and UpdateFunctionConfiguration share. */
export interface ConfigurationInput {
  readonly Runtime?: string | undefined;
  readonly Role?: string | undefined;
  readonly Handler?: string | undefined;
  readonly Description?: string | undefined;
  readonly Timeout?: number | undefined;
  readonly MemorySize?: number | undefined;
  readonly Environment?: { readonly Variables?: Record<string, string> | undefined } | undefined;
  readonly DeadLetterConfig?: { readonly TargetArn?: string | undefined } | undefined;
  readonly TracingConfig?: { readonly Mode?: string | undefined } | undefined;
  readonly VpcConfig?:
    | {
        readonly SubnetIds?: string[] | undefined;
        readonly SecurityGroupIds?: string[] | undefined;
        readonly Ipv6AllowedForDualStack?: boolean | undefined;
      }
    | undefined;
  readonly Layers?: string[] | undefined;
  readonly EphemeralStorage?: { readonly Size: number | undefined } | undefined;
  readonly SnapStart?: { readonly ApplyOn?: string | undefined } | undefined;
  readonly LoggingConfig?:
    | {
        readonly LogFormat?: string | undefined;
        readonly LogGroup?: string | undefined;
        readonly ApplicationLogLevel?: string | undefined;
        readonly SystemLogLevel?: string | undefined;
      }
    | undefined;
}

/** The constraints of AWS's model, and what Virga cannot do yet, refused by name. Nothing here needs the store. */
export function checkConfiguration(input: ConfigurationInput): void {
  const found = constraints();
  found.pattern("role", input.Role, PATTERNS.role);
  found.length("handler", input.Handler, 0, 128);
  if (input.Handler) found.pattern("handler", input.Handler, PATTERNS.handler);
  found.length("description", input.Description, 0, 256);
  found.range("timeout", input.Timeout, 1, 900);
  found.range("memorySize", input.MemorySize, 128, 10_240);
  found.range("ephemeralStorage.size", input.EphemeralStorage?.Size, 512, 10_240);
  found.oneOf("tracingConfig.mode", input.TracingConfig?.Mode, ["Active", "PassThrough"]);
  found.oneOf("snapStart.applyOn", input.SnapStart?.ApplyOn, ["PublishedVersions", "None"]);
  found.oneOf("loggingConfig.logFormat", input.LoggingConfig?.LogFormat, ["JSON", "Text"]);
  found.oneOf("loggingConfig.applicationLogLevel", input.LoggingConfig?.ApplicationLogLevel, LOG_LEVELS);
  found.oneOf("loggingConfig.systemLogLevel", input.LoggingConfig?.SystemLogLevel, ["DEBUG", "INFO", "WARN"]);
  found.length("loggingConfig.logGroup", input.LoggingConfig?.LogGroup, 1, 512);
  found.pattern("loggingConfig.logGroup", input.LoggingConfig?.LogGroup, PATTERNS.logGroup);
  const variables = input.Environment?.Variables ?? {};
  if (!Object.keys(variables).every((name) => matches(PATTERNS.environmentVariableName, name))) {
    const pairs = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    found.add(
      "environment.variables",
      `{${pairs.join(", ")}}`,
      `Map keys must satisfy constraint: [Member must satisfy regular expression pattern: ${PATTERNS.environmentVariableName}, Member must not be null]`,
    );
  }
  found.check();

  if (input.TracingConfig?.Mode === "Active")
    throw notImplemented("the Lambda setting TracingConfig.Mode Active (X-Ray)");
  if (input.SnapStart?.ApplyOn === "PublishedVersions") {
    throw notImplemented("the Lambda setting SnapStart.ApplyOn PublishedVersions");
  }
  const vpc = input.VpcConfig;
  if ((vpc?.SubnetIds?.length ?? 0) > 0 || (vpc?.SecurityGroupIds?.length ?? 0) > 0 || vpc?.Ipv6AllowedForDualStack) {
    throw notImplemented("the Lambda setting VpcConfig");
  }
  for (const member of ["ApplicationLogLevel", "SystemLogLevel"] as const) {
    const level = input.LoggingConfig?.[member];
    if (level === undefined) continue;
    if (input.LoggingConfig?.LogFormat === "Text") {
      throw invalidParameterValue(
        `LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "JSON" and try again.`,
      );
    }
  }
  if (input.Environment?.Variables) checkEnvironment(input.Environment.Variables);
  if (input.Runtime !== undefined) checkRuntime(input.Runtime);
  checkDeadLetterTarget(input.DeadLetterConfig?.TargetArn);
}

const LOG_LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

function checkDeadLetterTarget(target: string | undefined): void {
  if (!target) return;
  const parsed = parseArn(target);
  if (parsed?.service === "sqs" || parsed?.service === "sns") return;
  throw validation(
    `1 validation error detected: Value '${target}' at 'deadLetterConfig.targetArn' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()`,
  );
}

/** @throws InvalidParameterValueException telling how to get the runtime, when this machine cannot run it */
export function checkRuntimeHere(host: FunctionHost, runtime: string): void {
  const availability = host.runtime(runtime);
  if (!availability.available) {
    throw invalidParameterValue(`The runtime ${runtime} is not available on this machine. ${availability.remedy}`);
  }
}

/**
 * .NET runs executable assemblies, which bring their own client of the Runtime API; class libraries need AWS's.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/csharp-handler.html
 */
export function checkHandler(runtime: string, handler: string): void {
  if (runtime.startsWith("dotnet") && handler.includes("::"))
    throw notImplemented(
      `the class library handler ${handler} for ${runtime} (build an executable with Amazon.Lambda.RuntimeSupport and name its assembly as the handler)`,
    );
}

/** The layers by ARN, in order. @throws InvalidParameterValueException as AWS does */
export function resolveLayers(tx: Transaction, at: Place, arns: readonly string[]): VersionRecord["layers"] {
  if (arns.length > LIMITS.layersPerFunction) {
    throw invalidParameterValue(`Cannot reference more than ${LIMITS.layersPerFunction} layers.`);
  }
  const seen = new Map<string, string>();
  return arns.map((arn) => {
    const match = /^arn:[a-zA-Z0-9-]+:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+):(\d+)$/.exec(arn);
    if (!match) {
      throw validation(
        `1 validation error detected: Value '[${arn}]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 140, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ${PATTERNS.layerVersionArn}, Member must not be null]`,
      );
    }
    const [, region, accountId, name, version] = match as unknown as [
      string,
      string,
      Place["accountId"],
      string,
      string,
    ];
    if (region !== at.region) {
      throw invalidParameterValue(
        `Layers are not in the same region as the function. Layers are expected to be in region ${at.region}.`,
      );
    }
    const layer = layerVersions.get(tx, layerVersionKey({ accountId, region: at.region }, name, Number(version)));
    if (!layer) throw invalidParameterValue(`Layer version ${arn} does not exist.`);
    const unversioned = arn.slice(0, arn.lastIndexOf(":"));
    const other = seen.get(unversioned);
    if (other) {
      throw invalidParameterValue(
        `Two different versions of the same layer are not allowed to be referenced in the same function. ${other} and ${arn} are versions of the same layer.`,
      );
    }
    seen.set(unversioned, arn);
    return { arn, code: layer.code };
  });
}

/** A configuration with the given members changed; what is not given stays. */
export function changed(
  tx: Transaction,
  at: Place,
  previous: VersionRecord,
  input: ConfigurationInput,
  context: Pick<OperationContext, "random">,
): VersionRecord {
  const next: { -readonly [K in keyof VersionRecord]: VersionRecord[K] } = { ...previous };
  if (input.Role !== undefined) next.role = input.Role;
  if (input.Handler !== undefined) next.handler = input.Handler;
  if (input.Description !== undefined) next.description = input.Description;
  if (input.Timeout !== undefined) next.timeoutSeconds = input.Timeout;
  if (input.MemorySize !== undefined) next.memoryMb = input.MemorySize;
  if (input.Runtime !== undefined) next.runtime = input.Runtime;
  checkHandler(next.runtime, next.handler);
  if (input.EphemeralStorage?.Size !== undefined) next.ephemeralStorageMb = input.EphemeralStorage.Size;
  if (input.Layers !== undefined) next.layers = resolveLayers(tx, at, input.Layers);
  if (input.LoggingConfig !== undefined) next.logging = mergedLogging(previous.logging, input.LoggingConfig);
  if (input.DeadLetterConfig !== undefined) {
    if (input.DeadLetterConfig.TargetArn) next.deadLetterArn = input.DeadLetterConfig.TargetArn;
    else delete next.deadLetterArn;
  }
  if (input.Environment !== undefined) {
    const variables = input.Environment.Variables ?? {};
    if (Object.keys(variables).length > 0) next.environment = variables;
    else delete next.environment;
  }
  next.buildId = context.random.uuid();
  return next;
}

/** With JSON, both levels are INFO unless told; with Text there are none. */
export function mergedLogging(
  previous: LoggingConfig,
  input: NonNullable<ConfigurationInput["LoggingConfig"]>,
): LoggingConfig {
  const LogFormat = (input.LogFormat as LoggingConfig["LogFormat"] | undefined) ?? previous.LogFormat;
  const LogGroup = input.LogGroup ?? previous.LogGroup;
  return LogFormat === "JSON"
    ? {
        LogFormat,
        ApplicationLogLevel:
          (input.ApplicationLogLevel as LoggingConfig["ApplicationLogLevel"]) ?? previous.ApplicationLogLevel ?? "INFO",
        SystemLogLevel: (input.SystemLogLevel as LoggingConfig["SystemLogLevel"]) ?? previous.SystemLogLevel ?? "INFO",
        LogGroup,
      }
    : { LogFormat, LogGroup };
}

/**
 * A version as the API shows it.
 * @param qualifier what the ARN ends in; undefined for the unqualified ARN
 */
export function shown(
  of: Omit<FunctionLocator, "qualifier">,
  record: VersionRecord,
  qualifier?: string,
): FunctionConfiguration {
  return {
    FunctionName: of.name,
    FunctionArn: functionArn(of, qualifier),
    Runtime: record.runtime as FunctionConfiguration["Runtime"],
    Role: record.role,
    Handler: record.handler,
    CodeSize: record.code.bytes,
    Description: record.description,
    Timeout: record.timeoutSeconds,
    MemorySize: record.memoryMb,
    LastModified: record.lastModified,
    CodeSha256: record.code.sha256,
    Version: record.version,
    ...(record.deadLetterArn === undefined ? {} : { DeadLetterConfig: { TargetArn: record.deadLetterArn } }),
    ...(record.environment === undefined ? {} : { Environment: { Variables: { ...record.environment } } }),
    TracingConfig: { Mode: "PassThrough" },
    RevisionId: record.revisionId,
    ...(record.layers.length === 0
      ? {}
      : { Layers: record.layers.map(({ arn, code }) => ({ Arn: arn, CodeSize: code.bytes })) }),
    State: "Active",
    ...(record.version === "$LATEST" ? { LastUpdateStatus: "Successful" as const } : {}),
    PackageType: "Zip",
    Architectures: [record.architecture],
    EphemeralStorage: { Size: record.ephemeralStorageMb },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    LoggingConfig: { ...record.logging },
  };
}

/** In lists AWS leaves the state out. */
export function listed(configuration: FunctionConfiguration): FunctionConfiguration {
  const { State: _state, LastUpdateStatus: _status, ...rest } = configuration;
  return rest;
}

/** The error that a role gives which Lambda may not assume. */
export function roleRefused(error: unknown): AwsError {
  if (!(error instanceof AwsError)) throw error;
  return invalidParameterValue("The role defined for the function cannot be assumed by Lambda.");
}
