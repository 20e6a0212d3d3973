/**
 * Ageing: seconds are kept for 3 hours (their minutes were written with them), minutes for 15 days, 5 minutes for 63 days, hours for 455 days.
 * A durable timer, set while anything is kept, moves what is due in steps. Metrics without any data left are forgotten.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
 */
import { decodeKey, type Key } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { addPoint } from "./blocks.ts";
import { Blocks, Metrics, metricRange, Numbers, numbersKey, type Place, TIERS, tierRange } from "./state.ts";

export const ROLL_UP_DUE = "cloudwatch.RollUpDue";
/** Blocks moved in one transaction. */
const STEP = 200;
/** Metrics looked through for forgotten ones in one transaction. */
const METRICS_STEP = 5000;

interface RollUp extends Place {
  readonly dueMs: number;
}

/** Sees to it that a roll-up happens no later than `dueMs`. */
export function requireRollUp(tx: Transaction, at: Place, dueMs: number): void {
  const numbers = Numbers.read(tx, numbersKey(at));
  if (numbers?.rollUpMs !== undefined && numbers.rollUpMs <= dueMs) return;
  Numbers.put(tx, numbersKey(at), { next: numbers?.next ?? 1, rollUpMs: dueMs });
  const detail: RollUp = { accountId: at.accountId, region: at.region, dueMs };
  tx.emit({ type: ROLL_UP_DUE, detail, dueMs });
}

/** One step: at most {@link STEP} blocks of each resolution. A timer that was replaced by an earlier one does nothing. */
export function rollUp(tx: Transaction, detail: RollUp, context: OperationContext): void {
  const at: Place = { accountId: detail.accountId, region: detail.region };
  const numbers = Numbers.get(tx, numbersKey(at));
  if (numbers?.rollUpMs !== detail.dueMs) return;
  let nextMs: number | undefined;
  const sooner = (dueMs: number) => {
    nextMs = Math.min(nextMs ?? dueMs, dueMs);
  };
  for (const [index, tier] of TIERS.entries()) {
    const coarser = index === 0 ? undefined : TIERS[index + 1];
    const aged: Key[] = [];
    const { start, end } = tierRange(at, tier);
    for (const [place] of tx.range(start, end)) {
      const dueMs = (decodeKey(place)[4] as number) + tier.blockMs + tier.keptMs;
      if (dueMs > context.nowMs) {
        sooner(dueMs);
        break;
      }
      if (aged.length === STEP) {
        sooner(context.nowMs);
        break;
      }
      aged.push(place);
    }
    for (const place of aged) {
      const [, , , , blockMs, metric, unit] = decodeKey(place) as [
        string,
        string,
        string,
        number,
        number,
        number,
        string,
      ];
      if (coarser) {
        const block = Blocks.get(tx, place)!;
        for (const [position, second] of block.at.entries()) {
          addPoint(tx, at, coarser, metric, unit, blockMs + second * 1000, block.points[position]!);
        }
        sooner(blockMs + coarser.keptMs);
      }
      tx.delete(place);
    }
  }
  forgetMetrics(tx, at, context.nowMs);
  const { rollUpMs: _, ...rest } = numbers;
  Numbers.put(tx, numbersKey(at), rest);
  if (nextMs !== undefined) requireRollUp(tx, at, Math.max(nextMs, context.nowMs));
}

function forgetMetrics(tx: Transaction, at: Place, nowMs: number): void {
  const { start, end } = metricRange(at);
  const forgotten: Key[] = [];
  for (const [place, metric] of Metrics.range(tx, start, end, { limit: METRICS_STEP })) {
    if (metric.seenMs + TIERS[3].keptMs + TIERS[3].blockMs < nowMs) forgotten.push(place);
  }
  for (const place of forgotten) tx.delete(place);
}
