import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  CHECKSUM_ALGORITHMS,
  combinedCrc,
  compositeChecksum,
  hasherFor,
  isDigest,
  prepareChecksums,
  statedChecksum,
  verifyChecksum,
} from "./checksums.ts";

before(prepareChecksums);

const digest = (algorithm: (typeof CHECKSUM_ALGORITHMS)[number], ...chunks: string[]) => {
  const hasher = hasherFor(algorithm);
  for (const chunk of chunks) hasher.update(Buffer.from(chunk));
  return hasher.digest();
};
const hex = (base64: string) => Buffer.from(base64, "base64").toString("hex");

// Check values of "123456789" from the catalogue of parametrised CRC algorithms: CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME.
test("CRCs give the catalogue's check values", () => {
  assert.equal(hex(digest("CRC32", "123456789")), "cbf43926");
  assert.equal(hex(digest("CRC32C", "123456789")), "e3069283");
  assert.equal(hex(digest("CRC64NVME", "123456789")), "ae8b14860a799888");
});

test("a hasher keeps its state while others of its kind work in between", () => {
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const one = hasherFor(algorithm);
    const other = hasherFor(algorithm);
    one.update(Buffer.from("12345"));
    other.update(Buffer.from("abc"));
    one.update(Buffer.from("6789"));
    assert.equal(one.digest(), digest(algorithm, "123456789"), algorithm);
    assert.equal(other.digest(), digest(algorithm, "abc"), algorithm);
  }
});

test("CRCs of pieces combine to the CRC of the whole", () => {
  const pieces = ["", "a", "the quick brown fox", "\0\0\0", "x".repeat(70_001), ""];
  for (const algorithm of ["CRC32", "CRC32C", "CRC64NVME"] as const) {
    const combined = combinedCrc(
      algorithm,
      pieces.map((piece) => ({ checksum: digest(algorithm, piece), bytes: piece.length })),
    );
    assert.equal(combined, digest(algorithm, ...pieces), algorithm);
  }
});

test("a composite checksum is that of the parts' digests, with their number", () => {
  const one = digest("SHA256", "one");
  const two = digest("SHA256", "two");
  const hasher = hasherFor("SHA256");
  hasher.update(Buffer.concat([Buffer.from(one, "base64"), Buffer.from(two, "base64")]));
  assert.equal(compositeChecksum("SHA256", [one, two]), `${hasher.digest()}-2`);
});

test("a request states at most one checksum", () => {
  const crc32 = digest("CRC32", "x");
  assert.deepEqual(statedChecksum({ ChecksumCRC32: crc32 }), { algorithm: "CRC32", value: crc32 });
  assert.deepEqual(statedChecksum({}, { "x-amz-trailer": "x-amz-checksum-crc32c" }), {
    algorithm: "CRC32C",
    trailer: "x-amz-checksum-crc32c",
  });
  assert.deepEqual(statedChecksum({ ChecksumAlgorithm: "SHA256" }), { algorithm: "SHA256" });
  assert.equal(statedChecksum({}), undefined);
  assert.throws(() => statedChecksum({ ChecksumCRC32: crc32, ChecksumSHA1: digest("SHA1", "x") }), {
    code: "InvalidRequest",
  });
  assert.throws(() => statedChecksum({ ChecksumCRC32: "AA==" }), {
    message: "Value for x-amz-checksum-crc32 header is invalid.",
  });
});

test("what was stated must be what came", () => {
  const stated = { algorithm: "CRC32", trailer: "x-amz-checksum-crc32" } as const;
  verifyChecksum(stated, digest("CRC32", "x"), { "x-amz-checksum-crc32": digest("CRC32", "x") });
  assert.throws(() => verifyChecksum(stated, digest("CRC32", "x"), { "x-amz-checksum-crc32": digest("CRC32", "y") }), {
    code: "BadDigest",
    message: "The CRC32 you specified did not match the calculated checksum.",
  });
  assert.throws(() => verifyChecksum(stated, digest("CRC32", "x")), { code: "InvalidRequest" });
  assert.equal(isDigest("SHA256", digest("SHA256", "")), true);
  assert.equal(isDigest("SHA256", "nonsense"), false);
});
