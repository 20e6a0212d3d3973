import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import type { AccountId } from "../../kernel/arn.ts";
import { SeededRandom } from "../../kernel/random.ts";
import { createAuthorize } from "../../platform/authorization.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { deploy, remove } from "../cloudformation/testing.ts";
import type { FlowContext, Principal, Service } from "../service.ts";
import { randomPassword } from "./random-password.ts";
import { secretsmanager } from "./service.ts";

let platform: TestPlatform;
beforeEach(async () => {
  platform = await openTestPlatform();
});
afterEach(() => platform.close());

const DAY_MS = 86_400_000;
const create = (Name: string, SecretString: string, more: object = {}) =>
  platform.call("secretsmanager", "CreateSecret", { Name, SecretString, ...more });
const text = async (SecretId: string, more: object = {}) =>
  (await platform.call("secretsmanager", "GetSecretValue", { SecretId, ...more })).SecretString;
const token = (letter: string) => letter.repeat(32);

test("a secret has versions; labels move along", async () => {
  const { ARN, VersionId } = await create("app/db", "one");
  assert.match(ARN!, /^arn:aws:secretsmanager:us-east-1:000000000000:secret:app\/db-[A-Za-z0-9]{6}$/);
  assert.equal(await text(ARN!), "one");
  assert.equal(await text(ARN!.slice(0, -7)), "one");
  const put = await platform.call("secretsmanager", "PutSecretValue", { SecretId: "app/db", SecretString: "two" });
  assert.deepEqual(put.VersionStages, ["AWSCURRENT"]);
  assert.equal(await text("app/db"), "two");
  assert.equal(await text("app/db", { VersionStage: "AWSPREVIOUS" }), "one");
  assert.equal(await text("app/db", { VersionId }), "one");
  const { VersionIdsToStages } = await platform.call("secretsmanager", "DescribeSecret", { SecretId: "app/db" });
  assert.deepEqual(VersionIdsToStages, { [VersionId!]: ["AWSPREVIOUS"], [put.VersionId!]: ["AWSCURRENT"] });
  await assert.rejects(
    platform.call("secretsmanager", "UpdateSecretVersionStage", {
      SecretId: "app/db",
      VersionStage: "AWSCURRENT",
      MoveToVersionId: VersionId,
    }),
    {
      code: "InvalidParameterException",
      message: new RegExp(`currently attached to version ${put.VersionId}, so you must explicitly`),
    },
  );
  await platform.call("secretsmanager", "UpdateSecretVersionStage", {
    SecretId: "app/db",
    VersionStage: "AWSCURRENT",
    MoveToVersionId: VersionId,
    RemoveFromVersionId: put.VersionId,
  });
  assert.equal(await text("app/db"), "one");
  assert.equal(await text("app/db", { VersionStage: "AWSPREVIOUS" }), "two");
});

test("binary values; the same token again changes nothing, another value with it is refused", async () => {
  const SecretBinary = Buffer.from([0, 255, 1]);
  await platform.call("secretsmanager", "CreateSecret", { Name: "b", SecretBinary });
  const { SecretBinary: found, SecretString } = await platform.call("secretsmanager", "GetSecretValue", {
    SecretId: "b",
  });
  assert.deepEqual([Buffer.from(found!), SecretString], [SecretBinary, undefined]);
  const put = (SecretString: string) =>
    platform.call("secretsmanager", "PutSecretValue", { SecretId: "b", SecretString, ClientRequestToken: token("t") });
  await put("x");
  assert.equal((await put("x")).VersionId, token("t"));
  await assert.rejects(put("y"), { code: "ResourceExistsException" });
});

test("deleted it can be restored while its window lasts", async () => {
  await create("s", "v");
  const { DeletionDate } = await platform.call("secretsmanager", "DeleteSecret", {
    SecretId: "s",
    RecoveryWindowInDays: 7,
  });
  assert.equal(DeletionDate!.getTime(), platform.clock.nowMs() + 7 * DAY_MS);
  await assert.rejects(text("s"), {
    code: "InvalidRequestException",
    message: "You can't perform this operation on the secret because it was marked for deletion.",
  });
  await assert.rejects(create("s", "w"), { message: /already scheduled for deletion/ });
  await platform.advance(6 * DAY_MS);
  await platform.call("secretsmanager", "RestoreSecret", { SecretId: "s" });
  await platform.advance(30 * DAY_MS);
  assert.equal(await text("s"), "v");
  await platform.call("secretsmanager", "DeleteSecret", { SecretId: "s" });
  assert.deepEqual((await platform.call("secretsmanager", "ListSecrets", {})).SecretList, []);
  await platform.advance(30 * DAY_MS);
  await assert.rejects(text("s"), {
    code: "ResourceNotFoundException",
    message: "Secrets Manager can't find the specified secret.",
  });
  await create("s", "new");
  await platform.call("secretsmanager", "DeleteSecret", { SecretId: "s", ForceDeleteWithoutRecovery: true });
  await assert.rejects(text("s"), { code: "ResourceNotFoundException" });
});

test("lists are filtered and sorted, values read in batches", async () => {
  await create("a/1", "1", { Tags: [{ Key: "team", Value: "blue" }], Description: "the First" });
  await platform.advance(1000);
  await create("a/2", "2");
  await create("b/1", "3");
  const names = async (input: object) =>
    (await platform.call("secretsmanager", "ListSecrets", input)).SecretList!.map(({ Name }) => Name);
  assert.deepEqual(await names({ SortBy: "name", SortOrder: "desc" }), ["b/1", "a/2", "a/1"]);
  assert.deepEqual(await names({ Filters: [{ Key: "name", Values: ["a/"] }] }), ["a/1", "a/2"]);
  assert.deepEqual(await names({ Filters: [{ Key: "name", Values: ["!a/"] }] }), ["b/1"]);
  assert.deepEqual(await names({ Filters: [{ Key: "tag-value", Values: ["blue"] }] }), ["a/1"]);
  assert.deepEqual(await names({ Filters: [{ Key: "all", Values: ["first"] }] }), ["a/1"]);
  const batch = await platform.call("secretsmanager", "BatchGetSecretValue", { SecretIdList: ["a/1", "none"] });
  assert.deepEqual(
    batch.SecretValues!.map(({ SecretString }) => SecretString),
    ["1"],
  );
  assert.deepEqual(
    batch.Errors!.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode]),
    [["none", "ResourceNotFoundException"]],
  );
});

const refusals: readonly (readonly [string, string, object, string, string])[] = [
  [
    "twice",
    "CreateSecret",
    { Name: "there", SecretString: "x" },
    "ResourceExistsException",
    "The operation failed because the secret there already exists.",
  ],
  [
    "two values",
    "CreateSecret",
    { Name: "n", SecretString: "x", SecretBinary: Buffer.from("x") },
    "InvalidParameterException",
    "You can't specify both a binary secret value and a string secret value in the same secret.",
  ],
  [
    "no value",
    "PutSecretValue",
    { SecretId: "there" },
    "InvalidRequestException",
    "You must provide either SecretString or SecretBinary.",
  ],
  [
    "a short token",
    "PutSecretValue",
    { SecretId: "there", SecretString: "x", ClientRequestToken: "short" },
    "InvalidParameterException",
    "ClientRequestToken must be 32-64 characters long.",
  ],
  [
    "a label of nowhere",
    "GetSecretValue",
    { SecretId: "there", VersionStage: "AWSPENDING" },
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
  ],
  [
    "a short window",
    "DeleteSecret",
    { SecretId: "there", RecoveryWindowInDays: 3 },
    "InvalidParameterException",
    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
  ],
  [
    "a replica",
    "CreateSecret",
    { Name: "n", AddReplicaRegions: [{ Region: "eu-west-1" }] },
    "NotImplemented",
    "Virga does not support AddReplicaRegions of secretsmanager:CreateSecret. COMPAT.md lists what it supports.",
  ],
  [
    "rotation by nobody",
    "RotateSecret",
    { SecretId: "there" },
    "InvalidRequestException",
    "No Lambda rotation function ARN is associated with this secret.",
  ],
];
for (const [what, operation, input, code, message] of refusals) {
  test(`refused: ${what}`, async () => {
    await create("there", "v");
    await assert.rejects(platform.call("secretsmanager", operation as "CreateSecret", input as never), {
      code,
      message,
    });
  });
}

test("passwords have what was asked for, and nothing else", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed);
    const plain = randomPassword({}, random);
    assert.ok(
      plain.length === 32 &&
        /[a-z]/.test(plain) &&
        /[A-Z]/.test(plain) &&
        /\d/.test(plain) &&
        /[^a-zA-Z\d]/.test(plain),
    );
    assert.match(
      randomPassword(
        { PasswordLength: 5, ExcludePunctuation: true, ExcludeUppercase: true, ExcludeCharacters: "aeiou0" },
        random,
      ),
      /^[b-df-hj-np-tv-z1-9]{5}$/,
    );
  }
  const all = { ExcludeLowercase: true, ExcludeUppercase: true, ExcludeNumbers: true, ExcludePunctuation: true };
  assert.throws(() => randomPassword(all, new SeededRandom(1)), { code: "InvalidParameterException" });
});

test("a function rotates a secret in four steps, at once and on schedule", async () => {
  const steps: string[] = [];
  const lambda = {
    name: "lambda",
    operations: {},
    flows: {
      async Invoke(flow: FlowContext, { Payload }: { Payload: Uint8Array }) {
        const {
          Step,
          SecretId,
          ClientRequestToken: to,
        } = JSON.parse(Buffer.from(Payload).toString()) as Record<string, string>;
        steps.push(Step!);
        const call: FlowContext["call"] = (service, operation, input) => flow.call(service, operation, input);
        if (Step === "createSecret") {
          await call("secretsmanager", "PutSecretValue", {
            SecretId,
            ClientRequestToken: to,
            SecretString: `rotated ${steps.length}`,
            VersionStages: ["AWSPENDING"],
          });
        }
        if (Step === "finishSecret") {
          const { VersionIdsToStages } = await call("secretsmanager", "DescribeSecret", { SecretId });
          const [from] = Object.entries(VersionIdsToStages!).find(([, stages]) => stages.includes("AWSCURRENT"))!;
          await call("secretsmanager", "UpdateSecretVersionStage", {
            SecretId,
            VersionStage: "AWSCURRENT",
            MoveToVersionId: to,
            RemoveFromVersionId: from,
          });
        }
        return { StatusCode: 200, Payload: Buffer.from("null") };
      },
    },
  } as unknown as Service;
  await platform.close();
  platform = await openTestPlatform({ services: [secretsmanager as unknown as Service, lambda] });
  await create("s", "first");
  const RotationLambdaARN = "arn:aws:lambda:us-east-1:000000000000:function:rotate";
  await platform.call("secretsmanager", "RotateSecret", {
    SecretId: "s",
    RotationLambdaARN,
    RotationRules: { AutomaticallyAfterDays: 10 },
  });
  await platform.settle();
  assert.deepEqual(steps, ["createSecret", "setSecret", "testSecret", "finishSecret"]);
  assert.equal(await text("s"), "rotated 1");
  assert.equal(await text("s", { VersionStage: "AWSPREVIOUS" }), "first");
  const described = await platform.call("secretsmanager", "DescribeSecret", { SecretId: "s" });
  assert.equal(described.RotationEnabled, true);
  assert.equal(described.NextRotationDate!.getTime() - described.LastRotatedDate!.getTime(), 10 * DAY_MS);
  await platform.advance(10 * DAY_MS);
  assert.equal(await text("s"), "rotated 5");
  await platform.call("secretsmanager", "CancelRotateSecret", { SecretId: "s" });
  await platform.advance(30 * DAY_MS);
  assert.equal(steps.length, 8);
});

test("a policy lets another account in; policies are written for ARNs", async () => {
  await platform.close();
  platform = await openTestPlatform({ authorize: createAuthorize(true) });
  const { ARN } = await create("s", "v");
  const stranger = "111111111111" as AccountId;
  const principal: Principal = { type: "root", accountId: stranger, arn: `arn:aws:iam::${stranger}:root` };
  const read = () =>
    platform.call("secretsmanager", "GetSecretValue", { SecretId: ARN }, { principal, accountId: stranger });
  await assert.rejects(read(), { code: "AccessDeniedException" });
  const ResourcePolicy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: stranger }, Action: "secretsmanager:GetSecretValue", Resource: ARN },
    ],
  });
  await platform.call("secretsmanager", "PutResourcePolicy", { SecretId: "s", ResourcePolicy });
  assert.equal((await read()).SecretString, "v");
  const open = ResourcePolicy.replace(`{"AWS":"${stranger}"}`, '"*"');
  await assert.rejects(
    platform.call("secretsmanager", "PutResourcePolicy", {
      SecretId: "s",
      ResourcePolicy: open,
      BlockPublicPolicy: true,
    }),
    { code: "PublicPolicyException" },
  );
});

test("stacks make secrets by chance, and their policies", async () => {
  const template = (secret: object) => ({
    Resources: {
      Secret: { Type: "AWS::SecretsManager::Secret", Properties: secret },
      Policy: {
        Type: "AWS::SecretsManager::ResourcePolicy",
        Properties: {
          SecretId: { Ref: "Secret" },
          ResourcePolicy: {
            Version: "2012-10-17",
            Statement: [
              {
                Effect: "Allow",
                Principal: { AWS: "111111111111" },
                Action: "secretsmanager:GetSecretValue",
                Resource: "*",
              },
            ],
          },
        },
      },
    },
    Outputs: { Arn: { Value: { Ref: "Secret" } } },
  });
  const GenerateSecretString = {
    SecretStringTemplate: '{"user":"app"}',
    GenerateStringKey: "password",
    PasswordLength: 20,
    ExcludePunctuation: true,
  };
  const made = await deploy(platform, template({ Description: "d", GenerateSecretString }));
  assert.equal(made.status, "CREATE_COMPLETE", made.reason);
  const first = await text(made.outputs["Arn"]!);
  assert.match(first!, /^\{"user":"app","password":"[A-Za-z0-9]{20}"\}$/);
  const described = await deploy(platform, template({ Description: "e", GenerateSecretString }));
  assert.equal(described.status, "UPDATE_COMPLETE", described.reason);
  assert.equal(await text(made.outputs["Arn"]!), first);
  await remove(platform);
  await assert.rejects(text(made.outputs["Arn"]!), { code: "ResourceNotFoundException" });
});
