/**
 * The policy simulator: what would be decided, without doing it.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html
 */
import { type AccountId, isAccountId, parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { parseCidr } from "../policy-common/conditions.ts";
import { contextKeysOf } from "../policy-common/document.ts";
import { authorize, type Decision, type PolicyKind } from "../policy-common/evaluate.ts";
import type { InputOf, OperationContext, OutputOf, Principal } from "../service.ts";
import {
  ownPolicies,
  type PrincipalPolicies,
  policiesOfRole,
  policiesOfUser,
  type SourcedPolicy,
} from "./authorization.ts";
import { entityArn } from "./entities.ts";
import { invalidInput, noSuchEntity, validationError } from "./errors.ts";
import { pageOf } from "./pages.ts";
import { required } from "./rules.ts";
import { groupKey, groups, roleKey, roles, userKey, users } from "./state.ts";

type Input = Omit<InputOf<"iam", "SimulateCustomPolicy">, "PolicyInputList">;
type Output = OutputOf<"iam", "SimulateCustomPolicy">;
type Result = NonNullable<Output["EvaluationResults"]>[number];

/** Keys that the evaluation knows by itself. */
const DERIVED = new Set([
  "aws:currenttime",
  "aws:epochtime",
  "aws:principalarn",
  "aws:principalaccount",
  "aws:principalisawsservice",
  "aws:principaltype",
  "aws:resourceaccount",
  "aws:userid",
  "aws:username",
]);

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html */
export function simulateCustomPolicy(
  _tx: Transaction,
  input: InputOf<"iam", "SimulateCustomPolicy">,
  context: OperationContext,
): Output {
  const policies = inputPolicies(input.PolicyInputList ?? []);
  return simulate(input, context, policies, { identity: [], boundary: undefined, tags: {} }, caller(input, context));
}

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html */
export function simulatePrincipalPolicy(
  tx: Transaction,
  input: InputOf<"iam", "SimulatePrincipalPolicy">,
  context: OperationContext,
): Output {
  const source = principalPolicies(tx, context.accountId, required("policySourceArn", input.PolicySourceArn));
  const policies = [...source.identity, ...inputPolicies(input.PolicyInputList ?? [])];
  const principal = input.CallerArn === undefined && source.principal ? source.principal : caller(input, context);
  return simulate(input, context, policies, source, principal);
}

export function getContextKeysForCustomPolicy(
  _tx: Transaction,
  input: InputOf<"iam", "GetContextKeysForCustomPolicy">,
): OutputOf<"iam", "GetContextKeysForCustomPolicy"> {
  return { ContextKeyNames: contextKeys(inputPolicies(input.PolicyInputList ?? [])) };
}

export function getContextKeysForPrincipalPolicy(
  tx: Transaction,
  input: InputOf<"iam", "GetContextKeysForPrincipalPolicy">,
  context: OperationContext,
): OutputOf<"iam", "GetContextKeysForPrincipalPolicy"> {
  const source = principalPolicies(tx, context.accountId, required("policySourceArn", input.PolicySourceArn));
  return { ContextKeyNames: contextKeys([...source.identity, ...inputPolicies(input.PolicyInputList ?? [])]) };
}

function simulate(
  input: Input,
  context: OperationContext,
  policies: readonly SourcedPolicy[],
  source: PrincipalPolicies,
  principal: Principal,
): Output {
  const actions = input.ActionNames ?? [];
  for (const action of actions) {
    if (!/^[a-z0-9-]+:[^:]+$/i.test(action)) throw invalidInput(`Invalid action name: ${action}`);
  }
  const boundaries = input.PermissionsBoundaryPolicyInputList ?? [];
  if (boundaries.length > 1) throw invalidInput("Only one permissions boundary policy can be simulated.");
  const conditions = readContext(input.ContextEntries ?? []);
  const given = new Set(Object.keys(conditions).map((name) => name.toLowerCase()));
  const missing = contextKeys(policies).filter((name) => {
    const folded = name.toLowerCase();
    return !given.has(folded) && !DERIVED.has(folded);
  });
  const boundary = boundaries[0] ?? source.boundary;
  const results: Result[] = [];
  for (const action of actions) {
    for (const resource of input.ResourceArns?.length ? input.ResourceArns : ["*"]) {
      const decision = authorize({
        principal,
        action,
        resource,
        resourceAccountId: ownerAccount(input.ResourceOwner),
        conditions,
        nowMs: context.nowMs,
        identityPolicies: policies.map(({ document }) => document),
        boundary,
        principalTags: source.tags,
        resourcePolicy: input.ResourcePolicy,
      });
      results.push({
        EvalActionName: action,
        EvalResourceName: resource,
        EvalDecision: decision.allowed ? "allowed" : decision.explicitDeny ? "explicitDeny" : "implicitDeny",
        MatchedStatements: matchedStatements(decision, policies),
        MissingContextValues: missing,
        ...(boundary === undefined
          ? {}
          : { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: allowedByBoundary(decision) } }),
      });
    }
  }
  const page = pageOf(results, input);
  return { EvaluationResults: page.items, ...page.position };
}

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html */
function readContext(entries: NonNullable<Input["ContextEntries"]>): Record<string, readonly string[]> {
  const conditions: Record<string, readonly string[]> = {};
  for (const { ContextKeyName, ContextKeyValues = [], ContextKeyType } of entries) {
    const name = required("contextKeyName", ContextKeyName);
    const [, base, list] = /^(string|numeric|boolean|ip|binary|date)(List)?$/.exec(ContextKeyType ?? "") ?? [];
    if (base === undefined) throw invalidInput(`Context key ${name} has no type that is known: ${ContextKeyType}`);
    if (list === undefined && ContextKeyValues.length > 1) {
      throw invalidInput(`Context key ${name} of type ${ContextKeyType} has more than one value.`);
    }
    const broken = ContextKeyValues.find((value) => !CONTEXT_VALUES[base]!(value));
    if (broken !== undefined) throw invalidInput(`Context key ${name} has a value that is no ${base}: ${broken}`);
    conditions[name] = ContextKeyValues;
  }
  return conditions;
}

const CONTEXT_VALUES: Readonly<Record<string, (value: string) => boolean>> = {
  string: () => true,
  numeric: (value) => value !== "" && Number.isFinite(Number(value)),
  boolean: (value) => /^(true|false)$/i.test(value),
  ip: (value) => parseCidr(value) !== undefined,
  binary: (value) => /^[A-Za-z0-9+/]*={0,2}$/.test(value),
  date: (value) => /^\d+$/.test(value) || !Number.isNaN(Date.parse(value)),
};

function matchedStatements(decision: Decision, policies: readonly SourcedPolicy[]): Result["MatchedStatements"] {
  const bySource: Partial<Record<PolicyKind, string>> = {
    "permissions boundary": "PermissionsBoundaryPolicyInputList.1",
    "resource-based policy": "ResourcePolicy",
  };
  const shown = decision.matched.filter(({ statement }) => decision.allowed || statement.effect === "Deny");
  return shown.map(({ kind, policyIndex }) => {
    const policy = kind === "identity-based policy" ? policies[policyIndex] : undefined;
    return {
      SourcePolicyId: policy?.name ?? bySource[kind],
      SourcePolicyType: policy && policy.type !== "custom" ? policy.type : "none",
    };
  });
}

function allowedByBoundary(decision: Decision): boolean {
  const matched = decision.matched.filter(({ kind }) => kind === "permissions boundary");
  return matched.length > 0 && matched.every(({ statement }) => statement.effect === "Allow");
}

const inputPolicies = (documents: readonly string[]): SourcedPolicy[] =>
  documents.map((document, index) => ({ name: `PolicyInputList.${index + 1}`, type: "custom", document }));

function contextKeys(policies: readonly SourcedPolicy[]): string[] {
  return [...new Set(policies.flatMap(({ document }) => contextKeysOf(document)))];
}

function ownerAccount(owner: string | undefined): AccountId | undefined {
  if (owner === undefined) return undefined;
  const account = parseArn(owner)?.accountId ?? owner;
  if (!isAccountId(account)) throw invalidInput(`Invalid resource owner: ${owner}`);
  return account;
}

/** Whom a resource policy sees: the user named as CallerArn, else somebody of this account. */
function caller(input: Input, context: OperationContext): Principal {
  const { accountId } = context;
  if (input.CallerArn === undefined) {
    if (input.ResourcePolicy !== undefined) throw invalidInput("You must specify a CallerArn with a ResourcePolicy.");
    const nobody = { name: "simulated", path: "/" };
    return { type: "user", accountId, arn: entityArn(accountId, "user", nobody), userName: nobody.name, userId: "" };
  }
  const parts = parseArn(input.CallerArn);
  if (!parts || !isAccountId(parts.accountId) || !parts.resource.startsWith("user/")) {
    throw invalidInput(`The CallerArn ${input.CallerArn} is not the ARN of a user.`);
  }
  return {
    type: "user",
    accountId: parts.accountId,
    arn: input.CallerArn,
    userName: parts.resource.slice(parts.resource.lastIndexOf("/") + 1),
    userId: "",
  };
}

function principalPolicies(
  tx: Transaction,
  accountId: AccountId,
  sourceArn: string,
): PrincipalPolicies & { readonly principal: Principal | undefined } {
  const [, kind, name] = /^arn:aws:iam::\d{12}:(user|group|role)\/(?:.*\/)?([^/]+)$/.exec(sourceArn) ?? [];
  if (!kind || !name)
    throw validationError(`Invalid Entity Arn: ${sourceArn} does not clearly define entity type and name.`);
  if (kind === "user") {
    const user = users.get(tx, userKey(accountId, name));
    if (user && entityArn(accountId, "user", user) === sourceArn) {
      const principal: Principal = { type: "user", accountId, arn: sourceArn, userName: user.name, userId: user.id };
      return { ...policiesOfUser(tx, accountId, user), principal };
    }
  } else if (kind === "role") {
    const role = roles.get(tx, roleKey(accountId, name));
    if (role && entityArn(accountId, "role", role) === sourceArn) {
      const principal: Principal = {
        type: "assumed-role",
        accountId,
        arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/simulated`,
        roleArn: sourceArn,
        roleId: role.id,
        sessionName: "simulated",
      };
      return { ...policiesOfRole(tx, accountId, role), principal };
    }
  } else {
    const group = groups.get(tx, groupKey(accountId, name));
    if (group && entityArn(accountId, "group", group) === sourceArn) {
      return {
        identity: ownPolicies(tx, accountId, "group", group),
        boundary: undefined,
        tags: {},
        principal: undefined,
      };
    }
  }
  throw noSuchEntity(`Entity with ARN ${sourceArn} cannot be found.`);
}
