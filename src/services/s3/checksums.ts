/**
 * The checksums S3 knows: computing them while bytes pass, comparing them with what a request states in headers or trailers, and
 * combining those of parts.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
import { createHash } from "node:crypto";
import { crc32 as zlibCrc32 } from "node:zlib";
import { crc32c } from "@node-rs/crc32";
import { createCRC64, type IHasher } from "hash-wasm";
import { assert } from "../../kernel/errors.ts";
import { badChecksum, invalidChecksumHeader, invalidRequest } from "./errors.ts";
import type { ChecksumAlgorithm, StoredChecksum } from "./state.ts";

/** Bytes of a digest. */
const LENGTHS: Record<ChecksumAlgorithm, number> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
  SHA512: 64,
  MD5: 16,
};

/** The member of inputs and outputs that carries each. */
export const CHECKSUM_MEMBERS = {
  CRC32: "ChecksumCRC32",
  CRC32C: "ChecksumCRC32C",
  CRC64NVME: "ChecksumCRC64NVME",
  SHA1: "ChecksumSHA1",
  SHA256: "ChecksumSHA256",
  SHA512: "ChecksumSHA512",
  MD5: "ChecksumMD5",
} as const satisfies Record<ChecksumAlgorithm, string>;

export const CHECKSUM_ALGORITHMS = Object.keys(LENGTHS) as ChecksumAlgorithm[];

/** Reflected polynomials. */
const CRC_POLYNOMIALS: Partial<Record<ChecksumAlgorithm, bigint>> = {
  CRC32: 0xedb88320n,
  CRC32C: 0x82f63b78n,
  CRC64NVME: 0x9a6c9329ac4bc9b5n,
};

export const isCrc = (algorithm: ChecksumAlgorithm) => CRC_POLYNOMIALS[algorithm] !== undefined;

export interface Hasher {
  update(chunk: Uint8Array): void;
  /** Base64. Called once, last. */
  digest(): string;
}

/**
 * One WebAssembly instance computes every CRC64 in the process: making an instance costs more than hashing a small body. A hasher
 * keeps its own state between chunks.
 */
let crc64: IHasher | undefined;
let crc64Start: Uint8Array;

/** To be awaited once before {@link hasherFor} is asked for CRC64NVME. */
export async function prepareChecksums(): Promise<void> {
  if (crc64) return;
  const instance = await createCRC64("9a6c9329ac4bc9b5");
  instance.init();
  crc64Start = instance.save();
  crc64 = instance;
}

export function hasherFor(algorithm: ChecksumAlgorithm): Hasher {
  switch (algorithm) {
    case "CRC32":
      return crc((chunk, value) => zlibCrc32(chunk, value));
    case "CRC32C":
      return crc((chunk, value) => crc32c(chunk as Buffer, value));
    case "CRC64NVME": {
      assert(crc64, "checksums are prepared");
      const instance = crc64;
      let state = crc64Start;
      return {
        update(chunk) {
          instance.load(state);
          instance.update(chunk);
          state = instance.save();
        },
        digest() {
          instance.load(state);
          return Buffer.from(instance.digest("binary")).toString("base64");
        },
      };
    }
    default: {
      const hash = createHash(algorithm.toLowerCase());
      return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest("base64") };
    }
  }
}

function crc(step: (chunk: Uint8Array, value: number) => number): Hasher {
  let value = 0;
  return {
    update(chunk) {
      value = step(chunk, value);
    },
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value >>> 0);
      return bytes.toString("base64");
    },
  };
}

export type ChecksumMembers = {
  readonly [A in ChecksumAlgorithm as (typeof CHECKSUM_MEMBERS)[A]]?: string | undefined;
};

/** The members by which a stored checksum is shown. */
export function checksumMembers(checksum: StoredChecksum | undefined): ChecksumMembers & {
  ChecksumType?: "FULL_OBJECT" | "COMPOSITE";
} {
  return checksum ? { [CHECKSUM_MEMBERS[checksum.algorithm]]: checksum.value, ChecksumType: checksum.type } : {};
}

export interface StatedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; absent when it follows in a trailer, or when only the algorithm is named. */
  readonly value?: string;
  /** Lower-case name of the trailer that will carry it. */
  readonly trailer?: string;
}

/**
 * Which checksum a request states: by a header, by announcing a trailer, or by naming an algorithm alone.
 * @param headers of the HTTP request; absent in a call in process
 */
export function statedChecksum(
  input: ChecksumMembers & { readonly ChecksumAlgorithm?: string | undefined },
  headers: Readonly<Record<string, string>> = {},
): StatedChecksum | undefined {
  const stated = CHECKSUM_ALGORITHMS.filter((algorithm) => input[CHECKSUM_MEMBERS[algorithm]] !== undefined);
  if (stated.length > 1) {
    throw invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  }
  const algorithm = stated[0];
  if (algorithm) {
    const value = input[CHECKSUM_MEMBERS[algorithm]]!;
    if (!isDigest(algorithm, value)) throw invalidChecksumHeader(`x-amz-checksum-${algorithm.toLowerCase()}`);
    return { algorithm, value };
  }
  const trailer = headers["x-amz-trailer"]?.trim().toLowerCase();
  if (trailer) {
    const named = CHECKSUM_ALGORITHMS.find((known) => trailer === `x-amz-checksum-${known.toLowerCase()}`);
    if (!named) throw invalidRequest("The value specified in the x-amz-trailer header is not supported");
    return { algorithm: named, trailer };
  }
  const wanted = input.ChecksumAlgorithm;
  return wanted === undefined ? undefined : { algorithm: algorithmNamed(wanted) };
}

export function algorithmNamed(name: string): ChecksumAlgorithm {
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name.toUpperCase());
  if (!algorithm) {
    throw invalidRequest(
      `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${CHECKSUM_ALGORITHMS.join(", ")}]`,
    );
  }
  return algorithm;
}

/** Compares what was computed with what the request stated, in its header or its trailer. */
export function verifyChecksum(
  stated: StatedChecksum,
  computed: string,
  trailers: Readonly<Record<string, string>> = {},
): void {
  const expected = stated.trailer ? trailers[stated.trailer] : stated.value;
  if (expected === undefined) {
    if (stated.trailer) throw invalidRequest(`The trailer ${stated.trailer} is missing.`);
    return;
  }
  if (!isDigest(stated.algorithm, expected)) {
    throw invalidChecksumHeader(`x-amz-checksum-${stated.algorithm.toLowerCase()}`);
  }
  if (expected !== computed) throw badChecksum(stated.algorithm);
}

export function isDigest(algorithm: ChecksumAlgorithm, text: string): boolean {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === LENGTHS[algorithm] && bytes.toString("base64") === text;
}

/** Checksum of the checksums: `BASE64-N`. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, checksums: readonly string[]): string {
  const hasher = hasherFor(algorithm);
  for (const checksum of checksums) hasher.update(Buffer.from(checksum, "base64"));
  return `${hasher.digest()}-${checksums.length}`;
}

/** The CRC of bytes laid end to end, from the CRCs of its pieces and their lengths. */
export function combinedCrc(
  algorithm: ChecksumAlgorithm,
  pieces: readonly { readonly checksum: string; readonly bytes: number }[],
): string {
  const polynomial = CRC_POLYNOMIALS[algorithm];
  assert(polynomial !== undefined, `${algorithm} is a CRC`);
  const width = LENGTHS[algorithm] * 8;
  let total = 0n;
  for (const { checksum, bytes } of pieces) {
    total =
      shiftedByZeros(total, bytes, polynomial, width) ^ BigInt(`0x0${Buffer.from(checksum, "base64").toString("hex")}`);
  }
  return Buffer.from(total.toString(16).padStart(width / 4, "0"), "hex").toString("base64");
}

/**
 * What appending `bytes` zero bytes does to a CRC register: a linear map over GF(2), squared once per bit of the length.
 * Row n of a matrix is the image of bit n.
 */
function shiftedByZeros(value: bigint, bytes: number, polynomial: bigint, width: number): bigint {
  if (bytes === 0 || value === 0n) return value;
  let matrix = Array.from({ length: width }, (_, bit) => (bit === 0 ? polynomial : 1n << BigInt(bit - 1)));
  for (let i = 0; i < 3; i++) matrix = squared(matrix);
  let result = value;
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = applied(matrix, result);
    if (left > 1) matrix = squared(matrix);
  }
  return result;
}

function applied(matrix: readonly bigint[], vector: bigint): bigint {
  let sum = 0n;
  for (let bit = 0, rest = vector; rest > 0n; bit++, rest >>= 1n) if (rest & 1n) sum ^= matrix[bit]!;
  return sum;
}

const squared = (matrix: readonly bigint[]) => matrix.map((row) => applied(matrix, row));
