/** Checks of MetricDataQueries, as GetMetricData and PutMetricAlarm make them. */
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { notImplemented } from "../../../kernel/errors.ts";
import { invalidCombination, missingParameter, validation } from "../errors.ts";
import { checkDimensions, checkName, checkNamespace, checkPeriod, checkUnit } from "../rules.ts";
import { parseStatistic } from "../statistics.ts";
import { ExpressionError, parseExpression } from "./parse.ts";

/** @param parameter what the list is called: `MetricDataQueries`, `Metrics` */
export function checkQueries(queries: readonly MetricDataQuery[], parameter: string, accountId: string): void {
  const ids = new Set<string>();
  for (const [index, query] of queries.entries()) {
    const member = `${parameter}.member.${index + 1}`;
    if (!query.Id) throw missingParameter(`${member}.Id`);
    if (!/^[a-z][a-zA-Z0-9_]*$/.test(query.Id))
      throw validation(
        `The value ${query.Id} for parameter ${member}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$`,
      );
    if (ids.has(query.Id)) throw validation(`The id ${query.Id} is used by more than one query of ${parameter}.`);
    ids.add(query.Id);
    if (query.AccountId !== undefined && query.AccountId !== accountId)
      throw notImplemented("AccountId of a metric query: metrics of another account");
    if (query.MetricStat && query.Expression !== undefined)
      throw invalidCombination(
        `The parameters ${member}.Expression and ${member}.MetricStat are mutually exclusive and you have specified both.`,
      );
    if (query.MetricStat) checkMetricStat(query, member);
    else if (query.Expression !== undefined) checkExpression(query, member);
    else throw missingParameter(`${member}.MetricStat`);
  }
}

function checkMetricStat({ MetricStat, Period }: MetricDataQuery, member: string): void {
  const { Metric, Stat, Unit } = MetricStat!;
  if (Period !== undefined)
    throw invalidCombination(`The parameter ${member}.Period is not valid together with ${member}.MetricStat.`);
  if (!Metric) throw missingParameter(`${member}.MetricStat.Metric`);
  checkNamespace(Metric.Namespace, `${member}.MetricStat.Metric.Namespace`);
  checkName(Metric.MetricName, `${member}.MetricStat.Metric.MetricName`);
  checkDimensions(Metric.Dimensions, `${member}.MetricStat.Metric.Dimensions`);
  checkPeriod(MetricStat!.Period, `${member}.MetricStat.Period`);
  if (!Stat) throw missingParameter(`${member}.MetricStat.Stat`);
  if (!parseStatistic(Stat))
    throw validation(`The value ${Stat} for parameter ${member}.MetricStat.Stat is not supported.`);
  checkUnit(Unit, `${member}.MetricStat.Unit`);
}

function checkExpression({ Id, Expression, Period }: MetricDataQuery, member: string): void {
  if (/^\s*SELECT\s/i.test(Expression!)) throw notImplemented("Metrics Insights queries (SELECT)");
  if (Period !== undefined) checkPeriod(Period, `${member}.Period`);
  try {
    parseExpression(Expression!);
  } catch (error) {
    if (error instanceof ExpressionError) throw validation(`Error in expression '${Id}': ${error.message}`);
    throw error;
  }
}

/** Of an alarm over metric math: that of its metrics, or what its expression says. */
export function periodOf(queries: readonly MetricDataQuery[]): number {
  const metric = queries.find(({ MetricStat }) => MetricStat)?.MetricStat?.Period;
  return metric ?? queries.find(({ ReturnData }) => ReturnData !== false)?.Period ?? 60;
}
