/**
 * What strangers can do with the console: nothing. What they stored is shown and never run; without a key nothing is shown where keys are
 * demanded; their pages change nothing, under whatever name they reach Virga.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { CreateTableCommand, DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateEmailIdentityCommand, SESv2Client, SendEmailCommand } from "@aws-sdk/client-sesv2";
import { CreateQueueCommand, ListQueuesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Browser, Page } from "playwright-core";
import { launch, temporaryFolder } from "../../src/cli/testing/command.ts";
import { assertQuiet, eventually, openBrowser, openConsole, openPlatform, type Site, shot } from "./testing.ts";

let browser: Browser;
let site: Site;
let evil: Server;

const client = (endpoint = site.endpoint, accessKeyId = "000000000000", secretAccessKey = "test") => ({
  endpoint: endpoint.replace("localhost", "127.0.0.1"),
  region: "us-east-1",
  credentials: { accessKeyId, secretAccessKey },
});

before(async () => {
  site = await openPlatform();
  browser = await openBrowser("--host-resolver-rules=MAP evil.attacker.io 127.0.0.1");
  evil = createServer((_request, response) => response.setHeader("content-type", "text/html").end("<h1>Hello</h1>"));
  await new Promise<void>((resolve) => evil.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  await browser?.close();
  evil?.close();
  await site?.up.end();
});

/** Each tells on itself, however it came to run: by a mark in the page, or by a request that only it would make. */
const HURT = [
  "<script>top.hurt=1;window.hurt=1;new Image().src='/hurt-script'</script>",
  "<img src=x onerror=\"top.hurt=1;window.hurt=1;new Image().src='/hurt-error'\">",
  '<svg onload="window.hurt=1"></svg>',
  "<iframe srcdoc=\"<script>top.hurt=1;new Image().src='/hurt-frame'</script>\"></iframe>",
  '<a href="javascript:window.hurt=1">click</a>',
  '<form action=/hurt-form><input autofocus onfocus="window.hurt=1"></form>',
  "<img src=/hurt-image?Action=CreateQueue&QueueName=hurt&Version=2012-11-05>",
  '<meta http-equiv=refresh content="0;url=/hurt-refresh">',
  "<link rel=stylesheet href=/hurt-style.css>",
  "<base href=//evil.attacker.io/>",
].join("\n");

async function unharmed(page: Awaited<ReturnType<typeof openConsole>>, where: string): Promise<void> {
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate("'hurt' in window"), false, where);
  const told = page.watched.requests.filter(
    (url) => new URL(url).pathname.startsWith("/hurt-") || url.includes("//evil."),
  );
  assert.deepEqual(told, [], where);
  assert.match(page.url(), /\/_virga\/#/, where);
}

test("what strangers stored is shown, and does nothing", async () => {
  const key = `${HURT.split("\n")[1]!.replaceAll("/", "")}.html`;
  const s3 = new S3Client({ ...client(), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "evil" }));
  await s3.send(new PutObjectCommand({ Bucket: "evil", Key: key, Body: HURT, ContentType: "text/html" }));
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>window.hurt=1;new Image().src="/hurt-svg"</script></svg>`;
  await s3.send(new PutObjectCommand({ Bucket: "evil", Key: "evil.svg", Body: svg, ContentType: "image/svg+xml" }));
  const sqs = new SQSClient(client());
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "evil" }));
  await sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: HURT,
      MessageAttributes: { hurt: { DataType: "String", StringValue: HURT } },
    }),
  );
  const ses = new SESv2Client(client());
  await ses.send(new CreateEmailIdentityCommand({ EmailIdentity: "example.com" }));
  await ses.send(
    new SendEmailCommand({
      FromEmailAddress: "website@example.com",
      Destination: { ToAddresses: ["inbox@example.com"] },
      Content: {
        Simple: { Subject: { Data: HURT.split("\n")[1]! }, Body: { Html: { Data: HURT }, Text: { Data: HURT } } },
      },
    }),
  );
  const logs = new CloudWatchLogsClient(client());
  await logs.send(new CreateLogGroupCommand({ logGroupName: "evil" }));
  await logs.send(new CreateLogStreamCommand({ logGroupName: "evil", logStreamName: "evil" }));
  await logs.send(
    new PutLogEventsCommand({
      logGroupName: "evil",
      logStreamName: "evil",
      logEvents: [{ timestamp: Date.now(), message: HURT }],
    }),
  );
  const TableName = "evil";
  const dynamodb = new DynamoDBClient(client());
  await dynamodb.send(
    new CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    }),
  );
  await dynamodb.send(new PutItemCommand({ TableName, Item: { id: { S: HURT } } }));

  const visits: Record<string, (page: Page) => Promise<void>> = {
    "buckets/evil": async (page) => {
      await page.click("tbody .row-link >> nth=0");
      await page.click("text=Rendered");
      await page.waitForSelector("iframe.frame");
      await page.click('tbody .row-link:has-text("evil.svg")');
      await page.waitForSelector(".preview-image");
    },
    "queues/evil": async (page) => {
      await page.click("tbody .row-link");
      await page.waitForSelector('.detail :text("hurt (String)")');
    },
    mail: async (page) => {
      await page.click("tbody .row-link");
      await page.waitForSelector("iframe.frame");
      await shot(page, "evil-mail");
      await page.click('.detail button:has-text("Text")');
      await page.click('.detail button:has-text("Headers")');
    },
    "logs/evil": async (page) => void (await page.waitForSelector('.log-line:has-text("hurt-script")')),
    [`tables/${TableName}`]: async (page) => {
      await page.click("tbody .row-link");
      await page.waitForSelector("dialog textarea");
    },
    traces: async (page) => {
      await page.click('tbody a:has-text("SendMessage")');
      await page.click(".step");
      await page.waitForSelector('.detail pre:has-text("hurt-script")');
    },
    map: async (page) => void (await page.waitForSelector('.react-flow__node:has-text("evil")')),
  };
  for (const [path, visit] of Object.entries(visits)) {
    const page = await openConsole(browser, site.endpoint, path);
    await visit(page).catch(async (error) => {
      await shot(page, "evil-failed");
      throw new Error(`${path}: ${error} ${page.watched.errors}`);
    });
    await unharmed(page, path);
    await page.close();
  }
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: "hurt" }));
  assert.deepEqual(QueueUrls, []);
});

test("a stored page that is opened by its address has no rights in the console's origin", async () => {
  const s3 = new S3Client({ ...client(), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "pages" }));
  await s3.send(
    new PutObjectCommand({
      Bucket: "pages",
      Key: "steal.html",
      ContentType: "text/html",
      Body: `<p id=told>nothing</p><script>
        const tell = (text) => (document.getElementById("told").textContent = text);
        try { localStorage.getItem("x"); tell("storage"); } catch { tell("none"); }
        fetch("/", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "Action=CreateQueue&QueueName=stolen&Version=2012-11-05" })
          .then((response) => response.text()).then(tell, () => tell(document.getElementById("told").textContent + ", refused"));
      </script>`,
    }),
  );
  // A policy that lets everybody read it, as an application with uploads would have.
  const page = await browser.newPage();
  const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
  const { GetObjectCommand } = await import("@aws-sdk/client-s3");
  const local = new S3Client({ ...client(), endpoint: site.endpoint, forcePathStyle: true });
  await page.goto(await getSignedUrl(local, new GetObjectCommand({ Bucket: "pages", Key: "steal.html" })));
  await eventually(() => page.textContent("#told"), "none, refused");
  const { QueueUrls = [] } = await new SQSClient(client()).send(new ListQueuesCommand({ QueueNamePrefix: "stolen" }));
  assert.deepEqual(QueueUrls, []);
  await page.close();
});

test("pages of other sites change nothing, not even under a name that means this machine", async () => {
  const evilPort = (evil.address() as AddressInfo).port;
  const { port } = new URL(site.endpoint);
  const attempts: Record<string, string> = {
    "by form": `fetch("${site.endpoint}/", { method: "POST", mode: "no-cors", headers: { "content-type": "application/x-www-form-urlencoded" }, body: "Action=CreateQueue&QueueName=crossed&Version=2012-11-05" })`,
    "by image": `new Promise((resolve) => { const image = new Image(); image.onload = image.onerror = resolve; image.src = "${site.endpoint}/?Action=CreateQueue&QueueName=crossed&Version=2012-11-05"; })`,
    "by a forged signature": `fetch("${site.endpoint}/?Action=CreateQueue&QueueName=crossed&Version=2012-11-05&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fsqs%2Faws4_request&X-Amz-Date=20991231T000000Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature=00", { mode: "no-cors" })`,
    "with headers": `fetch("${site.endpoint}/", { method: "POST", headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.CreateQueue" }, body: '{"QueueName":"crossed"}' })`,
    "an object": `fetch("${site.endpoint}/evil/crossed", { method: "PUT", body: "x" })`,
    "reading the events": `fetch("${site.endpoint}/_virga/events").then((response) => response.text())`,
  };
  const page = await browser.newPage();
  await page.goto(`http://evil.attacker.io:${evilPort}/`);
  for (const [how, attempt] of Object.entries(attempts)) {
    const told = await page.evaluate<string>(
      `${attempt}.then((answer) => typeof answer === "string" ? answer : "opaque", () => "refused")`,
    );
    assert.match(told, /^(?:opaque|refused)$/, how);
  }
  // The same machine by another name: of the same origin, were it let in.
  const answer = await page.goto(`http://evil.attacker.io:${port}/`);
  assert.equal(answer!.status(), 403);
  const rebound = await page.evaluate<number>(
    `fetch("/", { method: "POST", headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.CreateQueue" }, body: '{"QueueName":"crossed"}' }).then((response) => response.status)`,
  );
  assert.equal(rebound, 403);
  const { QueueUrls = [] } = await new SQSClient(client()).send(new ListQueuesCommand({ QueueNamePrefix: "crossed" }));
  assert.deepEqual(QueueUrls, []);
  await page.close();
});

test("nobody frames the console", async () => {
  const page = await browser.newPage();
  await page.goto(`http://evil.attacker.io:${(evil.address() as AddressInfo).port}/`);
  await page.evaluate(`new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = resolve;
    frame.src = "${site.endpoint}/_virga/";
    document.body.append(frame);
  })`);
  assert.equal(
    page.frames().some((frame) => frame.url().startsWith(site.endpoint)),
    false,
  );
  await page.close();
});

test("where keys are demanded, a stranger sees a door; who has a key signs, and forgets it when going", async (t) => {
  const up = launch(t, temporaryFolder(), ["start", "--port", "0", "--ephemeral", "--auth", "required", "--json"]);
  const { endpoint, rootKey } = JSON.parse((await up.says(/\{\n[\s\S]*\n\}\n/))[0]);
  const sqs = new SQSClient(client(endpoint, rootKey.accessKeyId, rootKey.secretAccessKey));
  await sqs.send(new CreateQueueCommand({ QueueName: "private" }));
  const page = await openConsole(browser, endpoint, "queues");
  await page.waitForSelector("form.sign-in");
  assert.equal(await page.locator("nav, table").count(), 0);
  assert.doesNotMatch((await page.textContent("body"))!, /private/);
  const calls = page.watched.requests.filter((url) => !url.includes("/_virga/"));
  assert.ok(calls.length <= 1, `asked ${calls}`);
  await shot(page, "sign-in");

  const enter = async (secret: string) => {
    await page.fill('label:has-text("Access key id") input', rootKey.accessKeyId);
    await page.fill('label:has-text("Secret access key") input', secret);
    await page.click("button[type=submit]");
  };
  await enter("not the secret");
  await page.waitForSelector('[role=alert]:has-text("SignatureDoesNotMatch")');
  await enter(rootKey.secretAccessKey);
  await page.waitForSelector('tbody a:has-text("private")');
  await page.waitForSelector(".liveness.live");
  // Kept over a reload, in this tab alone.
  await page.reload();
  await page.waitForSelector('tbody a:has-text("private")');
  const other = await openConsole(browser, endpoint, "queues");
  await other.waitForSelector("form.sign-in");
  await other.close();
  await page.click('tbody a:has-text("private")');
  await page.waitForSelector("text=No message waits here.");
  await page.click("text=Sign out");
  await page.waitForSelector("form.sign-in");
  assert.equal(await page.evaluate("sessionStorage.length"), 0);
  await page.reload();
  await page.waitForSelector("form.sign-in");
  page.watched.errors.length = 0;
  assertQuiet(page, endpoint, "signing in");
  await page.close();
  for (const path of ["/_virga/events", "/_aws/ses", "/_aws/sqs/messages?QueueUrl=/000000000000/private"])
    assert.equal((await fetch(endpoint.replace("localhost", "127.0.0.1") + path)).status, 403, path);
  await up.end();
});
