/** Roles that a service assumes to deliver: once for a while, not once per delivery. */
import type { AccountId } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { FlowContext, Principal } from "../service.ts";

/** Sessions last an hour and are used for half of it. */
const SESSION_SECONDS = 3600;
const RENEW_MS = 30 * 60 * 1000;
/** Sessions kept; the oldest go first. */
const SESSIONS_MAX = 1_000;

export interface Roles {
  /** The role's session, as a principal. @throws RoleNotAssumed */
  assume(flow: FlowContext, roleArn: string, sessionName: string): Promise<Principal>;
}

/** The service may not assume the role, or there is no such role. */
export class RoleNotAssumed extends AwsError {}

/** @param service that assumes them: `events.amazonaws.com` */
export function createRoles(service: string): Roles {
  const sessions = new Map<string, { readonly sinceMs: number; readonly principal: Promise<Principal> }>();
  return {
    assume(flow, roleArn, sessionName) {
      const nowMs = flow.clock.nowMs();
      const known = sessions.get(roleArn);
      if (known && nowMs - known.sinceMs < RENEW_MS) return known.principal;
      const principal = assumeRole(flow, service, roleArn, sessionName);
      sessions.delete(roleArn);
      sessions.set(roleArn, { sinceMs: nowMs, principal });
      for (const oldest of sessions.keys()) {
        if (sessions.size <= SESSIONS_MAX) break;
        sessions.delete(oldest);
      }
      principal.catch(() => {
        if (sessions.get(roleArn)?.principal === principal) sessions.delete(roleArn);
      });
      return principal;
    },
  };
}

async function assumeRole(
  flow: FlowContext,
  service: string,
  roleArn: string,
  sessionName: string,
): Promise<Principal> {
  try {
    const { AssumedRoleUser: user } = await flow.call(
      "sts",
      "AssumeRole",
      { RoleArn: roleArn, RoleSessionName: sessionName, DurationSeconds: SESSION_SECONDS },
      { principal: { type: "service", service, sourceAccount: flow.accountId } },
    );
    return {
      type: "assumed-role",
      accountId: roleArn.split(":")[4] as AccountId,
      arn: user!.Arn!,
      roleArn,
      roleId: user!.AssumedRoleId!.split(":")[0]!,
      sessionName,
    };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new RoleNotAssumed(error.code, error.message, error.status);
  }
}
