/** CreateRoute, GetRoute, GetRoutes, UpdateRoute, DeleteRoute. */
import type { Route as RouteDescription } from "@aws-sdk/client-apigatewayv2";
import { lowerId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { requireApi } from "./apis.ts";
import { apiChanged } from "./deploying.ts";
import { badRequest, conflict, partNotFound } from "./errors.ts";
import { checkRouteKey, checkTarget, ROUTES_PER_API_MAX } from "./rules.ts";
import { authorizers, integrations, page, type Route, routes } from "./state.ts";

type V2 = "apigatewayv2";

export function createRoute(
  tx: Transaction,
  input: InputOf<V2, "CreateRoute">,
  context: OperationContext,
): OutputOf<V2, "CreateRoute"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const route = addRoute(tx, context, apiId, input);
  apiChanged(tx, context, apiId);
  return describe(route);
}

/** Without telling the stages: for whoever adds many. */
export function addRoute(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  input: Omit<InputOf<V2, "CreateRoute">, "ApiId">,
): Route {
  if (input.ApiKeyRequired) throw badRequest("ApiKeyRequired is not currently supported for HTTP APIs");
  const existing = routes.all(tx, context, apiId);
  if (existing.length >= ROUTES_PER_API_MAX)
    throw badRequest(
      `Maximum number of Routes for this API has been reached. Please contact AWS if you need additional Routes.`,
    );
  const route: Route = {
    RouteId: lowerId(context.random, 7),
    RouteKey: input.RouteKey ?? "",
    AuthorizationType: input.AuthorizationType ?? "NONE",
    ...(input.Target && { Target: input.Target }),
    ...(input.AuthorizationScopes && { AuthorizationScopes: input.AuthorizationScopes }),
    ...(input.AuthorizerId && { AuthorizerId: input.AuthorizerId }),
    ...(input.OperationName !== undefined && { OperationName: input.OperationName }),
  };
  check(tx, context, apiId, route, existing);
  routes.put(tx, context, apiId, route.RouteId, route);
  return route;
}

function check(
  tx: Transaction,
  context: OperationContext,
  apiId: string,
  route: Route,
  existing: readonly Route[],
): void {
  checkRouteKey(route.RouteKey);
  const variables = (routeKey: string) => routeKey.replaceAll(/\{[^}+]+(\+?)\}/g, "{$1}");
  const same = existing.find(
    (other) => other.RouteId !== route.RouteId && variables(other.RouteKey) === variables(route.RouteKey),
  );
  if (same) throw conflict(`Route with key ${route.RouteKey} already exists for this API`);
  if (route.Target !== undefined) {
    const integrationId = checkTarget(route.Target);
    if (!integrations.get(tx, context, apiId, integrationId)) {
      throw badRequest(`Invalid integration target: integration ${integrationId} does not exist`);
    }
  }
  const type = route.AuthorizationType;
  if (!["NONE", "AWS_IAM", "JWT", "CUSTOM"].includes(type)) throw badRequest(`Invalid authorization type ${type}`);
  if (type === "JWT" || type === "CUSTOM") {
    if (!route.AuthorizerId) throw badRequest(`AuthorizerId is required for authorization type ${type}`);
    const authorizer = authorizers.get(tx, context, apiId, route.AuthorizerId);
    if (!authorizer) throw partNotFound("Authorizer", route.AuthorizerId);
    if (authorizer.AuthorizerType !== (type === "JWT" ? "JWT" : "REQUEST")) {
      throw badRequest(`Authorizer ${route.AuthorizerId} does not match the authorization type ${type}`);
    }
  }
  if (route.AuthorizationScopes && route.AuthorizationScopes.length > 0 && type !== "JWT") {
    throw badRequest("Authorization scopes are only supported for authorization type JWT");
  }
}

function requireRoute(
  tx: Transaction,
  context: OperationContext,
  input: { ApiId?: string | undefined; RouteId?: string | undefined },
): { apiId: string; route: Route } {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const route = routes.get(tx, context, apiId, input.RouteId ?? "");
  if (!route) throw partNotFound("Route", input.RouteId ?? "");
  return { apiId, route };
}

export function getRoute(
  tx: Transaction,
  input: InputOf<V2, "GetRoute">,
  context: OperationContext,
): OutputOf<V2, "GetRoute"> {
  return describe(requireRoute(tx, context, input).route);
}

export function getRoutes(
  tx: Transaction,
  input: InputOf<V2, "GetRoutes">,
  context: OperationContext,
): OutputOf<V2, "GetRoutes"> {
  const { ApiId: apiId } = requireApi(tx, context, input.ApiId);
  const { items, nextToken } = page(routes.all(tx, context, apiId), input);
  return { Items: items.map(describe), NextToken: nextToken };
}

export function updateRoute(
  tx: Transaction,
  input: InputOf<V2, "UpdateRoute">,
  context: OperationContext,
): OutputOf<V2, "UpdateRoute"> {
  const { apiId, route } = requireRoute(tx, context, input);
  if (input.ApiKeyRequired) throw badRequest("ApiKeyRequired is not currently supported for HTTP APIs");
  if (route.ApiGatewayManaged)
    throw badRequest("Cannot update a route that is managed by API Gateway. Update the API instead");
  const { AuthorizerId, ...rest } = route;
  const type = input.AuthorizationType ?? route.AuthorizationType;
  const authorizerId = input.AuthorizerId ?? (type === route.AuthorizationType ? AuthorizerId : undefined);
  const updated: Route = {
    ...rest,
    AuthorizationType: type,
    ...(authorizerId && { AuthorizerId: authorizerId }),
    ...(input.RouteKey !== undefined && { RouteKey: input.RouteKey }),
    ...(input.Target !== undefined && { Target: input.Target }),
    ...(input.AuthorizationScopes && { AuthorizationScopes: input.AuthorizationScopes }),
    ...(input.OperationName !== undefined && { OperationName: input.OperationName }),
  };
  check(tx, context, apiId, updated, routes.all(tx, context, apiId));
  routes.put(tx, context, apiId, updated.RouteId, updated);
  apiChanged(tx, context, apiId);
  return describe(updated);
}

export function deleteRoute(tx: Transaction, input: InputOf<V2, "DeleteRoute">, context: OperationContext): object {
  const { apiId, route } = requireRoute(tx, context, input);
  routes.delete(tx, context, apiId, route.RouteId);
  apiChanged(tx, context, apiId);
  return {};
}

export function describe(route: Route): RouteDescription {
  const { AuthorizationScopes, ...members } = route;
  return {
    ...members,
    ...(AuthorizationScopes && { AuthorizationScopes: [...AuthorizationScopes] }),
    ApiKeyRequired: false,
  };
}
