/**
 * Labels of results, with what stands in `${…}` worked out: sums, extremes and properties of the metric.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
 */
import type { MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import { notImplemented } from "../../kernel/errors.ts";

export function labelOf(label: string, query: MetricDataQuery, values: readonly number[], isMath: boolean): string {
  if (!label.includes("${")) return label;
  return label.replace(/\$\{([^}]*)\}/g, (whole, inside: string) => {
    const property = /^PROP\(\s*['"]([^'"]+)['"]\s*\)$/.exec(inside);
    const value = property ? (isMath ? undefined : propertyOf(query, property[1]!)) : dynamic(inside, query, values);
    if (value === undefined) throw notImplemented(`the dynamic label ${whole}`);
    return value;
  });
}

function dynamic(name: string, query: MetricDataQuery, values: readonly number[]): string | undefined {
  const shown = (value: number | undefined) => (value === undefined || !Number.isFinite(value) ? "--" : String(value));
  switch (name) {
    case "AVG":
      return shown(values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length);
    case "SUM":
      return shown(values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0));
    case "MIN":
      return shown(values.reduce((least, value) => Math.min(least, value), Infinity));
    case "MAX":
      return shown(values.reduce((most, value) => Math.max(most, value), -Infinity));
    case "FIRST":
      return shown(values[0]);
    case "LAST":
      return shown(values.at(-1));
    case "DATAPOINT_COUNT":
      return String(values.length);
    case "LABEL":
      return query.MetricStat?.Metric?.MetricName ?? query.Id!;
    default:
      return undefined;
  }
}

function propertyOf(query: MetricDataQuery, name: string): string | undefined {
  const { Metric, Period, Stat } = query.MetricStat!;
  if (name === "MetricName") return Metric!.MetricName;
  if (name === "Namespace") return Metric!.Namespace;
  if (name === "Period") return String(Period);
  if (name === "Stat") return Stat;
  const dimension = /^Dim\.(.+)$/.exec(name)?.[1];
  return Metric!.Dimensions?.find(({ Name }) => Name === dimension)?.Value;
}
