/** The transform against what AWS's own makes of the same templates (`golden/`), and what it refuses. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseTemplateText } from "../template/parse.ts";
import type { Value, ValueObject } from "../template/values.ts";
import { transformServerless } from "./transform.ts";

const golden = (name: string) => readFileSync(new URL(`golden/${name}`, import.meta.url), "utf8");

function transform(text: string): ValueObject {
  const root = parseTemplateText(text);
  const parameters = (root["Parameters"] ?? {}) as Record<string, ValueObject>;
  return transformServerless(root, (name): Value | undefined => parameters[name]?.["Default"]);
}

function refusal(text: string): string {
  try {
    transform(text);
  } catch (error) {
    return (error as Error).message.replace(/^Transform .* Number of errors found: 1\. /, "");
  }
  return assert.fail("was accepted");
}

/** Without the values of REST deployments' hashes. */
function comparable(value: unknown): unknown {
  const text = JSON.stringify(value)
    .replace(/(ApiDeployment|RestExplicitDeployment|RestDefDeployment)[0-9a-f]{10}"/g, '$1HASH"')
    .replace(/deployment id: [0-9a-f]{40}/g, "deployment id: HASH");
  return JSON.parse(text);
}

describe("the transform makes what AWS's does", () => {
  for (const name of ["form", "everything", "conditions", "urls", "streams", "rules", "schedules"]) {
    it(name, () => {
      assert.deepEqual(comparable(transform(golden(`${name}.yaml`))), comparable(JSON.parse(golden(`${name}.json`))));
    });
  }
});

const fn = (properties: string) => `
Transform: AWS::Serverless-2016-10-31
Resources:
  F: {Type: "AWS::Serverless::Function", Properties: {InlineCode: x, Handler: a.b, Runtime: nodejs22.x, ${properties}}}
`;

describe("the transform refuses", () => {
  const cases: readonly (readonly [string, string])[] = [
    [
      'Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: "AWS::Serverless::Function", Properties: {CodeUri: ./src}}}',
      "Resource with id [F] is invalid. 'CodeUri' is not a valid S3 Uri of the form 's3://bucket/key' with optional versionId query parameter.",
    ],
    [
      'Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: "AWS::Serverless::Function", Properties: {Handler: a}}}',
      "Resource with id [F] is invalid. 'InlineCode' or 'CodeUri' must be set.",
    ],
    [
      fn("Foo: 1"),
      "Resource with id [F] is invalid. property Foo not defined for resource of type AWS::Serverless::Function",
    ],
    [
      fn("FunctionUrlConfig: {Cors: {}}"),
      "Resource with id [F] is invalid. AuthType is required to configure function property `FunctionUrlConfig`. Please provide either AWS_IAM or NONE.",
    ],
    [fn("PropagateTags: true"), "Resource with id [F] is invalid. Virga does not support the property PropagateTags."],
    [
      fn("Events: {E: {Type: Kinesis, Properties: {Stream: s}}}"),
      "Resource with id [F] is invalid. Event with id [E] is invalid. Virga does not support events of type Kinesis.",
    ],
    [
      fn("Events: {E: {Type: Api, Properties: {Path: /a}}}"),
      "Resource with id [F] is invalid. Event with id [E] is invalid. Property 'Method' is required.",
    ],
    [
      fn("Events: {E: {Type: Api, Properties: {Path: /a, Method: get, Auth: {}}}}"),
      "Resource with id [F] is invalid. Event with id [E] is invalid. Virga does not support the property Auth of an event of type Api.",
    ],
    [
      fn(
        "Events: {A: {Type: HttpApi, Properties: {Path: /a, Method: get}}, B: {Type: HttpApi, Properties: {Path: /a, Method: GET}}}",
      ),
      'Resource with id [F] is invalid. Event with id [B] is invalid. API method "get" defined multiple times for path "/a".',
    ],
    [
      fn("Policies: [{DynamoDBReadPolicy: {}}]"),
      "Resource with id [F] is invalid. Must specify valid parameter values for policy template 'DynamoDBReadPolicy': Following required parameters of template 'DynamoDBReadPolicy' don't have values: ['TableName']",
    ],
    [
      fn("Policies: [{KinesisCrudPolicy: {StreamName: s}}]"),
      "Resource with id [F] is invalid. Policy at index 0 in the 'Policies' property is not valid: Virga does not have the policy template 'KinesisCrudPolicy'.",
    ],
    [
      fn("DeadLetterQueue: {Type: Mail, TargetArn: a}"),
      "Resource with id [F] is invalid. 'DeadLetterQueue' requires Type of either SQS or SNS",
    ],
    [
      'Transform: AWS::Serverless-2016-10-31\nResources: {S: {Type: "AWS::Serverless::StateMachine"}}',
      "Resource with id [S] is invalid. Virga does not support the resource type AWS::Serverless::StateMachine.",
    ],
    [
      `${fn("Timeout: 1")}Globals: {Function: {Foo: 1}}`,
      "'Globals' section is invalid. 'Foo' is not a supported property of 'Function'. Must be one of the following values - ['Handler', 'Runtime', 'CodeUri', 'DeadLetterQueue', 'Description', 'MemorySize', 'Timeout', 'VpcConfig', 'Environment', 'Tags', 'PropagateTags', 'Tracing', 'KmsKeyArn', 'AutoPublishAlias', 'AutoPublishAliasAllProperties', 'Layers', 'DeploymentPreference', 'RolePath', 'PermissionsBoundary', 'ReservedConcurrentExecutions', 'ProvisionedConcurrencyConfig', 'AssumeRolePolicyDocument', 'EventInvokeConfig', 'FileSystemConfigs', 'CodeSigningConfigArn', 'Architectures', 'SnapStart', 'EphemeralStorage', 'FunctionUrlConfig', 'RuntimeManagementConfig', 'LoggingConfig', 'RecursiveLoop', 'SourceKMSKeyArn']",
    ],
  ];
  for (const [text, message] of cases) it(message.slice(0, 90), () => assert.equal(refusal(text), message));
});

describe("a new version is published", () => {
  const versionOf = (properties: string) => {
    const resources = transform(fn(`AutoPublishAlias: live, ${properties}`))["Resources"] as ValueObject;
    return Object.keys(resources).find((name) => name.startsWith("FVersion"));
  };
  it("when the code or the environment changes, and not for a description", () => {
    const first = versionOf("Description: a");
    assert.equal(versionOf("Description: b"), first);
    assert.notEqual(versionOf("Environment: {Variables: {A: b}}"), first);
  });
});
