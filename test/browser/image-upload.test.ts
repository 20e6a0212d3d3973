/**
 * The second pattern in a real browser: `virga up examples/image-upload` on a free port, and a visitor who drops a photograph taken with a turned
 * camera, a damaged file, a picture that is too large, and many at once. Screenshots lie in `test-results/`.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { GetFunctionConfigurationCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { ListObjectsV2Command, PutBucketNotificationConfigurationCommand, S3Client } from "@aws-sdk/client-s3";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type Browser, chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { launch, type Running, temporaryFolder } from "../../src/cli/testing/command.ts";
import { chromiumPath } from "../../tools/setup.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const results = join(root, "test-results");
const project = temporaryFolder();
const READY_MS = 60_000;
const DEADLINE_MS = 60_000;
/** Mean difference of a channel: what WebP at this quality may change. */
const DIFFERENCE_MAX = 6;

interface Site {
  readonly up: Running;
  readonly endpoint: string;
  readonly website: string;
  readonly outputs: Readonly<Record<string, string>>;
}

let browser: Browser;
let site: Site;

before(async () => {
  mkdirSync(results, { recursive: true });
  cpSync(join(root, "examples", "image-upload"), join(project, "image-upload"), {
    recursive: true,
    filter: (path) => !/node_modules|\.virga/.test(path),
  });
  // As after `npm install` in a copy of the example.
  symlinkSync(join(root, "node_modules"), join(project, "image-upload", "node_modules"));
  const args = ["up", "image-upload", "--port", "0", "--data", "data", "--no-watch", "--json"];
  const up = launch(undefined, project, args);
  const [json] = await up.says(/\{\n[\s\S]*\n\}\n/);
  const { endpoint, applications } = JSON.parse(json) as {
    endpoint: string;
    applications: { outputs: { name: string; value: string }[]; addresses: { what: string; url: string }[] }[];
  };
  const [application] = applications;
  site = {
    up,
    endpoint,
    website: application!.addresses.find(({ what }) => what.startsWith("website"))!.url,
    outputs: Object.fromEntries(application!.outputs.map(({ name, value }) => [name, value])),
  };
  browser = await chromium.launch({ executablePath: chromiumPath()!, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  await site?.up.end();
});

const client = () => ({
  endpoint: site.endpoint.replace("localhost", "127.0.0.1"),
  region: "us-east-1",
  credentials: { accessKeyId: "000000000000", secretAccessKey: "test" },
});

/** A page that fails the test when it shows an error of its own. */
async function visit(options: Parameters<Browser["newPage"]>[0] = {}): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...options });
  page.on("pageerror", (error) => assert.fail(`The page threw ${error}`));
  page.on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) assert.fail(message.text());
  });
  await page.goto(site.website);
  return page;
}

const shot = (page: Page, name: string) =>
  page.screenshot({ path: join(results, `image-upload-${name}.png`), fullPage: true });

/** Four fields of colour with a gradient over them, as the sensor saw it; the camera was turned by a quarter. */
async function photograph(width = 2400, height = 1600, orientation = 6): Promise<Buffer> {
  const data = Buffer.alloc(width * height * 3);
  const corners = [
    [200, 60, 50],
    [60, 170, 90],
    [50, 90, 200],
    [230, 200, 80],
  ] as const;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const corner = corners[(y * 2 >= height ? 2 : 0) + (x * 2 >= width ? 1 : 0)]!;
      const shade = 0.75 + (0.25 * x) / width;
      for (let channel = 0; channel < 3; channel++) data[(y * width + x) * 3 + channel] = corner[channel]! * shade;
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 94 })
    .withMetadata({ orientation })
    .toBuffer();
}

/** Drops files as a hand does: onto the page, out of a folder. */
async function dropFiles(page: Page, files: readonly { name: string; type: string; content: Buffer }[]): Promise<void> {
  const plain = files.map(({ name, type, content }) => ({ name, type, base64: content.toString("base64") }));
  const dataTransfer = await page.evaluateHandle(
    `(() => {
      const transfer = new DataTransfer();
      for (const { name, type, base64 } of ${JSON.stringify(plain)}) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        transfer.items.add(new File([bytes], name, { type }));
      }
      return transfer;
    })()`,
  );
  for (const type of ["dragenter", "dragover", "drop"]) await page.dispatchEvent("#drop", type, { dataTransfer });
}

const printOf = (page: Page, name: string) => page.locator(".print", { has: page.locator(`.name[title="${name}"]`) });

async function settled(page: Page, name: string): Promise<"ready" | "failed"> {
  await page
    .locator(`.print[data-state=ready] .name[title="${name}"], .print[data-state=failed] .name[title="${name}"]`)
    .waitFor({ timeout: READY_MS });
  return (await printOf(page, name).getAttribute("data-state")) as "ready" | "failed";
}

/** Fetched without the names under localhost, which not every resolver knows. */
async function pixels(url: string): Promise<{ data: Buffer; info: { width: number; height: number } }> {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "image/webp");
  return sharp(Buffer.from(await response.arrayBuffer()))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
}

function difference(left: Buffer, right: Buffer): number {
  assert.equal(left.length, right.length);
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += Math.abs(left[i]! - right[i]!);
  return sum / left.length;
}

async function deadLetters(): Promise<number> {
  const { Attributes } = await new SQSClient(client()).send(
    new GetQueueAttributesCommand({
      QueueUrl: site.outputs["DeadLetterQueueUrl"]!,
      AttributeNames: ["ApproximateNumberOfMessages"],
    }),
  );
  return Number(Attributes!.ApproximateNumberOfMessages);
}

test("a photograph from a turned camera: both renditions the right way up, pixel by pixel", async () => {
  const photo = await photograph();
  const page = await visit();
  assert.equal(await page.title(), "Contact sheet");
  await shot(page, "empty");
  await dropFiles(page, [{ name: "tower.jpg", type: "image/jpeg", content: photo }]);
  assert.equal(await settled(page, "tower.jpg"), "ready");
  const print = printOf(page, "tower.jpg");
  assert.match((await print.locator(".state").textContent())!, /^1600 × 2400, /);
  // The browser itself shows the thumbnail.
  const preview = print.locator(".preview");
  await preview.evaluate((image: any) => image.decode());
  assert.deepEqual(await preview.evaluate((image: any) => [image.naturalWidth, image.naturalHeight]), [213, 320]);
  assert.equal(await preview.getAttribute("alt"), "Thumbnail of tower.jpg");
  for (const [name, side, size] of [
    ["web", 1600, [1067, 1600]],
    ["thumbnail", 320, [213, 320]],
  ] as const) {
    const { data, info } = await pixels((await print.locator(`a.${name}`).getAttribute("href"))!);
    assert.deepEqual([info.width, info.height], size, name);
    const upright = await sharp(photo)
      .autoOrient()
      .resize({ width: side, height: side, fit: "inside" })
      .raw()
      .toBuffer();
    const changed = difference(data, upright);
    assert.ok(changed < DIFFERENCE_MAX, `${name} differs by ${changed.toFixed(2)}`);
    // Turned the wrong way it would differ by far more.
    const turned = await sharp(photo)
      .rotate(180)
      .resize({ width: info.width, height: info.height, fit: "fill" })
      .raw()
      .toBuffer();
    assert.ok(difference(data, turned) > 5 * DIFFERENCE_MAX, name);
  }
  await shot(page, "ready");
  await page.close();
});

test("damaged and huge pictures end in a clear state and in the dead-letter queue, and harm nobody", async () => {
  const before = await deadLetters();
  const photo = await photograph(800, 600, 1);
  const bomb = await sharp({ create: { width: 10_000, height: 7_000, channels: 3, background: "#fff" } })
    .png({ compressionLevel: 9 })
    .toBuffer();
  const page = await visit();
  await dropFiles(page, [
    { name: "damaged.jpg", type: "image/jpeg", content: photo.subarray(0, photo.length / 2) },
    { name: "letter.jpg", type: "image/jpeg", content: Buffer.from("Dear Sir or Madam") },
    { name: "letter.txt", type: "text/plain", content: Buffer.from("Dear Sir or Madam") },
    { name: "wall.png", type: "image/png", content: bomb },
    { name: "cat.jpg", type: "image/jpeg", content: photo },
  ]);
  for (const [name, state, words] of [
    ["damaged.jpg", "failed", /damaged/],
    ["letter.jpg", "failed", /no picture that can be read/],
    // The page knows by itself: no form is asked for.
    ["letter.txt", "failed", /no picture that can be read/],
    ["wall.png", "failed", /too large/],
    ["cat.jpg", "ready", /^800 × 600, /],
  ] as const) {
    assert.equal(await settled(page, name), state, name);
    assert.match((await printOf(page, name).locator(".state").textContent())!, words);
    assert.equal(await printOf(page, name).locator(".again").isVisible(), false, "trying again would not help");
  }
  assert.equal(await deadLetters(), before + 3);
  await shot(page, "failed");
  // S3 itself refuses what is larger than the form allows, or no picture.
  const begun = await page.evaluate<{ url: string; fields: Record<string, string>; bytesMax: number }>(
    `fetch(document.querySelector("meta[name=api-url]").content + "/pictures", { method: "POST" }).then((r) => r.json())`,
  );
  for (const [type, bytes, code] of [
    ["image/jpeg", begun.bytesMax + 1, "EntityTooLarge"],
    ["text/html", 10, "AccessDenied"],
  ] as const) {
    const form = new FormData();
    for (const [name, value] of Object.entries(begun.fields)) form.append(name, value);
    form.append("Content-Type", type);
    form.append("file", new Blob([Buffer.alloc(bytes)]));
    const answer = await fetch(begun.url, { method: "POST", body: form });
    assert.match(await answer.text(), new RegExp(`<Code>${code}</Code>`));
  }
  await page.close();
});

test("when the connection is lost the visitor is told, and may try again", async () => {
  const page = await visit();
  await page.route("**/pictures", (route) => route.abort());
  await page.setInputFiles("#choose", {
    name: "lake.jpg",
    mimeType: "image/jpeg",
    buffer: await photograph(900, 600, 3),
  });
  assert.equal(await settled(page, "lake.jpg"), "failed");
  const print = printOf(page, "lake.jpg");
  assert.match((await print.locator(".state").textContent())!, /could not be sent/);
  await page.unroute("**/pictures");
  await print.locator(".again").click();
  await page.locator(".print[data-state=ready]").waitFor({ timeout: READY_MS });
  await page.close();
});

test("no endless loop, even where the results call the function without a filter", async () => {
  const lambda = new LambdaClient(client());
  const FunctionName = site.outputs["FunctionName"]!;
  const { FunctionArn } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const s3 = new S3Client({ ...client(), forcePathStyle: true });
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: site.outputs["ResultsBucket"]!,
      NotificationConfiguration: {
        LambdaFunctionConfigurations: [{ LambdaFunctionArn: FunctionArn!, Events: ["s3:ObjectCreated:*"] }],
      },
    }),
  );
  const count = async () => {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: site.outputs["ResultsBucket"]! }));
    return Contents.length;
  };
  const before = await count();
  const page = await visit();
  await dropFiles(page, [{ name: "loop.jpg", type: "image/jpeg", content: await photograph(640, 480, 1) }]);
  assert.equal(await settled(page, "loop.jpg"), "ready");
  await page.close();
  // The three objects that were made of it called the function, which left them alone.
  const logs = new CloudWatchLogsClient(client());
  const left = async () => {
    const query = { logGroupName: `/aws/lambda/${FunctionName}`, filterPattern: "left" };
    const { events = [] } = await logs.send(new FilterLogEventsCommand(query));
    return events.length;
  };
  for (const untilMs = Date.now() + DEADLINE_MS; (await left()) < 3; await sleep(100)) {
    assert.ok(Date.now() < untilMs, "the function was called for its own results");
  }
  await sleep(1000);
  assert.equal(await left(), 3);
  assert.equal(await count(), before + 3);
});

test("it reads well in the dark and on a telephone, and the keyboard is enough", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await visit({ colorScheme });
    await dropFiles(page, [
      { name: "hill.jpg", type: "image/jpeg", content: await photograph(1200, 800, 1) },
      { name: "note.txt", type: "image/png", content: Buffer.from("no picture") },
    ]);
    await settled(page, "hill.jpg");
    await settled(page, "note.txt");
    const state = (name: string) => `.print[data-state=${name}] .state`;
    for (const selector of [
      "h1",
      ".lead",
      ".call",
      ".limits",
      ".button",
      "footer p",
      state("ready"),
      state("failed"),
    ]) {
      const ratio = await contrast(page, selector);
      assert.ok(ratio >= 4.5, `${selector} in ${colorScheme}: ${ratio.toFixed(2)}`);
    }
    await shot(page, colorScheme);
    await page.close();
  }
  const small = await visit({ viewport: { width: 360, height: 740 } });
  await small.keyboard.press("Tab");
  assert.equal(await small.evaluate("document.activeElement?.className"), "skip");
  await small.keyboard.press("Tab");
  assert.equal(await small.evaluate("document.activeElement?.id"), "choose");
  assert.equal(await small.evaluate("document.querySelector('label[for=choose]') !== null"), true);
  await small.setInputFiles("#choose", {
    name: "a-very-long-name-of-a-picture-from-a-telephone.jpg",
    mimeType: "image/jpeg",
    buffer: await photograph(1200, 900, 6),
  });
  await settled(small, "a-very-long-name-of-a-picture-from-a-telephone.jpg");
  assert.ok(await small.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out");
  assert.match((await small.textContent("#status"))!, /ready$/);
  await shot(small, "telephone");
  const missing = await small.goto(`${site.website}nowhere`);
  assert.equal(missing!.status(), 404);
  await small.close();
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
