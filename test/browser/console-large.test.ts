/**
 * The console when there is much: 10,000 traces, a map of 1,000 resources. What is held is how much is drawn, and how much is drawn again when something
 * happens: what can be seen, however much there is beside it. The longest task of the page's main thread is told beside.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PutTraceSegmentsCommand, XRayClient } from "@aws-sdk/client-xray";
import type { Browser, Page } from "playwright-core";
import { assertQuiet, eventually, openBrowser, openConsole, openPlatform, type Site, shot } from "./testing.ts";

let browser: Browser;
let site: Site;
let xray: XRayClient;

before(async () => {
  site = await openPlatform();
  browser = await openBrowser();
  xray = new XRayClient({
    endpoint: site.endpoint.replace("localhost", "127.0.0.1"),
    region: "us-east-1",
    credentials: { accessKeyId: "000000000000", secretAccessKey: "test" },
  });
});

after(async () => {
  await browser?.close();
  await site?.up.end();
});

const DOCUMENTS_PER_CALL = 50;
/** Fewer than the event stream takes in one go. */
const PAUSE_MS = 30;
let ids = 0;
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

/** An application that traces itself: each trace a name, and what it calls. */
async function feed(
  traces: readonly { readonly name: string; readonly calls: readonly string[]; readonly fault?: boolean }[],
  perCall = DOCUMENTS_PER_CALL,
): Promise<void> {
  for (let at = 0; at < traces.length; at += perCall) {
    const now = Date.now() / 1000;
    const TraceSegmentDocuments = traces.slice(at, at + perCall).map(({ name, calls, fault }) =>
      JSON.stringify({
        trace_id: `1-${hex(Math.floor(now), 8)}-${hex(++ids, 24)}`,
        id: hex(++ids, 16),
        name,
        start_time: now,
        end_time: now + 0.02,
        ...(fault ? { fault: true, cause: { exceptions: [{ type: "Overflow", message: "too much" }] } } : {}),
        subsegments: calls.map((call) => ({ id: hex(++ids, 16), name: call, start_time: now, end_time: now + 0.01 })),
      }),
    );
    const { UnprocessedTraceSegments } = await xray.send(new PutTraceSegmentsCommand({ TraceSegmentDocuments }));
    assert.deepEqual(UnprocessedTraceSegments, []);
    await sleep(PAUSE_MS);
  }
}

/** The longest task of the main thread since the page was asked first, in milliseconds; 0 where none took 50. */
async function longestTask(page: Page): Promise<number> {
  return page.evaluate<number>(`(async () => {
    window.longest ??= 0;
    window.watching ??= new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    }).observe({ type: "longtask" }) ?? true;
    await new Promise(requestAnimationFrame);
    const told = Math.round(window.longest);
    window.longest = 0;
    return told;
  })()`);
}

const count = (page: Page, selector: string): Promise<number> => page.locator(selector).count();
const frame = (page: Page): Promise<unknown> => page.evaluate("new Promise(requestAnimationFrame)");

/** More rows than fit upon the screen, less than would be felt. */
const ROWS_DRAWN_MAX = 60;
const MANY = 10_000;
const FAULTS = 200;

test("of 10,000 traces those are drawn that can be seen, however one scrolls and searches", async (t) => {
  const page = await openConsole(browser, site.endpoint, "traces");
  await page.waitForSelector(".liveness.live");
  await longestTask(page);
  const quantity = async () => Number.parseInt((await page.textContent(".quantity"))!, 10);
  await feed(
    Array.from({ length: MANY }, (_, i) => ({
      name: `order ${i}`,
      calls: ["stock"],
      fault: i % (MANY / FAULTS) === 0,
    })),
  );
  await eventually(async () => (await quantity()) >= MANY, true);
  t.diagnostic(`10,000 traces came: longest task ${await longestTask(page)} ms`);
  const scroller = page.locator(".scroller");
  for (const part of [0, 0.25, 0.5, 0.75, 1, 0.1]) {
    await scroller.evaluate(`(element) => element.scrollTo(0, element.scrollHeight * ${part})`);
    await frame(page);
    const rows = await count(page, "tbody tr");
    assert.ok(rows > 10 && rows <= ROWS_DRAWN_MAX, `${rows} rows are drawn at ${part}`);
  }
  assert.ok(
    Number(await page.getAttribute("table", "aria-rowcount")) > MANY,
    "all of them are there to be scrolled to",
  );
  t.diagnostic(`scrolling through all of them: longest task ${await longestTask(page)} ms`);

  await page.selectOption('[aria-label="Outcome"]', "fault");
  await eventually(quantity, FAULTS);
  await page.fill('[type="search"]', "overflow order 150");
  await page.waitForSelector('tbody a:has-text("order 150")');
  t.diagnostic(`searching: longest task ${await longestTask(page)} ms`);
  await shot(page, "10000-traces");
  assertQuiet(page, site.endpoint, "traces");
  await page.close();
});

const TREES = 100;
const LEAVES = 9;
/** Of a thousand; a screen holds some thirty that can be read. */
const NODES_DRAWN_MAX = 150;

test("of a map of 1,000 resources that is drawn which can be seen, and again what something happened to", async (t) => {
  const page = await openConsole(browser, site.endpoint, "map");
  await page.waitForSelector(".liveness.live");
  await longestTask(page);
  const trees = Array.from({ length: TREES }, (_, tree) => ({
    name: `tree ${tree}`,
    calls: Array.from({ length: LEAVES }, (_, leaf) => `tree ${tree} leaf ${leaf}`),
  }));
  // Ten spans each: more of them at once would be more than the event stream takes.
  await feed(trees, 10);
  const steps = async () => Number(/([\d,]+) steps/.exec((await page.textContent(".facts"))!)![1]!.replace(",", ""));
  await eventually(async () => (await steps()) >= TREES * (LEAVES + 1), true);
  // The whole of it fits by itself.
  const last = page.locator('.react-flow__node:has-text("tree 99 leaf 8")');
  await last.waitFor({ state: "attached" });
  assert.ok((await count(page, ".react-flow__node")) > TREES * LEAVES);
  t.diagnostic(`1,000 resources came: longest task ${await longestTask(page)} ms`);
  await shot(page, "1000-resources");

  // Looked at as a person looks at it: near enough to read.
  for (let step = 0; step < 14; step++) await page.click(".react-flow__controls-zoomin");
  await eventually(async () => (await count(page, ".react-flow__node")) <= NODES_DRAWN_MAX, true);
  const box = (await page.locator(".map").boundingBox())!;
  await page.mouse.move(box.x + 40, box.y + 40);
  await page.mouse.down();
  for (let step = 0; step < 20; step++) {
    await page.mouse.move(box.x + 40 + step * 12, box.y + 40 + step * 6);
    await frame(page);
    const nodes = await count(page, ".react-flow__node");
    assert.ok(nodes <= NODES_DRAWN_MAX, `${nodes} nodes are drawn`);
  }
  await page.mouse.up();
  t.diagnostic(`moving it: longest task ${await longestTask(page)} ms`);

  await page.click(".react-flow__controls-fitview");
  await last.waitFor({ state: "attached" });
  await page.evaluate(`
    window.touched = new Set();
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const node = (target.nodeType === 1 ? target : target.parentElement)?.closest(".react-flow__node");
        if (node) window.touched.add(node.dataset.id);
      }
    }).observe(document.querySelector(".react-flow__nodes"), { characterData: true, childList: true, subtree: true });`);
  const before = await steps();
  await feed(Array.from({ length: 20 }, () => ({ name: "tree 1", calls: ["tree 1 leaf 1"] })));
  await eventually(async () => (await steps()) === before + 40, true);
  assert.deepEqual((await page.evaluate<string[]>("[...window.touched]")).sort(), [
    "application|tree 1",
    "application|tree 1 leaf 1",
    "outside|Outside",
  ]);
  t.diagnostic(`twenty requests: longest task ${await longestTask(page)} ms`);
  assertQuiet(page, site.endpoint, "map");
  await page.close();
});
