/** `{ "cidr": "10.0.0.0/24" }`: addresses of IPv4 and IPv6. */

/** Says whether a value is an address of this block. */
export function cidrTest(cidr: string, invalid: (reason: string) => never): (value: unknown) => boolean {
  const pieces = cidr.split("/");
  if (pieces.length !== 2) return invalid("Malformed CIDR, one '/' required");
  const [address, mask] = pieces as [string, string];
  const block = parseAddress(address);
  if (!block) return invalid(`Nonstandard IP address: ${address}`);
  if (!/^\d{1,3}$/.test(mask)) return invalid("Malformed CIDR, mask bits must be an integer");
  const bits = Number(mask);
  if (bits > block.bits) return invalid(`IPv${block.bits === 32 ? 4 : 6} mask bits must be <= ${block.bits}`);
  const shift = BigInt(block.bits - bits);
  const network = block.value >> shift;
  return (value) => {
    const found = typeof value === "string" ? parseAddress(value) : undefined;
    return found !== undefined && found.bits === block.bits && found.value >> shift === network;
  };
}

interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

function parseAddress(text: string): Address | undefined {
  const v4 = parseV4(text);
  if (v4 !== undefined) return { bits: 32, value: v4 };
  const v6 = parseV6(text);
  return v6 === undefined ? undefined : { bits: 128, value: v6 };
}

function parseV4(text: string): bigint | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.some((byte) => byte > 255) ? undefined : joined(bytes, 8n);
}

function parseV6(text: string): bigint | undefined {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !text.includes(":")) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => wordsOf(half));
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail ? missing < 1 : missing !== 0) return undefined;
  return joined([...head, ...Array<number>(missing).fill(0), ...(tail ?? [])], 16n);
}

/** The 16-bit words of one side of `::`, an IPv4 address at its end counting as two. */
function wordsOf(half: string): number[] | undefined {
  const words: number[] = [];
  const groups = half === "" ? [] : half.split(":");
  for (const [i, group] of groups.entries()) {
    const v4 = i === groups.length - 1 ? parseV4(group) : undefined;
    if (v4 !== undefined) words.push(Number(v4 >> 16n), Number(v4 & 0xffffn));
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) words.push(Number.parseInt(group, 16));
    else return undefined;
  }
  return words;
}

const joined = (parts: readonly number[], width: bigint): bigint =>
  parts.reduce((value, part) => (value << width) | BigInt(part), 0n);
