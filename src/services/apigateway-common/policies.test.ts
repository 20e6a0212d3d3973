import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { createAuthorize } from "../../platform/authorization.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { fakePorts } from "../lambda/testing.ts";
import type { Principal } from "../service.ts";

const ACCOUNT = "000000000000";
const QUEUE = `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`;
const FUNCTION = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:hello`;

const document = (Action: string, Resource: string) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] });
const trust = (Service: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service }, Action: "sts:AssumeRole" }],
  });

/** The whole platform with policies enforced; `send` is a stranger's request to an API. */
async function withPolicies(
  work: (
    platform: TestPlatform,
    send: (method: string, apiId: string, path: string, body?: string) => Promise<[number, string]>,
  ) => Promise<void>,
): Promise<void> {
  const lambda = fakePorts();
  lambda.handlers.set("hello", () => "hello");
  const platform = await openTestPlatform({ ports: { lambda, authRequired: true }, authorize: createAuthorize(true) });
  try {
    await platform.call("sqs", "CreateQueue", { QueueName: "orders" });
    for (const [RoleName, service] of [
      ["api", "apigateway.amazonaws.com"],
      ["worker", "lambda.amazonaws.com"],
    ] as const) {
      await platform.call("iam", "CreateRole", { RoleName, AssumeRolePolicyDocument: trust(service) });
    }
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "hello",
      Role: `arn:aws:iam::${ACCOUNT}:role/worker`,
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
    });
    const fronts = [...platform.core.services.values()].flatMap((service) => service.fronts ?? []);
    const front = fronts.find(({ name }) => name === "execute-api")!;
    await work(platform, async (method, apiId, path, body = "") => {
      const host = `${apiId}.execute-api.localhost`;
      const flow = platform.flow({ principal: { type: "anonymous" } });
      const response = await front.handle(
        flow,
        {
          method,
          path,
          query: "",
          headers: { host },
          rawHeaders: [["host", host]],
          host,
          sourceIp: "127.0.0.1",
          protocol: "HTTP/1.1",
          body: Readable.from([]),
          readBody: async () => Buffer.from(body),
          signerOfForm() {
            throw new Error("no form is signed here");
          },
        },
        { ...front.host!.exec(host)!.groups },
      );
      return [response.status, String(response.body ?? "")];
    });
  } finally {
    await platform.close();
  }
}

async function httpApi(platform: TestPlatform, integration: object): Promise<string> {
  const { ApiId } = await platform.call("apigatewayv2", "CreateApi", { Name: "a", ProtocolType: "HTTP" });
  const { IntegrationId } = await platform.call("apigatewayv2", "CreateIntegration", {
    ApiId,
    IntegrationType: "AWS_PROXY",
    ...integration,
  });
  await platform.call("apigatewayv2", "CreateRoute", {
    ApiId,
    RouteKey: "POST /orders/{id}",
    Target: `integrations/${IntegrationId}`,
  });
  await platform.call("apigatewayv2", "CreateStage", { ApiId, StageName: "$default", AutoDeploy: true });
  return ApiId!;
}

test("a function answers an API only when its policy lets that route call it", () =>
  withPolicies(async (platform, send) => {
    const apiId = await httpApi(platform, { IntegrationUri: FUNCTION, PayloadFormatVersion: "2.0" });
    const post = () => send("POST", apiId, "/orders/7");
    const permit = (StatementId: string, SourceArn: string) =>
      platform.call("lambda", "AddPermission", {
        FunctionName: "hello",
        StatementId,
        Action: "lambda:InvokeFunction",
        Principal: "apigateway.amazonaws.com",
        SourceArn: `arn:aws:execute-api:us-east-1:${ACCOUNT}:${SourceArn}`,
      });
    assert.deepEqual(await post(), [500, '{"message":"Internal Server Error"}']);
    await permit("another", `${apiId}/*/GET/orders/*`);
    assert.equal((await post())[0], 500);
    await permit("this", `${apiId}/*/POST/orders/*`);
    assert.deepEqual(await post(), [200, "hello"]);
  }));

test("a first-class integration does what its role may, and no more", () =>
  withPolicies(async (platform, send) => {
    const apiId = await httpApi(platform, {
      IntegrationSubtype: "SQS-SendMessage",
      PayloadFormatVersion: "1.0",
      CredentialsArn: `arn:aws:iam::${ACCOUNT}:role/api`,
      RequestParameters: { QueueUrl: `http://localhost:4566/${ACCOUNT}/orders`, MessageBody: "$request.body" },
    });
    const [status, text] = await send("POST", apiId, "/orders/7", "order");
    assert.equal(status, 403);
    assert.match(text, /assumed-role\/api\/BackplaneAssumeRoleSession is not authorized to perform: sqs:sendmessage/i);
    await platform.call("iam", "PutRolePolicy", {
      RoleName: "api",
      PolicyName: "send",
      PolicyDocument: document("sqs:SendMessage", QUEUE),
    });
    assert.equal((await send("POST", apiId, "/orders/7", "order"))[0], 200);
    const wrong = await httpApi(platform, {
      IntegrationSubtype: "SQS-PurgeQueue",
      PayloadFormatVersion: "1.0",
      CredentialsArn: `arn:aws:iam::${ACCOUNT}:role/worker`,
      RequestParameters: { QueueUrl: "u" },
    });
    assert.equal((await send("POST", wrong, "/orders/7"))[0], 500);
  }));

test("whoever manages APIs is asked for IAM's own names of the operations", () =>
  withPolicies(async (platform) => {
    const { ApiId } = await platform.call("apigatewayv2", "CreateApi", { Name: "a", ProtocolType: "HTTP" });
    const { User } = await platform.call("iam", "CreateUser", { UserName: "u" });
    const principal: Principal = {
      type: "user",
      accountId: platform.flow().accountId,
      arn: User!.Arn!,
      userName: "u",
      userId: User!.UserId!,
    };
    const get = () => platform.call("apigatewayv2", "GetStages", { ApiId }, { principal });
    await assert.rejects(get(), {
      code: "AccessDeniedException",
      message: `User: ${User!.Arn} is not authorized to perform: apigateway:GET on resource: arn:aws:apigateway:us-east-1::/apis/${ApiId}/stages because no identity-based policy allows the apigateway:GET action`,
    });
    await platform.call("iam", "PutUserPolicy", {
      UserName: "u",
      PolicyName: "p",
      PolicyDocument: document("apigateway:GET", "arn:aws:apigateway:*::/apis/*"),
    });
    assert.deepEqual((await get()).Items, []);
    await assert.rejects(platform.call("apigateway", "GetRestApis", {}, { principal }), {
      code: "AccessDeniedException",
    });
  }));
