/**
 * The hybrid histogram: what a function's pauses so far say about the next one. A pause is the time from the end of its last running call to
 * the next call. Learned in memory, forgotten with the process.
 *
 * @see https://www.usenix.org/conference/atc20/presentation/shahrad (section 4)
 */

const BIN_MS = 60_000;
const BINS = 240;
/** Longer pauses are out of range. */
export const RANGE_MS = BIN_MS * BINS;
/** With fewer pauses than this, nothing is concluded. */
const SAMPLES_MIN = 10;
const HEAD = 0.05;
const TAIL = 0.99;
/** The window is that much wider at both ends. */
const MARGIN = 0.1;
/** Below it the histogram is too even to say anything. */
const VARIATION_MIN = 2;
/** More pauses than this out of range: the histogram does not know the function. */
const OUT_OF_RANGE_MAX = 0.5;
/** Pauses from which the next one is foretold when most are out of range, and how far off that may be. */
const FORECAST_SAMPLES = 8;
const FORECAST_MARGIN = 0.15;

export interface IdleHistogram {
  readonly bins: Uint32Array;
  samples: number;
  sumOfSquares: number;
  outOfRange: number;
  /** The latest pauses of any length, in milliseconds. */
  readonly latest: number[];
}

export const createHistogram = (): IdleHistogram => ({
  bins: new Uint32Array(BINS),
  samples: 0,
  sumOfSquares: 0,
  outOfRange: 0,
  latest: [],
});

export function recordPause(histogram: IdleHistogram, pauseMs: number): void {
  histogram.latest.push(pauseMs);
  if (histogram.latest.length > FORECAST_SAMPLES) histogram.latest.shift();
  const bin = Math.floor(pauseMs / BIN_MS);
  if (bin >= BINS) {
    histogram.outOfRange++;
    return;
  }
  const count = histogram.bins[bin]!;
  histogram.bins[bin] = count + 1;
  histogram.sumOfSquares += 2 * count + 1;
  histogram.samples++;
}

/** Both from the end of the last call: when a worker is wanted, and when one that was not used is given up. 0: it is not unloaded at all. */
export interface Window {
  readonly prewarmMs: number;
  readonly keepMs: number;
}

const WHOLE_RANGE: Window = { prewarmMs: 0, keepMs: RANGE_MS };

export function windowOf(histogram: IdleHistogram | undefined): Window {
  if (!histogram) return WHOLE_RANGE;
  const seen = histogram.samples + histogram.outOfRange;
  if (seen < SAMPLES_MIN) return WHOLE_RANGE;
  if (histogram.outOfRange > OUT_OF_RANGE_MAX * seen) return forecast(histogram.latest);
  if (variation(histogram) < VARIATION_MIN) return WHOLE_RANGE;
  // The head is the beginning of its minute, the tail the end.
  const head = percentileBin(histogram, HEAD) * BIN_MS * (1 - MARGIN);
  const tail = (percentileBin(histogram, TAIL) + 1) * BIN_MS * (1 + MARGIN);
  return { prewarmMs: head, keepMs: Math.min(tail, RANGE_MS) };
}

/** Of how many pauses each bin holds: standard deviation over mean. */
function variation({ samples, sumOfSquares }: IdleHistogram): number {
  const mean = samples / BINS;
  return Math.sqrt(Math.max(0, sumOfSquares / BINS - mean * mean)) / mean;
}

function percentileBin({ bins, samples }: IdleHistogram, part: number): number {
  let left = Math.max(1, Math.ceil(part * samples));
  for (let bin = 0; bin < BINS; bin++) {
    left -= bins[bin]!;
    if (left <= 0) return bin;
  }
  return BINS - 1;
}

/** The paper fits an ARIMA model; the median of the latest pauses foretells timers as well, and is far less to go wrong. */
function forecast(latest: readonly number[]): Window {
  const sorted = [...latest].sort((left, right) => left - right);
  const expectedMs = sorted[sorted.length >> 1]!;
  return { prewarmMs: expectedMs * (1 - FORECAST_MARGIN), keepMs: expectedMs * (1 + FORECAST_MARGIN) };
}
