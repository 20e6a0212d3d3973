/** The resource policies of functions, statement by statement, written as AWS writes them. */
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import {
  functionNotFound,
  invalidParameterValue,
  policyLengthExceeded,
  resourceConflict,
  resourceDoesNotExist,
  resourceNotFound,
  revisionMismatch,
} from "./errors.ts";
import { type FunctionLocator, functionArn, locate } from "./names.ts";
import { constraints, LIMITS, PATTERNS } from "./rules.ts";
import {
  type AliasRecord,
  aliases,
  aliasKey,
  type PolicyRecord,
  type PolicyStatement,
  policies,
  policyKey,
  type VersionRecord,
  versionKey,
  versions,
} from "./state.ts";
import { requireFunction } from "./stored.ts";

/** What a policy hangs on: the unqualified function, a version, or an alias. */
interface Holder {
  readonly at: FunctionLocator;
  /** `$LATEST` for the unqualified function. */
  readonly qualifier: string;
  readonly revisionId: string;
  readonly renew: () => void;
}

function requireHolder(tx: Transaction, at: FunctionLocator, context: OperationContext): Holder {
  requireFunction(tx, { ...at, qualifier: undefined });
  const qualifier = at.qualifier ?? "$LATEST";
  const revisionId = context.random.uuid();
  if (/^(\$LATEST|\d+)$/.test(qualifier)) {
    const place = versionKey(at, at.name, qualifier);
    const record: VersionRecord | undefined = versions.get(tx, place);
    if (!record) throw functionNotFound(functionArn(at, at.qualifier));
    const renew = () => versions.put(tx, place, { ...record, revisionId });
    return { at, qualifier, revisionId: record.revisionId, renew };
  }
  const place = aliasKey(at, at.name, qualifier);
  const record: AliasRecord | undefined = aliases.get(tx, place);
  if (!record) throw resourceNotFound(`Cannot find alias arn: ${functionArn(at, qualifier)}`);
  const renew = () => aliases.put(tx, place, { ...record, revisionId });
  return { at, qualifier, revisionId: record.revisionId, renew };
}

type AddPermissionInput = InputOf<"lambda", "AddPermission">;

function checkInput(input: AddPermissionInput): void {
  const found = constraints();
  found.required("statementId", input.StatementId);
  found.length("statementId", input.StatementId, 1, 100);
  found.pattern("statementId", input.StatementId, PATTERNS.statementId);
  found.required("action", input.Action);
  found.pattern("action", input.Action, PATTERNS.action);
  found.required("principal", input.Principal);
  found.pattern("principal", input.Principal, PATTERNS.principal);
  found.pattern("sourceArn", input.SourceArn, PATTERNS.arn);
  found.pattern("sourceAccount", input.SourceAccount, PATTERNS.sourceOwner);
  found.pattern("principalOrgID", input.PrincipalOrgID, PATTERNS.principalOrgId);
  found.length("eventSourceToken", input.EventSourceToken, 0, 256);
  found.pattern("eventSourceToken", input.EventSourceToken, PATTERNS.eventSourceToken);
  found.oneOf("functionUrlAuthType", input.FunctionUrlAuthType, ["NONE", "AWS_IAM"]);
  found.check();
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html */
function statementOf(input: AddPermissionInput, resource: string): PolicyStatement {
  const equals: Record<string, string> = {};
  if (input.FunctionUrlAuthType) equals["lambda:FunctionUrlAuthType"] = input.FunctionUrlAuthType;
  if (input.PrincipalOrgID) equals["aws:PrincipalOrgID"] = input.PrincipalOrgID;
  if (input.SourceAccount) equals["AWS:SourceAccount"] = input.SourceAccount;
  if (input.EventSourceToken) equals["lambda:EventSourceToken"] = input.EventSourceToken;
  const condition: Record<string, Record<string, string>> = {};
  if (Object.keys(equals).length > 0) condition.StringEquals = equals;
  if (input.InvokedViaFunctionUrl !== undefined) {
    condition.Bool = { "lambda:InvokedViaFunctionUrl": String(input.InvokedViaFunctionUrl) };
  }
  if (input.SourceArn) condition.ArnLike = { "AWS:SourceArn": input.SourceArn };
  return {
    Sid: input.StatementId!,
    Effect: "Allow",
    Principal: principalOf(input.Principal!),
    Action: input.Action!,
    Resource: resource,
    ...(Object.keys(condition).length > 0 ? { Condition: condition } : {}),
  };
}

function principalOf(principal: string): unknown {
  if (principal === "*") return "*";
  if (/^\d{12}$/.test(principal)) return { AWS: `arn:aws:iam::${principal}:root` };
  if (/^arn:aws[a-zA-Z-]*:(iam|sts):/.test(principal)) return { AWS: principal };
  if (/\.amazonaws\.com(\.cn)?$/.test(principal)) return { Service: principal };
  throw invalidParameterValue("The provided principal was invalid. Please check the principal and try again.");
}

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html */
export const addPermission: Operation<AddPermissionInput, OutputOf<"lambda", "AddPermission">> = (
  tx,
  input,
  context,
) => {
  checkInput(input);
  const at = locate(input.FunctionName, context, input.Qualifier);
  if (at.qualifier === "$LATEST") {
    throw invalidParameterValue("We currently do not support adding policies for $LATEST.");
  }
  const holder = requireHolder(tx, at, context);
  if (input.RevisionId !== undefined && input.RevisionId !== holder.revisionId) throw revisionMismatch();
  const place = policyKey(at, at.name, holder.qualifier);
  const statements = policies.get(tx, place)?.statements ?? [];
  if (statements.some(({ Sid }) => Sid === input.StatementId)) {
    throw resourceConflict(
      `The statement id (${input.StatementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
    );
  }
  const statement = statementOf(input, functionArn(at, at.qualifier));
  const record: PolicyRecord = { statements: [...statements, statement] };
  if (Buffer.byteLength(documentOf(record)) > LIMITS.policyBytes) throw policyLengthExceeded();
  policies.put(tx, place, record);
  holder.renew();
  return { Statement: JSON.stringify(statement) };
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html */
export const removePermission: Operation<
  InputOf<"lambda", "RemovePermission">,
  OutputOf<"lambda", "RemovePermission">
> = (tx, input, context) => {
  const found = constraints();
  found.required("statementId", input.StatementId);
  found.length("statementId", input.StatementId, 1, 100);
  found.check();
  const at = locate(input.FunctionName, context, input.Qualifier);
  const holder = requireHolder(tx, at, context);
  const place = policyKey(at, at.name, holder.qualifier);
  const statements = policies.get(tx, place)?.statements;
  if (!statements) throw resourceNotFound("No policy is associated with the given resource.");
  const left = statements.filter(({ Sid }) => Sid !== input.StatementId);
  if (left.length === statements.length) {
    throw resourceNotFound(`Statement ${input.StatementId} is not found in resource policy.`);
  }
  if (input.RevisionId !== undefined && input.RevisionId !== holder.revisionId) throw revisionMismatch();
  if (left.length === 0) tx.delete(place);
  else policies.put(tx, place, { statements: left });
  holder.renew();
  return {};
};

/** @see https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html */
export const getPolicy: Operation<InputOf<"lambda", "GetPolicy">, OutputOf<"lambda", "GetPolicy">> = (
  tx,
  input,
  context,
) => {
  const at = locate(input.FunctionName, context, input.Qualifier);
  const holder = requireHolder(tx, at, context);
  const record = policies.get(tx, policyKey(at, at.name, holder.qualifier));
  if (!record) throw resourceDoesNotExist();
  return { Policy: documentOf(record), RevisionId: holder.revisionId };
};

function documentOf({ statements }: PolicyRecord): string {
  return JSON.stringify({ Version: "2012-10-17", Id: "default", Statement: statements });
}

/** The policy of a function, version or alias by ARN, for the authorizer. */
export function resourcePolicy(tx: Transaction, resource: string): string | undefined {
  const match = /^arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([a-zA-Z0-9-_]+)(?::(.+))?$/.exec(resource);
  if (!match) return undefined;
  const [, region, accountId, name, qualifier] = match;
  const at = { region, accountId } as unknown as FunctionLocator;
  const record = policies.get(tx, policyKey(at, name!, qualifier ?? "$LATEST"));
  return record && documentOf(record);
}
