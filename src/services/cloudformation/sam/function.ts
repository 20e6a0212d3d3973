/** AWS::Serverless::Function → function, role, version, alias, invoke configuration. Its events are in `events.ts`. @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html */
import { isObject, sameValue, type Value, type ValueObject } from "../template/values.ts";
import { invalidResource, unsupported } from "./errors.ts";
import { executionRole } from "./role.ts";
import { type Draft, getAtt, hash, isIntrinsic, present, ref, s3Location, tagList } from "./shapes.ts";
import type { SamResource, Work } from "./work.ts";

/** Handed to AWS::Lambda::Function as they are; that type says which it takes. */
const PASSED = [
  "Architectures",
  "CodeSigningConfigArn",
  "Description",
  "EphemeralStorage",
  "FileSystemConfigs",
  "FunctionName",
  "Handler",
  "ImageConfig",
  "KmsKeyArn",
  "Layers",
  "LoggingConfig",
  "MemorySize",
  "PackageType",
  "RecursiveLoop",
  "ReservedConcurrentExecutions",
  "Runtime",
  "RuntimeManagementConfig",
  "SnapStart",
  "Timeout",
  "VpcConfig",
] as const;

/** Read here. */
const OWN = [
  "AssumeRolePolicyDocument",
  "AutoPublishAlias",
  "AutoPublishAliasAllProperties",
  "AutoPublishCodeSha256",
  "CodeUri",
  "DeadLetterQueue",
  "Environment",
  "EventInvokeConfig",
  "Events",
  "FunctionUrlConfig",
  "ImageUri",
  "InlineCode",
  "PermissionsBoundary",
  "Policies",
  "PropagateTags",
  "ProvisionedConcurrencyConfig",
  "Role",
  "RolePath",
  "Tags",
  "Tracing",
  "VersionDeletionPolicy",
  "VersionDescription",
] as const;

/** SAM's, and not Virga's. */
const UNSUPPORTED = [
  "CapacityProviderConfig",
  "DeploymentPreference",
  "DurableConfig",
  "FunctionScalingConfig",
  "PublishToLatestPublished",
  "SourceKMSKeyArn",
  "TenancyConfig",
] as const;

export const FUNCTION_PROPERTIES = { known: [...PASSED, ...OWN], unsupported: UNSUPPORTED };

/** What events need to know of a function. */
export interface MadeFunction {
  readonly resource: SamResource;
  /** What an event invokes: the alias when there is one. */
  readonly target: Draft;
  /** For an API's integration: the ARN as `Fn::Sub` writes it. */
  readonly targetArn: string;
  /** AWS-managed policies for the role. */
  readonly managed: string[];
  /** Inline policies that its events call for. */
  readonly inline: Draft[];
}

/** Makes a function's resources; {@link finish} adds the role once the events are known. */
export function makeFunction(work: Work, resource: SamResource): MadeFunction {
  const { logicalId, properties } = resource;
  const code = codeOf(logicalId, properties);
  const alias = aliasName(work, logicalId, properties);
  const made: Draft = present({
    Code: code,
    DeadLetterConfig: deadLetter(logicalId, properties["DeadLetterQueue"])?.config,
    Environment: properties["Environment"],
    Role: properties["Role"] ?? getAtt(`${logicalId}Role`, "Arn"),
    Tags: tagList(properties["Tags"], "lambda:createdBy"),
    TracingConfig: properties["Tracing"] === undefined ? undefined : { Mode: properties["Tracing"] },
  });
  for (const name of PASSED) if (properties[name] !== undefined) made[name] = properties[name];
  if (properties["ImageUri"] !== undefined) made["PackageType"] = "Image";
  work.add(resource, logicalId, "AWS::Lambda::Function", made, { dependsOn: true, metadata: true });
  let target = ref(logicalId);
  let targetArn = `\${${logicalId}.Arn}`;
  if (alias !== undefined) {
    const versionId = logicalId + "Version" + versionHash(work, properties, code, made);
    const retain = (properties["VersionDeletionPolicy"] as string | undefined) ?? "Retain";
    work.add(
      resource,
      versionId,
      "AWS::Lambda::Version",
      present({ Description: properties["VersionDescription"], FunctionName: ref(logicalId) }),
      { deletionPolicy: retain },
    );
    const aliasId = `${logicalId}Alias${alias.replace(/[^A-Za-z0-9]/g, "")}`;
    work.add(
      resource,
      aliasId,
      "AWS::Lambda::Alias",
      present({
        Name: alias,
        FunctionName: ref(logicalId),
        FunctionVersion: getAtt(versionId, "Version"),
        ProvisionedConcurrencyConfig: properties["ProvisionedConcurrencyConfig"],
      }),
    );
    work.refer(`${logicalId}.Version`, versionId);
    work.refer(`${logicalId}.Alias`, aliasId);
    target = ref(aliasId);
    targetArn = `\${${aliasId}}`;
  } else if (properties["ProvisionedConcurrencyConfig"] !== undefined) {
    throw invalidResource(
      logicalId,
      "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function",
    );
  }
  addUrl(work, resource, target);
  return { resource, target, targetArn, managed: [], inline: [] };
}

/** A URL of its own, and when anybody may call it the permissions that say so. */
function addUrl(work: Work, resource: SamResource, target: Draft): void {
  const { logicalId, properties } = resource;
  const config = properties["FunctionUrlConfig"];
  if (config === undefined) return;
  if (!isObject(config)) throw invalidResource(logicalId, "'FunctionUrlConfig' must be a map");
  const unknown = Object.keys(config).find((name) => !["AuthType", "Cors", "InvokeMode"].includes(name));
  if (unknown !== undefined) throw unsupported(logicalId, `the property ${unknown} of FunctionUrlConfig`);
  const authType = work.text(config["AuthType"]);
  if (authType !== "AWS_IAM" && authType !== "NONE") {
    throw invalidResource(
      logicalId,
      "AuthType is required to configure function property `FunctionUrlConfig`. Please provide either AWS_IAM or NONE.",
    );
  }
  const { AuthType, Cors, InvokeMode }: ValueObject = config;
  work.add(
    resource,
    `${logicalId}Url`,
    "AWS::Lambda::Url",
    present({ TargetFunctionArn: target, AuthType, Cors, InvokeMode }),
  );
  if (authType !== "NONE") return;
  work.add(resource, `${logicalId}UrlPublicPermissions`, "AWS::Lambda::Permission", {
    Action: "lambda:InvokeFunctionUrl",
    FunctionName: target,
    Principal: "*",
    FunctionUrlAuthType: AuthType,
  });
  work.add(resource, `${logicalId}URLInvokeAllowPublicAccess`, "AWS::Lambda::Permission", {
    Action: "lambda:InvokeFunction",
    FunctionName: target,
    Principal: "*",
    InvokedViaFunctionUrl: true,
  });
}

/** The role and the configuration of asynchronous invocations. */
export function finish(work: Work, made: MadeFunction): void {
  const { resource } = made;
  const { logicalId, properties } = resource;
  const invokePolicies = eventInvokeConfig(work, resource);
  if (properties["Role"] !== undefined) return;
  const queue = deadLetter(logicalId, properties["DeadLetterQueue"]);
  const tracing = work.text(properties["Tracing"]);
  const managed = [
    ...(properties["Tracing"] !== undefined && tracing !== "Disabled" ? ["AWSXrayWriteOnlyAccess"] : []),
    ...(properties["VpcConfig"] === undefined ? [] : ["AWSLambdaVPCAccessExecutionRole"]),
  ];
  const role = executionRole({
    functionId: logicalId,
    policies: properties["Policies"],
    managed,
    eventsManaged: made.managed,
    inline: distinct([...(queue ? [queue.policy] : []), ...invokePolicies], made.inline),
    tags: tagList(properties["Tags"], "lambda:createdBy"),
    path: properties["RolePath"],
    boundary: properties["PermissionsBoundary"],
    trust: properties["AssumeRolePolicyDocument"],
  });
  work.add(resource, `${logicalId}Role`, "AWS::IAM::Role", role);
}

/** What an event calls for is left out where another policy grants it already. */
function distinct(policies: readonly Draft[], further: readonly Draft[]): Draft[] {
  const kept = [...policies];
  for (const policy of further) {
    const granted = kept.some((other) =>
      sameValue(other["PolicyDocument"] as Value, policy["PolicyDocument"] as Value),
    );
    if (!granted) kept.push(policy);
  }
  return kept;
}

function codeOf(logicalId: string, properties: ValueObject): Draft {
  const { InlineCode, CodeUri, ImageUri } = properties;
  const given = [InlineCode, CodeUri, ImageUri].filter((value) => value !== undefined);
  if (given.length > 1 && InlineCode === undefined) {
    throw invalidResource(logicalId, "Only one of 'CodeUri' and 'ImageUri' can be set.");
  }
  if (InlineCode !== undefined) return { ZipFile: InlineCode };
  if (ImageUri !== undefined) return { ImageUri };
  if (CodeUri === undefined) throw invalidResource(logicalId, "'InlineCode' or 'CodeUri' must be set.");
  const location = s3Location(CodeUri);
  if (!location) {
    throw invalidResource(
      logicalId,
      "'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.",
    );
  }
  return present({ S3Bucket: location.Bucket, S3Key: location.Key, S3ObjectVersion: location.Version });
}

function aliasName(work: Work, logicalId: string, properties: ValueObject): string | undefined {
  const given = properties["AutoPublishAlias"];
  if (given === undefined) return undefined;
  const name = work.text(given);
  if (name === undefined) {
    throw invalidResource(logicalId, "'AutoPublishAlias' must be a string or a Ref to a template parameter");
  }
  return name === "" ? undefined : name;
}

/** Changes whenever the code, the environment or the memory do: a new version is published then. */
function versionHash(work: Work, properties: ValueObject, code: Draft, made: Draft): string {
  const sha = work.text(properties["AutoPublishCodeSha256"]);
  if (sha !== undefined) return sha.slice(0, 10);
  if (properties["AutoPublishAliasAllProperties"] === true) return hash(made);
  const snapStart = made["SnapStart"];
  return hash({
    ...(work.withParameters(code) as Draft),
    ...(isObject(made["Environment"]) ? made["Environment"] : {}),
    ...(made["MemorySize"] ? { MemorySize: made["MemorySize"] } : {}),
    ...(isObject(snapStart) && (snapStart["ApplyOn"] ?? "None") !== "None" ? { SnapStart: snapStart } : {}),
  });
}

const DEAD_LETTER_ACTIONS: Readonly<Record<string, string>> = { SNS: "sns:Publish", SQS: "sqs:SendMessage" };

function deadLetter(logicalId: string, queue: Value | undefined): { config: Draft; policy: Draft } | undefined {
  if (queue === undefined) return undefined;
  if (!isObject(queue) || queue["Type"] === undefined || queue["TargetArn"] === undefined) {
    throw invalidResource(logicalId, "'DeadLetterQueue' requires Type and TargetArn properties to be specified.");
  }
  const action = DEAD_LETTER_ACTIONS[String(queue["Type"])];
  if (action === undefined) throw invalidResource(logicalId, "'DeadLetterQueue' requires Type of either SQS or SNS");
  return {
    config: { TargetArn: queue["TargetArn"] },
    policy: {
      PolicyName: "DeadLetterQueuePolicy",
      PolicyDocument: {
        Version: "2012-10-17",
        Statement: [{ Action: action, Resource: queue["TargetArn"], Effect: "Allow" }],
      },
    },
  };
}

/** @returns the inline policies that the destinations call for */
function eventInvokeConfig(work: Work, resource: SamResource): Draft[] {
  const { logicalId, properties } = resource;
  const config = properties["EventInvokeConfig"];
  if (config === undefined) return [];
  if (!isObject(config)) throw invalidResource(logicalId, "'EventInvokeConfig' must be a map");
  const id = `${logicalId}EventInvokeConfig`;
  const policies: Draft[] = [];
  const destinations: Draft = {};
  const given = config["DestinationConfig"];
  const wanted: ValueObject = isObject(given) ? given : {};
  const strange = Object.keys(wanted).find((name) => name !== "OnSuccess" && name !== "OnFailure");
  if (strange !== undefined) {
    throw invalidResource(logicalId, `Property '${strange}' of 'EventInvokeConfig.DestinationConfig' is not supported`);
  }
  for (const name of ["OnSuccess", "OnFailure"]) {
    const destination = wanted[name];
    if (destination === undefined) continue;
    if (!isObject(destination)) throw invalidResource(logicalId, `'${name}' must be a map`);
    const { arn, policy } = invokeDestination(work, resource, `${id}${name}`, destination);
    destinations[name] = { Destination: arn };
    if (policy) policies.push(policy);
  }
  const alias = work.text(properties["AutoPublishAlias"]);
  const aliasId = work.referred(`${logicalId}.Alias`);
  work.add(
    resource,
    id,
    "AWS::Lambda::EventInvokeConfig",
    present({
      DestinationConfig: Object.keys(destinations).length > 0 ? destinations : undefined,
      FunctionName: ref(logicalId),
      MaximumEventAgeInSeconds: config["MaximumEventAgeInSeconds"],
      MaximumRetryAttempts: config["MaximumRetryAttempts"],
      Qualifier: alias ?? "$LATEST",
    }),
    aliasId === undefined ? {} : { needs: [aliasId] },
  );
  return policies;
}

const DESTINATION_ACTIONS: Readonly<Record<string, string>> = {
  SQS: "sqs:SendMessage",
  SNS: "sns:publish",
  EventBridge: "events:PutEvents",
  Lambda: "lambda:InvokeFunction",
};

function invokeDestination(
  work: Work,
  resource: SamResource,
  id: string,
  destination: ValueObject,
): { arn: Value | Draft; policy: Draft | undefined } {
  const type = destination["Type"];
  let arn: Value | Draft | undefined = destination["Destination"];
  if (type !== undefined && !Object.hasOwn(DESTINATION_ACTIONS, String(type))) {
    throw unsupported(resource.logicalId, `a destination of type ${String(type)}`);
  }
  if (arn === undefined) {
    if (type !== "SQS") {
      throw invalidResource(resource.logicalId, `'Type: ${String(type)}' needs a 'Destination' property`);
    }
    const queueId = `${id}Queue`;
    work.add(resource, queueId, "AWS::SQS::Queue", {});
    work.refer(`${resource.logicalId}.DestinationQueue`, queueId);
    arn = getAtt(queueId, "Arn");
  } else if (type === undefined && !isIntrinsic(arn) && typeof arn !== "string") {
    throw invalidResource(resource.logicalId, "'Destination' must be an ARN");
  }
  if (type === undefined) return { arn, policy: undefined };
  return {
    arn,
    policy: {
      PolicyName: `${id}${String(type)}Policy`,
      PolicyDocument: {
        Statement: [{ Action: DESTINATION_ACTIONS[String(type)], Effect: "Allow", Resource: arn }],
      },
    },
  };
}
