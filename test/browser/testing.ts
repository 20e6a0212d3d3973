/** What the console's tests share: a platform with the examples, or without, and pages that fail a test when they show an error of their own. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
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
}

/** One of the examples, deployed. */
export interface Example {
  readonly website: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Built again only where a source is newer than what was built: every test file would wait for it. */
async function buildFresh(): Promise<void> {
  const built = join(root, "generated", "console");
  const newest = (folder: string): number =>
    Math.max(
      0,
      ...readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
    );
  mkdirSync(built, { recursive: true });
  if (newest(join(root, "console")) > newest(built)) await buildConsole(built);
}

/** `virga start` on a free port, with the console as it is in the sources. */
export async function openPlatform(): Promise<Site> {
  mkdirSync(results, { recursive: true });
  await buildFresh();
  const up = launch(undefined, temporaryFolder(), ["start", "--port", "0", "--ephemeral"]);
  const [endpoint] = await up.says(/http:\/\/localhost:\d+/);
  return { up, endpoint };
}

/** `virga up` with these examples. */
export async function openExamples(...names: readonly string[]): Promise<Site & { examples: readonly Example[] }> {
  mkdirSync(results, { recursive: true });
  await buildFresh();
  const project = temporaryFolder();
  for (const name of names) {
    cpSync(join(root, "examples", name), join(project, name), {
      recursive: true,
      filter: (path) => !/node_modules|\.virga/.test(path),
    });
  }
  // As after `npm install` in a copy of the examples.
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
  const up = launch(undefined, project, ["up", ...names, "--port", "0", "--ephemeral", "--no-watch", "--json"]);
  const [json] = await up.says(/\{\n[\s\S]*\n\}\n/);
  const { endpoint, applications } = JSON.parse(json) as {
    endpoint: string;
    applications: { outputs: { name: string; value: string }[]; addresses: { what: string; url: string }[] }[];
  };
  return {
    up,
    endpoint,
    examples: applications.map(({ addresses, outputs }) => ({
      website: addresses.find(({ what }) => what.startsWith("website"))!.url,
      outputs: Object.fromEntries(outputs.map(({ name, value }) => [name, value])),
    })),
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
