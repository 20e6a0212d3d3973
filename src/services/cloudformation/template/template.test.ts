/** Sections, parameters, conditions, functions, references and properties, by way of whole small templates. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ResourceType } from "../../resources.ts";
import { type Environment, evaluate, scopeOf } from "./evaluate.ts";
import { resolve } from "./intrinsics.ts";
import { expandLoops } from "./language-extensions.ts";
import { checkParameterTypes, type GivenParameter, parameterTexts } from "./parameters.ts";
import { parseTemplateText } from "./parse.ts";
import { checkProperties, coerceProperties } from "./properties.ts";
import { checkReferences } from "./references.ts";
import { readTemplate } from "./sections.ts";

const environment: Environment = {
  accountId: "000000000000",
  region: "us-east-1",
  stackId: "arn:aws:cloudformation:us-east-1:000000000000:stack/s/1",
  stackName: "s",
  notificationArns: [],
};

function load(text: string, given: readonly GivenParameter[] = []) {
  const template = readTemplate(parseTemplateText(text));
  checkParameterTypes(template.parameters);
  checkReferences(template);
  return evaluate(template, parameterTexts(template.parameters, given), environment);
}

/** Resolves `Resources.R.Properties` of a template; `Q` is a resource that exists. */
function properties(text: string, given: readonly GivenParameter[] = []): unknown {
  const evaluation = load(text, given);
  const scope = scopeOf(evaluation, {
    resource: (id) => (id === "Q" ? { id: "queue-id", attributes: { Arn: "arn:q", "Nested.Name": 7 } } : undefined),
    importValue: (name) => `imported-${name}`,
  });
  return resolve(evaluation.resources.get("R")!.properties, scope);
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail("was accepted");
}

const Q = "Q: {Type: A::B::C}";

describe("functions", () => {
  const cases: readonly (readonly [string, string, unknown])[] = [
    ["Ref to a resource", "!Ref Q", "queue-id"],
    ["Ref to a parameter", "!Ref P", "value"],
    ["Ref to a list parameter", "!Ref L", ["a", "b c"]],
    ["Ref to a pseudo parameter", '!Ref "AWS::Region"', "us-east-1"],
    ["GetAtt", "!GetAtt Q.Arn", "arn:q"],
    ["GetAtt with dots", "!GetAtt Q.Nested.Name", 7],
    ["GetAtt as a list", "!GetAtt [Q, Arn]", "arn:q"],
    ["Sub", '!Sub "${Q}/${Q.Arn}/${AWS::AccountId}/${!Q}/${P}"', "queue-id/arn:q/000000000000/${Q}/value"],
    ["Sub with variables", '!Sub ["${X}-${P}", {X: !Ref Q}]', "queue-id-value"],
    ["Sub with a number", '!Sub "${Q.Nested.Name}"', "7"],
    ["Join", '!Join ["-", [a, !Ref P, 3]]', "a-value-3"],
    ["Join of a list", '!Join [":", !Ref L]', "a:b c"],
    ["Select", "!Select [1, [a, b]]", "b"],
    ["Select of Split", '!Select ["0", !Split [",", "x,y"]]', "x"],
    ["Split", '!Split ["|", "a||b"]', ["a", "", "b"]],
    ["FindInMap", "!FindInMap [M, !Ref P, size]", 10],
    ["FindInMap of a list", "!FindInMap [M, value, list]", ["x", "y"]],
    ["If", "!If [Yes1, a, !Ref Absent]", "a"],
    ["If into nothing", '[a, !If [Yes1, !Ref "AWS::NoValue", b]]', ["a"]],
    ["Base64", "!Base64 hé", "aMOp"],
    ["Cidr", '!Cidr ["10.0.0.0/16", 3, 8]', ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"]],
    ["Cidr of IPv6", '!Cidr ["2001:db8::/56", 2, 64]', ["2001:db8::/64", "2001:db8:0:1::/64"]],
    ["GetAZs", '!GetAZs ""', ["us-east-1a", "us-east-1b", "us-east-1c"]],
    ["ImportValue", "!ImportValue {'Fn::Sub': '${P}-x'}", "imported-value-x"],
    ["a property called Ref beside others", "{Ref: a, Other: b}", { Ref: "a", Other: "b" }],
  ];
  for (const [name, yaml, expected] of cases) {
    it(name, () => {
      const text = `
Parameters: {P: {Type: String, Default: value}, L: {Type: CommaDelimitedList, Default: "a, b c"}}
Mappings: {M: {value: {size: 10, list: [x, y]}}}
Conditions: {Yes1: !Equals [!Ref P, value]}
Resources:
  ${Q}
  Absent: {Type: A::B::C, Condition: No1}
  R: {Type: A::B::C, Properties: {V: ${yaml}}}
`.replace("Conditions: {", "Conditions: {No1: !Not [Condition: Yes1], ");
      assert.deepEqual(properties(text), { V: expected });
    });
  }

  const refused: readonly (readonly [string, string])[] = [
    ["!Join [a]", "Template error: every Fn::Join object requires two parameters, (1)"],
    ["!Select [5, [a]]", "Template error: Fn::Select cannot select nonexistent value at index 5"],
    [
      "!FindInMap [Nope, a, b]",
      "Template error: Mapping named 'Nope' is not present in the 'Mappings' section of template.",
    ],
    ["!FindInMap [M, a, b]", "Template error: Unable to get mapping for M::a::b"],
    ["!GetAtt Q.Nope", "Template error: resource Q does not support attribute type Nope in Fn::GetAtt"],
    ["!GetAtt Zed.Arn", "Template error: instance of Fn::GetAtt references undefined resource Zed"],
    [
      "!Ref Zed",
      "Template format error: Unresolved resource dependencies [Zed] in the Resources block of the template",
    ],
    [
      "!Sub '${Zed}'",
      "Template format error: Unresolved resource dependencies [Zed] in the Resources block of the template",
    ],
    ["!Sub '${a b}'", "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters"],
    ["!If [Zed, a, b]", "Template format error: Condition Zed is not defined."],
    ["{'Fn::Length': [a]}", "Template error: Fn::Length is only supported with the transform AWS::LanguageExtensions"],
    ["{'Fn::Transform': {Name: X}}", "Template error: Fn::Transform is not a function that this template may use here"],
    ['!Cidr ["10.0.0.0/24", 3, 8]', "Template error: Fn::Cidr cannot allocate"],
  ];
  for (const [yaml, message] of refused) {
    it(`refuses ${yaml}`, () => {
      const text = `
Mappings: {M: {v: {size: 10}}}
Resources: {${Q}, R: {Type: A::B::C, Properties: {V: ${yaml}}}}`;
      const found = refusal(() => properties(text));
      assert.ok(found.startsWith(message), found);
    });
  }
});

describe("language extensions", () => {
  it("gives length, JSON text and a default", () => {
    assert.deepEqual(
      properties(`
Transform: AWS::LanguageExtensions
Mappings: {M: {a: {b: c}}}
Resources:
  ${Q}
  R: {Type: A::B::C, Properties: {N: {Fn::Length: [1, 2]}, J: {Fn::ToJsonString: {a: !Ref Q}}, D: !FindInMap [M, x, y, {DefaultValue: z}]}}
`),
      { N: 2, J: '{"a":"queue-id"}', D: "z" },
    );
  });

  it("unrolls loops, nested ones too", () => {
    const root = parseTemplateText(`
Resources:
  Fn::ForEach::Topics:
    - Name
    - [a, b-c]
    - Topic&{Name}:
        Type: T
        Properties:
          N: !Sub "\${Name}.fifo"
          R: !Ref Name
          Fn::ForEach::Inner: [I, !Ref List, {"K\${I}": "\${I}\${Name}"}]
`);
    assert.deepEqual(
      expandLoops(root, (name) => (name === "List" ? ["1", "2"] : undefined)),
      {
        Resources: {
          Topica: { Type: "T", Properties: { N: { "Fn::Sub": "a.fifo" }, R: "a", K1: "1a", K2: "2a" } },
          Topicbc: { Type: "T", Properties: { N: { "Fn::Sub": "b-c.fifo" }, R: "b-c", K1: "1b-c", K2: "2b-c" } },
        },
      },
    );
  });

  it("refuses loops that make too much", () => {
    const list = `[${Array.from({ length: 200 }, (_, i) => `i${i}`).join(",")}]`;
    const root = parseTemplateText(
      `{"Resources": {"Fn::ForEach::A": ["A", ${list.replaceAll(/i\d+/g, '"$&"')}, {"Fn::ForEach::B": ["B", ${list.replaceAll(/i\d+/g, '"$&"')}, {"\${A}\${B}": 1}]}]}}`,
    );
    assert.match(
      refusal(() => expandLoops(root, () => undefined)),
      /more than 10000 items/,
    );
  });
});

describe("parameters", () => {
  const texts = (declaration: string, value?: string) => {
    const template = readTemplate(parseTemplateText(`Parameters: {P: ${declaration}}\nResources: {${Q}}`));
    checkParameterTypes(template.parameters);
    return parameterTexts(
      template.parameters,
      value === undefined ? [] : [{ ParameterKey: "P", ParameterValue: value }],
    );
  };
  it("turns numbers and booleans of the template into text", () => {
    assert.deepEqual(texts("{Type: Number, Default: 3}"), { P: "3" });
    assert.deepEqual(texts("{Type: String, Default: true, AllowedValues: [true, false]}", "false"), { P: "false" });
  });
  const refused: readonly (readonly [string, string | undefined, string])[] = [
    ["{Type: String}", undefined, "Parameters: [P] must have values"],
    ["{Type: String, AllowedValues: [a]}", "b", "Parameter 'P' must be one of AllowedValues"],
    ["{Type: String, AllowedPattern: '[a-z]+'}", "aB", "Parameter 'P' must match pattern [a-z]+"],
    ["{Type: String, MinLength: 3}", "ab", "Parameter 'P' must contain at least 3 characters"],
    ["{Type: String, MaxLength: 1}", "ab", "Parameter 'P' must contain at most 1 characters"],
    ["{Type: Number, MinValue: 3}", "2", "Parameter 'P' must be a number not less than 3"],
    ["{Type: Number, MaxValue: 3}", "4", "Parameter 'P' must be a number not greater than 3"],
    ["{Type: Number}", "x", "Parameter 'P' must be a number."],
    ["{Type: List<Number>}", "1,x", "Parameter 'P' must be a number."],
    [
      "{Type: String, MinLength: 3, ConstraintDescription: be long}",
      "a",
      "Parameter P failed to satisfy constraint: be long",
    ],
    [
      "{Type: AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>}",
      "x",
      "Virga does not support the parameter type AWS::SSM::Parameter::Value<AWS::EC2::Image::Id> (parameter P).",
    ],
    ["{Type: Frob}", "x", "Template format error: Unrecognized parameter type: Frob"],
    ["{Default: x}", "x", "Template format error: Every Parameters object must contain a Type member."],
  ];
  for (const [declaration, value, message] of refused) {
    it(`refuses ${value} for ${declaration}`, () =>
      assert.equal(
        refusal(() => texts(declaration, value)),
        message,
      ));
  }
  it("refuses what the template does not declare", () => {
    const { template } = load(`Resources: {${Q}}`);
    assert.equal(
      refusal(() => parameterTexts(template.parameters, [{ ParameterKey: "X", ParameterValue: "1" }])),
      "Parameters: [X] do not exist in the template",
    );
  });
  it("takes previous values", () => {
    const { template } = load(`Parameters: {P: {Type: String, Default: d}}\nResources: {${Q}}`);
    assert.deepEqual(
      parameterTexts(template.parameters, [{ ParameterKey: "P", UsePreviousValue: true }], { P: "before" }),
      { P: "before" },
    );
  });
});

describe("sections", () => {
  const refused: readonly (readonly [string, string])[] = [
    ["Foo: 1\nResources: {Q: {Type: T}}", "Invalid template property or properties [Foo]"],
    ["Resources: {}", "Template format error: At least one Resources member must be defined."],
    ["Description: x", "Template format error: At least one Resources member must be defined."],
    ["Resources: {a-b: {Type: T}}", "Template format error: Resource name a-b is non alphanumeric."],
    [
      "Resources: {Q: {Properties: {}}}",
      "Template format error: [/Resources/Q] Every Resources object must contain a Type member.",
    ],
    ["Resources: {Q: {Type: T, Propertys: {}}}", "Invalid template resource property 'Propertys'"],
    [
      "Resources: {Q: {Type: T, Properties: {A: null}}}",
      "Template format error: [/Resources/Q/Properties/A] 'null' values are not allowed in templates",
    ],
    [
      "Resources: {Q: {Type: T, CreationPolicy: {}}}",
      "Virga does not support the resource attribute CreationPolicy (resource Q).",
    ],
    [
      "Resources: {Q: {Type: T, DeletionPolicy: Keep}}",
      "Template format error: Unrecognized DeletionPolicy Keep for resource Q",
    ],
    [
      "Resources: {Q: {Type: T, DependsOn: Z}}",
      "Template format error: Unresolved resource dependencies [Z] in the Resources block of the template",
    ],
    ["Resources: {Q: {Type: T, Condition: Z}}", "Template format error: Condition Z is not defined."],
    [
      "Resources: {Q: {Type: T}}\nOutputs: {O: {Value: !Ref Z}}",
      "Template format error: Unresolved resource dependencies [Z] in the Outputs block of the template",
    ],
    [
      "Resources: {Q: {Type: T}}\nConditions: {C: !Equals [!Ref Q, a]}",
      "Template format error: Unresolved dependencies [Q]. Cannot reference resources in the Conditions block of the template",
    ],
    [
      "Resources: {Q: {Type: T}}\nConditions: {A: {Condition: B}, B: {Condition: A}}",
      "Template format error: Circular dependency between conditions: [A, B]",
    ],
    [
      "AWSTemplateFormatVersion: 2011-01-01\nResources: {Q: {Type: T}}",
      "Template format error: unsupported value for AWSTemplateFormatVersion. No such version 2011-01-01.",
    ],
  ];
  for (const [text, message] of refused)
    it(`refuses ${text}`, () =>
      assert.equal(
        refusal(() => load(text)),
        message,
      ));

  it("names the circle and not what leads to it", () => {
    const text =
      "Resources: {A: {Type: T, DependsOn: B}, B: {Type: T, Properties: {X: !Ref C}}, C: {Type: T, Properties: {X: !Sub '${B}'}}, D: {Type: T, DependsOn: B}}";
    assert.equal(
      refusal(() => load(text)),
      "Circular dependency between resources: [B, C]",
    );
  });

  it("refuses a taken reference to a resource whose condition is false, and lets the other branch be", () => {
    const text = (branch: string) =>
      `Conditions: {C: !Equals [a, b]}\nResources: {Q: {Type: T, Condition: C}, R: {Type: T, Properties: {X: ${branch}}}}`;
    assert.equal(
      refusal(() => load(text("!Ref Q"))),
      "Template format error: Unresolved resource dependencies [Q] in the Resources block of the template",
    );
    assert.deepEqual(properties(text("!If [C, !Ref Q, other]")), { X: "other" });
  });

  it("holds rules", () => {
    const rules = (wanted: string) => `
Parameters: {P: {Type: String, Default: prod}, S: {Type: String, Default: small}}
Rules:
  Size:
    RuleCondition: !Equals [!Ref P, prod]
    Assertions: [{Assert: {Fn::Contains: [[${wanted}], !Ref S]}, AssertDescription: production is large}]
Resources: {${Q}}`;
    assert.equal(load(rules("small, large")).resources.size, 1);
    assert.equal(
      refusal(() => load(rules("large"))),
      "Template error: rule Size is not satisfied: production is large",
    );
  });
});

describe("properties", () => {
  const type: ResourceType = {
    properties: {
      Name: "string",
      Count: "integer",
      On: "boolean",
      Doc: "json",
      Tags: [{ object: { Key: "string", Value: "string" } }],
      Free: { map: "string" },
    },
    required: ["Name"],
    create: () => assert.fail(),
    delete: () => assert.fail(),
  };
  it("coerces as CloudFormation does", () => {
    assert.deepEqual(
      coerceProperties(type, "R", {
        Name: 5,
        Count: "7",
        On: "true",
        Doc: { any: [1] },
        Tags: [{ Key: "a", Value: true }],
        Free: { x: 1 },
      }),
      { Name: "5", Count: 7, On: true, Doc: { any: [1] }, Tags: [{ Key: "a", Value: "true" }], Free: { x: "1" } },
    );
  });
  const message = (problem: string) => `Properties validation failed for resource R with message:\n${problem}`;
  for (const [given, expected] of [
    [{ Name: "a", Foo: 1 }, "Encountered unsupported property Foo (resource R)"],
    [{ Name: "a", Tags: [{ Kee: "x" }] }, "Encountered unsupported property Kee (resource R, #/Tags/0)"],
    [{}, message("#: required key [Name] not found")],
    [{ Name: ["x"] }, message("#/Name: expected type: String, found: JSONArray")],
    [{ Name: "a", Count: "x" }, message("#/Count: expected type: Integer, found: String")],
    [{ Name: "a", Count: 1.5 }, message("#/Count: expected type: Integer, found: Number")],
    [{ Name: "a", On: "yes" }, message("#/On: expected type: Boolean, found: String")],
    [{ Name: "a", Tags: { Key: "x" } }, message("#/Tags: expected type: JSONArray, found: JSONObject")],
  ] as const) {
    it(`refuses ${JSON.stringify(given)}`, () => {
      assert.equal(
        refusal(() => coerceProperties(type, "R", given)),
        expected,
      );
      assert.equal(
        refusal(() => checkProperties(type, "R", given, () => true)),
        expected,
      );
    });
  }
  it("looks at unresolved properties through the branch that is taken", () => {
    const given = { Name: { Ref: "X" }, Count: { "Fn::If": ["C", { Ref: "N" }, ["wrong"]] } };
    checkProperties(type, "R", given, () => true);
    assert.match(
      refusal(() => checkProperties(type, "R", given, () => false)),
      /#\/Count: expected type: Integer, found: JSONArray/,
    );
    assert.match(
      refusal(() => checkProperties(type, "R", { Name: { Ref: "AWS::NoValue" } }, () => true)),
      /required key \[Name\] not found/,
    );
  });
});
