import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { deploy } from "../cloudformation/testing.ts";

let platform: TestPlatform;
beforeEach(async () => {
  platform = await openTestPlatform();
});
afterEach(() => platform.close());

const ACCOUNT = "000000000000";
const put = (Name: string, Value: string, more: object = {}) =>
  platform.call("ssm", "PutParameter", { Name, Value, Type: "String", ...more });
const value = async (Name: string, WithDecryption = false) =>
  (await platform.call("ssm", "GetParameter", { Name, WithDecryption })).Parameter!.Value;

test("versions and labels are found by name, by ARN, by selector", async () => {
  assert.deepEqual(await put("/app/url", "one"), { Version: 1, Tier: "Standard" });
  assert.deepEqual(await put("/app/url", "two", { Overwrite: true }), { Version: 2, Tier: "Standard" });
  await platform.call("ssm", "LabelParameterVersion", {
    Name: "/app/url",
    ParameterVersion: 1,
    Labels: ["old", "1st"],
  });
  const { Parameter } = await platform.call("ssm", "GetParameter", { Name: "/app/url" });
  assert.deepEqual(Parameter, {
    Name: "/app/url",
    Type: "String",
    Value: "two",
    Version: 2,
    LastModifiedDate: new Date(platform.clock.nowMs()),
    ARN: `arn:aws:ssm:us-east-1:${ACCOUNT}:parameter/app/url`,
    DataType: "text",
  });
  assert.equal(await value("/app/url:1"), "one");
  assert.equal(await value("/app/url:old"), "one");
  assert.equal(await value(`arn:aws:ssm:us-east-1:${ACCOUNT}:parameter/app/url:1`), "one");
  await put("plain", "p");
  assert.equal(await value(`arn:aws:ssm:us-east-1:${ACCOUNT}:parameter/plain`), "p");
  const { Parameters } = await platform.call("ssm", "GetParameterHistory", { Name: "/app/url" });
  assert.deepEqual(
    Parameters!.map(({ Version, Value, Labels }) => [Version, Value, Labels]),
    [
      [1, "one", ["old"]],
      [2, "two", []],
    ],
  );
  await platform.call("ssm", "LabelParameterVersion", { Name: "/app/url", Labels: ["old"] });
  assert.equal(await value("/app/url:old"), "two");
});

test("a secure string is shown to whoever asks for it, and lies sealed", async () => {
  await put("/app/key", "s3cret ü", { Type: "SecureString" });
  const sealed = await value("/app/key");
  assert.doesNotMatch(Buffer.from(sealed!, "base64").toString("latin1"), /s3cret/);
  assert.equal(await value("/app/key", true), "s3cret ü");
  const { Parameters } = await platform.call("ssm", "DescribeParameters", {});
  assert.equal(Parameters![0]!.KeyId, "alias/aws/ssm");
  platform.core.store.peek((tx) => {
    for (const [, stored] of tx.range("" as never, "\xff" as never))
      assert.doesNotMatch(JSON.stringify(stored), /s3cret/);
  });
});

test("hierarchies are read by path, filtered, in pages", async () => {
  for (const [name, type] of [
    ["/a/1", "String"],
    ["/a/2", "StringList"],
    ["/a/b/3", "String"],
    ["/ab/4", "String"],
  ] as const) {
    await put(name, name, { Type: type });
  }
  const names = async (input: object) => {
    const found: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await platform.call("ssm", "GetParametersByPath", {
        Path: "/a",
        MaxResults: 1,
        NextToken,
        ...input,
      });
      found.push(...page.Parameters!.map(({ Name }) => Name!));
      NextToken = page.NextToken;
    } while (NextToken);
    return found;
  };
  assert.deepEqual(await names({}), ["/a/1", "/a/2"]);
  assert.deepEqual(await names({ Recursive: true }), ["/a/1", "/a/2", "/a/b/3"]);
  assert.deepEqual(await names({ ParameterFilters: [{ Key: "Type", Values: ["StringList"] }] }), ["/a/2"]);
  const described = await platform.call("ssm", "DescribeParameters", {
    ParameterFilters: [{ Key: "Name", Option: "Contains", Values: ["b"] }],
  });
  assert.deepEqual(
    described.Parameters!.map(({ Name }) => Name),
    ["/a/b/3", "/ab/4"],
  );
  const several = await platform.call("ssm", "GetParameters", { Names: ["/a/1", "/none", "/a/2:9"] });
  assert.deepEqual(several.InvalidParameters, ["/none", "/a/2:9"]);
  const gone = await platform.call("ssm", "DeleteParameters", { Names: ["/a/1", "/none"] });
  assert.deepEqual(gone, { DeletedParameters: ["/a/1"], InvalidParameters: ["/none"] });
});

const refusals: readonly (readonly [string, object, string, string])[] = [
  [
    "a name of AWS's",
    { Name: "aws-thing" },
    "ValidationException",
    'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
  ],
  [
    "a path of AWS's",
    { Name: "/aws/thing" },
    "AccessDeniedException",
    "No access to reserved parameter name: /aws/thing.",
  ],
  ["half a path", { Name: "a/b" }, "ValidationException", "Parameter name must be a fully qualified name."],
  [
    "too deep",
    { Name: "/a".repeat(16) },
    "HierarchyLevelLimitExceededException",
    "A hierarchy can have a maximum of 15 levels. For more information, see Requirements and constraints for parameter names in the AWS Systems Manager User Guide.",
  ],
  [
    "no value",
    { Value: "" },
    "ValidationException",
    "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1",
  ],
  [
    "no type",
    { Name: "new", Type: undefined },
    "ValidationException",
    "A parameter type is required when you create a parameter.",
  ],
  [
    "what is there",
    { Name: "there" },
    "ParameterAlreadyExists",
    "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
  ],
  [
    "another type",
    { Name: "there", Overwrite: true, Type: "SecureString" },
    "HierarchyTypeMismatchException",
    "Parameter Store does not support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
  ],
  [
    "what does not fit",
    { AllowedPattern: "\\d+" },
    "ParameterPatternMismatchException",
    "Parameter value, cannot be validated against allowedPattern: \\d+",
  ],
  [
    "a way back",
    { Name: "large", Overwrite: true, Tier: "Standard" },
    "ValidationException",
    "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
  ],
  [
    "policies",
    { Policies: "[]" },
    "NotImplemented",
    "Virga does not support Policies of ssm:PutParameter. COMPAT.md lists what it supports.",
  ],
  [
    "an image",
    { DataType: "aws:ec2:image" },
    "NotImplemented",
    "Virga does not support parameters of the data type aws:ec2:image. COMPAT.md lists what it supports.",
  ],
];
for (const [what, input, code, message] of refusals) {
  test(`refused: ${what}`, async () => {
    await put("there", "v");
    assert.deepEqual(await put("large", "x".repeat(4097), { Tier: "Intelligent-Tiering" }), {
      Version: 1,
      Tier: "Advanced",
    });
    await assert.rejects(put("n", "v", input), { code, message });
  });
}

test("a hundred versions are kept; a label holds its version", async () => {
  for (let i = 0; i <= 100; i++) await put("p", String(i), { Overwrite: true });
  await assert.rejects(platform.call("ssm", "GetParameter", { Name: "p:1" }), { code: "ParameterVersionNotFound" });
  await platform.call("ssm", "LabelParameterVersion", { Name: "p", ParameterVersion: 2, Labels: ["keep"] });
  await assert.rejects(put("p", "x", { Overwrite: true }), { code: "ParameterMaxVersionLimitExceeded" });
});

test("changes are told on the event bus", async () => {
  const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "changes" });
  await platform.call("events", "PutRule", { Name: "ssm", EventPattern: '{"source":["aws.ssm"]}' });
  const Arn = `arn:aws:sqs:us-east-1:${ACCOUNT}:changes`;
  await platform.call("events", "PutTargets", { Rule: "ssm", Targets: [{ Id: "1", Arn, InputPath: "$.detail" }] });
  await put("p", "1");
  await platform.call("ssm", "DeleteParameter", { Name: "p" });
  await platform.settle();
  const { Messages } = await platform.call("sqs", "ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10 });
  assert.deepEqual(
    Messages!.map(({ Body }) => JSON.parse(Body!)),
    ["Create", "Delete"].map((operation) => ({ name: "p", type: "String", operation })),
  );
});

test("tags; and stacks make, change and delete parameters", async () => {
  const template = (properties: object) => ({
    Resources: { P: { Type: "AWS::SSM::Parameter", Properties: { Type: "String", Value: "1", ...properties } } },
    Outputs: { Name: { Value: { Ref: "P" } }, Value: { Value: { "Fn::GetAtt": ["P", "Value"] } } },
  });
  const made = await deploy(platform, template({ Name: "/made", Tags: { a: "b" } }));
  assert.deepEqual(made.outputs, { Name: "/made", Value: "1" }, made.reason);
  const tags = async () =>
    (await platform.call("ssm", "ListTagsForResource", { ResourceType: "Parameter", ResourceId: "/made" })).TagList;
  assert.ok((await tags())!.some(({ Key, Value }) => Key === "a" && Value === "b"));
  const changed = await deploy(platform, template({ Name: "/made", Value: "2", Tags: { c: "d" } }));
  assert.equal(changed.outputs["Value"], "2", changed.reason);
  assert.equal(await value("/made"), "2");
  assert.ok(!(await tags())!.some(({ Key }) => Key === "a"));
  const renamed = await deploy(platform, template({}));
  assert.match(renamed.outputs["Name"]!, /^app-P-/);
  await assert.rejects(value("/made"), { code: "ParameterNotFound" });
});
