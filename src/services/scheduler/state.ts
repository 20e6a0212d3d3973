/**
 * What the Scheduler keeps. When a schedule is next due stands in the outbox.
 *
 *     ("scheduler", account, region, "group", name)            → Group; the default one is kept once it was tagged
 *     ("scheduler", account, region, "schedule", group, name)  → Schedule
 */
import { arn } from "../../kernel/arn.ts";
import { type Key, key } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface Where {
  readonly accountId: string;
  readonly region: string;
}

export const DEFAULT_GROUP = "default";

export interface Group {
  readonly name: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
  /** Its schedules are being deleted, and it after them. */
  readonly deleting?: true;
  readonly clientToken?: string;
  readonly tags: Readonly<Record<string, string>>;
}
export const Groups = defineRecord<Group>("scheduler.Group", 1);
export const groupKey = ({ accountId, region }: Where, name: string): Key =>
  key("scheduler", accountId, region, "group", name);
export const groupArn = ({ accountId, region }: Where, name: string): string =>
  arn("scheduler", region, accountId, `schedule-group/${name}`);

export interface Target {
  readonly arn: string;
  readonly roleArn: string;
  readonly input?: string;
  readonly deadLetterArn?: string;
  readonly maximumRetryAttempts: number;
  readonly maximumEventAgeSeconds: number;
  readonly event?: { readonly detailType: string; readonly source: string };
  readonly messageGroupId?: string;
}

export interface Schedule {
  readonly name: string;
  readonly group: string;
  readonly expression: string;
  readonly timeZone: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly description?: string;
  readonly enabled: boolean;
  readonly createdMs: number;
  readonly modifiedMs: number;
  /** Where a rate counts from. */
  readonly anchorMs: number;
  /** 0: exactly when it is due. */
  readonly windowMinutes: number;
  readonly deleteAfterCompletion: boolean;
  readonly clientToken?: string;
  readonly target: Target;
  /** Changes with every update, so that timers of before mean nothing. */
  readonly generation: string;
}
export const Schedules = defineRecord<Schedule>("scheduler.Schedule", 1);
export const scheduleKey = ({ accountId, region }: Where, group: string, name: string): Key =>
  key("scheduler", accountId, region, "schedule", group, name);
export const scheduleArn = (
  { accountId, region }: Where,
  { group, name }: { readonly group: string; readonly name: string },
): string => arn("scheduler", region, accountId, `schedule/${group}/${name}`);
