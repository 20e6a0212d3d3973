/** Limits and checks of metrics, each with its source: the API reference's page of the operation, and the quotas of CloudWatch. */
import type { Dimension } from "@aws-sdk/client-cloudwatch";
import { invalidCombination, invalidValue, missingParameter } from "./errors.ts";

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html */
export const LIMITS = {
  dataPerRequest: 1000,
  valuesPerDatum: 150,
  dimensions: 30,
  nameLength: 255,
  dimensionValueLength: 1024,
  valueMax: 2 ** 360,
  pastMs: 14 * 86400_000,
  futureMs: 2 * 3600_000,
  statisticsDatapoints: 1440,
  queries: 500,
  dataDatapoints: 100_800,
  listPage: 500,
} as const;

export const UNITS = new Set([
  "Seconds",
  "Microseconds",
  "Milliseconds",
  "Bytes",
  "Kilobytes",
  "Megabytes",
  "Gigabytes",
  "Terabytes",
  "Bits",
  "Kilobits",
  "Megabits",
  "Gigabits",
  "Terabits",
  "Percent",
  "Count",
  "Bytes/Second",
  "Kilobytes/Second",
  "Megabytes/Second",
  "Gigabytes/Second",
  "Terabytes/Second",
  "Bits/Second",
  "Kilobits/Second",
  "Megabits/Second",
  "Gigabits/Second",
  "Terabits/Second",
  "Count/Second",
  "None",
]);

export function checkUnit(unit: string | undefined, parameter: string): void {
  if (unit !== undefined && !UNITS.has(unit))
    throw invalidValue(`The parameter ${parameter} must be a value in the set [ ${[...UNITS].join(", ")} ].`);
}

/** @param parameter as errors call it: `Namespace` */
export function checkNamespace(namespace: string | undefined, parameter = "Namespace"): asserts namespace is string {
  checkName(namespace, parameter);
  if (namespace.startsWith(":")) throw invalidValue(`The value ${namespace} for parameter ${parameter} is invalid.`);
}

export function checkName(
  name: string | undefined,
  parameter: string,
  lengthMax: number = LIMITS.nameLength,
): asserts name is string {
  if (name === undefined || name === "") throw missingParameter(parameter);
  if (name.length > lengthMax)
    throw invalidValue(`The parameter ${parameter} must be shorter than ${lengthMax + 1} characters.`);
  if (/[^\x20-\x7e]/.test(name)) throw invalidValue(`The parameter ${parameter} must contain only ASCII characters.`);
}

export function checkDimensions(dimensions: readonly Dimension[] | undefined, parameter: string): void {
  if (!dimensions) return;
  if (dimensions.length > LIMITS.dimensions)
    throw invalidValue(`The collection ${parameter} must not have a size greater than ${LIMITS.dimensions}.`);
  const names = new Set<string>();
  for (const [index, { Name, Value }] of dimensions.entries()) {
    const member = `${parameter}.member.${index + 1}`;
    checkName(Name, `${member}.Name`);
    if (Name.startsWith(":")) throw invalidValue(`The value ${Name} for parameter ${member}.Name is invalid.`);
    checkName(Value, `${member}.Value`, LIMITS.dimensionValueLength);
    if (Value.trim() === "")
      throw invalidValue(`The parameter ${member}.Value must contain at least one non-whitespace character.`);
    if (names.has(Name)) throw invalidValue("No Metric may specify the same dimension name twice.");
    names.add(Name);
  }
}

/** Each number finite and within ±2^360. */
export function checkNumber(value: number, parameter: string): void {
  if (!Number.isFinite(value) || Math.abs(value) > LIMITS.valueMax)
    throw invalidValue(`The value ${value} for parameter ${parameter} is invalid.`);
}

export const HIGH_RESOLUTION_PERIODS = [1, 5, 10, 20, 30] as const;

/** A period that a statistic may be asked for: 1, 5, 10, 20, 30 or a multiple of 60. */
export function checkPeriod(period: number | undefined, parameter = "Period"): asserts period is number {
  if (period === undefined) throw missingParameter(parameter);
  if (!Number.isInteger(period) || period < 1)
    throw invalidValue(`The parameter ${parameter} must be greater than or equal to 1.`);
  if (period % 60 !== 0 && !(HIGH_RESOLUTION_PERIODS as readonly number[]).includes(period))
    throw invalidValue(`The parameter ${parameter} must be 1, 5, 10, 20, 30, or a multiple of 60.`);
}

/** What AWS rounds a start time down to, by its age. */
export function startRoundingMs(startMs: number, nowMs: number, periodSeconds: number): number {
  const ageMs = nowMs - startMs;
  if (ageMs >= 63 * 86400_000) return 3600_000;
  if (ageMs >= 15 * 86400_000) return 300_000;
  return periodSeconds < 60 && ageMs < 3 * 3600_000 ? periodSeconds * 1000 : 60_000;
}

export function checkRange(start: Date | undefined, end: Date | undefined): { startMs: number; endMs: number } {
  if (!start) throw missingParameter("StartTime");
  if (!end) throw missingParameter("EndTime");
  if (start.getTime() >= end.getTime())
    throw invalidCombination("The parameter StartTime must be less than the parameter EndTime.");
  return { startMs: start.getTime(), endMs: end.getTime() };
}
