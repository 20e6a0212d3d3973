/** What the console's tests share: a platform with the contact form, and pages that fail a test when they show an error of their own. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { launch, type Running, temporaryFolder } from "../../src/cli/testing/command.ts";
import { buildConsole } from "../../tools/console.ts";
import { chromiumPath } from "../../tools/setup.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
export const results = join(root, "test-results");
export const DEADLINE_MS = 60_000;

export interface Site {
  readonly up: Running;
  readonly endpoint: string;
  readonly website: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** `virga up examples/contact-form` on a free port, with the console as it is in the sources. */
export async function openSite(): Promise<Site> {
  mkdirSync(results, { recursive: true });
  await buildConsole(join(root, "generated", "console"));
  const project = temporaryFolder();
  cpSync(join(root, "examples", "contact-form"), join(project, "contact-form"), {
    recursive: true,
    filter: (path) => !/node_modules|\.virga/.test(path),
  });
  const up = launch(undefined, project, ["up", "contact-form", "--port", "0", "--ephemeral", "--no-watch", "--json"]);
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

export const openBrowser = (...args: string[]): Promise<Browser> =>
  chromium.launch({ executablePath: chromiumPath()!, args: ["--no-sandbox", ...args] });

/** What a page asked of whom, and what it complained about. */
export interface Watched {
  readonly requests: string[];
  readonly errors: string[];
}

/** @param path `queues/orders` */
export async function openConsole(
  browser: Browser,
  endpoint: string,
  path: string,
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<Page & { watched: Watched }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", ...options });
  const watched: Watched = { requests: [], errors: [] };
  page.on("pageerror", (error) => watched.errors.push(`threw ${error.stack}`));
  page.on("console", (message) => {
    if (message.type() === "error") watched.errors.push(message.text());
  });
  page.on("request", (request) => watched.requests.push(request.url()));
  await page.goto(`${endpoint}/_virga/#/${path}`);
  return Object.assign(page, { watched });
}

/** Nothing was asked of anybody else, and nothing went wrong. */
export function assertQuiet({ watched }: { readonly watched: Watched }, endpoint: string, what: string): void {
  assert.deepEqual(watched.errors, [], what);
  const elsewhere = watched.requests.filter(
    (url) => !url.startsWith(`${endpoint}/`) && !/^(?:data|blob|about):/.test(url),
  );
  assert.deepEqual(elsewhere, [], `${what} asked others`);
}

export const shot = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: join(results, `console-${name}.png`) });

/** Asks again and again until the answer is the expected one, and shows the last answer if it never is. */
export async function eventually<T>(ask: () => Promise<T>, expected: T): Promise<void> {
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
