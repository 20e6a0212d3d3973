import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { compilePattern } from "./pattern.ts";

/** Most from https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html, 2026-11-28. */
const cases: readonly (readonly [object, object, boolean])[] = [
  [{ source: ["aws.ec2"] }, { source: "aws.ec2" }, true],
  [{ source: ["aws.ec2"] }, { source: "aws.s3" }, false],
  [{ a: [1, "x", null, true] }, { a: null }, true],
  [{ a: [null] }, {}, false],
  [{ a: [""] }, { a: "" }, true],
  [{ a: [100] }, { a: 100.0 }, true],
  [{ a: ["100"] }, { a: 100 }, false],
  [{ a: { b: { c: ["x"] } } }, { a: { b: { c: "x" } } }, true],
  [{ a: ["x"], b: ["y"] }, { a: "x", b: "z" }, false],
  [{ region: [{ prefix: "us-" }] }, { region: "us-east-1" }, true],
  [{ region: [{ prefix: { "equals-ignore-case": "EU-" } }] }, { region: "eu-north-1" }, true],
  [{ file: [{ suffix: ".png" }] }, { file: "a.png" }, true],
  [{ file: [{ suffix: { "equals-ignore-case": ".PNG" } }] }, { file: "a.pNg" }, true],
  [{ file: [{ suffix: ".png" }] }, { file: "a.jpg" }, false],
  [{ a: [{ "equals-ignore-case": "Alice" }] }, { a: "ALICE" }, true],
  [{ a: [{ "anything-but": "x" }] }, { a: "y" }, true],
  [{ a: [{ "anything-but": "x" }] }, { a: "x" }, false],
  [{ a: [{ "anything-but": "x" }] }, {}, false],
  [{ a: [{ "anything-but": "x" }] }, { a: 5 }, true],
  [{ a: [{ "anything-but": [1, 2] }] }, { a: 2 }, false],
  [{ a: [{ "anything-but": { prefix: "init" } }] }, { a: "initial" }, false],
  [{ a: [{ "anything-but": { prefix: ["init", "err"] } }] }, { a: "done" }, true],
  [{ a: [{ "anything-but": { suffix: ["1", "2"] } }] }, { a: "x2" }, false],
  [{ a: [{ "anything-but": { "equals-ignore-case": ["X", "Y"] } }] }, { a: "y" }, false],
  [{ a: [{ "anything-but": { wildcard: "*/lib/*" } }] }, { a: "/usr/lib/x" }, false],
  [{ a: [{ "anything-but": { wildcard: ["*/lib/*", "*/bin/*"] } }] }, { a: "/usr/share/x" }, true],
  [{ a: [{ numeric: ["=", 3.018e2] }] }, { a: 301.8 }, true],
  [{ a: [{ numeric: ["<", 10] }] }, { a: 10 }, false],
  [{ a: [{ numeric: [">", 0, "<=", 5] }] }, { a: 5 }, true],
  [{ a: [{ numeric: [">", 0, "<=", 5] }] }, { a: "5" }, false],
  [{ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: "10.0.0.255" }, true],
  [{ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: "10.0.1.0" }, false],
  [{ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: "not an address" }, false],
  [{ ip: [{ cidr: "2001:db8::/32" }] }, { ip: "2001:db8:ffff::1" }, true],
  [{ ip: [{ cidr: "2001:db8::/32" }] }, { ip: "2001:db9::1" }, false],
  [{ ip: [{ cidr: "0.0.0.0/0" }] }, { ip: "255.1.2.3" }, true],
  [{ a: [{ exists: true }] }, { a: null }, true],
  [{ a: [{ exists: true }] }, { a: {} }, false],
  [{ a: { b: [{ exists: false }] } }, { a: { c: 1 } }, true],
  [{ a: { b: [{ exists: false }] } }, {}, true],
  [{ a: [{ exists: false }] }, { a: [] }, true],
  [{ a: [{ wildcard: "dir/*.png" }] }, { a: "dir/x/y.png" }, true],
  [{ a: [{ wildcard: "a*a" }] }, { a: "a" }, false],
  [{ a: [{ wildcard: "*\\**" }] }, { a: "x*y" }, true],
  [{ a: [{ wildcard: "*\\**" }] }, { a: "xy" }, false],
  [{ a: ["x"] }, { a: ["y", "x"] }, true],
  [{ a: ["x"] }, { a: [["y"], ["x"]] }, true],
  [
    { a: { b: ["x"], c: ["y"] } },
    {
      a: [
        { b: "x", c: "z" },
        { b: "z", c: "y" },
      ],
    },
    false,
  ],
  [{ a: { b: ["x"], c: ["y"] } }, { a: [{ b: "z" }, { b: "x", c: "y" }] }, true],
  [{ $or: [{ a: ["x"] }, { b: [{ numeric: [">", 1] }] }] }, { b: 2 }, true],
  [{ s: ["t"], $or: [{ a: ["x"] }, { b: ["y"] }] }, { s: "u", a: "x" }, false],
  [{ d: { $or: [{ a: ["x"] }, { b: ["y"] }] } }, { d: { b: "y" } }, true],
];
for (const [pattern, event, expected] of cases) {
  test(`${JSON.stringify(pattern)} on ${JSON.stringify(event)} is ${expected}`, () => {
    assert.equal(compilePattern(pattern)(event), expected);
  });
}

/** Reasons as https://github.com/aws/event-ruler gives them. */
const refusals: readonly (readonly [unknown, string])[] = [
  ["text", "Filter is not an object"],
  [[], "Filter is not an object"],
  [{}, "Empty objects are not allowed"],
  [{ a: {} }, "Empty objects are not allowed"],
  [{ a: "b" }, '"a" must be an object or an array'],
  [{ a: [] }, "Empty arrays are not allowed"],
  [{ a: [[]] }, "Match value must be String, number, true, false, or null"],
  [{ a: [{}] }, "Match expression name not found"],
  [{ a: [{ like: "b" }] }, "Unrecognized match type like"],
  [{ a: [{ prefix: "a", suffix: "b" }] }, "Only one key allowed in match expression"],
  [{ a: [{ prefix: 1 }] }, "prefix match pattern must be a string"],
  [{ a: [{ prefix: { prefix: "a" } }] }, "Unsupported prefix pattern: prefix"],
  [{ a: [{ exists: "yes" }] }, "exists match pattern must be either true or false."],
  [{ a: [{ "anything-but": null }] }, "Value of anything-but must be an array or single string/number value."],
  [{ a: [{ "anything-but": [null] }] }, "Inside anything but list, start|null|boolean is not supported."],
  [
    { a: [{ "anything-but": [1, "a"] }] },
    "Inside anything but list, either all values are number or string, mixed type is not supported",
  ],
  [{ a: [{ "anything-but": { numeric: ["=", 1] } }] }, "Unsupported anything-but pattern: numeric"],
  [{ a: [{ "anything-but": { prefix: "" } }] }, "Null prefix/suffix not allowed"],
  [{ a: [{ numeric: 5 }] }, "Value of numeric must be an array."],
  [{ a: [{ numeric: ["~", 1] }] }, "Unrecognized numeric range operator: ~"],
  [{ a: [{ numeric: [">", "1"] }] }, "Value of > must be numeric"],
  [{ a: [{ numeric: ["=", 1, "<", 2] }] }, "Too many elements in numeric expression"],
  [{ a: [{ numeric: [">", 1, ">", 2] }] }, "Bad numeric range operator: >"],
  [{ a: [{ numeric: [">", 2, "<", 1] }] }, "Bottom must be less than top"],
  [{ a: [{ numeric: ["=", 6e9] }] }, "Value must be between -5.0E9 and 5.0E9, inclusive"],
  [{ a: [{ cidr: "10.0.0.0" }] }, "Malformed CIDR, one '/' required"],
  [{ a: [{ cidr: "10.0.0.0/x" }] }, "Malformed CIDR, mask bits must be an integer"],
  [{ a: [{ wildcard: "a**b" }] }, "Consecutive wildcard characters at pos 2"],
  [{ a: [{ wildcard: "a\\b" }] }, "Invalid escape character at pos 2"],
  [{ $or: {} }, "It must be an Array followed with $or."],
  [{ $or: [{ a: ["x"] }] }, "There must have at least 2 Objects in $or relationship."],
  [{ $or: [{ a: ["x"] }, "b"] }, "Only JSON object is allowed in array of $or relationship."],
  [{ $or: [{ prefix: ["x"] }, { a: ["b"] }] }, "prefix is Ruler reserved fieldName which cannot be used inside $or."],
];
for (const [pattern, message] of refusals) {
  test(`no pattern: ${JSON.stringify(pattern)}`, () =>
    assert.throws(() => compilePattern(pattern), { name: "InvalidPattern", message }));
}

test("a dialect knows only its own comparisons", () => {
  assert.throws(() => compilePattern({ a: [{ cidr: "10.0.0.0/8" }] }, { operators: ["prefix"] }), {
    message: "Unrecognized match type cidr",
  });
});

test("wildcards agree with regular expressions", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
  fc.assert(
    fc.property(fc.array(letters, { minLength: 1, maxLength: 5 }), letters, (parts, value) => {
      const inner = parts.slice(1, -1).filter((part) => part !== "");
      const pieces = parts.length === 1 ? parts : [parts[0]!, ...inner, parts.at(-1)!];
      const expected = new RegExp(`^${pieces.join(".*")}$`).test(value);
      assert.equal(compilePattern({ v: [{ wildcard: pieces.join("*") }] })({ v: value }), expected);
    }),
  );
});
