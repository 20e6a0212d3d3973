/** Datapoints in and out of blocks: added with what is there, read over any period. Nothing of AWS's requests here. */
import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { addPoint } from "./blocks.ts";
import { addMetricHours } from "./metering.ts";
import { type Point, plus } from "./points.ts";
import { requireRollUp } from "./roll-up.ts";
import {
  Blocks,
  blocksOf,
  type MetricName,
  type MetricRecord,
  Metrics,
  metricKey,
  Numbers,
  numbersKey,
  type Place,
  TIERS,
  type Tier,
} from "./state.ts";

/** How stale a metric's `seenMs` may be: it is not rewritten with every datapoint. */
const SEEN_STEP_MS = 60_000;

export interface Measured {
  readonly metric: MetricName;
  readonly unit: string;
  readonly atMs: number;
  readonly highResolution: boolean;
  readonly point: Point;
}

/** Adds measurements to what is kept of their periods. */
export function store(
  tx: Transaction,
  at: Place,
  measured: readonly Measured[],
  context: Pick<OperationContext, "use" | "nowMs">,
): void {
  const { nowMs } = context;
  for (const { metric, unit, atMs, highResolution, point } of measured) {
    const { number } = seen(tx, at, metric, atMs, nowMs);
    if (highResolution && atMs > nowMs - TIERS[0].keptMs) addPoint(tx, at, TIERS[0], number, unit, atMs, point);
    const isFirst = addPoint(tx, at, TIERS[1], number, unit, atMs, point);
    if (isFirst && !metric.namespace.startsWith("AWS/")) addMetricHours(context, at, metric.namespace, 1);
    requireRollUp(tx, at, nowMs + (highResolution ? TIERS[0].keptMs : TIERS[1].keptMs));
  }
}

function seen(tx: Transaction, at: Place, metric: MetricName, atMs: number, nowMs: number): MetricRecord {
  const place = metricKey(at, metric);
  const known = Metrics.read(tx, place);
  if (known && nowMs - known.seenMs < SEEN_STEP_MS && known.latestMs >= atMs - SEEN_STEP_MS) return known;
  let number = known?.number;
  if (number === undefined) {
    const numbers = Numbers.get(tx, numbersKey(at)) ?? { next: 1 };
    number = numbers.next;
    Numbers.put(tx, numbersKey(at), { ...numbers, next: number + 1 });
  }
  const record = { ...metric, number, seenMs: nowMs, latestMs: Math.max(atMs, known?.latestMs ?? 0) };
  Metrics.put(tx, place, record);
  return record;
}

/** Points of one metric over periods, per unit: unit → start of period in ms → point. */
export type Periods = Map<string, Map<number, Point>>;

export interface Window {
  /** Start of the first period. */
  readonly startMs: number;
  /** Everything before it. */
  readonly endMs: number;
  readonly periodSeconds: number;
}

/** @returns nothing for a metric that was never written */
export function read(
  tx: Transaction,
  at: Place,
  metric: MetricName,
  window: Window,
  unit: string | undefined,
): Periods {
  const periods: Periods = new Map();
  const record = Metrics.read(tx, metricKey(at, metric));
  if (!record) return periods;
  const periodMs = window.periodSeconds * 1000;
  for (const tier of tiersFor(window.periodSeconds)) {
    const firstMs = Math.floor(window.startMs / tier.blockMs) * tier.blockMs;
    // What comes is at most hours ahead of now: blocks past the youngest point are empty.
    const endMs = Math.min(window.endMs, record.latestMs + 2 * SEEN_STEP_MS + tier.blockMs);
    for (let blockMs = firstMs; blockMs < endMs; blockMs += tier.blockMs) {
      const { start, end } = blocksOf(at, tier, blockMs, record.number);
      for (const [place, block] of Blocks.range(tx, start, end)) {
        const blockUnit = decodeKey(place)[6] as string;
        if (unit !== undefined && unit !== blockUnit) continue;
        let points = periods.get(blockUnit);
        if (!points) periods.set(blockUnit, (points = new Map()));
        for (const [index, second] of block.at.entries()) {
          const pointMs = blockMs + second * 1000;
          if (pointMs < window.startMs || pointMs >= window.endMs) continue;
          const periodAt = window.startMs + Math.floor((pointMs - window.startMs) / periodMs) * periodMs;
          const before = points.get(periodAt);
          points.set(periodAt, before ? plus(before, block.points[index]!) : block.points[index]!);
        }
      }
    }
  }
  return periods;
}

/** All units together. */
export function together(periods: Periods): Map<number, Point> {
  const all = new Map<number, Point>();
  for (const points of periods.values()) {
    for (const [atMs, point] of points) {
      const before = all.get(atMs);
      all.set(atMs, before ? plus(before, point) : point);
    }
  }
  return all;
}

/** Under a minute: the seconds. Else minutes and whatever coarser data of older times a period of that length can be made from. */
function tiersFor(periodSeconds: number): readonly Tier[] {
  if (periodSeconds < 60) return [TIERS[0]];
  return TIERS.filter(({ seconds }) => seconds >= 60 && periodSeconds % seconds === 0);
}
