/** CreateAuthorizer, GetAuthorizer, GetAuthorizers, UpdateAuthorizer, DeleteAuthorizer, ResetAuthorizersCache. */
import type { Authorizer as AuthorizerDescription } from "@aws-sdk/client-apigatewayv2";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { reviseApi } from "../apigateway-common/addresses.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { requireApi } from "./apis.ts";
import { apiChanged } from "./deploying.ts";
import { badRequest, conflict, partNotFound } from "./errors.ts";
import { AUTHORIZERS_PER_API_MAX, checkAuthorizer } from "./rules.ts";
import { requireStage } from "./stages.ts";
import { type Authorizer, authorizers, page, routes } from "./state.ts";

type V2 = "apigatewayv2";

export function createAuthorizer(
  tx: Transaction,
  input: InputOf<V2, "CreateAuthorizer">,
  context: OperationContext,
): OutputOf<V2, "CreateAuthorizer"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const authorizer = addAuthorizer(tx, context, apiId, input);
  apiChanged(tx, context, apiId);
  return describe(authorizer);
}

/** Without telling the stages: for whoever adds many. */
export function addAuthorizer(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  input: Omit<InputOf<V2, "CreateAuthorizer">, "ApiId">,
): Authorizer {
  const existing = authorizers.all(tx, context, apiId);
  if (existing.length >= AUTHORIZERS_PER_API_MAX) {
    throw badRequest(
      "Maximum number of Authorizers for this API has been reached. Please contact AWS if you need additional Authorizers.",
    );
  }
  if (!input.Name) throw badRequest("Name must be specified");
  if (existing.some((authorizer) => authorizer.Name === input.Name))
    throw conflict(`Authorizer name ${input.Name} already exists`);
  const authorizer = { ...defaults(lowerId(context.random, 6)), ...members(input) } as Authorizer;
  checkAuthorizer(authorizer);
  authorizers.put(tx, context, apiId, authorizer.AuthorizerId, authorizer);
  return authorizer;
}

/** Without a TTL nothing is cached. @see https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html */
const defaults = (id: string) => ({
  AuthorizerId: id,
  IdentitySource: [],
  AuthorizerResultTtlInSeconds: 0,
  EnableSimpleResponses: false,
});

function members(input: Partial<InputOf<V2, "CreateAuthorizer">>): Partial<Authorizer> {
  return {
    ...(input.Name && { Name: input.Name }),
    ...(input.AuthorizerType && { AuthorizerType: input.AuthorizerType }),
    ...(input.IdentitySource && { IdentitySource: input.IdentitySource }),
    ...(input.JwtConfiguration && { JwtConfiguration: input.JwtConfiguration }),
    ...(input.AuthorizerUri && { AuthorizerUri: input.AuthorizerUri }),
    ...(input.AuthorizerCredentialsArn && { AuthorizerCredentialsArn: input.AuthorizerCredentialsArn }),
    ...(input.AuthorizerPayloadFormatVersion && {
      AuthorizerPayloadFormatVersion: input.AuthorizerPayloadFormatVersion as "1.0" | "2.0",
    }),
    ...(input.AuthorizerResultTtlInSeconds !== undefined && {
      AuthorizerResultTtlInSeconds: input.AuthorizerResultTtlInSeconds,
    }),
    ...(input.EnableSimpleResponses !== undefined && { EnableSimpleResponses: input.EnableSimpleResponses }),
  };
}

function requireAuthorizer(
  tx: Transaction,
  context: OperationContext,
  input: { ApiId?: string | undefined; AuthorizerId?: string | undefined },
): { apiId: string; authorizer: Authorizer } {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const authorizer = authorizers.get(tx, context, apiId, input.AuthorizerId ?? "");
  if (!authorizer) throw partNotFound("Authorizer", input.AuthorizerId ?? "");
  return { apiId, authorizer };
}

export function getAuthorizer(
  tx: Transaction,
  input: InputOf<V2, "GetAuthorizer">,
  context: OperationContext,
): OutputOf<V2, "GetAuthorizer"> {
  return describe(requireAuthorizer(tx, context, input).authorizer);
}

export function getAuthorizers(
  tx: Transaction,
  input: InputOf<V2, "GetAuthorizers">,
  context: OperationContext,
): OutputOf<V2, "GetAuthorizers"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const { items, nextToken } = page(authorizers.all(tx, context, apiId), input);
  return { Items: items.map(describe), NextToken: nextToken };
}

export function updateAuthorizer(
  tx: Transaction,
  input: InputOf<V2, "UpdateAuthorizer">,
  context: OperationContext,
): OutputOf<V2, "UpdateAuthorizer"> {
  const { apiId, authorizer } = requireAuthorizer(tx, context, input);
  if (input.AuthorizerType && input.AuthorizerType !== authorizer.AuthorizerType) {
    throw badRequest("The type of an authorizer cannot be changed");
  }
  const updated: Authorizer = { ...authorizer, ...members(input as Partial<InputOf<V2, "CreateAuthorizer">>) };
  checkAuthorizer(updated);
  authorizers.put(tx, context, apiId, authorizer.AuthorizerId, updated);
  apiChanged(tx, context, apiId);
  return describe(updated);
}

export function deleteAuthorizer(
  tx: Transaction,
  input: InputOf<V2, "DeleteAuthorizer">,
  context: OperationContext,
): object {
  const { apiId, authorizer } = requireAuthorizer(tx, context, input);
  const user = routes.all(tx, context, apiId).find((route) => route.AuthorizerId === authorizer.AuthorizerId);
  if (user)
    throw conflict(`Cannot delete authorizer '${authorizer.AuthorizerId}'. It is referenced by route ${user.RouteKey}`);
  authorizers.delete(tx, context, apiId, authorizer.AuthorizerId);
  apiChanged(tx, context, apiId);
  return {};
}

/** Cached answers belong to a revision of the API, so a new revision forgets them. */
export function resetAuthorizersCache(
  tx: Transaction,
  input: InputOf<V2, "ResetAuthorizersCache">,
  context: OperationContext,
): object {
  reviseApi(tx, requireStage(tx, context, input).apiId);
  return {};
}

export function describe(authorizer: Authorizer): AuthorizerDescription {
  const isJwt = authorizer.AuthorizerType === "JWT";
  const { AuthorizerResultTtlInSeconds, EnableSimpleResponses, ...members } = authorizer;
  return {
    ...members,
    IdentitySource: [...authorizer.IdentitySource],
    ...(!isJwt && { AuthorizerResultTtlInSeconds, EnableSimpleResponses }),
  };
}
