/**
 * The first pattern in a real browser: `virga up examples/contact-form` on a free port, and a visitor who writes, writes twice, writes nonsense,
 * loses the connection, and finds everything as it was after a restart. Screenshots lie in `test-results/`.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DynamoDBClient, ScanCommand } from "@aws-sdk/client-dynamodb";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type Browser, chromium, type Page } from "playwright-core";
import { launch, type Running, temporaryFolder } from "../../src/cli/testing/command.ts";
import { chromiumPath } from "../../tools/setup.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const results = join(root, "test-results");
const project = temporaryFolder();
const DEADLINE_MS = 60_000;

const ada = {
  name: "Ada Lovelace",
  email: "ada@example.com",
  message: "I have written a note about the engine.\nShall I send it?",
};

interface Site {
  readonly up: Running;
  readonly endpoint: string;
  readonly website: string;
  readonly outputs: Readonly<Record<string, string>>;
}

interface SentMail {
  readonly Source: string;
  readonly Destination: { readonly ToAddresses: readonly string[] };
  readonly Subject: string;
  readonly Body: { readonly text_part: string | null; readonly html_part: string | null };
}

let browser: Browser;
let site: Site;

/** @param port the same again after a restart: the pages carry the API's address */
async function open(port = "0"): Promise<Site> {
  const up = launch(undefined, project, [
    "up",
    "contact-form",
    "--port",
    port,
    "--data",
    "data",
    "--no-watch",
    "--json",
  ]);
  const [json] = await up.says(/\{\n[\s\S]*\n\}\n/);
  const { endpoint, applications } = JSON.parse(json) as {
    endpoint: string;
    applications: { outputs: { name: string; value: string }[]; addresses: { what: string; url: string }[] }[];
  };
  const [application] = applications;
  return {
    up,
    endpoint,
    website: application!.addresses.find(({ what }) => what.startsWith("website"))!.url,
    outputs: Object.fromEntries(application!.outputs.map(({ name, value }) => [name, value])),
  };
}

before(async () => {
  mkdirSync(results, { recursive: true });
  cpSync(join(root, "examples", "contact-form"), join(project, "contact-form"), {
    recursive: true,
    filter: (path) => !/node_modules|\.virga/.test(path),
  });
  site = await open();
  browser = await chromium.launch({ executablePath: chromiumPath()!, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  await site?.up.end();
});

const client = () => ({
  endpoint: site.endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "000000000000", secretAccessKey: "test" },
});

async function rows(): Promise<Record<string, string | undefined>[]> {
  const dynamodb = new DynamoDBClient(client());
  const { Items = [] } = await dynamodb.send(
    new ScanCommand({ TableName: site.outputs["TableName"]!, ConsistentRead: true }),
  );
  return Items.map((item) =>
    Object.fromEntries(Object.entries(item).map(([name, value]) => [name, value.S ?? value.N])),
  );
}

async function mails(): Promise<readonly SentMail[]> {
  const response = await fetch(`${site.endpoint}/_aws/ses`);
  return ((await response.json()) as { messages: SentMail[] }).messages;
}

/** Messages that wait, are being worked on, or are delayed. */
async function depth(queue: "QueueUrl" | "DeadLetterQueueUrl"): Promise<number> {
  const { Attributes = {} } = await new SQSClient(client()).send(
    new GetQueueAttributesCommand({ QueueUrl: site.outputs[queue]!, AttributeNames: ["All"] }),
  );
  const attributes: Record<string, string | undefined> = Attributes;
  return ["", "NotVisible", "Delayed"].reduce(
    (sum, suffix) => sum + Number(attributes[`ApproximateNumberOfMessages${suffix}`]),
    0,
  );
}

/** Asks again and again until the answer is the expected one, and shows the last answer if it never is. */
async function eventually<T>(ask: () => Promise<T>, expected: T): Promise<void> {
  const deadlineMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    try {
      assert.deepEqual(answer, expected);
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
    }
    await sleep(50);
  }
}

/** A page that fails the test when it shows an error of its own. */
async function visit(options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", ...options });
  page.on("pageerror", (error) => assert.fail(`The page threw ${error}`));
  await page.goto(site.website);
  return page;
}

async function fill(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value);
}

const shot = (page: Page, name: string) =>
  page.screenshot({ path: join(results, `contact-form-${name}.png`), fullPage: true });

/** As the form posts it, but by the API's path: resolvers outside of browsers may not know names under localhost. */
function post(body: string): Promise<Response> {
  const { hostname, pathname } = new URL(site.outputs["ApiUrl"]!);
  const url = `${site.endpoint}/_aws/execute-api/${hostname.split(".")[0]}/$default${pathname}`;
  return fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
}

test("a visitor writes, is thanked; then the row, the mail, and an empty queue", async () => {
  const page = await visit();
  assert.equal(await page.title(), "Write to us");
  await shot(page, "empty");
  await fill(page, ada);
  await shot(page, "filled");
  await page.click("#send");
  await page.waitForSelector("#thanks:not([hidden])");
  assert.equal(await page.textContent("#thanks-title"), "Thank you, Ada Lovelace.");
  assert.equal(await page.evaluate("document.activeElement?.id"), "thanks-title");
  await shot(page, "thanks");

  await eventually(async () => (await rows()).map(({ state }) => state), ["mailed"]);
  const [row] = await rows();
  assert.deepEqual({ name: row!["name"], email: row!["email"], message: row!["message"] }, ada);
  const [mail, ...others] = await mails();
  assert.deepEqual(others, []);
  assert.equal(mail!.Subject, "Message from Ada Lovelace");
  assert.deepEqual(mail!.Destination.ToAddresses, ["inbox@example.com"]);
  assert.ok(mail!.Body.text_part!.includes(ada.message));
  await eventually(() => depth("QueueUrl"), 0);
  await page.close();
});

test("the same submission again: stored once, mailed once", async () => {
  const page = await visit();
  // As another hand might type it.
  await fill(page, { ...ada, name: "  Ada   Lovelace ", email: "ADA@example.com" });
  await page.click("#send");
  await page.waitForSelector("#thanks:not([hidden])");
  await page.close();
  const twice = await Promise.all([post(JSON.stringify(ada)), post(JSON.stringify(ada))]);
  assert.deepEqual(
    twice.map(({ status }) => status),
    [200, 200],
  );
  await eventually(() => depth("QueueUrl"), 0);
  assert.equal((await rows()).length, 1);
  assert.equal((await mails()).length, 1);
  assert.equal(await depth("DeadLetterQueueUrl"), 0);
});

test("a poisonous message reaches the dead-letter queue after three attempts", async () => {
  assert.equal((await post("{ this is not JSON")).status, 200);
  await eventually(() => depth("DeadLetterQueueUrl"), 1);
  assert.equal(await depth("QueueUrl"), 0);
  assert.equal((await rows()).length, 1);
});

test("markup and header injection do no harm", async () => {
  const markup = {
    name: "<img src=x onerror=window.hurt=1>",
    email: "eve@example.com",
    message: "<script>window.hurt=1</script>",
  };
  const page = await visit();
  await fill(page, markup);
  await page.click("#send");
  await page.waitForSelector("#thanks:not([hidden])");
  await shot(page, "markup");
  assert.equal(await page.textContent("#thanks-title"), `Thank you, ${markup.name}.`);
  assert.equal(await page.locator("#thanks img, #thanks script").count(), 0);
  assert.equal(await page.evaluate("'hurt' in window"), false);
  await page.close();

  const injected = { name: "Eve\r\nBcc: other@example.com", email: "eve@example.com", message: "Hello\r\n.\r\nQUIT" };
  assert.equal((await post(JSON.stringify(injected))).status, 200);
  await eventually(async () => (await rows()).filter(({ state }) => state === "mailed").length, 3);
  const sent = await mails();
  assert.equal(sent.length, 3);
  for (const { Subject, Destination, Body } of sent) {
    assert.doesNotMatch(Subject, /[\r\n]/);
    assert.deepEqual(Destination.ToAddresses, ["inbox@example.com"]);
    assert.ok(!Body.html_part);
  }
  assert.ok(sent.some(({ Subject }) => Subject === "Message from Eve Bcc: other@example.com"));

  // An address that would carry a header is refused as a whole.
  assert.equal(
    (await post(JSON.stringify({ ...ada, email: "eve@example.com\r\nBcc: other@example.com" }))).status,
    200,
  );
  await eventually(() => depth("DeadLetterQueueUrl"), 2);
  assert.equal((await mails()).length, 3);
});

test("what is missing is told at its field, to eyes and to screen readers; the keyboard is enough", async () => {
  const page = await visit();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement?.className"), "skip");
  await page.focus("#message");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement?.id"), "send");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate("document.activeElement?.id"), "name");
  for (const id of ["name", "email", "message"]) {
    assert.equal(await page.getAttribute(`#${id}`, "aria-invalid"), "true");
    assert.ok((await page.getAttribute(`#${id}`, "aria-describedby"))!.split(" ").includes(`${id}-error`));
    assert.notEqual((await page.textContent(`#${id}-error`))!.trim(), "");
    assert.equal(await page.locator(`label[for=${id}]`).count(), 1);
  }
  await shot(page, "errors");
  await page.fill("#email", "not an address");
  await page.keyboard.press("Tab");
  assert.match((await page.textContent("#email-error"))!, /does not look like/);
  await fill(page, ada);
  assert.equal(await page.locator("[aria-invalid=true]").count(), 0);
  await page.close();
});

test("when the API is down the visitor is told, and loses nothing", async () => {
  const page = await visit();
  await page.route(site.outputs["ApiUrl"]!, (route) => route.abort());
  const note = { name: "Grace Hopper", email: "grace@example.com", message: "There is a moth in it." };
  await fill(page, note);
  await page.click("#send");
  await page.waitForSelector("#failure:not([hidden])");
  assert.equal(await page.getAttribute("#failure", "role"), "alert");
  await shot(page, "failure");
  await page.reload();
  assert.equal(await page.inputValue("#message"), note.message);
  await page.unroute(site.outputs["ApiUrl"]!);
  await page.click("#send");
  await page.waitForSelector("#thanks:not([hidden])");
  await eventually(async () => (await rows()).filter(({ name }) => name === note.name).length, 1);
  await page.close();
});

test("it reads well in the dark, on a telephone, and where there is no page", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await visit({ colorScheme });
    for (const selector of ["h1", ".lead", ".hint", "label", "#send", "footer p"]) {
      const ratio = await contrast(page, selector);
      assert.ok(ratio >= 4.5, `${selector} in ${colorScheme}: ${ratio.toFixed(2)}`);
    }
    await shot(page, colorScheme);
    await page.close();
  }
  const small = await visit({ viewport: { width: 360, height: 740 } });
  assert.ok(await small.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out");
  await shot(small, "telephone");
  const missing = await small.goto(`${site.website}nowhere`);
  assert.equal(missing!.status(), 404);
  assert.match((await small.textContent("h1"))!, /Nothing hangs here/);
  await shot(small, "not-found");
  await small.close();
});

test("stopped and started again, everything is back", async () => {
  const before = await rows();
  const { code } = await site.up.end("SIGINT");
  assert.equal(code, 0);
  site = await open(new URL(site.endpoint).port);
  assert.deepEqual(new Set((await rows()).map(({ id }) => id)), new Set(before.map(({ id }) => id)));
  const page = await visit();
  await fill(page, { ...ada, message: "After the restart." });
  await page.click("#send");
  await page.waitForSelector("#thanks:not([hidden])");
  await eventually(async () => (await rows()).filter(({ message }) => message === "After the restart.").length, 1);
  await page.close();
});

/** WCAG's contrast ratio of an element's text against the nearest opaque background. @see https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(page: Page, selector: string): Promise<number> {
  // Text, because the types of a page's world are not those of this one.
  return page.evaluate<number>(`(() => {
    const element = document.querySelector(${JSON.stringify(selector)});
    const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = (color) => {
      const [red, green, blue] = channels(color).map((value) => linear(value / 255));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    let behind = element;
    while (channels(getComputedStyle(behind).backgroundColor)[3] === 0 && behind.parentElement) behind = behind.parentElement;
    const text = luminance(getComputedStyle(element).color);
    const ground = luminance(getComputedStyle(behind).backgroundColor);
    return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
  })()`);
}
