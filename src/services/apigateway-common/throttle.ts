/** Token buckets, as API Gateway throttles: `rate` tokens a second flow into a bucket that holds `burst`. */

export interface Throttle {
  /** True when the request may pass. */
  take(nowMs: number): boolean;
}

/** An absent limit does not limit. */
export function createThrottle(ratePerSecond: number | undefined, burst: number | undefined): Throttle | undefined {
  if (ratePerSecond === undefined && burst === undefined) return undefined;
  const rate = ratePerSecond ?? Number.POSITIVE_INFINITY;
  const capacity = burst ?? Math.max(1, rate);
  let tokens = capacity;
  let filledMs = Number.NEGATIVE_INFINITY;
  return {
    take(nowMs) {
      if (nowMs > filledMs) {
        const flowed = filledMs === Number.NEGATIVE_INFINITY ? 0 : rate * ((nowMs - filledMs) / 1000);
        tokens = Math.min(capacity, tokens + flowed);
        filledMs = nowMs;
      }
      if (rate === Number.POSITIVE_INFINITY && capacity >= 1) return true;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
