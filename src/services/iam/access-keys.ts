/** Access keys of users. The secret is shown once, when the key is made. */
import { iamId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { count, findEntity, linked } from "./entities.ts";
import { noSuchEntity, quotaExceeded, validationError } from "./errors.ts";
import { pageOf } from "./pages.ts";
import { ACCESS_KEYS_PER_USER_MAX, inSeconds, required } from "./rules.ts";
import { type AccessKey, accessKeyKey, accessKeys, links, userAccessKey } from "./state.ts";
import { userNameOrOwn } from "./users.ts";

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html */
export function createAccessKey(
  tx: Transaction,
  input: InputOf<"iam", "CreateAccessKey">,
  context: OperationContext,
): OutputOf<"iam", "CreateAccessKey"> {
  const { accountId, random } = context;
  const user = findEntity(tx, accountId, "user", userNameOrOwn(input.UserName, context));
  if (count(tx, userAccessKey.under(accountId, user.id)) >= ACCESS_KEYS_PER_USER_MAX) {
    throw quotaExceeded("AccessKeysPerUser", ACCESS_KEYS_PER_USER_MAX);
  }
  const accessKey: AccessKey = {
    accessKeyId: iamId(random, "AKIA"),
    // 30 bytes make the 40 characters of an AWS secret.
    secretAccessKey: random.bytes(30).toString("base64"),
    accountId,
    userName: user.name,
    status: "Active",
    createdMs: context.nowMs,
  };
  accessKeys.put(tx, accessKeyKey(accessKey.accessKeyId), accessKey);
  links.put(tx, userAccessKey.key(accountId, user.id, accessKey.accessKeyId), {});
  return {
    AccessKey: {
      UserName: user.name,
      AccessKeyId: accessKey.accessKeyId,
      Status: accessKey.status,
      SecretAccessKey: accessKey.secretAccessKey,
      CreateDate: inSeconds(accessKey.createdMs),
    },
  };
}

export function listAccessKeys(
  tx: Transaction,
  input: InputOf<"iam", "ListAccessKeys">,
  context: OperationContext,
): OutputOf<"iam", "ListAccessKeys"> {
  const user = findEntity(tx, context.accountId, "user", userNameOrOwn(input.UserName, context));
  const keys = linked(tx, userAccessKey.under(context.accountId, user.id)).map(
    (id) => accessKeys.get(tx, accessKeyKey(id))!,
  );
  const page = pageOf(keys, input);
  return {
    AccessKeyMetadata: page.items.map((accessKey) => ({
      UserName: user.name,
      AccessKeyId: accessKey.accessKeyId,
      Status: accessKey.status,
      CreateDate: inSeconds(accessKey.createdMs),
    })),
    ...page.position,
  };
}

export function updateAccessKey(
  tx: Transaction,
  input: InputOf<"iam", "UpdateAccessKey">,
  context: OperationContext,
): OutputOf<"iam", "UpdateAccessKey"> {
  const { accessKey } = ownedKey(tx, input, context);
  const status = required("status", input.Status);
  if (status !== "Active" && status !== "Inactive") {
    throw validationError(
      `1 validation error detected: Value '${status}' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]`,
    );
  }
  accessKeys.put(tx, accessKeyKey(accessKey.accessKeyId), { ...accessKey, status });
  return {};
}

export function deleteAccessKey(
  tx: Transaction,
  input: InputOf<"iam", "DeleteAccessKey">,
  context: OperationContext,
): OutputOf<"iam", "DeleteAccessKey"> {
  const { accessKey, userId } = ownedKey(tx, input, context);
  tx.delete(accessKeyKey(accessKey.accessKeyId));
  tx.delete(userAccessKey.key(context.accountId, userId, accessKey.accessKeyId));
  return {};
}

/** @throws NoSuchEntity when the user or the key is not there, or the key is somebody else's */
function ownedKey(
  tx: Transaction,
  input: { readonly UserName?: string | undefined; readonly AccessKeyId: string | undefined },
  context: OperationContext,
): { readonly accessKey: AccessKey; readonly userId: string } {
  const id = required("accessKeyId", input.AccessKeyId);
  const user = findEntity(tx, context.accountId, "user", userNameOrOwn(input.UserName, context));
  const accessKey = accessKeys.get(tx, accessKeyKey(id));
  if (accessKey?.accountId !== context.accountId || accessKey.userName !== user.name) {
    throw noSuchEntity(`The Access Key with id ${id} cannot be found.`);
  }
  return { accessKey, userId: user.id };
}
