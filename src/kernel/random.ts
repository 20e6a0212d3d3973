/** Chance, handed in. The seeded source makes the same history from the same seed; the system source is the real one. */
import { randomFillSync } from "node:crypto";

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [0, bound). */
  integer(bound: number): number;
  bytes(length: number): Buffer;
  /** A version 4 UUID, lower case. */
  uuid(): string;
}

const DIGITS = Buffer.from("0123456789abcdef");
const uuidText = Buffer.from("00000000-0000-0000-0000-000000000000");
/** Where each byte's two digits stand. */
const UUID_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

abstract class Source implements Random {
  abstract next(): number;
  abstract bytes(length: number): Buffer;

  integer(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  uuid(): string {
    const b = this.bytes(16);
    b[6] = (b[6]! & 0x0f) | 0x40;
    b[8] = (b[8]! & 0x3f) | 0x80;
    // Written into one buffer and read as one string: a text joined of 32 digits is a chain of pieces, and every request has such an id.
    for (let i = 0; i < 16; i++) {
      const at = UUID_AT[i]!;
      const byte = b[i]!;
      uuidText[at] = DIGITS[byte >> 4]!;
      uuidText[at + 1] = DIGITS[byte & 15]!;
    }
    return uuidText.toString("latin1");
  }
}

/** Unpredictable bytes of the machine, drawn in pages because one system call for 16 bytes costs more than the bytes. */
export class SystemRandom extends Source {
  readonly #page = Buffer.alloc(8192);
  #used = this.#page.length;

  bytes(length: number): Buffer {
    if (length > 1024) return randomFillSync(Buffer.alloc(length));
    if (this.#used + length > this.#page.length) {
      randomFillSync(this.#page);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return Buffer.from(this.#page.subarray(start, this.#used));
  }

  next(): number {
    const b = this.bytes(7);
    return ((b.readUIntBE(0, 6) * 32 + (b[6]! >> 3)) % 2 ** 53) / 2 ** 53;
  }
}

/** Mulberry32: small, fast and good enough for simulation. Never for secrets. */
export class SeededRandom extends Source {
  #state: number;

  constructor(seed: number) {
    super();
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  bytes(length: number): Buffer {
    const out = Buffer.alloc(length);
    for (let i = 0; i < length; i++) out[i] = this.integer(256);
    return out;
  }
}
