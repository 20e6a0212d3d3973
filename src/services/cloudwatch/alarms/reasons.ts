/** The words in which an alarm says why. Pure. */

import { stamp } from "./actions.ts";
import type { Decision } from "./decide.ts";
import type { MetricAlarmRecord } from "./state.ts";

export interface Datapoint {
  readonly atMs: number;
  readonly value: number;
  readonly sampleCount?: number;
}

export interface Told {
  readonly alarm: MetricAlarmRecord;
  readonly used: readonly Datapoint[];
  readonly decision: Decision;
  readonly toAlarm: number;
  readonly periodSeconds: number;
  readonly startMs: number;
  readonly nowMs: number;
}

const WORDS: Readonly<Record<MetricAlarmRecord["comparison"], string>> = {
  GreaterThanOrEqualToThreshold: "greater than or equal to",
  GreaterThanThreshold: "greater than",
  LessThanThreshold: "less than",
  LessThanOrEqualToThreshold: "less than or equal to",
};
/** Values shown in a reason. */
const SHOWN_MAX = 5;

export const retained = () => undefined;

export const insufficient = (missing: number): string =>
  missing === 1
    ? "Insufficient Data: 1 datapoint was unknown."
    : `Insufficient Data: ${missing} datapoints were unknown.`;

/** As AWS writes it: `Threshold Crossed: 1 out of the last 1 datapoints [5.0 (01/01/26 00:00:00)] was greater than …`. */
export function thresholdCrossed({ alarm, used, decision, toAlarm }: Told): string {
  const isAlarm = decision.state === "ALARM";
  if (used.length === 0) {
    const periods = `${decision.missing} period${decision.missing === 1 ? "" : "s"}`;
    const treated = `${decision.missing} missing datapoint${decision.missing === 1 ? " was" : "s were"} treated as [${isAlarm ? "Breaching" : "NonBreaching"}]`;
    return `Threshold Crossed: no datapoints were received for ${periods} and ${treated}.`;
  }
  const count = isAlarm ? decision.breaching : used.length - decision.breaching;
  const shown = used
    .slice(-SHOWN_MAX)
    .toReversed()
    .map(({ value, atMs }) => `${decimal(value)} (${date(atMs)})`)
    .join(", ");
  const was = `${count === 1 ? "was" : "were"} ${isAlarm ? "" : "not "}${WORDS[alarm.comparison]} the threshold (${decimal(alarm.threshold)})`;
  const needed = isAlarm ? toAlarm : alarm.evaluationPeriods - toAlarm + 1;
  const minimum = `(minimum ${needed} datapoint${needed === 1 ? "" : "s"} for ${isAlarm ? "OK -> ALARM" : "ALARM -> OK"} transition)`;
  return `Threshold Crossed: ${count} out of the last ${used.length} datapoints [${shown}] ${was} ${minimum}.`;
}

export function reasonData({ alarm, used, periodSeconds, startMs, nowMs }: Told): string {
  return JSON.stringify({
    version: "1.0",
    queryDate: stamp(nowMs),
    startDate: stamp(used[0]?.atMs ?? startMs),
    ...(alarm.metric ? { statistic: alarm.metric.statistic ?? alarm.metric.extendedStatistic } : {}),
    ...(alarm.metric?.unit === undefined ? {} : { unit: alarm.metric.unit }),
    period: periodSeconds,
    recentDatapoints: used.map(({ value }) => value),
    threshold: alarm.threshold,
    evaluatedDatapoints: used.toReversed().map(({ atMs, value, sampleCount }) => ({
      timestamp: stamp(atMs),
      ...(sampleCount === undefined ? {} : { sampleCount }),
      value,
    })),
  });
}

const decimal = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? `${value}.0` : String(value);

/** Day, month, year: `28/11/26 12:00:00`. */
function date(atMs: number): string {
  const [day, time] = new Date(atMs).toISOString().split("T") as [string, string];
  const [year, month, dayOfMonth] = day.split("-") as [string, string, string];
  return `${dayOfMonth}/${month}/${year.slice(2)} ${time.slice(0, 8)}`;
}
