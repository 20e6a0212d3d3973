/** Who may call a method: the API's own policy, AWS_IAM, Lambda authorizers, and API keys with their usage plans. */

import type { Transaction } from "../../../storage/transaction.ts";
import { type Callers, functionArnOf } from "../../apigateway-common/caller.ts";
import { withDeadline } from "../../apigateway-common/deadline.ts";
import { invokeFunction } from "../../apigateway-common/lambda.ts";
import { policyAllows } from "../../apigateway-common/policy.ts";
import type { ApigatewayPorts } from "../../apigateway-common/ports.ts";
import { own } from "../../apigateway-common/request.ts";
import { createThrottle, type Throttle } from "../../apigateway-common/throttle.ts";
import { type AuthorizationRequest, authorize as evaluatePolicy } from "../../policy-common/evaluate.ts";
import { identitySources } from "../authorizers.ts";
import { type ApiKey, apiKeys, keyValues, type Owner, planKeys, type UsagePlan, usagePlans } from "../state.ts";
import { requestEvent } from "./event.ts";
import { type Exchange, headerValues, methodArn, requestValues } from "./exchange.ts";
import { GatewayError } from "./gateway.ts";
import { evaluateRequest } from "./parameters.ts";

/** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html */
const AUTHORIZER_MS_MAX = 29_000;
const CACHED_ANSWERS_MAX = 10_000;
const PLAN_THROTTLES_MAX = 10_000;

interface Answer {
  readonly untilMs: number;
  readonly principalId: string;
  readonly policy: unknown;
  readonly context: Readonly<Record<string, string>>;
  readonly usageIdentifierKey: string | undefined;
}

/** @throws GatewayError when the request may not go on */
export type Authorize = (exchange: Exchange) => Promise<void>;

export function createAuthorize(
  ports: Pick<ApigatewayPorts, "mayInvoke">,
  callers: Callers,
  revisionOf: (apiId: string) => number,
): Authorize {
  const answers = new Map<string, Answer>();
  const planThrottles = new Map<string, Throttle>();

  async function byIam(exchange: Exchange): Promise<void> {
    const { principal } = exchange.flow;
    if (principal.type === "anonymous") {
      throw new GatewayError("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token");
    }
    const resource = methodArn(exchange, exchange.path);
    if (!(await ports.mayInvoke(exchange.flow, { principal, resource }))) {
      const name = principal.type === "service" ? principal.service : principal.arn;
      throw new GatewayError(
        "ACCESS_DENIED",
        `User: ${name} is not authorized to perform: execute-api:Invoke on resource: ${resource}`,
      );
    }
    if (principal.type === "service") return;
    const userId =
      principal.type === "user"
        ? principal.userId
        : principal.type === "root"
          ? principal.accountId
          : `${principal.roleId}:${principal.sessionName}`;
    Object.assign(exchange.context["identity"], {
      accountId: principal.accountId,
      caller: userId,
      user: userId,
      userArn: principal.arn,
      accessKey: /Credential=([^/]+)\//.exec(exchange.request.headers["authorization"] ?? "")?.[1] ?? null,
    });
  }

  /** @returns the key that the authorizer names, for APIs whose keys come from it */
  async function byLambda(exchange: Exchange): Promise<string | undefined> {
    const { authorizer } = exchange.target!;
    if (!authorizer) throw new GatewayError("AUTHORIZER_CONFIGURATION_ERROR", null);
    const values = requestValues(exchange);
    const identity = identitySources(authorizer).map((source) => evaluateRequest(source, values).join(","));
    const unauthorized = () => new GatewayError("UNAUTHORIZED", "Unauthorized");
    if (identity.some((value) => value === "")) throw unauthorized();
    const expression = authorizer.identityValidationExpression;
    if (expression && !new RegExp(`^(?:${expression})$`).test(identity[0]!)) throw unauthorized();
    const cacheable = authorizer.authorizerResultTtlInSeconds > 0 && identity.length > 0;
    const { apiId, stage } = exchange;
    const cacheKey = JSON.stringify([apiId, revisionOf(apiId), stage.name, authorizer.id, identity]);
    let answer = cacheable ? answers.get(cacheKey) : undefined;
    if (!answer || answer.untilMs <= exchange.nowMs) {
      answer = await ask(exchange, identity);
      if (cacheable) {
        if (answers.size >= CACHED_ANSWERS_MAX) answers.clear();
        answers.set(cacheKey, answer);
      }
    }
    const allowed = policyAllows(answer.policy, methodArn(exchange, exchange.path));
    if (allowed === undefined) throw new GatewayError("AUTHORIZER_CONFIGURATION_ERROR", null);
    if (!allowed) throw new GatewayError("ACCESS_DENIED", "User is not authorized to access this resource");
    exchange.authorizer = { ...answer.context, principalId: answer.principalId };
    exchange.context["authorizer"] = exchange.authorizer;
    return answer.usageIdentifierKey;
  }

  async function ask(exchange: Exchange, identity: readonly string[]): Promise<Answer> {
    const { flow } = exchange;
    const authorizer = exchange.target!.authorizer!;
    const uri = authorizer.authorizerUri.replaceAll(
      /\$\{stageVariables\.([A-Za-z0-9_]+)\}/g,
      (_, name: string) => own(exchange.stage.variables, name) ?? "",
    );
    const functionArn = functionArnOf(uri);
    const broken = () => new GatewayError("AUTHORIZER_CONFIGURATION_ERROR", null);
    if (!functionArn) throw broken();
    const sourceArn = `arn:aws:execute-api:${flow.region}:${flow.accountId}:${exchange.apiId}/authorizers/${authorizer.id}`;
    const arn = methodArn(exchange, exchange.path);
    const event =
      authorizer.type === "TOKEN"
        ? { type: "TOKEN", methodArn: arn, authorizationToken: identity[0] }
        : { type: "REQUEST", methodArn: arn, ...requestEvent(exchange) };
    let text: string;
    try {
      const principal = await callers.resolve(flow, authorizer.authorizerCredentials, sourceArn, flow.accountId);
      const reply = await withDeadline(flow.clock, AUTHORIZER_MS_MAX, (signal) =>
        invokeFunction(flow, { functionArn, event, principal, signal }),
      );
      if (reply.kind === "function-error") {
        // A function that throws just this word means a 401.
        if (errorMessage(reply.text) === "Unauthorized") throw new GatewayError("UNAUTHORIZED", "Unauthorized");
        throw new GatewayError("AUTHORIZER_FAILURE", null);
      }
      if (reply.kind !== "ok") throw broken();
      text = reply.text;
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      flow.log.warn("A Lambda authorizer failed", { apiId: exchange.apiId, functionArn, error: String(error) });
      throw broken();
    }
    return readAnswer(text, exchange.nowMs + authorizer.authorizerResultTtlInSeconds * 1000);
  }

  async function byKey(exchange: Exchange, named: string | undefined): Promise<void> {
    const { flow, apiId, stage, nowMs } = exchange;
    const value = stage.apiKeySource === "AUTHORIZER" ? named : headerValues(exchange, "x-api-key")[0];
    const forbidden = () => new GatewayError("INVALID_API_KEY", "Forbidden");
    if (!value) throw forbidden();
    const use = await flow.write((tx) => findKey(tx, flow, value, apiId, stage.name));
    if (!use) throw forbidden();
    Object.assign(exchange.context["identity"], { apiKey: value, apiKeyId: use.apiKey.id });
    const { plan } = use;
    const { resource, method } = exchange.target!;
    const own = plan.apiStages.find((one) => one.apiId === apiId && one.stage === stage.name)?.throttle;
    const limits = own?.[`${resource.path}/${method.httpMethod}`] ?? own?.["*/*"] ?? plan.throttle;
    if (limits) {
      const throttleKey = JSON.stringify([
        flow.accountId,
        flow.region,
        plan.id,
        use.apiKey.id,
        limits,
        own && resource.path,
      ]);
      let throttle = planThrottles.get(throttleKey);
      if (!throttle) {
        throttle = createThrottle(limits.rateLimit, limits.burstLimit);
        if (planThrottles.size >= PLAN_THROTTLES_MAX) planThrottles.clear();
        if (throttle) planThrottles.set(throttleKey, throttle);
      }
      if (throttle && !throttle.take(nowMs)) throw new GatewayError("THROTTLED", "Too Many Requests");
    }
    if (plan.quota && !(await flow.write((tx) => countUse(tx, flow, plan, use.apiKey.id, nowMs)))) {
      throw new GatewayError("QUOTA_EXCEEDED", "Limit Exceeded");
    }
  }

  return async (exchange) => {
    const { method } = exchange.target!;
    checkApiPolicy(exchange);
    let named: string | undefined;
    if (method.authorizationType === "AWS_IAM") await byIam(exchange);
    else if (method.authorizationType === "CUSTOM") named = await byLambda(exchange);
    if (method.apiKeyRequired) await byKey(exchange, named);
  };
}

/** The resource policy of the API, evaluated for whoever calls. @see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies.html */
function checkApiPolicy(exchange: Exchange): void {
  const { policy } = exchange.stage;
  if (policy === undefined) return;
  const { flow, apiId, request } = exchange;
  const prefix = `arn:aws:execute-api:${flow.region}:${flow.accountId}:${apiId}/`;
  const resource = methodArn(exchange, exchange.path);
  const { principal } = flow;
  const decision = evaluatePolicy({
    principal,
    action: "execute-api:Invoke",
    resource,
    resourceAccountId: flow.accountId,
    conditions: { "aws:SourceIp": request.sourceIp, "aws:UserAgent": request.headers["user-agent"] ?? "" },
    nowMs: exchange.nowMs,
    resourcePolicy: policy.replaceAll('"execute-api:/', `"${prefix}`),
    identityPolicies: [],
    boundary: undefined,
    sessionPolicies: undefined,
    principalTags: {},
    trustPolicy: false,
  } as unknown as AuthorizationRequest);
  const signed = exchange.target!.method.authorizationType === "AWS_IAM" && principal.type !== "anonymous";
  // A signed caller of the same account may be allowed by its own policies instead, which are asked later.
  if (decision.allowed || (signed && !decision.explicitDeny)) return;
  const name =
    principal.type === "anonymous" ? "anonymous" : principal.type === "service" ? principal.service : principal.arn;
  const how = decision.explicitDeny ? " with an explicit deny" : "";
  throw new GatewayError(
    "ACCESS_DENIED",
    `User: ${name} is not authorized to perform: execute-api:Invoke on resource: ${masked(resource)}${how}`,
  );
}

/** AWS shows only the last digits of the account. */
function masked(resource: string): string {
  return resource.replace(/:\d{8}(\d{4}):/, ":********$1:");
}

function errorMessage(text: string): string | undefined {
  try {
    return JSON.parse(text)?.errorMessage;
  } catch {
    return undefined;
  }
}

function readAnswer(text: string, untilMs: number): Answer {
  let answer: any;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new GatewayError("AUTHORIZER_CONFIGURATION_ERROR", null);
  }
  if (typeof answer?.principalId !== "string") throw new GatewayError("AUTHORIZER_CONFIGURATION_ERROR", null);
  const context: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.context ?? {})) {
    // Objects and lists are no valid values here: AWS fails the request.
    if (typeof value === "object" && value !== null) throw new GatewayError("AUTHORIZER_CONFIGURATION_ERROR", null);
    if (value !== null) context[name] = String(value);
  }
  return {
    untilMs,
    principalId: answer.principalId,
    policy: answer.policyDocument,
    context,
    usageIdentifierKey: typeof answer.usageIdentifierKey === "string" ? answer.usageIdentifierKey : undefined,
  };
}

/** An enabled key with this value, and a plan that covers the stage. */
function findKey(
  tx: Transaction,
  owner: Owner,
  value: string,
  apiId: string,
  stage: string,
): { readonly apiKey: ApiKey; readonly plan: UsagePlan } | undefined {
  const id = keyValues.get(tx, owner, value);
  const apiKey = id === undefined ? undefined : apiKeys.get(tx, owner, id);
  if (!apiKey?.enabled) return undefined;
  const plan = usagePlans
    .all(tx, owner)
    .find(
      (one) =>
        one.apiStages.some((covered) => covered.apiId === apiId && covered.stage === stage) &&
        planKeys.get(tx, owner, one.id, apiKey.id) !== undefined,
    );
  return plan && { apiKey, plan };
}

/** Counts one request; false when the quota is used up. Periods begin at midnight UTC: of the day, of Sunday, of the month's first day. */
function countUse(tx: Transaction, owner: Owner, plan: UsagePlan, keyId: string, nowMs: number): boolean {
  const before = planKeys.get(tx, owner, plan.id, keyId);
  if (!before || !plan.quota) return true;
  const date = new Date(nowMs);
  const day = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  const periodMs =
    plan.quota.period === "DAY"
      ? day
      : plan.quota.period === "WEEK"
        ? day - date.getUTCDay() * 86_400_000
        : Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  const first = before.periodMs === 0;
  const used = before.periodMs === periodMs ? before.used : first ? (plan.quota.offset ?? 0) : 0;
  if (used >= plan.quota.limit) return false;
  planKeys.put(tx, owner, { keyId, periodMs, used: used + 1 }, plan.id, keyId);
  return true;
}
