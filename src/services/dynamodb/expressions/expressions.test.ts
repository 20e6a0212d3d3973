/** Texts and their precedence: as AWS answers, recorded by dynalite's and dynamodb-conformance's public tests unless a case says otherwise. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { AttributeMap, AttributeValue } from "../values/attribute-value.ts";
import { applyUpdate } from "./apply-update.ts";
import { matches } from "./evaluate.ts";
import { checkExpressionParameters, type ExpressionInput, parseExpressions } from "./expressions.ts";
import { project } from "./paths.ts";
import { isReserved } from "./reserved-words.ts";

const S = (text: string): AttributeValue => ({ S: text });
const N = (number: number | string): AttributeValue => ({ N: String(number) });

const values: AttributeMap = {
  ":s": S("abc"),
  ":t": S("b"),
  ":n": N(5),
  ":m": N(3),
  ":b": { B: Buffer.from("abc") },
  ":bool": { BOOL: true },
  ":null": { NULL: true },
  ":ss": { SS: ["a", "b"] },
  ":ns": { NS: ["1", "2"] },
  ":bs": { BS: [Buffer.from("x")] },
  ":l": { L: [S("a")] },
  ":map": { M: { x: S("a") } },
};
const names: Record<string, string> = { "#a": "a", "#r": "size", "#dot": "x.y", "#l": "lst" };

/** Only the placeholders that occur, so that none is unused. */
function withPlaceholders(input: ExpressionInput): ExpressionInput {
  const text = Object.values(input).join(" ");
  const used = <T>(all: Record<string, T>): Record<string, T> | undefined => {
    const entries = Object.entries(all).filter(([key]) => new RegExp(`${key}(?![A-Za-z0-9_])`).test(text));
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  };
  return { ...input, ExpressionAttributeNames: used(names), ExpressionAttributeValues: used(values) };
}

const refused = (input: ExpressionInput, message: string) =>
  assert.throws(() => parseExpressions(withPlaceholders(input)), { code: "ValidationException", message });

describe("conditions that are refused", () => {
  const cases: [string, string][] = [
    ["", "The expression can not be empty;"],
    ["a", 'Syntax error; token: "<EOF>", near: "a"'],
    ["a =", 'Syntax error; token: "<EOF>", near: "="'],
    ["= a", 'Syntax error; token: "=", near: "= a"'],
    ["a = :s b", 'Syntax error; token: "b", near: ":s b"'],
    ["a ! :s", 'Syntax error; token: "!", near: "a ! :s"'],
    ["_a = :s", 'Syntax error; token: "_", near: "_a"'],
    ["attribute_type()", 'Syntax error; token: ")", near: "()"'],
    ["a[b] = :s", 'Syntax error; token: "b", near: "[b]"'],
    ["a between :s or :t", 'Syntax error; token: "or", near: ":s or :t"'],
    ["NOT NOT a = :s", 'Syntax error; token: "NOT", near: "NOT NOT a"'],
    ["(a = :s", 'Syntax error; token: "<EOF>", near: ":s"'],
    ["(a) ", 'Syntax error; token: "<EOF>", near: ") "'],
    ["a.in = :s", 'Syntax error; token: "in", near: ".in ="'],
    ["((a = :s))", "The expression has redundant parentheses;"],
    ["((a)) = :s", "The expression has redundant parentheses;"],
    ["a = ((:s))", "The expression has redundant parentheses;"],
    [`${"(".repeat(1000)}a = :s${")".repeat(1000)}`, "The expression has redundant parentheses;"],
    ["foo(a)", "Invalid function name; function: foo"],
    ["Size(a) = :n", "Invalid function name; function: Size"],
    ["size(a)", "The function is not allowed to be used this way in an expression; function: size"],
    [
      "attribute_exists(a) = :s",
      "The function is not allowed to be used this way in an expression; function: attribute_exists",
    ],
    [
      "contains(a, begins_with(b, :s))",
      "The function is not allowed to be used this way in an expression; function: begins_with",
    ],
    ["abort = :s", "Attribute name is a reserved keyword; reserved keyword: abort"],
    ["a.Size = :s", "Attribute name is a reserved keyword; reserved keyword: Size"],
    ["#x = :s", "An expression attribute name used in the document path is not defined; attribute name: #x"],
    ["a = :x", "An expression attribute value used in expression is not defined; attribute value: :x"],
    [":x = #y", "An expression attribute value used in expression is not defined; attribute value: :x"],
    [
      "attribute_exists(a, b)",
      "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
    ],
    [
      "begins_with(a)",
      "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1",
    ],
    [
      "size(a, b) > :n",
      "Incorrect number of operands for operator or function; operator or function: size, number of operands: 2",
    ],
    [
      "a = a",
      "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]",
    ],
    [
      "a[0].b > #a[0].b",
      "The first operand must be distinct from the remaining operands for this operator or function; operator: >, first operand: [a, [0], b]",
    ],
    [
      "contains(a, a)",
      "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [a]",
    ],
    ["attribute_exists(:s)", "Operator or function requires a document path; operator or function: attribute_exists"],
    [
      "begins_with(a, :n)",
      "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
    ],
    [
      "begins_with(:l, a)",
      "Incorrect operand type for operator or function; operator or function: begins_with, operand type: L",
    ],
    [
      "begins_with(a, size(b))",
      "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
    ],
    [
      "attribute_type(a, :n)",
      "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N",
    ],
    [
      "attribute_type(a, b)",
      "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}",
    ],
    [
      "attribute_type(a, :s)",
      "Invalid attribute type name found; type: abc, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
    ],
    ["size(:n) = a", "Incorrect operand type for operator or function; operator or function: size, operand type: N"],
    ["a < :bool", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"],
    [
      "a between :n and :s",
      "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {S:abc}",
    ],
    [
      "a between :t and :s",
      "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:abc}",
    ],
    [
      `a IN (${Array.from({ length: 101 }, () => ":s").join(",")})`,
      "The IN operator is provided with too many operands; number of operands: 101",
    ],
    [`a = :s${" ".repeat(4091)}`, "Expression size has exceeded the maximum allowed size; expression size: 4097"],
    // Precedence.
    ["((foo(abort)))", "The expression has redundant parentheses;"],
    ["foo(abort) AND size(a)", "Invalid function name; function: foo"],
    ["size(a) AND abort = :x", "The function is not allowed to be used this way in an expression; function: size"],
    ["a = :x AND abort = :s", "Attribute name is a reserved keyword; reserved keyword: abort"],
    [
      "a = a AND b = :x",
      "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]",
    ],
    ["begins_with(:n, :x)", "An expression attribute value used in expression is not defined; attribute value: :x"],
  ];
  for (const [source, message] of cases) {
    it(source.slice(0, 60) || "(empty)", () => {
      refused({ ConditionExpression: source }, `Invalid ConditionExpression: ${message}`);
      refused({ FilterExpression: source }, `Invalid FilterExpression: ${message}`);
    });
  }
  it("names an expression with too many operators", () =>
    refused(
      { ConditionExpression: Array.from({ length: 151 }, () => "a=:s").join(" or ") },
      "Invalid ConditionExpression: The expression has exceeded the maximum number of operators; operator count: 301, maximum: 300",
    ));
});

describe("conditions", () => {
  const item: AttributeMap = {
    a: S("abc"),
    n: N(5),
    big: N("12345678901234567890.5"),
    bin: { B: Buffer.from("abcd") },
    yes: { BOOL: true },
    nothing: { NULL: true },
    ss: { SS: ["b", "a"] },
    ns: { NS: ["1", "5"] },
    bs: { BS: [Buffer.from("x"), Buffer.from("abc")] },
    lst: { L: [S("x"), { M: { deep: N(7) } }, S("abc")] },
    doc: { M: { x: S("a"), nest: { M: { y: { L: [N(1)] } } } } },
    "x.y": S("dotted"),
    music: S("é\u{1d11e}"),
    size: N(3),
  };
  const cases: [string, boolean][] = [
    ["a = :s", true],
    ["a <> :s", false],
    ["absent = :s", false],
    ["absent <> :s", true],
    ["absent < :s", false],
    ["a = :n", false],
    ["a <> :n", true],
    ["a < :t", true],
    ["n >= :n", true],
    ["n > :m", true],
    ["n <= :m", false],
    [":n = n", true],
    ["big > :n", true],
    ["ss = :ss", true],
    ["yes = :bool", true],
    ["nothing = :null", true],
    ["doc.x = :t", false],
    ["doc.nest.y[0] < :n", true],
    ["lst[1].deep > :n", true],
    ["lst[9] = :s", false],
    ["a.x = :s", false],
    ["a[0] = :s", false],
    ["#dot = :s", false],
    ["attribute_exists(#dot)", true],
    ["#r = :m", true],
    ["n BETWEEN :m AND :n", true],
    ["a between :s and :t", true],
    [":n between :m and n", true],
    ["a IN (:t, :n, :s)", true],
    ["a in (:t)", false],
    ["absent IN (:s)", false],
    ["lst[2] IN (a)", true],
    ["attribute_exists(doc.nest.y)", true],
    ["attribute_not_exists(doc.nest.z)", true],
    ["attribute_not_exists(a)", false],
    ["begins_with(a, :s)", true],
    ["begins_with(bin, :b)", true],
    ["begins_with(n, :s)", false],
    ["contains(a, :t)", true],
    ["contains(ss, :t)", true],
    ["contains(ns, :n)", true],
    ["contains(ns, :m)", false],
    ["contains(bs, :b)", true],
    ["contains(bin, :b)", true],
    ["contains(lst, :s)", true],
    ["contains(lst, :t)", false],
    ["contains(n, :n)", false],
    ["contains(absent, :s)", false],
    ["size(a) = :m", true],
    // On AWS: github.com/ExtendDB/extenddb/pull/67.
    ["size(music) = :m", true],
    ["size(bin) > :m", true],
    ["size(ss) < :m", true],
    ["size(lst) = :m", true],
    ["size(doc) < :m", true],
    ["size(n) = :n", false],
    ["size(absent) = :n", false],
    ["NOT a = :s", false],
    ["not (a = :s and n = :m)", true],
    ["a = :s OR absent = :s AND absent = :s", true],
    ["(a = :s OR absent = :s) AND absent = :s", false],
    ["(a) = (:s)", true],
    ["(a = :s) and ((n) = :n)", true],
    ["A = :s", false],
  ];
  for (const [source, expected] of cases) {
    it(`${source} is ${expected}`, () => {
      const { condition } = parseExpressions(withPlaceholders({ ConditionExpression: source }));
      assert.equal(matches(condition!, item), expected);
    });
  }
  for (const type of ["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"]) {
    it(`attribute_type knows ${type}`, () => {
      const named = {
        S: "a",
        N: "n",
        B: "bin",
        BOOL: "yes",
        NULL: "nothing",
        SS: "ss",
        NS: "ns",
        BS: "bs",
        L: "lst",
        M: "doc",
      };
      for (const [other, attribute] of Object.entries(named)) {
        const { condition } = parseExpressions({
          ConditionExpression: "attribute_type(#x, :type)",
          ExpressionAttributeNames: { "#x": attribute },
          ExpressionAttributeValues: { ":type": S(type) },
        });
        assert.equal(matches(condition!, item), other === type);
      }
    });
  }
  it("never looks at what an object inherits", () => {
    for (const name of ["constructor", "toString", "__proto__"]) {
      const { condition } = parseExpressions({
        ConditionExpression: "attribute_exists(#x)",
        ExpressionAttributeNames: { "#x": name },
      });
      assert.equal(matches(condition!, item), false);
    }
  });
});

describe("key conditions", () => {
  const cases: [string, string][] = [
    ["a = :s OR b = :s", "Invalid operator used in KeyConditionExpression: OR"],
    ["NOT a = :s", "Invalid operator used in KeyConditionExpression: NOT"],
    ["a IN (:s)", "Invalid operator used in KeyConditionExpression: IN"],
    ["a <> :s", "Invalid operator used in KeyConditionExpression: <>"],
    ["attribute_exists(a)", "Invalid operator used in KeyConditionExpression: attribute_exists"],
    ["contains(a, :s)", "Invalid operator used in KeyConditionExpression: contains"],
    ["size(a) = :n", "KeyConditionExpressions cannot contain nested operations"],
    [
      ":s between a and :t",
      "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first operand",
    ],
    [
      "begins_with(:s, a)",
      "Invalid condition in KeyConditionExpression: begins_with operator must have the key attribute as its first operand",
    ],
    ["a = b", "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"],
    ["a.b = :s", "KeyConditionExpressions cannot have conditions on nested attributes"],
    [":s = :t", "Invalid condition in KeyConditionExpression: No key attribute specified"],
    ["a = :s AND a = :t", "KeyConditionExpressions must only contain one condition per key"],
    ["((a = :s))", "Invalid KeyConditionExpression: The expression has redundant parentheses;"],
    ["", "Invalid KeyConditionExpression: The expression can not be empty;"],
  ];
  for (const [source, message] of cases)
    it(`refuses ${source}`, () => refused({ KeyConditionExpression: source }, message));

  it("takes both orders and all operators", () => {
    const of = (source: string) =>
      parseExpressions(withPlaceholders({ KeyConditionExpression: source })).keyConditions!;
    assert.deepEqual(
      [...of("a = :s AND :t >= b")],
      [
        ["a", { operator: "EQ", values: [S("abc")] }],
        ["b", { operator: "LE", values: [S("b")] }],
      ],
    );
    assert.deepEqual(of("(a = :s AND (b BETWEEN :s AND :t))").get("b"), {
      operator: "BETWEEN",
      values: [S("abc"), S("b")],
    });
    assert.deepEqual(of("begins_with(b, :s)").get("b"), { operator: "BEGINS_WITH", values: [S("abc")] });
    for (const [source, operator] of [
      ["<", "LT"],
      ["<=", "LE"],
      [">", "GT"],
      [">=", "GE"],
    ] as const) {
      assert.equal(of(`b ${source} :s`).get("b")!.operator, operator);
    }
  });
});

describe("updates that are refused", () => {
  const cases: [string, string][] = [
    ["", "The expression can not be empty;"],
    ["INVALID SYNTAX HERE", 'Syntax error; token: "INVALID", near: "INVALID SYNTAX"'],
    ["SET", 'Syntax error; token: "<EOF>", near: "SET"'],
    ["SET a", 'Syntax error; token: "<EOF>", near: "a"'],
    ["SET a = ", 'Syntax error; token: "<EOF>", near: "= "'],
    ["SET a = :n + :m + :n", 'Syntax error; token: "+", near: ":m + :n"'],
    ["SET a = :n,", 'Syntax error; token: "<EOF>", near: ","'],
    ["ADD a b", 'Syntax error; token: "b", near: "a b"'],
    ["REMOVE a :n", 'Syntax error; token: ":n", near: "a :n"'],
    ["SET set = :n", 'Syntax error; token: "set", near: "SET set ="'],
    ["SET abort = :n", "Attribute name is a reserved keyword; reserved keyword: abort"],
    ["SET a = foo(b)", "Invalid function name; function: foo"],
    ["SET a = size(b)", "Invalid function name; function: size"],
    ["SET a = :n SET b = :n", 'The "SET" section can only be used once in an update expression;'],
    ["REMOVE a set b = :n remove c", 'The "REMOVE" section can only be used once in an update expression;'],
    ["SET #x = :n", "An expression attribute name used in the document path is not defined; attribute name: #x"],
    ["SET a = :x", "An expression attribute value used in expression is not defined; attribute value: :x"],
    ["ADD a :x", "An expression attribute value used in expression is not defined; attribute value: :x"],
    [
      "SET a = :n, a = :m",
      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
    ],
    [
      "SET a.b = :n REMOVE #a",
      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]",
    ],
    [
      "SET a[1] = :n, a.b = :m",
      "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, [1]], path two: [a, b]",
    ],
    ["ADD a :s", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"],
    ["ADD a :l", "Incorrect operand type for operator or function; operator: ADD, operand type: LIST"],
    ["DELETE a :n", "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER"],
    ["DELETE a :map", "Incorrect operand type for operator or function; operator: DELETE, operand type: MAP"],
    ["DELETE a :bool", "Incorrect operand type for operator or function; operator: DELETE, operand type: BOOLEAN"],
    [
      "SET a = if_not_exists(b)",
      "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1",
    ],
    [
      "SET a = list_append(b, :l, :l)",
      "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 3",
    ],
    [
      "SET a = if_not_exists(:n, b)",
      "Operator or function requires a document path; operator or function: if_not_exists",
    ],
    [
      "SET a = list_append(b, :s)",
      "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
    ],
    ["SET a = b + :s", "Incorrect operand type for operator or function; operator or function: +, operand type: S"],
    [
      "SET a = :bool - b",
      "Incorrect operand type for operator or function; operator or function: -, operand type: BOOL",
    ],
    // Precedence.
    ["SET a = foo(abort) SET b = :x", "Attribute name is a reserved keyword; reserved keyword: abort"],
    ["SET a = foo(b) SET b = :x", "Invalid function name; function: foo"],
    ["SET a = :x SET a = #y", 'The "SET" section can only be used once in an update expression;'],
    ["SET a = :x, a = #y", "An expression attribute name used in the document path is not defined; attribute name: #y"],
    [
      "SET a = :s + :n, a = :n",
      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
    ],
  ];
  for (const [source, message] of cases) {
    it(source || "(empty)", () => refused({ UpdateExpression: source }, `Invalid UpdateExpression: ${message}`));
  }
});

describe("updates", () => {
  const item: AttributeMap = {
    pk: S("k"),
    n: N(10),
    s: S("text"),
    ss: { SS: ["a", "c"] },
    ns: { NS: ["1"] },
    bs: { BS: [Buffer.from("x"), Buffer.from("y")] },
    lst: { L: [N(0), N(1), N(2)] },
    doc: { M: { k: N(1), lst: { L: [N(1)] } } },
  };
  const update = (source: string) =>
    applyUpdate(parseExpressions(withPlaceholders({ UpdateExpression: source })).update!, item);
  const cases: [string, Record<string, AttributeValue | undefined>][] = [
    ["SET a = :s", { a: S("abc") }],
    ["set #dot = :n, a = s", { "x.y": N(5), a: S("text") }],
    ["SET n = n + :n", { n: N(15) }],
    ["SET n = n - :n", { n: N(5) }],
    ["SET n = (:n + :m)", { n: N(8) }],
    ["SET a = n, n = :n", { a: N(10), n: N(5) }],
    ["SET n = s, s = n", { n: S("text"), s: N(10) }],
    ["SET a = if_not_exists(a, :n)", { a: N(5) }],
    ["SET n = if_not_exists(n, :n)", { n: N(10) }],
    ["SET n = if_not_exists(a, :n) + :m", { n: N(8) }],
    ["SET lst = list_append(lst, :l)", { lst: { L: [N(0), N(1), N(2), S("a")] } }],
    ["SET lst = list_append(:l, lst)", { lst: { L: [S("a"), N(0), N(1), N(2)] } }],
    ["SET a = list_append(if_not_exists(a, :l), :l)", { a: { L: [S("a"), S("a")] } }],
    ["SET lst[1] = :s", { lst: { L: [N(0), S("abc"), N(2)] } }],
    ["SET lst[9] = :s, lst[7] = :t", { lst: { L: [N(0), N(1), N(2), S("b"), S("abc")] } }],
    ["SET doc.k = :s, doc.x = :n", { doc: { M: { k: S("abc"), lst: { L: [N(1)] }, x: N(5) } } }],
    ["SET doc.lst[0] = :s", { doc: { M: { k: N(1), lst: { L: [S("abc")] } } } }],
    ["REMOVE n, s", { n: undefined, s: undefined }],
    ["REMOVE absent", {}],
    ["REMOVE lst[0], lst[1]", { lst: { L: [N(2)] } }],
    ["REMOVE lst[9]", { lst: { L: [N(0), N(1), N(2)] } }],
    ["REMOVE lst[0] SET lst[2] = :s", { lst: { L: [N(1), S("abc")] } }],
    ["REMOVE doc.k", { doc: { M: { lst: { L: [N(1)] } } } }],
    ["ADD n :n", { n: N(15) }],
    ["ADD a :n", { a: N(5) }],
    ["ADD a :ss", { a: { SS: ["a", "b"] } }],
    ["ADD ss :ss", { ss: { SS: ["a", "c", "b"] } }],
    ["ADD ns :ns", { ns: { NS: ["1", "2"] } }],
    ["ADD bs :bs", { bs: { BS: [Buffer.from("x"), Buffer.from("y")] } }],
    ["ADD doc.k :n", { doc: { M: { k: N(6), lst: { L: [N(1)] } } } }],
    ["DELETE ss :ss", { ss: { SS: ["c"] } }],
    ["DELETE ns :ns", { ns: undefined }],
    ["DELETE bs :bs", { bs: { BS: [Buffer.from("y")] } }],
    ["DELETE absent :ss", {}],
    ["SET a = :n REMOVE s ADD n :n DELETE ss :ss", { a: N(5), s: undefined, n: N(15), ss: { SS: ["c"] } }],
  ];
  for (const [source, changes] of cases) {
    it(source, () => {
      const before = JSON.stringify(item);
      const expected: AttributeMap = { ...item };
      for (const [name, value] of Object.entries(changes)) {
        if (value) expected[name] = value;
        else delete expected[name];
      }
      assert.equal(JSON.stringify(sorted(update(source))), JSON.stringify(sorted(expected)));
      assert.equal(JSON.stringify(item), before, "the given item is untouched");
    });
  }
  const sorted = (doc: AttributeMap) => Object.fromEntries(Object.entries(doc).sort(([a], [b]) => (a < b ? -1 : 1)));

  const wrong = "An operand in the update expression has an incorrect data type";
  const path = "The document path provided in the update expression is invalid for update";
  const failures: [string, string][] = [
    ["SET a = absent", "The provided expression refers to an attribute that does not exist in the item"],
    ["SET a = absent + :n", "The provided expression refers to an attribute that does not exist in the item"],
    [
      "SET a = list_append(absent, :l)",
      "The provided expression refers to an attribute that does not exist in the item",
    ],
    ["SET a = s + :n", wrong],
    ["SET a = list_append(s, :l)", wrong],
    ["ADD s :n", wrong],
    ["ADD n :ss", wrong],
    ["ADD ns :ss", wrong],
    ["DELETE s :ss", wrong],
    ["DELETE ns :ss", wrong],
    ["SET absent.b = :n", path],
    ["SET absent[0] = :n", path],
    ["SET s.b = :n", path],
    ["SET lst.b = :n", path],
    ["SET doc[0] = :n", path],
    ["SET doc.k.x = :n", path],
    ["REMOVE absent.b", path],
    ["ADD absent.b :n", path],
  ];
  for (const [source, message] of failures) {
    it(`${source} fails`, () => assert.throws(() => update(source), { code: "ValidationException", message }));
  }
});

describe("projections", () => {
  const cases: [string, string][] = [
    ["", "The expression can not be empty;"],
    ["a b", 'Syntax error; token: "b", near: "a b"'],
    ["l[a]", 'Syntax error; token: "a", near: "[a]"'],
    ["a,", 'Syntax error; token: "<EOF>", near: ","'],
    [":s", 'Syntax error; token: ":s", near: ":s"'],
    ["abort", "Attribute name is a reserved keyword; reserved keyword: abort"],
    ["a, between", "Attribute name is a reserved keyword; reserved keyword: between"],
    ["#x", "An expression attribute name used in the document path is not defined; attribute name: #x"],
    [
      "a, a.b",
      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
    ],
    [
      "a, #a",
      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
    ],
    [
      "a.b, a[0]",
      "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]",
    ],
    [
      "a[0].b, a[0].b[1]",
      "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, [0], b], path two: [a, [0], b, [1]]",
    ],
  ];
  for (const [source, message] of cases) {
    it(`refuses ${source || "(empty)"}`, () =>
      refused({ ProjectionExpression: source }, `Invalid ProjectionExpression: ${message}`));
  }
  const item: AttributeMap = {
    a: S("x"),
    lst: { L: [N(0), { M: { k: N(1), other: N(2) } }, N(2)] },
    doc: { M: { x: N(1), y: { M: { z: N(2), w: N(3) } } } },
  };
  const results: [string, AttributeMap][] = [
    ["a", { a: S("x") }],
    ["absent", {}],
    ["a, absent", { a: S("x") }],
    ["#l[2], #l[0]", { lst: { L: [N(0), N(2)] } }],
    ["#l[1].k", { lst: { L: [{ M: { k: N(1) } }] } }],
    ["#l[9]", {}],
    ["doc.y.z, doc.x", { doc: { M: { x: N(1), y: { M: { z: N(2) } } } } }],
    ["doc.y.absent", {}],
    ["a.b", {}],
  ];
  for (const [source, expected] of results) {
    it(source, () => {
      const { projection } = parseExpressions(withPlaceholders({ ProjectionExpression: source }));
      assert.deepEqual(project(projection!, item), expected);
    });
  }
});

describe("placeholders", () => {
  const cases: [string, ExpressionInput, string][] = [
    [
      "empty names",
      { ConditionExpression: "a = :s", ExpressionAttributeNames: {} },
      "ExpressionAttributeNames must not be empty",
    ],
    [
      "empty values",
      { ConditionExpression: "a = :s", ExpressionAttributeValues: {} },
      "ExpressionAttributeValues must not be empty",
    ],
    [
      "name without #",
      { ConditionExpression: "a = :s", ExpressionAttributeNames: { s: "x" } },
      'ExpressionAttributeNames contains invalid key: Syntax error; key: "s"',
    ],
    [
      "name of # alone",
      { ConditionExpression: "a = :s", ExpressionAttributeNames: { "#": "x" } },
      'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"',
    ],
    [
      "value without :",
      { ConditionExpression: "a = :s", ExpressionAttributeValues: { s: S("x") } },
      'ExpressionAttributeValues contains invalid key: Syntax error; key: "s"',
    ],
    [
      "invalid value",
      { ConditionExpression: "a = :s", ExpressionAttributeValues: { ":s": { N: "x" } } },
      "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :s",
    ],
    [
      "empty value",
      { ConditionExpression: "a = :s", ExpressionAttributeValues: { ":s": {} as AttributeValue } },
      "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :s",
    ],
    [
      "unused name",
      { ConditionExpression: "attribute_exists(a)", ExpressionAttributeNames: { "#a": "x", "#b": "y" } },
      "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}",
    ],
    [
      "unused value",
      { ConditionExpression: "a = :s", ExpressionAttributeValues: { ":s": S("x"), ":x": S("y") } },
      "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}",
    ],
    [
      "both unused",
      {
        ConditionExpression: "attribute_exists(a)",
        ExpressionAttributeNames: { "#a": "x" },
        ExpressionAttributeValues: { ":x": S("y") },
      },
      "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}",
    ],
    [
      "syntax before unused",
      { ConditionExpression: "a", ExpressionAttributeNames: { "#a": "x" } },
      'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "a"',
    ],
    [
      "update before condition",
      { UpdateExpression: "x", ConditionExpression: "y" },
      'Invalid UpdateExpression: Syntax error; token: "x", near: "x"',
    ],
  ];
  for (const [name, input, message] of cases) {
    it(`refuses: ${name}`, () =>
      assert.throws(() => parseExpressions(input), { code: "ValidationException", message }));
  }
  it("are shared by the expressions of a request", () => {
    const parsed = parseExpressions({
      UpdateExpression: "SET #a = :s",
      ConditionExpression: "#a <> :s",
      ExpressionAttributeNames: { "#a": "x" },
      ExpressionAttributeValues: { ":s": S("y") },
    });
    assert.ok(parsed.update && parsed.condition);
  });

  const parameters: [string, object, string][] = [
    [
      "mixed",
      { ConditionExpression: "a = :s", Expected: {} },
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {Expected} Expression parameters: {ConditionExpression}",
    ],
    [
      "mixed twice",
      { UpdateExpression: "", ConditionExpression: "", AttributeUpdates: {}, Expected: {} },
      "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: {UpdateExpression, ConditionExpression}",
    ],
    [
      "names alone",
      { ExpressionAttributeNames: {} },
      "ExpressionAttributeNames can only be specified when using expressions",
    ],
    [
      "values alone",
      { ExpressionAttributeValues: {} },
      "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null",
    ],
  ];
  for (const [name, input, message] of parameters) {
    it(`refuses parameters: ${name}`, () =>
      assert.throws(
        () =>
          checkExpressionParameters(
            input,
            ["UpdateExpression", "ConditionExpression"],
            ["AttributeUpdates", "Expected"],
          ),
        { code: "ValidationException", message },
      ));
  }
});

describe("reserved words", () => {
  it("are known in any case", () => {
    for (const word of ["ABORT", "name", "Status", "ttl", "zone"]) assert.ok(isReserved(word));
    for (const word of ["pk", "sk", "payload", "constructor_", "id"]) assert.ok(!isReserved(word));
  });
});

describe("whatever a client writes", () => {
  const token = fc.constantFrom(
    ..."a b.c l[0] l[99999999999999999999] #a #x :s :n :ss :l :x ( ) (( )) , = <> < <= > >= + - . [ ] AND OR NOT IN BETWEEN and SET REMOVE ADD DELETE set remove size attribute_exists attribute_type begins_with contains if_not_exists list_append foo constructor __proto__ \u{1f600} ! _ 5 é".split(
      " ",
    ),
  );
  const source = fc.array(token, { maxLength: 14 }).map((tokens) => tokens.join(" "));
  const item: AttributeMap = { a: N(1), b: { M: { c: S("x") } }, l: { L: [N(1), S("y")] }, ss: { SS: ["a"] } };
  const given = {
    ExpressionAttributeNames: { "#a": "a" },
    ExpressionAttributeValues: { ":s": S("abc"), ":n": N(1), ":ss": { SS: ["a"] }, ":l": { L: [] } },
  };
  /** What is refused is refused as AWS does it; nothing else is ever thrown. */
  const harmless = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      assert.equal((error as { code?: string }).code, "ValidationException", String((error as Error).stack));
    }
  };
  for (const parameter of [
    "ConditionExpression",
    "KeyConditionExpression",
    "UpdateExpression",
    "ProjectionExpression",
  ] as const) {
    it(`is read or refused: ${parameter}`, () => {
      fc.assert(
        fc.property(source, (text) => {
          harmless(() => {
            // The same expression once more, as a filter, uses up the placeholders that it leaves.
            const { condition, update, projection } = parseExpressions({
              [parameter]: text,
              FilterExpression: "#a IN (:s, :n, :ss, :l)",
              ...given,
            });
            if (condition) assert.equal(typeof matches(condition, item), "boolean");
            if (projection) assert.ok(project(projection, item));
            if (update) harmless(() => assert.ok(applyUpdate(update, item)));
          });
        }),
        { numRuns: 1500, seed: 3 },
      );
    });
  }
  it("nests no deeper than the stack", () => {
    for (const [open, close] of [
      ["(", ")"],
      ["NOT (", ")"],
      ["size(", ")"],
      ["a = :n AND (", ")"],
    ] as const) {
      for (const depth of [10, 300, 800]) {
        harmless(() =>
          parseExpressions({
            ConditionExpression: `${open.repeat(depth)}a = :n${close.repeat(depth)}`.slice(0, 4096),
            ExpressionAttributeValues: { ":n": N(1) },
          }),
        );
      }
    }
    harmless(() =>
      parseExpressions({
        UpdateExpression: `SET a = ${"list_append(".repeat(300)}a${", :l)".repeat(300)}`,
        ExpressionAttributeValues: { ":l": { L: [] } },
      }),
    );
  });
});
