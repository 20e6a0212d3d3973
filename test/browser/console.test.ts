/**
 * The console in a real browser, over both examples: what a visitor's message and a visitor's picture set in motion is seen on every page without a
 * reload, and pages do what they offer. Screenshots lie in `test-results/`.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetFunctionConfigurationCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { CreateBucketCommand, GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { assertQuiet, DEADLINE_MS, eventually, openBrowser, openConsole, openExamples, shot } from "./testing.ts";

let browser: Browser;
let site: Awaited<ReturnType<typeof openExamples>>;

const client = () => ({
  endpoint: site.endpoint.replace("localhost", "127.0.0.1"),
  region: "us-east-1",
  credentials: { accessKeyId: "000000000000", secretAccessKey: "test" },
});
const nameOf = (output: string): string => site.examples[0]!.outputs[output]!.split("/").pop()!;
const open = (path: string, options?: Parameters<Browser["newPage"]>[0]) =>
  openConsole(browser, site.endpoint, path, options);

before(async () => {
  site = await openExamples("contact-form", "image-upload");
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await site?.up.end();
});

/** The way that something took, as lines of the map, without what makes names unique. */
const stepsOn = async (map: Page): Promise<string[]> =>
  (
    await map.evaluate<string[]>('[...document.querySelectorAll(".react-flow__edge")].map((edge) => edge.dataset.id)')
  ).map((id) =>
    id
      .replace(/AWS::|(?:contact-form|image-upload)-|-[A-Z0-9]{12}/g, "")
      .replace(/-us-east-1|-[a-z0-9]{12}(?=→|$)/g, "")
      .replace(/Api\|[a-z0-9]{10}/, "Api"),
  );

test("a form is submitted: its trace, mail, row, map and cost appear on pages that are open", async () => {
  const pages = {
    cost: await open("cost?of=hours"),
    map: await open("map?stack=contact-form"),
    traces: await open("traces"),
    mail: await open("mail"),
    table: await open(`tables/${nameOf("TableName")}`),
    elasticity: await open("elasticity"),
    queues: await open("queues"),
  };
  for (const page of Object.values(pages)) await page.waitForSelector(".liveness.live");
  await pages.map.waitForSelector('.react-flow__node:has-text("Receiver")');
  await pages.cost.waitForSelector('tbody :text("AWS Lambda")');
  assert.equal(await pages.cost.locator('tbody :text("Amazon Simple Email Service")').count(), 0);
  await pages.mail.waitForSelector("text=No mail was sent yet");
  await pages.table.waitForSelector("text=No item matches");

  const visitor = await browser.newPage();
  await visitor.goto(site.examples[0]!.website);
  for (const [field, text] of Object.entries({ name: "Ada", email: "ada@example.com", message: "Hello, engine." }))
    await visitor.fill(`#${field}`, text);
  await visitor.click("#send");
  await visitor.waitForSelector("#thanks:not([hidden])");
  await visitor.close();

  await pages.traces.waitForSelector('tbody a:has-text("POST /messages")', { timeout: DEADLINE_MS });
  await pages.mail.waitForSelector('tbody :text("Message from Ada")', { timeout: DEADLINE_MS });
  await pages.table.waitForSelector('tbody :text("mailed")', { timeout: DEADLINE_MS });
  await pages.elasticity.waitForSelector('tbody a:has-text("Receiver")', { timeout: DEADLINE_MS });
  await pages.cost.waitForSelector('tbody :text("Amazon Simple Email Service")', { timeout: DEADLINE_MS });
  await pages.cost.waitForSelector('.compared :text("A server that never sleeps")', { timeout: DEADLINE_MS });

  await eventually(
    async () => (await stepsOn(pages.map)).filter((step) => /Queue|Table|EmailIdentity/.test(step)).sort(),
    [
      "ApiGatewayV2::Api→SQS::Queue|Messages",
      "Lambda::Function|Receiver→DynamoDB::Table|Submissions",
      "Lambda::Function|Receiver→SES::EmailIdentity|Mail",
      "SQS::Queue|Messages→Lambda::Function|Receiver",
    ],
  );
  await shot(pages.map, "map");

  // One trace through all of it.
  await pages.traces.click('tbody a:has-text("POST /messages")');
  for (const step of [
    "POST /messages",
    "sqs SendMessage",
    "waited in",
    "Receiver",
    "dynamodb PutItem",
    "sesv2 SendEmail",
  ])
    await pages.traces.waitForSelector(`.step:has-text("${step}")`, { timeout: DEADLINE_MS });
  await pages.traces.click('.step:has-text("PutItem")');
  await pages.traces.waitForSelector('.detail pre:has-text("Hello, engine.")');
  await pages.traces.click('.step:has-text("Receiver"):has-text("cold start")');
  await pages.traces.waitForSelector('.detail pre:has-text("START RequestId")', { timeout: DEADLINE_MS });
  await shot(pages.traces, "trace");

  await pages.mail.click('tbody .row-link:has-text("Message from Ada")');
  await pages.mail.waitForSelector('.detail pre:has-text("Hello, engine.")');
  for (const [name, page] of Object.entries(pages)) {
    await shot(page, name);
    assertQuiet(page, site.endpoint, name);
    await page.close();
  }
});

test("a picture is uploaded: its trigger, function and result appear on map, trace and in the bucket", async () => {
  const { outputs, website } = site.examples[1]!;
  const pages = {
    map: await open("map?stack=image-upload"),
    traces: await open("traces"),
    bucket: await open(`buckets/${outputs["ResultsBucket"]}`),
  };
  for (const page of Object.values(pages)) await page.waitForSelector(".liveness.live");
  await pages.map.waitForSelector('.react-flow__node:has-text("Darkroom")');
  await pages.bucket.waitForSelector("text=Empty. Drop files here.");

  const visitor = await browser.newPage();
  await visitor.goto(website);
  const buffer = await sharp({ create: { width: 640, height: 480, channels: 3, background: "teal" } })
    .jpeg()
    .toBuffer();
  await visitor.setInputFiles("input[type=file]", { name: "sea.jpg", mimeType: "image/jpeg", buffer });

  await pages.bucket.click('tbody a:has-text("pictures/")', { timeout: DEADLINE_MS });
  await eventually(
    async () => (await stepsOn(pages.map)).filter((step) => /Uploads|uploads|Darkroom/.test(step)).sort(),
    [
      "Lambda::Function|Darkroom→S3::Bucket|results",
      "Lambda::Function|Darkroom→S3::Bucket|uploads",
      "S3::Bucket|uploads→Lambda::Function|Darkroom",
      "outside|Outside→S3::Bucket|uploads",
    ],
  );
  await pages.traces.click('tbody a:has-text("POST s3://")', { timeout: DEADLINE_MS });
  for (const step of ["s3 PutObject", "s3 notification", "asynchronous run", "image-upload-Darkroom"])
    await pages.traces.waitForSelector(`.step:has-text("${step}")`, { timeout: DEADLINE_MS });
  await pages.traces.waitForSelector('.step:has-text("Darkroom"):has-text("cold start")');
  await pages.traces.click('.step:has-text("s3 GetObject")');
  await pages.traces.waitForSelector('.detail code:has-text("s3api get-object")');

  await pages.bucket.click("tbody a");
  await pages.bucket.click('tbody .row-link:has-text(".webp") >> nth=0');
  await pages.bucket.waitForSelector(".preview-image");
  await visitor.close();
  for (const [name, page] of Object.entries(pages)) {
    await shot(page, `picture-${name}`);
    assertQuiet(page, site.endpoint, name);
    await page.close();
  }
});

/** Looks at a page whose colours may still be changing, a tenth of a second apart. */
const LOOKS_MAX = 50;

test("every page has a heading, landmarks, names on all controls; nothing sticks out on a telephone", async () => {
  const places = [
    "map",
    "traces",
    "elasticity",
    "cost",
    "stacks",
    "stacks/contact-form",
    "functions",
    "queues",
    "tables",
    "buckets",
    "mail",
    "logs",
    "schedules",
    "parameters",
    "secrets",
  ];
  const page = await open("logs");
  await page.waitForSelector("main h1");
  for (const [i, place] of places.entries()) {
    await page.emulateMedia({ colorScheme: i % 2 === 0 ? "dark" : "light" });
    await page.evaluate(`location.hash = "#/${place}"`);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 });
      await page.waitForSelector(`main h1:has-text("${place.split("/").pop()}")`);
      await page.waitForSelector("[aria-busy=true]", { state: "detached" });
      let told = await page.evaluate<Told>(`(${inspect})()`);
      // Colours that are on their way from dark to light are not what a reader sees.
      for (let looks = 0; told.low.length > 0 && looks < LOOKS_MAX; looks++) {
        await page.waitForTimeout(100);
        told = await page.evaluate<Told>(`(${inspect})()`);
      }
      assert.deepEqual([told.h1, told.main, told.nav > 0], [1, 1, true], place);
      assert.deepEqual(told.nameless, [], `${place}: controls without a name`);
      assert.deepEqual(told.low, [], `${place}: too little contrast`);
      assert.equal(told.wide, false, `${place} is wider than the screen`);
      await shot(page, `${place.replace("/", "-")}-${width}`);
    }
    assertQuiet(page, site.endpoint, place);
  }
  await page.close();
});

interface Told {
  readonly h1: number;
  readonly main: number;
  readonly nav: number;
  readonly nameless: readonly string[];
  readonly low: readonly string[];
  readonly wide: boolean;
}

/** Runs in the page. Contrast as WCAG 2.2 defines it, of every text that can be seen, against the nearest opaque ground. */
const inspect = `() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255);
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const ground = channels(getComputedStyle(at).backgroundColor);
      if (ground.length === 3 || ground[3] === 1) return ground;
    }
    return channels(getComputedStyle(document.documentElement).backgroundColor);
  };
  const low = [];
  for (const element of document.querySelectorAll("main *, nav *, header *")) {
    if (element.closest("svg") || element.closest(":disabled") || ![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    const text = channels(getComputedStyle(element).color);
    const [a, b] = [luminance(text), luminance(groundOf(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(element.textContent.slice(0, 30) + " " + ratio.toFixed(2));
  }
  const nameless = [...document.querySelectorAll("button, a[href], input, select, textarea, [role=img]")]
    .filter((element) => element.getClientRects().length > 0)
    .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.length || element.title))
    .map((element) => element.outerHTML.slice(0, 120));
  return {
    h1: document.querySelectorAll("h1").length,
    main: document.querySelectorAll("main").length,
    nav: document.querySelectorAll("nav").length,
    nameless,
    low: low.slice(0, 5),
    wide: document.documentElement.scrollWidth > innerWidth,
  };
}`;

test("the keyboard goes everywhere", async () => {
  const page = await open("stacks");
  await page.waitForSelector("main h1");
  await page.keyboard.press("g");
  await page.keyboard.press("q");
  await page.waitForSelector('h1:has-text("Queues")');
  await page.waitForSelector('tbody a:has-text("DeadLetters")');
  await page.keyboard.press("/");
  await page.keyboard.type("dead");
  await eventually(() => page.locator("tbody a[href*=queues]").first().textContent(), nameOf("DeadLetterQueueUrl"));
  await page.keyboard.press("Control+k");
  await page.waitForSelector("dialog [role=option]");
  await page.keyboard.type("submis");
  await page.waitForSelector('[role=option][aria-selected=true]:has-text("Submissions")');
  await page.keyboard.press("Enter");
  await page.waitForSelector('h1:has-text("Submissions")');
  assert.equal(await page.evaluate("document.activeElement?.tagName"), "H1");
  await page.keyboard.press("c");
  await page.waitForSelector('dialog code:has-text("dynamodb scan --table-name")');
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  assertQuiet(page, site.endpoint, "keyboard");
  await page.close();
});

test("a table: queried with expressions, an item made, changed and, after a question, deleted", async () => {
  const TableName = nameOf("TableName");
  const dynamodb = new DynamoDBClient(client());
  await dynamodb.send(
    new PutItemCommand({ TableName, Item: { id: { S: "by hand" }, size: { N: "12345678901234567890.5" } } }),
  );
  const kept = async () => (await dynamodb.send(new GetItemCommand({ TableName, Key: { id: { S: "by hand" } } }))).Item;
  const page = await open(`tables/${TableName}`);
  await page.selectOption("select", "Query");
  await page.fill('label:has-text("Key condition") input', "id = :id");
  await page.fill('label:has-text("Values") input', '{":id": "by hand"}');
  await page.click("text=Run");
  await eventually(() => page.locator("tbody .row-link").count(), 1);
  await page.click("tbody .row-link");
  const editor = page.locator("dialog textarea");
  const text = await editor.inputValue();
  assert.match(text, /12345678901234567890\.5/);
  await editor.fill(text.replace("12345678901234567890.5", "2"));
  await page.click("dialog >> text=Save");
  await page.waitForSelector("dialog", { state: "detached" });
  await eventually(async () => (await kept())?.["size"], { N: "2" });
  await page.click("tbody .row-link");
  await page.click("dialog >> text=Delete");
  await page.waitForSelector('dialog code:has-text("delete-item")');
  await page.locator("dialog").last().locator("text=Cancel").click();
  assert.ok(await kept());
  await page.click("dialog >> text=Delete");
  await page.click("dialog >> text=Delete item");
  await eventually(kept, undefined);
  assertQuiet(page, site.endpoint, "table");
  await page.close();
});

test("a queue: looked at without receiving, sent to, dead letters sent back", async () => {
  const sqs = new SQSClient(client());
  const { QueueUrl: dead } = await sqs.send(new CreateQueueCommand({ QueueName: "dead" }));
  const { QueueUrl: alive } = await sqs.send(
    new CreateQueueCommand({
      QueueName: "alive",
      Attributes: {
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: "arn:aws:sqs:us-east-1:000000000000:dead",
          maxReceiveCount: 1,
        }),
      },
    }),
  );
  const waiting = async (QueueUrl: string | undefined) =>
    (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessages"] })))
      .Attributes?.["ApproximateNumberOfMessages"];
  await sqs.send(new SendMessageCommand({ QueueUrl: dead, MessageBody: '{"order": 1}' }));
  const page = await open("queues/dead");
  await page.click('tbody .row-link:has-text("order")');
  await page.waitForSelector('.detail pre:has-text("order")');
  await page.reload();
  await page.waitForSelector('tbody .row-link:has-text("order")');
  assert.equal(await page.locator("tbody tr td:nth-child(3)").textContent(), "0");
  await page.goto(`${site.endpoint}/_virga/#/queues/alive?tab=send`);
  await page.fill("textarea", "from the console");
  await page.click("form >> text=Send");
  await eventually(() => waiting(alive), "1");
  await page.goto(`${site.endpoint}/_virga/#/queues/dead`);
  await page.click("text=Redrive");
  await page.click("dialog >> text=Start redrive");
  await page.click("text=Purge");
  await page.waitForSelector('dialog code:has-text("purge-queue")');
  await page.click("dialog >> text=Cancel");
  assertQuiet(page, site.endpoint, "queue");
  await page.close();
});

test("a bucket: uploaded to, previewed, downloaded, deleted from", async () => {
  const s3 = new S3Client({ ...client(), forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "pictures" }));
  const page = await open("buckets/pictures");
  await page.waitForSelector("text=Empty. Drop files here.");
  const key = "a picture & more?.svg";
  const buffer = Buffer.from(
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40" fill="teal"/></svg>',
  );
  await page.setInputFiles("input[type=file]", { name: key, mimeType: "image/svg+xml", buffer });
  await page.click(`tbody .row-link:has-text("${key}")`);
  await page.waitForSelector(".preview-image");
  assert.equal(await page.evaluate("document.querySelector('.preview-image').naturalWidth"), 40);
  assert.equal((await s3.send(new GetObjectCommand({ Bucket: "pictures", Key: key }))).ContentType, "image/svg+xml");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("text=Download")]);
  assert.equal(download.suggestedFilename().replaceAll("_", "?"), key);
  await shot(page, "bucket");
  await page.click(".detail >> text=Delete");
  await page.click("dialog >> text=Delete object");
  await page.waitForSelector("text=Empty. Drop files here.");
  assertQuiet(page, site.endpoint, "bucket");
  await page.close();
});

test("a function: invoked with an event that is kept, its environment changed, its log followed", async () => {
  const lambda = new LambdaClient(client());
  const functions = await open("functions");
  const name = (await functions.locator('tbody a:has-text("Receiver")').textContent())!;
  await functions.click(`tbody a:has-text("${name}")`);
  await functions.fill("textarea.editor", '{"Records": []}');
  await functions.fill('[placeholder="Name to keep it under"]', "nothing");
  await functions.click("text=Keep");
  await functions.reload();
  await functions.selectOption("form select >> nth=0", "nothing");
  assert.equal(await functions.inputValue("textarea.editor"), '{"Records": []}');
  await functions.click("form >> text=Invoke");
  await functions.waitForSelector('text="Succeeded"', { timeout: DEADLINE_MS });
  await functions.waitForSelector('pre:has-text("batchItemFailures")');
  await functions.waitForSelector('pre:has-text("REPORT RequestId")');
  await shot(functions, "function");

  await functions.click("text=Environment");
  await functions.click("text=Add variable");
  await functions.fill(".pair:last-child input >> nth=0", "FROM_THE_CONSOLE");
  await functions.fill(".pair:last-child input >> nth=1", "yes");
  await functions.click("text=Save");
  await eventually(
    async () =>
      (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: name }))).Environment?.Variables?.[
        "FROM_THE_CONSOLE"
      ],
    "yes",
  );
  await functions.goto(`${site.endpoint}/_virga/#/logs/${encodeURIComponent(`/aws/lambda/${name}`)}`);
  await functions.waitForSelector('.log-line:has-text("REPORT RequestId")');
  const before = await functions.locator(".log-line").count();
  const other = await open(`functions/${name}`);
  await other.fill("textarea.editor", '{"Records": []}');
  await other.click("form >> text=Invoke");
  await functions.waitForSelector(`.log-line:nth-child(${before + 1})`, { timeout: DEADLINE_MS });
  assertQuiet(functions, site.endpoint, "function");
  await functions.close();
  await other.close();
});
