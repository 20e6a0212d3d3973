import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AccountId } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { InputOf, Principal } from "../service.ts";
import { findSession } from "./credentials.ts";

const ACCOUNT = "000000000000" as AccountId;
const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/worker`;
const LAMBDA: Principal = { type: "service", service: "lambda.amazonaws.com" };
const trust = (principal: object, more: object = {}) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole", ...more }],
  });

const refused = (promise: Promise<unknown>, code: string, message?: string) =>
  assert.rejects(promise, (error: AwsError) => {
    assert.ok(error instanceof AwsError, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.equal(error.message, message);
    return true;
  });
const find = (platform: TestPlatform, accessKeyId: string | undefined) =>
  platform.core.store.write((tx) => findSession(tx, accessKeyId!));

describe("where any credentials are let in", () => {
  let platform: TestPlatform;
  before(async () => {
    platform = await openTestPlatform({ seed: 3 });
    await platform.call("iam", "CreateRole", {
      RoleName: "worker",
      AssumeRolePolicyDocument: trust({ Service: "lambda.amazonaws.com" }),
    });
  });
  after(() => platform.close());
  const assume = (input: Partial<InputOf<"sts", "AssumeRole">> = {}, principal?: Principal) =>
    platform.call(
      "sts",
      "AssumeRole",
      { RoleArn: ROLE_ARN, RoleSessionName: "one", ...input },
      principal ? { principal } : {},
    );

  test("a service assumes a role that trusts it, and the credentials are the role's", async () => {
    const { Credentials, AssumedRoleUser } = await assume({}, LAMBDA);
    assert.match(Credentials!.AccessKeyId!, /^ASIA[A-Z2-7]{16}$/);
    assert.equal(AssumedRoleUser!.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/worker/one`);
    assert.equal(Credentials!.Expiration!.getTime(), platform.clock.nowMs() + 3_600_000);
    const found = (await find(platform, Credentials!.AccessKeyId))!;
    assert.equal(found.secretAccessKey, Credentials!.SecretAccessKey);
    assert.equal(found.sessionToken, Credentials!.SessionToken);
    const identity = await platform.call("sts", "GetCallerIdentity", {}, { principal: found.principal });
    assert.deepEqual(identity, {
      UserId: AssumedRoleUser!.AssumedRoleId,
      Account: ACCOUNT,
      Arn: AssumedRoleUser!.Arn,
    });
    const info = await platform.call("sts", "GetAccessKeyInfo", { AccessKeyId: Credentials!.AccessKeyId });
    assert.equal(info.Account, ACCOUNT);
  });

  test("a service that the role does not trust is refused, even here", async () => {
    await refused(
      assume({}, { type: "service", service: "apigateway.amazonaws.com" }),
      "AccessDenied",
      `User: apigateway.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: ${ROLE_ARN} because no role trust policy allows the sts:AssumeRole action`,
    );
  });

  test("a role that is not stored is assumed by anybody, with the same id each time", async () => {
    const RoleArn = "arn:aws:iam::123456789012:role/made/up";
    const first = await assume({ RoleArn }, LAMBDA);
    const second = await assume({ RoleArn });
    assert.equal(first.AssumedRoleUser!.Arn, "arn:aws:sts::123456789012:assumed-role/up/one");
    assert.equal(first.AssumedRoleUser!.AssumedRoleId, second.AssumedRoleUser!.AssumedRoleId);
    assert.notEqual(first.Credentials!.SecretAccessKey, second.Credentials!.SecretAccessKey);
  });

  test("input is checked in AWS's words", async () => {
    const cases: [Partial<InputOf<"sts", "AssumeRole">>, string][] = [
      [{ RoleArn: "nonsense" }, "nonsense is invalid"],
      [{ RoleArn: `arn:aws:iam::${ACCOUNT}:user/x` }, `arn:aws:iam::${ACCOUNT}:user/x is invalid`],
      [
        { RoleSessionName: "a b" },
        "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
      ],
      [
        { RoleSessionName: "x" },
        "1 validation error detected: Value 'x' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2",
      ],
      [
        { DurationSeconds: 899 },
        "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
      ],
      [
        { DurationSeconds: 43_201 },
        "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200",
      ],
      [{ DurationSeconds: 3601 }, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."],
    ];
    for (const [input, message] of cases) await refused(assume(input), "ValidationError", message);
    await refused(assume({ Policy: "{" }), "MalformedPolicyDocument");
    await refused(assume({ PolicyArns: [{ arn: "arn:aws:iam::aws:policy/NoSuchThing" }] }), "NoSuchEntity");
    await refused(assume({ Tags: [{ Key: "a", Value: "b" }] }), "NotImplemented");
  });

  test("a session that assumes another role gets an hour", async () => {
    const RoleArn = `arn:aws:iam::${ACCOUNT}:role/long`;
    const AssumeRolePolicyDocument = trust({ AWS: ACCOUNT });
    await platform.call("iam", "CreateRole", {
      RoleName: "long",
      AssumeRolePolicyDocument,
      MaxSessionDuration: 43_200,
    });
    await assume({ RoleArn, DurationSeconds: 43_200 });
    const { Credentials } = await assume({}, LAMBDA);
    const { principal } = (await find(platform, Credentials!.AccessKeyId))!;
    await assume({ RoleArn, DurationSeconds: 3600 }, principal);
    await refused(
      assume({ RoleArn, DurationSeconds: 3601 }, principal),
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    );
    await refused(platform.call("sts", "GetSessionToken", {}, { principal }), "AccessDenied");
  });

  test("session policies travel with the session", async () => {
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" },
    });
    const { Credentials } = await assume(
      { Policy, PolicyArns: [{ arn: "arn:aws:iam::aws:policy/AmazonSQSFullAccess" }] },
      LAMBDA,
    );
    const { principal } = (await find(platform, Credentials!.AccessKeyId))!;
    assert.ok(principal.type === "assumed-role");
    assert.equal(principal.sessionPolicies!.length, 2);
    assert.equal(principal.sessionPolicies![0], Policy);
    assert.match(principal.sessionPolicies![1]!, /sqs:\*/);
  });

  test("an expired session is forgotten in the end", async () => {
    const { Credentials } = await assume({ DurationSeconds: 900 }, LAMBDA);
    const session = (await find(platform, Credentials!.AccessKeyId))!;
    await platform.advance(900_000);
    assert.equal(session.expiresMs, platform.clock.nowMs());
    assert.ok(await find(platform, Credentials!.AccessKeyId));
    await platform.advance(3_600_000);
    assert.equal(await find(platform, Credentials!.AccessKeyId), undefined);
  });

  test("session tokens of users and of the account", async () => {
    const { User } = await platform.call("iam", "CreateUser", { UserName: "ada" });
    const ada: Principal = {
      type: "user",
      accountId: ACCOUNT,
      arn: User!.Arn!,
      userName: "ada",
      userId: User!.UserId!,
    };
    const { Credentials } = await platform.call("sts", "GetSessionToken", {}, { principal: ada });
    assert.equal(Credentials!.Expiration!.getTime(), Math.floor(platform.clock.nowMs() / 1000) * 1000 + 43_200_000);
    assert.deepEqual((await find(platform, Credentials!.AccessKeyId))!.principal, ada);
    const own = await platform.call("sts", "GetSessionToken", { DurationSeconds: 43_200 });
    assert.equal(own.Credentials!.Expiration!.getTime(), Math.floor(platform.clock.nowMs() / 1000) * 1000 + 3_600_000);
    const { AccessKey } = await platform.call("iam", "CreateAccessKey", { UserName: "ada" });
    const info = await platform.call("sts", "GetAccessKeyInfo", { AccessKeyId: AccessKey!.AccessKeyId });
    assert.equal(info.Account, ACCOUNT);
  });
});

describe("where authorization is required", () => {
  let platform: TestPlatform;
  let ada: Principal;
  before(async () => {
    platform = await openTestPlatform({ seed: 4, ports: { authRequired: true } });
    const { User } = await platform.call("iam", "CreateUser", { UserName: "ada" });
    ada = { type: "user", accountId: ACCOUNT, arn: User!.Arn!, userName: "ada", userId: User!.UserId! };
    const external = { Condition: { StringEquals: { "sts:ExternalId": "secret" } } };
    const AssumeRolePolicyDocument = trust({ AWS: User!.Arn }, external);
    await platform.call("iam", "CreateRole", { RoleName: "worker", AssumeRolePolicyDocument });
  });
  after(() => platform.close());
  const assume = (input: Partial<InputOf<"sts", "AssumeRole">>, principal: Principal) =>
    platform.call("sts", "AssumeRole", { RoleArn: ROLE_ARN, RoleSessionName: "one", ...input }, { principal });

  test("the trust policy decides", async () => {
    await assume({ ExternalId: "secret" }, ada);
    await refused(assume({}, ada), "AccessDenied");
    await refused(assume({ ExternalId: "other" }, ada), "AccessDenied");
    await refused(assume({}, LAMBDA), "AccessDenied");
    await refused(assume({ RoleArn: `${ROLE_ARN}2` }, ada), "AccessDenied");
    const root: Principal = { type: "root", accountId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:root` };
    await refused(assume({}, root), "AccessDenied", "Roles may not be assumed by root accounts.");
  });
});
