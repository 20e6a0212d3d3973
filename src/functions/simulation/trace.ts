/** A recorded or invented workload: which functions there are, and who is called when and for how long. */

export interface TracedFunction {
  readonly name: string;
  /** What a worker of it holds. */
  readonly memoryMb: number;
  /** How long a cold start takes. */
  readonly coldMs: number;
}

export interface Call {
  /** From the beginning of the trace. */
  readonly atMs: number;
  /** Index among the trace's functions. */
  readonly fn: number;
  readonly durationMs: number;
}

export interface Trace {
  readonly schema: string;
  readonly functions: readonly TracedFunction[];
  readonly lengthMs: number;
  readonly callCount: number;
  /** What the trace does not say and was taken instead. */
  readonly assumed: readonly string[];
  /** In order of time. The same seed gives the same calls. */
  calls(seed: number): Iterable<Call>;
}

/** The file is not what it is taken for. */
export class TraceRefused extends Error {
  override readonly name = "TraceRefused";
}

/** More than these take longer than anybody waits, or more memory than there is. */
const CALLS_MAX = 50_000_000;
const FUNCTIONS_MAX = 100_000;

/** @throws TraceRefused when there is nothing to replay or far too much */
export function checkSize(file: string, functions: number, calls: number): void {
  if (calls === 0) throw new TraceRefused(`${file}: there are no calls in it.`);
  if (functions > FUNCTIONS_MAX)
    throw new TraceRefused(
      `${file}: ${functions} functions; at most ${FUNCTIONS_MAX} can be replayed. Take a part of it.`,
    );
  if (calls > CALLS_MAX)
    throw new TraceRefused(`${file}: ${calls} calls; at most ${CALLS_MAX} can be replayed. Take a part of it.`);
}

export const MINUTE_MS = 60_000;
/** Where a trace does not say. */
export const ASSUMED = { durationMs: 1000, memoryMb: 128, coldMs: 500 } as const;
