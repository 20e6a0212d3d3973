/**
 * An engine that answers before the disk does: what was committed in the last tenth of a second lies in memory, over the engine that keeps it, and goes there
 * in one piece. A crash loses at most that tenth, and never leaves half of a commit.
 */
import type { Clock, Timer } from "../../kernel/clock.ts";
import type { Engine, Writes } from "../engine.ts";
import type { Key } from "../keys.ts";
import { Overlay } from "../overlay.ts";

const DELAY_MS = 100;
/** Keys held in memory; with more, the disk is not kept waiting. */
const KEYS_MAX = 20_000;

export class RelaxedEngine implements Engine {
  readonly #below: Engine;
  readonly #clock: Clock;
  #held: Overlay;
  #timer: Timer | undefined;
  #failure: unknown;

  constructor(below: Engine, clock: Clock) {
    this.#below = below;
    this.#clock = clock;
    this.#held = this.#overlay();
  }

  get(key: Key): unknown {
    return this.#held.get(key);
  }

  range(start: Key, end: Key, options: { reverse?: boolean }): IterableIterator<[Key, unknown]> {
    return this.#held.range(start, end, options);
  }

  /** @throws what the disk said to an earlier commit: from then on nothing is accepted any more */
  async commit(writes: Writes): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    for (const [key, value] of writes) this.#held.set(key, value);
    if (this.#held.writes.size >= KEYS_MAX) this.#write();
    else this.#timer ??= this.#clock.at(this.#clock.nowMs() + DELAY_MS, () => this.#write());
  }

  async close(): Promise<void> {
    this.#write();
    await this.#below.close();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #write(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { writes } = this.#held;
    if (writes.size === 0) return;
    const failed = (error: unknown) => {
      this.#failure ??= error;
    };
    try {
      this.#below.commit(writes).catch(failed);
      this.#held = this.#overlay();
    } catch (error) {
      failed(error);
    }
  }

  #overlay(): Overlay {
    const below = this.#below;
    return new Overlay({
      get: (key) => below.get(key),
      range: (start, end, options) => below.range(start, end, options),
      read: (key) => below.get(key),
    });
  }
}
