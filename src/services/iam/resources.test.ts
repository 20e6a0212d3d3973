import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";

const ACCOUNT = "000000000000";
let platform: TestPlatform;
before(async () => {
  platform = await openTestPlatform({ seed: 11 });
});
after(() => platform.close());

const policy = (action: string) => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: action, Resource: "*" }],
});
const trust = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: ["lambda.amazonaws.com"] }, Action: ["sts:AssumeRole"] }],
};

async function deploy(operation: "CreateStack" | "UpdateStack", Resources: object, Outputs: object = {}) {
  await platform.call("cloudformation", operation, {
    StackName: "identity",
    TemplateBody: JSON.stringify({ Resources, Outputs }),
    Capabilities: ["CAPABILITY_NAMED_IAM"],
    Tags: [{ Key: "stack", Value: "tag" }],
  });
  return finished();
}

/** The stack once it rests. */
async function finished() {
  for (let i = 0; i < 100; i++) {
    await platform.advance(5000);
    const [stack] = (await platform.call("cloudformation", "DescribeStacks", { StackName: "identity" })).Stacks!;
    if (!stack!.StackStatus!.endsWith("IN_PROGRESS")) return stack!;
  }
  throw new Error("the stack does not come to rest");
}

const call: TestPlatform["call"] = (service, operation, input) => platform.call(service, operation, input);

test("a stack of every type is created, updated in place and deleted", async () => {
  const resources = (more: { second: boolean }) => ({
    Role: {
      Type: "AWS::IAM::Role",
      Properties: {
        AssumeRolePolicyDocument: trust,
        ManagedPolicyArns: [
          more.second
            ? "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
            : "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        ],
        Policies: [{ PolicyName: more.second ? "two" : "one", PolicyDocument: policy("sqs:SendMessage") }],
        ...(more.second ? { Description: "second", MaxSessionDuration: 7200 } : {}),
        Tags: [{ Key: "own", Value: "x" }],
      },
    },
    Inline: {
      Type: "AWS::IAM::Policy",
      Properties: {
        PolicyName: more.second ? "renamed" : "shared",
        PolicyDocument: policy("dynamodb:*"),
        Roles: [{ Ref: "Role" }],
        ...(more.second ? {} : { Users: [{ Ref: "User" }] }),
      },
    },
    Managed: {
      Type: "AWS::IAM::ManagedPolicy",
      Properties: { PolicyDocument: policy(more.second ? "s3:*" : "logs:*"), Roles: [{ Ref: "Role" }] },
    },
    Group: { Type: "AWS::IAM::Group", Properties: { GroupName: "staff", ManagedPolicyArns: [{ Ref: "Managed" }] } },
    User: { Type: "AWS::IAM::User", Properties: { Groups: more.second ? [] : [{ Ref: "Group" }] } },
    Key: { Type: "AWS::IAM::AccessKey", Properties: { UserName: { Ref: "User" } } },
    Member: {
      Type: "AWS::IAM::UserToGroupAddition",
      Properties: { GroupName: { Ref: "Group" }, Users: [{ Ref: "User" }] },
    },
    Profile: { Type: "AWS::IAM::InstanceProfile", Properties: { Roles: [{ Ref: "Role" }] } },
    RolePolicy: {
      Type: "AWS::IAM::RolePolicy",
      Properties: { PolicyName: "apart", RoleName: { Ref: "Role" }, PolicyDocument: policy("ses:SendEmail") },
    },
  });
  const outputs = {
    Role: { Value: { Ref: "Role" } },
    RoleArn: { Value: { "Fn::GetAtt": ["Role", "Arn"] } },
    Managed: { Value: { Ref: "Managed" } },
    User: { Value: { Ref: "User" } },
    Key: { Value: { Ref: "Key" } },
    Secret: { Value: { "Fn::GetAtt": ["Key", "SecretAccessKey"] } },
  };
  const created = await deploy("CreateStack", resources({ second: false }), outputs);
  assert.equal(created.StackStatus, "CREATE_COMPLETE", created.StackStatusReason);
  const output = Object.fromEntries(created.Outputs!.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue!]));
  const RoleName = output["Role"]!;
  const UserName = output["User"]!;
  assert.match(RoleName, /^identity-Role-/);
  assert.equal(output["RoleArn"], `arn:aws:iam::${ACCOUNT}:role/${RoleName}`);
  assert.equal(output["Secret"]!.length, 40);
  const role = async () => {
    const { Role } = await call("iam", "GetRole", { RoleName });
    const inline = (await call("iam", "ListRolePolicies", { RoleName })).PolicyNames!;
    const attached = (await call("iam", "ListAttachedRolePolicies", { RoleName })).AttachedPolicies!;
    return { Role: Role!, inline, attached: attached.map(({ PolicyArn }) => PolicyArn).sort() };
  };
  const first = await role();
  assert.deepEqual(first.inline, ["apart", "one", "shared"]);
  assert.deepEqual(
    first.attached,
    ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole", output["Managed"]].sort(),
  );
  assert.ok(first.Role.Tags!.some(({ Key, Value }) => Key === "own" && Value === "x"));
  assert.ok(first.Role.Tags!.some(({ Key, Value }) => Key === "stack" && Value === "tag"));
  assert.deepEqual((await call("iam", "ListUserPolicies", { UserName })).PolicyNames, ["shared"]);
  assert.deepEqual(
    (await call("iam", "GetGroup", { GroupName: "staff" })).Users!.map((user) => user.UserName),
    [UserName],
  );

  const updated = await deploy("UpdateStack", resources({ second: true }), outputs);
  assert.equal(updated.StackStatus, "UPDATE_COMPLETE", updated.StackStatusReason);
  const second = await role();
  assert.deepEqual(second.inline, ["apart", "renamed", "two"]);
  assert.deepEqual(second.attached, ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", output["Managed"]].sort());
  assert.deepEqual([second.Role.Description, second.Role.MaxSessionDuration], ["second", 7200]);
  assert.deepEqual((await call("iam", "ListUserPolicies", { UserName })).PolicyNames, []);
  const { Policy } = await call("iam", "GetPolicy", { PolicyArn: output["Managed"] });
  assert.equal(Policy!.DefaultVersionId, "v2");

  await platform.call("cloudformation", "DeleteStack", { StackName: updated.StackId });
  for (let i = 0; i < 20; i++) await platform.advance(5000);
  const [gone] = (await platform.call("cloudformation", "DescribeStacks", { StackName: updated.StackId })).Stacks!;
  assert.equal(gone!.StackStatus, "DELETE_COMPLETE", gone!.StackStatusReason);
  const left = await call("iam", "GetAccountAuthorizationDetails", {
    Filter: ["User", "Group", "Role", "LocalManagedPolicy"],
  });
  assert.deepEqual([left.UserDetailList, left.GroupDetailList, left.RoleDetailList, left.Policies], [[], [], [], []]);
  assert.deepEqual((await call("iam", "ListInstanceProfiles", {})).InstanceProfiles, []);
});
