import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTemplateText } from "./parse.ts";

const refusal = (text: string): string => {
  try {
    parseTemplateText(text);
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail("was accepted");
};

describe("template text", () => {
  it("reads the short forms of every function", () => {
    assert.deepEqual(
      parseTemplateText(`
A: !Ref X
B: !GetAtt Q.Outputs.Url
C: !Sub "\${A}-b"
D: !Join [",", [a, !Ref B]]
E: !If [Yes1, !GetAtt [Q, Arn], !Ref "AWS::NoValue"]
F: !Not [!Condition Prod]
G:
  Fn::Base64: !Sub x
H: !Select [0, !GetAZs ""]
I: !FindInMap [M, a, b]
`),
      {
        A: { Ref: "X" },
        B: { "Fn::GetAtt": ["Q", "Outputs.Url"] },
        C: { "Fn::Sub": "${A}-b" },
        D: { "Fn::Join": [",", ["a", { Ref: "B" }]] },
        E: { "Fn::If": ["Yes1", { "Fn::GetAtt": ["Q", "Arn"] }, { Ref: "AWS::NoValue" }] },
        F: { "Fn::Not": [{ Condition: "Prod" }] },
        G: { "Fn::Base64": { "Fn::Sub": "x" } },
        H: { "Fn::Select": [0, { "Fn::GetAZs": "" }] },
        I: { "Fn::FindInMap": ["M", "a", "b"] },
      },
    );
  });

  it("keeps dates as text and reads YAML 1.1's booleans", () => {
    assert.deepEqual(
      parseTemplateText("AWSTemplateFormatVersion: 2010-09-09\na: yes\nb: off\nc: 12\nd: '12'\ne: 1.5\non: N"),
      {
        AWSTemplateFormatVersion: "2010-09-09",
        a: true,
        b: false,
        c: 12,
        d: "12",
        e: 1.5,
        on: "N",
      },
    );
  });

  it("reads JSON, tabs and escapes included", () => {
    assert.deepEqual(parseTemplateText('{\n\t"a": "x\\/y", "b": [1, null]\n}'), { a: "x/y", b: [1, null] });
  });

  it("follows aliases, and not for ever", () => {
    assert.deepEqual(parseTemplateText("a: &x {k: 1}\nb: *x"), { a: { k: 1 }, b: { k: 1 } });
    const bomb = ["a0: &a0 [x, x]"];
    for (let i = 1; i < 12; i++) bomb.push(`a${i}: &a${i} [*a${i - 1}, *a${i - 1}, *a${i - 1}, *a${i - 1}]`);
    assert.match(refusal(bomb.join("\n")), /Too many aliases/);
  });

  for (const [name, text, message] of [
    ["broken JSON", '{"a": }', /^Template format error: JSON not well-formed\. \(line 1, column \d+\)$/],
    ["broken YAML", "a: [1\nb: 2", /^Template format error: YAML not well-formed\..* \(line \d+, column \d+\)$/],
    ["a repeated YAML key", "a: 1\na: 2", /YAML not well-formed\. Duplicate key \(line 2/],
    ["a repeated JSON key", '{"a": {"b": 1, "b" : 2}}', /JSON not well-formed\. Duplicate key b \(line 1\)/],
    ["an unknown tag", "a: !Frob x", /Unknown tag !Frob \(line 1, column \d+\)/],
    ["a list", "- a\n- b", /^Template format error: unsupported structure\.$/],
    ["text", "hello", /^Template format error: unsupported structure\.$/],
    ["nothing", "", /^Template format error: unsupported structure\.$/],
    ["__proto__", '{"__proto__": {"x": 1}}', /__proto__/],
    ["deep nesting", `{"a":${"[".repeat(200)}${"]".repeat(200)}}`, /nested deeper/],
  ] as const) {
    it(`refuses ${name}`, () => assert.match(refusal(text), message));
  }

  it("lets equal keys stand in different objects", () => {
    assert.deepEqual(parseTemplateText('{"a": {"k": "k"}, "b": [{"k": 1}, {"k": 2}]}'), {
      a: { k: "k" },
      b: [{ k: 1 }, { k: 2 }],
    });
  });
});
