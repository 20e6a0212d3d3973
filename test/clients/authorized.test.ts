/** With keys demanded and policies enforced: the CLI, boto3, the SDK and functions may do what their user or role may, and are told why not. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { CreateTableCommand, DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { type ServedPlatform, servePlatform } from "../../src/platform/serving.ts";
import { awsCli, type Key } from "./aws.ts";
import { zip } from "./zip.ts";

const ROOT: Key = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const ACCOUNT = "000000000000";
let platform: ServedPlatform;
let folder: string;
let endpoint: string;
const open: Array<{ destroy(): void }> = [];

const config = (credentials: Key) => ({
  endpoint,
  region: "us-east-1",
  credentials,
  maxAttempts: 1,
  forcePathStyle: true,
});
function client<C extends { destroy(): void }>(Client: new (options: ReturnType<typeof config>) => C, key = ROOT): C {
  const made = new Client(config(key));
  open.push(made);
  return made;
}

const statement = (Action: string, Resource: string) => ({ Effect: "Allow", Action, Resource });
const document = (...Statement: object[]) => JSON.stringify({ Version: "2012-10-17", Statement });
const trusting = (Principal: object) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal, Action: "sts:AssumeRole" }] });

/** A user with a key who may do this. */
async function user(UserName: string, ...statements: object[]): Promise<Key> {
  const iam = client(IAMClient);
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "may", PolicyDocument: document(...statements) }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
}

/** What a Python program prints, which finds its key where boto3 looks for it. */
async function python(source: string, key: Key): Promise<any> {
  const path = join(folder, `${key.accessKeyId}.py`);
  writeFileSync(path, `${PRELUDE}${source}`);
  const { env } = awsCli(endpoint, folder, key);
  const { stdout } = await promisify(execFile)("python3", [path, endpoint], { env, cwd: folder, timeout: 120_000 });
  return JSON.parse(stdout);
}

/** `told(call, …)`: the error that a call ends with, as boto3 reports it. */
const PRELUDE = `
import boto3, json, sys
from botocore.exceptions import ClientError
client = lambda name, **more: boto3.client(name, endpoint_url=sys.argv[1], **more)
def told(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["Error"]["Message"]]
    return "allowed"
`;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "virga-authorized-"));
  platform = await servePlatform({ ephemeral: false, authRequired: true, rootKey: ROOT });
  endpoint = `http://127.0.0.1:${platform.port}`;
  await client(SQSClient).send(new CreateQueueCommand({ QueueName: "orders" }));
  const s3 = client(S3Client);
  await s3.send(new CreateBucketCommand({ Bucket: "papers" }));
  await s3.send(new PutObjectCommand({ Bucket: "papers", Key: "open/a.txt", Body: "a" }));
  await s3.send(new PutObjectCommand({ Bucket: "papers", Key: "shut/b.txt", Body: "b" }));
  await client(DynamoDBClient).send(
    new CreateTableCommand({
      TableName: "rows",
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
});

after(async () => {
  for (const one of open) one.destroy();
  await platform.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the CLI does what its user may, and says what it may not", async () => {
  const key = await user(
    "terminal",
    statement("sqs:SendMessage", "*"),
    statement("s3:GetObject", "arn:aws:s3:::papers/open/*"),
    statement("s3:ListBucket", "arn:aws:s3:::papers"),
  );
  const aws = awsCli(endpoint, join(folder), key);
  const arn = `arn:aws:iam::${ACCOUNT}:user/terminal`;
  assert.equal((await aws.json("sts", "get-caller-identity")).Arn, arn);
  const queue = ["--queue-url", `${endpoint}/${ACCOUNT}/orders`];
  await aws("sqs", "send-message", ...queue, "--message-body", "x");
  assert.equal(
    await aws.refused("sqs", "receive-message", ...queue),
    `An error occurred (AccessDenied) when calling the ReceiveMessage operation: User: ${arn} is not authorized to perform: sqs:ReceiveMessage on resource: arn:aws:sqs:us-east-1:${ACCOUNT}:orders because no identity-based policy allows the sqs:ReceiveMessage action`,
  );
  assert.match(await aws("s3", "ls", "s3://papers", "--recursive"), /open\/a\.txt\n.*shut\/b\.txt/);
  assert.equal(await aws("s3", "cp", "s3://papers/open/a.txt", "-"), "a");
  assert.match(
    await aws.refused("s3", "cp", "s3://papers/shut/b.txt", "-"),
    /\(403\) when calling the HeadObject operation: Forbidden/,
  );
  assert.match(
    await aws.refused("s3", "mb", "s3://mine"),
    /\(AccessDenied\) when calling the CreateBucket operation: User: arn:aws:iam::\d+:user\/terminal is not authorized to perform: s3:CreateBucket on resource: "arn:aws:s3:::mine" because no identity-based policy allows the s3:CreateBucket action/,
  );
  const presigned = async (path: string) =>
    (await fetch((await aws("s3", "presign", `s3://papers/${path}`)).trim())).status;
  assert.deepEqual([await presigned("open/a.txt"), await presigned("shut/b.txt")], [200, 403]);
});

test("boto3 does what its user or assumed role may, and names the error", async () => {
  const key = await user("script", statement("sts:AssumeRole", `arn:aws:iam::${ACCOUNT}:role/reader`));
  const AssumeRolePolicyDocument = trusting({ AWS: `arn:aws:iam::${ACCOUNT}:user/script` });
  const iam = client(IAMClient);
  await iam.send(new CreateRoleCommand({ RoleName: "reader", AssumeRolePolicyDocument }));
  const may = document(statement("dynamodb:GetItem", "*"), statement("s3:GetObject", "arn:aws:s3:::papers/open/*"));
  await iam.send(new PutRolePolicyCommand({ RoleName: "reader", PolicyName: "read", PolicyDocument: may }));
  const seen = await python(
    `
key = {"id": {"S": "a"}}
before = told(client("dynamodb").get_item, TableName="rows", Key=key)
c = client("sts").assume_role(RoleArn="arn:aws:iam::${ACCOUNT}:role/reader", RoleSessionName="night")["Credentials"]
session = {"aws_access_key_id": c["AccessKeyId"], "aws_secret_access_key": c["SecretAccessKey"], "aws_session_token": c["SessionToken"]}
dynamodb, s3 = client("dynamodb", **session), client("s3", **session)
import urllib.request, urllib.error
def status(key):
    try:
        return urllib.request.urlopen(s3.generate_presigned_url("get_object", Params={"Bucket": "papers", "Key": key})).status
    except urllib.error.HTTPError as error:
        return error.code
print(json.dumps({
    "before": before,
    "read": told(dynamodb.get_item, TableName="rows", Key=key),
    "write": told(dynamodb.put_item, TableName="rows", Item=key),
    "presigned": [status("open/a.txt"), status("shut/b.txt")],
    "who": client("sts", **session).get_caller_identity()["Arn"],
}))
`,
    key,
  );
  const denied = (who: string, action: string) => [
    "AccessDeniedException",
    `User: ${who} is not authorized to perform: dynamodb:${action} on resource: arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/rows because no identity-based policy allows the dynamodb:${action} action`,
  ];
  const role = `arn:aws:sts::${ACCOUNT}:assumed-role/reader/night`;
  assert.deepEqual(seen, {
    before: denied(`arn:aws:iam::${ACCOUNT}:user/script`, "GetItem"),
    read: "allowed",
    write: denied(role, "PutItem"),
    presigned: [200, 403],
    who: role,
  });
});

test("keys that are unknown or wrong are refused as each service refuses them", async () => {
  const look = `
print(json.dumps([told(call)[0] for call in (client("sqs").list_queues, client("dynamodb").list_tables, client("s3").list_buckets,
  client("sts").get_caller_identity, client("lambda").list_functions, client("logs").describe_log_groups, client("cloudformation").list_stacks)]))
`;
  assert.deepEqual(await python(look, { accessKeyId: "AKIAUNKNOWN000000000", secretAccessKey: "x" }), [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
  ]);
  assert.deepEqual(await python(look, { ...ROOT, secretAccessKey: "wrong" }), [
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
  ]);
});

test("a presigned address holds for what was signed, and until it expires", async () => {
  const s3 = client(S3Client);
  const get = new GetObjectCommand({ Bucket: "papers", Key: "open/a.txt" });
  const signed = await getSignedUrl(s3, get, { expiresIn: 60 });
  assert.equal((await fetch(signed)).status, 200);
  const other = await fetch(signed.replace("open/a.txt", "shut/b.txt"));
  assert.equal(other.status, 403);
  assert.match(await other.text(), /<Code>SignatureDoesNotMatch<\/Code>/);
  assert.equal((await fetch(signed, { method: "DELETE" })).status, 403);
  const late = await fetch(await getSignedUrl(s3, get, { expiresIn: 60, signingDate: new Date(Date.now() - 120_000) }));
  assert.equal(late.status, 403);
  assert.match(await late.text(), /<Code>AccessDenied<\/Code><Message>Request has expired<\/Message>/);
});

test("a function may do what its role may: its SDK is refused the rest, in Node and in Python", async () => {
  const iam = client(IAMClient);
  const AssumeRolePolicyDocument = trusting({ Service: "lambda.amazonaws.com" });
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName: "worker", AssumeRolePolicyDocument }));
  const allow = (...statements: object[]) =>
    iam.send(
      new PutRolePolicyCommand({ RoleName: "worker", PolicyName: "may", PolicyDocument: document(...statements) }),
    );
  await allow(statement("dynamodb:PutItem", "*"));
  const code = await zip({
    "node.mjs": `
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
const client = new DynamoDBClient({ maxAttempts: 1 });
const told = (command) => client.send(command).then(() => "allowed", (error) => [error.name, error.message]);
export const handler = async () => [
  await told(new PutItemCommand({ TableName: "rows", Item: { id: { S: "node" } } })),
  await told(new GetItemCommand({ TableName: "rows", Key: { id: { S: "node" } } })),
];`,
    "python.py": `
import boto3
from botocore.exceptions import ClientError
client = boto3.client("dynamodb")
def told(call, **kwargs):
    try:
        call(**kwargs)
        return "allowed"
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["Error"]["Message"]]
def handler(event, context):
    return [told(client.put_item, TableName="rows", Item={"id": {"S": "python"}}), told(client.get_item, TableName="rows", Key={"id": {"S": "python"}})]
`,
  });
  const lambda = client(LambdaClient);
  for (const [name, Runtime] of [
    ["node", "nodejs24.x"],
    ["python", "python3.11"],
  ] as const) {
    const function_ = { FunctionName: name, Runtime, Handler: `${name}.handler`, Role: Role!.Arn!, Timeout: 30 };
    await lambda.send(new CreateFunctionCommand({ ...function_, Code: { ZipFile: code } }));
  }
  const invoke = async (FunctionName: string) =>
    JSON.parse((await lambda.send(new InvokeCommand({ FunctionName }))).Payload!.transformToString());
  for (const name of ["node", "python"]) {
    const who = `arn:aws:sts::${ACCOUNT}:assumed-role/worker/${name}`;
    assert.deepEqual(await invoke(name), [
      "allowed",
      [
        "AccessDeniedException",
        `User: ${who} is not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/rows because no identity-based policy allows the dynamodb:GetItem action`,
      ],
    ]);
  }
  await allow(statement("dynamodb:*", "*"));
  assert.deepEqual(await invoke("node"), ["allowed", "allowed"]);
});

test("who may not call a function, or touch what it uses, is refused by the SDK's own classes", async () => {
  const key = await user("guest", statement("lambda:GetFunction", "*"));
  await assert.rejects(client(LambdaClient, key).send(new InvokeCommand({ FunctionName: "node" })), {
    name: "AccessDeniedException",
    message: `User: arn:aws:iam::${ACCOUNT}:user/guest is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:${ACCOUNT}:function:node because no identity-based policy allows the lambda:InvokeFunction action`,
  });
  await assert.rejects(
    client(DynamoDBClient, key).send(new PutItemCommand({ TableName: "rows", Item: { id: { S: "x" } } })),
    { name: "AccessDeniedException" },
  );
  const attributes = { QueueUrl: `${endpoint}/${ACCOUNT}/orders`, AttributeNames: ["All" as const] };
  await assert.rejects(client(SQSClient, key).send(new GetQueueAttributesCommand(attributes)), {
    name: "AccessDenied",
  });
  assert.deepEqual(platform.logged, []);
});
