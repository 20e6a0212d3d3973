/** IAM users. @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html */
import type { AccountId } from "../../kernel/arn.ts";
import { iamId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import {
  checkQuota,
  count,
  deleteEntity,
  entityArn,
  findEntity,
  linked,
  renameEntity,
  saveEntity,
  setBoundary,
} from "./entities.ts";
import { deleteConflict, entityAlreadyExists, validationError } from "./errors.ts";
import { boundaryOutput, checkBoundary } from "./managed.ts";
import { pageOf, readPage } from "./pages.ts";
import { addTags, checkName, checkPath, checkPathPrefix, inSeconds, removeTags, USERS_MAX } from "./rules.ts";
import { accessKeyKey, accessKeys, memberOf, type User, userAccessKey, userKey, userKeys, users } from "./state.ts";

export type UserOutput = NonNullable<OutputOf<"iam", "GetUser">["User"]>;

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html */
export function createUser(
  tx: Transaction,
  input: InputOf<"iam", "CreateUser">,
  context: OperationContext,
): OutputOf<"iam", "CreateUser"> {
  const { accountId } = context;
  const name = checkName("userName", input.UserName);
  const path = checkPath(input.Path);
  const tags = addTags([], input.Tags ?? []);
  if (users.get(tx, userKey(accountId, name))) throw entityAlreadyExists(`User with name ${name} already exists.`);
  checkQuota(tx, userKeys(accountId), "UsersPerAccount", USERS_MAX);
  const boundaryArn = checkBoundary(tx, accountId, input.PermissionsBoundary);
  const user: User = {
    name,
    id: iamId(context.random, "AIDA"),
    path,
    createdMs: context.nowMs,
    tags,
    ...(boundaryArn === undefined ? {} : { boundaryArn }),
  };
  saveEntity(tx, accountId, "user", user);
  setBoundary(tx, accountId, user.id, undefined, boundaryArn);
  return { User: describeUser(accountId, user) };
}

export function getUser(
  tx: Transaction,
  input: InputOf<"iam", "GetUser">,
  context: OperationContext,
): OutputOf<"iam", "GetUser"> {
  const user = findEntity(tx, context.accountId, "user", userNameOrOwn(input.UserName, context));
  return { User: describeUser(context.accountId, user) };
}

export function listUsers(
  tx: Transaction,
  input: InputOf<"iam", "ListUsers">,
  context: OperationContext,
): OutputOf<"iam", "ListUsers"> {
  const prefix = checkPathPrefix(input.PathPrefix);
  const page = readPage(tx, users, userKeys(context.accountId), input, (user) =>
    user.path.startsWith(prefix) ? describeUser(context.accountId, user, { brief: true }) : undefined,
  );
  return { Users: page.items, ...page.position };
}

export function updateUser(
  tx: Transaction,
  input: InputOf<"iam", "UpdateUser">,
  context: OperationContext,
): OutputOf<"iam", "UpdateUser"> {
  const { accountId } = context;
  const user = findEntity(tx, accountId, "user", input.UserName);
  const name = input.NewUserName === undefined ? user.name : checkName("newUserName", input.NewUserName);
  const path = input.NewPath === undefined ? user.path : checkPath(input.NewPath, "newPath");
  const taken = users.get(tx, userKey(accountId, name));
  if (taken && taken.id !== user.id) throw entityAlreadyExists(`User with name ${name} already exists.`);
  renameEntity(tx, accountId, "user", user.name, { ...user, name, path });
  for (const id of linked(tx, userAccessKey.under(accountId, user.id))) {
    const accessKey = accessKeys.get(tx, accessKeyKey(id))!;
    accessKeys.put(tx, accessKeyKey(id), { ...accessKey, userName: name });
  }
  return {};
}

/** @throws NoSuchEntity, DeleteConflict while keys, groups or policies hang on it */
export function deleteUser(
  tx: Transaction,
  input: InputOf<"iam", "DeleteUser">,
  context: OperationContext,
): OutputOf<"iam", "DeleteUser"> {
  const { accountId } = context;
  const user = findEntity(tx, accountId, "user", input.UserName);
  if (count(tx, memberOf.under(accountId, user.id), 1) > 0) {
    throw deleteConflict("Cannot delete entity, must remove users from group first.");
  }
  if (count(tx, userAccessKey.under(accountId, user.id), 1) > 0) {
    throw deleteConflict("Cannot delete entity, must delete access keys first.");
  }
  deleteEntity(tx, accountId, "user", user);
  return {};
}

export function putUserPermissionsBoundary(
  tx: Transaction,
  input: InputOf<"iam", "PutUserPermissionsBoundary">,
  context: OperationContext,
): OutputOf<"iam", "PutUserPermissionsBoundary"> {
  const { accountId } = context;
  const user = findEntity(tx, accountId, "user", input.UserName);
  const boundaryArn = checkBoundary(tx, accountId, input.PermissionsBoundary ?? "");
  setBoundary(tx, accountId, user.id, user.boundaryArn, boundaryArn);
  saveEntity(tx, accountId, "user", { ...user, ...(boundaryArn === undefined ? {} : { boundaryArn }) });
  return {};
}

export function deleteUserPermissionsBoundary(
  tx: Transaction,
  input: InputOf<"iam", "DeleteUserPermissionsBoundary">,
  context: OperationContext,
): OutputOf<"iam", "DeleteUserPermissionsBoundary"> {
  const { accountId } = context;
  const { boundaryArn, ...user } = findEntity(tx, accountId, "user", input.UserName);
  setBoundary(tx, accountId, user.id, boundaryArn, undefined);
  saveEntity(tx, accountId, "user", user);
  return {};
}

export function tagUser(
  tx: Transaction,
  input: InputOf<"iam", "TagUser">,
  context: OperationContext,
): OutputOf<"iam", "TagUser"> {
  const user = findEntity(tx, context.accountId, "user", input.UserName);
  saveEntity(tx, context.accountId, "user", { ...user, tags: addTags(user.tags, input.Tags ?? []) });
  return {};
}

export function untagUser(
  tx: Transaction,
  input: InputOf<"iam", "UntagUser">,
  context: OperationContext,
): OutputOf<"iam", "UntagUser"> {
  const user = findEntity(tx, context.accountId, "user", input.UserName);
  saveEntity(tx, context.accountId, "user", { ...user, tags: removeTags(user.tags, input.TagKeys) });
  return {};
}

export function listUserTags(
  tx: Transaction,
  input: InputOf<"iam", "ListUserTags">,
  context: OperationContext,
): OutputOf<"iam", "ListUserTags"> {
  const page = pageOf(findEntity(tx, context.accountId, "user", input.UserName).tags, input);
  return { Tags: page.items, ...page.position };
}

/** @throws ValidationError when the caller names no user and is none */
export function userNameOrOwn(name: string | undefined, context: OperationContext): string {
  if (name !== undefined) return name;
  if (context.principal.type === "user") return context.principal.userName;
  throw validationError("Must specify userName when calling with non-User credentials");
}

/** @param brief as lists show it: AWS leaves tags and boundary out there */
export function describeUser(accountId: AccountId, user: User, { brief = false } = {}): UserOutput {
  return {
    Path: user.path,
    UserName: user.name,
    UserId: user.id,
    Arn: entityArn(accountId, "user", user),
    CreateDate: inSeconds(user.createdMs),
    ...(brief ? {} : { PermissionsBoundary: boundaryOutput(user.boundaryArn) }),
    ...(brief || user.tags.length === 0 ? {} : { Tags: [...user.tags] }),
  };
}
