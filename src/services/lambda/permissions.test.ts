import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthorize } from "../../platform/authorization.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import type { Principal } from "../service.ts";
import { type FakePorts, fakePorts } from "./testing.ts";

const ACCOUNT = "000000000000";
const QUEUE = `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`;
const URL = `http://localhost:4566/${ACCOUNT}/orders`;
const FUNCTION = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:worker`;

const statement = (Action: string[], Resource: string) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] });

/** The whole platform with policies enforced, a queue, and a function whose role may do nothing yet. */
async function withPolicies(run: (platform: TestPlatform, ports: FakePorts) => Promise<void>): Promise<void> {
  const ports = fakePorts();
  const platform = await openTestPlatform({
    ports: { lambda: ports, authRequired: true },
    authorize: createAuthorize(true),
  });
  try {
    await platform.call("sqs", "CreateQueue", { QueueName: "orders" });
    await platform.call("iam", "CreateRole", {
      RoleName: "worker",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" }],
      }),
    });
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "worker",
      Role: `arn:aws:iam::${ACCOUNT}:role/worker`,
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
    });
    await run(platform, ports);
  } finally {
    await platform.close();
  }
}

const allow = (platform: TestPlatform, actions: string[]) =>
  platform.call("iam", "PutRolePolicy", {
    RoleName: "worker",
    PolicyName: "queue",
    PolicyDocument: statement(actions, QUEUE),
  });

test("a mapping polls with the function's role, and is refused when the role may not", () =>
  withPolicies(async (platform, ports) => {
    const create = () =>
      platform.call("lambda", "CreateEventSourceMapping", { FunctionName: "worker", EventSourceArn: QUEUE });
    await assert.rejects(create(), {
      code: "InvalidParameterValueException",
      message: "The provided execution role does not have permissions to call ReceiveMessage on SQS",
    });
    await allow(platform, ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]);
    await create();
    await platform.call("sqs", "SendMessage", { QueueUrl: URL, MessageBody: "x" });
    await platform.settle();
    assert.equal(ports.runs.length, 1);
    const { Attributes } = await platform.call("sqs", "GetQueueAttributes", {
      QueueUrl: URL,
      AttributeNames: ["ApproximateNumberOfMessagesNotVisible"],
    });
    assert.equal(Attributes!.ApproximateNumberOfMessagesNotVisible, "0");
  }));

test("a role that trusts somebody else cannot be a function's", () =>
  withPolicies(async (platform) => {
    await platform.call("iam", "CreateRole", {
      RoleName: "other",
      AssumeRolePolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
      }),
    });
    await assert.rejects(
      platform.call("lambda", "UpdateFunctionConfiguration", {
        FunctionName: "worker",
        Role: `arn:aws:iam::${ACCOUNT}:role/other`,
      }),
      { message: "The role defined for the function cannot be assumed by Lambda." },
    );
  }));

test("another service may invoke a function once its policy says so, and only for the source it names", () =>
  withPolicies(async (platform, ports) => {
    const api = (name: string): Principal => ({
      type: "service",
      service: "apigateway.amazonaws.com",
      sourceArn: `arn:aws:execute-api:us-east-1:${ACCOUNT}:${name}/prod/GET/`,
    });
    const invoke = (principal: Principal) =>
      platform.call("lambda", "Invoke", { FunctionName: FUNCTION }, { principal });
    await assert.rejects(invoke(api("good")), { code: "AccessDeniedException", status: 403 });
    await platform.call("lambda", "AddPermission", {
      FunctionName: "worker",
      StatementId: "api",
      Action: "lambda:InvokeFunction",
      Principal: "apigateway.amazonaws.com",
      SourceArn: `arn:aws:execute-api:us-east-1:${ACCOUNT}:good/*`,
    });
    assert.equal((await invoke(api("good"))).StatusCode, 200);
    await assert.rejects(invoke(api("evil")), { code: "AccessDeniedException" });
    assert.equal(ports.runs.length, 1);
  }));

test("an account that a policy names may invoke across accounts", () =>
  withPolicies(async (platform) => {
    const accountId = "111111111111" as never;
    const invoke = () => platform.call("lambda", "Invoke", { FunctionName: FUNCTION }, { accountId });
    await assert.rejects(invoke(), { code: "AccessDeniedException" });
    await platform.call("lambda", "AddPermission", {
      FunctionName: "worker",
      StatementId: "friend",
      Action: "lambda:InvokeFunction",
      Principal: "111111111111",
    });
    assert.equal((await invoke()).ExecutedVersion, "$LATEST");
    await assert.rejects(platform.call("lambda", "GetFunction", { FunctionName: FUNCTION }, { accountId }), {
      code: "AccessDeniedException",
    });
  }));

test("whoever makes a function must be allowed to pass its role", () =>
  withPolicies(async (platform) => {
    const { User } = await platform.call("iam", "CreateUser", { UserName: "ada" });
    const principal: Principal = {
      type: "user",
      accountId: ACCOUNT as never,
      arn: User!.Arn!,
      userName: "ada",
      userId: User!.UserId!,
    };
    const may = (Action: string[]) =>
      platform.call("iam", "PutUserPolicy", {
        UserName: "ada",
        PolicyName: "functions",
        PolicyDocument: statement(Action, "*"),
      });
    const create = () =>
      platform.call(
        "lambda",
        "CreateFunction",
        {
          FunctionName: "hers",
          Role: `arn:aws:iam::${ACCOUNT}:role/worker`,
          Runtime: "nodejs22.x",
          Handler: "index.handler",
          Code: { ZipFile: Buffer.from("zip") },
        },
        { principal },
      );
    await may(["lambda:CreateFunction"]);
    await assert.rejects(create(), {
      code: "AccessDeniedException",
      message: /not authorized to perform: iam:PassRole on resource: arn:aws:iam::000000000000:role\/worker/,
    });
    await may(["lambda:CreateFunction", "iam:PassRole"]);
    assert.equal((await create()).FunctionName, "hers");
  }));
