/** What the operator chooses: how long workers are kept, and how much of the machine they may take. */

export const KEEP_ALIVES = ["fixed", "histogram", "greedy-dual"] as const;

/**
 * - `fixed`: so many minutes after the last call.
 * - `histogram`: as long as each function's own pauses tell; a worker that will not be wanted for a while is ended, and started anew before it is
 *   (Shahrad et al., Serverless in the Wild, ATC 2020).
 * - `greedy-dual`: until the memory for idle workers is full; then the one goes that is least worth its room (Fuerst and Sharma, FaasCache,
 *   ASPLOS 2021).
 */
export type KeepAlive = (typeof KEEP_ALIVES)[number];

export interface Policy {
  readonly keepAlive: KeepAlive;
  /** With `fixed`: how long an idle worker is kept for the next event. */
  readonly keepAliveMs: number;
  /** Spare workers per runtime that was used of late. */
  readonly sparesPerRuntime: number;
  /** How long after a runtime's last use its spares are kept. */
  readonly spareIdleMs: number;
  /** Workers that may be starting at once. More would slow one another down past their time limits. */
  readonly startsMax: number;
  /** Cores that workers share: what computes is not started beyond what they can bear. */
  readonly cores: number;
  /** Idle workers in all, those of provisioned concurrency aside. */
  readonly idleMax: number;
  /** Memory that idle workers may hold in all, those of provisioned concurrency aside. */
  readonly idleMemoryMaxMb: number;
  /** Memory that all workers may hold: beyond it, calls wait for others to end. */
  readonly memoryMaxMb: number;
  /** What a worker is taken to hold before it has been measured, unless its function may have less. */
  readonly workerMemoryMb: number;
  /** Invocations that an account may run at once, where the function does not say. */
  readonly accountConcurrency: number;
  /**
   * New workers that a function may ask for at once, and within ten seconds; refilled continuously.
   * @see https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
   */
  readonly burst: number;
}

export const BURST_WINDOW_MS = 10_000;
