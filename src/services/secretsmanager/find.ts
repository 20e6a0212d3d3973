/** Finding secrets by what requests call them: a name, an ARN, or an ARN without the six characters at its end. */
import { parseArn } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { markedForDeletion, secretNotFound } from "./errors.ts";
import { type Secret, Secrets, secretKey, type Where } from "./state.ts";

export interface Found {
  readonly at: Where;
  readonly secret: Secret;
}

export function findSecret(tx: Transaction, context: Where, secretId: string): Found | undefined {
  const parts = parseArn(secretId);
  if (!parts?.resource.startsWith("secret:")) {
    const at = { accountId: context.accountId, region: context.region };
    const secret = Secrets.get(tx, secretKey(at, secretId));
    return secret && { at, secret };
  }
  const at = { accountId: parts.accountId, region: parts.region };
  const id = parts.resource.slice("secret:".length);
  const whole = Secrets.get(tx, secretKey(at, id.replace(/-[A-Za-z0-9]{6}$/, "")));
  if (whole?.id === id) return { at, secret: whole };
  const partial = Secrets.get(tx, secretKey(at, id));
  return partial && { at, secret: partial };
}

/** @throws ResourceNotFoundException */
export function requireSecret(tx: Transaction, context: OperationContext, secretId: string | undefined): Found {
  new Constraints().required("secretId", secretId).length("secretId", secretId, 1, 2048).check();
  const found = findSecret(tx, context, secretId!);
  if (!found) throw secretNotFound();
  return found;
}

/** One that was not deleted. @throws InvalidRequestException */
export function requireLive(tx: Transaction, context: OperationContext, secretId: string | undefined): Found {
  const found = requireSecret(tx, context, secretId);
  if (found.secret.deletionMs !== undefined) throw markedForDeletion();
  return found;
}
