/**
 * May this principal do this? All policies that apply, evaluated as AWS does: an explicit deny anywhere ends it; then something must
 * allow, and nothing that bounds may leave it out.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
 */
import type { Principal } from "../service.ts";
import type { ConditionValues } from "./conditions.ts";
import { compilePolicy, type Policy, type Statement } from "./document.ts";
import type { Variables } from "./pattern.ts";
import { matchPrincipal, type PrincipalMatch, principalName } from "./principals.ts";

export interface AuthorizationRequest {
  readonly principal: Principal;
  /** `sqs:SendMessage` */
  readonly action: string;
  /** An ARN, or `*` for what concerns no resource. */
  readonly resource: string;
  /** The account that owns the resource; default: the one in its ARN, else the principal's own. */
  readonly resourceAccountId?: string | undefined;
  /** Condition keys of the request, `aws:SourceIp` and the like. Those that follow from the principal are added. */
  readonly conditions: Readonly<Record<string, string | readonly string[]>>;
  readonly nowMs: number;
  /** JSON texts. */
  readonly identityPolicies: readonly string[];
  readonly boundary?: string | undefined;
  /** Absent: the session is not narrowed. */
  readonly sessionPolicies?: readonly string[] | undefined;
  readonly resourcePolicy?: string | undefined;
  /** The resource policy is a role's trust policy: without its consent nobody assumes the role. */
  readonly trustPolicy?: boolean | undefined;
  /** Tags of the user or role: `aws:PrincipalTag/…`. */
  readonly principalTags?: Readonly<Record<string, string>> | undefined;
}

export type PolicyKind =
  | "identity-based policy"
  | "resource-based policy"
  | "permissions boundary"
  | "session policy"
  | "role trust policy";

export interface Decision {
  readonly allowed: boolean;
  /** As it ends AWS's message: `because no identity-based policy allows the sqs:SendMessage action`. Empty when allowed. */
  readonly reason: string;
  readonly explicitDeny: boolean;
  /** Which kind of policy decided a denial. */
  readonly kind?: PolicyKind;
  /** The statements that matched, in the order identity, boundary, session, resource. */
  readonly matched: readonly MatchedStatement[];
}

export interface MatchedStatement {
  readonly kind: PolicyKind;
  /** The policy's place among those of its kind. */
  readonly policyIndex: number;
  readonly statement: Statement;
}

interface Request {
  readonly principal: Principal;
  /** In lower case. */
  readonly action: string;
  readonly resource: string;
  readonly values: ConditionValues;
  readonly variables: Variables;
}

/** @throws MalformedPolicyDocument when a policy cannot be read: then nothing is decided, and nothing allowed */
export function authorize(input: AuthorizationRequest): Decision {
  const { principal } = input;
  const resourceKind: PolicyKind = input.trustPolicy ? "role trust policy" : "resource-based policy";
  const request = prepare(input);
  const matched: MatchedStatement[] = [];
  const collect = (kind: PolicyKind, policies: readonly Policy[]) => {
    for (const [policyIndex, policy] of policies.entries()) {
      for (const statement of policy.statements) {
        if (statementMatches(statement, request)) matched.push({ kind, policyIndex, statement });
      }
    }
  };
  collect("identity-based policy", input.identityPolicies.map(compilePolicy));
  if (input.boundary !== undefined) collect("permissions boundary", [compilePolicy(input.boundary)]);
  if (input.sessionPolicies) collect("session policy", input.sessionPolicies.map(compilePolicy));
  const grant = input.resourcePolicy === undefined ? undefined : evaluateResourcePolicy(input.resourcePolicy, request);
  for (const statement of grant?.matched ?? []) matched.push({ kind: resourceKind, policyIndex: 0, statement });

  const deny = matched.find(({ statement }) => statement.effect === "Deny");
  if (deny) return denied(deny.kind, input.action, matched, true);

  const allows = (kind: PolicyKind) =>
    matched.some((match) => match.kind === kind && match.statement.effect === "Allow");
  const implicit = (kind: PolicyKind) => denied(kind, input.action, matched, false);
  const allowed: Decision = { allowed: true, reason: "", explicitDeny: false, matched };

  if (principal.type === "anonymous" || principal.type === "service") {
    return grant?.allow ? allowed : implicit(resourceKind);
  }
  const sameAccount = resourceAccount(input) === principal.accountId;
  const identity = principal.type === "root" || allows("identity-based policy");
  if (sameAccount) {
    if (input.trustPolicy) {
      if (!grant?.allow) return implicit(resourceKind);
      if (grant.allow === "account" && !identity) return implicit("identity-based policy");
    } else if (!identity && !(grant?.allow && grant.allow !== "account")) return implicit("identity-based policy");
  } else {
    if (!identity) return implicit("identity-based policy");
    if (!grant?.allow) return implicit(resourceKind);
  }
  // In the same account, a resource policy that names the very session or user is not limited by what bounds its identity policies.
  if (sameAccount && grant?.allow === "session") return allowed;
  if (input.boundary !== undefined && !allows("permissions boundary")) return implicit("permissions boundary");
  if (input.sessionPolicies && !allows("session policy")) return implicit("session policy");
  return allowed;
}

/**
 * AWS's message for a denial; S3 puts the resource between quotes. The caller puts it into the error code that its service uses: AccessDenied, AccessDeniedException.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
 */
export function accessDeniedMessage(
  request: Pick<AuthorizationRequest, "principal" | "action" | "resource">,
  decision: Pick<Decision, "reason">,
): string {
  const resource = request.action.startsWith("s3:") ? `"${request.resource}"` : request.resource;
  const on = request.resource === "*" ? "" : ` on resource: ${resource}`;
  return `User: ${principalName(request.principal)} is not authorized to perform: ${request.action}${on} ${decision.reason}`;
}

function denied(
  kind: PolicyKind,
  action: string,
  matched: readonly MatchedStatement[],
  explicitDeny: boolean,
): Decision {
  const article = kind === "role trust policy" ? "the" : kind === "identity-based policy" ? "an" : "a";
  const reason = explicitDeny
    ? `with an explicit deny in ${article} ${kind}`
    : `because no ${kind} allows the ${action} action`;
  return { allowed: false, reason, explicitDeny, kind, matched };
}

interface Grant {
  /** How the strongest Allow covers the principal; undefined when none does. */
  readonly allow: PrincipalMatch | undefined;
  readonly matched: readonly Statement[];
}

const STRENGTH: Record<PrincipalMatch, number> = { session: 4, role: 3, everyone: 2, account: 1 };

function evaluateResourcePolicy(text: string, request: Request): Grant {
  let allow: PrincipalMatch | undefined;
  const matched: Statement[] = [];
  for (const statement of compilePolicy(text).statements) {
    const covers = statement.principal
      ? matchPrincipal(statement.principal, request.principal)
      : statement.notPrincipal && !matchPrincipal(statement.notPrincipal, request.principal)
        ? "everyone"
        : undefined;
    if (!covers || !statementMatches(statement, request)) continue;
    matched.push(statement);
    if (statement.effect === "Allow" && (!allow || STRENGTH[covers] > STRENGTH[allow])) allow = covers;
  }
  return { allow, matched };
}

/** Everything but the Principal element. */
function statementMatches(statement: Statement, request: Request): boolean {
  const action = statement.actions.some((pattern) => pattern.matches(request.action, request.variables) === true);
  if (action === statement.notAction) return false;
  if (statement.resources) {
    let found = false;
    for (const pattern of statement.resources) {
      const matches = pattern.matches(request.resource, request.variables);
      // A variable without a value leaves a Resource that matches nothing, and a NotResource of which nothing can be said.
      if (matches === undefined && statement.notResource) return false;
      found ||= matches === true;
    }
    if (found === statement.notResource) return false;
  }
  return statement.conditions.every((condition) => condition(request.values, request.variables));
}

function resourceAccount(input: AuthorizationRequest): string {
  if (input.resourceAccountId) return input.resourceAccountId;
  const account = /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(input.resource)?.[1];
  return account ?? ("accountId" in input.principal ? input.principal.accountId : "");
}

function prepare(input: AuthorizationRequest): Request {
  const values = new Map<string, readonly string[]>();
  const set = (name: string, value: string | readonly string[] | undefined) => {
    if (value !== undefined) values.set(name.toLowerCase(), typeof value === "string" ? [value] : value);
  };
  set("aws:CurrentTime", new Date(input.nowMs).toISOString());
  set("aws:EpochTime", String(Math.floor(input.nowMs / 1000)));
  set("aws:PrincipalIsAWSService", String(input.principal.type === "service"));
  set("aws:ResourceAccount", resourceAccount(input) || undefined);
  for (const [name, value] of Object.entries(principalValues(input.principal))) set(name, value);
  for (const [tag, value] of Object.entries(input.principalTags ?? {})) set(`aws:PrincipalTag/${tag}`, value);
  for (const [name, value] of Object.entries(input.conditions)) set(name, value);
  return {
    principal: input.principal,
    action: input.action.toLowerCase(),
    resource: input.resource,
    values,
    variables(name) {
      const found = values.get(name.toLowerCase());
      return found?.length === 1 ? found[0] : undefined;
    },
  };
}

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable */
function principalValues(principal: Principal): Record<string, string | undefined> {
  switch (principal.type) {
    case "anonymous":
      return { "aws:PrincipalType": "Anonymous", "aws:userid": "anonymous" };
    case "service":
      return {
        "aws:PrincipalServiceName": principal.service,
        "aws:PrincipalServiceNamesList": principal.service,
        "aws:SourceArn": principal.sourceArn,
        "aws:SourceAccount": principal.sourceAccount,
      };
    case "root":
      return {
        "aws:PrincipalType": "Account",
        "aws:PrincipalArn": principal.arn,
        "aws:PrincipalAccount": principal.accountId,
        "aws:userid": principal.accountId,
      };
    case "user":
      return {
        "aws:PrincipalType": "User",
        "aws:PrincipalArn": principal.arn,
        "aws:PrincipalAccount": principal.accountId,
        "aws:userid": principal.userId,
        "aws:username": principal.userName,
      };
    case "assumed-role":
      return {
        "aws:PrincipalType": "AssumedRole",
        "aws:PrincipalArn": principal.roleArn,
        "aws:PrincipalAccount": principal.accountId,
        "aws:userid": `${principal.roleId}:${principal.sessionName}`,
        // Temporary credentials say whether a device vouched for them; there are no devices here.
        "aws:MultiFactorAuthPresent": "false",
        "aws:TokenIssueTime": principal.issuedMs === undefined ? undefined : new Date(principal.issuedMs).toISOString(),
      };
  }
}
