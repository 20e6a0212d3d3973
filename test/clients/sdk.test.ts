/** Every listed service through the SDK for JavaScript: its paginators, waiters, error classes and streams. S3 and DynamoDB have files of their own. */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, before, test } from "node:test";
import {
  APIGatewayClient,
  CreateDeploymentCommand,
  CreateRestApiCommand,
  GetResourcesCommand,
  GetRestApiCommand,
  NotFoundException,
  PutIntegrationCommand,
  PutIntegrationResponseCommand,
  PutMethodCommand,
  PutMethodResponseCommand,
  paginateGetRestApis,
  TestInvokeMethodCommand,
} from "@aws-sdk/client-api-gateway";
import { ApiGatewayV2Client, CreateApiCommand, CreateRouteCommand, GetApiCommand } from "@aws-sdk/client-apigatewayv2";
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  paginateDescribeStackEvents,
  UpdateStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackUpdateComplete,
} from "@aws-sdk/client-cloudformation";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
  paginateFilterLogEvents,
  ResourceAlreadyExistsException,
} from "@aws-sdk/client-cloudwatch-logs";
import { GetRoleCommand, IAMClient, NoSuchEntityException } from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  InvokeCommand,
  InvokeWithResponseStreamCommand,
  LambdaClient,
  PublishVersionCommand,
  paginateListVersionsByFunction,
  ResourceNotFoundException,
  UpdateFunctionCodeCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListDirectoryBucketsCommand,
  PutObjectCommand,
  S3Client,
  waitUntilObjectExists,
} from "@aws-sdk/client-s3";
import {
  SESClient,
  SendRawEmailCommand,
  VerifyEmailIdentityCommand,
  waitUntilIdentityExists,
} from "@aws-sdk/client-ses";
import {
  CreateEmailIdentityCommand,
  GetEmailIdentityCommand,
  NotFoundException as NoIdentity,
  SESv2Client,
  SendEmailCommand,
} from "@aws-sdk/client-sesv2";
import {
  BatchEntryIdsNotDistinct,
  CreateQueueCommand,
  GetQueueUrlCommand,
  paginateListQueues,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { type ServedPlatform, servePlatform } from "../../src/platform/serving.ts";
import { zip } from "./zip.ts";

const ACCOUNT = "000000000000";
const WAIT = { maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
let platform: ServedPlatform;
let endpoint: string;
const open: Array<{ destroy(): void }> = [];

const config = () => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
});
function client<C extends { destroy(): void }>(Client: new (options: ReturnType<typeof config>) => C): C {
  const made = new Client(config());
  open.push(made);
  return made;
}

before(async () => {
  platform = await servePlatform({ ephemeral: false });
  endpoint = `http://127.0.0.1:${platform.port}`;
});

after(async () => {
  for (const one of open) one.destroy();
  await platform.close();
});

test("S3: buckets in the host's name, which is what the SDK does with http://localhost", async () => {
  // Not every resolver knows the names below localhost.
  const httpAgent = new Agent({
    lookup: (_name, options, found) =>
      options.all ? found(null, [{ address: "127.0.0.1", family: 4 }]) : found(null, "127.0.0.1", 4),
  });
  const s3 = new S3Client({
    ...config(),
    endpoint: `http://localhost:${platform.port}`,
    requestHandler: { httpAgent },
  });
  open.push(s3);
  await s3.send(new CreateBucketCommand({ Bucket: "in-the-host" }));
  await s3.send(new PutObjectCommand({ Bucket: "in-the-host", Key: "a/b c", Body: "text" }));
  await waitUntilObjectExists({ client: s3, ...WAIT }, { Bucket: "in-the-host", Key: "a/b c" });
  const got = await s3.send(new GetObjectCommand({ Bucket: "in-the-host", Key: "a/b c" }));
  assert.equal(await got.Body!.transformToString(), "text");
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  assert.deepEqual(
    Buckets!.map(({ Name }) => Name),
    ["in-the-host"],
  );
  await assert.rejects(s3.send(new ListDirectoryBucketsCommand({})), { name: "NotImplemented" });
  await assert.rejects(s3.send(new HeadBucketCommand({ Bucket: "nobodys-bucket" })), { name: "NotFound" });
});

test("SQS: pages, waits and error classes", async () => {
  const sqs = client(SQSClient);
  const QueueName = (number: number) => `sdk-${number}`;
  let QueueUrl = "";
  for (const number of [0, 1, 2, 3, 4]) {
    QueueUrl = (await sqs.send(new CreateQueueCommand({ QueueName: QueueName(number) }))).QueueUrl!;
  }
  const sizes: number[] = [];
  for await (const page of paginateListQueues({ client: sqs, pageSize: 2 }, { QueueNamePrefix: "sdk-" })) {
    sizes.push(page.QueueUrls!.length);
  }
  assert.deepEqual(sizes, [2, 2, 1]);
  const waiting = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 }));
  const entry = { Id: "1", MessageBody: "woken", MessageAttributes: { n: { DataType: "Number", StringValue: "1" } } };
  await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: [entry] }));
  assert.deepEqual(
    (await waiting).Messages!.map(({ Body }) => Body),
    ["woken"],
  );
  await assert.rejects(sqs.send(new GetQueueUrlCommand({ QueueName: "none" })), QueueDoesNotExist);
  await assert.rejects(
    sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: [entry, entry] })),
    BatchEntryIdsNotDistinct,
  );
});

test("Lambda and Logs: waiters, versions in pages, what was logged in pages", async () => {
  const lambda = client(LambdaClient);
  const FunctionName = "sdk";
  const code = (answer: number) =>
    zip({ "index.mjs": `export const handler = async () => { console.log("answers"); return ${answer}; };` });
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: `arn:aws:iam::${ACCOUNT}:role/tour`,
      Code: { ZipFile: await code(0) },
    }),
  );
  await waitUntilFunctionActiveV2({ client: lambda, ...WAIT }, { FunctionName });
  for (const version of [1, 2, 3]) {
    await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: await code(version) }));
    await waitUntilFunctionUpdatedV2({ client: lambda, ...WAIT }, { FunctionName });
    await lambda.send(new PublishVersionCommand({ FunctionName }));
  }
  const versions: string[] = [];
  for await (const page of paginateListVersionsByFunction({ client: lambda, pageSize: 2 }, { FunctionName })) {
    versions.push(...page.Versions!.map(({ Version }) => Version!));
  }
  assert.deepEqual(versions, ["$LATEST", "1", "2", "3"]);
  for (const Qualifier of ["1", "3"]) {
    const answer = await lambda.send(new InvokeCommand({ FunctionName, Qualifier }));
    assert.deepEqual([answer.ExecutedVersion, answer.Payload!.transformToString()], [Qualifier, Qualifier]);
  }
  const ZipFile = await zip({
    "index.mjs": `export const handler = awslambda.streamifyResponse(async (event, stream) => {
      const http = awslambda.HttpResponseStream.from(stream, { statusCode: 202, headers: { "x-made": "yes" } });
      http.write("a"); http.write("b");
      if (event.fail) throw new TypeError("bad");
      http.end();
    });`,
  });
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile }));
  const streamed = async (event: object) => {
    const { EventStream } = await lambda.send(
      new InvokeWithResponseStreamCommand({ FunctionName, Payload: JSON.stringify(event) }),
    );
    let text = "";
    for await (const { PayloadChunk, InvokeComplete } of EventStream!) {
      text += Buffer.from(PayloadChunk?.Payload ?? []).toString();
      if (InvokeComplete) return [text.split("\0").at(-1), InvokeComplete.ErrorCode];
    }
    throw new Error("the stream did not say that it is complete");
  };
  assert.deepEqual(await streamed({}), ["ab", undefined]);
  assert.deepEqual(await streamed({ fail: 1 }), ["ab", "TypeError"]);
  const url = { FunctionName, AuthType: "NONE", InvokeMode: "RESPONSE_STREAM" } as const;
  const { FunctionUrl } = await lambda.send(new CreateFunctionUrlConfigCommand(url));
  const open = { FunctionName, StatementId: "open", Principal: "*" };
  await lambda.send(
    new AddPermissionCommand({ ...open, Action: "lambda:InvokeFunctionUrl", FunctionUrlAuthType: "NONE" }),
  );
  const path = `/_aws/lambda-url/${new URL(FunctionUrl!).hostname.split(".")[0]}/`;
  const answer = await fetch(
    new URL(path, await lambda.config.endpoint!().then((at) => `${at.protocol}//${at.hostname}:${at.port}`)),
  );
  assert.deepEqual([answer.status, answer.headers.get("x-made"), await answer.text()], [202, "yes", "ab"]);

  await assert.rejects(
    lambda.send(new InvokeCommand({ FunctionName, Qualifier: "9" })),
    (error) => error instanceof ResourceNotFoundException && error.Type === "User",
  );

  const logs = client(CloudWatchLogsClient);
  const where = { logGroupName: "/sdk", logStreamName: "one" };
  await logs.send(new CreateLogGroupCommand({ logGroupName: "/sdk" }));
  await assert.rejects(logs.send(new CreateLogGroupCommand({ logGroupName: "/sdk" })), ResourceAlreadyExistsException);
  await logs.send(new CreateLogStreamCommand(where));
  const timestamp = Date.now();
  const logEvents = Array.from({ length: 25 }, (_, n) => ({ timestamp: timestamp + n, message: `line ${n}` }));
  await logs.send(new PutLogEventsCommand({ ...where, logEvents }));
  const lines: string[] = [];
  const filter = { logGroupName: "/sdk", filterPattern: "line" };
  for await (const page of paginateFilterLogEvents({ client: logs, pageSize: 10 }, filter)) {
    assert.ok(page.events!.length <= 10);
    lines.push(...page.events!.map(({ message }) => message!));
  }
  assert.deepEqual(
    lines,
    logEvents.map(({ message }) => message),
  );
});

test("API Gateway: a mock, an HTTP API, and what does not exist", async () => {
  const api = client(APIGatewayClient);
  const restApiId = (await api.send(new CreateRestApiCommand({ name: "sdk" }))).id!;
  const resourceId = (await api.send(new GetResourcesCommand({ restApiId }))).items![0]!.id!;
  const at = { restApiId, resourceId, httpMethod: "GET" };
  await api.send(new PutMethodCommand({ ...at, authorizationType: "NONE" }));
  const requestTemplates = { "application/json": '{"statusCode": 200}' };
  await api.send(new PutIntegrationCommand({ ...at, type: "MOCK", requestTemplates }));
  await api.send(new PutMethodResponseCommand({ ...at, statusCode: "200" }));
  const responseTemplates = { "application/json": '{"said": "$input.params(\'say\')"}' };
  await api.send(new PutIntegrationResponseCommand({ ...at, statusCode: "200", responseTemplates }));
  await assert.rejects(api.send(new TestInvokeMethodCommand(at)), { name: "NotImplemented" });
  await api.send(new CreateDeploymentCommand({ restApiId, stageName: "dev" }));
  const answer = await fetch(`${endpoint}/_aws/execute-api/${restApiId}/dev/?say=hi`);
  assert.deepEqual(await answer.json(), { said: "hi" });
  await api.send(new CreateRestApiCommand({ name: "second" }));
  const names: string[] = [];
  for await (const page of paginateGetRestApis({ client: api, pageSize: 1 }, {})) {
    names.push(...page.items!.map(({ name }) => name!));
  }
  assert.deepEqual(names.sort(), ["sdk", "second"]);
  await assert.rejects(api.send(new GetRestApiCommand({ restApiId: "none" })), NotFoundException);

  const http = client(ApiGatewayV2Client);
  const { ApiId, ApiEndpoint } = await http.send(new CreateApiCommand({ Name: "sdk", ProtocolType: "HTTP" }));
  assert.ok(ApiEndpoint!.includes(ApiId!));
  await assert.rejects(http.send(new CreateRouteCommand({ ApiId: ApiId!, RouteKey: "nothing" })), {
    name: "BadRequestException",
  });
  await assert.rejects(http.send(new GetApiCommand({ ApiId: "none" })), { name: "NotFoundException" });
});

test("CloudFormation: waiters see a stack made, changed and deleted; events come in order", async () => {
  const cloud = client(CloudFormationClient);
  const StackName = "sdk";
  const template = (DelaySeconds: number) =>
    JSON.stringify({ Resources: { Queue: { Type: "AWS::SQS::Queue", Properties: { DelaySeconds } } } });
  await cloud.send(new CreateStackCommand({ StackName, TemplateBody: template(0) }));
  await waitUntilStackCreateComplete({ client: cloud, ...WAIT }, { StackName });
  await cloud.send(new UpdateStackCommand({ StackName, TemplateBody: template(5) }));
  await waitUntilStackUpdateComplete({ client: cloud, ...WAIT }, { StackName });
  const seen: string[] = [];
  for await (const { StackEvents } of paginateDescribeStackEvents({ client: cloud }, { StackName })) {
    for (const { LogicalResourceId, ResourceStatus } of StackEvents!)
      seen.unshift(`${LogicalResourceId} ${ResourceStatus}`);
  }
  assert.deepEqual(
    seen.filter((event) => event.startsWith("sdk ")),
    [
      "sdk CREATE_IN_PROGRESS",
      "sdk CREATE_COMPLETE",
      "sdk UPDATE_IN_PROGRESS",
      "sdk UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
      "sdk UPDATE_COMPLETE",
    ],
  );
  await cloud.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete({ client: cloud, ...WAIT }, { StackName });
  await assert.rejects(cloud.send(new DescribeStacksCommand({ StackName })), {
    name: "ValidationError",
    message: "Stack with id sdk does not exist",
  });
});

test("SES, IAM, STS: waiters, raw mail, error classes", async () => {
  const [ses, sesv2] = [client(SESClient), client(SESv2Client)];
  await ses.send(new VerifyEmailIdentityCommand({ EmailAddress: "sdk@example.com" }));
  await waitUntilIdentityExists({ client: ses, ...WAIT }, { Identities: ["sdk@example.com"] });
  const Data = Buffer.from("From: sdk@example.com\r\nTo: raw@example.org\r\nSubject: Raw\r\n\r\nHello\r\n");
  await ses.send(new SendRawEmailCommand({ RawMessage: { Data } }));
  await sesv2.send(new CreateEmailIdentityCommand({ EmailIdentity: "example.net" }));
  await sesv2.send(
    new SendEmailCommand({
      FromEmailAddress: "any@example.net",
      Destination: { ToAddresses: ["two@example.org"] },
      Content: { Simple: { Subject: { Data: "Simple" }, Body: { Text: { Data: "Hello" } } } },
    }),
  );
  const { messages } = (await (await fetch(`${endpoint}/_aws/ses`)).json()) as { messages: { Subject: string }[] };
  assert.deepEqual(messages.map(({ Subject }) => Subject).sort(), ["Raw", "Simple"]);
  await assert.rejects(sesv2.send(new GetEmailIdentityCommand({ EmailIdentity: "none.example" })), NoIdentity);
  await assert.rejects(client(IAMClient).send(new GetRoleCommand({ RoleName: "none" })), NoSuchEntityException);
  assert.equal((await client(STSClient).send(new GetCallerIdentityCommand({}))).Account, ACCOUNT);
  assert.deepEqual(platform.logged, []);
});
