/**
 * Virga's own metrics on their way to CloudWatch: datapoints are gathered in memory, one statistic set for each metric and minute, and taken
 * away by CloudWatch. A crash may lose the minute that was not taken yet: metrics are observations, not promises.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
 */
import type { AccountId, Region } from "./arn.ts";

export interface Datum {
  /** `AWS/SQS` */
  readonly namespace: string;
  readonly name: string;
  /** In the order in which AWS documents them. */
  readonly dimensions: Readonly<Record<string, string>>;
  readonly unit: MeasurementUnit;
  readonly value: number;
}

export type MeasurementUnit =
  | "Count"
  | "Milliseconds"
  | "Seconds"
  | "Percent"
  | "Bytes"
  | "Megabytes"
  | "Bytes/Second"
  | "None";

/** One metric in one minute. */
export interface Measured extends Omit<Datum, "value"> {
  readonly accountId: AccountId;
  readonly region: Region;
  /** Start of the minute. */
  readonly minuteMs: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  /** How often each value occurred, for percentiles; the first {@link VALUES_MAX} different ones, after which new ones fall to the nearest. */
  readonly values: Map<number, number>;
}

const MINUTE_MS = 60_000;
/** As many as one PutMetricData datum may hold. */
const VALUES_MAX = 150;

export class Measurements {
  #gathered = new Map<string, Measured>();
  #begun: (() => void) | undefined;

  /** Called once whenever something is gathered after there was nothing: whoever takes it away need not look in between. */
  onBegin(begun: () => void): void {
    this.#begun = begun;
  }

  add(accountId: AccountId, region: Region, nowMs: number, datum: Datum): void {
    const minuteMs = nowMs - (nowMs % MINUTE_MS);
    let id = `${minuteMs} ${accountId} ${region} ${datum.namespace} ${datum.name} ${datum.unit}`;
    for (const name in datum.dimensions) id += ` ${name}=${datum.dimensions[name]}`;
    const { value } = datum;
    const known = this.#gathered.get(id);
    if (!known) {
      const { namespace, name, dimensions, unit } = datum;
      const values = new Map([[value, 1]]);
      if (this.#gathered.size === 0) this.#begun?.();
      this.#gathered.set(id, {
        accountId,
        region,
        minuteMs,
        namespace,
        name,
        dimensions,
        unit,
        count: 1,
        sum: value,
        min: value,
        max: value,
        values,
      });
      return;
    }
    known.count++;
    known.sum += value;
    if (value < known.min) known.min = value;
    if (value > known.max) known.max = value;
    const seen = known.values.get(value);
    if (seen !== undefined) known.values.set(value, seen + 1);
    else if (known.values.size < VALUES_MAX) known.values.set(value, 1);
    else {
      const near = nearest(known.values.keys(), value);
      known.values.set(near, known.values.get(near)! + 1);
    }
  }

  /** Whether anything was measured since it was last taken. */
  get empty(): boolean {
    return this.#gathered.size === 0;
  }

  /** What was gathered so far, the minute that has not ended yet included: CloudWatch adds a later part of it to the first. */
  take(): Measured[] {
    const taken = [...this.#gathered.values()];
    this.#gathered = new Map();
    return taken;
  }
}

function nearest(values: Iterable<number>, wanted: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (const value of values) if (Math.abs(value - wanted) < Math.abs(best - wanted)) best = value;
  return best;
}
