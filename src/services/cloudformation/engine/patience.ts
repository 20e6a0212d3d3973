/**
 * An answer that waits a little for what it began. AWS answers at once and is asked again every half minute by its own waiters; on one machine
 * most operations are over long before, so that waiting for them here spares the caller that half minute.
 */
import type { FlowContext } from "../../service.ts";
import { keys, stacks } from "../state.ts";
import type { Engine } from "./types.ts";

/** Woken when a stack's operation has ended. */
export const topicOf = (stack: string): string => `cloudformation:ended:${stack}`;

/** Returns when a stack has no operation under way any more, or when patience is at its end. */
export async function patiently(engine: Engine, flow: FlowContext, stack: string): Promise<void> {
  const untilMs = flow.clock.nowMs() + engine.patienceMs;
  for (;;) {
    const leftMs = untilMs - flow.clock.nowMs();
    if (leftMs <= 0 || flow.signal.aborted) return;
    // Listens before it looks; what is not waited for any more leaves no timer behind.
    const stop = new AbortController();
    const ended = flow.wait(topicOf(stack), leftMs, AbortSignal.any([flow.signal, stop.signal]));
    try {
      const busy = await flow.write(
        (tx, context) => stacks.get(tx, keys.stack(context, stack))?.operation !== undefined,
      );
      if (!busy) return;
      await ended;
    } finally {
      stop.abort();
    }
  }
}
