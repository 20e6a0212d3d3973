/**
 * What CloudWatch keeps. A metric gets a number when it is first seen, so that metrics which were made together, and are then written together
 * minute by minute, lie side by side in every block of time.
 *
 *     ("cloudwatch", account, region, "metric", namespace, name, dimensions) → Metric: its number, when it was last written
 *     ("cloudwatch", account, region, "numbers")                             → Numbers: the next metric's number, when roll-up is due
 *     ("cloudwatch", account, region, "alarm", name)                         → Alarm
 *     ("cloudwatch", account, region, "alarm-on", namespace, metric, name)   → true: DescribeAlarmsForMetric
 *     ("cloudwatch", account, region, "parent", child, composite)            → true: composite alarms whose rule or suppressor names the child
 *     ("cloudwatch", account, region, "history", atMs, alarm, sequence)      → HistoryItem
 *     ("cloudwatch", account, "", "dashboard", name)                         → Dashboard: seen in every region
 *
 *     ("cloudwatch-data", account, region, resolution s, blockMs, metric number, unit) → Block: every point of that metric in that block of time
 *
 * A block holds a minute of seconds, an hour of minutes, a day of 5 minutes, or ten days of hours. High-resolution data is written in seconds and in
 * minutes at once; `roll-up.ts` moves what has aged into the next coarser blocks.
 */
import { createHash } from "node:crypto";
import type { Dimension } from "@aws-sdk/client-cloudwatch";
import type { AccountId, Region } from "../../kernel/arn.ts";
import { type Key, key, keysUnder } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";
import type { Point } from "./points.ts";

export interface Place {
  readonly accountId: AccountId;
  readonly region: Region;
}

export interface NamedDimension {
  readonly Name: string;
  readonly Value: string;
}

export interface MetricName {
  readonly namespace: string;
  readonly name: string;
  /** In order of their names. */
  readonly dimensions: readonly NamedDimension[];
}

export interface MetricRecord extends MetricName {
  readonly number: number;
  /** When a datapoint last came, to within {@link SEEN_STEP_MS}; and the youngest datapoint's own time. */
  readonly seenMs: number;
  readonly latestMs: number;
}
export const Metrics = defineRecord<MetricRecord>("cloudwatch.Metric", 1);

/** Dimensions longer than this stand in keys as their hash. */
const DIMENSIONS_TEXT_MAX = 1000;

export function metricKey(at: Place, metric: MetricName): Key {
  let text = metric.dimensions.map(({ Name, Value }) => `${Name}\u0001${Value}`).join("\u0002");
  if (Buffer.byteLength(text) > DIMENSIONS_TEXT_MAX) text = `\u0003${createHash("sha256").update(text).digest("hex")}`;
  return key("cloudwatch", at.accountId, at.region, "metric", metric.namespace, metric.name, text);
}
export const metricRange = (at: Place, ...names: readonly string[]) =>
  keysUnder("cloudwatch", at.accountId, at.region, "metric", ...names);

/** The metric that an input names: dimensions sorted, so that their order does not matter. */
export function metricOf(namespace: string, name: string, dimensions: readonly Dimension[] | undefined): MetricName {
  const sorted = (dimensions ?? [])
    .map(({ Name, Value }) => ({ Name: Name!, Value: Value! }))
    .sort((left, right) => (left.Name < right.Name ? -1 : left.Name > right.Name ? 1 : 0));
  return { namespace, name, dimensions: sorted };
}

export interface NumbersRecord {
  readonly next: number;
  /** The roll-up that is set; absent when nothing is kept. */
  readonly rollUpMs?: number;
}
export const Numbers = defineRecord<NumbersRecord>("cloudwatch.Numbers", 1);
export const numbersKey = (at: Place): Key => key("cloudwatch", at.accountId, at.region, "numbers");

/** Resolutions that are kept, for how long, and how much time one block holds. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention */
export const TIERS = [
  { seconds: 1, keptMs: 3 * 3600_000, blockMs: 60_000 },
  { seconds: 60, keptMs: 15 * 86400_000, blockMs: 3600_000 },
  { seconds: 300, keptMs: 63 * 86400_000, blockMs: 86400_000 },
  { seconds: 3600, keptMs: 455 * 86400_000, blockMs: 10 * 86400_000 },
] as const;
export type Tier = (typeof TIERS)[number];

/** Points by their start, in seconds from the block's start, ascending. */
export interface Block {
  readonly at: readonly number[];
  readonly points: readonly Point[];
}
export const Blocks = defineRecord<Block>("cloudwatch.Block", 1);
export const blockKey = (at: Place, tier: Tier, blockMs: number, metric: number, unit: string): Key =>
  key("cloudwatch-data", at.accountId, at.region, tier.seconds, blockMs, metric, unit);
export const blocksOf = (at: Place, tier: Tier, blockMs: number, metric: number) =>
  keysUnder("cloudwatch-data", at.accountId, at.region, tier.seconds, blockMs, metric);
export const tierRange = (at: Place, tier: Tier) => keysUnder("cloudwatch-data", at.accountId, at.region, tier.seconds);

export interface Dashboard {
  readonly name: string;
  readonly body: string;
  readonly modifiedMs: number;
  readonly tags: Readonly<Record<string, string>>;
}
export const Dashboards = defineRecord<Dashboard>("cloudwatch.Dashboard", 1);
export const dashboardKey = (at: Pick<Place, "accountId">, name: string): Key =>
  key("cloudwatch", at.accountId, "", "dashboard", name);
