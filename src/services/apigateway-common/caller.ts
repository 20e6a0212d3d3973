/** As whom an API calls its backend: as API Gateway itself, on behalf of one route, or as the role that the integration names. */
import { type AccountId, parseArn } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { FlowContext, Principal } from "../service.ts";

/** What the caller itself had as credentials, for integrations that call "as the caller". */
export const CALLER_CREDENTIALS = "arn:aws:iam::*:user/*";
/** A role's session is asked for again after this time, so that a changed trust policy is noticed. */
const SESSION_KEPT_MS = 5 * 60_000;
const SESSIONS_MAX = 1_000;

export interface Callers {
  /**
   * @param sourceArn of the method or route: what a function's policy is compared with
   * @param role undefined for API Gateway's own permission
   * @throws AwsError AccessDenied when the role cannot be assumed by apigateway.amazonaws.com
   */
  resolve(flow: FlowContext, role: string | undefined, sourceArn: string, sourceAccount: AccountId): Promise<Principal>;
}

/** Remembers assumed roles for {@link SESSION_KEPT_MS}. One per platform. */
export function createCallers(): Callers {
  const sessions = new Map<string, { readonly untilMs: number; readonly principal: Principal }>();
  return {
    async resolve(flow, role, sourceArn, sourceAccount) {
      const own: Principal = {
        type: "service",
        service: "apigateway.amazonaws.com",
        sourceArn,
        sourceAccount,
      };
      if (role === undefined) return own;
      if (role === CALLER_CREDENTIALS) return flow.principal;
      const nowMs = flow.clock.nowMs();
      const cacheKey = `${sourceAccount}/${role}`;
      const known = sessions.get(cacheKey);
      if (known && known.untilMs > nowMs) return known.principal;
      const answer = await flow.call(
        "sts",
        "AssumeRole",
        { RoleArn: role, RoleSessionName: "BackplaneAssumeRoleSession" },
        {
          principal: own,
        },
      );
      const roleArn = parseArn(role);
      const user = answer.AssumedRoleUser;
      if (!roleArn || !user?.Arn || !user.AssumedRoleId)
        throw new AwsError("AccessDenied", `Cannot assume ${role}`, 403);
      const principal: Principal = {
        type: "assumed-role",
        accountId: roleArn.accountId as AccountId,
        arn: user.Arn,
        roleArn: role,
        roleId: user.AssumedRoleId.split(":")[0]!,
        sessionName: "BackplaneAssumeRoleSession",
      };
      if (sessions.size >= SESSIONS_MAX) sessions.clear();
      sessions.set(cacheKey, { untilMs: nowMs + SESSION_KEPT_MS, principal });
      return principal;
    },
  };
}

/**
 * The function's ARN in an integration URI: the ARN itself, or `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`.
 * Undefined when the URI names no function.
 */
export function functionArnOf(uri: string): string | undefined {
  const invocation = /^arn:[^:]*:apigateway:[^:]+:lambda:path\/\d{4}-\d{2}-\d{2}\/functions\/(.+)\/invocations$/.exec(
    uri,
  );
  const target = invocation ? invocation[1]! : uri;
  return /^arn:[^:]*:lambda:[^:]+:\d{12}:function:[^:]+(:[^:]+)?$/.test(target) ? target : undefined;
}
