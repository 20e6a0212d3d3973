/** Who may call a route: AWS_IAM, JWT and Lambda authorizers. */
import { type Callers, functionArnOf } from "../apigateway-common/caller.ts";
import { withDeadline } from "../apigateway-common/deadline.ts";
import type { JwtVerifier } from "../apigateway-common/jwt.ts";
import { invokeFunction } from "../apigateway-common/lambda.ts";
import { policyAllows } from "../apigateway-common/policy.ts";
import type { ApigatewayPorts } from "../apigateway-common/ports.ts";
import { jsonMessage } from "../apigateway-common/replies.ts";
import type { HttpResponse } from "../service.ts";
import { eventV1, eventV2 } from "./event.ts";
import { type Authorization, type Exchange, mappingScope, routeArn } from "./exchange.ts";
import type { Authorizer } from "./state.ts";

/** A Lambda authorizer has this long to answer. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html */
const AUTHORIZER_MS_MAX = 10_000;
const CACHED_ANSWERS_MAX = 10_000;

export type Verdict =
  | { readonly allowed: true; readonly authorization: Authorization }
  | { readonly allowed: false; readonly response: HttpResponse };

export type Authorize = (exchange: Exchange) => Promise<Verdict>;

const refused = (response: HttpResponse): Verdict => ({ allowed: false, response });
const unauthorized = (headers?: Record<string, string>) => refused(jsonMessage(401, "Unauthorized", headers));
const forbidden = () => refused(jsonMessage(403, "Forbidden"));
const broken = () => refused(jsonMessage(500, "Internal Server Error"));

interface Answer {
  readonly untilMs: number;
  /** The simple response's word, or the policy that it returned. */
  readonly simple?: boolean;
  readonly policy?: unknown;
  readonly authorization: Authorization;
}

/** @param revisionOf tells answers of an earlier revision of the API from those that still hold */
export function createAuthorize(
  ports: Pick<ApigatewayPorts, "mayInvoke">,
  callers: Callers,
  jwts: JwtVerifier,
  revisionOf: (apiId: string) => number,
): Authorize {
  const answers = new Map<string, Answer>();

  async function byIam(exchange: Exchange): Promise<Verdict> {
    const { principal } = exchange.flow;
    if (principal.type === "anonymous") return forbidden();
    const resource = routeArn(exchange, `${exchange.request.method}${exchange.path}`);
    if (!(await ports.mayInvoke(exchange.flow, { principal, resource }))) return forbidden();
    if (principal.type === "service") return { allowed: true, authorization: { kind: "none" } };
    const userId =
      principal.type === "user"
        ? principal.userId
        : principal.type === "root"
          ? principal.accountId
          : `${principal.roleId}:${principal.sessionName}`;
    return {
      allowed: true,
      authorization: {
        kind: "iam",
        accountId: principal.accountId,
        callerId: userId,
        userArn: principal.arn,
        userId,
        accessKey: /Credential=([^/]+)\//.exec(exchange.request.headers["authorization"] ?? "")?.[1] ?? "",
      },
    };
  }

  async function byJwt(exchange: Exchange, authorizer: Authorizer): Promise<Verdict> {
    const token = exchange.route.identity[0]!(mappingScope(exchange));
    if (!token) return unauthorized({ "www-authenticate": "Bearer" });
    const { Issuer = "", Audience = [] } = authorizer.JwtConfiguration ?? {};
    const scopes = exchange.route.route.AuthorizationScopes ?? [];
    const outcome = await jwts.verify(exchange.flow, token, { issuer: Issuer, audience: Audience, scopes });
    if (outcome.ok) {
      return {
        allowed: true,
        authorization: { kind: "jwt", claims: outcome.claims, scopes: scopes.length > 0 ? outcome.scopes : null },
      };
    }
    if (outcome.status === 500) return broken();
    const error = outcome.status === 403 ? "insufficient_scope" : "invalid_token";
    const challenge = {
      "www-authenticate": `Bearer scope="${scopes.join(" ")}" error="${error}" error_description="${outcome.description}"`,
    };
    return outcome.status === 403 ? refused(jsonMessage(403, "Forbidden", challenge)) : unauthorized(challenge);
  }

  async function byLambda(exchange: Exchange, authorizer: Authorizer): Promise<Verdict> {
    const scope = mappingScope(exchange);
    const identity = exchange.route.identity.map((source) => source(scope));
    if (identity.some((value) => value === undefined || value === "")) return unauthorized();
    const nowMs = exchange.nowMs;
    const cacheable = authorizer.AuthorizerResultTtlInSeconds > 0 && identity.length > 0;
    const cacheKey = JSON.stringify([
      exchange.apiId,
      revisionOf(exchange.apiId),
      exchange.stage.name,
      authorizer.AuthorizerId,
      identity,
    ]);
    let answer = cacheable ? answers.get(cacheKey) : undefined;
    if (!answer || answer.untilMs <= nowMs) {
      answer = await ask(exchange, authorizer, identity as string[]);
      if (!answer) return broken();
      if (cacheable) {
        if (answers.size >= CACHED_ANSWERS_MAX) answers.clear();
        answers.set(cacheKey, answer);
      }
    }
    const allowed =
      answer.simple ?? policyAllows(answer.policy, routeArn(exchange, `${exchange.request.method}${exchange.path}`));
    if (allowed === undefined) return broken();
    return allowed ? { allowed: true, authorization: answer.authorization } : forbidden();
  }

  async function ask(exchange: Exchange, authorizer: Authorizer, identity: string[]): Promise<Answer | undefined> {
    const { flow } = exchange;
    const sourceArn = `arn:aws:execute-api:${flow.region}:${flow.accountId}:${exchange.apiId}/authorizers/${authorizer.AuthorizerId}`;
    const { AuthorizerPayloadFormatVersion: format, AuthorizerCredentialsArn: role } = authorizer;
    const functionArn = functionArnOf(authorizer.AuthorizerUri ?? "")!;
    try {
      const principal = await callers.resolve(flow, role, sourceArn, flow.accountId);
      const reply = await withDeadline(flow.clock, AUTHORIZER_MS_MAX, (signal) =>
        invokeFunction(flow, { functionArn, principal, signal, event: authorizerEvent(exchange, identity, format) }),
      );
      if (reply.kind !== "ok") return undefined;
      return readAnswer(JSON.parse(reply.text), authorizer, exchange.nowMs);
    } catch (error) {
      flow.log.warn("A Lambda authorizer failed", { apiId: exchange.apiId, functionArn, error: String(error) });
      return undefined;
    }
  }

  return async (exchange) => {
    const { route, authorizer } = exchange.route;
    switch (route.AuthorizationType) {
      case "NONE":
        return { allowed: true, authorization: { kind: "none" } };
      case "AWS_IAM":
        return byIam(exchange);
      case "JWT":
        return authorizer ? byJwt(exchange, authorizer) : broken();
      case "CUSTOM":
        return authorizer ? byLambda(exchange, authorizer) : broken();
    }
  };
}

function authorizerEvent(exchange: Exchange, identity: readonly string[], format: "1.0" | "2.0" | undefined): object {
  const arn = routeArn(exchange, `${exchange.request.method}${exchange.path}`);
  if (format === "2.0") {
    const { body: _, isBase64Encoded: __, ...event } = eventV2(exchange);
    return { ...event, type: "REQUEST", routeArn: arn, identitySource: identity.length > 0 ? identity : null };
  }
  const { body: _, isBase64Encoded: __, ...event } = eventV1(exchange);
  const joined = identity.join(",");
  return { ...event, type: "REQUEST", methodArn: arn, identitySource: joined, authorizationToken: joined };
}

function readAnswer(given: unknown, authorizer: Authorizer, nowMs: number): Answer | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  const answer = given as Record<string, unknown>;
  const context = (typeof answer["context"] === "object" && answer["context"]) || {};
  const untilMs = nowMs + authorizer.AuthorizerResultTtlInSeconds * 1000;
  if (authorizer.EnableSimpleResponses) {
    if (typeof answer["isAuthorized"] !== "boolean") return undefined;
    return {
      untilMs,
      simple: answer["isAuthorized"],
      authorization: { kind: "lambda", context: context as Record<string, unknown> },
    };
  }
  if (typeof answer["principalId"] !== "string") return undefined;
  return {
    untilMs,
    policy: answer["policyDocument"],
    authorization: {
      kind: "lambda",
      context: context as Record<string, unknown>,
      principalId: answer["principalId"],
    },
  };
}
