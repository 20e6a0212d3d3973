/** Alarms as they are kept; the key layout is drawn in `../state.ts`. */
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { arn } from "../../../kernel/arn.ts";
import { type Key, key, keysUnder, keysWithPrefix } from "../../../storage/keys.ts";
import { defineRecord } from "../../../storage/records.ts";
import type { NamedDimension, Place } from "../state.ts";

export type StateValue = "OK" | "ALARM" | "INSUFFICIENT_DATA";
export const STATES: readonly string[] = ["OK", "ALARM", "INSUFFICIENT_DATA"];

interface Common {
  readonly name: string;
  readonly description?: string;
  readonly actionsEnabled: boolean;
  readonly okActions: readonly string[];
  readonly alarmActions: readonly string[];
  readonly insufficientDataActions: readonly string[];
  readonly configuredMs: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Counts configurations: a timer of an earlier one ends itself. */
  readonly generation: number;
  readonly state: {
    readonly value: StateValue;
    readonly reason: string;
    /** JSON */
    readonly reasonData?: string;
    /** When anything of the state changed last, and when its value did. */
    readonly updatedMs: number;
    readonly transitionedMs: number;
  };
}

export interface MetricAlarmRecord extends Common {
  readonly type: "metric";
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm?: number;
  readonly threshold: number;
  readonly comparison: Comparison;
  readonly treatMissingData?: "breaching" | "notBreaching" | "ignore" | "missing";
  readonly lowSamples?: "evaluate" | "ignore";
  /** A statistic of one metric … */
  readonly metric?: {
    readonly namespace: string;
    readonly name: string;
    readonly dimensions: readonly NamedDimension[];
    readonly statistic?: string;
    readonly extendedStatistic?: string;
    readonly periodSeconds: number;
    readonly unit?: string;
  };
  /** … or metric math, with one query that returns data. */
  readonly queries?: readonly MetricDataQuery[];
}

export type Comparison =
  | "GreaterThanOrEqualToThreshold"
  | "GreaterThanThreshold"
  | "LessThanThreshold"
  | "LessThanOrEqualToThreshold";

export interface CompositeAlarmRecord extends Common {
  readonly type: "composite";
  readonly rule: string;
  readonly suppressor?: {
    readonly alarm: string;
    readonly waitSeconds: number;
    readonly extensionSeconds: number;
  };
  /** Why actions wait or are left out at present. */
  readonly suppressed?: {
    readonly by: "WaitPeriod" | "ExtensionPeriod" | "Alarm";
    readonly untilMs?: number;
    /** The state before what is being held back. */
    readonly since: StateValue;
  };
}

export type AlarmRecord = MetricAlarmRecord | CompositeAlarmRecord;
export const Alarms = defineRecord<AlarmRecord>("cloudwatch.Alarm", 1);
export const alarmKey = (at: Place, name: string): Key => key("cloudwatch", at.accountId, at.region, "alarm", name);
export const alarmRange = (at: Place, prefix = "") =>
  keysWithPrefix(["cloudwatch", at.accountId, at.region, "alarm"], prefix);
export const alarmArn = (at: Place, name: string): string =>
  arn("cloudwatch", at.region, at.accountId, `alarm:${name}`);
/** An alarm's name, given as name or ARN. */
export const nameOfAlarm = (text: string): string =>
  /^arn:[^:]*:cloudwatch:[^:]*:[^:]*:alarm:(.+)$/s.exec(text)?.[1] ?? text;

export const onMetricKey = (at: Place, namespace: string, metric: string, alarm: string): Key =>
  key("cloudwatch", at.accountId, at.region, "alarm-on", namespace, metric, alarm);
export const onMetricRange = (at: Place, namespace: string, metric: string) =>
  keysUnder("cloudwatch", at.accountId, at.region, "alarm-on", namespace, metric);

export const parentKey = (at: Place, child: string, composite: string): Key =>
  key("cloudwatch", at.accountId, at.region, "parent", child, composite);
export const parentRange = (at: Place, child: string) =>
  keysUnder("cloudwatch", at.accountId, at.region, "parent", child);

export interface HistoryItem {
  readonly alarm: string;
  readonly alarmType: "MetricAlarm" | "CompositeAlarm";
  readonly type: "ConfigurationUpdate" | "StateUpdate" | "Action";
  readonly summary: string;
  /** JSON */
  readonly data: string;
}
export const History = defineRecord<HistoryItem>("cloudwatch.HistoryItem", 1);
export const historyKey = (at: Place, atMs: number, alarm: string, unique: number): Key =>
  key("cloudwatch", at.accountId, at.region, "history", atMs, alarm, unique);
export const historyRange = (at: Place) => keysUnder("cloudwatch", at.accountId, at.region, "history");
export const historyFrom = (at: Place, atMs: number): Key =>
  key("cloudwatch", at.accountId, at.region, "history", atMs);
