/**
 * 500 pictures uploaded at once to `examples/image-upload`: workers over time, until the last of them has gone, as a drawing.
 *
 *     node bench/crowd.ts [COUNT]      writes docs/image-upload-workers.svg
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  askOther,
  copyExample,
  end,
  residentMbOf,
  resultKeys,
  type Sample,
  startSite,
  untilDone,
  uploadAll,
  watch,
  workersOf,
} from "./pictures.ts";

const WITHIN_MS = 900_000;
const GONE_MS = 240_000;
const LOOK_MS = 500;
const AFTERWARDS_MS = 10_000;

const count = Number(process.argv[2] ?? 500);
const folder = mkdtempSync(join(tmpdir(), "virga-crowd-"));
copyExample(folder);
const site = await startSite(folder, "0", "--keep-alive-minutes", "1");
try {
  const idleMb = residentMbOf(site);
  let done = 0;
  const { samples, stop } = watch(site, LOOK_MS, () => done);
  let counting = true;
  const counter = (async () => {
    while (counting) {
      done = (await resultKeys(site)).filter((key) => key.endsWith("/result.json")).length;
      await sleep(LOOK_MS);
    }
  })();
  const answers: number[] = [];
  const began = Date.now();
  const ids = await uploadAll(site, count);
  const uploadedMs = Date.now() - began;
  const asking = (async () => {
    while (counting) {
      answers.push(await askOther(site, ids[0]!));
      await sleep(1000);
    }
  })();
  const finished = await untilDone(site, ids, WITHIN_MS);
  const finishedMs = Date.now() - began;
  counting = false;
  await Promise.all([counter, asking]);
  done = finished;
  for (const untilMs = Date.now() + GONE_MS; workersOf(site) > 0 && Date.now() < untilMs; ) await sleep(LOOK_MS);
  // And how it is with nobody left.
  await sleep(AFTERWARDS_MS);
  stop();
  const peak = Math.max(...samples.map(({ workers }) => workers));
  const peakMb = Math.max(...samples.map(({ residentMb }) => residentMb));
  const slowest = Math.max(...answers);
  console.log(
    [
      `${ids.length} pictures acknowledged in ${(uploadedMs / 1000).toFixed(1)} s, ${finished} done after ${(finishedMs / 1000).toFixed(1)} s`,
      `workers at most ${peak}, afterwards ${workersOf(site)}`,
      `platform ${idleMb.toFixed(0)} MB before, at most ${peakMb.toFixed(0)} MB`,
      `another function answered ${answers.length} times meanwhile, the slowest in ${slowest.toFixed(0)} ms`,
    ].join("\n"),
  );
  const path = join(import.meta.dirname, "../docs/image-upload-workers.svg");
  writeFileSync(path, drawing(samples, { count: ids.length, finished, peak, finishedMs }));
} finally {
  await end(site, "SIGTERM");
  rmSync(folder, { recursive: true, force: true });
}

/** Workers as an area, finished pictures as a line, against seconds. */
function drawing(
  samples: readonly Sample[],
  {
    count,
    finished,
    peak,
    finishedMs,
  }: { readonly count: number; readonly finished: number; readonly peak: number; readonly finishedMs: number },
): string {
  const [width, height, left, right, top, bottom] = [900, 420, 60, 60, 56, 48];
  const lastMs = samples.at(-1)!.atMs;
  const ceiling = Math.max(4, Math.ceil(peak / 4) * 4);
  const x = (ms: number) => (left + ((width - left - right) * ms) / lastMs).toFixed(1);
  const y = (share: number) => (height - bottom - (height - top - bottom) * share).toFixed(1);
  const steps = samples.flatMap(({ atMs, workers }, n) => {
    const until = samples[n + 1]?.atMs ?? atMs;
    return [`${x(atMs)},${y(workers / ceiling)}`, `${x(until)},${y(workers / ceiling)}`];
  });
  const line = samples.map(({ atMs, done }) => `${x(atMs)},${y(done / count)}`);
  const seconds = lastMs / 1000;
  const tick = [5, 10, 20, 30, 60, 120].find((step) => seconds / step <= 10) ?? 300;
  const marks = Array.from({ length: Math.floor(seconds / tick) + 1 }, (_, n) => n * tick);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t d" font-family="ui-sans-serif, system-ui, 'DejaVu Sans', sans-serif" font-size="13">
  <title id="t">Workers while ${count} pictures are processed</title>
  <desc id="d">${count} pictures are uploaded at once. Workers rise from none to ${peak}, and fall back to none after the last picture is done.</desc>
  <style>
    .ground { fill: #fff } .ink { fill: #14211d } .soft { fill: #4d5f58 } .grid { stroke: #d8e2dd } .area { fill: #0f5c4d33; stroke: #0f5c4d } .line { fill: none; stroke: #b3541e }
    .a { fill: #0f5c4d } .b { fill: #b3541e }
    @media (prefers-color-scheme: dark) { .ground { fill: #0e1412 } .ink { fill: #edf4f1 } .soft { fill: #aebfb8 } .grid { stroke: #2b3a35 } .area { fill: #6fd3b433; stroke: #6fd3b4 } .line { stroke: #f0a36b } .a { fill: #6fd3b4 } .b { fill: #f0a36b } }
  </style>
  <rect class="ground" width="${width}" height="${height}"/>
  <text class="ink" x="${left}" y="26" font-size="16" font-weight="600">${count} pictures at once: workers come with the load, and go with it</text>
  <text x="${left}" y="46"><tspan class="a">■ workers</tspan><tspan class="b" dx="18">— pictures done</tspan><tspan class="soft" dx="18">${finished === count ? "all" : finished} done after ${(finishedMs / 1000).toFixed(0)} s</tspan></text>
${[0, 0.25, 0.5, 0.75, 1].map((share) => `  <line class="grid" x1="${left}" x2="${width - right}" y1="${y(share)}" y2="${y(share)}"/><text class="a" x="${left - 8}" y="${Number(y(share)) + 4}" text-anchor="end">${ceiling * share}</text><text class="b" x="${width - right + 8}" y="${Number(y(share)) + 4}">${Math.round(count * share)}</text>`).join("\n")}
${marks.map((second) => `  <text class="soft" x="${x(second * 1000)}" y="${height - bottom + 20}" text-anchor="middle">${second} s</text>`).join("\n")}
  <polygon class="area" points="${x(0)},${y(0)} ${steps.join(" ")} ${x(lastMs)},${y(0)}"/>
  <polyline class="line" stroke-width="2" points="${line.join(" ")}"/>
</svg>
`;
}
