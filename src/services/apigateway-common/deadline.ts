/** Work with a time limit, on the clock that is handed in. */
import type { Clock } from "../../kernel/clock.ts";

export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
}

/**
 * @throws DeadlineExceeded when `work` takes longer than `limitMs`; its signal is aborted then. It is not when the client goes away: a backend that
 * was called goes on, as on AWS.
 */
export async function withDeadline<T>(
  clock: Clock,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = clock.at(clock.nowMs() + limitMs, () => {
    const error = new DeadlineExceeded(`No answer within ${limitMs} ms`);
    reject(error);
    controller.abort(error);
  });
  try {
    return await Promise.race([work(controller.signal), expired]);
  } finally {
    timer.cancel();
  }
}
