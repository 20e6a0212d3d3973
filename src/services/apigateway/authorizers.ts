/** CreateAuthorizer, GetAuthorizer, GetAuthorizers, UpdateAuthorizer, DeleteAuthorizer: Lambda authorizers of both kinds. */

import { notImplemented } from "../../kernel/errors.ts";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { functionArnOf } from "../apigateway-common/caller.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { authorizerNotFound, badRequest, conflict } from "./errors.ts";
import { patched } from "./patch.ts";
import { requireApi } from "./rest-apis.ts";
import { type Authorizer, authorizers, page, resources } from "./state.ts";

type V1 = "apigateway";
const TTL_SECONDS_DEFAULT = 300;
const TTL_SECONDS_MAX = 3600;

export function addAuthorizer(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  input: Omit<InputOf<V1, "CreateAuthorizer">, "restApiId">,
): Authorizer {
  if (!input.name) throw badRequest("Name must be specified");
  if (authorizers.all(tx, context, apiId).some((one) => one.name === input.name)) {
    throw conflict(`Authorizer name must be unique. Authorizer ${input.name} already exists in this RestApi.`);
  }
  const authorizer = {
    id: lowerId(context.random, 6),
    name: input.name,
    type: input.type,
    ...(input.authType !== undefined && { authType: input.authType }),
    authorizerUri: input.authorizerUri ?? "",
    ...(input.authorizerCredentials && { authorizerCredentials: input.authorizerCredentials }),
    ...(input.identitySource && { identitySource: input.identitySource }),
    ...(input.identityValidationExpression && { identityValidationExpression: input.identityValidationExpression }),
    authorizerResultTtlInSeconds: input.authorizerResultTtlInSeconds ?? TTL_SECONDS_DEFAULT,
  } as Authorizer;
  checkAuthorizer(authorizer);
  authorizers.put(tx, context, authorizer, apiId, authorizer.id);
  return authorizer;
}

function checkAuthorizer(authorizer: Authorizer): void {
  const type: string = authorizer.type;
  if (type === "COGNITO_USER_POOLS") throw notImplemented("Cognito user pool authorizers of API Gateway");
  if (type !== "TOKEN" && type !== "REQUEST")
    throw badRequest("Invalid authorizer type specified. Valid options are TOKEN, REQUEST, COGNITO_USER_POOLS");
  if (!functionArnOf(authorizer.authorizerUri) && !authorizer.authorizerUri.includes("stageVariables.")) {
    throw badRequest(
      `Invalid Authorizer URI: ${authorizer.authorizerUri}. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.`,
    );
  }
  const ttl = authorizer.authorizerResultTtlInSeconds;
  if (ttl < 0 || ttl > TTL_SECONDS_MAX) throw badRequest("Authorizer result TTL should be between 0 and 3600 seconds");
  const sources = identitySources(authorizer);
  if (type === "TOKEN" && (sources.length !== 1 || !/^method\.request\.header\.\S+$/.test(sources[0]!))) {
    throw badRequest("Identity source must be a header for authorizers of type TOKEN: method.request.header.NAME");
  }
  if (type === "REQUEST" && ttl > 0 && sources.length === 0) {
    throw badRequest("Identity source must be specified when caching is enabled");
  }
  for (const source of sources) {
    if (
      !/^(method\.request\.(header|querystring|multivalueheader|multivaluequerystring)|context|stageVariables)\.\S+$/.test(
        source,
      )
    ) {
      throw badRequest(`Invalid identity source specified: ${source}`);
    }
  }
  const expression = authorizer.identityValidationExpression;
  if (expression === undefined) return;
  if (type !== "TOKEN")
    throw badRequest("Identity validation expression is only supported for authorizers of type TOKEN");
  try {
    new RegExp(expression);
  } catch {
    throw badRequest("Invalid identity validation expression specified");
  }
}

/** `method.request.header.Auth, context.stage` → its parts */
export function identitySources(authorizer: Pick<Authorizer, "identitySource">): string[] {
  return (authorizer.identitySource ?? "")
    .split(",")
    .map((source) => source.trim())
    .filter((source) => source !== "");
}

export function createAuthorizer(
  tx: Transaction,
  input: InputOf<V1, "CreateAuthorizer">,
  context: OperationContext,
): OutputOf<V1, "CreateAuthorizer"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  return describe(addAuthorizer(tx, context, apiId, input));
}

function requireAuthorizer(
  tx: Transaction,
  context: OperationContext,
  input: { readonly restApiId?: string | undefined; readonly authorizerId?: string | undefined },
): { apiId: string; authorizer: Authorizer } {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const authorizer = authorizers.get(tx, context, apiId, input.authorizerId ?? "");
  if (!authorizer) throw authorizerNotFound();
  return { apiId, authorizer };
}

export function getAuthorizer(
  tx: Transaction,
  input: InputOf<V1, "GetAuthorizer">,
  context: OperationContext,
): OutputOf<V1, "GetAuthorizer"> {
  return describe(requireAuthorizer(tx, context, input).authorizer);
}

export function getAuthorizers(
  tx: Transaction,
  input: InputOf<V1, "GetAuthorizers">,
  context: OperationContext,
): OutputOf<V1, "GetAuthorizers"> {
  const { id: apiId } = requireApi(tx, context, input.restApiId);
  const { items, position } = page(authorizers.all(tx, context, apiId), input);
  return { items: items.map(describe), position };
}

export function updateAuthorizer(
  tx: Transaction,
  input: InputOf<V1, "UpdateAuthorizer">,
  context: OperationContext,
): OutputOf<V1, "UpdateAuthorizer"> {
  const { apiId, authorizer } = requireAuthorizer(tx, context, input);
  const updated = patched(authorizer, input.patchOperations, {
    "/name": { only: ["replace"] },
    "/type": { only: ["replace"] },
    "/authType": { only: ["replace"] },
    "/authorizerUri": { only: ["replace"] },
    "/authorizerCredentials": {},
    "/identitySource": {},
    "/identityValidationExpression": {},
    "/authorizerResultTtlInSeconds": { type: "integer", only: ["replace"] },
    "/providerARNs/*": { unsupported: true },
  });
  checkAuthorizer(updated);
  authorizers.put(tx, context, updated, apiId, authorizer.id);
  return describe(updated);
}

export function deleteAuthorizer(
  tx: Transaction,
  input: InputOf<V1, "DeleteAuthorizer">,
  context: OperationContext,
): object {
  const { apiId, authorizer } = requireAuthorizer(tx, context, input);
  for (const resource of resources.all(tx, context, apiId)) {
    const user = Object.values(resource.methods).find((method) => method.authorizerId === authorizer.id);
    if (user) {
      throw conflict(
        `Cannot delete authorizer '${authorizer.id}', is referenced in method: ${user.httpMethod} on resource: ${resource.path}`,
      );
    }
  }
  authorizers.delete(tx, context, apiId, authorizer.id);
  return {};
}

function describe(authorizer: Authorizer): OutputOf<V1, "GetAuthorizer"> {
  return { ...authorizer, authType: authorizer.authType ?? "custom" };
}
