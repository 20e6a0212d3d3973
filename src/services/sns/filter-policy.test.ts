import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileFilterPolicy, matchesAttributes, matchesBody } from "./filter-policy.ts";

const text = (StringValue: string) => ({ DataType: "String", StringValue });
const number = (StringValue: string) => ({ DataType: "Number", StringValue });
const list = (...values: unknown[]) => ({ DataType: "String.Array", StringValue: JSON.stringify(values) });

describe("filter policies over attributes", () => {
  const cases: readonly [policy: object, attributes: Record<string, any>, wanted: boolean][] = [
    [{ store: ["a"] }, { store: text("a") }, true],
    [{ store: ["a"] }, { store: text("A") }, false],
    [{ store: ["a"] }, {}, false],
    [{ store: ["a", "b"] }, { store: text("b") }, true],
    [{ store: ["a"], event: ["x"] }, { store: text("a") }, false],
    [{ store: ["a"], event: ["x"] }, { store: text("a"), event: text("x") }, true],
    [{ sports: ["rugby"] }, { sports: list("soccer", "rugby") }, true],
    [{ sports: ["rugby"] }, { sports: list("soccer") }, false],
    [{ flags: [true, null] }, { flags: list(null) }, true],
    [{ store: [{ prefix: "eu-" }] }, { store: text("eu-1") }, true],
    [{ store: [{ suffix: ".jpg" }] }, { store: text("a.jpg") }, true],
    [{ store: [{ suffix: ".jpg" }] }, { store: text("a.png") }, false],
    [{ store: [{ "equals-ignore-case": "Ab" }] }, { store: text("aB") }, true],
    [{ store: [{ wildcard: "a*c*e" }] }, { store: text("abcde") }, true],
    [{ store: [{ wildcard: "a*c*e" }] }, { store: text("abde") }, false],
    [{ store: [{ wildcard: "*" }] }, { store: text("") }, true],
    [{ store: [{ wildcard: "a\\*" }] }, { store: text("a*") }, true],
    [{ store: [{ wildcard: "a\\*" }] }, { store: text("ab") }, false],
    [{ store: [{ wildcard: "ab*ba" }] }, { store: text("aba") }, false],
    [{ store: [{ "anything-but": "a" }] }, { store: text("b") }, true],
    [{ store: [{ "anything-but": "a" }] }, {}, false],
    [{ store: [{ "anything-but": ["a", "b"] }] }, { store: text("b") }, false],
    [{ store: [{ "anything-but": { prefix: "eu-" } }] }, { store: text("us-1") }, true],
    [{ store: [{ "anything-but": { suffix: "x" } }] }, { store: text("ax") }, false],
    [{ price: [{ "anything-but": [100, 500] }] }, { price: number("100") }, false],
    [{ price: [{ "anything-but": [100, 500] }] }, { price: number("101") }, true],
    [{ price: [301.5] }, { price: number("3.015e2") }, true],
    [{ price: [{ numeric: ["=", 301.5] }] }, { price: number("301.500001") }, true],
    [{ price: [{ numeric: ["=", 301.5] }] }, { price: number("301.50002") }, false],
    [{ price: [{ numeric: [">", 0, "<=", 150] }] }, { price: number("150") }, true],
    [{ price: [{ numeric: [">", 0, "<=", 150] }] }, { price: number("0") }, false],
    [{ price: [{ numeric: ["<", 10] }] }, { price: text("5") }, false],
    [{ price: ["5"] }, { price: number("5") }, false],
    [{ store: [{ exists: true }] }, { store: text("x") }, true],
    [{ store: [{ exists: true }] }, {}, false],
    [{ store: [{ exists: false }] }, {}, true],
    [{ store: [{ exists: false }] }, { store: text("x") }, false],
    [{ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: text("10.0.0.255") }, true],
    [{ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: text("10.0.1.0") }, false],
    [{ ip: [{ cidr: "2001:db8::/32" }] }, { ip: text("2001:db8::1") }, true],
    [{ ip: [{ cidr: "0.0.0.0/0" }] }, { ip: text("9.9.9.9") }, true],
    [{ ip: [{ cidr: "10.0.0.0/24" }] }, { ip: text("no address") }, false],
    [{ source: ["s"], $or: [{ a: ["1"] }, { b: ["2"] }] }, { source: text("s"), b: text("2") }, true],
    [{ source: ["s"], $or: [{ a: ["1"] }, { b: ["2"] }] }, { source: text("s"), b: text("3") }, false],
    [{ store: ["a"] }, { store: { DataType: "Binary", BinaryValue: new Uint8Array([97]) } }, false],
    [{ constructor: [{ exists: true }] }, {}, false],
  ];
  for (const [policy, attributes, wanted] of cases) {
    test(`${JSON.stringify(policy)} ${wanted ? "takes" : "leaves"} ${JSON.stringify(attributes)}`, () => {
      assert.equal(
        matchesAttributes(compileFilterPolicy(JSON.stringify(policy), "MessageAttributes"), attributes),
        wanted,
      );
    });
  }
});

describe("filter policies over bodies", () => {
  const cases: readonly [policy: object, body: unknown, wanted: boolean][] = [
    [{ event: ["x"] }, { event: "x" }, true],
    [{ event: ["x"] }, "no json {", false],
    [{ event: ["x"] }, ["x"], false],
    [{ order: { item: { size: ["m"] } } }, { order: { item: { size: "m" } } }, true],
    [{ order: { item: { size: ["m"] } } }, { order: { item: "m" } }, false],
    [{ tags: ["b"] }, { tags: ["a", "b"] }, true],
    [{ items: { size: ["m"] } }, { items: [{ size: "s" }, { size: "m" }] }, true],
    [
      { items: { size: ["m"], colour: ["red"] } },
      {
        items: [
          { size: "m", colour: "blue" },
          { size: "s", colour: "red" },
        ],
      },
      false,
    ],
    [{ items: { size: ["m"], colour: ["red"] } }, { items: [{ size: "m", colour: "red" }] }, true],
    [{ count: [5] }, { count: 5 }, true],
    [{ count: [5] }, { count: "5" }, false],
    [{ open: [true] }, { open: true }, true],
    [{ gone: [null] }, { gone: null }, true],
    [{ gone: [{ exists: false }] }, {}, true],
    [{ gone: [{ exists: true }] }, { gone: null }, true],
    [{ a: { b: [{ exists: false }] } }, { a: {} }, true],
  ];
  for (const [policy, body, wanted] of cases) {
    test(`${JSON.stringify(policy)} ${wanted ? "takes" : "leaves"} ${JSON.stringify(body)}`, () => {
      const sent = typeof body === "string" ? body : JSON.stringify(body);
      assert.equal(matchesBody(compileFilterPolicy(JSON.stringify(policy), "MessageBody"), sent), wanted);
    });
  }
});

describe("what is no filter policy", () => {
  const six = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [name, ["x"]]));
  const cases: readonly [scope: "MessageAttributes" | "MessageBody", policy: string, message: string][] = [
    ["MessageAttributes", "{", "FilterPolicy: failed to parse JSON."],
    ["MessageAttributes", '{"a":"x"}', 'FilterPolicy: "a" must be an object or an array'],
    ["MessageAttributes", '{"a":[]}', "FilterPolicy: Empty arrays are not allowed"],
    ["MessageAttributes", JSON.stringify(six), "FilterPolicy: Filter policy can not have more than 5 keys"],
    [
      "MessageAttributes",
      '{"a":{"b":["x"]}}',
      "Filter policy scope MessageAttributes does not support nested filter policy",
    ],
    // 3 x 4 x 2 x 3 x 1 x 3 = 216: the example of the documentation.
    [
      "MessageBody",
      '{"a":{"b":{"c":["1","2","3","4"]}},"d":{"e":["1","2","3"]},"f":["1","2","3"]}',
      "FilterPolicy: Filter policy is too complex",
    ],
    ["MessageAttributes", '{"a":[["x"]]}', "FilterPolicy: Match value must be String, number, true, false, or null"],
    [
      "MessageAttributes",
      '{"a":[{"prefix":"x","suffix":"y"}]}',
      "FilterPolicy: Only one key allowed in match expression",
    ],
    ["MessageAttributes", '{"a":[{"prefix":5}]}', "FilterPolicy: prefix match pattern must be a string"],
    [
      "MessageAttributes",
      '{"a":[{"exists":"yes"}]}',
      "FilterPolicy: exists match pattern must be either true or false.",
    ],
    ["MessageAttributes", '{"a":[{"like":"x"}]}', "FilterPolicy: Unrecognized match type like"],
    ["MessageAttributes", '{"a":[{"numeric":[]}]}', "FilterPolicy: Invalid member in numeric match: ]"],
    ["MessageAttributes", '{"a":[{"numeric":["<>",5]}]}', "FilterPolicy: Unrecognized numeric range operator: <>"],
    ["MessageAttributes", '{"a":[{"numeric":["=","5"]}]}', "FilterPolicy: Value of equals must be numeric"],
    ["MessageAttributes", '{"a":[{"numeric":["<",5,">",1]}]}', "FilterPolicy: Too many elements in numeric expression"],
    ["MessageAttributes", '{"a":[{"numeric":[">",5,"<",5]}]}', "FilterPolicy: Bottom must be less than top"],
    ["MessageAttributes", '{"a":[{"cidr":"10.0.0.0"}]}', "FilterPolicy: Malformed CIDR, one '/' required"],
    ["MessageAttributes", '{"a":[{"cidr":"10.0.0/8"}]}', "FilterPolicy: Nonstandard IP address: 10.0.0"],
    [
      "MessageAttributes",
      '{"a":[{"anything-but":{"numeric":[5]}}]}',
      "FilterPolicy: Unsupported anything-but pattern: numeric",
    ],
  ];
  for (const [scope, policy, message] of cases) {
    test(`${policy} in ${scope}`, () => {
      assert.throws(() => compileFilterPolicy(policy, scope), {
        code: "InvalidParameterException",
        message: `Invalid parameter: ${message}`,
      });
    });
  }

  test("a hostile body cannot make matching slow", () => {
    const policy = compileFilterPolicy('{"a":{"a":{"a":["x"]}}}', "MessageBody");
    let body: unknown = "y";
    for (let depth = 0; depth < 3; depth++) body = { a: Array(200).fill(body) };
    assert.equal(matchesBody(policy, JSON.stringify(body)), false);
  });
});
