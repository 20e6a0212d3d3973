/** PutMetricAlarm. */
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { notImplemented } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { InputOf, Operation, OperationContext, OutputOf } from "../../service.ts";
import { invalidCombination, invalidValue, missingParameter, validation } from "../errors.ts";
import { checkQueries, periodOf } from "../math/queries.ts";
import { changeAlarms } from "../metering.ts";
import { checkDimensions, checkName, checkNamespace, checkUnit } from "../rules.ts";
import { metricOf } from "../state.ts";
import { BASIC, parseExtended } from "../statistics.ts";
import { actionsOf, checkAlarmName, checkDescription, tagsOf } from "./common.ts";
import { COMPARE } from "./decide.ts";
import { setTimer } from "./evaluate.ts";
import { remember } from "./history.ts";
import { Alarms, alarmKey, type Comparison, type MetricAlarmRecord, onMetricKey } from "./state.ts";

type Input = InputOf<"cloudwatch", "PutMetricAlarm">;

const INITIAL = { value: "INSUFFICIENT_DATA", reason: "Unchecked: Initial alarm creation" } as const;
const DAY_SECONDS = 86_400;
const QUERIES_MAX = 20;

/**
 * Creates an alarm or replaces one of that name, whose state and tags stay.
 * @throws MissingParameter, InvalidParameterValue, InvalidParameterCombination, ValidationError
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
export const putMetricAlarm: Operation<Input, OutputOf<"cloudwatch", "PutMetricAlarm">> = (tx, input, context) => {
  checkAlarmName(input.AlarmName);
  checkDescription(input.AlarmDescription);
  if (input.EvaluationPeriods === undefined) throw missingParameter("EvaluationPeriods");
  if (!input.ComparisonOperator) throw missingParameter("ComparisonOperator");
  if (!Object.hasOwn(COMPARE, input.ComparisonOperator)) {
    if (/Upper|Lower/.test(input.ComparisonOperator))
      throw notImplemented(`the ComparisonOperator ${input.ComparisonOperator} (anomaly detection)`);
    throw invalidValue(
      `The parameter ComparisonOperator must be a value in the set [ ${Object.keys(COMPARE).join(", ")} ].`,
    );
  }
  if (input.Threshold === undefined) throw missingParameter("Threshold");
  checkCounts(input);
  oneOf("TreatMissingData", input.TreatMissingData, ["breaching", "notBreaching", "ignore", "missing"]);
  oneOf("EvaluateLowSampleCountPercentile", input.EvaluateLowSampleCountPercentile, ["evaluate", "ignore"]);
  const watched = input.Metrics ? { queries: queriesOf(input, context) } : { metric: metricStatOf(input) };
  const period = watched.metric?.periodSeconds ?? periodOf(watched.queries!);
  checkSpan(period, input.EvaluationPeriods);

  const known = Alarms.get(tx, alarmKey(context, input.AlarmName));
  if (known?.type === "composite")
    throw validation(`An alarm of the type CompositeAlarm with the name ${input.AlarmName} exists already.`);
  if (known?.metric) tx.delete(onMetricKey(context, known.metric.namespace, known.metric.name, known.name));
  const alarm: MetricAlarmRecord = {
    type: "metric",
    name: input.AlarmName,
    ...(input.AlarmDescription === undefined ? {} : { description: input.AlarmDescription }),
    actionsEnabled: input.ActionsEnabled ?? true,
    ...actionsOf(input, true),
    configuredMs: context.nowMs,
    // On an update AWS leaves the tags as they are.
    tags: known?.tags ?? tagsOf(input.Tags),
    generation: (known?.generation ?? 0) + 1,
    state: known?.state ?? { ...INITIAL, updatedMs: context.nowMs, transitionedMs: context.nowMs },
    evaluationPeriods: input.EvaluationPeriods,
    ...(input.DatapointsToAlarm === undefined ? {} : { datapointsToAlarm: input.DatapointsToAlarm }),
    threshold: input.Threshold,
    comparison: input.ComparisonOperator as Comparison,
    ...(input.TreatMissingData === undefined
      ? {}
      : { treatMissingData: input.TreatMissingData as NonNullable<MetricAlarmRecord["treatMissingData"]> }),
    ...(input.EvaluateLowSampleCountPercentile === undefined
      ? {}
      : { lowSamples: input.EvaluateLowSampleCountPercentile as NonNullable<MetricAlarmRecord["lowSamples"]> }),
    ...watched,
  };
  if (known) changeAlarms(context, context, known, -1);
  changeAlarms(context, context, alarm, 1);
  save(tx, alarm, known !== undefined, context);
  return {};
};

function save(tx: Transaction, alarm: MetricAlarmRecord, isUpdate: boolean, context: OperationContext): void {
  Alarms.put(tx, alarmKey(context, alarm.name), alarm);
  if (alarm.metric) tx.put(onMetricKey(context, alarm.metric.namespace, alarm.metric.name, alarm.name), true);
  remember(
    tx,
    context,
    alarm,
    {
      type: "ConfigurationUpdate",
      summary: `Alarm "${alarm.name}" ${isUpdate ? "updated" : "created"}`,
      data: isUpdate ? { type: "Update", updatedAlarm: alarm } : { type: "Create", createdAlarm: alarm },
    },
    context,
  );
  setTimer(tx, context, alarm, context.nowMs);
}

function checkCounts({ EvaluationPeriods, DatapointsToAlarm }: Input): void {
  if (!Number.isInteger(EvaluationPeriods) || EvaluationPeriods! < 1)
    throw invalidValue("The parameter EvaluationPeriods must be greater than or equal to 1.");
  if (DatapointsToAlarm === undefined) return;
  if (!Number.isInteger(DatapointsToAlarm) || DatapointsToAlarm < 1)
    throw invalidValue("The parameter DatapointsToAlarm must be greater than or equal to 1.");
  if (DatapointsToAlarm > EvaluationPeriods!)
    throw validation("The parameter DatapointsToAlarm must be less than or equal to EvaluationPeriods.");
}

function oneOf(parameter: string, value: string | undefined, allowed: readonly string[]): void {
  if (value !== undefined && !allowed.includes(value))
    throw validation(
      `The value ${value} for parameter ${parameter} is invalid. Valid values are [${allowed.join(", ")}].`,
    );
}

function metricStatOf(input: Input): NonNullable<MetricAlarmRecord["metric"]> {
  checkName(input.MetricName, "MetricName");
  checkNamespace(input.Namespace);
  checkDimensions(input.Dimensions, "Dimensions");
  checkUnit(input.Unit, "Unit");
  const { Statistic, ExtendedStatistic, Period } = input;
  if (Statistic !== undefined && ExtendedStatistic !== undefined)
    throw invalidCombination(
      "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.",
    );
  if (Statistic === undefined && ExtendedStatistic === undefined) throw missingParameter("Statistic");
  if (Statistic !== undefined && !Object.hasOwn(BASIC, Statistic))
    throw invalidValue(`The parameter Statistic must be a value in the set [ ${Object.keys(BASIC).join(", ")} ].`);
  if (ExtendedStatistic !== undefined && !parseExtended(ExtendedStatistic))
    throw invalidValue(`The value ${ExtendedStatistic} for parameter ExtendedStatistic is not supported.`);
  checkAlarmPeriod(Period);
  return {
    ...metricOf(input.Namespace, input.MetricName, input.Dimensions),
    ...(Statistic === undefined ? {} : { statistic: Statistic }),
    ...(ExtendedStatistic === undefined ? {} : { extendedStatistic: ExtendedStatistic }),
    periodSeconds: Period,
    ...(input.Unit === undefined ? {} : { unit: input.Unit }),
  };
}

/** 10, 20, 30 or a multiple of 60. */
function checkAlarmPeriod(period: number | undefined): asserts period is number {
  if (period === undefined) throw missingParameter("Period");
  if (!Number.isInteger(period) || period < 1 || (period % 60 !== 0 && ![10, 20, 30].includes(period)))
    throw validation("Invalid period: the parameter Period must be 10, 20, 30, or a multiple of 60.");
}

/** At most a day of periods under an hour, a week of longer ones. */
function checkSpan(period: number, periods: number): void {
  if (period < 3600 && period * periods > DAY_SECONDS)
    throw validation(
      `Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= ${DAY_SECONDS}).`,
    );
  if (period * periods > 7 * DAY_SECONDS)
    throw validation(
      `Metrics cannot be checked across more than 7 days (EvaluationPeriods * Period must be <= ${7 * DAY_SECONDS}).`,
    );
}

function queriesOf(input: Input, context: OperationContext): readonly MetricDataQuery[] {
  for (const parameter of [
    "MetricName",
    "Namespace",
    "Dimensions",
    "Period",
    "Unit",
    "Statistic",
    "ExtendedStatistic",
  ] as const) {
    const value = input[parameter];
    if (value !== undefined && !(Array.isArray(value) && value.length === 0))
      throw validation(`The parameters Metrics and ${parameter} are mutually exclusive and you have specified both.`);
  }
  const queries = input.Metrics!;
  if (queries.length === 0) throw missingParameter("Metrics");
  if (queries.length > QUERIES_MAX)
    throw validation(`The collection Metrics must not have a size greater than ${QUERIES_MAX}.`);
  checkQueries(queries, "Metrics", context.accountId);
  const returning = queries.filter(({ ReturnData }) => ReturnData !== false);
  if (returning.length !== 1) throw validation("Exactly one element of the metrics list should return data.");
  if (queries.some(({ Expression }) => /\bSEARCH\s*\(/i.test(Expression ?? "")))
    throw validation("SEARCH is not supported on Metric Alarms.");
  const periods = new Set(queries.map(({ MetricStat }) => MetricStat?.Period).filter((period) => period !== undefined));
  if (periods.size > 1) throw validation("All metrics of an alarm must have the same period.");
  checkAlarmPeriod(periodOf(queries));
  return queries;
}
