import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type AttributeMap,
  type AttributeValue,
  compareScalars,
  equalValues,
  normalizeMap,
  normalizeValue,
} from "./attribute-value.ts";
import { addNumbers, compareNumbers, normalizeNumber, numberSize, orderedNumber, subtractNumbers } from "./numbers.ts";
import { pack, unpack } from "./packed.ts";
import { itemSize, valueSize } from "./size.ts";

const refuses = (value: unknown, message: string) =>
  assert.throws(() => normalizeValue(value as AttributeValue), { code: "ValidationException", message });

describe("numbers", () => {
  const forms: [string, string][] = [
    ["0", "0"],
    ["-0", "0"],
    ["0.000", "0"],
    ["0e999999999", "0"],
    ["+5", "5"],
    ["5.", "5"],
    [".5", "0.5"],
    ["0042.1200", "42.12"],
    ["1e3", "1000"],
    ["1E+3", "1000"],
    ["-1.5e-3", "-0.0015"],
    ["1E125", `1${"0".repeat(125)}`],
    ["1E-130", `0.${"0".repeat(129)}1`],
    ["-9.9999999999999999999999999999999999999E+125", `-${"9".repeat(38)}${"0".repeat(88)}`],
    ["12345678901234567890123456789012345678", "12345678901234567890123456789012345678"],
    [`${"1".repeat(38)}00`, `${"1".repeat(38)}00`],
    ["1234567890123450", "1234567890123450"],
  ];
  for (const [given, plain] of forms) it(`reads ${given}`, () => assert.equal(normalizeNumber(given), plain));

  const refused: [string, string][] = [
    ["", "The parameter cannot be converted to a numeric value"],
    ["abc", "The parameter cannot be converted to a numeric value: abc"],
    ["NaN", "The parameter cannot be converted to a numeric value: NaN"],
    ["Infinity", "The parameter cannot be converted to a numeric value: Infinity"],
    [" 1", "The parameter cannot be converted to a numeric value:  1"],
    [".", "The parameter cannot be converted to a numeric value: ."],
    ["1e", "The parameter cannot be converted to a numeric value: 1e"],
    ["0x10", "The parameter cannot be converted to a numeric value: 0x10"],
    ["1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"],
    ["-1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"],
    [
      "1E99999999999999999999",
      "Number overflow. Attempting to store a number with magnitude larger than supported range",
    ],
    ["1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"],
    ["1".repeat(39), "Attempting to store more than 38 significant digits in a Number"],
    ["1.00000000000000000000000000000000000001", "Attempting to store more than 38 significant digits in a Number"],
  ];
  for (const [given, message] of refused) {
    it(`refuses "${given.slice(0, 20)}"`, () =>
      assert.throws(() => normalizeNumber(given), { code: "ValidationException", message }));
  }

  const sums: [string, string, string, string][] = [
    ["1", "2", "3", "-1"],
    ["0.1", "0.2", "0.3", "-0.1"],
    ["-5", "5", "0", "-10"],
    [
      "99999999999999999999999999999999999998",
      "1",
      "99999999999999999999999999999999999999",
      "99999999999999999999999999999999999997",
    ],
    ["1000000", "0.000001", "1000000.000001", "999999.999999"],
    ["0", "0", "0", "0"],
  ];
  for (const [left, right, plus, minus] of sums) {
    it(`adds and subtracts ${left} and ${right}`, () => {
      assert.equal(addNumbers(left, right), plus);
      assert.equal(subtractNumbers(left, right), minus);
    });
  }

  it("refuses a sum that needs more than 38 digits or is too large", () => {
    assert.throws(() => addNumbers(normalizeNumber("1e100"), "1"), { message: /more than 38 significant digits/ });
    assert.throws(() => addNumbers(normalizeNumber("9e125"), normalizeNumber("9e125")), { message: /Number overflow/ });
  });

  // Captured on AWS: github.com/nubo-db/dynamodb-conformance, tests/tier3/limits/numberByteSize.test.ts (2026-08-18).
  const sizes: [string, number][] = [
    ["1", 2],
    ["3.14159", 5],
    ["123456", 4],
    ["1E125", 2],
    ["-1", 3],
    ["100", 2],
    ["0.001", 2],
    ["10.05", 3],
  ];
  for (const [given, bytes] of sizes)
    it(`counts ${bytes} bytes for ${given}`, () => assert.equal(numberSize(normalizeNumber(given)), bytes));

  const decimal = fc
    .record({
      digits: fc.bigInt(0n, 10n ** 38n - 1n),
      exponent: fc.integer({ min: -92, max: 87 }),
      negative: fc.boolean(),
    })
    .map(({ digits, exponent, negative }) => normalizeNumber(`${negative ? "-" : ""}${digits}e${exponent}`));
  const exact = (text: string) => {
    const [whole, fraction = ""] = text.split(".") as [string, string?];
    return BigInt(whole!.replace("-", "") + fraction.padEnd(140, "0")) * (text.startsWith("-") ? -1n : 1n);
  };

  it("orders numbers, and their bytes, as exact arithmetic does", () => {
    fc.assert(
      fc.property(decimal, decimal, (left, right) => {
        const difference = exact(left) - exact(right);
        const expected = difference < 0n ? -1 : difference > 0n ? 1 : 0;
        assert.equal(Math.sign(compareNumbers(left, right)), expected);
        assert.equal(Buffer.compare(orderedNumber(left), orderedNumber(right)), expected);
      }),
      { numRuns: 500 },
    );
  });

  it("orders the bytes of neighbours and of the range's ends", () => {
    const ascending = [
      "-9.9e125",
      "-1e125",
      "-12.3",
      "-12",
      "-1.21",
      "-1.2",
      "-1",
      "-0.5",
      "-1e-130",
      "0",
      "1e-130",
      "0.5",
      "1",
      "1.2",
      "1.21",
      "9",
      "10",
      "12",
      "12.3",
      "99",
      "100",
      "1e125",
      "9.9e125",
    ].map(normalizeNumber);
    for (let i = 1; i < ascending.length; i++) {
      assert.equal(
        Buffer.compare(orderedNumber(ascending[i - 1]!), orderedNumber(ascending[i]!)),
        -1,
        `${ascending[i - 1]} < ${ascending[i]}`,
      );
    }
  });
});

describe("attribute values", () => {
  const cases: [string, unknown, string][] = [
    ["empty", {}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"],
    ["unknown type", { X: 1 }, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"],
    [
      "two types",
      { S: "a", N: "1" },
      "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
    ],
    [
      "NULL false",
      { NULL: false },
      "One or more parameter values were invalid: Null attribute value types must have the value of true",
    ],
    ["empty SS", { SS: [] }, "One or more parameter values were invalid: An string set  may not be empty"],
    ["empty NS", { NS: [] }, "One or more parameter values were invalid: An number set  may not be empty"],
    ["empty BS", { BS: [] }, "One or more parameter values were invalid: Binary sets should not be empty"],
    [
      "duplicate SS",
      { SS: ["a", "b", "a"] },
      "One or more parameter values were invalid: Input collection [a, b, a] contains duplicates.",
    ],
    ["duplicate NS", { NS: ["1", "1.0"] }, "Input collection contains duplicates"],
    [
      "duplicate BS",
      { BS: [Buffer.from("b"), Buffer.from("b")] },
      "One or more parameter values were invalid: Input collection [Yg==, Yg==]of type BS contains duplicates.",
    ],
    ["empty number in NS", { NS: [""] }, "The parameter cannot be converted to a numeric value"],
    ["nested", { L: [{ M: { a: { N: "x" } } }] }, "The parameter cannot be converted to a numeric value: x"],
    [
      "wrong number before the second type",
      { N: "x", S: "a" },
      "The parameter cannot be converted to a numeric value: x",
    ],
  ];
  for (const [name, value, message] of cases) it(`refuses: ${name}`, () => refuses(value, message));

  it("takes empty strings and binaries, in sets too", () => {
    for (const value of [
      { S: "" },
      { B: Buffer.alloc(0) },
      { SS: [""] },
      { BS: [Buffer.alloc(0)] },
      { L: [] },
      { M: {} },
    ]) {
      assert.deepEqual(normalizeValue(value as AttributeValue), value);
    }
  });

  const nested = (depth: number): AttributeValue => (depth === 0 ? { S: "leaf" } : { M: { n: nested(depth - 1) } });
  it("takes 32 levels and refuses 33", () => {
    normalizeMap({ a: nested(32) });
    refuses(
      nested(33),
      "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit",
    );
  });

  it("brings numbers to their plain form everywhere and leaves the given map alone", () => {
    const given: AttributeMap = { a: { N: "01" }, b: { L: [{ NS: ["1e1", "2.0"] }] } };
    assert.deepEqual(normalizeMap(given), { a: { N: "1" }, b: { L: [{ NS: ["10", "2"] }] } });
    assert.deepEqual(given.a, { N: "01" });
  });

  it("compares sets without order and lists with it", () => {
    assert.ok(equalValues({ SS: ["a", "b"] }, { SS: ["b", "a"] }));
    assert.ok(!equalValues({ SS: ["a", "b"] }, { SS: ["b", "c"] }));
    assert.ok(!equalValues({ L: [{ S: "a" }, { S: "b" }] }, { L: [{ S: "b" }, { S: "a" }] }));
    assert.ok(equalValues({ M: { a: { S: "1" }, b: { NULL: true } } }, { M: { b: { NULL: true }, a: { S: "1" } } }));
    assert.ok(!equalValues({ M: { a: { S: "1" } } }, { M: { toString: { S: "1" } } }));
    assert.ok(!equalValues({ S: "1" }, { N: "1" }));
  });

  it("orders text by its UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (left, right) => {
        assert.equal(
          Math.sign(compareScalars({ S: left }, { S: right })),
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
      }),
    );
    assert.ok(compareScalars({ S: "\uffee" }, { S: "\u{1f600}" }) < 0);
  });
});

describe("sizes", () => {
  const sizes: [AttributeValue, number][] = [
    [{ S: "abc" }, 3],
    [{ S: "é" }, 2],
    [{ B: Buffer.alloc(10) }, 10],
    [{ BOOL: false }, 1],
    [{ NULL: true }, 1],
    [{ SS: ["ab", "c"] }, 3],
    [{ NS: ["1", "23"] }, 4],
    [{ BS: [Buffer.alloc(2), Buffer.alloc(3)] }, 5],
    [{ L: [] }, 3],
    [{ L: [{ S: "ab" }, { BOOL: true }] }, 8],
    [{ M: {} }, 3],
    [{ M: { key: { S: "ab" } } }, 9],
  ];
  for (const [value, bytes] of sizes)
    it(`${JSON.stringify(value)} takes ${bytes}`, () => assert.equal(valueSize(value), bytes));
  it("counts names", () => assert.equal(itemSize({ pk: { S: "a" }, é: { S: "b" } }), 6));
});

describe("the stored form", () => {
  const value: fc.Memo<AttributeValue> = fc.memo((depth) =>
    fc.oneof(
      fc.string().map((S) => ({ S }) as AttributeValue),
      fc.integer().map((n) => ({ N: String(n) }) as AttributeValue),
      fc.uint8Array().map((B) => ({ B }) as AttributeValue),
      fc.boolean().map((BOOL) => ({ BOOL }) as AttributeValue),
      fc.constant({ NULL: true } as AttributeValue),
      fc.uniqueArray(fc.string(), { minLength: 1 }).map((SS) => ({ SS }) as AttributeValue),
      fc.uniqueArray(fc.integer(), { minLength: 1 }).map((numbers) => ({ NS: numbers.map(String) }) as AttributeValue),
      fc.array(fc.uint8Array(), { minLength: 1, maxLength: 1 }).map((BS) => ({ BS }) as AttributeValue),
      ...(depth > 1
        ? [
            fc.array(value(depth - 1), { maxLength: 3 }).map((L) => ({ L }) as AttributeValue),
            fc
              .dictionary(fc.string(), value(depth - 1), { maxKeys: 3, noNullPrototype: true })
              .map((M) => ({ M }) as AttributeValue),
          ]
        : []),
    ),
  );
  it("gives every item back", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value(3), { maxKeys: 5, noNullPrototype: true }), (item) => {
        assert.deepEqual(unpack(pack(item)), item);
      }),
    );
  });
  it("carries names that JavaScript treats specially", () => {
    const item = JSON.parse('{"__proto__":{"S":"a"},"constructor":{"M":{"__proto__":{"N":"1"}}}}') as AttributeMap;
    assert.deepEqual(Object.keys(unpack(pack(item))), ["__proto__", "constructor"]);
    assert.equal(JSON.stringify(unpack(pack(item))), JSON.stringify(item));
  });
});
