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
  /** The different values in order, once there are no more of them. */
  ordered: readonly number[] | undefined;
  /** Nothing is added any more. */
  taken: boolean;
}

const MINUTE_MS = 60_000;
/** As many as one PutMetricData datum may hold. */
const VALUES_MAX = 150;
/** Metrics whose places are kept from one taking to the next; beyond that they are found anew. */
const PLACES_MAX = 10_000;

/** Where a metric is found, name by name: every request measures, and a text that names the metric would have to be made for each. */
class Place {
  readonly #below = new Map<string, Place>();
  measured: Measured | undefined;

  at(name: string): Place {
    let place = this.#below.get(name);
    if (place === undefined) this.#below.set(name, (place = new Place()));
    return place;
  }
}

export class Measurements {
  #root = new Place();
  #places = 0;
  #gathered: Measured[] = [];
  #begun: (() => void) | undefined;

  /** Called once whenever something is gathered after there was nothing: whoever takes it away need not look in between. */
  onBegin(begun: () => void): void {
    this.#begun = begun;
  }

  add(accountId: AccountId, region: Region, nowMs: number, datum: Datum): void {
    const { namespace, name, dimensions, unit, value } = datum;
    let place = this.#root.at(accountId).at(region).at(namespace).at(name).at(unit);
    for (const dimension in dimensions) place = place.at(dimension).at(dimensions[dimension]!);
    const minuteMs = nowMs - (nowMs % MINUTE_MS);
    let measured = place.measured;
    if (measured === undefined || measured.minuteMs !== minuteMs || measured.taken) {
      if (measured === undefined) this.#places++;
      place.measured = measured = {
        accountId,
        region,
        minuteMs,
        namespace,
        name,
        dimensions,
        unit,
        count: 0,
        sum: 0,
        min: value,
        max: value,
        values: new Map(),
        ordered: undefined,
        taken: false,
      };
      if (this.#gathered.length === 0) this.#begun?.();
      this.#gathered.push(measured);
    }
    measured.count++;
    measured.sum += value;
    if (value < measured.min) measured.min = value;
    if (value > measured.max) measured.max = value;
    count(measured, value);
  }

  /** Whether anything was measured since it was last taken. */
  get empty(): boolean {
    return this.#gathered.length === 0;
  }

  /** What was gathered so far, the minute that has not ended yet included: CloudWatch adds a later part of it to the first. */
  take(): Measured[] {
    const taken = this.#gathered;
    this.#gathered = [];
    for (const measured of taken) measured.taken = true;
    if (this.#places > PLACES_MAX) {
      this.#root = new Place();
      this.#places = 0;
    }
    return taken;
  }
}

function count(measured: Measured, value: number): void {
  const { values } = measured;
  const seen = values.get(value);
  if (seen !== undefined) values.set(value, seen + 1);
  else if (values.size < VALUES_MAX) values.set(value, 1);
  else {
    measured.ordered ??= [...values.keys()].sort((left, right) => left - right);
    const near = nearest(measured.ordered, value);
    values.set(near, values.get(near)! + 1);
  }
}

/** Of numbers in order. */
function nearest(ordered: readonly number[], wanted: number): number {
  let low = 0;
  let high = ordered.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (ordered[middle]! <= wanted) low = middle;
    else high = middle;
  }
  return wanted - ordered[low]! <= ordered[high]! - wanted ? ordered[low]! : ordered[high]!;
}
