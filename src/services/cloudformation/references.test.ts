/** What templates take from Parameter Store and Secrets Manager. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { parseReference } from "./template/dynamic-references.ts";
import { deploy } from "./testing.ts";

let platform: TestPlatform;
beforeEach(async () => {
  platform = await openTestPlatform();
  await platform.call("ssm", "PutParameter", { Name: "/app/delay", Value: "7", Type: "String" });
  await platform.call("ssm", "PutParameter", { Name: "/app/delay", Value: "9", Overwrite: true });
  await platform.call("ssm", "PutParameter", { Name: "/app/hosts", Value: "a,b", Type: "StringList" });
  await platform.call("ssm", "PutParameter", { Name: "/app/password", Value: "Sesame-1234", Type: "SecureString" });
  await platform.call("secretsmanager", "CreateSecret", { Name: "app/db", SecretString: '{"user":"app","port":5432}' });
});
afterEach(() => platform.close());

const queue = (properties: object) => ({
  Resources: { Queue: { Type: "AWS::SQS::Queue", Properties: properties } },
  Outputs: { Url: { Value: { Ref: "Queue" } } },
});

async function attribute(url: string, name: "DelaySeconds" | "VisibilityTimeout") {
  const { Attributes } = await platform.call("sqs", "GetQueueAttributes", { QueueUrl: url, AttributeNames: [name] });
  return Attributes![name];
}

test("references are looked up when a resource is made, and shown as they are", async () => {
  const template = queue({
    DelaySeconds: "{{resolve:ssm:/app/delay:1}}",
    VisibilityTimeout: { "Fn::Sub": "{{resolve:ssm:/app/delay}}" },
    Tags: [
      {
        Key: "db",
        Value: "{{resolve:secretsmanager:app/db:SecretString:user}}@{{resolve:secretsmanager:app/db::port}}",
      },
    ],
  });
  const made = await deploy(platform, template);
  assert.equal(made.status, "CREATE_COMPLETE", made.reason);
  const url = made.outputs["Url"]!;
  assert.equal(await attribute(url, "DelaySeconds"), "7");
  assert.equal(await attribute(url, "VisibilityTimeout"), "9");
  const { Tags } = await platform.call("sqs", "ListQueueTags", { QueueUrl: url });
  assert.equal(Tags!["db"], "app@5432");
  const { StackEvents } = await platform.call("cloudformation", "DescribeStackEvents", { StackName: "app" });
  const shown = StackEvents!.find(({ ResourceProperties }) => ResourceProperties?.includes("DelaySeconds"))!
    .ResourceProperties!;
  assert.match(shown, /resolve:secretsmanager:app\/db:SecretString:user/);
});

test("a secure string goes where AWS allows it", async () => {
  const reference = "{{resolve:ssm-secure:/app/password:1}}";
  const user = await deploy(platform, {
    Resources: { User: { Type: "AWS::IAM::User", Properties: { LoginProfile: { Password: reference } } } },
  }).catch((error: Error) => ({ status: "", reason: error.message }));
  if (user.status !== "") assert.equal(user.status, "CREATE_COMPLETE", user.reason);
  else assert.match(user.reason!, /LoginProfile/);
  const elsewhere = await deploy(platform, queue({ QueueName: reference }), { StackName: "other" });
  assert.equal(elsewhere.reason, "SSM Secure reference is not supported in: [AWS::SQS::Queue/Properties/QueueName]");
});

const failures: readonly (readonly [string, string])[] = [
  ["{{resolve:ssm:/none}}", "Unable to fetch parameters [/none] from parameter store for this account."],
  ["{{resolve:secretsmanager:none}}", "Secrets Manager can't find the specified secret."],
  [
    "{{resolve:secretsmanager:app/db:SecretString:none}}",
    "Could not find a value associated with JSONKey in SecretString",
  ],
  [
    "{{resolve:ssm:/app/password}}",
    "Parameter /app/password is of the type SecureString: it is referred to by ssm-secure.",
  ],
  ["{{resolve:vault:x}}", "Virga does not support the dynamic reference {{resolve:vault:x}}."],
];
for (const [reference, reason] of failures) {
  test(`refused: ${reference}`, async () => {
    const failed = await deploy(platform, queue({ Tags: [{ Key: "k", Value: reference }] }));
    assert.equal(failed.status, "ROLLBACK_COMPLETE");
    assert.ok(failed.reason?.includes(reason), failed.reason);
  });
}

test("secrets are named by ARN too", () => {
  const arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-AbCdEf";
  assert.deepEqual(parseReference(`secretsmanager:${arn}:SecretString:user:AWSPREVIOUS`, ""), {
    service: "secretsmanager",
    secretId: arn,
    jsonKey: "user",
    versionStage: "AWSPREVIOUS",
    versionId: undefined,
  });
});

test("template parameters take their values from Parameter Store", async () => {
  const template = {
    Parameters: {
      Delay: { Type: "AWS::SSM::Parameter::Value<String>", Default: "/app/delay" },
      Hosts: { Type: "AWS::SSM::Parameter::Value<List<String>>" },
    },
    ...queue({
      DelaySeconds: { Ref: "Delay" },
      Tags: [{ Key: "first", Value: { "Fn::Select": [0, { Ref: "Hosts" }] } }],
    }),
  };
  const made = await deploy(platform, template, { Parameters: { Hosts: "/app/hosts" } });
  assert.equal(made.status, "CREATE_COMPLETE", made.reason);
  const url = made.outputs["Url"]!;
  assert.equal(await attribute(url, "DelaySeconds"), "9");
  assert.equal((await platform.call("sqs", "ListQueueTags", { QueueUrl: url })).Tags!["first"], "a");
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "app" });
  assert.deepEqual(Stacks![0]!.Parameters, [
    { ParameterKey: "Delay", ParameterValue: "/app/delay", ResolvedValue: "9" },
    { ParameterKey: "Hosts", ParameterValue: "/app/hosts", ResolvedValue: "a,b" },
  ]);
  // The same template again sees the new value.
  await platform.call("ssm", "PutParameter", { Name: "/app/delay", Value: "11", Overwrite: true });
  const changed = await deploy(platform, template, { Parameters: { Hosts: "/app/hosts" } });
  assert.equal(changed.status, "UPDATE_COMPLETE", changed.reason);
  assert.equal(await attribute(url, "DelaySeconds"), "11");
  await assert.rejects(deploy(platform, template, { StackName: "other", Parameters: { Hosts: "/none" } }), {
    message: "Unable to fetch parameters [/none] from parameter store for this account.",
  });
});
