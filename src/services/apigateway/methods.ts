/** Methods and method responses: the side of an API that its clients see. */
import type { Method as MethodDescription } from "@aws-sdk/client-api-gateway";
import { notImplemented } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { own } from "../apigateway-common/request.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import {
  authorizerNotFound,
  badRequest,
  conflict,
  invalidMapping,
  methodNotFound,
  modelNotFound,
  responseNotFound,
  validatorNotFound,
} from "./errors.ts";
import { describeIntegration } from "./integrations.ts";
import { type PatchRules, patched } from "./patch.ts";
import { requireResource } from "./paths.ts";
import {
  authorizers,
  type Method,
  type MethodResponse,
  models,
  type Resource,
  resources,
  validators,
} from "./state.ts";

type V1 = "apigateway";
const METHODS = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"]);

interface MethodInput {
  readonly restApiId?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly httpMethod?: string | undefined;
}

export function requireMethod(
  tx: Transaction,
  context: OperationContext,
  input: MethodInput,
): { apiId: string; resource: Resource; method: Method } {
  const { apiId, resource } = requireResource(tx, context, input);
  const method = own(resource.methods, input.httpMethod ?? "");
  if (!method) throw methodNotFound();
  return { apiId, resource, method };
}

export function saveMethod(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  resource: Resource,
  method: Method,
): void {
  const methods = { ...resource.methods, [method.httpMethod]: method };
  resources.put(tx, context, { ...resource, methods }, apiId, resource.id);
}

export function putMethod(
  tx: Transaction,
  input: InputOf<V1, "PutMethod">,
  context: OperationContext,
): OutputOf<V1, "PutMethod"> {
  const { apiId, resource } = requireResource(tx, context, input);
  const httpMethod = input.httpMethod ?? "";
  if (!METHODS.has(httpMethod)) {
    throw badRequest("Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY");
  }
  if (resource.methods[httpMethod]) throw conflict("Method already exists for this resource");
  const method: Method = {
    httpMethod,
    authorizationType: (input.authorizationType ?? "NONE") as Method["authorizationType"],
    apiKeyRequired: input.apiKeyRequired ?? false,
    ...(input.authorizerId && { authorizerId: input.authorizerId }),
    ...(input.requestValidatorId && { requestValidatorId: input.requestValidatorId }),
    ...(input.operationName !== undefined && { operationName: input.operationName }),
    ...(input.requestParameters && { requestParameters: input.requestParameters }),
    ...(input.requestModels && { requestModels: input.requestModels }),
    methodResponses: {},
  };
  checkMethod(tx, context, apiId, method);
  saveMethod(tx, context, apiId, resource, method);
  return describeMethod(method);
}

function checkMethod(tx: Transaction, context: OperationContext, apiId: string, method: Method): void {
  const type = method.authorizationType as string;
  if (type === "COGNITO_USER_POOLS") throw notImplemented("Cognito user pool authorizers of API Gateway");
  if (!["NONE", "AWS_IAM", "CUSTOM"].includes(type)) {
    throw badRequest(
      "Invalid authorizer type specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
    );
  }
  if (type === "CUSTOM") {
    if (!method.authorizerId) {
      throw badRequest(
        "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.",
      );
    }
    if (!authorizers.get(tx, context, apiId, method.authorizerId)) throw authorizerNotFound();
  }
  for (const name of Object.keys(method.requestParameters ?? {})) {
    if (!/^method\.request\.(header|querystring|path|multivalueheader|multivaluequerystring)\.\S+$/.test(name)) {
      throw invalidMapping(`Invalid mapping expression specified: ${name}`);
    }
  }
  for (const name of Object.values(method.requestModels ?? {})) {
    if (!models.get(tx, context, apiId, name)) throw modelNotFound(name);
  }
  if (method.requestValidatorId && !validators.get(tx, context, apiId, method.requestValidatorId)) {
    throw validatorNotFound();
  }
}

export function getMethod(
  tx: Transaction,
  input: InputOf<V1, "GetMethod">,
  context: OperationContext,
): OutputOf<V1, "GetMethod"> {
  return describeMethod(requireMethod(tx, context, input).method);
}

const RULES: PatchRules = {
  "/authorizationType": { only: ["replace"] },
  "/authorizerId": {},
  "/apiKeyRequired": { type: "boolean", only: ["replace"] },
  "/operationName": {},
  "/requestValidatorId": {},
  "/requestParameters/*": { type: "boolean" },
  "/requestModels/*": {},
  "/authorizationScopes/*": { unsupported: true },
};

export function updateMethod(
  tx: Transaction,
  input: InputOf<V1, "UpdateMethod">,
  context: OperationContext,
): OutputOf<V1, "UpdateMethod"> {
  const { apiId, resource, method } = requireMethod(tx, context, input);
  const { authorizerId, requestValidatorId, ...rest } = patched(method, input.patchOperations, RULES);
  const updated: Method = {
    ...rest,
    ...(authorizerId && { authorizerId }),
    ...(requestValidatorId && { requestValidatorId }),
  };
  checkMethod(tx, context, apiId, updated);
  saveMethod(tx, context, apiId, resource, updated);
  return describeMethod(updated);
}

export function deleteMethod(tx: Transaction, input: InputOf<V1, "DeleteMethod">, context: OperationContext): object {
  const { apiId, resource, method } = requireMethod(tx, context, input);
  const { [method.httpMethod]: _, ...methods } = resource.methods;
  resources.put(tx, context, { ...resource, methods }, apiId, resource.id);
  return {};
}

interface ResponseInput extends MethodInput {
  readonly statusCode?: string | undefined;
}

export function checkStatusCode(statusCode: string | undefined): string {
  if (!/^[1-5]\d\d$/.test(statusCode ?? "")) throw badRequest("Invalid status code specified");
  return statusCode!;
}

function checkMethodResponse(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  response: MethodResponse,
): void {
  for (const name of Object.keys(response.responseParameters ?? {})) {
    if (!/^method\.response\.header\.\S+$/.test(name))
      throw invalidMapping(`Invalid mapping expression specified: ${name}`);
  }
  for (const name of Object.values(response.responseModels ?? {})) {
    if (!models.get(tx, context, apiId, name)) throw modelNotFound(name);
  }
}

export function putMethodResponse(
  tx: Transaction,
  input: InputOf<V1, "PutMethodResponse">,
  context: OperationContext,
): OutputOf<V1, "PutMethodResponse"> {
  const { apiId, resource, method } = requireMethod(tx, context, input);
  const statusCode = checkStatusCode(input.statusCode);
  if (method.methodResponses[statusCode]) throw conflict("Response already exists for this resource");
  const response: MethodResponse = {
    statusCode,
    ...(input.responseParameters && { responseParameters: input.responseParameters }),
    ...(input.responseModels && { responseModels: input.responseModels }),
  };
  checkMethodResponse(tx, context, apiId, response);
  const methodResponses = { ...method.methodResponses, [statusCode]: response };
  saveMethod(tx, context, apiId, resource, { ...method, methodResponses });
  return structuredClone(response);
}

function requireResponse(tx: Transaction, context: OperationContext, input: ResponseInput) {
  const found = requireMethod(tx, context, input);
  const response = own(found.method.methodResponses, input.statusCode ?? "");
  if (!response) throw responseNotFound();
  return { ...found, response };
}

export function getMethodResponse(
  tx: Transaction,
  input: InputOf<V1, "GetMethodResponse">,
  context: OperationContext,
): OutputOf<V1, "GetMethodResponse"> {
  return structuredClone(requireResponse(tx, context, input).response);
}

export function updateMethodResponse(
  tx: Transaction,
  input: InputOf<V1, "UpdateMethodResponse">,
  context: OperationContext,
): OutputOf<V1, "UpdateMethodResponse"> {
  const { apiId, resource, method, response } = requireResponse(tx, context, input);
  const updated = patched(response, input.patchOperations, {
    "/responseParameters/*": { type: "boolean" },
    "/responseModels/*": {},
  });
  checkMethodResponse(tx, context, apiId, updated);
  const methodResponses = { ...method.methodResponses, [response.statusCode]: updated };
  saveMethod(tx, context, apiId, resource, { ...method, methodResponses });
  return structuredClone(updated);
}

export function deleteMethodResponse(
  tx: Transaction,
  input: InputOf<V1, "DeleteMethodResponse">,
  context: OperationContext,
): object {
  const { apiId, resource, method, response } = requireResponse(tx, context, input);
  const { [response.statusCode]: _, ...methodResponses } = method.methodResponses;
  saveMethod(tx, context, apiId, resource, { ...method, methodResponses });
  return {};
}

export function describeMethod(method: Method): MethodDescription {
  const { methodIntegration, methodResponses, ...members } = structuredClone(method);
  return {
    ...members,
    ...(Object.keys(methodResponses).length > 0 && { methodResponses }),
    ...(methodIntegration && { methodIntegration: describeIntegration(methodIntegration) }),
  };
}
