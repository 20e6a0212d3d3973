/**
 * What must be true of a queue, whatever happens to the machine under it. The auditor knows only what clients know: what they asked for, what was
 * acknowledged, and when. What was asked and not acknowledged may have happened or not; it then expects neither.
 */
import assert from "node:assert/strict";

interface Known {
  readonly text: string;
  readonly group: string | undefined;
  readonly order: number;
  sentAcknowledged: boolean;
  /** Delivered again before this time would be a fault; 0 when that is not known. */
  leaseUntilMs: number;
  deliveries: number;
  deleteAsked: boolean;
  deleted: boolean;
  inDeadLetters: boolean;
}

export interface Delivery {
  readonly text: string;
  readonly messageId: string;
  readonly receives: number;
}

export class Auditor {
  readonly #messages = new Map<string, Known>();
  readonly #groups = new Map<string, Known[]>();
  readonly #ids = new Map<string, string>();
  readonly #receivesMax: number;
  #unseenReceives = 0;
  #order = 0;

  constructor(receivesMax: number) {
    this.#receivesMax = receivesMax;
  }

  /** A send is under way. Texts are unique: they name the message. */
  asking(text: string, group?: string): void {
    const known: Known = {
      text,
      group,
      order: this.#order++,
      sentAcknowledged: false,
      leaseUntilMs: 0,
      deliveries: 0,
      deleteAsked: false,
      deleted: false,
      inDeadLetters: false,
    };
    this.#messages.set(text, known);
    if (group !== undefined) this.#groups.set(group, [...(this.#groups.get(group) ?? []), known]);
  }

  acknowledged(text: string, messageId: string): void {
    const known = this.#messages.get(text)!;
    const before = this.#ids.get(text);
    assert.ok(before === undefined || before === messageId, `${text} was acknowledged under two ids`);
    this.#ids.set(text, messageId);
    known.sentAcknowledged = true;
  }

  /** A receive was answered. `askedMs` is when it was asked: the lease began then at the earliest. */
  received(deliveries: readonly Delivery[], askedMs: number, visibilityMs: number, fromDeadLetters: boolean): void {
    for (const [index, { text, messageId, receives }] of deliveries.entries()) {
      const known = this.#messages.get(text);
      assert.ok(known, `${text} was never sent`);
      assert.ok(!known.deleted, `${text} was delivered after its deletion was acknowledged`);
      const id = this.#ids.get(text);
      assert.ok(id === undefined || id === messageId, `${text} came under another id than it was acknowledged with`);
      if (fromDeadLetters) known.inDeadLetters = true;
      else {
        assert.ok(!known.inDeadLetters, `${text} was delivered from the queue after it had moved to the dead letters`);
        assert.ok(
          receives <= this.#receivesMax,
          `${text} was delivered ${receives} times with a maximum of ${this.#receivesMax}`,
        );
      }
      assert.ok(
        askedMs >= known.leaseUntilMs,
        `${text} was delivered at ${askedMs}, inside its lease until ${known.leaseUntilMs}`,
      );
      known.deliveries++;
      known.leaseUntilMs = askedMs + visibilityMs;
      if (!fromDeadLetters && known.group !== undefined) this.#checkOrder(known, deliveries.slice(0, index), askedMs);
    }
  }

  /** Everything before a message in its group was deleted, is dead, or comes with it; and nothing of the group is on loan elsewhere. */
  #checkOrder(known: Known, together: readonly Delivery[], askedMs: number): void {
    for (const other of this.#groups.get(known.group!)!) {
      if (other === known) continue;
      const withIt = together.some(({ text }) => text === other.text);
      const settled = other.deleteAsked || other.inDeadLetters;
      if (other.order < known.order && other.sentAcknowledged && !settled && !withIt) {
        assert.ok(this.#maybeDead(other), `${known.text} overtook ${other.text} in its group`);
      }
      if (!settled && !withIt) {
        assert.ok(
          other.leaseUntilMs <= askedMs,
          `${known.text} was delivered while ${other.text} of its group was in flight`,
        );
      }
    }
  }

  /** A receive was asked for. Until its answer is seen it may have taken anything, each time a step towards the dead letters. */
  receiving(): void {
    this.#unseenReceives++;
  }

  receiveSeen(): void {
    this.#unseenReceives--;
  }

  /** A receive that nobody saw the answer of may have been the one too many; so many of them may have been all there were. */
  #maybeDead(known: Known): boolean {
    return known.deliveries > 0 || this.#unseenReceives >= this.#receivesMax;
  }

  /** A visibility change is under way: which timeout holds is not known until it is answered. */
  changing(text: string): void {
    this.#messages.get(text)!.leaseUntilMs = 0;
  }

  changed(text: string, untilMs: number): void {
    this.#messages.get(text)!.leaseUntilMs = untilMs;
  }

  /** Whether its lease is known to last. */
  onLoan(text: string, nowMs: number): boolean {
    return this.#messages.get(text)!.leaseUntilMs > nowMs;
  }

  deleting(text: string): void {
    this.#messages.get(text)!.deleteAsked = true;
  }

  /** @param effective whether the handle was certainly the latest: a stale one deletes nothing */
  deleted(text: string, effective: boolean): void {
    if (effective) this.#messages.get(text)!.deleted = true;
  }

  /** At the end, with everything drained: nothing acknowledged is missing. @param found texts that were still there, in either queue */
  finish(found: ReadonlySet<string>): void {
    for (const known of this.#messages.values()) {
      if (known.sentAcknowledged && !known.deleteAsked)
        assert.ok(found.has(known.text), `${known.text} was acknowledged and is lost`);
      if (known.deleted) assert.ok(!found.has(known.text), `${known.text} was deleted and is still there`);
    }
  }
}
