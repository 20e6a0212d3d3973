/** PutMetricData. */
import type { MetricDatum } from "@aws-sdk/client-cloudwatch";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { type Measured, store } from "./data.ts";
import { invalidCombination, invalidValue, missingParameter } from "./errors.ts";
import { type Point, pointOf, pointOfSet, pointOfValues } from "./points.ts";
import { checkDimensions, checkName, checkNamespace, checkNumber, checkUnit, LIMITS } from "./rules.ts";
import { metricOf } from "./state.ts";

/**
 * @throws MissingParameter, InvalidParameterValue, InvalidParameterCombination
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
 */
export const putMetricData: Operation<
  InputOf<"cloudwatch", "PutMetricData">,
  OutputOf<"cloudwatch", "PutMetricData">
> = (tx, input, context) => {
  checkNamespace(input.Namespace);
  if (/^AWS\//.test(input.Namespace)) throw invalidValue("The value AWS/ for parameter Namespace is invalid.");
  if (!input.MetricData?.length) throw missingParameter("MetricData");
  if (input.MetricData.length > LIMITS.dataPerRequest)
    throw invalidValue(`The collection MetricData must not have a size greater than ${LIMITS.dataPerRequest}.`);
  const measured: Measured[] = [];
  for (const [index, datum] of input.MetricData.entries()) {
    const one = measuredOf(input.Namespace, datum, `MetricData.member.${index + 1}`, context.nowMs);
    if (one) measured.push(one);
  }
  store(tx, context, measured, context);
  return {};
};

/** @returns undefined for a datum whose counts are all 0: nothing was measured */
export function measuredOf(namespace: string, datum: MetricDatum, member: string, nowMs: number): Measured | undefined {
  checkName(datum.MetricName, `${member}.MetricName`);
  checkDimensions(datum.Dimensions, `${member}.Dimensions`);
  checkUnit(datum.Unit, `${member}.Unit`);
  const resolution = datum.StorageResolution ?? 60;
  if (resolution < 1)
    throw invalidValue(`The parameter ${member}.StorageResolution must be greater than or equal to 1.`);
  if (resolution !== 1 && resolution !== 60)
    throw invalidValue(`The parameter ${member}.StorageResolution must be a value in the set [ 1, 60 ].`);
  const atMs = datum.Timestamp?.getTime() ?? nowMs;
  if (atMs < nowMs - LIMITS.pastMs)
    throw invalidValue(`The parameter ${member}.Timestamp must specify a time within the past two weeks.`);
  if (atMs > nowMs + LIMITS.futureMs)
    throw invalidValue(`The parameter ${member}.Timestamp must specify a time no more than two hours in the future.`);
  const point = pointOfDatum(datum, member);
  if (!point) return undefined;
  return {
    metric: metricOf(namespace, datum.MetricName, datum.Dimensions),
    unit: datum.Unit ?? "None",
    atMs,
    highResolution: resolution === 1,
    point,
  };
}

function pointOfDatum(datum: MetricDatum, member: string): Point | undefined {
  const { Value, Values, Counts, StatisticValues } = datum;
  const given = [
    Value === undefined ? undefined : "Value",
    Values === undefined ? undefined : "Values",
    StatisticValues === undefined ? undefined : "StatisticValues",
  ].filter((name) => name !== undefined);
  if (given.length > 1)
    throw invalidCombination(
      `The parameters ${member}.${given[0]} and ${member}.${given[1]} are mutually exclusive and you have specified both.`,
    );
  if (given.length === 0) throw missingParameter(`${member}.Value`);
  if (Counts !== undefined && Values === undefined)
    throw invalidCombination(`The parameter ${member}.Counts must be specified with ${member}.Values.`);
  if (Value !== undefined) {
    checkNumber(Value, `${member}.Value`);
    return pointOf(Value);
  }
  if (StatisticValues) {
    const { SampleCount, Sum, Minimum, Maximum } = StatisticValues;
    for (const [name, number] of Object.entries({ SampleCount, Sum, Minimum, Maximum })) {
      if (number === undefined) throw missingParameter(`${member}.StatisticValues.${name}`);
      checkNumber(number, `${member}.StatisticValues.${name}`);
    }
    if (SampleCount! <= 0)
      throw invalidValue(`The value ${SampleCount} for parameter ${member}.StatisticValues.SampleCount is invalid.`);
    if (Maximum! < Minimum!)
      throw invalidCombination(
        `The parameter ${member}.StatisticValues.Maximum must be greater than or equal to ${member}.StatisticValues.Minimum.`,
      );
    return pointOfSet({ count: SampleCount!, sum: Sum!, min: Minimum!, max: Maximum! });
  }
  if (Values!.length > LIMITS.valuesPerDatum)
    throw invalidValue(`The collection ${member}.Values must not have a size greater than ${LIMITS.valuesPerDatum}.`);
  if (Values!.length === 0) throw missingParameter(`${member}.Value`);
  if (Counts && Counts.length !== Values!.length)
    throw invalidValue(`The parameters ${member}.Values and ${member}.Counts must be of the same size.`);
  for (const value of Values!) checkNumber(value, `${member}.Values`);
  for (const count of Counts ?? []) {
    checkNumber(count, `${member}.Counts`);
    if (count < 0) throw invalidValue(`The value ${count} for parameter ${member}.Counts is invalid.`);
  }
  return pointOfValues(Values!, Counts ?? Values!.map(() => 1));
}
