/**
 * Limits and checks of Lambda's members. The checks of AWS's API model are collected and reported together
 * (`2 validation errors detected: …; …`); those of the service itself come one by one, in the operations.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
import { invalidParameterValue, validation } from "./errors.ts";

export const LIMITS = {
  /** Synchronous request and response payloads. */
  syncPayloadBytes: 6 * 1024 * 1024,
  /** Asynchronous request payloads. */
  asyncPayloadBytes: 1024 * 1024,
  /** A zip archive sent in the request itself. */
  zipUploadBytes: 50 * 1024 * 1024,
  /** A package and its layers, unpacked. */
  unzippedBytes: 250 * 1024 * 1024,
  environmentBytes: 4 * 1024,
  layersPerFunction: 5,
  tagsPerFunction: 50,
  policyBytes: 20_480,
  accountConcurrency: 1000,
  unreservedConcurrencyMin: 100,
  totalCodeBytes: 75 * 1024 * 1024 * 1024,
  clientContextBytes: 3583,
} as const;

export const PATTERNS = {
  functionName:
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
  namespacedFunctionName:
    "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
  qualifier: "(|[a-zA-Z0-9$_-]+)",
  urlQualifier: "((?!^\\d+$)^[0-9a-zA-Z-_]+$)",
  alias: "(?!^[0-9]+$)([a-zA-Z0-9-_]+)",
  version: "(\\$LATEST|[0-9]+)",
  additionalVersion: "[0-9]+",
  role: "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
  handler: "[^\\s]+",
  statementId: "([a-zA-Z0-9-_]+)",
  action: "(lambda:[*]|lambda:[a-zA-Z]+|[*])",
  principal: "[^\\s]+",
  principalOrgId: "o-[a-z0-9]{10,32}",
  sourceOwner: "\\d{12}",
  eventSourceToken: "[a-zA-Z0-9._\\-]+",
  environmentVariableName: "[a-zA-Z]([a-zA-Z0-9_])+",
  logGroup: "[\\.\\-_/#A-Za-z0-9]+",
  arn: "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)",
  layerName: "(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+",
  layerVersionArn: "arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+",
  taggable:
    "arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:(function:[a-zA-Z0-9-_]+(:(\\$LATEST|[a-zA-Z0-9-_]+))?|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)",
} as const;

const compiled = new Map<string, RegExp>();

/** Whether the whole text matches a pattern of the API model. */
export function matches(pattern: string, text: string): boolean {
  let expression = compiled.get(pattern);
  if (!expression) {
    expression = new RegExp(`^(?:${pattern})$`);
    compiled.set(pattern, expression);
  }
  return expression.test(text);
}

export interface Constraints {
  required(member: string, value: unknown): void;
  range(member: string, value: number | undefined, minimum: number, maximum: number): void;
  length(member: string, value: string | undefined, minimum: number, maximum: number): void;
  pattern(member: string, value: string | undefined, pattern: string): void;
  oneOf(member: string, value: string | undefined, values: readonly string[]): void;
  /** A violation in words of its own. */
  add(member: string, value: unknown, constraint: string): void;
  /** @throws ValidationException naming everything found, if anything was */
  check(): void;
}

/** Collects violations of the API model's constraints. Member names are written as AWS writes them: `memorySize`. */
export function constraints(): Constraints {
  const found: string[] = [];
  const add = (member: string, value: unknown, constraint: string) => {
    found.push(`Value '${String(value)}' at '${member}' failed to satisfy constraint: ${constraint}`);
  };
  return {
    add,
    required(member, value) {
      if (value === undefined || value === null) {
        found.push(`Value null at '${member}' failed to satisfy constraint: Member must not be null`);
      }
    },
    range(member, value, minimum, maximum) {
      if (value === undefined) return;
      if (value < minimum) add(member, value, `Member must have value greater than or equal to ${minimum}`);
      else if (value > maximum) add(member, value, `Member must have value less than or equal to ${maximum}`);
    },
    length(member, value, minimum, maximum) {
      if (value === undefined) return;
      if (value.length > maximum) add(member, value, `Member must have length less than or equal to ${maximum}`);
      else if (value.length < minimum)
        add(member, value, `Member must have length greater than or equal to ${minimum}`);
    },
    pattern(member, value, pattern) {
      if (value === undefined || matches(pattern, value)) return;
      add(member, value, `Member must satisfy regular expression pattern: ${pattern}`);
    },
    oneOf(member, value, values) {
      if (value === undefined || values.includes(value)) return;
      add(member, value, `Member must satisfy enum value set: [${values.join(", ")}]`);
    },
    check() {
      if (found.length === 0) return;
      throw validation(`${found.length} validation error${found.length > 1 ? "s" : ""} detected: ${found.join("; ")}`);
    },
  };
}

/** Runtimes that AWS accepts for new functions, newest first. @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html */
const RUNTIMES = [
  "nodejs26.x",
  "nodejs24.x",
  "nodejs22.x",
  "nodejs20.x",
  "nodejs18.x",
  "python3.15",
  "python3.14",
  "python3.13",
  "python3.12",
  "python3.11",
  "python3.10",
  "python3.9",
  "python3.8",
  "java25",
  "java21",
  "java17",
  "java11",
  "java8.al2",
  "java17.al2023",
  "java11.al2023",
  "java8.al2023",
  "dotnet10",
  "dotnet8",
  "dotnet6",
  "ruby4.0",
  "ruby3.4",
  "ruby3.3",
  "ruby3.2",
  "provided.al2023",
  "provided.al2",
];

/** Runtimes that AWS no longer lets one create, and what it recommends instead. */
const RETIRED: Readonly<Record<string, string>> = {
  nodejs: "nodejs24.x",
  "nodejs4.3": "nodejs24.x",
  "nodejs4.3-edge": "nodejs24.x",
  "nodejs6.10": "nodejs24.x",
  "nodejs8.10": "nodejs24.x",
  "nodejs10.x": "nodejs24.x",
  "nodejs12.x": "nodejs24.x",
  "nodejs14.x": "nodejs24.x",
  "nodejs16.x": "nodejs24.x",
  "python2.7": "python3.14",
  "python3.6": "python3.14",
  "python3.7": "python3.14",
  java8: "java25",
  "go1.x": "provided.al2023",
  "dotnetcore1.0": "dotnet10",
  "dotnetcore2.0": "dotnet10",
  "dotnetcore2.1": "dotnet10",
  "dotnetcore3.1": "dotnet10",
  "ruby2.5": "ruby3.4",
  "ruby2.7": "ruby3.4",
  provided: "provided.al2023",
};

/** @throws InvalidParameterValueException for a name that AWS does not know or no longer accepts */
export function checkRuntime(runtime: string): void {
  if (RUNTIMES.includes(runtime)) return;
  const successor = RETIRED[runtime];
  if (successor) {
    throw invalidParameterValue(
      `The runtime parameter of ${runtime} is no longer supported for creating or updating AWS Lambda functions. We recommend you use the new runtime (${successor}) while creating or updating functions.`,
    );
  }
  throw invalidParameterValue(
    `Value ${runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [${RUNTIMES.join(", ")}] or be a valid ARN`,
  );
}

/** What a layer may claim to be compatible with. */
export function checkLayerRuntimes(found: Constraints, runtimes: readonly string[]): void {
  const known = [...RUNTIMES, ...Object.keys(RETIRED)];
  if (!runtimes.every((runtime) => known.includes(runtime))) {
    found.oneOf("compatibleRuntimes", `[${runtimes.join(", ")}]`, known);
  }
}

/** Set by Lambda itself. @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
const RESERVED_VARIABLES = new Set([
  "_HANDLER",
  "_X_AMZN_TRACE_ID",
  "AWS_DEFAULT_REGION",
  "AWS_REGION",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_FUNCTION_NAME",
  "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
  "AWS_LAMBDA_FUNCTION_VERSION",
  "AWS_LAMBDA_INITIALIZATION_TYPE",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "AWS_ACCESS_KEY",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_LAMBDA_RUNTIME_API",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
]);

/** @throws InvalidParameterValueException for reserved names and for more than 4 KB */
export function checkEnvironment(variables: Readonly<Record<string, string>>): void {
  const reserved = Object.keys(variables).filter((name) => RESERVED_VARIABLES.has(name));
  if (reserved.length > 0) {
    throw invalidParameterValue(
      `Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: ${reserved.join(", ")}`,
    );
  }
  const measured = JSON.stringify(variables);
  if (Buffer.byteLength(measured) > LIMITS.environmentBytes) {
    throw invalidParameterValue(
      `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: ${measured}`,
    );
  }
}

/** `2026-11-23T18:14:58.000+0000`, as `LastModified` is written. */
export const lambdaDate = (nowMs: number): string => new Date(nowMs).toISOString().replace("Z", "+0000");
