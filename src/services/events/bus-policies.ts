/** Who else may put events onto a bus. */
import type { Transaction } from "../../storage/transaction.ts";
import { readPolicy } from "../policy-common/document.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { policyLengthExceeded, resourceNotFound, validation } from "./errors.ts";
import { locateBus, POLICY_CHARACTERS_MAX, requireBus } from "./limits.ts";
import { type Bus, Buses, busArn, busKey, type PolicyStatement } from "./state.ts";

/** As DescribeEventBus shows it; undefined when there is none. */
export const policyOf = ({ policy }: Bus): string | undefined =>
  policy && JSON.stringify({ Version: "2012-10-17", Statement: policy });

type PutPermission = InputOf<"events", "PutPermission">;

/**
 * A whole policy, or one statement of it: for an account, or for everybody of an organization.
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
 */
export function putPermission(
  tx: Transaction,
  input: PutPermission,
  context: OperationContext,
): OutputOf<"events", "PutPermission"> {
  const at = locateBus(context, input.EventBusName);
  const bus = requireBus(tx, at, at.name);
  let policy: readonly PolicyStatement[];
  if (input.Policy !== undefined) {
    if ([input.Action, input.Principal, input.StatementId, input.Condition].some((member) => member !== undefined)) {
      throw validation("Parameter Policy cannot be used together with Action, Principal, StatementId or Condition.");
    }
    policy = readStatements(input.Policy);
  } else {
    const statement = statementOf(input, busArn(at, at.name));
    policy = [...(bus.policy ?? []).filter(({ Sid }) => Sid !== statement.Sid), statement];
  }
  const changed = { ...bus, policy, modifiedMs: context.nowMs };
  if (policyOf(changed)!.length > POLICY_CHARACTERS_MAX) throw policyLengthExceeded();
  Buses.put(tx, busKey(at, at.name), changed);
  return {};
}

function readStatements(text: string): readonly PolicyStatement[] {
  readPolicy(text);
  const { Statement } = JSON.parse(text) as { Statement: PolicyStatement | PolicyStatement[] };
  return Array.isArray(Statement) ? Statement : [Statement];
}

function statementOf(input: PutPermission, resource: string): PolicyStatement {
  new Constraints()
    .required("action", input.Action)
    .required("principal", input.Principal)
    .pattern("principal", input.Principal, /^(\d{12}|\*)$/, "(\\d{12}|\\*)")
    .required("statementId", input.StatementId)
    .length("statementId", input.StatementId, 1, 64)
    .pattern("statementId", input.StatementId, /^[a-zA-Z0-9-_]+$/)
    .check();
  if (input.Action !== "events:PutEvents") throw validation("Provided value in parameter 'action' is not supported.");
  const { Condition: condition } = input;
  if (condition && (condition.Type !== "StringEquals" || condition.Key !== "aws:PrincipalOrgID")) {
    throw validation("Parameter Condition supports Type StringEquals with Key aws:PrincipalOrgID only.");
  }
  return {
    Sid: input.StatementId!,
    Effect: "Allow",
    Principal: input.Principal === "*" ? "*" : { AWS: `arn:aws:iam::${input.Principal}:root` },
    Action: "events:PutEvents",
    Resource: resource,
    ...(condition ? { Condition: { StringEquals: { [condition.Key!]: condition.Value! } } } : {}),
  };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RemovePermission.html */
export function removePermission(
  tx: Transaction,
  input: InputOf<"events", "RemovePermission">,
  context: OperationContext,
): OutputOf<"events", "RemovePermission"> {
  const at = locateBus(context, input.EventBusName);
  const { policy, ...rest } = requireBus(tx, at, at.name);
  if (!input.RemoveAllPermissions && input.StatementId === undefined) {
    throw validation("Parameter StatementId is required if RemoveAllPermissions is not set.");
  }
  if (!policy) throw resourceNotFound("EventBus does not have a policy.");
  const left = input.RemoveAllPermissions ? [] : policy.filter(({ Sid }) => Sid !== input.StatementId);
  if (left.length === policy.length) throw resourceNotFound("Statement with the provided id does not exist.");
  const kept = left.length > 0 ? { policy: left } : {};
  Buses.put(tx, busKey(at, at.name), { ...rest, ...kept, modifiedMs: context.nowMs });
  return {};
}
