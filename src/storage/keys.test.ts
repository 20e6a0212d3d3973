import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeKey, type KeyPart, key, keysUnder, keysWithPrefix, lastNumber, numberedKey } from "./keys.ts";

const part = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string(),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);
const tuple = fc.array(part, { maxLength: 4 });

const rank = (p: KeyPart) => (typeof p === "string" ? 2 : typeof p === "number" ? 1 : 0);
const bytesOf = (p: string | Uint8Array) => (typeof p === "string" ? Buffer.from(p, "utf8") : Buffer.from(p));

/** The order that keys promise, written the slow and obvious way. */
function compareTuples(left: KeyPart[], right: KeyPart[]): number {
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [a, b] = [left[i]!, right[i]!];
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    const order = typeof a === "number" ? a - (b as number) || 0 : Buffer.compare(bytesOf(a), bytesOf(b as string));
    if (order !== 0) return Number.isNaN(order) ? (a < b ? -1 : a > b ? 1 : 0) : Math.sign(order);
  }
  return left.length - right.length;
}

test("keys sort as their tuples do", () => {
  fc.assert(
    fc.property(tuple, tuple, (left, right) => {
      const [a, b] = [key(...left), key(...right)];
      assert.equal(Math.sign(a < b ? -1 : a > b ? 1 : 0), Math.sign(compareTuples(left, right)));
    }),
    { numRuns: 5000 },
  );
});

test("a key decodes to its tuple", () => {
  fc.assert(
    fc.property(tuple, (parts) => {
      const expected = parts.map((p) => (typeof p === "string" ? Buffer.from(p).toString() : p === 0 ? 0 : p));
      assert.deepEqual(decodeKey(key(...parts)), expected);
    }),
    { numRuns: 2000 },
  );
});

test("keysUnder holds the tuple and what extends it, and nothing else", () => {
  fc.assert(
    fc.property(tuple, tuple, (stem, other) => {
      const { start, end } = keysUnder(...stem);
      const inside = (parts: KeyPart[]) => key(...parts) >= start && key(...parts) < end;
      assert.ok(inside(stem));
      assert.ok(inside([...stem, ...other]));
      const extendsStem = key(...other).startsWith(key(...stem));
      assert.equal(inside(other), extendsStem);
    }),
  );
});

test("keysWithPrefix selects by the beginning of the next string", () => {
  const { start, end } = keysWithPrefix(["bucket"], "photos/é");
  const inside = (name: string) => key("bucket", name) >= start && key("bucket", name) < end;
  assert.ok(inside("photos/é"));
  assert.ok(inside("photos/été.png"));
  assert.ok(inside("photos/é\u0000"));
  assert.ok(!inside("photos/e"));
  assert.ok(!inside("photos/ê"));
  assert.ok(!inside("photos"));
});

test("not a number has no key", () => {
  assert.throws(() => key(Number.NaN), /NaN/);
});

test("a stem with numbers behind it is the key of the whole tuple, and its last number is read back", () => {
  fc.assert(
    fc.property(tuple, fc.double({ noNaN: true }), fc.double({ noNaN: true }), (stem, a, b) => {
      assert.equal(numberedKey(key(...stem), a), key(...stem, a));
      assert.equal(numberedKey(key(...stem), a, b), key(...stem, a, b));
      assert.equal(lastNumber(key(...stem, a)), a === 0 ? 0 : a);
    }),
    { numRuns: 2000 },
  );
});
