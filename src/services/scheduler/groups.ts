/** Schedule groups, and their tags. */
import { parseArn } from "../../kernel/arn.ts";
import { keysUnder, keysWithPrefix } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { groupExists, groupIsDeleting, quotaExceeded, validation } from "./errors.ts";
import { checkName, GROUPS_MAX, pageOf, requireGroup, TAGS_MAX, tagsOf } from "./rules.ts";
import { DEFAULT_GROUP, type Group, Groups, groupArn, groupKey, type Where } from "./state.ts";

export const GROUP_DELETED = "scheduler.GroupDeleted";
/** Schedules of a deleted group that go in one commit. */
const DELETED_PER_STEP = 500;

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html */
export function createScheduleGroup(
  tx: Transaction,
  input: InputOf<"scheduler", "CreateScheduleGroup">,
  context: OperationContext,
): OutputOf<"scheduler", "CreateScheduleGroup"> {
  const name = checkName(input.Name);
  new Constraints().length("clientToken", input.ClientToken, 1, 64).check();
  const tags = tagsOf(input.Tags);
  const known = Groups.get(tx, groupKey(context, name));
  const repeated = known?.clientToken !== undefined && known.clientToken === input.ClientToken;
  if (known && repeated && !known.deleting) return { ScheduleGroupArn: groupArn(context, name) };
  if (known || name === DEFAULT_GROUP) throw groupExists(name);
  const { start, end } = keysUnder("scheduler", context.accountId, context.region, "group");
  if ([...tx.range(start, end)].length >= GROUPS_MAX) {
    throw quotaExceeded(`An account has at most ${GROUPS_MAX} schedule groups.`);
  }
  Groups.put(tx, groupKey(context, name), {
    name,
    createdMs: context.nowMs,
    modifiedMs: context.nowMs,
    ...(input.ClientToken === undefined ? {} : { clientToken: input.ClientToken }),
    tags,
  });
  return { ScheduleGroupArn: groupArn(context, name) };
}

/** Its schedules go with it. @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html */
export function deleteScheduleGroup(
  tx: Transaction,
  input: InputOf<"scheduler", "DeleteScheduleGroup">,
  context: OperationContext,
): OutputOf<"scheduler", "DeleteScheduleGroup"> {
  const name = checkName(input.Name);
  // Deleting once more changes nothing, whatever the token.
  void input.ClientToken;
  const group = requireGroup(tx, context, name);
  if (name === DEFAULT_GROUP) throw validation("The default schedule group can't be deleted.");
  if (group.deleting) throw groupIsDeleting(name);
  Groups.put(tx, groupKey(context, name), { ...group, deleting: true, modifiedMs: context.nowMs });
  tx.emit({ type: GROUP_DELETED, detail: { accountId: context.accountId, region: context.region, name } });
  return {};
}

/** Deletes what a group held, in steps, and then the group. */
export function sweepGroup(tx: Transaction, group: Where & { readonly name: string }): void {
  const { start, end } = keysUnder("scheduler", group.accountId, group.region, "schedule", group.name);
  const found = [...tx.range(start, end, { limit: DELETED_PER_STEP })];
  for (const [place] of found) tx.delete(place);
  if (found.length === DELETED_PER_STEP) tx.emit({ type: GROUP_DELETED, detail: group });
  else tx.delete(groupKey(group, group.name));
}

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetScheduleGroup.html */
export function getScheduleGroup(
  tx: Transaction,
  input: InputOf<"scheduler", "GetScheduleGroup">,
  context: OperationContext,
): OutputOf<"scheduler", "GetScheduleGroup"> {
  return shown(context, requireGroup(tx, context, checkName(input.Name)));
}

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListScheduleGroups.html */
export function listScheduleGroups(
  tx: Transaction,
  input: InputOf<"scheduler", "ListScheduleGroups">,
  context: OperationContext,
): OutputOf<"scheduler", "ListScheduleGroups"> {
  const prefix = input.NamePrefix === undefined ? "" : checkName(input.NamePrefix, "namePrefix");
  const { start, end } = keysWithPrefix(["scheduler", context.accountId, context.region, "group"], prefix);
  const groups = [...Groups.range(tx, start, end)].map(([, group]) => group);
  if (DEFAULT_GROUP.startsWith(prefix) && !groups.some(({ name }) => name === DEFAULT_GROUP)) {
    groups.push(requireGroup(tx, context, DEFAULT_GROUP));
    groups.sort((left, right) => (left.name < right.name ? -1 : 1));
  }
  const { items, token } = pageOf(groups, ({ name }) => name, input);
  return { ScheduleGroups: items.map((group) => shown(context, group)), ...(token ? { NextToken: token } : {}) };
}

const shown = (at: Where, group: Group) => ({
  Arn: groupArn(at, group.name),
  Name: group.name,
  State: group.deleting ? ("DELETING" as const) : ("ACTIVE" as const),
  CreationDate: new Date(group.createdMs),
  LastModificationDate: new Date(group.modifiedMs),
});

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_TagResource.html */
export function tagResource(
  tx: Transaction,
  input: InputOf<"scheduler", "TagResource">,
  _context: OperationContext,
): OutputOf<"scheduler", "TagResource"> {
  new Constraints().required("tags", input.Tags).check();
  const { at, group } = holderOf(tx, input.ResourceArn);
  const tags = { ...group.tags, ...tagsOf(input.Tags) };
  if (Object.keys(tags).length > TAGS_MAX) throw validation(`A schedule group has at most ${TAGS_MAX} tags.`);
  Groups.put(tx, groupKey(at, group.name), { ...group, tags });
  return {};
}

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UntagResource.html */
export function untagResource(
  tx: Transaction,
  input: InputOf<"scheduler", "UntagResource">,
  _context: OperationContext,
): OutputOf<"scheduler", "UntagResource"> {
  new Constraints().required("tagKeys", input.TagKeys).check();
  const { at, group } = holderOf(tx, input.ResourceArn);
  const tags = Object.fromEntries(Object.entries(group.tags).filter(([name]) => !input.TagKeys!.includes(name)));
  Groups.put(tx, groupKey(at, group.name), { ...group, tags });
  return {};
}

/** @see https://docs.aws.amazon.com/scheduler/latest/APIReference/API_ListTagsForResource.html */
export function listTagsForResource(
  tx: Transaction,
  input: InputOf<"scheduler", "ListTagsForResource">,
  _context: OperationContext,
): OutputOf<"scheduler", "ListTagsForResource"> {
  const { group } = holderOf(tx, input.ResourceArn);
  return { Tags: Object.entries(group.tags).map(([Key, Value]) => ({ Key, Value })) };
}

/** Groups alone have tags. */
function holderOf(tx: Transaction, resourceArn: string | undefined): { readonly at: Where; readonly group: Group } {
  new Constraints().required("resourceArn", resourceArn).length("resourceArn", resourceArn, 1, 1011).check();
  const at = parseArn(resourceArn!);
  if (at?.service !== "scheduler" || !at.resource.startsWith("schedule-group/")) {
    throw validation(`Provided Arn is not the ARN of a schedule group: ${resourceArn}`);
  }
  return { at, group: requireGroup(tx, at, at.resource.slice("schedule-group/".length)) };
}
