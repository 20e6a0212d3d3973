/** One point into its block. */
import type { Transaction } from "../../storage/transaction.ts";
import { type Point, plus } from "./points.ts";
import { type Block, Blocks, blockKey, type Place, type Tier } from "./state.ts";

/** Adds one point to its block. @returns whether it is the first of that block */
export function addPoint(
  tx: Transaction,
  at: Place,
  tier: Tier,
  metric: number,
  unit: string,
  atMs: number,
  point: Point,
): boolean {
  const blockMs = Math.floor(atMs / tier.blockMs) * tier.blockMs;
  const place = blockKey(at, tier, blockMs, metric, unit);
  const second = Math.floor((atMs - blockMs) / (tier.seconds * 1000)) * tier.seconds;
  const block = Blocks.get(tx, place);
  Blocks.put(tx, place, withPoint(block, second, point));
  return block === undefined;
}

function withPoint(block: Block | undefined, second: number, point: Point): Block {
  if (!block) return { at: [second], points: [point] };
  const index = block.at.findLastIndex((start) => start <= second);
  if (index >= 0 && block.at[index] === second) {
    return { at: block.at, points: block.points.with(index, plus(block.points[index]!, point)) };
  }
  return { at: block.at.toSpliced(index + 1, 0, second), points: block.points.toSpliced(index + 1, 0, point) };
}
