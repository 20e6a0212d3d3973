/**
 * What a REST API says by itself: gateway responses with their default texts, as the API customised them.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
 */
import type { GatewayResponseType } from "@aws-sdk/client-api-gateway";
import { own } from "../../apigateway-common/request.ts";
import type { HttpResponse } from "../../service.ts";
import { DEFAULT_STATUS, DEFAULT_TEMPLATE } from "../gateway-responses.ts";
import { contextVariable, type Exchange, requestValues } from "./exchange.ts";
import { evaluateRequest } from "./parameters.ts";

/** Thrown anywhere on a request's way; answered as a gateway response. */
export class GatewayError extends Error {
  readonly type: GatewayResponseType;
  /** Null is AWS's own text for authorizers that fail. */
  readonly text: string | null;
  readonly status: number | undefined;
  readonly validation: string | undefined;

  /** @param status where AWS's differs from the type's own */
  constructor(type: GatewayResponseType, text: string | null, status?: number, validation?: string) {
    super(text ?? type);
    this.type = type;
    this.text = text;
    this.status = status;
    this.validation = validation;
  }
}

/** `x-amzn-ErrorType` by type. */
const ERROR_TYPES: Partial<Record<GatewayResponseType, string>> = {
  ACCESS_DENIED: "AccessDeniedException",
  API_CONFIGURATION_ERROR: "InternalServerErrorException",
  AUTHORIZER_CONFIGURATION_ERROR: "AuthorizerConfigurationException",
  AUTHORIZER_FAILURE: "AuthorizerConfigurationException",
  BAD_REQUEST_BODY: "BadRequestException",
  BAD_REQUEST_PARAMETERS: "BadRequestException",
  EXPIRED_TOKEN: "ExpiredTokenException",
  INTEGRATION_FAILURE: "InternalServerErrorException",
  INTEGRATION_TIMEOUT: "InternalServerErrorException",
  INVALID_API_KEY: "ForbiddenException",
  INVALID_SIGNATURE: "InvalidSignatureException",
  MISSING_AUTHENTICATION_TOKEN: "MissingAuthenticationTokenException",
  QUOTA_EXCEEDED: "LimitExceededException",
  REQUEST_TOO_LARGE: "RequestTooLargeException",
  RESOURCE_NOT_FOUND: "NotFoundException",
  THROTTLED: "TooManyRequestsException",
  UNAUTHORIZED: "UnauthorizedException",
  UNSUPPORTED_MEDIA_TYPE: "UnsupportedMediaTypeException",
};

export const internalServerError = (): GatewayError =>
  new GatewayError("API_CONFIGURATION_ERROR", "Internal server error");
/** A function's answer that is no response, or none at all. */
export const malformedProxyResponse = (): GatewayError =>
  new GatewayError("API_CONFIGURATION_ERROR", "Internal server error", 502);

export function gatewayResponse(exchange: Exchange, error: GatewayError): HttpResponse {
  const { gatewayResponses } = exchange.stage;
  const status = error.status ?? DEFAULT_STATUS[error.type] ?? 500;
  const own = gatewayResponses.get(error.type);
  const fallback = gatewayResponses.get(status < 500 ? "DEFAULT_4XX" : "DEFAULT_5XX");
  const custom = own ?? fallback;
  exchange.context["error"] = {
    message: error.text,
    messageString: JSON.stringify(error.text),
    responseType: error.type,
    ...(error.validation !== undefined && { validationErrorString: error.validation }),
  };
  const headers: Record<string, string> = {
    "x-amzn-ErrorType": ERROR_TYPES[error.type] ?? "InternalServerErrorException",
  };
  const values = requestValues(exchange);
  for (const [name, expression] of Object.entries(custom?.responseParameters ?? {})) {
    const found = evaluateRequest(expression, values);
    if (found.length > 0) headers[name.slice("gatewayresponse.header.".length)] = found.join(",");
  }
  const [type, template] = chosenTemplate(custom?.responseTemplates ?? {}, exchange.request.headers["accept"]);
  let body = substituted(template, exchange);
  // Denials by policy have a capital in AWS's own text, which a customised template does not.
  if (!custom && error.type === "ACCESS_DENIED") body = body.replace('{"message":', '{"Message":');
  if (!Object.keys(headers).some((name) => name.toLowerCase() === "content-type")) headers["content-type"] = type;
  return { status: Number(custom?.statusCode ?? status), headers, body };
}

function chosenTemplate(templates: Readonly<Record<string, string>>, accept: string | undefined): [string, string] {
  const wanted = accept?.split(",")[0]?.split(";")[0]?.trim();
  const exact = wanted === undefined ? undefined : own(templates, wanted);
  if (exact !== undefined) return [wanted!, exact];
  const [first] = Object.entries(templates);
  if (templates["application/json"] !== undefined) return ["application/json", templates["application/json"]];
  return first ?? ["application/json", DEFAULT_TEMPLATE];
}

const VARIABLE = String.raw`(context|stageVariables|method\.request\.(?:header|querystring|path))\.([A-Za-z0-9_.-]*[A-Za-z0-9_-])`;
const VARIABLES = new RegExp(String.raw`\$(?:\{${VARIABLE}\}|${VARIABLE})`, "g");

/** Gateway responses know variables, but no Velocity. */
function substituted(template: string, exchange: Exchange): string {
  const values = requestValues(exchange);
  return template.replaceAll(VARIABLES, (_, bracedSource, bracedName, plainSource, plainName) => {
    const source: string = bracedSource ?? plainSource;
    const name: string = bracedName ?? plainName;
    if (source === "context") return contextVariable(exchange, name) ?? (name.startsWith("error.") ? "null" : "");
    if (source === "stageVariables") return own(exchange.stage.variables, name) ?? "";
    return evaluateRequest(`${source}.${name}`, values).join(",");
  });
}
