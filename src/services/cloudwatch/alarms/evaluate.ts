/**
 * The evaluation of metric alarms. Each alarm has one durable timer, which sets the next: every minute, or every 10 s for periods under a minute. Where
 * there is no alarm, nothing runs.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
import type { Transaction } from "../../../storage/transaction.ts";
import type { OperationContext } from "../../service.ts";
import { read, together } from "../data.ts";
import { Evaluation } from "../math/evaluate.ts";
import { periodOf } from "../math/queries.ts";
import type { Place } from "../state.ts";
import { parseStatistic } from "../statistics.ts";
import { reviewParents } from "./composite.ts";
import { COMPARE, decide } from "./decide.ts";
import { type Datapoint, insufficient, reasonData, retained, thresholdCrossed } from "./reasons.ts";
import { Alarms, alarmKey, type MetricAlarmRecord } from "./state.ts";
import { enter, repeatScaling } from "./transition.ts";

export const ALARM_DUE = "cloudwatch.AlarmDue";

/** Datapoints looked for beyond the evaluation periods: AWS's tables show 2 for 3 periods and give no rule. */
const EXTRA_PERIODS = 2;
/** How long after the end of a minute (or of 10 s) its datapoints are waited for. */
export const LAG_MS = 5000;
const STEP_MS = 60_000;
const HIGH_RESOLUTION_STEP_MS = 10_000;

interface Due extends Place {
  readonly name: string;
  readonly generation: number;
}

const periodSecondsOf = (alarm: MetricAlarmRecord): number => alarm.metric?.periodSeconds ?? periodOf(alarm.queries!);
const stepMsOf = (alarm: MetricAlarmRecord): number =>
  periodSecondsOf(alarm) < 60 ? HIGH_RESOLUTION_STEP_MS : STEP_MS;

/** The first evaluation after `nowMs`. */
export function setTimer(tx: Transaction, at: Place, alarm: MetricAlarmRecord, nowMs: number): void {
  const step = stepMsOf(alarm);
  const dueMs = Math.floor((nowMs - LAG_MS) / step) * step + step + LAG_MS;
  const detail: Due = { accountId: at.accountId, region: at.region, name: alarm.name, generation: alarm.generation };
  tx.emit({ type: ALARM_DUE, detail, dueMs });
}

export function evaluateAlarm(tx: Transaction, detail: Due, context: OperationContext): void {
  const at: Place = { accountId: detail.accountId, region: detail.region };
  const alarm = Alarms.get(tx, alarmKey(at, detail.name));
  if (alarm?.type !== "metric" || alarm.generation !== detail.generation) return;
  setTimer(tx, at, alarm, context.nowMs);
  const before = alarm.state.value;
  const next = evaluated(tx, at, alarm, context);
  if (next && next.value !== before) {
    enter(tx, at, alarm, next, context);
    reviewParents(tx, at, alarm.name, context);
  } else repeatScaling(tx, at, alarm);
}

/** What the datapoints up to the last full minute (or 10 s) say; undefined where the state stays. */
function evaluated(tx: Transaction, at: Place, alarm: MetricAlarmRecord, context: OperationContext) {
  const step = stepMsOf(alarm);
  const periodSeconds = periodSecondsOf(alarm);
  const periods = alarm.evaluationPeriods + EXTRA_PERIODS;
  const endMs = Math.floor((context.nowMs - LAG_MS) / step) * step;
  // Periods slide: they end with the last full minute, whatever their length.
  const startMs = endMs - periods * periodSeconds * 1000;
  const points = alarm.metric
    ? ofMetric(tx, at, alarm.metric, { startMs, endMs, periodSeconds })
    : ofQueries(tx, at, alarm.queries!, { startMs, endMs });
  const range: (Datapoint | undefined)[] = Array.from({ length: periods }, (_, index) =>
    points.get(startMs + index * periodSeconds * 1000),
  );
  const toAlarm = alarm.datapointsToAlarm ?? alarm.evaluationPeriods;
  const decision = decide(
    range.map((point) => (point === undefined ? undefined : COMPARE[alarm.comparison](point.value, alarm.threshold))),
    alarm.evaluationPeriods,
    toAlarm,
    // @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: DynamoDB's metrics come only with traffic.
    alarm.metric?.namespace === "AWS/DynamoDB" ? "ignore" : (alarm.treatMissingData ?? "missing"),
  );
  const used = decision.evaluated.map((index) => range[index]!);
  if (decision.state === undefined || (alarm.lowSamples === "ignore" && used.some((point) => tooFew(alarm, point))))
    return retained();
  const told = { alarm, used, decision, toAlarm, periodSeconds, startMs, nowMs: context.nowMs };
  return {
    value: decision.state,
    reason: decision.state === "INSUFFICIENT_DATA" ? insufficient(decision.missing) : thresholdCrossed(told),
    reasonData: reasonData(told),
  };
}

function ofMetric(
  tx: Transaction,
  at: Place,
  metric: NonNullable<MetricAlarmRecord["metric"]>,
  window: { startMs: number; endMs: number; periodSeconds: number },
): Map<number, Datapoint> {
  const statistic = parseStatistic(metric.statistic ?? metric.extendedStatistic!)!;
  const found = new Map<number, Datapoint>();
  for (const [atMs, point] of together(read(tx, at, metric, window, metric.unit))) {
    const value = statistic(point);
    if (value !== undefined) found.set(atMs, { atMs, value, sampleCount: point.count });
  }
  return found;
}

function ofQueries(
  tx: Transaction,
  at: Place,
  queries: NonNullable<MetricAlarmRecord["queries"]>,
  window: { startMs: number; endMs: number },
): Map<number, Datapoint> {
  const evaluation = new Evaluation(tx, at, queries, (periodSeconds) => ({ ...window, periodSeconds }));
  const [series] = evaluation.series(queries.find(({ ReturnData }) => ReturnData !== false)!);
  return new Map([...(series?.points ?? [])].map(([atMs, value]) => [atMs, { atMs, value }]));
}

/** Whether a percentile rests on too few samples. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html */
function tooFew(alarm: MetricAlarmRecord, point: Datapoint): boolean {
  const percent = /^p(\d+(?:\.\d+)?)$/i.exec(alarm.metric?.extendedStatistic ?? "");
  if (!percent || point.sampleCount === undefined) return false;
  const share = Number(percent[1]) / 100;
  return point.sampleCount < (share >= 0.5 ? 10 / (1 - share) : 10 / share);
}
