/**
 * How many batches of one queue run at once. It starts with 5, grows by up to 300 a minute while all of them are busy, to 1,250 or the
 * mapping's MaximumConcurrency, and returns to what is needed when the queue calms down. Pure.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
 */

export interface PollerScale {
  readonly limit: number;
  /** When the limit was last changed, or last needed in full. Milliseconds since the epoch. */
  readonly sinceMs: number;
}

const START = 5;
const CEILING = 1250;
/** 300 a minute, one at a time. */
export const GROW_EVERY_MS = 200;
const CALM_MS = 60_000;

export function initialScale(maximumConcurrency: number | undefined, nowMs: number): PollerScale {
  return { limit: Math.min(START, maximumConcurrency ?? CEILING), sinceMs: nowMs };
}

/** @param busy batches under way */
export function rescale(
  scale: PollerScale,
  busy: number,
  maximumConcurrency: number | undefined,
  nowMs: number,
): PollerScale {
  const ceiling = maximumConcurrency ?? CEILING;
  const waitedMs = nowMs - scale.sinceMs;
  if (busy >= scale.limit) {
    const steps = Math.floor(waitedMs / GROW_EVERY_MS);
    if (steps === 0) return scale;
    return { limit: Math.min(ceiling, scale.limit + steps), sinceMs: nowMs };
  }
  if (waitedMs < CALM_MS) return scale;
  return { limit: Math.min(ceiling, Math.max(START, busy)), sinceMs: nowMs };
}
