/** How lines are cut into what PutLogEvents takes at once. @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */

export interface Line {
  /** Milliseconds. */
  readonly timestamp: number;
  readonly message: string;
}

const EVENTS_MAX = 10_000;
const BYTES_MAX = 1_048_576;
const EVENT_OVERHEAD_BYTES = 26;
const SPAN_MS_MAX = 24 * 60 * 60_000;

/** In order of their time, which PutLogEvents wants; lines of the same time keep theirs. */
export function* batches(lines: readonly Line[]): Generator<Line[]> {
  let batch: Line[] = [];
  let bytes = 0;
  for (const line of lines.toSorted((left, right) => left.timestamp - right.timestamp)) {
    const size = Buffer.byteLength(line.message) + EVENT_OVERHEAD_BYTES;
    const isFull = batch.length === EVENTS_MAX || bytes + size > BYTES_MAX;
    if (batch.length > 0 && (isFull || line.timestamp - batch[0]!.timestamp > SPAN_MS_MAX)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(line);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
