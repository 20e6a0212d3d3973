/**
 * The records of CloudWatch Logs. All keys begin with `logs, accountId, region`. Events hang on their group's id, not on its name, so
 * that a deleted group's events can go in the background while a new group has the name.
 *
 *     …, "group", name                                          → GroupRecord
 *     …, "stream", groupId, stream                              → StreamRecord
 *     …, "event", groupId, timestampMs, streamId, sequence      → EventRecord      all streams of a group, by time
 *     …, "by-stream", groupId, streamId, timestampMs, sequence  → true             the same events, stream by stream
 *     …, "metric-filter", groupId, name                         → MetricFilterRecord
 *
 * Sequences count up within a stream, so two events never share a key and ties keep their order.
 */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { arn } from "../../kernel/arn.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { logGroupNotFound, logStreamNotFound } from "./errors.ts";
import { DAY_MS } from "./rules.ts";

export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
}

export interface GroupRecord {
  readonly name: string;
  readonly id: string;
  readonly createdMs: number;
  readonly retentionDays?: number;
  /** Which sweep is the current one: an older one that is still on its way ends itself. */
  readonly sweep: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly storedBytes: number;
  readonly isProtected: boolean;
  /** How many there are; absent: none. */
  readonly metricFilters?: number;
}

export interface StreamRecord {
  readonly name: string;
  readonly id: string;
  readonly createdMs: number;
  readonly nextSequence: number;
  readonly firstEventMs?: number;
  readonly lastEventMs?: number;
  readonly lastIngestionMs?: number;
}

export interface EventRecord {
  readonly message: string;
  readonly ingestedMs: number;
  readonly stream: string;
}

export const groups = defineRecord<GroupRecord>("logs.Group", 1);
export const streams = defineRecord<StreamRecord>("logs.Stream", 1);
export const events = defineRecord<EventRecord>("logs.Event", 1);
export const streamEvents = defineRecord<true>("logs.StreamEvent", 1);

export const groupKey = (at: Place, name: string): Key => key("logs", at.accountId, at.region, "group", name);
export const groupRange = (at: Place) => keysUnder("logs", at.accountId, at.region, "group");
export const streamKey = (at: Place, groupId: string, name: string): Key =>
  key("logs", at.accountId, at.region, "stream", groupId, name);
export const streamRange = (at: Place, groupId: string) =>
  keysUnder("logs", at.accountId, at.region, "stream", groupId);
export const eventKey = (at: Place, groupId: string, timestampMs: number, streamId: string, sequence: number): Key =>
  key("logs", at.accountId, at.region, "event", groupId, timestampMs, streamId, sequence);
export const eventRange = (at: Place, groupId: string) => keysUnder("logs", at.accountId, at.region, "event", groupId);
/** Where the events of a time begin. */
export const eventsFrom = (at: Place, groupId: string, timestampMs: number): Key =>
  key("logs", at.accountId, at.region, "event", groupId, timestampMs);
export const streamEventKey = (
  at: Place,
  groupId: string,
  streamId: string,
  timestampMs: number,
  sequence: number,
): Key => key("logs", at.accountId, at.region, "by-stream", groupId, streamId, timestampMs, sequence);
export const streamEventsFrom = (at: Place, groupId: string, streamId: string, timestampMs: number): Key =>
  key("logs", at.accountId, at.region, "by-stream", groupId, streamId, timestampMs);
export const streamEventRange = (at: Place, groupId: string, streamId: string) =>
  keysUnder("logs", at.accountId, at.region, "by-stream", groupId, streamId);

/** @throws ResourceNotFoundException */
export function requireGroup(tx: Transaction, at: Place, name: string): GroupRecord {
  const record = groups.get(tx, groupKey(at, name));
  if (!record) throw logGroupNotFound();
  return record;
}

/** @throws ResourceNotFoundException */
export function requireStream(tx: Transaction, at: Place, group: GroupRecord, name: string): StreamRecord {
  const record = streams.get(tx, streamKey(at, group.id, name));
  if (!record) throw logStreamNotFound();
  return record;
}

/** Events before this time are not shown any more, even if they are still stored. */
export const expiredBeforeMs = (group: GroupRecord, nowMs: number): number =>
  group.retentionDays === undefined ? 0 : nowMs - group.retentionDays * DAY_MS;

/** Without the `:*` that log group ARNs in policies and descriptions carry. */
export const groupArn = (at: Place, name: string): string => arn("logs", at.region, at.accountId, `log-group:${name}`);

export const streamArn = (at: Place, group: string, stream: string): string =>
  `${groupArn(at, group)}:log-stream:${stream}`;

/** A group's name, given as name or ARN (with or without `:*`). */
export function nameOfGroup(identifier: string): string {
  const match = /^arn:[^:]*:logs:[^:]*:[^:]*:log-group:([^:]+)(:.*)?$/.exec(identifier);
  return match ? match[1]! : identifier;
}
