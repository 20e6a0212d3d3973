/**
 * The console when there is much: 10,000 traces, a map of 1,000 resources. What is measured is the time that the page's main thread works for the
 * same gestures, against the same page in the same run when there is little: what can be seen is as much, so the work has to be, however
 * much there is beside it. A list or a map that drew everything would work fifty times as long.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PutTraceSegmentsCommand, XRayClient } from "@aws-sdk/client-xray";
import type { Browser, Page } from "playwright-core";
import { assertQuiet, eventually, openBrowser, openConsole, openSite, type Site, shot } from "./testing.ts";

let browser: Browser;
let site: Site;
let xray: XRayClient;

before(async () => {
  site = await openSite();
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

/** Milliseconds that the main thread was at work. */
async function workOf(page: Page, gesture: () => Promise<void>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const worked = async () =>
    (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")!.value * 1000;
  const from = await worked();
  await gesture();
  const result = (await worked()) - from;
  await session.detach();
  return result;
}

async function scroll(page: Page): Promise<void> {
  const box = (await page.locator(".scroller").boundingBox())!;
  await page.mouse.move(box.x + 200, box.y + 200);
  for (let step = 0; step < 40; step++) {
    await page.mouse.wheel(0, step < 25 ? 150 : -150);
    await page.waitForTimeout(16);
  }
}

const FEW = 200;
const MANY = 10_000;

test("10,000 traces scroll, are searched and go on coming like 200", async (t) => {
  const page = await openConsole(browser, site.endpoint, "traces");
  await page.waitForSelector(".liveness.live");
  const quantity = async () => Number.parseInt((await page.textContent(".quantity"))!, 10);
  const order = (count: number, from: number) =>
    Array.from({ length: count }, (_, i) => ({
      name: `order ${from + i}`,
      calls: ["stock"],
      fault: (from + i) % 50 === 0,
    }));
  await feed(order(FEW, 0));
  await eventually(async () => (await quantity()) >= FEW, true);
  await scroll(page);
  const few = await workOf(page, () => scroll(page));

  await feed(order(MANY, FEW));
  await eventually(async () => (await quantity()) >= FEW + MANY, true);
  await page.waitForTimeout(1000);
  const many = await workOf(page, () => scroll(page));
  assert.ok((await page.locator("tbody tr").count()) < 100, "only what can be seen is drawn");
  t.diagnostic(`scrolling: ${few.toFixed(0)} ms of work with ${FEW}, ${many.toFixed(0)} ms with ${MANY + FEW}`);
  assert.ok(many < 3 * few, `${many} ms against ${few} ms`);

  await page.selectOption('[aria-label="Outcome"]', "fault");
  await eventually(quantity, (FEW + MANY) / 50);
  await page.fill('[type="search"]', "overflow order 150");
  await page.waitForSelector('tbody a:has-text("order 150")');
  await shot(page, "10000-traces");
  assertQuiet(page, site.endpoint, "traces");
  await page.close();
});

test("a map of 1,000 resources moves and lives like a small one", async (t) => {
  const page = await openConsole(browser, site.endpoint, "map");
  await page.waitForSelector(".liveness.live");
  await page.waitForSelector(".react-flow__node");
  const pan = async () => {
    const box = (await page.locator(".map").boundingBox())!;
    await page.mouse.move(box.x + 40, box.y + 40);
    await page.mouse.down();
    for (let step = 0; step < 40; step++) await page.mouse.move(box.x + 40 + step * 6, box.y + 40 + step * 3);
    await page.mouse.up();
  };
  const live = () => feed(Array.from({ length: 20 }, () => ({ name: "tree 1", calls: ["tree 1 leaf 1"] })));
  await live();
  await page.waitForTimeout(1500);
  await pan();
  const small = {
    pan: await workOf(page, pan),
    live: await workOf(page, () => live().then(() => page.waitForTimeout(600))),
  };

  const trees = Array.from({ length: 100 }, (_, tree) => ({
    name: `tree ${tree}`,
    calls: Array.from({ length: 9 }, (_, leaf) => `tree ${tree} leaf ${leaf}`),
  }));
  // Ten spans each: more of them at once would be more than the event stream takes.
  await feed(trees, 10);
  const steps = async () => Number(/([\d,]+) steps/.exec((await page.textContent(".facts"))!)![1]!.replace(",", ""));
  await eventually(async () => (await steps()) > 1000, true);
  // The map stays where it was moved to, until it is asked for all of it.
  await page.click(".react-flow__controls-fitview");
  await page.waitForSelector('.react-flow__node:has-text("tree 99 leaf 8")', { state: "attached" });
  await page.waitForTimeout(2500);
  await shot(page, "1000-resources");
  // Looked at as a person looks at it: near enough to read.
  for (let step = 0; step < 14; step++) await page.click(".react-flow__controls-zoomin");
  await page.waitForTimeout(1000);
  await pan();
  const large = {
    pan: await workOf(page, pan),
    live: await workOf(page, () => live().then(() => page.waitForTimeout(600))),
  };
  t.diagnostic(`panning: ${small.pan.toFixed(0)} ms of work, ${large.pan.toFixed(0)} ms with 1,000 more`);
  t.diagnostic(`twenty requests: ${small.live.toFixed(0)} ms of work, ${large.live.toFixed(0)} ms with 1,000 more`);
  // Fifty times as many: finding what can be seen among them has its price; drawing them all would be far beyond it.
  assert.ok(large.pan < 10 * small.pan, `${large.pan} ms against ${small.pan} ms`);
  assert.ok(large.live < 10 * small.live, `${large.live} ms against ${small.live} ms`);
  assertQuiet(page, site.endpoint, "map");
  await page.close();
});
