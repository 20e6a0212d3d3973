/**
 * Takes the pictures of the console for the README and `docs/`: deploys both examples, lets visitors write and send pictures, and looks at what
 * happened. Look at every picture before it is committed.
 *
 *     node tools/screenshots.ts
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { buildConsole } from "./console.ts";
import { chromiumPath } from "./setup.ts";

const root = new URL("../", import.meta.url).pathname;
const pictures = join(root, "docs", "console");
const VISITORS = [
  ["Ada Lovelace", "I have written a note about the engine. Shall I send it?"],
  ["Grace Hopper", "There is a moth in it."],
  ["Alan Turing", "Can you tell whether I am a machine?"],
  ["Hedy Lamarr", "Which frequencies do you hop between?"],
  ["Katherine Johnson", "I checked the numbers by hand."],
] as const;

interface Shot {
  readonly name: string;
  readonly path: string;
  readonly dark?: boolean;
  readonly width?: number;
  readonly ready: string;
  readonly prepare?: (page: Page) => Promise<void>;
}

interface Applications {
  readonly endpoint: string;
  /** The website of the pictures. */
  readonly website: string;
  readonly outputs: Readonly<Record<string, string>>;
}

const PICTURES = ["teal", "tomato", "gold", "slateblue", "olive", "orchid"];

async function main(): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await buildConsole(join(root, "generated", "console"));
  const folder = mkdtempSync(join(tmpdir(), "virga-screenshots-"));
  const up = spawn(
    process.execPath,
    [
      join(root, "src/cli/main.ts"),
      "up",
      join(root, "examples/contact-form"),
      join(root, "examples/image-upload"),
      "--port",
      "0",
      "--ephemeral",
      "--no-watch",
      "--json",
    ],
    { cwd: folder, stdio: ["ignore", "pipe", "inherit"] },
  );
  let browser: Browser | undefined;
  try {
    const applications = await deployed(up.stdout);
    browser = await chromium.launch({ executablePath: chromiumPath()!, args: ["--no-sandbox"] });
    const live = await open(browser, applications, "elasticity", { name: "", path: "", ready: "" });
    for (const [name, message] of VISITORS)
      await write(applications, JSON.stringify({ name, email: "visitor@example.com", message }));
    await write(applications, "{ this is not JSON");
    await upload(browser, applications);
    await live.waitForSelector('tbody a:has-text("Darkroom")');
    await sleep(2000);
    await live.selectOption('[aria-label="Time"]', "2 minutes");
    await sleep(1500);
    await live.screenshot({ path: join(pictures, "elasticity.png") });
    for (const shot of shotsOf(applications)) {
      const page = await open(browser, applications, shot.path, shot);
      await page.waitForSelector(shot.ready);
      await shot.prepare?.(page);
      await sleep(1500);
      await page.screenshot({ path: join(pictures, `${shot.name}.png`) });
      await page.close();
    }
  } finally {
    await browser?.close();
    up.kill("SIGTERM");
    await new Promise((resolve) => up.once("close", resolve));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function deployed(stdout: NodeJS.ReadableStream): Promise<Applications> {
  let text = "";
  for await (const chunk of stdout) {
    text += chunk;
    if (!/^\}$/m.test(text)) continue;
    const { endpoint, applications } = JSON.parse(text);
    const outputs = applications[0].outputs.map(({ name, value }: { name: string; value: string }) => [name, value]);
    const website = applications[1].addresses.find(({ what }: { what: string }) => what.startsWith("website")).url;
    // Nobody reads on; the stream is drained so that nothing blocks.
    stdout.resume();
    return { endpoint, website, outputs: Object.fromEntries(outputs) };
  }
  throw new Error("virga up ended before it was there");
}

/** By the API's path: not every resolver knows names under localhost. */
async function write({ endpoint, outputs }: Applications, body: string): Promise<void> {
  const { hostname, pathname } = new URL(outputs["ApiUrl"]!);
  await fetch(`${endpoint}/_aws/execute-api/${hostname.split(".")[0]}/$default${pathname}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
}

async function upload(browser: Browser, { website }: Applications): Promise<void> {
  const page = await browser.newPage();
  await page.goto(website);
  const files = await Promise.all(
    PICTURES.map(async (background) => ({
      name: `${background}.jpg`,
      mimeType: "image/jpeg",
      buffer: await sharp({ create: { width: 1600, height: 1200, channels: 3, background } })
        .jpeg()
        .toBuffer(),
    })),
  );
  await page.setInputFiles("input[type=file]", files);
  const done = `:is([data-state="ready"], [data-state="failed"]) >> nth=${PICTURES.length - 1}`;
  await page.waitForSelector(done, { timeout: 90_000 });
  await page.close();
}

async function open(browser: Browser, { endpoint }: Applications, path: string, shot: Shot): Promise<Page> {
  const page = await browser.newPage({
    viewport: { width: shot.width ?? 1280, height: 760 },
    colorScheme: shot.dark ? "dark" : "light",
  });
  await page.goto(`${endpoint}/_virga/#/${path}`);
  return page;
}

function shotsOf({ outputs }: Applications): readonly Shot[] {
  const nameOf = (output: string): string => outputs[output]!.split("/").pop()!;
  return [
    { name: "map", path: "map", ready: '.react-flow__edge[data-id*="EmailIdentity"]' },
    { name: "map-dark", path: "map?stack=image-upload", dark: true, ready: '.react-flow__edge[data-id*="Darkroom"]' },
    { name: "cost", path: "cost?of=hours", ready: ".compared-bar.always" },
    {
      name: "trace",
      path: "traces?q=sendemail",
      ready: 'tbody a:has-text("POST")',
      prepare: async (page) => {
        await page.locator('tbody a:has-text("POST")').last().click();
        await page.click('.step:has-text("PutItem")');
      },
    },
    { name: "traces", path: "traces", dark: true, ready: "tbody a" },
    { name: "mail", path: "mail", ready: "tbody .row-link", prepare: (page) => page.click("tbody .row-link") },
    { name: "table", path: `tables/${nameOf("TableName")}`, dark: true, ready: "tbody .row-link" },
    {
      name: "queue",
      path: `queues/${nameOf("DeadLetterQueueUrl")}`,
      ready: "tbody .row-link",
      prepare: (page) => page.click("tbody .row-link"),
    },
    {
      name: "palette",
      path: "stacks/contact-form",
      ready: "tbody a",
      prepare: async (page) => {
        await page.keyboard.press("Control+k");
        await page.keyboard.type("mes");
        await page.waitForSelector("[role=option]:has-text('Messages')");
      },
    },
    { name: "telephone", path: "traces", width: 390, ready: "tbody a" },
  ];
}

await main();
