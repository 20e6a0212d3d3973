/** IAM, STS and SES over HTTP, with keys demanded and policies enforced: who may do what, as the official SDKs see it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  AttachRolePolicyCommand,
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRolePolicyCommand,
  EntityAlreadyExistsException,
  GetRoleCommand,
  IAMClient,
  NoSuchEntityException,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
  paginateListPolicies,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { SESClient, SendEmailCommand, VerifyDomainIdentityCommand } from "@aws-sdk/client-ses";
import { MessageRejected, SESv2Client, SendEmailCommand as SendEmailV2Command } from "@aws-sdk/client-sesv2";
import { CreateQueueCommand, GetQueueUrlCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { AssumeRoleCommand, GetCallerIdentityCommand, GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts";
import type { AccountId, Region } from "../../src/kernel/arn.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { openPlatform, type Platform } from "../../src/platform/open.ts";

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ROOT: Key = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const ACCOUNT = "000000000000";
const QUEUE_ARN = `arn:aws:sqs:us-east-1:${ACCOUNT}:orders`;
let platform: Platform;
let directory: string;
let orders: string;
const open: Array<{ destroy(): void }> = [];

const config = (credentials: Key) => ({
  endpoint: `http://127.0.0.1:${platform.port}`,
  region: "us-east-1",
  credentials,
  maxAttempts: 1,
});
function client<C extends { destroy(): void }>(Client: new (options: ReturnType<typeof config>) => C, key: Key): C {
  const made = new Client(config(key));
  open.push(made);
  return made;
}

const allow = (Action: string, Resource = "*", more: object = {}) =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource, ...more }] });

/** A user with a key and these policies. */
async function user(UserName: string, ...policies: string[]): Promise<{ key: Key; arn: string }> {
  const iam = client(IAMClient, ROOT);
  const { User } = await iam.send(new CreateUserCommand({ UserName }));
  for (const [i, PolicyDocument] of policies.entries()) {
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: `p${i}`, PolicyDocument }));
  }
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return {
    key: { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! },
    arn: User!.Arn!,
  };
}

const keyOf = (
  issued:
    | { AccessKeyId?: string | undefined; SecretAccessKey?: string | undefined; SessionToken?: string | undefined }
    | undefined,
): Key => ({
  accessKeyId: issued!.AccessKeyId!,
  secretAccessKey: issued!.SecretAccessKey!,
  sessionToken: issued!.SessionToken!,
});

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "virga-identity-"));
  platform = await openPlatform({
    port: 0,
    host: "127.0.0.1",
    dataDirectory: directory,
    ephemeral: true,
    durability: "relaxed",
    authRequired: true,
    region: "us-east-1" as Region,
    accountId: ACCOUNT as AccountId,
    rootKey: ROOT,
    log: silentLog,
    shapesDirectory: "generated/shapes",
    consoleDirectory: "generated/console",
    version: "test",
  });
  const { QueueUrl } = await client(SQSClient, ROOT).send(new CreateQueueCommand({ QueueName: "orders" }));
  orders = QueueUrl!;
});

after(async () => {
  for (const one of open) one.destroy();
  await platform.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("users", () => {
  test("may do what their policies allow, and are told why not", async () => {
    const { key, arn } = await user("sender", allow("sqs:SendMessage", "arn:aws:sqs:*:*:ord*"));
    const sqs = client(SQSClient, key);
    await sqs.send(new SendMessageCommand({ QueueUrl: orders, MessageBody: "x" }));
    await assert.rejects(sqs.send(new GetQueueUrlCommand({ QueueName: "orders" })), {
      name: "AccessDenied",
      message: `User: ${arn} is not authorized to perform: sqs:GetQueueUrl on resource: ${QUEUE_ARN} because no identity-based policy allows the sqs:GetQueueUrl action`,
    });
    const identity = await client(STSClient, key).send(new GetCallerIdentityCommand({}));
    assert.equal(identity.Arn, arn);
  });

  test("are bounded by an explicit deny and by conditions", async () => {
    const here = { Condition: { IpAddress: { "aws:SourceIp": "127.0.0.0/8" } } };
    const elsewhere = { Condition: { IpAddress: { "aws:SourceIp": "192.0.2.0/24" } } };
    const inside = await user("inside", allow("sqs:*", "*", here));
    await client(SQSClient, inside.key).send(new GetQueueUrlCommand({ QueueName: "orders" }));
    const outside = await user("outside", allow("sqs:*", "*", elsewhere));
    await assert.rejects(client(SQSClient, outside.key).send(new GetQueueUrlCommand({ QueueName: "orders" })), {
      name: "AccessDenied",
    });
    const denied = await user("denied", allow("*"), allow("sqs:GetQueueUrl").replace('"Allow"', '"Deny"'));
    await assert.rejects(
      client(SQSClient, denied.key).send(new GetQueueUrlCommand({ QueueName: "orders" })),
      /with an explicit deny in an identity-based policy$/,
    );
  });

  test("lose their way in with their key", async () => {
    const { key } = await user("former", allow("*"));
    const sts = client(STSClient, key);
    await sts.send(new GetCallerIdentityCommand({}));
    await client(IAMClient, ROOT).send(
      new UpdateAccessKeyCommand({ UserName: "former", AccessKeyId: key.accessKeyId, Status: "Inactive" }),
    );
    await assert.rejects(sts.send(new GetCallerIdentityCommand({})), { name: "InvalidClientTokenId" });
    await assert.rejects(
      client(STSClient, { ...ROOT, secretAccessKey: "wrong" }).send(new GetCallerIdentityCommand({})),
      { name: "SignatureDoesNotMatch" },
    );
  });

  test("may not manage what they are not allowed to", async () => {
    const { key } = await user("reader", allow("iam:Get*", `arn:aws:iam::${ACCOUNT}:role/*`));
    const iam = client(IAMClient, key);
    await assert.rejects(iam.send(new GetRoleCommand({ RoleName: "nobody" })), NoSuchEntityException);
    await assert.rejects(iam.send(new CreateUserCommand({ UserName: "mine" })), { name: "AccessDenied" });
  });
});

describe("roles", () => {
  const trust = (principal: object, more: object = {}) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole", ...more }],
    });

  test("are assumed by whom they trust, and sessions have the role's rights", async () => {
    const { key, arn } = await user("assumer");
    const iam = client(IAMClient, ROOT);
    const external = { Condition: { StringEquals: { "sts:ExternalId": "shared-secret" } } };
    const AssumeRolePolicyDocument = trust({ AWS: arn }, external);
    const { Role } = await iam.send(new CreateRoleCommand({ RoleName: "worker", AssumeRolePolicyDocument }));
    await assert.rejects(
      iam.send(new CreateRoleCommand({ RoleName: "worker", AssumeRolePolicyDocument })),
      EntityAlreadyExistsException,
    );
    await iam.send(
      new AttachRolePolicyCommand({ RoleName: "worker", PolicyArn: "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess" }),
    );
    const sts = client(STSClient, key);
    const assume = { RoleArn: Role!.Arn!, RoleSessionName: "test" };
    await assert.rejects(sts.send(new AssumeRoleCommand(assume)), { name: "AccessDenied" });
    const issued = await sts.send(new AssumeRoleCommand({ ...assume, ExternalId: "shared-secret" }));
    const session = keyOf(issued.Credentials);
    const sqs = client(SQSClient, session);
    await sqs.send(new GetQueueUrlCommand({ QueueName: "orders" }));
    await assert.rejects(sqs.send(new SendMessageCommand({ QueueUrl: orders, MessageBody: "x" })), {
      name: "AccessDenied",
    });
    await iam.send(
      new PutRolePolicyCommand({ RoleName: "worker", PolicyName: "send", PolicyDocument: allow("sqs:SendMessage") }),
    );
    await sqs.send(new SendMessageCommand({ QueueUrl: orders, MessageBody: "x" }));
    await iam.send(new DeleteRolePolicyCommand({ RoleName: "worker", PolicyName: "send" }));
    await assert.rejects(sqs.send(new SendMessageCommand({ QueueUrl: orders, MessageBody: "x" })), {
      name: "AccessDenied",
    });

    const Policy = allow("sqs:ListQueues");
    const narrowed = await sts.send(new AssumeRoleCommand({ ...assume, ExternalId: "shared-secret", Policy }));
    await assert.rejects(
      client(SQSClient, keyOf(narrowed.Credentials)).send(new GetQueueUrlCommand({ QueueName: "orders" })),
      /because no session policy allows the sqs:GetQueueUrl action$/,
    );
    const { sessionToken: _, ...tokenless } = session;
    await assert.rejects(client(STSClient, tokenless).send(new GetCallerIdentityCommand({})), {
      name: "InvalidClientTokenId",
    });
    await assert.rejects(
      client(STSClient, { ...session, sessionToken: "forged" }).send(new GetCallerIdentityCommand({})),
      { name: "InvalidClientTokenId" },
    );
  });

  test("session tokens of a user are the user's", async () => {
    const { key, arn } = await user("token", allow("sqs:GetQueueUrl"));
    const { Credentials } = await client(STSClient, key).send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
    const session = keyOf(Credentials);
    assert.equal((await client(STSClient, session).send(new GetCallerIdentityCommand({}))).Arn, arn);
    await client(SQSClient, session).send(new GetQueueUrlCommand({ QueueName: "orders" }));
  });

  test("AWS's policies come in pages", async () => {
    const names = new Set<string>();
    for await (const { Policies } of paginateListPolicies(
      { client: client(IAMClient, ROOT), pageSize: 7 },
      { Scope: "AWS" },
    )) {
      for (const { PolicyName } of Policies ?? []) names.add(PolicyName!);
    }
    assert.ok(names.has("AdministratorAccess") && names.has("CloudWatchLogsFullAccess"));
  });
});

describe("mail", () => {
  const Destination = { ToAddresses: ["ada@example.org"] };
  const text = { Subject: { Data: "Grüße" }, Body: { Text: { Data: "Hello" } } };
  const v1 = (from: string) => new SendEmailCommand({ Source: from, Destination, Message: text });
  const v2 = (from: string) =>
    new SendEmailV2Command({ FromEmailAddress: from, Destination, Content: { Simple: text } });

  test("is sent by the identity that a policy allows, in both APIs", async () => {
    await client(SESClient, ROOT).send(new VerifyDomainIdentityCommand({ Domain: "example.com" }));
    const identity = `arn:aws:ses:us-east-1:${ACCOUNT}:identity/example.com`;
    const from = { Condition: { StringLike: { "ses:FromAddress": "shop@*" } } };
    const { key } = await user("mailer", allow("ses:SendEmail", identity, from));
    const [ses, sesv2] = [client(SESClient, key), client(SESv2Client, key)];
    await ses.send(v1("The Shop <shop@example.com>"));
    await sesv2.send(v2("shop@example.com"));
    await assert.rejects(ses.send(v1("boss@example.com")), { name: "AccessDenied" });
    await assert.rejects(sesv2.send(v2("boss@example.com")), { name: "AccessDeniedException" });
    await assert.rejects(client(SESv2Client, ROOT).send(v2("shop@example.net")), MessageRejected);
  });

  test("the mailbox is closed to strangers", async () => {
    assert.equal((await fetch(`http://127.0.0.1:${platform.port}/_aws/ses`)).status, 403);
    assert.equal((await fetch(`http://127.0.0.1:${platform.port}/_aws/ses`, { method: "DELETE" })).status, 403);
  });
});
