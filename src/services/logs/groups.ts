/** Log groups: create, describe, delete, how long they keep events, and their tags. */

import { notImplemented } from "../../kernel/errors.ts";
import { lowerId } from "../../kernel/ids.ts";
import { decodeKey, type Key, keysUnder } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { deletionProtected, invalidParameter, logGroupExists, resourceNotFound, tooManyTags } from "./errors.ts";
import { constraints, LIMITS, RETENTION_DAYS } from "./rules.ts";
import {
  eventRange,
  events,
  eventsFrom,
  expiredBeforeMs,
  type GroupRecord,
  groupArn,
  groupKey,
  groupRange,
  groups,
  nameOfGroup,
  type Place,
  requireGroup,
  streamEventKey,
  streamRange,
} from "./state.ts";

export const GROUP_DELETED = "logs.LogGroupDeleted";
export const RETENTION_DUE = "logs.RetentionDue";

/** Keys that one step of background deletion takes. */
const STEP_KEYS = 2000;
const SWEEP_EVERY_MS = 3_600_000;

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html */
export const createLogGroup: Operation<InputOf<"logs", "CreateLogGroup">, OutputOf<"logs", "CreateLogGroup">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.tags("tags", input.tags);
  found.check();
  if (input.logGroupClass !== undefined && input.logGroupClass !== "STANDARD") {
    throw notImplemented(`the log group class ${input.logGroupClass}`);
  }
  const name = input.logGroupName!;
  if (groups.get(tx, groupKey(context, name))) throw logGroupExists();
  groups.put(tx, groupKey(context, name), {
    name,
    id: lowerId(context.random, 12),
    createdMs: context.nowMs,
    sweep: 0,
    tags: input.tags ?? {},
    storedBytes: 0,
    isProtected: input.deletionProtectionEnabled ?? false,
  });
  return {};
};

/** The group is gone at once, its events soon after. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteLogGroup.html */
export const deleteLogGroup: Operation<InputOf<"logs", "DeleteLogGroup">, OutputOf<"logs", "DeleteLogGroup">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.check();
  const group = requireGroup(tx, context, input.logGroupName!);
  if (group.isProtected) throw deletionProtected();
  tx.delete(groupKey(context, group.name));
  changeLevel(context, groupArn(context, group.name), "TimedStorage-ByteHrs", -group.storedBytes);
  emitDeletion(tx, context, group.id);
  return {};
};

export interface GroupDeletion extends Place {
  readonly groupId: string;
}

function emitDeletion(tx: Transaction, at: Place, groupId: string): void {
  const detail: GroupDeletion = { accountId: at.accountId, region: at.region, groupId };
  tx.emit({ type: GROUP_DELETED, detail });
}

/** One step of a deleted group's removal. */
export function removeGroup(tx: Transaction, { accountId, region, groupId }: GroupDeletion): void {
  const at = { accountId, region };
  let left = STEP_KEYS;
  for (const { start, end } of [
    streamRange(at, groupId),
    eventRange(at, groupId),
    keysUnder("logs", accountId, region, "by-stream", groupId),
    keysUnder("logs", accountId, region, "metric-filter", groupId),
  ]) {
    const gone = [...tx.range(start, end, { limit: left })].map(([found]) => found);
    for (const found of gone) tx.delete(found);
    left -= gone.length;
    if (left <= 0) {
      emitDeletion(tx, at, groupId);
      return;
    }
  }
}

type Described = NonNullable<OutputOf<"logs", "DescribeLogGroups">["logGroups"]>[number];

function described(at: Place, group: GroupRecord): Described {
  return {
    logGroupName: group.name,
    creationTime: group.createdMs,
    ...(group.retentionDays === undefined ? {} : { retentionInDays: group.retentionDays }),
    metricFilterCount: group.metricFilters ?? 0,
    arn: `${groupArn(at, group.name)}:*`,
    logGroupArn: groupArn(at, group.name),
    storedBytes: group.storedBytes,
    logGroupClass: "STANDARD",
    deletionProtectionEnabled: group.isProtected,
  };
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html */
export const describeLogGroups: Operation<
  InputOf<"logs", "DescribeLogGroups">,
  OutputOf<"logs", "DescribeLogGroups">
> = (tx, input, context) => {
  const found = constraints();
  if (input.logGroupNamePrefix !== undefined) found.groupName(input.logGroupNamePrefix, "logGroupNamePrefix");
  found.range("limit", input.limit, 1, 50);
  found.check();
  if (input.logGroupNamePrefix !== undefined && input.logGroupNamePattern !== undefined) {
    throw invalidParameter("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.");
  }
  const limit = input.limit ?? 50;
  if (input.logGroupIdentifiers !== undefined) {
    const named = input.logGroupIdentifiers.map((identifier) =>
      groups.get(tx, groupKey(context, nameOfGroup(identifier))),
    );
    return { logGroups: named.filter((group) => group !== undefined).map((group) => described(context, group)) };
  }
  const prefix = input.logGroupNamePrefix ?? "";
  const from = input.nextToken === undefined ? prefix : readToken(input.nextToken);
  const page: Described[] = [];
  if (input.logGroupClass === undefined || input.logGroupClass === "STANDARD") {
    for (const [, group] of groups.range(tx, groupKey(context, from), groupRange(context).end)) {
      if (!group.name.startsWith(prefix)) break;
      if (!group.name.includes(input.logGroupNamePattern ?? "")) continue;
      if (page.length === limit) return { logGroups: page, nextToken: writeToken(group.name) };
      page.push(described(context, group));
    }
  }
  return { logGroups: page };
};

/** Names, by a substring or by `^prefix`. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListLogGroups.html */
export const listLogGroups: Operation<InputOf<"logs", "ListLogGroups">, OutputOf<"logs", "ListLogGroups">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.range("limit", input.limit, 1, 1000);
  found.check();
  const pattern = input.logGroupNamePattern ?? "";
  const matches = (name: string) =>
    pattern.startsWith("^") ? name.startsWith(pattern.slice(1)) : name.includes(pattern);
  const limit = input.limit ?? 50;
  const { start, end } = groupRange(context);
  const from = input.nextToken === undefined ? start : groupKey(context, readToken(input.nextToken));
  const page = [];
  if (input.logGroupClass === undefined || input.logGroupClass === "STANDARD") {
    for (const [, group] of groups.range(tx, from, end)) {
      if (!matches(group.name)) continue;
      if (page.length === limit) return { logGroups: page, nextToken: writeToken(group.name) };
      page.push({
        logGroupName: group.name,
        logGroupArn: groupArn(context, group.name),
        logGroupClass: "STANDARD" as const,
      });
    }
  }
  return { logGroups: page };
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogGroupDeletionProtection.html */
export const putLogGroupDeletionProtection: Operation<
  InputOf<"logs", "PutLogGroupDeletionProtection">,
  OutputOf<"logs", "PutLogGroupDeletionProtection">
> = (tx, input, context) => {
  const found = constraints();
  found.required("logGroupIdentifier", input.logGroupIdentifier);
  found.required("deletionProtectionEnabled", input.deletionProtectionEnabled);
  found.check();
  const group = requireGroup(tx, context, nameOfGroup(input.logGroupIdentifier!));
  groups.put(tx, groupKey(context, group.name), { ...group, isProtected: input.deletionProtectionEnabled! });
  return {};
};

export const writeToken = (position: string): string => Buffer.from(position).toString("base64url");

/** @throws InvalidParameterException for text that {@link writeToken} did not write */
export function readToken(token: string): string {
  const position = Buffer.from(token, "base64url").toString("utf8");
  if (writeToken(position) !== token) throw invalidParameter("The specified nextToken is invalid.");
  return position;
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
export const putRetentionPolicy: Operation<
  InputOf<"logs", "PutRetentionPolicy">,
  OutputOf<"logs", "PutRetentionPolicy">
> = (tx, input, context) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.required("retentionInDays", input.retentionInDays);
  found.check();
  const days = input.retentionInDays!;
  if (!RETENTION_DAYS.includes(days)) {
    throw invalidParameter(
      `1 validation error detected: Value '${days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [${RETENTION_DAYS.join(", ")}]`,
    );
  }
  const group = requireGroup(tx, context, input.logGroupName!);
  const sweep = group.sweep + 1;
  groups.put(tx, groupKey(context, group.name), { ...group, retentionDays: days, sweep });
  emitSweep(tx, context, group.name, sweep, context.nowMs);
  return {};
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DeleteRetentionPolicy.html */
export const deleteRetentionPolicy: Operation<
  InputOf<"logs", "DeleteRetentionPolicy">,
  OutputOf<"logs", "DeleteRetentionPolicy">
> = (tx, input, context) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.check();
  const { retentionDays: _gone, ...group } = requireGroup(tx, context, input.logGroupName!);
  groups.put(tx, groupKey(context, group.name), { ...group, sweep: group.sweep + 1 });
  return {};
};

export interface RetentionSweep extends Place {
  readonly group: string;
  readonly sweep: number;
}

function emitSweep(tx: Transaction, at: Place, group: string, sweep: number, dueMs: number): void {
  const detail: RetentionSweep = { accountId: at.accountId, region: at.region, group, sweep };
  tx.emit({ type: RETENTION_DUE, detail, dueMs });
}

/** Removes expired events, a step at a time, and comes back: at once while there is more, else in an hour. */
export function sweepExpired(tx: Transaction, due: RetentionSweep, context: OperationContext): void {
  const at = { accountId: due.accountId, region: due.region };
  const group = groups.get(tx, groupKey(at, due.group));
  if (!group || group.sweep !== due.sweep || group.retentionDays === undefined) return;
  const { start } = eventRange(at, group.id);
  const end = eventsFrom(at, group.id, expiredBeforeMs(group, context.nowMs));
  const expired = [...events.range(tx, start, end, { limit: STEP_KEYS })];
  let bytes = 0;
  for (const [place, event] of expired) bytes += removeEvent(tx, at, group.id, place, event.message);
  if (expired.length > 0) {
    changeLevel(context, groupArn(at, group.name), "TimedStorage-ByteHrs", -Math.min(bytes, group.storedBytes));
    groups.put(tx, groupKey(at, group.name), { ...group, storedBytes: Math.max(0, group.storedBytes - bytes) });
  }
  const dueMs = expired.length === STEP_KEYS ? context.nowMs : context.nowMs + SWEEP_EVERY_MS;
  emitSweep(tx, at, group.name, group.sweep, dueMs);
}

/** Removes an event and its index row. Returns what it took of the group's stored bytes. */
function removeEvent(tx: Transaction, at: Place, groupId: string, place: Key, message: string): number {
  const [timestampMs, streamId, sequence] = decodeKey(place).slice(5) as [number, string, number];
  tx.delete(place);
  tx.delete(streamEventKey(at, groupId, streamId, timestampMs, sequence));
  return Buffer.byteLength(message) + LIMITS.eventOverheadBytes;
}

/** The group that a tagging operation's ARN names. */
function taggedGroup(tx: Transaction, resourceArn: string | undefined, context: OperationContext): GroupRecord {
  const found = constraints();
  found.required("resourceArn", resourceArn);
  found.check();
  const name = nameOfGroup(resourceArn!);
  if (name === resourceArn) throw invalidParameter(`The specified resourceArn is invalid: ${resourceArn}`);
  const group = groups.get(tx, groupKey(context, name));
  if (!group) throw resourceNotFound(`The specified resource does not exist.`);
  return group;
}

function addTags(tx: Transaction, at: Place, group: GroupRecord, tags: Readonly<Record<string, string>>): void {
  const merged = { ...group.tags, ...tags };
  if (Object.keys(merged).length > LIMITS.tags) throw tooManyTags(groupArn(at, group.name));
  groups.put(tx, groupKey(at, group.name), { ...group, tags: merged });
}

function removeTags(tx: Transaction, at: Place, group: GroupRecord, names: readonly string[]): void {
  const tags = Object.fromEntries(Object.entries(group.tags).filter(([name]) => !names.includes(name)));
  groups.put(tx, groupKey(at, group.name), { ...group, tags });
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagResource.html */
export const tagResource: Operation<InputOf<"logs", "TagResource">, OutputOf<"logs", "TagResource">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.required("tags", input.tags);
  found.tags("tags", input.tags);
  found.check();
  addTags(tx, context, taggedGroup(tx, input.resourceArn, context), input.tags!);
  return {};
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagResource.html */
export const untagResource: Operation<InputOf<"logs", "UntagResource">, OutputOf<"logs", "UntagResource">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.required("tagKeys", input.tagKeys);
  found.check();
  removeTags(tx, context, taggedGroup(tx, input.resourceArn, context), input.tagKeys!);
  return {};
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsForResource.html */
export const listTagsForResource: Operation<
  InputOf<"logs", "ListTagsForResource">,
  OutputOf<"logs", "ListTagsForResource">
> = (tx, input, context) => ({ tags: { ...taggedGroup(tx, input.resourceArn, context).tags } });

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TagLogGroup.html */
export const tagLogGroup: Operation<InputOf<"logs", "TagLogGroup">, OutputOf<"logs", "TagLogGroup">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.required("tags", input.tags);
  found.tags("tags", input.tags);
  found.check();
  addTags(tx, context, requireGroup(tx, context, input.logGroupName!), input.tags!);
  return {};
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_UntagLogGroup.html */
export const untagLogGroup: Operation<InputOf<"logs", "UntagLogGroup">, OutputOf<"logs", "UntagLogGroup">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.required("tags", input.tags);
  found.check();
  removeTags(tx, context, requireGroup(tx, context, input.logGroupName!), input.tags!);
  return {};
};

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_ListTagsLogGroup.html */
export const listTagsLogGroup: Operation<InputOf<"logs", "ListTagsLogGroup">, OutputOf<"logs", "ListTagsLogGroup">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.check();
  return { tags: { ...requireGroup(tx, context, input.logGroupName!).tags } };
};
