/** How soon the console can be used: a browser that has never seen it, from the address to a page with what it shows. */
import { type Browser, chromium } from "playwright-core";
import { chromiumPath } from "../tools/setup.ts";
import { median, report, startVirga, stop } from "./measure.ts";

const ROUNDS = 5;
const BUDGET_MS = 1000;
/** Something to press, and nothing that is still being waited for. */
const PAGES = {
  map: ".react-flow__node",
  traces: "table:not([aria-busy=true]) tbody a",
  functions: "table:not([aria-busy=true])",
  cost: "table:not([aria-busy=true]) tbody td",
} as const;

export async function console(): Promise<void> {
  const virga = await startVirga(["--ephemeral"]);
  const browser = await chromium.launch({ executablePath: chromiumPath()!, args: ["--no-sandbox"] });
  try {
    await virga.call("AmazonSQS.CreateQueue", { QueueName: "orders" });
    // The first page of a browser is slower than any other.
    await opened(browser, `${virga.endpoint}/_virga/health`, "body");
    const blank: number[] = [];
    for (let round = 0; round < ROUNDS; round++)
      blank.push(await opened(browser, `${virga.endpoint}/_virga/health`, "body"));
    for (const [page, usable] of Object.entries(PAGES)) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++)
        times.push(await opened(browser, `${virga.endpoint}/_virga/#/${page}`, usable));
      report({
        what: `console, cold: ${page} can be used`,
        measured: `${median(times).toFixed(0)} ms`,
        against: `a page of text: ${median(blank).toFixed(0)} ms`,
        ratio: undefined,
        budget: `≤ ${BUDGET_MS} ms`,
        met: median(times) <= BUDGET_MS,
      });
    }
  } finally {
    await browser.close();
    await stop(virga.child);
  }
}

/** Milliseconds in a context of its own: nothing is kept from before. */
async function opened(browser: Browser, url: string, usable: string): Promise<number> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const from = performance.now();
  await page.goto(url);
  await page.waitForSelector(usable);
  const took = performance.now() - from;
  await context.close();
  return took;
}
