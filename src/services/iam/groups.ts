/** Groups of users. @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_Group.html */
import type { AccountId } from "../../kernel/arn.ts";
import { iamId } from "../../kernel/ids.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import {
  checkQuota,
  count,
  deleteEntity,
  entityArn,
  entityById,
  findEntity,
  lastPart,
  linked,
  renameEntity,
  saveEntity,
} from "./entities.ts";
import { deleteConflict, entityAlreadyExists, quotaExceeded } from "./errors.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkName, checkPath, checkPathPrefix, GROUPS_MAX, GROUPS_PER_USER_MAX, inSeconds } from "./rules.ts";
import { type Group, groupKey, groupKeys, groups, links, member, memberOf, type User } from "./state.ts";
import { describeUser } from "./users.ts";

export type GroupOutput = NonNullable<OutputOf<"iam", "CreateGroup">["Group"]>;

export function createGroup(
  tx: Transaction,
  input: InputOf<"iam", "CreateGroup">,
  context: OperationContext,
): OutputOf<"iam", "CreateGroup"> {
  const { accountId } = context;
  const name = checkName("groupName", input.GroupName);
  const path = checkPath(input.Path);
  if (groups.get(tx, groupKey(accountId, name))) throw entityAlreadyExists(`Group with name ${name} already exists.`);
  checkQuota(tx, groupKeys(accountId), "GroupsPerAccount", GROUPS_MAX);
  const group: Group = { name, id: iamId(context.random, "AGPA"), path, createdMs: context.nowMs };
  saveEntity(tx, accountId, "group", group);
  return { Group: describeGroup(accountId, group) };
}

/** The group with its users, a page at a time. */
export function getGroup(
  tx: Transaction,
  input: InputOf<"iam", "GetGroup">,
  context: OperationContext,
): OutputOf<"iam", "GetGroup"> {
  const { accountId } = context;
  const group = findEntity(tx, accountId, "group", input.GroupName);
  const page = readPage(tx, links, member.under(accountId, group.id), input, (_, key) => key);
  const ids = page.items.map(lastPart);
  return {
    Group: describeGroup(accountId, group),
    Users: ids.map((id) => describeUser(accountId, entityById(tx, accountId, id)!.entity as User, { brief: true })),
    ...page.position,
  };
}

export function listGroups(
  tx: Transaction,
  input: InputOf<"iam", "ListGroups">,
  context: OperationContext,
): OutputOf<"iam", "ListGroups"> {
  const prefix = checkPathPrefix(input.PathPrefix);
  const page = readPage(tx, groups, groupKeys(context.accountId), input, (group) =>
    group.path.startsWith(prefix) ? describeGroup(context.accountId, group) : undefined,
  );
  return { Groups: page.items, ...page.position };
}

export function updateGroup(
  tx: Transaction,
  input: InputOf<"iam", "UpdateGroup">,
  context: OperationContext,
): OutputOf<"iam", "UpdateGroup"> {
  const { accountId } = context;
  const group = findEntity(tx, accountId, "group", input.GroupName);
  const name = input.NewGroupName === undefined ? group.name : checkName("newGroupName", input.NewGroupName);
  const path = input.NewPath === undefined ? group.path : checkPath(input.NewPath, "newPath");
  const taken = groups.get(tx, groupKey(accountId, name));
  if (taken && taken.id !== group.id) throw entityAlreadyExists(`Group with name ${name} already exists.`);
  renameEntity(tx, accountId, "group", group.name, { ...group, name, path });
  return {};
}

export function deleteGroup(
  tx: Transaction,
  input: InputOf<"iam", "DeleteGroup">,
  context: OperationContext,
): OutputOf<"iam", "DeleteGroup"> {
  const { accountId } = context;
  const group = findEntity(tx, accountId, "group", input.GroupName);
  if (count(tx, member.under(accountId, group.id), 1) > 0) {
    throw deleteConflict("Cannot delete entity, must remove users from group first.");
  }
  deleteEntity(tx, accountId, "group", group);
  return {};
}

/** Adding twice is no error. @throws NoSuchEntity, LimitExceeded */
export function addUserToGroup(
  tx: Transaction,
  input: InputOf<"iam", "AddUserToGroup">,
  context: OperationContext,
): OutputOf<"iam", "AddUserToGroup"> {
  const { accountId } = context;
  const group = findEntity(tx, accountId, "group", input.GroupName);
  const user = findEntity(tx, accountId, "user", input.UserName);
  const joined = new Set(linked(tx, memberOf.under(accountId, user.id)));
  if (!joined.has(group.id) && joined.size >= GROUPS_PER_USER_MAX)
    throw quotaExceeded("GroupsPerUser", GROUPS_PER_USER_MAX);
  links.put(tx, member.key(accountId, group.id, user.id), {});
  links.put(tx, memberOf.key(accountId, user.id, group.id), {});
  return {};
}

export function removeUserFromGroup(
  tx: Transaction,
  input: InputOf<"iam", "RemoveUserFromGroup">,
  context: OperationContext,
): OutputOf<"iam", "RemoveUserFromGroup"> {
  const { accountId } = context;
  const group = findEntity(tx, accountId, "group", input.GroupName);
  const user = findEntity(tx, accountId, "user", input.UserName);
  tx.delete(member.key(accountId, group.id, user.id));
  tx.delete(memberOf.key(accountId, user.id, group.id));
  return {};
}

export function listGroupsForUser(
  tx: Transaction,
  input: InputOf<"iam", "ListGroupsForUser">,
  context: OperationContext,
): OutputOf<"iam", "ListGroupsForUser"> {
  const { accountId } = context;
  const user = findEntity(tx, accountId, "user", input.UserName);
  const page = pageOf(groupsOfUser(tx, accountId, user), input);
  return { Groups: page.items.map((group) => describeGroup(accountId, group)), ...page.position };
}

export function groupsOfUser(tx: Transaction, accountId: AccountId, user: User): Group[] {
  return linked(tx, memberOf.under(accountId, user.id)).map((id) => entityById(tx, accountId, id)!.entity);
}

function describeGroup(accountId: AccountId, group: Group): GroupOutput {
  return {
    Path: group.path,
    GroupName: group.name,
    GroupId: group.id,
    Arn: entityArn(accountId, "group", group),
    CreateDate: inSeconds(group.createdMs),
  };
}
