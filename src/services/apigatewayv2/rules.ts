/** What HTTP APIs may be made of: limits and cross-field checks. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html */
import type { Cors, RouteSettings } from "@aws-sdk/client-apigatewayv2";
import { notImplemented } from "../../kernel/errors.ts";
import { functionArnOf } from "../apigateway-common/caller.ts";
import { own } from "../apigateway-common/request.ts";
import { badRequest } from "./errors.ts";
import { checkRequestMapping, checkResponseMapping, checkTemplate } from "./mapping.ts";
import type { Authorizer, Integration } from "./state.ts";
import { SUBTYPES } from "./subtypes.ts";

export const ROUTES_PER_API_MAX = 300;
export const INTEGRATIONS_PER_API_MAX = 300;
export const STAGES_PER_API_MAX = 10;
export const AUTHORIZERS_PER_API_MAX = 10;
export const DEPLOYMENTS_PER_API_MAX = 1_000;
export const TIMEOUT_MS_MAX = 30_000;
export const TIMEOUT_MS_MIN = 50;
export const PAYLOAD_BYTES_MAX = 10 * 1024 * 1024;

const METHODS = new Set(["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);

/** `GET /pets/{id}`, `ANY /{proxy+}` or `$default`. */
export function checkRouteKey(routeKey: string): void {
  if (routeKey === "$default") return;
  const match = /^([A-Z]+) (\/\S*)$/.exec(routeKey);
  if (!match || !METHODS.has(match[1]!)) {
    throw badRequest(
      'The provided route key is not formatted properly for HTTP protocol. Format should be "<HTTP METHOD> /<RESOURCE PATH>" or "$default"',
    );
  }
  const segments = match[2]!.split("/").slice(1);
  const names = new Set<string>();
  for (const [index, segment] of segments.entries()) {
    if (!/[{}]/.test(segment)) continue;
    const variable = /^\{([^{}+]+)(\+?)\}$/.exec(segment);
    if (!variable) throw badRequest(`Invalid path part in route key ${routeKey}: ${segment}`);
    if (variable[2] && index !== segments.length - 1) {
      throw badRequest("A greedy path variable is only allowed at the end of the path");
    }
    if (names.has(variable[1]!)) throw badRequest(`Duplicate path variable in route key: ${variable[1]}`);
    names.add(variable[1]!);
  }
}

export function checkTarget(target: string): string {
  const match = /^integrations\/([A-Za-z0-9]+)$/.exec(target);
  if (!match) throw badRequest("Target format should be integrations/<INTEGRATION ID>");
  return match[1]!;
}

export function checkStageName(name: string): void {
  if (name === "$default") return;
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(name)) {
    throw badRequest("Stage name only allows a-zA-Z0-9_- or $default");
  }
}

export function checkStageVariables(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) {
    if (!/^[A-Za-z0-9_]{1,64}$/.test(name))
      throw badRequest(`Stage variable name ${name} is invalid: use alphanumeric characters and underscores`);
    if (!/^[A-Za-z0-9\-._~:/?#&=,@\s!$'()*+;%[\]]{0,2048}$/.test(value)) {
      throw badRequest(
        `Invalid stage variable value: ${value}. Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','.`,
      );
    }
  }
}

export function checkCors(cors: Cors): void {
  const { AllowOrigins = [], AllowCredentials, MaxAge } = cors;
  for (const origin of AllowOrigins) {
    if (origin !== "*" && !/^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(origin)) {
      throw badRequest(`Invalid format for origin ${origin}`);
    }
  }
  if (AllowCredentials && AllowOrigins.includes("*")) {
    throw badRequest("AllowOrigins cannot be * when AllowCredentials is true");
  }
  for (const method of cors.AllowMethods ?? []) {
    if (method !== "*" && !METHODS.has(method)) throw badRequest(`Invalid format for method ${method}`);
  }
  if (MaxAge !== undefined && (MaxAge < -1 || MaxAge > 86_400)) throw badRequest("MaxAge must be between -1 and 86400");
}

/** @throws notImplemented for settings that would not be honoured */
export function checkRouteSettings(settings: RouteSettings): void {
  if (settings.LoggingLevel !== undefined || settings.DataTraceEnabled) {
    throw badRequest("Execution logs are not supported on protocolType HTTP");
  }
  if (settings.DetailedMetricsEnabled) throw notImplemented("the API Gateway route setting DetailedMetricsEnabled");
  const { ThrottlingBurstLimit: burst, ThrottlingRateLimit: rate } = settings;
  if (burst !== undefined && burst < 0) throw badRequest("Throttling burst limit must be >= 0");
  if (rate !== undefined && rate < 0) throw badRequest("Throttling rate limit must be >= 0");
}

/** Completes and checks an integration; the checks in AWS's order. */
export function checkIntegration(integration: Integration): void {
  const { IntegrationType: type, IntegrationSubtype: subtype, IntegrationUri: uri } = integration;
  if (type !== "AWS_PROXY" && type !== "HTTP_PROXY") {
    throw badRequest(
      "Currently, an API with a protocol type of HTTP may only be associated with proxy integrations (AWS_PROXY, HTTP_PROXY)",
    );
  }
  if (integration.PayloadFormatVersion === undefined) {
    throw badRequest("PayloadFormatVersion is a required parameter for integration");
  }
  const versions = type === "AWS_PROXY" && subtype === undefined ? ["1.0", "2.0"] : ["1.0"];
  if (!versions.includes(integration.PayloadFormatVersion)) {
    throw badRequest(`PayloadFormatVersion ${integration.PayloadFormatVersion} is not supported for this integration`);
  }
  if (integration.TimeoutInMillis < TIMEOUT_MS_MIN || integration.TimeoutInMillis > TIMEOUT_MS_MAX) {
    throw badRequest("Timeout should be between 50 ms and 30000 ms");
  }
  if (subtype !== undefined) {
    checkSubtype(integration, subtype);
    return;
  }
  if (!uri) throw badRequest("IntegrationUri is a required parameter for integration");
  if (type === "AWS_PROXY") {
    const decidedByStage = /\$\{?stageVariables\./.test(uri);
    if (!decidedByStage && !functionArnOf(uri)) {
      throw badRequest("Integration URI should be a valid Lambda function ARN");
    }
  } else {
    if (!/^https?:\/\/\S+$/.test(uri)) throw badRequest("Invalid HTTP endpoint specified for URI");
    if (!integration.IntegrationMethod)
      throw badRequest("HttpMethod must be specified for integration type HTTP_PROXY");
    if (!METHODS.has(integration.IntegrationMethod)) throw badRequest("Invalid HTTP method specified");
  }
  checkMappings(integration);
}

function checkMappings(integration: Integration): void {
  for (const [name, value] of Object.entries(integration.RequestParameters ?? {})) checkRequestMapping(name, value);
  for (const [status, mappings] of Object.entries(integration.ResponseParameters ?? {})) {
    if (!/^[2-5]\d\d$/.test(status))
      throw badRequest(`Invalid status code ${status} in response parameters: use 200 to 599`);
    for (const [name, value] of Object.entries(mappings)) checkResponseMapping(name, value);
  }
}

function checkSubtype(integration: Integration, name: string): void {
  const subtype = own(SUBTYPES, name);
  if (!subtype) {
    if (/^(EventBridge-PutEvents|Kinesis-PutRecord|StepFunctions-\w+|AppConfig-GetConfiguration)$/.test(name)) {
      throw notImplemented(`the API Gateway integration subtype ${name}`);
    }
    throw badRequest(`Invalid IntegrationSubtype ${name}`);
  }
  if (integration.IntegrationType !== "AWS_PROXY") {
    throw badRequest("IntegrationSubtype is only supported for integration type AWS_PROXY");
  }
  if (integration.ResponseParameters) checkMappings({ ...integration, RequestParameters: {} });
  if (!integration.CredentialsArn) throw badRequest("Credentials are required for the specified integration subtype");
  const given = integration.RequestParameters ?? {};
  for (const [parameter, value] of Object.entries(given)) {
    if (!subtype.required.includes(parameter) && !subtype.optional.includes(parameter)) {
      throw badRequest(`Parameter: ${parameter} does not fit schema for Operation: ${name}.`);
    }
    checkTemplate(value);
  }
  for (const parameter of subtype.required) {
    if (given[parameter] === undefined) {
      throw badRequest(`Parameter: ${parameter} is required for Operation: ${name}.`);
    }
  }
}

export function checkAuthorizer(authorizer: Authorizer): void {
  if (authorizer.AuthorizerType === "JWT") {
    const { Issuer, Audience } = authorizer.JwtConfiguration ?? {};
    if (!Issuer) throw badRequest("Issuer is a required parameter for authorizer type JWT");
    if (!/^https?:\/\/\S+$/.test(Issuer))
      throw badRequest("Invalid issuer: " + Issuer + ". Issuer must be a valid URL");
    if (!Audience || Audience.length === 0)
      throw badRequest("Audience list must have at least 1 value for authorizer type JWT");
    if (authorizer.IdentitySource.length !== 1)
      throw badRequest("A JWT authorizer must have exactly one identity source");
    checkIdentitySource(authorizer.IdentitySource[0]!, /^\$request\.(header|querystring)\.\S+$/);
    return;
  }
  if (authorizer.AuthorizerType !== "REQUEST") throw badRequest("Authorizer type must be REQUEST or JWT");
  if (!authorizer.AuthorizerUri || !functionArnOf(authorizer.AuthorizerUri)) {
    throw badRequest("AuthorizerUri should be a valid Lambda function invocation ARN");
  }
  if (authorizer.AuthorizerPayloadFormatVersion === undefined) {
    throw badRequest("AuthorizerPayloadFormatVersion is a required parameter for authorizers of type REQUEST");
  }
  if (authorizer.EnableSimpleResponses && authorizer.AuthorizerPayloadFormatVersion !== "2.0") {
    throw badRequest("EnableSimpleResponses flag is only supported for AuthorizerPayloadFormatVersion 2.0");
  }
  const ttl = authorizer.AuthorizerResultTtlInSeconds;
  if (ttl < 0 || ttl > 3600) throw badRequest("AuthorizerResultTtlInSeconds should be between 0 and 3600");
  if (ttl > 0 && authorizer.IdentitySource.length === 0) {
    throw badRequest("Identity source must be specified when caching is enabled");
  }
  for (const source of authorizer.IdentitySource) {
    checkIdentitySource(source, /^\$(request\.(header|querystring)\.\S+|context\.\S+|stageVariables\.\S+)$/);
  }
}

function checkIdentitySource(source: string, pattern: RegExp): void {
  if (!pattern.test(source))
    throw badRequest(
      `Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression specified: ${source}]`,
    );
}
