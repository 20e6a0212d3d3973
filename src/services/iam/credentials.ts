/** Whose access key is this? Asked at every signed request. */
import type { AccountId } from "../../kernel/arn.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { Principal } from "../service.ts";
import { entityArn } from "./entities.ts";
import { accessKeyKey, accessKeys, userKey, users } from "./state.ts";

export interface Credentials {
  readonly secretAccessKey: string;
  readonly principal: Principal;
  readonly accountId: AccountId;
}

/** A user's active key (`AKIA…`); undefined when there is no such key, or it was made inactive. */
export function findAccessKey(tx: Transaction, accessKeyId: string): Credentials | undefined {
  const accessKey = accessKeys.get(tx, accessKeyKey(accessKeyId));
  if (accessKey?.status !== "Active") return undefined;
  const { accountId } = accessKey;
  const user = users.get(tx, userKey(accountId, accessKey.userName));
  if (!user) return undefined;
  return {
    secretAccessKey: accessKey.secretAccessKey,
    accountId,
    principal: {
      type: "user",
      accountId,
      arn: entityArn(accountId, "user", user),
      userName: user.name,
      userId: user.id,
    },
  };
}

/** The account that a user's key belongs to, active or not. */
export function accountOfAccessKey(tx: Transaction, accessKeyId: string): AccountId | undefined {
  return accessKeys.get(tx, accessKeyKey(accessKeyId))?.accountId;
}
