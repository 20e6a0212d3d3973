/**
 * What there is, looked at and changed by its page, on a platform with one small stack: each page does what it offers, shows the same as a command, and
 * asks before it destroys. What came of it is read by a client of its own.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
} from "@aws-sdk/client-cloudformation";
import { DescribeRuleCommand, EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { LambdaClient, ListVersionsByFunctionCommand } from "@aws-sdk/client-lambda";
import { ListSchedulesCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { DescribeSecretCommand, GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import type { Browser, Page } from "playwright-core";
import { assertQuiet, eventually, openBrowser, openConsole, openPlatform, type Site, shot } from "./testing.ts";

let browser: Browser;
let site: Site;

const client = () => ({
  endpoint: site.endpoint.replace("localhost", "127.0.0.1"),
  region: "us-east-1",
  credentials: { accessKeyId: "000000000000", secretAccessKey: "test" },
});

const TEMPLATE = {
  Description: "One of everything",
  Resources: {
    Role: {
      Type: "AWS::IAM::Role",
      Properties: {
        AssumeRolePolicyDocument: {
          Statement: [
            {
              Effect: "Allow",
              Principal: { Service: ["lambda.amazonaws.com", "scheduler.amazonaws.com"] },
              Action: "sts:AssumeRole",
            },
          ],
        },
        Policies: [
          {
            PolicyName: "send",
            PolicyDocument: { Statement: [{ Effect: "Allow", Action: "sqs:SendMessage", Resource: "*" }] },
          },
        ],
      },
    },
    Dead: { Type: "AWS::SQS::Queue", Properties: { QueueName: "dead" } },
    Alive: {
      Type: "AWS::SQS::Queue",
      Properties: {
        QueueName: "alive",
        RedrivePolicy: { deadLetterTargetArn: { "Fn::GetAtt": ["Dead", "Arn"] }, maxReceiveCount: 1 },
      },
    },
    Worker: {
      Type: "AWS::Lambda::Function",
      Properties: {
        FunctionName: "worker",
        Handler: "index.handler",
        Runtime: "nodejs22.x",
        Role: { "Fn::GetAtt": ["Role", "Arn"] },
        Code: { ZipFile: "exports.handler = async () => 'hello'" },
      },
    },
    Nightly: {
      Type: "AWS::Scheduler::Schedule",
      Properties: {
        Name: "nightly",
        ScheduleExpression: "cron(0 3 * * ? *)",
        ScheduleExpressionTimezone: "Europe/Vienna",
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: { Arn: { "Fn::GetAtt": ["Alive", "Arn"] }, RoleArn: { "Fn::GetAtt": ["Role", "Arn"] }, Input: "{}" },
      },
    },
    Orders: {
      Type: "AWS::Events::Rule",
      Properties: {
        Name: "orders",
        EventPattern: { source: ["shop"] },
        Targets: [{ Id: "queue", Arn: { "Fn::GetAtt": ["Alive", "Arn"] } }],
      },
    },
    Key: {
      Type: "AWS::SecretsManager::Secret",
      Properties: { Name: "key", SecretString: '{"password":"correct horse"}' },
    },
  },
  Outputs: { Queue: { Description: "Where orders go", Value: { Ref: "Alive" } } },
};

before(async () => {
  site = await openPlatform();
  browser = await openBrowser();
  const cloudformation = new CloudFormationClient(client());
  await cloudformation.send(
    new CreateStackCommand({
      StackName: "things",
      TemplateBody: JSON.stringify(TEMPLATE),
      Capabilities: ["CAPABILITY_IAM"],
    }),
  );
  const waiting = { client: cloudformation, minDelay: 1, maxDelay: 1, maxWaitTime: 60 };
  await waitUntilStackCreateComplete(waiting, { StackName: "things" });
});

after(async () => {
  await browser?.close();
  await site?.up.end();
});

const open = (path: string) => openConsole(browser, site.endpoint, path);

/** Cancelling destroys nothing; the question shows the command. */
async function asked(page: Page, press: () => Promise<void>, command: string, action: string): Promise<void> {
  await press();
  await page.waitForSelector(`dialog code:has-text("${command}")`);
  await page.locator("dialog").last().locator("text=Cancel").click();
  await page.waitForSelector(`dialog code:has-text("${command}")`, { state: "detached" });
  await press();
  await page.click(`dialog >> button:has-text("${action}")`);
}

test("parameters: made, read when they are secret only when asked, changed, deleted", async () => {
  const ssm = new SSMClient(client());
  const kept = async () =>
    (await ssm.send(new GetParameterCommand({ Name: "/shop/token", WithDecryption: true })).catch(() => undefined))
      ?.Parameter?.Value;
  const page = await open("parameters");
  await page.click("text=New parameter");
  await page.fill('dialog label:has-text("Name") input', "/shop/token");
  await page.selectOption('dialog label:has-text("Type") select', "SecureString");
  await page.fill("dialog textarea", "abc");
  await page.click("dialog >> text=Save");
  await eventually(kept, "abc");
  await page.click('tbody .row-link:has-text("/shop/token")');
  assert.equal(await page.locator("dialog textarea").count(), 0, "secret until it is asked for");
  await page.click("dialog >> text=Show the value");
  await eventually(() => page.inputValue("dialog textarea"), "abc");
  await page.fill("dialog textarea", "def");
  await page.click("dialog >> text=Save");
  await eventually(kept, "def");
  await eventually(() => page.locator("tbody tr td:nth-child(4)").textContent(), "2");
  await shot(page, "parameters");
  const remove = () => page.click('[aria-label="Delete /shop/token"]');
  await asked(page, remove, "ssm delete-parameter --name /shop/token", "Delete parameter");
  await eventually(kept, undefined);
  await page.waitForSelector("text=No parameter yet.");
  assertQuiet(page, site.endpoint, "parameters");
  await page.close();
});

test("secrets: shown when asked, given another value, deleted so that they can come back", async () => {
  const secrets = new SecretsManagerClient(client());
  const page = await open("secrets");
  await page.click('tbody .row-link:has-text("key")');
  assert.doesNotMatch((await page.textContent("body"))!, /correct horse/);
  await page.click("dialog >> text=Show the value");
  await eventually(async () => /correct horse/.test(await page.inputValue("dialog textarea")), true);
  await shot(page, "secret");
  await page.fill("dialog textarea", "battery staple");
  await page.click("dialog >> text=Save as a new version");
  await eventually(
    async () => (await secrets.send(new GetSecretValueCommand({ SecretId: "key" }))).SecretString,
    "battery staple",
  );
  const remove = () => page.click('[aria-label="Delete key"]');
  await asked(page, remove, "secretsmanager delete-secret", "Delete secret");
  await eventually(
    async () => (await secrets.send(new DescribeSecretCommand({ SecretId: "key" }))).DeletedDate !== undefined,
    true,
  );
  assertQuiet(page, site.endpoint, "secrets");
  await page.close();
});

test("schedules and rules: when and what they call; a rule is turned off, a schedule deleted", async () => {
  const events = new EventBridgeClient(client());
  const page = await open("schedules");
  await page.waitForSelector('tbody tr:has-text("nightly"):has-text("Europe/Vienna"):has-text("alive")');
  await page.click('tbody tr:has-text("orders") >> text=Disable');
  await eventually(async () => (await events.send(new DescribeRuleCommand({ Name: "orders" }))).State, "DISABLED");
  await page.waitForSelector('tbody tr:has-text("orders") >> text=Enable');
  await page.click('tbody .row-link:has-text("nightly")');
  await page.waitForSelector(".detail :text('arn:aws:sqs:us-east-1:000000000000:alive')");
  await shot(page, "schedules");
  await asked(page, () => page.click(".detail >> text=Delete"), "scheduler delete-schedule", "Delete schedule");
  await eventually(async () => (await new SchedulerClient(client()).send(new ListSchedulesCommand({}))).Schedules, []);
  assertQuiet(page, site.endpoint, "schedules");
  await page.close();
});

test("dead letters go back to where they came from, and a purged queue is empty", async () => {
  const sqs = new SQSClient(client());
  const url = (name: string) => `${site.endpoint}/000000000000/${name}`;
  const waiting = async (name: string) =>
    (
      await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: url(name), AttributeNames: ["ApproximateNumberOfMessages"] }),
      )
    ).Attributes!["ApproximateNumberOfMessages"];
  const page = await open("queues/alive");
  await sqs.send(new SendMessageCommand({ QueueUrl: url("alive"), MessageBody: "try me" }));
  // Received once and not deleted; the second receive finds that it was received too often.
  const { ReceiveMessageCommand } = await import("@aws-sdk/client-sqs");
  for (let time = 0; time < 2; time++)
    await sqs.send(new ReceiveMessageCommand({ QueueUrl: url("alive"), VisibilityTimeout: 0 }));
  await eventually(() => waiting("dead"), "1");
  await page.goto(`${site.endpoint}/_virga/#/queues/dead`);
  await page.waitForSelector('tbody .row-link:has-text("try me")');
  await page.click("text=Redrive");
  await page.waitForSelector('dialog code:has-text("sqs start-message-move-task")');
  await page.click("dialog >> text=Start redrive");
  await eventually(() => waiting("alive"), "1");
  await page.waitForSelector("text=No message waits here.");
  await page.goto(`${site.endpoint}/_virga/#/queues/alive`);
  await page.waitForSelector('tbody .row-link:has-text("try me")');
  await asked(page, () => page.click("text=Purge"), "sqs purge-queue", "Purge queue");
  await eventually(() => waiting("alive"), "0");
  assertQuiet(page, site.endpoint, "redrive");
  await page.close();
});

test("a function: a version is published, deleting is a question", async () => {
  const lambda = new LambdaClient(client());
  const page = await open("functions/worker?tab=versions");
  await page.click("text=Publish version");
  await page.waitForSelector('td:text-is("1")');
  const { Versions = [] } = await lambda.send(new ListVersionsByFunctionCommand({ FunctionName: "worker" }));
  assert.deepEqual(
    Versions.map(({ Version }) => Version),
    ["$LATEST", "1"],
  );
  await page.click("text=Configuration");
  await page.waitForSelector('.fact-list :text("nodejs22.x")');
  await page.click(".page-head >> text=Delete");
  await page.waitForSelector('dialog code:has-text("lambda delete-function --function-name worker")');
  await page.click("dialog >> text=Cancel");
  await page.click(".tabs >> text=Invoke");
  await page.click("form >> text=Invoke");
  await page.waitForSelector('pre:has-text("hello")');
  assertQuiet(page, site.endpoint, "versions");
  await page.close();
});

test("a stack: resources, outputs, events; deleted after a question, and seen to go", async () => {
  const page = await open("stacks/things");
  await page.waitForSelector('tbody tr:has-text("Worker"):has-text("CREATE_COMPLETE")');
  await page.click(".tabs >> text=Outputs");
  await page.waitForSelector('tbody tr:has-text("Where orders go"):has-text("/000000000000/alive")');
  await page.click(".tabs >> text=Events");
  await page.waitForSelector('tbody tr:has-text("CREATE_IN_PROGRESS")');
  await shot(page, "stack-events");
  await asked(
    page,
    () => page.click(".page-head >> text=Delete"),
    "cloudformation delete-stack --stack-name things",
    "Delete stack",
  );
  await eventually(
    async () =>
      (await new CloudFormationClient(client()).send(new DescribeStacksCommand({}))).Stacks?.map(
        ({ StackStatus }) => StackStatus,
      ),
    [],
  );
  await page.goto(`${site.endpoint}/_virga/#/stacks`);
  await page.waitForSelector("text=No stack yet.");
  // That a stack is gone is told as an error where it was looked at.
  page.watched.errors.length = 0;
  assertQuiet(page, site.endpoint, "stack");
  await page.close();
});
