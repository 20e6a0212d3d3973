/** The execution roles of functions, assumed as Lambda does: once for a while, not once per call. */
import type { AccountId } from "../../kernel/arn.ts";
import { assert } from "../../kernel/errors.ts";
import type { FlowContext, Principal } from "../service.ts";
import type { Credentials } from "./ports.ts";

export interface AssumedRole {
  readonly credentials: Credentials;
  readonly principal: Principal;
}

export interface Roles {
  /** The role's session for this function. @throws AwsError of STS */
  assume(flow: FlowContext, roleArn: string, sessionName: string): Promise<AssumedRole>;
  /** The same, but a new session: the role may be another one of the same name. */
  renew(flow: FlowContext, roleArn: string, sessionName: string): Promise<AssumedRole>;
}

/** Sessions last an hour. New workers get one that has at least half of it left; the host lets no worker outlive its session. */
const SESSION_SECONDS = 3600;
const RENEW_MS = 30 * 60 * 1000;
/** Sessions kept; the oldest go first. */
const SESSIONS_MAX = 10_000;

/** STS wants two characters; a function's name may have one. */
const SESSION_NAME_MIN = 2;

export function createRoles(): Roles {
  const sessions = new Map<string, { readonly since: number; readonly role: Promise<AssumedRole> }>();
  const renew: Roles["renew"] = (flow, roleArn, sessionName) => {
    const id = `${roleArn} ${sessionName}`;
    const nowMs = flow.clock.nowMs();
    const role = assumeRole(flow, roleArn, sessionName, nowMs);
    sessions.delete(id);
    sessions.set(id, { since: nowMs, role });
    for (const oldest of sessions.keys()) {
      if (sessions.size <= SESSIONS_MAX) break;
      sessions.delete(oldest);
    }
    role.catch(() => {
      if (sessions.get(id)?.role === role) sessions.delete(id);
    });
    return role;
  };
  return {
    renew,
    assume(flow, roleArn, sessionName) {
      const known = sessions.get(`${roleArn} ${sessionName}`);
      if (known && flow.clock.nowMs() - known.since < RENEW_MS) return known.role;
      return renew(flow, roleArn, sessionName);
    },
  };
}

async function assumeRole(
  flow: FlowContext,
  roleArn: string,
  sessionName: string,
  nowMs: number,
): Promise<AssumedRole> {
  const { Credentials: issued, AssumedRoleUser: user } = await flow.call(
    "sts",
    "AssumeRole",
    { RoleArn: roleArn, RoleSessionName: sessionName.padEnd(SESSION_NAME_MIN, "-"), DurationSeconds: SESSION_SECONDS },
    { principal: { type: "service", service: "lambda.amazonaws.com", sourceAccount: flow.accountId } },
  );
  assert(issued && user?.Arn && user.AssumedRoleId, "STS answers with credentials and an identity");
  return {
    credentials: {
      accessKeyId: issued.AccessKeyId!,
      secretAccessKey: issued.SecretAccessKey!,
      sessionToken: issued.SessionToken!,
      expiresMs: issued.Expiration?.getTime() ?? nowMs + SESSION_SECONDS * 1000,
    },
    principal: {
      type: "assumed-role",
      accountId: roleArn.split(":")[4] as AccountId,
      arn: user.Arn,
      roleArn,
      roleId: user.AssumedRoleId.split(":")[0]!,
      sessionName,
    },
  };
}
