/** The Globals section: properties that every resource of a kind inherits. @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html */
import { isObject, type Value, type ValueObject } from "../template/values.ts";
import { invalidGlobals, invalidResource } from "./errors.ts";
import { isIntrinsic } from "./shapes.ts";

const words = (text: string): readonly string[] => text.split(" ");

const INHERITED: Readonly<Record<string, readonly string[]>> = {
  Function: words(
    "Handler Runtime CodeUri DeadLetterQueue Description MemorySize Timeout VpcConfig Environment Tags PropagateTags Tracing KmsKeyArn AutoPublishAlias AutoPublishAliasAllProperties Layers DeploymentPreference RolePath PermissionsBoundary ReservedConcurrentExecutions ProvisionedConcurrencyConfig AssumeRolePolicyDocument EventInvokeConfig FileSystemConfigs CodeSigningConfigArn Architectures SnapStart EphemeralStorage FunctionUrlConfig RuntimeManagementConfig LoggingConfig RecursiveLoop SourceKMSKeyArn",
  ),
  Api: words(
    "Auth Name DefinitionUri CacheClusterEnabled CacheClusterSize MergeDefinitions Variables EndpointConfiguration MethodSettings BinaryMediaTypes MinimumCompressionSize Cors GatewayResponses AccessLogSetting CanarySetting TracingEnabled OpenApiVersion Domain AlwaysDeploy PropagateTags SecurityPolicy EndpointAccessMode",
  ),
  HttpApi: words(
    "Auth AccessLogSettings StageVariables Tags CorsConfiguration DefaultRouteSettings Domain RouteSettings FailOnWarnings PropagateTags",
  ),
  SimpleTable: words("SSESpecification"),
  LayerVersion: words("PublishLambdaVersion"),
};

export type Globals = Readonly<Record<string, ValueObject>>;

export function readGlobals(section: Value | undefined): Globals {
  if (section === undefined) return {};
  if (!isObject(section)) throw invalidGlobals("It must be a non-empty dictionary");
  for (const [kind, properties] of Object.entries(section)) {
    const allowed = Object.hasOwn(INHERITED, kind) ? INHERITED[kind] : undefined;
    if (!allowed) {
      throw invalidGlobals(
        `'${kind}' is not supported. Must be one of the following values - [${quoted(Object.keys(INHERITED).sort())}]`,
      );
    }
    if (!isObject(properties)) throw invalidGlobals("Value of ${section} must be a dictionary");
    for (const name of Object.keys(properties)) {
      if (allowed.includes(name)) continue;
      throw invalidGlobals(
        `'${name}' is not a supported property of '${kind}'. Must be one of the following values - [${quoted(allowed)}]`,
      );
    }
  }
  return section as Globals;
}

const quoted = (names: readonly string[]) => names.map((name) => `'${name}'`).join(", ");

/** A resource's properties with those it inherits: its own win; maps merge; lists go one after the other, the inherited first. */
export function inherit(
  globals: Globals,
  kind: string,
  logicalId: string,
  own: ValueObject,
  ignore: Value | undefined,
): ValueObject {
  let inherited = globals[kind];
  if (inherited === undefined || ignore === "*") return own;
  if (ignore !== undefined) {
    const given = inherited;
    if (!Array.isArray(ignore) || !ignore.every((name) => typeof name === "string" && Object.hasOwn(given, name))) {
      throw invalidResource(logicalId, `Resource ${logicalId} has invalid resource attribute 'IgnoreGlobals'.`);
    }
    inherited = Object.fromEntries(Object.entries(given).filter(([name]) => !ignore.includes(name)));
  }
  return merge(inherited, own) as ValueObject;
}

function merge(inherited: Value, own: Value): Value {
  if (Array.isArray(inherited) && Array.isArray(own)) return [...inherited, ...own];
  const maps = isObject(inherited) && isObject(own) && !isIntrinsic(inherited) && !isIntrinsic(own);
  if (!maps) return own;
  const merged: Record<string, Value> = { ...(inherited as ValueObject) };
  for (const [name, value] of Object.entries(own as ValueObject)) {
    merged[name] = Object.hasOwn(merged, name) ? merge(merged[name]!, value) : value;
  }
  return merged;
}
