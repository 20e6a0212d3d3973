import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AwsError } from "../../kernel/errors.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { InputOf, OperationName, Principal } from "../service.ts";
import { authorize } from "./authorization.ts";
import { findAccessKey } from "./credentials.ts";

const ACCOUNT = "000000000000";
const NOW_MS = Date.UTC(2026, 2, 1);
const allow = (action: string, resource = "*", more: object = {}) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: action, Resource: resource, ...more }],
  });
const TRUST = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
});

let platform: TestPlatform;
before(async () => {
  platform = await openTestPlatform({ seed: 7, nowMs: NOW_MS });
});
after(() => platform.close());

const call = <O extends OperationName<"iam">>(operation: O, input: InputOf<"iam", O>) =>
  platform.call("iam", operation, input);
const refused = (promise: Promise<unknown>, code: string, message?: string) =>
  assert.rejects(promise, (error: AwsError) => {
    assert.ok(error instanceof AwsError, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.equal(error.message, message);
    return true;
  });
/** What the platform would decide for a principal, on the store as it is. */
const decide = (principal: Principal, action: string, resource = "*") =>
  platform.core.store.write((tx) => authorize(tx, { principal, action, resource, conditions: {}, nowMs: NOW_MS }));

describe("users", () => {
  test("live from creation to deletion", async () => {
    const { User } = await call("CreateUser", { UserName: "Ada", Path: "/math/", Tags: [{ Key: "Team", Value: "x" }] });
    assert.match(User!.UserId!, /^AIDA[A-Z2-7]{16}$/);
    assert.equal(User!.Arn, `arn:aws:iam::${ACCOUNT}:user/math/Ada`);
    assert.equal(User!.CreateDate!.getTime(), NOW_MS);
    await refused(call("CreateUser", { UserName: "ada" }), "EntityAlreadyExists", "User with name ada already exists.");
    assert.deepEqual((await call("GetUser", { UserName: "Ada" })).User, User);
    await call("TagUser", {
      UserName: "Ada",
      Tags: [
        { Key: "team", Value: "y" },
        { Key: "b", Value: "" },
      ],
    });
    await call("UntagUser", { UserName: "Ada", TagKeys: ["B"] });
    assert.deepEqual((await call("ListUserTags", { UserName: "Ada" })).Tags, [{ Key: "team", Value: "y" }]);
    await call("UpdateUser", { UserName: "Ada", NewUserName: "Lovelace", NewPath: "/" });
    await refused(call("GetUser", { UserName: "Ada" }), "NoSuchEntity", "The user with name Ada cannot be found.");
    const { Users } = await call("ListUsers", {});
    assert.deepEqual(
      Users!.map(({ UserName, Tags }) => [UserName, Tags]),
      [["Lovelace", undefined]],
    );
    await call("DeleteUser", { UserName: "Lovelace" });
    await refused(call("DeleteUser", { UserName: "Lovelace" }), "NoSuchEntity");
  });

  test("names and paths are checked", async () => {
    const characters = "It must contain only alphanumeric characters and/or the following: +=,.@_-";
    await refused(
      call("CreateUser", { UserName: "a b" }),
      "ValidationError",
      `The specified value for userName is invalid. ${characters}`,
    );
    await refused(
      call("CreateUser", { UserName: undefined }),
      "ValidationError",
      "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null",
    );
    const long = "x".repeat(65);
    await refused(
      call("CreateUser", { UserName: long }),
      "ValidationError",
      `1 validation error detected: Value '${long}' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64`,
    );
    await refused(call("CreateUser", { UserName: "a", Path: "x" }), "ValidationError");
    await refused(
      call("GetUser", {}),
      "ValidationError",
      "Must specify userName when calling with non-User credentials",
    );
    const twice = [
      { Key: "a", Value: "1" },
      { Key: "A", Value: "2" },
    ];
    await refused(
      call("CreateUser", { UserName: "a", Tags: twice }),
      "InvalidInput",
      "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
  });

  test("lists come in pages", async () => {
    for (let i = 0; i < 5; i++) await call("CreateUser", { UserName: `page-${i}`, Path: i % 2 ? "/odd/" : "/" });
    const names: string[] = [];
    let Marker: string | undefined;
    do {
      const page = await call("ListUsers", { MaxItems: 2, Marker });
      assert.equal(page.IsTruncated, page.Marker !== undefined);
      assert.ok(page.Users!.length <= 2);
      names.push(...page.Users!.map(({ UserName }) => UserName!));
      Marker = page.Marker;
    } while (Marker !== undefined);
    assert.deepEqual(names, ["page-0", "page-1", "page-2", "page-3", "page-4"]);
    assert.equal((await call("ListUsers", { PathPrefix: "/odd" })).Users!.length, 2);
    await refused(call("ListUsers", { Marker: "zzz" }), "ValidationError");
    for (let i = 0; i < 5; i++) await call("DeleteUser", { UserName: `page-${i}` });
  });
});

describe("access keys", () => {
  test("are found, follow their user's name, and end with their status", async () => {
    await call("CreateUser", { UserName: "key-owner" });
    const { AccessKey } = await call("CreateAccessKey", { UserName: "key-owner" });
    assert.match(AccessKey!.AccessKeyId!, /^AKIA[A-Z2-7]{16}$/);
    assert.equal(AccessKey!.SecretAccessKey!.length, 40);
    const find = () => platform.core.store.write((tx) => findAccessKey(tx, AccessKey!.AccessKeyId!));
    assert.equal((await find())!.secretAccessKey, AccessKey!.SecretAccessKey);
    await call("UpdateUser", { UserName: "key-owner", NewUserName: "renamed" });
    const principal = (await find())!.principal;
    assert.equal(principal.type === "user" && principal.arn, `arn:aws:iam::${ACCOUNT}:user/renamed`);
    assert.deepEqual(
      (await platform.call("iam", "ListAccessKeys", {}, { principal })).AccessKeyMetadata![0]!.UserName,
      "renamed",
    );
    await call("CreateAccessKey", { UserName: "renamed" });
    await refused(
      call("CreateAccessKey", { UserName: "renamed" }),
      "LimitExceeded",
      "Cannot exceed quota for AccessKeysPerUser: 2",
    );
    await refused(
      call("DeleteUser", { UserName: "renamed" }),
      "DeleteConflict",
      "Cannot delete entity, must delete access keys first.",
    );
    const AccessKeyId = AccessKey!.AccessKeyId;
    await call("UpdateAccessKey", { UserName: "renamed", AccessKeyId, Status: "Inactive" });
    assert.equal(await find(), undefined);
    await refused(
      call("DeleteAccessKey", { UserName: "renamed", AccessKeyId: "AKIAGONE" }),
      "NoSuchEntity",
      "The Access Key with id AKIAGONE cannot be found.",
    );
    await call("DeleteAccessKey", { UserName: "renamed", AccessKeyId });
    assert.equal((await call("ListAccessKeys", { UserName: "renamed" })).AccessKeyMetadata!.length, 1);
  });
});

describe("policies", () => {
  test("a user is allowed what its groups, attached and inline policies allow, within its boundary", async () => {
    const { User } = await call("CreateUser", { UserName: "worker" });
    const principal: Principal = {
      type: "user",
      accountId: ACCOUNT as any,
      arn: User!.Arn!,
      userName: "worker",
      userId: User!.UserId!,
    };
    const allowed = async (action: string) => (await decide(principal, action)).allowed;
    assert.equal(await allowed("sqs:SendMessage"), false);
    await call("PutUserPolicy", { UserName: "worker", PolicyName: "own", PolicyDocument: allow("sqs:*") });
    assert.equal(await allowed("sqs:SendMessage"), true);

    await call("CreateGroup", { GroupName: "readers" });
    await call("AttachGroupPolicy", {
      GroupName: "readers",
      PolicyArn: "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
    });
    assert.equal(await allowed("s3:GetObject"), false);
    await call("AddUserToGroup", { GroupName: "readers", UserName: "worker" });
    assert.equal(await allowed("s3:GetObject"), true);
    assert.equal(await allowed("s3:PutObject"), false);
    assert.deepEqual(
      (await call("ListGroupsForUser", { UserName: "worker" })).Groups!.map(({ GroupName }) => GroupName),
      ["readers"],
    );
    assert.deepEqual(
      (await call("GetGroup", { GroupName: "readers" })).Users!.map(({ UserName }) => UserName),
      ["worker"],
    );

    const { Policy } = await call("CreatePolicy", { PolicyName: "edge", PolicyDocument: allow("s3:*") });
    await call("PutUserPermissionsBoundary", { UserName: "worker", PermissionsBoundary: Policy!.Arn });
    assert.equal(
      (await decide(principal, "sqs:SendMessage")).reason,
      "because no permissions boundary allows the sqs:SendMessage action",
    );
    assert.equal(await allowed("s3:GetObject"), true);
    assert.equal(
      (await call("GetUser", { UserName: "worker" })).User!.PermissionsBoundary!.PermissionsBoundaryArn,
      Policy!.Arn,
    );
    await refused(call("DeletePolicy", { PolicyArn: Policy!.Arn }), "DeleteConflict");
    await call("CreatePolicyVersion", { PolicyArn: Policy!.Arn, PolicyDocument: allow("sqs:*"), SetAsDefault: true });
    assert.equal(await allowed("sqs:SendMessage"), true);
    await call("DeleteUserPermissionsBoundary", { UserName: "worker" });

    await refused(
      call("DeleteUser", { UserName: "worker" }),
      "DeleteConflict",
      "Cannot delete entity, must remove users from group first.",
    );
    await refused(call("DeleteGroup", { GroupName: "readers" }), "DeleteConflict");
    await call("RemoveUserFromGroup", { GroupName: "readers", UserName: "worker" });
    await refused(
      call("DeleteUser", { UserName: "worker" }),
      "DeleteConflict",
      "Cannot delete entity, must delete policies first.",
    );
    await call("DeleteUserPolicy", { UserName: "worker", PolicyName: "own" });
    await call("DeleteUser", { UserName: "worker" });
    assert.equal(await allowed("sqs:SendMessage"), false);
    await refused(
      call("DeleteGroup", { GroupName: "readers" }),
      "DeleteConflict",
      "Cannot delete entity, must detach all policies first.",
    );
  });

  test("versions", async () => {
    const { Policy } = await call("CreatePolicy", {
      PolicyName: "versions",
      PolicyDocument: allow("a:1"),
      Description: "d",
    });
    const PolicyArn = Policy!.Arn;
    assert.equal(PolicyArn, `arn:aws:iam::${ACCOUNT}:policy/versions`);
    for (let i = 2; i <= 5; i++) await call("CreatePolicyVersion", { PolicyArn, PolicyDocument: allow(`a:${i}`) });
    await refused(
      call("CreatePolicyVersion", { PolicyArn, PolicyDocument: allow("a:6") }),
      "LimitExceeded",
      "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
    );
    await call("SetDefaultPolicyVersion", { PolicyArn, VersionId: "v3" });
    const listed = (await call("ListPolicyVersions", { PolicyArn })).Versions!;
    assert.deepEqual(
      listed.map(({ VersionId, IsDefaultVersion }) => `${VersionId}${IsDefaultVersion ? "*" : ""}`),
      ["v5", "v4", "v3*", "v2", "v1"],
    );
    const { PolicyVersion } = await call("GetPolicyVersion", { PolicyArn, VersionId: "v3" });
    assert.equal(decodeURIComponent(PolicyVersion!.Document!), allow("a:3"));
    await refused(
      call("DeletePolicyVersion", { PolicyArn, VersionId: "v3" }),
      "DeleteConflict",
      "Cannot delete the default version of a policy.",
    );
    await refused(call("DeletePolicy", { PolicyArn }), "DeleteConflict");
    for (const VersionId of ["v1", "v2", "v4", "v5"]) await call("DeletePolicyVersion", { PolicyArn, VersionId });
    await call("DeletePolicy", { PolicyArn });
    await refused(call("GetPolicy", { PolicyArn }), "NoSuchEntity", `Policy ${PolicyArn} was not found.`);
  });

  test("AWS's own can be read and attached, and others are not there", async () => {
    const PolicyArn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    const { Policy } = await call("GetPolicy", { PolicyArn });
    const { PolicyVersion } = await call("GetPolicyVersion", { PolicyArn, VersionId: Policy!.DefaultVersionId });
    const { Statement } = JSON.parse(decodeURIComponent(PolicyVersion!.Document!));
    assert.deepEqual(Statement[0].Action, ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]);
    await refused(call("DeletePolicy", { PolicyArn }), "NoSuchEntity");
    await call("CreateRole", { RoleName: "attached", AssumeRolePolicyDocument: TRUST });
    const unknown = "arn:aws:iam::aws:policy/NoSuchThing";
    await refused(
      call("AttachRolePolicy", { RoleName: "attached", PolicyArn: unknown }),
      "NoSuchEntity",
      `Policy ${unknown} does not exist or is not attachable.`,
    );
    await call("AttachRolePolicy", { RoleName: "attached", PolicyArn });
    await call("AttachRolePolicy", { RoleName: "attached", PolicyArn });
    assert.equal((await call("GetPolicy", { PolicyArn })).Policy!.AttachmentCount, 1);
    assert.deepEqual(
      (await call("ListEntitiesForPolicy", { PolicyArn })).PolicyRoles!.map(({ RoleName }) => RoleName),
      ["attached"],
    );
    const attached = await call("ListAttachedRolePolicies", { RoleName: "attached", PathPrefix: "/service-role/" });
    assert.deepEqual(attached.AttachedPolicies, [{ PolicyName: "AWSLambdaBasicExecutionRole", PolicyArn }]);
    await call("DetachRolePolicy", { RoleName: "attached", PolicyArn });
    await refused(call("DetachRolePolicy", { RoleName: "attached", PolicyArn }), "NoSuchEntity");
    const { Policies } = await call("ListPolicies", { Scope: "AWS", MaxItems: 1000 });
    assert.ok(Policies!.some(({ PolicyName }) => PolicyName === "AdministratorAccess"));
    const { IsTruncated } = await call("ListPolicies", { MaxItems: 3 });
    assert.equal(IsTruncated, true);
    await call("DeleteRole", { RoleName: "attached" });
  });

  test("sizes", async () => {
    await call("CreateUser", { UserName: "big" });
    const half = allow("a:b", "*", { Sid: "x".repeat(1100) });
    await call("PutUserPolicy", { UserName: "big", PolicyName: "one", PolicyDocument: half });
    await refused(
      call("PutUserPolicy", { UserName: "big", PolicyName: "two", PolicyDocument: half }),
      "LimitExceeded",
      "Maximum policy size of 2048 bytes exceeded for user big",
    );
    await call("PutUserPolicy", { UserName: "big", PolicyName: "one", PolicyDocument: half });
    const huge = allow("a:b", "*", { Sid: "x".repeat(6200) });
    await refused(
      call("CreatePolicy", { PolicyName: "huge", PolicyDocument: huge }),
      "LimitExceeded",
      "Cannot exceed quota for PolicySize: 6144",
    );
    await refused(
      call("PutUserPolicy", { UserName: "big", PolicyName: "bad", PolicyDocument: "{" }),
      "MalformedPolicyDocument",
    );
    const read = await call("GetUserPolicy", { UserName: "big", PolicyName: "one" });
    assert.equal(decodeURIComponent(read.PolicyDocument!), half);
    await refused(
      call("GetUserPolicy", { UserName: "big", PolicyName: "two" }),
      "NoSuchEntity",
      "The user policy with name two cannot be found.",
    );
  });
});

describe("roles", () => {
  test("live from creation to deletion", async () => {
    const { Role } = await call("CreateRole", {
      RoleName: "worker",
      Path: "/service/",
      AssumeRolePolicyDocument: TRUST,
      Description: "works",
      MaxSessionDuration: 7200,
    });
    assert.match(Role!.RoleId!, /^AROA/);
    assert.equal(Role!.Arn, `arn:aws:iam::${ACCOUNT}:role/service/worker`);
    assert.equal(decodeURIComponent(Role!.AssumeRolePolicyDocument!), TRUST);
    await call("UpdateRole", { RoleName: "worker", MaxSessionDuration: 3600 });
    const updated = (await call("GetRole", { RoleName: "worker" })).Role!;
    assert.deepEqual([updated.MaxSessionDuration, updated.Description], [3600, "works"]);
    await refused(call("UpdateRole", { RoleName: "worker", MaxSessionDuration: 60 }), "ValidationError");
    await call("PutRolePolicy", { RoleName: "worker", PolicyName: "p", PolicyDocument: allow("s3:*") });
    assert.deepEqual((await call("ListRolePolicies", { RoleName: "worker" })).PolicyNames, ["p"]);

    const principal: Principal = {
      type: "assumed-role",
      accountId: ACCOUNT as any,
      arn: `arn:aws:sts::${ACCOUNT}:assumed-role/worker/one`,
      roleArn: Role!.Arn!,
      roleId: Role!.RoleId!,
      sessionName: "one",
    };
    assert.equal((await decide(principal, "s3:GetObject")).allowed, true);
    const narrowed = { ...principal, sessionPolicies: [allow("s3:ListBucket")] };
    assert.equal(
      (await decide(narrowed, "s3:GetObject")).reason,
      "because no session policy allows the s3:GetObject action",
    );

    await call("CreateInstanceProfile", { InstanceProfileName: "profile" });
    await call("AddRoleToInstanceProfile", { InstanceProfileName: "profile", RoleName: "worker" });
    const { InstanceProfiles } = await call("ListInstanceProfilesForRole", { RoleName: "worker" });
    assert.deepEqual(
      InstanceProfiles!.map(({ InstanceProfileName }) => InstanceProfileName),
      ["profile"],
    );
    await refused(
      call("DeleteRole", { RoleName: "worker" }),
      "DeleteConflict",
      "Cannot delete entity, must remove roles from instance profile first.",
    );
    await refused(call("DeleteInstanceProfile", { InstanceProfileName: "profile" }), "DeleteConflict");
    await call("RemoveRoleFromInstanceProfile", { InstanceProfileName: "profile", RoleName: "worker" });
    await call("DeleteInstanceProfile", { InstanceProfileName: "profile" });
    await refused(
      call("DeleteRole", { RoleName: "worker" }),
      "DeleteConflict",
      "Cannot delete entity, must delete policies first.",
    );
    await call("DeleteRolePolicy", { RoleName: "worker", PolicyName: "p" });
    await call("DeleteRole", { RoleName: "worker" });
    assert.equal((await decide(principal, "s3:GetObject")).allowed, false);
  });

  test("trust policies are checked when stored, and decide who assumes", async () => {
    const bad = TRUST.replace("lambda.amazonaws.com", "lambda");
    await refused(
      call("CreateRole", { RoleName: "bad", AssumeRolePolicyDocument: bad }),
      "MalformedPolicyDocument",
      'Invalid principal in policy: "SERVICE":"lambda"',
    );
    const gone = `arn:aws:iam::${ACCOUNT}:user/gone`;
    const toUser = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: gone }, Action: "sts:AssumeRole" }],
    });
    await refused(call("CreateRole", { RoleName: "bad", AssumeRolePolicyDocument: toUser }), "MalformedPolicyDocument");
    const { Role } = await call("CreateRole", { RoleName: "trusting", AssumeRolePolicyDocument: TRUST });
    const lambda: Principal = { type: "service", service: "lambda.amazonaws.com" };
    assert.equal((await decide(lambda, "sts:AssumeRole", Role!.Arn)).allowed, true);
    const other: Principal = { type: "service", service: "apigateway.amazonaws.com" };
    const reason = "because no role trust policy allows the sts:AssumeRole action";
    assert.equal((await decide(other, "sts:AssumeRole", Role!.Arn)).reason, reason);
    await call("UpdateAssumeRolePolicy", {
      RoleName: "trusting",
      PolicyDocument: TRUST.replace("lambda", "apigateway"),
    });
    assert.equal((await decide(other, "sts:AssumeRole", Role!.Arn)).allowed, true);
    assert.equal((await decide(other, "sts:AssumeRole", `${Role!.Arn}x`)).allowed, false);
  });
});

describe("the simulator", () => {
  test("custom policies", async () => {
    const { EvaluationResults } = await call("SimulateCustomPolicy", {
      PolicyInputList: [
        allow("sqs:*", "arn:aws:sqs:us-east-1:000000000000:orders", {
          Condition: { StringEquals: { "aws:RequestedRegion": "us-east-1" } },
        }),
        JSON.stringify({
          Version: "2012-10-17",
          Statement: { Effect: "Deny", Action: "sqs:DeleteQueue", Resource: "*" },
        }),
      ],
      ActionNames: ["sqs:SendMessage", "sqs:DeleteQueue", "s3:GetObject"],
      ResourceArns: ["arn:aws:sqs:us-east-1:000000000000:orders"],
      ContextEntries: [
        { ContextKeyName: "aws:RequestedRegion", ContextKeyValues: ["us-east-1"], ContextKeyType: "string" },
      ],
    });
    assert.deepEqual(
      EvaluationResults!.map(({ EvalActionName, EvalDecision, MatchedStatements }) => [
        EvalActionName,
        EvalDecision,
        MatchedStatements!.map(({ SourcePolicyId }) => SourcePolicyId),
      ]),
      [
        ["sqs:SendMessage", "allowed", ["PolicyInputList.1"]],
        ["sqs:DeleteQueue", "explicitDeny", ["PolicyInputList.2"]],
        ["s3:GetObject", "implicitDeny", []],
      ],
    );
  });

  test("a principal's policies", async () => {
    const { User } = await call("CreateUser", { UserName: "simulated" });
    const condition = { Condition: { Bool: { "aws:SecureTransport": "true" } } };
    await call("PutUserPolicy", {
      UserName: "simulated",
      PolicyName: "p",
      PolicyDocument: allow("s3:Get*", "*", condition),
    });
    const simulate = async (ContextEntries: InputOf<"iam", "SimulatePrincipalPolicy">["ContextEntries"]) =>
      (
        await call("SimulatePrincipalPolicy", {
          PolicySourceArn: User!.Arn,
          ActionNames: ["s3:GetObject"],
          ContextEntries,
        })
      ).EvaluationResults![0]!;
    const without = await simulate(undefined);
    assert.deepEqual([without.EvalDecision, without.MissingContextValues], ["implicitDeny", ["aws:SecureTransport"]]);
    const secure = await simulate([
      { ContextKeyName: "aws:SecureTransport", ContextKeyValues: ["true"], ContextKeyType: "boolean" },
    ]);
    assert.deepEqual([secure.EvalDecision, secure.MissingContextValues], ["allowed", []]);
    const keys = await call("GetContextKeysForPrincipalPolicy", { PolicySourceArn: User!.Arn });
    assert.deepEqual(keys.ContextKeyNames, ["aws:SecureTransport"]);
    await refused(
      call("SimulatePrincipalPolicy", { PolicySourceArn: `${User!.Arn}x`, ActionNames: ["a:b"] }),
      "NoSuchEntity",
    );
  });
});

test("the account's summary and details count what is there", async () => {
  const { SummaryMap } = await call("GetAccountSummary", {});
  const { Users } = await call("ListUsers", {});
  assert.equal(SummaryMap!.Users, Users!.length);
  const details = await call("GetAccountAuthorizationDetails", { Filter: ["User", "Role"] });
  assert.deepEqual(
    details.UserDetailList!.map(({ UserName }) => UserName),
    Users!.map(({ UserName }) => UserName),
  );
  assert.equal(details.RoleDetailList!.length, (await call("ListRoles", {})).Roles!.length);
  assert.equal(details.Policies!.length, 0);
});

test("accounts know nothing of one another", async () => {
  await call("CreateRole", { RoleName: "mine", AssumeRolePolicyDocument: TRUST });
  const accountId = "111111111111" as any;
  await refused(platform.call("iam", "GetRole", { RoleName: "mine" }, { accountId }), "NoSuchEntity");
});
