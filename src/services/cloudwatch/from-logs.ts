/** Metrics that CloudWatch Logs found in log events: in the embedded metric format, or by a metric filter. */
import type { MetricDatum } from "@aws-sdk/client-cloudwatch";
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { type Measured, store } from "./data.ts";
import { measuredOf } from "./put-metric-data.ts";
import { checkNamespace } from "./rules.ts";
import type { Place } from "./state.ts";

export interface MetricsFound extends Place {
  readonly metrics: ReadonlyArray<{
    readonly namespace: string;
    readonly datum: Omit<MetricDatum, "Timestamp">;
    readonly atMs: number;
  }>;
}

/** What PutMetricData would refuse is passed over, as on AWS: nobody waits for an answer. */
export function storeFound(tx: Transaction, detail: MetricsFound, context: OperationContext): void {
  const measured: Measured[] = [];
  for (const { namespace, datum, atMs } of detail.metrics) {
    try {
      checkNamespace(namespace);
      const one = measuredOf(namespace, { ...datum, Timestamp: new Date(atMs) }, "MetricData.member.1", context.nowMs);
      if (one && !namespace.startsWith("AWS/")) measured.push(one);
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
    }
  }
  store(tx, detail, measured, context);
}
