/** What STS does: says who the caller is, and hands out credentials that end. */
import { type AccountId, arn, isAccountId } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { iamId, iamIdOf } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { accessDeniedMessage, authorize } from "../policy-common/evaluate.ts";
import { validateIdentityPolicy } from "../policy-common/validate.ts";
import type { InputOf, OperationContext, OutputOf, Principal } from "../service.ts";
import {
  ASSUMED_SECONDS_MAX,
  CHAINED_SECONDS_MAX,
  checkSeconds,
  checkText,
  ROOT_TOKEN_SECONDS_MAX,
  SESSION_POLICIES_MAX,
  SESSION_POLICY_MAX,
  SESSION_SECONDS_DEFAULT,
  TOKEN_SECONDS_DEFAULT,
  TOKEN_SECONDS_MAX,
  validationError,
} from "./rules.ts";
import { type Session, sessionKey, sessions } from "./state.ts";

/** An expired session is remembered this long, so that its holder hears ExpiredToken and not that it never was. */
const REMEMBERED_MS = 3_600_000;

const SESSION_NAME = { min: 2, max: 64, pattern: /^[\w+=,.@-]*$/, shown: "[\\w+=,.@-]*" };
const EXTERNAL_ID = { min: 2, max: 1224, pattern: /^[\w+=,.@:/-]*$/, shown: "[\\w+=,.@:\\/-]*" };
const ROLE_ARN = /^arn:aws:iam::(\d{12}):role\/((?:[!-~]+\/)?)([\w+=,.@-]+)$/;

/** Stands for the caller's own policies where only the trust policy is in question. */
const EVERYTHING = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "*", Resource: "*" },
});

const accessDenied = (message: string) => new AwsError("AccessDenied", message, 403);

/** Needs no permission. @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
export function getCallerIdentity(
  _tx: Transaction,
  _input: InputOf<"sts", "GetCallerIdentity">,
  { principal }: OperationContext,
): OutputOf<"sts", "GetCallerIdentity"> {
  switch (principal.type) {
    case "root":
      return { UserId: principal.accountId, Account: principal.accountId, Arn: principal.arn };
    case "user":
      return { UserId: principal.userId, Account: principal.accountId, Arn: principal.arn };
    case "assumed-role": {
      const UserId = `${principal.roleId}:${principal.sessionName}`;
      return { UserId, Account: principal.accountId, Arn: principal.arn };
    }
    default:
      throw accessDenied("Only an account, a user or a role session has an identity here.");
  }
}

/**
 * Whether the caller may assume the role is decided before (its own policies and the role's trust policy). What is checked here as well is
 * the trust policy: always where authorization is required, and for AWS services even where it is not, so that a template whose function
 * could not assume its role on AWS does not work here either.
 *
 * @throws ValidationError, AccessDenied, NoSuchEntity, MalformedPolicyDocument
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
export function assumeRole(
  tx: Transaction,
  input: InputOf<"sts", "AssumeRole">,
  context: OperationContext,
  { authRequired }: { readonly authRequired: boolean },
): OutputOf<"sts", "AssumeRole"> {
  const { principal } = context;
  const sessionName = checkText("roleSessionName", input.RoleSessionName, SESSION_NAME);
  if (input.ExternalId !== undefined) checkText("externalId", input.ExternalId, EXTERNAL_ID);
  const seconds = checkSeconds(input.DurationSeconds, SESSION_SECONDS_DEFAULT, ASSUMED_SECONDS_MAX);
  const [roleArn, accountId, , roleName] = ROLE_ARN.exec(input.RoleArn ?? "") ?? [];
  if (!roleArn || !isAccountId(accountId!)) throw validationError(`${input.RoleArn ?? ""} is invalid`);
  if (authRequired && principal.type === "root") throw accessDenied("Roles may not be assumed by root accounts.");

  const role = findRole(context, accountId, roleArn, roleName!);
  if (!role && authRequired) throw accessDenied(notAuthorized(principal, roleArn, NO_TRUST));
  if (role && (authRequired || principal.type === "service")) {
    const decision = authorize({
      principal,
      action: "sts:AssumeRole",
      resource: roleArn,
      conditions: {
        "sts:RoleSessionName": sessionName,
        ...(input.ExternalId === undefined ? {} : { "sts:ExternalId": input.ExternalId }),
      },
      nowMs: context.nowMs,
      identityPolicies: [EVERYTHING],
      resourcePolicy: role.trustPolicy,
      trustPolicy: true,
    });
    if (!decision.allowed) throw accessDenied(notAuthorized(principal, roleArn, decision.reason));
  }
  if (seconds > (role?.maxSessionSeconds ?? ASSUMED_SECONDS_MAX)) {
    throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  if (principal.type === "assumed-role" && seconds > CHAINED_SECONDS_MAX) {
    throw validationError(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
  }
  const sessionPolicies = readSessionPolicies(context, accountId, input);
  const roleId = role?.roleId ?? iamIdOf(roleArn, "AROA");
  const session: Principal = {
    type: "assumed-role",
    accountId,
    arn: arn("sts", "", accountId, `assumed-role/${roleName}/${sessionName}`),
    roleArn,
    roleId,
    sessionName,
    issuedMs: context.nowMs,
    ...(sessionPolicies.length === 0 ? {} : { sessionPolicies }),
  };
  return {
    Credentials: openSession(tx, context, accountId, session, seconds),
    AssumedRoleUser: { AssumedRoleId: `${roleId}:${sessionName}`, Arn: session.arn },
  };
}

/** Temporary credentials of the caller itself. @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html */
export function getSessionToken(
  tx: Transaction,
  input: InputOf<"sts", "GetSessionToken">,
  context: OperationContext,
): OutputOf<"sts", "GetSessionToken"> {
  const { principal } = context;
  if (principal.type !== "user" && principal.type !== "root") {
    throw accessDenied("Cannot call GetSessionToken with session credentials");
  }
  let seconds = checkSeconds(input.DurationSeconds, TOKEN_SECONDS_DEFAULT, TOKEN_SECONDS_MAX);
  if (principal.type === "root") seconds = Math.min(seconds, ROOT_TOKEN_SECONDS_MAX);
  return { Credentials: openSession(tx, context, principal.accountId, principal, seconds) };
}

/** @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html */
export function getAccessKeyInfo(
  tx: Transaction,
  input: InputOf<"sts", "GetAccessKeyInfo">,
  accountOfAccessKey: (tx: Transaction, accessKeyId: string) => AccountId | undefined,
): OutputOf<"sts", "GetAccessKeyInfo"> {
  const accessKeyId = checkText("accessKeyId", input.AccessKeyId, {
    min: 16,
    max: 128,
    pattern: /^\w*$/,
    shown: "[\\w]*",
  });
  const Account = sessions.get(tx, sessionKey(accessKeyId))?.accountId ?? accountOfAccessKey(tx, accessKeyId);
  if (Account === undefined) throw validationError(`Invalid Access Key: ${accessKeyId}`);
  return { Account };
}

/** Forgets a session some time after it expired. */
export function forgetSession(tx: Transaction, { accessKeyId }: { readonly accessKeyId: string }): void {
  tx.delete(sessionKey(accessKeyId));
}

function openSession(
  tx: Transaction,
  { nowMs, random }: OperationContext,
  accountId: AccountId,
  principal: Principal,
  seconds: number,
) {
  const session: Session = {
    accessKeyId: iamId(random, "ASIA"),
    // 30 bytes make the 40 characters of an AWS secret.
    secretAccessKey: random.bytes(30).toString("base64"),
    sessionToken: random.bytes(192).toString("base64"),
    accountId,
    principal,
    // AWS tells expirations in whole seconds.
    expiresMs: Math.floor(nowMs / 1000) * 1000 + seconds * 1000,
  };
  sessions.put(tx, sessionKey(session.accessKeyId), session);
  tx.emit({
    type: "sts.SessionExpired",
    detail: { accessKeyId: session.accessKeyId },
    dueMs: session.expiresMs + REMEMBERED_MS,
  });
  return {
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    SessionToken: session.sessionToken,
    Expiration: new Date(session.expiresMs),
  };
}

interface StoredRole {
  readonly roleId: string;
  readonly trustPolicy: string;
  readonly maxSessionSeconds: number;
}

function findRole(
  context: OperationContext,
  accountId: AccountId,
  roleArn: string,
  RoleName: string,
): StoredRole | undefined {
  const owner = rootOf(accountId);
  try {
    const { Role } = context.call("iam", "GetRole", { RoleName }, { principal: owner, accountId });
    if (Role!.Arn !== roleArn) return undefined;
    return {
      roleId: Role!.RoleId!,
      trustPolicy: decodeURIComponent(Role!.AssumeRolePolicyDocument!),
      maxSessionSeconds: Role!.MaxSessionDuration!,
    };
  } catch (error) {
    if (error instanceof AwsError && error.code === "NoSuchEntity") return undefined;
    throw error;
  }
}

/** The documents of Policy and PolicyArns. */
function readSessionPolicies(
  context: OperationContext,
  accountId: AccountId,
  input: InputOf<"sts", "AssumeRole">,
): string[] {
  const documents: string[] = [];
  if (input.Policy !== undefined) {
    checkText("policy", input.Policy, {
      min: 1,
      max: SESSION_POLICY_MAX,
      pattern: /^[\t\n\r\u0020-\u00ff]+$/,
      shown: "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
    });
    validateIdentityPolicy(input.Policy);
    documents.push(input.Policy);
  }
  const arns = input.PolicyArns ?? [];
  if (arns.length > SESSION_POLICIES_MAX) {
    throw validationError(
      `1 validation error detected: Value '${arns.length}' at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to ${SESSION_POLICIES_MAX}`,
    );
  }
  const as = { principal: rootOf(accountId), accountId };
  for (const { arn: PolicyArn } of arns) {
    const { Policy } = context.call("iam", "GetPolicy", { PolicyArn }, as);
    const VersionId = Policy!.DefaultVersionId;
    const { PolicyVersion } = context.call("iam", "GetPolicyVersion", { PolicyArn, VersionId }, as);
    documents.push(decodeURIComponent(PolicyVersion!.Document!));
  }
  return documents;
}

const rootOf = (accountId: AccountId): Principal => ({
  type: "root",
  accountId,
  arn: arn("iam", "", accountId, "root"),
});

const NO_TRUST = "because no role trust policy allows the sts:AssumeRole action";

const notAuthorized = (principal: Principal, resource: string, reason: string): string =>
  accessDeniedMessage({ principal, action: "sts:AssumeRole", resource }, { reason });
