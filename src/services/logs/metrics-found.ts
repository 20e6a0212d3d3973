/** Metrics found in log events, told to CloudWatch in the commit that stores the events. */
import type { MetricDatum } from "@aws-sdk/client-cloudwatch";
import type { Transaction } from "../../storage/transaction.ts";
import { embeddedMetrics, mayEmbed } from "./embedded-metrics.ts";
import { filteredMetrics, metricFiltersOf } from "./metric-filters.ts";
import type { GroupRecord, Place } from "./state.ts";

export const METRICS_FOUND = "logs.MetricsFound";

export interface FoundMetric {
  readonly namespace: string;
  readonly datum: Omit<MetricDatum, "Timestamp">;
  readonly atMs: number;
}

/** @param batch events that were accepted */
export function findMetrics(
  tx: Transaction,
  at: Place,
  group: GroupRecord,
  batch: readonly { readonly timestamp: number; readonly message: string }[],
): void {
  const metrics: FoundMetric[] = [];
  for (const { message } of batch) if (mayEmbed(message)) metrics.push(...embeddedMetrics(message));
  if (group.metricFilters) {
    for (const filter of metricFiltersOf(tx, at, group.id)) metrics.push(...filteredMetrics(filter, batch));
  }
  if (metrics.length > 0)
    tx.emit({ type: METRICS_FOUND, detail: { accountId: at.accountId, region: at.region, metrics } });
}
