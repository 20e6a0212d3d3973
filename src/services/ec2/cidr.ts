/** IPv4 blocks: parsed, compared. */

export interface Block {
  /** With the bits of the host cleared. */
  readonly text: string;
  readonly prefix: number;
  readonly from: number;
  readonly size: number;
}

/** Undefined when the text is no block. */
export function blockOf(text: string): Block | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (!match) return undefined;
  const [a, b, c, d, prefix] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((byte) => byte > 255) || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const from = address - (address % size);
  const bytes = [from / 2 ** 24, (from / 2 ** 16) % 256, (from / 256) % 256, from % 256].map(Math.floor);
  return { text: `${bytes.join(".")}/${prefix}`, prefix, from, size };
}

export const contains = (outer: Block, inner: Block): boolean =>
  inner.from >= outer.from && inner.from + inner.size <= outer.from + outer.size;
export const overlaps = (left: Block, right: Block): boolean =>
  left.from < right.from + right.size && right.from < left.from + left.size;
