/** `Fn::Cidr`: a block cut into equal smaller ones. IPv4 and IPv6. @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-cidr.html */
import { templateError } from "../errors.ts";

/** How many blocks may be asked for. */
export const CIDR_COUNT_MAX = 256;

/** @param hostBits bits that each block leaves to its hosts: 8 makes /24 blocks of IPv4 */
export function cidrBlocks(block: string, count: number, hostBits: number): string[] {
  const [address = "", prefixText = ""] = block.split("/");
  const ipv6 = address.includes(":");
  const bits = ipv6 ? 128 : 32;
  const start = ipv6 ? parseIpv6(address) : parseIpv4(address);
  const prefix = Number(prefixText);
  const prefixValid = /^\d+$/.test(prefixText) && prefix <= bits;
  if (start === undefined || !prefixValid) throw templateError(`${block} is not a valid CIDR block`);
  const newPrefix = bits - hostBits;
  const available = newPrefix < prefix ? 0 : 2 ** (newPrefix - prefix);
  if (newPrefix > bits || available < count) {
    throw templateError("Fn::Cidr cannot allocate that many blocks of that size from the given block");
  }
  const mask = ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix);
  const base = start & mask;
  return Array.from({ length: count }, (_, index) => {
    const value = base + (BigInt(index) << BigInt(hostBits));
    return `${ipv6 ? formatIpv6(value) : formatIpv4(value)}/${newPrefix}`;
  });
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function formatIpv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string | undefined) => (half ? half.split(":") : []);
  const head = groups(halves[0]);
  const tail = groups(halves[1]);
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array<string>(halves.length === 2 ? missing : 0).fill("0"), ...tail];
  if (all.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return all.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

function formatIpv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
  const text = groups.join(":");
  const zeros = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length)[0];
  if (!zeros) return text;
  const head = text.slice(0, zeros.index);
  const tail = text.slice(zeros.index + zeros[0].length).replace(/^:/, "");
  return `${head}::${tail}`;
}
