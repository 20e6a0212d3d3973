/**
 * Metrics embedded in log events: a JSON object whose `_aws.CloudWatchMetrics` says which of its members are metrics, and in which dimensions. Pure.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import type { FoundMetric } from "./metrics-found.ts";

/** AWS's limits: metrics in one directive, values of one metric, dimensions of one set. */
const METRICS_MAX = 100;
const VALUES_MAX = 100;
const DIMENSIONS_MAX = 30;
const DIRECTIVES_MAX = 100;

/** Cheap enough for every log event. */
export const mayEmbed = (message: string): boolean =>
  message.includes('"CloudWatchMetrics"') && message.includes('"_aws"');

/** Malformed parts are passed over; a plain log event has none. */
export function embeddedMetrics(message: string): FoundMetric[] {
  const root = parse(message);
  const aws = root?._aws as { Timestamp?: unknown; CloudWatchMetrics?: unknown } | undefined;
  if (!root || !Array.isArray(aws?.CloudWatchMetrics) || typeof aws.Timestamp !== "number") return [];
  const found: FoundMetric[] = [];
  for (const directive of aws.CloudWatchMetrics.slice(0, DIRECTIVES_MAX) as Array<Record<string, unknown> | null>) {
    if (typeof directive?.Namespace !== "string" || !Array.isArray(directive.Metrics)) continue;
    const sets = Array.isArray(directive.Dimensions) && directive.Dimensions.length > 0 ? directive.Dimensions : [[]];
    for (const metric of directive.Metrics.slice(0, METRICS_MAX) as Array<Record<string, unknown> | null>) {
      if (typeof metric?.Name !== "string") continue;
      const values = valuesOf(root[metric.Name]);
      if (values.length === 0) continue;
      for (const set of sets) {
        const dimensions = dimensionsOf(root, set);
        if (!dimensions) continue;
        found.push({
          namespace: directive.Namespace,
          atMs: aws.Timestamp,
          datum: {
            MetricName: metric.Name,
            Dimensions: dimensions,
            Values: values,
            ...(typeof metric.Unit === "string"
              ? { Unit: metric.Unit as NonNullable<FoundMetric["datum"]["Unit"]> }
              : {}),
            ...(metric.StorageResolution === 1 ? { StorageResolution: 1 } : {}),
          },
        });
      }
    }
  }
  return found;
}

function parse(message: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(message);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const valuesOf = (value: unknown): number[] =>
  (Array.isArray(value) ? value : [value]).filter((one): one is number => typeof one === "number").slice(0, VALUES_MAX);

/** Undefined where a member that a set names is missing. */
function dimensionsOf(root: Record<string, unknown>, set: unknown): Array<{ Name: string; Value: string }> | undefined {
  if (!Array.isArray(set) || set.length > DIMENSIONS_MAX) return undefined;
  const dimensions: Array<{ Name: string; Value: string }> = [];
  for (const name of set) {
    const value = root[name];
    if (
      typeof name !== "string" ||
      (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
    )
      return undefined;
    dimensions.push({ Name: name, Value: String(value) });
  }
  return dimensions;
}
