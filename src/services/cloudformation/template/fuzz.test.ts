/** Templates that make no sense are refused in CloudFormation's words, whatever they are: nothing else is ever thrown. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AwsError } from "../../../kernel/errors.ts";
import type { ResourceType } from "../../resources.ts";
import type { Engine } from "../engine/types.ts";
import { scopeOf } from "./evaluate.ts";
import { resolve } from "./intrinsics.ts";
import { prepare, SERVERLESS } from "./prepare.ts";

const thing: ResourceType = {
  properties: { A: "string", B: ["integer"], C: "json", D: { map: "boolean" }, E: { object: { F: "number" } } },
  create: () => assert.fail(),
  delete: () => assert.fail(),
};
const engine: Engine = {
  evaluations: new Map(),
  patienceMs: 0,
  isOperation: () => false,
  resourceTypes: () => new Map([["T", thing]]),
};
const environment = {
  accountId: "000000000000",
  region: "us-east-1",
  stackId: "id",
  stackName: "s",
  notificationArns: [],
};

const FUNCTIONS = [
  ...[
    "Ref",
    "Condition",
    "Fn::GetAtt",
    "Fn::Sub",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::If",
    "Fn::And",
    "Fn::Or",
  ],
  ...[
    "Fn::Not",
    "Fn::Equals",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::GetAZs",
    "Fn::ImportValue",
    "Fn::FindInMap",
    "Fn::Length",
  ],
  "Fn::ToJsonString",
  "Fn::ForEach::L",
];
const NAMES = [
  "A",
  "B",
  "C",
  "D",
  "E",
  "F",
  "P",
  "R",
  "S",
  "Yes",
  "M",
  "AWS::Region",
  "AWS::NoValue",
  "${R}",
  "${R.X}",
  "R.X",
  "",
];

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(...NAMES, true, 0, 3, -1, 1.5, "10.0.0.0/16"),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...NAMES.slice(0, 11)), tie("value"), { maxKeys: 3 }),
    fc.tuple(fc.constantFrom(...FUNCTIONS), tie("value")).map(([name, argument]) => ({ [name]: argument })),
    fc
      .tuple(fc.constantFrom(...FUNCTIONS), fc.array(tie("value"), { minLength: 1, maxLength: 4 }))
      .map(([name, argument]) => ({ [name]: argument })),
  ),
}));

const ATTRIBUTES = [
  "Type",
  "Properties",
  "DependsOn",
  "Condition",
  "DeletionPolicy",
  "Metadata",
  "Default",
  "Value",
  "Export",
];
const member = fc.oneof(
  value,
  fc.dictionary(fc.constantFrom(...ATTRIBUTES), value, { maxKeys: 4 }),
  fc.record({ Type: fc.constantFrom("T", "String", "Custom::X"), Properties: value }),
);
const SECTIONS = ["Resources", "Parameters", "Conditions", "Mappings", "Outputs", "Rules", "Metadata", "Globals"];
const section = fc.oneof(
  { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...NAMES), member, { maxKeys: 3 }) },
  { weight: 1, arbitrary: value },
);
const root = fc.dictionary(fc.constantFrom(...SECTIONS), section, { maxKeys: 6 });

/** Everything that a template goes through before anything is made, and its resolution. */
function run(template: object): void {
  try {
    const { evaluation } = prepare(engine, JSON.stringify(template), [], {}, environment, (name) => name);
    const scope = scopeOf(evaluation, {
      resource: () => ({ id: "id", attributes: { X: "x" } }),
      importValue: () => "imported",
    });
    for (const resource of evaluation.resources.values()) resolve(resource.properties, scope);
    for (const output of evaluation.outputs.values()) resolve(output.value, scope);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
  }
}

describe("templates without sense", () => {
  it("are refused", () => {
    fc.assert(fc.property(root, run), { numRuns: 3000, seed: 7 });
  });

  it("are refused when properties alone make none", () => {
    const wrap = (properties: unknown) => ({
      Parameters: { P: { Type: "String", Default: "p" } },
      Mappings: { M: { A: { B: "x" } } },
      Conditions: { Yes: { "Fn::Equals": ["a", "a"] } },
      Resources: { R: { Type: "T" }, S: { Type: "T", Properties: properties } },
    });
    fc.assert(
      fc.property(value, (properties) => run(wrap(properties))),
      { numRuns: 3000, seed: 7 },
    );
    fc.assert(
      fc.property(value, (inner) => run(wrap({ C: inner }))),
      { numRuns: 3000, seed: 8 },
    );
    fc.assert(
      fc.property(value, (inner) => run({ Transform: "AWS::LanguageExtensions", ...wrap({ C: inner }) })),
      {
        numRuns: 2000,
        seed: 9,
      },
    );
  });

  it("are refused when they are serverless", () => {
    const named: Readonly<Record<string, readonly string[]>> = {
      Function: [
        ...["CodeUri", "Events", "Policies", "Environment", "Tags", "AutoPublishAlias", "EventInvokeConfig", "Role"],
        ...["DeadLetterQueue", "FunctionUrlConfig", "Tracing", "Layers", "SnapStart", "ProvisionedConcurrencyConfig"],
      ],
      Api: [
        "StageName",
        "DefinitionBody",
        "DefinitionUri",
        "Cors",
        "EndpointConfiguration",
        "BinaryMediaTypes",
        "Tags",
      ],
      HttpApi: ["StageName", "DefinitionBody", "CorsConfiguration", "RouteSettings", "Tags", "Name", "Description"],
      SimpleTable: ["PrimaryKey", "Tags", "ProvisionedThroughput", "TableName"],
      LayerVersion: ["ContentUri", "LayerName", "RetentionPolicy", "Description"],
    };
    const mostly = (usual: string) =>
      fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: value });
    const event = fc.record({
      Type: fc.constantFrom("Api", "HttpApi", "SQS"),
      Properties: fc.record(
        {
          Path: mostly("/a"),
          Method: mostly("get"),
          Queue: value,
          ApiId: value,
          RestApiId: value,
          RouteSettings: value,
        },
        { requiredKeys: ["Path", "Method"] },
      ),
    });
    const events = fc.dictionary(fc.constantFrom("E1", "E2"), event, { maxKeys: 2 });
    const given = fc.oneof(
      value,
      fc.constantFrom("s3://b/k", "x"),
      fc.dictionary(fc.constantFrom("E1", "E2"), event, { maxKeys: 2 }),
    );
    const resource = fc.constantFrom(...Object.keys(named)).chain((kind) =>
      fc.record({
        Type: fc.constant(`AWS::Serverless::${kind}`),
        Properties: fc
          .tuple(fc.dictionary(fc.constantFrom(...named[kind]!), given, { maxKeys: 3 }), events)
          .map(([properties, Events]) =>
            kind === "Function" ? { InlineCode: "x", Events, ...properties } : properties,
          ),
        Condition: fc.constantFrom("Yes", "No"),
      }),
    );
    const template = fc.record({
      Transform: fc.constant(SERVERLESS),
      Conditions: fc.constant({ Yes: { "Fn::Equals": ["a", "a"] }, No: { "Fn::Equals": ["a", "b"] } }),
      Globals: fc.constantFrom(
        {},
        { Function: { Tags: { a: "b" }, Layers: ["l"] }, HttpApi: { CorsConfiguration: true } },
      ),
      Resources: fc.dictionary(fc.constantFrom("R", "S", "F"), resource, { minKeys: 1, maxKeys: 3 }),
    });
    fc.assert(fc.property(template, run), { numRuns: 3000, seed: 11 });
  });
});
