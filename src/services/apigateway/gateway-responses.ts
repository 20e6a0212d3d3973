/** Gateway responses: what API Gateway says by itself, and how an API may change it. */
import type { GatewayResponseType } from "@aws-sdk/client-api-gateway";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { badRequest, notFound } from "./errors.ts";
import { patched } from "./patch.ts";
import { requireApi } from "./rest-apis.ts";
import { type GatewayResponse, gatewayResponses, page } from "./state.ts";

type V1 = "apigateway";

/** Default status by type; the two fallbacks have none. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html */
export const DEFAULT_STATUS: Readonly<Record<GatewayResponseType, number | undefined>> = {
  DEFAULT_4XX: undefined,
  DEFAULT_5XX: undefined,
  ACCESS_DENIED: 403,
  API_CONFIGURATION_ERROR: 500,
  AUTHORIZER_CONFIGURATION_ERROR: 500,
  AUTHORIZER_FAILURE: 500,
  BAD_REQUEST_BODY: 400,
  BAD_REQUEST_PARAMETERS: 400,
  EXPIRED_TOKEN: 403,
  INTEGRATION_FAILURE: 504,
  INTEGRATION_TIMEOUT: 504,
  INVALID_API_KEY: 403,
  INVALID_SIGNATURE: 403,
  MISSING_AUTHENTICATION_TOKEN: 403,
  QUOTA_EXCEEDED: 429,
  REQUEST_TOO_LARGE: 413,
  RESOURCE_NOT_FOUND: 404,
  THROTTLED: 429,
  UNAUTHORIZED: 401,
  UNSUPPORTED_MEDIA_TYPE: 415,
  WAF_FILTERED: 403,
};

export const DEFAULT_TEMPLATE = '{"message":$context.error.messageString}';

function checkType(type: string | undefined): GatewayResponseType {
  if (!Object.hasOwn(DEFAULT_STATUS, type ?? "")) throw badRequest(`Invalid gateway response type specified: ${type}`);
  return type as GatewayResponseType;
}

function check(response: GatewayResponse): void {
  checkType(response.responseType);
  if (response.statusCode !== undefined && !/^[1-5]\d\d$/.test(response.statusCode))
    throw badRequest("Invalid status code specified");
  for (const [name, value] of Object.entries(response.responseParameters)) {
    if (!/^gatewayresponse\.header\.\S+$/.test(name)) throw badRequest(`Invalid mapping expression specified: ${name}`);
    if (!/^('.*'|method\.request\.(header|querystring|path)\.\S+|(context|stageVariables)\.\S+)$/s.test(value)) {
      throw badRequest(`Invalid mapping expression specified: ${value}`);
    }
  }
}

export function addGatewayResponse(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  input: Omit<InputOf<V1, "PutGatewayResponse">, "restApiId">,
): GatewayResponse {
  const response: GatewayResponse = {
    responseType: checkType(input.responseType),
    ...(input.statusCode && { statusCode: String(input.statusCode) }),
    responseParameters: input.responseParameters ?? {},
    responseTemplates: input.responseTemplates ?? {},
  };
  check(response);
  gatewayResponses.put(tx, context, response, apiId, response.responseType);
  return response;
}

export function putGatewayResponse(
  tx: Transaction,
  input: InputOf<V1, "PutGatewayResponse">,
  context: OperationContext,
): OutputOf<V1, "PutGatewayResponse"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  return describe(addGatewayResponse(tx, context, apiId, input));
}

export function getGatewayResponse(
  tx: Transaction,
  input: InputOf<V1, "GetGatewayResponse">,
  context: OperationContext,
): OutputOf<V1, "GetGatewayResponse"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const type = checkType(input.responseType);
  const own = gatewayResponses.get(tx, context, apiId, type);
  return own ? describe(own) : defaultResponse(type);
}

/** All types, those that nobody changed with their defaults. */
export function getGatewayResponses(
  tx: Transaction,
  input: InputOf<V1, "GetGatewayResponses">,
  context: OperationContext,
): OutputOf<V1, "GetGatewayResponses"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const types = Object.keys(DEFAULT_STATUS) as GatewayResponseType[];
  const all = types.map((type) => {
    const own = gatewayResponses.get(tx, context, apiId, type);
    return own ? describe(own) : defaultResponse(type);
  });
  const { items, position } = page(all, input);
  return { items: [...items], position };
}

export function updateGatewayResponse(
  tx: Transaction,
  input: InputOf<V1, "UpdateGatewayResponse">,
  context: OperationContext,
): OutputOf<V1, "UpdateGatewayResponse"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const responseType = checkType(input.responseType);
  const before: GatewayResponse = gatewayResponses.get(tx, context, apiId, responseType) ?? {
    responseType,
    responseParameters: {},
    responseTemplates: { "application/json": DEFAULT_TEMPLATE },
  };
  const updated = patched(before, input.patchOperations, {
    "/statusCode": {},
    "/responseParameters/*": {},
    "/responseTemplates/*": {},
  });
  check(updated);
  gatewayResponses.put(tx, context, updated, apiId, responseType);
  return describe(updated);
}

export function deleteGatewayResponse(
  tx: Transaction,
  input: InputOf<V1, "DeleteGatewayResponse">,
  context: OperationContext,
): object {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const type = checkType(input.responseType);
  if (!gatewayResponses.get(tx, context, apiId, type)) throw notFound("Gateway response type not defined on api");
  gatewayResponses.delete(tx, context, apiId, type);
  return {};
}

function describe(response: GatewayResponse): OutputOf<V1, "GetGatewayResponse"> {
  const status = response.statusCode ?? DEFAULT_STATUS[response.responseType]?.toString();
  return {
    responseType: response.responseType,
    ...(status !== undefined && { statusCode: status }),
    responseParameters: { ...response.responseParameters },
    responseTemplates: { ...response.responseTemplates },
    defaultResponse: false,
  };
}

function defaultResponse(responseType: GatewayResponseType): OutputOf<V1, "GetGatewayResponse"> {
  const status = DEFAULT_STATUS[responseType];
  return {
    responseType,
    ...(status !== undefined && { statusCode: String(status) }),
    responseParameters: {},
    responseTemplates: { "application/json": DEFAULT_TEMPLATE },
    defaultResponse: true,
  };
}
